/* tests/unit/pci-config.h - configuration space as a guest's access reaches it:
 * under the bus's lock. */
#pragma once

#include "devices/bus/pci.h"

static inline guint32
pci_config_get(PciBus *bus, guint8 devfn, unsigned offset, unsigned size)
{
    GMutex *lock = pci_bus_config_lock(bus);

    g_mutex_lock(lock);
    guint32 value = pci_bus_config_read(bus, devfn, offset, size);
    g_mutex_unlock(lock);
    return value;
}

static inline void
pci_config_set(PciBus *bus, guint8 devfn, unsigned offset, guint32 value,
               unsigned size)
{
    GMutex *lock = pci_bus_config_lock(bus);

    g_mutex_lock(lock);
    pci_bus_config_write(bus, devfn, offset, value, size);
    g_mutex_unlock(lock);
}
