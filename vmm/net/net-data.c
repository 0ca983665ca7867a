/* vmm/net/net-data.c - moving frames: between the NIC's header format and the
 * wire's, straight where both agree, by the queue's bounce buffer where
 * software has to lend a hand. */
#include <string.h>

#include "vmm/core/iov.h"
#include "vmm/loop/loop.h"
#include "vmm/net/net-internal.h"
#include "vmm/net/offload.h"
#include "vmm/net/pcap.h"

/* ---- iovecs ---- */

gsize
net_iov_len(const struct iovec *iov, unsigned n)
{
    gsize len = 0;

    for (unsigned i = 0; i < n; i++)
        if (!g_size_checked_add(&len, len, iov[i].iov_len))
            return G_MAXSIZE;
    return len;
}

unsigned
net_iov_skip(const struct iovec *iov, unsigned n, gsize skip, struct iovec *out,
             unsigned max)
{
    unsigned k = 0;

    for (unsigned i = 0; i < n && k < max; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        out[k].iov_base = (guint8 *) iov[i].iov_base + skip;
        out[k++].iov_len = iov[i].iov_len - skip;
        skip = 0;
    }
    return k;
}

/* ---- formats ---- */

static bool
wire_is_trusted(const NetLink *link)
{
    return link->kind == &net_tap_kind; /* the kernel checks */
}

void
net_update_format(NetLink *link)
{
    for (unsigned i = 0; i < link->n_queues; i++)
        if (link->queues[i].loop == link->loop)
            net_queue_watch(&link->queues[i]);
}

void
net_queue_forget(NetQueue *q)
{
    q->held = false;
    q->cut.active = false;
}

bool
net_queue_has_held(const NetQueue *q)
{
    return q->held || q->cut.active;
}

static guint8 *
bounce(NetQueue *q)
{
    if (q->bounce == NULL) {
        q->bounce = g_malloc(NET_WIRE_MAX);
        q->segment = g_malloc(NET_WIRE_MAX);
    }
    return q->bounce;
}

static void
capture(NetLink *link, const struct iovec *iov, unsigned n_iov, gsize skip,
        gsize len)
{
    if (!atomic_load_explicit(&link->capturing, memory_order_relaxed))
        return;
    g_mutex_lock(&link->capture_lock);
    if (link->pcap != NULL && !pcap_add(link->pcap, iov, n_iov, skip, len))
        atomic_store_explicit(&link->capturing, false, memory_order_release);
    g_mutex_unlock(&link->capture_lock);
}

/* ---- sending ---- */

/* Frame without its NIC header, or 0 when it can never be sent. */
static gsize
sendable_len(const NetLink *link, const NetFrame *f)
{
    if (f->n_iov == 0 || f->n_iov > NET_MAX_IOV)
        return 0;
    gsize len = net_iov_len(f->iov, f->n_iov);
    gsize hdr = link->hdr;
    return len >= hdr + NET_FRAME_MIN && len <= hdr + NET_FRAME_MAX ? len - hdr
                                                                    : 0;
}

/* Formats agree: the frames go as they are. */
static unsigned
send_straight(NetQueue *q, const NetFrame *frames, unsigned n)
{
    unsigned done = q->link->kind->send(q, frames, n);

    for (unsigned i = 0; i < done; i++)
        capture(q->link, frames[i].iov, frames[i].n_iov, q->link->wire,
                net_iov_len(frames[i].iov, frames[i].n_iov) - q->link->wire);
    return done;
}

/* Only the header differs: another one in front, the same pieces behind. */
static bool
send_with_header(NetQueue *q, const NetFrame *f, gsize len)
{
    NetLink *link = q->link;
    NetVnetHdr hdr = {0};
    struct iovec *iov = q->scratch_iov;

    if (link->hdr != NET_HDR_NONE)
        iov_read(f->iov, f->n_iov, 0, &hdr, NET_HDR_LEGACY);
    iov[0] = (struct iovec){&hdr, link->wire};
    unsigned n =
        net_iov_skip(f->iov, f->n_iov, link->hdr, iov + 1, NET_MAX_IOV);
    const NetFrame out = {.iov = iov, .n_iov = n + 1};
    if (link->kind->send(q, &out, 1) == 0)
        return false;
    capture(link, iov, n + 1, link->wire, len);
    return true;
}

static bool
send_plain(NetQueue *q, guint8 *data, gsize len)
{
    struct iovec iov = {data, len};
    const NetFrame out = {.iov = &iov, .n_iov = 1};

    if (q->link->kind->send(q, &out, 1) == 0)
        return false;
    capture(q->link, &iov, 1, 0, len);
    return true;
}

/* The wire has no header: software does what the NIC's header asks for. When
 * the host is full in the middle of a cut the rest is lost, as on a cable. */
static bool
send_in_software(NetQueue *q, const NetFrame *f, gsize len)
{
    NetVnetHdr hdr = {0};
    guint8 *frame = bounce(q);
    NetCut cut;

    if (net_queue_has_held(q)) {
        frame = q->segment; /* bounce has a received frame; do not cut */
    }
    iov_read(f->iov, f->n_iov, 0, &hdr, NET_HDR_LEGACY);
    iov_read(f->iov, f->n_iov, q->link->hdr, frame, len);
    if (!offload_check(&hdr, frame, len, NET_OFFLOAD_ALL) ||
        (frame == q->segment && hdr.gso_type != 0)) {
        net_count_drop(&q->tx);
        return true;
    }
    if (hdr.gso_type == 0) {
        offload_finish_checksum(&hdr, frame, len);
        return send_plain(q, frame, len);
    }
    if (!offload_cut_begin(&cut, &hdr, frame, len))
        return true;
    bool first = true;
    for (gsize n; (n = offload_cut_next(&cut, q->segment)) > 0; first = false)
        if (!send_plain(q, q->segment, n)) {
            if (!first)
                net_count_drop(&q->tx);
            return !first;
        }
    return true;
}

static bool
send_one(NetQueue *q, const NetFrame *f, gsize len)
{
    NetLink *link = q->link;

    if (link->wire != 0)
        return send_with_header(q, f, len);
    return send_in_software(q, f, len);
}

/* How many of the frames from the first on can be sent as they are. */
static unsigned
straight_run(const NetLink *link, const NetFrame *frames, unsigned n)
{
    unsigned run = 0;

    while (run < n && sendable_len(link, &frames[run]) != 0)
        run++;
    return run;
}

static unsigned
send_up(NetQueue *q, const NetFrame *frames, unsigned n)
{
    NetLink *link = q->link;
    bool straight = link->wire == (unsigned) link->hdr;

    for (unsigned i = 0; i < n;) {
        gsize len = sendable_len(link, &frames[i]);
        if (len == 0) {
            net_count_drop(&q->tx);
            i++;
        } else if (straight) {
            unsigned run = straight_run(link, frames + i, n - i);
            unsigned done = send_straight(q, frames + i, run);
            i += done;
            if (done < run)
                return i;
        } else if (!send_one(q, &frames[i], len)) {
            return i;
        } else {
            i++;
        }
    }
    return n;
}

unsigned
net_send(NetLink *link, unsigned queue, const NetFrame *frames, unsigned n)
{
    g_return_val_if_fail(queue < link->n_queues, n);
    NetQueue *q = &link->queues[queue];

    if (!net_is_up(link) || q->dead) {
        for (unsigned i = 0; i < n; i++)
            net_count_drop(&q->tx);
        return n;
    }
    unsigned done = send_up(q, frames, n);
    if (done < n && !q->dead) {
        q->blocked = true;
        net_queue_watch(q);
        return done;
    }
    for (unsigned i = done; i < n; i++)
        net_count_drop(&q->tx);
    return n;
}

/* ---- receiving ---- */

/* Whether a frame that lies in the NIC's pieces is one that the NIC takes.
 * The checked header goes back there. */
static bool
straight_is_good(const NetLink *link, const NetFrame *f)
{
    NetVnetHdr hdr = {.num_buffers = GUINT16_TO_LE(1)};

    if (f->len < link->wire + NET_FRAME_MIN)
        return false;
    if (link->wire == 0)
        return true;
    if (!wire_is_trusted(link)) {
        iov_read(f->iov, f->n_iov, 0, &hdr, link->wire);
        if (!offload_check_header(&hdr, f->len - link->wire, link->offloads))
            return false;
        iov_write(f->iov, f->n_iov, 0, &hdr, link->wire);
    } else if (link->wire == NET_HDR_V1) {
        iov_write(f->iov, f->n_iov, offsetof(NetVnetHdr, num_buffers),
                  &hdr.num_buffers, sizeof hdr.num_buffers);
    }
    return true;
}

/* Frames straight into the NIC's pieces; what came with a bad header or did
 * not fit (len 0) is taken out by moving the later ones up. */
static unsigned
receive_straight(NetQueue *q, NetFrame *frames, unsigned n)
{
    NetLink *link = q->link;
    unsigned done = 0;
    unsigned got = link->kind->receive(q, frames, n);

    for (unsigned i = 0; i < got; i++) {
        if (!straight_is_good(link, &frames[i])) {
            net_count_drop(&q->rx);
            continue;
        }
        capture(link, frames[i].iov, frames[i].n_iov, link->wire,
                frames[i].len - link->wire);
        net_count(&q->rx, 1, frames[i].len - link->wire);
        if (done != i) {
            NetFrame spare = frames[done];
            frames[done] = frames[i];
            frames[i] = spare;
        }
        done++;
    }
    return done;
}

/* Reads the next frame of the wire into the bounce buffer. */
static bool
fill_bounce(NetQueue *q, NetVnetHdr *ret_hdr)
{
    NetLink *link = q->link;
    NetVnetHdr hdr = {0};
    struct iovec iov[2] = {{&hdr, link->wire}, {bounce(q), NET_FRAME_MAX}};
    NetFrame in = {.iov = iov, .n_iov = 2};

    for (unsigned tries = 0; tries < NET_BATCH; tries++) {
        hdr = (NetVnetHdr){0};
        if (link->kind->receive(q, &in, 1) == 0)
            return false;
        gsize len = in.len >= link->wire ? in.len - link->wire : 0;
        q->held_len = len;
        if (offload_check(&hdr, q->bounce, len, NET_OFFLOAD_ALL)) {
            *ret_hdr = hdr;
            return true;
        }
        net_count_drop(&q->rx);
    }
    return false;
}

/* One frame that the NIC can take, to the NIC's pieces. False: it did not
 * fit and was dropped. */
static bool
hand_out(NetQueue *q, NetFrame *f, const NetVnetHdr *hdr, const guint8 *data,
         gsize len)
{
    NetLink *link = q->link;
    gsize done = iov_write(f->iov, f->n_iov, 0, hdr, link->hdr);

    done += iov_write(f->iov, f->n_iov, link->hdr, data, len);
    if (done != link->hdr + len) {
        net_count_drop(&q->rx);
        return false;
    }
    const struct iovec iov = {(void *) data, len};
    capture(link, &iov, 1, 0, len);
    net_count(&q->rx, 1, len);
    f->len = done;
    return true;
}

/* 1: f is filled; 0: nothing more; -1: a frame was dropped. */
static int
receive_one(NetQueue *q, NetFrame *f)
{
    NetVnetHdr hdr = {.num_buffers = GUINT16_TO_LE(1)};
    const NetVnetHdr done = {.flags = VIRTIO_NET_HDR_F_DATA_VALID,
                             .num_buffers = GUINT16_TO_LE(1)};

    if (!q->cut.active) {
        if (!fill_bounce(q, &hdr))
            return 0;
        unsigned missing = offload_needs(&hdr) & ~q->link->offloads;
        if (missing & ~NET_OFFLOAD_CSUM) {
            if (!offload_cut_begin(&q->cut, &hdr, q->bounce, q->held_len))
                return -1;
        } else {
            if (missing & NET_OFFLOAD_CSUM)
                offload_finish_checksum(&hdr, q->bounce, q->held_len);
            return hand_out(q, f, &hdr, q->bounce, q->held_len) ? 1 : -1;
        }
    }
    gsize len = offload_cut_next(&q->cut, q->segment);
    if (len == 0)
        return -1;
    return hand_out(q, f, &done, q->segment, len) ? 1 : -1;
}

static unsigned
receive_bounced(NetQueue *q, NetFrame *frames, unsigned n)
{
    unsigned done = 0;

    for (unsigned tries = 0; done < n && tries < n + NET_BATCH; tries++) {
        int result = receive_one(q, &frames[done]);
        if (result == 0)
            break;
        done += result > 0;
    }
    return done;
}

/* The wire's header to a local one, the frame straight to the NIC. */
static unsigned
receive_without_header(NetQueue *q, NetFrame *frames, unsigned n)
{
    NetLink *link = q->link;
    unsigned done = 0;

    for (unsigned tries = 0; done < n && tries < n + NET_BATCH; tries++) {
        NetFrame *f = &frames[done];
        NetVnetHdr hdr = {0};
        struct iovec *iov = q->scratch_iov;
        iov[0] = (struct iovec){&hdr, link->wire};
        unsigned k = net_iov_skip(f->iov, f->n_iov, 0, iov + 1, NET_MAX_IOV);
        NetFrame in = {.iov = iov, .n_iov = k + 1};
        if (link->kind->receive(q, &in, 1) == 0)
            break;
        if (in.len < link->wire + NET_FRAME_MIN) {
            net_count_drop(&q->rx);
            continue;
        }
        f->len = in.len - link->wire;
        capture(link, f->iov, f->n_iov, 0, f->len);
        net_count(&q->rx, 1, f->len);
        done++;
    }
    return done;
}

/* Whether everything that may come can go to the NIC as it is. */
static bool
nic_takes_all(const NetLink *link)
{
    return (link->may_come & ~link->offloads) == 0;
}

unsigned
net_receive(NetLink *link, unsigned queue, NetFrame *frames, unsigned n)
{
    g_return_val_if_fail(queue < link->n_queues, 0);
    NetQueue *q = &link->queues[queue];

    if (!net_is_up(link) || (q->dead && !net_queue_has_held(q)) ||
        link->kind->receive == NULL)
        return 0;
    if (!net_queue_has_held(q) && nic_takes_all(link)) {
        if (link->wire == (unsigned) link->hdr)
            return receive_straight(q, frames, n);
        if (link->hdr == NET_HDR_NONE && wire_is_trusted(link))
            return receive_without_header(q, frames, n);
    }
    return receive_bounced(q, frames, n);
}
