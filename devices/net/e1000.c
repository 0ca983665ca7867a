/* devices/net/e1000.c - network card Intel 82540EM (PRO/1000 MT Desktop): life,
 * interrupts.
 *
 * PCI/PCI-X Family of Gigabit Ethernet Controllers, Software Developer's Manual
 * (317453). Left out: flow control (the cable never asks), wake-up, the fibre
 * side, multi-speed links, extended receive descriptors. */
#include <string.h>

#include "devices/net/e1000-internal.h"

#define BAR_MEMORY 0u
#define BAR_IO     2u

static const PciIds e1000_ids = {
    .vendor = 0x8086,
    .device = 0x100e,
    .subsystem_vendor = 0x8086,
    .subsystem = 0x001e,
    .class_device = 0x0200,
    .revision = 2,
    .interrupt_pin = 1,
};

/* ---- interrupts ---- */

void
e1000_cause(E1000 *d, guint32 bits)
{
    d->s.reg[R_ICR] |= bits;
}

/* 13.4.18: between two interrupts lies at least the time of ITR. */
static bool
is_throttled(E1000 *d)
{
    guint32 itr = d->s.reg[R_ITR];

    if (itr == 0)
        return false;
    gint64 now = loop_now_ns(d->pci.dev.env->loop, CLOCK_GUEST);
    if (now < d->next_interrupt) {
        if (!timer_is_armed(d->throttle))
            timer_arm(d->throttle, d->next_interrupt);
        return true;
    }
    d->next_interrupt = now + (gint64) itr * ITR_UNIT_NS;
    return false;
}

void
e1000_update_irq(E1000 *d)
{
    bool want = (d->s.reg[R_ICR] & d->s.reg[R_IMS]) != 0;

    if (want == (d->s.pci.intx_level != 0) || (want && is_throttled(d)))
        return;
    pci_set_intx(&d->pci, want);
}

static void
throttle_over(void *data)
{
    E1000 *d = data;

    g_mutex_lock(&d->pci.dev.lock);
    e1000_update_irq(d);
    g_mutex_unlock(&d->pci.dev.lock);
}

/* ---- the model's part of the way of frames ---- */

static void
settle(Nic *nic)
{
    e1000_update_irq(E1000_OF_NIC(nic));
}

static void
link_changed(Nic *nic, bool up)
{
    E1000 *d = E1000_OF_NIC(nic);

    if (up == (d->s.link != 0))
        return;
    d->s.link = up;
    e1000_phy_set_link(d, up);
    e1000_cause(d, INT_LSC);
}

static const NicModel e1000_model = {
    .offloads = true,
    .transmit = e1000_transmit,
    .room = e1000_room,
    .receive = e1000_receive,
    .settle = settle,
    .link_changed = link_changed,
};

/* The low and high words of some counters are one; these do not wrap but
 * stick, 13.7. */
void
e1000_count(E1000 *d, unsigned stat, guint64 n)
{
    bool wide = stat == STAT_GORCL || stat == STAT_GOTCL || stat == STAT_TORL ||
                stat == STAT_TOTL;
    guint64 value = d->s.stat[stat];

    if (wide)
        value |= (guint64) d->s.stat[stat + 1] << 32;
    value += n;
    if (!wide)
        value = MIN(value, G_MAXUINT32);
    d->s.stat[stat] = (guint32) value;
    if (wide)
        d->s.stat[stat + 1] = (guint32) (value >> 32);
}

/* ---- life ---- */

/* Also CTRL.RST: all but the PHY and the EEPROM's lines. */
void
e1000_reset_state(E1000 *d)
{
    E1000State *s = &d->s;
    const guint8 *mac = d->nic.mac;

    memset(s->reg, 0, sizeof s->reg);
    memset(s->stat, 0, sizeof s->stat);
    memset(s->mta, 0, sizeof s->mta);
    memset(s->ra, 0, sizeof s->ra);
    memset(s->vfta, 0, sizeof s->vfta);
    memset(s->context, 0, sizeof s->context);
    s->reg[R_CTRL] = CTRL_RESET;
    s->reg[R_VET] = 0x8100;
    s->reg[R_PBA] = 0x0030;
    s->reg[R_EERD] = EERD_DONE;
    s->reg[R_LEDCTL] = 0x07068302;
    s->reg[R_MDIC] = MDIC_READY;
    s->ra[0] = (guint32) mac[0] | (guint32) mac[1] << 8 |
               (guint32) mac[2] << 16 | (guint32) mac[3] << 24;
    s->ra[1] = (guint32) mac[4] | (guint32) mac[5] << 8 | RAH_AV;
    d->next_interrupt = 0;
    e1000_update_irq(d);
}

static bool
e1000_realize(Device *dev, DeviceEnv *env, GError **error)
{
    E1000 *d = DEVICE_OF(E1000, dev);

    if (!nic_realize(&d->nic, dev, &e1000_model, error) ||
        !pci_device_realize(&d->pci, env, &e1000_ids, &d->s.pci, error))
        return false;
    e1000_fill_eeprom(d, &e1000_ids);
    d->throttle = timer_new(env->loop, CLOCK_GUEST, throttle_over, d);
    d->mmio = io_region_new("e1000", &e1000_mmio_ops, d, &dev->lock,
                            E1000_MMIO_BYTES);
    d->io =
        io_region_new("e1000-io", &e1000_io_ops, d, &dev->lock, E1000_IO_BYTES);
    pci_add_bar(&d->pci, BAR_MEMORY, PCI_BAR_MEM32, false, E1000_MMIO_BYTES,
                d->mmio, NULL);
    pci_add_bar(&d->pci, BAR_IO, PCI_BAR_IO, false, E1000_IO_BYTES, d->io,
                NULL);
    if (d->rom != NULL && !pci_add_rom(&d->pci, d->rom, error))
        return false;
    nic_resume(&d->nic);
    return true;
}

static void
e1000_unrealize(Device *dev)
{
    E1000 *d = DEVICE_OF(E1000, dev);

    nic_unrealize(&d->nic);
    pci_device_unrealize(&d->pci);
    g_clear_pointer(&d->mmio, io_region_free);
    g_clear_pointer(&d->io, io_region_free);
    g_clear_pointer(&d->throttle, timer_free);
}

static void
e1000_reset(Device *dev, ResetKind kind)
{
    E1000 *d = DEVICE_OF(E1000, dev);

    pci_device_reset(&d->pci);
    g_mutex_lock(&dev->lock);
    d->s.link = net_is_up(d->nic.link);
    d->s.io_addr = 0;
    eeprom_93c46_reset(&d->s.eeprom);
    e1000_phy_reset(d);
    e1000_reset_state(d);
    g_mutex_unlock(&dev->lock);
    timer_arm(d->throttle, -1);
    nic_restart(&d->nic);
}

static void
e1000_restored(Device *dev)
{
    E1000 *d = DEVICE_OF(E1000, dev);

    pci_device_restored(&d->pci);
    g_mutex_lock(&dev->lock);
    d->next_interrupt = 0;
    if ((d->s.reg[R_ICR] & d->s.reg[R_IMS]) != 0) /* it may have waited */
        timer_arm(d->throttle, 0);
    g_mutex_unlock(&dev->lock);
    nic_restart(&d->nic);
}

static void
e1000_quiesce(Device *dev)
{
    nic_quiesce(&DEVICE_OF(E1000, dev)->nic);
}

static void
e1000_resume(Device *dev)
{
    nic_resume(&DEVICE_OF(E1000, dev)->nic);
}

static bool
e1000_check(const void *state, GError **error)
{
    const E1000State *s = state;

    if (s->link > 1 || s->io_addr >= E1000_MMIO_BYTES) {
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "e1000: link is %u, IOADDR 0x%x", s->link, s->io_addr);
        return false;
    }
    return eeprom_93c46_check(&s->eeprom, error);
}

/* clang-format off */
static const StateField context_fields[] = {
    STATE_FIELD(E1000Context, ipcss, STATE_U8),
    STATE_FIELD(E1000Context, ipcso, STATE_U8),
    STATE_FIELD(E1000Context, tucss, STATE_U8),
    STATE_FIELD(E1000Context, tucso, STATE_U8),
    STATE_FIELD(E1000Context, tucmd, STATE_U8),
    STATE_FIELD(E1000Context, hdrlen, STATE_U8),
    STATE_FIELD(E1000Context, ipcse, STATE_U16),
    STATE_FIELD(E1000Context, tucse, STATE_U16),
    STATE_FIELD(E1000Context, mss, STATE_U16),
    STATE_FIELDS_END
};

static const StateDesc context_desc = {
    .name = "e1000-context",
    .version = 1,
    .min_version = 1,
    .size = sizeof(E1000Context),
    .fields = context_fields,
};

static const StateField e1000_fields[] = {
    STATE_SUB(E1000State, pci, &pci_state_desc),
    STATE_ARRAY(E1000State, reg, STATE_U32),
    STATE_ARRAY(E1000State, stat, STATE_U32),
    STATE_ARRAY(E1000State, mta, STATE_U32),
    STATE_ARRAY(E1000State, ra, STATE_U32),
    STATE_ARRAY(E1000State, vfta, STATE_U32),
    STATE_ARRAY(E1000State, phy, STATE_U16),
    STATE_SUB(E1000State, eeprom, &eeprom_93c46_state_desc),
    STATE_SUB_ARRAY(E1000State, context, &context_desc),
    STATE_FIELD(E1000State, io_addr, STATE_U32),
    STATE_FIELD(E1000State, link, STATE_U8),
    STATE_FIELDS_END
};

static const PropDesc e1000_props[] = {
    PCI_PROPS(E1000, pci),
    NIC_PROPS(E1000, nic),
    PROP_DEF_LINK(E1000, rom, "rom", false,
                  "GBytes of the ROM that boots from it"),
    PROP_END
};
/* clang-format on */

static const StateDesc e1000_state = {
    .name = "e1000",
    .version = 1,
    .min_version = 1,
    .size = sizeof(E1000State),
    .fields = e1000_fields,
    .check = e1000_check,
};

const DeviceClass e1000_class = {
    .name = "e1000",
    .summary = "network card (Intel PRO/1000 MT, 82540EM)",
    .size = sizeof(E1000),
    .props = e1000_props,
    .state = &e1000_state,
    .state_offset = G_STRUCT_OFFSET(E1000, s),
    .realize = e1000_realize,
    .unrealize = e1000_unrealize,
    .reset = e1000_reset,
    .restored = e1000_restored,
    .quiesce = e1000_quiesce,
    .resume = e1000_resume,
};
