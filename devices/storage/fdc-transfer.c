/* devices/storage/fdc-transfer.c - the floppy commands that move sectors.
 *
 * Intel 82077AA data sheet, section 5. A command proceeds in runs: the sectors
 * from the current one to the end of the track go through one buffer, from or
 * to the disk in one request and from or to the guest by DMA (one 8237
 * transfer) or byte by byte through the FIFO. Images hold neither deleted
 * marks nor other sector ids than the regular ones. */
#include "devices/storage/fdc-internal.h"

#include <string.h>

#include "devices/legacy/i8237.h"
#include "vmm/loop/loop.h"

#define US G_GINT64_CONSTANT(1000)
/* Drivers arm their wait after the last command byte: never answer at once. */
#define START_NS      (200 * US)
#define NEXT_TRACK_NS (20 * US)
/* A real controller waits for two index pulses before it gives up; drivers
 * wait a second or more. */
#define NO_MEDIA_NS     (50000 * US)
#define DMA_RETRY_NS    (1000 * US)
#define DMA_MAX_RETRIES 100
#define REVOLUTION_NS   (200000 * US) /* 300 rpm */

#define CONFIG_EIS      0x40

static bool
op_writes(FdcOp op)
{
    return op == FDC_OP_WRITE || op == FDC_OP_FORMAT;
}

static bool
op_scans(FdcOp op)
{
    return op >= FDC_OP_SCAN_EQUAL && op <= FDC_OP_SCAN_HIGH;
}

bool
fdc_transfer_to_host(const Fdc *f)
{
    return !op_writes(f->s.op) && !op_scans(f->s.op);
}

static void
wait_step(Fdc *f, FdcStep step, gint64 ns)
{
    f->s.step = (guint8) step;
    timer_arm(f->exec_timer, fdc_now(f) + ns);
}

/* The result phase of every data command, section 5.1. */
static void
finish(Fdc *f)
{
    FdcState *s = &f->s;
    guint8 st0 = (guint8) (s->drive | s->head << 2);

    if (s->st1 != 0 || (s->st2 & (FDC_ST2_DD | FDC_ST2_WC)) != 0)
        st0 |= FDC_ST0_ABNORMAL;
    const guint8 results[] = {st0, s->st1, s->st2, s->c, s->h, s->r, s->n};
    memcpy(s->results, results, sizeof results);
    fdc_begin_result(f, sizeof results, true);
}

static void
fail(Fdc *f, guint8 st1, guint8 st2)
{
    f->s.st1 |= st1;
    f->s.st2 |= st2;
    finish(f);
}

/* The cylinder of the disk under the heads: a 40-track disk in an 80-track
 * drive is stepped twice for each. */
static unsigned
media_cylinder(const Fdc *f, const FdcDrive *drive)
{
    unsigned track = f->s.head_track[f->s.drive];
    bool twice =
        drive->media->cylinders <= 42 && fdc_drive_tracks(drive->type) > 42;

    return twice ? track / 2 : track;
}

/* Is there anything the selected head can read at this rate? */
static bool
track_is_readable(Fdc *f)
{
    FdcDrive *drive = fdc_drive(f, f->s.drive);

    return drive != NULL && drive->media != NULL &&
           (f->s.params[0] & FDC_CMD_MFM) != 0 &&
           (drive->media->rates >> (f->s.rate & 3) & 1) != 0 &&
           media_cylinder(f, drive) < drive->media->cylinders &&
           f->s.head < drive->media->heads;
}

/* Compares the id looked for with those of the track; false: no such sector,
 * and the status bits that say how. */
static bool
id_exists(Fdc *f, guint8 *ret_st1, guint8 *ret_st2)
{
    const FdcState *s = &f->s;
    FdcDrive *drive = fdc_drive(f, s->drive);

    *ret_st1 = FDC_ST1_ND;
    *ret_st2 = 0;
    if (s->c != media_cylinder(f, drive)) {
        *ret_st2 = FDC_ST2_WC;
        return false;
    }
    if (s->h != s->head || s->n != FDC_SIZE_CODE || s->r == 0 ||
        s->r > drive->media->sectors)
        return false;
    *ret_st1 = 0;
    return true;
}

/* Moves the id k sectors on, as the result phase reports it (section 5.1,
 * "result phase table"). True: that was the last one of the command. */
static bool
advance(Fdc *f, unsigned k)
{
    FdcState *s = &f->s;
    bool multi_track =
        (s->params[0] & FDC_CMD_MT) != 0 && s->op != FDC_OP_READ_TRACK;

    if (s->r + k <= s->eot) {
        s->r = (guint8) (s->r + k);
        return false;
    }
    s->r = 1;
    if (multi_track && s->head == 0) {
        s->head = 1;
        s->h ^= 1;
        return false;
    }
    if (multi_track)
        s->h ^= 1;
    s->c++;
    return true;
}

static guint64
sector_index(Fdc *f)
{
    const FdcState *s = &f->s;
    const FdcGeometry *g = fdc_drive(f, s->drive)->media;
    unsigned cylinder = media_cylinder(f, fdc_drive(f, s->drive));

    return ((guint64) cylinder * g->heads + s->head) * g->sectors + s->r - 1u;
}

/* Sectors of the run that the image really has; it may be shorter than its
 * format. */
static unsigned
sectors_present(Fdc *f, unsigned run)
{
    guint64 have =
        block_info(fdc_drive(f, f->s.drive)->block)->bytes / FDC_SECTOR_SIZE;
    guint64 first = sector_index(f);

    return first >= have ? 0 : (unsigned) MIN(run, have - first);
}

static void block_done(BlockReq *req, int result);

/* Reads or writes the run's n first sectors. */
static void
submit(Fdc *f, BlockOp op, unsigned n)
{
    BlockReq *reqs[1] = {&f->req};

    f->s.step = FDC_STEP_DISK;
    f->iov = (struct iovec){f->s.buf, (gsize) n * FDC_SECTOR_SIZE};
    f->req = (BlockReq){
        .op = op,
        .offset = sector_index(f) * FDC_SECTOR_SIZE,
        .iov = &f->iov,
        .n_iov = 1,
        .done = block_done,
    };
    f->req_busy = true;
    f->req_generation = f->generation;
    f->req_block = fdc_drive(f, f->s.drive)->block;
    block_submit(f->req_block, reqs, 1);
}

/* A run has been dealt with: k sectors of it. */
static void
run_done(Fdc *f, unsigned k)
{
    bool ended = advance(f, k);

    if (f->s.tc)
        finish(f);
    else if (ended)
        fail(f, f->s.op == FDC_OP_READ_TRACK ? 0 : FDC_ST1_EN, 0);
    else
        wait_step(f, FDC_STEP_START, NEXT_TRACK_NS);
}

static bool
scan_satisfied(const FdcState *s)
{
    return !s->scan_bad;
}

/* Ends a sector of a SCAN, section 5.1.8. */
static void
scan_sector_done(Fdc *f)
{
    FdcState *s = &f->s;

    if (scan_satisfied(s)) {
        if (!s->scan_differs)
            s->st2 |= FDC_ST2_SH;
        finish(f);
        return;
    }
    bool ended = advance(f, s->dtl == 2 ? 2 : 1);
    if (s->tc || ended)
        fail(f, 0, FDC_ST2_SN);
    else
        wait_step(f, FDC_STEP_START, NEXT_TRACK_NS);
}

/* 0xff on either side matches everything. */
static void
scan_byte(FdcState *s, guint8 disk, guint8 host)
{
    if (disk == host || disk == 0xff || host == 0xff)
        return;
    s->scan_differs = 1;
    if (s->op == FDC_OP_SCAN_EQUAL ||
        (s->op == FDC_OP_SCAN_LOW && disk > host) ||
        (s->op == FDC_OP_SCAN_HIGH && disk < host))
        s->scan_bad = 1;
}

/* The guest has given s->pos bytes of sector ids: format the track. Only what
 * the image can hold is possible: its own sectors, each one once. */
static void
format_track(Fdc *f)
{
    FdcState *s = &f->s;
    FdcDrive *drive = fdc_drive(f, s->drive);
    unsigned sectors = drive->media->sectors;
    guint64 seen = 0;

    for (unsigned i = 0; i + 3 < s->pos; i += 4) {
        const guint8 *id = s->buf + i;
        if (id[0] == media_cylinder(f, drive) && id[1] == s->head &&
            id[2] >= 1 && id[2] <= sectors && id[3] == FDC_SIZE_CODE)
            seen |= G_GUINT64_CONSTANT(1) << (id[2] - 1);
    }
    if (seen != (G_GUINT64_CONSTANT(1) << sectors) - 1 ||
        sectors_present(f, sectors) < sectors) {
        device_guest_error(&f->dev,
                           "fdc: a %s image cannot take the track "
                           "format the guest asked for",
                           drive->media->name);
        fail(f, FDC_ST1_ND, 0);
        return;
    }
    memset(s->buf, s->params[5], (gsize) sectors * FDC_SECTOR_SIZE);
    s->run = (guint8) sectors;
    submit(f, BLOCK_WRITE, sectors);
}

/* All that the guest gives for this run is in buf, s->pos bytes of it. */
static void
host_data_complete(Fdc *f)
{
    FdcState *s = &f->s;

    if (!track_is_readable(f)) {
        fail(f, FDC_ST1_MA, 0); /* a restored state may name an empty drive */
        return;
    }
    if (s->op == FDC_OP_FORMAT) {
        format_track(f);
        return;
    }
    unsigned n = (s->pos + FDC_SECTOR_SIZE - 1) / FDC_SECTOR_SIZE;
    if (sectors_present(f, n) < n) {
        fail(f, FDC_ST1_ND, 0); /* the image ends before its format does */
        return;
    }
    /* TC inside a sector: the rest is written as zeros, section 5.1.3 */
    memset(s->buf + s->pos, 0, n * FDC_SECTOR_SIZE - s->pos);
    s->run = (guint8) n;
    submit(f, BLOCK_WRITE, n);
}

/* The guest has moved s->pos of s->len bytes and this is all there will be. */
static void
host_done(Fdc *f)
{
    FdcState *s = &f->s;
    unsigned n = (s->pos + FDC_SECTOR_SIZE - 1) / FDC_SECTOR_SIZE;

    if (op_scans(s->op))
        scan_sector_done(f);
    else if (op_writes(s->op))
        host_data_complete(f);
    else if (s->op == FDC_OP_READ_DELETED)
        fail(f, 0, FDC_ST2_CM); /* one ordinary sector, then it stops */
    else
        run_done(f, n);
}

/* Moves what the DMA channel takes. The 8237 has its own lock, so this one is
 * dropped meanwhile; a reset in between leaves the buffer alone, because only
 * this thread begins a new run. False: the command is not ours any more. */
static bool
dma_move(Fdc *f, guint8 *buf, unsigned len, unsigned *ret_moved)
{
    guint generation = f->generation;
    I8237Dir dir =
        fdc_transfer_to_host(f) ? I8237_TO_MEMORY : I8237_FROM_MEMORY;
    bool tc = false;

    g_mutex_unlock(&f->dev.lock);
    i8237_set_dreq(f->dma, FDC_DMA_CHANNEL, true);
    *ret_moved = i8237_transfer(f->dma, FDC_DMA_CHANNEL, buf, len, dir, &tc);
    i8237_set_dreq(f->dma, FDC_DMA_CHANNEL, false);
    g_mutex_lock(&f->dev.lock);
    if (f->generation != generation)
        return false;
    f->s.tc = tc;
    return true;
}

static void
dma_step(Fdc *f)
{
    FdcState *s = &f->s;
    guint8 host[FDC_SECTOR_SIZE];
    guint8 *at = op_scans(s->op) ? host : s->buf + s->pos;
    unsigned moved = 0;

    s->step = FDC_STEP_DMA;
    if ((s->dor & FDC_DOR_DMAGATE) && !dma_move(f, at, s->len - s->pos, &moved))
        return;
    for (unsigned i = 0; op_scans(s->op) && i < moved; i++)
        scan_byte(s, s->buf[s->pos + i], host[i]);
    s->pos += moved;
    if (s->tc || s->pos == s->len)
        host_done(f);
    else if (++s->stalls > DMA_MAX_RETRIES)
        fail(f, FDC_ST1_OR, 0);
    else
        wait_step(f, FDC_STEP_DMA, DMA_RETRY_NS);
}

/* Data is in buf for the guest, or there is room for the guest's. Runs on the
 * loop thread, the only one that may talk to the 8237. */
static void
begin_host(Fdc *f, unsigned len)
{
    f->s.pos = 0;
    f->s.len = len;
    if (fdc_is_pio(f)) {
        f->s.step = FDC_STEP_HOST;
        fdc_raise_irq(f);
    } else {
        dma_step(f);
    }
}

static void
verify_done(Fdc *f)
{
    FdcState *s = &f->s;
    bool counts = s->params[1] & 0x80; /* EC: dtl sectors are wanted */

    bool ended = advance(f, s->run);
    if (counts)
        s->dtl = (guint8) (s->dtl - s->run);
    if (ended || (counts && s->dtl == 0))
        fail(f, counts && s->dtl != 0 ? FDC_ST1_EN : 0, 0);
    else
        wait_step(f, FDC_STEP_START, NEXT_TRACK_NS);
}

static void
disk_done(Fdc *f)
{
    if (f->s.op == FDC_OP_FORMAT)
        finish(f);
    else if (f->s.op == FDC_OP_WRITE)
        run_done(f, f->s.run);
    else if (f->s.op == FDC_OP_VERIFY)
        verify_done(f);
    else
        begin_host(f, f->s.run * (unsigned) FDC_SECTOR_SIZE);
}

static void
disk_failed(Fdc *f, int result)
{
    FdcState *s = &f->s;

    if (result == -EROFS) {
        fail(f, FDC_ST1_NW, 0);
    } else if (!op_writes(s->op) && s->run > 1) {
        s->one_by_one = 1;
        wait_step(f, FDC_STEP_START, NEXT_TRACK_NS);
    } else {
        fail(f, FDC_ST1_DE, FDC_ST2_DD);
    }
}

/* How many sectors the next run takes. */
static unsigned
run_length(Fdc *f)
{
    const FdcState *s = &f->s;
    unsigned last = MIN(s->eot, fdc_drive(f, s->drive)->media->sectors);
    unsigned n = last >= s->r ? last - s->r + 1u : 1;

    if (s->op == FDC_OP_VERIFY && (s->params[1] & 0x80))
        n = MIN(n, MAX(s->dtl, 1u));
    if (s->one_by_one || op_scans(s->op) || s->op == FDC_OP_READ_DELETED)
        n = 1;
    return n;
}

static void
begin_read_run(Fdc *f)
{
    FdcState *s = &f->s;

    s->run = (guint8) run_length(f);
    s->scan_bad = s->scan_differs = 0;
    unsigned present = sectors_present(f, s->run);
    memset(s->buf + present * FDC_SECTOR_SIZE, 0,
           (s->run - present) * FDC_SECTOR_SIZE);
    if (present > 0)
        submit(f, BLOCK_READ, present);
    else
        disk_done(f);
}

static void
begin_run(Fdc *f)
{
    FdcState *s = &f->s;
    guint8 st1, st2;

    if (!track_is_readable(f)) {
        fail(f, FDC_ST1_MA, 0);
    } else if (op_writes(s->op) &&
               block_info(fdc_drive(f, s->drive)->block)->read_only) {
        fail(f, FDC_ST1_NW, 0);
    } else if (s->op == FDC_OP_FORMAT) {
        s->r = 1; /* sector_index() is that of the whole track */
        begin_host(f, MAX(s->params[3], 1u) * 4u);
    } else if (!id_exists(f, &st1, &st2)) {
        fail(f, st1, st2);
    } else if (s->op == FDC_OP_READ_DELETED &&
               (s->params[0] & FDC_CMD_SK) != 0) {
        s->st2 |= FDC_ST2_CM; /* skips every ordinary sector */
        run_done(f, s->eot - s->r + 1u);
    } else if (op_writes(s->op)) {
        begin_host(f, run_length(f) * FDC_SECTOR_SIZE);
    } else {
        begin_read_run(f);
    }
}

/* READ ID: whichever sector passes under the head. */
static void
read_id(Fdc *f)
{
    FdcState *s = &f->s;

    if (!track_is_readable(f)) {
        fail(f, FDC_ST1_MA, 0);
        return;
    }
    FdcDrive *drive = fdc_drive(f, s->drive);
    gint64 sector_ns = REVOLUTION_NS / drive->media->sectors;
    s->c = (guint8) media_cylinder(f, drive);
    s->h = s->head;
    s->r = (guint8) (1 + fdc_now(f) / sector_ns % drive->media->sectors);
    s->n = FDC_SIZE_CODE;
    finish(f);
}

/* Loop thread. */
static void
execute(Fdc *f)
{
    if (f->s.phase != FDC_PHASE_EXECUTE)
        return;
    if (f->s.step == FDC_STEP_DMA)
        dma_step(f);
    else if (f->s.step != FDC_STEP_START)
        return;
    else if (f->req_busy)
        f->begin_when_free = true; /* the buffer is still being filled */
    else if (f->s.op == FDC_OP_READ_ID)
        read_id(f);
    else
        begin_run(f);
}

static void
block_done(BlockReq *req, int result)
{
    Fdc *f = (Fdc *) (void *) ((char *) req - G_STRUCT_OFFSET(Fdc, req));

    g_mutex_lock(&f->dev.lock);
    f->req_busy = false;
    if (f->req_generation == f->generation) {
        if (result == 0)
            disk_done(f);
        else
            disk_failed(f, result);
    } else if (f->begin_when_free) {
        execute(f);
    }
    f->begin_when_free = f->begin_when_free && f->req_busy;
    g_mutex_unlock(&f->dev.lock);
}

void
fdc_transfer_fire(void *fdc)
{
    Fdc *f = fdc;

    g_mutex_lock(&f->dev.lock);
    execute(f);
    g_mutex_unlock(&f->dev.lock);
}

/* READ TRACK begins at the index hole whatever sector was named, and says
 * afterwards whether the named one was there, section 5.1.4. */
static void
prepare_read_track(Fdc *f)
{
    FdcState *s = &f->s;
    guint8 st1, st2;

    if (!track_is_readable(f))
        return;
    if (!id_exists(f, &st1, &st2)) {
        s->st1 |= st1;
        s->st2 |= st2;
    }
    s->c = (guint8) media_cylinder(f, fdc_drive(f, s->drive));
    s->h = s->head;
    s->n = FDC_SIZE_CODE;
    s->r = 1;
}

void
fdc_transfer_start(Fdc *f, FdcOp op)
{
    FdcState *s = &f->s;
    const guint8 *p = s->params;
    bool has_id = op != FDC_OP_FORMAT && op != FDC_OP_READ_ID;
    gint64 ns = START_NS;

    s->phase = FDC_PHASE_EXECUTE;
    s->op = (guint8) op;
    s->drive = p[1] & 3;
    s->head = p[1] >> 2 & 1;
    s->c = has_id ? p[2] : s->pcn[s->drive];
    s->h = has_id ? p[3] : s->head;
    s->r = has_id ? p[4] : 1;
    s->n = has_id ? p[5] : p[2];
    s->eot = has_id ? p[6] : p[3];
    s->dtl = has_id ? p[8] : 0;
    s->st1 = s->st2 = s->tc = s->stalls = s->one_by_one = 0;
    s->run = 0;
    s->pos = s->len = 0;
    if (op != FDC_OP_READ_ID)
        s->last_eot = s->eot;
    if (has_id && (s->config & CONFIG_EIS) && s->c != s->pcn[s->drive]) {
        ns += fdc_step_to(f, s->drive, s->c);
        s->pcn[s->drive] = s->c;
    }
    if (op == FDC_OP_READ_TRACK)
        prepare_read_track(f);
    wait_step(f, FDC_STEP_START, track_is_readable(f) ? ns : NO_MEDIA_NS);
}

guint8
fdc_transfer_read_byte(Fdc *f)
{
    FdcState *s = &f->s;

    if (s->step != FDC_STEP_HOST || !fdc_transfer_to_host(f) ||
        s->pos >= s->len)
        return 0;
    guint8 value = s->buf[s->pos++];
    s->irq = 0;
    fdc_update_irq(f);
    if (s->pos == s->len)
        host_done(f);
    else
        fdc_raise_irq(f); /* the next byte is there already */
    return value;
}

void
fdc_transfer_write_byte(Fdc *f, guint8 value)
{
    FdcState *s = &f->s;

    if (s->step != FDC_STEP_HOST || fdc_transfer_to_host(f) || s->pos >= s->len)
        return;
    if (op_scans(s->op))
        scan_byte(s, s->buf[s->pos++], value);
    else
        s->buf[s->pos++] = value;
    s->irq = 0;
    fdc_update_irq(f);
    if (s->pos == s->len)
        host_done(f);
    else
        fdc_raise_irq(f);
}

void
fdc_transfer_abort(Fdc *f)
{
    f->generation++;
    f->begin_when_free = false;
    timer_arm(f->exec_timer, -1);
}

void
fdc_transfer_media_gone(Fdc *f, unsigned drive)
{
    if (f->s.phase != FDC_PHASE_EXECUTE || f->s.drive != drive)
        return;
    fdc_transfer_abort(f);
    fail(f, FDC_ST1_MA, 0);
}

void
fdc_transfer_rearm(Fdc *f)
{
    if (f->s.phase == FDC_PHASE_EXECUTE && f->s.step != FDC_STEP_HOST)
        wait_step(f, f->s.step, START_NS);
}
