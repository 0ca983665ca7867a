/* vmm/mem/mem-backing.c - the memory behind a machine's slots: private, of a
 * memfd or a file, in huge pages, or a device's. See guest-mem.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/core/error.h"
#include "vmm/core/sysutil.h"
#include "vmm/mem/mem-internal.h"

#define HUGE_PAGE        (G_GUINT64_CONSTANT(2) << 20)
#define MEMFD_SIZE_SHIFT 26 /* memfd_create(2): log2 of the page size */

void
mem_backing_destroy(MemBacking *b)
{
    if (b->reservation != NULL)
        munmap(b->reservation, b->reserved);
    sys_close(&b->fd);
    g_free(b->name);
    g_free(b);
}

/* Maps it at a boundary of align bytes, 2 MiB at least so that the host may use
 * huge pages wherever the guest does. */
static bool
backing_map(MemBacking *b, guint64 align, GError **error)
{
    guint8 *at;

    b->reserved = b->mapped + align;
    b->reservation = mmap(NULL, b->reserved, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (b->reservation == MAP_FAILED) {
        b->reservation = NULL;
        return sys_error(error, errno,
                         "cannot reserve %" G_GUINT64_FORMAT
                         " MiB of addresses for '%s'",
                         b->len >> 20, b->name);
    }
    at = (guint8 *) (((guintptr) b->reservation + align - 1) &
                     ~(guintptr) (align - 1));
    int kind = b->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    /* reserved pages: it fails now rather than at the guest's first touch */
    kind |= b->huge ? MAP_POPULATE : MAP_NORESERVE;
    if (mmap(at, b->mapped, PROT_READ | PROT_WRITE, kind | MAP_FIXED, b->fd,
             0) == MAP_FAILED)
        return sys_error(error, errno,
                         "cannot map %" G_GUINT64_FORMAT " MiB for '%s'",
                         b->len >> 20, b->name);
    b->host = at;
    return true;
}

/* Advice only: no failure changes what the guest sees. */
static void
backing_advise(MemBacking *b, MemPages pages)
{
    if (!b->huge)
        (void) madvise(b->host, b->len,
                       pages == MEM_PAGES_SMALL ? MADV_NOHUGEPAGE
                                                : MADV_HUGEPAGE);
    (void) madvise(b->host, b->mapped, MADV_DONTDUMP);
    /* copy-on-write after a fork would give devices another page than CPUs */
    if (b->fd < 0)
        (void) madvise(b->host, b->len, MADV_DONTFORK);
}

/* Takes fd. */
static MemBacking *
backing_add(GuestMem *mem, const char *name, guint64 len, int fd,
            MemPages pages, GError **error)
{
    MemBacking *b = g_new0(MemBacking, 1);
    guint64 align = MAX(mem_pages_size(pages), HUGE_PAGE);

    b->name = g_strdup(name);
    b->len = len;
    b->fd = fd;
    b->huge = mem_pages_size(pages) != 0;
    b->mapped = b->huge ? (len + align - 1) & ~(align - 1) : len;
    if (!backing_map(b, align, error)) {
        mem_backing_destroy(b);
        return NULL;
    }
    backing_advise(b, pages);
    guest_mem_own(mem, b);
    return b;
}

MemBacking *
mem_backing_new(GuestMem *mem, const char *name, guint64 len, GError **error)
{
    g_autofree char *label = g_strdup_printf("carrel:%s", name);

    g_assert(len > 0 && len % MEM_PAGE == 0);
    CARREL_AUTO_FD int fd = memfd_create(label, MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t) len) < 0) {
        sys_error(error, errno,
                  "cannot create %" G_GUINT64_FORMAT " MiB of memory for '%s'",
                  len >> 20, name);
        return NULL;
    }
    return backing_add(mem, name, len, sys_steal_fd(&fd), MEM_PAGES_TRANSPARENT,
                       error);
}

MemBacking *
mem_backing_new_private(GuestMem *mem, const char *name, guint64 len,
                        GError **error)
{
    g_assert(len > 0 && len % MEM_PAGE == 0);
    return backing_add(mem, name, len, -1, MEM_PAGES_TRANSPARENT, error);
}

MemBacking *
mem_backing_new_file(GuestMem *mem, const char *name, int fd, guint64 len,
                     GError **error)
{
    CARREL_AUTO_FD int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    g_assert(len > 0 && len % MEM_PAGE == 0);
    if (own < 0) {
        sys_error(error, errno, "cannot keep the file of '%s'", name);
        return NULL;
    }
    return backing_add(mem, name, len, sys_steal_fd(&own),
                       MEM_PAGES_TRANSPARENT, error);
}

/* ---- pages of a size of one's own choice ---- */

guint64
mem_pages_size(MemPages pages)
{
    switch (pages) {
    case MEM_PAGES_2M: return G_GUINT64_CONSTANT(2) << 20;
    case MEM_PAGES_1G: return G_GUINT64_CONSTANT(1) << 30;
    case MEM_PAGES_TRANSPARENT:
    case MEM_PAGES_SMALL:
    default: return 0;
    }
}

/* How many the host has free; 0 too where it has none of that size. */
static guint64
pages_free(guint64 size)
{
    g_autofree char *path =
        g_strdup_printf("/sys/kernel/mm/hugepages/hugepages-%" G_GUINT64_FORMAT
                        "kB/free_hugepages",
                        size / 1024);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    return g_ascii_strtoull(text, NULL, 10);
}

static MemBacking *
too_few(const char *name, guint64 len, guint64 size, int err, GError **error)
{
    guint64 need = (len + size - 1) / size;

    g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                "'%s' needs %" G_GUINT64_FORMAT " huge pages of %s, and the "
                "host has %" G_GUINT64_FORMAT " free (%s); let 'carrel start' "
                "reserve them, do so at boot, close programs that use much "
                "memory, or set memory.hugepages=transparent",
                name, need, size >> 30 != 0 ? "1 GiB" : "2 MiB",
                pages_free(size), g_strerror(err));
    return NULL;
}

MemBacking *
mem_backing_new_ram(GuestMem *mem, const char *name, guint64 len,
                    MemPages pages, GError **error)
{
    guint64 size = mem_pages_size(pages);
    g_autoptr(GError) e = NULL;

    g_assert(len > 0 && len % MEM_PAGE == 0);
    if (size == 0)
        return backing_add(mem, name, len, -1, pages, error);
    g_autofree char *label = g_strdup_printf("carrel:%s", name);
    unsigned shift = g_bit_storage(size) - 1;
    CARREL_AUTO_FD int fd = memfd_create(label, MFD_CLOEXEC | MFD_HUGETLB |
                                                    shift << MEMFD_SIZE_SHIFT);
    if (fd < 0 || ftruncate(fd, (off_t) ((len + size - 1) / size * size)) < 0)
        return too_few(name, len, size, errno, error);
    MemBacking *b = backing_add(mem, name, len, sys_steal_fd(&fd), pages, &e);
    return b != NULL ? b : too_few(name, len, size, ENOMEM, error);
}

MemBacking *
mem_backing_new_device(GuestMem *mem, const char *name, void *host, guint64 len)
{
    MemBacking *b = g_new0(MemBacking, 1);

    g_assert(len > 0 && len % MEM_PAGE == 0);
    b->name = g_strdup(name);
    b->len = len;
    b->fd = -1;
    b->host = host;
    b->device = true;
    b->cpus_only = true;
    guest_mem_own(mem, b);
    return b;
}

void
mem_backing_allow_discard(MemBacking *b)
{
    b->discardable = !b->huge;
}

void
mem_backing_set_cpus_only(MemBacking *b)
{
    b->cpus_only = true;
}

void *
mem_backing_host(MemBacking *b)
{
    return b->host;
}

guint64
mem_backing_len(const MemBacking *b)
{
    return b->len;
}

void
mem_backing_fill(MemBacking *backing, guint64 offset, const void *data,
                 gsize len)
{
    gssize done = 0;

    g_assert(offset <= backing->len && len <= backing->len - offset);
    if (backing->fd >= 0)
        done = SYS_RETRY(pwrite(backing->fd, data, len, (off_t) offset));
    done = MAX(done, 0); /* what did not go that way */
    memcpy(backing->host + offset + done, (const guint8 *) data + done,
           len - (gsize) done);
}

int
mem_backing_fd(const MemBacking *b)
{
    return b->fd;
}
