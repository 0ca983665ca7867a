/* share/bench-guest/virtio-blk.c - Virtio 1.2 section 5.2, one queue. A slot
 * has three descriptors for ever: header, data, status. */
#include "share/bench-guest/virtio-blk.h"

#include "share/bench-guest/disk.h"
#include "share/bench-guest/irq.h"

#define MAX_UNITS 4u
#define TYPE_IN   0u
#define TYPE_OUT  1u
#define VECTOR    (IRQ_MSI_BASE)

typedef struct {
    u32 type, reserved;
    u64 sector;
} Header;

typedef struct {
    bool open;
    VirtioDev dev;
    Virtq queue;
    Header *headers; /* of each slot */
    volatile u8 *status;
} Unit;

static Unit units[MAX_UNITS];

static void
fill_descriptors(Unit *u)
{
    for (u32 slot = 0; slot < DISK_MAX_DEPTH; slot++) {
        u16 head = (u16) (3 * slot);
        VirtqDesc *d = u->queue.desc + head;
        d[0] = (VirtqDesc){(u32) &u->headers[slot], sizeof(Header), VIRTQ_NEXT,
                           (u16) (head + 1)};
        d[2] = (VirtqDesc){(u32) &u->status[slot], 1, VIRTQ_WRITE, 0};
    }
}

static bool
blk_open(u32 unit)
{
    if (unit >= MAX_UNITS)
        return false;
    Unit *u = &units[unit];
    if (u->open)
        return true;
    if (!virtio_open(&u->dev, VIRTIO_BLK, unit, 0) ||
        !virtq_open(&u->dev, &u->queue, 0, VECTOR + unit) ||
        u->queue.size < 3 * DISK_MAX_DEPTH)
        return false;
    u->headers = memory_take(DISK_MAX_DEPTH * sizeof(Header), 16);
    u->status = memory_take(DISK_MAX_DEPTH, 16);
    fill_descriptors(u);
    virtio_start(&u->dev);
    u->open = true;
    return true;
}

VirtioDev *
virtio_blk_device(u32 unit)
{
    return blk_open(unit) ? &units[unit].dev : NULL;
}

Virtq *
virtio_blk_queue(u32 unit)
{
    return blk_open(unit) ? &units[unit].queue : NULL;
}

static void
blk_submit(u32 unit, const DiskRequest *r)
{
    Unit *u = &units[unit];
    u16 head = (u16) (3 * r->slot);

    u->headers[r->slot].type = r->write ? TYPE_OUT : TYPE_IN;
    u->headers[r->slot].sector = r->sector;
    u->queue.desc[head + 1] = (VirtqDesc){
        (u32) r->data, r->bytes,
        (u16) (VIRTQ_NEXT | (r->write ? 0 : VIRTQ_WRITE)), (u16) (head + 2)};
    u->status[r->slot] = 0xff;
    virtq_offer(&u->queue, head);
}

static void
blk_kick(u32 unit)
{
    virtq_kick(&units[unit].queue);
}

static int
blk_complete(u32 unit, bool poll)
{
    Unit *u = &units[unit];
    int head;

    while ((head = virtq_take(&u->queue, NULL)) < 0)
        virtq_wait(&u->queue, poll);
    return u->status[head / 3] == 0 ? head / 3 : -1;
}

const DiskDriver virtio_blk_driver = {
    "virtio-blk", DISK_MAX_DEPTH, blk_open, blk_submit, blk_kick, blk_complete};
