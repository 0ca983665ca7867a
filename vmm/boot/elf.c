/* vmm/boot/elf.c - see elf.h.
 *
 * System V ABI, chapters 4 and 5, for EM_386 and EM_X86_64; the note
 * XEN_ELFNOTE_PHYS32_ENTRY of Xen's public/elfnote.h. Left out: big-endian
 * files, relocation, sections. */
#include "vmm/boot/elf.h"

#include <elf.h>
#include <string.h>

#define MAX_HEADERS    64u
#define MAX_NOTES_LEN  65536u
#define NOTE_PVH_ENTRY 18u
#define FOUR_GIB       (G_GUINT64_CONSTANT(4) << 30)

typedef struct {
    guint32 type;
    guint64 offset, vaddr, paddr, file_len, mem_len;
} Header;

typedef struct {
    const BootFile *file;
    ElfImage *image;
    guint64 table; /* file offset of the program headers */
    unsigned n;
    guint64 virtual_entry;
    bool entry_found;
} Parser;

bool
elf_is_image(const guint8 *head, gsize len)
{
    return len >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0;
}

static bool
bad(const Parser *p, GError **error, const char *what)
{
    return boot_file_fail(p->file, CARREL_BOOT_ERROR_FORMAT, error, "%s", what);
}

static bool
check_ident(const Parser *p, const guint8 *ident, GError **error)
{
    if (!elf_is_image(ident, EI_NIDENT))
        return bad(p, error, "is not an ELF file");
    if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
        return bad(p, error, "EI_CLASS is neither 32 nor 64 bits");
    if (ident[EI_DATA] != ELFDATA2LSB)
        return boot_file_fail(p->file, CARREL_BOOT_ERROR_UNSUPPORTED, error,
                              "is for a big-endian processor (EI_DATA)");
    return true;
}

/* The class' header in one shape. */
static bool
read_file_header(Parser *p, GError **error)
{
    union {
        guint8 ident[EI_NIDENT];
        Elf32_Ehdr h32;
        Elf64_Ehdr h64;
    } u = {.ident = {0}};
    guint16 machine, type, size;

    if (!boot_file_read(p->file, 0, &u, sizeof u.h32, error) ||
        !check_ident(p, u.ident, error))
        return false;
    p->image->is64 = u.ident[EI_CLASS] == ELFCLASS64;
    if (p->image->is64) {
        if (!boot_file_read(p->file, 0, &u, sizeof u.h64, error))
            return false;
        machine = u.h64.e_machine;
        type = u.h64.e_type;
        size = u.h64.e_phentsize;
        p->n = u.h64.e_phnum;
        p->table = u.h64.e_phoff;
        p->virtual_entry = u.h64.e_entry;
    } else {
        machine = u.h32.e_machine;
        type = u.h32.e_type;
        size = u.h32.e_phentsize;
        p->n = u.h32.e_phnum;
        p->table = u.h32.e_phoff;
        p->virtual_entry = u.h32.e_entry;
    }
    if (machine != EM_386 && machine != EM_X86_64)
        return boot_file_fail(p->file, CARREL_BOOT_ERROR_UNSUPPORTED, error,
                              "is for another processor (e_machine %u)",
                              machine);
    if (type != ET_EXEC && type != ET_DYN)
        return bad(p, error, "is not an executable (e_type)");
    if (size != (p->image->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return bad(p, error, "e_phentsize is not the size of its headers");
    if (p->n == 0 || p->n > MAX_HEADERS)
        return bad(p, error, "e_phnum is not between 1 and 64");
    return true;
}

static bool
read_header(const Parser *p, unsigned i, Header *ret, GError **error)
{
    Elf64_Phdr h64;
    Elf32_Phdr h32;
    guint64 size = p->image->is64 ? sizeof h64 : sizeof h32;

    if (p->table > p->file->len)
        return bad(p, error, "e_phoff lies past the end of the file");
    if (p->image->is64) {
        if (!boot_file_read(p->file, p->table + i * size, &h64, size, error))
            return false;
        *ret = (Header){h64.p_type,  h64.p_offset, h64.p_vaddr,
                        h64.p_paddr, h64.p_filesz, h64.p_memsz};
        return true;
    }
    if (!boot_file_read(p->file, p->table + i * size, &h32, size, error))
        return false;
    *ret = (Header){h32.p_type,  h32.p_offset, h32.p_vaddr,
                    h32.p_paddr, h32.p_filesz, h32.p_memsz};
    return true;
}

/* The entry is a virtual address in some files, physical in others. */
static void
look_for_entry(Parser *p, const Header *h)
{
    guint64 entry = p->virtual_entry;

    if (p->entry_found)
        return;
    if (entry >= h->vaddr && entry - h->vaddr < h->mem_len)
        p->image->entry = h->paddr + (entry - h->vaddr);
    else if (entry >= h->paddr && entry - h->paddr < h->mem_len)
        p->image->entry = entry;
    else
        return;
    p->entry_found = true;
}

static bool
add_segment(Parser *p, const Header *h, GError **error)
{
    ElfImage *image = p->image;

    if (h->mem_len == 0)
        return true;
    if (h->file_len > h->mem_len)
        return bad(p, error, "a segment's p_filesz is above its p_memsz");
    if (h->offset > p->file->len || h->file_len > p->file->len - h->offset)
        return bad(p, error,
                   "a segment's p_offset and p_filesz lead past the end of "
                   "the file");
    if (h->paddr >= FOUR_GIB || h->mem_len > FOUR_GIB - h->paddr)
        return bad(p, error, "a segment's p_paddr and p_memsz lead past 4 GiB");
    if (image->n_segments == ELF_MAX_SEGMENTS)
        return bad(p, error, "has more than 32 segments (e_phnum)");
    look_for_entry(p, h);
    if (image->n_segments == 0 || h->paddr < image->start)
        image->start = h->paddr;
    image->end = MAX(image->end, h->paddr + h->mem_len);
    image->segments[image->n_segments++] =
        (ElfSegment){h->offset, h->file_len, h->paddr, h->mem_len};
    return true;
}

static guint32
word(const guint8 *p)
{
    guint32 value;

    memcpy(&value, p, sizeof value);
    return GUINT32_FROM_LE(value);
}

/* Notes: name length, length, type, name and content padded to words. A note
 * that does not fit ends the search; it is the kernel's own business. */
static void
scan_notes(Parser *p, const guint8 *notes, gsize len)
{
    gsize at = 0;

    while (len - at >= 12) {
        gsize name = word(notes + at), desc = word(notes + at + 4);
        guint32 type = word(notes + at + 8);
        at += 12;
        if (name > len - at || ((name + 3) & ~(gsize) 3) > len - at)
            return;
        const guint8 *owner = notes + at;
        at += (name + 3) & ~(gsize) 3;
        if (desc > len - at)
            return;
        if (type == NOTE_PVH_ENTRY && name == 4 &&
            memcmp(owner, "Xen", 4) == 0 && desc >= 4) {
            p->image->has_pvh = true;
            p->image->pvh_entry = word(notes + at);
            return;
        }
        at += MIN((desc + 3) & ~(gsize) 3, len - at);
    }
}

static bool
read_notes(Parser *p, const Header *h, GError **error)
{
    gsize len = (gsize) MIN(h->file_len, MAX_NOTES_LEN);

    if (h->offset > p->file->len || h->file_len > p->file->len - h->offset)
        return bad(p, error, "its notes lead past the end of the file");
    if (p->image->has_pvh || len == 0)
        return true;
    g_autofree guint8 *notes = g_malloc(len);
    if (!boot_file_read(p->file, h->offset, notes, len, error))
        return false;
    scan_notes(p, notes, len);
    return true;
}

static bool
check_entries(const Parser *p, GError **error)
{
    const ElfImage *image = p->image;

    if (image->n_segments == 0)
        return bad(p, error, "has no segment to load");
    if (!p->entry_found)
        return bad(p, error, "e_entry is in none of its segments");
    if (image->has_pvh &&
        (image->pvh_entry < image->start || image->pvh_entry >= image->end))
        return bad(p, error, "the PVH note's entry is in none of its segments");
    return true;
}

bool
elf_parse(const BootFile *file, ElfImage *image, GError **error)
{
    Parser p = {.file = file, .image = image};

    *image = (ElfImage){0};
    if (!read_file_header(&p, error))
        return false;
    for (unsigned i = 0; i < p.n; i++) {
        Header h = {0};
        if (!read_header(&p, i, &h, error))
            return false;
        if (h.type == PT_LOAD && !add_segment(&p, &h, error))
            return false;
        if (h.type == PT_NOTE && !read_notes(&p, &h, error))
            return false;
    }
    return check_entries(&p, error);
}

bool
elf_load(const BootFile *file, const ElfImage *image, const BootTarget *t,
         GError **error)
{
    for (unsigned i = 0; i < image->n_segments; i++) {
        const ElfSegment *s = &image->segments[i];
        if (!boot_place(t, file, s->offset, s->addr, s->file_len, s->mem_len,
                        error))
            return false;
    }
    return true;
}
