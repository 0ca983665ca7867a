/* tests/unit/test-elf.c - ELF kernels by PVH note and by 64-bit entry, and
 * Multiboot 1: hand-made files, whole and with each field spoilt. */
#include <elf.h>
#include <string.h>

#include "tests/unit/boot-rig.h"
#include "tests/unit/cu-main.h"
#include "vmm/boot/kernel.h"
#include "vmm/boot/multiboot.h"
#include "vmm/boot/pvh.h"

#define LEN   0x1000u
#define EH(f) G_STRUCT_OFFSET(Elf64_Ehdr, f)
#define PH(f) (sizeof(Elf64_Ehdr) + G_STRUCT_OFFSET(Elf64_Phdr, f))

/* Spoils n bytes of a good 64-bit kernel; the message has word. */
static void
check_refused(gsize offset, guint64 value, unsigned n, const char *word)
{
    guint8 data[LEN];
    ElfImage image;
    g_autoptr(GError) error = NULL;

    boot_rig_elf(data, LEN, true, true);
    boot_rig_put(data + offset, value, n);
    BootRig *rig = boot_rig_new(data, LEN, 32);
    CU_ASSERT_FALSE(elf_parse(rig->file, &image, &error));
    if (error == NULL || strstr(error->message, word) == NULL)
        CU_FAIL(word);
    boot_rig_free(rig);
}

static void
test_spoilt_fields(void)
{
    check_refused(EI_CLASS, 3, 1, "EI_CLASS");
    check_refused(EI_DATA, 2, 1, "EI_DATA");
    check_refused(EH(e_machine), EM_ARM, 2, "e_machine");
    check_refused(EH(e_type), ET_REL, 2, "e_type");
    check_refused(EH(e_phentsize), 55, 2, "e_phentsize");
    check_refused(EH(e_phnum), 0, 2, "e_phnum");
    check_refused(EH(e_phnum), 65, 2, "e_phnum");
    check_refused(EH(e_phoff), LEN + 1, 8, "e_phoff");
    check_refused(EH(e_phoff), G_MAXUINT64, 8, "e_phoff");
    check_refused(EH(e_phoff), LEN - 8, 8, "is cut");
    check_refused(EH(e_entry), 0x2000, 8, "e_entry");
    check_refused(PH(p_offset), LEN + 1, 8, "p_offset");
    check_refused(PH(p_offset), G_MAXUINT64, 8, "p_offset");
    check_refused(PH(p_filesz), LEN, 8, "p_offset");
    check_refused(PH(p_filesz), 0x10000, 8, "p_filesz");
    check_refused(PH(p_memsz), G_MAXUINT64, 8, "p_paddr");
    check_refused(PH(p_paddr), G_MAXUINT64 - 1, 8, "p_paddr");
    check_refused(PH(p_memsz), 0, 8, "no segment");
    check_refused(PH(p_offset) + sizeof(Elf64_Phdr), LEN, 8, "notes");
    check_refused(0x200 - 8, 0x100, 4, "PVH note");
}

static void
test_pvh(void)
{
    guint8 data[LEN];
    ElfImage image;
    CpuEntry e = {0};

    boot_rig_elf(data, LEN, true, true);
    BootRig *rig = boot_rig_new(data, LEN, 32);
    boot_rig_initrd(rig, "INITRD", 6);
    rig->target.rsdp = 0xe0000;
    CU_ASSERT_TRUE(elf_parse(rig->file, &image, NULL));
    CU_ASSERT_TRUE(image.has_pvh);
    CU_ASSERT_TRUE(pvh_load(rig->file, &image, &rig->target, &e, NULL));

    CU_ASSERT_FALSE(e.long_mode);
    CU_ASSERT_EQUAL(e.rip, 0x1000020);
    const guint8 *info = rig->ram + e.rbx;
    CU_ASSERT_EQUAL(boot_rig_get(info, 4), 0x336ec578);
    CU_ASSERT_EQUAL(boot_rig_get(info + 4, 4), 1);
    CU_ASSERT_EQUAL(boot_rig_get(info + 12, 4), 1); /* modules */
    const guint8 *module = rig->ram + boot_rig_get(info + 16, 8);
    CU_ASSERT_EQUAL(boot_rig_get(module, 8), (32 << 20) - 4096);
    CU_ASSERT_EQUAL(boot_rig_get(module + 8, 8), 6);
    CU_ASSERT_STRING_EQUAL((char *) rig->ram + boot_rig_get(info + 24, 8),
                           "quiet");
    CU_ASSERT_EQUAL(boot_rig_get(info + 32, 8), 0xe0000);
    const guint8 *map = rig->ram + boot_rig_get(info + 40, 8);
    CU_ASSERT_EQUAL(boot_rig_get(info + 48, 4), 2);
    CU_ASSERT_EQUAL(boot_rig_get(map + 24, 8), 0x100000);
    CU_ASSERT_EQUAL(boot_rig_get(map + 40, 4), 1);
    CU_ASSERT_EQUAL(memcmp(rig->ram + 0x1000000, data + 0x200, LEN - 0x200), 0);
    boot_rig_free(rig);
}

static void
test_32bit_pvh(void)
{
    guint8 data[LEN];
    ElfImage image;

    boot_rig_elf(data, LEN, false, true);
    BootRig *rig = boot_rig_new(data, LEN, 32);
    CU_ASSERT_TRUE(elf_parse(rig->file, &image, NULL));
    CU_ASSERT_FALSE(image.is64);
    CU_ASSERT_TRUE(image.has_pvh);
    CU_ASSERT_EQUAL(image.pvh_entry, 0x1000020);
    CU_ASSERT_EQUAL(image.entry, 0x1000010);
    boot_rig_free(rig);
}

/* The virtual entry in the file is turned into the physical one. */
static void
test_64bit_entry(void)
{
    guint8 data[LEN];
    ElfImage image;

    boot_rig_elf(data, LEN, true, false);
    BootRig *rig = boot_rig_new(data, LEN, 32);
    CU_ASSERT_TRUE(elf_parse(rig->file, &image, NULL));
    CU_ASSERT_FALSE(image.has_pvh);
    CU_ASSERT_EQUAL(image.entry, 0x1000010);
    boot_rig_free(rig);
}

/* What lies behind the file's part is zero, also where a guest has been. */
static void
test_bss(void)
{
    guint8 data[LEN];
    ElfImage image;

    boot_rig_elf(data, LEN, true, true);
    BootRig *rig = boot_rig_new(data, LEN, 32);
    memset(rig->ram + 0x1000000, 0xff, 0x4000);
    rig->target.used = true;
    elf_parse(rig->file, &image, NULL);
    CU_ASSERT_TRUE(elf_load(rig->file, &image, &rig->target, NULL));
    CU_ASSERT_EQUAL(rig->ram[0x1000000 + LEN - 0x200], 0);
    CU_ASSERT_EQUAL(rig->ram[0x1000000 + LEN - 0x200 + 0xfff], 0);
    CU_ASSERT_EQUAL(rig->ram[0x1000000 + LEN - 0x200 + 0x1000], 0xff);
    boot_rig_free(rig);
}

static void
test_no_room(void)
{
    guint8 data[LEN];
    ElfImage image;
    g_autoptr(GError) error = NULL;

    boot_rig_elf(data, LEN, true, true);
    BootRig *rig = boot_rig_new(data, LEN, 8);
    elf_parse(rig->file, &image, NULL);
    CU_ASSERT_FALSE(elf_load(rig->file, &image, &rig->target, &error));
    CU_ASSERT_EQUAL(error->code, CARREL_BOOT_ERROR_ROOM);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "raise machine.memory"));
    boot_rig_free(rig);
}

/* ---- Multiboot ---- */

static void
put_header(guint8 *at, guint32 flags)
{
    boot_rig_put(at, 0x1badb002, 4);
    boot_rig_put(at + 4, flags, 4);
    boot_rig_put(at + 8, 0u - 0x1badb002u - flags, 4);
}

/* Addresses: header at 0x100100 (file offset 0x100), load from 0x100000. */
static void
make_plain(guint8 data[LEN])
{
    memset(data, 0xab, LEN);
    put_header(data + 0x100, 0x10003);
    boot_rig_put(data + 0x10c, 0x100100, 4);
    boot_rig_put(data + 0x110, 0x100000, 4);
    boot_rig_put(data + 0x114, 0x100000 + LEN, 4);
    boot_rig_put(data + 0x118, 0x100000 + 2 * LEN, 4);
    boot_rig_put(data + 0x11c, 0x100040, 4);
}

static void
test_multiboot_plain(void)
{
    guint8 data[LEN];
    MultibootImage image;
    CpuEntry e = {0};

    make_plain(data);
    BootRig *rig = boot_rig_new(data, LEN, 4);
    boot_rig_initrd(rig, "MODULE", 6);
    CU_ASSERT_TRUE(multiboot_parse(rig->file, &image, NULL));
    CU_ASSERT_TRUE(multiboot_load(rig->file, &image, &rig->target, &e, NULL));
    CU_ASSERT_EQUAL(e.rip, 0x100040);
    CU_ASSERT_EQUAL(e.rax, 0x2badb002);
    CU_ASSERT_EQUAL(rig->ram[0x100000], 0xab);
    const guint8 *info = rig->ram + e.rbx;
    CU_ASSERT_EQUAL(boot_rig_get(info, 4), 0x24d);
    CU_ASSERT_EQUAL(boot_rig_get(info + 4, 4), 640);
    CU_ASSERT_EQUAL(boot_rig_get(info + 8, 4), 3 * 1024);
    CU_ASSERT_EQUAL(boot_rig_get(info + 20, 4), 1);
    const guint8 *module = rig->ram + boot_rig_get(info + 24, 4);
    CU_ASSERT_EQUAL(boot_rig_get(module + 4, 4) - boot_rig_get(module, 4), 6);
    CU_ASSERT_EQUAL(boot_rig_get(info + 44, 4), 48); /* two map entries */
    CU_ASSERT_STRING_EQUAL((char *) rig->ram + boot_rig_get(info + 64, 4),
                           "Carrel");
    boot_rig_free(rig);
}

static void
test_multiboot_elf(void)
{
    guint8 data[LEN];
    MultibootImage image;

    boot_rig_elf(data, LEN, false, false);
    put_header(data + 0x200, 3);
    BootRig *rig = boot_rig_new(data, LEN, 32);
    CU_ASSERT_EQUAL(kernel_kind_of(data, LEN), KERNEL_MULTIBOOT);
    CU_ASSERT_TRUE(multiboot_parse(rig->file, &image, NULL));
    CU_ASSERT_TRUE(image.is_elf);
    CU_ASSERT_EQUAL(image.entry, 0x1000010);
    boot_rig_free(rig);
}

static void
check_multiboot_refused(gsize offset, guint32 value, const char *word)
{
    guint8 data[LEN];
    MultibootImage image;
    g_autoptr(GError) error = NULL;

    make_plain(data);
    boot_rig_put(data + offset, value, 4);
    BootRig *rig = boot_rig_new(data, LEN, 4);
    CU_ASSERT_FALSE(multiboot_parse(rig->file, &image, &error));
    if (error == NULL || strstr(error->message, word) == NULL)
        CU_FAIL(word);
    boot_rig_free(rig);
}

static void
test_multiboot_spoilt(void)
{
    guint8 data[LEN];
    MultibootImage image;
    g_autoptr(GError) error = NULL;

    check_multiboot_refused(0x100, 0, "none in the first");
    check_multiboot_refused(0x108, 0, "none in the first");
    check_multiboot_refused(0x110, 0x100101, "load_addr");
    check_multiboot_refused(0x110, 0x0ffff0, "load_addr");
    check_multiboot_refused(0x114, 0x200000, "load_end_addr");
    check_multiboot_refused(0x114, 0x0fffff, "load_end_addr");
    check_multiboot_refused(0x118, 0x100001, "bss_end_addr");
    check_multiboot_refused(0x11c, 0x200000, "entry_addr");

    make_plain(data);
    put_header(data + 0x100, 0x10008);
    BootRig *rig = boot_rig_new(data, LEN, 4);
    CU_ASSERT_FALSE(multiboot_parse(rig->file, &image, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "flags 0x0008"));
    boot_rig_free(rig);
}

static void
test_kinds(void)
{
    guint8 data[RIG_BZIMAGE];

    boot_rig_bzimage(data);
    CU_ASSERT_EQUAL(kernel_kind_of(data, sizeof data), KERNEL_BZIMAGE);
    boot_rig_elf(data, LEN, true, false);
    CU_ASSERT_EQUAL(kernel_kind_of(data, LEN), KERNEL_ELF);
    make_plain(data);
    CU_ASSERT_EQUAL(kernel_kind_of(data, LEN), KERNEL_MULTIBOOT);
    memset(data, 0, sizeof data);
    CU_ASSERT_EQUAL(kernel_kind_of(data, sizeof data), KERNEL_NONE);
    CU_ASSERT_EQUAL(kernel_kind_of(data, 0), KERNEL_NONE);
}

CU_MAIN("elf", {"each_spoilt_field_is_named", test_spoilt_fields},
        {"a_pvh_kernel_finds_its_start_info", test_pvh},
        {"a_32_bit_file_may_have_the_note", test_32bit_pvh},
        {"a_virtual_entry_is_made_physical", test_64bit_entry},
        {"memory_behind_the_data_is_cleared_again", test_bss},
        {"a_segment_outside_of_ram_is_refused", test_no_room},
        {"multiboot_by_addresses_finds_its_information", test_multiboot_plain},
        {"multiboot_in_an_elf_file_takes_its_segments", test_multiboot_elf},
        {"spoilt_multiboot_headers_are_named", test_multiboot_spoilt},
        {"kinds_follow_from_magic_numbers", test_kinds})
