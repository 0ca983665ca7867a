/* devices/storage/scsi-task.c - a SCSI command from its beginning to its end:
 * dispatch, unit attention, moving data, cancelling. See scsi.h.
 *
 * What is too much for the back end at once goes in pieces, one after the
 * other. Left out: bidirectional commands, task attributes (the back end has
 * no order among requests, and every unit says so in its control page), linked
 * commands, reservations. */
#include <errno.h>
#include <string.h>

#include "devices/storage/mmc.h"
#include "devices/storage/scsi-internal.h"

#define NOW_BYTES (64u << 10) /* the most that is read on the spot */

/* A back end without a quick way to zeros writes them: what it has begun cannot
 * be stopped, so it is given so much at once. */
#define ZERO_PIECE (32u << 20)

/* ---- ends of a command ---- */

bool
scsi_good(ScsiTask *t)
{
    t->status = SCSI_GOOD;
    t->sense_key = t->asc = t->ascq = 0;
    return false;
}

bool
scsi_fail(ScsiTask *t, guint8 key, unsigned asc_ascq)
{
    t->status = SCSI_CHECK_CONDITION;
    t->sense_key = key;
    t->asc = (guint8) (asc_ascq >> 8);
    t->ascq = (guint8) asc_ascq;
    return false;
}

bool
scsi_bad_field(ScsiTask *t)
{
    return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_BAD_FIELD);
}

bool
scsi_answer(ScsiTask *t, const void *data, gsize len, gsize limit)
{
    gsize n = MIN(len, limit);

    if (n > t->in_len) {
        n = t->in_len;
        t->overrun = true;
    }
    (void) iov_write(t->iov_in, t->n_in, t->in_at, data, n);
    t->in_used = n > 0;
    t->moved = n;
    return scsi_good(t);
}

bool
scsi_params(const ScsiTask *t, gsize at, void *dst, gsize len)
{
    if (at > t->out_len || len > t->out_len - at)
        return false;
    return iov_read(t->iov_out, t->n_out, t->out_at + at, dst, len) == len;
}

void
scsi_task_sense(const ScsiTask *t, guint8 sense[SCSI_SENSE_LEN])
{
    memset(sense, 0, SCSI_SENSE_LEN);
    sense[0] = 0x70; /* current error, fixed format */
    sense[2] = t->sense_key;
    sense[7] = SCSI_SENSE_LEN - 8;
    sense[12] = t->asc;
    sense[13] = t->ascq;
}

static bool
io_failed(ScsiTask *t, int result)
{
    bool writes = t->block.op != BLOCK_READ;

    switch (result) {
    case -ENOSPC: return scsi_fail(t, SCSI_KEY_PROTECT, SCSI_ASC_SPACE);
    case -EROFS: return scsi_fail(t, SCSI_KEY_PROTECT, SCSI_ASC_PROTECTED);
    case -ECANCELED: return scsi_fail(t, SCSI_KEY_ABORTED, 0);
    default:
        return scsi_fail(t, SCSI_KEY_MEDIUM,
                         writes ? SCSI_ASC_WRITE_ERROR : SCSI_ASC_READ_ERROR);
    }
}

/* ---- pieces ---- */

static bool
next_transfer(ScsiTask *t, bool in)
{
    const BlockInfo *info = &t->unit->info;

    t->piece =
        in ? iov_cut(&t->cut, t->iov_in, t->n_in, t->in_at + t->data_done,
                     t->left, info->max_iov, info->logical_size)
           : iov_cut(&t->cut, t->iov_out, t->n_out, t->out_at + t->data_done,
                     t->left, info->max_iov, info->logical_size);
    if (t->piece == 0) /* the parts of a block are too many */
        return scsi_fail(t, SCSI_KEY_HARDWARE, 0);
    t->in_used |= in;
    t->block.op = in ? BLOCK_READ : BLOCK_WRITE;
    t->block.iov = t->cut.iov;
    t->block.n_iov = t->cut.n;
    return true;
}

/* The same len bytes as often as they fit into a piece. */
static bool
next_repeat(ScsiTask *t, BlockOp op, const void *from, guint32 len)
{
    unsigned n = 0;

    t->piece = 0;
    while (n < MIN(G_N_ELEMENTS(t->same_iov), t->unit->info.max_iov) &&
           t->piece < t->left) {
        gsize part = (gsize) MIN(len, t->left - t->piece);
        t->same_iov[n++] = (struct iovec){(void *) (guintptr) from, part};
        t->piece += part;
    }
    t->block.op = op;
    t->block.iov = t->same_iov;
    t->block.n_iov = n;
    return true;
}

static bool
next_same(ScsiTask *t)
{
    guint32 whole = SCSI_MAX_BLOCK - SCSI_MAX_BLOCK % t->unit->block_size;

    return next_repeat(t, BLOCK_WRITE, t->pattern, whole);
}

/* SBC-3 5.28: block address, number of blocks. Each is read once, just before
 * it is carried out; what has no blocks is passed over. */
static bool
next_unmap(ScsiTask *t)
{
    const ScsiUnit *u = t->unit;

    for (; t->left > 0; t->left--, t->data_done++) {
        guint8 d[16];
        if (!scsi_params(t, 8 + 16 * t->data_done, d, sizeof d))
            return scsi_bad_field(t); /* counted before */
        guint64 lba = scsi_get64(d);
        guint64 n = scsi_get32(d + 8);
        if (lba > u->n_blocks || n > u->n_blocks - lba)
            return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_LBA_RANGE);
        if (n > SCSI_MAX_UNMAP_LEN / u->block_size)
            return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_BAD_PARAMETER);
        t->offset = lba * u->block_size;
        t->block.len = n * u->block_size;
        t->piece = 1;
        t->block.op = BLOCK_DISCARD;
        if (n > 0)
            return true;
    }
    return scsi_good(t);
}

/* False: nothing is to be submitted any more, the result is there. */
static bool
next_piece(ScsiTask *t)
{
    bool more = true;

    t->block.iov = NULL;
    t->block.n_iov = 0;
    t->block.len = 0;
    switch ((ScsiWork) t->work) {
    case SCSI_WORK_READ: more = next_transfer(t, true); break;
    case SCSI_WORK_WRITE: more = next_transfer(t, false); break;
    case SCSI_WORK_FLUSH:
        t->piece = 1;
        t->block.op = BLOCK_FLUSH;
        break;
    case SCSI_WORK_VERIFY:
        more = next_repeat(t, BLOCK_READ, t->pattern, sizeof t->pattern);
        break;
    case SCSI_WORK_UNMAP: more = next_unmap(t); break;
    case SCSI_WORK_SAME: more = next_same(t); break;
    case SCSI_WORK_ZEROES:
        t->piece = MIN(t->left, ZERO_PIECE);
        t->block.op = BLOCK_WRITE_ZEROES;
        t->block.len = t->piece;
        break;
    }
    t->block.offset = t->offset;
    return more;
}

static void
unlink_task(ScsiTask *t)
{
    if (t->link == NULL)
        return;
    *t->link = t->next;
    if (t->next != NULL)
        t->next->link = t->link;
    t->link = NULL;
}

static void
link_task(ScsiTask *t)
{
    t->next = t->unit->tasks;
    t->link = &t->unit->tasks;
    if (t->next != NULL)
        t->next->link = &t->next;
    t->unit->tasks = t;
}

/* What a finished piece leaves to do; true: task->block goes on. */
static bool
go_on(ScsiTask *t)
{
    bool data = t->work == SCSI_WORK_READ || t->work == SCSI_WORK_WRITE;

    t->left -= t->piece;
    t->data_done += t->piece;
    t->offset += t->piece; /* bytes, where it matters */
    if (data)
        t->moved = t->data_done;
    if (t->left > 0)
        return next_piece(t);
    if (!t->fua)
        return scsi_good(t);
    t->fua = false;
    t->work = SCSI_WORK_FLUSH;
    t->left = 1;
    return next_piece(t);
}

static bool
after_piece(ScsiTask *t, int result)
{
    if (t->fate == SCSI_MEDIUM_GONE)
        return scsi_fail(t, SCSI_KEY_NOT_READY, SCSI_ASC_NO_MEDIUM);
    if (t->fate != SCSI_LIVE)
        return scsi_fail(t, SCSI_KEY_ABORTED, 0);
    if (result == -EOPNOTSUPP && t->block.op == BLOCK_DISCARD)
        return go_on(t); /* UNMAP is only a wish */
    return result == 0 ? go_on(t) : io_failed(t, result);
}

static void
piece_done(BlockReq *block, int result)
{
    ScsiTask *t = (ScsiTask *) (void *) block;

    iov_uncut(&t->cut);
    if (after_piece(t, result)) {
        block_submit(t->unit->block, &block, 1);
        return;
    }
    unlink_task(t);
    t->done(t);
}

static bool
begin_work(ScsiTask *t, ScsiWork work)
{
    t->work = (guint8) work;
    t->block.done = piece_done;
    t->cut.n = 0;
    t->data_done = 0;
    if (!next_piece(t))
        return false;
    link_task(t);
    return true;
}

/* ---- what handlers begin ---- */

bool
scsi_begin_blocks(ScsiTask *t, ScsiWork work, guint64 lba, guint64 n)
{
    const ScsiUnit *u = t->unit;
    gsize room = work == SCSI_WORK_READ    ? t->in_len
                 : work == SCSI_WORK_WRITE ? t->out_len
                                           : G_MAXSIZE;

    if (lba > u->n_blocks || n > u->n_blocks - lba)
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_LBA_RANGE);
    if (n == 0)
        return scsi_good(t);
    t->offset = lba * u->block_size;
    t->left = n * u->block_size; /* less than the image has */
    if (t->left > room) {
        t->overrun = true;
        return scsi_bad_field(t);
    }
    return begin_work(t, work);
}

bool
scsi_begin_flush(ScsiTask *t)
{
    t->left = 1;
    return begin_work(t, SCSI_WORK_FLUSH);
}

bool
scsi_begin_unmap(ScsiTask *t, unsigned n)
{
    t->left = n;
    return n == 0 ? scsi_good(t) : begin_work(t, SCSI_WORK_UNMAP);
}

/* ---- dispatch ---- */

static const ScsiCommand *
find_command(const ScsiTask *t)
{
    bool cd = t->unit->kind == SCSI_CD;
    const ScsiCommand *c = cd ? scsi_cd_commands : scsi_disk_commands;
    unsigned n = cd ? scsi_n_cd_commands : scsi_n_disk_commands;

    for (unsigned i = 0; i < n; i++)
        if (c[i].opcode == t->cdb[0] && (c[i].action == SCSI_ANY_ACTION ||
                                         c[i].action == (t->cdb[1] & 0x1f)))
            return &c[i];
    return NULL;
}

static void
clear_result(ScsiTask *t)
{
    t->status = SCSI_GOOD;
    t->sense_key = t->asc = t->ascq = 0;
    t->overrun = t->in_used = t->fua = false;
    t->moved = 0;
    t->wanted = MAX(t->in_len, t->out_len);
    t->fate = SCSI_LIVE;
    t->link = NULL;
}

static bool
not_ready(ScsiTask *t)
{
    const ScsiUnit *u = t->unit;

    if (u->s->stopped)
        return scsi_fail(t, SCSI_KEY_NOT_READY, SCSI_ASC_NEED_START);
    return scsi_fail(t, SCSI_KEY_NOT_READY,
                     u->s->tray_open ? SCSI_ASC_TRAY_OPEN : SCSI_ASC_NO_MEDIUM);
}

bool
scsi_task_begin(ScsiTask *t)
{
    const ScsiCommand *c = find_command(t);
    ScsiUnitState *s = t->unit->s;

    clear_result(t);
    if (s->attention && (c == NULL || !(c->flags & SCSI_F_ATTENTION))) {
        s->attention = 0;
        return scsi_fail(t, SCSI_KEY_ATTENTION,
                         (unsigned) s->attention_asc << 8 | s->attention_ascq);
    }
    if (c == NULL)
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_BAD_OPCODE);
    t->wanted = c->flags & SCSI_F_IN    ? t->in_len
                : c->flags & SCSI_F_OUT ? t->out_len
                                        : 0;
    if ((c->flags & SCSI_F_READY) && !scsi_has_medium(t->unit))
        return not_ready(t);
    if ((c->flags & SCSI_F_WRITES) && t->unit->info.read_only)
        return scsi_fail(t, SCSI_KEY_PROTECT, SCSI_ASC_PROTECTED);
    return c->run(t);
}

bool
scsi_task_read_now(ScsiTask *t)
{
    if (t->block.op != BLOCK_READ || t->work != SCSI_WORK_READ ||
        t->piece != t->left || t->piece > NOW_BYTES ||
        block_try_now(t->unit->block, BLOCK_READ, t->block.offset, t->block.iov,
                      t->block.n_iov) != 0)
        return false;
    iov_uncut(&t->cut);
    (void) go_on(t); /* it was the only piece, and reads have no FUA */
    unlink_task(t);
    return true;
}

void
scsi_task_cancel(ScsiTask *t, ScsiFate fate)
{
    if (t->fate == SCSI_LIVE)
        t->fate = fate;
}

void
scsi_unit_cancel_all(ScsiUnit *u, ScsiFate fate)
{
    if (u->tasks == NULL)
        return;
    for (ScsiTask *t = u->tasks; t != NULL; t = t->next)
        scsi_task_cancel(t, fate);
    if (u->block != NULL)
        block_cancel_all(u->block);
}

/* ---- addresses without a unit ---- */

void
scsi_task_no_unit(ScsiTask *t)
{
    /* SPC-4 6.4.2: qualifier 3, not capable of supporting a unit here */
    static const guint8 nothing[36] = {0x7f, 0, 0x06, 0x02, 31};

    clear_result(t);
    if (t->cdb[0] == 0x12 && !(t->cdb[1] & 1)) {
        (void) scsi_answer(t, nothing, sizeof nothing, scsi_get16(t->cdb + 3));
        return;
    }
    (void) scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_NO_UNIT);
    if (t->cdb[0] == 0x03) { /* REQUEST SENSE says it as data */
        guint8 sense[SCSI_SENSE_LEN];
        scsi_task_sense(t, sense);
        (void) scsi_answer(t, sense, sizeof sense, t->cdb[4]);
    }
}

#define MAX_LUNS 256u

bool
scsi_task_report_luns(ScsiTask *t, const guint16 *luns, unsigned n)
{
    guint8 b[8 + 8 * MAX_LUNS] = {0};

    if (t->cdb[0] != 0xa0)
        return false;
    clear_result(t);
    n = t->cdb[2] == 1 ? 0 : MIN(n, MAX_LUNS); /* 1: well-known units only */
    if (t->cdb[2] > 2) {
        (void) scsi_bad_field(t);
        return true;
    }
    scsi_put32(b, 8 * n);
    for (unsigned i = 0; i < n; i++) /* peripheral form below 256, else flat */
        scsi_put16(b + 8 + 8 * i, luns[i] | (luns[i] > 255 ? 0x4000u : 0));
    (void) scsi_answer(t, b, 8 + 8 * n, scsi_get32(t->cdb + 6));
    return true;
}
