/* devices/virtio/virtio-net-data.c - frames of the virtio network card, Virtio
 * 1.2 sections 5.1.6.2 to 5.1.6.4.
 *
 * Frames move between the driver's buffers and the host in batches, without a
 * copy and with one interrupt a batch; no buffer is out when a call ends, so
 * that pause and reset find nothing in flight: what the host does not take
 * goes back into the ring.
 *
 * How long a frame is shows only when it is there. With mergeable buffers
 * as many are offered as the last frames took, and behind them the bounce
 * buffer, for the rest of one that is longer: that rest is copied. So a small
 * frame costs one buffer though 64 KiB may come, and a stream of large ones is
 * not copied. */
#include <string.h>

#include "devices/virtio/virtio-net-internal.h"
#include "vmm/core/iov.h"

#define ROUNDS       8u /* batches of one call, then others have their turn */
#define RX_BUDGET    (ROUNDS * NET_BATCH) /* frames */
#define FILTER_BYTES 18u                  /* addresses, VLAN tag, type */
#define NUM_BUFFERS  10u                  /* where it is in the header */

/* ---- sending ---- */

/* Lock held. Fills elems and frames; how many. */
static unsigned
collect_tx(VirtioNet *d, Virtq *q)
{
    unsigned n = 0, used = 0;

    while (n < NET_BATCH && used + NET_MAX_IOV <= NET_POOL) {
        VirtqElem *e = &d->elems[n];
        e->iov = &d->pool[used];
        e->cap = NET_MAX_IOV;
        if (!virtq_pop(q, e))
            break;
        if (e->n_out == 0 || e->n_in > 0) {
            virtq_unpop(q, e);
            virtq_fail(q, "a frame to send in %u parts to read and %u to write",
                       e->n_out, e->n_in);
            break;
        }
        d->frames[n++] = (NetFrame){.iov = e->iov, .n_iov = e->n_out};
        used += e->n_out;
    }
    return n;
}

/* Lock held: those that were sent go back to the driver, others to the ring. */
static void
finish_tx(VirtioNet *d, Virtq *q, unsigned n, unsigned sent)
{
    for (unsigned i = 0; i < sent; i++)
        virtq_push(q, &d->elems[i], 0);
    for (unsigned i = n; i > sent; i--)
        virtq_unpop(q, &d->elems[i - 1]);
    virtq_flush(q);
}

void
virtio_net_serve_tx(VirtioNet *d, unsigned pair)
{
    VirtioDevice *v = &d->virtio;
    Virtq *q = virtio_queue(v, virtio_net_tx_index(pair));
    bool more = true;

    if (d->pairs[pair].tx_blocked)
        return;
    virtio_lock(v);
    virtq_suppress(q);
    for (unsigned round = 0; round < ROUNDS && more; round++) {
        unsigned n = collect_tx(d, q);
        if (n == 0) {
            more = !virtq_listen(q);
            continue;
        }
        virtio_unlock(v);
        unsigned sent = net_send(d->link, pair, d->frames, n);
        virtio_lock(v);
        finish_tx(d, q, n, sent);
        d->pairs[pair].tx_blocked = sent < n;
        more = sent == n;
    }
    virtio_unlock(v);
    if (more)
        virtio_kick(v, virtio_net_tx_index(pair));
}

/* ---- receiving: buffers ---- */

/* Buffers taken and not used yet: elems[0..n), their pieces one behind the
 * other in the pool. */
typedef struct {
    VirtioNet *d;
    Virtq *q;
    NetPair *pair;
    unsigned n, used;   /* elems, slots of the pool */
    unsigned n_frames;  /* offered */
    struct iovec saved; /* what the bounce buffer's piece stands on */
    struct iovec *tail; /* that piece; NULL: the buffers are enough */
    bool stalled;       /* a frame waits for buffers */
} Rx;

/* Lock held. False: no more, or no room for more. */
static bool
take(Rx *rx)
{
    VirtioNet *d = rx->d;
    VirtqElem *e = &d->elems[rx->n];

    if (rx->n == NET_ELEMS || rx->used + NET_MAX_IOV >= NET_POOL)
        return false;
    e->iov = &d->pool[rx->used];
    e->cap = NET_MAX_IOV - 1; /* one for the bounce buffer */
    if (!virtq_pop(rx->q, e))
        return false;
    if (e->n_in == 0 || e->n_out > 0) {
        virtq_unpop(rx->q, e);
        virtq_fail(rx->q,
                   "a buffer to receive in %u parts to read and %u to write",
                   e->n_out, e->n_in);
        return false;
    }
    rx->used += e->n_in;
    rx->n++;
    return true;
}

/* Lock held. Back into the ring. */
static void
put_back(Rx *rx)
{
    while (rx->n > 0)
        virtq_unpop(rx->q, &rx->d->elems[--rx->n]);
    rx->used = 0;
}

/* Lock held. The first k have been pushed. */
static void
drop_first(Rx *rx, unsigned k)
{
    rx->n -= k;
    if (k > 0)
        memmove(rx->d->elems, rx->d->elems + k, rx->n * sizeof(VirtqElem));
    if (rx->n == 0)
        rx->used = 0;
    else if (rx->used + NET_MAX_IOV >= NET_POOL)
        put_back(rx);
}

/* Lock held. A frame's buffers from elems[from] on; returns what comes after
 * them, from itself when there are none. */
static unsigned
gather(Rx *rx, unsigned from, gsize *ret_room, unsigned *ret_pieces)
{
    VirtioNet *d = rx->d;
    gsize want = d->mergeable ? rx->pair->expect : 1;
    unsigned i = from;

    *ret_room = *ret_pieces = 0;
    while (*ret_room < want) {
        if (i == rx->n && !take(rx))
            break;
        if (*ret_pieces + d->elems[i].n_in > NET_MAX_IOV - 1)
            break;
        *ret_room += d->elems[i].in_len;
        *ret_pieces += d->elems[i].n_in;
        i++;
    }
    return i;
}

/* Lock held. Offers buffers for up to a batch of frames. */
static void
offer(Rx *rx)
{
    VirtioNet *d = rx->d;
    unsigned at = 0, pieces;
    gsize room;

    rx->n_frames = 0;
    rx->tail = NULL;
    while (rx->n_frames < NET_BATCH && rx->tail == NULL) {
        unsigned next = gather(rx, at, &room, &pieces);
        if (next == at)
            return;
        NetFrame *f = &d->frames[rx->n_frames];
        *f = (NetFrame){.iov = d->elems[at].iov, .n_iov = pieces};
        d->first[rx->n_frames++] = at;
        /* the link drops a frame that fills all of its pieces: it might have
         * been longer */
        if (room <= d->need) {
            rx->tail = f->iov + f->n_iov++;
            rx->saved = *rx->tail;
            *rx->tail = (struct iovec){d->bounce, NET_HDR_MAX + NET_FRAME_MAX};
        }
        if (next - at > 1)
            return;
        at = next;
    }
}

/* ---- receiving: frames ---- */

/* Lock held. Gives len bytes in elems[from..] to the driver, which cover them;
 * returns what comes behind. */
static unsigned
push_frame(Rx *rx, unsigned from, gsize len)
{
    VirtioNet *d = rx->d;
    unsigned n = 0, pieces = 0;

    for (gsize room = 0; room < len; n++) {
        room += d->elems[from + n].in_len;
        pieces += d->elems[from + n].n_in;
    }
    if (d->header == NET_HDR_V1) {
        const guint8 count[2] = {(guint8) n, (guint8) (n >> 8)};
        (void) iov_write(d->elems[from].iov, pieces, NUM_BUFFERS, count,
                         sizeof count); /* a frame is longer than that */
    }
    for (unsigned i = from; i < from + n; i++) {
        gsize part = MIN(len, d->elems[i].in_len);
        virtq_push(rx->q, &d->elems[i], part);
        len -= part;
    }
    return from + n;
}

/* Lock held. Bytes and pieces of elems[from..to). */
static gsize
room_of(const Rx *rx, unsigned from, unsigned to, unsigned *ret_pieces)
{
    gsize room = 0;

    *ret_pieces = 0;
    for (unsigned i = from; i < to; i++) {
        room += rx->d->elems[i].in_len;
        *ret_pieces += rx->d->elems[i].n_in;
    }
    return room;
}

/* Lock held. Buffers for len bytes from elems[from] on. When the ring has no
 * more, the driver is asked to notify before any go back. */
static bool
cover(Rx *rx, unsigned from, gsize len)
{
    unsigned pieces;

    while (room_of(rx, from, rx->n, &pieces) < len) {
        if (take(rx))
            continue;
        if (rx->used + NET_MAX_IOV >= NET_POOL || virtq_listen(rx->q))
            return false;
    }
    return true;
}

static void
too_small(Rx *rx, gsize room, gsize len)
{
    device_guest_error(&rx->d->virtio.pci.dev,
                       "a frame of %" G_GSIZE_FORMAT " bytes dropped, the "
                       "driver has given room for %" G_GSIZE_FORMAT,
                       len, room);
}

/* Lock held. The frame goes on in the bounce buffer: room bytes of it are in
 * elems[from..]. False: it must wait, or was dropped. */
static bool
spread(Rx *rx, unsigned from, gsize room, gsize len)
{
    VirtioNet *d = rx->d;
    unsigned pieces;

    rx->pair->expect = d->need;
    if (!d->mergeable) {
        too_small(rx, room, len);
        return false;
    }
    if (cover(rx, from, len)) {
        (void) room_of(rx, from, rx->n, &pieces);
        (void) iov_write(d->elems[from].iov, pieces, room, d->bounce,
                         len - room);
        return true;
    }
    (void) room_of(rx, from, rx->n, &pieces);
    (void) iov_read(d->elems[from].iov, pieces, 0, rx->pair->hold, room);
    memcpy(rx->pair->hold + room, d->bounce, len - room);
    rx->pair->held = len;
    rx->stalled = true;
    return false;
}

/* Lock held. Large frames often come in rows, and end slowly. */
static void
learn(Rx *rx, gsize len)
{
    gsize floor = MAX(len, rx->d->usual);

    if (floor >= rx->pair->expect)
        rx->pair->expect = floor;
    else
        rx->pair->expect -= (rx->pair->expect - floor + 15) / 16;
}

static bool
is_wanted(const Rx *rx, const VirtqElem *e, unsigned pieces)
{
    guint8 start[FILTER_BYTES] = {0};
    gsize n = iov_read(e->iov, pieces, rx->d->header, start, sizeof start);

    return virtio_net_wants(rx->d, start, n);
}

/* Lock held. The frame that the link put into elems[from] goes to elems[to],
 * which were left empty before it: only buffers at the end can go back. */
static bool
move_frame(Rx *rx, unsigned from, unsigned to, gsize len)
{
    VirtqElem *src = &rx->d->elems[from], *dst = &rx->d->elems[to];
    gsize done = 0;

    if (len > src->in_len || len > dst->in_len)
        return false;
    for (unsigned i = 0; i < src->n_in && done < len; i++)
        done += iov_write(dst->iov, dst->n_in, done, src->iov[i].iov_base,
                          MIN(src->iov[i].iov_len, len - done));
    return true;
}

/* Lock held. Frame k of the link; to: the next buffer that is free, returns
 * the one after it. */
static unsigned
deliver(Rx *rx, unsigned k, unsigned to)
{
    VirtioNet *d = rx->d;
    gsize len = d->frames[k].len;
    unsigned slot = k, pieces;

    /* the link may have swapped frames with ones that it dropped */
    while (slot + 1 < rx->n_frames &&
           d->elems[d->first[slot]].iov != d->frames[k].iov)
        slot++;
    unsigned from = d->first[slot];
    bool last = slot + 1 == rx->n_frames;
    gsize room = room_of(rx, from, last ? rx->n : d->first[slot + 1], &pieces);
    if (last && rx->tail != NULL) { /* what is behind was not offered */
        pieces = (unsigned) (rx->tail - d->elems[from].iov);
        room = 0;
        for (unsigned i = 0; i < pieces; i++)
            room += d->elems[from].iov[i].iov_len;
    }
    if (!is_wanted(rx, &d->elems[from], pieces))
        return to;
    if (from != to && !move_frame(rx, from, to, len))
        return to;
    learn(rx, len);
    if (len > room && !spread(rx, from, room, len))
        return to;
    return push_frame(rx, to, len);
}

static void
deliver_all(Rx *rx, unsigned got)
{
    unsigned to = 0;

    if (rx->tail != NULL)
        *rx->tail = rx->saved;
    for (unsigned k = 0; k < got && !rx->stalled; k++)
        to = deliver(rx, k, to);
    drop_first(rx, to);
}

/* Lock held. The frame that found no room; when there is none again, the
 * driver's buffers are too few for it. */
static void
deliver_held(Rx *rx)
{
    VirtioNet *d = rx->d;
    gsize len = rx->pair->held;
    unsigned pieces;

    rx->pair->held = 0;
    bool fits = cover(rx, 0, len);
    gsize room = room_of(rx, 0, rx->n, &pieces);
    if (!fits) {
        too_small(rx, room, len);
        put_back(rx);
        return;
    }
    (void) iov_write(d->elems[0].iov, pieces, 0, rx->pair->hold, len);
    drop_first(rx, push_frame(rx, 0, len));
}

/* Lock held, given up while the host is asked. False: no more buffers. */
static bool
receive(Rx *rx, unsigned pair)
{
    VirtioNet *d = rx->d;
    bool more = true;

    for (unsigned total = 0; total < RX_BUDGET && more && !rx->stalled;) {
        offer(rx);
        if (rx->n_frames == 0) {
            virtq_flush(rx->q);
            if (virtq_listen(rx->q))
                return false;
            total++;
            continue;
        }
        virtio_unlock(&d->virtio);
        unsigned got = net_receive(d->link, pair, d->frames, rx->n_frames);
        virtio_lock(&d->virtio);
        more = got == rx->n_frames;
        total += got;
        deliver_all(rx, got);
    }
    return !rx->stalled;
}

void
virtio_net_set_receiving(VirtioNet *d, unsigned pair, bool on)
{
    if (d->pairs[pair].receiving == on)
        return;
    d->pairs[pair].receiving = on;
    net_set_receiving(d->link, pair, on);
}

void
virtio_net_serve_rx(VirtioNet *d, unsigned pair)
{
    Rx rx = {.d = d,
             .q = virtio_queue(&d->virtio, virtio_net_rx_index(pair)),
             .pair = &d->pairs[pair]};

    virtio_lock(&d->virtio);
    virtq_suppress(rx.q);
    if (rx.pair->held > 0)
        deliver_held(&rx);
    bool buffers = receive(&rx, pair);
    put_back(&rx);
    virtq_flush(rx.q);
    virtio_unlock(&d->virtio);
    virtio_net_set_receiving(d, pair, buffers);
}

void
virtio_net_serve_all(VirtioNet *d)
{
    for (unsigned i = 0; i < d->active && d->serving && !d->vhost_on; i++) {
        virtio_net_serve_rx(d, i);
        virtio_net_serve_tx(d, i);
    }
}
