/* devices/net/nic.c - see nic.h. */
#include "devices/net/nic.h"

#include <string.h>

#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define TX_MEMORY      (256u << 10)
#define RX_MEMORY      (256u << 10)
#define TAG_AND_HEADER 18u /* Ethernet with a VLAN tag, bytes */
#define ROUNDS         8u  /* batches of one turn, then others have theirs */

/* struct virtio_net_hdr, Virtio 1.2 section 5.1.6 */
#define HDR_NEEDS_CSUM 1u
#define HDR_DATA_VALID 2u
#define HDR_GSO_TCPV4  1u
#define HDR_GSO_TCPV6  4u

static void
lock(Nic *nic)
{
    g_mutex_lock(&nic->dev->lock);
}

static void
unlock(Nic *nic)
{
    g_mutex_unlock(&nic->dev->lock);
}

/* ---- sending ---- */

guint8 *
nic_tx_begin(Nic *nic)
{
    if (nic->tx_n == NIC_BATCH ||
        nic->tx_used + nic->header + NET_FRAME_MAX > TX_MEMORY)
        return NULL;
    return nic->tx_memory + nic->tx_used + nic->header;
}

static void
put16(guint8 *at, guint16 value)
{
    at[0] = (guint8) value;
    at[1] = (guint8) (value >> 8);
}

static void
fill_header(guint8 *header, const NicOffload *off)
{
    header[0] = off->checksum ? HDR_NEEDS_CSUM : 0;
    if (off->gso_size > 0)
        header[1] = off->ipv6 ? HDR_GSO_TCPV6 : HDR_GSO_TCPV4;
    put16(header + 2, off->header);
    put16(header + 4, off->gso_size);
    put16(header + 6, off->csum_start);
    put16(header + 8, off->csum_offset);
}

void
nic_tx_end(Nic *nic, gsize len, const NicOffload *off)
{
    guint8 *start = nic->tx_memory + nic->tx_used;

    if (len < NET_FRAME_MIN || len > NET_FRAME_MAX)
        return;
    if (len < NIC_MIN_FRAME) {
        memset(start + nic->header + len, 0, NIC_MIN_FRAME - len);
        len = NIC_MIN_FRAME;
    }
    memset(start, 0, nic->header);
    if (nic->header > 0 && off != NULL)
        fill_header(start, off);
    nic->tx_iov[nic->tx_n] = (struct iovec){start, nic->header + len};
    nic->tx[nic->tx_n] = (NetFrame){.iov = &nic->tx_iov[nic->tx_n], .n_iov = 1};
    nic->tx_n++;
    nic->tx_used += (nic->header + len + 63) & ~(gsize) 63;
}

void
nic_tx_loop_back(Nic *nic, guint8 *frame, gsize len)
{
    if (len < NET_FRAME_MIN || len > NET_FRAME_MAX)
        return;
    if (len < NIC_MIN_FRAME) {
        memset(frame + len, 0, NIC_MIN_FRAME - len);
        len = NIC_MIN_FRAME;
    }
    nic->model->receive(nic, frame, len, false);
}

/* False: the guest has no more. */
static bool
fetch(Nic *nic)
{
    lock(nic);
    nic->tx_n = nic->tx_sent = 0;
    nic->tx_used = 0;
    nic->model->transmit(nic);
    nic->tx_busy = nic->tx_n > 0;
    nic->model->settle(nic);
    unlock(nic);
    return nic->tx_n > 0;
}

/* Returns true when there may be more to do. */
static bool
serve_tx(Nic *nic)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (nic->tx_sent == nic->tx_n && !fetch(nic))
            return false;
        nic->tx_sent += net_send(nic->link, 0, nic->tx + nic->tx_sent,
                                 nic->tx_n - nic->tx_sent);
        if (nic->tx_sent < nic->tx_n)
            return false; /* writable() comes */
    }
    return true;
}

/* ---- receiving ---- */

static unsigned
ask_room(Nic *nic)
{
    lock(nic);
    unsigned room = nic->model->room(nic);
    nic->rx_stopped = room == 0;
    unlock(nic);
    return MIN(room, nic->rx_n);
}

static void
deliver(Nic *nic, unsigned n)
{
    lock(nic);
    for (unsigned i = 0; i < n; i++) {
        const NetFrame *f = &nic->rx[i];
        guint8 *bytes = f->iov->iov_base, *frame = bytes + nic->header;
        gsize len = f->len - nic->header;
        if (len < NIC_MIN_FRAME) { /* as the sender's card would have done */
            memset(frame + len, 0, NIC_MIN_FRAME - len);
            len = NIC_MIN_FRAME;
        }
        nic->model->receive(nic, frame, len,
                            nic->header > 0 &&
                                (bytes[0] & HDR_DATA_VALID) != 0);
    }
    nic->model->settle(nic);
    unlock(nic);
}

static void
serve_rx(Nic *nic)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned room = ask_room(nic);
        if (room == 0) {
            net_set_receiving(nic->link, 0, false);
            return;
        }
        unsigned got = net_receive(nic->link, 0, nic->rx, room);
        if (got > 0)
            deliver(nic, got);
        if (got < room)
            break;
    }
    net_set_receiving(nic->link, 0, true);
}

/* Both ways. A frame that is looped back or answered at once finds the other
 * direction at the next turn, never inside this one. */
static void
serve(Nic *nic)
{
    if (!nic->attached || nic->serving)
        return;
    nic->serving = true;
    bool more = serve_tx(nic);
    serve_rx(nic);
    nic->serving = false;
    if (more)
        sys_eventfd_signal(nic->wake_fd);
}

/* ---- the cable's side ---- */

static void
readable(void *data, unsigned queue)
{
    Nic *nic = data;

    if (nic->attached && !nic->serving)
        serve_rx(nic);
}

static void
writable(void *data, unsigned queue)
{
    serve(data);
}

static void
link_changed(void *data, bool up)
{
    Nic *nic = data;

    lock(nic);
    nic->model->link_changed(nic, up);
    nic->model->settle(nic);
    unlock(nic);
}

static const NetOps net_ops = {
    .readable = readable,
    .writable = writable,
    .link_changed = link_changed,
};

static void
woken(int fd, GIOCondition ev, void *data)
{
    (void) sys_eventfd_drain(fd);
    serve(data);
}

void
nic_kick_tx(Nic *nic)
{
    if (nic->tx_busy)
        return;
    nic->tx_busy = true;
    sys_eventfd_signal(nic->wake_fd);
}

void
nic_kick_rx(Nic *nic)
{
    if (!nic->rx_stopped)
        return;
    nic->rx_stopped = false;
    sys_eventfd_signal(nic->wake_fd);
}

/* ---- life ---- */

void
nic_resume(Nic *nic)
{
    if (nic->attached || nic->link == NULL || nic->wake_fd < 0)
        return;
    nic->attached = true;
    net_set_header(nic->link, nic->header > 0 ? NET_HDR_LEGACY : NET_HDR_NONE);
    (void) net_set_offloads(nic->link, 0); /* frames come whole */
    net_set_ops(nic->link, &net_ops, nic);
    link_changed(nic, net_is_up(nic->link));
    serve(nic);
}

void
nic_quiesce(Nic *nic)
{
    if (!nic->attached)
        return;
    net_set_receiving(nic->link, 0, false);
    net_set_ops(nic->link, NULL, NULL);
    nic->attached = false;
}

void
nic_restart(Nic *nic)
{
    if (!nic->attached)
        return;
    link_changed(nic, net_is_up(nic->link));
    serve(nic);
}

static bool
parse_mac(Nic *nic, GError **error)
{
    const char *text = nic->mac_text != NULL ? nic->mac_text : "";
    bool ok = strlen(text) == 17;

    for (unsigned i = 0; ok && i < 17; i++)
        ok = i % 3 == 2 ? text[i] == ':' : g_ascii_isxdigit(text[i]);
    for (unsigned i = 0; ok && i < NIC_MAC_BYTES; i++)
        nic->mac[i] = (guint8) (g_ascii_xdigit_value(text[3 * i]) << 4 |
                                g_ascii_xdigit_value(text[3 * i + 1]));
    if (ok && (nic->mac[0] & 1) == 0)
        return true;
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                "%s: '%s' is no address of a card; it has six bytes such as "
                "52:54:00:12:34:56, the first one even",
                nic->dev->id, text);
    return false;
}

static void
make_buffers(Nic *nic)
{
    /* one that fills its slot might have been longer, and is dropped */
    gsize slot = nic->header + TAG_AND_HEADER + net_mtu(nic->link) + 1;
    gsize step = (slot + NIC_SLACK + 63) & ~(gsize) 63;

    nic->tx_memory = g_malloc(TX_MEMORY + NIC_SLACK);
    nic->rx_memory = g_malloc(RX_MEMORY);
    nic->rx_n = (unsigned) CLAMP(RX_MEMORY / step, 1, NIC_BATCH);
    for (unsigned i = 0; i < nic->rx_n; i++) {
        nic->rx_iov[i] = (struct iovec){nic->rx_memory + i * step, slot};
        nic->rx[i] = (NetFrame){.iov = &nic->rx_iov[i], .n_iov = 1};
    }
}

bool
nic_realize(Nic *nic, Device *dev, const NicModel *model, GError **error)
{
    nic->dev = dev;
    nic->model = model;
    nic->header = model->offloads ? NET_HDR_LEGACY : 0;
    nic->wake_fd = -1;
    nic->tx_n = nic->tx_sent = 0;
    nic->tx_busy = nic->rx_stopped = false;
    if (!parse_mac(nic, error))
        return false;
    nic->wake_fd = sys_eventfd(error);
    if (nic->wake_fd < 0)
        return false;
    make_buffers(nic);
    nic->wake_watch =
        loop_watch_fd(dev->env->loop, nic->wake_fd, G_IO_IN, woken, nic);
    return true;
}

void
nic_unrealize(Nic *nic)
{
    if (nic->dev == NULL)
        return; /* never got that far */
    nic_quiesce(nic);
    if (nic->wake_watch != 0)
        loop_unwatch(nic->dev->env->loop, nic->wake_watch);
    nic->wake_watch = 0;
    sys_close(&nic->wake_fd);
    g_clear_pointer(&nic->tx_memory, g_free);
    g_clear_pointer(&nic->rx_memory, g_free);
    nic->dev = NULL;
}

/* ---- filters ---- */

guint32
nic_address_crc(const guint8 mac[NIC_MAC_BYTES])
{
    guint32 crc = G_MAXUINT32;

    for (unsigned i = 0; i < 8 * NIC_MAC_BYTES; i++) {
        guint32 bit = (mac[i / 8] >> (i % 8) & 1u) ^ crc >> 31;
        crc = crc << 1 ^ (bit ? 0x04c11db7u : 0);
    }
    return crc;
}

bool
nic_is_broadcast(const guint8 *frame)
{
    static const guint8 all[NIC_MAC_BYTES] = {0xff, 0xff, 0xff,
                                              0xff, 0xff, 0xff};

    return memcmp(frame, all, NIC_MAC_BYTES) == 0;
}
