/* devices/chipset/pci-conf1.h - the two ports by which PCs reach configuration
 * space: mechanism #1 of PCI Local Bus 2.3, section 3.2.2.3.2. Part of a host
 * bridge. */
#pragma once

#include "devices/bus/pci.h"

/* The reset control register at port 0xCF9 lies inside the address port; it is
 * the ISA bridge's. Config lock held. */
typedef struct {
    const DeviceClass *klass;
    guint8 devfn;
    guint8 (*read)(Device *isa);
    void (*write)(Device *isa, guint8 value);
} PciConf1Reset;

typedef struct {
    PciBus *bus;
    guint32 *address; /* the register, in the bridge's state */
    const PciConf1Reset *reset;
    IoRegion *address_port, *data_port;
} PciConf1;

/* In the bridge's realize, after pci_device_realize(). address lives as long as
 * the bridge. False and error set: the ports are taken. */
bool pci_conf1_realize(PciConf1 *c, PciDevice *bridge, guint32 *address,
                       const PciConf1Reset *reset, GError **error);
void pci_conf1_unrealize(PciConf1 *c); /* half-realized is fine */
