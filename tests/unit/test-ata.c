/* tests/unit/test-ata.c - the commands of an ATA disk, port by port. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/ide-rig.h"

#define BASE 0x1f0
#define LBA  0xe0
#define OK   0x50 /* DRDY, DSC */
#define DRQ  0x58
#define ERR  0x51

static guint16
identify_word(const guint8 *data, unsigned word)
{
    return (guint16) (data[word * 2] | data[word * 2 + 1] << 8);
}

static guint32
number_of(const guint8 *data)
{
    guint32 number;

    memcpy(&number, data, 4);
    return number;
}

static void
test_signature(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    fake_out8(rig->vm, 0x3f6, 0x04);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x3f6), 0x80);
    fake_out8(rig->vm, 0x3f6, 0x00);

    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), OK);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f1), 0x01);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f2), 0x01);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f4), 0x00);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x174), 0x14);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x175), 0xeb);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x177), 0x00);
    ide_rig_free(rig);
}

static void
test_absent(void)
{
    IdeRigOptions options = {.no_disk = true};
    IdeRig *with = ide_rig_new(NULL), *without = ide_rig_new(&options);

    fake_out8(with->vm, 0x1f6, 0xb0);
    CU_ASSERT_EQUAL(fake_in8(with->vm, 0x1f7), 0x00);
    CU_ASSERT_EQUAL(fake_in8(without->vm, 0x1f7), 0x7f); /* BSY is clear */
    CU_ASSERT_EQUAL(fake_in8(without->vm, 0x3f6), 0x7f);
    ide_rig_free(with);
    ide_rig_free(without);
}

static void
test_identify(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    rig_command(rig, BASE, 0xa0, 0, 0, 0xec);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x3f6), 0x80);
    CU_ASSERT_EQUAL(rig->vm->rises[14], 0); /* not before the write returned */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), DRQ);
    CU_ASSERT_TRUE(rig->vm->level[14]);
    rig_read_data(rig, BASE, data, sizeof data);

    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), OK);
    CU_ASSERT_EQUAL(identify_word(data, 0), 0x0040);
    CU_ASSERT_EQUAL(identify_word(data, 1), RIG_SECTORS / 1008);
    CU_ASSERT_EQUAL(identify_word(data, 3), 16);
    CU_ASSERT_EQUAL(identify_word(data, 6), 63);
    CU_ASSERT_EQUAL(memcmp(data + 54, "ACRRLED SI K", 12), 0);
    CU_ASSERT_EQUAL(identify_word(data, 60), RIG_SECTORS);
    CU_ASSERT_EQUAL(identify_word(data, 83) & 0xc400, 0x4400);
    CU_ASSERT_EQUAL(identify_word(data, 100), RIG_SECTORS);
    ide_rig_free(rig);
}

static void
test_read_pio(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    rig_command(rig, BASE, LBA, 1000, 2, 0x20);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), DRQ);
    CU_ASSERT_TRUE(rig->vm->level[14]);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), DRQ); /* takes INTRQ back */
    CU_ASSERT_FALSE(rig->vm->level[14]);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(number_of(data), 1000);
    CU_ASSERT_TRUE(rig->vm->level[14]); /* the second sector is there */
    (void) fake_in8(rig->vm, 0x1f7);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(number_of(data), 1001);
    CU_ASSERT_FALSE(rig->vm->level[14]); /* none after the last one */
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), OK);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f2), 0);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f3), (guint8) 1001);
    CU_ASSERT_EQUAL(fake_in16(rig->vm, 0x1f0), 0xffff);
    ide_rig_free(rig);
}

static void
test_read_many(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    g_autofree guint8 *data = g_malloc(256 * 512);

    rig_command(rig, BASE, LBA, 7, 0, 0x20); /* 0: 256 sectors */
    rig_wait(rig, BASE);
    rig_read_data(rig, BASE, data, 128 * 512); /* one buffer full */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), DRQ);
    rig_read_data(rig, BASE, data + 128 * 512, 128 * 512);

    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), OK);
    CU_ASSERT_EQUAL(number_of(data), 7);
    CU_ASSERT_EQUAL(number_of(data + 127 * 512), 134);
    CU_ASSERT_EQUAL(number_of(data + 128 * 512), 135);
    CU_ASSERT_EQUAL(number_of(data + 255 * 512), 262);
    ide_rig_free(rig);
}

static void
test_read_chs(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    /* cylinder 2, head 3, sector 4 of 16 heads and 63 sectors */
    rig_command(rig, BASE, 0xa3, 0x000204, 1, 0x20);
    rig_wait(rig, BASE);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(number_of(data), (2 * 16 + 3) * 63 + 3);

    rig_command(rig, BASE, 0xa4, 0, 32, 0x91); /* 5 heads, 32 sectors */
    rig_wait(rig, BASE);
    rig_command(rig, BASE, 0xa3, 0x000204, 1, 0x20);
    rig_wait(rig, BASE);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(number_of(data), (2 * 5 + 3) * 32 + 3);

    rig_command(rig, BASE, 0xa0, 0x000000, 1, 0x20); /* there is no sector 0 */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f1), 0x10);
    ide_rig_free(rig);
}

static void
test_read_lba48(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    fake_out8(rig->vm, 0x1f3, 0x01); /* bits 24-31 */
    rig_command(rig, BASE, 0x40, 10, 1, 0x24);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f1), 0x10);
    fake_out8(rig->vm, 0x1f2, 0x00);
    fake_out8(rig->vm, 0x1f3, 0x00);
    rig_command(rig, BASE, 0x40, 10, 1, 0x24);
    rig_wait(rig, BASE);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(number_of(data), 10);
    fake_out8(rig->vm, 0x1f2, 0x12);
    fake_out8(rig->vm, 0x1f2, 0x34);
    fake_out8(rig->vm, 0x3f6, 0x80);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f2), 0x12);
    fake_out8(rig->vm, 0x3f6, 0x00);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f2), 0x34);
    ide_rig_free(rig);
}

static void
test_multiple(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[3 * 512];

    rig_command(rig, BASE, LBA, 5, 3, 0xc4); /* not set up yet */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    rig_command(rig, BASE, LBA, 0, 255, 0xc6);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    rig_command(rig, BASE, LBA, 0, 2, 0xc6);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    rig->vm->rises[14] = 0;
    rig_command(rig, BASE, LBA, 5, 3, 0xc4);
    rig_wait(rig, BASE);
    rig_read_data(rig, BASE, data, sizeof data);

    CU_ASSERT_EQUAL(number_of(data + 1024), 7);
    CU_ASSERT_EQUAL(rig->vm->rises[14], 2); /* two and one sectors */
    ide_rig_free(rig);
}

static void
test_write_pio(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint32 words[2 * 128];
    memset(words, 0xaa, sizeof words);

    rig_command(rig, BASE, LBA, 50, 2, 0x30);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), DRQ);
    CU_ASSERT_FALSE(rig->vm->level[14]); /* the first block is not announced */
    io_write_rep(rig->vm->env.ports, BASE, (guint8 *) words, 4, 2 * 128);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);

    CU_ASSERT_TRUE(rig->vm->level[14]);
    CU_ASSERT_EQUAL(rig_image32(rig, 49), 49);
    CU_ASSERT_EQUAL(rig_image32(rig, 50), 0xaaaaaaaa);
    CU_ASSERT_EQUAL(rig_image32(rig, 51), 0xaaaaaaaa);
    CU_ASSERT_EQUAL(rig_image32(rig, 52), 52);
    ide_rig_free(rig);
}

static void
test_write_protected(void)
{
    IdeRigOptions options = {.read_only = true};
    IdeRig *rig = ide_rig_new(&options);
    guint32 words[128] = {0};

    rig_command(rig, BASE, LBA, 50, 1, 0x30);
    rig_wait(rig, BASE);
    io_write_rep(rig->vm->env.ports, BASE, (guint8 *) words, 4, 128);

    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f1), 0x04);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig->vm->log->str, "drive error"));
    ide_rig_free(rig);
}

static void
test_past_the_end(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_command(rig, BASE, LBA, RIG_SECTORS - 1, 2, 0x20);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f1), 0x10);
    rig_command(rig, BASE, LBA, 0xffffff, 0, 0xc8);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    ide_rig_free(rig);
}

static void
test_verify_flush_power(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_command(rig, BASE, LBA, 0, 200, 0x40);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    rig_command(rig, BASE, LBA, 0, 0, 0xe7);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    rig_command(rig, BASE, LBA, 0, 0, 0xe0);
    rig_wait(rig, BASE);
    rig_command(rig, BASE, LBA, 0, 0, 0xe5);
    rig_wait(rig, BASE);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f2), 0x00);
    rig_command(rig, BASE, LBA, 0, 0, 0xf8);
    rig_wait(rig, BASE);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f3), (guint8) (RIG_SECTORS - 1));
    rig_command(rig, BASE, LBA, 0xc24f00, 0, 0xb0); /* SMART, feature 0 */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    fake_out8(rig->vm, 0x1f1, 0xda);
    rig_command(rig, BASE, LBA, 0xc24f00, 0, 0xb0);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f5), 0xc2);
    ide_rig_free(rig);
}

/* Opcodes that end with an error or without one: both leave the drive
 * answering. */
static void
test_opcode_sweep(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    unsigned stuck = 0;

    for (unsigned op = 0; op < 256; op++) {
        rig_command(rig, BASE, LBA, 1, 1, (guint8) op);
        rig_wait(rig, BASE);
        fake_out8(rig->vm, 0x3f6, 0x04);
        fake_out8(rig->vm, 0x3f6, 0x00);
        stuck += fake_in8(rig->vm, 0x1f7) != OK;
    }
    CU_ASSERT_EQUAL(stuck, 0);
    ide_rig_free(rig);
}

static void
test_unsupported(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_command(rig, BASE, LBA, 0, 1, 0x92); /* DOWNLOAD MICROCODE */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f1), 0x04);
    rig_command(rig, BASE, LBA, 0, 1, 0xa1); /* IDENTIFY PACKET DEVICE */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f1), 0x04);
    ide_rig_free(rig);
}

static void
test_busy_ignores(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    rig_command(rig, BASE, LBA, 3, 1, 0x20);
    fake_out8(rig->vm, 0x1f7, 0xec); /* ignored: BSY */
    rig_wait(rig, BASE);
    fake_out8(rig->vm, 0x1f2, 0x77); /* ignored: DRQ */
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(number_of(data), 3);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f2), 0);
    for (unsigned i = 0; i < 100000; i++)
        fake_out16(rig->vm, 0x1f0, 0x1234);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), OK);
    ide_rig_free(rig);
}

/* A SMART command with its key; the status. */
static guint8
smart(IdeRig *rig, guint8 what, guint8 log)
{
    fake_out8(rig->vm, 0x1f1, what);
    rig_command(rig, BASE, 0xa0, 0xc24f00u | log, 1, 0xb0);
    return rig_wait(rig, BASE);
}

static guint8
read_sum(IdeRig *rig, guint8 data[512])
{
    guint8 sum = 0;

    rig_read_data(rig, BASE, data, 512);
    for (unsigned i = 0; i < 512; i++)
        sum = (guint8) (sum + data[i]);
    return sum;
}

static void
test_smart(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    CU_ASSERT_EQUAL(smart(rig, 0xda, 0), OK);
    CU_ASSERT_EQUAL(fake_in16(rig->vm, 0x1f4), 0xc24f); /* healthy */
    CU_ASSERT_EQUAL(smart(rig, 0xd0, 0), DRQ);
    CU_ASSERT_EQUAL(read_sum(rig, data), 0);
    CU_ASSERT_EQUAL(data[362], 2);
    CU_ASSERT_EQUAL(data[370], 1);
    CU_ASSERT_EQUAL(smart(rig, 0xd5, 0), DRQ);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(data[2], 1);
    CU_ASSERT_EQUAL(data[12], 1);
    CU_ASSERT_EQUAL(smart(rig, 0xd5, 1), DRQ);
    CU_ASSERT_EQUAL(read_sum(rig, data), 0);
    CU_ASSERT_EQUAL(data[0], 1);
    CU_ASSERT_EQUAL(smart(rig, 0xd5, 9), ERR);
    CU_ASSERT_EQUAL(smart(rig, 0xd4, 1), OK);
    CU_ASSERT_EQUAL(smart(rig, 0xd9, 0), OK);
    CU_ASSERT_EQUAL(smart(rig, 0xda, 0), ERR);
    CU_ASSERT_EQUAL(smart(rig, 0xd8, 0), OK);
    CU_ASSERT_EQUAL(smart(rig, 0xda, 0), OK);
    ide_rig_free(rig);
}

static void
test_transfer_mode(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    fake_out8(rig->vm, 0x1f1, 0x03);
    rig_command(rig, BASE, 0xa0, 0, 0x45, 0xef); /* UDMA 5 */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    rig_command(rig, BASE, 0xa0, 0, 0, 0xec);
    rig_wait(rig, BASE);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(identify_word(data, 88), 0x203f);
    CU_ASSERT_EQUAL(identify_word(data, 63), 0x0007);
    CU_ASSERT_EQUAL(identify_word(data, 93) & 0x2000, 0x2000); /* 80 wires */
    fake_out8(rig->vm, 0x1f1, 0x03);
    rig_command(rig, BASE, 0xa0, 0, 0x47, 0xef); /* there is no 7 */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), ERR);
    ide_rig_free(rig);
}

static void
test_nien(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    fake_out8(rig->vm, 0x3f6, 0x02);
    rig_command(rig, BASE, 0xa0, 0, 0, 0xec);
    rig_wait(rig, BASE);
    CU_ASSERT_FALSE(rig->vm->level[14]);
    fake_out8(rig->vm, 0x3f6, 0x00);
    CU_ASSERT_TRUE(rig->vm->level[14]);
    ide_rig_free(rig);
}

static void
test_reset_mid_read(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    rig_command(rig, BASE, LBA, 3, 100, 0x20);
    fake_out8(rig->vm, 0x3f6, 0x04);
    fake_out8(rig->vm, 0x3f6, 0x00);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), OK);
    rig_command(rig, BASE, LBA, 77, 1, 0x20); /* waits for the old request */
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), DRQ);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(number_of(data), 77);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), OK);
    ide_rig_free(rig);
}

static void
test_write_cache_off(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint32 words[128] = {1};

    fake_out8(rig->vm, 0x1f1, 0x82);
    rig_command(rig, BASE, LBA, 0, 0, 0xef);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    rig_command(rig, BASE, LBA, 9, 1, 0x30);
    rig_wait(rig, BASE);
    io_write_rep(rig->vm->env.ports, BASE, (guint8 *) words, 4, 128);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    CU_ASSERT_EQUAL(rig_image32(rig, 9), 1);
    ide_rig_free(rig);
}

CU_MAIN("ata", {"reset_shows_the_signatures_of_disk_and_cd", test_signature},
        {"an_absent_drive_reads_zero_and_an_empty_channel_is_never_busy",
         test_absent},
        {"identify_names_geometry_size_and_model", test_identify},
        {"pio_read_interrupts_once_a_sector", test_read_pio},
        {"a_long_pio_read_goes_on_over_the_buffers_end", test_read_many},
        {"chs_follows_initialize_device_parameters", test_read_chs},
        {"lba48_takes_the_previous_register_contents", test_read_lba48},
        {"read_multiple_needs_set_multiple_and_groups_sectors", test_multiple},
        {"pio_write_reaches_the_image", test_write_pio},
        {"a_read_only_image_aborts_writes_and_is_logged", test_write_protected},
        {"an_address_past_the_end_is_not_found", test_past_the_end},
        {"verify_flush_power_and_smart_answer", test_verify_flush_power},
        {"smart_says_that_all_is_well", test_smart},
        {"transfer_modes_are_set", test_transfer_mode},
        {"every_opcode_leaves_the_drive_alive", test_opcode_sweep},
        {"unsupported_commands_are_aborted", test_unsupported},
        {"a_busy_drive_ignores_commands_and_registers", test_busy_ignores},
        {"nien_holds_the_interrupt_back", test_nien},
        {"a_reset_in_mid_read_forgets_the_old_request", test_reset_mid_read},
        {"without_write_cache_a_write_is_flushed", test_write_cache_off})
