/* devices/chipset/pcie-root-port.h - a port of PCI Express with a slot behind
 * it, into which cards come and go while the guest runs (native hot-plug).
 *
 * The owner does the plugging: it adds functions to the port's bus and says so,
 * and it is told when the guest has let them go. All functions: any thread,
 * unless the comment says otherwise. */
#pragma once

#include "devices/bus/pci.h"

extern const DeviceClass pcie_root_port_class;

/* The bus behind it, where cards have slot 0. After realize; goes with it. */
PciBus *pcie_root_port_bus(Device *dev);

/* There is a card: the guest is told and looks at it. */
void pcie_root_port_inserted(Device *dev);
/* Presses the slot's attention button: whether and when the guest lets the card
 * go is its affair. One that has turned the slot's power off has done so. */
void pcie_root_port_request_removal(Device *dev);
/* The card went: the guest is told if that was without its consent. After each
 * ejected(), too; until then a reset shows no card. */
void pcie_root_port_removed(Device *dev);
/* ejected() runs on the loop thread, without a lock, when the guest has let the
 * card go, and at a reset if it was asked to; number: the option "slot". Set-up
 * thread. */
void pcie_root_port_set_owner(Device *dev,
                              void (*ejected)(void *data, unsigned number),
                              void *data);
