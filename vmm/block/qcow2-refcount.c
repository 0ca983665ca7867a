/* vmm/block/qcow2-refcount.c - how often each cluster of the file is used.
 *
 * Refcount blocks are loaded when they are needed; a bounded number stays.
 * All widths from 1 to 64 bits are read and written. Blocks and the table
 * only ever grow at the end of the file. */
#include "vmm/block/qcow2-internal.h"

#include <string.h>

#include "vmm/core/sysutil.h"

#define MAX_BLOCK_BYTES (8u << 20)
#define MIN_BLOCKS      16u

guint64
qcow2_refcount_in(const guint8 *block, unsigned order, guint64 i)
{
    guint16 half;
    guint32 word;
    guint64 wide;

    switch (order) {
    case 3: return block[i];
    case 4: memcpy(&half, block + i * 2, 2); return GUINT16_FROM_BE(half);
    case 5: memcpy(&word, block + i * 4, 4); return GUINT32_FROM_BE(word);
    case 6: memcpy(&wide, block + i * 8, 8); return GUINT64_FROM_BE(wide);
    default: break;
    }
    unsigned bits = 1u << order; /* several in a byte, the low bits first */
    unsigned shift = (unsigned) (i * bits % 8);
    return block[i * bits / 8] >> shift & ((1u << bits) - 1);
}

void
qcow2_refcount_put(guint8 *block, unsigned order, guint64 i, guint64 n)
{
    guint16 half = GUINT16_TO_BE((guint16) n);
    guint32 word = GUINT32_TO_BE((guint32) n);
    guint64 wide = GUINT64_TO_BE(n);

    switch (order) {
    case 3: block[i] = (guint8) n; return;
    case 4: memcpy(block + i * 2, &half, 2); return;
    case 5: memcpy(block + i * 4, &word, 4); return;
    case 6: memcpy(block + i * 8, &wide, 8); return;
    default: break;
    }
    unsigned bits = 1u << order;
    unsigned shift = (unsigned) (i * bits % 8);
    guint8 mask = (guint8) (((1u << bits) - 1) << shift);
    guint8 *at = &block[i * bits / 8];
    *at = (guint8) ((*at & ~mask) | (n << shift & mask));
}

static void
block_free(gpointer data)
{
    Qcow2RefBlock *block = data;

    g_free(block->data);
    g_free(block);
}

bool
qcow2_reftable_load(Qcow2 *q, GError **error)
{
    gsize bytes = (gsize) q->h.reftable_clusters << q->cluster_bits;

    q->n_reftable = (guint32) (bytes / 8);
    q->reftable = g_try_malloc(bytes);
    q->blocks =
        g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, block_free);
    q->frees = g_array_new(FALSE, FALSE, sizeof(Qcow2Free));
    int rc = q->reftable == NULL
                 ? -ENOMEM
                 : qcow2_pread(q, q->h.reftable_offset, q->reftable, bytes);
    if (rc < 0)
        return sys_error(error, -rc, "cannot read the refcount table of '%s'",
                         q->path);
    for (guint32 i = 0; i < q->n_reftable; i++)
        q->reftable[i] = GUINT64_FROM_BE(q->reftable[i]);
    return true;
}

void
qcow2_refblocks_free(Qcow2 *q)
{
    g_clear_pointer(&q->blocks, g_hash_table_unref);
    g_clear_pointer(&q->frees, g_array_unref);
    g_clear_pointer(&q->reftable, g_free);
    q->reftable_dirty = false;
}

static void
forget_one_block(Qcow2 *q)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, q->blocks);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((Qcow2RefBlock *) value)->dirty)
            continue;
        g_hash_table_iter_remove(&iter);
        return;
    }
}

static Qcow2RefBlock *
add_block(Qcow2 *q, guint64 index)
{
    guint8 *data = g_try_malloc0(q->cluster_size);

    if (data == NULL)
        return NULL;
    if (g_hash_table_size(q->blocks) >=
        MAX(MIN_BLOCKS, MAX_BLOCK_BYTES >> q->cluster_bits))
        forget_one_block(q);
    Qcow2RefBlock *block = g_new(Qcow2RefBlock, 1);
    *block = (Qcow2RefBlock){.index = (guint32) index, .data = data};
    g_hash_table_insert(q->blocks, GUINT_TO_POINTER(index), block);
    return block;
}

/* *ret_block NULL: the table has none there. */
static int
load_block(Qcow2 *q, guint64 index, Qcow2RefBlock **ret_block)
{
    *ret_block = NULL;
    if (index >= q->n_reftable || q->reftable[index] == 0)
        return 0;
    *ret_block = g_hash_table_lookup(q->blocks, GUINT_TO_POINTER(index));
    if (*ret_block != NULL)
        return 0;
    guint64 offset = q->reftable[index];
    if (offset % q->cluster_size != 0 || offset < q->cluster_size ||
        offset > q->limit - q->cluster_size)
        return -EIO;
    Qcow2RefBlock *block = add_block(q, index);
    if (block == NULL)
        return -EIO;
    int rc = qcow2_pread(q, offset, block->data, q->cluster_size);
    if (rc < 0)
        g_hash_table_remove(q->blocks, GUINT_TO_POINTER(index));
    else
        *ret_block = block;
    return rc;
}

int
qcow2_refcount_get(Qcow2 *q, guint64 cluster, guint64 *ret_n)
{
    Qcow2RefBlock *block;
    int rc = load_block(q, cluster >> q->block_bits, &block);

    if (rc == 0)
        *ret_n =
            block == NULL
                ? 0
                : qcow2_refcount_in(block->data, q->h.refcount_order,
                                    cluster & ((1ull << q->block_bits) - 1));
    return rc;
}

int
qcow2_refcount_set(Qcow2 *q, guint64 cluster, guint64 n)
{
    Qcow2RefBlock *block;
    int rc = load_block(q, cluster >> q->block_bits, &block);

    if (rc < 0)
        return rc;
    if (block == NULL)
        return -EIO;
    qcow2_refcount_put(block->data, q->h.refcount_order,
                       cluster & ((1ull << q->block_bits) - 1), n);
    block->dirty = true;
    __atomic_store_n(&q->dirty, true, __ATOMIC_RELEASE);
    return 0;
}

/* ---- growing ---- */

bool
qcow2_refs_layout(const Qcow2 *q, guint64 at, guint64 *ret_table,
                  guint64 *ret_blocks)
{
    guint64 table = 0, blocks = 0;

    for (unsigned i = 0; i < 64; i++) {
        guint64 need = ((at + table + blocks - 1) >> q->block_bits) + 1;
        guint64 bytes = MIN((need + need / 2) * 8, QCOW2_MAX_REFTABLE);
        guint64 clusters = (bytes + q->cluster_size - 1) >> q->cluster_bits;
        if (need * 8 > QCOW2_MAX_REFTABLE)
            return false;
        if (need <= blocks && clusters <= table) {
            *ret_table = table;
            *ret_blocks = blocks;
            return true;
        }
        blocks = MAX(blocks, need); /* both only grow */
        table = MAX(table, clusters);
    }
    return false;
}

/* A larger table at cluster at, which lies behind all that the old one
 * describes, and after it the blocks for the new clusters. The header is
 * switched last. */
static int
grow_reftable(Qcow2 *q, guint64 at)
{
    guint64 first_block = at >> q->block_bits, table = 1, blocks = 1;
    guint64 last;

    for (;;) { /* both only grow, and are bounded by the table's limit */
        last = (at + table + blocks - 1) >> q->block_bits;
        guint64 bytes = (last + 1 + last / 2) * 8;
        if ((last + 1) * 8 > QCOW2_MAX_REFTABLE)
            return -ENOSPC;
        bytes = MIN(bytes, QCOW2_MAX_REFTABLE);
        guint64 t = (bytes + q->cluster_size - 1) >> q->cluster_bits;
        guint64 b = last - first_block + 1;
        if (t <= table && b <= blocks)
            break;
        table = MAX(t, table);
        blocks = MAX(b, blocks);
    }
    int rc = qcow2_refblocks_write(q); /* the new table may name them at once */
    if (rc == 0)
        rc = qcow2_grow_file(q, at + table + blocks);
    if (rc < 0)
        return rc;
    gsize n = (gsize) (table << q->cluster_bits) / 8;
    g_autofree guint64 *disk = g_try_new0(guint64, n);
    g_autofree guint64 *mem = g_try_new0(guint64, n);
    g_autofree guint8 *data = g_try_malloc(q->cluster_size);
    if (disk == NULL || mem == NULL || data == NULL)
        return -EIO;
    memcpy(mem, q->reftable, q->n_reftable * 8ull);
    for (guint64 b = 0; rc == 0 && b < blocks; b++) {
        guint64 base = (first_block + b) << q->block_bits;
        memset(data, 0, q->cluster_size);
        for (guint64 c = at; c < at + table + blocks; c++)
            if (c >= base && c - base < 1ull << q->block_bits)
                qcow2_refcount_put(data, q->h.refcount_order, c - base, 1);
        mem[first_block + b] = (at + table + b) << q->cluster_bits;
        rc = qcow2_pwrite(q, mem[first_block + b], data, q->cluster_size);
    }
    for (gsize i = 0; i < n; i++)
        disk[i] = GUINT64_TO_BE(mem[i]);
    if (rc == 0)
        rc = qcow2_pwrite(q, at << q->cluster_bits, disk, n * 8);
    if (rc == 0)
        rc = qcow2_sync(q);
    guint64 old = q->h.reftable_offset >> q->cluster_bits;
    guint32 n_old = q->h.reftable_clusters;
    if (rc == 0)
        rc = qcow2_header_put_reftable(q, at << q->cluster_bits,
                                       (guint32) table);
    if (rc < 0)
        return rc;
    g_free(q->reftable);
    q->reftable = g_steal_pointer(&mem);
    q->n_reftable = (guint32) n;
    q->reftable_dirty = false;
    q->end = at + table + blocks;
    for (guint32 i = 0; i < n_old; i++)
        qcow2_free_later(q, old + i, false);
    return 0;
}

int
qcow2_refblock_ensure(Qcow2 *q, guint64 *cluster)
{
    for (unsigned tries = 0; tries < 4; tries++) {
        guint64 index = *cluster >> q->block_bits;
        if (index >= q->n_reftable) {
            int rc = grow_reftable(q, *cluster);
            if (rc < 0)
                return rc;
            *cluster = q->end;
            continue;
        }
        if (q->reftable[index] != 0)
            return 0;
        int rc = qcow2_grow_file(q, *cluster + 1);
        Qcow2RefBlock *block = rc == 0 ? add_block(q, index) : NULL;
        if (block == NULL)
            return rc < 0 ? rc : -EIO;
        q->reftable[index] = *cluster << q->cluster_bits;
        q->reftable_dirty = true;
        rc = qcow2_refcount_set(q, *cluster, 1);
        if (rc < 0)
            return rc;
        q->end = MAX(q->end, ++*cluster);
    }
    return -EIO;
}

/* ---- writing ---- */

static int
write_table(Qcow2 *q)
{
    gsize bytes = (gsize) q->h.reftable_clusters << q->cluster_bits;
    g_autofree guint64 *out = g_try_malloc(bytes);

    if (out == NULL)
        return -EIO;
    for (guint32 i = 0; i < q->n_reftable; i++)
        out[i] = GUINT64_TO_BE(q->reftable[i]);
    return qcow2_pwrite(q, q->h.reftable_offset, out, bytes);
}

int
qcow2_refblocks_write(Qcow2 *q)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, q->blocks);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Qcow2RefBlock *block = value;
        if (!block->dirty)
            continue;
        int rc = qcow2_pwrite(q, q->reftable[block->index], block->data,
                              q->cluster_size);
        if (rc < 0)
            return rc;
        block->dirty = false;
    }
    if (!q->reftable_dirty)
        return 0;
    int rc =
        qcow2_sync(q); /* the table never names a block that is not there */
    if (rc == 0)
        rc = write_table(q);
    if (rc == 0)
        q->reftable_dirty = false;
    return rc;
}
