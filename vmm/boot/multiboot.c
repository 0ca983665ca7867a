/* vmm/boot/multiboot.c - see multiboot.h.
 *
 * Multiboot Specification 0.6.96. A wish for a video mode is not met: the
 * information says nothing of a screen, and the kernel's own driver or its
 * serial port is what remains. Left out: a.out symbols, drives, APM, VBE. */
#include "vmm/boot/multiboot.h"

#include <string.h>

#include "vmm/mem/guest-mem.h"

#define HEADER_MAGIC    0x1badb002u
#define LOADER_MAGIC    0x2badb002u
#define HEADER_LEN      12u
#define HEADER_LEN_ADDR 32u
#define FLAG_PAGES      0x1u /* modules at pages: they always are */
#define FLAG_MEMORY     0x2u /* wants the memory fields: it always gets them */
#define FLAG_VIDEO      0x4u
#define FLAG_ADDRESSES  0x10000u
#define MUST_KNOW       0xffffu
#define KNOWN           (FLAG_PAGES | FLAG_MEMORY | FLAG_VIDEO)

#define INFO_MEMORY     0x1u
#define INFO_CMDLINE    0x4u
#define INFO_MODULES    0x8u
#define INFO_MAP        0x40u
#define INFO_LOADER     0x200u
#define FOUR_GIB        (G_GUINT64_CONSTANT(4) << 30)

typedef struct {
    guint32 flags, mem_lower, mem_upper, boot_device, cmdline;
    guint32 n_modules, modules, symbols[4], map_len, map;
    guint32 drives_len, drives, config, loader_name, apm, vbe[4];
} Info;

typedef struct {
    guint32 start, end, string, reserved;
} Module;

typedef struct __attribute__((packed)) {
    guint32 size; /* of the rest */
    guint64 addr, len;
    guint32 type;
} MapEntry;

typedef struct {
    Info info;
    Module module;
    MapEntry map[BOOT_MAX_RANGES];
    char loader[16];
} InfoPage;

G_STATIC_ASSERT(sizeof(Info) == 88);
G_STATIC_ASSERT(sizeof(InfoPage) <= BOOT_INFO_LEN);

static guint32
word(const guint8 *head, gsize offset)
{
    guint32 value;

    memcpy(&value, head + offset, sizeof value);
    return GUINT32_FROM_LE(value);
}

/* G_MAXSIZE: no header. */
static gsize
find_header(const guint8 *head, gsize len)
{
    len = MIN(len, MULTIBOOT_SEARCH);
    for (gsize at = 0; at + HEADER_LEN <= len; at += 4)
        if (word(head, at) == HEADER_MAGIC &&
            HEADER_MAGIC + word(head, at + 4) + word(head, at + 8) == 0)
            return at;
    return G_MAXSIZE;
}

bool
multiboot_is_image(const guint8 *head, gsize len)
{
    return find_header(head, len) != G_MAXSIZE;
}

static bool
bad(const BootFile *file, GError **error, const char *what)
{
    return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                          "Multiboot header: %s", what);
}

/* Offsets of the address fields, section 3.1.3: header, load, load end, bss
 * end, entry. */
static bool
parse_addresses(const BootFile *file, const guint8 *header, gsize at,
                MultibootImage *image, GError **error)
{
    guint64 header_addr = word(header, 12), load = word(header, 16);
    guint64 load_end = word(header, 20), bss_end = word(header, 24);
    ElfSegment *s = &image->plain;

    if (load > header_addr || header_addr - load > at)
        return bad(file, error,
                   "load_addr is not before header_addr, or "
                   "leads before the start of the file");
    s->addr = load;
    s->offset = at - (header_addr - load);
    s->file_len = file->len - s->offset;
    if (load_end != 0) {
        if (load_end < load || load_end - load > s->file_len)
            return bad(file, error,
                       "load_end_addr is before load_addr or "
                       "past the end of the file");
        s->file_len = load_end - load;
    }
    s->mem_len = s->file_len;
    if (bss_end != 0) {
        if (bss_end < load + s->file_len)
            return bad(file, error, "bss_end_addr is before the data's end");
        s->mem_len = bss_end - load;
    }
    if (s->mem_len == 0 || s->mem_len > FOUR_GIB - s->addr)
        return bad(file, error, "the addresses name no memory below 4 GiB");
    image->entry = word(header, 28);
    image->end = s->addr + s->mem_len;
    if (image->entry < s->addr || image->entry >= image->end)
        return bad(file, error, "entry_addr is outside of what is loaded");
    return true;
}

static bool
parse_elf(const BootFile *file, MultibootImage *image, GError **error)
{
    if (!elf_parse(file, &image->elf, error))
        return false;
    image->is_elf = true;
    image->entry = image->elf.entry;
    image->end = image->elf.end;
    return true;
}

bool
multiboot_parse(const BootFile *file, MultibootImage *image, GError **error)
{
    guint8 head[MULTIBOOT_SEARCH + HEADER_LEN_ADDR] = {0};
    gssize n = boot_file_peek(file, 0, head, sizeof head, error);

    *image = (MultibootImage){0};
    if (n < 0)
        return false;
    gsize at = find_header(head, (gsize) n);
    if (at == G_MAXSIZE)
        return bad(file, error, "there is none in the first 8192 bytes");
    image->flags = word(head, at + 4);
    if ((image->flags & MUST_KNOW & ~KNOWN) != 0)
        return boot_file_fail(file, CARREL_BOOT_ERROR_UNSUPPORTED, error,
                              "Multiboot header: flags 0x%04x ask for what "
                              "Multiboot 0.6.96 does not know",
                              image->flags & MUST_KNOW & ~KNOWN);
    if ((image->flags & FLAG_ADDRESSES) == 0)
        return parse_elf(file, image, error);
    if ((gsize) n < at + HEADER_LEN_ADDR)
        return bad(file, error, "the file ends inside its addresses");
    return parse_addresses(file, head + at, at, image, error);
}

static bool
load_kernel(const BootFile *file, const MultibootImage *image,
            const BootTarget *t, GError **error)
{
    const ElfSegment *s = &image->plain;

    if (image->is_elf)
        return elf_load(file, &image->elf, t, error);
    return boot_place(t, file, s->offset, s->addr, s->file_len, s->mem_len,
                      error);
}

static guint32
address_of(gsize offset)
{
    return GUINT32_TO_LE((guint32) (BOOT_INFO + offset));
}

static void
fill_info(InfoPage *page, const BootTarget *t, Gpa initrd, guint64 initrd_len)
{
    Info *info = &page->info;

    memset(page, 0, sizeof *page);
    info->flags = INFO_MEMORY | INFO_CMDLINE | INFO_MAP | INFO_LOADER;
    info->mem_lower = GUINT32_TO_LE(640); /* KiB, as the one below */
    info->mem_upper =
        GUINT32_TO_LE((guint32) ((boot_high_end(t) - BOOT_HIGH) / 1024));
    info->cmdline = GUINT32_TO_LE(BOOT_CMDLINE);
    info->map = address_of(G_STRUCT_OFFSET(InfoPage, map));
    info->map_len = GUINT32_TO_LE((guint32) (t->n_map * sizeof(MapEntry)));
    for (unsigned i = 0; i < t->n_map; i++)
        page->map[i] = (MapEntry){GUINT32_TO_LE(sizeof(MapEntry) - 4),
                                  GUINT64_TO_LE(t->map[i].addr),
                                  GUINT64_TO_LE(t->map[i].len),
                                  GUINT32_TO_LE((guint32) t->map[i].type)};
    info->loader_name = address_of(G_STRUCT_OFFSET(InfoPage, loader));
    g_strlcpy(page->loader, "Carrel", sizeof page->loader);
    if (initrd_len > 0) {
        info->flags |= INFO_MODULES;
        info->n_modules = GUINT32_TO_LE(1);
        info->modules = address_of(G_STRUCT_OFFSET(InfoPage, module));
        page->module.start = GUINT32_TO_LE((guint32) initrd);
        page->module.end = GUINT32_TO_LE((guint32) (initrd + initrd_len));
        page->module.string = GUINT32_TO_LE(BOOT_CMDLINE);
    }
    info->flags = GUINT32_TO_LE(info->flags);
}

bool
multiboot_load(const BootFile *file, const MultibootImage *image,
               const BootTarget *t, CpuEntry *e, GError **error)
{
    Gpa initrd;
    guint64 initrd_len;

    if (!load_kernel(file, image, t, error) ||
        !boot_place_initrd(t, image->end, 0, &initrd, &initrd_len, error) ||
        !boot_place_cmdline(t, file, BOOT_CMDLINE_MAX, error))
        return false;
    fill_info(boot_low(t, BOOT_INFO, sizeof(InfoPage)), t, initrd, initrd_len);
    boot_enter_protected(t, e);
    e->rip = image->entry;
    e->rax = LOADER_MAGIC;
    e->rbx = BOOT_INFO;
    return true;
}
