/* share/bench-guest/virtio.c - see virtio.h. */
#include "share/bench-guest/virtio.h"

#include "share/bench-guest/irq.h"

#define VENDOR     0x1af4u
#define MODERN     0x1040u
#define CAP_VENDOR 0x09u

/* 4.1.4.3 */
#define FEATURE_SELECT        0x00u
#define FEATURE               0x04u
#define DRIVER_FEATURE_SELECT 0x08u
#define DRIVER_FEATURE        0x0cu

#define ACKNOWLEDGE           1u
#define DRIVER                2u
#define VERSION_1             1u /* bit 32 */
#define NO_VECTOR             0xffffu

/* Devices with an old interface as well have numbers of their own. */
static bool
find(VirtioDev *dev, u32 kind, u32 nth)
{
    static const struct {
        u32 kind, device;
    } old[] = {{VIRTIO_NET, 0x1000},     {VIRTIO_BLK, 0x1001},
               {VIRTIO_BALLOON, 0x1002}, {VIRTIO_CONSOLE, 0x1003},
               {VIRTIO_SCSI, 0x1004},    {VIRTIO_RNG, 0x1005}};

    if (pci_find(VENDOR, MODERN + kind, nth, &dev->pci))
        return true;
    for (u32 i = 0; i < COUNT(old); i++)
        if (old[i].kind == kind)
            return pci_find(VENDOR, old[i].device, nth, &dev->pci);
    return false;
}

static void
find_registers(VirtioDev *dev)
{
    u32 cap = 0;

    while ((cap = pci_capability(dev->pci, CAP_VENDOR, cap)) != 0) {
        u32 type = pci_read8(dev->pci, cap + 3);
        if (type == 0 || type > 4)
            continue;
        u32 at = pci_bar(dev->pci, pci_read8(dev->pci, cap + 4)) +
                 pci_read(dev->pci, cap + 8);
        if (type == 1)
            dev->common = at;
        else if (type == 2) {
            dev->notify = at;
            dev->multiplier = pci_read(dev->pci, cap + 16);
        } else if (type == 4)
            dev->config = at;
    }
}

static void
add_status(VirtioDev *dev, u32 bits)
{
    REG8(dev->common + VIRTIO_STATUS) =
        (u8) (REG8(dev->common + VIRTIO_STATUS) | bits);
}

bool
virtio_open(VirtioDev *dev, u32 kind, u32 nth, u32 features)
{
    if (!find(dev, kind, nth))
        return false;
    find_registers(dev);
    pci_enable(dev->pci);
    if (dev->common == 0 || dev->notify == 0)
        return false;
    REG8(dev->common + VIRTIO_STATUS) = 0;
    while (REG8(dev->common + VIRTIO_STATUS) != 0)
        ;
    add_status(dev, ACKNOWLEDGE | DRIVER);
    REG32(dev->common + FEATURE_SELECT) = 0;
    dev->features = REG32(dev->common + FEATURE) & features;
    REG32(dev->common + DRIVER_FEATURE_SELECT) = 0;
    REG32(dev->common + DRIVER_FEATURE) = dev->features;
    REG32(dev->common + DRIVER_FEATURE_SELECT) = 1;
    REG32(dev->common + DRIVER_FEATURE) = VERSION_1;
    add_status(dev, VIRTIO_STATUS_FEATURES_OK);
    REG16(dev->common + VIRTIO_CONFIG_VECTOR) = NO_VECTOR;
    return (REG8(dev->common + VIRTIO_STATUS) & VIRTIO_STATUS_FEATURES_OK) != 0;
}

static void
write64(u32 reg, const volatile void *address)
{
    REG32(reg) = (u32) address;
    REG32(reg + 4) = 0;
}

bool
virtq_open(VirtioDev *dev, Virtq *q, u32 index, u32 vector)
{
    u32 c = dev->common;

    REG16(c + VIRTIO_QUEUE_SELECT) = (u16) index;
    u32 size = REG16(c + VIRTIO_QUEUE_SIZE);
    if (size == 0 || !pci_msix_route(dev->pci, index, vector))
        return false;
    q->size = size < VIRTQ_MAX ? size : VIRTQ_MAX;
    q->index = index;
    q->vector = vector;
    q->seen = 0;
    q->desc = memory_take(q->size * sizeof *q->desc, 4096);
    q->avail = memory_take(sizeof *q->avail, 4096);
    q->used = memory_take(sizeof *q->used, 4096);
    q->doorbell =
        dev->notify + REG16(c + VIRTIO_QUEUE_NOTIFY) * dev->multiplier;
    REG16(c + VIRTIO_QUEUE_SIZE) = (u16) q->size;
    REG16(c + VIRTIO_QUEUE_VECTOR) = (u16) index;
    write64(c + VIRTIO_QUEUE_DESC, q->desc);
    write64(c + VIRTIO_QUEUE_DRIVER, q->avail);
    write64(c + VIRTIO_QUEUE_DEVICE, q->used);
    REG16(c + VIRTIO_QUEUE_ENABLE) = 1;
    return REG16(c + VIRTIO_QUEUE_VECTOR) == index;
}

void
virtio_start(VirtioDev *dev)
{
    add_status(dev, VIRTIO_STATUS_DRIVER_OK);
}

u32
virtio_status(const VirtioDev *dev)
{
    return REG8(dev->common + VIRTIO_STATUS);
}

void
virtq_offer(Virtq *q, u32 head)
{
    u16 idx = q->avail->idx;

    q->avail->ring[idx % q->size] = (u16) head;
    compiler_barrier();
    q->avail->idx = (u16) (idx + 1);
}

void
virtq_ring_doorbell(Virtq *q)
{
    REG16(q->doorbell) = (u16) q->index;
}

void
virtq_kick(Virtq *q)
{
    full_barrier(); /* the index before the flag, 2.7.13.4.1 */
    if ((q->used->flags & VIRTQ_NO_NOTICE) == 0)
        virtq_ring_doorbell(q);
}

int
virtq_take(Virtq *q, u32 *ret_len)
{
    if (q->used->idx == q->seen)
        return -1;
    compiler_barrier();
    u32 at = q->seen++ % q->size;
    if (ret_len != NULL)
        *ret_len = q->used->ring[at].len;
    return (int) q->used->ring[at].id;
}

void
virtq_wait(Virtq *q, bool poll)
{
    q->avail->flags = poll ? VIRTQ_NO_NOTICE : 0;
    full_barrier(); /* the flag before the look */
    while (q->used->idx == q->seen)
        if (!poll)
            irq_wait();
        else
            __asm__ volatile("pause");
}
