/* vmm/block/qcow2-pack.c - writes compressed clusters, for copies that are to
 * be small.
 *
 * They lie one behind another, byte by byte, and run on into the next cluster
 * of the file when that one is free; each cluster of the file counts the
 * compressed ones that touch it ("Compressed Clusters Descriptor" in QEMU's
 * docs/interop/qcow2.txt). A cluster that does not become smaller is written
 * as it is. The way to the disk is that of all metadata: data and counts
 * before the entry. */
#include "vmm/block/qcow2-internal.h"

#include <zlib.h>

#include "vmm/core/sysutil.h"

#define ZLIB_WINDOW (-12) /* raw deflate in a window of 4 KiB */
#define ZLIB_MEMORY 9
#define ZSTD_LEVEL  3

/* The functions below: bytes of the result; 0: it does not fit into max. */
static gsize
deflate_zlib(const guint8 *in, gsize in_len, guint8 *out, gsize max)
{
    z_stream z = {.next_in = (guint8 *) in,
                  .avail_in = (uInt) in_len,
                  .next_out = out,
                  .avail_out = (uInt) max};

    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, ZLIB_WINDOW,
                     ZLIB_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    int rc = deflate(&z, Z_FINISH);
    gsize len = max - z.avail_out;
    (void) deflateEnd(&z); /* says whether it ended early, as rc does */
    return rc == Z_STREAM_END ? len : 0;
}

#if CARREL_HAVE_ZSTD
static gsize
deflate_zstd(const guint8 *in, gsize in_len, guint8 *out, gsize max)
{
    static const char library[] = "libzstd.so.1";
    size_t (*compress)(void *, size_t, const void *, size_t, int);
    unsigned (*is_error)(size_t);

    *(void **) &compress = sys_late_function(library, "ZSTD_compress");
    *(void **) &is_error = sys_late_function(library, "ZSTD_isError");
    if (compress == NULL || is_error == NULL)
        return 0;
    size_t len = compress(out, max, in, in_len, ZSTD_LEVEL);
    return is_error(len) ? 0 : len;
}
#endif

static gsize
pack(const Qcow2 *q, const guint8 *in, guint8 *out, gsize max)
{
#if CARREL_HAVE_ZSTD
    if (q->h.compression == 1)
        return deflate_zstd(in, q->cluster_size, out, max);
#endif
    return deflate_zlib(in, q->cluster_size, out, max);
}

/* lock held. One more user of a cluster that has some; -EAGAIN: the count is
 * as high as its width allows. */
static int
share_cluster(Qcow2 *q, guint64 cluster)
{
    guint64 count;
    int rc = qcow2_refcount_get(q, cluster, &count);

    if (rc < 0)
        return rc;
    if (count == 0 ||
        (q->refcount_bits < 64 && (count + 1) >> q->refcount_bits != 0))
        return -EAGAIN;
    return qcow2_refcount_set(q, cluster, count + 1);
}

/* lock held. Where len bytes, less than a cluster, go. */
static int
take_bytes(Qcow2 *q, gsize len, guint64 *ret_at)
{
    guint64 at = q->pack_at, first = 0, n;
    gsize inside = (gsize) (at & (q->cluster_size - 1));
    guint64 mine = at >> q->cluster_bits;
    bool fresh, fits = at != 0 && len <= q->cluster_size - inside;

    if (!fits) {
        int rc = qcow2_alloc(q, 1, &first, &n, &fresh);
        if (rc < 0)
            return rc;
        if (at == 0 || first != mine + 1)
            at = first << q->cluster_bits;
    }
    if (at == q->pack_at) {
        int rc = share_cluster(q, mine);
        if (rc == -EAGAIN && fits) {
            q->pack_at = 0;
            return take_bytes(q, len, ret_at);
        }
        if (rc == -EAGAIN)
            at = first << q->cluster_bits;
        else if (rc < 0)
            return rc;
    }
    *ret_at = at;
    /* a full cluster has no byte left to begin at */
    q->pack_at = (at + len) % q->cluster_size != 0 ? at + len : 0;
    return 0;
}

/* What was read from that place before is something else now. */
static void
forget_kept(Qcow2 *q)
{
    g_mutex_lock(&q->packed_lock);
    q->packed_entry = 0;
    g_mutex_unlock(&q->packed_lock);
}

static guint64
make_entry(const Qcow2 *q, guint64 at, gsize len)
{
    unsigned shift = 62 - (q->cluster_bits - 8);
    guint64 sectors =
        (at + len - 1) / BLOCK_SECTOR - at / BLOCK_SECTOR; /* after the first */

    return QCOW2_COMPRESSED | sectors << shift | at;
}

/* lock held. 1: it has a place already, or there is none in reach. */
static int
link_packed(Qcow2 *q, guint64 offset, const guint8 *data, gsize len)
{
    guint64 at = 0;
    Qcow2Slice *slice;
    bool waited;

    qcow2_busy_wait(q, offset >> q->cluster_bits, 1, &waited);
    int rc = qcow2_slice_for_write(q, offset, &slice);
    if (rc < 0)
        return rc;
    unsigned i =
        (unsigned) (offset >> q->cluster_bits) & ((1u << q->slice_bits) - 1);
    /* an entry holds places up to so many bytes */
    if (slice->entries[i] != 0 || q->end >> (69 - 2 * q->cluster_bits) != 0)
        return 1;
    rc = take_bytes(q, len, &at);
    if (rc == 0)
        rc = qcow2_pwrite(q, at, data, len);
    if (rc < 0)
        return rc; /* what was counted is a leak */
    forget_kept(q);
    qcow2_slice_set(q, slice, i, make_entry(q, at, len));
    return 0;
}

static int
write_plain(Qcow2 *q, guint64 offset, const guint8 *data)
{
    gsize len = (gsize) MIN(q->cluster_size, q->h.size - offset);
    struct iovec iov = {(void *) data, len};
    BlockVec vec = {.iov = &iov, .n = 1};

    return qcow2_write(q, &vec, offset, len);
}

int
qcow2_packed_write(Qcow2 *q, guint64 offset, const guint8 *data)
{
    int rc = qcow2_check_writable(q);

    if (rc < 0)
        return rc;
    g_autofree guint8 *out = g_try_malloc(q->cluster_size);
    if (out == NULL)
        return -EIO;
    gsize len = pack(q, data, out, q->cluster_size - 1);
    if (len == 0)
        return write_plain(q, offset, data);
    g_mutex_lock(&q->lock);
    rc = link_packed(q, offset, out, len);
    g_mutex_unlock(&q->lock);
    return rc == 1 ? write_plain(q, offset, data) : rc;
}
