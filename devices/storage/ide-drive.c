/* devices/storage/ide-drive.c - what disks and CD drives have in common: how a
 * command ends, the request that is under way, resets, media. */
#include "devices/storage/ide-internal.h"

#include <errno.h>
#include <string.h>

#include "devices/storage/mmc.h"
#include "vmm/core/error.h"
#include "vmm/loop/loop.h"

#define CMD_PACKET 0xa0

void
ide_raise_irq(IdeDrive *d)
{
    d->s->irq = 1;
    d->bus->irq(d);
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
    DeviceEnv *env = d->dev->env;

    if (d->error_logged || result == -ECANCELED)
        return;
    d->error_logged = true;
    g_autofree char *line = g_strdup_printf(
        "%s: %s; the guest sees a drive error%s",
        d->req_block != NULL ? block_path(d->req_block) : "empty drive",
        g_strerror(-result),
        result == -ENOSPC ? "; free space on the host's file system" : "");
    if (env->log != NULL)
        env->log(env, d->dev->id, line);
}

/* -- Requests ---------------------------------------------------------- */

void
ide_drive_run(IdeDrive *d)
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
    GMutex *lock = &d->dev->lock;

    g_mutex_lock(lock);
    d->req_busy = false;
    if (d->pinned) {
        dma_unpin(d->dma, d->iov, d->n_iov, result == 0 ? d->req_bytes : 0);
        d->pinned = false;
    }
    if (d->req_generation == d->generation)
        dispatch_done(d, result);
    else
        ide_drive_run(d); /* forgotten by a reset; a new command may wait */
    if (d->bus->went_on != NULL)
        d->bus->went_on(d);
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

void
ide_defer(IdeDrive *d)
{
    d->s->status = IDE_STATUS_BSY;
    d->s->deferred = 1;
    d->bus->defer(d);
}

/* Whose the block was decides what comes next. */
void
ide_block_moved(IdeDrive *d)
{
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

/* -- Life -------------------------------------------------------------- */

static bool
check_disk(Block *block, GError **error)
{
    if (block == NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "a disk needs an image; give it one or make it a cd");
        return false;
    }
    const BlockInfo *info = block_info(block);
    if (info->logical_size > IDE_SECTOR) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: an ATA disk has sectors of %u bytes, this one is "
                    "accessed in units of %u; if that is because of direct "
                    "access, turn direct off",
                    block_path(block), IDE_SECTOR, info->logical_size);
        return false;
    }
    if (info->bytes < IDE_SECTOR) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: an ATA disk needs at least one 512-byte sector, this "
                    "has %" G_GUINT64_FORMAT " bytes",
                    block_path(block), info->bytes);
        return false;
    }
    return true;
}

static bool
check_disc(Block *block, GError **error)
{
    if (block == NULL)
        return true;
    const BlockInfo *info = block_info(block);
    if (IDE_CD_SECTOR % info->logical_size == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: has sectors of %u bytes, a CD has 2048; use it without "
                "direct access",
                block_path(block), info->logical_size);
    return false;
}

bool
ide_drive_init(IdeDrive *d, IdeKind kind, Block *block, const char *serial,
               const char *model, GError **error)
{
    bool cd = kind == IDE_CD;

    if (!(cd ? check_disc(block, error) : check_disk(block, error)))
        return false;
    d->kind = kind;
    d->block = block;
    d->n_units = block != NULL ? block_info(block)->bytes /
                                     (cd ? IDE_CD_SECTOR : IDE_SECTOR)
                               : 0;
    d->serial = serial;
    d->model = model != NULL ? model : cd ? "CARREL CD-ROM" : "CARREL DISK";
    d->def_heads = 16;
    d->def_sectors = 63;
    d->def_cylinders =
        (guint32) CLAMP(d->n_units / (16 * 63), 1, (guint64) IDE_MAX_CYLINDERS);
    d->error_logged = false;
    return true;
}

void
ide_drive_wait(IdeDrive *d)
{
    if (d->dev == NULL)
        return;
    d->generation++;
    if (d->req_busy)
        block_cancel_all(d->req_block);
    while (d->req_busy)
        g_main_context_iteration(loop_context(d->dev->env->loop), TRUE);
}

/* Several drives with 64 KiB each are half of what a start would have to
 * write. */
static void
clear_state(IdeDrive *d)
{
    memset(d->s, 0,
           d->buf_written ? sizeof *d->s : G_STRUCT_OFFSET(IdeDriveState, buf));
    d->buf_written = false;
}

void
ide_drive_power_on(IdeDrive *d)
{
    clear_state(d);
    d->s->unit = d->s->block = IDE_SECTOR;
    atapi_show_tray(d);
    if (d->kind != IDE_ABSENT)
        ata_reset(d);
}

/* What SRST, power-on and the diagnostic leave behind. */
void
ide_drive_reset(IdeDrive *d)
{
    ide_abort(d);
    d->s->irq = 0;
    d->s->sleeping = 0;
    d->s->error = IDE_DIAG_PASSED;
    d->s->status = d->kind == IDE_CD ? 0 : IDE_STATUS_OK;
    ide_set_signature(d);
}

bool
ide_drive_set_media(IdeDrive *d, Block *block, bool force, GError **error)
{
    if (!check_disc(block, error))
        return false;
    g_mutex_lock(&d->dev->lock);
    bool locked = d->s->locked && !force;
    if (locked)
        d->s->event = MMC_EVENT_EJECT_REQUEST;
    else
        atapi_set_media(d, block);
    if (d->bus->went_on != NULL)
        d->bus->went_on(d); /* a read may have failed */
    g_mutex_unlock(&d->dev->lock);
    if (locked)
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "the guest has locked the tray and has been asked to let "
                    "the disc go; eject it in the guest, or use --force");
    return !locked;
}
