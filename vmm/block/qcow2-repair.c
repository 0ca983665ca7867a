/* vmm/block/qcow2-repair.c - making counts and tables agree.
 *
 * Refcounts that are too low are never mended in place: a whole new refcount
 * structure is written behind the end of the file, synced, and the header is
 * switched to it. What is killed before that has changed nothing. */
#include "vmm/block/qcow2-internal.h"

#include <string.h>

#include "vmm/core/sysutil.h"

/* ---- a new refcount structure ---- */

static void
forget_old_structure(Qcow2 *q, Qcow2Census *c)
{
    guint64 first = q->h.reftable_offset >> q->cluster_bits;

    for (guint32 i = 0; i < q->h.reftable_clusters; i++)
        if (first + i < c->n && c->counts[first + i] > 0)
            c->counts[first + i]--;
    for (guint32 i = 0; i < q->n_reftable; i++) {
        guint64 at = q->reftable[i] >> q->cluster_bits;
        if (q->reftable[i] != 0 && qcow2_place_ok(q, q->reftable[i]) &&
            c->counts[at] > 0)
            c->counts[at]--;
    }
}

typedef struct {
    guint64 at, table, blocks; /* clusters */
} Structure;

static guint64
wanted_count(Qcow2 *q, const Qcow2Census *c, const Structure *s, guint64 i)
{
    guint64 stored = 0;

    if (i >= s->at)
        return i < s->at + s->table + s->blocks;
    /* bitmaps were not looked at: what they use must stay theirs */
    if (q->h.has_bitmaps)
        (void) qcow2_refcount_get(q, i, &stored);
    return MAX(stored, c->counts[i]);
}

static int
write_block(Qcow2 *q, const Qcow2Census *c, const Structure *s, guint64 b,
            guint8 *data)
{
    guint64 most =
        q->refcount_bits >= 64 ? G_MAXUINT64 : (1ull << q->refcount_bits) - 1;
    guint64 n = 1ull << q->block_bits;

    memset(data, 0, q->cluster_size);
    for (guint64 i = 0; i < n; i++) {
        guint64 count = wanted_count(q, c, s, (b << q->block_bits) + i);
        if (count > most)
            return -EOPNOTSUPP;
        qcow2_refcount_put(data, q->h.refcount_order, i, count);
    }
    return qcow2_pwrite(q, (s->at + s->table + b) << q->cluster_bits, data,
                        q->cluster_size);
}

static int
write_structure(Qcow2 *q, const Qcow2Census *c, const Structure *s)
{
    gsize bytes = (gsize) s->table << q->cluster_bits;
    g_autofree guint8 *data = g_try_malloc(q->cluster_size);
    g_autofree guint64 *table = g_try_malloc0(bytes);
    int rc = data != NULL && table != NULL ? 0 : -ENOMEM;

    for (guint64 b = 0; rc == 0 && b < s->blocks; b++) {
        rc = write_block(q, c, s, b, data);
        table[b] = GUINT64_TO_BE((s->at + s->table + b) << q->cluster_bits);
    }
    if (rc == 0)
        rc = qcow2_pwrite(q, s->at << q->cluster_bits, table, bytes);
    return rc == 0 ? qcow2_sync(q) : rc;
}

static int
rebuild_refcounts(Qcow2 *q, Qcow2Census *c)
{
    Structure s = {.at = q->end};

    if (!qcow2_refs_layout(q, s.at, &s.table, &s.blocks))
        return -EFBIG;
    forget_old_structure(q, c);
    int rc = qcow2_grow_file(q, s.at + s.table + s.blocks);
    if (rc == 0)
        rc = write_structure(q, c, &s);
    if (rc == 0)
        rc = qcow2_header_put_reftable(q, s.at << q->cluster_bits,
                                       (guint32) s.table);
    if (rc < 0)
        return rc;
    q->end = s.at + s.table + s.blocks;
    q->hint = 1;
    qcow2_refblocks_free(q);
    return qcow2_reftable_load(q, NULL) ? 0 : -EIO;
}

/* ---- entries ---- */

/* A byte for each cluster: a table that an entry must not point to. NULL when
 * there is no memory. */
static guint8 *
find_fixed(const Qcow2 *q)
{
    guint8 *fixed = g_try_malloc0(q->end + 1);
    guint64 l1 = q->h.l1_offset >> q->cluster_bits;
    guint64 table = q->h.reftable_offset >> q->cluster_bits;
    guint64 n = (q->h.l1_size * 8ull + q->cluster_size - 1) >> q->cluster_bits;

    if (fixed == NULL)
        return NULL;
    fixed[0] = 1;
    for (guint64 i = 0; i < n && l1 + i < q->end; i++)
        fixed[l1 + i] = 1;
    for (guint64 i = 0; i < q->h.reftable_clusters && table + i < q->end; i++)
        fixed[table + i] = 1;
    for (guint32 i = 0; i < q->n_reftable; i++)
        if (q->reftable[i] != 0 && qcow2_place_ok(q, q->reftable[i]))
            fixed[q->reftable[i] >> q->cluster_bits] = 1;
    return fixed;
}

/* fixed: NULL when such entries are gone already. */
static guint64
mended_entry(Qcow2 *q, const guint8 *fixed, guint64 entry, bool is_l1)
{
    guint64 host = entry & QCOW2_OFFSET, count = 0;
    Qcow2Kind kind = is_l1 ? QCOW2_KIND_DATA : qcow2_kind(q, entry);

    if (entry == 0 || kind == QCOW2_KIND_PACKED || host == 0)
        return kind == QCOW2_KIND_BAD ? 0 : entry;
    if (kind == QCOW2_KIND_BAD ||
        (is_l1 && ((entry & QCOW2_L1_WRONG) != 0 || !qcow2_place_ok(q, host))))
        return 0;
    if (fixed != NULL && fixed[host >> q->cluster_bits] != 0)
        return 0;
    if (qcow2_refcount_get(q, host >> q->cluster_bits, &count) < 0)
        return entry;
    return (entry & ~QCOW2_COPIED) | (count == 1 ? QCOW2_COPIED : 0);
}

static int
mend_table(Qcow2 *q, const guint8 *fixed, guint64 offset, guint64 *scratch)
{
    bool changed = false;
    int rc = qcow2_pread(q, offset, scratch, q->cluster_size);

    for (guint32 i = 0; rc == 0 && i < q->cluster_size / 8; i++) {
        guint64 old = GUINT64_FROM_BE(scratch[i]);
        guint64 entry = mended_entry(q, fixed, old, false);
        changed |= entry != old;
        scratch[i] = GUINT64_TO_BE(entry);
    }
    return rc == 0 && changed
               ? qcow2_pwrite(q, offset, scratch, q->cluster_size)
               : rc;
}

/* Takes out entries that point nowhere and sets flags by the refcounts. */
static int
mend_entries(Qcow2 *q, const guint8 *fixed)
{
    g_autofree guint64 *scratch = g_try_malloc(q->cluster_size);
    g_autofree guint64 *l1 = g_try_new(guint64, q->h.l1_size + 1);
    int rc = scratch != NULL && l1 != NULL ? 0 : -ENOMEM;

    for (guint32 i = 0; rc == 0 && i < q->h.l1_size; i++) {
        guint64 entry = mended_entry(q, fixed, q->l1[i], true);
        if (entry != 0)
            rc = mend_table(q, fixed, entry & QCOW2_OFFSET, scratch);
        l1[i] = GUINT64_TO_BE(entry);
    }
    if (rc == 0)
        rc = qcow2_pwrite(q, q->h.l1_offset, l1, q->h.l1_size * 8ull);
    if (rc == 0)
        rc = qcow2_sync(q);
    qcow2_tables_free(q);
    return rc == 0 && !qcow2_tables_load(q, NULL) ? -EIO : rc;
}

/* ---- what the others call ---- */

static int
rebuild_all(Qcow2 *q, bool drop_bad)
{
    BlockCheck report = {0};
    Qcow2Census census = {0};
    int rc = qcow2_header_set_bits(q, QCOW2_DIRTY, 0);

    if (rc == 0 && drop_bad) {
        g_autofree guint8 *fixed = find_fixed(q);
        rc = fixed != NULL ? mend_entries(q, fixed) : -ENOMEM;
    }
    if (rc == 0)
        rc = qcow2_census(q, &census, &report);
    if (rc == 0)
        rc = rebuild_refcounts(q, &census);
    qcow2_census_clear(&census);
    if (rc == 0)
        rc = mend_entries(q, NULL);
    if (rc == 0)
        rc = qcow2_header_set_bits(q, 0, QCOW2_DIRTY | QCOW2_CORRUPT);
    return rc;
}

static bool
refuse_damaged(const Qcow2 *q, const BlockCheck *report, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(report->messages->str, "\n", 2);

    return qcow2_refuse(q, error,
                        "is damaged (%" G_GUINT64_FORMAT
                        " errors; %s) and can only be opened read-only; "
                        "'carrel disk check --repair all' mends it",
                        report->errors, lines[0] != NULL ? lines[0] : "");
}

bool
qcow2_make_trusted(Qcow2 *q, GError **error)
{
    g_autoptr(GString) messages = g_string_new(NULL);
    BlockCheck report = {.messages = messages};
    Qcow2Census census;
    bool was_dirty = (q->h.incompatible & QCOW2_DIRTY) != 0;
    int rc = qcow2_census(q, &census, &report);

    qcow2_census_clear(&census);
    if (rc < 0)
        return sys_error(error, -rc, "cannot check the tables of '%s'",
                         q->path);
    if (was_dirty && census.bad == 0) {
        rc = report.errors > 0 ? rebuild_all(q, false)
                               : qcow2_header_set_bits(q, 0, QCOW2_DIRTY);
        return rc == 0 ||
               sys_error(error, -rc, "cannot mend '%s', which was not closed",
                         q->path);
    }
    return report.errors == census.harmless ||
           refuse_damaged(q, &report, error);
}

static int
fix_leaks(Qcow2 *q, const Qcow2Census *c, BlockCheck *ret)
{
    int rc = 0;

    for (guint64 i = 0; rc == 0 && i < c->n; i++) {
        guint64 stored = 0;
        rc = qcow2_refcount_get(q, i, &stored);
        if (rc < 0 || stored <= c->counts[i] || c->counts[i] == G_MAXUINT16)
            continue;
        rc = qcow2_refcount_set(q, i, c->counts[i]);
        ret->leaks_fixed++;
    }
    return rc == 0 ? qcow2_commit(q) : rc;
}

static int
repair_all(Qcow2 *q, BlockCheck *ret)
{
    BlockCheck after = {.messages = ret->messages};
    Qcow2Census census = {0};
    int rc = rebuild_all(q, true);

    if (rc == 0)
        rc = qcow2_census(q, &census, &after);
    qcow2_census_clear(&census);
    if (rc == 0) {
        ret->errors_fixed = ret->errors - MIN(ret->errors, after.errors);
        ret->leaks_fixed = ret->leaks - MIN(ret->leaks, after.leaks);
    }
    return rc;
}

bool
qcow2_check(Qcow2 *q, BlockRepair repair, BlockCheck *ret, GError **error)
{
    Qcow2Census census;
    guint64 marks = q->h.incompatible & (QCOW2_DIRTY | QCOW2_CORRUPT);
    int rc = qcow2_census(q, &census, ret);

    if (rc == 0 && repair == BLOCK_REPAIR_ALL && ret->errors > 0)
        rc = repair_all(q, ret);
    else if (rc == 0 && repair != BLOCK_REPAIR_NONE && ret->errors == 0 &&
             ret->leaks > 0)
        rc = fix_leaks(q, &census, ret);
    if (rc == 0 && repair == BLOCK_REPAIR_ALL && ret->errors == 0 && marks != 0)
        rc = qcow2_header_set_bits(q, 0, marks);
    qcow2_census_clear(&census);
    if (rc == 0)
        return true;
    return sys_error(error, -rc, "cannot %s '%s'",
                     repair == BLOCK_REPAIR_NONE ? "check" : "repair", q->path);
}
