/* tests/host/hostile-virtio/packed.c - packed rings that break the rules of
 * Virtio 1.2 section 2.8. All devices that offer such rings get them. */
#include "tests/host/hostile-virtio/victim.h"

#define BEYOND       0x70000000u
#define HOLE         0xc0000000u
#define ROM          0xffff0000u

#define AVAIL        (1u << 7)
#define USED_BIT     (1u << 15)
#define WORD_1       (1u << 0 | 1u << 2)
#define WORD_SELECT  0x08u
#define WORD         0x0cu
#define OFFER_SELECT 0x00u
#define OFFER        0x04u

/* The areas of the split queue serve again: a descriptor has 16 bytes in both
 * kinds of ring; id is where next was, flags come last. */
typedef struct {
    u64 addr;
    u32 len;
    u16 id, flags;
} Slot;

static Slot *
slots(Target *t)
{
    return (Slot *) (u32) t->q.desc;
}

static void
write64(u32 reg, u64 value)
{
    REG32(reg) = (u32) value;
    REG32(reg + 4) = (u32) (value >> 32);
}

/* Once more from reset on, with packed rings; false: it has none. */
static bool
begin_at(Target *t, u64 desc, u64 driver, u64 device, u32 size)
{
    u32 c = t->dev.common;

    REG8(c + VIRTIO_STATUS) = 0;
    while (REG8(c + VIRTIO_STATUS) != 0)
        ;
    REG8(c + VIRTIO_STATUS) = 3;
    REG32(c + OFFER_SELECT) = 1;
    if ((REG32(c + OFFER) & WORD_1) != WORD_1)
        return false;
    REG32(c + WORD_SELECT) = 0;
    REG32(c + WORD) = t->dev.features;
    REG32(c + WORD_SELECT) = 1;
    REG32(c + WORD) = WORD_1;
    REG8(c + VIRTIO_STATUS) = 3 | VIRTIO_STATUS_FEATURES_OK;
    memory_set(t->q.desc, 0, t->q.size * sizeof(Slot));
    memory_set((void *) (u32) t->q.avail, 0, 4);
    memory_set((void *) (u32) t->q.used, 0, 4);
    REG16(c + VIRTIO_QUEUE_SELECT) = (u16) t->q.index;
    REG16(c + VIRTIO_QUEUE_SIZE) = (u16) size;
    write64(c + VIRTIO_QUEUE_DESC, desc);
    write64(c + VIRTIO_QUEUE_DRIVER, driver);
    write64(c + VIRTIO_QUEUE_DEVICE, device);
    REG16(c + VIRTIO_QUEUE_ENABLE) = 1;
    REG8(c + VIRTIO_STATUS) =
        3 | VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK;
    return true;
}

static bool
begin(Target *t)
{
    return begin_at(t, (u32) t->q.desc, (u32) t->q.avail, (u32) t->q.used,
                    t->q.size);
}

/* Available in the first round of the ring. */
static void
put(Target *t, u32 i, u64 addr, u32 len, u32 flags)
{
    slots(t)[i] = (Slot){addr, len, (u16) i, (u16) (flags | AVAIL)};
}

static bool
packed_used(Target *t)
{
    u32 flags = *(volatile u16 *) &slots(t)[0].flags;

    return (flags & AVAIL) != 0 && (flags & USED_BIT) != 0;
}

static u32
outcome(Target *t)
{
    return target_wait(t, packed_used);
}

static u32
buffer(Target *t, u64 addr, u32 len)
{
    if (!begin(t))
        return REFUSED;
    put(t, 0, addr, len, target_flag(t));
    return outcome(t);
}

static u32
beyond_ram(Target *t)
{
    return buffer(t, BEYOND, 512);
}

static u32
address_wraps(Target *t)
{
    return buffer(t, 0xffffffffffffff00ull, 512);
}

static u32
length_0(Target *t)
{
    return buffer(t, (u32) t->page, 0);
}

static u32
length_huge(Target *t)
{
    return buffer(t, (u32) t->page, 0xffffffff);
}

static u32
in_hole(Target *t)
{
    return buffer(t, HOLE, 64);
}

/* Every slot says that another one follows. */
static u32
endless_chain(Target *t)
{
    if (!begin(t))
        return REFUSED;
    for (u32 i = t->q.size; i-- > 0;)
        put(t, i, (u32) t->page, 1, VIRTQ_NEXT | target_flag(t));
    return outcome(t);
}

/* What should follow is not available. */
static u32
torn_chain(Target *t)
{
    if (!begin(t))
        return REFUSED;
    put(t, 0, (u32) t->page, 16, VIRTQ_NEXT | target_flag(t));
    return outcome(t);
}

static u32
read_after_write(Target *t)
{
    if (!begin(t))
        return REFUSED;
    put(t, 1, (u32) t->page, 16, 0);
    put(t, 0, (u32) t->page, 16, VIRTQ_NEXT | VIRTQ_WRITE);
    return outcome(t);
}

/* Both bits of a round that never was: a used slot, which is nobody's. */
static u32
wrong_round(Target *t)
{
    if (!begin(t))
        return REFUSED;
    slots(t)[0] = (Slot){(u32) t->page, t->victim->good_len, 0,
                         (u16) (target_flag(t) | USED_BIT)};
    return outcome(t);
}

static u32
same_id(Target *t)
{
    if (!begin(t))
        return REFUSED;
    for (u32 i = t->q.size; i-- > 0;) {
        put(t, i, (u32) t->page, 1, target_flag(t));
        slots(t)[i].id = 0xffff;
    }
    return outcome(t);
}

/* ---- indirect tables ---- */

static u32
indirect(Target *t, u64 addr, u32 len, u32 flags)
{
    if (!begin(t))
        return REFUSED;
    put(t, 1, (u32) t->page, 16, target_flag(t));
    put(t, 0, addr, len, VIRTQ_INDIRECT | flags);
    return outcome(t);
}

static u32
indirect_unagreed(Target *t)
{
    return indirect(t, (u32) t->page, 16, 0);
}

static u32
indirect_odd(Target *t)
{
    return indirect(t, (u32) t->page, 24, 0);
}

static u32
indirect_and_next(Target *t)
{
    return indirect(t, (u32) t->page, 16, VIRTQ_NEXT);
}

static u32
indirect_huge(Target *t)
{
    return indirect(t, 0x100000, 0xfffffff0, 0);
}

static u32
indirect_in_hole(Target *t)
{
    return indirect(t, HOLE, 32, 0);
}

/* In the middle of a chain, 2.8.7. */
static u32
indirect_in_chain(Target *t)
{
    if (!begin(t))
        return REFUSED;
    put(t, 1, (u32) t->page, 16, VIRTQ_INDIRECT);
    put(t, 0, (u32) t->page, 16, VIRTQ_NEXT | target_flag(t));
    return outcome(t);
}

/* ---- where the ring is ---- */

static u32
areas(Target *t, u64 desc, u64 driver, u64 device, u32 size)
{
    if (!begin_at(t, desc, driver, device, size))
        return REFUSED;
    put(t, 0, (u32) t->page, 0, 0);
    return outcome(t);
}

static u32
ring_beyond_ram(Target *t)
{
    return areas(t, BEYOND, (u32) t->q.avail, (u32) t->q.used, t->q.size);
}

static u32
ring_in_rom(Target *t)
{
    return areas(t, ROM, (u32) t->q.avail, (u32) t->q.used, t->q.size);
}

static u32
ring_misaligned(Target *t)
{
    return areas(t, (u32) t->q.desc + 8, (u32) t->q.avail, (u32) t->q.used,
                 t->q.size);
}

static u32
wishes_in_rom(Target *t)
{
    return areas(t, (u32) t->q.desc, (u32) t->q.avail, ROM, t->q.size);
}

static u32
wishes_in_hole(Target *t)
{
    return areas(t, (u32) t->q.desc, HOLE, (u32) t->q.used, t->q.size);
}

/* Wishes for a place in the ring that there is not. */
static u32
wish_outside(Target *t)
{
    if (!begin(t))
        return REFUSED;
    *(volatile u32 *) (u32) t->q.avail = 0x0002ffff;
    put(t, 0, (u32) t->page, 0, 0);
    return outcome(t);
}

/* The driver turns the whole ring while the device looks. */
static u32
turning(Target *t)
{
    u32 end = IGNORED;

    if (!begin(t))
        return REFUSED;
    for (u32 round = 0; round < 64 && end != RESET; round++) {
        for (u32 i = t->q.size; i-- > 0;)
            slots(t)[i] = (Slot){(u32) t->page, round % 3, (u16) (i * 7),
                                 (u16) (target_flag(t) |
                                        (round % 2 == 0 ? AVAIL : USED_BIT) |
                                        (i % 5 == 0 ? VIRTQ_NEXT : 0))};
        virtq_ring_doorbell(&t->q);
        alarm_set(1);
        do
            end = virtio_status(&t->dev) & VIRTIO_STATUS_NEEDS_RESET ? RESET
                                                                     : IGNORED;
        while (end != RESET && !alarm_rang());
    }
    return end;
}

#define ANY (RESET | USED | IGNORED)

/* clang-format off */
const Attack packed_attacks[] = {
    { "VQ03-packed-beyond-ram",    NULL, RESET, 0, false, beyond_ram },
    { "VQ03-packed-wraps",         NULL, RESET, 0, false, address_wraps },
    { "VQ04-packed-length-0",      NULL, RESET, 0, false, length_0 },
    { "VQ04-packed-ffffffff",      NULL, RESET, 0, false, length_huge },
    { "VQ06-packed-pci-hole",      NULL, RESET, 0, false, in_hole },
    { "VQ08-packed-odd-table",     NULL, RESET, FEATURE_INDIRECT, false, indirect_odd },
    { "VQ08-packed-and-next",      NULL, RESET, FEATURE_INDIRECT, false, indirect_and_next },
    { "VQ08-packed-huge-table",    NULL, RESET, FEATURE_INDIRECT, false, indirect_huge },
    { "VQ08-packed-table-in-hole", NULL, RESET, FEATURE_INDIRECT, false, indirect_in_hole },
    { "VQ08-packed-in-chain",      NULL, RESET, FEATURE_INDIRECT, false, indirect_in_chain },
    { "VQ09-packed-unagreed",      NULL, RESET, 0, false, indirect_unagreed },
    { "VQ10-packed-read-last",     NULL, RESET, 0, false, read_after_write },
    { "VQ13-packed-beyond-ram",    NULL, RESET, 0, false, ring_beyond_ram },
    { "VQ13-packed-misaligned",    NULL, RESET, 0, false, ring_misaligned },
    { "VQ13-packed-in-hole",       NULL, RESET, 0, false, wishes_in_hole },
    { "VQ21-packed-in-rom",        NULL, RESET, 0, false, ring_in_rom },
    { "VQ21-packed-wishes-in-rom", NULL, RESET, 0, false, wishes_in_rom },
    { "VQ23-packed-endless",       NULL, RESET, 0, false, endless_chain },
    { "VQ23-packed-torn",          NULL, RESET | IGNORED, 0, false, torn_chain },
    { "VQ23-packed-wrong-round",   NULL, IGNORED, 0, false, wrong_round },
    { "VQ23-packed-one-id",        NULL, ANY, 0, false, same_id },
    { "VQ23-packed-turning",       NULL, RESET | IGNORED, 0, false, turning },
    { "VQ24-packed-wish-outside",  NULL, ANY, 0, false, wish_outside },
    { NULL, NULL, 0, 0, false, NULL },
};
/* clang-format on */
