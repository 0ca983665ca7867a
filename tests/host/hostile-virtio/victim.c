/* tests/host/hostile-virtio/victim.c - see victim.h. */
#include "tests/host/hostile-virtio/victim.h"

#include "share/bench-guest/irq.h"

#define PAGE        4096u
#define VECTOR      IRQ_MSI_BASE
#define BLK_HEADER  16u

#define PIT_COUNT_2 0x42
#define PIT_CONTROL 0x43
#define PIT_GATE    0x61
#define PIT_OUT_2   0x20u

const Victim victims[] = {
    {"virtio-blk", VIRTIO_BLK, 0, 0, false, 0, 0},
    {"virtio-net", VIRTIO_NET, 0, 1, false, 76, 0},
    {"virtio-console", VIRTIO_CONSOLE, 0, 1, false, 1, 0},
    {"virtio-rng", VIRTIO_RNG, 0, 0, true, 64, 0},
    {"virtio-balloon", VIRTIO_BALLOON, 0, 0, false, 4, 0},
    {"virtio-scsi", VIRTIO_SCSI, 0, 2, false, SCSI_REQUEST, 0},
    {"virtio-input", VIRTIO_INPUT, 0, 1, false, 8, 0},
    {NULL, 0, 0, 0, false, 0, 0},
};

/* Kept from one attack to the next, or memory would end. */
static u8 *page, *spare;

static void
lay_out(Target *t)
{
    if (page == NULL) {
        page = memory_take(16 * PAGE, PAGE);
        spare = memory_take(16 * PAGE, PAGE);
    }
    memory_set(page, 0, 16 * PAGE);
    t->page = page;
    t->spare = spare;
}

bool
target_open(Target *t, const Victim *v, u32 features)
{
    memory_set(t, 0, sizeof *t);
    t->victim = v;
    t->patience = PATIENCE_LONG;
    lay_out(t);
    return virtio_open(&t->dev, v->kind, v->nth, features | v->features) &&
           virtq_open(&t->dev, &t->q, v->queue, VECTOR);
}

void
target_start(Target *t)
{
    virtio_start(&t->dev);
}

/* Channel 2 of the 8254, mode 0: its output rises when it has counted down. */
void
alarm_set(u32 ms)
{
    u32 count = ms * 1193;

    outb(PIT_GATE, (u8) ((inb(PIT_GATE) & ~2u) | 1));
    outb(PIT_CONTROL, 0xb0);
    outb(PIT_COUNT_2, (u8) count);
    outb(PIT_COUNT_2, (u8) (count >> 8));
}

bool
alarm_rang(void)
{
    return (inb(PIT_GATE) & PIT_OUT_2) != 0;
}

/* Used before the status: a device that stops may have used it before. */
u32
target_wait(Target *t, bool (*used)(Target *t))
{
    virtq_ring_doorbell(&t->q);
    for (u32 ms = 0; ms < t->patience; ms += PATIENCE_SHORT) {
        alarm_set(PATIENCE_SHORT);
        do {
            bool is_used = used(t);
            if (virtio_status(&t->dev) & VIRTIO_STATUS_NEEDS_RESET)
                return RESET;
            if (is_used)
                return USED;
        } while (!alarm_rang());
    }
    return IGNORED;
}

static bool
split_used(Target *t)
{
    return t->q.used->idx != t->q.seen;
}

u32
target_outcome(Target *t)
{
    return target_wait(t, split_used);
}

u32
target_offer(Target *t, u32 head)
{
    virtq_offer(&t->q, head);
    return target_outcome(t);
}

void
target_desc(Target *t, u32 i, u64 addr, u32 len, u32 flags, u32 next)
{
    t->q.desc[i] = (VirtqDesc){addr, len, (u16) flags, (u16) next};
}

u32
target_flag(const Target *t)
{
    return t->victim->writable ? VIRTQ_WRITE : 0;
}

/* Header, one sector, status. */
static u32
read_sector(Target *t)
{
    u8 *status = t->page + 2 * PAGE;

    *status = 0xff;
    target_desc(t, 0, (u32) t->page, BLK_HEADER, VIRTQ_NEXT, 1);
    target_desc(t, 1, (u32) t->page + PAGE, 512, VIRTQ_NEXT | VIRTQ_WRITE, 2);
    target_desc(t, 2, (u32) status, 1, VIRTQ_WRITE, 0);
    u32 outcome = target_offer(t, 0);
    return outcome == USED && *(volatile u8 *) status == 0 ? USED : IGNORED;
}

void
target_scsi(Target *t, const u8 *cdb, u32 cdb_len, u32 data_len)
{
    u8 *answer = t->page + PAGE;

    memory_set(t->page, 0, SCSI_REQUEST);
    t->page[0] = 1; /* 5.6.6.1: target 0, unit 2: the third disk */
    t->page[2] = 0x40;
    t->page[3] = 2;
    for (u32 i = 0; i < cdb_len; i++)
        t->page[SCSI_CDB + i] = cdb[i];
    memory_set(answer, 0xff, SCSI_RESPONSE);
    target_desc(t, 0, (u32) t->page, SCSI_REQUEST, VIRTQ_NEXT, 1);
    target_desc(t, 1, (u32) answer, SCSI_RESPONSE,
                VIRTQ_WRITE | (data_len > 0 ? VIRTQ_NEXT : 0), 2);
    target_desc(t, 2, (u32) t->page + 2 * PAGE, data_len, VIRTQ_WRITE, 0);
}

u32
target_scsi_answer(Target *t)
{
    const volatile u8 *answer = t->page + PAGE;

    return (u32) answer[SCSI_HOW] << 8 | answer[SCSI_STATUS];
}

/* INQUIRY, which answers also after a reset: a disk. */
static u32
inquire(Target *t)
{
    static const u8 cdb[] = {0x12, 0, 0, 0, 36, 0};

    t->page[2 * PAGE] = 0xff;
    target_scsi(t, cdb, sizeof cdb, 36);
    u32 outcome = target_offer(t, 0);
    return outcome == USED && target_scsi_answer(t) == 0 &&
                   *(volatile u8 *) &t->page[2 * PAGE] == 0
               ? USED
               : IGNORED;
}

static u32
one_buffer(Target *t)
{
    if (t->victim->kind == VIRTIO_BALLOON)
        *(u32 *) t->page = (u32) t->spare / PAGE;
    target_desc(t, 0, (u32) t->page, t->victim->good_len, target_flag(t), 0);
    return target_offer(t, 0);
}

const char *
target_works(const Victim *v)
{
    Target t;

    if (!target_open(&t, v, 0))
        return "cannot be set up again";
    target_start(&t);
    u32 outcome = v->kind == VIRTIO_BLK    ? read_sector(&t)
                  : v->kind == VIRTIO_SCSI ? inquire(&t)
                                           : one_buffer(&t);
    return outcome == USED ? NULL : "does no good request any more";
}
