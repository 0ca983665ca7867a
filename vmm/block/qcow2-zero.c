/* vmm/block/qcow2-zero.c - discards, and zeros that are not written out.
 *
 * Both act on whole clusters by an entry of the tables. Zeros have to be exact,
 * so the parts of clusters at their ends are written; a discard leaves them. */
#include "vmm/block/qcow2-internal.h"

/* ---- whole clusters ---- */

/* lock held. n clusters inside one slice. exact: what cannot be understood is
 * an error, otherwise it is left alone. */
static int
drop_clusters(Qcow2 *q, guint64 first, guint64 n, bool exact)
{
    guint64 mask = (1u << q->slice_bits) - 1;
    guint64 empty = q->backing_driver != NULL ? QCOW2_ZERO : 0;
    Qcow2Slice *slice;
    bool waited;

    qcow2_busy_wait(q, first, n, &waited);
    if (q->l1[first >> q->l2_bits] == 0 && empty == 0)
        return 0;
    int rc = qcow2_slice_for_write(q, first << q->cluster_bits, &slice);
    for (guint64 i = 0; rc == 0 && i < n; i++) {
        unsigned at = (unsigned) ((first + i) & mask);
        guint64 old = slice->entries[at];
        bool bad = qcow2_kind(q, old) == QCOW2_KIND_BAD;
        if (bad && exact) {
            qcow2_mark_corrupt(q);
            return -EIO;
        }
        if (old == empty || bad)
            continue;
        qcow2_slice_set(q, slice, at, empty);
        qcow2_free_entry_later(q, old);
    }
    return rc;
}

/* Clusters of the disk from first up to end. */
static int
empty_clusters(Qcow2 *q, guint64 first, guint64 end, bool exact)
{
    guint64 mask = (1u << q->slice_bits) - 1;
    int rc = 0;

    while (rc == 0 && first < end) {
        guint64 n = MIN(end - first, mask + 1 - (first & mask));
        g_mutex_lock(&q->lock);
        rc = drop_clusters(q, first, n, exact);
        g_mutex_unlock(&q->lock);
        first += n;
    }
    return rc;
}

static guint64
clusters_up(const Qcow2 *q, guint64 bytes)
{
    return (bytes + q->cluster_size - 1) >> q->cluster_bits;
}

/* Version 2 cannot say "zeros" over a backing image. */
static bool
can_be_emptied(const Qcow2 *q)
{
    return q->h.version >= 3 || q->backing_driver == NULL;
}

int
qcow2_discard(Qcow2 *q, guint64 offset, guint64 len)
{
    guint64 first = clusters_up(q, offset);
    guint64 end = (offset + len) >> q->cluster_bits;
    int rc = qcow2_check_writable(q);

    if (offset + len == q->h.size)
        end = clusters_up(q, q->h.size);
    if (rc == 0 && can_be_emptied(q))
        rc = empty_clusters(q, first, end, false);
    return rc;
}

/* ---- zeros ---- */

/* Bytes of map, at offset, that read as zeros without the file. */
static gsize
run_of_zeros(const Qcow2 *q, const Qcow2Map *map, guint64 offset)
{
    if (map->kind == QCOW2_KIND_ZERO)
        return map->run;
    if (map->kind != QCOW2_KIND_HOLE)
        return 0;
    return q->backing_driver == NULL || offset >= q->backing_bytes ? map->run
                                                                   : 0;
}

static int
transfer(gpointer image, BlockOp op, BlockVec *vec, guint64 offset, gsize len)
{
    return qcow2_write(image, vec, offset, len);
}

/* One run of what is alike. whole: it consists of clusters that the tables can
 * call zeros. What has a place of its own keeps it and is zeroed there. */
static int
zero_run(Qcow2 *q, guint64 offset, guint64 len, bool whole, guint64 *ret_done)
{
    Qcow2Map map;
    Qcow2Slice *slice;
    int rc = 0;

    g_mutex_lock(&q->map_lock);
    qcow2_lookup(q, offset, (gsize) MIN(len, G_MAXSSIZE), &map);
    guint token = qcow2_use_begin(q);
    g_mutex_unlock(&q->map_lock);
    bool in_place = map.kind == QCOW2_KIND_DATA && map.copied;
    if (in_place)
        rc = block_raw_driver.write_zeroes(q->file, map.host, map.run, false);
    /* an allocation may commit, which must not wait for this request */
    qcow2_use_end(q, token);
    *ret_done = map.run;
    if (in_place || run_of_zeros(q, &map, offset) > 0)
        return rc;
    if (map.kind == QCOW2_KIND_MISS) {
        *ret_done = 0;
        g_mutex_lock(&q->lock);
        rc = qcow2_slice_load(q, offset, &slice);
        g_mutex_unlock(&q->lock);
        return rc;
    }
    if (whole)
        return empty_clusters(q, offset >> q->cluster_bits,
                              clusters_up(q, offset + map.run), true);
    if (map.kind == QCOW2_KIND_HOLE && offset < q->backing_bytes)
        *ret_done = MIN(map.run, q->backing_bytes - offset);
    return block_fill_zeros(transfer, q, offset, *ret_done);
}

static int
zero_runs(Qcow2 *q, guint64 offset, guint64 len, bool whole)
{
    int rc = 0;

    while (rc == 0 && len > 0) {
        guint64 done = 0;
        rc = zero_run(q, offset, len, whole, &done);
        offset += done;
        len -= done;
    }
    return rc;
}

int
qcow2_write_zeroes(Qcow2 *q, guint64 offset, guint64 len, bool unmap)
{
    guint64 mask = q->cluster_size - 1, end = offset + len;
    guint64 head = MIN((offset + mask) & ~mask, end);
    /* the disk's last cluster ends with the disk */
    guint64 tail = end == q->h.size ? end : MAX(end & ~mask, head);
    bool whole = can_be_emptied(q);
    int rc = qcow2_check_writable(q);

    if (rc == 0)
        rc = zero_runs(q, offset, head - offset, false);
    if (rc == 0 && unmap && whole && head < tail)
        rc = empty_clusters(q, head >> q->cluster_bits, clusters_up(q, tail),
                            true);
    else if (rc == 0)
        rc = zero_runs(q, head, tail - head, whole);
    if (rc == 0)
        rc = zero_runs(q, tail, end - tail, false);
    return rc;
}
