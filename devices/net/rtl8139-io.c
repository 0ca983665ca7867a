/* devices/net/rtl8139-io.c - the RTL8139's registers, data sheet chapter 5.
 *
 * One row a register; what is in none reads as it was reset and takes nothing.
 * An access may cover parts of several. */
#include "devices/net/rtl8139-internal.h"

typedef struct {
    guint8 offset, size;
    guint32 writable;
    /* value has the bytes that were written, under mask; NULL: those that are
     * writable are kept. */
    void (*write)(Rtl8139 *d, guint32 value, guint32 mask);
    guint32 (*read)(Rtl8139 *d);
    bool guarded; /* only written while 9346CR allows it */
} RegDesc;

static void
keep(Rtl8139 *d, unsigned reg, unsigned size, guint32 value, guint32 mask)
{
    for (unsigned i = 0; i < size; i++) {
        guint8 m = (guint8) (mask >> (8 * i));
        d->s.reg[reg + i] = (guint8) ((d->s.reg[reg + i] & ~m) |
                                      ((guint8) (value >> (8 * i)) & m));
    }
}

/* ---- hooks ---- */

static bool
is_plus(const Rtl8139 *d, guint16 bit)
{
    return d->plus && (rtl8139_get16(d, RTL_CPCR) & bit) != 0;
}

static void
write_tsd(Rtl8139 *d, unsigned n, guint32 value, guint32 mask)
{
    unsigned reg = RTL_TSD0 + 4 * n;

    if (is_plus(d, CPCR_TXEN)) { /* DTCCR: address of 64 bytes, command bit 3 */
        keep(d, reg, 4, value, mask);
        if (n == 0 && (value & mask & 8) != 0)
            rtl8139_dump_tally(d);
        return;
    }
    keep(d, reg, 4, value, mask & (0x003f0000u | TSD_OWN | TSD_SIZE));
    if ((rtl8139_get32(d, reg) & TSD_OWN) != 0)
        return;
    keep(d, reg, 4, 0, 0xff00c000u); /* what became of the last one */
    nic_kick_tx(&d->nic);
}

/* clang-format off */
static void write_tsd0(Rtl8139 *d, guint32 v, guint32 m) { write_tsd(d, 0, v, m); }
static void write_tsd1(Rtl8139 *d, guint32 v, guint32 m) { write_tsd(d, 1, v, m); }
static void write_tsd2(Rtl8139 *d, guint32 v, guint32 m) { write_tsd(d, 2, v, m); }
static void write_tsd3(Rtl8139 *d, guint32 v, guint32 m) { write_tsd(d, 3, v, m); }
/* clang-format on */

static void
write_cr(Rtl8139 *d, guint32 value, guint32 mask)
{
    if ((value & CR_RST) != 0) {
        rtl8139_reset_state(d);
        return;
    }
    keep(d, RTL_CR, 1, value, CR_TE | CR_RE);
    nic_kick_tx(&d->nic);
    nic_kick_rx(&d->nic);
}

static guint32
read_cr(Rtl8139 *d)
{
    return d->s.reg[RTL_CR] | (rtl8139_buffer_is_empty(d) ? CR_BUFE : 0);
}

static void
write_capr(Rtl8139 *d, guint32 value, guint32 mask)
{
    keep(d, RTL_CAPR, 2, value, mask);
    nic_kick_rx(&d->nic);
}

/* A driver that has looked at its descriptors writes one of these two. */
static void
write_imr(Rtl8139 *d, guint32 value, guint32 mask)
{
    keep(d, RTL_IMR, 2, value, mask & ISR_ALL);
    rtl8139_update_irq(d);
    nic_kick_rx(&d->nic);
}

/* Drivers look why before they acknowledge. */
static void
write_isr(Rtl8139 *d, guint32 value, guint32 mask)
{
    guint16 cscr = pci_get16(d->s.reg, RTL_CSCR);

    if ((value & mask & ISR_PUN) != 0)
        pci_put16(d->s.reg, RTL_CSCR, (guint16) (cscr & ~CSCR_LINK_CHANGED));
    keep(d, RTL_ISR, 2, 0, value & mask);
    rtl8139_update_irq(d);
    nic_kick_rx(&d->nic);
}

static void
write_rcr(Rtl8139 *d, guint32 value, guint32 mask)
{
    keep(d, RTL_RCR, 4, value, mask & 0x0f01ffffu);
    nic_kick_rx(&d->nic);
}

static void
write_rbstart(Rtl8139 *d, guint32 value, guint32 mask)
{
    keep(d, RTL_RBSTART, 4, value, mask);
    pci_put16(d->s.reg, RTL_CBR, 0);
    pci_put16(d->s.reg, RTL_CAPR, 0xfff0);
    nic_kick_rx(&d->nic);
}

static guint32
read_tctr(Rtl8139 *d)
{
    return rtl8139_counter(d);
}

/* Any write starts it again from 0. */
static void
write_tctr(Rtl8139 *d, guint32 value, guint32 mask)
{
    d->counter_start = loop_now_ns(d->pci.dev.env->loop, CLOCK_GUEST);
    rtl8139_arm_timer(d);
}

static void
write_timerint(Rtl8139 *d, guint32 value, guint32 mask)
{
    keep(d, RTL_TIMERINT, 4, value, mask);
    rtl8139_arm_timer(d);
}

static void
write_mpc(Rtl8139 *d, guint32 value, guint32 mask)
{
    keep(d, RTL_MPC, 4, 0, G_MAXUINT32);
}

static void
write_9346cr(Rtl8139 *d, guint32 value, guint32 mask)
{
    bool program = (value & EE_MODE) == EE_PROGRAM;

    keep(d, RTL_9346CR, 1, value, EE_MODE | EE_CS | EE_SK | EE_DI);
    eeprom_93c46_lines(&d->s.eeprom, d->words, program && (value & EE_CS) != 0,
                       (value & EE_SK) != 0, (value & EE_DI) != 0);
}

static guint32
read_9346cr(Rtl8139 *d)
{
    return d->s.reg[RTL_9346CR] | (d->s.eeprom.out ? EE_DO : 0);
}

/* Of each of the four: TOK at 12, TUN at 8, TABT at 4, OWN at 0. */
static guint32
read_tsad(Rtl8139 *d)
{
    guint32 value = 0;

    for (unsigned i = 0; i < RTL_N_TX; i++) {
        guint32 tsd = rtl8139_get32(d, RTL_TSD0 + 4 * i);
        value |= (tsd >> 15 & 1) << (12 + i) | (tsd >> 14 & 1) << (8 + i) |
                 (tsd >> 30 & 1) << (4 + i) | (tsd >> 13 & 1) << i;
    }
    return value;
}

/* Negotiated before anybody can look. */
static void
write_bmcr(Rtl8139 *d, guint32 value, guint32 mask)
{
    if ((value & BMCR_RESET) != 0)
        pci_put16(d->s.reg, RTL_BMCR, 0x1000);
    else
        keep(d, RTL_BMCR, 2, value, mask & 0x3100);
    if ((value & BMCR_RESTART) != 0 && d->s.link)
        rtl8139_cause(d, ISR_PUN);
    rtl8139_update_irq(d);
}

static void
write_tppoll(Rtl8139 *d, guint32 value, guint32 mask)
{
    if ((value & 1) != 0) /* FSWInt */
        rtl8139_cause(d, ISR_SWINT);
    d->s.polled |= value & (TPPOLL_NPQ | TPPOLL_HPQ);
    rtl8139_update_irq(d);
    if (d->plus && d->s.polled != 0)
        nic_kick_tx(&d->nic);
}

static void
write_cpcr(Rtl8139 *d, guint32 value, guint32 mask)
{
    if (!d->plus)
        return;
    keep(d, RTL_CPCR, 2, value, mask & 0x03fb);
    nic_kick_rx(&d->nic);
}

/* 9.2: who sets where a ring begins starts it there. */
static void
write_tnpds(Rtl8139 *d, guint32 value, guint32 mask)
{
    keep(d, RTL_TNPDS, 4, value, mask);
    d->s.ring_next[0] = 0;
}

static void
write_thpds(Rtl8139 *d, guint32 value, guint32 mask)
{
    keep(d, RTL_THPDS, 4, value, mask);
    d->s.ring_next[1] = 0;
}

static void
write_rdsar(Rtl8139 *d, guint32 value, guint32 mask)
{
    keep(d, RTL_RDSAR, 4, value, mask);
    d->s.rx_next = 0;
    nic_kick_rx(&d->nic);
}

/* ---- table ---- */

#define ALL 0xffffffffu

/* clang-format off */
static const RegDesc regs[] = {
    { RTL_IDR0,      4, ALL,          NULL,           NULL, true },
    { RTL_IDR0 + 4,  2, 0xffff,       NULL,           NULL, true },
    { RTL_MAR0,      4, ALL,          NULL,           NULL, false },
    { RTL_MAR0 + 4,  4, ALL,          NULL,           NULL, false },
    { RTL_TSD0,      4, 0,            write_tsd0,     NULL, false },
    { RTL_TSD0 + 4,  4, 0,            write_tsd1,     NULL, false },
    { RTL_TSD0 + 8,  4, 0,            write_tsd2,     NULL, false },
    { RTL_TSD0 + 12, 4, 0,            write_tsd3,     NULL, false },
    { RTL_TSAD0,     4, 0,            write_tnpds,    NULL, false },
    { RTL_TSAD0 + 4, 4, ALL,          NULL,           NULL, false },
    { RTL_TSAD0 + 8, 4, 0,            write_thpds,    NULL, false },
    { RTL_TSAD0 + 12, 4, ALL,         NULL,           NULL, false },
    { RTL_RBSTART,   4, 0,            write_rbstart,  NULL, false },
    { RTL_CR,        1, 0,            write_cr,       read_cr, false },
    { RTL_CAPR,      2, 0,            write_capr,     NULL, false },
    { RTL_IMR,       2, 0,            write_imr,      NULL, false },
    { RTL_ISR,       2, 0,            write_isr,      NULL, false },
    { RTL_TCR,       4, TCR_WRITABLE, NULL,           NULL, false },
    { RTL_RCR,       4, 0,            write_rcr,      NULL, false },
    { RTL_TCTR,      4, 0,            write_tctr,     read_tctr, false },
    { RTL_MPC,       4, 0,            write_mpc,      NULL, false },
    { RTL_9346CR,    1, 0,            write_9346cr,   read_9346cr, false },
    { RTL_CONFIG0,   1, 0x07,         NULL,           NULL, true },
    { RTL_CONFIG1,   1, 0xff,         NULL,           NULL, true },
    { RTL_TIMERINT,  4, 0,            write_timerint, NULL, false },
    { RTL_MSR,       1, 0xc0,         NULL,           NULL, false },
    { RTL_CONFIG3,   1, 0x65,         NULL,           NULL, true },
    { RTL_CONFIG4,   1, 0xff,         NULL,           NULL, true },
    { 0x5c,          2, 0x0fff,       NULL,           NULL, false }, /* MULINT */
    { RTL_TSAD,      2, 0,            NULL,           read_tsad, false },
    { RTL_BMCR,      2, 0,            write_bmcr,     NULL, false },
    { RTL_ANAR,      2, 0x05ff,       NULL,           NULL, false },
    { 0x70,          2, 0x00ff,       NULL,           NULL, false }, /* NWAYTR */
    { RTL_CSCR,      2, 0xa080,       NULL,           NULL, false },
    { 0x78,          4, ALL,          NULL,           NULL, false }, /* PHY1_PARM */
    { 0x7c,          4, ALL,          NULL,           NULL, false }, /* TW_PARM */
    { 0x80,          1, 0xff,         NULL,           NULL, false }, /* PHY2_PARM */
    { RTL_CONFIG5,   1, 0xff,         NULL,           NULL, true },
    { RTL_TPPOLL,    1, 0,            write_tppoll,   NULL, false },
    { RTL_CPCR,      2, 0,            write_cpcr,     NULL, false },
    { 0xe2,          2, 0xffff,       NULL,           NULL, false }, /* moderation */
    { RTL_RDSAR,     4, 0,            write_rdsar,    NULL, false },
    { RTL_RDSAR + 4, 4, ALL,          NULL,           NULL, false },
    { 0xec,          1, 0x3f,         NULL,           NULL, false }, /* MTPS */
};
/* clang-format on */

static const RegDesc *
find_reg(unsigned offset)
{
    unsigned low = 0, high = G_N_ELEMENTS(regs);

    while (low < high) { /* in order of offset, none overlaps */
        unsigned middle = (low + high) / 2;
        const RegDesc *r = &regs[middle];
        if (offset >= r->offset && offset < (unsigned) r->offset + r->size)
            return r;
        if (r->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void
write_reg(Rtl8139 *d, const RegDesc *r, guint32 value, guint32 mask)
{
    if (r->guarded && (d->s.reg[RTL_9346CR] & EE_MODE) != EE_UNLOCK)
        return;
    if (r->write != NULL)
        r->write(d, value, mask);
    else
        keep(d, r->offset, r->size, value, mask & r->writable);
}

static guint64
rtl8139_read(void *dev, guint64 offset, unsigned size)
{
    Rtl8139 *d = dev;
    guint64 value = 0;

    for (unsigned i = 0; i < size;) {
        unsigned at = (unsigned) offset + i;
        const RegDesc *r = find_reg(at);
        if (r == NULL || r->read == NULL) {
            value |= (guint64) d->s.reg[at] << (8 * i++);
            continue;
        }
        guint32 whole = r->read(d);
        for (; i < size && at < (unsigned) r->offset + r->size; i++, at++)
            value |= (guint64) (whole >> (8 * (at - r->offset)) & 0xff)
                     << (8 * i);
    }
    return value;
}

static void
rtl8139_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Rtl8139 *d = dev;

    for (unsigned i = 0; i < size;) {
        unsigned at = (unsigned) offset + i;
        const RegDesc *r = find_reg(at);
        guint32 part = 0, mask = 0;
        if (r == NULL) {
            i++;
            continue;
        }
        for (; i < size && at < (unsigned) r->offset + r->size; i++, at++) {
            part |= (guint32) (value >> (8 * i) & 0xff)
                    << (8 * (at - r->offset));
            mask |= 0xffu << (8 * (at - r->offset));
        }
        write_reg(d, r, part, mask);
    }
}

const IoOps rtl8139_ops = {
    .read = rtl8139_read, .write = rtl8139_write, .max_size = 4};
