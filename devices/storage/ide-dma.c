/* devices/storage/ide-dma.c - DMA commands of a drive, on whichever bus.
 *
 * Requests go straight between the image and guest memory, up to IDE_DMA_SEGS
 * regions and 1 MiB at a time; where the guest's regions do not add up to whole
 * sectors a request goes through the drive's buffer instead. */
#include "devices/storage/ide-internal.h"

#include <errno.h>

#define MAX_REQUEST (1u << 20)
/* Moved at once, on the vCPU's thread, when the host has it in memory. */
#define MAX_AT_ONCE (128u << 10)

static bool
is_dma_op(const IdeDrive *d)
{
    return d->kind != IDE_ABSENT &&
           (d->s->op == IDE_OP_READ_DMA || d->s->op == IDE_OP_WRITE_DMA ||
            d->s->op == IDE_OP_REPLY_DMA);
}

static bool
to_memory(const IdeDrive *d)
{
    return d->s->op != IDE_OP_WRITE_DMA;
}

static void
transfer_failed(IdeDrive *d, int result)
{
    if (d->kind == IDE_CD)
        atapi_transfer_error(d, result);
    else
        ata_transfer_error(d, result);
}

static void
drive_failed(IdeDrive *d, int result)
{
    d->bus->dma_end(d, IDE_DMA_FAILED);
    transfer_failed(d, result);
}

/* The guest's table, or the memory it names, is no good. */
static void
bus_failed(IdeDrive *d, int result)
{
    device_guest_error(d->dev, "ide: bus master: bad region table (%s)",
                       g_strerror(-result));
    d->bus->dma_end(d, IDE_DMA_BAD);
    transfer_failed(d, -EFAULT);
}

/* The table ended before the transfer: the bus master stops and the drive
 * goes on waiting, until the host starts it again or resets the drive. */
static void
table_ended(IdeDrive *d)
{
    d->bus->dma_end(d, IDE_DMA_SHORT);
    d->s->status = IDE_STATUS_OK | IDE_STATUS_DRQ;
}

static void
transfer_done(IdeDrive *d)
{
    d->bus->dma_end(d, IDE_DMA_DONE);
    if (d->kind == IDE_CD)
        atapi_ok(d);
    else
        ata_transfer_ok(d);
}

static void
start_bounced(IdeDrive *d, guint64 bytes)
{
    guint32 len = (guint32) MIN(bytes, IDE_BUF_SIZE);
    BlockOp op = to_memory(d) ? BLOCK_READ : BLOCK_WRITE;

    if (op == BLOCK_WRITE) {
        int moved = ide_regions_copy(d->dma, d->cursor, d->s->buf, len, false);
        if (moved < 0) {
            bus_failed(d, moved);
            return;
        }
        len = (guint32) moved / d->s->unit * d->s->unit;
        if (len == 0) {
            table_ended(d);
            return;
        }
    }
    d->bounced = true;
    ide_submit_buf(d, op, d->s->lba * d->s->unit, 0, len);
}

/* All that is left of a small request, without going over the loop: the answer
 * is there before the guest has left the register. False: submit it. */
static bool
move_at_once(IdeDrive *d, guint64 bytes)
{
    if (bytes > MAX_AT_ONCE || bytes != (guint64) d->s->left * d->s->unit ||
        block_try_now(d->block, to_memory(d) ? BLOCK_READ : BLOCK_WRITE,
                      d->s->lba * d->s->unit, d->iov, d->n_iov) < 0)
        return false;
    dma_unpin(d->dma, d->iov, d->n_iov, to_memory(d) ? bytes : 0);
    d->pinned = false;
    d->req_bytes = bytes;
    d->error_logged = false;
    ide_dma_io_done(d, 0);
    return true;
}

static void
start_request(IdeDrive *d)
{
    guint64 want = MIN((guint64) d->s->left * d->s->unit, MAX_REQUEST);

    if (d->block == NULL) {
        drive_failed(d, -ENOMEDIUM); /* a restored state may say so */
        return;
    }
    gint64 bytes =
        ide_regions_pin(d->dma, d->cursor, want, d->s->unit, to_memory(d),
                        MIN(IDE_DMA_SEGS, block_info(d->block)->max_iov / 2),
                        d->iov, &d->n_iov);

    d->bounced = false;
    d->pinned = bytes > 0;
    if (bytes == -ENOBUFS)
        start_bounced(d, want);
    else if (bytes < 0)
        bus_failed(d, (int) bytes);
    else if (bytes == 0)
        table_ended(d);
    else if (!move_at_once(d, (guint64) bytes))
        ide_submit_iov(d, to_memory(d) ? BLOCK_READ : BLOCK_WRITE,
                       d->s->lba * d->s->unit, (guint64) bytes);
}

static void
reply_from_buffer(IdeDrive *d)
{
    int moved = ide_regions_copy(d->dma, d->cursor, d->s->buf + d->s->pos,
                                 d->s->len - d->s->pos, true);

    if (moved < 0) {
        bus_failed(d, moved);
        return;
    }
    d->s->pos += (guint32) moved;
    if (d->s->pos < d->s->len)
        table_ended(d);
    else
        transfer_done(d);
}

static void
go_on(IdeDrive *d)
{
    if (d->s->op == IDE_OP_REPLY_DMA)
        reply_from_buffer(d);
    else
        start_request(d);
}

void
ide_dma_go(IdeDrive *d)
{
    if (is_dma_op(d) && !d->req_busy && d->bus->dma_ready(d))
        go_on(d);
}

void
ide_dma_io_done(IdeDrive *d, int result)
{
    if (result < 0) {
        drive_failed(d, result);
        return;
    }
    guint64 bytes = d->req_bytes;
    if (d->bounced && to_memory(d)) {
        int moved = ide_regions_copy(d->dma, d->cursor, d->s->buf,
                                     (guint32) bytes, true);
        if (moved < 0) {
            bus_failed(d, moved);
            return;
        }
        bytes = (guint64) moved / d->s->unit * d->s->unit;
    }
    d->s->lba += bytes / d->s->unit;
    d->s->left -= (guint32) (bytes / d->s->unit);
    if (d->s->left == 0)
        transfer_done(d);
    else
        ide_dma_go(d);
    /* or the host has stopped it meanwhile and may start it again */
}
