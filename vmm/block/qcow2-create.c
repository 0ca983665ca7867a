/* vmm/block/qcow2-create.c - new qcow2 images, and other sizes for old ones.
 *
 * A new image is header, refcount table, refcount blocks and L1 table, one
 * after another. A larger L1 table is written to new clusters, synced, and
 * size, entries and place of it change in the header with one write. */
#include "vmm/block/qcow2-internal.h"

#include <fcntl.h>
#include <string.h>

#include "vmm/core/sysutil.h"

/* ---- create ---- */

static bool
refuse_create(const BlockCreate *create, GError **error, const char *why)
{
    g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                "disk image '%s' cannot be created: %s", create->path, why);
    return false;
}

static bool
is_power_of_2(guint64 n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static bool
fill_header(const BlockCreate *create, Qcow2Header *h, GError **error)
{
    guint32 cluster = create->cluster_size != 0 ? create->cluster_size
                                                : BLOCK_DEFAULT_CLUSTER;
    guint32 bits = create->refcount_bits != 0 ? create->refcount_bits : 16;

    *h = (Qcow2Header){.version = create->version != 0 ? create->version : 3,
                       .size = create->bytes};
    if (!is_power_of_2(cluster) || cluster < 512 || cluster > 2u << 20)
        return refuse_create(create, error,
                             "clusters have 512 bytes to 2M, a power of two");
    if (!is_power_of_2(bits) || bits > 64)
        return refuse_create(create, error,
                             "refcounts have 1, 2, 4, ... 64 bits");
    if (h->version != 3 && (h->version != 2 || bits != 16))
        return refuse_create(create, error,
                             "the version is 2 or 3, and version 2 has "
                             "refcounts of 16 bits");
    if (create->zstd && (h->version != 3 || !CARREL_HAVE_ZSTD))
        return refuse_create(create, error,
                             "compression by zstd needs version 3, and a "
                             "program that was built with it");
    if (create->zstd) {
        h->incompatible = QCOW2_COMPRESSION;
        h->compression = 1;
    }
    h->cluster_bits = (guint32) g_bit_nth_lsf(cluster, -1);
    h->refcount_order = (guint32) g_bit_nth_lsf(bits, -1);
    guint64 l1 = qcow2_l1_needed(h->cluster_bits, h->size);
    if (h->size == 0 || h->size % BLOCK_SECTOR != 0 || l1 > QCOW2_MAX_L1 / 8)
        return refuse_create(create, error,
                             "the size is no multiple of 512 bytes, or too "
                             "large for clusters of that size");
    h->l1_size = (guint32) l1;
    if (create->backing == NULL)
        return true;
    gsize len = strlen(create->backing);
    if (len == 0 || len > QCOW2_MAX_BACKING || create->backing_format == NULL ||
        (strcmp(create->backing_format, "raw") != 0 &&
         strcmp(create->backing_format, "qcow2") != 0))
        return refuse_create(create, error,
                             "a backing image needs a name of at most 1023 "
                             "bytes, and a format, raw or qcow2");
    h->backing_len = (guint32) len;
    g_strlcpy(h->backing, create->backing, sizeof h->backing);
    g_strlcpy(h->backing_format, create->backing_format,
              sizeof h->backing_format);
    return true;
}

typedef struct {
    guint64 table, blocks, l1, total; /* clusters */
} Layout;

static bool
plan_layout(const Qcow2Header *h, Layout *ret)
{
    guint64 cluster = 1ull << h->cluster_bits;
    unsigned block_bits = h->cluster_bits + 3 - h->refcount_order;
    Layout at = {.table = 1, .blocks = 1};

    at.l1 = (h->l1_size * 8ull + cluster - 1) / cluster;
    for (unsigned i = 0; i < 64; i++) {
        at.total = 1 + at.table + at.blocks + at.l1;
        guint64 blocks = ((at.total - 1) >> block_bits) + 1;
        guint64 table = (blocks * 8 + cluster - 1) / cluster;
        if (blocks <= at.blocks && table <= at.table) {
            *ret = at;
            return at.table * cluster <= QCOW2_MAX_REFTABLE;
        }
        at.blocks = MAX(blocks, at.blocks);
        at.table = MAX(table, at.table);
    }
    return false;
}

static int
write_at(int fd, guint64 offset, const void *data, gsize len)
{
    if (lseek(fd, (off_t) offset, SEEK_SET) < 0 ||
        !sys_write_all(fd, data, len))
        return -errno;
    return 0;
}

static int
write_refcounts(int fd, const Qcow2Header *h, const Layout *at)
{
    gsize cluster = (gsize) 1 << h->cluster_bits;
    unsigned block_bits = h->cluster_bits + 3 - h->refcount_order;
    g_autofree guint8 *block = g_malloc(cluster);
    g_autofree guint64 *table = g_malloc0(at->table * cluster);
    int rc = 0;

    for (guint64 b = 0; rc == 0 && b < at->blocks; b++) {
        guint64 offset = (1 + at->table + b) * cluster;
        memset(block, 0, cluster);
        for (guint64 i = 0; i < 1ull << block_bits; i++)
            if ((b << block_bits) + i < at->total)
                qcow2_refcount_put(block, h->refcount_order, i, 1);
        table[b] = GUINT64_TO_BE(offset);
        rc = write_at(fd, offset, block, cluster);
    }
    return rc < 0 ? rc : write_at(fd, cluster, table, at->table * cluster);
}

static int
write_image(int fd, Qcow2Header *h, const Layout *at)
{
    guint64 cluster = 1ull << h->cluster_bits;

    h->reftable_offset = cluster;
    h->reftable_clusters = (guint32) at->table;
    h->l1_offset = (1 + at->table + at->blocks) * cluster;
    if (ftruncate(fd, (off_t) (at->total * cluster)) < 0)
        return -errno;
    int rc = write_refcounts(fd, h, at); /* the L1 table is all zeros */
    if (rc == 0)
        rc = qcow2_header_create(fd, h);
    return rc == 0 && fsync(fd) < 0 ? -errno : rc;
}

bool
qcow2_create(const BlockCreate *create, GError **error)
{
    Qcow2Header h;
    Layout at;

    if (!fill_header(create, &h, error))
        return false;
    if (!plan_layout(&h, &at))
        return refuse_create(create, error,
                             "it is too large for clusters of that size");
    int fresh = create->into ? 0 : O_CREAT | O_EXCL;
    CARREL_AUTO_FD int fd =
        open(create->path, O_WRONLY | O_CLOEXEC | fresh, 0600);
    if (fd < 0)
        return sys_error(error, errno, "cannot create '%s'", create->path);
    int rc = write_image(fd, &h, &at);
    if (rc == 0)
        return true;
    (void) unlink(create->path); /* the first error counts */
    return sys_error(error, -rc, "cannot create '%s'", create->path);
}

/* ---- resize ---- */

static int
larger_l1(Qcow2 *q, guint64 bytes, guint64 needed)
{
    guint64 clusters = (needed * 8 + q->cluster_size - 1) >> q->cluster_bits;
    gsize n = (gsize) (clusters << q->cluster_bits) / 8;
    g_autofree guint64 *table = g_try_new0(guint64, n);
    guint64 first, old = q->h.l1_offset >> q->cluster_bits;
    guint64 n_old =
        (q->h.l1_size * 8ull + q->cluster_size - 1) >> q->cluster_bits;

    if (table == NULL)
        return -ENOMEM;
    for (guint32 i = 0; i < q->h.l1_size; i++)
        table[i] = GUINT64_TO_BE(q->l1[i]);
    int rc = qcow2_alloc_exactly(q, clusters, &first);
    if (rc == 0)
        rc = qcow2_pwrite(q, first << q->cluster_bits, table, n * 8);
    if (rc == 0)
        rc = qcow2_commit(q);
    if (rc == 0)
        rc = qcow2_header_put_size(q, bytes, (guint32) needed,
                                   first << q->cluster_bits);
    for (guint64 i = 0; rc == 0 && i < n_old; i++)
        qcow2_free_later(q, old + i, false);
    return rc;
}

static bool
grow(Qcow2 *q, guint64 bytes, GError **error)
{
    guint64 needed = qcow2_l1_needed(q->cluster_bits, bytes);

    if (q->backing_driver != NULL && q->backing_bytes > q->h.size)
        return qcow2_refuse(q, error,
                            "cannot grow: its backing image is larger, and "
                            "would show through; convert it first");
    if (needed > QCOW2_MAX_L1 / 8)
        return qcow2_refuse(q, error,
                            "cannot become that large with clusters of %u "
                            "bytes; convert it to larger ones",
                            q->cluster_size);
    int rc = qcow2_commit(q);
    if (rc == 0)
        rc =
            needed > q->h.l1_size
                ? larger_l1(q, bytes, needed)
                : qcow2_header_put_size(q, bytes, q->h.l1_size, q->h.l1_offset);
    return rc == 0 || sys_error(error, -rc, "cannot resize '%s'", q->path);
}

/* 1: something is allocated behind offset. */
static int
is_used_behind(Qcow2 *q, guint64 offset)
{
    while (offset < q->h.size) {
        Qcow2Slice *slice;
        Qcow2Map map;
        int rc = qcow2_slice_load(q, offset, &slice);
        if (rc < 0)
            return rc;
        gsize len = (gsize) MIN(q->h.size - offset, 1u << 30);
        g_mutex_lock(&q->map_lock);
        qcow2_lookup(q, offset, len, &map);
        g_mutex_unlock(&q->map_lock);
        if (map.kind != QCOW2_KIND_HOLE && map.kind != QCOW2_KIND_MISS &&
            (map.kind != QCOW2_KIND_ZERO || (map.entry & QCOW2_OFFSET) != 0))
            return 1;
        offset += map.kind == QCOW2_KIND_MISS ? 0 : map.run;
    }
    return 0;
}

/* What is behind the new end in its cluster must be zero when it comes back. */
static int
clear_tail(Qcow2 *q, guint64 bytes)
{
    guint64 end =
        (bytes + q->cluster_size - 1) / q->cluster_size * q->cluster_size;
    gsize len = (gsize) (MIN(end, q->h.size) - bytes);
    g_autofree guint8 *zeros = g_try_malloc0(len + 1);
    struct iovec iov = {zeros, len};
    BlockVec vec = {.iov = &iov, .n = 1};

    if (zeros == NULL)
        return -ENOMEM;
    return len > 0 ? qcow2_write(q, &vec, bytes, len) : 0;
}

static bool
shrink_to(Qcow2 *q, guint64 bytes, GError **error)
{
    guint64 end =
        (bytes + q->cluster_size - 1) / q->cluster_size * q->cluster_size;

    g_mutex_lock(&q->lock);
    int rc = is_used_behind(q, end);
    g_mutex_unlock(&q->lock);
    if (rc == 1)
        return qcow2_refuse(q, error,
                            "has data behind the new end; shrink the file "
                            "systems in it first and let the guest discard "
                            "what they leave free");
    if (q->h.n_snapshots > 0)
        return qcow2_refuse(q, error,
                            "has snapshots, which would not fit any more; "
                            "convert it first");
    if (rc == 0)
        rc = clear_tail(q, bytes);
    if (rc == 0)
        rc = qcow2_flush(q);
    if (rc == 0)
        rc = qcow2_header_put_size(q, bytes, q->h.l1_size, q->h.l1_offset);
    return rc == 0 || sys_error(error, -rc, "cannot resize '%s'", q->path);
}

bool
qcow2_resize(Qcow2 *q, guint64 bytes, bool shrink, GError **error)
{
    if (bytes < q->h.size)
        return shrink_to(q, bytes, error);
    if (bytes == q->h.size)
        return true;
    g_mutex_lock(&q->lock);
    bool ok = grow(q, bytes, error);
    g_mutex_unlock(&q->lock);
    return ok;
}
