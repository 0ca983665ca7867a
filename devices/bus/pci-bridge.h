/* devices/bus/pci-bridge.h - buses behind a bridge, and the registers of a
 * bridge's header that say what it passes on.
 *
 * PCI-to-PCI Bridge Architecture Specification 1.2, section 3.2. The bridge is a
 * PciDevice whose class calls these from its own functions; a bus behind it is
 * made once it is realized and freed before it goes. */
#pragma once

#include "devices/bus/pci.h"

/* Offsets in the header of a bridge (type 1) */
#define PCI_HEADER_BRIDGE       0x01
#define PCI_PRIMARY_BUS         0x18
#define PCI_SECONDARY_BUS       0x19
#define PCI_SUBORDINATE_BUS     0x1a
#define PCI_IO_BASE             0x1c
#define PCI_IO_LIMIT            0x1d
#define PCI_MEMORY_BASE         0x20
#define PCI_MEMORY_LIMIT        0x22
#define PCI_PREFETCH_BASE       0x24
#define PCI_PREFETCH_LIMIT      0x26
#define PCI_PREFETCH_BASE_HIGH  0x28
#define PCI_PREFETCH_LIMIT_HIGH 0x2c
#define PCI_BRIDGE_CONTROL      0x3e
#define PCI_BRIDGE_CTL_RESET    0x0040

/* After pci_device_realize(): makes `initial` and the masks those of a bridge
 * with windows for ports, for memory, and for 64-bit prefetchable memory. */
void pci_bridge_fill_config(PciDevice *bridge);
/* From the bridge's config_written, and at its reset and restore with the config
 * lock held: functions behind it appear or vanish as its windows say. */
void pci_bridge_config_written(PciBus *behind, unsigned offset, unsigned size);

/* Set-up thread, without the config lock. pci_bus_free() when no function is on
 * it any more; the root's last. */
PciBus *pci_bus_new_behind(PciDevice *bridge);
PciDevice *pci_bus_bridge(const PciBus *bus); /* NULL: it is a root */

/* Closed: nothing on the bus answers, as if the link to it were down; at first
 * it is open. Config lock held. */
void pci_bus_set_closed(PciBus *bus, bool closed);

/* For pci.c; config lock held. */
/* The number of the bus behind it; 0: none yet. */
guint8 pci_bridge_number(const PciDevice *bridge);
/* Whether all of it, bytes at addr, reaches the other side. */
bool pci_bridge_passes(const PciDevice *bridge, bool ports, guint64 addr,
                       guint64 size);
/* All functions on the bus look again at what reaches them. */
void pci_bus_passes_changed(PciBus *bus);
