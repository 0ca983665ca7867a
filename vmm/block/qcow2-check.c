/* vmm/block/qcow2-check.c - who uses which cluster: a census over the header,
 * all tables, internal snapshots and compressed clusters, compared with the
 * refcounts. It changes nothing. Left out: bitmaps (their clusters are taken
 * as used). */
#include "vmm/block/qcow2-internal.h"

#include <string.h>

#define MAX_MESSAGES     20u
#define SNAPSHOT_ENTRY   40u
#define MAX_SNAPSHOT_GAP 1024u /* extra data of a snapshot, as in QEMU */

static void complain(Qcow2Census *c, bool bad, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);

static void
complain(Qcow2Census *c, bool bad, const char *fmt, ...)
{
    BlockCheck *r = c->report;
    va_list args;

    r->errors++;
    c->bad += bad;
    if (r->messages == NULL || r->n_messages++ >= MAX_MESSAGES)
        return;
    va_start(args, fmt);
    g_string_append_vprintf(r->messages, fmt, args);
    va_end(args);
    g_string_append_c(r->messages, '\n');
}

bool
qcow2_place_ok(const Qcow2 *q, guint64 offset)
{
    return offset % q->cluster_size == 0 && offset >= q->cluster_size &&
           offset <= q->limit - q->cluster_size;
}

/* Bytes from offset on are used once more. */
static void
use(Qcow2 *q, Qcow2Census *c, guint64 offset, guint64 len)
{
    if (len == 0)
        return;
    guint64 last = (offset + len - 1) >> q->cluster_bits;
    for (guint64 i = offset >> q->cluster_bits; i <= last && i < c->n; i++)
        if (c->counts[i] < G_MAXUINT16)
            c->counts[i]++;
}

/* ---- L1 and L2 ---- */

/* An entry of the active tree: COPIED says that the count is one. */
static void
check_flag(Qcow2 *q, Qcow2Census *c, const char *what, guint64 entry)
{
    guint64 host = entry & QCOW2_OFFSET, count = 0;

    if (qcow2_refcount_get(q, host >> q->cluster_bits, &count) < 0)
        return; /* the block was complained about */
    bool exclusive = (entry & QCOW2_COPIED) != 0;
    c->harmless += !exclusive && count == 1; /* a write makes a copy */
    if (exclusive != (count == 1))
        complain(c, false,
                 "%s entry 0x%" G_GINT64_MODIFIER
                 "x: the flag for exclusive use is wrong (refcount "
                 "%" G_GUINT64_FORMAT ")",
                 what, entry, count);
}

static void
count_entry(Qcow2 *q, Qcow2Census *c, guint64 entry, bool active)
{
    guint64 host = entry & QCOW2_OFFSET;
    gsize len = q->cluster_size;

    switch (qcow2_kind(q, entry)) {
    case QCOW2_KIND_PACKED:
        qcow2_packed_place(q, entry, &host, &len);
        use(q, c, host, len);
        c->report->packed += active;
        c->report->used += active;
        break;
    case QCOW2_KIND_DATA: c->report->used += active; G_GNUC_FALLTHROUGH;
    case QCOW2_KIND_ZERO:
        if (host == 0)
            break;
        use(q, c, host, len);
        if (active)
            check_flag(q, c, "L2", entry);
        break;
    case QCOW2_KIND_BAD:
        complain(c, true, "L2 entry 0x%" G_GINT64_MODIFIER "x points nowhere",
                 entry);
        break;
    case QCOW2_KIND_HOLE:
    case QCOW2_KIND_MISS:
    default: break;
    }
}

static int
count_table(Qcow2 *q, Qcow2Census *c, guint64 entry, bool active,
            guint64 *scratch)
{
    guint64 offset = entry & QCOW2_OFFSET;

    if (entry == 0)
        return 0;
    if ((entry & QCOW2_L1_WRONG) != 0 || !qcow2_place_ok(q, offset)) {
        complain(c, true, "L1 entry 0x%" G_GINT64_MODIFIER "x points nowhere",
                 entry);
        return 0;
    }
    use(q, c, offset, q->cluster_size);
    if (active)
        check_flag(q, c, "L1", entry);
    int rc = qcow2_pread(q, offset, scratch, q->cluster_size);
    for (guint32 i = 0; rc == 0 && i < q->cluster_size / 8; i++)
        if (scratch[i] != 0)
            count_entry(q, c, GUINT64_FROM_BE(scratch[i]), active);
    return rc;
}

static int
count_tree(Qcow2 *q, Qcow2Census *c, const guint64 *l1, guint64 offset,
           guint32 n, bool active)
{
    g_autofree guint64 *scratch = g_try_malloc(q->cluster_size);
    int rc = scratch != NULL ? 0 : -ENOMEM;

    use(q, c, offset, n * 8ull);
    for (guint32 i = 0; rc == 0 && i < n; i++)
        rc = count_table(q, c, l1[i], active, scratch);
    return rc;
}

/* ---- snapshots ---- */

typedef struct {
    guint64 l1_offset;
    guint32 l1_size;
    guint16 id_len, name_len;
    guint32 seconds, nanoseconds;
    guint64 clock;
    guint32 state_size, extra_len;
} SnapshotEntry;

G_STATIC_ASSERT(sizeof(SnapshotEntry) == SNAPSHOT_ENTRY);

static int
count_snapshot(Qcow2 *q, Qcow2Census *c, const SnapshotEntry *e, guint32 index)
{
    guint64 offset = GUINT64_FROM_BE(e->l1_offset);
    guint32 n = GUINT32_FROM_BE(e->l1_size);

    if (n == 0)
        return 0;
    if (n > QCOW2_MAX_L1 / 8 || !qcow2_place_ok(q, offset) ||
        n * 8ull > q->limit - offset) {
        complain(c, true, "snapshot %u has its L1 table nowhere", index);
        return 0;
    }
    g_autofree guint64 *l1 = g_try_new(guint64, n);
    if (l1 == NULL)
        return -ENOMEM;
    int rc = qcow2_pread(q, offset, l1, n * 8ull);
    for (guint32 i = 0; rc == 0 && i < n; i++)
        l1[i] = GUINT64_FROM_BE(l1[i]);
    return rc < 0 ? rc : count_tree(q, c, l1, offset, n, false);
}

static int
count_snapshots(Qcow2 *q, Qcow2Census *c)
{
    guint64 at = q->h.snapshots_offset;
    SnapshotEntry e;

    for (guint32 i = 0; i < q->h.n_snapshots; i++) {
        if (at > q->limit - sizeof e || qcow2_pread(q, at, &e, sizeof e) < 0) {
            complain(c, true, "snapshot %u is behind the end of the file", i);
            return 0;
        }
        guint32 extra = GUINT32_FROM_BE(e.extra_len);
        guint32 text =
            (guint32) GUINT16_FROM_BE(e.id_len) + GUINT16_FROM_BE(e.name_len);
        if (extra > MAX_SNAPSHOT_GAP) {
            complain(c, true, "snapshot %u has an impossible entry", i);
            return 0;
        }
        int rc = count_snapshot(q, c, &e, i);
        if (rc < 0)
            return rc;
        at += (sizeof e + extra + text + 7) & ~7ull;
    }
    if (q->h.n_snapshots > 0)
        use(q, c, q->h.snapshots_offset, at - q->h.snapshots_offset);
    return 0;
}

/* ---- all of it ---- */

static void
count_refcounts(Qcow2 *q, Qcow2Census *c)
{
    use(q, c, q->h.reftable_offset,
        (guint64) q->h.reftable_clusters << q->cluster_bits);
    for (guint32 i = 0; i < q->n_reftable; i++) {
        if (q->reftable[i] == 0)
            continue;
        if (!qcow2_place_ok(q, q->reftable[i]))
            complain(c, true, "refcount block %u is nowhere", i);
        else
            use(q, c, q->reftable[i], q->cluster_size);
    }
}

/* Tables that are changed where they are must be nobody else's. */
static void
check_exclusive(Qcow2 *q, Qcow2Census *c, const char *what, guint64 offset,
                guint64 len)
{
    guint64 end = (offset + len + q->cluster_size - 1) >> q->cluster_bits;

    for (guint64 i = offset >> q->cluster_bits; i < end && i < c->n; i++) {
        if (c->counts[i] == 1)
            continue;
        complain(c, true, "the %s is also used as something else", what);
        return;
    }
}

static void
compare(Qcow2 *q, Qcow2Census *c)
{
    for (guint64 i = 0; i < c->n; i++) {
        guint64 stored = 0, counted = c->counts[i];
        /* a block that is nowhere was complained about */
        (void) qcow2_refcount_get(q, i, &stored);
        if (stored < counted)
            complain(c, false,
                     "cluster %" G_GUINT64_FORMAT " is used %" G_GUINT64_FORMAT
                     " times, its refcount is %" G_GUINT64_FORMAT,
                     i, counted, stored);
        else if (stored > counted && counted < G_MAXUINT16 && !q->h.has_bitmaps)
            c->report->leaks++;
    }
}

int
qcow2_census(Qcow2 *q, Qcow2Census *c, BlockCheck *report)
{
    *c = (Qcow2Census){.n = q->end, .report = report};
    if (q->end > QCOW2_MAX_CLUSTERS)
        return -EFBIG;
    c->counts = g_try_new0(guint16, q->end);
    if (c->counts == NULL)
        return -ENOMEM;
    report->clusters = (q->h.size + q->cluster_size - 1) >> q->cluster_bits;
    use(q, c, 0, q->cluster_size);
    count_refcounts(q, c);
    int rc = count_tree(q, c, q->l1, q->h.l1_offset, q->h.l1_size, true);
    if (rc == 0)
        rc = count_snapshots(q, c);
    if (rc < 0)
        return rc;
    check_exclusive(q, c, "header", 0, q->cluster_size);
    check_exclusive(q, c, "L1 table", q->h.l1_offset, q->h.l1_size * 8ull);
    check_exclusive(q, c, "refcount table", q->h.reftable_offset,
                    (guint64) q->h.reftable_clusters << q->cluster_bits);
    for (guint32 i = 0; i < q->n_reftable; i++)
        if (q->reftable[i] != 0 && qcow2_place_ok(q, q->reftable[i]))
            check_exclusive(q, c, "refcount block", q->reftable[i],
                            q->cluster_size);
    compare(q, c);
    return 0;
}

void
qcow2_census_clear(Qcow2Census *c)
{
    g_clear_pointer(&c->counts, g_free);
}
