/* share/bench-guest/virtio.h - a driver's half of Virtio 1.2 over PCI (4.1)
 * with split rings (2.7). */
#pragma once

#include "share/bench-guest/pci.h"

enum {
    VIRTIO_NET = 1,
    VIRTIO_BLK = 2,
    VIRTIO_CONSOLE = 3,
    VIRTIO_RNG = 4,
    VIRTIO_BALLOON = 5,
    VIRTIO_SCSI = 8,
    VIRTIO_INPUT = 18
};

#define VIRTQ_MAX                 256u
#define VIRTQ_NEXT                1u
#define VIRTQ_WRITE               2u /* the device writes */
#define VIRTQ_INDIRECT            4u
#define VIRTQ_NO_NOTICE           1u

#define VIRTIO_STATUS_DRIVER_OK   4u
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u
/* Common configuration, 4.1.4.3 */
#define VIRTIO_CONFIG_VECTOR 0x10u
#define VIRTIO_STATUS        0x14u
#define VIRTIO_QUEUE_SELECT  0x16u
#define VIRTIO_QUEUE_SIZE    0x18u
#define VIRTIO_QUEUE_VECTOR  0x1au
#define VIRTIO_QUEUE_ENABLE  0x1cu
#define VIRTIO_QUEUE_NOTIFY  0x1eu
#define VIRTIO_QUEUE_DESC    0x20u
#define VIRTIO_QUEUE_DRIVER  0x28u
#define VIRTIO_QUEUE_DEVICE  0x30u

typedef struct {
    u64 addr;
    u32 len;
    u16 flags, next;
} VirtqDesc;

typedef struct {
    u16 flags, idx, ring[VIRTQ_MAX];
} VirtqAvail;

typedef struct {
    u16 flags, idx;
    struct {
        u32 id, len;
    } ring[VIRTQ_MAX];
} VirtqUsed;

typedef struct {
    PciDev pci;
    u32 common, notify, multiplier, config; /* addresses of registers */
    u32 features;                           /* bits 0..31 as agreed */
} VirtioDev;

typedef struct {
    u32 size, index, vector, doorbell;
    u16 seen; /* of used->idx */
    VirtqDesc *desc;
    volatile VirtqAvail *avail;
    volatile VirtqUsed *used;
} Virtq;

/* The nth device of a kind: found, reset, features agreed. */
bool virtio_open(VirtioDev *dev, u32 kind, u32 nth, u32 features);
/* Queue of at most VIRTQ_MAX; vector: its interrupt, a new one each. */
bool virtq_open(VirtioDev *dev, Virtq *q, u32 index, u32 vector);
void virtio_start(VirtioDev *dev);
u32 virtio_status(const VirtioDev *dev);

void virtq_offer(Virtq *q, u32 head);
/* Tells the device, unless it said that it looks by itself. */
void virtq_kick(Virtq *q);
/* Always tells it. */
void virtq_ring_doorbell(Virtq *q);
/* Head of the next buffer that the device is done with, or -1. */
int virtq_take(Virtq *q, u32 *ret_len);
/* Wait until virtq_take() has one: asleep, or looking all the time. */
void virtq_wait(Virtq *q, bool poll);
