/* devices/net/e1000-tx.c - transmit ring of the 82540EM: legacy, context and
 * data descriptors, SDM sections 3.3 to 3.5.
 *
 * A frame is taken when its last descriptor is there, so nothing of half a
 * frame has to be kept. Checksums to the end of the frame and segmentation are
 * the link's; others are few and done here. */
#include <string.h>

#include "devices/net/e1000-internal.h"
#include "vmm/net/offload.h"

#define TAG_AT       12u /* where a VLAN tag goes */
#define TAG_BYTES    4u
#define IPV4_LENGTH  2u
#define IPV4_SUM     10u
#define IPV4_HEADER  20u
#define IPV4_SOURCE  12u
#define IPV6_LENGTH  4u
#define IPV6_HEADER  40u
#define IPV6_SOURCE  8u
#define PROTOCOL_TCP 6u
#define TCP_SUM      16u
#define TCP_HEADER   20u

typedef struct {
    guint64 addr;
    guint32 lower; /* length, CSO or DTYP, command */
    guint32 upper; /* status, CSS or POPTS, special */
} TxDesc;

/* A frame as it is put together. */
typedef struct {
    guint8 *bytes;
    gsize len;
    guint32 lower, upper; /* of its first data descriptor */
    guint32 last;         /* lower of its last */
    bool started, bad;
} TxFrame;

static guint8
command(guint32 lower)
{
    return (guint8) (lower >> 24);
}

static bool
is_context(const TxDesc *desc)
{
    return (command(desc->lower) & TXD_CMD_DEXT) != 0 &&
           (desc->lower >> 20 & 0xf) == 0;
}

static Gpa
desc_addr(const E1000 *d, guint32 i)
{
    return ((guint64) d->s.reg[R_TDBAH] << 32 | d->s.reg[R_TDBAL]) +
           (guint64) i * E1000_DESC_BYTES;
}

static bool
read_desc(E1000 *d, guint32 i, TxDesc *ret)
{
    guint64 words[2];

    if (dma_read(d->pci.dma, desc_addr(d, i), words, sizeof words) < 0)
        return false;
    ret->addr = GUINT64_FROM_LE(words[0]);
    ret->lower = (guint32) GUINT64_FROM_LE(words[1]);
    ret->upper = (guint32) (GUINT64_FROM_LE(words[1]) >> 32);
    return true;
}

/* 3.3.3.2: the status byte, where the driver asked for it. */
static void
write_back(E1000 *d, guint32 i, const TxDesc *desc)
{
    if ((command(desc->lower) & TXD_CMD_RS) == 0)
        return;
    (void) dma_store_le(d->pci.dma, desc_addr(d, i) + 12, 4,
                        desc->upper | TXD_STAT_DD);
    e1000_cause(d, INT_TXDW);
}

static void
load_context(E1000 *d, const TxDesc *desc)
{
    bool tse = (command(desc->lower) & TXD_CMD_TSE) != 0;

    d->s.context[tse] = (E1000Context){
        .ipcss = (guint8) desc->addr,
        .ipcso = (guint8) (desc->addr >> 8),
        .ipcse = (guint16) (desc->addr >> 16),
        .tucss = (guint8) (desc->addr >> 32),
        .tucso = (guint8) (desc->addr >> 40),
        .tucse = (guint16) (desc->addr >> 48),
        .tucmd = command(desc->lower),
        .hdrlen = (guint8) (desc->upper >> 8),
        .mss = (guint16) (desc->upper >> 16),
    };
}

/* ---- checksums ---- */

/* Over [start, end], end inclusive or 0 for all that follows; at "at". What
 * lies outside the frame is not done, as nothing can be made of it. */
static void
put_checksum(TxFrame *f, gsize start, gsize at, gsize end)
{
    gsize stop = end == 0 || end >= f->len ? f->len : end + 1;

    if (start >= stop || at + 2 > f->len)
        return;
    guint16 sum = (guint16) ~offload_sum(f->bytes + start, stop - start, 0);
    f->bytes[at] = (guint8) (sum >> 8);
    f->bytes[at + 1] = (guint8) sum;
}

static void
put_be16(guint8 *at, gsize value)
{
    at[0] = (guint8) (value >> 8);
    at[1] = (guint8) value;
}

/* Drivers leave lengths open that the card fills in for each segment; whoever
 * cuts the frame now expects those of the whole. 3.5.6 */
static bool
prepare_segmentation(TxFrame *f, const E1000Context *c)
{
    bool ipv4 = (c->tucmd & TXD_TUCMD_IPV4) != 0;
    gsize ip = c->ipcss, tcp = c->tucss;
    gsize ip_header = ipv4 ? IPV4_HEADER : IPV6_HEADER;

    if (c->mss == 0 || (c->tucmd & TXD_TUCMD_TCP) == 0 || c->hdrlen >= f->len ||
        ip < NET_FRAME_MIN || ip + ip_header > tcp ||
        tcp + TCP_HEADER > c->hdrlen || f->len - ip > G_MAXUINT16)
        return false;
    guint8 *header = f->bytes + ip;
    gsize payload = f->len - tcp;
    guint32 sum = PROTOCOL_TCP + (guint32) payload;
    if (ipv4) {
        put_be16(header + IPV4_LENGTH, f->len - ip);
        put_be16(header + IPV4_SUM, 0);
        put_be16(header + IPV4_SUM,
                 (guint16) ~offload_sum(header, tcp - ip, 0));
        sum = offload_sum(header + IPV4_SOURCE, 8, sum);
    } else {
        put_be16(header + IPV6_LENGTH, f->len - ip - IPV6_HEADER);
        sum = offload_sum(header + IPV6_SOURCE, 32, sum);
    }
    put_be16(f->bytes + tcp + TCP_SUM, sum);
    return true;
}

/* A data descriptor's options. False: the frame cannot be sent. */
static bool
apply_context(E1000 *d, TxFrame *f, NicOffload *off)
{
    bool tse = (command(f->lower) & TXD_CMD_TSE) != 0;
    const E1000Context *c = &d->s.context[tse];
    guint32 popts = f->upper >> 8;

    if (tse) {
        if (!prepare_segmentation(f, c))
            return false;
        off->checksum = true;
        off->csum_start = c->tucss;
        off->csum_offset = TCP_SUM;
        off->gso_size = c->mss;
        off->header = c->hdrlen;
        off->ipv6 = (c->tucmd & TXD_TUCMD_IPV4) == 0;
        e1000_count(d, STAT_TSCTC, 1);
        return true;
    }
    if ((popts & TXD_POPTS_IXSM) != 0)
        put_checksum(f, c->ipcss, c->ipcso, c->ipcse);
    if ((popts & TXD_POPTS_TXSM) == 0)
        return true;
    if (c->tucse == 0 && c->tucso > c->tucss && c->tucso + 2u <= f->len) {
        off->checksum = true;
        off->csum_start = c->tucss;
        off->csum_offset = (guint16) (c->tucso - c->tucss);
    } else {
        put_checksum(f, c->tucss, c->tucso, c->tucse);
    }
    return true;
}

/* Room for it was kept by gather(). */
static void
insert_tag(E1000 *d, TxFrame *f, guint16 tag, NicOffload *off)
{
    memmove(f->bytes + TAG_AT + TAG_BYTES, f->bytes + TAG_AT, f->len - TAG_AT);
    put_be16(f->bytes + TAG_AT, d->s.reg[R_VET]);
    put_be16(f->bytes + TAG_AT + 2, tag);
    f->len += TAG_BYTES;
    if (off->checksum)
        off->csum_start += TAG_BYTES;
    if (off->gso_size > 0)
        off->header += TAG_BYTES;
}

/* ---- frames ---- */

static void
count_sent(E1000 *d, const TxFrame *f)
{
    e1000_count(d, STAT_TPT, 1);
    e1000_count(d, STAT_GPTC, 1);
    e1000_count(d, STAT_TOTL, f->len + 4);
    e1000_count(d, STAT_GOTCL, f->len + 4);
    if (nic_is_broadcast(f->bytes))
        e1000_count(d, STAT_BPTC, 1);
    else if ((f->bytes[0] & 1) != 0)
        e1000_count(d, STAT_MPTC, 1);
}

static void
finish(E1000 *d, TxFrame *f)
{
    NicOffload off = {0};
    bool extended = (command(f->lower) & TXD_CMD_DEXT) != 0;

    if (f->bad || f->len < NET_FRAME_MIN)
        return;
    if (extended && !apply_context(d, f, &off)) {
        device_guest_error(&d->pci.dev,
                           "a frame of %" G_GSIZE_FORMAT " bytes cannot be "
                           "cut into segments of %u",
                           f->len, d->s.context[1].mss);
        return;
    }
    if (!extended && (command(f->last) & TXD_CMD_IC) != 0)
        put_checksum(f, f->upper >> 8 & 0xff, f->lower >> 16 & 0xff, 0);
    if ((command(f->last) & TXD_CMD_VLE) != 0 &&
        (d->s.reg[R_CTRL] & CTRL_VME) != 0)
        insert_tag(d, f, (guint16) (f->upper >> 16), &off);
    count_sent(d, f);
    if ((d->s.reg[R_RCTL] & RCTL_LBM) != 0)
        nic_tx_loop_back(&d->nic, f->bytes, f->len);
    else
        nic_tx_end(&d->nic, f->len, &off);
}

static void
gather(E1000 *d, TxFrame *f, const TxDesc *desc)
{
    bool extended = (command(desc->lower) & TXD_CMD_DEXT) != 0;
    guint32 len = desc->lower & (extended ? 0xfffffu : 0xffffu);

    if (!f->started) {
        f->started = true;
        f->lower = desc->lower;
        f->upper = desc->upper;
    }
    f->last = desc->lower;
    if (!extended) /* its options are in the last one */
        f->upper = desc->upper;
    else /* so is the tag of all */
        f->upper = (f->upper & 0xffffu) | (desc->upper & 0xffff0000u);
    if (f->bad || len > NET_FRAME_MAX - TAG_BYTES - f->len) {
        f->bad = true;
        return;
    }
    if (dma_read(d->pci.dma, desc->addr, f->bytes + f->len, len) < 0)
        f->bad = true;
    f->len += len;
}

/* How many descriptors the next frame has, contexts before it included; 0: its
 * end is not there, or the ring is none. */
static guint32
frame_length(E1000 *d, guint32 size)
{
    guint32 at = d->s.reg[R_TDH], tail = d->s.reg[R_TDT];
    TxDesc desc;

    if (at >= size || tail >= size)
        return 0;
    for (guint32 n = 1; at != tail; n++) {
        if (!read_desc(d, at, &desc))
            return 0;
        if (is_context(&desc) || (command(desc.lower) & TXD_CMD_EOP) != 0)
            return n;
        at = at + 1 == size ? 0 : at + 1;
    }
    return 0;
}

static void
take(E1000 *d, guint32 n, guint32 size, guint8 *room)
{
    TxFrame f = {.bytes = room};
    TxDesc desc;

    for (; n > 0; n--) {
        guint32 at = d->s.reg[R_TDH];
        if (read_desc(d, at, &desc)) { /* it was there just now */
            if (is_context(&desc))
                load_context(d, &desc);
            else
                gather(d, &f, &desc);
            write_back(d, at, &desc);
        }
        d->s.reg[R_TDH] = at + 1 == size ? 0 : at + 1;
    }
    if (f.started)
        finish(d, &f);
}

/* At most once around the ring: a guest that adds all the time is served in
 * turns. */
void
e1000_transmit(Nic *nic)
{
    E1000 *d = E1000_OF_NIC(nic);
    guint32 size = e1000_ring_size(d->s.reg[R_TDLEN]);

    if ((d->s.reg[R_TCTL] & TCTL_EN) == 0)
        return;
    guint32 done = 0;
    while (done < size) {
        guint32 n = frame_length(d, size);
        guint8 *room = n > 0 ? nic_tx_begin(nic) : NULL;
        if (room == NULL)
            break;
        take(d, n, size, room);
        done += n;
    }
    if (done > 0 && d->s.reg[R_TDH] == d->s.reg[R_TDT])
        e1000_cause(d, INT_TXQE);
}
