/* vmm/core/epoch.c - see epoch.h.
 *
 * Readers count themselves into one of two phases, spread over shards so that
 * vCPUs do not share a cache line. A grace period first waits for stragglers
 * of the idle phase (a reader may have read the phase long before it counted
 * itself), then flips, then waits for the phase it left: every reader that
 * could hold a retired object is then gone. */
#include "vmm/core/epoch.h"

#include <pthread.h>
#include <stdatomic.h>

#define EPOCH_SHARDS 16u

typedef struct {
    _Alignas(64) atomic_uint readers[2];
} EpochShard;

typedef struct EpochItem EpochItem;
struct EpochItem {
    EpochItem *next;
    void (*free_fn)(void *data);
    void *data;
};

typedef enum { GRACE_IDLE, GRACE_STRAGGLERS, GRACE_DRAIN } GraceStage;

struct Epoch {
    EpochShard shards[EPOCH_SHARDS];
    atomic_uint phase;
    GMutex lock;      /* L2 guards the members below */
    EpochItem *fresh; /* retired, no grace period begun */
    EpochItem *batch; /* the running grace period's */
    GraceStage stage;
};

Epoch *
epoch_new(void)
{
    Epoch *epoch = g_aligned_alloc0(1, sizeof(Epoch), 64);

    g_mutex_init(&epoch->lock);
    return epoch;
}

static void
free_items(EpochItem *item)
{
    while (item != NULL) {
        EpochItem *next = item->next;
        item->free_fn(item->data);
        g_free(item);
        item = next;
    }
}

void
epoch_free(Epoch *epoch)
{
    if (epoch == NULL)
        return;
    free_items(epoch->batch);
    free_items(epoch->fresh);
    g_mutex_clear(&epoch->lock);
    g_aligned_free(epoch);
}

unsigned
epoch_enter(Epoch *epoch)
{
    /* thread descriptors are at least a page apart; mix the bits above */
    guint64 self = (guint64) pthread_self() >> 12;
    unsigned shard = (unsigned) (self * 0x9e3779b97f4a7c15u >> 60);
    unsigned phase = atomic_load_explicit(&epoch->phase, memory_order_relaxed);

    /* seq_cst: the count must be visible before any table is loaded */
    atomic_fetch_add(&epoch->shards[shard].readers[phase & 1], 1);
    return shard << 1 | (phase & 1);
}

void
epoch_leave(Epoch *epoch, unsigned token)
{
    atomic_fetch_sub_explicit(&epoch->shards[token >> 1].readers[token & 1], 1,
                              memory_order_release);
}

static bool
phase_is_empty(Epoch *epoch, unsigned phase)
{
    for (unsigned i = 0; i < EPOCH_SHARDS; i++)
        if (atomic_load(&epoch->shards[i].readers[phase & 1]) != 0)
            return false;
    return true;
}

/* One step of the grace period; returns what may be freed once the lock is
 * dropped. Lock held. */
static EpochItem *
epoch_step(Epoch *epoch)
{
    EpochItem *done = NULL;
    unsigned phase = atomic_load(&epoch->phase);

    if (epoch->stage == GRACE_IDLE && epoch->fresh != NULL) {
        epoch->batch = epoch->fresh;
        epoch->fresh = NULL;
        epoch->stage = GRACE_STRAGGLERS;
    }
    if (epoch->stage == GRACE_STRAGGLERS && phase_is_empty(epoch, phase ^ 1)) {
        atomic_store(&epoch->phase, phase ^ 1);
        phase ^= 1;
        epoch->stage = GRACE_DRAIN;
    }
    if (epoch->stage == GRACE_DRAIN && phase_is_empty(epoch, phase ^ 1)) {
        done = epoch->batch;
        epoch->batch = NULL;
        epoch->stage = GRACE_IDLE;
    }
    return done;
}

void
epoch_poll(Epoch *epoch)
{
    g_mutex_lock(&epoch->lock);
    EpochItem *done = epoch_step(epoch);
    g_mutex_unlock(&epoch->lock);
    free_items(done);
}

void
epoch_retire(Epoch *epoch, void (*free_fn)(void *data), void *data)
{
    EpochItem *item = g_new(EpochItem, 1);

    g_mutex_lock(&epoch->lock);
    *item = (EpochItem){epoch->fresh, free_fn, data};
    epoch->fresh = item;
    EpochItem *done = epoch_step(epoch);
    g_mutex_unlock(&epoch->lock);
    free_items(done);
}

static void
marker_passed(void *data)
{
    atomic_store((atomic_bool *) data, true);
}

void
epoch_synchronize(Epoch *epoch)
{
    atomic_bool passed = false;

    epoch_retire(epoch, marker_passed, &passed);
    while (!atomic_load(&passed)) {
        epoch_poll(epoch);
        if (!atomic_load(&passed))
            g_usleep(50); /* a reader is inside a handler: microseconds */
    }
}
