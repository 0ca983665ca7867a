/* tests/fuzz/fuzz-scsi.c - commands of any content and buffers of any shape
 * for a SCSI disk and a CD drive, several under way at once, some of them
 * cancelled. A command ends once, with sense data exactly when it failed; it
 * writes to its own buffer alone, and says when it did. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/storage/scsi.h"
#include "tests/unit/fake-vm.h"

#define MS          G_GINT64_CONSTANT(1000000)
#define IMAGE_BYTES (256u << 10)
#define MAX_STEPS   48u
#define STEP        24u /* bytes of input */
#define TASKS       4u
#define BUFFER      16384u
#define EDGE        64u
#define CANARY      0xc5u
#define PIECES      3u

typedef struct {
    ScsiTask task; /* first */
    bool busy;
    guint8 before[EDGE], in[BUFFER], after[EDGE];
    guint8 out[BUFFER];
    struct iovec iov_in[PIECES], iov_out[PIECES];
} Command;

static FakeVm *vm;
static Block *disk, *disc;
static ScsiUnit units[2];
static ScsiUnitState states[2];
static Command commands[TASKS];

static Block *
open_image(const char *format, bool read_only)
{
    char path[] = "/tmp/carrel-fuzz-scsi-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || ftruncate(fd, IMAGE_BYTES) < 0)
        abort();
    const BlockSpec spec = {
        .path = path, .format = format, .read_only = read_only};
    Block *block = block_open(&spec, vm->env.loop, NULL);
    close(fd);
    unlink(path);
    if (block == NULL)
        abort();
    return block;
}

static void
init(void)
{
    vm = fake_vm_new(1u << 20);
    disk = open_image("raw", false);
    disc = open_image("iso", true);
}

static bool
any_busy(void)
{
    for (unsigned i = 0; i < TASKS; i++)
        if (commands[i].busy)
            return true;
    return false;
}

static void
wait_idle(void)
{
    for (unsigned i = 0; i < 10000; i++) {
        fake_advance(vm, MS);
        if (!any_busy() && block_is_idle(disk) && block_is_idle(disc))
            return;
        g_usleep(i > 10 ? 500 : 0);
    }
    abort(); /* a command was lost */
}

static bool
is_untouched(const guint8 *p, gsize n)
{
    while (n > 0 && *p == CANARY)
        p++, n--;
    return n == 0;
}

static void
check_end(const Command *c)
{
    const ScsiTask *t = &c->task;

    if ((t->status == SCSI_GOOD) != (t->sense_key == 0))
        abort();
    if (t->status != SCSI_GOOD && t->status != SCSI_CHECK_CONDITION)
        abort();
    if (t->moved > MAX(t->in_len, t->out_len))
        abort();
    if (!is_untouched(c->before, EDGE) || !is_untouched(c->after, EDGE) ||
        !is_untouched(c->in + t->in_at + t->in_len,
                      BUFFER - t->in_at - t->in_len) ||
        !is_untouched(c->in, t->in_at))
        abort();
    if (!t->in_used && !is_untouched(c->in, BUFFER))
        abort();
}

static void
task_done(ScsiTask *task)
{
    Command *c = (Command *) (void *) task;

    if (!c->busy)
        abort(); /* twice */
    c->busy = false;
    check_end(c);
}

/* Cuts at bytes / 4 and at a place that the input gives. */
static unsigned
cut(struct iovec *iov, guint8 *buffer, gsize len, uint8_t where)
{
    gsize first = len / 4, second = (len - first) * where / 256;

    iov[0] = (struct iovec){buffer, first};
    iov[1] = (struct iovec){buffer + first, second};
    iov[2] = (struct iovec){buffer + first + second, len - first - second};
    return PIECES;
}

static gsize
length(uint8_t code)
{
    static const guint16 lens[] = {0,   8,  18,   36,   96,   255,  512, 2048,
                                   511, 24, 4096, 8192, 2304, 1024, 16,  252};

    return code & 0x80 ? code & 0x7fu : lens[code & 15];
}

static void
fill(Command *c, const uint8_t *d)
{
    ScsiTask *t = &c->task;

    memset(c->before, CANARY, EDGE);
    memset(c->in, CANARY, BUFFER);
    memset(c->after, CANARY, EDGE);
    memset(c->out, 0, BUFFER);
    t->unit = &units[d[1] & 1];
    memset(t->cdb, 0, sizeof t->cdb);
    memcpy(t->cdb, d + 8, 16);
    t->tag = d[1];
    t->in_at = d[5] & 31;
    t->out_at = d[6] & 31;
    /* one direction, as buses have it */
    t->in_len = d[1] & 2 ? 0 : length(d[2]);
    t->out_len = d[1] & 2 ? length(d[3]) : 0;
    for (unsigned i = 0; i < 16; i++) /* parameter data from the same bytes */
        c->out[t->out_at + i] = d[8 + (i + d[7]) % 16];
    t->iov_in = c->iov_in;
    t->iov_out = c->iov_out;
    t->n_in = cut(c->iov_in, c->in, t->in_at + t->in_len, d[4]);
    t->n_out = cut(c->iov_out, c->out, t->out_at + t->out_len, d[4]);
    t->done = task_done;
}

static void
command(const uint8_t *d)
{
    static const guint16 luns[] = {0, 5, 300};
    Command *c = &commands[d[7] % TASKS];
    BlockReq *req = &c->task.block;

    if (c->busy)
        wait_idle();
    fill(c, d);
    if (d[1] & 8) {
        if (!scsi_task_report_luns(&c->task, luns, 3))
            scsi_task_no_unit(&c->task);
        check_end(c);
        return;
    }
    if (!scsi_task_begin(&c->task) ||
        ((d[1] & 4) && scsi_task_read_now(&c->task))) {
        check_end(c);
        return;
    }
    c->busy = true;
    block_submit(c->task.unit->block, &req, 1);
    if (d[1] & 16)
        scsi_task_cancel(&c->task, SCSI_ABORTED);
    if (d[1] & 32)
        fake_advance(vm, 0);
}

static void
step(const uint8_t *d)
{
    ScsiUnit *u = &units[d[1] & 1];

    switch (d[0] % 16) {
    case 13: /* also of the disk, which refuses; with what is under way */
        (void) scsi_unit_set_media(u, d[2] & 1 ? disc : NULL, d[2] & 2, NULL);
        break;
    case 14: scsi_unit_cancel_all(u, SCSI_RESET); break;
    case 15: scsi_unit_reset(u); break;
    default: command(d); break;
    }
    if (!scsi_unit_check(u->s, NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (vm == NULL)
        init();
    if (!scsi_unit_init(&units[0], &states[0], SCSI_DISK, disk, "f", NULL) ||
        !scsi_unit_init(&units[1], &states[1], SCSI_CD, disc, "c", NULL))
        abort();
    scsi_unit_reset(&units[0]);
    scsi_unit_reset(&units[1]);
    for (unsigned n = 0; n < MAX_STEPS && STEP * (n + 1) <= size; n++)
        step(data + STEP * n);
    wait_idle();
    if (units[0].tasks != NULL || units[1].tasks != NULL)
        abort();
    return 0;
}
