/* app/assemble-internal.h - shared by the files assemble*.c. */
#pragma once

#include "app/assemble.h"
#include "devices/machine/pc-i440fx.h"
#include "devices/machine/pc-virtio.h"

typedef enum { DRIVE_FLOPPY, DRIVE_DISK, DRIVE_CD } DriveKind;

typedef struct {
    char *name; /* "floppy0", as the profile's section */
    DriveKind kind;
    unsigned number; /* as in its section's name */
    unsigned unit;   /* floppy 0..1; IDE 0..3 */
    /* What the profile wants of every medium in it. */
    bool read_only, snapshot;
    Block *block; /* NULL: empty */
    char *path;   /* of block, for people */
} Drive;

#define MACHINE_NETS 4

typedef struct {
    char *name; /* "net0", as the profile's section */
    unsigned number;
    char *kind, *model;
    guint8 mac[6];
    guint64 capture_limit; /* bytes; 0: none */
    NetLink *link;
    char made[16]; /* macvtap to delete after the link; "": none */
} MachineNic;

#define MACHINE_DRIVES (PC_FLOPPIES + 2 * PC_IDE)

struct Machine {
    char *name, *runtime_dir;
    bool snapshot;
    Vm *vm;
    Display *display;
    Input *input;
    GBytes *bios, *vga_bios;
    CharLink *serial[PC_SERIALS];
    CharLink *firmware_log;
    MachineNic nics[MACHINE_NETS];
    unsigned n_nics;
    PcDevices pc;
    /* chipset=pc-virtio: these, and of pc only the bus */
    Kernel *kernel;
    PcVirtio *minimal;
    GMutex media_lock; /* L1 guards drives[].block; held during a change */
    GMutex path_lock;  /* L2 guards drives[].path */
    Drive drives[MACHINE_DRIVES];
    unsigned n_drives;
};

/* Adds "SECTION.key: " in front of an error, so that it names what to change;
 * returns false. */
bool machine_blame(GError **error, const char *section, const char *key);

/* assemble-cards.c: the PCI devices that the profile names, for any machine.
 * On failure cards is to be cleared all the same. */
bool machine_plug_cards(Machine *m, const Profile *p, PcCards *cards,
                        GError **error);

/* assemble-direct.c: whether the profile is for the minimal machine. */
bool machine_is_minimal(const Profile *p);
/* Its kernel is opened and its devices are made. */
bool machine_build_minimal(Machine *m, const Profile *p, GError **error);

/* assemble-net.c: opens the links that the profile names, before the devices
 * are made; close after them. */
bool machine_open_nets(Machine *m, const Profile *p, GError **error);
void machine_close_nets(Machine *m);

/* After each change of d->block. */
void drive_set_path(Machine *m, Drive *d);
