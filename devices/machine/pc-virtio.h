/* devices/machine/pc-virtio.h - the minimal machine: a kernel started without
 * firmware, one serial port, PCI devices, and ACPI tables that say so. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/firmware/smbios.h"
#include "devices/machine/pc-cards.h"
#include "vmm/boot/kernel.h"
#include "vmm/char/char.h"
#include "vmm/core/vm.h"
#include "vmm/mem/guest-mem.h"

typedef struct {
    guint64 memory; /* bytes, multiple of 1 MiB, at least 2 MiB */
    MemPages pages; /* that the host puts behind it */
    unsigned cpus;
    CharLink *serial; /* COM1; NULL: none */
    Kernel *kernel;   /* borrowed until vm_free() */
    bool acpi, debug_exit;
    unsigned address_bits;    /* of the guest's processor; 0: unknown */
    PcCards *cards;           /* emptied by the machine */
    const SmbiosSpec *smbios; /* NULL: no tables */
} PcVirtioSpec;

/* What the owner of the machine keeps until vm_free(). */
typedef struct PcVirtio PcVirtio;

/* Adds every device to vm, realized, and sets its loader. Set-up thread,
 * before vm_start(). NULL and error set: devices stay in vm until
 * vm_remove_devices(); *ret_pci must be freed after that in any case. */
PcVirtio *pc_virtio_build(Vm *vm, const PcVirtioSpec *spec, PciBus **ret_pci,
                          GError **error);
void pc_virtio_free(PcVirtio *machine); /* NULL is fine */
