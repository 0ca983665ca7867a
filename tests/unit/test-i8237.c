/* tests/unit/test-i8237.c - the ISA DMA controllers, port by port. */
#include <string.h>

#include "devices/legacy/i8237.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

typedef struct {
    FakeVm *vm;
    Device *dma;
    guint8 buf[0x20000];
} Fixture;

static Fixture *
fixture_new(void)
{
    Fixture *f = g_new0(Fixture, 1);

    f->vm = fake_vm_new(0x100000);
    f->dma = device_new(&i8237_class, "dma");
    fake_vm_realize(f->vm, f->dma);
    fake_out8(f->vm, 0xd6, 0xc0); /* channel 4 cascades .. */
    fake_out8(f->vm, 0xd4, 0x00); /* .. and is unmasked, as a BIOS does */
    return f;
}

static void
fixture_free(Fixture *f)
{
    device_free(f->dma);
    fake_vm_free(f->vm);
    g_free(f);
}

/* Channel 2 as a floppy driver programs it. */
static void
program_channel_2(Fixture *f, guint8 mode, guint32 address, guint16 count)
{
    fake_out8(f->vm, 0x0a, 0x06);
    fake_out8(f->vm, 0x0c, 0);
    fake_out8(f->vm, 0x0b, mode | 2);
    fake_out8(f->vm, 0x04, (guint8) address);
    fake_out8(f->vm, 0x04, (guint8) (address >> 8));
    fake_out8(f->vm, 0x81, (guint8) (address >> 16));
    fake_out8(f->vm, 0x05, (guint8) count);
    fake_out8(f->vm, 0x05, (guint8) (count >> 8));
    fake_out8(f->vm, 0x0a, 0x02);
}

static guint16
read_word(Fixture *f, guint16 port)
{
    fake_out8(f->vm, 0x0c, 0);
    guint8 low = fake_in8(f->vm, port);

    return (guint16) (low | fake_in8(f->vm, port) << 8);
}

static void
test_write_transfer(void)
{
    Fixture *f = fixture_new();
    bool tc = false;
    memset(f->buf, 0xa5, 512);

    program_channel_2(f, 0x44, 0x21000, 511);
    unsigned moved =
        i8237_transfer(f->dma, 2, f->buf, 512, I8237_TO_MEMORY, &tc);

    CU_ASSERT_EQUAL(moved, 512);
    CU_ASSERT_TRUE(tc);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x20fff], 0);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x21000], 0xa5);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x211ff], 0xa5);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x21200], 0);
    fixture_free(f);
}

static void
test_read_transfer(void)
{
    Fixture *f = fixture_new();
    bool tc = true;
    memcpy(fake_ram(f->vm) + 0x5000, "boot", 4);

    program_channel_2(f, 0x48, 0x5000, 511);
    unsigned moved =
        i8237_transfer(f->dma, 2, f->buf, 4, I8237_FROM_MEMORY, &tc);

    CU_ASSERT_EQUAL(moved, 4);
    CU_ASSERT_FALSE(tc);
    CU_ASSERT_EQUAL(memcmp(f->buf, "boot", 4), 0);
    CU_ASSERT_EQUAL(read_word(f, 0x04), 0x5004);
    CU_ASSERT_EQUAL(read_word(f, 0x05), 507);
    fixture_free(f);
}

static void
test_tc_masks(void)
{
    Fixture *f = fixture_new();
    bool tc;

    program_channel_2(f, 0x44, 0x1000, 1);
    i8237_transfer(f->dma, 2, f->buf, 8, I8237_TO_MEMORY, &tc);
    unsigned again = i8237_transfer(f->dma, 2, f->buf, 8, I8237_TO_MEMORY, &tc);

    CU_ASSERT_EQUAL(again, 0);
    CU_ASSERT_FALSE(i8237_is_ready(f->dma, 2));
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x08) & 0x0f, 0x04);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x08) & 0x0f, 0x00); /* read clears */
    CU_ASSERT_EQUAL(read_word(f, 0x05), 0xffff);
    fixture_free(f);
}

static void
test_auto_init(void)
{
    Fixture *f = fixture_new();
    bool tc;

    program_channel_2(f, 0x54, 0x1000, 3);
    i8237_transfer(f->dma, 2, f->buf, 8, I8237_TO_MEMORY, &tc);

    CU_ASSERT_TRUE(tc);
    CU_ASSERT_TRUE(i8237_is_ready(f->dma, 2));
    CU_ASSERT_EQUAL(read_word(f, 0x04), 0x1000);
    CU_ASSERT_EQUAL(read_word(f, 0x05), 3);
    fixture_free(f);
}

static void
test_page_wrap(void)
{
    Fixture *f = fixture_new();
    bool tc;
    memset(f->buf, 0x77, 4);

    program_channel_2(f, 0x44, 0x2fffe, 3);
    i8237_transfer(f->dma, 2, f->buf, 4, I8237_TO_MEMORY, &tc);

    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x2ffff], 0x77);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x20001], 0x77);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x30000], 0);
    fixture_free(f);
}

static void
test_decrement(void)
{
    Fixture *f = fixture_new();
    bool tc;
    memcpy(f->buf, "abc", 3);

    program_channel_2(f, 0x64, 0x1002, 2);
    i8237_transfer(f->dma, 2, f->buf, 3, I8237_TO_MEMORY, &tc);

    CU_ASSERT_EQUAL(memcmp(fake_ram(f->vm) + 0x1000, "cba", 3), 0);
    fixture_free(f);
}

static void
test_verify(void)
{
    Fixture *f = fixture_new();
    bool tc;
    memset(f->buf, 0x55, 4);

    program_channel_2(f, 0x40, 0x1000, 3);
    unsigned moved = i8237_transfer(f->dma, 2, f->buf, 4, I8237_TO_MEMORY, &tc);

    CU_ASSERT_EQUAL(moved, 4);
    CU_ASSERT_TRUE(tc);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x1000], 0);
    fixture_free(f);
}

static void
test_word_channel(void)
{
    Fixture *f = fixture_new();
    bool tc;
    memset(f->buf, 0x11, 8);

    fake_out8(f->vm, 0xd8, 0);    /* flip-flop */
    fake_out8(f->vm, 0xd6, 0x45); /* channel 5, write */
    fake_out8(f->vm, 0xc4, 0x00); /* word address 0x0800 */
    fake_out8(f->vm, 0xc4, 0x08);
    fake_out8(f->vm, 0xc6, 0x01); /* two words */
    fake_out8(f->vm, 0xc6, 0x00);
    fake_out8(f->vm, 0x8b, 0x03); /* bit 0 is not used: page 0x20000 */
    fake_out8(f->vm, 0xd4, 0x01);
    unsigned moved = i8237_transfer(f->dma, 5, f->buf, 7, I8237_TO_MEMORY, &tc);

    CU_ASSERT_EQUAL(moved, 4);
    CU_ASSERT_TRUE(tc);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x21000], 0x11);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x21003], 0x11);
    CU_ASSERT_EQUAL(fake_ram(f->vm)[0x21004], 0);
    fixture_free(f);
}

static void
test_outside_ram(void)
{
    Fixture *f = fixture_new();
    bool tc;

    program_channel_2(f, 0x48, 0xff0000, 0xffff);
    unsigned moved = i8237_transfer(f->dma, 2, f->buf, sizeof f->buf,
                                    I8237_FROM_MEMORY, &tc);

    CU_ASSERT_EQUAL(moved, 0x10000);
    CU_ASSERT_EQUAL(f->buf[0], 0xff);
    CU_ASSERT_EQUAL(f->buf[0xffff], 0xff);
    CU_ASSERT_EQUAL(f->buf[0x10000], 0);
    fixture_free(f);
}

static void
test_cascade_gates(void)
{
    Fixture *f = fixture_new();

    program_channel_2(f, 0x44, 0x1000, 3);
    fake_out8(f->vm, 0xd4, 0x04); /* mask channel 4 */

    CU_ASSERT_FALSE(i8237_is_ready(f->dma, 2));
    fake_out8(f->vm, 0xd4, 0x00);
    CU_ASSERT_TRUE(i8237_is_ready(f->dma, 2));
    fixture_free(f);
}

static void
test_masks(void)
{
    Fixture *f = fixture_new();

    fake_out8(f->vm, 0x0f, 0x05);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x0f), 0xf5);
    fake_out8(f->vm, 0x0e, 0x00);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x0f), 0xf0);
    fake_out8(f->vm, 0x0d, 0x00);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x0f), 0xff);
    fixture_free(f);
}

static void
test_dreq_status(void)
{
    Fixture *f = fixture_new();

    i8237_set_dreq(f->dma, 6, true);

    CU_ASSERT_EQUAL(fake_in8(f->vm, 0xd0), 0x40);
    i8237_set_dreq(f->dma, 6, false);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0xd0), 0x00);
    fixture_free(f);
}

static void
test_state_round_trip(void)
{
    Fixture *f = fixture_new();
    g_autoptr(GByteArray) out = g_byte_array_new();
    program_channel_2(f, 0x44, 0x31234, 77);

    device_save(f->dma, out);
    g_autoptr(GBytes) saved = g_bytes_new(out->data, out->len);
    device_reset(f->dma, RESET_COLD);
    CU_ASSERT_EQUAL(read_word(f, 0x05), 0);

    CU_ASSERT_TRUE(device_restore(f->dma, saved, NULL));
    CU_ASSERT_EQUAL(read_word(f, 0x04), 0x1234);
    CU_ASSERT_EQUAL(read_word(f, 0x05), 77);
    CU_ASSERT_EQUAL(fake_in8(f->vm, 0x81), 3);
    fixture_free(f);
}

CU_MAIN("i8237",
        {"write_transfer_puts_device_bytes_into_memory", test_write_transfer},
        {"read_transfer_counts_down_and_can_be_read_back", test_read_transfer},
        {"terminal_count_masks_the_channel_and_shows_once", test_tc_masks},
        {"auto_init_reloads_address_and_count", test_auto_init},
        {"address_wraps_inside_its_64k_page", test_page_wrap},
        {"decrement_mode_fills_memory_downwards", test_decrement},
        {"verify_counts_without_touching_memory", test_verify},
        {"channel_5_moves_words_with_a_128k_page", test_word_channel},
        {"memory_outside_ram_reads_as_ones", test_outside_ram},
        {"masking_the_cascade_stops_the_first_chip", test_cascade_gates},
        {"all_mask_clear_mask_and_master_clear", test_masks},
        {"dreq_shows_in_the_status_register", test_dreq_status},
        {"saved_state_comes_back", test_state_round_trip})
