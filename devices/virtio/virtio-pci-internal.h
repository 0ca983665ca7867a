/* devices/virtio/virtio-pci-internal.h - the two interfaces of a virtio PCI
 * function. */
#pragma once

#include "devices/virtio/virtio-internal.h"

/* Reads the interrupt status, which clears it. Lock held. */
guint8 virtio_pci_take_isr(VirtioDevice *v);
/* What is kept of a vector that the driver chose. */
guint16 virtio_pci_vector(const VirtioDevice *v, guint64 value);

/* Brings what the guest reads of common configuration up to date: after each
 * write to a register. Lock held. */
void virtio_pci_show_common(VirtioDevice *v);

/* The legacy interface, virtio-pci-legacy.c: its region, for BAR 0, and how
 * many bytes it has (a power of two). */
IoRegion *virtio_pci_legacy_region(VirtioDevice *v, guint64 *ret_size);
/* Where a queue is notified: offset, and the value is its number. */
#define VIRTIO_PCI_LEGACY_NOTIFY 16u
