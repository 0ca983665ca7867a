/* vmm/block/qcow2-table.c - from a place on the disk to a place in the file.
 *
 * The L1 table is in memory as a whole. L2 tables are kept in slices of at
 * most 512 entries, as many as the disk has but not more than MAX_LOADED
 * bytes; a clock chooses which one goes. Looking up takes the leaf lock alone
 * and never waits for a disk: what is not in memory is a MISS, and the caller
 * loads it on a pool thread. */
#include "vmm/block/qcow2-internal.h"

#include <string.h>

#include "vmm/core/sysutil.h"

#define SLICE_BITS 9u          /* 512 entries, 4 KiB */
#define MAX_LOADED (32u << 20) /* bytes of slices; 256 GiB in 64 KiB clusters */
#define MIN_LOADED 64u         /* slices */
#define L1_CHUNK   64u         /* entries that are written together */

/* ---- metadata I/O ---- */

int
qcow2_pread(const Qcow2 *q, guint64 offset, void *buf, gsize len)
{
    gsize done = 0;

    while (done < len) {
        gssize n = SYS_RETRY(pread(q->fd, (guint8 *) buf + done, len - done,
                                   (off_t) (offset + done)));
        if (n < 0)
            return block_map_errno(-errno);
        if (n == 0)
            break;
        done += (gsize) n;
    }
    if (done == len)
        return 0;
    guint64 end = (q->file_bytes + q->cluster_size - 1) / q->cluster_size *
                  q->cluster_size;
    if (offset + done < q->file_bytes || offset + len > end)
        return -EIO;
    memset((guint8 *) buf + done, 0, len - done);
    return 0;
}

int
qcow2_pwrite(const Qcow2 *q, guint64 offset, const void *buf, gsize len)
{
    gsize done = 0;

    while (done < len) {
        gssize n = SYS_RETRY(pwrite(q->fd, (const guint8 *) buf + done,
                                    len - done, (off_t) (offset + done)));
        if (n <= 0)
            return n < 0 ? block_map_errno(-errno) : -EIO;
        done += (gsize) n;
    }
    return 0;
}

/* After a sync that failed nobody knows what the disk has: from then on all
 * of them fail. */
int
qcow2_sync(Qcow2 *q)
{
    if (q->failed == 0 && SYS_RETRY(fdatasync(q->fd)) < 0)
        q->failed = block_map_errno(-errno);
    return q->failed;
}

/* ---- set-up ---- */

guint64
qcow2_l1_needed(unsigned cluster_bits, guint64 size)
{
    unsigned bits = cluster_bits + cluster_bits - 3;

    return (size >> bits) + ((size & ((1ull << bits) - 1)) != 0);
}

static bool
l1_entry_ok(const Qcow2 *q, guint64 entry)
{
    guint64 offset = entry & QCOW2_OFFSET;

    if (entry == 0)
        return true;
    return (entry & QCOW2_L1_WRONG) == 0 && offset >= q->cluster_size &&
           offset % q->cluster_size == 0 &&
           offset + q->cluster_size <= q->limit;
}

bool
qcow2_tables_load(Qcow2 *q, GError **error)
{
    guint64 clusters = (q->h.size + q->cluster_size - 1) >> q->cluster_bits;
    guint32 n = q->h.l1_size;

    q->n_slices = (clusters >> q->slice_bits) + 1;
    q->l1 = g_try_new0(guint64, n + 1);
    q->l1_dirty = g_try_new0(guint32, n / L1_CHUNK / 32 + 1);
    q->slices = g_try_new0(Qcow2Slice *, q->n_slices);
    q->loaded = g_ptr_array_new();
    guint64 most = MAX(MAX_LOADED / (8u << q->slice_bits), MIN_LOADED);
    q->max_loaded = (guint) MIN(most, MAX(q->n_slices, MIN_LOADED));
    if (q->l1 == NULL || q->l1_dirty == NULL || q->slices == NULL)
        return sys_error(error, ENOMEM, "cannot keep the tables of '%s'",
                         q->path);
    int rc = qcow2_pread(q, q->h.l1_offset, q->l1, n * sizeof *q->l1);
    if (rc < 0)
        return sys_error(error, -rc, "cannot read the L1 table of '%s'",
                         q->path);
    for (guint32 i = 0; i < n; i++)
        q->l1[i] = GUINT64_FROM_BE(q->l1[i]);
    return true;
}

void
qcow2_tables_free(Qcow2 *q)
{
    for (guint i = 0; q->loaded != NULL && i < q->loaded->len; i++)
        g_free(g_ptr_array_index(q->loaded, i));
    g_clear_pointer(&q->loaded, g_ptr_array_unref);
    g_clear_pointer(&q->slices, g_free);
    g_clear_pointer(&q->l1, g_free);
    g_clear_pointer(&q->l1_dirty, g_free);
}

/* ---- looking up ---- */

Qcow2Kind
qcow2_kind(const Qcow2 *q, guint64 entry)
{
    guint64 host = entry & QCOW2_OFFSET;

    if (entry == 0)
        return QCOW2_KIND_HOLE;
    if (entry & QCOW2_COMPRESSED) {
        guint64 offset;
        gsize len;
        qcow2_packed_place(q, entry, &offset, &len);
        bool ok = (entry & QCOW2_COPIED) == 0 && offset >= q->cluster_size &&
                  len <= q->limit && offset <= q->limit - len;
        return ok ? QCOW2_KIND_PACKED : QCOW2_KIND_BAD;
    }
    if ((entry & QCOW2_L2_WRONG) != 0 ||
        ((entry & QCOW2_ZERO) != 0 && q->h.version < 3))
        return QCOW2_KIND_BAD;
    if (host != 0 &&
        (host % q->cluster_size != 0 || host > q->limit - q->cluster_size))
        return QCOW2_KIND_BAD;
    if (entry & QCOW2_ZERO)
        return QCOW2_KIND_ZERO;
    return host != 0                     ? QCOW2_KIND_DATA
           : (entry & QCOW2_COPIED) != 0 ? QCOW2_KIND_BAD
                                         : QCOW2_KIND_HOLE;
}

/* map_lock held. False: not in memory. */
static bool
get_entry(Qcow2 *q, guint64 cluster, guint64 *ret_entry)
{
    guint64 index = cluster >> q->slice_bits;
    Qcow2Slice *slice = q->slices[index];

    if (slice != NULL) {
        slice->used = true;
        *ret_entry = slice->entries[cluster & ((1u << q->slice_bits) - 1)];
        return true;
    }
    *ret_entry = 0;
    return q->l1[cluster >> q->l2_bits] == 0;
}

void
qcow2_lookup(Qcow2 *q, guint64 offset, gsize len, Qcow2Map *ret_map)
{
    guint64 cluster = offset >> q->cluster_bits, entry;
    gsize inside = (gsize) (offset & (q->cluster_size - 1));
    Qcow2Map map = {.kind = QCOW2_KIND_MISS, .run = q->cluster_size - inside};

    if (get_entry(q, cluster, &entry)) {
        map.kind = qcow2_kind(q, entry);
        map.entry = entry;
    }
    if (map.kind == QCOW2_KIND_DATA) {
        map.host = (entry & QCOW2_OFFSET) + inside;
        map.copied = (entry & QCOW2_COPIED) != 0;
    }
    /* compressed clusters are taken one by one */
    while (map.run < len && map.kind != QCOW2_KIND_PACKED &&
           map.kind != QCOW2_KIND_MISS) {
        if (!get_entry(q, ++cluster, &entry) ||
            qcow2_kind(q, entry) != map.kind)
            break;
        if (map.kind == QCOW2_KIND_DATA &&
            ((entry & QCOW2_OFFSET) != map.host + map.run ||
             ((entry & QCOW2_COPIED) != 0) != map.copied))
            break;
        map.run += q->cluster_size;
    }
    map.run = MIN(map.run, len);
    *ret_map = map;
}

guint
qcow2_use_begin(Qcow2 *q)
{
    guint token = q->age & 1;

    __atomic_add_fetch(&q->in_flight[token], 1, __ATOMIC_ACQ_REL);
    return token;
}

void
qcow2_use_end(Qcow2 *q, guint token)
{
    __atomic_sub_fetch(&q->in_flight[token & 1], 1, __ATOMIC_ACQ_REL);
}

void
qcow2_mark_corrupt(Qcow2 *q)
{
    if (__atomic_exchange_n(&q->corrupt, true, __ATOMIC_ACQ_REL) ||
        !q->writable)
        return;
    /* best effort: the flag in memory already stops all writing */
    (void) qcow2_header_set_bits(q, QCOW2_CORRUPT, 0);
}

/* ---- slices ---- */

static guint64
slice_offset(const Qcow2 *q, guint64 index)
{
    unsigned per_table = q->l2_bits - q->slice_bits;
    guint64 in_table = index & ((1u << per_table) - 1);

    return (q->l1[index >> per_table] & QCOW2_OFFSET) +
           (in_table * 8 << q->slice_bits);
}

/* lock and map_lock held. False when all are dirty. */
static bool
evict_one(Qcow2 *q)
{
    for (guint tries = 0; tries < 2 * q->loaded->len; tries++) {
        q->hand = (q->hand + 1) % q->loaded->len;
        Qcow2Slice *slice = g_ptr_array_index(q->loaded, q->hand);
        bool keep = slice->dirty || slice->used;
        slice->used = false;
        if (keep)
            continue;
        q->slices[slice->index] = NULL;
        g_ptr_array_remove_index_fast(q->loaded, q->hand);
        g_free(slice);
        return true;
    }
    return false;
}

static void
insert_slice(Qcow2 *q, Qcow2Slice *slice)
{
    g_mutex_lock(&q->map_lock);
    if (q->loaded->len >= q->max_loaded)
        (void) evict_one(q); /* then it is one more, until the next commit */
    q->slices[slice->index] = slice;
    g_ptr_array_add(q->loaded, slice);
    g_mutex_unlock(&q->map_lock);
}

int
qcow2_slice_load(Qcow2 *q, guint64 offset, Qcow2Slice **ret_slice)
{
    guint64 cluster = offset >> q->cluster_bits;
    guint64 index = cluster >> q->slice_bits;
    gsize n = (gsize) 1 << q->slice_bits;
    guint64 table = q->l1[cluster >> q->l2_bits];

    *ret_slice = q->slices[index];
    if (*ret_slice != NULL)
        return 0;
    if (!l1_entry_ok(q, table)) {
        qcow2_mark_corrupt(q);
        return -EIO;
    }
    Qcow2Slice *slice = g_try_malloc0(sizeof *slice + n * 8);
    if (slice == NULL)
        return -EIO;
    slice->index = (guint32) index;
    slice->used = true;
    int rc = table == 0 ? 0
                        : qcow2_pread(q, slice_offset(q, index), slice->entries,
                                      n * 8);
    if (rc < 0) {
        g_free(slice);
        return rc;
    }
    for (gsize i = 0; i < n; i++)
        slice->entries[i] = GUINT64_FROM_BE(slice->entries[i]);
    insert_slice(q, slice);
    *ret_slice = slice;
    return 0;
}

static void
set_l1(Qcow2 *q, guint64 i, guint64 entry)
{
    g_mutex_lock(&q->map_lock);
    q->l1[i] = entry;
    g_mutex_unlock(&q->map_lock);
    q->l1_dirty[i / L1_CHUNK / 32] |= 1u << (i / L1_CHUNK % 32);
    q->any_l1_dirty = true;
    __atomic_store_n(&q->dirty, true, __ATOMIC_RELEASE);
}

/* A table of our own in a new cluster: empty, or a copy of the one that a
 * snapshot also has. It is whole on the disk before L1 points to it, because
 * qcow2_commit() syncs in between. */
static int
own_table(Qcow2 *q, guint64 i)
{
    guint64 old = q->l1[i] & QCOW2_OFFSET, cluster = 0;
    g_autofree guint8 *data = g_try_malloc0(q->cluster_size);

    if (!l1_entry_ok(q, q->l1[i])) {
        qcow2_mark_corrupt(q);
        return -EIO;
    }
    if (data == NULL)
        return -EIO;
    int rc = old == 0 ? 0 : qcow2_pread(q, old, data, q->cluster_size);
    if (rc == 0)
        rc = qcow2_alloc_exactly(q, 1, &cluster);
    if (rc < 0)
        return rc;
    rc = qcow2_pwrite(q, cluster << q->cluster_bits, data, q->cluster_size);
    if (rc < 0) {
        qcow2_unalloc(q, cluster, 1);
        return rc;
    }
    /* slices that are dirty are written again, to the new place */
    set_l1(q, i, cluster << q->cluster_bits | QCOW2_COPIED);
    if (old != 0)
        qcow2_free_later(q, old >> q->cluster_bits, false);
    return 0;
}

int
qcow2_slice_for_write(Qcow2 *q, guint64 offset, Qcow2Slice **ret_slice)
{
    guint64 i = offset >> q->cluster_bits >> q->l2_bits;

    if (q->n_dirty > q->max_loaded / 2) {
        int rc = qcow2_commit(q);
        if (rc < 0)
            return rc;
    }
    if ((q->l1[i] & QCOW2_COPIED) == 0) {
        int rc = own_table(q, i);
        if (rc < 0)
            return rc;
    }
    return qcow2_slice_load(q, offset, ret_slice);
}

void
qcow2_slice_set(Qcow2 *q, Qcow2Slice *slice, unsigned i, guint64 entry)
{
    g_mutex_lock(&q->map_lock);
    slice->entries[i] = entry;
    g_mutex_unlock(&q->map_lock);
    if (!slice->dirty)
        q->n_dirty++;
    slice->dirty = true;
    __atomic_store_n(&q->dirty, true, __ATOMIC_RELEASE);
}

static int
write_slice(Qcow2 *q, Qcow2Slice *slice)
{
    gsize n = (gsize) 1 << q->slice_bits;
    guint64 out[1 << SLICE_BITS];

    for (gsize i = 0; i < n; i++)
        out[i] = GUINT64_TO_BE(slice->entries[i]);
    int rc = qcow2_pwrite(q, slice_offset(q, slice->index), out, n * 8);
    if (rc == 0) {
        slice->dirty = false;
        q->n_dirty--;
    }
    return rc;
}

static int
write_l1_chunk(Qcow2 *q, guint32 chunk)
{
    guint32 first = chunk * L1_CHUNK;
    guint32 n = MIN(L1_CHUNK, q->h.l1_size - first);
    guint64 out[L1_CHUNK];

    for (guint32 i = 0; i < n; i++)
        out[i] = GUINT64_TO_BE(q->l1[first + i]);
    return qcow2_pwrite(q, q->h.l1_offset + first * 8ull, out, n * 8);
}

int
qcow2_tables_write(Qcow2 *q)
{
    for (guint i = 0; q->n_dirty > 0 && i < q->loaded->len; i++) {
        Qcow2Slice *slice = g_ptr_array_index(q->loaded, i);
        int rc = slice->dirty ? write_slice(q, slice) : 0;
        if (rc < 0)
            return rc;
    }
    if (!q->any_l1_dirty)
        return 0;
    for (guint32 c = 0; c * L1_CHUNK < q->h.l1_size; c++) {
        if ((q->l1_dirty[c / 32] >> (c % 32) & 1) == 0)
            continue;
        int rc = write_l1_chunk(q, c);
        if (rc < 0)
            return rc;
        q->l1_dirty[c / 32] &= ~(1u << (c % 32));
    }
    q->any_l1_dirty = false;
    return 0;
}
