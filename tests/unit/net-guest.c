/* tests/unit/net-guest.c - see net-guest.h. */
#include "tests/unit/net-guest.h"

#include <string.h>

#include "vmm/loop/loop.h"
#include "vmm/net/offload.h"
#include "vmm/net/packet.h"

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

#define WINDOW     65535u
#define BATCH      16
#define RESEND_US  300000
#define BUFFER_LEN (NET_HDR_MAX + NET_FRAME_MAX)
#define LARGE_SEND 60000u

/* ---- out ---- */

static void
send_frame(NetGuest *g, NetVnetHdr *hdr, guint8 *frame, gsize len)
{
    struct iovec iov[2] = {{hdr, sizeof *hdr}, {frame, len}};
    const NetFrame f = {.iov = iov, .n_iov = 2};

    (void) net_send(g->link, 0, &f, 1); /* lost when full: sent again */
}

/* Ethernet and IPv4 before len bytes of payload that start at frame + 34. */
static void
fill_ip(NetGuest *g, guint8 *frame, guint32 ip, unsigned proto, gsize len)
{
    guint8 *h = frame + 14;

    memcpy(frame, g->gateway_mac, 6);
    memcpy(frame + 6, g->mac, 6);
    put16(frame + 12, 0x0800);
    memset(h, 0, 20);
    h[0] = 0x45;
    put16(h + 2, (guint32) (20 + len));
    put16(h + 4, g->ip_id++);
    h[8] = 64;
    h[9] = (guint8) proto;
    put32(h + 12, g->ip);
    put32(h + 16, ip);
    put16(h + 10, (guint16) ~offload_sum(h, 20, 0));
}

static guint16
l4_sum(const guint8 *ip, const guint8 *l4, gsize len)
{
    return offload_sum(l4, len,
                       offload_sum(ip + 12, 8, (guint32) (ip[9] + len)));
}

void
guest_udp(NetGuest *g, guint32 ip, guint16 port, const void *data, gsize len)
{
    guint8 frame[1514];
    NetVnetHdr hdr = {0};
    guint8 *udp = frame + 34;

    g_assert(len <= sizeof frame - 42);
    fill_ip(g, frame, ip, 17, 8 + len);
    put16(udp, ip == 0xffffffff ? 68 : g->udp_port);
    put16(udp + 2, port);
    put16(udp + 4, (guint32) (8 + len));
    put16(udp + 6, 0);
    memcpy(udp + 8, data, len);
    put16(udp + 6, (guint16) ~l4_sum(frame + 14, udp, 8 + len));
    send_frame(g, &hdr, frame, 42 + len);
}

void
guest_icmp6(NetGuest *g, const guint8 mac[6], const guint8 ip[16],
            const void *message, gsize len)
{
    static const guint8 own[16] = {0xfe, 0xc0, 0, 0,    0,    0,    0,    0,
                                   0x50, 0x54, 0, 0xff, 0xfe, 0x12, 0x34, 0x56};
    guint8 frame[1514] = {0};
    NetVnetHdr hdr = {0};
    guint8 *h = frame + 14, *icmp = frame + 54;

    g_assert(len >= 4 && len <= sizeof frame - 54);
    memcpy(frame, mac, 6);
    memcpy(frame + 6, g->mac, 6);
    put16(frame + 12, 0x86dd);
    h[0] = 0x60;
    put16(h + 4, (guint32) len);
    h[6] = 58;
    h[7] = 255; /* neighbours' messages must not have been routed */
    memcpy(h + 8, own, 16);
    memcpy(h + 24, ip, 16);
    memcpy(icmp, message, len);
    put16(icmp + 2, 0);
    guint32 pseudo = offload_sum(h + 8, 32, (guint32) (58 + len));
    put16(icmp + 2, (guint16) ~offload_sum(icmp, len, pseudo));
    send_frame(g, &hdr, frame, 54 + len);
}

/* One segment, or one TSO frame of several. */
static void
send_tcp(NetGuest *g, unsigned flags, guint32 seq, const guint8 *data,
         gsize len)
{
    g_autofree guint8 *frame = g_malloc(NET_FRAME_MAX);
    NetVnetHdr hdr = {0};
    guint8 *tcp = frame + 34;
    gsize head = flags & SYN ? 24 : 20;
    gsize mss = g->mtu - 40;

    fill_ip(g, frame, g->peer_ip, 6, head + len);
    memset(tcp, 0, head);
    put16(tcp, g->port);
    put16(tcp + 2, g->peer_port);
    put32(tcp + 4, seq);
    put32(tcp + 8, flags & ACK ? g->rcv_nxt : 0);
    tcp[12] = (guint8) (head / 4 << 4);
    tcp[13] = (guint8) flags;
    put16(tcp + 14, WINDOW);
    if (flags & SYN) {
        tcp[20] = 2;
        tcp[21] = 4;
        put16(tcp + 22, (guint32) mss);
    }
    if (len > 0)
        memcpy(tcp + head, data, len);
    if (len > mss) {
        hdr = (NetVnetHdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                           .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                           .gso_size = GUINT16_TO_LE((guint16) mss),
                           .csum_start = GUINT16_TO_LE(34),
                           .csum_offset = GUINT16_TO_LE(16)};
        put16(tcp + 16, offload_sum(frame + 26, 8, (guint32) (6 + head + len)));
    } else {
        put16(tcp + 16, (guint16) ~l4_sum(frame + 14, tcp, head + len));
    }
    send_frame(g, &hdr, frame, 34 + head + len);
}

static void
pump(NetGuest *g)
{
    bool tso = (g->offloads & NET_OFFLOAD_TSO4) != 0;
    gsize step = tso ? LARGE_SEND : g->mtu - 40;

    while (g->established && g->out != NULL && !g->fin_sent) {
        gsize at = g->snd_nxt - g->out_seq + g->out_base;
        gsize left = g->out_len - at;
        guint32 flying = g->snd_nxt - g->snd_una;
        gsize room = g->peer_window > flying ? g->peer_window - flying : 0;
        gsize n = MIN(MIN(left, room), step);
        if (left == 0) {
            if (g->out_fin) {
                send_tcp(g, FIN | ACK, g->snd_nxt, NULL, 0);
                g->snd_nxt++;
                g->fin_sent = true;
            }
            return;
        }
        if (n == 0 || (n < left && n < 1000))
            return;
        send_tcp(g, ACK | PSH, g->snd_nxt, g->out + at, n);
        g->snd_nxt += (guint32) n;
    }
}

/* ---- in ---- */

static void
take_arp(NetGuest *g, const guint8 *f, gsize len)
{
    guint8 out[42];
    NetVnetHdr hdr = {0};

    if (len < 42)
        return;
    if (get16(f + 20) == 2 && get32(f + 28) == g->router) {
        memcpy(g->gateway_mac, f + 22, 6);
    } else if (get16(f + 20) == 1 && get32(f + 38) == g->ip) {
        memcpy(out, f, 42);
        memcpy(out, f + 6, 6);
        memcpy(out + 6, g->mac, 6);
        put16(out + 20, 2);
        memcpy(out + 22, g->mac, 6);
        put32(out + 28, g->ip);
        memcpy(out + 32, f + 22, 10);
        send_frame(g, &hdr, out, sizeof out);
    }
}

static void
take_dhcp(NetGuest *g, const guint8 *d, gsize len)
{
    if (len < 241)
        return;
    g->ip = get32(d + 16);
    for (gsize at = 240; at + 2 <= len && d[at] != 255;) {
        unsigned code = d[at], n = d[at + 1];
        const guint8 *value = d + at + 2;
        if (code == 0) {
            at++;
            continue;
        }
        if (at + 2 + n > len)
            return;
        if (code == 53 && n == 1)
            g->dhcp_type = value[0];
        if (code == 26)
            g->dhcp_has_mtu = true;
        if (n == 4 && code == 3)
            g->router = get32(value);
        if (n == 4 && code == 6)
            g->dns = get32(value);
        if (n == 4 && code == 54)
            g->dhcp_server = get32(value);
        at += 2 + n;
    }
}

static void
take_icmp6(NetGuest *g, const guint8 *ip, gsize len)
{
    if (len < 48 || ip[6] != 58)
        return;
    g->icmp6_type = ip[40];
    g->icmp6_len = MIN(len - 40, sizeof g->icmp6);
    memcpy(g->icmp6, ip + 40, g->icmp6_len);
}

static void
take_udp(NetGuest *g, guint32 from, const guint8 *udp, gsize len)
{
    if (len < 8)
        return;
    if (get16(udp + 2) == 68) {
        take_dhcp(g, udp + 8, len - 8);
        return;
    }
    g->udp_ip = from;
    g->udp_from = get16(udp);
    g->udp_len = MIN(len - 8, sizeof g->udp);
    memcpy(g->udp, udp + 8, g->udp_len);
}

static void
take_ack(NetGuest *g, const guint8 *tcp)
{
    guint32 ack = get32(tcp + 8);

    g->peer_window = get16(tcp + 14);
    if ((gint32) (ack - g->snd_una) > 0 && (gint32) (ack - g->snd_nxt) <= 0) {
        g->snd_una = ack;
        g->progress_us = g_get_monotonic_time();
    }
}

static void
take_segment(NetGuest *g, const guint8 *tcp, gsize head, gsize len)
{
    gsize n = len - head;
    unsigned flags = tcp[13];

    take_ack(g, tcp);
    if (n > 0 && get32(tcp + 4) == g->rcv_nxt) {
        if (g->received_sum != NULL)
            g_checksum_update(g->received_sum, tcp + head, (gssize) n);
        g->received += n;
        g->rcv_nxt += (guint32) n;
        if (flags & FIN) {
            g->peer_fin = true;
            g->rcv_nxt++;
        }
        send_tcp(g, ACK, g->snd_nxt, NULL, 0);
    } else if (n > 0) {
        send_tcp(g, ACK, g->snd_nxt, NULL, 0);
    } else if ((flags & FIN) && get32(tcp + 4) == g->rcv_nxt) {
        g->peer_fin = true;
        g->rcv_nxt++;
        send_tcp(g, ACK, g->snd_nxt, NULL, 0);
    }
    pump(g);
}

static void
take_tcp(NetGuest *g, guint32 from, const guint8 *tcp, gsize len)
{
    gsize head = (gsize) (tcp[12] >> 4) * 4;
    unsigned flags = tcp[13];

    if (len < 20 || head < 20 || head > len || get16(tcp + 2) != g->port)
        return;
    if (g->listening && (flags & (SYN | ACK)) == SYN) {
        g->peer_ip = from;
        g->peer_port = get16(tcp);
        g->rcv_nxt = get32(tcp + 4) + 1;
        g->peer_window = get16(tcp + 14);
        send_tcp(g, SYN | ACK, g->snd_una, NULL, 0);
        g->snd_nxt = g->snd_una + 1;
    } else if (flags & RST) {
        g->reset = true;
    } else if ((flags & SYN) && !g->established) {
        g->rcv_nxt = get32(tcp + 4) + 1;
        take_ack(g, tcp);
        g->established = true;
        g->out_seq = g->snd_nxt;
        send_tcp(g, ACK, g->snd_nxt, NULL, 0);
    } else {
        if (!g->established) {
            g->established = true;
            g->out_seq = g->snd_nxt;
        }
        take_segment(g, tcp, head, len);
    }
}

static void
take_ip(NetGuest *g, const NetVnetHdr *hdr, const guint8 *ip, gsize len)
{
    gsize total = get16(ip + 2);
    const guint8 *l4 = ip + 20;

    if (len < 40 - 12 || total > len || total < 28 || ip[0] != 0x45)
        return;
    bool filled = !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
    bool has_sum = ip[9] == 6 || (ip[9] == 17 && get16(l4 + 6) != 0);
    if (offload_sum(ip, 20, 0) != 0xffff ||
        (filled && has_sum && l4_sum(ip, l4, total - 20) != 0xffff))
        g->bad_checksums++;
    if (ip[9] == 17)
        take_udp(g, get32(ip + 12), l4, total - 20);
    else if (ip[9] == 6 && total >= 40)
        take_tcp(g, get32(ip + 12), l4, total - 20);
    else if (ip[9] == 1 && l4[0] == 3)
        g->icmp_unreachable = true;
}

static void
take_frame(NetGuest *g, const guint8 *data, gsize len)
{
    NetVnetHdr hdr;
    const guint8 *f = data + sizeof hdr;

    if (len < sizeof hdr + 14)
        return;
    memcpy(&hdr, data, sizeof hdr);
    len -= sizeof hdr;
    g->frames++;
    g->large_frames += len > 14 + (gsize) g->mtu;
    if (get16(f + 12) == 0x0806)
        take_arp(g, f, len);
    else if (get16(f + 12) == 0x0800)
        take_ip(g, &hdr, f + 14, len - 14);
    else if (get16(f + 12) == 0x86dd)
        take_icmp6(g, f + 14, len - 14);
}

static void
readable(void *nic, unsigned queue)
{
    NetGuest *g = nic;
    struct iovec iov[BATCH];
    NetFrame frames[BATCH];

    for (unsigned i = 0; i < BATCH; i++) {
        iov[i] =
            (struct iovec){g->buffers + (gsize) i * BUFFER_LEN, BUFFER_LEN};
        frames[i] = (NetFrame){.iov = &iov[i], .n_iov = 1};
    }
    unsigned n = net_receive(g->link, queue, frames, BATCH);
    for (unsigned i = 0; i < n; i++)
        take_frame(g, frames[i].iov->iov_base, frames[i].len);
}

static void
writable(void *nic, unsigned queue)
{
    pump(nic);
}

static const NetOps guest_ops = {.readable = readable, .writable = writable};

/* ---- life ---- */

static gboolean
tick(gpointer data)
{
    return G_SOURCE_CONTINUE;
}

NetGuest *
guest_new(Loop *loop, NetLink *link, unsigned offloads)
{
    static const guint8 mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    NetGuest *g = g_new0(NetGuest, 1);

    g->link = link;
    g->loop = loop;
    g->offloads = offloads;
    g->mtu = net_mtu(link);
    g->udp_port = 4000;
    g->buffers = g_malloc((gsize) BATCH * BUFFER_LEN);
    memcpy(g->mac, mac, 6);
    memset(g->gateway_mac, 0xff, 6);
    g->received_sum = g_checksum_new(G_CHECKSUM_SHA256);
    g->tick = g_timeout_source_new(5);
    g_source_set_callback(g->tick, tick, NULL, NULL);
    g_source_attach(g->tick, loop_context(loop));
    net_set_header(link, NET_HDR_V1);
    (void) net_set_offloads(link, offloads);
    net_set_ops(link, &guest_ops, g);
    net_set_receiving(link, 0, true);
    return g;
}

void
guest_free(NetGuest *g)
{
    net_set_ops(g->link, NULL, NULL);
    g_source_destroy(g->tick);
    g_source_unref(g->tick);
    g_clear_pointer(&g->received_sum, g_checksum_free);
    g_free(g->buffers);
    g_free(g);
}

static bool
waits_for_an_answer(const NetGuest *g)
{
    gsize sent = g->snd_una - g->out_seq + g->out_base;

    return g->snd_una != g->snd_nxt ||
           (g->out != NULL && !g->fin_sent && sent < g->out_len);
}

/* One segment at least even where there is no window: what opened it again may
 * have been lost, and nobody repeats that (RFC 9293, 3.8.6.1). */
static void
send_again(NetGuest *g)
{
    gint64 now = g_get_monotonic_time();

    if (!g->established || !waits_for_an_answer(g) ||
        now - g->progress_us < RESEND_US)
        return;
    g->progress_us = now;
    g->snd_nxt = g->snd_una;
    g->fin_sent = false;
    g->probes += g->peer_window < g->mtu;
    g->peer_window = MAX(g->peer_window, g->mtu);
    pump(g);
}

bool
guest_run(NetGuest *g, unsigned ms, bool (*done)(NetGuest *g))
{
    gint64 end = g_get_monotonic_time() + (gint64) ms * 1000;

    while (!done(g)) {
        if (g_get_monotonic_time() > end)
            return false;
        g_main_context_iteration(loop_context(g->loop), TRUE);
        send_again(g);
    }
    return true;
}

static bool
has_offer(NetGuest *g)
{
    return g->dhcp_type == 2;
}

static bool
has_lease(NetGuest *g)
{
    return g->dhcp_type == 5;
}

static bool
knows_gateway(NetGuest *g)
{
    return g->gateway_mac[0] != 0xff;
}

static void
send_dhcp(NetGuest *g, guint8 type)
{
    guint8 d[300] = {1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78};
    gsize at = 240;
    guint32 offered = g->ip;

    memcpy(d + 28, g->mac, 6);
    put32(d + 236, 0x63825363);
    d[at++] = 53;
    d[at++] = 1;
    d[at++] = type;
    if (type == 3) {
        d[at++] = 50;
        d[at++] = 4;
        put32(d + at, offered);
        at += 4;
        d[at++] = 54;
        d[at++] = 4;
        put32(d + at, g->dhcp_server);
        at += 4;
    }
    d[at] = 255;
    g->ip = 0;
    guest_udp(g, 0xffffffff, 67, d, sizeof d);
    g->ip = offered;
}

bool
guest_dhcp(NetGuest *g)
{
    static const guint8 head[22] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0,
                                    0,    0,    0,    0,    8,    6,    0, 1,
                                    8,    0,    6,    4,    0,    1};
    guint8 arp[42] = {0};
    NetVnetHdr hdr = {0};

    send_dhcp(g, 1);
    if (!guest_run(g, 3000, has_offer))
        return false;
    send_dhcp(g, 3);
    if (!guest_run(g, 3000, has_lease))
        return false;
    memcpy(arp, head, sizeof head);
    memcpy(arp + 6, g->mac, 6);
    memcpy(arp + 22, g->mac, 6);
    put32(arp + 28, g->ip);
    put32(arp + 38, g->router);
    send_frame(g, &hdr, arp, sizeof arp);
    return guest_run(g, 3000, knows_gateway);
}

bool
guest_has_udp(NetGuest *g)
{
    return g->udp_len > 0;
}

bool
guest_has_icmp6(NetGuest *g)
{
    return g->icmp6_type != 0;
}

bool
guest_is_established(NetGuest *g)
{
    return g->established || g->reset || g->icmp_unreachable;
}

bool
guest_has_fin(NetGuest *g)
{
    return g->peer_fin || g->reset;
}

static void
fresh_connection(NetGuest *g, guint16 port)
{
    g->port = port;
    g->listening = g->established = g->reset = g->peer_fin = false;
    g->fin_sent = g->icmp_unreachable = false;
    g->snd_una = g->snd_nxt = g_random_int();
    g->received = 0;
    g->out = NULL;
    if (g->received_sum != NULL)
        g_checksum_reset(g->received_sum);
}

bool
guest_connect(NetGuest *g, guint32 ip, guint16 port)
{
    fresh_connection(g, (guint16) (g->port + 1 > 40000 ? g->port + 1 : 40000));
    g->peer_ip = ip;
    g->peer_port = port;
    send_tcp(g, SYN, g->snd_nxt, NULL, 0);
    g->snd_nxt++;
    return guest_run(g, 5000, guest_is_established) && g->established;
}

void
guest_listen(NetGuest *g, guint16 port)
{
    fresh_connection(g, port);
    g->listening = true;
}

void
guest_write(NetGuest *g, const guint8 *data, gsize len)
{
    send_tcp(g, ACK | PSH, g->snd_nxt, data, len);
    g->snd_nxt += (guint32) len;
    g->progress_us = g_get_monotonic_time();
}

static bool
all_is_acknowledged(NetGuest *g)
{
    return g->reset || (g->fin_sent && g->snd_una == g->snd_nxt);
}

bool
guest_send(NetGuest *g, const guint8 *data, gsize len, unsigned ms)
{
    g->out = data;
    g->out_len = len;
    g->out_base = 0;
    g->out_seq = g->snd_nxt;
    g->out_fin = true;
    g->progress_us = g_get_monotonic_time();
    pump(g);
    return guest_run(g, ms, all_is_acknowledged) && !g->reset;
}
