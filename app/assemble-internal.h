/* app/assemble-internal.h - shared by assemble.c and assemble-media.c. */
#pragma once

#include "app/assemble.h"
#include "devices/machine/pc-i440fx.h"

typedef enum { DRIVE_FLOPPY, DRIVE_DISK, DRIVE_CD } DriveKind;

typedef struct {
    char *name; /* "floppy0", as the profile's section */
    DriveKind kind;
    unsigned unit; /* floppy 0..1; IDE 0..3 */
    /* What the profile wants of every medium in it. */
    bool read_only, snapshot;
    Block *block; /* NULL: empty */
    char *path;   /* of block, for people */
} Drive;

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
    PcDevices pc;
    GMutex media_lock; /* L1 guards drives[].block; held during a change */
    GMutex path_lock;  /* L2 guards drives[].path */
    Drive drives[MACHINE_DRIVES];
    unsigned n_drives;
};

/* After each change of d->block. */
void drive_set_path(Machine *m, Drive *d);
