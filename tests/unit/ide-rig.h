/* tests/unit/ide-rig.h - an IDE function on a PCI bus with a disk as drive 0,
 * a CD drive as drive 2 and real image files behind both. */
#pragma once

#include "devices/bus/pci.h"
#include "tests/unit/fake-vm.h"
#include "vmm/block/block.h"

#define RIG_SECTORS   20000u /* of the disk; each begins with its number */
#define RIG_CD_BLOCKS 400u   /* of the disc; the same */
#define RIG_BM        0xc000 /* bus master ports */
#define RIG_MS        G_GINT64_CONSTANT(1000000)

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *ide;
    Block *disk, *disc;
    char *disk_path, *disc_path;
} IdeRig;

typedef struct {
    bool read_only; /* the disk */
    bool no_disc;
    bool no_disk;
    bool in_memory; /* the disk's image */
} IdeRigOptions;

/* Decoding is on, both channels answer, drive 0 is selected. */
IdeRig *ide_rig_new(const IdeRigOptions *options);
void ide_rig_free(IdeRig *rig);

/* base: 0x1f0 or 0x170. Lets time pass until BSY is gone; the status, read
 * at the alternate register so that INTRQ stays. */
guint8 rig_wait(IdeRig *rig, guint16 base);
/* Task file and command in one go; device is the device register. */
void rig_command(IdeRig *rig, guint16 base, guint8 device, guint32 lba,
                 guint8 count, guint8 command);
/* A packet command by PIO with the byte count limit; waits for its answer. */
guint8 rig_packet(IdeRig *rig, const guint8 packet[12], guint16 limit);
/* Reads len bytes (even) at the data port. */
void rig_read_data(IdeRig *rig, guint16 base, void *data, unsigned len);
/* A table of one region at 0x1000 for guest address addr. */
void rig_prd(IdeRig *rig, unsigned index, guint32 addr, guint32 len, bool last);
/* Starts the primary channel's bus master; to_memory: disk to guest. */
void rig_bm_start(IdeRig *rig, guint16 bm, bool to_memory);
/* A 32-bit number of guest memory. */
guint32 rig_ram32(IdeRig *rig, guint32 addr);
/* The number at the start of a sector of the disk's image file. */
guint32 rig_image32(IdeRig *rig, guint32 sector);
