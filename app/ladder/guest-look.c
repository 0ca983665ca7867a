/* app/ladder/guest-look.c - see guest-look.h: partitions and signatures. */
#include "app/ladder/guest-look.h"

#include <stdarg.h>
#include <string.h>

#define SECTOR         512u
#define MAX_PARTITIONS 16u
#define GPT_ENTRIES    128u
#define GPT_ENTRY      128u
#define HEAD           (72u << 10) /* bytes of a partition: btrfs is at 64 KiB */

typedef struct {
    guint64 offset, bytes;
} Partition;

typedef struct {
    BlockImage *image;
    guint64 bytes;
    GuestLook *look;
    Partition parts[MAX_PARTITIONS];
    unsigned n;
    const char *table; /* "MBR", "GPT", NULL */
} Looking;

static guint32
le32(const guint8 *p)
{
    return p[0] | (guint32) p[1] << 8 | (guint32) p[2] << 16 |
           (guint32) p[3] << 24;
}

static guint64
le64(const guint8 *p)
{
    return le32(p) | (guint64) le32(p + 4) << 32;
}

void
guest_look_fact(GuestLook *look, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_ptr_array_add(look->facts, g_strdup_vprintf(fmt, args));
    va_end(args);
}

static bool
read_at(const Looking *l, guint64 offset, void *mem, gsize len)
{
    return offset % SECTOR == 0 && offset <= l->bytes &&
           len <= l->bytes - offset &&
           look_budget_take(&l->look->budget, len) &&
           block_image_read(l->image, offset, mem, len) == 0;
}

/* ---- partition tables ---- */

static void
add_partition(Looking *l, guint64 sector, guint64 sectors)
{
    guint64 all = l->bytes / SECTOR;

    if (sectors == 0 || sector == 0 || sector >= all)
        return;
    if (l->n == MAX_PARTITIONS)
        l->look->cut_short = true;
    else
        l->parts[l->n++] =
            (Partition){sector * SECTOR, MIN(sectors, all - sector) * SECTOR};
}

static bool
is_extended(guint8 type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

/* A chain of tables, each with one partition and where the next table is. */
static void
read_extended(Looking *l, guint64 base)
{
    guint64 at = base;
    guint8 mbr[SECTOR];

    for (unsigned i = 0; i < MAX_PARTITIONS; i++) {
        if (!read_at(l, at * SECTOR, mbr, sizeof mbr) || mbr[510] != 0x55 ||
            mbr[511] != 0xaa)
            return;
        add_partition(l, at + le32(mbr + 446 + 8), le32(mbr + 446 + 12));
        if (!is_extended(mbr[462 + 4]) || le32(mbr + 462 + 8) == 0)
            return;
        at = base + le32(mbr + 462 + 8);
    }
    l->look->cut_short = true;
}

static void
read_gpt(Looking *l)
{
    guint8 head[SECTOR];
    g_autofree guint8 *entries = g_malloc(GPT_ENTRIES * GPT_ENTRY);
    static const guint8 none[16];

    if (!read_at(l, SECTOR, head, sizeof head) ||
        memcmp(head, "EFI PART", 8) != 0 || le32(head + 84) != GPT_ENTRY ||
        le64(head + 72) > l->bytes / SECTOR ||
        !read_at(l, le64(head + 72) * SECTOR, entries, GPT_ENTRIES * GPT_ENTRY))
        return;
    l->table = "GPT";
    unsigned n = MIN(le32(head + 80), GPT_ENTRIES);
    for (unsigned i = 0; i < n; i++) {
        const guint8 *e = entries + i * GPT_ENTRY;
        guint64 first = le64(e + 32), last = le64(e + 40);
        if (memcmp(e, none, sizeof none) != 0 && last >= first)
            add_partition(l, first, last - first + 1);
    }
}

static void
read_mbr(Looking *l, const guint8 *mbr)
{
    if (mbr[510] != 0x55 || mbr[511] != 0xaa)
        return;
    for (unsigned i = 0; i < 4; i++)
        if ((mbr[446 + 16 * i] & 0x7f) != 0)
            return; /* no table: neither active nor not */
    for (unsigned i = 0; i < 4; i++) {
        const guint8 *e = mbr + 446 + 16 * i;
        if (e[4] == 0xee) {
            read_gpt(l);
            return;
        }
        if (is_extended(e[4]))
            read_extended(l, le32(e + 8));
        else if (e[4] != 0)
            add_partition(l, le32(e + 8), le32(e + 12));
    }
    if (l->n > 0)
        l->table = "MBR";
}

/* ---- file systems ---- */

typedef struct {
    const char *name;
    guint32 offset;
    const char *magic;
    gsize len;
    GuestKind kind; /* whose it is; GUEST_UNKNOWN says nothing */
} Signature;

/* clang-format off */
static const Signature signatures[] = {
    { "NTFS",   3,       "NTFS    ",         8, GUEST_WINDOWS },
    { "FAT32",  82,      "FAT32   ",         8, GUEST_UNKNOWN },
    { "FAT16",  54,      "FAT16   ",         8, GUEST_UNKNOWN },
    { "FAT12",  54,      "FAT12   ",         8, GUEST_UNKNOWN },
    { "ext",    1080,    "\x53\xef",         2, GUEST_LINUX },
    { "XFS",    0,       "XFSB",             4, GUEST_LINUX },
    { "btrfs",  0x10040, "_BHRfS_M",         8, GUEST_LINUX },
    { "LUKS",   0,       "LUKS\xba\xbe",     6, GUEST_LINUX },
    { "LVM",    512,     "LABELONE",         8, GUEST_LINUX },
    { "swap",   4086,    "SWAPSPACE2",      10, GUEST_LINUX },
    { "ISO",    0x8001,  "CD001",            5, GUEST_UNKNOWN },
    { "BitLocker", 3,    "-FVE-FS-",         8, GUEST_WINDOWS },
};

/* Loaders' names in a boot sector say whose it is. */
static const struct {
    const char *text;
    const char *name;
} dos_loaders[] = {
    { "KERNEL  SYS", "FreeDOS" },
    { "FRDOS",       "FreeDOS" },
    { "IO      SYS", "MS-DOS or Windows 9x" },
    { "IBMBIO  COM", "PC DOS or DR-DOS" },
    { "NTLDR",       NULL },
    { "BOOTMGR",     NULL },
};
/* clang-format on */

static const Signature *
find_signature(const guint8 *head)
{
    for (gsize i = 0; i < G_N_ELEMENTS(signatures); i++)
        if (memcmp(head + signatures[i].offset, signatures[i].magic,
                   signatures[i].len) == 0)
            return &signatures[i];
    return NULL;
}

static void
set_kind(GuestLook *look, GuestKind kind)
{
    if (kind != GUEST_UNKNOWN && look->kind != GUEST_LINUX)
        look->kind = kind;
}

static void
look_at_fat(GuestLook *look, const guint8 *sector)
{
    for (gsize i = 0; i < G_N_ELEMENTS(dos_loaders); i++) {
        const char *text = dos_loaders[i].text;
        if (memmem(sector, SECTOR, text, strlen(text)) == NULL)
            continue;
        if (dos_loaders[i].name == NULL) {
            set_kind(look, GUEST_WINDOWS);
        } else if (look->kind == GUEST_UNKNOWN) {
            look->kind = GUEST_DOS;
            g_free(look->name);
            look->name = g_strdup(dos_loaders[i].name);
        }
        return;
    }
}

static void
look_at_partition(Looking *l, const Partition *p, const char *where)
{
    g_autofree guint8 *head = g_malloc0(HEAD);

    if (!read_at(l, p->offset, head, (gsize) MIN(p->bytes, HEAD)))
        return;
    const Signature *found = find_signature(head);
    if (found == NULL)
        return;
    guest_look_fact(l->look, "%s: %s", where, found->name);
    set_kind(l->look, found->kind);
    l->look->encrypted |= strcmp(found->name, "LUKS") == 0 ||
                          strcmp(found->name, "BitLocker") == 0;
    if (g_str_has_prefix(found->name, "FAT"))
        look_at_fat(l->look, head);
    if (strcmp(found->name, "ext") == 0)
        guest_look_ext(l->look, l->image, p->offset);
}

static bool
is_zero(const guint8 *mem, gsize len)
{
    for (gsize i = 0; i < len; i++)
        if (mem[i] != 0)
            return false;
    return true;
}

static void
look_at_disk(Looking *l)
{
    g_autofree guint8 *head = g_malloc0(HEAD);

    if (!read_at(l, 0, head, (gsize) MIN(l->bytes, HEAD)))
        return;
    if (find_signature(head) == NULL)
        read_mbr(l, head);
    for (unsigned i = 0; i < l->n; i++) {
        g_autofree char *where = g_strdup_printf("partition %u", i + 1);
        look_at_partition(l, &l->parts[i], where);
    }
    if (l->n == 0) {
        const Partition whole = {0, l->bytes};
        look_at_partition(l, &whole, "the whole disk");
    }
    if (l->n == 0 && is_zero(head, HEAD)) {
        l->look->kind = GUEST_BLANK;
        guest_look_fact(l->look, "the disk begins with zeros: nothing is "
                                 "installed on it");
    }
}

GuestLook *
guest_look_new(const LookBudget *budget)
{
    GuestLook *look = g_new0(GuestLook, 1);

    look->budget = *budget;
    look->name = g_strdup("");
    look->facts = g_ptr_array_new_with_free_func(g_free);
    return look;
}

GuestLook *
guest_look_image(BlockImage *image, const LookBudget *budget)
{
    GuestLook *look = guest_look_new(budget);
    Looking l = {
        .image = image, .bytes = block_image_info(image)->bytes, .look = look};
    look_at_disk(&l);
    look->cut_short |= look->budget.spent;
    if (look->cut_short)
        guest_look_fact(look, "not all of it was looked at: that would take "
                              "too long");
    return look;
}

GuestLook *
guest_look_within(const BlockSpec *spec, const LookBudget *budget,
                  GError **error)
{
    BlockSpec how = *spec;

    how.read_only = true;
    BlockImage *image = block_image_open(&how, error);
    if (image == NULL)
        return NULL;
    GuestLook *look = guest_look_image(image, budget);
    (void) block_image_close(image); /* only read from */
    return look;
}

void
guest_look_free(GuestLook *look)
{
    if (look == NULL)
        return;
    g_ptr_array_unref(look->facts);
    g_free(look->name);
    g_free(look);
}

const char *
guest_kind_name(GuestKind kind)
{
    static const char *const names[] = {"unknown", "blank", "Linux", "Windows",
                                        "DOS"};

    return names[kind];
}

/* ---- drivers ---- */

static const struct {
    const char *model, *module;
    bool at_start; /* of use only if it is there before the root */
} drivers[] = {
    [MODULE_BLK] = {"virtio-blk", "virtio_blk", true},
    [MODULE_SCSI] = {"virtio-scsi", "virtio_scsi", true},
    [MODULE_NET] = {"virtio-net", "virtio_net", false},
    [MODULE_PCI] = {"virtio-pci", "virtio_pci", false},
    [MODULE_INPUT] = {"virtio-input", "virtio_input", false},
    [MODULE_RNG] = {"virtio-rng", "virtio_rng", false},
    [MODULE_BALLOON] = {"virtio-balloon", "virtio_balloon", false},
};

static GuestDriver
linux_driver(const GuestLook *look, unsigned i, char **ret_why)
{
    const GuestModule *m = &look->modules[i];
    const char *module = drivers[i].module;
    bool at_start = drivers[i].at_start;

    if (m->in_kernel) {
        *ret_why = g_strdup_printf("%s is built into its kernel", module);
        return GUEST_DRIVER_YES;
    }
    if (m->in_initrd && !m->missing_in_initrd) {
        *ret_why = g_strdup_printf("%s is in its initial RAM disk", module);
        return GUEST_DRIVER_YES;
    }
    if (m->in_initrd) {
        *ret_why = g_strdup_printf("%s is in some of its initial RAM disks, "
                                   "not in all",
                                   module);
        return GUEST_DRIVER_UNKNOWN;
    }
    if (at_start && look->n_initrds > 0) {
        *ret_why =
            g_strdup_printf("%s is not in its initial RAM disk%s", module,
                            m->is_module ? ", though it has the module" : "");
        return GUEST_DRIVER_NO;
    }
    if (!at_start && m->is_module) {
        *ret_why = g_strdup_printf("it has the module %s", module);
        return GUEST_DRIVER_YES;
    }
    *ret_why = g_strdup(look->encrypted
                            ? "its file systems are encrypted"
                            : "its kernels and their drivers were not found "
                              "in a file system that can be read here");
    return GUEST_DRIVER_UNKNOWN;
}

static GuestDriver
find_driver(const GuestLook *look, const char *model, char **ret_why)
{
    switch (look->kind) {
    case GUEST_LINUX:
        for (unsigned i = 0; i < N_MODULES; i++)
            if (strcmp(drivers[i].model, model) == 0)
                return linux_driver(look, i, ret_why);
        break;
    case GUEST_DOS:
        *ret_why = g_strdup("DOS has no virtio drivers; it works with its "
                            "disks through the BIOS, which has one");
        return GUEST_DRIVER_NO;
    case GUEST_WINDOWS:
        *ret_why = g_strdup("Windows brings no virtio drivers; whether they "
                            "were installed cannot be told from NTFS here");
        return GUEST_DRIVER_UNKNOWN;
    case GUEST_BLANK:
    case GUEST_UNKNOWN: break;
    }
    *ret_why = g_strdup(look->kind == GUEST_BLANK
                            ? "nothing is installed on the disk"
                            : "what is on the disk is not known here");
    return GUEST_DRIVER_UNKNOWN;
}

GuestDriver
guest_look_driver(const GuestLook *look, const char *model, char **ret_why)
{
    g_autofree char *why = NULL;
    GuestDriver driver = find_driver(look, model, &why);

    if (!look->cut_short) {
        *ret_why = g_steal_pointer(&why);
        return driver;
    }
    /* what was not seen may say otherwise */
    *ret_why = g_strdup_printf("%s, but not all of its disk was looked at, as "
                               "that would take too long",
                               why);
    return GUEST_DRIVER_UNKNOWN;
}
