/* devices/storage/ide.c - an IDE channel: registers, resets, data port.
 *
 * ATA/ATAPI-6 (T13 1410D), chapters 7 to 9. The drives answer in parallel to
 * writes, the selected one to reads. Overlapped and queued commands, and 8-bit
 * data transfers, are left out. */
#include "devices/storage/ide-internal.h"

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

/* What is read where no drive is: hosts pull DD7 down (ATA/ATAPI-6, chapter 4),
 * so that BSY reads as clear. OVMF waits 35 s for that, four times. */
#define NOBODY 0x7f

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

static void
update_irq(IdeChannel *ch)
{
    bool level = wanted_irq(ch);

    if (level && !irq_line_level(ch->line))
        ch->s->bm_status |= IDE_BM_IRQ; /* set by INTRQ's rising edge */
    irq_line_set(ch->line, level);
}

/* -- What drives ask of it --------------------------------------------- */

/* Loop thread: the channel's timer. */
static void
deferred_fire(void *data)
{
    IdeChannel *ch = data;

    g_mutex_lock(&ch->dev->lock);
    ide_drive_run(&ch->drive[0]);
    ide_drive_run(&ch->drive[1]);
    g_mutex_unlock(&ch->dev->lock);
}

static void
arm_deferred(IdeChannel *ch)
{
    gint64 now = loop_now_ns(ch->dev->env->loop, CLOCK_GUEST);

    timer_arm(ch->timer, now + DEFER_NS);
}

static void
defer(IdeDrive *d)
{
    arm_deferred(d->ch);
}

static void
irq_raised(IdeDrive *d)
{
    update_irq(d->ch);
}

static const IdeBus ide_bus = {
    .irq = irq_raised,
    .defer = defer,
    .dma_ready = ide_bm_ready,
    .dma_end = ide_bm_end,
};

/* -- Resets ------------------------------------------------------------ */

static void
both_reset(IdeChannel *ch)
{
    ch->s->select = 0;
    for (unsigned i = 0; i < 2; i++)
        if (ch->drive[i].kind != IDE_ABSENT)
            ide_drive_reset(&ch->drive[i]);
    update_irq(ch);
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
    update_irq(ch);
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
        ide_drive_reset(d);
        update_irq(ch);
        return;
    }
    if (is_engaged(d)) {
        device_guest_error(
            ch->dev, "ide: command 0x%02x ignored: the drive is busy", value);
        return;
    }
    d->s->irq = 0;
    update_irq(ch);
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
        update_irq(ch); /* INTRQ is the selected drive's */
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
        return NOBODY;
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
        update_irq(ch);
    }
    return status;
}

/* -- Data port --------------------------------------------------------- */

static void
block_moved(IdeDrive *d)
{
    d->s->irq = 0;
    update_irq(d->ch);
    ide_block_moved(d);
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
    guint64 value = 0;

    if (offset == REG_DATA) {
        data_read(ch, (guint8 *) &value, size);
        return GUINT64_FROM_LE(value);
    }
    for (unsigned i = 0; i < size; i++) {
        guint64 byte = offset + i == REG_STATUS
                           ? read_status(ch)
                           : read_reg(ch, (unsigned) offset + i);
        value |= byte << (8 * i);
    }
    return value;
}

static void
command_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    guint64 le = GUINT64_TO_LE(value);

    if (offset == REG_DATA)
        data_write(dev, (const guint8 *) &le, size);
    else
        for (unsigned i = 0; i < size; i++)
            write_reg(dev, (unsigned) offset + i, (guint8) (value >> (8 * i)));
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
        IdeDrive *d = &ch->drive[i];
        d->ch = ch;
        d->bus = &ide_bus;
        d->dev = dev;
        d->dma = dma;
        d->cursor = &ch->cursor;
        d->select = &ch->s->select;
        d->s = &ch->s->drive[i];
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

void
ide_channel_unrealize(IdeChannel *ch)
{
    g_clear_pointer(&ch->control_block, io_region_free);
    g_clear_pointer(&ch->command_block, io_region_free);
    g_clear_pointer(&ch->timer, timer_free);
    ide_drive_wait(&ch->drive[0]);
    ide_drive_wait(&ch->drive[1]);
    g_clear_pointer(&ch->line, irq_line_free);
}

void
ide_channel_reset(IdeChannel *ch)
{
    ch->s->control = 0;
    ch->s->bm_command = ch->s->bm_status = 0;
    ch->s->bm_prdt = 0;
    timer_arm(ch->timer, -1);
    for (unsigned i = 0; i < 2; i++) {
        ide_drive_power_on(&ch->drive[i]);
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
        atapi_show_tray(&ch->drive[i]);
    }
    arm_deferred(ch);
}

bool
ide_channel_is_quiet(const IdeChannel *ch)
{
    return !ch->drive[0].req_busy && !ch->drive[1].req_busy;
}
