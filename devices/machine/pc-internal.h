/* devices/machine/pc-internal.h - the parts of building a PC. */
#pragma once

#include "devices/chipset/pam.h"
#include "devices/firmware/acpi.h"
#include "devices/machine/machine-build.h"
#include "devices/machine/pc-i440fx.h"

#define PC_HIGH_MEMORY (G_GUINT64_CONSTANT(4) << 30)

/* Pages that the CPU backend keeps for itself, see vmm/cpu/kvm/kvm.c. */
#define PC_RESERVED_BASE 0xfeffc000u
#define PC_RESERVED_LEN  0x4000u

typedef struct PcBoard PcBoard;

typedef struct {
    MachineBuild build;
    const PcSpec *spec;
    const PcBoard *board;
    PcDevices *out;
    Device *bridge, *isa, *rtc, *dma, *fw_cfg;
} PcBuild;

/* What the boards differ in; the rest is a PC. */
struct PcBoard {
    const char *bridge, *isa; /* classes; the bridge is 00:00.0 */
    guint8 isa_devfn;
    Pam *(*segments)(Device *bridge);
    /* Bytes of so much RAM that lie below the PCI hole. */
    guint64 (*low_memory)(guint64 memory);
    /* Sets out->pm, and adds what else the board has of its own: before the
     * memory is there, and after the floppy controller. NULL: nothing. */
    void (*build_power)(PcBuild *b);
    void (*build_storage)(PcBuild *b);
    void (*press_power)(void *pm); /* its Device */
    void (*ring_alarm)(void *pm);  /* the clock's interrupt */
    /* Tables of its own for the firmware; NULL: they are the firmware's. */
    void (*fill_tables)(const PcBuild *b);
};
extern const PcBoard pc_board_q35;
const PcBoard *pc_board(const PcSpec *spec);

/* Not added yet. */
Device *pc_create_pci(PcBuild *b, const char *class_name, const char *id,
                      guint8 devfn);

guint64 pc_low_memory(const PcSpec *spec);
guint64 pc_high_memory(const PcSpec *spec);

/* The firmware is a UEFI: larger than a BIOS, or with a chip for variables. */
bool pc_is_uefi(const PcSpec *spec);

/* The guest is told of S3, and it works: OVMF would need memory for it that no
 * table reserves, and the chips of a Q35 forget what they should keep. */
bool pc_can_suspend(const PcSpec *spec);

/* RAM and ROM slots; bridge gets its thirteen segments. */
bool pc_map_memory(Vm *vm, const PcSpec *spec, Device *bridge, GError **error);

/* CMOS bytes that firmware and old systems read. fdc may be NULL. */
void pc_fill_cmos(const PcSpec *spec, Device *rtc, Device *fdc);

/* Tables and files for SeaBIOS. */
void pc_fill_fw_cfg(const PcSpec *spec, Device *fw_cfg);

/* ACPI tables, for firmware without its own; and as fw_cfg's files. ecam: where
 * configuration space is, 0: nowhere in memory. */
void pc_make_acpi(const PcSpec *spec, guint32 ecam, AcpiFiles *ret_files);
void pc_offer_acpi(const PcSpec *spec, guint32 ecam, Device *fw_cfg);
