/* devices/virtio/virtq-split.c - split virtqueues, Virtio 1.2 section 2.7.
 * The in-order feature is left out. */
#include "devices/virtio/virtq-internal.h"

/* 2.7.6, 2.7.8: flags and index, then the ring, then an event index. */
#define RING_FLAGS         0u
#define RING_IDX           2u
#define RING_ENTRIES       4u
#define AVAIL_ENTRY        2u
#define USED_ENTRY         8u
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY     1u

static gsize
used_event_at(const Virtq *q)
{
    return RING_ENTRIES + AVAIL_ENTRY * (gsize) q->s->size;
}

static gsize
avail_event_at(const Virtq *q)
{
    return RING_ENTRIES + USED_ENTRY * (gsize) q->s->size;
}

static bool
split_has_buffer(Virtq *q)
{
    VirtqState *s = q->s;
    guint16 idx;

    if (q->seen_avail != s->next_avail)
        return true;
    if (!virtq_load16(q, &q->driver, RING_IDX, &idx))
        return false;
    if ((guint16) (idx - s->next_avail) > s->size) {
        virtq_fail(q,
                   "the driver's index went from %u to %u, the ring has %u "
                   "entries",
                   s->next_avail, idx, s->size);
        return false;
    }
    q->seen_avail = idx;
    return idx != s->next_avail;
}

static bool
read_desc(Virtq *q, unsigned i, VirtqDesc *d)
{
    guint64 lo, hi;

    if (!virtq_load_desc(q, &q->desc, i, &lo, &hi))
        return false;
    *d = (VirtqDesc){lo, (guint32) hi, (guint16) (hi >> 32),
                     (guint16) (hi >> 48)};
    return true;
}

/* 2.7.5: no chain is longer than the ring, so a loop ends there. */
static bool
walk_chain(Virtq *q, VirtqGather *g, guint16 head)
{
    unsigned at = head;

    for (unsigned visited = 0; visited < q->s->size; visited++) {
        VirtqDesc d;
        if (!read_desc(q, at, &d))
            return false;
        if ((d.flags & VIRTQ_DESC_INDIRECT) != 0)
            return virtq_gather_table(g, &d);
        if (!virtq_gather_add(g, &d))
            return false;
        if ((d.flags & VIRTQ_DESC_NEXT) == 0)
            return true;
        at = d.next;
        if (at >= q->s->size) {
            virtq_fail(q, "descriptor %u comes next in a ring of %u", at,
                       q->s->size);
            return false;
        }
    }
    virtq_fail(q, "the chain at descriptor %u does not end", head);
    return false;
}

static bool
split_pop(Virtq *q, VirtqElem *e)
{
    VirtqState *s = q->s;
    CARREL_UNSET VirtqGather g;
    guint16 head;

    if (!split_has_buffer(q))
        return false;
    gsize slot = s->next_avail & (s->size - 1u);
    if (!virtq_load16(q, &q->driver, RING_ENTRIES + AVAIL_ENTRY * slot, &head))
        return false;
    if (head >= s->size) {
        virtq_fail(q, "descriptor %u was made available in a ring of %u", head,
                   s->size);
        return false;
    }
    virtq_gather_begin(&g, q, e);
    if (!walk_chain(q, &g, head) || !virtq_gather_end(&g))
        return false;
    e->id = head;
    e->slots = 1;
    s->next_avail++;
    return true;
}

static void
split_unpop(Virtq *q, const VirtqElem *e)
{
    q->s->next_avail--;
}

static void
split_push(Virtq *q, const VirtqElem *e, guint32 written)
{
    VirtqState *s = q->s;
    gsize at =
        RING_ENTRIES + USED_ENTRY * (gsize) (s->next_used & (s->size - 1u));

    if (!virtq_store32(q, &q->device, at, e->id) ||
        !virtq_store32(q, &q->device, at + 4, written))
        return;
    s->next_used++;
    q->staged++;
}

static bool
split_flush(Virtq *q)
{
    VirtqState *s = q->s;
    unsigned n = q->staged;
    guint16 value;

    if (!virtq_store16(q, &q->device, RING_IDX, s->next_used))
        return false;
    dma_window_wrote(q->dma, &q->device, 0, q->device.len);
    /* 2.7.10.2: the index must be visible before the wish is looked at */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (q->event_idx)
        return virtq_load16(q, &q->driver, used_event_at(q), &value) &&
               virtq_need_event(value, s->next_used, n);
    return virtq_load16(q, &q->driver, RING_FLAGS, &value) &&
           (value & AVAIL_NO_INTERRUPT) == 0;
}

/* With event indices an old index says it already: the driver is past it. */
static void
split_suppress(Virtq *q)
{
    if (!q->event_idx)
        (void) virtq_store16(q, &q->device, RING_FLAGS, USED_NO_NOTIFY);
}

static bool
split_listen(Virtq *q)
{
    if (q->event_idx)
        return virtq_store16(q, &q->device, avail_event_at(q),
                             q->s->next_avail);
    return virtq_store16(q, &q->device, RING_FLAGS, 0);
}

static void
split_layout(unsigned size, gsize ret_len[3], unsigned ret_align[3])
{
    ret_len[0] = VIRTQ_DESC_SIZE * (gsize) size;
    ret_len[1] = RING_ENTRIES + AVAIL_ENTRY * (gsize) size + 2;
    ret_len[2] = RING_ENTRIES + USED_ENTRY * (gsize) size + 2;
    ret_align[0] = 16;
    ret_align[1] = 2;
    ret_align[2] = 4;
}

const VirtqOps virtq_split_ops = {
    .pop = split_pop,
    .unpop = split_unpop,
    .push = split_push,
    .flush = split_flush,
    .suppress = split_suppress,
    .listen = split_listen,
    .has_buffer = split_has_buffer,
    .layout = split_layout,
};
