/* vmm/mem/mem-discard.c - giving memory that the guest does not need back to
 * the host; see guest-mem.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "vmm/mem/mem-internal.h"

/* A hole in a memfd frees the page for everybody who maps it; private memory
 * has only this one mapping. Both read as zero afterwards. */
static int
discard_part(GuestMem *mem, const MemPart *part, guint64 len)
{
    int ret = -EBUSY;

    if (mem_discard_begin(mem)) {
        int failed = part->fd >= 0
                         ? fallocate(part->fd,
                                     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     (off_t) part->offset, (off_t) len)
                         : madvise(part->host, len, MADV_DONTNEED);
        ret = failed < 0 ? -errno : 0;
    }
    mem_discard_end(mem);
    return ret;
}

/* The host's address of a guest's, with the bytes that follow it in one slot.
 * Backings stay as long as the machine, so it holds when the map changes. */
static int
translate(GuestMem *mem, Gpa gpa, guint8 **ret_host, guint64 *ret_len)
{
    unsigned token = epoch_enter(mem_epoch(mem));
    const MemSpan *m = mem_table_find(mem_table(mem), gpa);
    int ret = m == NULL ? -EFAULT : m->read_only ? -EACCES : 0;

    if (ret == 0) {
        *ret_host = m->host + (gpa - m->gpa);
        *ret_len = m->len - (gpa - m->gpa);
    }
    epoch_leave(mem_epoch(mem), token);
    return ret;
}

int
guest_mem_discard_host(GuestMem *mem, void *host, gsize len)
{
    MemPart part;
    int ret;

    if ((guintptr) host % MEM_PAGE != 0 || len % MEM_PAGE != 0)
        return -EINVAL;
    if (len == 0)
        return 0;
    ret = mem_find_part(mem, host, &part);
    if (ret == 0 && len > part.left)
        ret = -EFAULT;
    return ret == 0 ? discard_part(mem, &part, len) : ret;
}

int
guest_mem_discard(GuestMem *mem, Gpa gpa, guint64 len)
{
    int ret = gpa % MEM_PAGE == 0 && len % MEM_PAGE == 0 ? 0 : -EINVAL;

    while (ret == 0 && len > 0) {
        guint8 *host;
        guint64 n;

        ret = translate(mem, gpa, &host, &n);
        if (ret < 0)
            break;
        n = MIN(n, len);
        ret = guest_mem_discard_host(mem, host, n);
        gpa += n;
        len -= n;
    }
    return ret;
}
