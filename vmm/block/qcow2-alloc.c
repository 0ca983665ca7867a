/* vmm/block/qcow2-alloc.c - taking and giving back clusters, and the order in
 * which metadata reaches the disk.
 *
 * Changes collect in memory. qcow2_commit() writes the refcounts, syncs (guest
 * data and copied tables with them), writes L2 and L1 entries, syncs, and only
 * then lowers refcounts of what is no longer used. So whenever the process or
 * the power ends, every entry on the disk points to a cluster that is whole
 * and counted; the worst that stays is a cluster counted and not used. */
#include "vmm/block/qcow2-internal.h"

#include <unistd.h>

#include "vmm/core/sysutil.h"

#define GROW_LEAST (1u << 20) /* bytes */
#define GROW_MOST  (64u << 20)
#define MAX_SKIP   65536u /* counted clusters behind the end of the file */

/* ---- the file ---- */

/* Longer than needed, because each step is a system call; close cuts it. */
int
qcow2_grow_file(Qcow2 *q, guint64 end)
{
    guint64 bytes = end << q->cluster_bits;

    if (bytes <= q->grown)
        return 0;
    if (q->is_device || end > QCOW2_MAX_CLUSTERS)
        return -ENOSPC;
    guint64 step = CLAMP(bytes / 8, GROW_LEAST, GROW_MOST);
    guint64 target = (bytes + step) / q->cluster_size * q->cluster_size;
    if (SYS_RETRY(ftruncate(q->fd, (off_t) target)) < 0) {
        target = bytes;
        if (SYS_RETRY(ftruncate(q->fd, (off_t) target)) < 0)
            return block_map_errno(-errno);
    }
    q->grown = target;
    g_mutex_lock(&q->map_lock);
    q->limit = MAX(q->limit, target);
    g_mutex_unlock(&q->map_lock);
    return 0;
}

/* ---- taking ---- */

/* Clusters below the end that nobody uses; *ret_n 0: there are none. */
static int
find_free(Qcow2 *q, guint64 want, guint64 *ret_first, guint64 *ret_n)
{
    guint64 c = q->hint, n = 0;

    *ret_n = 0;
    while (c < q->end && n < want) {
        guint64 count, block = c >> q->block_bits;
        if (block >= q->n_reftable || q->reftable[block] == 0) {
            if (n > 0)
                break;
            c = (block + 1) << q->block_bits; /* no block: not worth one */
            continue;
        }
        int rc = qcow2_refcount_get(q, c, &count);
        if (rc < 0)
            return rc;
        if (count != 0 && n > 0)
            break;
        n = count == 0 ? n + 1 : 0;
        c++;
    }
    q->hint = MIN(c, q->end);
    *ret_first = c - n;
    *ret_n = n;
    return 0;
}

/* Where clusters at the end of the file may be taken, and how many of them
 * share a refcount block. */
static int
find_end(Qcow2 *q, guint64 *ret_first, guint64 *ret_n)
{
    guint64 c = q->end;

    for (unsigned skipped = 0; skipped < MAX_SKIP; skipped++) {
        guint64 count = 0;
        int rc = qcow2_refblock_ensure(q, &c);
        if (rc == 0)
            rc = qcow2_refcount_get(q, c, &count);
        if (rc < 0)
            return rc;
        if (count == 0) {
            *ret_first = c;
            *ret_n = (((c >> q->block_bits) + 1) << q->block_bits) - c;
            return 0;
        }
        c++;
    }
    return -EIO;
}

static int
count_all(Qcow2 *q, guint64 first, guint64 n, guint64 value)
{
    int rc = 0;

    for (guint64 i = 0; rc == 0 && i < n; i++)
        rc = qcow2_refcount_set(q, first + i, value);
    return rc;
}

static int
take_at_end(Qcow2 *q, guint64 want, guint64 *ret_first, guint64 *ret_n)
{
    guint64 n;
    int rc = find_end(q, ret_first, &n);

    if (rc < 0)
        return rc;
    *ret_n = MIN(n, want);
    rc = qcow2_grow_file(q, *ret_first + *ret_n);
    if (rc == 0)
        rc = count_all(q, *ret_first, *ret_n, 1);
    if (rc == 0)
        q->end = *ret_first + *ret_n;
    return rc;
}

int
qcow2_alloc(Qcow2 *q, guint64 want, guint64 *ret_first, guint64 *ret_n,
            bool *ret_fresh)
{
    int rc = find_free(q, want, ret_first, ret_n);

    *ret_fresh = false;
    if (rc < 0)
        return rc;
    if (*ret_n > 0)
        return count_all(q, *ret_first, *ret_n, 1);
    *ret_fresh = !q->is_device;
    return take_at_end(q, want, ret_first, ret_n);
}

int
qcow2_alloc_exactly(Qcow2 *q, guint64 n, guint64 *ret_first)
{
    guint64 first = 0, have = 0;
    bool fresh;

    if (n == 1)
        return qcow2_alloc(q, 1, ret_first, &have, &fresh);
    while (have < n) {
        guint64 at, got;
        int rc = take_at_end(q, n - have, &at, &got);
        if (rc < 0) {
            qcow2_unalloc(q, first, have);
            return rc;
        }
        if (have > 0 && at != first + have) { /* a block came in between */
            qcow2_unalloc(q, first, have);
            have = 0;
        }
        if (have == 0)
            first = at;
        have += got;
    }
    *ret_first = first;
    return 0;
}

void
qcow2_unalloc(Qcow2 *q, guint64 first, guint64 n)
{
    /* an error leaves them counted: a leak */
    if (n > 0 && count_all(q, first, n, 0) == 0)
        q->hint = MIN(q->hint, first);
}

/* ---- giving back ---- */

void
qcow2_free_later(Qcow2 *q, guint64 cluster, bool is_data)
{
    const Qcow2Free f = {cluster, q->age, is_data};

    g_array_append_val(q->frees, f);
    __atomic_store_n(&q->dirty, true, __ATOMIC_RELEASE);
}

void
qcow2_free_entry_later(Qcow2 *q, guint64 entry)
{
    guint64 host = entry & QCOW2_OFFSET;
    gsize len = q->cluster_size;

    if (entry & QCOW2_COMPRESSED)
        qcow2_packed_place(q, entry, &host, &len);
    if (host == 0)
        return;
    guint64 last = (host + len - 1) >> q->cluster_bits;
    for (guint64 c = host >> q->cluster_bits; c <= last; c++)
        qcow2_free_later(q, c, true);
}

static int
lower_refcount(Qcow2 *q, const Qcow2Free *f)
{
    guint64 count;
    int rc = qcow2_refcount_get(q, f->cluster, &count);

    if (rc < 0)
        return rc;
    if (count == 0) { /* checked at open, so somebody else wrote to the file */
        qcow2_mark_corrupt(q);
        return -EIO;
    }
    rc = qcow2_refcount_set(q, f->cluster, count - 1);
    if (rc < 0 || count > 1)
        return rc;
    q->hint = MIN(q->hint, f->cluster);
    if (f->cluster == q->pack_at >> q->cluster_bits)
        q->pack_at = 0; /* somebody else may take it */
    if (f->is_data)     /* a file system without holes keeps the room */
        (void) block_raw_driver.discard(q->file, f->cluster << q->cluster_bits,
                                        q->cluster_size);
    return 0;
}

static void
advance_age(Qcow2 *q)
{
    g_mutex_lock(&q->map_lock);
    guint previous = (q->age + 1) & 1;
    if (__atomic_load_n(&q->in_flight[previous], __ATOMIC_ACQUIRE) == 0)
        q->age++;
    g_mutex_unlock(&q->map_lock);
}

/* The disk no longer has a way to these clusters. A request that looked
 * before is still in flight when its age is the present or the one before. */
static int
process_frees(Qcow2 *q)
{
    guint kept = 0;
    int rc = 0;

    if (q->frees->len == 0)
        return 0;
    advance_age(q);
    advance_age(q);
    for (guint i = 0; i < q->frees->len; i++) {
        Qcow2Free f = g_array_index(q->frees, Qcow2Free, i);
        if (rc == 0 && q->age - f.age >= 2)
            rc = lower_refcount(q, &f);
        else
            g_array_index(q->frees, Qcow2Free, kept++) = f;
    }
    g_array_set_size(q->frees, kept);
    return rc;
}

int
qcow2_commit(Qcow2 *q)
{
    bool freed = q->frees->len > 0;
    int rc = qcow2_refblocks_write(q);

    if (rc == 0)
        rc = qcow2_sync(q);
    if (rc == 0 && (q->n_dirty > 0 || q->any_l1_dirty)) {
        rc = qcow2_tables_write(q);
        if (rc == 0)
            rc = qcow2_sync(q);
    }
    if (rc < 0)
        return rc;
    __atomic_store_n(&q->dirty, freed, __ATOMIC_RELEASE);
    return process_frees(q);
}

/* ---- one allocation at a time for a guest cluster ---- */

static bool
is_busy(const Qcow2 *q, guint64 first, guint64 n)
{
    for (const Qcow2Busy *b = q->busy; b != NULL; b = b->next)
        if (first < b->first + b->n && b->first < first + n)
            return true;
    return false;
}

void
qcow2_busy_wait(Qcow2 *q, guint64 first, guint64 n, bool *ret_waited)
{
    *ret_waited = is_busy(q, first, n);
    while (is_busy(q, first, n))
        g_cond_wait(&q->idle, &q->lock);
}

void
qcow2_busy_begin(Qcow2 *q, Qcow2Busy *busy)
{
    busy->next = q->busy;
    q->busy = busy;
}

void
qcow2_busy_end(Qcow2 *q, Qcow2Busy *busy)
{
    Qcow2Busy **at = &q->busy;

    while (*at != busy)
        at = &(*at)->next;
    *at = busy->next;
    g_cond_broadcast(&q->idle);
}
