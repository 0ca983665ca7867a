/* devices/virtio/virtq.c - see virtq.h: what split and packed rings share. */
#include "devices/virtio/virtq-internal.h"

#include <errno.h>
#include <stdarg.h>

#include "devices/virtio/virtio-internal.h"
#include "vmm/core/device.h"

/* clang-format off */
static const StateField virtq_fields[] = {
    STATE_FIELD(VirtqState, size, STATE_U16),
    STATE_FIELD(VirtqState, vector, STATE_U16),
    STATE_FIELD(VirtqState, enabled, STATE_U8),
    STATE_FIELD(VirtqState, avail_wrap, STATE_U8),
    STATE_FIELD(VirtqState, used_wrap, STATE_U8),
    STATE_FIELD(VirtqState, next_avail, STATE_U16),
    STATE_FIELD(VirtqState, next_used, STATE_U16),
    STATE_FIELD(VirtqState, desc, STATE_U64),
    STATE_FIELD(VirtqState, driver, STATE_U64),
    STATE_FIELD(VirtqState, device, STATE_U64),
    STATE_FIELDS_END
};
/* clang-format on */

static bool
virtq_check(const void *state, GError **error)
{
    const VirtqState *s = state;

    if (s->size <= VIRTQ_MAX_SIZE && s->enabled <= 1 && s->avail_wrap <= 1 &&
        s->used_wrap <= 1)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "virtq: size %u, enabled %u or wrap counters %u and %u are "
                "out of range",
                s->size, s->enabled, s->avail_wrap, s->used_wrap);
    return false;
}

const StateDesc virtq_state_desc = {
    .name = "virtq",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtqState),
    .fields = virtq_fields,
    .check = virtq_check,
};

static const VirtqOps *
ops_of(const Virtq *q)
{
    return q->packed ? &virtq_packed_ops : &virtq_split_ops;
}

/* ---- ring memory ---- */

void
virtq_fail(Virtq *q, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *reason = g_strdup_vprintf(fmt, args);
    va_end(args);
    virtio_fail(q->owner, "queue %u: %s", q->index, reason);
}

/* Without bus mastering nothing can be said about the ring. */
static bool
access_failed(Virtq *q, const DmaWindow *w, int err)
{
    if (err != -EACCES)
        virtq_fail(q,
                   "the ring or table at 0x%" G_GINT64_MODIFIER
                   "x is not in memory%s",
                   w->addr, w->device_writes ? " that can be written" : "");
    return false;
}

bool
virtq_load16(Virtq *q, DmaWindow *w, gsize offset, guint16 *ret_value)
{
    guint8 *host = dma_window_host(q->dma, w);
    guint64 value;

    if (host != NULL) {
        const guint16 *at = (const guint16 *) (const void *) (host + offset);
        *ret_value = GUINT16_FROM_LE(__atomic_load_n(at, __ATOMIC_ACQUIRE));
        return true;
    }
    int err = dma_load_le(q->dma, w->addr + offset, 2, &value);
    if (err < 0)
        return access_failed(q, w, err);
    *ret_value = (guint16) value;
    return true;
}

bool
virtq_store16(Virtq *q, DmaWindow *w, gsize offset, guint16 value)
{
    guint8 *host = dma_window_host(q->dma, w);

    if (host != NULL) {
        __atomic_store_n((guint16 *) (void *) (host + offset),
                         GUINT16_TO_LE(value), __ATOMIC_RELEASE);
        return true;
    }
    int err = dma_store_le(q->dma, w->addr + offset, 2, value);
    return err == 0 || access_failed(q, w, err);
}

bool
virtq_store32(Virtq *q, DmaWindow *w, gsize offset, guint32 value)
{
    guint8 *host = dma_window_host(q->dma, w);

    if (host != NULL) {
        __atomic_store_n((guint32 *) (void *) (host + offset),
                         GUINT32_TO_LE(value), __ATOMIC_RELAXED);
        return true;
    }
    int err = dma_store_le(q->dma, w->addr + offset, 4, value);
    return err == 0 || access_failed(q, w, err);
}

/* Atomic loads, so that the compiler cannot fetch a field a second time after
 * it was checked. */
bool
virtq_load_desc(Virtq *q, DmaWindow *table, unsigned i, guint64 *ret_lo,
                guint64 *ret_hi)
{
    guint8 *host = dma_window_host(q->dma, table);
    gsize offset = VIRTQ_DESC_SIZE * (gsize) i;
    guint64 both[2];

    if (host != NULL && (table->addr & 7) == 0) {
        const guint64 *at = (const guint64 *) (const void *) (host + offset);
        both[1] = __atomic_load_n(&at[1], __ATOMIC_ACQUIRE);
        both[0] = __atomic_load_n(&at[0], __ATOMIC_RELAXED);
    } else {
        int err = dma_read(q->dma, table->addr + offset, both, sizeof both);
        if (err < 0)
            return access_failed(q, table, err);
    }
    *ret_lo = GUINT64_FROM_LE(both[0]);
    *ret_hi = GUINT64_FROM_LE(both[1]);
    return true;
}

/* ---- a buffer's pieces ---- */

void
virtq_gather_begin(VirtqGather *g, Virtq *q, VirtqElem *e)
{
    g->q = q;
    g->e = e;
    g->n_segs = g->n_iov = g->n_desc = 0;
    g->device_writes = false;
    e->n_out = e->n_in = 0;
    e->out_len = e->in_len = 0;
}

/* Names the piece that could not be translated. */
static bool
gather_failed(VirtqGather *g, int err)
{
    struct iovec one[VIRTQ_SPARE_IOV];

    if (err == -EACCES)
        return false;
    if (err == -ENOBUFS) {
        virtq_fail(g->q, "a buffer of more than %u pieces", g->e->cap);
        return false;
    }
    for (unsigned i = 0; i < g->n_segs; i++) {
        const DmaSeg *seg = &g->segs[i];
        if (dma_pin(g->q->dma, seg, 1, one, G_N_ELEMENTS(one)) != -EFAULT)
            continue;
        virtq_fail(g->q,
                   "a buffer of %u bytes at 0x%" G_GINT64_MODIFIER
                   "x is not in memory%s",
                   seg->len, seg->addr,
                   seg->device_writes ? " that can be written" : "");
        return false;
    }
    virtq_fail(g->q, "a buffer's memory went away"); /* the map changed */
    return false;
}

static bool
gather_flush(VirtqGather *g)
{
    if (g->n_segs == 0)
        return true;
    int n = dma_pin(g->q->dma, g->segs, g->n_segs, g->e->iov + g->n_iov,
                    g->e->cap - g->n_iov);
    if (n < 0)
        return gather_failed(g, n);
    g->n_iov += (unsigned) n;
    if (g->device_writes)
        g->e->n_in += (unsigned) n;
    else
        g->e->n_out += (unsigned) n;
    g->n_segs = 0;
    return true;
}

bool
virtq_gather_add(VirtqGather *g, const VirtqDesc *d)
{
    bool writes = (d->flags & VIRTQ_DESC_WRITE) != 0;
    gsize *total = writes ? &g->e->in_len : &g->e->out_len;

    if (++g->n_desc > VIRTQ_MAX_CHAIN) {
        virtq_fail(g->q, "a buffer of over %u descriptors", VIRTQ_MAX_CHAIN);
        return false;
    }
    if (d->len == 0) {
        virtq_fail(g->q, "a descriptor of 0 bytes");
        return false;
    }
    if (g->device_writes && !writes) { /* 2.7.4.2 */
        virtq_fail(g->q, "a part to read after one to write");
        return false;
    }
    if (*total + d->len > G_MAXUINT32) { /* 2.7.5: 2^32 bytes at most */
        virtq_fail(g->q, "a buffer of over 4 GiB");
        return false;
    }
    if ((writes != g->device_writes || g->n_segs == G_N_ELEMENTS(g->segs)) &&
        !gather_flush(g))
        return false;
    *total += d->len;
    g->device_writes = writes;
    g->segs[g->n_segs++] = (DmaSeg){d->addr, d->len, writes};
    return true;
}

/* 2.7.5.3: one level only, and the last thing in a chain. */
static bool
check_indirect(Virtq *q, const VirtqDesc *d)
{
    const char *wrong = NULL;

    if (!q->indirect)
        wrong = "that was not negotiated";
    else if ((d->flags & VIRTQ_DESC_NEXT) != 0)
        wrong = "with a descriptor after it";
    else if (d->len == 0 || d->len % VIRTQ_DESC_SIZE != 0)
        wrong = "whose length is no multiple of 16";
    else if (d->len > VIRTQ_MAX_CHAIN * VIRTQ_DESC_SIZE)
        wrong = "that is too long";
    if (wrong != NULL)
        virtq_fail(q, "an indirect table of %u bytes %s", d->len, wrong);
    return wrong == NULL;
}

static bool
walk_split_table(VirtqGather *g, DmaWindow *table, unsigned n)
{
    unsigned at = 0;

    for (unsigned visited = 0; visited < n; visited++) {
        guint64 lo, hi;
        if (!virtq_load_desc(g->q, table, at, &lo, &hi))
            return false;
        const VirtqDesc d = {lo, (guint32) hi, (guint16) (hi >> 32),
                             (guint16) (hi >> 48)};
        if ((d.flags & VIRTQ_DESC_INDIRECT) != 0) {
            virtq_fail(g->q, "an indirect table inside another");
            return false;
        }
        if (!virtq_gather_add(g, &d))
            return false;
        if ((d.flags & VIRTQ_DESC_NEXT) == 0)
            return true;
        at = d.next;
        if (at >= n) {
            virtq_fail(g->q, "descriptor %u comes next in a table of %u", at,
                       n);
            return false;
        }
    }
    virtq_fail(g->q, "the chain in an indirect table does not end");
    return false;
}

/* 2.8.7: no chain, all entries in order; of the flags only WRITE counts. */
static bool
walk_packed_table(VirtqGather *g, DmaWindow *table, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        guint64 lo, hi;
        if (!virtq_load_desc(g->q, table, i, &lo, &hi))
            return false;
        const VirtqDesc d = {lo, (guint32) hi, (guint16) (hi >> 48), 0};
        if (!virtq_gather_add(g, &d))
            return false;
    }
    return true;
}

bool
virtq_gather_table(VirtqGather *g, const VirtqDesc *d)
{
    DmaWindow table;
    unsigned n = d->len / VIRTQ_DESC_SIZE;

    if (!check_indirect(g->q, d))
        return false;
    dma_window_init(g->q->dma, &table, d->addr, d->len, false);
    return g->q->packed ? walk_packed_table(g, &table, n)
                        : walk_split_table(g, &table, n);
}

bool
virtq_gather_end(VirtqGather *g)
{
    return gather_flush(g);
}

/* ---- life ---- */

void
virtq_init(Virtq *q, VirtioDevice *owner, unsigned index, guint16 max_size,
           VirtqState *state)
{
    g_assert(max_size > 0 && max_size <= VIRTQ_MAX_SIZE &&
             (max_size & (max_size - 1)) == 0);
    *q = (Virtq){
        .owner = owner, .index = index, .max_size = max_size, .s = state};
}

void
virtq_reset(Virtq *q)
{
    virtq_stop(q);
    *q->s = (VirtqState){
        .size = q->max_size,
        .vector = VIRTQ_NO_VECTOR,
        .avail_wrap = 1,
        .used_wrap = 1,
    };
}

void
virtq_stop(Virtq *q)
{
    q->live = false;
    q->generation++;
    q->in_flight = q->slots_in_flight = q->staged = 0;
}

/* False: the area is not where an area can be. Without bus mastering that
 * shows at the first access. */
static bool
check_area(Virtq *q, Gpa addr, gsize len, unsigned align, bool device_writes)
{
    struct iovec iov[VIRTQ_SPARE_IOV];
    const DmaSeg seg = {addr, (guint32) len, device_writes};

    if (addr % align != 0) {
        virtq_fail(q,
                   "the area at 0x%" G_GINT64_MODIFIER "x is not aligned to "
                   "%u bytes",
                   addr, align);
        return false;
    }
    int n = dma_pin(q->dma, &seg, 1, iov, G_N_ELEMENTS(iov));
    if (n >= 0 || n == -EACCES)
        return true;
    virtq_fail(q,
               "the area of %" G_GSIZE_FORMAT " bytes at 0x%" G_GINT64_MODIFIER
               "x is not in memory%s",
               len, addr, device_writes ? " that can be written" : "");
    return false;
}

/* What registers refuse, but a saved state may claim. */
static bool
check_state(Virtq *q)
{
    const VirtqState *s = q->s;
    bool power = (s->size & (s->size - 1)) == 0;

    if (s->size > 0 && s->size <= q->max_size && (q->packed || power) &&
        (!q->packed || (s->next_avail < s->size && s->next_used < s->size)))
        return true;
    virtq_fail(q, "its size is %u, at most %u is possible", s->size,
               q->max_size);
    return false;
}

void
virtq_start(Virtq *q, Dma *dma, guint64 features)
{
    VirtqState *s = q->s;
    const Gpa addr[3] = {s->desc, s->driver, s->device};
    DmaWindow *windows[3] = {&q->desc, &q->driver, &q->device};
    gsize len[3];
    unsigned align[3];

    q->dma = dma;
    q->packed = (features & VIRTIO_F_RING_PACKED) != 0;
    q->indirect = (features & VIRTIO_F_INDIRECT_DESC) != 0;
    q->event_idx = (features & VIRTIO_F_EVENT_IDX) != 0;
    if (!check_state(q))
        return;
    ops_of(q)->layout(s->size, len, align);
    for (unsigned i = 0; i < 3; i++) {
        bool writes = i == 2 || (i == 0 && q->packed);
        if (!check_area(q, addr[i], len[i], align[i], writes))
            return;
        dma_window_init(dma, windows[i], addr[i], len[i], writes);
    }
    q->seen_avail = s->next_avail;
    q->live = true;
}

/* ---- the model's side ---- */

bool
virtq_is_live(const Virtq *q)
{
    return q->live && !virtio_is_broken(q->owner);
}

unsigned
virtq_in_flight(const Virtq *q)
{
    return q->in_flight;
}

unsigned
virtq_index(const Virtq *q)
{
    return q->index;
}

VirtioDevice *
virtq_owner(const Virtq *q)
{
    return q->owner;
}

bool
virtq_lend(Virtq *q, VirtqLease *ret_lease)
{
    if (!virtq_is_live(q) || q->packed || q->in_flight > 0)
        return false;
    *ret_lease = (VirtqLease){
        .size = q->s->size,
        .next = q->s->next_avail,
        .desc = dma_window_host(q->dma, &q->desc),
        .driver = dma_window_host(q->dma, &q->driver),
        .device = dma_window_host(q->dma, &q->device),
    };
    return ret_lease->desc != NULL && ret_lease->driver != NULL &&
           ret_lease->device != NULL;
}

void
virtq_take_back(Virtq *q, guint16 next)
{
    if (q->packed)
        return;
    q->s->next_avail = q->s->next_used = q->seen_avail = next;
}

bool
virtq_has_buffer(Virtq *q)
{
    return virtq_is_live(q) && ops_of(q)->has_buffer(q);
}

bool
virtq_pop(Virtq *q, VirtqElem *e)
{
    if (!virtq_is_live(q) || !ops_of(q)->pop(q, e))
        return false;
    /* The driver may not make a buffer available twice; memory for requests
     * is bounded by this. */
    if (q->slots_in_flight + e->slots > q->s->size) {
        ops_of(q)->unpop(q, e);
        virtq_fail(q, "more buffers in use than a ring of %u has", q->s->size);
        return false;
    }
    q->in_flight++;
    q->slots_in_flight += e->slots;
    e->generation = q->generation;
    virtio_buffer_taken(q->owner);
    return true;
}

bool
virtq_is_stale(const Virtq *q, const VirtqElem *e)
{
    return e->generation != q->generation;
}

static void
forget(Virtq *q, const VirtqElem *e)
{
    q->in_flight--;
    q->slots_in_flight -= e->slots;
}

void
virtq_unpop(Virtq *q, VirtqElem *e)
{
    if (!virtq_is_stale(q, e)) {
        ops_of(q)->unpop(q, e);
        forget(q, e);
    }
    virtio_buffer_returned(q->owner);
}

void
virtq_push(Virtq *q, const VirtqElem *e, gsize written)
{
    if (!virtq_is_stale(q, e)) {
        forget(q, e);
        if (virtq_is_live(q)) {
            dma_unpin(q->dma, e->iov + e->n_out, e->n_in, written);
            ops_of(q)->push(q, e, (guint32) MIN(written, e->in_len));
        }
    }
    virtio_buffer_returned(q->owner);
}

void
virtq_flush(Virtq *q)
{
    if (q->staged == 0 || !virtq_is_live(q))
        return;
    bool interrupt = ops_of(q)->flush(q);
    q->staged = 0;
    if (interrupt)
        virtio_interrupt_queue(q->owner, q->index);
}

void
virtq_suppress(Virtq *q)
{
    if (virtq_is_live(q))
        ops_of(q)->suppress(q);
}

bool
virtq_listen(Virtq *q)
{
    if (!virtq_is_live(q) || !ops_of(q)->listen(q))
        return true;
    /* 2.7.7.2: the wish must be visible before the ring is looked at again */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !ops_of(q)->has_buffer(q);
}
