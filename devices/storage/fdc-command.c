/* devices/storage/fdc-command.c - the floppy controller's command table, and
 * the commands that move no data.
 *
 * Intel 82077AA data sheet, section 5. Opcodes that only later chips have
 * (PART ID, POWERDOWN MODE, DRIVE SPECIFICATION, SAVE, RESTORE: 82078) are
 * invalid here, and that is how drivers tell the chips apart. */
#include "devices/storage/fdc-internal.h"

#include <string.h>

#include "vmm/loop/loop.h"

#define FDC_VERSION_82077 0x90

#define RECALIBRATE_STEPS 79 /* step pulses before it gives up */
#define SEEK_BASE_NS      (200 * G_GINT64_CONSTANT(1000))
#define SEEK_STEP_NS      (50 * G_GINT64_CONSTANT(1000))

#define CONFIG_EIS        0x40 /* implied seek */
#define CONFIG_POLL       0x10 /* set: no polling */

#define SEEK_DIRECTION    0x40 /* of RELATIVE SEEK: set: to higher tracks */

/* Status register 3, section 4.4 */
#define ST3_WP   0x40
#define ST3_T0   0x10
#define ST3_ONES 0x28

typedef struct {
    guint8 mask, value; /* which command bytes */
    guint8 n_params;    /* after the command byte */
    void (*run)(Fdc *f);
} FdcCommand;

static unsigned
param_drive(const Fdc *f)
{
    return f->s.params[1] & 3;
}

static void
result_1(Fdc *f, guint8 value)
{
    f->s.results[0] = value;
    fdc_begin_result(f, 1, false);
}

static void
run_invalid(Fdc *f)
{
    result_1(f, FDC_ST0_INVALID);
}

static void
run_specify(Fdc *f)
{
    f->s.srt_hut = f->s.params[1];
    f->s.hlt_nd = f->s.params[2];
    fdc_end_command(f);
}

static void
run_sense_drive(Fdc *f)
{
    unsigned select = param_drive(f);
    FdcDrive *drive = fdc_drive(f, select);
    guint8 st3 = (guint8) (ST3_ONES | (f->s.params[1] & 7));

    if (drive != NULL && f->s.head_track[select] == 0)
        st3 |= ST3_T0;
    if (drive != NULL && drive->block != NULL &&
        block_info(drive->block)->read_only)
        st3 |= ST3_WP;
    result_1(f, st3);
}

gint64
fdc_step_to(Fdc *f, unsigned select, unsigned track)
{
    FdcDrive *drive = fdc_drive(f, select);

    if (drive == NULL)
        return SEEK_BASE_NS;
    unsigned target = MIN(track, fdc_drive_tracks(drive->type) - 1);
    unsigned old = f->s.head_track[select];
    unsigned steps = target > old ? target - old : old - target;
    f->s.head_track[select] = (guint8) target;
    if (steps > 0 && drive->block != NULL)
        f->s.changed &= (guint8) ~(1u << select);
    return SEEK_BASE_NS + steps * SEEK_STEP_NS;
}

/* Seeks of several drives may overlap; the first timer ends them all. */
static void
begin_seek(Fdc *f, unsigned select, gint64 ns, guint8 st0)
{
    f->s.seek_busy |= (guint8) (1u << select);
    f->s.seek_done &= (guint8) ~(1u << select);
    f->s.seek_st0[select] = (guint8) (FDC_ST0_SEEK_END | st0 | select);
    timer_arm(f->seek_timer, fdc_now(f) + ns);
    fdc_end_command(f);
}

static void
run_recalibrate(Fdc *f)
{
    unsigned select = param_drive(f);
    bool found = fdc_drive(f, select) != NULL;
    unsigned track = f->s.head_track[select];
    unsigned target = track > RECALIBRATE_STEPS ? track - RECALIBRATE_STEPS : 0;

    gint64 ns = fdc_step_to(f, select, target);
    f->s.pcn[select] = 0;
    begin_seek(f, select, ns,
               found && target == 0 ? 0 : FDC_ST0_ABNORMAL | FDC_ST0_EC);
}

static void
run_seek(Fdc *f)
{
    unsigned select = param_drive(f);
    int distance = f->s.params[2] - f->s.pcn[select];
    int track = f->s.head_track[select] + distance;

    /* The chip counts steps from where it believes the heads are. */
    gint64 ns = fdc_step_to(f, select, (unsigned) MAX(track, 0));
    f->s.pcn[select] = f->s.params[2];
    begin_seek(f, select, ns, f->s.params[1] & 4);
}

static void
run_relative_seek(Fdc *f)
{
    unsigned select = param_drive(f);
    int steps = f->s.params[2];
    if (!(f->s.params[0] & SEEK_DIRECTION))
        steps = -steps;
    int track = f->s.head_track[select] + steps;

    gint64 ns = fdc_step_to(f, select, (unsigned) MAX(track, 0));
    f->s.pcn[select] = (guint8) (f->s.pcn[select] + steps);
    begin_seek(f, select, ns, f->s.params[1] & 4);
}

static void
run_sense_interrupt(Fdc *f)
{
    FdcState *s = &f->s;
    unsigned select = 0;

    if (s->reset_senses > 0) {
        select = (unsigned) (FDC_SELECTS - s->reset_senses--);
        s->results[0] = (guint8) (FDC_ST0_POLLING | select);
    } else if (s->seek_done != 0) {
        select = (unsigned) __builtin_ctz(s->seek_done);
        s->seek_done &= (guint8) (s->seek_done - 1);
        s->results[0] = s->seek_st0[select];
    } else {
        run_invalid(f);
        return;
    }
    s->results[1] = s->pcn[select];
    s->irq = 0;
    fdc_update_irq(f);
    fdc_begin_result(f, 2, false); /* the next one interrupts after it */
}

static void
run_dumpreg(Fdc *f)
{
    FdcState *s = &f->s;

    memcpy(s->results, s->pcn, FDC_SELECTS);
    s->results[4] = s->srt_hut;
    s->results[5] = s->hlt_nd;
    s->results[6] = s->last_eot;
    s->results[7] = (guint8) (s->locked << 7 | (s->perpendicular & 0x3f));
    s->results[8] = s->config;
    s->results[9] = s->pretrk;
    fdc_begin_result(f, 10, false);
}

static void
run_version(Fdc *f)
{
    result_1(f, FDC_VERSION_82077);
}

static void
run_perpendicular(Fdc *f)
{
    guint8 value = f->s.params[1];

    /* OW clear: the drive bits 5-2 stay as they were */
    if (value & 0x80)
        f->s.perpendicular = value & 0x3f;
    else
        f->s.perpendicular =
            (guint8) ((f->s.perpendicular & 0x3c) | (value & 0x03));
    fdc_end_command(f);
}

static void
run_configure(Fdc *f)
{
    f->s.config = f->s.params[2] & 0x7f;
    f->s.pretrk = f->s.params[3];
    fdc_end_command(f);
}

static void
run_lock(Fdc *f)
{
    f->s.locked = f->s.params[0] >> 7;
    result_1(f, (guint8) (f->s.locked << 4));
}

/* One line per data command, so that the table needs no further column. */
/* clang-format off */
static void run_read(Fdc *f) { fdc_transfer_start(f, FDC_OP_READ); }
static void run_read_deleted(Fdc *f) { fdc_transfer_start(f, FDC_OP_READ_DELETED); }
static void run_read_track(Fdc *f) { fdc_transfer_start(f, FDC_OP_READ_TRACK); }
static void run_write(Fdc *f) { fdc_transfer_start(f, FDC_OP_WRITE); }
static void run_format(Fdc *f) { fdc_transfer_start(f, FDC_OP_FORMAT); }
static void run_verify(Fdc *f) { fdc_transfer_start(f, FDC_OP_VERIFY); }
static void run_scan_equal(Fdc *f) { fdc_transfer_start(f, FDC_OP_SCAN_EQUAL); }
static void run_scan_low(Fdc *f) { fdc_transfer_start(f, FDC_OP_SCAN_LOW); }
static void run_scan_high(Fdc *f) { fdc_transfer_start(f, FDC_OP_SCAN_HIGH); }
static void run_read_id(Fdc *f) { fdc_transfer_start(f, FDC_OP_READ_ID); }

/* Masks leave out the MT, MFM and SK bits that a command takes. */
static const FdcCommand commands[] = {
    { 0x9f, 0x02, 8, run_read_track },
    { 0xff, 0x03, 2, run_specify },
    { 0xff, 0x04, 1, run_sense_drive },
    { 0x3f, 0x05, 8, run_write },
    { 0x1f, 0x06, 8, run_read },
    { 0xff, 0x07, 1, run_recalibrate },
    { 0xff, 0x08, 0, run_sense_interrupt },
    { 0x3f, 0x09, 8, run_write }, /* deleted data: images keep no marks */
    { 0xbf, 0x0a, 1, run_read_id },
    { 0x1f, 0x0c, 8, run_read_deleted },
    { 0xbf, 0x0d, 5, run_format },
    { 0xff, 0x0e, 0, run_dumpreg },
    { 0xff, 0x0f, 2, run_seek },
    { 0xff, 0x10, 0, run_version },
    { 0x1f, 0x11, 8, run_scan_equal },
    { 0xff, 0x12, 1, run_perpendicular },
    { 0xff, 0x13, 3, run_configure },
    { 0x7f, 0x14, 0, run_lock },
    { 0x1f, 0x16, 8, run_verify },
    { 0x1f, 0x19, 8, run_scan_low },
    { 0x1f, 0x1d, 8, run_scan_high },
    { 0xbf, 0x8f, 2, run_relative_seek },
    { 0x00, 0x00, 0, run_invalid },
};
/* clang-format on */

static const FdcCommand *
find_command(guint8 byte)
{
    const FdcCommand *c = commands;

    while ((byte & c->mask) != c->value)
        c++; /* ends at the row that matches everything */
    return c;
}

void
fdc_command_byte(Fdc *f, guint8 value)
{
    FdcState *s = &f->s;

    if (s->n_params == 0)
        s->n_wanted = (guint8) (1 + find_command(value)->n_params);
    if (s->n_params >= s->n_wanted || s->n_params >= FDC_MAX_PARAMS)
        return;
    s->params[s->n_params++] = value;
    if (s->n_params == s->n_wanted)
        find_command(s->params[0])->run(f);
}
