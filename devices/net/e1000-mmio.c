/* devices/net/e1000-mmio.c - the 82540EM's registers, SDM chapter 13.
 *
 * One row a register; those that do nothing here (flow control, LEDs, packet
 * buffer, wake-up, delay timers) are kept as written. The delay timers RDTR,
 * RADV, TIDV and TADV count as zero: what they would put off, ITR does. */
#include "devices/net/e1000-internal.h"

typedef struct {
    guint32 offset;
    E1000Reg reg;
    guint32 writable; /* bits kept as written, without a hook */
    guint32 (*read)(E1000 *d);
    void (*write)(E1000 *d, guint32 value);
} RegDesc;

/* ---- hooks ---- */

static void
write_ctrl(E1000 *d, guint32 value)
{
    d->s.reg[R_CTRL] = value & ~(CTRL_RST | CTRL_PHY_RST);
    if ((value & CTRL_RST) != 0)
        e1000_reset_state(d);
    if ((value & CTRL_PHY_RST) != 0)
        e1000_phy_reset(d);
}

static guint32
read_status(E1000 *d)
{
    return STATUS_FD | STATUS_1000 | STATUS_ASDV | (d->s.link ? STATUS_LU : 0);
}

/* 13.4.17: reading takes all causes. */
static guint32
read_icr(E1000 *d)
{
    guint32 value = d->s.reg[R_ICR];

    d->s.reg[R_ICR] = 0;
    e1000_update_irq(d);
    return value;
}

static void
write_icr(E1000 *d, guint32 value)
{
    d->s.reg[R_ICR] &= ~value;
    e1000_update_irq(d);
}

static void
write_ics(E1000 *d, guint32 value)
{
    e1000_cause(d, value & INT_ALL);
    e1000_update_irq(d);
}

static void
write_ims(E1000 *d, guint32 value)
{
    d->s.reg[R_IMS] |= value & INT_ALL;
    e1000_update_irq(d);
}

static void
write_imc(E1000 *d, guint32 value)
{
    d->s.reg[R_IMS] &= ~value;
    e1000_update_irq(d);
}

static void
write_itr(E1000 *d, guint32 value)
{
    d->s.reg[R_ITR] = value & 0xffff;
    if (d->s.reg[R_ITR] == 0)
        d->next_interrupt = 0;
    e1000_update_irq(d);
}

static void
write_rctl(E1000 *d, guint32 value)
{
    d->s.reg[R_RCTL] = value;
    nic_kick_rx(&d->nic);
}

static void
write_tctl(E1000 *d, guint32 value)
{
    d->s.reg[R_TCTL] = value;
    nic_kick_tx(&d->nic);
}

static void
write_rdt(E1000 *d, guint32 value)
{
    d->s.reg[R_RDT] = value & 0xffff;
    nic_kick_rx(&d->nic);
}

static void
write_tdt(E1000 *d, guint32 value)
{
    d->s.reg[R_TDT] = value & 0xffff;
    nic_kick_tx(&d->nic);
}

static guint32
read_eecd(E1000 *d)
{
    return e1000_read_eecd(d);
}

/* ---- table ---- */

#define ALL 0xffffffffu

/* clang-format off */
static const RegDesc regs[] = {
    { E1000_CTRL,   R_CTRL,     0,           NULL,        write_ctrl },
    { 0x0004,       R_CTRL,     0,           NULL,        write_ctrl }, /* CTRL_DUP */
    { E1000_STATUS, R_NONE,     0,           read_status, NULL },
    { E1000_EECD,   R_EECD,     0,           read_eecd,   e1000_write_eecd },
    { E1000_EERD,   R_EERD,     0,           NULL,        e1000_write_eerd },
    { 0x0018,       R_CTRL_EXT, ALL,         NULL,        NULL },
    { E1000_MDIC,   R_MDIC,     0,           NULL,        e1000_write_mdic },
    { 0x0028,       R_FCAL,     ALL,         NULL,        NULL },
    { 0x002c,       R_FCAH,     0xffff,      NULL,        NULL },
    { 0x0030,       R_FCT,      0xffff,      NULL,        NULL },
    { E1000_VET,    R_VET,      0xffff,      NULL,        NULL },
    { E1000_ICR,    R_ICR,      0,           read_icr,    write_icr },
    { E1000_ITR,    R_ITR,      0,           NULL,        write_itr },
    { E1000_ICS,    R_NONE,     0,           NULL,        write_ics },
    { E1000_IMS,    R_IMS,      0,           NULL,        write_ims },
    { E1000_IMC,    R_NONE,     0,           NULL,        write_imc },
    { E1000_RCTL,   R_RCTL,     0,           NULL,        write_rctl },
    { 0x0170,       R_FCTTV,    0xffff,      NULL,        NULL },
    { 0x0178,       R_TXCW,     ALL,         NULL,        NULL },
    { E1000_TCTL,   R_TCTL,     0,           NULL,        write_tctl },
    { 0x0410,       R_TIPG,     0x3fffffff,  NULL,        NULL },
    { 0x0458,       R_AIT,      0xffff,      NULL,        NULL },
    { 0x0e00,       R_LEDCTL,   ALL,         NULL,        NULL },
    { 0x1000,       R_PBA,      0x0000ffff,  NULL,        NULL },
    { 0x2160,       R_FCRTL,    0x8000fff8,  NULL,        NULL },
    { 0x2168,       R_FCRTH,    0x0000fff8,  NULL,        NULL },
    { E1000_RDBAL,  R_RDBAL,    0xfffffff0,  NULL,        NULL },
    { E1000_RDBAH,  R_RDBAH,    ALL,         NULL,        NULL },
    { E1000_RDLEN,  R_RDLEN,    0x000fff80,  NULL,        NULL },
    { E1000_RDH,    R_RDH,      0xffff,      NULL,        NULL },
    { E1000_RDT,    R_RDT,      0,           NULL,        write_rdt },
    { 0x2820,       R_RDTR,     0xffff,      NULL,        NULL },
    { 0x2828,       R_RXDCTL,   ALL,         NULL,        NULL },
    { 0x282c,       R_RADV,     0xffff,      NULL,        NULL },
    { 0x2c00,       R_RSRPD,    0x0fff,      NULL,        NULL },
    { 0x3000,       R_TXDMAC,   1,           NULL,        NULL },
    { E1000_TDBAL,  R_TDBAL,    0xfffffff0,  NULL,        NULL },
    { E1000_TDBAH,  R_TDBAH,    ALL,         NULL,        NULL },
    { E1000_TDLEN,  R_TDLEN,    0x000fff80,  NULL,        NULL },
    { E1000_TDH,    R_TDH,      0xffff,      NULL,        NULL },
    { E1000_TDT,    R_TDT,      0,           NULL,        write_tdt },
    { 0x3820,       R_TIDV,     0xffff,      NULL,        NULL },
    { 0x3828,       R_TXDCTL,   ALL,         NULL,        NULL },
    { 0x382c,       R_TADV,     0xffff,      NULL,        NULL },
    { 0x3830,       R_TSPMT,    ALL,         NULL,        NULL },
    { E1000_RXCSUM, R_RXCSUM,   0x7ff,       NULL,        NULL },
    { 0x5800,       R_WUC,      0xf,         NULL,        NULL },
    { 0x5808,       R_WUFC,     0xf00ff,     NULL,        NULL },
    { 0x5820,       R_MANC,     ALL,         NULL,        NULL },
    { 0x5838,       R_IPAV,     ALL,         NULL,        NULL },
    { 0x5900,       R_WUPL,     0,           NULL,        NULL },
};
/* clang-format on */

static const RegDesc *
find_reg(guint32 offset)
{
    unsigned low = 0, high = G_N_ELEMENTS(regs);

    while (low < high) { /* the table is in order of offset */
        unsigned middle = (low + high) / 2;
        if (regs[middle].offset == offset)
            return &regs[middle];
        if (regs[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Word arrays. NULL: offset is in none. */
static guint32 *
find_array(E1000 *d, guint32 offset)
{
    const struct {
        guint32 base, n;
        guint32 *words;
    } arrays[] = {
        {E1000_MTA, G_N_ELEMENTS(d->s.mta), d->s.mta},
        {E1000_RA, G_N_ELEMENTS(d->s.ra), d->s.ra},
        {E1000_VFTA, G_N_ELEMENTS(d->s.vfta), d->s.vfta},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(arrays); i++)
        if (offset >= arrays[i].base &&
            (offset - arrays[i].base) / 4 < arrays[i].n)
            return &arrays[i].words[(offset - arrays[i].base) / 4];
    return NULL;
}

/* 13.7: reading clears; the upper half of a pair goes with its lower. */
static guint32
read_stat(E1000 *d, unsigned i)
{
    guint32 value = d->s.stat[i];

    d->s.stat[i] = 0;
    return value;
}

static guint32
read_word(E1000 *d, guint32 offset)
{
    const RegDesc *r = find_reg(offset);

    if (r != NULL)
        return r->read != NULL ? r->read(d) : d->s.reg[r->reg];
    if (offset >= E1000_STATS && offset < E1000_STATS + 4 * N_STATS)
        return read_stat(d, (offset - E1000_STATS) / 4);
    const guint32 *word = find_array(d, offset);
    return word != NULL ? *word : 0;
}

static void
write_word(E1000 *d, guint32 offset, guint32 value)
{
    const RegDesc *r = find_reg(offset);

    if (r == NULL) {
        guint32 *word = find_array(d, offset);
        if (word != NULL)
            *word = value;
    } else if (r->write != NULL) {
        r->write(d, value);
    } else {
        d->s.reg[r->reg] =
            (d->s.reg[r->reg] & ~r->writable) | (value & r->writable);
    }
}

static guint64
mmio_read(void *dev, guint64 offset, unsigned size)
{
    return read_word(dev, (guint32) offset & ~3u);
}

static void
mmio_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    write_word(dev, (guint32) offset & ~3u, (guint32) value);
}

const IoOps e1000_mmio_ops = {
    .read = mmio_read, .write = mmio_write, .min_size = 4, .max_size = 4};

static guint64
io_port_read(void *dev, guint64 offset, unsigned size)
{
    E1000 *d = dev;

    if (offset < E1000_IODATA)
        return d->s.io_addr;
    return read_word(d, d->s.io_addr & ~3u);
}

static void
io_port_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    E1000 *d = dev;

    if (offset < E1000_IODATA)
        d->s.io_addr = (guint32) value & (E1000_MMIO_BYTES - 1);
    else
        write_word(d, d->s.io_addr & ~3u, (guint32) value);
}

const IoOps e1000_io_ops = {
    .read = io_port_read, .write = io_port_write, .min_size = 4, .max_size = 4};
