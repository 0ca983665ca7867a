/* tests/host/hostile-virtio/rings.c - rings that break the rules of Virtio 1.2
 * section 2.7. All devices get them; where a buffer's content would matter, the
 * ring is wrong before. */
#include "tests/host/hostile-virtio/victim.h"

#define BEYOND   0x70000000u /* RAM ends before, nothing begins there */
#define HOLE     0xc0000000u /* BARs */
#define ROM      0xffff0000u
#define ALL_BITS 0xffffffffffffff00ull

/* ---- chains ---- */

static u32
self_loop(Target *t)
{
    target_desc(t, 0, (u32) t->page, 16, VIRTQ_NEXT, 0);
    return target_offer(t, 0);
}

static u32
two_loop(Target *t)
{
    target_desc(t, 0, (u32) t->page, 16, VIRTQ_NEXT, 1);
    target_desc(t, 1, (u32) t->page, 16, VIRTQ_NEXT, 0);
    return target_offer(t, 0);
}

static u32
whole_loop(Target *t)
{
    for (u32 i = 0; i < t->q.size; i++)
        target_desc(t, i, (u32) t->page, 1, VIRTQ_NEXT, (i + 1) % t->q.size);
    return target_offer(t, 0);
}

static u32
next_outside(Target *t)
{
    target_desc(t, 0, (u32) t->page, 16, VIRTQ_NEXT, t->q.size);
    return target_offer(t, 0);
}

static u32
head_outside(Target *t)
{
    return target_offer(t, t->q.size);
}

static u32
head_huge(Target *t)
{
    return target_offer(t, 0xffff);
}

static u32
read_after_write(Target *t)
{
    target_desc(t, 0, (u32) t->page, 16, VIRTQ_WRITE | VIRTQ_NEXT, 1);
    target_desc(t, 1, (u32) t->page, 16, 0, 0);
    return target_offer(t, 0);
}

/* ---- buffers ---- */

static u32
buffer(Target *t, u64 addr, u32 len)
{
    target_desc(t, 0, addr, len, target_flag(t), 0);
    return target_offer(t, 0);
}

static u32
addr_beyond(Target *t)
{
    return buffer(t, BEYOND, 512);
}

static u32
addr_wraps(Target *t)
{
    return buffer(t, ALL_BITS, 512);
}

static u32
addr_above_4g(Target *t)
{
    return buffer(t, 0x7fffffff00000000ull, 64);
}

static u32
addr_in_hole(Target *t)
{
    return buffer(t, HOLE, 64);
}

static u32
addr_is_own_bar(Target *t)
{
    return buffer(t, t->dev.common, 64);
}

static u32
addr_crosses_end(Target *t)
{
    return buffer(t, (256u << 20) - 256, 512);
}

static u32
addr_in_rom(Target *t)
{
    return buffer(t, ROM, 64);
}

static u32
len_zero(Target *t)
{
    return buffer(t, (u32) t->page, 0);
}

static u32
len_huge(Target *t)
{
    return buffer(t, (u32) t->page, 0xffffffff);
}

static u32
sum_huge(Target *t)
{
    for (u32 i = 0; i < 64; i++)
        target_desc(t, i, 0x100000, 128u << 20,
                    target_flag(t) | (i < 63 ? VIRTQ_NEXT : 0), i + 1);
    return target_offer(t, 0);
}

/* ---- indirect tables ---- */

static u32
indirect_unagreed(Target *t)
{
    VirtqDesc *table = (VirtqDesc *) t->page;

    table[0] = (VirtqDesc){(u32) t->page + 4096, 16, (u16) target_flag(t), 0};
    target_desc(t, 0, (u32) table, 16, VIRTQ_INDIRECT, 0);
    return target_offer(t, 0);
}

static u32
indirect(Target *t, u64 addr, u32 len, u32 flags)
{
    target_desc(t, 0, addr, len, VIRTQ_INDIRECT | flags, 1);
    target_desc(t, 1, (u32) t->page + 8192, 16, target_flag(t), 0);
    return target_offer(t, 0);
}

static u32
indirect_nested(Target *t)
{
    VirtqDesc *table = (VirtqDesc *) t->page;

    table[0] = (VirtqDesc){(u32) t->page + 4096, 16, VIRTQ_INDIRECT, 0};
    return indirect(t, (u32) table, 16, 0);
}

static u32
indirect_and_next(Target *t)
{
    return indirect(t, (u32) t->page, 16, VIRTQ_NEXT);
}

static u32
indirect_odd_len(Target *t)
{
    return indirect(t, (u32) t->page, 24, 0);
}

static u32
indirect_empty(Target *t)
{
    return indirect(t, (u32) t->page, 0, 0);
}

static u32
indirect_huge(Target *t)
{
    return indirect(t, 0x100000, 0xfffffff0, 0);
}

static u32
indirect_in_hole(Target *t)
{
    return indirect(t, HOLE, 16, 0);
}

static u32
indirect_loop(Target *t)
{
    VirtqDesc *table = (VirtqDesc *) t->page;

    table[0] = (VirtqDesc){(u32) t->page + 4096, 16, VIRTQ_NEXT, 1};
    table[1] = (VirtqDesc){(u32) t->page + 4096, 16, VIRTQ_NEXT, 0};
    return indirect(t, (u32) table, 32, 0);
}

/* ---- indices ---- */

static u32
index_jumps(Target *t)
{
    t->q.avail->idx = (u16) (t->q.avail->idx + t->q.size + 1);
    return target_outcome(t);
}

static u32
index_goes_back(Target *t)
{
    t->q.avail->idx = (u16) (t->q.avail->idx - 1);
    return target_outcome(t);
}

/* The same head in every entry, and used entries are never looked at. */
static u32
never_consumed(Target *t)
{
    target_desc(t, 0, (u32) t->page, 1, target_flag(t), 0);
    for (u32 round = 0; round < 64; round++) {
        for (u32 i = 0; i < t->q.size; i++)
            virtq_offer(&t->q, 0);
        virtq_ring_doorbell(&t->q);
    }
    return target_outcome(t);
}

/* ---- where the ring is ---- */

static void
write64(u32 reg, u64 value)
{
    REG32(reg) = (u32) value;
    REG32(reg + 4) = (u32) (value >> 32);
}

static u32
move_ring(Target *t, u32 part, u64 where)
{
    u32 c = t->dev.common;

    REG16(c + VIRTIO_QUEUE_SELECT) = (u16) t->q.index;
    REG16(c + VIRTIO_QUEUE_ENABLE) = 0;
    write64(c + part, where);
    REG16(c + VIRTIO_QUEUE_ENABLE) = 1;
    target_start(t);
    return target_offer(t, 0);
}

/* virtq_open() enabled the queue already, so the device is reset for this. */
static u32
ring_at(Target *t, u32 part, u64 where)
{
    u32 features = t->dev.features;

    if (!virtio_open(&t->dev, t->victim->kind, t->victim->nth, features))
        return REFUSED;
    write64(t->dev.common + VIRTIO_QUEUE_SELECT, 0);
    REG16(t->dev.common + VIRTIO_QUEUE_SELECT) = (u16) t->q.index;
    write64(t->dev.common + VIRTIO_QUEUE_DESC, (u32) t->q.desc);
    write64(t->dev.common + VIRTIO_QUEUE_DRIVER, (u32) t->q.avail);
    write64(t->dev.common + VIRTIO_QUEUE_DEVICE, (u32) t->q.used);
    return move_ring(t, part, where);
}

static u32
desc_beyond(Target *t)
{
    return ring_at(t, VIRTIO_QUEUE_DESC, BEYOND);
}

static u32
desc_at_top(Target *t)
{
    return ring_at(t, VIRTIO_QUEUE_DESC, 0xfffffffffffffff0ull);
}

static u32
desc_odd(Target *t)
{
    return ring_at(t, VIRTIO_QUEUE_DESC, (u32) t->page + 1);
}

static u32
avail_in_hole(Target *t)
{
    return ring_at(t, VIRTIO_QUEUE_DRIVER, HOLE);
}

static u32
used_in_rom(Target *t)
{
    return ring_at(t, VIRTIO_QUEUE_DEVICE, ROM);
}

static u32
used_is_desc(Target *t)
{
    return ring_at(t, VIRTIO_QUEUE_DEVICE, (u32) t->q.desc);
}

#define ANY (RESET | USED | IGNORED | REFUSED)

/* clang-format off */
const Attack ring_attacks[] = {
    { "VQ01-self-loop",         NULL, RESET, 0, true, self_loop },
    { "VQ01-loop-of-two",       NULL, RESET, 0, true, two_loop },
    { "VQ01-loop-of-all",       NULL, RESET, 0, true, whole_loop },
    { "VQ02-next-outside",      NULL, RESET, 0, true, next_outside },
    { "VQ02-head-outside",      NULL, RESET, 0, true, head_outside },
    { "VQ02-head-ffff",         NULL, RESET, 0, true, head_huge },
    { "VQ03-beyond-ram",        NULL, RESET, 0, true, addr_beyond },
    { "VQ03-address-wraps",     NULL, RESET, 0, true, addr_wraps },
    { "VQ03-above-4g",          NULL, RESET, 0, true, addr_above_4g },
    { "VQ04-length-0",          NULL, RESET, 0, true, len_zero },
    { "VQ04-length-ffffffff",   NULL, RESET, 0, true, len_huge },
    { "VQ04-sum-8g",            NULL, RESET, 0, true, sum_huge },
    { "VQ06-pci-hole",          NULL, RESET, 0, true, addr_in_hole },
    { "VQ06-own-registers",     NULL, RESET, 0, true, addr_is_own_bar },
    { "VQ06-crosses-ram-end",   NULL, RESET, 0, true, addr_crosses_end },
    { "VQ07-rom",               "virtio-rng", RESET, 0, true, addr_in_rom },
    { "VQ08-indirect-nested",   NULL, RESET, FEATURE_INDIRECT, true, indirect_nested },
    { "VQ08-indirect-and-next", NULL, RESET, FEATURE_INDIRECT, true, indirect_and_next },
    { "VQ08-indirect-len-24",   NULL, RESET, FEATURE_INDIRECT, true, indirect_odd_len },
    { "VQ08-indirect-len-0",    NULL, RESET, FEATURE_INDIRECT, true, indirect_empty },
    { "VQ08-indirect-len-huge", NULL, RESET, FEATURE_INDIRECT, true, indirect_huge },
    { "VQ08-indirect-in-hole",  NULL, RESET, FEATURE_INDIRECT, true, indirect_in_hole },
    { "VQ08-indirect-loop",     NULL, RESET, FEATURE_INDIRECT, true, indirect_loop },
    { "VQ09-indirect-unagreed", NULL, RESET, 0, true, indirect_unagreed },
    { "VQ10-read-after-write",  NULL, RESET, 0, true, read_after_write },
    { "VQ11-index-jumps",       NULL, RESET, 0, true, index_jumps },
    { "VQ11-index-goes-back",   NULL, RESET, 0, true, index_goes_back },
    { "VQ13-ring-beyond-ram",   NULL, RESET | REFUSED, 0, false, desc_beyond },
    { "VQ13-ring-at-the-top",   NULL, RESET | REFUSED, 0, false, desc_at_top },
    { "VQ13-ring-misaligned",   NULL, RESET | REFUSED, 0, false, desc_odd },
    { "VQ13-avail-in-hole",     NULL, RESET | REFUSED, 0, false, avail_in_hole },
    { "VQ13-used-is-desc",      NULL, ANY, 0, false, used_is_desc },
    { "VQ21-used-in-rom",       NULL, RESET | REFUSED, 0, false, used_in_rom },
    { "VQ25-never-consumed",    NULL, RESET | USED, 0, true, never_consumed },
    { NULL, NULL, 0, 0, false, NULL },
};
/* clang-format on */
