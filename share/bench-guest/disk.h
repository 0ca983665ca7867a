/* share/bench-guest/disk.h - what a disk's driver offers. A new driver is a
 * file and a row in disk.c. */
#pragma once

#include "share/bench-guest/guest.h"

#define DISK_MAX_DEPTH 32u
#define DISK_MAX_BYTES (1024u * 1024)
#define DISK_SECTOR    512u

typedef struct {
    u32 slot; /* 0..max_depth - 1, free */
    bool write;
    u32 sector, bytes;
    void *data; /* physically one piece */
} DiskRequest;

typedef struct {
    const char *name;
    u32 max_depth;
    bool (*open)(u32 unit);
    /* Several submits, then one kick. */
    void (*submit)(u32 unit, const DiskRequest *request);
    void (*kick)(u32 unit);
    /* Waits for one: its slot, or -1 when the disk refused. */
    int (*complete)(u32 unit, bool poll);
} DiskDriver;

extern const DiskDriver ide_driver, ahci_driver, virtio_blk_driver;
