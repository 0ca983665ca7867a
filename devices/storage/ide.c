/* devices/storage/ide.c - an IDE channel: registers, resets, data port.
 *
 * ATA/ATAPI-6 (T13 1410D), chapters 7 to 9. The drives answer in parallel to
 * writes, the selected one to reads. Overlapped and queued commands, and 8-bit
 * data transfers, are left out. */
#include "devices/storage/ide-internal.h"

#include <errno.h>
#include <string.h>

#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"

/* Registers of the command block */
enum {
    REG_DATA = 0,
    REG_ERROR = 1, /* write: feature */
    REG_COUNT = 2,
    REG_LBA_LOW = 3,
    REG_LBA_MID = 4,
    REG_LBA_HIGH = 5,
    REG_DEVICE = 6,
    REG_STATUS = 7 /* write: command */
};

#define CMD_DEVICE_RESET 0x08
#define CMD_DIAGNOSTIC   0x90
#define CMD_PACKET       0xa0

/* Some drivers (Windows 3.1's WDCTRL) arm their interrupt handling after the
 * command register: no command may be over before its write has returned. */
#define DEFER_NS (10 * G_GINT64_CONSTANT(1000))

static const struct {
    guint16 command, control;
    unsigned irq;
} legacy[2] = {{0x1f0, 0x3f6, 14}, {0x170, 0x376, 15}};

static IdeDrive *
selected(IdeChannel *ch)
{
    IdeDrive *d = &ch->drive[ch->s->select & IDE_DEVICE_1 ? 1 : 0];

    return d->kind == IDE_ABSENT ? NULL : d;
}

static bool
channel_is_empty(const IdeChannel *ch)
{
    return ch->drive[0].kind == IDE_ABSENT && ch->drive[1].kind == IDE_ABSENT;
}

static bool
is_engaged(const IdeDrive *d)
{
    return (d->s->status & (IDE_STATUS_BSY | IDE_STATUS_DRQ)) != 0;
}

static bool
wanted_irq(IdeChannel *ch)
{
    IdeDrive *d = selected(ch);

    return d != NULL && d->s->irq && !(ch->s->control & IDE_CONTROL_NIEN);
}

void
ide_update_irq(IdeChannel *ch)
{
    bool level = wanted_irq(ch);

    if (level && !irq_line_level(ch->line))
        ch->s->bm_status |= IDE_BM_IRQ; /* set by INTRQ's rising edge */
    irq_line_set(ch->line, level);
}

void
ide_raise_irq(IdeDrive *d)
{
    d->s->irq = 1;
    ide_update_irq(d->ch);
}

void
ide_command_ok(IdeDrive *d)
{
    d->s->xfer = IDE_XFER_NONE;
    d->s->op = IDE_OP_NONE;
    d->s->status = IDE_STATUS_OK;
    ide_raise_irq(d);
}

void
ide_command_error(IdeDrive *d, guint8 error)
{
    d->s->xfer = IDE_XFER_NONE;
    d->s->op = IDE_OP_NONE;
    d->s->error = error;
    d->s->status = IDE_STATUS_OK | IDE_STATUS_ERR;
    ide_raise_irq(d);
}

void
ide_begin_block(IdeDrive *d, IdeXfer xfer, bool irq)
{
    IdeDriveState *s = d->s;

    s->xfer = (guint8) xfer;
    s->drq_end = s->pos + MIN(s->block, s->len - s->pos);
    s->status = IDE_STATUS_OK | IDE_STATUS_DRQ;
    if (irq)
        ide_raise_irq(d);
}

void
ide_set_signature(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    s->count[0] = s->lba_low[0] = 1;
    s->lba_mid[0] = d->kind == IDE_CD ? 0x14 : 0;
    s->lba_high[0] = d->kind == IDE_CD ? 0xeb : 0;
}

void
ide_abort(IdeDrive *d)
{
    d->generation++;
    d->s->deferred = 0;
    d->s->xfer = IDE_XFER_NONE;
    d->s->op = IDE_OP_NONE;
    d->s->pos = d->s->drq_end = d->s->len = 0;
    d->s->left = 0;
}

void
ide_log_error(IdeDrive *d, int result)
{
    DeviceEnv *env = d->ch->dev->env;

    if (d->error_logged || result == -ECANCELED)
        return;
    d->error_logged = true;
    g_autofree char *line = g_strdup_printf(
        "%s: %s; the guest sees a drive error%s",
        d->req_block != NULL ? block_path(d->req_block) : "empty drive",
        g_strerror(-result),
        result == -ENOSPC ? "; free space on the host's file system" : "");
    if (env->log != NULL)
        env->log(env, d->ch->dev->id, line);
}

/* -- Requests ---------------------------------------------------------- */

static void
run_deferred(IdeDrive *d)
{
    if (d->kind == IDE_ABSENT || !d->s->deferred || d->req_busy)
        return;
    d->s->deferred = 0;
    if (d->kind == IDE_CD && d->s->command == CMD_PACKET)
        atapi_run_packet(d);
    else
        ata_command(d);
}

static void
dispatch_done(IdeDrive *d, int result)
{
    if (result == 0)
        d->error_logged = false;
    if (d->s->op == IDE_OP_READ_DMA || d->s->op == IDE_OP_WRITE_DMA)
        ide_dma_io_done(d, result);
    else if (d->kind == IDE_CD)
        atapi_io_done(d, result);
    else
        ata_io_done(d, result);
}

/* Loop thread. */
static void
request_done(BlockReq *req, int result)
{
    IdeDrive *d =
        (IdeDrive *) (void *) ((char *) req - G_STRUCT_OFFSET(IdeDrive, req));
    GMutex *lock = &d->ch->dev->lock;

    g_mutex_lock(lock);
    d->req_busy = false;
    if (d->pinned) {
        dma_unpin(d->ch->dma, d->iov, d->n_iov, result == 0 ? d->req_bytes : 0);
        d->pinned = false;
    }
    if (d->req_generation == d->generation)
        dispatch_done(d, result);
    else
        run_deferred(d); /* forgotten by a reset; a new command may wait */
    g_mutex_unlock(lock);
}

void
ide_submit_iov(IdeDrive *d, BlockOp op, guint64 offset, guint64 bytes)
{
    BlockReq *reqs[1] = {&d->req};

    d->req = (BlockReq){
        .op = op,
        .offset = offset,
        .iov = d->iov,
        .n_iov = op == BLOCK_FLUSH ? 0 : d->n_iov,
        .done = request_done,
    };
    d->req_busy = true;
    d->req_generation = d->generation;
    d->req_bytes = bytes;
    d->req_block = d->block;
    block_submit(d->block, reqs, 1);
}

void
ide_submit_buf(IdeDrive *d, BlockOp op, guint64 offset, guint32 buf_pos,
               guint32 bytes)
{
    d->iov[0] = (struct iovec){d->s->buf + buf_pos, bytes};
    d->n_iov = 1;
    ide_submit_iov(d, op, offset, bytes);
}

/* Loop thread: the channel's timer. */
static void
deferred_fire(void *data)
{
    IdeChannel *ch = data;

    g_mutex_lock(&ch->dev->lock);
    run_deferred(&ch->drive[0]);
    run_deferred(&ch->drive[1]);
    g_mutex_unlock(&ch->dev->lock);
}

static void
arm_deferred(IdeChannel *ch)
{
    gint64 now = loop_now_ns(ch->dev->env->loop, CLOCK_GUEST);

    timer_arm(ch->timer, now + DEFER_NS);
}

void
ide_defer(IdeDrive *d)
{
    d->s->status = IDE_STATUS_BSY;
    d->s->deferred = 1;
    arm_deferred(d->ch);
}

/* -- Resets ------------------------------------------------------------ */

/* What SRST, power-on and the diagnostic leave behind. */
static void
drive_reset(IdeDrive *d)
{
    ide_abort(d);
    d->s->irq = 0;
    d->s->sleeping = 0;
    d->s->error = IDE_DIAG_PASSED;
    d->s->status = d->kind == IDE_CD ? 0 : IDE_STATUS_OK;
    ide_set_signature(d);
}

static void
both_reset(IdeChannel *ch)
{
    ch->s->select = 0;
    for (unsigned i = 0; i < 2; i++)
        if (ch->drive[i].kind != IDE_ABSENT)
            drive_reset(&ch->drive[i]);
    ide_update_irq(ch);
}

static void
write_control(IdeChannel *ch, guint8 value)
{
    guint8 old = ch->s->control;

    ch->s->control = value;
    if (!(old & IDE_CONTROL_SRST) && (value & IDE_CONTROL_SRST)) {
        both_reset(ch);
        for (unsigned i = 0; i < 2; i++)
            ch->drive[i].s->status = IDE_STATUS_BSY;
    } else if ((old & IDE_CONTROL_SRST) && !(value & IDE_CONTROL_SRST)) {
        both_reset(ch);
    }
    ide_update_irq(ch);
}

/* -- Command block ----------------------------------------------------- */

static void
run_diagnostic(IdeDrive *d)
{
    both_reset(d->ch);
    if (d->ch->drive[0].kind != IDE_ABSENT)
        ide_raise_irq(&d->ch->drive[0]); /* device 0 is selected now */
}

static void
write_command(IdeChannel *ch, guint8 value)
{
    IdeDrive *d = selected(ch);

    if (d == NULL || (ch->s->control & IDE_CONTROL_SRST))
        return;
    if (value == CMD_DEVICE_RESET && d->kind == IDE_CD) {
        drive_reset(d);
        ide_update_irq(ch);
        return;
    }
    if (is_engaged(d)) {
        device_guest_error(
            ch->dev, "ide: command 0x%02x ignored: the drive is busy", value);
        return;
    }
    d->s->irq = 0;
    ide_update_irq(ch);
    if (value == CMD_DIAGNOSTIC) {
        run_diagnostic(d);
        return;
    }
    if (d->s->sleeping)
        return;
    d->s->command = value;
    d->buf_written = true;
    d->s->error = 0;
    d->s->one_by_one = 0;
    bool packet = d->kind == IDE_CD && value == CMD_PACKET;
    if (packet && !d->req_busy)
        atapi_command(d);
    else if (packet || d->req_busy || !ata_runs_at_once(value))
        ide_defer(d);
    else
        ata_command(d);
}

static void
shift_in(guint8 pair[2], guint8 value)
{
    pair[1] = pair[0];
    pair[0] = value;
}

/* Both drives listen; one that is at work does not. */
static void
write_task_file(IdeDrive *d, unsigned reg, guint8 value)
{
    IdeDriveState *s = d->s;

    if (is_engaged(d))
        return;
    switch (reg) {
    case REG_ERROR: shift_in(s->feature, value); break;
    case REG_COUNT: shift_in(s->count, value); break;
    case REG_LBA_LOW: shift_in(s->lba_low, value); break;
    case REG_LBA_MID: shift_in(s->lba_mid, value); break;
    case REG_LBA_HIGH: shift_in(s->lba_high, value); break;
    default: break;
    }
}

static void
write_reg(IdeChannel *ch, unsigned reg, guint8 value)
{
    if (channel_is_empty(ch))
        return;
    ch->s->control &= (guint8) ~IDE_CONTROL_HOB;
    if (reg == REG_STATUS) {
        write_command(ch, value);
    } else if (reg == REG_DEVICE) {
        ch->s->select = value;
        ide_update_irq(ch); /* INTRQ is the selected drive's */
    } else {
        write_task_file(&ch->drive[0], reg, value);
        write_task_file(&ch->drive[1], reg, value);
    }
}

static guint8
read_reg(IdeChannel *ch, unsigned reg)
{
    unsigned hob = ch->s->control & IDE_CONTROL_HOB ? 1 : 0;
    IdeDrive *d = selected(ch);

    if (channel_is_empty(ch))
        return 0xff; /* nothing drives the bus */
    if (d == NULL)
        return 0; /* device 0 answers for the missing device 1 */
    switch (reg) {
    case REG_ERROR: return d->s->error;
    case REG_COUNT: return d->s->count[hob];
    case REG_LBA_LOW: return d->s->lba_low[hob];
    case REG_LBA_MID: return d->s->lba_mid[hob];
    case REG_LBA_HIGH: return d->s->lba_high[hob];
    case REG_DEVICE: return ch->s->select | 0xa0; /* bits 7, 5: obsolete, 1 */
    default: return d->s->status;
    }
}

static guint8
read_status(IdeChannel *ch)
{
    guint8 status = read_reg(ch, REG_STATUS);
    IdeDrive *d = selected(ch);

    if (d != NULL && d->s->irq) {
        d->s->irq = 0;
        ide_update_irq(ch);
    }
    return status;
}

/* -- Data port --------------------------------------------------------- */

/* The block in buf has been moved; whose it is decides what comes next. */
static void
block_moved(IdeDrive *d)
{
    d->s->irq = 0;
    ide_update_irq(d->ch);
    if (d->s->xfer == IDE_XFER_PACKET) {
        memcpy(d->s->packet, d->s->buf, IDE_PACKET_SIZE);
        d->s->xfer = IDE_XFER_NONE;
        ide_defer(d);
    } else if (d->kind == IDE_CD && d->s->command == CMD_PACKET) {
        atapi_block_done(d);
    } else {
        ata_block_done(d);
    }
}

/* Bytes of the current block, at most len of them; 0: no transfer goes on. */
static guint32
block_bytes(const IdeDrive *d, bool in, gsize len)
{
    const IdeDriveState *s = d->s;
    bool matches = in ? s->xfer == IDE_XFER_IN
                      : s->xfer == IDE_XFER_OUT || s->xfer == IDE_XFER_PACKET;

    if (!matches || !(s->status & IDE_STATUS_DRQ))
        return 0;
    return (guint32) MIN(len, s->drq_end - s->pos);
}

static void
data_read(IdeChannel *ch, guint8 *data, gsize len)
{
    IdeDrive *d = selected(ch);
    gsize done = 0;
    guint32 n;

    while (d != NULL && (n = block_bytes(d, true, len - done)) > 0) {
        memcpy(data + done, d->s->buf + d->s->pos, n);
        done += n;
        d->s->pos += n;
        if (d->s->pos == d->s->drq_end)
            block_moved(d);
    }
    memset(data + done, 0xff, len - done);
}

static void
data_write(IdeChannel *ch, const guint8 *data, gsize len)
{
    IdeDrive *d = selected(ch);
    gsize done = 0;
    guint32 n;

    while (d != NULL && (n = block_bytes(d, false, len - done)) > 0) {
        memcpy(d->s->buf + d->s->pos, data + done, n);
        done += n;
        d->s->pos += n;
        if (d->s->pos == d->s->drq_end)
            block_moved(d);
    }
}

/* -- Regions ----------------------------------------------------------- */

static guint64
command_read(void *dev, guint64 offset, unsigned size)
{
    IdeChannel *ch = dev;
    guint8 bytes[8];
    guint64 value = 0;

    if (offset == REG_DATA) {
        data_read(ch, bytes, size);
    } else {
        for (unsigned i = 0; i < size; i++)
            bytes[i] = offset + i == REG_STATUS
                           ? read_status(ch)
                           : read_reg(ch, (unsigned) offset + i);
    }
    for (unsigned i = 0; i < size; i++)
        value |= (guint64) bytes[i] << (8 * i);
    return value;
}

static void
command_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    IdeChannel *ch = dev;
    guint8 bytes[8];

    for (unsigned i = 0; i < size; i++)
        bytes[i] = (guint8) (value >> (8 * i));
    if (offset == REG_DATA)
        data_write(ch, bytes, size);
    else
        for (unsigned i = 0; i < size; i++)
            write_reg(ch, (unsigned) offset + i, bytes[i]);
}

static void
command_read_rep(void *dev, guint64 offset, guint8 *data, unsigned size,
                 unsigned count)
{
    if (offset == REG_DATA) {
        data_read(dev, data, (gsize) size * count);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        guint64 value = command_read(dev, offset, size);
        for (unsigned j = 0; j < size; j++)
            data[i * size + j] = (guint8) (value >> (8 * j));
    }
}

static void
command_write_rep(void *dev, guint64 offset, const guint8 *data, unsigned size,
                  unsigned count)
{
    if (offset == REG_DATA) {
        data_write(dev, data, (gsize) size * count);
        return;
    }
    for (unsigned i = 0; i < count * size; i++)
        write_reg(dev, (unsigned) offset + i % size, data[i]);
}

static guint64
control_read(void *dev, guint64 offset, unsigned size)
{
    return read_reg(dev, REG_STATUS); /* alternate status: INTRQ stays */
}

static void
control_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    write_control(dev, (guint8) value);
}

static const IoOps command_ops = {
    .read = command_read,
    .write = command_write,
    .max_size = 4,
    .read_rep = command_read_rep,
    .write_rep = command_write_rep,
};
static const IoOps control_ops = {
    .read = control_read, .write = control_write, .max_size = 1};

/* -- Life -------------------------------------------------------------- */

bool
ide_channel_realize(IdeChannel *ch, Device *dev, unsigned number, Dma *dma,
                    GError **error)
{
    ch->dev = dev;
    ch->number = number;
    ch->dma = dma;
    for (unsigned i = 0; i < 2; i++) {
        ch->drive[i].ch = ch;
        ch->drive[i].s = &ch->s->drive[i];
    }
    ch->line = irq_line_new(dev->env, legacy[number].irq);
    ch->timer = timer_new(dev->env->loop, CLOCK_GUEST, deferred_fire, ch);
    ch->command_block = io_region_new(number ? "ide1" : "ide0", &command_ops,
                                      ch, &dev->lock, 8);
    ch->control_block = io_region_new(number ? "ide1-control" : "ide0-control",
                                      &control_ops, ch, &dev->lock, 1);
    return true;
}

bool
ide_channel_map(IdeChannel *ch, bool decode)
{
    IoSpace *ports = ch->dev->env->ports;

    if (!decode) {
        io_unmap(ports, ch->command_block);
        io_unmap(ports, ch->control_block);
        return true;
    }
    return io_map(ports, ch->command_block, legacy[ch->number].command, 0) ==
               0 &&
           io_map(ports, ch->control_block, legacy[ch->number].control, 0) == 0;
}

/* Normally quiet by now; a test or a failed start may not be. */
static void
wait_for_request(IdeDrive *d)
{
    if (d->ch == NULL)
        return;
    d->generation++;
    if (d->req_busy)
        block_cancel_all(d->req_block);
    while (d->req_busy)
        g_main_context_iteration(loop_context(d->ch->dev->env->loop), TRUE);
}

void
ide_channel_unrealize(IdeChannel *ch)
{
    g_clear_pointer(&ch->control_block, io_region_free);
    g_clear_pointer(&ch->command_block, io_region_free);
    g_clear_pointer(&ch->timer, timer_free);
    wait_for_request(&ch->drive[0]);
    wait_for_request(&ch->drive[1]);
    g_clear_pointer(&ch->line, irq_line_free);
}

/* Four drives with 64 KiB each are half of what a start would have to write. */
static void
clear_state(IdeDrive *d)
{
    memset(d->s, 0,
           d->buf_written ? sizeof *d->s : G_STRUCT_OFFSET(IdeDriveState, buf));
    d->buf_written = false;
}

void
ide_channel_reset(IdeChannel *ch)
{
    ch->s->control = 0;
    ch->s->bm_command = ch->s->bm_status = 0;
    ch->s->bm_prdt = 0;
    timer_arm(ch->timer, -1);
    for (unsigned i = 0; i < 2; i++) {
        clear_state(&ch->drive[i]);
        ch->drive[i].s->unit = ch->drive[i].s->block = IDE_SECTOR;
        if (ch->drive[i].kind != IDE_ABSENT)
            ata_reset(&ch->drive[i]);
    }
    both_reset(ch);
}

void
ide_channel_restored(IdeChannel *ch)
{
    irq_line_adopt(ch->line, wanted_irq(ch));
    for (unsigned i = 0; i < 2; i++) {
        ch->drive[i].generation++;
        ch->drive[i].buf_written = true;
    }
    arm_deferred(ch);
}

bool
ide_channel_is_quiet(const IdeChannel *ch)
{
    return !ch->drive[0].req_busy && !ch->drive[1].req_busy;
}
