/* vmm/block/qcow2-io.c - the guest's requests, on pool threads.
 *
 * What lies in clusters that are there and ours alone does not come here but
 * goes through the ring (qcow2_ring_map() in qcow2.c). A write that needs new
 * clusters takes them under the lock, writes data and what surrounds it
 * without, and links them under the lock; other requests for the same clusters
 * wait meanwhile. */
#include "vmm/block/qcow2-internal.h"

#include <string.h>

#include "vmm/core/sysutil.h"

#define MAX_RUN (2u << 20) /* bytes that one allocation may cover */

/* ---- reading ---- */

static int
file_transfer(Qcow2 *q, BlockOp op, BlockVec *vec, guint64 host, gsize len)
{
    return block_raw_driver.transfer(q->file, op, vec, host, len);
}

/* The part behind the end of the backing image is zeros. */
static int
read_backing(Qcow2 *q, BlockVec *vec, guint64 offset, gsize len)
{
    guint64 there = offset < q->backing_bytes ? q->backing_bytes - offset : 0;
    gsize part = (gsize) MIN(len, there);
    int rc = 0;

    if (q->backing_driver != NULL && part > 0)
        rc = q->backing_driver->transfer(q->backing, BLOCK_READ, vec, offset,
                                         part);
    else
        part = 0;
    if (rc == 0 && part < len)
        block_vec_zero(vec, len - part);
    return rc;
}

static int
load_missing(Qcow2 *q, guint64 offset)
{
    Qcow2Slice *slice;

    g_mutex_lock(&q->lock);
    int rc = qcow2_slice_load(q, offset, &slice);
    g_mutex_unlock(&q->lock);
    return rc;
}

static int
read_mapped(Qcow2 *q, const Qcow2Map *map, BlockVec *vec, guint64 offset)
{
    gsize inside = (gsize) (offset & (q->cluster_size - 1));

    switch (map->kind) {
    case QCOW2_KIND_HOLE: return read_backing(q, vec, offset, map->run);
    case QCOW2_KIND_ZERO: block_vec_zero(vec, map->run); return 0;
    case QCOW2_KIND_DATA:
        return file_transfer(q, BLOCK_READ, vec, map->host, map->run);
    case QCOW2_KIND_PACKED:
        return qcow2_packed_read(q, map->entry, inside, vec, map->run);
    case QCOW2_KIND_BAD:
    case QCOW2_KIND_MISS:
    default: qcow2_mark_corrupt(q); return -EIO;
    }
}

int
qcow2_read(Qcow2 *q, BlockVec *vec, guint64 offset, gsize len)
{
    while (len > 0) {
        Qcow2Map map;
        int rc;
        g_mutex_lock(&q->map_lock);
        qcow2_lookup(q, offset, len, &map);
        guint token = qcow2_use_begin(q);
        g_mutex_unlock(&q->map_lock);
        if (map.kind == QCOW2_KIND_MISS) {
            map.run = 0;
            rc = load_missing(q, offset);
        } else {
            rc = read_mapped(q, &map, vec, offset);
        }
        qcow2_use_end(q, token);
        if (rc < 0)
            return rc;
        offset += map.run;
        len -= map.run;
    }
    return 0;
}

/* ---- writing ---- */

typedef struct {
    Qcow2Busy busy; /* the guest clusters */
    guint64 offset; /* bytes of the disk */
    gsize len;
    guint64 host; /* first new cluster, bytes */
    bool fresh;   /* new clusters read as zeros */
} NewRun;

/* lock held. Guest clusters from first on, at most n, that need a place. */
static guint64
count_placeless(const Qcow2 *q, const Qcow2Slice *slice, guint64 first,
                guint64 n)
{
    guint64 i = 0;

    for (; i < n; i++) {
        guint64 at = (first + i) & ((1u << q->slice_bits) - 1);
        guint64 entry = slice->entries[at];
        if (qcow2_kind(q, entry) == QCOW2_KIND_BAD ||
            (qcow2_kind(q, entry) == QCOW2_KIND_DATA &&
             (entry & QCOW2_COPIED) != 0))
            break;
    }
    return i;
}

/* lock held. 1: the map has changed, look again. */
static int
plan_run(Qcow2 *q, guint64 offset, gsize len, NewRun *ret)
{
    guint64 first = offset >> q->cluster_bits, n, host;
    guint64 in_slice = (1u << q->slice_bits) - 1;
    guint64 last = (offset + len - 1) >> q->cluster_bits;
    Qcow2Slice *slice;
    bool waited;

    n = MIN(last - first + 1, in_slice + 1 - (first & in_slice));
    n = MIN(n, MAX(MAX_RUN >> q->cluster_bits, 1));
    qcow2_busy_wait(q, first, n, &waited);
    if (waited)
        return 1;
    int rc = qcow2_slice_for_write(q, offset, &slice);
    if (rc < 0)
        return rc;
    if (qcow2_kind(q, slice->entries[first & in_slice]) == QCOW2_KIND_BAD) {
        qcow2_mark_corrupt(q);
        return -EIO;
    }
    n = count_placeless(q, slice, first, n);
    if (n == 0)
        return 1;
    rc = qcow2_alloc(q, n, &host, &n, &ret->fresh);
    if (rc < 0)
        return rc;
    ret->busy = (Qcow2Busy){.first = first, .n = n};
    ret->offset = offset;
    ret->host = host << q->cluster_bits;
    ret->len = (gsize) MIN(len, ((first + n) << q->cluster_bits) - offset);
    qcow2_busy_begin(q, &ret->busy);
    return 0;
}

/* Whether new clusters that read as zeros need nothing for this range. */
static bool
is_zero_already(Qcow2 *q, const NewRun *run, guint64 offset)
{
    Qcow2Map map;

    if (!run->fresh)
        return false;
    g_mutex_lock(&q->map_lock);
    qcow2_lookup(q, offset, 1, &map);
    g_mutex_unlock(&q->map_lock);
    return map.kind == QCOW2_KIND_ZERO ||
           (map.kind == QCOW2_KIND_HOLE &&
            (q->backing_driver == NULL || offset >= q->backing_bytes));
}

/* What the disk has at offset (part of one cluster) into the new cluster. */
static int
copy_old(Qcow2 *q, const NewRun *run, guint64 offset, gsize len)
{
    guint64 start = run->busy.first << q->cluster_bits;
    gsize there = 0;

    if (len == 0 || is_zero_already(q, run, offset))
        return 0;
    guint8 *mem = NULL;
    if (posix_memalign((void **) &mem, 4096, len) != 0)
        return -EIO;
    memset(mem, 0, len);
    if (offset < q->h.size) /* the last cluster may go beyond the disk */
        there = (gsize) MIN(len, q->h.size - offset);
    struct iovec iov = {mem, len};
    BlockVec vec = {.iov = &iov, .n = 1};
    int rc = there > 0 ? qcow2_read(q, &vec, offset, there) : 0;
    block_vec_init(&vec, &iov, 1, 0);
    if (rc == 0)
        rc = file_transfer(q, BLOCK_WRITE, &vec, run->host + (offset - start),
                           len);
    free(mem);
    return rc;
}

static int
fill_run(Qcow2 *q, const NewRun *run, BlockVec *vec)
{
    guint64 start = run->busy.first << q->cluster_bits;
    guint64 end = (run->busy.first + run->busy.n) << q->cluster_bits;
    gsize head = (gsize) (run->offset - start);
    guint64 tail = run->offset + run->len;
    int rc = copy_old(q, run, start, head);

    if (rc == 0)
        rc = copy_old(q, run, tail, (gsize) (end - tail));
    if (rc == 0 && vec != NULL)
        rc = file_transfer(q, BLOCK_WRITE, vec, run->host + head, run->len);
    return rc;
}

/* lock held. */
static int
link_run(Qcow2 *q, const NewRun *run)
{
    guint64 mask = (1u << q->slice_bits) - 1;
    Qcow2Slice *slice;
    int rc = qcow2_slice_load(q, run->offset, &slice);

    for (guint64 i = 0; rc == 0 && i < run->busy.n; i++) {
        unsigned at = (unsigned) ((run->busy.first + i) & mask);
        guint64 old = slice->entries[at];
        guint64 host = run->host + (i << q->cluster_bits);
        qcow2_slice_set(q, slice, at, host | QCOW2_COPIED);
        qcow2_free_entry_later(q, old);
    }
    return rc;
}

/* vec NULL: place only. *ret_done 0: look at the map again. */
static int
write_new(Qcow2 *q, BlockVec *vec, guint64 offset, gsize len, gsize *ret_done)
{
    NewRun run;

    *ret_done = 0;
    g_mutex_lock(&q->lock);
    int rc = plan_run(q, offset, len, &run);
    g_mutex_unlock(&q->lock);
    if (rc != 0)
        return MIN(rc, 0);
    rc = fill_run(q, &run, vec);
    g_mutex_lock(&q->lock);
    if (rc == 0)
        rc = link_run(q, &run);
    if (rc < 0)
        qcow2_unalloc(q, run.host >> q->cluster_bits, run.busy.n);
    qcow2_busy_end(q, &run.busy);
    g_mutex_unlock(&q->lock);
    *ret_done = run.len;
    return rc;
}

int
qcow2_check_writable(const Qcow2 *q)
{
    if (!q->writable)
        return -EROFS;
    return __atomic_load_n(&q->corrupt, __ATOMIC_ACQUIRE) ? -EIO : 0;
}

int
qcow2_write(Qcow2 *q, BlockVec *vec, guint64 offset, gsize len)
{
    int rc = qcow2_check_writable(q);

    while (rc == 0 && len > 0) {
        Qcow2Map map;
        gsize done = 0;
        g_mutex_lock(&q->map_lock);
        qcow2_lookup(q, offset, len, &map);
        guint token = qcow2_use_begin(q);
        g_mutex_unlock(&q->map_lock);
        bool in_place = map.kind == QCOW2_KIND_DATA && map.copied;
        if (in_place) {
            rc = file_transfer(q, BLOCK_WRITE, vec, map.host, map.run);
            done = map.run;
        }
        /* an allocation may commit, which must not wait for this request */
        qcow2_use_end(q, token);
        if (!in_place)
            rc = write_new(q, vec, offset, len, &done);
        offset += done;
        len -= done;
    }
    return rc;
}

int
qcow2_preallocate(Qcow2 *q, guint64 offset, guint64 len)
{
    int rc = qcow2_check_writable(q);

    while (rc == 0 && len > 0) {
        gsize done = 0, part = (gsize) MIN(len, MAX_RUN);
        rc = write_new(q, NULL, offset, part, &done);
        if (rc == 0 && done == 0)
            done = (gsize) MIN(part, q->cluster_size); /* has a place */
        offset += done;
        len -= done;
    }
    return rc;
}

/* ---- flush ---- */

int
qcow2_flush(Qcow2 *q)
{
    if (!q->writable)
        return 0;
    g_mutex_lock(&q->lock);
    int rc = q->failed;
    if (rc == 0)
        rc = qcow2_commit(q);
    g_mutex_unlock(&q->lock);
    return rc;
}
