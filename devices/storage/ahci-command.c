/* devices/storage/ahci-command.c - the command list of a port, and commands
 * that the drive executes one at a time.
 *
 * AHCI 1.3.1 chapters 4.2.2, 4.2.3 and 5. Everything in the list is the
 * guest's and is read once. A drive that moves data by PIO on the other bus
 * moves it to the regions here, at once. */
#include <string.h>

#include "devices/storage/ahci-internal.h"

#define HEADER_SIZE      32u
#define FRAME_SIZE       64u
#define CDB_AT           0x40u /* in the command table */
#define REGIONS_AT       0x80u
#define REGION_SIZE      16u
#define REGION_COUNT     0x3fffffu

#define TYPE_TO_DEVICE   0x27u
#define FRAME_IS_COMMAND 0x80u
#define CONTROL_SRST     0x04u

#define CMD_DEVICE_RESET 0x08u
#define CMD_DIAGNOSTIC   0x90u
#define CMD_PACKET       0xa0u
#define CMD_READ_QUEUED  0x60u
#define CMD_WRITE_QUEUED 0x61u

#define CMD_CCS_SHIFT    8

/* A command as read from the guest. */
typedef struct {
    Gpa header;
    guint8 frame[FRAME_SIZE], cdb[16];
    IdeCursor cursor;
} Issued;

/* 4.2.3.3: address, 22 bits of count less one. */
static int
read_region(Dma *dma, IdeCursor *c)
{
    guint32 le[4];
    int ret = dma_read(dma, c->next, le, sizeof le);

    G_STATIC_ASSERT(sizeof le == REGION_SIZE);
    if (ret < 0)
        return ret;
    c->addr = (GUINT32_FROM_LE(le[0]) & ~1u) | (guint64) GUINT32_FROM_LE(le[1])
                                                   << 32;
    c->left = (GUINT32_FROM_LE(le[3]) & REGION_COUNT) + 1;
    c->last = c->entries == 0;
    c->next += REGION_SIZE;
    return 0;
}

/* False: it is not in memory. */
static bool
read_issued(AhciPort *p, guint8 slot, Issued *c)
{
    Dma *dma = p->drive.dma;
    guint8 header[16];
    guint8 table[REGIONS_AT];

    c->header =
        (p->s->clb | (guint64) p->s->clbu << 32) + (guint64) slot * HEADER_SIZE;
    if (dma_read(dma, c->header, header, sizeof header) < 0)
        return false;
    Gpa at = (pci_get32(header, 8) & ~0x7fu) | (guint64) pci_get32(header, 12)
                                                   << 32;
    if (dma_read(dma, at, table, sizeof table) < 0)
        return false;
    memcpy(c->frame, table, sizeof c->frame);
    memcpy(c->cdb, table + CDB_AT, sizeof c->cdb);
    guint32 entries = pci_get16(header, 2);
    c->cursor = (IdeCursor){.read = read_region,
                            .next = at + REGIONS_AT,
                            .entries = entries,
                            .last = entries == 0};
    return true;
}

/* ---- what the drive asks of its bus ---- */

static void
irq(IdeDrive *d)
{
}

/* There is no register to be read before the command ends, so it may end now.
 * With a request of before a reset still under way it runs when that is
 * back. */
static void
defer(IdeDrive *d)
{
    ide_drive_run(d);
}

static bool
dma_ready(IdeDrive *d)
{
    return true;
}

static void
dma_end(IdeDrive *d, IdeDmaEnd how)
{
    AhciPort *p = ahci_port_of(d);

    p->bad_regions = p->bad_regions || how == IDE_DMA_BAD;
    p->short_regions = p->short_regions || how == IDE_DMA_SHORT;
}

/* ---- a command's end ---- */

/* Bytes moved, into the header. */
static void
count_bytes(AhciPort *p)
{
    guint8 le[4];

    pci_put32(le, 0, p->cursor.used);
    (void) dma_write(p->drive.dma, p->header + 4, le, sizeof le);
}

static void
finish(AhciPort *p)
{
    AhciPortState *s = p->s;
    guint32 bit = 1u << p->current;
    bool failed = (s->drive.status & IDE_STATUS_ERR) != 0;

    count_bytes(p);
    p->current = AHCI_NO_SLOT;
    ahci_post_registers(p, p->pio_in && !failed);
    if (!failed) {
        s->ci &= ~bit;
        return;
    }
    ahci_port_halt(p, PX_IS_TFES | (p->short_regions ? PX_IS_OFS : 0) |
                          (p->bad_regions ? PX_IS_HBDS : 0));
}

/* ---- moving data ---- */

static void
data_failed(AhciPort *p, int moved)
{
    p->bad_regions = moved < 0;
    p->short_regions = moved >= 0;
    ide_abort(&p->drive);
    ide_command_error(&p->drive, IDE_ERROR_ABRT);
}

/* What the drive offers or wants, all of it: blocks are for those who have to
 * fetch them. */
static void
move_block(AhciPort *p)
{
    IdeDrive *d = &p->drive;
    IdeDriveState *s = d->s;
    bool in = s->xfer == IDE_XFER_IN;

    if (s->xfer == IDE_XFER_PACKET) {
        memcpy(s->buf, p->cdb, IDE_PACKET_SIZE);
        s->pos = s->drq_end;
        ide_block_moved(d);
        return;
    }
    guint32 len = s->len - s->pos;
    int moved = ide_regions_copy(d->dma, d->cursor, s->buf + s->pos, len, in);
    if (moved < 0 || (guint32) moved < len) {
        data_failed(p, moved);
        return;
    }
    p->pio_in = in && s->command != CMD_PACKET;
    s->pos = s->drq_end = s->len;
    ide_block_moved(d);
}

/* Goes on with the command until the drive waits for the host's file, or has
 * done it. */
static void
pump(AhciPort *p)
{
    const IdeDriveState *s = p->drive.s;

    while (p->current != AHCI_NO_SLOT && (s->status & IDE_STATUS_BSY) == 0) {
        if ((s->status & IDE_STATUS_DRQ) == 0)
            finish(p);
        else if (s->xfer != IDE_XFER_NONE)
            move_block(p);
        else
            data_failed(p, 0); /* the bus master has run out of regions */
    }
}

/* Loop thread. */
static void
went_on(IdeDrive *d)
{
    AhciPort *p = ahci_port_of(d);

    pump(p);
    ahci_port_run(p);
    ahci_show(p);
}

const IdeBus ahci_bus = {
    .irq = irq,
    .defer = defer,
    .dma_ready = dma_ready,
    .dma_end = dma_end,
    .went_on = went_on,
    .read_log = ahci_read_log,
};

/* ---- a command's beginning ---- */

static void
load_task_file(AhciPort *p, const guint8 *f)
{
    IdeDriveState *s = p->drive.s;

    s->command = f[2];
    s->feature[0] = f[3];
    s->feature[1] = f[11];
    s->lba_low[0] = f[4];
    s->lba_mid[0] = f[5];
    s->lba_high[0] = f[6];
    p->s->device = f[7];
    s->lba_low[1] = f[8];
    s->lba_mid[1] = f[9];
    s->lba_high[1] = f[10];
    s->count[0] = f[12];
    s->count[1] = f[13];
    s->error = 0;
    s->one_by_one = 0;
    s->status = IDE_STATUS_BSY;
}

static void
begin_command(AhciPort *p, guint8 slot, const Issued *c)
{
    IdeDrive *d = &p->drive;
    bool cd = d->kind == IDE_CD;

    p->current = slot;
    p->header = c->header;
    memcpy(p->cdb, c->cdb, sizeof p->cdb);
    p->cursor = c->cursor;
    p->pio_in = p->bad_regions = p->short_regions = false;
    d->buf_written = true;
    load_task_file(p, c->frame);
    if (d->s->command == CMD_DIAGNOSTIC ||
        (cd && d->s->command == CMD_DEVICE_RESET))
        ide_drive_reset(d);
    else if (cd && d->s->command == CMD_PACKET)
        atapi_command(d);
    else
        ata_command(d);
    ahci_take_task_file(p); /* busy */
    pump(p);
}

/* 10.4.1: a soft reset is two frames that are no commands. */
static void
take_control(AhciPort *p, guint8 slot, const guint8 *frame)
{
    bool srst = (frame[15] & CONTROL_SRST) != 0;

    p->s->ci &= ~(1u << slot);
    if (p->s->srst && !srst)
        ahci_port_signature(p);
    p->s->srst = srst;
}

static bool
may_start(const AhciPort *p)
{
    const AhciPortState *s = p->s;

    return s->ci != 0 && (s->cmd & PX_CMD_ST) != 0 && !s->halted &&
           !p->hba->paused && p->drive.kind != IDE_ABSENT &&
           (s->ssts & 0xf) == 3 && p->current == AHCI_NO_SLOT &&
           !p->drive.req_busy && p->stale == 0 && !s->drive.sleeping;
}

/* The next after the last one. */
static guint8
next_slot(AhciPort *p)
{
    guint32 last = p->s->cmd >> CMD_CCS_SHIFT & 0x1f;

    for (guint32 i = 1;; i++) {
        guint32 slot = (last + i) % AHCI_SLOTS;
        if ((p->s->ci & 1u << slot) != 0)
            return (guint8) slot;
    }
}

static bool
is_queued(const AhciPort *p, const guint8 *frame)
{
    return p->slots != NULL && p->drive.queue_depth > 0 &&
           (frame[2] == CMD_READ_QUEUED || frame[2] == CMD_WRITE_QUEUED);
}

/* False: it has to wait. */
static bool
start_next(AhciPort *p)
{
    guint8 slot = next_slot(p);
    Issued c;

    if (!read_issued(p, slot, &c) || c.frame[0] != TYPE_TO_DEVICE) {
        device_guest_error(p->drive.dev, "port %u: slot %u has no command",
                           p->number, slot);
        ahci_port_halt(p, PX_IS_HBFS);
        return false;
    }
    bool command = (c.frame[1] & FRAME_IS_COMMAND) != 0;
    bool queued = command && is_queued(p, c.frame);
    if (queued ? (p->queued & 1u << slot) != 0 : p->queued != 0)
        return false;
    p->s->cmd &= ~(0x1fu << CMD_CCS_SHIFT);
    p->s->cmd |= (guint32) slot << CMD_CCS_SHIFT;
    if (queued)
        ahci_queue_begin(p, slot, c.frame, &c.cursor);
    else if (command)
        begin_command(p, slot, &c);
    else
        take_control(p, slot, c.frame);
    return true;
}

void
ahci_port_start(AhciPort *p)
{
    while (may_start(p) && start_next(p))
        ;
}

void
ahci_port_run(AhciPort *p)
{
    do {
        ahci_port_start(p);
    } while (p->todo != 0 && p->todo == p->queued && ahci_queue_move_now(p));
    if (p->todo != 0 && !ahci_queue_wake(p))
        ahci_queue_submit(p);
}

/* Behind others there is time: the processor is better used for preparing the
 * next one. */
void
ahci_port_issued(AhciPort *p)
{
    if (p->queued == 0 || !may_start(p) || !ahci_queue_wake(p))
        ahci_port_run(p);
}
