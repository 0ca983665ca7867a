/* devices/net/rtl8139-rx.c - how the RTL8139 receives: one buffer that is a
 * ring of bytes in C mode, a ring of descriptors in C+ mode. FCS are zeros. */
#include <string.h>

#include "devices/net/rtl8139-internal.h"

#define FCS_BYTES   4u
#define HEAD_BYTES  4u  /* status and length before a frame */
#define CAPR_BEHIND 16u /* CAPR is that far behind what was read */
#define MAX_FRAME   1792u
#define LOOK_MAX_NS 64000000
#define TAG_AT      12u
#define TAG_BYTES   4u

/* ---- filters ---- */

/* The reason that is told, 0: it is not wanted. */
static guint16
wanted_as(const Rtl8139 *d, const guint8 *frame)
{
    guint32 rcr = rtl8139_get32(d, RTL_RCR);

    if (nic_is_broadcast(frame))
        return (rcr & (RCR_AB | RCR_AAP)) != 0 ? RX_BAR : 0;
    if ((frame[0] & 1) != 0) {
        unsigned bit = nic_address_crc(frame) >> 26;
        bool in = (d->s.reg[RTL_MAR0 + bit / 8] >> (bit % 8) & 1) != 0;
        return (rcr & RCR_AAP) != 0 || ((rcr & RCR_AM) != 0 && in) ? RX_MAR : 0;
    }
    if (memcmp(frame, d->s.reg + RTL_IDR0, NIC_MAC_BYTES) == 0)
        return (rcr & (RCR_APM | RCR_AAP)) != 0 ? RX_PAM : 0;
    return (rcr & RCR_AAP) != 0 ? RX_ROK : 0; /* for no reason of its own */
}

static void
missed(Rtl8139 *d)
{
    guint32 n = rtl8139_get32(d, RTL_MPC);

    pci_put32(d->s.reg, RTL_MPC, MIN(n + 1, 0xffffffu));
    d->s.tally.missed++;
    rtl8139_cause(d, ISR_RXOVW);
}

/* ---- C mode ---- */

static guint32
buffer_size(const Rtl8139 *d)
{
    return 8192u << RCR_RBLEN(rtl8139_get32(d, RTL_RCR));
}

static guint32
used(const Rtl8139 *d)
{
    return (rtl8139_get16(d, RTL_CBR) -
            (rtl8139_get16(d, RTL_CAPR) + CAPR_BEHIND)) &
           (buffer_size(d) - 1);
}

bool
rtl8139_buffer_is_empty(const Rtl8139 *d)
{
    return used(d) == 0;
}

static guint32
needed(gsize len)
{
    return (HEAD_BYTES + (guint32) len + FCS_BYTES + 3) & ~3u;
}

/* Never quite full: that would look empty. */
static guint32
space(const Rtl8139 *d)
{
    guint32 left = buffer_size(d) - used(d);

    return left > 4 ? left - 4 : 0;
}

static void
put(Rtl8139 *d, guint32 *at, const guint8 *bytes, guint32 len, bool wrap)
{
    Gpa base = rtl8139_get32(d, RTL_RBSTART);
    guint32 size = buffer_size(d), first = len;

    if (wrap && *at + len > size)
        first = size - *at;
    (void) dma_write(d->pci.dma, base + *at, bytes, first);
    if (first < len)
        (void) dma_write(d->pci.dma, base, bytes + first, len - first);
    *at += len;
    if (wrap)
        *at &= size - 1;
}

/* RCR.WRAP: a frame goes on behind the end instead; not with 64 KiB. */
static void
receive_buffer(Rtl8139 *d, guint8 *frame, gsize len, guint16 status)
{
    guint32 rcr = rtl8139_get32(d, RTL_RCR);
    bool wrap = (rcr & RCR_WRAP) == 0 || RCR_RBLEN(rcr) == 3;
    guint32 at = rtl8139_get16(d, RTL_CBR) & (buffer_size(d) - 1);
    guint32 bytes = needed(len) - HEAD_BYTES;
    guint8 head[HEAD_BYTES];

    if (needed(len) > space(d)) {
        missed(d);
        return;
    }
    pci_put16(head, 0, status);
    pci_put16(head, 2, (guint16) (len + FCS_BYTES));
    memset(frame + len, 0, bytes - len);
    put(d, &at, head, sizeof head, wrap);
    put(d, &at, frame, bytes, wrap);
    pci_put16(d->s.reg, RTL_CBR, (guint16) (at & (buffer_size(d) - 1)));
    rtl8139_cause(d, ISR_ROK);
}

/* ---- C+ mode ---- */

static Gpa
desc_at(const Rtl8139 *d, unsigned i)
{
    return ((guint64) rtl8139_get32(d, RTL_RDSAR + 4) << 32 |
            rtl8139_get32(d, RTL_RDSAR)) +
           i * DESC_BYTES;
}

/* The first two words of descriptor i; false: it is not the card's. */
static bool
own_desc(Rtl8139 *d, unsigned i, guint32 *ret_word)
{
    guint64 word;

    if (dma_load_le(d->pci.dma, desc_at(d, i), 4, &word) < 0)
        return false;
    *ret_word = (guint32) word;
    return (word & DESC_OWN) != 0;
}

static unsigned
next_of(unsigned i, guint32 word)
{
    return (word & DESC_EOR) != 0 || i + 1 == DESC_N ? 0 : i + 1;
}

static unsigned
count_frames(Rtl8139 *d, guint32 most)
{
    unsigned n = 0, i = d->s.rx_next;
    guint32 word, room = 0;

    for (unsigned k = 0; k < DESC_N && n < NIC_BATCH && own_desc(d, i, &word);
         k++) {
        room += word & RXD_SIZE;
        if (room >= most) {
            n++;
            room = 0;
        }
        i = next_of(i, word);
        if (i == d->s.rx_next)
            break;
    }
    return n;
}

/* 9.1.2, of IPv4 only. */
static guint32
protocol_of(const guint8 *frame)
{
    if (frame[12] != 8 || frame[13] != 0)
        return 0;
    return frame[23] == 6    ? RXD_TCP
           : frame[23] == 17 ? RXD_UDP
                             : RXD_TCP | RXD_UDP;
}

static guint32
strip_tag(Rtl8139 *d, guint8 **frame, gsize *len)
{
    guint8 *old = *frame;

    if ((rtl8139_get16(d, RTL_CPCR) & CPCR_RXVLAN) == 0 ||
        old[TAG_AT] != 0x81 || old[TAG_AT + 1] != 0)
        return 0;
    guint32 tag = (guint32) old[TAG_AT + 2] | (guint32) old[TAG_AT + 3] << 8;
    memmove(old + TAG_BYTES, old, TAG_AT);
    *frame = old + TAG_BYTES;
    *len -= TAG_BYTES;
    return tag | RXD_TAVA;
}

/* Fills one descriptor; what of the frame is left. */
static gsize
fill_desc(Rtl8139 *d, const guint8 *bytes, gsize left, guint32 status,
          guint32 tag)
{
    guint32 words[4], word;
    unsigned i = d->s.rx_next;

    if (!own_desc(d, i, &word) ||
        dma_read(d->pci.dma, desc_at(d, i), words, sizeof words) < 0)
        return 0;
    gsize part = MIN(left, word & RXD_SIZE);
    (void) dma_write(d->pci.dma,
                     (guint64) GUINT32_FROM_LE(words[3]) << 32 |
                         GUINT32_FROM_LE(words[2]),
                     bytes, part);
    if (part == left)
        status |= DESC_LS;
    guint64 back = (word & DESC_EOR) | status | (guint64) tag << 32;
    (void) dma_store_le(d->pci.dma, desc_at(d, i), 8, back);
    d->s.rx_next = (guint8) next_of(i, word);
    return left - part;
}

static void
receive_ring(Rtl8139 *d, guint8 *frame, gsize len, guint16 why, bool valid)
{
    guint32 status = (guint32) (why & (RX_MAR | RX_PAM | RX_BAR)) << 12;

    if (valid && (rtl8139_get16(d, RTL_CPCR) & CPCR_RXCSUM) != 0)
        status |= protocol_of(frame);
    guint32 tag = strip_tag(d, &frame, &len);
    memset(frame + len, 0, FCS_BYTES);
    len += FCS_BYTES;
    if (count_frames(d, (guint32) len) == 0) {
        missed(d);
        return;
    }
    status |= (guint32) len | DESC_FS;
    for (gsize left = len; left > 0; status &= ~DESC_FS)
        left = fill_desc(d, frame + (len - left), left, status, tag);
    rtl8139_cause(d, ISR_ROK);
}

/* ---- both ---- */

static bool
has_ring(const Rtl8139 *d)
{
    return d->plus && (rtl8139_get16(d, RTL_CPCR) & CPCR_RXEN) != 0;
}

/* A driver that has acknowledged and not read all waits for a frame that finds
 * no place, and would then be told of an overflow. No frame is lost here, so
 * it is told again of those that are in. */
static unsigned
room_in_buffer(Rtl8139 *d, guint32 most)
{
    unsigned n = space(d) / needed(most);

    if (n == 0) {
        rtl8139_cause(d, ISR_ROK);
        rtl8139_update_irq(d);
    }
    return n;
}

unsigned
rtl8139_room(Nic *nic)
{
    Rtl8139 *d = RTL8139_OF_NIC(nic);
    guint32 most = MIN(net_mtu(nic->link) + 18, MAX_FRAME);

    if ((d->s.reg[RTL_CR] & CR_RE) == 0)
        return NIC_BATCH;
    if (!has_ring(d))
        return room_in_buffer(d, most);
    unsigned n = count_frames(d, most + FCS_BYTES);
    if (n > 0) {
        d->look_ns = RTL_LOOK_NS;
        return n;
    }
    /* a driver that fills its ring need not tell; the card looks */
    timer_arm(d->look,
              loop_now_ns(d->pci.dev.env->loop, CLOCK_GUEST) + d->look_ns);
    d->look_ns = MIN(2 * d->look_ns, LOOK_MAX_NS);
    return 0;
}

void
rtl8139_receive(Nic *nic, guint8 *frame, gsize len, bool valid)
{
    Rtl8139 *d = RTL8139_OF_NIC(nic);
    guint16 why;

    if ((d->s.reg[RTL_CR] & CR_RE) == 0 || len > MAX_FRAME ||
        (why = wanted_as(d, frame)) == 0)
        return;
    d->s.tally.rx_ok++;
    d->s.tally.rx_physical += why == RX_PAM;
    d->s.tally.rx_broadcast += why == RX_BAR;
    d->s.tally.rx_multicast += why == RX_MAR;
    if (has_ring(d))
        receive_ring(d, frame, len, why, valid);
    else
        receive_buffer(d, frame, len, why | RX_ROK);
}
