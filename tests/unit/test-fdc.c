/* tests/unit/test-fdc.c - the floppy controller, port by port, over real image
 * files. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "devices/legacy/i8237.h"
#include "devices/storage/fdc.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "vmm/block/block.h"

#define SECTOR   512
#define MS       G_GINT64_CONSTANT(1000000)
#define SIZE_144 (80 * 2 * 18 * SECTOR)
#define BUFFER   0x20000 /* guest address of the transfer buffer */

typedef struct {
    FakeVm *vm;
    Device *dma, *fdc;
    Block *block;
    char *path;
    guint8 result[16];
    unsigned n_result;
} Fixture;

static void
send(Fixture *f, unsigned n, const guint8 *bytes)
{
    for (unsigned i = 0; i < n; i++)
        fake_out8(f->vm, 0x3f5, bytes[i]);
}
#define SEND(f, ...)                                                           \
    send(f, sizeof((const guint8[]){__VA_ARGS__}),                             \
         (const guint8[]){__VA_ARGS__})

/* Reads the result phase, at most 16 bytes. */
static void
get_result(Fixture *f)
{
    for (f->n_result = 0; f->n_result < 16; f->n_result++) {
        if ((fake_in8(f->vm, 0x3f4) & 0xd0) != 0xd0)
            break;
        f->result[f->n_result] = fake_in8(f->vm, 0x3f5);
    }
}

static void
wait_irq(Fixture *f)
{
    for (unsigned i = 0; i < 2000 && !f->vm->level[6]; i++)
        fake_advance(f->vm, MS / 10);
}

static void
write_image(Fixture *f, gsize size)
{
    int fd = g_file_open_tmp("carrel-fdc-XXXXXX", &f->path, NULL);
    g_assert(fd >= 0);
    /* Every sector begins with its number. */
    for (gsize i = 0; i < size / SECTOR; i++) {
        guint32 number = (guint32) i;
        g_assert(pwrite(fd, &number, 4, (off_t) (i * SECTOR)) == 4);
    }
    g_assert(ftruncate(fd, (off_t) size) == 0);
    close(fd);
}

static Block *
open_image(Fixture *f, bool read_only)
{
    BlockSpec spec = {.path = f->path,
                      .format = "raw",
                      .read_only = read_only,
                      .use_pool = true};
    g_autoptr(GError) error = NULL;
    Block *block = block_open(&spec, f->vm->env.loop, &error);
    if (block == NULL)
        g_error("%s", error->message);
    return block;
}

/* size 0: empty drive. Ends with the controller out of reset, the four reset
 * interrupts sensed and drive A recalibrated, as a BIOS leaves it. */
static Fixture *
fixture_new_sized(gsize size, bool read_only)
{
    Fixture *f = g_new0(Fixture, 1);

    f->vm = fake_vm_new(0x100000);
    f->dma = device_new(&i8237_class, "dma");
    fake_vm_realize(f->vm, f->dma);
    fake_out8(f->vm, 0xd6, 0xc0);
    fake_out8(f->vm, 0xd4, 0x00);
    f->fdc = device_new(&fdc_class, "fdc");
    device_set_link(f->fdc, "dma", f->dma);
    if (size > 0) {
        write_image(f, size);
        f->block = open_image(f, read_only);
        device_set_link(f->fdc, "drive0", f->block);
    }
    fake_vm_realize(f->vm, f->fdc);
    fake_out8(f->vm, 0x3f2, 0x1c);
    wait_irq(f);
    for (unsigned i = 0; i < 4; i++) {
        SEND(f, 0x08);
        get_result(f);
    }
    SEND(f, 0x03, 0xaf, 0x02);
    return f;
}

static Fixture *
fixture_new(void)
{
    return fixture_new_sized(SIZE_144, false);
}

static void
fixture_free(Fixture *f)
{
    device_free(f->fdc);
    device_free(f->dma);
    while (f->block != NULL && !block_is_idle(f->block))
        fake_advance(f->vm, MS);
    block_close(f->block);
    fake_vm_free(f->vm);
    if (f->path != NULL)
        g_unlink(f->path);
    g_free(f->path);
    g_free(f);
}

static void
program_dma(Fixture *f, guint8 mode, unsigned len)
{
    fake_out8(f->vm, 0x0a, 0x06);
    fake_out8(f->vm, 0x0c, 0);
    fake_out8(f->vm, 0x0b, mode | 2);
    fake_out8(f->vm, 0x04, (guint8) BUFFER);
    fake_out8(f->vm, 0x04, (guint8) (BUFFER >> 8));
    fake_out8(f->vm, 0x81, BUFFER >> 16);
    fake_out8(f->vm, 0x05, (guint8) (len - 1));
    fake_out8(f->vm, 0x05, (guint8) ((len - 1) >> 8));
    fake_out8(f->vm, 0x0a, 0x02);
}

#define DMA_READ_DISK  0x44
#define DMA_WRITE_DISK 0x48

static guint32
sector_number_at(Fixture *f, gsize offset)
{
    guint32 number;

    memcpy(&number, fake_ram(f->vm) + BUFFER + offset, 4);
    return number;
}

static void
seek(Fixture *f, guint8 track)
{
    SEND(f, 0x0f, 0x00, track);
    wait_irq(f);
    SEND(f, 0x08);
    get_result(f);
}

/* The byte at a place of the image file. */
static guint8
image_byte(Fixture *f, gsize offset)
{
    guint8 byte = 0;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);

    g_assert(pread(fd, &byte, 1, (off_t) offset) == 1);
    close(fd);
    return byte;
}

static void
test_reset(void)
{
    Fixture *f = fixture_new();

    fake_out8(f->vm, 0x3f2, 0x08);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f4), 0x00);
    CU_ASSERT_FALSE(f->vm->level[6]);
    fake_out8(f->vm, 0x3f2, 0x0c);
    CU_ASSERT_FALSE(f->vm->level[6]);
    wait_irq(f);
    CU_ASSERT_TRUE(f->vm->level[6]);
    SEND(f, 0x08);
    get_result(f);
    CU_ASSERT_FALSE(f->vm->level[6]);
    CU_ASSERT_EQUAL(f->n_result, 2);
    CU_ASSERT_EQUAL(f->result[0], 0xc0);
    SEND(f, 0x08);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0xc1);
    SEND(f, 0x08);
    get_result(f);
    SEND(f, 0x08);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0xc3);
    SEND(f, 0x08); /* nothing is pending any more */
    get_result(f);
    CU_ASSERT_EQUAL(f->n_result, 1);
    CU_ASSERT_EQUAL(f->result[0], 0x80);
    fixture_free(f);
}

static void
test_version(void)
{
    Fixture *f = fixture_new();

    SEND(f, 0x10);
    get_result(f);
    CU_ASSERT_EQUAL(f->n_result, 1);
    CU_ASSERT_EQUAL(f->result[0], 0x90);
    SEND(f, 0x18); /* PART ID: a 82078 has it */
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0x80);
    fixture_free(f);
}

static void
test_seek(void)
{
    Fixture *f = fixture_new();

    SEND(f, 0x0f, 0x00, 40);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f4), 0x81); /* drive 0 busy */
    wait_irq(f);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f4), 0x80);
    SEND(f, 0x08);
    get_result(f);

    CU_ASSERT_EQUAL(f->result[0], 0x20);
    CU_ASSERT_EQUAL(f->result[1], 40);
    SEND(f, 0x8f, 0x00, 3); /* relative, outwards */
    wait_irq(f);
    SEND(f, 0x08);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[1], 37);
    SEND(f, 0x07, 0x00);
    wait_irq(f);
    SEND(f, 0x08);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0x20);
    CU_ASSERT_EQUAL(f->result[1], 0);
    fixture_free(f);
}

static void
test_recalibrate_absent(void)
{
    Fixture *f = fixture_new();

    SEND(f, 0x07, 0x03);
    wait_irq(f);
    SEND(f, 0x08);
    get_result(f);

    CU_ASSERT_EQUAL(f->result[0], 0x73); /* abnormal, seek end, EC, drive 3 */
    fixture_free(f);
}

static void
test_read_one_sector(void)
{
    Fixture *f = fixture_new();
    seek(f, 2);
    program_dma(f, DMA_READ_DISK, SECTOR);

    SEND(f, 0xe6, 0x04, 2, 1, 5, 2, 18, 0x1b, 0xff);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f4), 0x10);
    CU_ASSERT_FALSE(f->vm->level[6]);
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(sector_number_at(f, 0), (2 * 2 + 1) * 18 + 4);
    CU_ASSERT_EQUAL(f->n_result, 7);
    CU_ASSERT_EQUAL(memcmp(f->result, "\x04\0\0\x02\x01\x06\x02", 7), 0);
    CU_ASSERT_FALSE(f->vm->level[6]);
    fixture_free(f);
}

static void
test_read_across_heads(void)
{
    Fixture *f = fixture_new();
    program_dma(f, DMA_READ_DISK, 36 * SECTOR);

    SEND(f, 0xe6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(sector_number_at(f, 0), 0);
    CU_ASSERT_EQUAL(sector_number_at(f, 35 * SECTOR), 35);
    /* Head 1 is in ST0; the id is that of the next cylinder. */
    CU_ASSERT_EQUAL(memcmp(f->result, "\x04\0\0\x01\0\x01\x02", 7), 0);
    fixture_free(f);
}

static void
test_end_of_cylinder(void)
{
    Fixture *f = fixture_new();
    program_dma(f, DMA_READ_DISK, 4 * SECTOR);

    SEND(f, 0x66, 0x00, 0, 0, 17, 2, 18, 0x1b, 0xff); /* no MT */
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(f->result[0], 0x40);
    CU_ASSERT_EQUAL(f->result[1], 0x80); /* EN */
    fixture_free(f);
}

static void
test_bad_ids(void)
{
    Fixture *f = fixture_new();
    program_dma(f, DMA_READ_DISK, SECTOR);

    SEND(f, 0xe6, 0x00, 5, 0, 1, 2, 18, 0x1b, 0xff); /* heads are at 0 */
    wait_irq(f);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0x40);
    CU_ASSERT_EQUAL(f->result[1], 0x04);
    CU_ASSERT_EQUAL(f->result[2], 0x10);
    SEND(f, 0xe6, 0x00, 0, 0, 19, 2, 30, 0x1b, 0xff);
    wait_irq(f);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[1], 0x04);
    SEND(f, 0xe6, 0x00, 0, 0, 0, 7, 255, 0x1b, 0xff);
    wait_irq(f);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[1], 0x04);
    fixture_free(f);
}

static void
test_wrong_rate(void)
{
    Fixture *f = fixture_new();

    fake_out8(f->vm, 0x3f7, 2); /* 250 kbit/s, the disk has 500 */
    SEND(f, 0x4a, 0x00);
    wait_irq(f);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[1], 0x01);
    fake_out8(f->vm, 0x3f7, 0);
    SEND(f, 0x4a, 0x00);
    wait_irq(f);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0x00);
    CU_ASSERT_EQUAL(f->result[6], 2);
    fixture_free(f);
}

static void
test_write(void)
{
    Fixture *f = fixture_new();
    memset(fake_ram(f->vm) + BUFFER, 0x5a, 2 * SECTOR);
    program_dma(f, DMA_WRITE_DISK, SECTOR + 100); /* TC inside a sector */

    SEND(f, 0xc5, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff);
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(memcmp(f->result, "\0\0\0\0\0\x05\x02", 7), 0);
    CU_ASSERT_EQUAL(image_byte(f, 2 * SECTOR), 0x5a);
    CU_ASSERT_EQUAL(image_byte(f, 3 * SECTOR + 99), 0x5a);
    CU_ASSERT_EQUAL(image_byte(f, 3 * SECTOR + 100), 0);
    CU_ASSERT_EQUAL(image_byte(f, 4 * SECTOR), 4);
    fixture_free(f);
}

static void
test_write_protect(void)
{
    Fixture *f = fixture_new_sized(SIZE_144, true);
    program_dma(f, DMA_WRITE_DISK, SECTOR);

    SEND(f, 0xc5, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff);
    wait_irq(f);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0x40);
    CU_ASSERT_EQUAL(f->result[1], 0x02);
    SEND(f, 0x04, 0x00);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0x78); /* WP, ready, T0, two sides */
    fixture_free(f);
}

static void
test_format(void)
{
    Fixture *f = fixture_new();
    for (unsigned i = 0; i < 18; i++) {
        guint8 id[4] = {0, 0, (guint8) (18 - i), 2};
        memcpy(fake_ram(f->vm) + BUFFER + i * 4, id, 4);
    }
    program_dma(f, DMA_WRITE_DISK, 18 * 4);

    SEND(f, 0x4d, 0x00, 2, 18, 0x54, 0xf6);
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(f->result[0], 0x00);
    CU_ASSERT_EQUAL(image_byte(f, 0), 0xf6);
    CU_ASSERT_EQUAL(image_byte(f, 18 * SECTOR - 1), 0xf6);
    CU_ASSERT_EQUAL(image_byte(f, 18 * SECTOR), 18);
    fixture_free(f);
}

static void
test_format_impossible(void)
{
    Fixture *f = fixture_new();
    memset(fake_ram(f->vm) + BUFFER, 0xff, 255 * 4);
    program_dma(f, DMA_WRITE_DISK, 255 * 4);

    SEND(f, 0x4d, 0x00, 7, 255, 0x54, 0xf6);
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(f->result[0], 0x40);
    CU_ASSERT_EQUAL(image_byte(f, 18 * SECTOR), 18);
    fixture_free(f);
}

static void
test_pio_read(void)
{
    Fixture *f = fixture_new();
    SEND(f, 0x03, 0xaf, 0x03); /* ND */

    SEND(f, 0x66, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    wait_irq(f);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f4), 0xf0);
    guint8 first = fake_in8(f->vm, 0x3f5);
    CU_ASSERT_TRUE(f->vm->level[6]); /* the next byte asks again */
    for (unsigned i = 1; i < SECTOR; i++)
        (void) fake_in8(f->vm, 0x3f5);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f4), 0xd0);
    get_result(f);

    CU_ASSERT_EQUAL(first, 17);
    CU_ASSERT_EQUAL(f->result[1], 0x80); /* nobody gives TC: EN */
    fixture_free(f);
}

static void
test_pio_write(void)
{
    Fixture *f = fixture_new();
    SEND(f, 0x03, 0xaf, 0x03);

    SEND(f, 0x45, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    wait_irq(f);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f4), 0xb0);
    for (unsigned i = 0; i < SECTOR; i++)
        fake_out8(f->vm, 0x3f5, 0x99);
    fake_out8(f->vm, 0x3f5, 0x11); /* one too many is ignored */
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(f->n_result, 7);
    CU_ASSERT_EQUAL(image_byte(f, 18 * SECTOR - 1), 0x99);
    CU_ASSERT_EQUAL(image_byte(f, 18 * SECTOR), 18);
    fixture_free(f);
}

static void
test_verify_and_scan(void)
{
    Fixture *f = fixture_new();

    SEND(f, 0xf6, 0x80, 0, 0, 1, 2, 18, 0x1b, 3); /* EC: three sectors */
    wait_irq(f);
    get_result(f);
    CU_ASSERT_EQUAL(memcmp(f->result, "\0\0\0\0\0\x04\x02", 7), 0);

    memset(fake_ram(f->vm) + BUFFER, 0xff, 3 * SECTOR);
    fake_ram(f->vm)[BUFFER] = 9;
    fake_ram(f->vm)[BUFFER + SECTOR] = 1;
    program_dma(f, DMA_WRITE_DISK, 3 * SECTOR);
    SEND(f, 0x51, 0x00, 0, 0, 1, 2, 18, 0x1b, 1); /* SCAN EQUAL */
    wait_irq(f);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[2], 0x08); /* SH: sector 2 holds number 1 */
    CU_ASSERT_EQUAL(f->result[5], 2);
    fixture_free(f);
}

static void
test_no_disk(void)
{
    Fixture *f = fixture_new_sized(0, false);
    program_dma(f, DMA_READ_DISK, SECTOR);

    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f7), 0x80);
    SEND(f, 0xe6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(f->result[0], 0x40);
    CU_ASSERT_EQUAL(f->result[1], 0x01);
    CU_ASSERT_EQUAL(fdc_cmos_type(f->fdc, 0), 4);
    CU_ASSERT_EQUAL(fdc_cmos_type(f->fdc, 1), 0);
    fixture_free(f);
}

static void
test_disk_change(void)
{
    Fixture *f = fixture_new();

    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f7), 0x80);
    seek(f, 1);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f7), 0x00);
    CU_ASSERT_TRUE(fdc_set_media(f->fdc, 0, NULL, NULL));
    seek(f, 5);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f7), 0x80);
    CU_ASSERT_TRUE(fdc_set_media(f->fdc, 0, f->block, NULL));
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f7), 0x80);
    seek(f, 0);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f7), 0x00);
    CU_ASSERT_FALSE(fdc_set_media(f->fdc, 1, f->block, NULL));
    fixture_free(f);
}

static void
test_change_mid_command(void)
{
    Fixture *f = fixture_new();
    program_dma(f, DMA_READ_DISK, SECTOR);

    SEND(f, 0xe6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    CU_ASSERT_TRUE(fdc_set_media(f->fdc, 0, NULL, NULL));
    get_result(f);

    CU_ASSERT_EQUAL(f->result[0], 0x40);
    fixture_free(f);
}

static void
test_masked_channel(void)
{
    Fixture *f = fixture_new();
    fake_out8(f->vm, 0x0a, 0x06);

    SEND(f, 0xe6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(f->result[1], 0x10); /* OR */
    fixture_free(f);
}

static void
test_reset_mid_command(void)
{
    Fixture *f = fixture_new();
    program_dma(f, DMA_READ_DISK, SECTOR);

    SEND(f, 0xe6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    fake_advance(f->vm, MS / 4);
    fake_out8(f->vm, 0x3f2, 0x00);
    fake_out8(f->vm, 0x3f2, 0x1c);
    wait_irq(f);
    SEND(f, 0x08);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0xc0);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f4), 0x80);
    fixture_free(f);
}

static void
test_configure_lock_dumpreg(void)
{
    Fixture *f = fixture_new();

    SEND(f, 0x13, 0x00, 0x57, 0x10);
    SEND(f, 0x94);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0x10);
    fake_out8(f->vm, 0x3f4, 0x80); /* reset by the DSR */
    wait_irq(f);
    SEND(f, 0x0e);
    get_result(f);
    CU_ASSERT_EQUAL(f->n_result, 10);
    CU_ASSERT_EQUAL(f->result[4], 0xaf);
    CU_ASSERT_EQUAL(f->result[7], 0x80);
    CU_ASSERT_EQUAL(f->result[8], 0x07); /* implied seek is not protected */
    CU_ASSERT_EQUAL(f->result[9], 0x10);
    fixture_free(f);
}

static void
test_implied_seek(void)
{
    Fixture *f = fixture_new();
    SEND(f, 0x13, 0x00, 0x57, 0x00);
    program_dma(f, DMA_READ_DISK, SECTOR);

    SEND(f, 0xe6, 0x00, 9, 0, 1, 2, 18, 0x1b, 0xff);
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(f->result[0], 0x00);
    CU_ASSERT_EQUAL(sector_number_at(f, 0), 9 * 36);
    fixture_free(f);
}

static void
test_short_image(void)
{
    Fixture *f = fixture_new_sized(3 * SECTOR, false);
    memset(fake_ram(f->vm) + BUFFER, 0xee, 5 * SECTOR);
    program_dma(f, DMA_READ_DISK, 5 * SECTOR);

    SEND(f, 0xe6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    wait_irq(f);
    get_result(f);

    CU_ASSERT_EQUAL(f->result[0], 0x00);
    CU_ASSERT_EQUAL(sector_number_at(f, 2 * SECTOR), 2);
    CU_ASSERT_EQUAL(sector_number_at(f, 4 * SECTOR), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->vm->log->str, "no floppy format (1536"));
    fixture_free(f);
}

static void
test_fifo_flood(void)
{
    Fixture *f = fixture_new();

    for (unsigned i = 0; i < 100000; i++)
        fake_out8(f->vm, 0x3f5, 0x8e); /* DRIVE SPECIFICATION: not ours */
    get_result(f);
    CU_ASSERT_EQUAL(f->n_result, 1);
    SEND(f, 0x10);
    get_result(f);
    CU_ASSERT_EQUAL(f->result[0], 0x90);
    fixture_free(f);
}

static void
test_state(void)
{
    Fixture *f = fixture_new();
    g_autoptr(GByteArray) out = g_byte_array_new();
    SEND(f, 0x03, 0xaf, 0x03);
    SEND(f, 0x66, 0x00, 0, 0, 2, 2, 18, 0x1b, 0xff);
    wait_irq(f);

    CU_ASSERT_TRUE(device_is_quiet(f->fdc));
    device_save(f->fdc, out);
    g_autoptr(GBytes) saved = g_bytes_new(out->data, out->len);
    device_reset(f->fdc, RESET_COLD);
    CU_ASSERT_TRUE(device_restore(f->fdc, saved, NULL));

    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f4), 0xf0);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x3f5), 1);
    fixture_free(f);
}

CU_MAIN("fdc", {"reset_interrupts_once_and_is_sensed_four_times", test_reset},
        {"it_is_an_82077_and_not_a_later_chip", test_version},
        {"seek_relative_seek_and_recalibrate_report_the_cylinder", test_seek},
        {"recalibrating_an_absent_drive_is_an_equipment_check",
         test_recalibrate_absent},
        {"read_moves_one_sector_by_dma", test_read_one_sector},
        {"multi_track_read_goes_on_with_the_other_head",
         test_read_across_heads},
        {"without_tc_a_read_ends_at_end_of_cylinder", test_end_of_cylinder},
        {"a_sector_that_is_not_there_is_no_data", test_bad_ids},
        {"at_the_wrong_data_rate_nothing_can_be_read", test_wrong_rate},
        {"write_pads_the_last_sector_with_zeros", test_write},
        {"a_read_only_image_is_write_protected", test_write_protect},
        {"format_fills_the_track", test_format},
        {"an_impossible_format_is_refused", test_format_impossible},
        {"pio_read_goes_through_the_fifo", test_pio_read},
        {"pio_write_goes_through_the_fifo", test_pio_write},
        {"verify_counts_and_scan_compares", test_verify_and_scan},
        {"an_empty_drive_answers_with_an_error", test_no_disk},
        {"disk_change_stays_until_the_heads_step", test_disk_change},
        {"taking_the_disk_out_ends_the_command", test_change_mid_command},
        {"a_masked_dma_channel_is_an_overrun", test_masked_channel},
        {"reset_forgets_a_command_under_way", test_reset_mid_command},
        {"lock_keeps_the_fifo_setting_over_a_reset",
         test_configure_lock_dumpreg},
        {"implied_seek_moves_the_heads", test_implied_seek},
        {"a_short_image_reads_zeros_behind_its_end", test_short_image},
        {"a_flood_of_unknown_commands_does_no_harm", test_fifo_flood},
        {"state_saved_in_a_pio_read_goes_on", test_state})
