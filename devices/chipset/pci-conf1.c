/* devices/chipset/pci-conf1.c - see pci-conf1.h. */
#include "devices/chipset/pci-conf1.h"

#include "vmm/io/io.h"

#define ADDRESS_PORT  0xcf8
#define DATA_PORT     0xcfc
#define ENABLE        0x80000000u
#define RESERVED      0x7f000003u /* read as zero */
#define RESET_CONTROL 1           /* 0xCF9 lies inside the address register */

static Device *
isa_bridge(const PciConf1 *c)
{
    PciDevice *isa = pci_bus_find(c->bus, c->reset->devfn);

    return isa != NULL && isa->dev.klass == c->reset->klass ? &isa->dev : NULL;
}

static guint64
address_read(void *dev, guint64 offset, unsigned size)
{
    PciConf1 *c = dev;

    if (size == 4)
        return *c->address;
    if (size == 1 && offset == RESET_CONTROL && isa_bridge(c) != NULL)
        return c->reset->read(isa_bridge(c));
    return G_MAXUINT64 >> (64 - 8 * size);
}

static void
address_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    PciConf1 *c = dev;

    /* Only a dword is the address register. */
    if (size == 4)
        *c->address = (guint32) value & ~RESERVED;
    else if (size == 1 && offset == RESET_CONTROL && isa_bridge(c) != NULL)
        c->reset->write(isa_bridge(c), (guint8) value);
}

static const IoOps address_ops = {
    .read = address_read,
    .write = address_write,
    .max_size = 4,
};

/* NULL: no such bus, or the mechanism is off. */
static PciBus *
selected(const PciConf1 *c, guint8 *ret_devfn)
{
    guint32 address = *c->address;

    *ret_devfn = (guint8) (address >> 8);
    return (address & ENABLE) != 0
               ? pci_bus_numbered(c->bus, (guint8) (address >> 16))
               : NULL;
}

static guint64
data_read(void *dev, guint64 offset, unsigned size)
{
    PciConf1 *c = dev;
    guint8 devfn;
    PciBus *bus = selected(c, &devfn);

    if (bus == NULL)
        return G_MAXUINT64 >> (64 - 8 * size);
    return pci_bus_config_read(bus, devfn,
                               (*c->address & 0xfc) + (unsigned) offset, size);
}

static void
data_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    PciConf1 *c = dev;
    guint8 devfn;
    PciBus *bus = selected(c, &devfn);

    if (bus != NULL)
        pci_bus_config_write(bus, devfn,
                             (*c->address & 0xfc) + (unsigned) offset,
                             (guint32) value, size);
}

static const IoOps data_ops = {
    .read = data_read,
    .write = data_write,
    .max_size = 4,
};

bool
pci_conf1_realize(PciConf1 *c, PciDevice *bridge, guint32 *address,
                  const PciConf1Reset *reset, GError **error)
{
    DeviceEnv *env = bridge->dev.env;
    GMutex *lock = pci_bus_config_lock(bridge->bus);

    *c = (PciConf1){.bus = bridge->bus, .address = address, .reset = reset};
    c->address_port =
        io_region_new("pci-config-address", &address_ops, c, lock, 4);
    c->data_port = io_region_new("pci-config-data", &data_ops, c, lock, 4);
    if (io_map(env->ports, c->address_port, ADDRESS_PORT, 0) == 0 &&
        io_map(env->ports, c->data_port, DATA_PORT, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: ports 0xcf8..0xcff are taken by another device",
                bridge->dev.id);
    return false;
}

void
pci_conf1_unrealize(PciConf1 *c)
{
    g_clear_pointer(&c->address_port, io_region_free);
    g_clear_pointer(&c->data_port, io_region_free);
}
