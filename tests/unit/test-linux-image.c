/* tests/unit/test-linux-image.c - bzImages: hand-made ones, whole and with
 * each field spoilt. */
#include <string.h>

#include "tests/unit/boot-rig.h"
#include "tests/unit/cu-main.h"
#include "vmm/boot/linux.h"

static GError *
parse_error(BootRig *rig, LinuxImage *image)
{
    GError *error = NULL;

    CU_ASSERT_FALSE(linux_parse(rig->file, image, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    return error;
}

/* Spoils n bytes at offset of a good image; the message has word. */
static void
check_refused(gsize offset, guint64 value, unsigned n, const char *word)
{
    guint8 data[RIG_BZIMAGE];
    LinuxImage image;

    boot_rig_bzimage(data);
    for (unsigned i = 0; i < n; i++)
        data[offset + i] = (guint8) (value >> (8 * i));
    BootRig *rig = boot_rig_new(data, sizeof data, 64);
    g_autoptr(GError) error = parse_error(rig, &image);
    if (strstr(error->message, word) == NULL)
        CU_FAIL(error->message);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, word));
    boot_rig_free(rig);
}

static void
test_good(void)
{
    guint8 data[RIG_BZIMAGE];
    LinuxImage image;

    boot_rig_bzimage(data);
    BootRig *rig = boot_rig_new(data, sizeof data, 64);
    CU_ASSERT_TRUE(linux_parse(rig->file, &image, NULL));
    CU_ASSERT_EQUAL(image.version, 0x20f);
    CU_ASSERT_EQUAL(image.setup_len, 1024);
    CU_ASSERT_EQUAL(image.kernel_len, RIG_BZIMAGE - 1024);
    CU_ASSERT_EQUAL(image.init_size, 0x200000);
    CU_ASSERT_TRUE(image.has_64bit_entry);
    CU_ASSERT_TRUE(image.relocatable);
    boot_rig_free(rig);
}

static void
test_load(void)
{
    guint8 data[RIG_BZIMAGE];
    LinuxImage image;
    CpuEntry entry = {0};

    boot_rig_bzimage(data);
    BootRig *rig = boot_rig_new(data, sizeof data, 64);
    boot_rig_initrd(rig, "INITRD", 6);
    rig->target.rsdp = 0xe0000;
    linux_parse(rig->file, &image, NULL);
    CU_ASSERT_TRUE(linux_load(rig->file, &image, &rig->target, &entry, NULL));

    CU_ASSERT_TRUE(entry.long_mode);
    CU_ASSERT_EQUAL(entry.rip, 0x1000200);
    CU_ASSERT_EQUAL(entry.rsi, BOOT_ZERO_PAGE);
    CU_ASSERT_EQUAL(rig->ram[0x1000000], data[1024]);
    const guint8 *zero = rig->ram + BOOT_ZERO_PAGE;
    CU_ASSERT_EQUAL(zero[0x210], 0xff);
    CU_ASSERT_EQUAL(boot_rig_get(zero + 0x070, 8), 0xe0000);
    CU_ASSERT_EQUAL(boot_rig_get(zero + 0x214, 4), 0x1000000);
    CU_ASSERT_EQUAL(boot_rig_get(zero + 0x218, 4), (64 << 20) - 4096);
    CU_ASSERT_EQUAL(boot_rig_get(zero + 0x21c, 4), 6);
    CU_ASSERT_EQUAL(memcmp(rig->ram + (64 << 20) - 4096, "INITRD", 6), 0);
    CU_ASSERT_STRING_EQUAL((char *) rig->ram + boot_rig_get(zero + 0x228, 4),
                           "quiet");
    CU_ASSERT_EQUAL(zero[0x1e8], 2);
    CU_ASSERT_EQUAL(boot_rig_get(zero + 0x2d0 + 20, 8), 0x100000);
    CU_ASSERT_EQUAL(boot_rig_get(zero + 0x2d0 + 28, 8), 63 << 20);
    CU_ASSERT_EQUAL(boot_rig_get(zero + 0x2d0 + 36, 4), 1);
    boot_rig_free(rig);
}

/* PML4 -> PDPT -> the second 2 MiB and the last of 4 GiB. */
static void
test_page_tables(void)
{
    BootRig *rig = boot_rig_new("x", 1, 4);
    CpuEntry e = {0};

    boot_enter_long(&rig->target, &e);
    CU_ASSERT_EQUAL(e.page_tables, 0x2000);
    CU_ASSERT_EQUAL(boot_rig_get(rig->ram + 0x2000, 8), 0x3003);
    CU_ASSERT_EQUAL(boot_rig_get(rig->ram + 0x3018, 8), 0x7003);
    CU_ASSERT_EQUAL(boot_rig_get(rig->ram + 0x3020, 8), 0);
    CU_ASSERT_EQUAL(boot_rig_get(rig->ram + 0x4008, 8), 0x200083);
    CU_ASSERT_EQUAL(boot_rig_get(rig->ram + 0x7ff8, 8), 0xffe00083);
    CU_ASSERT_EQUAL(boot_rig_get(rig->ram + 0x1010, 8), 0x00af9b000000ffff);
    boot_rig_free(rig);
}

static void
test_small_machine_moves_it(void)
{
    guint8 data[RIG_BZIMAGE];
    LinuxImage image;
    CpuEntry entry = {0};

    boot_rig_bzimage(data);
    BootRig *rig = boot_rig_new(data, sizeof data, 8);
    linux_parse(rig->file, &image, NULL);
    CU_ASSERT_TRUE(linux_load(rig->file, &image, &rig->target, &entry, NULL));
    CU_ASSERT_EQUAL(entry.rip, 0x200200); /* kernel_alignment is 2 MiB */
    boot_rig_free(rig);
}

static void
test_too_small(void)
{
    guint8 data[RIG_BZIMAGE];
    LinuxImage image;
    CpuEntry entry = {0};
    g_autoptr(GError) error = NULL;

    boot_rig_bzimage(data);
    BootRig *rig = boot_rig_new(data, sizeof data, 3);
    linux_parse(rig->file, &image, NULL);
    CU_ASSERT_FALSE(
        linux_load(rig->file, &image, &rig->target, &entry, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "needs 4 MiB of RAM"));
    boot_rig_free(rig);
}

static void
test_32bit_entry(void)
{
    guint8 data[RIG_BZIMAGE];
    LinuxImage image;
    CpuEntry entry = {0};

    boot_rig_bzimage(data);
    data[0x236] = 0; /* xloadflags */
    BootRig *rig = boot_rig_new(data, sizeof data, 64);
    linux_parse(rig->file, &image, NULL);
    CU_ASSERT_TRUE(linux_load(rig->file, &image, &rig->target, &entry, NULL));
    CU_ASSERT_FALSE(entry.long_mode);
    CU_ASSERT_EQUAL(entry.rip, 0x1000000);
    boot_rig_free(rig);
}

static void
test_long_cmdline(void)
{
    guint8 data[RIG_BZIMAGE];
    LinuxImage image;
    CpuEntry entry = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *line = g_strnfill(2048, 'x');

    boot_rig_bzimage(data);
    BootRig *rig = boot_rig_new(data, sizeof data, 64);
    rig->target.cmdline = line;
    linux_parse(rig->file, &image, NULL);
    CU_ASSERT_FALSE(
        linux_load(rig->file, &image, &rig->target, &entry, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "machine.cmdline has 2048"));
    boot_rig_free(rig);
}

static void
test_initrd_without_room(void)
{
    guint8 data[RIG_BZIMAGE];
    LinuxImage image;
    CpuEntry entry = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *big = g_malloc0(5 << 20);

    boot_rig_bzimage(data);
    BootRig *rig = boot_rig_new(data, sizeof data, 8);
    boot_rig_initrd(rig, big, 5 << 20);
    linux_parse(rig->file, &image, NULL);
    CU_ASSERT_FALSE(
        linux_load(rig->file, &image, &rig->target, &entry, &error));
    CU_ASSERT_EQUAL(error->code, CARREL_BOOT_ERROR_ROOM);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "initrd"));
    boot_rig_free(rig);
}

static void
test_spoilt_fields(void)
{
    check_refused(0x1fe, 0, 2, "set-up header");
    check_refused(0x202, 0, 4, "set-up header");
    check_refused(0x206, 0x201, 2, "2.02 and newer");
    check_refused(0x211, 0, 1, "zImage");
    check_refused(0x1f1, 65, 1, "setup_sects");
    check_refused(0x1f1, 63, 1, "setup_sects");
    check_refused(0x1f4, 0x100000, 4, "syssize");
    check_refused(0x230, 0x3000, 4, "kernel_alignment");
    check_refused(0x230, 0x80000000, 4, "kernel_alignment");
    check_refused(0x258, 0x1000001, 8, "pref_address");
    check_refused(0x258, G_GUINT64_CONSTANT(1) << 40, 8, "pref_address");
    check_refused(0x248, 0x7fffffff, 4, "payload_offset");
    check_refused(0x24c, 0x7fffffff, 4, "payload_length");
}

static void
test_short_file(void)
{
    guint8 data[RIG_BZIMAGE];
    LinuxImage image;

    boot_rig_bzimage(data);
    BootRig *rig = boot_rig_new(data, 0x280, 64);
    g_autoptr(GError) error = parse_error(rig, &image);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "set-up header"));
    boot_rig_free(rig);
}

CU_MAIN("linux-image", {"a_good_header_is_understood", test_good},
        {"a_loaded_kernel_finds_all_in_its_zero_page", test_load},
        {"page_tables_map_four_gib_one_to_one", test_page_tables},
        {"a_small_machine_gets_it_lower", test_small_machine_moves_it},
        {"too_little_ram_says_how_much_it_needs", test_too_small},
        {"a_32_bit_kernel_starts_in_protected_mode", test_32bit_entry},
        {"a_long_command_line_is_refused", test_long_cmdline},
        {"an_initrd_needs_room_above_the_kernel", test_initrd_without_room},
        {"each_spoilt_field_is_named", test_spoilt_fields},
        {"a_file_that_ends_in_its_header_is_refused", test_short_file})
