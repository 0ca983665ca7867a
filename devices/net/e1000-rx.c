/* devices/net/e1000-rx.c - receive ring and address filters of the 82540EM, SDM
 * section 3.2. Checksums of what is received are said to be right when whoever
 * brought the frame checked them, else the guest is told to look itself. The
 * FCS, where a driver wants it, is zeros: nothing here has wires to err on. */
#include <string.h>

#include "devices/net/e1000-internal.h"

#define FCS_BYTES  4u
#define MAX_FRAME  1518u /* without LPE and FCS; a VLAN tag is in it */
#define TAG_AT     12u
#define TAG_BYTES  4u
#define RXCSUM_ANY 0x300u /* IP or TCP/UDP offload is on */

/* ---- filters, 3.2.1 ---- */

static guint16
type_of(const guint8 *frame)
{
    return (guint16) (frame[TAG_AT] << 8 | frame[TAG_AT + 1]);
}

static bool
vlan_is_wanted(const E1000 *d, const guint8 *frame)
{
    if ((d->s.reg[R_RCTL] & RCTL_VFE) == 0 || type_of(frame) != d->s.reg[R_VET])
        return true;
    unsigned id = (frame[TAG_AT + 2] << 8 | frame[TAG_AT + 3]) & 0xfffu;
    return (d->s.vfta[id >> 5] >> (id & 31) & 1) != 0;
}

static bool
is_exact(const E1000 *d, const guint8 *frame)
{
    guint32 low = (guint32) frame[0] | (guint32) frame[1] << 8 |
                  (guint32) frame[2] << 16 | (guint32) frame[3] << 24;
    guint32 high = (guint32) frame[4] | (guint32) frame[5] << 8;

    for (unsigned i = 0; i < G_N_ELEMENTS(d->s.ra); i += 2)
        if ((d->s.ra[i + 1] & RAH_AV) != 0 && d->s.ra[i] == low &&
            (d->s.ra[i + 1] & 0xffff) == high)
            return true;
    return false;
}

/* 13.5.13: twelve bits of the address, which ones RCTL.MO says. */
static bool
is_in_table(const E1000 *d, const guint8 *frame)
{
    static const guint8 shift[] = {4, 3, 2, 0};
    unsigned hash = ((unsigned) frame[5] << 8 | frame[4]) >>
                        shift[RCTL_MO(d->s.reg[R_RCTL])] &
                    0xfffu;

    return (d->s.mta[hash >> 5] >> (hash & 31) & 1) != 0;
}

static bool
is_wanted(const E1000 *d, const guint8 *frame)
{
    guint32 rctl = d->s.reg[R_RCTL];

    if (!vlan_is_wanted(d, frame))
        return false;
    if (nic_is_broadcast(frame))
        return (rctl & (RCTL_BAM | RCTL_MPE)) != 0 || is_exact(d, frame);
    if ((frame[0] & 1) != 0)
        return (rctl & RCTL_MPE) != 0 || is_exact(d, frame) ||
               is_in_table(d, frame);
    return (rctl & RCTL_UPE) != 0 || is_exact(d, frame);
}

/* ---- the ring ---- */

static guint32
buffer_bytes(guint32 rctl)
{
    guint32 bytes = 2048u >> RCTL_BSIZE(rctl);

    /* 13.4.22: with BSEX sixteen times that; 2048 is reserved then */
    return (rctl & RCTL_BSEX) != 0 && RCTL_BSIZE(rctl) != 0 ? 16 * bytes
                                                            : bytes;
}

/* Descriptors that the driver has filled; 0 also when the ring is none. */
static guint32
n_free(const E1000 *d)
{
    guint32 size = e1000_ring_size(d->s.reg[R_RDLEN]);
    guint32 head = d->s.reg[R_RDH], tail = d->s.reg[R_RDT];

    if (head >= size || tail >= size)
        return 0;
    return tail >= head ? tail - head : size - head + tail;
}

unsigned
e1000_room(Nic *nic)
{
    E1000 *d = E1000_OF_NIC(nic);
    guint32 bytes = buffer_bytes(d->s.reg[R_RCTL]);
    guint32 most = net_mtu(nic->link) + 18 + FCS_BYTES;

    if ((d->s.reg[R_RCTL] & RCTL_EN) == 0)
        return NIC_BATCH;
    if ((d->s.reg[R_RCTL] & RCTL_LPE) == 0)
        most = MIN(most, MAX_FRAME + FCS_BYTES);
    guint32 n = n_free(d), each = (most + bytes - 1) / bytes;
    /* less than for the largest: one may still fit, or is dropped */
    return n >= each ? n / each : MIN(n, 1);
}

static bool
store(E1000 *d, const guint8 *bytes, gsize len, guint64 status)
{
    guint32 head = d->s.reg[R_RDH];
    Gpa desc = ((guint64) d->s.reg[R_RDBAH] << 32 | d->s.reg[R_RDBAL]) +
               (guint64) head * E1000_DESC_BYTES;
    guint64 addr;

    if (dma_load_le(d->pci.dma, desc, 8, &addr) < 0)
        return false;
    /* a null buffer takes nothing, 3.2.3; one that is no RAM likewise */
    if (addr != 0)
        (void) dma_write(d->pci.dma, addr, bytes, len);
    (void) dma_store_le(d->pci.dma, desc + 8, 8, status | len);
    head++;
    d->s.reg[R_RDH] = head >= e1000_ring_size(d->s.reg[R_RDLEN]) ? 0 : head;
    return true;
}

/* 13.4.22: a cause when half, a quarter or an eighth of the ring is left. */
static void
check_threshold(E1000 *d)
{
    guint32 size = e1000_ring_size(d->s.reg[R_RDLEN]);
    unsigned shift = RCTL_RDMTS(d->s.reg[R_RCTL]) + 1;

    if (shift <= 3 && n_free(d) == size >> shift)
        e1000_cause(d, INT_RXDMT0);
}

static void
count_received(E1000 *d, const guint8 *frame, gsize len)
{
    e1000_count(d, STAT_TPR, 1);
    e1000_count(d, STAT_GPRC, 1);
    e1000_count(d, STAT_TORL, len + FCS_BYTES);
    e1000_count(d, STAT_GORCL, len + FCS_BYTES);
    if (nic_is_broadcast(frame))
        e1000_count(d, STAT_BPRC, 1);
    else if ((frame[0] & 1) != 0)
        e1000_count(d, STAT_MPRC, 1);
}

/* The tag goes into the descriptor; what is left has moved to *frame. */
static guint64
strip_tag(E1000 *d, guint8 **frame, gsize *len)
{
    guint8 *old = *frame;

    if ((d->s.reg[R_CTRL] & CTRL_VME) == 0 || type_of(old) != d->s.reg[R_VET])
        return 0;
    guint64 tag = (guint64) (old[TAG_AT + 2] << 8 | old[TAG_AT + 3]);
    memmove(old + TAG_BYTES, old, TAG_AT);
    *frame = old + TAG_BYTES;
    *len -= TAG_BYTES;
    return tag << 48 | (guint64) RXD_STAT_VP << 32;
}

static void
write_frame(E1000 *d, guint8 *frame, gsize len, guint64 status)
{
    guint32 bytes = buffer_bytes(d->s.reg[R_RCTL]);

    if ((len + bytes - 1) / bytes > n_free(d)) {
        e1000_count(d, STAT_MPC, 1);
        e1000_cause(d, INT_RXO);
        return;
    }
    while (len > 0) {
        gsize part = MIN(len, bytes);
        guint64 last = part == len ? (guint64) RXD_STAT_EOP << 32 : 0;
        if (!store(d, frame, part, status | last))
            return;
        check_threshold(d);
        frame += part;
        len -= part;
    }
    e1000_cause(d, INT_RXT0);
}

void
e1000_receive(Nic *nic, guint8 *frame, gsize len, bool valid)
{
    E1000 *d = E1000_OF_NIC(nic);
    guint32 rctl = d->s.reg[R_RCTL];
    guint64 status = RXD_STAT_DD;

    if ((rctl & RCTL_EN) == 0 || !is_wanted(d, frame))
        return;
    if (len > MAX_FRAME && (rctl & RCTL_LPE) == 0) {
        e1000_count(d, STAT_ROC, 1);
        return;
    }
    count_received(d, frame, len);
    if (valid && (d->s.reg[R_RXCSUM] & RXCSUM_ANY) == RXCSUM_ANY)
        status |= RXD_STAT_TCPCS | RXD_STAT_IPCS;
    else
        status |= RXD_STAT_IXSM;
    status = status << 32 | strip_tag(d, &frame, &len);
    if ((rctl & RCTL_SECRC) == 0) {
        memset(frame + len, 0, FCS_BYTES);
        len += FCS_BYTES;
    }
    write_frame(d, frame, len, status);
}
