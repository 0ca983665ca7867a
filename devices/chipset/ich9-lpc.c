/* devices/chipset/ich9-lpc.c - Intel ICH9 LPC interface bridge (8086:2918).
 *
 * Intel I/O Controller Hub 9 data sheet (316972), chapter 13: PIRQ routing, the
 * reset control register, and the base of the power management ports, which are
 * ich9-pm.h's. A PIRQ input reaches the IOAPIC's input 16 and up, and beside it
 * the 8259's that its routing register names: a system uses one and turns the
 * other off. Interrupts, DMA and timer blocks are models of their own; ELCR
 * belongs to the CPU backend's interrupt controllers. Left out: the blocks
 * behind RCBA and GPIOBASE (the addresses are storage; what reads them finds
 * nothing), decode ranges, SMI sources. */
#include "devices/chipset/ich9-lpc.h"

#include <string.h>

#include "devices/chipset/ich9-pm.h"
#include "devices/chipset/pirq-router.h"
#include "devices/chipset/reset-control.h"

#define LPC_PMBASE      0x40
#define LPC_PMBASE_MASK 0xff80u
#define LPC_ACPI_CNTL   0x44
#define LPC_ACPI_EN     0x80
#define LPC_RCBA        0xf0
#define FIRST_OWN_PINS  25u

typedef struct {
    PciState pci;
    guint8 reset_control;
    Ich9PmState pm;
} Ich9LpcState;

typedef struct {
    PciDevice pci;
    Ich9LpcState s;
    Ich9Pm pm;
    PirqRouter pirqs;
} Ich9Lpc;

static const PciIds ich9_lpc_ids = {
    .vendor = 0x8086,
    .device = 0x2918,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_device = 0x0601,
    .revision = 2,
    .multifunction = true,
};

/* ---- interrupts ---- */

unsigned
ich9_lpc_pirq(unsigned slot, unsigned pin)
{
    return slot < FIRST_OWN_PINS ? 4 + ((slot + pin) & 3) : pin & 3;
}

static void
update_routes(Ich9Lpc *d)
{
    const guint8 *c = d->s.pci.config;

    pirq_router_update(&d->pirqs, c + ICH9_LPC_PIRQA, c + ICH9_LPC_PIRQE);
}

/* ---- registers ---- */

static void
update_pm_base(Ich9Lpc *d)
{
    const guint8 *c = d->s.pci.config;
    bool enabled = (c[LPC_ACPI_CNTL] & LPC_ACPI_EN) != 0;

    ich9_pm_map(&d->pm,
                enabled ? pci_get16(c, LPC_PMBASE) & LPC_PMBASE_MASK : 0);
}

static void
ich9_lpc_config_written(PciDevice *pdev, unsigned offset, unsigned size,
                        const guint8 *old)
{
    Ich9Lpc *d = DEVICE_OF(Ich9Lpc, &pdev->dev);

    if (offset < ICH9_LPC_PIRQE + 4 && ICH9_LPC_PIRQA < offset + size)
        update_routes(d);
    if (offset <= LPC_ACPI_CNTL && LPC_PMBASE < offset + size)
        update_pm_base(d);
}

guint8
ich9_lpc_reset_control_read(Device *dev)
{
    return DEVICE_OF(Ich9Lpc, dev)->s.reset_control;
}

void
ich9_lpc_reset_control_write(Device *dev, guint8 value)
{
    Ich9Lpc *d = DEVICE_OF(Ich9Lpc, dev);

    d->s.reset_control = reset_control_write(dev, d->s.reset_control, value);
}

void
ich9_lpc_press_power_button(Device *dev)
{
    ich9_pm_press_button(&DEVICE_OF(Ich9Lpc, dev)->pm);
}

void
ich9_lpc_ring_alarm(Device *dev)
{
    ich9_pm_ring_alarm(&DEVICE_OF(Ich9Lpc, dev)->pm);
}

/* ---- life ---- */

static void
fill_config(PciDevice *pdev)
{
    guint8 *c = pdev->initial, *w = pdev->wmask;

    pci_put16(c, PCI_COMMAND, 0x0007);
    pci_put16(c, PCI_STATUS, 0x0200);
    pci_put16(w, PCI_COMMAND, 0x0140);
    c[LPC_PMBASE] = 0x01; /* a base of ports */
    pci_put32(w, LPC_PMBASE, LPC_PMBASE_MASK);
    w[LPC_ACPI_CNTL] = LPC_ACPI_EN; /* the SCI is interrupt 9 */
    c[0x48] = 0x01;                 /* GPIOBASE */
    pci_put32(w, 0x48, 0xff80);
    w[0x4c] = 0x10; /* GPIO_CNTL */
    memset(c + ICH9_LPC_PIRQA, PIRQ_ROUTE_OFF, 4);
    memset(c + ICH9_LPC_PIRQE, PIRQ_ROUTE_OFF, 4);
    memset(w + ICH9_LPC_PIRQA, 0x8f, 4);
    memset(w + ICH9_LPC_PIRQE, 0x8f, 4);
    memset(w + 0x80, 0xff, 0x20); /* decode ranges */
    memset(w + 0xa0, 0xff, 0x30); /* power management configuration */
    pci_put32(w, LPC_RCBA, 0xffffc001u);
}

static bool
ich9_lpc_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Ich9Lpc *d = DEVICE_OF(Ich9Lpc, dev);

    if (!pci_device_realize(&d->pci, env, &ich9_lpc_ids, &d->s.pci, error))
        return false;
    fill_config(&d->pci);
    d->pci.config_written = ich9_lpc_config_written;
    pci_bus_set_irq_map(d->pci.bus, ICH9_PIRQS, ich9_lpc_pirq);
    pirq_router_realize(&d->pirqs, &d->pci, ICH9_PIRQS, ICH9_FIRST_GSI);
    return ich9_pm_realize(&d->pm, dev, &d->s.pm, error);
}

static void
ich9_lpc_unrealize(Device *dev)
{
    Ich9Lpc *d = DEVICE_OF(Ich9Lpc, dev);

    pirq_router_unrealize(&d->pirqs);
    ich9_pm_unrealize(&d->pm);
    pci_device_unrealize(&d->pci);
}

static void
ich9_lpc_restored(Device *dev)
{
    Ich9Lpc *d = DEVICE_OF(Ich9Lpc, dev);

    pci_device_restored(&d->pci);
    update_routes(d);
    update_pm_base(d);
    ich9_pm_restored(&d->pm);
}

static void
ich9_lpc_reset(Device *dev, ResetKind kind)
{
    Ich9Lpc *d = DEVICE_OF(Ich9Lpc, dev);

    pci_device_reset(&d->pci);
    d->s.reset_control = 0;
    update_routes(d);
    update_pm_base(d);
    ich9_pm_reset(&d->pm);
}

/* clang-format off */
static const PropDesc ich9_lpc_props[] = {
    PCI_PROPS(Ich9Lpc, pci),
    PROP_END
};

static const StateField ich9_lpc_fields[] = {
    STATE_SUB(Ich9LpcState, pci, &pci_state_desc),
    STATE_FIELD(Ich9LpcState, reset_control, STATE_U8),
    STATE_SUB(Ich9LpcState, pm, &ich9_pm_state_desc),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc ich9_lpc_state = {
    .name = "ich9-lpc",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Ich9LpcState),
    .fields = ich9_lpc_fields,
};

const DeviceClass ich9_lpc_class = {
    .name = "ich9-lpc",
    .summary = "Intel ICH9 LPC bridge: interrupt routing, power management",
    .size = sizeof(Ich9Lpc),
    .props = ich9_lpc_props,
    .state = &ich9_lpc_state,
    .state_offset = G_STRUCT_OFFSET(Ich9Lpc, s),
    .realize = ich9_lpc_realize,
    .unrealize = ich9_lpc_unrealize,
    .reset = ich9_lpc_reset,
    .restored = ich9_lpc_restored,
};
