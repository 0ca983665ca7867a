/* devices/net/rtl8139-tx.c - how the RTL8139 sends: four slots in C mode, two
 * rings of descriptors with checksums and segmentation in C+ mode (RTL8139C+
 * data sheet, chapter 9). */
#include <string.h>

#include "devices/net/rtl8139-internal.h"
#include "vmm/net/offload.h"

#define TAG_AT        12u
#define TAG_BYTES     4u
#define ETH_BYTES     14u
#define IPV4_HEADER   20u
#define IPV4_LENGTH   2u
#define IPV4_PROTOCOL 9u
#define IPV4_SUM      10u
#define IPV4_SOURCE   12u
#define PROTOCOL_TCP  6u
#define PROTOCOL_UDP  17u
#define TCP_HEADER    20u
#define TCP_OFFSET    12u
#define TCP_SUM       16u
#define UDP_HEADER    8u
#define UDP_SUM       6u

static void
send_frame(Rtl8139 *d, guint8 *frame, gsize len, const NicOffload *off)
{
    d->s.tally.tx_ok++;
    if ((rtl8139_get32(d, RTL_TCR) & TCR_LBK) == TCR_LBK)
        nic_tx_loop_back(&d->nic, frame, len);
    else
        nic_tx_end(&d->nic, len, off);
}

/* ---- C mode ---- */

static bool
send_slot(Rtl8139 *d)
{
    unsigned reg = RTL_TSD0 + 4u * d->s.tx_next;
    guint32 tsd = rtl8139_get32(d, reg), len = tsd & TSD_SIZE;

    if ((tsd & TSD_OWN) != 0)
        return false;
    guint8 *frame = nic_tx_begin(&d->nic);
    if (frame == NULL)
        return false;
    if (len <= TSD_MAX &&
        dma_read(d->pci.dma, rtl8139_get32(d, RTL_TSAD0 + 4u * d->s.tx_next),
                 frame, len) == 0)
        send_frame(d, frame, len, NULL);
    pci_put32(d->s.reg, reg, tsd | TSD_OWN | TSD_TOK);
    rtl8139_cause(d, ISR_TOK);
    d->s.tx_next = (guint8) ((d->s.tx_next + 1) % RTL_N_TX);
    return true;
}

/* ---- C+ mode ---- */

typedef struct {
    guint8 *bytes;
    gsize len;
    guint32 opts, tag; /* of its first descriptor */
    bool bad;
} TxFrame;

static void
put_be16(guint8 *at, gsize value)
{
    at[0] = (guint8) (value >> 8);
    at[1] = (guint8) value;
}

/* The chip finds headers itself: IPv4 behind 14 bytes. Where the transport
 * header is, 0: there is none. */
static gsize
find_transport(const TxFrame *f, guint8 protocol, gsize bytes)
{
    const guint8 *ip = f->bytes + ETH_BYTES;

    if (f->len < ETH_BYTES + IPV4_HEADER || f->bytes[12] != 8 ||
        f->bytes[13] != 0 || ip[0] >> 4 != 4 || (ip[0] & 15) < 5 ||
        ip[IPV4_PROTOCOL] != protocol)
        return 0;
    gsize at = ETH_BYTES + (ip[0] & 15) * 4u;
    return at + bytes <= f->len ? at : 0;
}

static void
fill_ip(TxFrame *f, bool length)
{
    guint8 *ip = f->bytes + ETH_BYTES;
    gsize bytes = (ip[0] & 15) * 4u;

    if (f->len < ETH_BYTES + IPV4_HEADER || ip[0] >> 4 != 4 ||
        ETH_BYTES + bytes > f->len)
        return;
    if (length)
        put_be16(ip + IPV4_LENGTH, f->len - ETH_BYTES);
    put_be16(ip + IPV4_SUM, 0);
    put_be16(ip + IPV4_SUM, (guint16) ~offload_sum(ip, bytes, 0));
}

/* The sum of the pseudo-header, on which the link's is built. */
static void
seed(TxFrame *f, gsize at, guint8 protocol, gsize field, NicOffload *off)
{
    guint32 sum = protocol + (guint32) (f->len - at);

    sum = offload_sum(f->bytes + ETH_BYTES + IPV4_SOURCE, 8, sum);
    put_be16(f->bytes + at + field, sum);
    off->checksum = true;
    off->csum_start = (guint16) at;
    off->csum_offset = (guint16) field;
}

/* False: it cannot be cut. */
static bool
large_send(TxFrame *f, NicOffload *off)
{
    gsize at = find_transport(f, PROTOCOL_TCP, TCP_HEADER);
    gsize header = at > 0 ? at + (f->bytes[at + TCP_OFFSET] >> 4) * 4u : 0;

    if (header < at + TCP_HEADER || header >= f->len || TXD_MSS(f->opts) == 0 ||
        f->len - ETH_BYTES > G_MAXUINT16)
        return false;
    fill_ip(f, true);
    seed(f, at, PROTOCOL_TCP, TCP_SUM, off);
    off->gso_size = (guint16) TXD_MSS(f->opts);
    off->header = (guint16) header;
    return true;
}

static bool
apply_options(TxFrame *f, NicOffload *off)
{
    gsize at;

    if ((f->opts & TXD_LGSEN) != 0)
        return large_send(f, off);
    if ((f->opts & TXD_IPCS) != 0)
        fill_ip(f, false);
    if ((f->opts & TXD_TCPCS) != 0 &&
        (at = find_transport(f, PROTOCOL_TCP, TCP_HEADER)) > 0)
        seed(f, at, PROTOCOL_TCP, TCP_SUM, off);
    else if ((f->opts & TXD_UDPCS) != 0 &&
             (at = find_transport(f, PROTOCOL_UDP, UDP_HEADER)) > 0)
        seed(f, at, PROTOCOL_UDP, UDP_SUM, off);
    return true;
}

static void
insert_tag(TxFrame *f, NicOffload *off)
{
    memmove(f->bytes + TAG_AT + TAG_BYTES, f->bytes + TAG_AT, f->len - TAG_AT);
    put_be16(f->bytes + TAG_AT, 0x8100);
    f->bytes[TAG_AT + 2] = (guint8) f->tag; /* the tag is in network order */
    f->bytes[TAG_AT + 3] = (guint8) (f->tag >> 8);
    f->len += TAG_BYTES;
    if (off->checksum)
        off->csum_start += TAG_BYTES;
    if (off->gso_size > 0)
        off->header += TAG_BYTES;
}

static void
finish(Rtl8139 *d, TxFrame *f)
{
    NicOffload off = {0};

    if (f->bad || f->len < NET_FRAME_MIN || !apply_options(f, &off)) {
        device_guest_error(
            &d->pci.dev, "a frame of %" G_GSIZE_FORMAT " bytes cannot be sent",
            f->len);
        return;
    }
    if ((f->tag & TXD_TAGC) != 0)
        insert_tag(f, &off);
    send_frame(d, f->bytes, f->len, &off);
}

static Gpa
ring_at(const Rtl8139 *d, unsigned ring, unsigned i)
{
    unsigned reg = ring == 0 ? RTL_TNPDS : RTL_THPDS;

    return ((guint64) rtl8139_get32(d, reg + 4) << 32 | rtl8139_get32(d, reg)) +
           i * DESC_BYTES;
}

static bool
read_desc(Rtl8139 *d, unsigned ring, unsigned i, guint32 words[4])
{
    if (dma_read(d->pci.dma, ring_at(d, ring, i), words, DESC_BYTES) < 0)
        return false;
    for (unsigned k = 0; k < 4; k++)
        words[k] = GUINT32_FROM_LE(words[k]);
    return (words[0] & DESC_OWN) != 0;
}

static unsigned
next_of(unsigned i, guint32 word)
{
    return (word & DESC_EOR) != 0 || i + 1 == DESC_N ? 0 : i + 1;
}

/* Descriptors of the frame that begins at the ring's next one; 0: its end is
 * not there yet. */
static unsigned
frame_length(Rtl8139 *d, unsigned ring)
{
    unsigned i = d->s.ring_next[ring];
    guint32 words[4];

    for (unsigned n = 1; n <= DESC_N; n++) {
        if (!read_desc(d, ring, i, words))
            return 0;
        if ((words[0] & DESC_LS) != 0 || n == DESC_N)
            return n;
        i = next_of(i, words[0]);
    }
    return 0;
}

static void
gather(Rtl8139 *d, TxFrame *f, const guint32 words[4], bool first)
{
    guint32 len = words[0] & TXD_SIZE;

    if (first) {
        f->opts = words[0];
        f->tag = words[1];
        f->bad = (words[0] & DESC_FS) == 0;
    }
    if (f->bad || len > NET_FRAME_MAX - TAG_BYTES - f->len) {
        f->bad = true;
        return;
    }
    if (dma_read(d->pci.dma, (guint64) words[3] << 32 | words[2],
                 f->bytes + f->len, len) < 0)
        f->bad = true;
    f->len += len;
}

static bool
send_from_ring(Rtl8139 *d, unsigned ring)
{
    unsigned n = frame_length(d, ring);
    TxFrame f = {.bytes = n > 0 ? nic_tx_begin(&d->nic) : NULL};
    guint32 words[4];

    if (f.bytes == NULL)
        return false;
    for (unsigned k = 0; k < n; k++) {
        unsigned i = d->s.ring_next[ring];
        if (read_desc(d, ring, i, words)) { /* it was there just now */
            gather(d, &f, words, k == 0);
            (void) dma_store_le(d->pci.dma, ring_at(d, ring, i), 4,
                                words[0] & ~DESC_OWN);
        }
        d->s.ring_next[ring] = (guint8) next_of(i, words[0]);
    }
    finish(d, &f);
    rtl8139_cause(d, ISR_TOK);
    return true;
}

/* A ring is looked at until it has no more; a poll that could not be served
 * for want of room stays. */
static void
serve_ring(Rtl8139 *d, unsigned ring, guint8 poll)
{
    unsigned n = 0;

    if ((d->s.polled & poll) == 0)
        return;
    while (n < DESC_N && send_from_ring(d, ring))
        n++;
    if (n < DESC_N && nic_tx_begin(&d->nic) != NULL)
        d->s.polled &= (guint8) ~poll;
}

void
rtl8139_transmit(Nic *nic)
{
    Rtl8139 *d = RTL8139_OF_NIC(nic);

    if ((d->s.reg[RTL_CR] & CR_TE) == 0)
        return;
    if (d->plus && (rtl8139_get16(d, RTL_CPCR) & CPCR_TXEN) != 0) {
        serve_ring(d, 1, TPPOLL_HPQ);
        serve_ring(d, 0, TPPOLL_NPQ);
        return;
    }
    for (unsigned i = 0; i < RTL_N_TX && send_slot(d); i++)
        ;
}
