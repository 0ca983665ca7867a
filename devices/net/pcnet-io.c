/* devices/net/pcnet-io.c - the Am79C973's registers: an address port, a data
 * port for CSRs, one for BCRs, in words or double words.
 *
 * Registers that do nothing here are kept as written; counters, chip number and
 * what belongs to the ring's progress are not. */
#include "devices/net/pcnet-internal.h"

#define PHY_ADDRESS  0x1eu
#define PHY_CONTROL  0u
#define BMCR_RESET   0x8000u
#define BMCR_INITIAL 0x3100u

/* ---- CSRs ---- */

static void
stop(Pcnet *d)
{
    d->s.csr[0] = CSR0_STOP;
    d->s.csr[CSR_TEST] &= (guint16) ~CSR4_CAUSES;
}

static void
start(Pcnet *d)
{
    guint16 mode = d->s.csr[CSR_MODE];

    d->s.csr[0] &= (guint16) ~CSR0_STOP;
    d->s.csr[0] |= CSR0_STRT | ((mode & MODE_DTX) ? 0 : CSR0_TXON) |
                   ((mode & MODE_DRX) ? 0 : CSR0_RXON);
}

/* STOP beats all; INIT comes before STRT when both are set. Both read as ones
 * until STOP and start nothing a second time: iPXE acknowledges interrupts with
 * all that it has read, and its rings must not begin anew. */
static void
write_csr0(Pcnet *d, guint16 value)
{
    guint16 *csr0 = &d->s.csr[0];
    unsigned fresh = value & ~(unsigned) *csr0;

    *csr0 &= (guint16) ~(value & CSR0_CLEAR);
    *csr0 = (guint16) ((*csr0 & ~CSR0_IENA) | (value & CSR0_IENA));
    if ((value & CSR0_STOP) != 0) {
        stop(d);
    } else {
        if ((fresh & CSR0_INIT) != 0) {
            pcnet_read_init_block(d);
            *csr0 = (guint16) ((*csr0 & ~CSR0_STOP) | CSR0_INIT | CSR0_IDON);
        }
        if ((fresh & CSR0_STRT) != 0)
            start(d);
        if ((*csr0 & CSR0_TXON) != 0)
            nic_kick_tx(&d->nic);
    }
    pcnet_update_irq(d);
    nic_kick_rx(&d->nic);
}

static void
write_csr4(Pcnet *d, guint16 value)
{
    guint16 old = d->s.csr[CSR_TEST];
    unsigned kept = old & ~value & (CSR4_CAUSES | CSR4_UINT);

    if ((value & CSR4_UINTCMD) != 0)
        kept |= CSR4_UINT;
    d->s.csr[CSR_TEST] =
        (guint16) ((value & ~(CSR4_CAUSES | CSR4_UINT | CSR4_UINTCMD)) | kept);
    pcnet_update_irq(d);
}

static void
write_csr5(Pcnet *d, guint16 value)
{
    guint16 sint = (guint16) (d->s.csr[CSR_EXT] & ~value & CSR5_SINT);

    d->s.csr[CSR_EXT] = (guint16) ((value & ~CSR5_SINT) | sint);
    pcnet_update_irq(d);
    nic_kick_tx(&d->nic);
    nic_kick_rx(&d->nic);
}

/* CSR58 and BCR20 are one; how large structures are follows from the style. */
static void
write_style(Pcnet *d, guint16 value)
{
    guint16 style = value & SWSTYLE_MASK;

    if (style > 3)
        style = 0;
    if (style != 0)
        style |= SSIZE32;
    d->s.csr[CSR_SWSTYLE] = d->s.bcr[BCR_SWSTYLE] = style;
}

static bool
is_read_only(unsigned n)
{
    return n == CSR_CHIP_LOW || n == CSR_CHIP_HIGH || n == CSR_MISSED ||
           n == 6 || (n >= 34 && n <= 45) || (n >= 60 && n <= 75);
}

static void
write_csr(Pcnet *d, unsigned n, guint16 value)
{
    switch (n) {
    case 0: write_csr0(d, value); return;
    case CSR_TEST: write_csr4(d, value); return;
    case CSR_EXT: write_csr5(d, value); return;
    case CSR_SWSTYLE: write_style(d, value); return;
    case 16: n = CSR_IADR; break; /* aliases */
    case 17: n = CSR_IADR + 1; break;
    default: break;
    }
    if (n >= N_CSR || is_read_only(n))
        return;
    d->s.csr[n] = value;
    if (n == CSR_RCVRL)
        d->s.rx_next = 0;
    if (n == CSR_XMTRL)
        d->s.tx_next = 0;
    if (n == CSR_MASK)
        pcnet_update_irq(d);
}

static guint16
read_csr(Pcnet *d, unsigned n)
{
    if (n >= N_CSR)
        return 0;
    if (n == 16 || n == 17)
        n -= 16 - CSR_IADR;
    guint16 value = d->s.csr[n];
    if (n == 0 &&
        (value & (CSR0_BABL | CSR0_CERR | CSR0_MISS | CSR0_MERR)) != 0)
        value |= CSR0_ERR;
    return value;
}

/* ---- BCRs and the PHY behind them ---- */

static bool
is_phy(const Pcnet *d)
{
    return (d->s.bcr[BCR_MII_ADDR] >> 5 & 31) == PHY_ADDRESS;
}

/* Numbers 0, 4 and 16 to 31 are the driver's. */
static void
write_phy(Pcnet *d, guint16 value)
{
    unsigned n = d->s.bcr[BCR_MII_ADDR] & 31;

    if (!is_phy(d))
        return;
    if (n == PHY_CONTROL)
        d->s.phy[n] = (value & BMCR_RESET) ? BMCR_INITIAL : value & 0x3d00;
    else if (n == 4)
        d->s.phy[n] = (guint16) ((value & 0x2fe0) | 1);
}

static void
write_bcr(Pcnet *d, unsigned n, guint16 value)
{
    switch (n) {
    case BCR_SWSTYLE: write_style(d, value); break;
    case BCR_MII_DATA: write_phy(d, value); break;
    case BCR_BUS:
        d->s.bcr[n] =
            (guint16) ((value & ~BCR18_DWIO) | (d->s.bcr[n] & BCR18_DWIO));
        break;
    case BCR_EEPROM: break; /* what is in it was taken at reset */
    default:
        if (n < N_BCR)
            d->s.bcr[n] = value;
    }
}

static guint16
read_bcr(Pcnet *d, unsigned n)
{
    if (n >= N_BCR)
        return 0;
    if (n == BCR_MII_DATA)
        return is_phy(d) ? d->s.phy[d->s.bcr[BCR_MII_ADDR] & 31] : 0xffff;
    if (n == BCR_LED0)
        return (guint16) ((d->s.bcr[n] & ~BCR4_LEDOUT) |
                          (d->s.link ? BCR4_LEDOUT : 0));
    return d->s.bcr[n];
}

/* ---- ports ---- */

typedef enum { PORT_NONE, PORT_RDP, PORT_RAP, PORT_RESET, PORT_BDP } Port;

static Port
port_at(const Pcnet *d, unsigned offset, unsigned size)
{
    static const Port ports[] = {PORT_RDP, PORT_RAP, PORT_RESET, PORT_BDP};
    bool dwio = (d->s.bcr[BCR_BUS] & BCR18_DWIO) != 0;
    unsigned step = dwio ? 4 : 2;
    unsigned i = (offset - PCNET_APROM_BYTES) / step;

    if (offset < PCNET_APROM_BYTES || size != step || offset % step != 0 ||
        i >= G_N_ELEMENTS(ports))
        return PORT_NONE;
    return ports[i];
}

static guint64
pcnet_read(void *dev, guint64 offset, unsigned size)
{
    Pcnet *d = dev;
    guint64 value = 0;

    if (offset < PCNET_APROM_BYTES) {
        for (unsigned i = 0; i < size && offset + i < PCNET_APROM_BYTES; i++)
            value |= (guint64) d->aprom[offset + i] << (8 * i);
        return value;
    }
    switch (port_at(d, (unsigned) offset, size)) {
    case PORT_RDP: return read_csr(d, d->s.rap);
    case PORT_RAP: return d->s.rap;
    case PORT_BDP: return read_bcr(d, d->s.rap);
    case PORT_RESET: pcnet_soft_reset(d); return 0;
    case PORT_NONE: break;
    }
    return G_MAXUINT64 >> (64 - 8 * size);
}

static void
pcnet_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Pcnet *d = dev;

    /* a double word to RDP is how a driver asks for double words */
    if (offset == PCNET_RDP_D && size == 4)
        d->s.bcr[BCR_BUS] |= BCR18_DWIO;
    switch (port_at(d, (unsigned) offset, size)) {
    case PORT_RDP: write_csr(d, d->s.rap, (guint16) value); break;
    case PORT_RAP: d->s.rap = (guint16) value & 0x7f; break;
    case PORT_BDP: write_bcr(d, d->s.rap, (guint16) value); break;
    case PORT_RESET:
    case PORT_NONE: break;
    }
}

const IoOps pcnet_ops = {
    .read = pcnet_read, .write = pcnet_write, .max_size = 4};
