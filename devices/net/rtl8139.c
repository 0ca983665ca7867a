/* devices/net/rtl8139.c - network card Realtek RTL8139C+: life, interrupts,
 * EEPROM, the timer. rtl8139c.c is the same chip without the C+.
 *
 * Data sheets RTL8139C(L) 1.4 and RTL8139C(L)+ 1.6. Systems take them by one PCI
 * number and tell them by their revision; the C+ has descriptors and offloads
 * besides all that the C has. Left out: wake-up, early interrupts, the boot
 * ROM's own registers, moderation by IntrMitigate. */
#include <string.h>

#include "devices/net/rtl8139-internal.h"

#define BAR_IO       0u
#define BAR_MEMORY   1u
#define TICKS_PER_US 33u /* TCTR counts the PCI clock */

/* Words of the EEPROM, data sheet chapter 6 */
#define WORD_ID        0u
#define WORD_VENDOR    1u
#define WORD_DEVICE    2u
#define WORD_SUBVENDOR 3u
#define WORD_SUBSYSTEM 4u
#define WORD_MAC       7u
#define EEPROM_ID      0x8129u

static const PciIds rtl8139_ids = {
    .vendor = 0x10ec,
    .device = 0x8139,
    .subsystem_vendor = 0x10ec,
    .subsystem = 0x8139,
    .class_device = 0x0200,
    .revision = RTL_REVISION_PLUS,
    .interrupt_pin = 1,
};

/* ---- interrupts ---- */

void
rtl8139_cause(Rtl8139 *d, guint16 bits)
{
    pci_put16(d->s.reg, RTL_ISR, rtl8139_get16(d, RTL_ISR) | bits);
}

void
rtl8139_update_irq(Rtl8139 *d)
{
    bool want = (rtl8139_get16(d, RTL_ISR) & rtl8139_get16(d, RTL_IMR)) != 0;

    if (want != (d->s.pci.intx_level != 0))
        pci_set_intx(&d->pci, want);
}

/* ---- timer ---- */

guint32
rtl8139_counter(Rtl8139 *d)
{
    gint64 ns =
        loop_now_ns(d->pci.dev.env->loop, CLOCK_GUEST) - d->counter_start;

    return (guint32) (ns * TICKS_PER_US / 1000);
}

void
rtl8139_arm_timer(Rtl8139 *d)
{
    guint32 at = rtl8139_get32(d, RTL_TIMERINT);
    guint32 left = at - rtl8139_counter(d);
    gint64 now = loop_now_ns(d->pci.dev.env->loop, CLOCK_GUEST);

    timer_arm(d->timer,
              at == 0 ? -1 : now + 1 + (gint64) left * 1000 / TICKS_PER_US);
}

static void
timer_fired(void *data)
{
    Rtl8139 *d = data;

    g_mutex_lock(&d->pci.dev.lock);
    rtl8139_cause(d, ISR_TIMEOUT);
    rtl8139_update_irq(d);
    g_mutex_unlock(&d->pci.dev.lock);
}

static void
look_again(void *data)
{
    Rtl8139 *d = data;

    g_mutex_lock(&d->pci.dev.lock);
    nic_kick_rx(&d->nic);
    g_mutex_unlock(&d->pci.dev.lock);
}

/* ---- counters, 5.5 ---- */

void
rtl8139_dump_tally(Rtl8139 *d)
{
    const Rtl8139Tally *t = &d->s.tally;
    Gpa at = (guint64) rtl8139_get32(d, RTL_DTCCR + 4) << 32 |
             (rtl8139_get32(d, RTL_DTCCR) & ~63u);
    guint64 words[8] = {
        [0] = GUINT64_TO_LE(t->tx_ok),
        [1] = GUINT64_TO_LE(t->rx_ok),
        [3] = GUINT64_TO_LE((guint64) (t->missed & 0xffff) << 32),
        [5] = GUINT64_TO_LE(t->rx_physical),
        [6] = GUINT64_TO_LE(t->rx_broadcast),
        [7] = GUINT64_TO_LE(t->rx_multicast),
    };

    (void) dma_write(d->pci.dma, at, words, sizeof words);
    pci_put32(d->s.reg, RTL_DTCCR, rtl8139_get32(d, RTL_DTCCR) & ~8u);
}

/* ---- the model's part of the way of frames ---- */

void
rtl8139_set_link(Rtl8139 *d, bool up)
{
    d->s.link = up;
    d->s.reg[RTL_MSR] =
        (guint8) ((d->s.reg[RTL_MSR] & ~MSR_LINKB) | (up ? 0 : MSR_LINKB));
    pci_put16(d->s.reg, RTL_BMSR, (guint16) (0x7809 | (up ? BMSR_UP : 0)));
    pci_put16(d->s.reg, RTL_ANLPAR, up ? 0x45e1 : 0);
    pci_put16(d->s.reg, RTL_ANER, up ? 1 : 0);
    pci_put16(d->s.reg, RTL_CSCR, up ? 0x0168 : 0x0160);
}

static void
link_changed(Nic *nic, bool up)
{
    Rtl8139 *d = RTL8139_OF_NIC(nic);

    if (up == (d->s.link != 0))
        return;
    rtl8139_set_link(d, up);
    pci_put16(d->s.reg, RTL_CSCR,
              (guint16) (pci_get16(d->s.reg, RTL_CSCR) | CSCR_LINK_CHANGED));
    rtl8139_cause(d, ISR_PUN);
}

static void
settle(Nic *nic)
{
    rtl8139_update_irq(RTL8139_OF_NIC(nic));
}

static const NicModel rtl8139_model = {
    .offloads = true,
    .transmit = rtl8139_transmit,
    .room = rtl8139_room,
    .receive = rtl8139_receive,
    .settle = settle,
    .link_changed = link_changed,
};

/* ---- life ---- */

static void
fill_eeprom(Rtl8139 *d, const PciIds *ids)
{
    memset(d->words, 0, sizeof d->words);
    d->words[WORD_ID] = EEPROM_ID;
    d->words[WORD_VENDOR] = ids->vendor;
    d->words[WORD_DEVICE] = ids->device;
    d->words[WORD_SUBVENDOR] = ids->subsystem_vendor;
    d->words[WORD_SUBSYSTEM] = ids->subsystem;
    for (unsigned i = 0; i < NIC_MAC_BYTES; i += 2)
        d->words[WORD_MAC + i / 2] =
            (guint16) (d->nic.mac[i] | d->nic.mac[i + 1] << 8);
}

/* Also CR.RST; IDR comes from the EEPROM. */
void
rtl8139_reset_state(Rtl8139 *d)
{
    Rtl8139State *s = &d->s;

    memset(s->reg, 0, sizeof s->reg);
    memcpy(s->reg + RTL_IDR0, d->nic.mac, NIC_MAC_BYTES);
    for (unsigned i = 0; i < RTL_N_TX; i++)
        pci_put32(s->reg, RTL_TSD0 + 4 * i, TSD_OWN);
    pci_put16(s->reg, RTL_CAPR, 0xfff0);
    pci_put32(s->reg, RTL_TCR, d->plus ? TCR_C_PLUS : TCR_C);
    s->reg[RTL_9346CR] = 0x10;
    s->reg[RTL_CONFIG1] = 0x0c; /* both BARs */
    s->reg[RTL_CONFIG3] = 0x01;
    s->reg[RTL_RERID] = 0x10;
    s->reg[RTL_MSR] = 0x10; /* auxiliary power */
    pci_put16(s->reg, RTL_BMCR, 0x1000);
    pci_put16(s->reg, RTL_ANAR, 0x05e1);
    d->look_ns = RTL_LOOK_NS;
    s->tx_next = s->rx_next = s->polled = 0;
    s->ring_next[0] = s->ring_next[1] = 0;
    rtl8139_set_link(d, s->link != 0);
    timer_arm(d->timer, -1);
    rtl8139_update_irq(d);
}

bool
rtl8139_realize_as(Device *dev, DeviceEnv *env, const PciIds *ids,
                   GError **error)
{
    Rtl8139 *d = DEVICE_OF(Rtl8139, dev);

    d->plus = ids->revision >= RTL_REVISION_PLUS;
    if (!nic_realize(&d->nic, dev, &rtl8139_model, error) ||
        !pci_device_realize(&d->pci, env, ids, &d->s.pci, error))
        return false;
    fill_eeprom(d, ids);
    d->timer = timer_new(env->loop, CLOCK_GUEST, timer_fired, d);
    d->look = timer_new(env->loop, CLOCK_GUEST, look_again, d);
    d->io = io_region_new("rtl8139-io", &rtl8139_ops, d, &dev->lock, RTL_BYTES);
    d->mmio = io_region_new("rtl8139", &rtl8139_ops, d, &dev->lock, RTL_BYTES);
    pci_add_bar(&d->pci, BAR_IO, PCI_BAR_IO, false, RTL_BYTES, d->io, NULL);
    pci_add_bar(&d->pci, BAR_MEMORY, PCI_BAR_MEM32, false, RTL_BYTES, d->mmio,
                NULL);
    if (d->rom != NULL && !pci_add_rom(&d->pci, d->rom, error))
        return false;
    nic_resume(&d->nic);
    return true;
}

static bool
rtl8139_realize(Device *dev, DeviceEnv *env, GError **error)
{
    return rtl8139_realize_as(dev, env, &rtl8139_ids, error);
}

void
rtl8139_unrealize(Device *dev)
{
    Rtl8139 *d = DEVICE_OF(Rtl8139, dev);

    nic_unrealize(&d->nic);
    pci_device_unrealize(&d->pci);
    g_clear_pointer(&d->io, io_region_free);
    g_clear_pointer(&d->mmio, io_region_free);
    g_clear_pointer(&d->timer, timer_free);
    g_clear_pointer(&d->look, timer_free);
}

void
rtl8139_reset(Device *dev, ResetKind kind)
{
    Rtl8139 *d = DEVICE_OF(Rtl8139, dev);

    pci_device_reset(&d->pci);
    g_mutex_lock(&dev->lock);
    d->s.link = net_is_up(d->nic.link);
    d->s.tctr = 0;
    memset(&d->s.tally, 0, sizeof d->s.tally);
    d->counter_start = loop_now_ns(dev->env->loop, CLOCK_GUEST);
    eeprom_93c46_reset(&d->s.eeprom);
    rtl8139_reset_state(d);
    g_mutex_unlock(&dev->lock);
    nic_restart(&d->nic);
}

/* The counter goes on from where it stood. */
static void
continue_counter(Rtl8139 *d)
{
    d->counter_start = loop_now_ns(d->pci.dev.env->loop, CLOCK_GUEST) -
                       (gint64) d->s.tctr * 1000 / TICKS_PER_US;
    rtl8139_arm_timer(d);
}

void
rtl8139_restored(Device *dev)
{
    Rtl8139 *d = DEVICE_OF(Rtl8139, dev);

    pci_device_restored(&d->pci);
    g_mutex_lock(&dev->lock);
    continue_counter(d);
    g_mutex_unlock(&dev->lock);
    nic_restart(&d->nic);
}

void
rtl8139_quiesce(Device *dev)
{
    Rtl8139 *d = DEVICE_OF(Rtl8139, dev);

    if (!device_is_realized(dev))
        return;
    nic_quiesce(&d->nic);
    g_mutex_lock(&dev->lock);
    d->s.tctr = rtl8139_counter(d);
    g_mutex_unlock(&dev->lock);
}

void
rtl8139_resume(Device *dev)
{
    nic_resume(&DEVICE_OF(Rtl8139, dev)->nic);
}

bool
rtl8139_check(const void *state, GError **error)
{
    const Rtl8139State *s = state;

    if (s->link > 1 || s->tx_next >= RTL_N_TX || s->rx_next >= DESC_N ||
        s->ring_next[0] >= DESC_N || s->ring_next[1] >= DESC_N ||
        (s->polled & ~(TPPOLL_NPQ | TPPOLL_HPQ)) != 0) {
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "rtl8139: link %u, places %u, %u, %u and %u, polled 0x%x",
                    s->link, s->tx_next, s->rx_next, s->ring_next[0],
                    s->ring_next[1], s->polled);
        return false;
    }
    return eeprom_93c46_check(&s->eeprom, error);
}

/* clang-format off */
static const StateField tally_fields[] = {
    STATE_FIELD(Rtl8139Tally, tx_ok, STATE_U64),
    STATE_FIELD(Rtl8139Tally, rx_ok, STATE_U64),
    STATE_FIELD(Rtl8139Tally, rx_physical, STATE_U64),
    STATE_FIELD(Rtl8139Tally, rx_broadcast, STATE_U64),
    STATE_FIELD(Rtl8139Tally, rx_multicast, STATE_U32),
    STATE_FIELD(Rtl8139Tally, missed, STATE_U32),
    STATE_FIELDS_END
};

static const StateDesc tally_desc = {
    .name = "rtl8139-tally",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Rtl8139Tally),
    .fields = tally_fields,
};

const StateField rtl8139_fields[] = {
    STATE_SUB(Rtl8139State, pci, &pci_state_desc),
    STATE_BLOB(Rtl8139State, reg),
    STATE_SUB(Rtl8139State, eeprom, &eeprom_93c46_state_desc),
    STATE_SUB(Rtl8139State, tally, &tally_desc),
    STATE_FIELD(Rtl8139State, tctr, STATE_U32),
    STATE_FIELD(Rtl8139State, tx_next, STATE_U8),
    STATE_ARRAY(Rtl8139State, ring_next, STATE_U8),
    STATE_FIELD(Rtl8139State, rx_next, STATE_U8),
    STATE_FIELD(Rtl8139State, polled, STATE_U8),
    STATE_FIELD(Rtl8139State, link, STATE_U8),
    STATE_FIELDS_END
};

const PropDesc rtl8139_props[] = {
    PCI_PROPS(Rtl8139, pci),
    NIC_PROPS(Rtl8139, nic),
    PROP_DEF_LINK(Rtl8139, rom, "rom", false,
                  "GBytes of the ROM that boots from it"),
    PROP_END
};
/* clang-format on */

static const StateDesc rtl8139_state = {
    .name = "rtl8139",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Rtl8139State),
    .fields = rtl8139_fields,
    .check = rtl8139_check,
};

const DeviceClass rtl8139_class = {
    .name = "rtl8139",
    .summary = "network card (Realtek RTL8139C+)",
    .size = sizeof(Rtl8139),
    .props = rtl8139_props,
    .state = &rtl8139_state,
    .state_offset = G_STRUCT_OFFSET(Rtl8139, s),
    .realize = rtl8139_realize,
    .unrealize = rtl8139_unrealize,
    .reset = rtl8139_reset,
    .restored = rtl8139_restored,
    .quiesce = rtl8139_quiesce,
    .resume = rtl8139_resume,
};
