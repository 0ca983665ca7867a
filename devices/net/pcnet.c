/* devices/net/pcnet.c - network card AMD Am79C973 (PCnet-FAST III): life,
 * interrupts.
 *
 * Am79C973/Am79C975 data sheet (21510). Left out: polling of the transmit ring
 * without TDMD (any write of CSR0 looks), the EEPROM's lines, external PHYs,
 * Magic Packet, the style of VLAN tags, stripping of padding. */
#include "devices/net/pcnet-internal.h"

#include <string.h>

#define BAR_IO     0u
#define BAR_MEMORY 1u

static const PciIds pcnet_ids = {
    .vendor = 0x1022,
    .device = 0x2000,
    .subsystem_vendor = 0x1022,
    .subsystem = 0x2000,
    .class_device = 0x0200,
    .revision = 0x40,
    .interrupt_pin = 1,
};

/* ---- interrupts ---- */

/* CSR0.INTR shows the request, IENA lets it out. */
void
pcnet_update_irq(Pcnet *d)
{
    guint16 *csr0 = &d->s.csr[0];
    guint16 test = d->s.csr[CSR_TEST];
    bool want = (*csr0 & CSR0_CAUSES & ~d->s.csr[CSR_MASK]) != 0 ||
                (test >> 1 & ~test & CSR4_CAUSES >> 1) != 0 ||
                (test & CSR4_UINT) != 0;

    *csr0 = (guint16) ((*csr0 & ~CSR0_INTR) | (want ? CSR0_INTR : 0));
    want = want && (*csr0 & CSR0_IENA) != 0;
    if (want != (d->s.pci.intx_level != 0))
        pci_set_intx(&d->pci, want);
}

static void
look_again(void *data)
{
    Pcnet *d = data;

    g_mutex_lock(&d->pci.dev.lock);
    nic_kick_rx(&d->nic);
    g_mutex_unlock(&d->pci.dev.lock);
}

/* ---- the model's part of the way of frames ---- */

static void
settle(Nic *nic)
{
    pcnet_update_irq(PCNET_OF_NIC(nic));
}

/* Drivers look at the PHY from time to time; no interrupt tells. */
void
pcnet_set_link(Pcnet *d, bool up)
{
    d->s.link = up;
    d->s.phy[1] = up ? 0x782d : 0x7809;
    d->s.phy[5] = up ? 0x45e1 : 0;
    d->s.phy[6] = up ? 1 : 0;
}

static void
link_changed(Nic *nic, bool up)
{
    pcnet_set_link(PCNET_OF_NIC(nic), up);
}

static const NicModel pcnet_model = {
    .offloads = false,
    .transmit = pcnet_transmit,
    .room = pcnet_room,
    .receive = pcnet_receive,
    .settle = settle,
    .link_changed = link_changed,
};

/* ---- life ---- */

/* Sixteen bytes of which drivers check two sums and two letters. */
static void
fill_aprom(Pcnet *d)
{
    guint16 sum = 0;

    memset(d->aprom, 0, sizeof d->aprom);
    memcpy(d->aprom, d->nic.mac, NIC_MAC_BYTES);
    d->aprom[9] = 0x11; /* what sort of card */
    d->aprom[14] = d->aprom[15] = 'W';
    for (unsigned i = 0; i < sizeof d->aprom; i++)
        sum = (guint16) (sum + d->aprom[i]);
    pci_put16(d->aprom, 12, sum);
}

/* S_RESET: BCRs and the choice of words stay. */
void
pcnet_soft_reset(Pcnet *d)
{
    PcnetState *s = &d->s;

    memset(s->csr, 0, sizeof s->csr);
    s->csr[0] = CSR0_STOP;
    s->csr[CSR_TEST] = 0x0115; /* all its causes masked */
    for (unsigned i = 0; i < 3; i++)
        s->csr[CSR_PADR + i] = pci_get16(d->nic.mac, 2 * i);
    s->csr[CSR_SWSTYLE] = s->bcr[BCR_SWSTYLE];
    s->csr[CSR_RCVRL] = s->csr[CSR_XMTRL] = 0xffff;
    s->csr[80] = 0x1410; /* watermarks */
    s->csr[CSR_CHIP_LOW] = CHIP_LOW;
    s->csr[CSR_CHIP_HIGH] = CHIP_HIGH;
    s->rx_next = s->tx_next = 0;
    s->rap = 0;
    d->look_ns = 1000000;
    pcnet_update_irq(d);
}

static void
hard_reset(Pcnet *d)
{
    static const guint16 bcrs[N_BCR] = {
        [0] = 0x0005,          [1] = 0x0005,  [BCR_MISC] = 0x0002,
        [BCR_LED0] = 0x00c0,   [5] = 0x0084,  [6] = 0x0088,
        [7] = 0x0090,          [9] = 0x0001,  [BCR_BUS] = 0x9001,
        [BCR_EEPROM] = 0x0002, [22] = 0xff06, [BCR_MII] = 0x0400,
    };
    static const guint16 phy[32] = {
        [0] = 0x3100, [2] = 0x0000, [3] = 0x6b60, [4] = 0x01e1};

    memcpy(d->s.bcr, bcrs, sizeof bcrs);
    memcpy(d->s.phy, phy, sizeof phy);
    pcnet_soft_reset(d);
    pcnet_set_link(d, net_is_up(d->nic.link));
}

static bool
pcnet_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Pcnet *d = DEVICE_OF(Pcnet, dev);

    if (!nic_realize(&d->nic, dev, &pcnet_model, error) ||
        !pci_device_realize(&d->pci, env, &pcnet_ids, &d->s.pci, error))
        return false;
    fill_aprom(d);
    d->look = timer_new(env->loop, CLOCK_GUEST, look_again, d);
    d->look_ns = 1000000;
    d->io =
        io_region_new("pcnet-io", &pcnet_ops, d, &dev->lock, PCNET_IO_BYTES);
    d->mmio = io_region_new("pcnet", &pcnet_ops, d, &dev->lock, PCNET_IO_BYTES);
    pci_add_bar(&d->pci, BAR_IO, PCI_BAR_IO, false, PCNET_IO_BYTES, d->io,
                NULL);
    pci_add_bar(&d->pci, BAR_MEMORY, PCI_BAR_MEM32, false, PCNET_IO_BYTES,
                d->mmio, NULL);
    if (d->rom != NULL && !pci_add_rom(&d->pci, d->rom, error))
        return false;
    nic_resume(&d->nic);
    return true;
}

static void
pcnet_unrealize(Device *dev)
{
    Pcnet *d = DEVICE_OF(Pcnet, dev);

    nic_unrealize(&d->nic);
    pci_device_unrealize(&d->pci);
    g_clear_pointer(&d->io, io_region_free);
    g_clear_pointer(&d->mmio, io_region_free);
    g_clear_pointer(&d->look, timer_free);
}

static void
pcnet_reset(Device *dev, ResetKind kind)
{
    Pcnet *d = DEVICE_OF(Pcnet, dev);

    pci_device_reset(&d->pci);
    g_mutex_lock(&dev->lock);
    hard_reset(d);
    g_mutex_unlock(&dev->lock);
    timer_arm(d->look, -1);
    nic_restart(&d->nic);
}

static void
pcnet_restored(Device *dev)
{
    Pcnet *d = DEVICE_OF(Pcnet, dev);

    pci_device_restored(&d->pci);
    nic_restart(&d->nic);
}

static void
pcnet_quiesce(Device *dev)
{
    nic_quiesce(&DEVICE_OF(Pcnet, dev)->nic);
}

static void
pcnet_resume(Device *dev)
{
    nic_resume(&DEVICE_OF(Pcnet, dev)->nic);
}

static bool
pcnet_check(const void *state, GError **error)
{
    const PcnetState *s = state;

    if (s->link <= 1 && s->rap < N_CSR && s->rx_next <= 0x10000 &&
        s->tx_next <= 0x10000)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "pcnet: link %u, register %u, places %u and %u", s->link,
                s->rap, s->rx_next, s->tx_next);
    return false;
}

/* clang-format off */
static const StateField pcnet_fields[] = {
    STATE_SUB(PcnetState, pci, &pci_state_desc),
    STATE_ARRAY(PcnetState, csr, STATE_U16),
    STATE_ARRAY(PcnetState, bcr, STATE_U16),
    STATE_ARRAY(PcnetState, phy, STATE_U16),
    STATE_FIELD(PcnetState, rap, STATE_U16),
    STATE_FIELD(PcnetState, rx_next, STATE_U32),
    STATE_FIELD(PcnetState, tx_next, STATE_U32),
    STATE_FIELD(PcnetState, link, STATE_U8),
    STATE_FIELDS_END
};

static const PropDesc pcnet_props[] = {
    PCI_PROPS(Pcnet, pci),
    NIC_PROPS(Pcnet, nic),
    PROP_DEF_LINK(Pcnet, rom, "rom", false,
                  "GBytes of the ROM that boots from it"),
    PROP_END
};
/* clang-format on */

static const StateDesc pcnet_state = {
    .name = "pcnet",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PcnetState),
    .fields = pcnet_fields,
    .check = pcnet_check,
};

const DeviceClass pcnet_class = {
    .name = "pcnet",
    .summary = "network card (AMD PCnet-FAST III, Am79C973)",
    .size = sizeof(Pcnet),
    .props = pcnet_props,
    .state = &pcnet_state,
    .state_offset = G_STRUCT_OFFSET(Pcnet, s),
    .realize = pcnet_realize,
    .unrealize = pcnet_unrealize,
    .reset = pcnet_reset,
    .restored = pcnet_restored,
    .quiesce = pcnet_quiesce,
    .resume = pcnet_resume,
};
