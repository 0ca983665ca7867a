/* tests/host/hostile-virtio/devices.c - good rings with bad requests: Virtio
 * 1.2 sections 5.1 (net), 5.2 (block), 5.3 (console), 5.4 (entropy), 5.5
 * (balloon). */
#include "tests/host/hostile-virtio/victim.h"

#define PAGE     4096u
#define IN       0u
#define OUT      1u
#define OK       0u
#define IOERR    1u
#define UNSUPP   2u
#define NO_STATE 0xffu

/* ---- block: page 0 header, pages 1.. data, page 15 status ---- */

static void
blk_header(Target *t, u32 type, u64 sector)
{
    *(u32 *) t->page = type;
    *(u64 *) (t->page + 8) = sector;
    t->page[15 * PAGE] = NO_STATE;
}

/* USED: the device says that it cannot, and wrote nothing else. */
static u32
blk_answer(Target *t, u32 outcome, u32 wanted)
{
    u32 status = *(volatile u8 *) &t->page[15 * PAGE];

    if (outcome != USED)
        return outcome;
    return status == wanted ? USED : IGNORED;
}

static u32
blk_request(Target *t, u32 type, u64 sector, u32 len, u32 wanted)
{
    u32 flags = type == OUT || type > 10 ? 0 : VIRTQ_WRITE;

    blk_header(t, type, sector);
    target_desc(t, 0, (u32) t->page, 16, VIRTQ_NEXT, 1);
    target_desc(t, 1, (u32) t->page + PAGE, len, VIRTQ_NEXT | flags, 2);
    target_desc(t, 2, (u32) t->page + 15 * PAGE, 1, VIRTQ_WRITE, 0);
    return blk_answer(t, target_offer(t, 0), wanted);
}

static u32
blk_short_header(Target *t)
{
    target_desc(t, 0, (u32) t->page, 15, VIRTQ_NEXT, 1);
    target_desc(t, 1, (u32) t->page + 15 * PAGE, 1, VIRTQ_WRITE, 0);
    return target_offer(t, 0);
}

static u32
blk_no_status(Target *t)
{
    blk_header(t, OUT, 0);
    target_desc(t, 0, (u32) t->page, 16, VIRTQ_NEXT, 1);
    target_desc(t, 1, (u32) t->page + PAGE, 512, 0, 0);
    return target_offer(t, 0);
}

static u32
blk_only_status(Target *t)
{
    target_desc(t, 0, (u32) t->page + 15 * PAGE, 1, VIRTQ_WRITE, 0);
    return target_offer(t, 0);
}

/* Legal since Virtio 1.0: a header in sixteen pieces. */
static u32
blk_header_in_pieces(Target *t)
{
    blk_header(t, IN, 0);
    for (u32 i = 0; i < 16; i++)
        target_desc(t, i, (u32) t->page + i, 1, VIRTQ_NEXT, i + 1);
    target_desc(t, 16, (u32) t->page + PAGE, 512, VIRTQ_NEXT | VIRTQ_WRITE, 17);
    target_desc(t, 17, (u32) t->page + 15 * PAGE, 1, VIRTQ_WRITE, 0);
    return blk_answer(t, target_offer(t, 0), OK);
}

static u32
blk_past_end(Target *t)
{
    return blk_request(t, IN, 0x7fffffff, 512, IOERR);
}

static u32
blk_sector_overflows(Target *t)
{
    return blk_request(t, IN, 0x0080000000000000ull, 512, IOERR);
}

static u32
blk_across_end(Target *t)
{
    return blk_request(t, IN, 2047, 4096, IOERR); /* of 2048 sectors */
}

static u32
blk_odd_length(Target *t)
{
    return blk_request(t, IN, 0, 511, IOERR);
}

static u32
blk_unknown_type(Target *t)
{
    return blk_request(t, 0x7777, 0, 512, UNSUPP);
}

static u32
blk_id_short(Target *t)
{
    u32 outcome = blk_request(t, 8, 0, 3, IOERR);

    return outcome == IGNORED ? USED : outcome; /* any status is an answer */
}

/* The second disk is read-only. */
static u32
blk_write_read_only(Target *t)
{
    Victim other = *t->victim;

    other.nth = 1;
    if (!target_open(t, &other, 0))
        return REFUSED;
    target_start(t);
    memory_set(t->page + PAGE, 0xee, PAGE);
    return blk_request(t, OUT, 0, 512, IOERR);
}

/* What is under way when the device is reset must not land afterwards. */
static u32
blk_reset_in_flight(Target *t)
{
    const Victim *v = t->victim;
    u32 bad = 0;

    for (u32 round = 0; round < 50; round++) {
        blk_header(t, IN, 0);
        for (u32 i = 0; i + 2 < t->q.size && i < 96; i += 3) {
            target_desc(t, i, (u32) t->page, 16, VIRTQ_NEXT, i + 1);
            target_desc(t, i + 1, (u32) t->page + PAGE, 4096,
                        VIRTQ_NEXT | VIRTQ_WRITE, i + 2);
            target_desc(t, i + 2, (u32) t->page + 15 * PAGE, 1, VIRTQ_WRITE, 0);
            virtq_offer(&t->q, i);
        }
        virtq_ring_doorbell(&t->q);
        REG8(t->dev.common + VIRTIO_STATUS) = 0;
        while (REG8(t->dev.common + VIRTIO_STATUS) != 0)
            ;
        memory_set(t->page + PAGE, 0xcc, PAGE);
        alarm_set(5);
        while (!alarm_rang())
            ;
        for (u32 i = 0; i < PAGE; i++)
            bad += t->page[PAGE + i] != 0xcc;
        if (!target_open(t, v, 0))
            return REFUSED;
        target_start(t);
    }
    return bad == 0 ? IGNORED : USED;
}

/* ---- net: the header, then the frame ---- */

static u32
net_send(Target *t, u32 len)
{
    target_desc(t, 0, (u32) t->page, len, 0, 0);
    return target_offer(t, 0);
}

static u32
net_no_header(Target *t)
{
    return net_send(t, 5);
}

static u32
net_only_header(Target *t)
{
    return net_send(t, 12);
}

static u32
net_too_long(Target *t)
{
    target_desc(t, 0, (u32) t->page, 12, VIRTQ_NEXT, 1);
    target_desc(t, 1, 0x200000, 70000, 0, 0);
    return target_offer(t, 0);
}

/* flags, gso_type, hdr_len, gso_size, csum_start, csum_offset */
static u32
net_offload(Target *t, u32 flags, u32 type, u32 len, u32 gso, u32 start,
            u32 offset)
{
    t->page[0] = (u8) flags;
    t->page[1] = (u8) type;
    *(u16 *) (t->page + 2) = (u16) len;
    *(u16 *) (t->page + 4) = (u16) gso;
    *(u16 *) (t->page + 6) = (u16) start;
    *(u16 *) (t->page + 8) = (u16) offset;
    return net_send(t, 12 + 1500);
}

static u32
net_gso_0(Target *t)
{
    return net_offload(t, 1, 1, 54, 0, 34, 16);
}

static u32
net_gso_unknown(Target *t)
{
    return net_offload(t, 1, 0x7f, 0xffff, 0xffff, 0, 0);
}

static u32
net_checksum_outside(Target *t)
{
    return net_offload(t, 1, 0, 0, 0, 0xffff, 0xffff);
}

static u32
net_write_buffer(Target *t)
{
    target_desc(t, 0, (u32) t->page, 100, VIRTQ_WRITE, 0);
    return target_offer(t, 0);
}

/* The receive queue with room for nothing. */
static u32
net_tiny_receive(Target *t)
{
    Virtq rx;

    if (!virtio_open(&t->dev, t->victim->kind, 0, 0) ||
        !virtq_open(&t->dev, &rx, 0, t->q.vector) ||
        !virtq_open(&t->dev, &t->q, 1, t->q.vector))
        return REFUSED;
    for (u32 i = 0; i < rx.size; i++) {
        rx.desc[i] = (VirtqDesc){(u32) t->page, 1, VIRTQ_WRITE, 0};
        virtq_offer(&rx, i);
    }
    target_start(t);
    virtq_ring_doorbell(&rx);
    return net_send(t, 76);
}

/* ---- entropy ---- */

static u32
rng_64_mib(Target *t)
{
    target_desc(t, 0, 0x800000, 64u << 20, VIRTQ_WRITE, 0);
    return target_offer(t, 0);
}

static u32
rng_to_read(Target *t)
{
    target_desc(t, 0, (u32) t->page, 64, 0, 0);
    return target_offer(t, 0);
}

/* ---- balloon: page numbers ---- */

static u32
balloon_pages(Target *t, u32 first, u32 step, u32 n)
{
    for (u32 i = 0; i < n; i++)
        ((u32 *) t->page)[i] = first + i * step;
    target_desc(t, 0, (u32) t->page, 4 * n, 0, 0);
    return target_offer(t, 0);
}

static u32
balloon_beyond(Target *t)
{
    return balloon_pages(t, 0x70000, 1, 256);
}

static u32
balloon_rom(Target *t)
{
    return balloon_pages(t, 0xffff0, 1, 16);
}

static u32
balloon_top(Target *t)
{
    return balloon_pages(t, 0xffffff00, 1, 256);
}

static u32
balloon_twice(Target *t)
{
    return balloon_pages(t, (u32) t->spare / PAGE, 0, 256);
}

static u32
balloon_odd(Target *t)
{
    target_desc(t, 0, (u32) t->page, 7, 0, 0);
    return target_offer(t, 0);
}

static u32
balloon_1_mib(Target *t)
{
    target_desc(t, 0, 0x800000, 1u << 20, 0, 0);
    return target_offer(t, 0);
}

/* ---- console ---- */

static u32
console_flood(Target *t)
{
    u32 outcome = IGNORED;

    memory_set(t->page, 0x1b, PAGE);
    for (u32 i = 0; i < 64; i++) {
        target_desc(t, 0, (u32) t->page, PAGE, 0, 0);
        outcome = target_offer(t, 0);
        if (outcome != USED || virtq_take(&t->q, NULL) < 0)
            break;
    }
    return outcome;
}

static u32
console_to_write(Target *t)
{
    target_desc(t, 0, (u32) t->page, PAGE, VIRTQ_WRITE, 0);
    return target_offer(t, 0);
}

#define BLK     "virtio-blk"
#define NET     "virtio-net"
#define RNG     "virtio-rng"
#define BALLOON "virtio-balloon"
#define CONSOLE "virtio-console"

/* clang-format off */
const Attack device_attacks[] = {
    { "VD01-short-header",     BLK, RESET | USED, 0, true, blk_short_header },
    { "VD01-no-status",        BLK, RESET,        0, true, blk_no_status },
    { "VD01-only-status",      BLK, RESET,        0, true, blk_only_status },
    { "VD01-header-in-pieces", BLK, USED,         0, true, blk_header_in_pieces },
    { "VD02-past-the-end",     BLK, USED,         0, true, blk_past_end },
    { "VD02-sector-overflows", BLK, USED,         0, true, blk_sector_overflows },
    { "VD02-across-the-end",   BLK, USED,         0, true, blk_across_end },
    { "VD02-length-511",       BLK, USED,         0, true, blk_odd_length },
    { "VD03-read-only-disk",   BLK, USED,         0, true, blk_write_read_only },
    { "VD05-unknown-type",     BLK, USED,         0, true, blk_unknown_type },
    { "VD05-id-of-3-bytes",    BLK, USED,         0, true, blk_id_short },
    { "VQ19-nothing-lands",    BLK, IGNORED,      0, true, blk_reset_in_flight },
    { "VD08-no-header",        NET, RESET | USED, 0, true, net_no_header },
    { "VD08-no-frame",         NET, RESET | USED, 0, true, net_only_header },
    { "VD08-70000-bytes",      NET, RESET | USED, 0, true, net_too_long },
    { "VD08-gso-size-0",       NET, RESET | USED, 0, true, net_gso_0 },
    { "VD08-gso-unknown",      NET, RESET | USED, 0, true, net_gso_unknown },
    { "VD08-checksum-outside", NET, RESET | USED, 0, true, net_checksum_outside },
    { "VD08-buffer-to-write",  NET, RESET | USED, 0, true, net_write_buffer },
    { "VD09-receive-1-byte",   NET, RESET | USED, 0, false, net_tiny_receive },
    { "VD11-beyond-ram",       BALLOON, USED,     0, true, balloon_beyond },
    { "VD11-rom",              BALLOON, USED,     0, true, balloon_rom },
    { "VD11-top",              BALLOON, USED,     0, true, balloon_top },
    { "VD11-one-page-often",   BALLOON, USED,     0, true, balloon_twice },
    { "VD11-7-bytes",          BALLOON, RESET | USED, 0, true, balloon_odd },
    { "VD11-1-mib-of-numbers", BALLOON, RESET | USED, 0, true, balloon_1_mib },
    { "VD12-64-mib",           RNG, RESET | USED, 0, true, rng_64_mib },
    { "VD12-buffer-to-read",   RNG, RESET | USED, 0, true, rng_to_read },
    { "VD13-flood",            CONSOLE, USED,     0, true, console_flood },
    { "VD13-buffer-to-write",  CONSOLE, RESET | USED, 0, true, console_to_write },
    { NULL, NULL, 0, 0, false, NULL },
};
/* clang-format on */
