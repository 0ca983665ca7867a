/* devices/machine/pc-internal.h - the parts of building a PC. */
#pragma once

#include "devices/firmware/acpi.h"
#include "devices/machine/pc-i440fx.h"

/* RAM below the PCI hole ends here at the latest; SeaBIOS puts the hole at
 * 2 GiB, 3 GiB or the end of RAM. */
#define PC_LOW_MEMORY_MAX (G_GUINT64_CONSTANT(3) << 30)
#define PC_HIGH_MEMORY    (G_GUINT64_CONSTANT(4) << 30)

/* Pages that the CPU backend keeps for itself, see vmm/cpu/kvm/kvm.c. */
#define PC_RESERVED_BASE 0xfeffc000u
#define PC_RESERVED_LEN  0x4000u

guint64 pc_low_memory(guint64 memory);
guint64 pc_high_memory(guint64 memory);

/* The firmware is a UEFI: larger than a BIOS, or with a chip for variables. */
bool pc_is_uefi(const PcSpec *spec);

/* The guest is told of S3, and it works: OVMF would need memory for it that no
 * table reserves. */
bool pc_can_suspend(const PcSpec *spec);

/* RAM and ROM slots; bridge gets its thirteen segments. */
bool pc_map_memory(Vm *vm, const PcSpec *spec, Device *bridge, GError **error);

/* CMOS bytes that firmware and old systems read. fdc may be NULL. */
void pc_fill_cmos(const PcSpec *spec, Device *rtc, Device *fdc);

/* Tables and files for SeaBIOS. */
void pc_fill_fw_cfg(const PcSpec *spec, Device *fw_cfg);

/* ACPI tables, for firmware without its own; and as fw_cfg's files. */
void pc_make_acpi(const PcSpec *spec, AcpiFiles *ret_files);
void pc_offer_acpi(const PcSpec *spec, Device *fw_cfg);
