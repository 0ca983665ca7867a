/* devices/chipset/pci-ecam.c - PCI configuration space in memory, and the
 * bus's interrupt lines wired to the IOAPIC.
 *
 * PCI Express Base Specification 3.0, section 7.2.2 (enhanced configuration
 * access). The device's window is for bus 0 alone: it is all there is. No ports 0xCF8 and 0xCFC: a
 * guest that finds them uses two accesses where one does. Reads find pages of
 * the bus, writes this window's region. Extended configuration space is that of
 * functions which have one; of others it reads as absent. */
#include "devices/chipset/pci-ecam.h"

#include "vmm/io/io.h"
#include "vmm/irq/irq.h"

#define BUS_SHIFT      20
#define FUNCTION_SHIFT 12
#define OFFSET_MASK    0xfffu
#define N_PIRQS        4u

typedef struct {
    Device dev;
    PciBus *bus;
    guint64 base;
    IoRegion *window;
    IrqLine *lines[N_PIRQS];
} PciEcam;

unsigned
pci_ecam_gsi(unsigned slot, unsigned pin)
{
    /* the bus's own rotation: INTA# of slot 1 is PIRQA */
    return PCI_ECAM_FIRST_GSI + ((pin + slot + 3) & 3);
}

static void
set_pirq(void *data, unsigned pirq, bool level)
{
    PciEcam *d = data;

    irq_line_set(d->lines[pirq], level);
}

static int
route_pirq(void *data, unsigned pirq)
{
    return (int) (PCI_ECAM_FIRST_GSI + pirq);
}

guint64
pci_ecam_read(PciBus *root, guint64 offset, unsigned size)
{
    PciBus *bus = pci_bus_numbered(root, (guint8) (offset >> BUS_SHIFT));
    unsigned reg = (unsigned) (offset & OFFSET_MASK);
    guint8 devfn = (guint8) (offset >> FUNCTION_SHIFT);
    /* up to the end of the half that it begins in */
    unsigned end = reg < PCI_CONFIG_SIZE ? PCI_CONFIG_SIZE : PCI_EXTENDED_SIZE;
    unsigned n = MIN(size, end - reg);
    guint64 value = G_MAXUINT64;

    if (bus == NULL)
        return value;
    value <<= 8 * n; /* what lies behind it reads as all-ones */
    return value | pci_bus_config_read(bus, devfn, reg, n);
}

void
pci_ecam_write(PciBus *root, guint64 offset, guint64 value, unsigned size)
{
    PciBus *bus = pci_bus_numbered(root, (guint8) (offset >> BUS_SHIFT));
    unsigned reg = (unsigned) (offset & OFFSET_MASK);

    if (bus != NULL &&
        (reg + size <= PCI_CONFIG_SIZE || reg >= PCI_CONFIG_SIZE))
        pci_bus_config_write(bus, (guint8) (offset >> FUNCTION_SHIFT), reg,
                             (guint32) value, size);
}

static guint64
window_read(void *dev, guint64 offset, unsigned size)
{
    return pci_ecam_read(DEVICE_OF(PciEcam, dev)->bus, offset, size);
}

static void
window_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    pci_ecam_write(DEVICE_OF(PciEcam, dev)->bus, offset, value, size);
}

static const IoOps window_ops = {
    .read = window_read,
    .write = window_write,
    .max_size = 4,
};

static bool
pci_ecam_realize(Device *dev, DeviceEnv *env, GError **error)
{
    PciEcam *d = DEVICE_OF(PciEcam, dev);

    for (unsigned i = 0; i < N_PIRQS; i++)
        d->lines[i] = irq_line_new(env, PCI_ECAM_FIRST_GSI + i);
    pci_bus_set_irq_router(d->bus, set_pirq, d);
    pci_bus_set_irq_route(d->bus, route_pirq);
    d->window = io_region_new("pci-ecam", &window_ops, d,
                              pci_bus_config_lock(d->bus), PCI_ECAM_LEN);
    if (io_map(env->mmio, d->window, d->base, 0) == 0)
        return pci_bus_show_config(d->bus, d->base, error);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: the addresses from 0x%" G_GINT64_MODIFIER
                "x are taken by another device",
                dev->id, d->base);
    return false;
}

static void
pci_ecam_unrealize(Device *dev)
{
    PciEcam *d = DEVICE_OF(PciEcam, dev);

    if (d->lines[0] != NULL)
        pci_bus_set_irq_router(d->bus, NULL, NULL);
    for (unsigned i = 0; i < N_PIRQS; i++)
        g_clear_pointer(&d->lines[i], irq_line_free);
    g_clear_pointer(&d->window, io_region_free);
}

/* The bus tells its levels when its functions are reset or restored. */
static void
pci_ecam_reset(Device *dev, ResetKind kind)
{
    pci_bus_refresh_irqs(DEVICE_OF(PciEcam, dev)->bus);
}

/* clang-format off */
static const PropDesc pci_ecam_props[] = {
    PROP_DEF_LINK(PciEcam, bus, "bus", true, "PCI bus it leads to"),
    PROP_DEF_U64(PciEcam, base, "base", 0xe0000000, 0, 0xfff00000, NULL, "guest address of its window"),
    PROP_END
};
/* clang-format on */

const DeviceClass pci_ecam_class = {
    .name = "pci-ecam",
    .summary = "PCI host: configuration space in memory",
    .size = sizeof(PciEcam),
    .props = pci_ecam_props,
    .realize = pci_ecam_realize,
    .unrealize = pci_ecam_unrealize,
    .reset = pci_ecam_reset,
};
