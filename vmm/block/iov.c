/* vmm/block/iov.c - walking scatter lists, and transfers that finish.
 *
 * preadv() and pwritev() may stop early (signals, 2 GiB limit, end of file);
 * everything above sees only whole transfers, the end of the file or an
 * error. */
#include "vmm/block/block-internal.h"

#include <string.h>

#include "vmm/core/sysutil.h"

#define WINDOW 64 /* iovecs handed to the kernel at once */

void
block_vec_init(BlockVec *vec, const struct iovec *iov, unsigned n, gsize skip)
{
    *vec = (BlockVec){.iov = iov, .n = n};
    block_vec_advance(vec, skip);
}

void
block_vec_advance(BlockVec *vec, gsize len)
{
    while (vec->n > 0 && len >= vec->iov->iov_len - vec->skip) {
        len -= vec->iov->iov_len - vec->skip;
        vec->skip = 0;
        vec->iov++;
        vec->n--;
    }
    if (vec->n > 0)
        vec->skip += len;
}

unsigned
block_vec_window(const BlockVec *vec, struct iovec *ret_iov, unsigned cap,
                 gsize max_len)
{
    BlockVec at = *vec;
    unsigned n = 0;

    while (n < cap && at.n > 0 && max_len > 0) {
        gsize len = MIN(at.iov->iov_len - at.skip, max_len);
        if (len > 0)
            ret_iov[n++] =
                (struct iovec){(guint8 *) at.iov->iov_base + at.skip, len};
        max_len -= len;
        at.skip = 0;
        at.iov++;
        at.n--;
    }
    return n;
}

typedef enum { COPY_GATHER, COPY_SCATTER, COPY_ZERO } CopyKind;

static void
vec_copy(BlockVec *vec, CopyKind kind, void *dst, const void *src, gsize len)
{
    gsize at = 0;

    while (at < len && vec->n > 0) {
        gsize n = MIN(vec->iov->iov_len - vec->skip, len - at);
        guint8 *mem = (guint8 *) vec->iov->iov_base + vec->skip;
        if (n > 0 && kind == COPY_GATHER)
            memcpy((guint8 *) dst + at, mem, n);
        else if (n > 0 && kind == COPY_SCATTER)
            memcpy(mem, (const guint8 *) src + at, n);
        else if (n > 0)
            memset(mem, 0, n);
        at += n;
        block_vec_advance(vec, n);
    }
}

void
block_vec_gather(BlockVec *vec, void *dst, gsize len)
{
    vec_copy(vec, COPY_GATHER, dst, NULL, len);
}

void
block_vec_scatter(BlockVec *vec, const void *src, gsize len)
{
    vec_copy(vec, COPY_SCATTER, NULL, src, len);
}

void
block_vec_zero(BlockVec *vec, gsize len)
{
    vec_copy(vec, COPY_ZERO, NULL, NULL, len);
}

bool
block_iov_total(const struct iovec *iov, unsigned n, gsize *ret_total)
{
    gsize total = 0;

    for (unsigned i = 0; i < n; i++)
        if (!g_size_checked_add(&total, total, iov[i].iov_len))
            return false;
    *ret_total = total;
    return true;
}

int
block_fd_transfer(int fd, BlockOp op, BlockVec *vec, guint64 offset, gsize len,
                  gsize *ret_moved)
{
    *ret_moved = 0;
    while (*ret_moved < len) {
        struct iovec iov[WINDOW];
        int n_iov = (int) block_vec_window(vec, iov, WINDOW, len - *ret_moved);
        off_t at = (off_t) (offset + *ret_moved);
        gssize n = op == BLOCK_READ ? SYS_RETRY(preadv(fd, iov, n_iov, at))
                                    : SYS_RETRY(pwritev(fd, iov, n_iov, at));
        if (n < 0)
            return -errno;
        if (n == 0)
            return op == BLOCK_READ ? 0 : -EIO;
        block_vec_advance(vec, (gsize) n);
        *ret_moved += (gsize) n;
    }
    return 0;
}

int
block_fill_zeros(int (*transfer)(gpointer image, BlockOp op, BlockVec *vec,
                                 guint64 offset, gsize len),
                 gpointer image, guint64 offset, guint64 len)
{
    /* aligned for direct I/O; never written, so it costs one page */
    static const guint8 zeros[64u << 10] __attribute__((aligned(4096)));
    struct iovec iov[16];
    int rc = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(iov); i++)
        iov[i] = (struct iovec){(void *) (guintptr) zeros, sizeof zeros};
    while (rc == 0 && len > 0) {
        gsize step = (gsize) MIN(len, sizeof zeros * G_N_ELEMENTS(iov));
        BlockVec vec = {.iov = iov, .n = G_N_ELEMENTS(iov)};
        rc = transfer(image, BLOCK_WRITE, &vec, offset, step);
        offset += step;
        len -= step;
    }
    return rc;
}

int
block_map_errno(int negative_errno)
{
    switch (negative_errno) {
    case 0:
    case -ENOSPC:
    case -EROFS:
    case -EOPNOTSUPP:
    case -ECANCELED: return negative_errno;
    case -EDQUOT: /* quota, or RLIMIT_FSIZE: the user makes room in both */
    case -EFBIG: return -ENOSPC;
    default: return -EIO;
    }
}
