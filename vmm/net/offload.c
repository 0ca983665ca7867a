/* vmm/net/offload.c - see offload.h.
 *
 * The header is that of virtio 1.2, 5.1.6.2: checksums as RFC 1071, TCP
 * segments as RFC 9293, UDP segmentation as datagrams of gso_size bytes. Not
 * here: UFO (fragments), tunnels, IPv6 extension headers before TCP when the
 * sender does not say where TCP starts. */
#include "vmm/net/offload.h"

#include <string.h>

#include "vmm/net/packet.h"

#define ETH_TYPE_AT    12
#define ETH_VLAN       0x8100
#define ETH_QINQ       0x88a8
#define UDP_LEN        8u
#define PROTO_UDP      17
#define TCP_FIN        0x01
#define TCP_PSH        0x08
#define TCP_CWR        0x80
#define MIN_GSO        48u /* smaller ones only make work (TCP_MIN_MSS) */
#define UDP_GSO_TYPE   5   /* VIRTIO_NET_HDR_GSO_UDP_L4 */
#define GSO_KIND(type) ((type) & ~VIRTIO_NET_HDR_GSO_ECN)

guint16
offload_sum(const guint8 *data, gsize len, guint32 sum)
{
    guint64 wide = 0;

    /* words in host order: RFC 1071 2(B), the sum is swapped at the end */
    for (; len >= 4; data += 4, len -= 4) {
        guint32 word;
        memcpy(&word, data, sizeof word);
        wide += word;
    }
    guint8 tail[4] = {0};
    memcpy(tail, data, len);
    guint32 word;
    memcpy(&word, tail, sizeof word);
    wide += word;
    while (wide >> 16)
        wide = (wide & 0xffff) + (wide >> 16);
    guint32 all =
        GUINT16_FROM_BE((guint16) wide) + (sum & 0xffff) + (sum >> 16);
    while (all >> 16)
        all = (all & 0xffff) + (all >> 16);
    return (guint16) all;
}

static guint16
offload_fold(guint32 sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (guint16) ((sum & 0xffff) + (sum >> 16));
}

/* ---- checks ---- */

unsigned
offload_needs(const NetVnetHdr *hdr)
{
    unsigned needs = 0;

    if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        needs |= NET_OFFLOAD_CSUM;
    if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN)
        needs |= NET_OFFLOAD_ECN;
    switch (GSO_KIND(hdr->gso_type)) {
    case VIRTIO_NET_HDR_GSO_TCPV4: return needs | NET_OFFLOAD_TSO4;
    case VIRTIO_NET_HDR_GSO_TCPV6: return needs | NET_OFFLOAD_TSO6;
    case UDP_GSO_TYPE: return needs | NET_OFFLOAD_USO;
    default: return needs;
    }
}

static bool
checksum_is_inside(const NetVnetHdr *hdr, gsize len)
{
    gsize start = GUINT16_FROM_LE(hdr->csum_start);
    gsize field = start + GUINT16_FROM_LE(hdr->csum_offset);

    return start >= NET_FRAME_MIN && start < len && field + 2 <= len;
}

bool
offload_check_header(NetVnetHdr *hdr, gsize len, unsigned allowed)
{
    unsigned kind = GSO_KIND(hdr->gso_type);

    hdr->num_buffers = GUINT16_TO_LE(1);
    if (len < NET_FRAME_MIN || len > NET_FRAME_MAX)
        return false;
    if (kind != VIRTIO_NET_HDR_GSO_NONE && kind != VIRTIO_NET_HDR_GSO_TCPV4 &&
        kind != VIRTIO_NET_HDR_GSO_TCPV6 && kind != UDP_GSO_TYPE)
        return false;
    hdr->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
    if ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
        !checksum_is_inside(hdr, len))
        return false;
    if (kind == VIRTIO_NET_HDR_GSO_NONE && hdr->gso_type != 0)
        return false; /* ECN of nothing */
    return (offload_needs(hdr) & ~allowed) == 0;
}

bool
offload_check(NetVnetHdr *hdr, const guint8 *frame, gsize len, unsigned allowed)
{
    NetCut cut;

    if (!offload_check_header(hdr, len, allowed))
        return false;
    return hdr->gso_type == 0 ||
           ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0 &&
            offload_cut_begin(&cut, hdr, frame, len));
}

void
offload_finish_checksum(NetVnetHdr *hdr, guint8 *frame, gsize len)
{
    gsize start = GUINT16_FROM_LE(hdr->csum_start);
    gsize field = start + GUINT16_FROM_LE(hdr->csum_offset);

    if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
        return;
    /* the field holds the sum of the pseudo-header */
    guint16 sum = (guint16) ~offload_sum(frame + start, len - start, 0);
    put16(frame + field, sum == 0 ? 0xffff : sum);
    hdr->flags = VIRTIO_NET_HDR_F_DATA_VALID;
    hdr->csum_start = hdr->csum_offset = 0;
}

/* ---- segmentation ---- */

typedef struct {
    gsize ip, l4; /* offsets in the frame */
    bool v6, udp;
} Layers;

static bool
find_layers(const NetVnetHdr *hdr, const guint8 *frame, gsize len, Layers *l)
{
    gsize at = ETH_TYPE_AT;

    for (unsigned tags = 0; tags < 2 && at + 2 <= len; tags++)
        if (get16(frame + at) == ETH_VLAN || get16(frame + at) == ETH_QINQ)
            at += 4;
    if (at + 2 > len)
        return false;
    unsigned type = get16(frame + at);
    l->ip = at + 2;
    l->l4 = GUINT16_FROM_LE(hdr->csum_start);
    l->v6 = type == ETH_IPV6;
    if (type == ETH_IPV4) {
        if (l->ip + IPV4_MIN > len || frame[l->ip] >> 4 != 4)
            return false;
        gsize ihl = (gsize) (frame[l->ip] & 15) * 4;
        return ihl >= IPV4_MIN && l->l4 == l->ip + ihl && l->l4 < len;
    }
    return l->v6 && l->ip + IPV6_LEN <= len && frame[l->ip] >> 4 == 6 &&
           l->l4 >= l->ip + IPV6_LEN && l->l4 < len;
}

static bool
type_fits(unsigned kind, const Layers *l)
{
    switch (kind) {
    case VIRTIO_NET_HDR_GSO_TCPV4: return !l->v6;
    case VIRTIO_NET_HDR_GSO_TCPV6: return l->v6;
    case UDP_GSO_TYPE: return true;
    default: return false;
    }
}

bool
offload_cut_begin(NetCut *cut, const NetVnetHdr *hdr, const guint8 *frame,
                  gsize len)
{
    Layers l = {0};
    unsigned kind = GSO_KIND(hdr->gso_type);
    bool udp = kind == UDP_GSO_TYPE;
    unsigned proto = udp ? PROTO_UDP : PROTO_TCP;

    if (!find_layers(hdr, frame, len, &l) || !type_fits(kind, &l) ||
        GUINT16_FROM_LE(hdr->gso_size) < MIN_GSO ||
        l.l4 + (udp ? UDP_LEN : TCP_MIN) > len)
        return false;
    if (!l.v6 && frame[l.ip + 9] != proto)
        return false;
    gsize l4_len = udp ? UDP_LEN : (gsize) (frame[l.l4 + 12] >> 4) * 4;
    if (l4_len < (udp ? UDP_LEN : TCP_MIN) || l.l4 + l4_len > len)
        return false;
    *cut = (NetCut){.hdr = *hdr,
                    .frame = frame,
                    .len = len,
                    .headers = l.l4 + l4_len,
                    .active = true};
    return true;
}

/* Lengths, identification and the sum of the IP header of one piece. */
static void
fix_ip(const Layers *l, guint8 *out, gsize len, gsize index)
{
    guint8 *ip = out + l->ip;

    if (l->v6) {
        put16(ip + 4, (guint32) (len - l->ip - IPV6_LEN));
        return;
    }
    put16(ip + 2, (guint32) (len - l->ip));
    put16(ip + 4, (guint32) (get16(ip + 4) + index));
    put16(ip + 10, 0);
    put16(ip + 10, (guint16) ~offload_sum(ip, l->l4 - l->ip, 0));
}

static guint32
pseudo_sum(const Layers *l, const guint8 *out, gsize len, unsigned proto)
{
    const guint8 *ip = out + l->ip;
    guint32 sum = proto + (guint32) (len - l->l4);

    return l->v6 ? offload_sum(ip + 8, 32, sum) : offload_sum(ip + 12, 8, sum);
}

static void
fix_tcp(const NetCut *cut, const Layers *l, guint8 *out, gsize len, bool last)
{
    guint8 *tcp = out + l->l4;

    put32(tcp + 4, get32(tcp + 4) + (guint32) cut->at);
    if (!last)
        tcp[13] &= (guint8) ~(TCP_FIN | TCP_PSH);
    if (cut->at > 0)
        tcp[13] &= (guint8) ~TCP_CWR;
    put16(tcp + 16, 0);
    guint32 sum = pseudo_sum(l, out, len, PROTO_TCP);
    put16(tcp + 16, (guint16) ~offload_sum(tcp, len - l->l4, sum));
}

static void
fix_udp(const Layers *l, guint8 *out, gsize len)
{
    guint8 *udp = out + l->l4;

    put16(udp + 4, (guint32) (len - l->l4));
    put16(udp + 6, 0);
    guint32 pseudo = pseudo_sum(l, out, len, PROTO_UDP);
    guint16 sum = (guint16) ~offload_sum(udp, len - l->l4, pseudo);
    put16(udp + 6, sum == 0 ? 0xffff : sum);
}

gsize
offload_cut_next(NetCut *cut, guint8 *out)
{
    Layers l = {0};
    gsize payload = cut->len - cut->headers;
    gsize size = GUINT16_FROM_LE(cut->hdr.gso_size);

    /* a frame without payload still is one piece */
    if (!cut->active || (cut->at >= payload && cut->at > 0) ||
        !find_layers(&cut->hdr, cut->frame, cut->len, &l)) {
        cut->active = false;
        return 0;
    }
    gsize n = MIN(size, payload - cut->at);
    gsize len = cut->headers + n;
    memcpy(out, cut->frame, cut->headers);
    memcpy(out + cut->headers, cut->frame + cut->headers + cut->at, n);
    bool last = cut->at + n >= payload;
    fix_ip(&l, out, len, cut->at / size);
    if (GSO_KIND(cut->hdr.gso_type) == UDP_GSO_TYPE)
        fix_udp(&l, out, len);
    else
        fix_tcp(cut, &l, out, len, last);
    cut->at += n;
    if (last)
        cut->active = false;
    return len;
}

bool
offload_finish_whole(NetVnetHdr *hdr, guint8 *frame, gsize len)
{
    Layers l = {0};
    const NetCut whole = {.at = 0};

    if (!find_layers(hdr, frame, len, &l) ||
        GSO_KIND(hdr->gso_type) == UDP_GSO_TYPE)
        return false;
    fix_ip(&l, frame, len, 0);
    fix_tcp(&whole, &l, frame, len, true);
    *hdr = (NetVnetHdr){.flags = VIRTIO_NET_HDR_F_DATA_VALID,
                        .num_buffers = GUINT16_TO_LE(1)};
    return true;
}

bool
offload_as_gso(NetVnetHdr *ret_hdr, guint8 *frame, gsize len, guint mtu)
{
    NetVnetHdr hdr = {.num_buffers = GUINT16_TO_LE(1),
                      .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                      .csum_offset = GUINT16_TO_LE(16)};
    Layers l = {0};
    NetCut cut;

    if (len < NET_FRAME_MIN + IPV4_MIN)
        return false;
    bool v6 = get16(frame + ETH_TYPE_AT) == ETH_IPV6;
    gsize ihl = v6 ? IPV6_LEN : (gsize) (frame[NET_FRAME_MIN] & 15) * 4;
    hdr.csum_start = GUINT16_TO_LE((guint16) (NET_FRAME_MIN + ihl));
    hdr.gso_type = v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    hdr.gso_size = GUINT16_TO_LE(MIN_GSO);
    if (!find_layers(&hdr, frame, len, &l) ||
        (v6 && frame[l.ip + 6] != PROTO_TCP) ||
        !offload_cut_begin(&cut, &hdr, frame, len) ||
        mtu + NET_FRAME_MIN < cut.headers + MIN_GSO)
        return false;
    hdr.gso_size = GUINT16_TO_LE((guint16) (mtu + NET_FRAME_MIN - cut.headers));
    hdr.hdr_len = GUINT16_TO_LE((guint16) cut.headers);
    put16(frame + l.l4 + 16,
          offload_fold(pseudo_sum(&l, frame, len, PROTO_TCP)));
    *ret_hdr = hdr;
    return true;
}

/* ---- maximum segment size ---- */

#define TCP_SYN    0x02
#define OPTION_END 0
#define OPTION_NOP 1
#define OPTION_MSS 2
#define MSS_LEN    4

/* Where the value of the MSS option is, 0: there is none. */
static gsize
find_mss(const guint8 *frame, gsize from, gsize end)
{
    for (gsize at = from; at + MSS_LEN <= end;) {
        unsigned kind = frame[at];
        if (kind == OPTION_END)
            return 0;
        if (kind == OPTION_NOP) {
            at++;
            continue;
        }
        if (kind == OPTION_MSS && frame[at + 1] == MSS_LEN)
            return at + 2;
        if (frame[at + 1] < 2)
            return 0;
        at += frame[at + 1];
    }
    return 0;
}

void
offload_raise_mss(guint8 *frame, gsize len, guint mtu, guint mss)
{
    bool v6 = len > ETH_TYPE_AT + 2 && get16(frame + ETH_TYPE_AT) == ETH_IPV6;
    gsize ip = NET_FRAME_MIN;

    if (len < ip + (v6 ? IPV6_LEN : IPV4_MIN) + TCP_MIN ||
        (!v6 && get16(frame + ETH_TYPE_AT) != ETH_IPV4) ||
        frame[ip + (v6 ? 6 : 9)] != PROTO_TCP)
        return;
    gsize tcp = ip + (v6 ? IPV6_LEN : (gsize) (frame[ip] & 15) * 4);
    if (tcp + TCP_MIN > len || !(frame[tcp + 13] & TCP_SYN))
        return;
    gsize end = tcp + (gsize) (frame[tcp + 12] >> 4) * 4;
    gsize at = find_mss(frame, tcp + TCP_MIN, MIN(end, len));
    /* a smaller one is the guest's wish, for a path of its own */
    if (at == 0 || get16(frame + at) != mtu - (v6 ? 60 : 40))
        return;
    /* RFC 1624 with the two bytes perhaps at an odd place of the sum */
    guint32 old = get16(frame + at), fresh = mss;
    if ((at - tcp) & 1) {
        old = GUINT16_SWAP_LE_BE((guint16) old);
        fresh = GUINT16_SWAP_LE_BE((guint16) fresh);
    }
    guint32 sum = (guint16) ~get16(frame + tcp + 16);
    sum += (guint16) ~old;
    sum += (guint16) fresh;
    put16(frame + at, mss);
    put16(frame + tcp + 16, (guint16) ~offload_fold(sum));
}
