/* devices/storage/ide-regions.c - walking the table of regions of guest memory
 * that a bus master is given. It is read as the transfer proceeds, and only
 * once per descriptor; the guest may change it all the while. */
#include "devices/storage/ide-internal.h"

#include <errno.h>

#define MAX_SEGS 256u

/* Makes the cursor point at bytes: 1; the table is at its end: 0; -EFAULT or
 * -EACCES: it cannot be read; -ELOOP: it is longer than any table. */
static int
fill(Dma *dma, IdeCursor *c)
{
    while (c->left == 0) {
        if (c->last)
            return 0;
        if (c->entries == 0)
            return -ELOOP;
        c->entries--;
        int ret = c->read(dma, c);
        if (ret < 0)
            return ret;
    }
    return 1;
}

static void
skip(IdeCursor *c, guint32 bytes)
{
    c->addr += bytes;
    c->left -= bytes;
    c->used += bytes;
}

int
ide_regions_copy(Dma *dma, IdeCursor *c, guint8 *buf, guint32 len, bool to_mem)
{
    guint32 done = 0;

    while (done < len) {
        int ret = fill(dma, c);
        if (ret <= 0)
            return ret < 0 ? ret : (int) done;
        guint32 n = MIN(c->left, len - done);
        ret = to_mem ? dma_write(dma, c->addr, buf + done, n)
                     : dma_read(dma, c->addr, buf + done, n);
        if (ret < 0)
            return ret;
        skip(c, n);
        done += n;
    }
    return (int) done;
}

/* The last place where the regions so far are whole units. */
typedef struct {
    IdeCursor cursor;
    unsigned n;       /* segments */
    guint32 last_len; /* bytes of the last of them */
    guint64 bytes;
} WholeUnits;

/* Collects regions for at most want bytes. The bytes there were, or -errno;
 * whole units of them are in ret. */
static gint64
collect(Dma *dma, IdeCursor c, guint64 want, guint32 unit, bool to_mem,
        DmaSeg *segs, unsigned max_segs, WholeUnits *ret)
{
    guint64 total = 0;

    ret->n = 0;
    ret->bytes = 0;
    for (unsigned n = 0; n < max_segs && total < want; n++) {
        int found = fill(dma, &c);
        if (found < 0)
            return found;
        if (found == 0)
            break;
        guint32 len = (guint32) MIN(c.left, want - total);
        segs[n] = (DmaSeg){c.addr, len, to_mem};
        guint32 over = (guint32) ((total + len) % unit);
        if (over < len) {
            *ret = (WholeUnits){c, n + 1, len - over, total + len - over};
            skip(&ret->cursor, len - over);
        }
        skip(&c, len);
        total += len;
    }
    return (gint64) total;
}

gint64
ide_regions_pin(Dma *dma, IdeCursor *c, guint64 want, guint32 unit, bool to_mem,
                unsigned max_segs, struct iovec *iov, unsigned *ret_n_iov)
{
    CARREL_UNSET DmaSeg segs[MAX_SEGS];
    WholeUnits whole;

    max_segs = CLAMP(max_segs, 1, MAX_SEGS);
    gint64 total = collect(dma, *c, want, unit, to_mem, segs, max_segs, &whole);
    if (total <= 0)
        return total;
    if (whole.n == 0)
        return -ENOBUFS;
    segs[whole.n - 1].len = whole.last_len;
    int pinned = dma_pin(dma, segs, whole.n, iov, 2 * max_segs);
    if (pinned < 0)
        return pinned; /* the buffer takes the same regions */
    *c = whole.cursor;
    *ret_n_iov = (unsigned) pinned;
    return (gint64) whole.bytes;
}
