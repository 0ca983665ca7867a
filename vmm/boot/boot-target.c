/* vmm/boot/boot-target.c - see boot-target.h. */
#include "vmm/boot/boot-target.h"

#include <string.h>

#include "vmm/mem/guest-mem.h"

#define PAGE          4096u
#define MIB           (G_GUINT64_CONSTANT(1) << 20)
#define FOUR_GIB      (G_GUINT64_CONSTANT(4) << 30)
#define PTE_PRESENT   0x1u
#define PTE_WRITE     0x2u
#define PTE_LARGE     0x80u
#define N_DIRECTORIES 4u /* a page each; one maps 1 GiB */

Gpa
boot_high_end(const BootTarget *t)
{
    for (unsigned i = 0; i < t->n_map; i++)
        if (t->map[i].type == BOOT_RAM && t->map[i].addr == BOOT_HIGH)
            return t->map[i].addr + t->map[i].len;
    return 0;
}

void *
boot_low(const BootTarget *t, Gpa gpa, gsize len)
{
    void *host = guest_mem_ptr(t->mem, gpa, len, true);

    g_assert(host != NULL);
    return host;
}

void *
boot_room(const BootTarget *t, const BootFile *file, Gpa gpa, guint64 len,
          GError **error)
{
    Gpa end = boot_high_end(t);

    if (gpa < BOOT_HIGH || len > FOUR_GIB || gpa > end || len > end - gpa) {
        boot_file_fail(file, CARREL_BOOT_ERROR_ROOM, error,
                       "wants memory 0x%" G_GINT64_MODIFIER
                       "x to 0x%" G_GINT64_MODIFIER
                       "x, the guest's RAM is 0x100000 to 0x%" G_GINT64_MODIFIER
                       "x; raise machine.memory",
                       gpa, gpa + len, end);
        return NULL;
    }
    return boot_low(t, gpa, len);
}

bool
boot_place(const BootTarget *t, const BootFile *file, guint64 offset, Gpa gpa,
           guint64 len, guint64 mem_len, GError **error)
{
    guint8 *host = boot_room(t, file, gpa, MAX(len, mem_len), error);

    if (host == NULL || !boot_file_read(file, offset, host, len, error))
        return false;
    /* untouched RAM is zero already, and costs nothing while it is untouched */
    if (t->used && mem_len > len)
        memset(host + len, 0, mem_len - len);
    return true;
}

bool
boot_place_initrd(const BootTarget *t, Gpa floor, Gpa limit, Gpa *ret_gpa,
                  guint64 *ret_len, GError **error)
{
    Gpa end = boot_high_end(t);
    guint64 len;

    *ret_gpa = 0;
    *ret_len = 0;
    if (t->initrd == NULL)
        return true;
    if (limit != 0)
        end = MIN(end, limit);
    len = t->initrd->len;
    floor = (floor + PAGE - 1) & ~(Gpa) (PAGE - 1);
    if (end < floor || len > end - floor)
        return boot_file_fail(
            t->initrd, CARREL_BOOT_ERROR_ROOM, error,
            "%" G_GUINT64_FORMAT " MiB do not fit between the kernel's end "
            "(%" G_GUINT64_FORMAT " MiB) and the end of the RAM that it may "
            "use (%" G_GUINT64_FORMAT " MiB); raise machine.memory",
            (len + MIB - 1) / MIB, floor / MIB, end / MIB);
    *ret_gpa = (end - len) & ~(Gpa) (PAGE - 1);
    *ret_len = len;
    return boot_place(t, t->initrd, 0, *ret_gpa, len, len, error);
}

bool
boot_place_cmdline(const BootTarget *t, const BootFile *file, gsize max,
                   GError **error)
{
    gsize len = strlen(t->cmdline);

    max = MIN(max, BOOT_CMDLINE_MAX);
    if (len > max)
        return boot_file_fail(file, CARREL_BOOT_ERROR_ROOM, error,
                              "takes a command line of %" G_GSIZE_FORMAT
                              " characters, machine.cmdline has "
                              "%" G_GSIZE_FORMAT,
                              max, len);
    memcpy(boot_low(t, BOOT_CMDLINE, len + 1), t->cmdline, len + 1);
    return true;
}

/* Descriptors 10h and 18h as Linux' boot protocol names them; 20h: a TSS that
 * only has to be there. */
static void
write_gdt(const BootTarget *t, bool long_mode, CpuEntry *e)
{
    const guint64 gdt[] = {
        0,
        0,
        GUINT64_TO_LE(long_mode ? G_GUINT64_CONSTANT(0x00af9b000000ffff)
                                : G_GUINT64_CONSTANT(0x00cf9b000000ffff)),
        GUINT64_TO_LE(G_GUINT64_CONSTANT(0x00cf93000000ffff)),
        GUINT64_TO_LE(G_GUINT64_CONSTANT(0x00008b0000000067)),
        0,
    };

    memcpy(boot_low(t, BOOT_GDT, sizeof gdt), gdt, sizeof gdt);
    e->gdt = BOOT_GDT;
    e->gdt_limit = sizeof gdt - 1;
    e->long_mode = long_mode;
}

void
boot_enter_protected(const BootTarget *t, CpuEntry *e)
{
    write_gdt(t, false, e);
}

void
boot_enter_long(const BootTarget *t, CpuEntry *e)
{
    gsize len = (2 + N_DIRECTORIES) * PAGE;
    guint64 *tables = boot_low(t, BOOT_PAGE_TABLES, len);
    guint64 *pdpt = tables + PAGE / 8, *pd = pdpt + PAGE / 8;
    guint64 flags = PTE_PRESENT | PTE_WRITE;

    memset(tables, 0, 2 * PAGE);
    tables[0] = GUINT64_TO_LE((BOOT_PAGE_TABLES + PAGE) | flags);
    for (unsigned i = 0; i < N_DIRECTORIES; i++)
        pdpt[i] = GUINT64_TO_LE((BOOT_PAGE_TABLES + (2 + i) * PAGE) | flags);
    for (guint64 i = 0; i < N_DIRECTORIES * PAGE / 8; i++)
        pd[i] = GUINT64_TO_LE(i << 21 | flags | PTE_LARGE);
    write_gdt(t, true, e);
    e->page_tables = BOOT_PAGE_TABLES;
}
