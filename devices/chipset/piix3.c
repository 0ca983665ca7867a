/* devices/chipset/piix3.c - Intel 82371SB ISA bridge (8086:7000).
 *
 * Intel 82371FB/82371SB (PIIX/PIIX3) data sheet (290550): PIRQ routing and
 * the reset control register. Its interrupt, DMA and timer blocks are models
 * of their own; ELCR belongs to the CPU backend's interrupt controllers.
 * Left out: X-bus chip selects, SMI sources (registers are plain storage). */
#include "devices/chipset/piix3.h"

#include <string.h>

#include "devices/bus/pci.h"
#include "devices/chipset/pirq-router.h"
#include "devices/chipset/reset-control.h"

#define PIIX3_PIRQRC 0x60 /* four bytes, section 2.3.8 */
#define N_PIRQS      4

typedef struct {
    PciState pci;
    guint8 reset_control;
} Piix3State;

typedef struct {
    PciDevice pci;
    Piix3State s;
    PirqRouter pirqs;
} Piix3;

static const PciIds piix3_ids = {
    .vendor = 0x8086,
    .device = 0x7000,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_device = 0x0601,
    .multifunction = true,
};

static void
update_routes(Piix3 *d)
{
    pirq_router_update(&d->pirqs, d->s.pci.config + PIIX3_PIRQRC, NULL);
}

static void
piix3_config_written(PciDevice *pdev, unsigned offset, unsigned size,
                     const guint8 *old)
{
    if (offset < PIIX3_PIRQRC + N_PIRQS && PIIX3_PIRQRC < offset + size)
        update_routes(DEVICE_OF(Piix3, &pdev->dev));
}

guint8
piix3_reset_control_read(Device *dev)
{
    return DEVICE_OF(Piix3, dev)->s.reset_control;
}

void
piix3_reset_control_write(Device *dev, guint8 value)
{
    Piix3 *d = DEVICE_OF(Piix3, dev);

    d->s.reset_control = reset_control_write(dev, d->s.reset_control, value);
}

static void
fill_config(PciDevice *pdev)
{
    guint8 *c = pdev->initial;

    pci_put16(c, PCI_COMMAND, 0x0007);
    pci_put16(c, PCI_STATUS, 0x0200);
    pci_put16(pdev->wmask, PCI_COMMAND, 0x0108);
    c[0x4c] = 0x4d; /* ISA recovery time */
    c[0x4e] = 0x03; /* X-bus: RTC and keyboard selected */
    memset(c + PIIX3_PIRQRC, PIRQ_ROUTE_OFF, N_PIRQS);
    c[0x69] = 0x02; /* top of memory */
    c[0x70] = 0x80; /* MBIRQ0 off */
    c[0x76] = 0x0c; /* DMA F channel selects */
    c[0x77] = 0x0c;
    c[0xa0] = 0x08; /* SMI control */
    c[0xa8] = 0x0f; /* fast-off timer */
    memset(pdev->wmask + 0x40, 0xff, 0xc0);
    memset(pdev->wmask + PIIX3_PIRQRC, 0x8f, N_PIRQS);
}

static bool
piix3_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Piix3 *d = DEVICE_OF(Piix3, dev);

    if (!pci_device_realize(&d->pci, env, &piix3_ids, &d->s.pci, error))
        return false;
    fill_config(&d->pci);
    d->pci.config_written = piix3_config_written;
    pirq_router_realize(&d->pirqs, &d->pci, N_PIRQS, 0);
    return true;
}

static void
piix3_unrealize(Device *dev)
{
    Piix3 *d = DEVICE_OF(Piix3, dev);

    pirq_router_unrealize(&d->pirqs);
    pci_device_unrealize(&d->pci);
}

static void
piix3_restored(Device *dev)
{
    Piix3 *d = DEVICE_OF(Piix3, dev);

    pci_device_restored(&d->pci);
    update_routes(d);
}

static void
piix3_reset(Device *dev, ResetKind kind)
{
    Piix3 *d = DEVICE_OF(Piix3, dev);

    if (kind != RESET_WAKE) /* SeaBIOS routes interrupts at power on alone */
        pci_device_reset(&d->pci);
    d->s.reset_control = 0;
    update_routes(d);
}

/* clang-format off */
static const PropDesc piix3_props[] = {
    PCI_PROPS(Piix3, pci),
    PROP_END
};

static const StateField piix3_fields[] = {
    STATE_SUB(Piix3State, pci, &pci_state_desc),
    STATE_FIELD(Piix3State, reset_control, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc piix3_state = {
    .name = "piix3",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Piix3State),
    .fields = piix3_fields,
};

const DeviceClass piix3_class = {
    .name = "piix3",
    .summary = "Intel PIIX3 ISA bridge",
    .size = sizeof(Piix3),
    .props = piix3_props,
    .state = &piix3_state,
    .state_offset = G_STRUCT_OFFSET(Piix3, s),
    .realize = piix3_realize,
    .unrealize = piix3_unrealize,
    .reset = piix3_reset,
    .restored = piix3_restored,
};
