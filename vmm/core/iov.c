/* vmm/core/iov.c - see iov.h. */
#include "vmm/core/iov.h"

#include <string.h>

/* Copies between the list and flat memory; exactly one of to and from is the
 * flat side. */
static gsize
copy(const struct iovec *iov, unsigned n, gsize offset, guint8 *dst,
     const guint8 *src, gsize len)
{
    gsize done = 0;

    for (unsigned i = 0; i < n && done < len; i++) {
        if (offset >= iov[i].iov_len) {
            offset -= iov[i].iov_len;
            continue;
        }
        guint8 *at = (guint8 *) iov[i].iov_base + offset;
        gsize part = MIN(len - done, iov[i].iov_len - offset);
        if (dst != NULL)
            memcpy(dst + done, at, part);
        else
            memcpy(at, src + done, part);
        done += part;
        offset = 0;
    }
    return done;
}

gsize
iov_read(const struct iovec *iov, unsigned n, gsize offset, void *dst,
         gsize len)
{
    return copy(iov, n, offset, dst, NULL, len);
}

gsize
iov_write(const struct iovec *iov, unsigned n, gsize offset, const void *src,
          gsize len)
{
    return copy(iov, n, offset, NULL, src, len);
}

/* Takes drop bytes off the end of the cut. */
static void
cut_trim(IovCut *cut, gsize drop)
{
    while (drop > 0 && cut->n > 0) {
        struct iovec *last = &cut->iov[cut->n - 1];
        if (last->iov_len > drop) {
            last->iov_len -= drop;
            return;
        }
        drop -= last->iov_len;
        /* a whole piece goes: put it back as it was */
        *last = cut->last;
        if (--cut->n > 0)
            cut->last = cut->iov[cut->n - 1];
        if (cut->n == 1)
            cut->last = cut->first;
    }
}

gsize
iov_cut(IovCut *cut, struct iovec *iov, unsigned n, gsize offset, gsize len,
        unsigned max_n, gsize unit)
{
    gsize total = 0;

    *cut = (IovCut){.iov = iov};
    while (n > 0 && offset >= iov->iov_len) {
        offset -= iov->iov_len;
        iov++;
        n--;
    }
    if (n == 0 || len == 0 || max_n == 0)
        return 0;
    cut->iov = iov;
    cut->first = iov[0];
    iov[0].iov_base = (guint8 *) iov[0].iov_base + offset;
    iov[0].iov_len -= offset;
    while (cut->n < MIN(n, max_n) && total < len)
        total += iov[cut->n++].iov_len;
    cut->last = cut->n == 1 ? cut->first : iov[cut->n - 1];
    gsize want = MIN(total, len);
    want -= want % unit;
    cut_trim(cut, total - want);
    return want;
}

void
iov_uncut(IovCut *cut)
{
    if (cut->n == 0)
        return;
    cut->iov[cut->n - 1] = cut->last;
    cut->iov[0] = cut->first;
    cut->n = 0;
}
