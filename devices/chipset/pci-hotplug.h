/* devices/chipset/pci-hotplug.h - plugging PCI devices while the guest runs,
 * as the ACPI tables of SeaBIOS and QEMU's pc machine know it.
 *
 * The owner does the plugging: it adds a device to the bus and says so, and it
 * is told when the guest has let one go. All functions: any thread, unless the
 * comment says otherwise. slot: 1..31. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass pci_hotplug_class;

/* There is a new device in the slot: the guest looks at it. */
void pci_hotplug_inserted(Device *dev, unsigned slot);
/* Asks the guest to let the slot's device go; whether and when it does is its
 * affair. */
void pci_hotplug_request_removal(Device *dev, unsigned slot);
/* The slot's device went without the guest's consent: the guest looks at the
 * slot and finds nothing. */
void pci_hotplug_removed(Device *dev, unsigned slot);
/* ejected() runs on the loop thread, without a lock, when the guest has let a
 * slot go, and at a reset for those it was asked for. Set-up thread. */
void pci_hotplug_set_owner(Device *dev,
                           void (*ejected)(void *data, unsigned slot),
                           void *data);
