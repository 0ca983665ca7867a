/* vmm/boot/pvh.c - see pvh.h.
 *
 * Xen's docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h, version 1
 * of the structure, without any Xen behind it. */
#include "vmm/boot/pvh.h"

#include <string.h>

#define PVH_MAGIC     0x336ec578u
#define PVH_VERSION   1u
#define LINUX_CMDLINE 2047u

typedef struct {
    guint32 magic, version, flags, n_modules;
    guint64 modules, cmdline, rsdp, map;
    guint32 n_map, reserved;
} StartInfo;

typedef struct {
    guint64 addr, len, cmdline, reserved;
} Module;

typedef struct {
    guint64 addr, len;
    guint32 type, reserved;
} MapEntry;

typedef struct {
    StartInfo info;
    Module initrd;
    MapEntry map[BOOT_MAX_RANGES];
} PvhPage;

G_STATIC_ASSERT(sizeof(StartInfo) == 56);
G_STATIC_ASSERT(sizeof(PvhPage) <= BOOT_INFO_LEN);

static void
fill_map(PvhPage *page, const BootTarget *t)
{
    for (unsigned i = 0; i < t->n_map; i++)
        page->map[i] = (MapEntry){GUINT64_TO_LE(t->map[i].addr),
                                  GUINT64_TO_LE(t->map[i].len),
                                  GUINT32_TO_LE((guint32) t->map[i].type), 0};
    page->info.n_map = GUINT32_TO_LE(t->n_map);
    page->info.map = GUINT64_TO_LE(BOOT_INFO + G_STRUCT_OFFSET(PvhPage, map));
}

static void
fill_page(PvhPage *page, const BootTarget *t, Gpa initrd, guint64 initrd_len)
{
    memset(page, 0, sizeof *page);
    page->info.magic = GUINT32_TO_LE(PVH_MAGIC);
    page->info.version = GUINT32_TO_LE(PVH_VERSION);
    page->info.cmdline = GUINT64_TO_LE(BOOT_CMDLINE);
    page->info.rsdp = GUINT64_TO_LE(t->rsdp);
    fill_map(page, t);
    if (initrd_len == 0)
        return;
    page->info.n_modules = GUINT32_TO_LE(1);
    page->info.modules =
        GUINT64_TO_LE(BOOT_INFO + G_STRUCT_OFFSET(PvhPage, initrd));
    page->initrd.addr = GUINT64_TO_LE(initrd);
    page->initrd.len = GUINT64_TO_LE(initrd_len);
}

bool
pvh_load(const BootFile *file, const ElfImage *image, const BootTarget *t,
         CpuEntry *e, GError **error)
{
    Gpa initrd;
    guint64 initrd_len;

    if (!elf_load(file, image, t, error) ||
        !boot_place_initrd(t, image->end, 0, &initrd, &initrd_len, error) ||
        !boot_place_cmdline(t, file, LINUX_CMDLINE, error))
        return false;
    fill_page(boot_low(t, BOOT_INFO, sizeof(PvhPage)), t, initrd, initrd_len);
    boot_enter_protected(t, e);
    e->rip = image->pvh_entry;
    e->rbx = BOOT_INFO;
    return true;
}
