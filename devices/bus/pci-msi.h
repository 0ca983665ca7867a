/* devices/bus/pci-msi.h - one message interrupt of a PCI function: the MSI
 * capability with a 64-bit address and no mask (PCI Local Bus 2.3, section
 * 6.8.1). All it knows lies in configuration space. */
#pragma once

#include "devices/bus/pci.h"

typedef struct {
    PciDevice *pdev;
    unsigned cap; /* offset of the capability; 0: none */
    bool enabled; /* the guest has turned INTx off in its favour */
    Msi *msi;
} PciMsi;

/* Set-up: after pci_device_realize(). */
void pci_msi_realize(PciMsi *m, PciDevice *pdev);
void pci_msi_unrealize(PciMsi *m); /* twice is fine */
/* After pci_device_reset() and pci_device_restored(): what configuration space
 * says. Device's lock held. */
void pci_msi_update(PciMsi *m);
/* From PciDevice.config_written, with the bus's lock held and the device's
 * not: it is taken inside. True: it was about the capability. */
bool pci_msi_config_written(PciMsi *m, unsigned offset, unsigned size);
/* Nothing while it is off. Device's lock held; never blocks. */
void pci_msi_send(PciMsi *m);
