/* tests/unit/ahci-rig.h - a SATA controller on a PCI bus, with a disk at port 0,
 * a CD drive at port 4, nothing elsewhere, and a driver's structures in the
 * guest's memory. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/storage/ahci.h"
#include "tests/unit/fake-vm.h"
#include "vmm/block/block.h"

#define RIG_SECTORS   20000u /* of the disk; each begins with its number */
#define RIG_CD_BLOCKS 400u   /* of the disc; the same */
#define RIG_ABAR      0xe0000000u
#define RIG_LIST      0x10000u /* a port's command list, + 0x1000 * port */
#define RIG_FRAMES    0x18000u /* received frames, + 0x1000 * port */
#define RIG_TABLES    0x20000u /* command tables of 0x400, one a slot */
#define RIG_DATA      0x100000u
#define RIG_CD        4u /* the drive's port */

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *ahci;
    Block *disk, *disc;
    char *disk_path, *disc_path;
} AhciRig;

typedef struct {
    bool read_only, own_thread;
    bool idle;      /* the driver has not started the ports */
    bool in_memory; /* the disk's image */
} AhciRigOptions;

/* Bus mastering is on, the list and frame addresses are set. */
AhciRig *ahci_rig_new(const AhciRigOptions *options);
void ahci_rig_free(AhciRig *rig);

guint32 rig_get(AhciRig *rig, unsigned reg);
void rig_set(AhciRig *rig, unsigned reg, guint32 value);
guint32 rig_port(AhciRig *rig, unsigned port, unsigned reg);
void rig_set_port(AhciRig *rig, unsigned port, unsigned reg, guint32 value);
void rig_config(AhciRig *rig, unsigned offset, guint32 value, unsigned size);

/* A command of one region in that slot of the port's list; not issued. */
typedef struct {
    guint8 command, device, features, tag;
    guint64 lba;
    guint16 count;
    guint32 bytes; /* of the region at RIG_DATA + slot * 0x10000; 0: none */
    bool write;
    const guint8 *packet; /* 12 bytes; NULL: none */
} RigCommand;
void rig_put(AhciRig *rig, unsigned port, unsigned slot, const RigCommand *c);
/* Makes region i of a slot's table, after rig_put(); there are n. */
void rig_region(AhciRig *rig, unsigned port, unsigned slot, unsigned i,
                unsigned n, guint64 addr, guint32 bytes);
/* Issues slots, as queued commands or not, and waits until they have ended, or
 * one failed; PxIS. */
guint32 rig_issue(AhciRig *rig, unsigned port, guint32 slots, bool queued);
/* One command in slot 0; PxTFD. */
guint32 rig_run(AhciRig *rig, unsigned port, const RigCommand *c);
guint32 rig_ram32(AhciRig *rig, guint32 addr);
guint32 rig_image32(AhciRig *rig, guint32 sector);
/* The driver stops the port and starts it again. */
void rig_restart(AhciRig *rig, unsigned port);
