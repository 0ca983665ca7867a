/* vmm/mem/mem-fill.c - memory that reads as one byte all over. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/core/sysutil.h"
#include "vmm/mem/mem-internal.h"

#define PIECE (64u << 10)

/* One piece of it exists; the rest is that piece mapped again and again, and a
 * page becomes one of its own when it is written. */
bool
mem_backing_fill_bytes(MemBacking *backing, guint8 value, GError **error)
{
    guint8 *host = mem_backing_host(backing);
    guint64 len = mem_backing_len(backing);
    CARREL_AUTO_FD int fd = memfd_create("carrel:fill", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, PIECE) < 0)
        return sys_error(error, errno, "cannot create 64 KiB of memory");
    for (guint64 at = 0; at < len; at += PIECE) {
        if (mmap(host + at, MIN(PIECE, len - at), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
            return sys_error(error, errno, "cannot map 64 KiB of memory");
    }
    guint8 *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_POPULATE, fd, 0);
    if (piece == MAP_FAILED)
        return sys_error(error, errno, "cannot map 64 KiB of memory");
    memset(piece, value, PIECE);
    (void) munmap(piece, PIECE);
    (void) madvise(host, len, MADV_DONTDUMP);
    (void) madvise(host, len, MADV_DONTFORK);
    return true;
}
