/* devices/net/pcnet-ring.c - initialization block and rings of the Am79C973, in
 * the formats of the LANCE (style 0) and of 32 bits (2, and 3 with its words in
 * another order). FCS are zeros; padding is not stripped. */
#include <string.h>

#include "devices/net/pcnet-internal.h"
#include "vmm/core/crc32.h"

#define FCS_BYTES   4u
#define MAX_FRAME   1518u
#define MAX_CHAIN   512u /* descriptors of a frame; longer is not looked at */
#define LOOK_MIN_NS 1000000 /* 1 ms, doubled while nothing comes */
#define LOOK_MAX_NS 64000000

/* One descriptor of whatever style. */
typedef struct {
    Gpa at;
    guint32 addr;
    guint16 flags;  /* MD_... */
    guint16 length; /* of the buffer, bytes */
} Desc;

static unsigned
style(const Pcnet *d)
{
    return d->s.csr[CSR_SWSTYLE] & SWSTYLE_MASK;
}

guint32
pcnet_ring_length(const Pcnet *d, unsigned csr)
{
    return 0x10000u - d->s.csr[csr]; /* two's complement of it */
}

/* ---- initialization block ---- */

static void
set_csr32(Pcnet *d, unsigned n, guint32 value)
{
    d->s.csr[n] = (guint16) value;
    d->s.csr[n + 1] = (guint16) (value >> 16);
}

static guint16
length_register(unsigned code)
{
    return (guint16) (0x10000u - (1u << MIN(code, 9)));
}

static void
read_block32(Pcnet *d, Gpa at)
{
    guint8 b[28];

    if (dma_read(d->pci.dma, at, b, sizeof b) < 0)
        return;
    d->s.csr[CSR_MODE] = pci_get16(b, 0);
    for (unsigned i = 0; i < 3; i++)
        d->s.csr[CSR_PADR + i] = pci_get16(b, 4 + 2 * i);
    for (unsigned i = 0; i < 4; i++)
        d->s.csr[CSR_LADRF + i] = pci_get16(b, 12 + 2 * i);
    set_csr32(d, CSR_RX_BASE, pci_get32(b, 20));
    set_csr32(d, CSR_TX_BASE, pci_get32(b, 24));
    d->s.csr[CSR_RCVRL] = length_register(b[2] >> 4);
    d->s.csr[CSR_XMTRL] = length_register(b[3] >> 4);
}

static void
read_block16(Pcnet *d, Gpa at)
{
    guint8 b[24];

    if (dma_read(d->pci.dma, at, b, sizeof b) < 0)
        return;
    d->s.csr[CSR_MODE] = pci_get16(b, 0);
    for (unsigned i = 0; i < 3; i++)
        d->s.csr[CSR_PADR + i] = pci_get16(b, 2 + 2 * i);
    for (unsigned i = 0; i < 4; i++)
        d->s.csr[CSR_LADRF + i] = pci_get16(b, 8 + 2 * i);
    set_csr32(d, CSR_RX_BASE, pci_get32(b, 16) & 0xffffff);
    set_csr32(d, CSR_TX_BASE, pci_get32(b, 20) & 0xffffff);
    d->s.csr[CSR_RCVRL] = length_register(b[19] >> 5);
    d->s.csr[CSR_XMTRL] = length_register(b[23] >> 5);
}

void
pcnet_read_init_block(Pcnet *d)
{
    guint32 at = pcnet_csr32(d, CSR_IADR);

    if ((d->s.csr[CSR_SWSTYLE] & SSIZE32) != 0)
        read_block32(d, at);
    else
        read_block16(d, at & 0xffffff);
    d->s.rx_next = d->s.tx_next = 0;
}

/* ---- descriptors ---- */

static bool
read_desc(Pcnet *d, unsigned base, guint32 i, Desc *ret)
{
    unsigned bytes = style(d) == 0 ? 8 : 16;
    guint8 b[16];
    guint16 count;

    ret->at = (guint64) pcnet_csr32(d, base) + (guint64) i * bytes;
    if (dma_read(d->pci.dma, ret->at, b, bytes) < 0)
        return false;
    if (style(d) == 0) {
        ret->addr = pci_get32(b, 0) & 0xffffff;
        ret->flags = pci_get16(b, 2) & 0xff00;
        count = pci_get16(b, 4);
    } else {
        ret->addr = pci_get32(b, style(d) == 3 ? 8 : 0);
        ret->flags = pci_get16(b, 6);
        count = pci_get16(b, 4);
    }
    ret->length = (guint16) ((0x1000u - (count & 0xfffu)) & 0xfffu);
    if (ret->length == 0) /* 0 stands for all of it */
        ret->length = 0x1000;
    return true;
}

/* Gives it back; message: bytes received, with its last descriptor. */
static void
write_desc(Pcnet *d, const Desc *desc, guint16 flags, guint16 message)
{
    if (style(d) == 0) {
        if (message != 0)
            (void) dma_store_le(d->pci.dma, desc->at + 6, 2, message);
        (void) dma_store_le(d->pci.dma, desc->at + 2, 2,
                            (desc->addr >> 16) | flags);
        return;
    }
    if (message != 0)
        (void) dma_store_le(d->pci.dma, desc->at + (style(d) == 3 ? 0 : 8), 4,
                            message);
    (void) dma_store_le(d->pci.dma, desc->at + 6, 2, flags);
}

static guint32
next_of(guint32 i, guint32 length)
{
    return i + 1 >= length ? 0 : i + 1;
}

/* ---- sending ---- */

/* Descriptors of the next frame; 0: its end is not there. */
static guint32
frame_length(Pcnet *d, guint32 length)
{
    guint32 i = d->s.tx_next;
    Desc desc;

    length = MIN(length, MAX_CHAIN);
    for (guint32 n = 1; n <= length; n++) {
        if (!read_desc(d, CSR_TX_BASE, i, &desc) || (desc.flags & MD_OWN) == 0)
            return 0;
        if ((desc.flags & MD_ENP) != 0 || n == length)
            return n;
        i = next_of(i, pcnet_ring_length(d, CSR_XMTRL));
    }
    return 0;
}

static bool
tells(const Pcnet *d, guint16 flags)
{
    guint16 ext = d->s.csr[CSR_EXT];
    bool asked = (ext & CSR5_LTINTEN) != 0 && (flags & MD_LTINT) != 0;

    return asked || (ext & CSR5_TOKINTD) == 0;
}

static void
take(Pcnet *d, guint32 n, guint32 length, guint8 *frame)
{
    gsize len = 0;
    bool bad = false;
    Desc desc;

    for (; n > 0; n--) {
        if (!read_desc(d, CSR_TX_BASE, d->s.tx_next, &desc))
            return;
        if (bad || desc.length > NET_FRAME_MAX - len ||
            dma_read(d->pci.dma, desc.addr, frame + len, desc.length) < 0)
            bad = true;
        else
            len += desc.length;
        write_desc(d, &desc, (guint16) (desc.flags & ~(MD_OWN | MD_ERR)), 0);
        d->s.tx_next = next_of(d->s.tx_next, length);
    }
    if (tells(d, desc.flags))
        d->s.csr[0] |= CSR0_TINT;
    if (bad || (desc.flags & MD_ENP) == 0)
        return;
    if ((d->s.csr[CSR_MODE] & MODE_LOOP) != 0)
        nic_tx_loop_back(&d->nic, frame, len);
    else
        nic_tx_end(&d->nic, len, NULL);
}

void
pcnet_transmit(Nic *nic)
{
    Pcnet *d = PCNET_OF_NIC(nic);
    guint32 length = pcnet_ring_length(d, CSR_XMTRL);

    if (d->s.tx_next >= length)
        d->s.tx_next = 0;
    for (guint32 done = 0; done < length && (d->s.csr[0] & CSR0_TXON) != 0 &&
                           (d->s.csr[CSR_EXT] & CSR5_SPND) == 0;) {
        guint32 n = frame_length(d, length);
        guint8 *frame = n > 0 ? nic_tx_begin(nic) : NULL;
        if (frame == NULL)
            break;
        take(d, n, length, frame);
        done += n;
    }
    d->s.csr[0] &= (guint16) ~CSR0_TDMD;
}

/* ---- receiving ---- */

static bool
is_multicast_wanted(const Pcnet *d, const guint8 *frame)
{
    unsigned bit = ~crc32_of(frame, NIC_MAC_BYTES) >> 26;

    return (d->s.csr[CSR_LADRF + bit / 16] >> (bit % 16) & 1) != 0;
}

static bool
is_own_address(const Pcnet *d, const guint8 *frame)
{
    for (unsigned i = 0; i < 3; i++)
        if (pci_get16(frame, 2 * i) != d->s.csr[CSR_PADR + i])
            return false;
    return true;
}

/* Why it is wanted, as a flag of its descriptor. False: it is not. */
static bool
is_wanted(const Pcnet *d, const guint8 *frame, guint16 *ret_why)
{
    guint16 mode = d->s.csr[CSR_MODE];

    *ret_why = 0;
    if (nic_is_broadcast(frame) && (mode & MODE_DRCVBC) == 0)
        *ret_why = MD_BAM;
    else if ((frame[0] & 1) != 0 && !nic_is_broadcast(frame) &&
             is_multicast_wanted(d, frame))
        *ret_why = MD_LAFM;
    else if ((mode & MODE_DRCVPA) == 0 && is_own_address(d, frame))
        *ret_why = MD_PAM;
    if (style(d) == 0 && *ret_why != 0) {
        *ret_why = 0; /* there is no place for it */
        return true;
    }
    return *ret_why != 0 || (mode & MODE_PROM) != 0;
}

/* Frames of most bytes that find descriptors now, a batch at most. */
static unsigned
count_frames(Pcnet *d, guint32 most)
{
    guint32 length = pcnet_ring_length(d, CSR_RCVRL);
    guint32 i = d->s.rx_next < length ? d->s.rx_next : 0, room = 0;
    unsigned n = 0;
    Desc desc;

    for (guint32 k = 0; k < MIN(length, 4 * NIC_BATCH) && n < NIC_BATCH; k++) {
        if (!read_desc(d, CSR_RX_BASE, i, &desc) || (desc.flags & MD_OWN) == 0)
            break;
        room += desc.length;
        if (room >= most) {
            n++;
            room = 0;
        }
        i = next_of(i, length);
    }
    return n;
}

static bool
is_receiving(const Pcnet *d)
{
    return (d->s.csr[0] & CSR0_RXON) != 0 &&
           (d->s.csr[CSR_EXT] & CSR5_SPND) == 0;
}

/* A driver need not tell that it has filled its ring; the card looks. */
unsigned
pcnet_room(Nic *nic)
{
    Pcnet *d = PCNET_OF_NIC(nic);

    if (!is_receiving(d))
        return NIC_BATCH;
    unsigned n =
        count_frames(d, MIN(net_mtu(nic->link) + 18, MAX_FRAME) + FCS_BYTES);
    if (n > 0) {
        d->look_ns = LOOK_MIN_NS;
        return n;
    }
    timer_arm(d->look,
              loop_now_ns(d->pci.dev.env->loop, CLOCK_GUEST) + d->look_ns);
    d->look_ns = MIN(2 * d->look_ns, LOOK_MAX_NS);
    return 0;
}

static void
missed(Pcnet *d)
{
    d->s.csr[CSR_MISSED]++;
    d->s.csr[0] |= CSR0_MISS;
}

static void
store(Pcnet *d, const guint8 *frame, gsize len, guint16 why)
{
    guint32 length = pcnet_ring_length(d, CSR_RCVRL);
    guint16 flags = MD_STP;
    Desc desc;

    for (gsize left = len; left > 0; flags = 0) {
        if (!read_desc(d, CSR_RX_BASE, d->s.rx_next, &desc))
            return;
        gsize part = MIN(left, desc.length);
        (void) dma_write(d->pci.dma, desc.addr, frame + (len - left), part);
        left -= part;
        if (left == 0)
            write_desc(d, &desc, flags | MD_ENP | why, (guint16) len);
        else
            write_desc(d, &desc, flags, 0);
        d->s.rx_next = next_of(d->s.rx_next, length);
    }
    d->s.csr[0] |= CSR0_RINT;
}

void
pcnet_receive(Nic *nic, guint8 *frame, gsize len, bool valid)
{
    Pcnet *d = PCNET_OF_NIC(nic);
    guint16 why;

    if (!is_receiving(d) || len > MAX_FRAME || !is_wanted(d, frame, &why))
        return;
    if (d->s.rx_next >= pcnet_ring_length(d, CSR_RCVRL))
        d->s.rx_next = 0;
    memset(frame + len, 0, FCS_BYTES);
    len += FCS_BYTES;
    if (count_frames(d, (guint32) len) == 0)
        missed(d);
    else
        store(d, frame, len, why);
}
