/* vmm/block/qcow2-compress.c - clusters compressed by zlib or zstd, as they
 * are read; a guest's write replaces them by an ordinary cluster, and
 * qcow2-pack.c makes new ones for copies.
 *
 * An entry says where the compressed bytes are and in how many sectors; both
 * are bounded by the entry's own width (at most two clusters). Inflating stops
 * at one cluster, and anything that does not give exactly one is an error. */
#include "vmm/block/qcow2-internal.h"

#include <string.h>
#include <zlib.h>
#if CARREL_HAVE_ZSTD
#include <zstd.h>
#endif

#include "vmm/core/sysutil.h"

#define ZLIB_WINDOW (-12) /* raw deflate in a window of 4 KiB */

void
qcow2_packed_place(const Qcow2 *q, guint64 entry, guint64 *ret_offset,
                   gsize *ret_len)
{
    unsigned shift = 62 - (q->cluster_bits - 8);
    guint64 offset = entry & ((1ull << shift) - 1);
    guint64 mask = (1ull << (q->cluster_bits - 8)) - 1;
    guint64 sectors = (entry >> shift & mask) + 1;

    *ret_offset = offset;
    *ret_len = (gsize) (sectors * BLOCK_SECTOR - offset % BLOCK_SECTOR);
}

static bool
inflate_zlib(const guint8 *in, gsize in_len, guint8 *out, gsize out_len)
{
    z_stream z = {.next_in = (guint8 *) in,
                  .avail_in = (uInt) in_len,
                  .next_out = out,
                  .avail_out = (uInt) out_len};

    if (inflateInit2(&z, ZLIB_WINDOW) != Z_OK)
        return false;
    int rc = inflate(&z, Z_FINISH);
    (void) inflateEnd(&z); /* only fails for a stream that is not one */
    /* a full buffer may come before the end mark is seen */
    return (rc == Z_STREAM_END || rc == Z_BUF_ERROR) && z.avail_out == 0;
}

#if CARREL_HAVE_ZSTD
typedef struct {
    __typeof__(ZSTD_createDStream) *create;
    __typeof__(ZSTD_decompressStream) *decompress;
    __typeof__(ZSTD_isError) *is_error;
    __typeof__(ZSTD_freeDStream) *free;
} Zstd;

static bool
load_zstd(Zstd *z)
{
    static const char library[] = "libzstd.so.1";

    *(void **) &z->create = sys_late_function(library, "ZSTD_createDStream");
    *(void **) &z->decompress =
        sys_late_function(library, "ZSTD_decompressStream");
    *(void **) &z->is_error = sys_late_function(library, "ZSTD_isError");
    *(void **) &z->free = sys_late_function(library, "ZSTD_freeDStream");
    return z->create != NULL && z->decompress != NULL && z->is_error != NULL &&
           z->free != NULL;
}

static bool
inflate_zstd(const guint8 *in, gsize in_len, guint8 *out, gsize out_len)
{
    ZSTD_inBuffer from = {in, in_len, 0};
    ZSTD_outBuffer to = {out, out_len, 0};
    Zstd z;

    if (!load_zstd(&z))
        return false;
    ZSTD_DStream *stream = z.create();
    /* the input is padded to a sector, so its end is not the stream's */
    while (stream != NULL && to.pos < to.size) {
        size_t before = from.pos + to.pos;
        size_t rc = z.decompress(stream, &to, &from);
        if (z.is_error(rc) || rc == 0 || from.pos + to.pos == before)
            break;
    }
    (void) z.free(stream); /* cannot fail */
    return stream != NULL && to.pos == to.size;
}
#endif

static int
read_packed(Qcow2 *q, guint64 entry, guint8 *out)
{
    guint64 offset;
    gsize len, got = 0;

    qcow2_packed_place(q, entry, &offset, &len);
    g_autofree guint8 *in = g_try_malloc0(len);
    if (in == NULL)
        return -EIO;
    struct iovec iov = {in, len};
    BlockVec vec = {.iov = &iov, .n = 1};
    /* the last one of a file may end before its last sector does */
    int rc = block_fd_transfer(q->fd, BLOCK_READ, &vec, offset, len, &got);
    if (rc < 0)
        return block_map_errno(rc);
    if (got == 0)
        return -EIO;
#if CARREL_HAVE_ZSTD
    if (q->h.compression == 1)
        return inflate_zstd(in, got, out, q->cluster_size) ? 0 : -EIO;
#endif
    return inflate_zlib(in, got, out, q->cluster_size) ? 0 : -EIO;
}

/* The last one that was inflated, good or bad, is kept: guests read a cluster
 * in small pieces, and a bad one must not cost more than a good one. */
static bool
read_kept(Qcow2 *q, guint64 entry, gsize skip, BlockVec *vec, gsize len,
          int *ret_rc)
{
    g_mutex_lock(&q->packed_lock);
    bool hit = q->packed_entry == entry;
    if (hit) {
        *ret_rc = q->packed_rc;
        if (q->packed_rc == 0)
            block_vec_scatter(vec, q->packed + skip, len);
    }
    g_mutex_unlock(&q->packed_lock);
    return hit;
}

int
qcow2_packed_read(Qcow2 *q, guint64 entry, gsize skip, BlockVec *vec, gsize len)
{
    int rc;

    if (read_kept(q, entry, skip, vec, len, &rc))
        return rc;
    guint8 *out = g_try_malloc(q->cluster_size);
    if (out == NULL)
        return -EIO;
    rc = read_packed(q, entry, out);
    if (rc == 0)
        block_vec_scatter(vec, out + skip, len);
    g_mutex_lock(&q->packed_lock);
    guint8 *old = q->packed;
    q->packed = out;
    q->packed_entry = entry;
    q->packed_rc = rc;
    g_mutex_unlock(&q->packed_lock);
    g_free(old);
    return rc;
}
