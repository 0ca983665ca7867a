/* devices/net/dp8390.c - see dp8390.h. */
#include "devices/net/dp8390.h"

#include <string.h>

#include "devices/bus/pci.h"

#define PAGE        256u
#define HEAD_BYTES  4u
#define FCS_BYTES   4u
#define MAX_FRAME   1518u
#define FRAME_PAGES ((MAX_FRAME + HEAD_BYTES + FCS_BYTES + PAGE - 1) / PAGE)

static Dp8390 *
chip_of(Nic *nic)
{
    return (Dp8390 *) (void *) ((char *) nic - G_STRUCT_OFFSET(Dp8390, nic));
}

void
dp8390_update_irq(Dp8390 *c)
{
    c->set_irq(c, (c->s->isr & c->s->imr & 0x7f) != 0);
}

/* ---- the card's memory, as remote DMA sees it ---- */

static guint8
mem_read(const Dp8390 *c, guint16 at)
{
    if (at < DP8390_PROM)
        return c->prom[at];
    if (at >= DP8390_MEM_START && at < DP8390_MEM_START + DP8390_MEM_BYTES)
        return c->s->mem[at - DP8390_MEM_START];
    return 0xff;
}

static void
mem_write(Dp8390 *c, guint16 at, guint8 value)
{
    if (at >= DP8390_MEM_START && at < DP8390_MEM_START + DP8390_MEM_BYTES)
        c->s->mem[at - DP8390_MEM_START] = value;
}

/* One byte on; at the end of the receive ring it begins again. */
static void
step(Dp8390 *c)
{
    Dp8390State *s = c->s;

    s->rsar++;
    if (s->rsar == s->pstop * PAGE)
        s->rsar = (guint16) (s->pstart * PAGE);
    if (s->rbcr > 0 && --s->rbcr == 0)
        s->isr |= DP_ISR_RDC;
}

/* Bytes that one access of the data port moves. In word mode a byte access
 * takes a word and has its lower half: so Linux reads the PROM of a PCI card. */
static unsigned
width(const Dp8390 *c, unsigned size)
{
    return (c->s->dcr & DP_DCR_WTS) != 0 ? MAX(size, 2) : 1;
}

static guint32
data_read(Dp8390 *c, unsigned size)
{
    guint32 value = 0;

    for (unsigned i = 0; i < width(c, size); i++) {
        value |= (guint32) mem_read(c, c->s->rsar) << (8 * i);
        step(c);
    }
    return size == 1 ? value & 0xff : value;
}

static void
data_write(Dp8390 *c, guint32 value, unsigned size)
{
    for (unsigned i = 0; i < width(c, size); i++) {
        mem_write(c, c->s->rsar, (guint8) (value >> (8 * i)));
        step(c);
    }
}

/* ---- the receive ring ---- */

static bool
is_ring(const Dp8390State *s)
{
    return s->pstart >= DP8390_MEM_START / PAGE && s->pstart < s->pstop &&
           s->pstop <= (DP8390_MEM_START + DP8390_MEM_BYTES) / PAGE &&
           s->curr >= s->pstart && s->curr < s->pstop;
}

/* Drivers that keep BNRY one page behind what they read next write the page
 * before the ring when that is its first. The chip only waits for CURR to come
 * to BNRY, so with one that is elsewhere nothing ever stops it. */
static unsigned
boundary(const Dp8390State *s)
{
    if (s->bnry == s->pstart - 1)
        return s->pstop - 1u;
    return s->bnry >= s->pstart && s->bnry < s->pstop ? s->bnry : s->curr;
}

/* Pages that may be written before CURR comes to BNRY. */
static unsigned
free_pages(const Dp8390State *s)
{
    unsigned all = s->pstop - s->pstart, end = boundary(s);

    return s->curr < end ? end - s->curr : all - (s->curr - end);
}

static bool
is_receiving(const Dp8390State *s)
{
    return (s->cr & (CR_STP | CR_STA)) == CR_STA && (s->tcr & DP_TCR_LB) == 0 &&
           (s->rcr & DP_RCR_MON) == 0 && is_ring(s);
}

/* A frame of one page that a driver whose BNRY is what it reads next has left is
 * not seen. */
static bool
has_unread(const Dp8390State *s)
{
    return free_pages(s) < (unsigned) (s->pstop - s->pstart) - 1;
}

/* ---- registers ---- */

/* Frames that came after the driver looked for the last time and before it
 * acknowledges, or that it left for later (Linux's after nine), would wait for
 * the next one's interrupt. On a slow host that window is wide, and the sender
 * may wait for an answer: they are told again, with an edge for ISA. */
static void
acknowledge(Dp8390 *c, guint8 bits)
{
    Dp8390State *s = c->s;

    s->isr &= (guint8) ~(bits & 0x7f);
    if ((bits & DP_ISR_PRX) != 0 && is_receiving(s) && has_unread(s)) {
        dp8390_update_irq(c);
        s->isr |= DP_ISR_PRX;
    }
    nic_kick_rx(&c->nic);
}

static void
write_cr(Dp8390 *c, guint8 value)
{
    Dp8390State *s = c->s;
    unsigned rd = CR_RD(value);

    /* TXP falls when the frame is sent, not by a write. STA and STP are what
     * starts and stops; with neither the chip goes on as before, and so drivers
     * change the page amid traffic. */
    guint8 kept =
        (value & (CR_STP | CR_STA)) != 0 ? CR_TXP : CR_TXP | CR_STP | CR_STA;
    s->cr = (guint8) (value | (s->cr & kept));
    if ((s->cr & CR_STP) != 0) {
        s->cr &= (guint8) ~CR_TXP;
        s->isr |= DP_ISR_RST;
    } else {
        s->isr &= (guint8) ~DP_ISR_RST;
    }
    if ((rd == 1 || rd == 2) && s->rbcr == 0)
        s->isr |= DP_ISR_RDC;
    if (rd == 3) { /* the frame that BNRY is at */
        s->rsar = (guint16) (s->bnry * PAGE);
        s->rbcr = (guint16) (mem_read(c, s->rsar + 2) | mem_read(c, s->rsar + 3)
                                                            << 8);
    }
    if ((s->cr & CR_TXP) != 0)
        nic_kick_tx(&c->nic);
    nic_kick_rx(&c->nic);
}

static void
write_page0(Dp8390 *c, unsigned reg, guint8 value)
{
    Dp8390State *s = c->s;

    switch (reg) {
    case DP_PSTART: s->pstart = value; break;
    case DP_PSTOP: s->pstop = value; break;
    case DP_BNRY:
        s->bnry = value;
        nic_kick_rx(&c->nic);
        break;
    case DP_TPSR: s->tpsr = value; break;
    case DP_TBCR0: s->tbcr = (guint16) ((s->tbcr & 0xff00) | value); break;
    case DP_TBCR1: s->tbcr = (guint16) ((s->tbcr & 0xff) | value << 8); break;
    case DP_ISR: acknowledge(c, value); break;
    case DP_RSAR0: s->rsar = (guint16) ((s->rsar & 0xff00) | value); break;
    case DP_RSAR1: s->rsar = (guint16) ((s->rsar & 0xff) | value << 8); break;
    case DP_RBCR0: s->rbcr = (guint16) ((s->rbcr & 0xff00) | value); break;
    case DP_RBCR1: s->rbcr = (guint16) ((s->rbcr & 0xff) | value << 8); break;
    case DP_RCR: s->rcr = value & 0x3f; break;
    case DP_TCR: s->tcr = value & 0x1f; break;
    case DP_DCR: s->dcr = value & 0x7f; break;
    case DP_IMR: s->imr = value & 0x7f; break;
    default: break;
    }
}

static void
write_page1(Dp8390 *c, unsigned reg, guint8 value)
{
    if (reg >= DP_MAR0)
        c->s->mar[reg - DP_MAR0] = value;
    else if (reg == DP_CURR)
        c->s->curr = value;
    else
        c->s->par[reg - DP_PAR0] = value;
}

static guint8
read_page0(const Dp8390 *c, unsigned reg)
{
    const Dp8390State *s = c->s;

    switch (reg) {
    case 1: return (guint8) s->rsar; /* CLDA: no local DMA to be seen */
    case 2: return (guint8) (s->rsar >> 8);
    case DP_BNRY: return s->bnry;
    case 4: return s->tsr;
    case DP_ISR: return s->isr;
    case 8: return (guint8) s->rsar;
    case 9: return (guint8) (s->rsar >> 8);
    case 0xa: return c->is_8029 ? 'P' : 0xff;
    case 0xb: return c->is_8029 ? 'C' : 0xff;
    case 0xc: return s->rsr;
    default: return 0; /* collisions, FIFO, error counters: none */
    }
}

static guint8
read_page1(const Dp8390 *c, unsigned reg)
{
    if (reg >= DP_MAR0)
        return c->s->mar[reg - DP_MAR0];
    return reg == DP_CURR ? c->s->curr : c->s->par[reg - DP_PAR0];
}

static guint8
read_page2(const Dp8390 *c, unsigned reg)
{
    const Dp8390State *s = c->s;

    switch (reg) {
    case 1: return s->pstart;
    case 2: return s->pstop;
    case 4: return s->tpsr;
    case 0xc: return s->rcr;
    case 0xd: return s->tcr;
    case 0xe: return s->dcr;
    case 0xf: return s->imr;
    default: return 0xff;
    }
}

static guint8
read_reg(const Dp8390 *c, unsigned reg)
{
    if (reg == DP_CR)
        return c->s->cr;
    switch (CR_PAGE(c->s->cr)) {
    case 0: return read_page0(c, reg);
    case 1: return read_page1(c, reg);
    case 2: return read_page2(c, reg);
    default: return 0; /* the 8029's configuration: nothing of it here */
    }
}

static void
write_reg(Dp8390 *c, unsigned reg, guint8 value)
{
    if (reg == DP_CR)
        write_cr(c, value);
    else if (CR_PAGE(c->s->cr) == 0)
        write_page0(c, reg, value);
    else if (CR_PAGE(c->s->cr) == 1)
        write_page1(c, reg, value);
}

/* ---- ports ---- */

static guint64
dp8390_read(void *dev, guint64 offset, unsigned size)
{
    Dp8390 *c = dev;
    guint64 value = 0;

    if (offset >= DP_RESET) {
        c->s->cr = CR_STP | 0x20;
        c->s->isr |= DP_ISR_RST;
    } else if (offset >= DP_DATA) {
        value = data_read(c, size);
    } else {
        for (unsigned i = 0; i < size && offset + i < DP_DATA; i++)
            value |= (guint64) read_reg(c, (unsigned) offset + i) << (8 * i);
    }
    dp8390_update_irq(c);
    return value;
}

static void
dp8390_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Dp8390 *c = dev;

    if (offset >= DP_RESET)
        return;
    if (offset >= DP_DATA)
        data_write(c, (guint32) value, size);
    for (unsigned i = 0; i < size && offset + i < DP_DATA; i++)
        write_reg(c, (unsigned) offset + i, (guint8) (value >> (8 * i)));
    dp8390_update_irq(c);
}

/* rep ins and outs: how drivers fetch and put frames. */
static void
dp8390_read_rep(void *dev, guint64 offset, guint8 *data, unsigned size,
                unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        guint64 value = dp8390_read(dev, offset, size);
        for (unsigned k = 0; k < size; k++)
            data[i * size + k] = (guint8) (value >> (8 * k));
    }
}

static void
dp8390_write_rep(void *dev, guint64 offset, const guint8 *data, unsigned size,
                 unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        guint64 value = 0;
        for (unsigned k = 0; k < size; k++)
            value |= (guint64) data[i * size + k] << (8 * k);
        dp8390_write(dev, offset, value, size);
    }
}

const IoOps dp8390_ops = {
    .read = dp8390_read,
    .write = dp8390_write,
    .read_rep = dp8390_read_rep,
    .write_rep = dp8390_write_rep,
    .max_size = 4,
};

/* ---- frames ---- */

/* With the loopback of TCR a frame goes round inside the chip and comes to no
 * memory. */
static void
transmit(Nic *nic)
{
    Dp8390 *c = chip_of(nic);
    Dp8390State *s = c->s;
    guint32 at = s->tpsr * PAGE, len = s->tbcr;

    if ((s->cr & CR_TXP) == 0)
        return;
    guint8 *frame = nic_tx_begin(nic);
    if (frame == NULL)
        return;
    if (at >= DP8390_MEM_START && len <= MAX_FRAME &&
        at - DP8390_MEM_START + len <= DP8390_MEM_BYTES &&
        (s->tcr & DP_TCR_LB) == 0) {
        memcpy(frame, s->mem + (at - DP8390_MEM_START), len);
        nic_tx_end(nic, len, NULL);
    }
    s->cr &= (guint8) ~CR_TXP;
    s->tsr = DP_TSR_PTX;
    s->isr |= DP_ISR_PTX;
}

/* A ring that is too short for the largest frame is tried when it is empty. */
static unsigned
room(Nic *nic)
{
    Dp8390State *s = chip_of(nic)->s;

    if (!is_receiving(s))
        return NIC_BATCH;
    unsigned n = (free_pages(s) - 1) / FRAME_PAGES;
    return n > 0 ? n : !has_unread(s);
}

static bool
is_wanted(const Dp8390State *s, const guint8 *frame)
{
    if ((s->rcr & DP_RCR_PRO) != 0)
        return true;
    if (nic_is_broadcast(frame))
        return (s->rcr & DP_RCR_AB) != 0;
    if ((frame[0] & 1) != 0) {
        unsigned bit = nic_address_crc(frame) >> 26;
        return (s->rcr & DP_RCR_AM) != 0 && (s->mar[bit / 8] >> (bit % 8) & 1);
    }
    return memcmp(frame, s->par, sizeof s->par) == 0;
}

static void
put(Dp8390State *s, guint32 *at, const guint8 *bytes, gsize len)
{
    for (gsize done = 0; done < len;) {
        gsize part = MIN(len - done, s->pstop * PAGE - *at);
        memcpy(s->mem + (*at - DP8390_MEM_START), bytes + done, part);
        done += part;
        *at += (guint32) part;
        if (*at == s->pstop * PAGE)
            *at = s->pstart * PAGE;
    }
}

static void
receive(Nic *nic, guint8 *frame, gsize len, bool valid)
{
    Dp8390State *s = chip_of(nic)->s;
    guint32 at = s->curr * PAGE;
    gsize pages = (HEAD_BYTES + len + FCS_BYTES + PAGE - 1) / PAGE;

    if (!is_receiving(s) || len > MAX_FRAME || !is_wanted(s, frame))
        return;
    if (pages >= free_pages(s)) {
        s->isr |= DP_ISR_OVW;
        return;
    }
    unsigned next = s->curr + (unsigned) pages;
    if (next >= s->pstop)
        next -= s->pstop - s->pstart;
    guint8 head[HEAD_BYTES] = {
        (guint8) (DP_RSR_PRX | (frame[0] & 1 ? DP_RSR_PHY : 0)), (guint8) next};
    pci_put16(head, 2, (guint16) (len + FCS_BYTES));
    memset(frame + len, 0, FCS_BYTES);
    put(s, &at, head, sizeof head);
    put(s, &at, frame, len + FCS_BYTES);
    s->rsr = head[0];
    s->curr = (guint8) next;
    s->isr |= DP_ISR_PRX;
}

static void
settle(Nic *nic)
{
    dp8390_update_irq(chip_of(nic));
}

static void
link_changed(Nic *nic, bool up)
{
}

static const NicModel dp8390_model = {
    .offloads = false,
    .transmit = transmit,
    .room = room,
    .receive = receive,
    .settle = settle,
    .link_changed = link_changed,
};

/* ---- life ---- */

/* Each byte twice, as a card of eight bits and one of 16 see it alike. */
static void
fill_prom(Dp8390 *c)
{
    memset(c->prom, 0, sizeof c->prom);
    for (unsigned i = 0; i < DP8390_PROM; i++)
        c->prom[i] = i < 2 * NIC_MAC_BYTES ? c->nic.mac[i / 2]
                     : i >= 28             ? 'W'
                                           : 0;
}

bool
dp8390_realize(Dp8390 *c, Device *dev, GError **error)
{
    if (!nic_realize(&c->nic, dev, &dp8390_model, error))
        return false;
    fill_prom(c);
    return true;
}

void
dp8390_reset(Dp8390 *c)
{
    memset(c->s, 0, sizeof *c->s);
    c->s->cr = CR_STP | 0x20; /* no remote DMA */
    c->s->isr = DP_ISR_RST;
    dp8390_update_irq(c);
}

/* clang-format off */
static const StateField dp8390_fields[] = {
    STATE_BLOB(Dp8390State, mem),
    STATE_FIELD(Dp8390State, cr, STATE_U8),
    STATE_FIELD(Dp8390State, pstart, STATE_U8),
    STATE_FIELD(Dp8390State, pstop, STATE_U8),
    STATE_FIELD(Dp8390State, bnry, STATE_U8),
    STATE_FIELD(Dp8390State, tpsr, STATE_U8),
    STATE_FIELD(Dp8390State, tsr, STATE_U8),
    STATE_FIELD(Dp8390State, isr, STATE_U8),
    STATE_FIELD(Dp8390State, rcr, STATE_U8),
    STATE_FIELD(Dp8390State, rsr, STATE_U8),
    STATE_FIELD(Dp8390State, tcr, STATE_U8),
    STATE_FIELD(Dp8390State, dcr, STATE_U8),
    STATE_FIELD(Dp8390State, imr, STATE_U8),
    STATE_FIELD(Dp8390State, curr, STATE_U8),
    STATE_ARRAY(Dp8390State, par, STATE_U8),
    STATE_ARRAY(Dp8390State, mar, STATE_U8),
    STATE_FIELD(Dp8390State, tbcr, STATE_U16),
    STATE_FIELD(Dp8390State, rsar, STATE_U16),
    STATE_FIELD(Dp8390State, rbcr, STATE_U16),
    STATE_FIELDS_END
};
/* clang-format on */

/* Any registers will do: each use of them is checked. */
const StateDesc dp8390_state_desc = {
    .name = "dp8390",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Dp8390State),
    .fields = dp8390_fields,
};
