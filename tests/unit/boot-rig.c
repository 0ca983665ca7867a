/* tests/unit/boot-rig.c - see boot-rig.h. */
#include "tests/unit/boot-rig.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/core/sysutil.h"
#include "vmm/mem/guest-mem.h"

#define HEADERS 0x200u /* of a made ELF file */

BootFile *
boot_rig_file(const char *what, const void *data, gsize len)
{
    int fd = memfd_create("rig", MFD_CLOEXEC);

    g_assert(fd >= 0 && sys_write_all(fd, data, len));
    return boot_file_new(what, fd, NULL);
}

BootRig *
boot_rig_new(const void *data, gsize len, unsigned mib)
{
    BootRig *rig = g_new0(BootRig, 1);
    guint64 bytes = (guint64) mib << 20;

    rig->file = boot_rig_file("kernel 'made'", data, len);
    rig->mem = guest_mem_new();
    MemBacking *ram = mem_backing_new_private(rig->mem, "ram", bytes, NULL);
    MemSlot *slot = mem_slot_new(rig->mem, "ram", ram, 0, bytes);
    g_assert(mem_slot_map(slot, 0, MEM_RW) == 0);
    rig->ram = mem_backing_host(ram);
    rig->target.mem = rig->mem;
    rig->target.map[0] = (BootRange){0, 0xa0000, BOOT_RAM};
    rig->target.map[1] = (BootRange){BOOT_HIGH, bytes - BOOT_HIGH, BOOT_RAM};
    rig->target.n_map = 2;
    rig->target.cmdline = "quiet";
    return rig;
}

void
boot_rig_free(BootRig *rig)
{
    boot_file_free(rig->file);
    boot_file_free(rig->initrd);
    guest_mem_free(rig->mem);
    g_free(rig);
}

void
boot_rig_initrd(BootRig *rig, const void *data, gsize len)
{
    rig->initrd = boot_rig_file("initrd 'made'", data, len);
    rig->target.initrd = rig->initrd;
}

guint64
boot_rig_get(const guint8 *p, unsigned n)
{
    guint64 value = 0;

    for (unsigned i = 0; i < n; i++)
        value |= (guint64) p[i] << (8 * i);
    return value;
}

void
boot_rig_put(guint8 *p, guint64 value, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = (guint8) (value >> (8 * i));
}

void
boot_rig_bzimage(guint8 data[RIG_BZIMAGE])
{
    memset(data, 0, RIG_BZIMAGE);
    for (gsize i = 1024; i < RIG_BZIMAGE; i++)
        data[i] = (guint8) (i / 7);
    data[0x1f1] = 1;
    boot_rig_put(data + 0x1f4, (RIG_BZIMAGE - 1024) / 16, 4);
    boot_rig_put(data + 0x1fe, 0xaa55, 2);
    boot_rig_put(data + 0x200, 0x6aeb, 2);
    memcpy(data + 0x202, "HdrS", 4);
    boot_rig_put(data + 0x206, 0x20f, 2);
    data[0x211] = 1;
    boot_rig_put(data + 0x22c, 0x7fffffff, 4);
    boot_rig_put(data + 0x230, 0x200000, 4);
    data[0x234] = 1;
    boot_rig_put(data + 0x236, 1, 2);
    boot_rig_put(data + 0x238, 2047, 4);
    boot_rig_put(data + 0x258, 0x1000000, 8);
    boot_rig_put(data + 0x260, 0x200000, 4);
}

static void
put_note(guint8 *at)
{
    boot_rig_put(at, 4, 4);
    boot_rig_put(at + 4, 8, 4);
    boot_rig_put(at + 8, 18, 4);
    memcpy(at + 12, "Xen", 4);
    boot_rig_put(at + 16, 0x1000020, 8);
}

static void
put_elf64(guint8 *data, gsize len, bool with_pvh)
{
    Elf64_Ehdr h = {.e_type = ET_EXEC,
                    .e_machine = EM_X86_64,
                    .e_entry = 0xffffffff81000010,
                    .e_phoff = sizeof h,
                    .e_phentsize = sizeof(Elf64_Phdr),
                    .e_phnum = with_pvh ? 2 : 1};
    Elf64_Phdr ph[2] = {
        {.p_type = PT_LOAD,
         .p_offset = HEADERS,
         .p_vaddr = 0xffffffff81000000,
         .p_paddr = 0x1000000,
         .p_filesz = len - HEADERS,
         .p_memsz = len - HEADERS + 0x1000},
        {.p_type = PT_NOTE, .p_offset = HEADERS - 24, .p_filesz = 24}};

    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    memcpy(data, &h, sizeof h);
    memcpy(data + sizeof h, ph, sizeof ph);
}

static void
put_elf32(guint8 *data, gsize len, bool with_pvh)
{
    Elf32_Ehdr h = {.e_type = ET_EXEC,
                    .e_machine = EM_386,
                    .e_entry = 0x1000010,
                    .e_phoff = sizeof h,
                    .e_phentsize = sizeof(Elf32_Phdr),
                    .e_phnum = with_pvh ? 2 : 1};
    Elf32_Phdr ph[2] = {
        {.p_type = PT_LOAD,
         .p_offset = HEADERS,
         .p_vaddr = 0x1000000,
         .p_paddr = 0x1000000,
         .p_filesz = (Elf32_Word) (len - HEADERS),
         .p_memsz = (Elf32_Word) (len - HEADERS + 0x1000)},
        {.p_type = PT_NOTE, .p_offset = HEADERS - 24, .p_filesz = 24}};

    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS32;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    memcpy(data, &h, sizeof h);
    memcpy(data + sizeof h, ph, sizeof ph);
}

gsize
boot_rig_elf(guint8 *data, gsize len, bool is64, bool with_pvh)
{
    g_assert(len > HEADERS);
    memset(data, 0, HEADERS);
    for (gsize i = HEADERS; i < len; i++)
        data[i] = (guint8) (i / 5);
    if (is64)
        put_elf64(data, len, with_pvh);
    else
        put_elf32(data, len, with_pvh);
    if (with_pvh)
        put_note(data + HEADERS - 24);
    return HEADERS;
}
