/* devices/machine/pc-slots.c - see pc-i440fx.h: ACPI's registers for all slots,
 * or a root port for each. */
#include "devices/chipset/pci-hotplug.h"
#include "devices/chipset/pcie-root-port.h"
#include "devices/machine/pc-i440fx.h"

bool
pc_slot_is_hot(const PcDevices *pc, unsigned slot)
{
    return slot < PC_SLOTS && (pc->ports[slot] != NULL || pc->hotplug != NULL);
}

static void
tell(const PcDevices *pc, unsigned slot, void (*port)(Device *port),
     void (*all)(Device *hotplug, unsigned slot))
{
    if (slot < PC_SLOTS && pc->ports[slot] != NULL)
        port(pc->ports[slot]);
    else if (pc->hotplug != NULL)
        all(pc->hotplug, slot);
}

void
pc_slot_inserted(const PcDevices *pc, unsigned slot)
{
    tell(pc, slot, pcie_root_port_inserted, pci_hotplug_inserted);
}

void
pc_slot_request_removal(const PcDevices *pc, unsigned slot)
{
    tell(pc, slot, pcie_root_port_request_removal, pci_hotplug_request_removal);
}

void
pc_slot_removed(const PcDevices *pc, unsigned slot)
{
    tell(pc, slot, pcie_root_port_removed, pci_hotplug_removed);
}

void
pc_slots_set_owner(const PcDevices *pc,
                   void (*ejected)(void *data, unsigned slot), void *data)
{
    if (pc->hotplug != NULL)
        pci_hotplug_set_owner(pc->hotplug, ejected, data);
    for (unsigned slot = 0; slot < PC_SLOTS; slot++)
        if (pc->ports[slot] != NULL)
            pcie_root_port_set_owner(pc->ports[slot], ejected, data);
}
