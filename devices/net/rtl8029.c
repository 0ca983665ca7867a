/* devices/net/rtl8029.c - network card Realtek RTL8029AS: an NE2000 on PCI.
 *
 * RTL8029AS data sheet 1.0. Left out: its third page (configuration, EEPROM),
 * which drivers leave alone. */
#include "devices/bus/pci.h"
#include "devices/net/dp8390.h"

#define BAR_IO 0u

typedef struct {
    PciState pci;
    Dp8390State chip;
} Rtl8029State;

typedef struct {
    PciDevice pci;
    Rtl8029State s; /* under pci.dev.lock */
    Dp8390 chip;
    GBytes *rom;
    IoRegion *io;
} Rtl8029;

static const PciIds rtl8029_ids = {
    .vendor = 0x10ec,
    .device = 0x8029,
    .subsystem_vendor = 0x10ec,
    .subsystem = 0x8029,
    .class_device = 0x0200,
    .interrupt_pin = 1,
};

static void
set_irq(Dp8390 *chip, bool level)
{
    Rtl8029 *d = DEVICE_OF(Rtl8029, chip->nic.dev);

    if (level != (d->s.pci.intx_level != 0))
        pci_set_intx(&d->pci, level);
}

static bool
rtl8029_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Rtl8029 *d = DEVICE_OF(Rtl8029, dev);

    d->chip.s = &d->s.chip;
    d->chip.set_irq = set_irq;
    d->chip.is_8029 = true;
    if (!dp8390_realize(&d->chip, dev, error) ||
        !pci_device_realize(&d->pci, env, &rtl8029_ids, &d->s.pci, error))
        return false;
    d->io = io_region_new("rtl8029", &dp8390_ops, &d->chip, &dev->lock,
                          DP8390_PORTS);
    pci_add_bar(&d->pci, BAR_IO, PCI_BAR_IO, false, DP8390_PORTS, d->io, NULL);
    if (d->rom != NULL && !pci_add_rom(&d->pci, d->rom, error))
        return false;
    nic_resume(&d->chip.nic);
    return true;
}

static void
rtl8029_unrealize(Device *dev)
{
    Rtl8029 *d = DEVICE_OF(Rtl8029, dev);

    nic_unrealize(&d->chip.nic);
    pci_device_unrealize(&d->pci);
    g_clear_pointer(&d->io, io_region_free);
}

static void
rtl8029_reset(Device *dev, ResetKind kind)
{
    Rtl8029 *d = DEVICE_OF(Rtl8029, dev);

    pci_device_reset(&d->pci);
    g_mutex_lock(&dev->lock);
    dp8390_reset(&d->chip);
    g_mutex_unlock(&dev->lock);
    nic_restart(&d->chip.nic);
}

static void
rtl8029_restored(Device *dev)
{
    Rtl8029 *d = DEVICE_OF(Rtl8029, dev);

    pci_device_restored(&d->pci);
    nic_restart(&d->chip.nic);
}

static void
rtl8029_quiesce(Device *dev)
{
    nic_quiesce(&DEVICE_OF(Rtl8029, dev)->chip.nic);
}

static void
rtl8029_resume(Device *dev)
{
    nic_resume(&DEVICE_OF(Rtl8029, dev)->chip.nic);
}

/* clang-format off */
static const StateField rtl8029_fields[] = {
    STATE_SUB(Rtl8029State, pci, &pci_state_desc),
    STATE_SUB(Rtl8029State, chip, &dp8390_state_desc),
    STATE_FIELDS_END
};

static const PropDesc rtl8029_props[] = {
    PCI_PROPS(Rtl8029, pci),
    NIC_PROPS(Rtl8029, chip.nic),
    PROP_DEF_LINK(Rtl8029, rom, "rom", false,
                  "GBytes of the ROM that boots from it"),
    PROP_END
};
/* clang-format on */

static const StateDesc rtl8029_state = {
    .name = "rtl8029",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Rtl8029State),
    .fields = rtl8029_fields,
};

const DeviceClass rtl8029_class = {
    .name = "rtl8029",
    .summary = "network card (Realtek RTL8029AS, NE2000 on PCI)",
    .size = sizeof(Rtl8029),
    .props = rtl8029_props,
    .state = &rtl8029_state,
    .state_offset = G_STRUCT_OFFSET(Rtl8029, s),
    .realize = rtl8029_realize,
    .unrealize = rtl8029_unrealize,
    .reset = rtl8029_reset,
    .restored = rtl8029_restored,
    .quiesce = rtl8029_quiesce,
    .resume = rtl8029_resume,
};
