/* devices/machine/pc-virtio-internal.h - addresses of the minimal machine. */
#pragma once

#include "devices/machine/pc-virtio.h"

/*   0 - A0000         RAM; loaders use its first 128 KiB
 *   E0000 - EFFFF     ACPI tables, in RAM
 *   F0000 - FFFEF     SMBIOS tables, where systems look for them
 *   FFFF0             where a jump to the BIOS arrives
 *   1 MiB - 3 GiB     RAM, at most
 *   C0000000          32-bit BARs
 *   E0000000          configuration space of bus 0, 1 MiB
 *   FEC00000 ...      IOAPIC, the CPU backend's pages, local APIC
 *   4 GiB and up      the rest of the RAM, then 64-bit BARs */
#define PCV_TABLES        0xe0000u
#define PCV_TABLES_END    0x100000u
#define PCV_SMBIOS        0xf0000u
#define PCV_SMBIOS_TABLES 0xf0020u
#define PCV_RESET_VECTOR  0xffff0u /* nine bytes that write the reset register */
#define PCV_LOW_MAX       (G_GUINT64_CONSTANT(3) << 30)
#define PCV_BAR_BASE      0xc0000000u
#define PCV_BAR_LAST      0xdfffffffu
#define PCV_ECAM          0xe0000000u
#define PCV_IOAPIC        0xfec00000u
#define PCV_LAPIC         0xfee00000u
#define PCV_HIGH          (G_GUINT64_CONSTANT(4) << 30)
#define PCV_IO_FIRST      0x1000u
#define PCV_IO_LAST       0xffffu
#define PCV_COM1          0x3f8u
#define PCV_COM1_GSI      4u

/* 64-bit BARs: 16 GiB behind the RAM, which a processor with 36 address bits
 * reaches for guests of up to 44 GiB; more where the cards have more. */
#define PCV_BAR64_LEN (G_GUINT64_CONSTANT(16) << 30)

typedef struct {
    Gpa base;
    guint64 len; /* bytes */
} PcVirtioWindow;

guint64 pc_virtio_high_memory(guint64 memory);
/* Where all 64-bit BARs on the bus fit, each at a multiple of its size. */
PcVirtioWindow pc_virtio_window(PciBus *pci, guint64 memory);

/* pc-virtio-acpi.c: what goes to PCV_TABLES, root pointer first. */
GBytes *pc_virtio_acpi(const PcVirtioSpec *spec, const PcVirtioWindow *high);
