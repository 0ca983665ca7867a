/* devices/virtio/virtio-net-ctrl.c - the control queue of the virtio network
 * card and the filters that it sets, Virtio 1.2 section 5.1.6.5.
 *
 * A command that is unknown, was not negotiated or has another length than its
 * own is answered with ERR and changes nothing. Filtering is by exact
 * addresses; a list that is too long means all of that kind. With vhost
 * frames are not filtered, which the section allows: drivers check too. */
#include <string.h>

#include "devices/virtio/virtio-net-internal.h"
#include "vmm/core/iov.h"

#define ACK_OK  0u
#define ACK_ERR 1u

#define HEADER  2u  /* class, command */
#define ROUNDS  64u /* requests of one call */

enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE, CLASS_MQ, CLASS_GUEST };

#define COUNT_BYTES 4u /* of an address list */

#define ETH_VLAN    0x8100u
#define VID_MASK    0x0fffu

/* One request: data has len bytes behind the header. */
typedef struct {
    VirtioNet *d;
    const VirtqElem *e;
    gsize len;
    /* What is to be done without the lock. */
    unsigned pairs;
    guint64 offloads;
    bool set_offloads;
} Request;

static bool
has(const Request *r, guint64 features)
{
    return virtio_has_feature(&r->d->virtio, features);
}

static gsize
get(const Request *r, gsize offset, void *dst, gsize len)
{
    return iov_read(r->e->iov, r->e->n_out, HEADER + offset, dst, len);
}

/* ---- commands: false is ERR ---- */

static bool
set_rx_mode(Request *r, guint8 command)
{
    guint64 need =
        command <= NET_RX_ALLMULTI ? NET_F_CTRL_RX : NET_F_CTRL_RX_EXTRA;
    guint8 on;

    if (command >= NET_RX_MODES || !has(r, need) || r->len != sizeof on)
        return false;
    (void) get(r, 0, &on, sizeof on);
    r->d->s.rx_modes &= (guint8) ~(1u << command);
    r->d->s.rx_modes |= (guint8) ((on != 0) << command);
    return true;
}

/* Bytes of the list at offset, 0: it does not fit into the request. */
static gsize
list_len(const Request *r, gsize offset, guint32 *ret_count)
{
    guint32 count;

    if (get(r, offset, &count, sizeof count) != sizeof count)
        return 0;
    *ret_count = GUINT32_FROM_LE(count);
    gsize room = r->len - offset - COUNT_BYTES;
    return *ret_count <= room / NET_MAC_BYTES
               ? COUNT_BYTES + NET_MAC_BYTES * (gsize) *ret_count
               : 0;
}

static bool
set_mac_table(Request *r)
{
    VirtioNetState *s = &r->d->s;
    guint32 n_uni = 0, n_multi = 0;
    gsize uni = list_len(r, 0, &n_uni);
    gsize multi = uni > 0 ? list_len(r, uni, &n_multi) : 0;

    if (multi == 0 || uni + multi != r->len)
        return false;
    s->uni_overflow = n_uni > NET_MACS;
    s->n_uni = s->uni_overflow ? 0 : (guint8) n_uni;
    s->multi_overflow = n_multi > NET_MACS - s->n_uni;
    s->n_multi = s->multi_overflow ? 0 : (guint8) n_multi;
    (void) get(r, COUNT_BYTES, s->macs, NET_MAC_BYTES * s->n_uni);
    (void) get(r, uni + COUNT_BYTES, s->macs + NET_MAC_BYTES * s->n_uni,
               NET_MAC_BYTES * s->n_multi);
    return true;
}

static bool
set_mac(Request *r, guint8 command)
{
    enum { TABLE_SET, ADDR_SET };

    if (command == TABLE_SET && has(r, NET_F_CTRL_RX))
        return set_mac_table(r);
    if (command != ADDR_SET || !has(r, NET_F_CTRL_MAC_ADDR) ||
        r->len != NET_MAC_BYTES)
        return false;
    (void) get(r, 0, r->d->s.mac, NET_MAC_BYTES);
    return true;
}

static bool
set_vlan(Request *r, guint8 command)
{
    enum { ADD, DEL };
    guint16 vid;

    if (command > DEL || !has(r, NET_F_CTRL_VLAN) || r->len != sizeof vid)
        return false;
    (void) get(r, 0, &vid, sizeof vid);
    vid = GUINT16_FROM_LE(vid);
    if (vid >= NET_VLANS)
        return false;
    guint32 bit = 1u << vid % 32;
    guint32 *word = &r->d->s.vlans[vid / 32];
    *word = command == ADD ? *word | bit : *word & ~bit;
    return true;
}

static bool
acknowledge_announce(Request *r, guint8 command)
{
    if (command != 0 || !has(r, NET_F_GUEST_ANNOUNCE) || r->len != 0 ||
        !r->d->s.announce)
        return false;
    r->d->s.announce = 0;
    return true;
}

static bool
set_pairs(Request *r, guint8 command)
{
    guint16 pairs;

    if (command != 0 || !has(r, NET_F_MQ) || r->len != sizeof pairs)
        return false;
    (void) get(r, 0, &pairs, sizeof pairs);
    r->pairs = GUINT16_FROM_LE(pairs);
    return r->pairs >= 1 && r->pairs <= r->d->max_pairs;
}

static bool
set_offloads(Request *r, guint8 command)
{
    guint64 offloads;

    if (command != 0 || !has(r, NET_F_CTRL_GUEST_OFFLOADS) ||
        r->len != sizeof offloads)
        return false;
    (void) get(r, 0, &offloads, sizeof offloads);
    r->offloads = GUINT64_FROM_LE(offloads);
    r->set_offloads = true;
    return (r->offloads & ~NET_F_GUEST_OFFLOADS) == 0 && has(r, r->offloads);
}

/* Lock held. */
static bool
obey(Request *r)
{
    guint8 header[HEADER];

    if (iov_read(r->e->iov, r->e->n_out, 0, header, HEADER) != HEADER)
        return false;
    r->len = r->e->out_len - HEADER;
    switch (header[0]) {
    case CLASS_RX: return set_rx_mode(r, header[1]);
    case CLASS_MAC: return set_mac(r, header[1]);
    case CLASS_VLAN: return set_vlan(r, header[1]);
    case CLASS_ANNOUNCE: return acknowledge_announce(r, header[1]);
    case CLASS_MQ: return set_pairs(r, header[1]);
    case CLASS_GUEST: return set_offloads(r, header[1]);
    default: return false;
    }
}

/* Lock held on entry and return, not while the link is told: the driver may
 * reset the device meanwhile, and then the state is its successor's. */
static bool
carry_out(Request *r, const Virtq *q)
{
    VirtioNet *d = r->d;
    bool ok = true;

    if (r->pairs == 0 && !r->set_offloads)
        return true;
    virtio_unlock(&d->virtio);
    if (r->pairs != 0)
        ok = virtio_net_apply_pairs(d, r->pairs) == 0;
    if (r->set_offloads)
        virtio_net_apply_offloads(d, r->offloads);
    virtio_lock(&d->virtio);
    if (virtq_is_stale(q, r->e))
        return false;
    if (r->pairs != 0 && ok)
        d->s.pairs = (guint16) r->pairs;
    if (r->set_offloads)
        d->s.offloads = r->offloads;
    return ok;
}

/* Lock held. False: the request's driver has gone, and its memory with it. */
static bool
serve_request(Request *r, Virtq *q)
{
    const VirtqElem *e = r->e;
    bool ok = obey(r) && carry_out(r, q);
    bool stale = virtq_is_stale(q, e);
    guint8 ack = ok ? (guint8) ACK_OK : (guint8) ACK_ERR;

    if (!stale)
        (void) iov_write(e->iov + e->n_out, e->n_in, 0, &ack, sizeof ack);
    virtq_push(q, e, sizeof ack);
    return !stale;
}

void
virtio_net_serve_ctrl(VirtioNet *d, unsigned queue)
{
    VirtioDevice *v = &d->virtio;
    Virtq *q = virtio_queue(v, queue);
    /* not of elems: the link may want those while it is told */
    struct iovec iov[64];
    VirtqElem e = {.iov = iov, .cap = G_N_ELEMENTS(iov)};
    unsigned rounds = 0;

    virtio_lock(v);
    for (; rounds < ROUNDS; rounds++) {
        Request r = {.d = d, .e = &e};
        if (!virtq_pop(q, &e)) {
            if (virtq_listen(q))
                break;
            continue;
        }
        if (e.n_in == 0) {
            virtq_unpop(q, &e);
            virtq_fail(q, "a request without room for the answer");
            break;
        }
        if (!serve_request(&r, q)) {
            rounds = ROUNDS; /* the next driver's requests are for later */
            break;
        }
    }
    virtq_flush(q);
    virtio_unlock(v);
    if (rounds == ROUNDS)
        virtio_kick(v, queue);
    virtio_net_sync(d);
    if (d->serving)
        virtio_net_serve_all(d); /* queues that came into use */
}

/* ---- filters ---- */

static bool
has_mode(const VirtioNet *d, unsigned mode)
{
    return (d->s.rx_modes & 1u << mode) != 0;
}

static bool
in_list(const VirtioNet *d, unsigned from, unsigned n, const guint8 *mac)
{
    for (unsigned i = from; i < from + n; i++)
        if (memcmp(d->s.macs + NET_MAC_BYTES * i, mac, NET_MAC_BYTES) == 0)
            return true;
    return false;
}

static bool
wants_group(const VirtioNet *d, const guint8 *mac)
{
    static const guint8 broadcast[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    if (memcmp(mac, broadcast, sizeof broadcast) == 0)
        return !has_mode(d, NET_RX_NOBCAST);
    if (has_mode(d, NET_RX_NOMULTI))
        return false;
    return has_mode(d, NET_RX_ALLMULTI) || d->s.multi_overflow ||
           in_list(d, d->s.n_uni, d->s.n_multi, mac);
}

bool
virtio_net_wants(const VirtioNet *d, const guint8 *frame, gsize len)
{
    enum { TYPE_AT = 12, TAG_AT = 14, TAGGED = 16 };

    if (has_mode(d, NET_RX_PROMISC) || len < TYPE_AT + 2)
        return true;
    if (virtio_has_feature(&d->virtio, NET_F_CTRL_VLAN) && len >= TAGGED &&
        (frame[TYPE_AT] << 8 | frame[TYPE_AT + 1]) == ETH_VLAN) {
        guint32 vid = (guint32) (frame[TAG_AT] << 8 | frame[TAG_AT + 1]);
        vid &= VID_MASK;
        if ((d->s.vlans[vid / 32] & 1u << vid % 32) == 0)
            return false;
    }
    if (frame[0] & 1)
        return wants_group(d, frame);
    if (has_mode(d, NET_RX_NOUNI))
        return false;
    return has_mode(d, NET_RX_ALLUNI) || d->s.uni_overflow ||
           memcmp(frame, d->s.mac, NET_MAC_BYTES) == 0 ||
           in_list(d, 0, d->s.n_uni, frame);
}

/* ---- state ---- */

/* A driver that knows no filters gets everything. */
void
virtio_net_reset_state(VirtioNet *d)
{
    VirtioNetState *s = &d->s;

    memcpy(s->mac, d->mac, sizeof s->mac);
    s->announce = 0;
    s->rx_modes = 1u << NET_RX_PROMISC;
    s->n_uni = s->n_multi = s->uni_overflow = s->multi_overflow = 0;
    memset(s->macs, 0, sizeof s->macs);
    memset(s->vlans, 0, sizeof s->vlans);
    s->pairs = 1;
    s->offloads = 0;
}

bool
virtio_net_check_state(const void *state, GError **error)
{
    const VirtioNetState *s = state;

    if (s->announce <= 1 && s->rx_modes < 1u << NET_RX_MODES &&
        s->uni_overflow <= 1 && s->multi_overflow <= 1 &&
        (unsigned) s->n_uni + s->n_multi <= NET_MACS && s->pairs >= 1 &&
        s->pairs <= NET_MAX_QUEUES &&
        (s->offloads & ~NET_F_GUEST_OFFLOADS) == 0)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "virtio-net: %u + %u addresses, %u queue pairs, receive modes "
                "0x%x or offloads 0x%" G_GINT64_MODIFIER "x are out of range",
                s->n_uni, s->n_multi, s->pairs, s->rx_modes, s->offloads);
    return false;
}
