/* tests/unit/qcow2-kill.h - what the process that is killed writes, and what
 * the one that looks afterwards expects: both compute it from the same
 * numbers. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define KILL_OPS    8u /* in flight together, each in a zone of its own */
#define KILL_SECTOR 512u
#define KILL_BYTES  (3u << 20)
#define KILL_ZONE   (KILL_BYTES / KILL_SECTOR / KILL_OPS) /* sectors */

typedef struct {
    guint32 first, n; /* sectors */
    bool discard;     /* whole clusters, so they read as zeros afterwards */
    guint64 stamp;
} KillOp;

static inline guint64
kill_mix(guint64 x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

/* Operation i of the flushed group `group` in the life `life` of a process. */
static inline KillOp
kill_op(guint64 life, guint64 group, unsigned i, guint32 cluster_size)
{
    guint64 x = kill_mix(life << 40 | group << 8 | i);
    guint32 per = MAX(cluster_size / KILL_SECTOR, 1);
    guint32 at = (guint32) (x % KILL_ZONE);
    guint32 most = x >> 60 == 0 ? KILL_ZONE - at : MIN(40, KILL_ZONE - at);
    KillOp op = {.first = i * KILL_ZONE + at,
                 .n = 1 + (guint32) (x >> 32) % most,
                 .stamp = x | 1};

    if ((x >> 28) % 6 != 0)
        return op;
    guint32 first = (op.first + per - 1) / per * per;
    guint32 end = (op.first + op.n + 2 * per) / per * per;
    end = MIN(end, (i + 1) * KILL_ZONE / per * per);
    if (first >= end)
        return op;
    return (KillOp){.first = first, .n = end - first, .discard = true};
}

static inline guint64
kill_stamp(const KillOp *op, guint32 sector)
{
    return op->discard ? 0 : op->stamp + 2ull * sector;
}

static inline void
kill_fill(guint8 *mem, guint64 stamp)
{
    for (guint32 i = 0; i < KILL_SECTOR; i += sizeof stamp)
        memcpy(mem + i, &stamp, sizeof stamp);
}
