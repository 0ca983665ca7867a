/* vmm/boot/kernel-cache.c - see kernel-cache.h.
 *
 * An entry is the ELF file followed by a trailer: the key it was made for, the
 * ELF's length, and the time of last modification that the entry was given. A
 * later write to the entry changes that time, so one look at the inode tells a
 * sound entry from a damaged one; summing up megabytes at every start would
 * cost as much as the rest of it. */
#include "vmm/boot/kernel-cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "vmm/boot/elf.h"
#include "vmm/boot/unpack.h"
#include "vmm/core/sysutil.h"

#define TRAILER_MAGIC "CarrelK1"
#define DIGEST        32
#define SUFFIX        ".elf"
#define DAY           86400
#define MAX_DIR_SCAN  4096u

typedef struct {
    char magic[8];
    guint8 key[DIGEST];
    guint64 elf_len;
    gint64 mtime; /* whole seconds, which every file system keeps */
} Trailer;

G_STATIC_ASSERT(sizeof(Trailer) == 56);

typedef struct {
    const char *dir;
    char *path;
    guint8 key[DIGEST];
} Entry;

/* Which file, and the head of its content: a copy restored with its old time
 * into the same inode is another kernel. */
static bool
entry_init(Entry *entry, const char *dir, const BootFile *kernel)
{
    guint8 head[LINUX_HEAD] = {0};
    gsize len = DIGEST;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autoptr(GString) name = g_string_new(NULL);
    g_autofree char *who = g_strdup_printf(
        "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
        " %" G_GINT64_FORMAT "\n",
        kernel->device, kernel->inode, kernel->len, kernel->mtime_ns);

    if (boot_file_peek(kernel, 0, head, sizeof head, NULL) < 0)
        return false;
    g_checksum_update(sum, (const guchar *) who, -1);
    g_checksum_update(sum, head, sizeof head);
    g_checksum_get_digest(sum, entry->key, &len);
    for (unsigned i = 0; i < DIGEST / 2; i++)
        g_string_append_printf(name, "%02x", entry->key[i]);
    g_string_append(name, SUFFIX);
    entry->dir = dir;
    entry->path = g_build_filename(dir, name->str, NULL);
    return true;
}

/* Ours, whole, for this key, and not written to since. */
static bool
entry_is_sound(const Entry *entry, int fd, guint64 *ret_len)
{
    struct stat st;
    Trailer t;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        st.st_size < (off_t) sizeof t ||
        SYS_RETRY(pread(fd, &t, sizeof t, st.st_size - (off_t) sizeof t)) !=
            sizeof t)
        return false;
    *ret_len = t.elf_len;
    return memcmp(t.magic, TRAILER_MAGIC, sizeof t.magic) == 0 &&
           memcmp(t.key, entry->key, DIGEST) == 0 &&
           t.elf_len == (guint64) st.st_size - sizeof t &&
           st.st_mtim.tv_sec == t.mtime && st.st_mtim.tv_nsec == 0;
}

static BootFile *
as_file(const BootFile *kernel, int fd, guint64 len)
{
    g_autofree char *what = g_strdup_printf("%s, unpacked", kernel->what);
    BootFile *file = boot_file_new(what, fd, NULL);
    ElfImage elf;

    if (file == NULL)
        return NULL;
    file->len = len;
    if (!elf_parse(file, &elf, NULL))
        g_clear_pointer(&file, boot_file_free);
    return file;
}

static BootFile *
entry_open(const Entry *entry, const BootFile *kernel)
{
    /* when it was last used is how the oldest is found; the other time stays */
    const struct timespec now[2] = {{.tv_nsec = UTIME_NOW},
                                    {.tv_nsec = UTIME_OMIT}};
    CARREL_AUTO_FD int fd =
        open(entry->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    guint64 len;

    if (fd < 0 || !entry_is_sound(entry, fd, &len))
        return NULL;
    (void) futimens(fd, now); /* else it looks older than it is */
    return as_file(kernel, sys_steal_fd(&fd), len);
}

/* ---- making one ---- */

static GBytes *
unpack(const BootFile *kernel, const LinuxImage *image, const char **ret_why)
{
    *ret_why = "its header does not say where the packed kernel is";
    if (image->payload_len < 16)
        return NULL;
    g_autofree guint8 *packed = g_try_malloc(image->payload_len);
    *ret_why = "out of memory";
    if (packed == NULL)
        return NULL;
    *ret_why = "the file cannot be read";
    if (!boot_file_read(kernel, image->setup_len + image->payload_offset,
                        packed, image->payload_len, NULL))
        return NULL;
    return unpack_payload(packed, image->payload_len, ret_why);
}

static bool
fill_entry(int fd, const Entry *entry, GBytes *elf)
{
    Trailer t = {.elf_len = g_bytes_get_size(elf),
                 .mtime = g_get_real_time() / G_USEC_PER_SEC - DAY};
    struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = t.mtime}};

    memcpy(t.magic, TRAILER_MAGIC, sizeof t.magic);
    memcpy(t.key, entry->key, DIGEST);
    return sys_write_all(fd, g_bytes_get_data(elf, NULL), t.elf_len) &&
           sys_write_all(fd, &t, sizeof t) && fdatasync(fd) == 0 &&
           futimens(fd, times) == 0;
}

/* Under a name of its own first: whoever looks meanwhile sees all or
 * nothing. -1: the folder cannot be written. */
static int
write_entry(const Entry *entry, GBytes *elf)
{
    g_autofree char *temporary =
        g_build_filename(entry->dir, "new-XXXXXX", NULL);

    if (g_mkdir_with_parents(entry->dir, 0700) < 0)
        return -1;
    CARREL_AUTO_FD int fd = g_mkstemp_full(temporary, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (!fill_entry(fd, entry, elf) || g_rename(temporary, entry->path) < 0) {
        (void) g_unlink(temporary); /* what is left is nobody's entry */
        return -1;
    }
    return sys_steal_fd(&fd);
}

static int
in_memory(GBytes *elf)
{
    CARREL_AUTO_FD int fd = memfd_create("carrel:kernel", MFD_CLOEXEC);

    if (fd < 0 ||
        !sys_write_all(fd, g_bytes_get_data(elf, NULL), g_bytes_get_size(elf)))
        return -1;
    return sys_steal_fd(&fd);
}

typedef struct {
    char *path;
    gint64 used;
} Old;

static int
newest_first(const void *a, const void *b)
{
    const Old *x = a, *y = b;

    return x->used < y->used ? 1 : x->used > y->used ? -1 : 0;
}

static void
clear_old(gpointer data)
{
    g_free(((Old *) data)->path);
}

/* Entries and what writers that died have left. */
static void
prune(const char *dir)
{
    g_autoptr(GDir) handle = g_dir_open(dir, 0, NULL);
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(Old));
    const char *name;

    g_array_set_clear_func(all, clear_old);
    while (handle != NULL && (name = g_dir_read_name(handle)) != NULL &&
           all->len < MAX_DIR_SCAN) {
        GStatBuf st;
        Old old = {.path = g_build_filename(dir, name, NULL)};
        bool ours =
            g_str_has_suffix(name, SUFFIX) || g_str_has_prefix(name, "new-");
        if (!ours || g_lstat(old.path, &st) < 0) {
            g_free(old.path);
            continue;
        }
        old.used =
            st.st_atim.tv_sec * NSEC_PER_SECOND + (gint64) st.st_atim.tv_nsec;
        g_array_append_val(all, old);
    }
    g_array_sort(all, newest_first);
    for (guint i = KERNEL_CACHE_ENTRIES; i < all->len; i++)
        (void) g_unlink(g_array_index(all, Old, i).path); /* next time then */
}

static BootFile *
entry_make(const Entry *entry, const BootFile *kernel, const LinuxImage *image,
           const char **ret_why)
{
    g_autoptr(GBytes) elf = unpack(kernel, image, ret_why);

    if (elf == NULL)
        return NULL;
    int fd = write_entry(entry, elf);
    if (fd >= 0)
        prune(entry->dir);
    else
        fd = in_memory(elf);
    *ret_why = "there is no room for the unpacked kernel";
    if (fd < 0)
        return NULL;
    *ret_why = "what is packed in it is no ELF file";
    return as_file(kernel, fd, g_bytes_get_size(elf));
}

BootFile *
kernel_cache_open(const char *dir, const BootFile *kernel,
                  const LinuxImage *image, bool *ret_hit, const char **ret_why)
{
    Entry entry = {NULL};

    *ret_why = "the file cannot be read";
    if (!entry_init(&entry, dir, kernel))
        return NULL;
    BootFile *file = entry_open(&entry, kernel);
    *ret_hit = file != NULL;
    if (file == NULL)
        file = entry_make(&entry, kernel, image, ret_why);
    g_free(entry.path);
    return file;
}
