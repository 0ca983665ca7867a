/* devices/storage/fdc.c - Intel 82077AA floppy controller with two drives.
 *
 * Intel 82077AA data sheet, in PC/AT mode: status registers A and B are not
 * driven. Left out on purpose: tape drives, data separator and precompensation
 * settings, FM recording, motors (a disk is up to speed at once) and the
 * pauses between sectors. */
#include "devices/storage/fdc-internal.h"

#include <string.h>

#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/loop/loop.h"

/* Offsets from 0x3f0; 0x3f6 belongs to the IDE controller */
enum {
    PORT_BASE = 0x3f0,
    REG_DOR = 2,
    REG_TDR = 3,
    REG_MSR = 4, /* write: data rate select */
    REG_FIFO = 5,
    N_PORTS = 6,
    PORT_DIR = 0x3f7 /* write: configuration control */
};

#define MSR_RQM          0x80
#define MSR_DIO          0x40
#define MSR_NDM          0x20
#define MSR_BUSY         0x10

#define DSR_RESET        0x80
#define DIR_CHANGED      0x80

#define CONFIG_EFIFO_OFF 0x20 /* after reset: FIFO disabled, polling on */
#define CONFIG_FIFO_BITS 0x2f /* what LOCK protects: EFIFO, FIFOTHR */

#define RESET_NS         (100 * G_GINT64_CONSTANT(1000))

gint64
fdc_now(Fdc *f)
{
    return loop_now_ns(f->dev.env->loop, CLOCK_GUEST);
}

void
fdc_update_irq(Fdc *f)
{
    irq_line_set(f->line, f->s.irq && (f->s.dor & FDC_DOR_DMAGATE));
}

void
fdc_raise_irq(Fdc *f)
{
    f->s.irq = 1;
    fdc_update_irq(f);
}

FdcDrive *
fdc_drive(Fdc *f, unsigned select)
{
    if (select >= FDC_DRIVES || f->drive[select].type == FDC_DRIVE_NONE)
        return NULL;
    return &f->drive[select];
}

bool
fdc_is_pio(const Fdc *f)
{
    return f->s.hlt_nd & 1;
}

void
fdc_end_command(Fdc *f)
{
    f->s.phase = FDC_PHASE_COMMAND;
    f->s.n_params = 0;
}

void
fdc_begin_result(Fdc *f, unsigned n, bool irq)
{
    f->s.phase = FDC_PHASE_RESULT;
    f->s.n_results = (guint8) n;
    f->s.result_pos = 0;
    if (irq)
        fdc_raise_irq(f);
}

static guint8
result_byte(Fdc *f)
{
    FdcState *s = &f->s;
    guint8 value = s->results[s->result_pos++];

    s->irq = 0; /* the first byte takes the interrupt back */
    fdc_update_irq(f);
    if (s->result_pos >= s->n_results) {
        fdc_end_command(f);
        if (s->seek_done != 0)
            fdc_raise_irq(f); /* a seek that ended meanwhile */
    }
    return value;
}

static guint8
fifo_read(Fdc *f)
{
    switch ((FdcPhase) f->s.phase) {
    case FDC_PHASE_RESULT: return result_byte(f);
    case FDC_PHASE_EXECUTE: return fdc_transfer_read_byte(f);
    case FDC_PHASE_COMMAND: break;
    }
    return 0;
}

static void
fifo_write(Fdc *f, guint8 value)
{
    if (!(f->s.dor & FDC_DOR_RUN) || f->s.reset_pending)
        return;
    if (f->s.phase == FDC_PHASE_COMMAND)
        fdc_command_byte(f, value);
    else if (f->s.phase == FDC_PHASE_EXECUTE)
        fdc_transfer_write_byte(f, value);
}

static guint8
main_status(const Fdc *f)
{
    const FdcState *s = &f->s;
    guint8 msr = s->seek_busy;

    if (!(s->dor & FDC_DOR_RUN) || s->reset_pending)
        return 0;
    switch ((FdcPhase) s->phase) {
    case FDC_PHASE_COMMAND:
        return (guint8) (msr | MSR_RQM | (s->n_params > 0 ? MSR_BUSY : 0));
    case FDC_PHASE_RESULT: return msr | MSR_RQM | MSR_DIO | MSR_BUSY;
    case FDC_PHASE_EXECUTE: break;
    }
    msr |= MSR_BUSY;
    if (fdc_is_pio(f))
        msr |= MSR_NDM;
    if (s->step == FDC_STEP_HOST)
        msr |= MSR_RQM | (fdc_transfer_to_host(f) ? MSR_DIO : 0);
    return msr;
}

/* What both kinds of reset do, 82077AA section 6. */
static void
chip_reset(Fdc *f)
{
    FdcState *s = &f->s;

    fdc_transfer_abort(f);
    timer_arm(f->seek_timer, -1);
    fdc_end_command(f);
    s->n_results = 0;
    s->irq = 0;
    s->reset_senses = 0;
    s->seek_busy = s->seek_done = 0;
    memset(s->pcn, 0, sizeof s->pcn);
    s->perpendicular &= 0x3c;
    if (s->locked) {
        s->config &= CONFIG_FIFO_BITS;
    } else {
        s->config = CONFIG_EFIFO_OFF;
        s->pretrk = 0;
    }
    fdc_update_irq(f);
}

static void
leave_reset(Fdc *f)
{
    f->s.reset_pending = 1;
    timer_arm(f->reset_timer, fdc_now(f) + RESET_NS);
}

/* The chip polls its four drives after a reset and finds their ready lines
 * changed: one interrupt, four statuses. */
static void
reset_fire(void *data)
{
    Fdc *f = data;

    g_mutex_lock(&f->dev.lock);
    if (f->s.reset_pending && (f->s.dor & FDC_DOR_RUN)) {
        f->s.reset_pending = 0;
        f->s.reset_senses = FDC_SELECTS;
        fdc_raise_irq(f);
    }
    g_mutex_unlock(&f->dev.lock);
}

static void
seek_fire(void *data)
{
    Fdc *f = data;

    g_mutex_lock(&f->dev.lock);
    if (f->s.seek_busy != 0) {
        f->s.seek_done |= f->s.seek_busy;
        f->s.seek_busy = 0;
        fdc_raise_irq(f);
    }
    g_mutex_unlock(&f->dev.lock);
}

static void
write_dor(Fdc *f, guint8 value)
{
    guint8 old = f->s.dor;

    f->s.dor = value;
    if ((old & FDC_DOR_RUN) && !(value & FDC_DOR_RUN)) {
        f->s.reset_pending = 0;
        chip_reset(f);
    } else if (!(old & FDC_DOR_RUN) && (value & FDC_DOR_RUN)) {
        leave_reset(f);
    }
    fdc_update_irq(f); /* the DMA gate also gates INT */
}

static void
write_dsr(Fdc *f, guint8 value)
{
    f->s.dsr = value & (guint8) ~DSR_RESET;
    f->s.rate = value & 3;
    if ((value & DSR_RESET) && (f->s.dor & FDC_DOR_RUN)) {
        chip_reset(f);
        leave_reset(f);
    }
}

static guint64
ports_read(void *dev, guint64 offset, unsigned size)
{
    Fdc *f = dev;

    switch (offset) {
    case REG_DOR: return f->s.dor;
    case REG_TDR: return f->s.tdr;
    case REG_MSR: return main_status(f);
    case REG_FIFO: return fifo_read(f);
    default: return 0xff; /* SRA, SRB: PS/2 mode only */
    }
}

static void
ports_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Fdc *f = dev;

    switch (offset) {
    case REG_DOR: write_dor(f, (guint8) value); break;
    case REG_TDR: f->s.tdr = value & 3; break;
    case REG_MSR: write_dsr(f, (guint8) value); break;
    case REG_FIFO: fifo_write(f, (guint8) value); break;
    default: break;
    }
}

/* The change line of the drive the DOR selects; an empty drive keeps it. */
static guint64
dir_read(void *dev, guint64 offset, unsigned size)
{
    Fdc *f = dev;
    unsigned select = f->s.dor & FDC_DOR_SELECT;
    FdcDrive *drive = fdc_drive(f, select);

    if (drive == NULL)
        return 0;
    bool changed = drive->block == NULL || (f->s.changed >> select & 1) != 0;
    return changed ? DIR_CHANGED : 0;
}

static void
ccr_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Fdc *f = dev;

    f->s.rate = value & 3;
}

/* Looks at an image; false and error set when it cannot be a floppy. */
static bool
identify_media(Block *block, const FdcGeometry **ret_media, GError **error)
{
    *ret_media = NULL;
    if (block == NULL)
        return true;
    const BlockInfo *info = block_info(block);
    if (info->logical_size > FDC_SECTOR_SIZE) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: has %u-byte sectors, a floppy has 512; use it as a "
                    "disk or CD instead",
                    block_path(block), info->logical_size);
        return false;
    }
    *ret_media = fdc_geometry_find(info->bytes);
    if (*ret_media != NULL)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: %" G_GUINT64_FORMAT " bytes is no floppy; images have "
                "512 to 2949120 bytes",
                block_path(block), info->bytes);
    return false;
}

/* A text file in the drive is more often a slip than a wish. */
static void
warn_odd_size(const Fdc *f, unsigned drive, DeviceEnv *env)
{
    const Block *block = f->drive[drive].block;
    const FdcGeometry *media = f->drive[drive].media;

    if (block == NULL || env->log == NULL ||
        block_info(block)->bytes == fdc_geometry_bytes(media))
        return;
    g_autofree char *line = g_strdup_printf(
        "warning: floppy%u: '%s' has the size of no floppy format "
        "(%" G_GUINT64_FORMAT " bytes); the guest sees a %s disk with the rest "
        "empty",
        drive, block_path(block), block_info(block)->bytes, media->name);
    env->log(env, f->dev.id, line);
}

bool
fdc_set_media(Device *dev, unsigned drive, Block *block, GError **error)
{
    Fdc *f = DEVICE_OF(Fdc, dev);
    const FdcGeometry *media;

    if (drive >= FDC_DRIVES || f->drive[drive].type == FDC_DRIVE_NONE) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NODEV,
                    "floppy%u: the machine has no such drive; give it one in "
                    "its profile",
                    drive);
        return false;
    }
    if (!identify_media(block, &media, error))
        return false;
    g_mutex_lock(&dev->lock);
    fdc_transfer_media_gone(f, drive);
    f->drive[drive].block = block;
    f->drive[drive].media = media;
    f->s.changed |= (guint8) (1u << drive);
    g_mutex_unlock(&dev->lock);
    warn_odd_size(f, drive, dev->env);
    return true;
}

unsigned
fdc_cmos_type(Device *dev, unsigned drive)
{
    Fdc *f = DEVICE_OF(Fdc, dev);

    return drive < FDC_DRIVES ? f->drive[drive].type : FDC_DRIVE_NONE;
}

/* Auto: what the disk belongs into; without a disk the first drive is the
 * usual 1.44M one and the second is absent. */
static FdcDriveType
pick_type(const FdcDrive *drive, unsigned n)
{
    if (drive->type_option != 0)
        return (FdcDriveType) (drive->type_option - 1);
    if (drive->media != NULL)
        return drive->media->drive;
    return n == 0 ? FDC_DRIVE_1M44 : FDC_DRIVE_NONE;
}

static const IoOps ports_ops = {
    .read = ports_read, .write = ports_write, .max_size = 1};
static const IoOps dir_ops = {
    .read = dir_read, .write = ccr_write, .max_size = 1};

static bool
fdc_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Fdc *f = DEVICE_OF(Fdc, dev);

    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        FdcDrive *drive = &f->drive[i];
        if (!identify_media(drive->block, &drive->media, error))
            return false;
        drive->type = pick_type(drive, i);
        warn_odd_size(f, i, env);
    }
    f->line = irq_line_new(env, FDC_IRQ);
    f->reset_timer = timer_new(env->loop, CLOCK_GUEST, reset_fire, f);
    f->seek_timer = timer_new(env->loop, CLOCK_GUEST, seek_fire, f);
    f->exec_timer = timer_new(env->loop, CLOCK_GUEST, fdc_transfer_fire, f);
    f->ports = io_region_new("fdc", &ports_ops, f, &dev->lock, N_PORTS);
    f->dir = io_region_new("fdc-dir", &dir_ops, f, &dev->lock, 1);
    if (io_map(env->ports, f->ports, PORT_BASE, 0) == 0 &&
        io_map(env->ports, f->dir, PORT_DIR, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "fdc: ports 0x3f0 to 0x3f7 are another device's");
    return false;
}

/* Normally quiet by now; a test or a failed start may not be. */
static void
wait_for_request(Fdc *f)
{
    if (f->req_busy)
        block_cancel_all(f->req_block);
    while (f->req_busy)
        g_main_context_iteration(loop_context(f->dev.env->loop), TRUE);
}

static void
fdc_unrealize(Device *dev)
{
    Fdc *f = DEVICE_OF(Fdc, dev);

    g_clear_pointer(&f->dir, io_region_free);
    g_clear_pointer(&f->ports, io_region_free);
    f->generation++;
    wait_for_request(f);
    g_clear_pointer(&f->exec_timer, timer_free);
    g_clear_pointer(&f->seek_timer, timer_free);
    g_clear_pointer(&f->reset_timer, timer_free);
    g_clear_pointer(&f->line, irq_line_free);
}

static void
fdc_reset(Device *dev, ResetKind kind)
{
    Fdc *f = DEVICE_OF(Fdc, dev);

    g_mutex_lock(&dev->lock);
    f->s = (FdcState){.changed = 0x0f};
    timer_arm(f->reset_timer, -1);
    chip_reset(f);
    g_mutex_unlock(&dev->lock);
}

static void
fdc_restored(Device *dev)
{
    Fdc *f = DEVICE_OF(Fdc, dev);

    fdc_transfer_abort(f);
    irq_line_adopt(f->line, f->s.irq && (f->s.dor & FDC_DOR_DMAGATE));
    timer_arm(f->reset_timer, f->s.reset_pending ? fdc_now(f) + RESET_NS : -1);
    timer_arm(f->seek_timer, f->s.seek_busy ? fdc_now(f) + RESET_NS : -1);
    fdc_transfer_rearm(f);
}

static bool
fdc_is_quiet(Device *dev)
{
    Fdc *f = DEVICE_OF(Fdc, dev);

    g_mutex_lock(&dev->lock);
    bool quiet = !f->req_busy;
    g_mutex_unlock(&dev->lock);
    return quiet;
}

static bool
fdc_check(const void *state, GError **error)
{
    const FdcState *s = state;
    const char *bad = NULL;

    if (s->phase > FDC_PHASE_RESULT || s->n_params > s->n_wanted ||
        s->n_wanted > FDC_MAX_PARAMS)
        bad = "phase";
    else if (s->n_results > FDC_MAX_RESULTS || s->result_pos > s->n_results ||
             (s->phase == FDC_PHASE_RESULT && s->result_pos == s->n_results))
        bad = "results";
    else if (s->len > sizeof s->buf || s->pos > s->len ||
             s->run > FDC_MAX_SECTORS)
        bad = "buffer";
    else if (s->op >= FDC_N_OPS || s->drive >= FDC_SELECTS || s->head > 1 ||
             s->step > FDC_STEP_HOST)
        bad = "command";
    else if (s->phase == FDC_PHASE_EXECUTE && s->step == FDC_STEP_DISK)
        bad = "step"; /* saved while a request was in flight */
    else if (s->reset_senses > FDC_SELECTS ||
             (s->seek_busy | s->seek_done) > 0x0f)
        bad = "seek";
    if (bad == NULL)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "fdc: %s: value out of range; the saved state is damaged, "
                "start the machine afresh",
                bad);
    return false;
}

/* clang-format off */
static const StateField fdc_fields[] = {
    STATE_FIELD(FdcState, dor, STATE_U8),
    STATE_FIELD(FdcState, tdr, STATE_U8),
    STATE_FIELD(FdcState, dsr, STATE_U8),
    STATE_FIELD(FdcState, rate, STATE_U8),
    STATE_FIELD(FdcState, irq, STATE_U8),
    STATE_FIELD(FdcState, reset_pending, STATE_U8),
    STATE_FIELD(FdcState, reset_senses, STATE_U8),
    STATE_FIELD(FdcState, phase, STATE_U8),
    STATE_BLOB(FdcState, params),
    STATE_FIELD(FdcState, n_params, STATE_U8),
    STATE_FIELD(FdcState, n_wanted, STATE_U8),
    STATE_BLOB(FdcState, results),
    STATE_FIELD(FdcState, n_results, STATE_U8),
    STATE_FIELD(FdcState, result_pos, STATE_U8),
    STATE_FIELD(FdcState, seek_busy, STATE_U8),
    STATE_FIELD(FdcState, seek_done, STATE_U8),
    STATE_BLOB(FdcState, seek_st0),
    STATE_BLOB(FdcState, pcn),
    STATE_BLOB(FdcState, head_track),
    STATE_FIELD(FdcState, changed, STATE_U8),
    STATE_FIELD(FdcState, srt_hut, STATE_U8),
    STATE_FIELD(FdcState, hlt_nd, STATE_U8),
    STATE_FIELD(FdcState, config, STATE_U8),
    STATE_FIELD(FdcState, pretrk, STATE_U8),
    STATE_FIELD(FdcState, perpendicular, STATE_U8),
    STATE_FIELD(FdcState, locked, STATE_U8),
    STATE_FIELD(FdcState, last_eot, STATE_U8),
    STATE_FIELD(FdcState, op, STATE_U8),
    STATE_FIELD(FdcState, step, STATE_U8),
    STATE_FIELD(FdcState, drive, STATE_U8),
    STATE_FIELD(FdcState, head, STATE_U8),
    STATE_FIELD(FdcState, c, STATE_U8),
    STATE_FIELD(FdcState, h, STATE_U8),
    STATE_FIELD(FdcState, r, STATE_U8),
    STATE_FIELD(FdcState, n, STATE_U8),
    STATE_FIELD(FdcState, eot, STATE_U8),
    STATE_FIELD(FdcState, dtl, STATE_U8),
    STATE_FIELD(FdcState, st1, STATE_U8),
    STATE_FIELD(FdcState, st2, STATE_U8),
    STATE_FIELD(FdcState, run, STATE_U8),
    STATE_FIELD(FdcState, one_by_one, STATE_U8),
    STATE_FIELD(FdcState, stalls, STATE_U8),
    STATE_FIELD(FdcState, tc, STATE_U8),
    STATE_FIELD(FdcState, scan_bad, STATE_U8),
    STATE_FIELD(FdcState, scan_differs, STATE_U8),
    STATE_FIELD(FdcState, pos, STATE_U32),
    STATE_FIELD(FdcState, len, STATE_U32),
    STATE_BLOB(FdcState, buf),
    STATE_FIELDS_END
};

static const char *const type_names[] = {
    "auto", "none", "360K", "1.2M", "720K", "1.44M", "2.88M", NULL
};
static const PropDesc fdc_props[] = {
    PROP_DEF_LINK(Fdc, dma, "dma", true, "the DMA controller (i8237)"),
    PROP_DEF_LINK(Fdc, drive[0].block, "drive0", false, "disk in drive A"),
    PROP_DEF_LINK(Fdc, drive[1].block, "drive1", false, "disk in drive B"),
    PROP_DEF_ENUM(Fdc, drive[0].type_option, "type0", type_names, 0,
                  "kind of drive A; auto: as its disk needs, else 1.44M"),
    PROP_DEF_ENUM(Fdc, drive[1].type_option, "type1", type_names, 0,
                  "kind of drive B; auto: as its disk needs, else none"),
    PROP_END
};
/* clang-format on */

static const StateDesc fdc_state = {
    .name = "fdc",
    .version = 1,
    .min_version = 1,
    .size = sizeof(FdcState),
    .fields = fdc_fields,
    .check = fdc_check,
};

const DeviceClass fdc_class = {
    .name = "fdc",
    .summary = "Floppy controller (Intel 82077AA)",
    .size = sizeof(Fdc),
    .props = fdc_props,
    .state = &fdc_state,
    .state_offset = G_STRUCT_OFFSET(Fdc, s),
    .realize = fdc_realize,
    .unrealize = fdc_unrealize,
    .reset = fdc_reset,
    .restored = fdc_restored,
    .is_quiet = fdc_is_quiet,
};
