/* tests/host/hostile-virtio/scsi.c - good rings with bad requests: Virtio 1.2
 * sections 5.6 (SCSI host) and 5.8 (input). The disk has 2048 sectors. */
#include "tests/host/hostile-virtio/victim.h"

#define PAGE       4096u
#define GOOD       0u
#define CHECK      2u /* status: CHECK CONDITION */
#define BAD_TARGET (3u << 8)

/* ---- SCSI: requests ---- */

/* USED: it answered as it should. */
static u32
ask(Target *t, const u8 *cdb, u32 cdb_len, u32 data_len, u32 wanted)
{
    target_scsi(t, cdb, cdb_len, data_len);
    u32 outcome = target_offer(t, 0);
    if (outcome != USED)
        return outcome;
    return target_scsi_answer(t) == wanted ? USED : IGNORED;
}

/* A first request of a unit that was reset may fail: it says so. */
static void
calm(Target *t)
{
    static const u8 ready[] = {0, 0, 0, 0, 0, 0};

    for (u32 i = 0; i < 3; i++) {
        target_scsi(t, ready, sizeof ready, 0);
        if (target_offer(t, 0) != USED || virtq_take(&t->q, NULL) < 0 ||
            target_scsi_answer(t) == GOOD)
            return;
    }
}

static u32
short_request(Target *t)
{
    static const u8 cdb[] = {0x12, 0, 0, 0, 36, 0};

    target_scsi(t, cdb, sizeof cdb, 36);
    t->q.desc[0].len = SCSI_CDB;
    return target_offer(t, 0);
}

static u32
no_answer(Target *t)
{
    static const u8 cdb[] = {0x12, 0, 0, 0, 36, 0};

    target_scsi(t, cdb, sizeof cdb, 36);
    t->q.desc[0].flags = 0;
    return target_offer(t, 0);
}

static u32
short_answer(Target *t)
{
    static const u8 cdb[] = {0x12, 0, 0, 0, 36, 0};

    target_scsi(t, cdb, sizeof cdb, 0);
    t->q.desc[1].len = 4;
    return target_offer(t, 0);
}

static u32
unit(Target *t, u32 a, u32 b, u32 c, u32 d, u32 wanted)
{
    static const u8 cdb[] = {0, 0, 0, 0, 0, 0};

    target_scsi(t, cdb, sizeof cdb, 0);
    t->page[0] = (u8) a;
    t->page[1] = (u8) b;
    t->page[2] = (u8) c;
    t->page[3] = (u8) d;
    u32 outcome = target_offer(t, 0);
    return outcome == USED && target_scsi_answer(t) != wanted ? IGNORED
                                                              : outcome;
}

static u32
no_such_target(Target *t)
{
    return unit(t, 1, 255, 0x40, 0, BAD_TARGET);
}

static u32
no_such_address(Target *t)
{
    return unit(t, 0xff, 0xff, 0xff, 0xff, BAD_TARGET);
}

static u32
no_such_command(Target *t)
{
    static const u8 cdb[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    calm(t);
    return ask(t, cdb, sizeof cdb, 0, CHECK);
}

static u32
past_the_end(Target *t)
{
    static const u8 cdb[16] = {0x88, 0,    0, 0, 0, 0, 0x7f, 0xff,
                               0xff, 0xff, 0, 0, 0, 1, 0,    0};

    calm(t);
    return ask(t, cdb, sizeof cdb, 512, CHECK);
}

static u32
sector_overflows(Target *t)
{
    static const u8 cdb[16] = {0x88, 0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                               0xff, 0xff, 0,    0,    0,    2,    0,    0};

    calm(t);
    return ask(t, cdb, sizeof cdb, 1024, CHECK);
}

static u32
across_the_end(Target *t)
{
    static const u8 cdb[10] = {0x28, 0, 0, 0, 0x07, 0xff, 0, 0, 8, 0};

    calm(t);
    return ask(t, cdb, sizeof cdb, 4096, CHECK);
}

/* 2000 sectors into room for one: what does not fit goes nowhere. */
static u32
room_too_small(Target *t)
{
    static const u8 cdb[10] = {0x28, 0, 0, 0, 0, 0, 0, 0x07, 0xd0, 0};
    u32 bad = 0;

    calm(t);
    memory_set(t->page + 2 * PAGE, 0xcc, PAGE);
    target_scsi(t, cdb, sizeof cdb, 512);
    u32 outcome = target_offer(t, 0);
    for (u32 i = 512; i < PAGE; i++)
        bad += t->page[2 * PAGE + i] != 0xcc;
    if (outcome == USED && target_scsi_answer(t) == GOOD)
        return IGNORED;
    return bad == 0 ? outcome : IGNORED;
}

/* A write whose data are to be written by the device. */
static u32
write_from_nothing(Target *t)
{
    static const u8 cdb[10] = {0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0};

    calm(t);
    target_scsi(t, cdb, sizeof cdb, 512);
    u32 outcome = target_offer(t, 0);
    return outcome == USED && target_scsi_answer(t) == GOOD ? IGNORED : outcome;
}

static u32
data_out(Target *t, const u8 *cdb, u32 cdb_len, const u8 *data, u32 data_len)
{
    calm(t);
    target_scsi(t, cdb, cdb_len, 0);
    for (u32 i = 0; i < data_len; i++)
        t->page[2 * PAGE + i] = data[i];
    target_desc(t, 0, (u32) t->page, SCSI_REQUEST, VIRTQ_NEXT, 2);
    target_desc(t, 2, (u32) t->page + 2 * PAGE, data_len, VIRTQ_NEXT, 1);
    target_desc(t, 1, (u32) t->page + PAGE, SCSI_RESPONSE, VIRTQ_WRITE, 0);
    u32 outcome = target_offer(t, 0);
    return outcome == USED && target_scsi_answer(t) == GOOD ? IGNORED : outcome;
}

/* UNMAP of more than its list has, beyond the disk. */
static u32
unmap_overruns(Target *t)
{
    static const u8 cdb[10] = {0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0};
    static const u8 list[24] = {0xff, 0xff, 0xff, 0xf0, 0,    0,    0,    0,
                                0,    0,    0,    0,    0x7f, 0xff, 0xff, 0xff,
                                0xff, 0xff, 0xff, 0xff, 0,    0,    0,    0};

    return data_out(t, cdb, sizeof cdb, list, sizeof list);
}

static u32
mode_select_junk(Target *t)
{
    static const u8 cdb[10] = {0x55, 0x11, 0, 0, 0, 0, 0, 0xff, 0xff, 0};
    static const u8 list[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return data_out(t, cdb, sizeof cdb, list, sizeof list);
}

/* Room for no byte, or for less than a header, in commands that have one. */
static u32
tiny_rooms(Target *t)
{
    static const u8 cdbs[][12] = {{0x12, 0, 0, 0, 0, 0},
                                  {0x12, 1, 0xff, 0xff, 0xff, 0},
                                  {0x03, 0, 0, 0, 1, 0},
                                  {0x1a, 0, 0x3f, 0xff, 3, 0},
                                  {0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 1, 0},
                                  {0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0},
                                  {0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                                  {0x4d, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0}};
    u32 outcome = USED, bad = 0;

    for (u32 i = 0; i < COUNT(cdbs) && outcome == USED; i++) {
        memory_set(t->page + 2 * PAGE, 0xcc, 64);
        target_scsi(t, cdbs[i], 12, 1);
        outcome = target_offer(t, 0);
        (void) virtq_take(&t->q, NULL);
        for (u32 k = 1; k < 64; k++)
            bad += t->page[2 * PAGE + k] != 0xcc;
    }
    return bad == 0 ? outcome : IGNORED;
}

/* ---- SCSI: the control queue, 5.6.6.2 ---- */

static u32
control(Target *t, u32 len, u32 type, u32 subtype, u32 answer)
{
    Virtq other;

    if (!virtio_open(&t->dev, t->victim->kind, 0, 0) ||
        !virtq_open(&t->dev, &other, 0, t->q.vector))
        return REFUSED;
    target_start(t);
    t->q = other;
    *(u32 *) t->page = type;
    *(u32 *) (t->page + 4) = subtype;
    *(u32 *) (t->page + 8) = 0x4001;
    target_desc(t, 0, (u32) t->page, len, answer > 0 ? VIRTQ_NEXT : 0, 1);
    target_desc(t, 1, (u32) t->page + PAGE, answer, VIRTQ_WRITE, 0);
    return target_offer(t, 0);
}

static u32
control_short(Target *t)
{
    return control(t, 3, 0, 0, 1);
}

static u32
control_unknown(Target *t)
{
    return control(t, 24, 0x7777, 0xffffffff, 1);
}

static u32
control_no_answer(Target *t)
{
    return control(t, 24, 0, 1, 0);
}

static u32
control_no_such_request(Target *t)
{
    return control(t, 24, 0, 0, 1); /* abort what never was */
}

/* ---- input: the status queue, 5.8.6 ---- */

static u32
status_of(Target *t, u32 len, u32 flags)
{
    memory_set(t->page, 0xff, PAGE);
    target_desc(t, 0, (u32) t->page, len, flags, 0);
    return target_offer(t, 0);
}

static u32
status_7(Target *t)
{
    return status_of(t, 7, 0);
}

static u32
status_4096(Target *t)
{
    return status_of(t, PAGE, 0);
}

static u32
status_to_write(Target *t)
{
    return status_of(t, 8, VIRTQ_WRITE);
}

/* Buffers for events that the device cannot write, or of one byte. */
static u32
events(Target *t, u32 len, u32 flags)
{
    Virtq other;

    if (!virtio_open(&t->dev, t->victim->kind, t->victim->nth, 0) ||
        !virtq_open(&t->dev, &other, 0, t->q.vector))
        return REFUSED;
    t->q = other;
    target_start(t);
    for (u32 i = 0; i < t->q.size; i++) {
        target_desc(t, i, (u32) t->page, len, flags, 0);
        virtq_offer(&t->q, i);
    }
    return target_outcome(t);
}

static u32
events_to_read(Target *t)
{
    return events(t, 8, 0);
}

static u32
events_of_a_byte(Target *t)
{
    return events(t, 1, VIRTQ_WRITE);
}

/* 5.8.5.1: every selector, and the answer never says more than it has. */
static u32
selectors(Target *t)
{
    u32 bad = 0;

    for (u32 i = 0; i < 256; i++)
        for (u32 sub = 0; sub < 256; sub += 5) {
            REG8(t->dev.config) = (u8) i;
            REG8(t->dev.config + 1) = (u8) sub;
            bad += REG8(t->dev.config + 2) > 128;
        }
    return bad == 0 ? IGNORED : USED;
}

#define SCSI  "virtio-scsi"
#define INPUT "virtio-input"

/* clang-format off */
const Attack scsi_attacks[] = {
    { "VD06-short-request",      SCSI, RESET | USED, 0, true, short_request },
    { "VD06-no-answer",          SCSI, RESET | USED, 0, true, no_answer },
    { "VD06-answer-of-4",        SCSI, RESET | USED, 0, true, short_answer },
    { "VD06-target-255",         SCSI, USED,         0, true, no_such_target },
    { "VD06-address-ffff",       SCSI, USED,         0, true, no_such_address },
    { "VD06-abort-of-nothing",   SCSI, USED,         0, true, control_no_such_request },
    { "VD06-control-of-3",       SCSI, RESET | USED, 0, true, control_short },
    { "VD06-control-unknown",    SCSI, RESET | USED, 0, true, control_unknown },
    { "VD06-control-no-answer",  SCSI, RESET | USED, 0, true, control_no_answer },
    { "VD07-no-such-command",    SCSI, USED,         0, true, no_such_command },
    { "VD07-past-the-end",       SCSI, USED,         0, true, past_the_end },
    { "VD07-sector-overflows",   SCSI, USED,         0, true, sector_overflows },
    { "VD07-across-the-end",     SCSI, USED,         0, true, across_the_end },
    { "VD07-room-too-small",     SCSI, RESET | USED, 0, true, room_too_small },
    { "VD07-write-from-nothing", SCSI, RESET | USED, 0, true, write_from_nothing },
    { "VD07-unmap-overruns",     SCSI, USED,         0, true, unmap_overruns },
    { "VD07-mode-select-junk",   SCSI, USED,         0, true, mode_select_junk },
    { "VD07-tiny-rooms",         SCSI, USED,         0, true, tiny_rooms },
    { "VD19-status-of-7",        INPUT, RESET | USED, 0, true, status_7 },
    { "VD19-status-of-4096",     INPUT, RESET | USED, 0, true, status_4096 },
    { "VD19-status-to-write",    INPUT, RESET | USED, 0, true, status_to_write },
    { "VD19-events-to-read",     INPUT, RESET | IGNORED | USED, 0, true, events_to_read },
    { "VD19-events-of-a-byte",   INPUT, RESET | IGNORED | USED, 0, true, events_of_a_byte },
    { "VD19-selectors",          INPUT, IGNORED,     0, true, selectors },
    { NULL, NULL, 0, 0, false, NULL },
};
/* clang-format on */
