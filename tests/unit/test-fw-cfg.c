/* tests/unit/test-fw-cfg.c - fw_cfg by ports and by DMA. */
#include <string.h>

#include "devices/firmware/fw-cfg.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

typedef struct {
    FakeVm *vm;
    Device *dev;
} Fixture;

static void
add_text(Fixture *f, const char *name, const char *text)
{
    g_autoptr(GBytes) data = g_bytes_new(text, strlen(text));

    fw_cfg_add_file(f->dev, name, data);
}

static void
setup(Fixture *f)
{
    f->vm = fake_vm_new(0x10000);
    f->dev = device_new(&fw_cfg_class, "fw");
    fake_vm_realize(f->vm, f->dev);
    fw_cfg_add_u16(f->dev, FW_CFG_NB_CPUS, 0x0203);
    add_text(f, "etc/zulu", "last");
    add_text(f, "bootorder", "first");
}

static void
teardown(Fixture *f)
{
    device_free(f->dev);
    fake_vm_free(f->vm);
}

static void
dma(Fixture *f, guint32 control, guint32 len, guint64 address)
{
    guint32 be[4] = {GUINT32_TO_BE(control), GUINT32_TO_BE(len),
                     GUINT32_TO_BE((guint32) (address >> 32)),
                     GUINT32_TO_BE((guint32) address)};

    memcpy(fake_ram(f->vm) + 0x1000, be, sizeof be);
    fake_out32(f->vm, 0x518, GUINT32_TO_BE(0x1000));
}

static guint32
dma_result(Fixture *f)
{
    guint32 be;

    memcpy(&be, fake_ram(f->vm) + 0x1000, sizeof be);
    return GUINT32_FROM_BE(be);
}

static void
test_signature(void)
{
    Fixture f;
    guint8 text[6];

    setup(&f);
    fake_out16(f.vm, 0x510, FW_CFG_SIGNATURE);
    io_read_rep(f.vm->env.ports, 0x511, text, 1, sizeof text);
    CU_ASSERT_EQUAL(memcmp(text, "QEMU\0\0", 6), 0);
    fake_out16(f.vm, 0x510, FW_CFG_ID);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x511), 3);
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0x514), 0x554d4551); /* "QEMU" */
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0x518), 0x47464320); /* " CFG" */
    teardown(&f);
}

static void
test_select_rewinds(void)
{
    Fixture f;

    setup(&f);
    fake_out16(f.vm, 0x510, FW_CFG_NB_CPUS);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x511), 0x03);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x511), 0x02);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x511), 0x00);
    fake_out16(f.vm, 0x510, FW_CFG_NB_CPUS);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x511), 0x03);
    fake_out16(f.vm, 0x510, 0x7777); /* nothing there */
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x511), 0x00);
    teardown(&f);
}

static void
test_directory(void)
{
    Fixture f;
    const guint8 *dir;

    setup(&f);
    dma(&f, FW_CFG_FILE_DIR << 16 | 0x0a, 4 + 2 * 64, 0x2000);
    dir = fake_ram(f.vm) + 0x2000;
    CU_ASSERT_EQUAL(dma_result(&f), 0);
    CU_ASSERT_EQUAL(dir[3], 2);        /* be32 count */
    CU_ASSERT_EQUAL(dir[4 + 3], 5);    /* be32 size */
    CU_ASSERT_EQUAL(dir[4 + 5], 0x20); /* be16 key */
    CU_ASSERT_STRING_EQUAL((const char *) dir + 12, "bootorder");
    CU_ASSERT_STRING_EQUAL((const char *) dir + 76, "etc/zulu");
    teardown(&f);
}

static void
test_replace_file(void)
{
    Fixture f;

    setup(&f);
    add_text(&f, "bootorder", "other");
    dma(&f, 0x20u << 16 | 0x0a, 5, 0x2000);
    CU_ASSERT_EQUAL(memcmp(fake_ram(f.vm) + 0x2000, "other", 5), 0);
    dma(&f, FW_CFG_FILE_DIR << 16 | 0x0a, 4, 0x2000);
    CU_ASSERT_EQUAL(fake_ram(f.vm)[0x2003], 2);
    teardown(&f);
}

static void
test_dma_skip_and_fill(void)
{
    Fixture f;

    setup(&f);
    memset(fake_ram(f.vm) + 0x2000, 0xee, 16);
    dma(&f, 0x21u << 16 | 0x0c, 2, 0); /* select "last", skip 2 */
    CU_ASSERT_EQUAL(dma_result(&f), 0);
    dma(&f, 0x02, 8, 0x2000);
    CU_ASSERT_EQUAL(dma_result(&f), 0);
    CU_ASSERT_EQUAL(memcmp(fake_ram(f.vm) + 0x2000, "st\0\0\0\0\0\0\xee", 9),
                    0);
    teardown(&f);
}

static void
test_dma_write_refused(void)
{
    Fixture f;

    setup(&f);
    dma(&f, 0x20u << 16 | 0x18, 4, 0x2000);
    CU_ASSERT_EQUAL(dma_result(&f), 1);
    teardown(&f);
}

static void
test_dma_outside(void)
{
    Fixture f;

    setup(&f);
    dma(&f, 0x20u << 16 | 0x0a, 5, 0xfffffffffff00000);
    CU_ASSERT_EQUAL(dma_result(&f), 1);
    dma(&f, 0x20u << 16 | 0x0a, 0xffffffff, 0x2000); /* runaway length */
    CU_ASSERT_EQUAL(dma_result(&f), 1);
    fake_out32(f.vm, 0x514, 0xffffffff);
    fake_out32(f.vm, 0x518, 0xffffffff); /* the command itself is nowhere */
    CU_ASSERT_TRUE(f.dev->guest_errors >= 2);
    teardown(&f);
}

CU_MAIN("fw-cfg", {"signature_and_features", test_signature},
        {"select_rewinds_and_the_end_reads_zero", test_select_rewinds},
        {"directory_is_sorted_and_big_endian", test_directory},
        {"a_file_is_replaced_by_name", test_replace_file},
        {"dma_skips_and_fills_with_zeroes", test_dma_skip_and_fill},
        {"dma_write_is_refused", test_dma_write_refused},
        {"dma_outside_memory_is_an_error", test_dma_outside})
