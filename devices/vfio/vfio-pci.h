/* devices/vfio/vfio-pci.h - class "vfio-pci": a PCI function of the host as the
 * guest sees it. Links: "bus", "host" (VfioHost, opened by the owner, which
 * closes it after the device is gone), "rom" (GBytes of an expansion ROM instead
 * of the device's own; optional). Options: see vfio-pci.c. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/vfio/vfio-host.h"

extern const DeviceClass vfio_pci_class;

typedef struct {
    /* The host wants the device back: it is to be taken out of the machine and
     * its VfioHost closed, soon. Loop thread. */
    void (*wanted)(void *data, Device *dev);
    /* The device reported an error that it does not recover from. Loop
     * thread. */
    void (*failed)(void *data, Device *dev);
} VfioPciEvents;

/* Set-up thread, before realize; events outlive the device. */
void vfio_pci_set_events(Device *dev, const VfioPciEvents *events, void *data);

/* Messages that went by way of this process instead of the kernel alone: 0 when
 * all is well. Any thread. */
guint64 vfio_pci_slow_interrupts(Device *dev);
