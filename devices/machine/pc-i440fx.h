/* devices/machine/pc-i440fx.h - PCs with firmware and ISA devices: the classic
 * one with i440FX and PIIX3, and the one with Q35 and ICH9 (pc-q35.c).
 *
 * The machine file knows which chips there are and how they are wired, and
 * nothing else; what backs a disk or a serial port is the caller's. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/firmware/smbios.h"
#include "devices/machine/pc-cards.h"
#include "vmm/block/block.h"
#include "vmm/char/char.h"
#include "vmm/core/vm.h"
#include "vmm/mem/guest-mem.h"

#define PC_FLOPPIES        2
#define PC_IDE             4
#define PC_SERIALS         4
#define PC_CIRRUS_VRAM_MIB 4 /* all that one can have */

typedef struct {
    bool present;       /* the drive exists, perhaps empty */
    bool cdrom;         /* IDE: ATAPI drive */
    Block *block;       /* borrowed until the devices are gone; NULL: empty */
    const char *type;   /* floppy: "auto", "1.44M", ... */
    const char *serial; /* disk's serial number, "": default */
    unsigned number;    /* disk: its place in the boot order among disks */
} PcDrive;

typedef enum { PC_BOARD_I440FX, PC_BOARD_Q35 } PcBoardKind;

/* Everything is read during pc_build() only, except the backends. */
typedef struct {
    PcBoardKind board;
    guint64 memory; /* bytes, multiple of 1 MiB */
    MemPages pages; /* that the host puts behind it */
    unsigned cpus;
    unsigned address_bits; /* of the guest's physical addresses; 0: not known */
    GBytes *bios;          /* at most 1 MiB; a UEFI's code: 8 MiB */
    GBytes *uefi_vars;     /* what its flash holds below that; NULL: a BIOS */
    Block *nvram;          /* where that is kept; borrowed; NULL: nowhere */
    GBytes *vga_bios;      /* NULL: none */
    bool display, cirrus;  /* with a display: that card, not "vga" */
    guint32 vram_mib, xres, yres; /* 0: what the card's monitor prefers */
    PcDrive floppy[PC_FLOPPIES];
    PcDrive ide[PC_IDE];      /* primary master, slave, secondary master, slave;
                          * a Q35 has none */
    PcCards *cards;           /* emptied by the machine */
    const SmbiosSpec *smbios; /* NULL: the firmware's own tables */
    CharLink *serial[PC_SERIALS]; /* NULL: no such port */
    CharLink *firmware_log;
    /* In order, ends early with PC_BOOT_NONE. */
    PcBoot boot[PC_N_BOOT - 1];
    bool boot_menu, acpi, local_time, debug_exit, hpet;
    bool s3; /* suspend to RAM; needs ACPI, and a BIOS */
} PcSpec;

/* What the owner of the machine works with later; NULL: absent. */
typedef struct {
    Device *fdc, *ide, *pm, *hotplug;
    Device *ports[PC_SLOTS]; /* root ports, by the slots of their cards */
    PciBus *pci; /* free with pci_bus_free() after vm_remove_devices() */
} PcDevices;

/* Adds every device to vm, realized, in the order in which they are reset.
 * Set-up thread, before vm_start(). On failure devices stay in vm until
 * vm_remove_devices(), and ret_devices->pci must be freed all the same. */
bool pc_build(Vm *vm, const PcSpec *spec, PcDevices *ret_devices,
              GError **error);

/* Slots of a Q35 whose cards are behind a root port, one bit each: those of a
 * profile's disks, network cards and devices of the host. */
#define PC_Q35_PORTS 0x00fff0f0u

/* pc-slots.c: cards that come and go while the guest runs, by either way that
 * boards have. Any thread, unless the comment says otherwise. */
/* Whether the slot is one that can be told of. */
bool pc_slot_is_hot(const PcDevices *pc, unsigned slot);
/* There is a new card in it; the guest is asked to let it go; it went without
 * asking. Nothing where the slot is not hot. */
void pc_slot_inserted(const PcDevices *pc, unsigned slot);
void pc_slot_request_removal(const PcDevices *pc, unsigned slot);
void pc_slot_removed(const PcDevices *pc, unsigned slot);
/* ejected() runs on the loop thread, without a lock, when the guest has let a
 * slot go, and at a reset for those it was asked for. Set-up thread. */
void pc_slots_set_owner(const PcDevices *pc,
                        void (*ejected)(void *data, unsigned slot), void *data);
