/* app/ladder/guest-ext.c - a Linux system on ext2, 3 or 4: which one it is, and
 * which virtio drivers its kernels have.
 *
 * The file system is read by libext2fs, through our own block layer, so that a
 * qcow2 image is as good as a raw one. The library is loaded when it is wanted;
 * linking it would cost each start of a machine. A journal that was not played
 * back is not: what is read may be some seconds old. */
#include "app/ladder/guest-look.h"

#if CARREL_HAVE_EXT2FS

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ext2fs/ext2fs.h>

#include "app/ladder/initrd.h"
#include "vmm/core/sysutil.h"

#define LIBRARY     "libext2fs.so.2"
#define SECTOR      512u
#define MAX_INITRD  (256u << 20)
#define MAX_TEXT    (4u << 20)
#define MAX_ENTRIES 4096u
#define MAX_KERNELS 8u /* of each kind of file in /boot that are looked at */

typedef struct {
    __typeof__(ext2fs_open2) *open2;
    __typeof__(ext2fs_close_free) *close_free;
    __typeof__(ext2fs_namei_follow) *namei;
    __typeof__(ext2fs_file_open) *file_open;
    __typeof__(ext2fs_file_get_lsize) *file_size;
    __typeof__(ext2fs_file_read) *file_read;
    __typeof__(ext2fs_file_close) *file_close;
    __typeof__(ext2fs_dir_iterate) *dir_iterate;
} Library;

/* Where the file system is; the library's channels point to it. */
typedef struct {
    BlockImage *image;
    guint64 offset, bytes;
    LookBudget *budget;
} Place;

typedef struct {
    GuestLook *look;
    Library lib;
    ext2_filsys fs;
} Ext;

static bool
load_library(Library *lib)
{
    const struct {
        void **to;
        const char *name;
    } rows[] = {
        {(void **) &lib->open2, "ext2fs_open2"},
        {(void **) &lib->close_free, "ext2fs_close_free"},
        {(void **) &lib->namei, "ext2fs_namei_follow"},
        {(void **) &lib->file_open, "ext2fs_file_open"},
        {(void **) &lib->file_size, "ext2fs_file_get_lsize"},
        {(void **) &lib->file_read, "ext2fs_file_read"},
        {(void **) &lib->file_close, "ext2fs_file_close"},
        {(void **) &lib->dir_iterate, "ext2fs_dir_iterate"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        *rows[i].to = sys_late_function(LIBRARY, rows[i].name);
        if (*rows[i].to == NULL)
            return false;
    }
    return true;
}

void
guest_look_ext_load(void)
{
    Library lib;

    (void) load_library(&lib); /* it is said when it is wanted */
}

/* ---- the library's way to the image ---- */

static errcode_t
io_close(io_channel channel)
{
    if (--channel->refcount > 0)
        return 0;
    g_free(channel->name);
    g_free(channel);
    return 0;
}

static errcode_t
io_set_blksize(io_channel channel, int size)
{
    channel->block_size = size;
    return 0;
}

/* count < 0: so many bytes. */
static errcode_t
io_read64(io_channel channel, unsigned long long block, int count, void *data)
{
    const Place *p = channel->private_data;
    guint64 unit = (guint64) channel->block_size, len, at;
    guint64 want =
        count < 0 ? (guint64) - (gint64) count : (guint64) count * unit;

    if (__builtin_mul_overflow((guint64) block, unit, &at) || at > p->bytes ||
        want > p->bytes - at)
        return EXT2_ET_SHORT_READ;
    /* pieces of sectors are asked for as well */
    guint64 first = (p->offset + at) / SECTOR * SECTOR;
    len = (p->offset + at + want + SECTOR - 1) / SECTOR * SECTOR - first;
    if (len > MAX_INITRD || !look_budget_take(p->budget, len))
        return EXT2_ET_SHORT_READ;
    g_autofree guint8 *mem = g_try_malloc(len);
    if (mem == NULL || block_image_read(p->image, first, mem, (gsize) len) != 0)
        return EXT2_ET_SHORT_READ;
    memcpy(data, mem + (p->offset + at - first), (gsize) want);
    return 0;
}

static errcode_t
io_read(io_channel channel, unsigned long block, int count, void *data)
{
    return io_read64(channel, block, count, data);
}

static errcode_t
io_write64(io_channel channel, unsigned long long block, int count,
           const void *data)
{
    return EXT2_ET_RO_FILSYS;
}

static errcode_t
io_write(io_channel channel, unsigned long block, int count, const void *data)
{
    return EXT2_ET_RO_FILSYS;
}

static errcode_t
io_flush(io_channel channel)
{
    return 0;
}

static errcode_t io_open(const char *name, int flags, io_channel *ret_channel);

static struct struct_io_manager image_manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "carrel block image",
    .open = io_open,
    .close = io_close,
    .set_blksize = io_set_blksize,
    .read_blk = io_read,
    .write_blk = io_write,
    .flush = io_flush,
    .read_blk64 = io_read64,
    .write_blk64 = io_write64,
};

/* The library passes nothing on but the name: it is the place's address. */
static errcode_t
io_open(const char *name, int flags, io_channel *ret_channel)
{
    void *place = NULL;

    if (sscanf(name, "%p", &place) != 1)
        return EXT2_ET_BAD_DEVICE_NAME;
    io_channel channel = g_new0(struct struct_io_channel, 1);
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &image_manager;
    channel->name = g_strdup(name);
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = place;
    *ret_channel = channel;
    return 0;
}

/* ---- files ---- */

static bool
read_file(const Ext *e, const char *path, guint64 max, guint8 **ret_mem,
          gsize *ret_len)
{
    unsigned got = 0;
    ext2_file_t file;
    ext2_ino_t ino;
    __u64 size;

    if (e->lib.namei(e->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino) != 0 ||
        e->lib.file_open(e->fs, ino, 0, &file) != 0)
        return false;
    bool ok = e->lib.file_size(file, &size) == 0 && size > 0 && size <= max;
    guint8 *mem = ok ? g_try_malloc(size + 1) : NULL;
    ok = mem != NULL &&
         e->lib.file_read(file, mem, (unsigned) size, &got) == 0 && got == size;
    (void) e->lib.file_close(file); /* only read from */
    if (!ok) {
        g_free(mem);
        return false;
    }
    mem[size] = '\0';
    *ret_mem = mem;
    *ret_len = (gsize) size;
    return true;
}

static char *
read_text(const Ext *e, const char *path)
{
    guint8 *mem;
    gsize len;

    return read_file(e, path, MAX_TEXT, &mem, &len) ? (char *) mem : NULL;
}

static int
add_name(struct ext2_dir_entry *entry, int offset, int block_size, char *block,
         void *data)
{
    GPtrArray *names = data;
    unsigned len = (unsigned) entry->name_len & 0xff;

    if (names->len >= MAX_ENTRIES)
        return DIRENT_ABORT;
    if (entry->inode != 0)
        g_ptr_array_add(names, g_strndup(entry->name, len));
    return 0;
}

/* Names in a folder; empty when there is none. */
static GPtrArray *
list(const Ext *e, const char *path)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    ext2_ino_t ino;

    if (e->lib.namei(e->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino) == 0)
        (void) e->lib.dir_iterate(e->fs, ino, 0, NULL, add_name, names);
    return names;
}

/* ---- what the files say ---- */

static const char *const modules[N_MODULES] = {
    [MODULE_BLK] = "virtio_blk",         [MODULE_SCSI] = "virtio_scsi",
    [MODULE_NET] = "virtio_net",         [MODULE_PCI] = "virtio_pci",
    [MODULE_INPUT] = "virtio_input",     [MODULE_RNG] = "virtio_rng",
    [MODULE_BALLOON] = "virtio_balloon",
};

/* hw_random's is called virtio-rng.ko: both spellings are the same to Linux. */
static int
find_module(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);

    g_strdelimit(base, "-", '_');
    for (int i = 0; i < N_MODULES; i++) {
        gsize len = strlen(modules[i]);
        if (strncmp(base, modules[i], len) == 0 &&
            strncmp(base + len, ".ko", 3) == 0)
            return i;
    }
    return -1;
}

static void
note_name(void *data, const char *name)
{
    bool *found = data;
    int i = find_module(name);

    if (i >= 0)
        found[i] = true;
}

static void
read_initrd(const Ext *e, const char *path)
{
    bool found[N_MODULES] = {false};
    GuestLook *look = e->look;
    const char *why;
    guint8 *mem;
    gsize len;

    if (!read_file(e, path, MAX_INITRD, &mem, &len))
        return;
    bool ok = initrd_names(mem, len, note_name, found, &look->budget, &why);
    g_free(mem);
    if (!ok) {
        guest_look_fact(look, "%s cannot be read: %s", path, why);
        return;
    }
    look->n_initrds++;
    guest_look_fact(look, "%s: virtio_blk %s in it", path,
                    found[MODULE_BLK] ? "is" : "is not");
    for (unsigned i = 0; i < N_MODULES; i++) {
        look->modules[i].in_initrd |= found[i];
        look->modules[i].missing_in_initrd |= !found[i];
    }
}

static void
read_config(const Ext *e, const char *path)
{
    static const char *const options[N_MODULES] = {
        [MODULE_BLK] = "CONFIG_VIRTIO_BLK",
        [MODULE_SCSI] = "CONFIG_SCSI_VIRTIO",
        [MODULE_NET] = "CONFIG_VIRTIO_NET",
        [MODULE_PCI] = "CONFIG_VIRTIO_PCI",
        [MODULE_INPUT] = "CONFIG_VIRTIO_INPUT",
        [MODULE_RNG] = "CONFIG_HW_RANDOM_VIRTIO",
        [MODULE_BALLOON] = "CONFIG_VIRTIO_BALLOON",
    };
    g_autofree char *text = read_text(e, path);
    bool pci = text != NULL && strstr(text, "\nCONFIG_VIRTIO_PCI=y") != NULL;

    if (text == NULL)
        return;
    e->look->n_configs++;
    for (unsigned i = 0; i < N_MODULES; i++) {
        g_autofree char *built_in = g_strdup_printf("\n%s=y\n", options[i]);
        g_autofree char *module = g_strdup_printf("\n%s=m\n", options[i]);
        /* a driver without its bus is of no use */
        if (pci && strstr(text, built_in) != NULL)
            e->look->modules[i].in_kernel = true;
        if (strstr(text, module) != NULL)
            e->look->modules[i].is_module = true;
    }
}

static void
read_modules(const Ext *e, const char *version)
{
    g_autofree char *path =
        g_strdup_printf("/lib/modules/%s/modules.dep", version);
    g_autofree char *text = *version != '.' ? read_text(e, path) : NULL;

    for (unsigned i = 0; text != NULL && i < N_MODULES; i++) {
        g_autofree char *plain = g_strdup_printf("/%s.ko", modules[i]);
        g_autofree char *dashed = g_strdelimit(g_strdup(plain), "_", '-');
        if (strstr(text, plain) != NULL || strstr(text, dashed) != NULL)
            e->look->modules[i].is_module = true;
    }
}

static void
read_release(const Ext *e)
{
    g_autofree char *text = read_text(e, "/etc/os-release");
    const char *at = text != NULL ? strstr(text, "PRETTY_NAME=") : NULL;

    if (at == NULL)
        return;
    at += strlen("PRETTY_NAME=");
    g_autofree char *raw = g_strndup(at, strcspn(at, "\n"));
    g_autofree char *plain = g_shell_unquote(raw, NULL);
    char *valid = g_utf8_make_valid(plain != NULL ? plain : raw, -1);
    g_free(e->look->name);
    e->look->name = valid;
}

/* A root by another name than its identity is lost when the disk's model
 * changes: an IDE disk is sda, a virtio one vda. */
static void
read_fstab(const Ext *e)
{
    g_autofree char *text = read_text(e, "/etc/fstab");
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);

    for (unsigned i = 0; lines[i] != NULL; i++) {
        const char *line = g_strchug(lines[i]);
        if (g_str_has_prefix(line, "/dev/sd") ||
            g_str_has_prefix(line, "/dev/hd"))
            guest_look_fact(e->look,
                            "/etc/fstab names %.*s, which is called otherwise "
                            "on another model: use UUID= or LABEL=",
                            (int) MIN(strcspn(line, " \t"), 40), line);
    }
}

static void
read_boot(const Ext *e, const char *folder)
{
    g_autoptr(GPtrArray) names = list(e, folder);
    unsigned n_initrds = 0, n_configs = 0;

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_autofree char *path = g_build_filename("/", folder, name, NULL);
        bool special = strstr(name, "fallback") != NULL ||
                       strstr(name, "rescue") != NULL ||
                       strstr(name, "kdump") != NULL ||
                       g_str_has_suffix(name, ".old");
        if (!special && g_str_has_prefix(name, "config-") &&
            n_configs++ < MAX_KERNELS)
            read_config(e, path);
        if (!special &&
            (g_str_has_prefix(name, "initrd") ||
             g_str_has_prefix(name, "initramfs")) &&
            n_initrds++ < MAX_KERNELS)
            read_initrd(e, path);
    }
}

static void
read_system(const Ext *e)
{
    g_autoptr(GPtrArray) versions = list(e, "/lib/modules");

    read_release(e);
    read_fstab(e);
    read_boot(e, "/boot");
    if (e->look->n_initrds == 0 && e->look->n_configs == 0)
        read_boot(e, "/"); /* a boot partition */
    for (guint i = 0; i < versions->len && i < 4 * MAX_KERNELS; i++)
        read_modules(e, g_ptr_array_index(versions, i));
}

void
guest_look_ext(GuestLook *look, BlockImage *image, guint64 offset)
{
    Place place = {image, offset, block_image_info(image)->bytes - offset,
                   &look->budget};
    g_autofree char *name = g_strdup_printf("%p", (void *) &place);
    Ext e = {.look = look};

    if (!load_library(&e.lib)) {
        guest_look_fact(look, "libext2fs is not installed: its files cannot "
                              "be looked at");
        return;
    }
    errcode_t bad =
        e.lib.open2(name, NULL, EXT2_FLAG_64BITS, 0, 0, &image_manager, &e.fs);
    if (bad != 0) {
        guest_look_fact(look, "the file system is damaged, or newer than "
                              "libext2fs: its files cannot be looked at");
        return;
    }
    read_system(&e);
    (void) e.lib.close_free(&e.fs); /* opened for reading only */
}

#else

void
guest_look_ext_load(void)
{
}

void
guest_look_ext(GuestLook *look, BlockImage *image, guint64 offset)
{
    guest_look_fact(look, "this build cannot read files in ext file systems");
}

#endif
