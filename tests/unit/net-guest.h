/* tests/unit/net-guest.h - a guest's network stack in miniature, to speak with
 * the user network: ARP, DHCP, UDP, ICMPv6, and one TCP connection in either
 * direction with or without TSO. In-order only; what is lost is sent again
 * after a while. One thread, that of the link's manual loop. */
#pragma once

#include "vmm/net/net.h"

typedef struct {
    NetLink *link;
    Loop *loop;
    GSource *tick;   /* ends a wait without frames */
    guint8 *buffers; /* for receive */
    unsigned offloads;
    guint mtu;
    guint8 mac[6], gateway_mac[6];
    guint32 ip, router, dns; /* host order; 0: unknown */
    guint8 dhcp_type;        /* of the last answer */
    bool dhcp_has_mtu;
    guint32 dhcp_server;
    guint16 ip_id;
    unsigned bad_checksums, frames, large_frames;

    guint16 udp_port; /* ours, of what is sent */
    guint32 udp_ip;   /* who sent the last datagram, and from which port */
    guint16 udp_from;
    gsize udp_len;
    guint8 udp[2048];
    bool icmp_unreachable;
    guint8 icmp6_type; /* of the last ICMPv6 message; 0: none */
    gsize icmp6_len;
    guint8 icmp6[512];

    /* The connection; host order. */
    guint32 peer_ip;
    guint16 port, peer_port;
    bool listening, established, reset, peer_fin, fin_sent;
    guint32 snd_una, snd_nxt, rcv_nxt, peer_window;
    guint64 received;        /* bytes */
    GChecksum *received_sum; /* NULL: not computed */
    const guint8 *out;       /* what is to be sent, and how far it is */
    gsize out_len, out_base;
    guint32 out_seq; /* of out[0] */
    bool out_fin;
    unsigned probes; /* of a closed window */
    gint64 progress_us;
} NetGuest;

/* link is attached to the guest until guest_free(), which leaves it open. */
NetGuest *guest_new(Loop *loop, NetLink *link, unsigned offloads);
void guest_free(NetGuest *g);

/* Works for at most ms, until done(g) says so; its answer. */
bool guest_run(NetGuest *g, unsigned ms, bool (*done)(NetGuest *g));

bool guest_dhcp(NetGuest *g); /* ip, router, dns, gateway_mac */
void guest_udp(NetGuest *g, guint32 ip, guint16 port, const void *data,
               gsize len);
bool guest_has_udp(NetGuest *g);
/* From our address fec0::5054:ff:fe12:3456. The checksum is filled in. */
void guest_icmp6(NetGuest *g, const guint8 mac[6], const guint8 ip[16],
                 const void *message, gsize len);
bool guest_has_icmp6(NetGuest *g);
bool guest_connect(NetGuest *g, guint32 ip, guint16 port);
void guest_listen(NetGuest *g, guint16 port);
bool guest_is_established(NetGuest *g);
/* Sends all of data, then FIN; waits until it is acknowledged. */
bool guest_send(NetGuest *g, const guint8 *data, gsize len, unsigned ms);
/* One segment, now; it is not sent again. */
void guest_write(NetGuest *g, const guint8 *data, gsize len);
bool guest_has_fin(NetGuest *g); /* the peer has said all */
