/* devices/storage/ide-dma.c - the bus master of an IDE channel.
 *
 * SFF-8038i revision 1.0. Requests go straight between the image and guest
 * memory, up to IDE_DMA_SEGS regions and 1 MiB at a time; where the guest's
 * regions do not add up to whole sectors a request goes through the drive's
 * buffer instead. The table is read as the transfer proceeds, and only once
 * per descriptor. */
#include "devices/storage/ide-internal.h"

#include <errno.h>

/* Registers of one channel, SFF-8038i section 3 */
enum { BM_COMMAND = 0, BM_STATUS = 2, BM_PRDT = 4 };

#define PRD_EOT         0x80000000u
#define PRD_MAX_BYTES   0x10000u /* what a count of zero means */
#define MAX_DESCRIPTORS 8192u    /* 64 KiB of table is the format's limit */
#define MAX_REQUEST     (1u << 20)
/* Read at once, on the vCPU's thread, when the host has it in memory. */
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

static bool
is_started(const IdeChannel *ch)
{
    return (ch->s->bm_command & IDE_BM_START) != 0 &&
           (ch->s->bm_status & IDE_BM_ACTIVE) != 0;
}

/* Makes the cursor point at bytes: 1; the table is at its end: 0; -EFAULT or
 * -EACCES: it cannot be read; -ELOOP: it is longer than any table. */
static int
cursor_fill(IdeChannel *ch, IdePrdCursor *c)
{
    guint8 raw[8];

    if (c->left > 0)
        return 1;
    if (c->last)
        return 0;
    if (c->walked++ >= MAX_DESCRIPTORS)
        return -ELOOP;
    int ret = dma_read(ch->dma, c->next, raw, sizeof raw);
    if (ret < 0)
        return ret;
    guint32 addr = raw[0] | raw[1] << 8 | raw[2] << 16 | (guint32) raw[3] << 24;
    guint32 count = raw[4] | raw[5] << 8;
    c->addr = addr & ~1u;
    c->left = (count & 0xfffe) != 0 ? count & 0xfffe : PRD_MAX_BYTES;
    c->last = (raw[7] & PRD_EOT >> 24) != 0;
    c->next += (guint32) sizeof raw;
    return 1;
}

static void
cursor_skip(IdePrdCursor *c, guint32 bytes)
{
    c->addr += bytes;
    c->left -= bytes;
}

/* Copies len bytes between buf and the guest's regions. Returns the bytes
 * moved, fewer when the table ends, or -errno. */
static int
copy_regions(IdeChannel *ch, guint8 *buf, guint32 len, bool to_mem)
{
    guint32 done = 0;

    while (done < len) {
        int ret = cursor_fill(ch, &ch->cursor);
        if (ret <= 0)
            return ret < 0 ? ret : (int) done;
        guint32 n = MIN(ch->cursor.left, len - done);
        ret = to_mem ? dma_write(ch->dma, ch->cursor.addr, buf + done, n)
                     : dma_read(ch->dma, ch->cursor.addr, buf + done, n);
        if (ret < 0)
            return ret;
        cursor_skip(&ch->cursor, n);
        done += n;
    }
    return (int) done;
}

/* Collects regions for at most want bytes into segs; before[i] is the cursor
 * in front of segs[i]. Returns the number of segments or -errno. */
static int
collect_regions(IdeChannel *ch, guint64 want, bool to_mem, DmaSeg *segs,
                IdePrdCursor *before, unsigned max_segs, guint64 *ret_bytes)
{
    IdePrdCursor c = ch->cursor;
    guint64 total = 0;
    unsigned n = 0;

    while (n < max_segs && total < want) {
        int ret = cursor_fill(ch, &c);
        if (ret < 0)
            return ret;
        if (ret == 0)
            break;
        guint32 len = (guint32) MIN(c.left, want - total);
        before[n] = c;
        segs[n++] = (DmaSeg){c.addr, len, to_mem};
        cursor_skip(&c, len);
        total += len;
    }
    ch->cursor = c;
    *ret_bytes = total;
    return (int) n;
}

/* Gives back excess bytes, so that whole sectors remain. Returns how many
 * segments are left. */
static unsigned
give_back(IdeChannel *ch, DmaSeg *segs, const IdePrdCursor *before, unsigned n,
          guint64 excess)
{
    while (excess > 0 && n > 0) {
        DmaSeg *last = &segs[n - 1];
        guint32 cut = (guint32) MIN(last->len, excess);
        last->len -= cut;
        excess -= cut;
        ch->cursor = before[n - 1];
        cursor_skip(&ch->cursor, last->len);
        if (last->len == 0)
            n--;
    }
    return n;
}

/* Pins regions for the next request into d->iov. Returns whole sectors' bytes;
 * 0: the table ended; -ENOBUFS: regions and sectors do not match here, use the
 * buffer; else -errno. */
static gint64
pin_regions(IdeDrive *d, guint64 want)
{
    IdeChannel *ch = d->ch;
    DmaSeg segs[IDE_DMA_SEGS];
    IdePrdCursor before[IDE_DMA_SEGS], start = ch->cursor;
    unsigned max_segs = MIN(IDE_DMA_SEGS, block_info(d->block)->max_iov / 2);
    guint64 bytes;

    int n = collect_regions(ch, want, to_memory(d), segs, before,
                            MAX(max_segs, 1u), &bytes);
    if (n <= 0)
        return n;
    guint64 excess = bytes % d->s->unit;
    if (excess == bytes) {
        ch->cursor = start;
        return -ENOBUFS;
    }
    unsigned left = give_back(ch, segs, before, (unsigned) n, excess);
    int pinned = dma_pin(ch->dma, segs, left, d->iov, G_N_ELEMENTS(d->iov));
    if (pinned < 0) {
        ch->cursor = start; /* the buffer takes the same regions */
        return pinned;
    }
    d->n_iov = (unsigned) pinned;
    d->pinned = true;
    return (gint64) (bytes - excess);
}

/* The transfer's end as the bus master sees it: active goes away when the
 * table is used up exactly, SFF-8038i section 3.1, table of status bits. */
static void
note_end(IdeChannel *ch)
{
    if (ch->cursor.left == 0 && ch->cursor.last)
        ch->s->bm_status &= (guint8) ~IDE_BM_ACTIVE;
}

static void
transfer_failed(IdeDrive *d, int result)
{
    d->ch->s->bm_status &= (guint8) ~IDE_BM_ACTIVE;
    if (d->kind == IDE_CD)
        atapi_transfer_error(d, result);
    else
        ata_transfer_error(d, result);
}

/* The guest's table, or the memory it names, is no good. */
static void
bus_failed(IdeDrive *d, int result)
{
    device_guest_error(d->ch->dev, "ide: bus master: bad region table (%s)",
                       g_strerror(-result));
    d->ch->s->bm_status |= IDE_BM_ERROR;
    transfer_failed(d, -EFAULT);
}

/* The table ended before the transfer: the bus master stops and the drive
 * goes on waiting, until the host starts it again or resets the drive. */
static void
table_ended(IdeDrive *d)
{
    d->ch->s->bm_status &= (guint8) ~IDE_BM_ACTIVE;
    d->s->status = IDE_STATUS_OK | IDE_STATUS_DRQ;
}

static void
transfer_done(IdeDrive *d)
{
    note_end(d->ch);
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
        int moved = copy_regions(d->ch, d->s->buf, len, false);
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

/* All that is left of a small read, without going over the loop: the answer
 * is there before the guest has left the register. False: submit it. */
static bool
read_at_once(IdeDrive *d, guint64 bytes)
{
    if (!to_memory(d) || bytes > MAX_AT_ONCE ||
        bytes != (guint64) d->s->left * d->s->unit ||
        block_read_now(d->block, d->s->lba * d->s->unit, d->iov, d->n_iov) < 0)
        return false;
    dma_unpin(d->ch->dma, d->iov, d->n_iov, bytes);
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
        transfer_failed(d, -ENOMEDIUM); /* a restored state may say so */
        return;
    }
    gint64 bytes = pin_regions(d, want);

    d->bounced = false;
    if (bytes == -ENOBUFS)
        start_bounced(d, want);
    else if (bytes < 0)
        bus_failed(d, (int) bytes);
    else if (bytes == 0)
        table_ended(d);
    else if (!read_at_once(d, (guint64) bytes))
        ide_submit_iov(d, to_memory(d) ? BLOCK_READ : BLOCK_WRITE,
                       d->s->lba * d->s->unit, (guint64) bytes);
}

static void
reply_from_buffer(IdeDrive *d)
{
    int moved =
        copy_regions(d->ch, d->s->buf + d->s->pos, d->s->len - d->s->pos, true);

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
ide_dma_kick(IdeChannel *ch)
{
    IdeDrive *d = &ch->drive[ch->s->select & IDE_DEVICE_1 ? 1 : 0];

    if (is_started(ch) && is_dma_op(d) && !d->req_busy)
        go_on(d);
}

void
ide_dma_io_done(IdeDrive *d, int result)
{
    if (result < 0) {
        transfer_failed(d, result);
        return;
    }
    guint64 bytes = d->req_bytes;
    if (d->bounced && to_memory(d)) {
        int moved = copy_regions(d->ch, d->s->buf, (guint32) bytes, true);
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
    else if (is_started(d->ch))
        go_on(d);
    /* else the host has stopped it meanwhile and may start it again */
}

guint8
ide_bm_read(IdeChannel *ch, unsigned offset)
{
    switch (offset) {
    case BM_COMMAND: return ch->s->bm_command;
    case BM_STATUS: return ch->s->bm_status;
    case BM_PRDT:
    case BM_PRDT + 1:
    case BM_PRDT + 2:
    case BM_PRDT + 3:
        return (guint8) (ch->s->bm_prdt >> (8 * (offset - BM_PRDT)));
    default: return 0;
    }
}

static void
write_command(IdeChannel *ch, guint8 value)
{
    guint8 old = ch->s->bm_command;

    ch->s->bm_command = value & (IDE_BM_START | IDE_BM_TO_MEM);
    if (!(value & IDE_BM_START)) {
        ch->s->bm_status &= (guint8) ~IDE_BM_ACTIVE;
    } else if (!(old & IDE_BM_START)) {
        ch->s->bm_status |= IDE_BM_ACTIVE;
        ch->cursor = (IdePrdCursor){.next = ch->s->bm_prdt};
        ide_dma_kick(ch);
    }
}

void
ide_bm_write(IdeChannel *ch, unsigned offset, guint8 value)
{
    unsigned shift = 8 * (offset - BM_PRDT);

    if (offset == BM_COMMAND) {
        write_command(ch, value);
    } else if (offset == BM_STATUS) {
        /* error and interrupt: writing 1 clears; capable bits: plain */
        ch->s->bm_status &= (guint8) ~(value & (IDE_BM_ERROR | IDE_BM_IRQ));
        ch->s->bm_status = (guint8) ((ch->s->bm_status & ~IDE_BM_CAPABLE) |
                                     (value & IDE_BM_CAPABLE));
    } else if (offset >= BM_PRDT && offset < BM_PRDT + 4) {
        ch->s->bm_prdt = (ch->s->bm_prdt & ~(0xffu << shift)) | (guint32) value
                                                                    << shift;
        ch->s->bm_prdt &= ~3u;
    }
}
