/* devices/chipset/pci-ecam.h - PCI host without a bridge chip. */
#pragma once

#include "devices/bus/pci.h"

extern const DeviceClass pci_ecam_class;

#define PCI_ECAM_LEN       0x100000u /* bus 0, 4 KiB a function */
#define PCI_ECAM_FIRST_GSI 16u       /* PIRQA..D: IOAPIC inputs 16..19 */

/* An access to a host bridge's window, offset bytes from its begin: bus, device
 * and function, register. Config lock held. */
guint64 pci_ecam_read(PciBus *root, guint64 offset, unsigned size);
void pci_ecam_write(PciBus *root, guint64 offset, guint64 value, unsigned size);

/* IOAPIC input of pin 0..3 (INTA..D) of the function in slot. */
unsigned pci_ecam_gsi(unsigned slot, unsigned pin);
