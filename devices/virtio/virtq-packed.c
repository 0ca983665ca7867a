/* devices/virtio/virtq-packed.c - packed virtqueues, Virtio 1.2 section 2.8.
 *
 * One ring that both sides write: a descriptor is available when its flags
 * match the driver's lap, and used when they match the device's. The in-order
 * feature is left out. */
#include "devices/virtio/virtq-internal.h"

/* 2.8.14: event suppression, the same for both sides */
#define EVENT_OFF_WRAP 0u
#define EVENT_FLAGS    2u
#define EVENT_ENABLE   0u
#define EVENT_DISABLE  1u
#define EVENT_DESC     2u
#define EVENT_WRAP     0x8000u

#define DESC_LEN       8u
#define DESC_ID        12u
#define DESC_FLAGS     14u

static bool
is_available(guint16 flags, guint8 wrap)
{
    bool avail = (flags & VIRTQ_DESC_AVAIL) != 0;
    bool used = (flags & VIRTQ_DESC_USED) != 0;

    return avail == (wrap != 0) && used != (wrap != 0);
}

static bool
packed_has_buffer(Virtq *q)
{
    guint16 flags;

    return virtq_load16(q, &q->desc,
                        VIRTQ_DESC_SIZE * (gsize) q->s->next_avail + DESC_FLAGS,
                        &flags) &&
           is_available(flags, q->s->avail_wrap);
}

/* Moves n slots on (or back) and returns the place; flips *wrap at the end. */
static guint16
advance(const Virtq *q, unsigned at, int n, guint8 *wrap)
{
    int size = q->s->size;
    int to = (int) at + n;

    if (to >= size || to < 0) {
        to += to < 0 ? size : -size;
        *wrap ^= 1;
    }
    return (guint16) to;
}

static bool
read_desc(Virtq *q, unsigned i, VirtqDesc *d)
{
    guint64 lo, hi;

    if (!virtq_load_desc(q, &q->desc, i, &lo, &hi))
        return false;
    *d = (VirtqDesc){lo, (guint32) hi, (guint16) (hi >> 48),
                     (guint16) (hi >> 32)};
    return true;
}

/* The slots of one buffer follow each other; the last one has its id. The
 * driver makes the first available after all others, so these are checked for
 * length only. */
static bool
walk_chain(Virtq *q, VirtqGather *g, VirtqElem *e)
{
    unsigned at = q->s->next_avail;
    guint8 wrap = 0;

    for (unsigned slots = 1; slots <= q->s->size; slots++) {
        VirtqDesc d;
        if (!read_desc(q, at, &d))
            return false;
        e->id = d.next;
        e->slots = (guint16) slots;
        if ((d.flags & VIRTQ_DESC_INDIRECT) != 0) {
            if (slots > 1) {
                virtq_fail(q, "an indirect table in the middle of a chain");
                return false;
            }
            return virtq_gather_table(g, &d);
        }
        if (!virtq_gather_add(g, &d))
            return false;
        if ((d.flags & VIRTQ_DESC_NEXT) == 0)
            return true;
        at = advance(q, at, 1, &wrap);
    }
    virtq_fail(q, "the chain at slot %u does not end", q->s->next_avail);
    return false;
}

static bool
packed_pop(Virtq *q, VirtqElem *e)
{
    VirtqState *s = q->s;
    CARREL_UNSET VirtqGather g;

    if (!packed_has_buffer(q))
        return false;
    virtq_gather_begin(&g, q, e);
    if (!walk_chain(q, &g, e) || !virtq_gather_end(&g))
        return false;
    s->next_avail = advance(q, s->next_avail, e->slots, &s->avail_wrap);
    return true;
}

static void
packed_unpop(Virtq *q, const VirtqElem *e)
{
    VirtqState *s = q->s;

    s->next_avail = advance(q, s->next_avail, -(int) e->slots, &s->avail_wrap);
}

/* The flags of the first one stay back until flush: the driver looks there, so
 * it sees all of them or none. */
static void
packed_push(Virtq *q, const VirtqElem *e, guint32 written)
{
    VirtqState *s = q->s;
    gsize at = VIRTQ_DESC_SIZE * (gsize) s->next_used;
    guint16 flags =
        (guint16) ((s->used_wrap ? VIRTQ_DESC_AVAIL | VIRTQ_DESC_USED : 0) |
                   (e->n_in > 0 ? VIRTQ_DESC_WRITE : 0));

    if (!virtq_store32(q, &q->desc, at + DESC_LEN, written) ||
        !virtq_store16(q, &q->desc, at + DESC_ID, e->id))
        return;
    if (q->staged == 0) {
        q->first_slot = s->next_used;
        q->first_flags = flags;
    } else if (!virtq_store16(q, &q->desc, at + DESC_FLAGS, flags)) {
        return;
    }
    q->staged += e->slots;
    s->next_used = advance(q, s->next_used, e->slots, &s->used_wrap);
}

/* 2.8.14.2: an offset in the driver's lap; behind ours by a lap if the wrap
 * counters differ. */
static bool
wants_interrupt(Virtq *q, unsigned n)
{
    const VirtqState *s = q->s;
    guint16 flags, off_wrap;

    if (!virtq_load16(q, &q->driver, EVENT_FLAGS, &flags))
        return false;
    if (flags != EVENT_DESC || !q->event_idx)
        return flags != EVENT_DISABLE;
    if (!virtq_load16(q, &q->driver, EVENT_OFF_WRAP, &off_wrap))
        return false;
    guint16 event = off_wrap & (guint16) ~EVENT_WRAP;
    bool wrap = (off_wrap & EVENT_WRAP) != 0;
    if (wrap != (s->used_wrap != 0))
        event = (guint16) (event - s->size);
    return virtq_need_event(event, s->next_used, n);
}

static bool
packed_flush(Virtq *q)
{
    unsigned n = q->staged;

    if (!virtq_store16(q, &q->desc,
                       VIRTQ_DESC_SIZE * (gsize) q->first_slot + DESC_FLAGS,
                       q->first_flags))
        return false;
    dma_window_wrote(q->dma, &q->desc, 0, q->desc.len);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return wants_interrupt(q, n);
}

static void
packed_suppress(Virtq *q)
{
    (void) virtq_store16(q, &q->device, EVENT_FLAGS, EVENT_DISABLE);
}

static bool
packed_listen(Virtq *q)
{
    guint16 at =
        (guint16) (q->s->next_avail | (q->s->avail_wrap ? EVENT_WRAP : 0));

    if (q->event_idx && !virtq_store16(q, &q->device, EVENT_OFF_WRAP, at))
        return false;
    return virtq_store16(q, &q->device, EVENT_FLAGS,
                         q->event_idx ? EVENT_DESC : EVENT_ENABLE);
}

static void
packed_layout(unsigned size, gsize ret_len[3], unsigned ret_align[3])
{
    ret_len[0] = VIRTQ_DESC_SIZE * (gsize) size;
    ret_len[1] = ret_len[2] = 4;
    ret_align[0] = 16;
    ret_align[1] = ret_align[2] = 4;
}

const VirtqOps virtq_packed_ops = {
    .pop = packed_pop,
    .unpop = packed_unpop,
    .push = packed_push,
    .flush = packed_flush,
    .suppress = packed_suppress,
    .listen = packed_listen,
    .has_buffer = packed_has_buffer,
    .layout = packed_layout,
};
