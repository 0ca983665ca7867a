/* devices/storage/scsi-cd.c - a CD/DVD drive's command set, MMC-3; the answers
 * are those of mmc.c. Data discs of one track only; READ CD gives user data,
 * not raw frames. */
#include <string.h>

#include "devices/storage/mmc.h"
#include "devices/storage/scsi-internal.h"

static bool
answer(ScsiTask *t, MmcAnswer *make, gsize limit)
{
    const ScsiUnit *u = t->unit;
    const MmcDrive drive = {
        .n_units = u->n_blocks,
        .has_disc = u->block != NULL,
        .tray_open = u->s->tray_open != 0,
        .locked = u->s->locked != 0,
        .event = u->s->event,
        .interface = 1,
    };
    guint8 b[MMC_MAX_ANSWER];
    int len = make(&drive, t->cdb, b);

    if (len < 0)
        return scsi_fail(t, SCSI_KEY_ILLEGAL, (unsigned) -len);
    return scsi_answer(t, b, (gsize) len, limit);
}

static bool
run_mode_sense(ScsiTask *t)
{
    return answer(t, mmc_mode_sense,
                  t->cdb[0] == 0x1a ? t->cdb[4] : scsi_get16(t->cdb + 7));
}

static bool
run_read_toc(ScsiTask *t)
{
    return answer(t, mmc_read_toc, scsi_get16(t->cdb + 7));
}

static bool
run_read_subchannel(ScsiTask *t)
{
    return answer(t, mmc_read_subchannel, scsi_get16(t->cdb + 7));
}

static bool
run_get_configuration(ScsiTask *t)
{
    return answer(t, mmc_get_configuration, scsi_get16(t->cdb + 7));
}

static bool
run_get_event(ScsiTask *t)
{
    (void) answer(t, mmc_get_event, scsi_get16(t->cdb + 7));
    if (mmc_event_told(t->cdb))
        t->unit->s->event = 0;
    return false;
}

static bool
run_read_disc_info(ScsiTask *t)
{
    return answer(t, mmc_read_disc_info, scsi_get16(t->cdb + 7));
}

static bool
run_read_track_info(ScsiTask *t)
{
    return answer(t, mmc_read_track_info, scsi_get16(t->cdb + 7));
}

static bool
run_mechanism_status(ScsiTask *t)
{
    return answer(t, mmc_mechanism_status, scsi_get16(t->cdb + 8));
}

static bool
run_read_dvd_structure(ScsiTask *t)
{
    return answer(t, mmc_read_dvd_structure, scsi_get16(t->cdb + 8));
}

static bool
run_mode_select(ScsiTask *t)
{
    bool six = t->cdb[0] == 0x15;
    gsize len = six ? t->cdb[4] : scsi_get16(t->cdb + 7);
    gsize header = six ? 4 : 8;
    guint8 b[256];

    if (len == 0)
        return scsi_good(t);
    if (len < header || len > sizeof b || !scsi_params(t, 0, b, len))
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_LIST_LENGTH);
    if (!mmc_mode_pages_known(b, header, len))
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_BAD_PARAMETER);
    t->moved = len;
    return scsi_good(t);
}

static bool
run_start_stop(ScsiTask *t)
{
    ScsiUnit *u = t->unit;
    ScsiUnitState *s = u->s;
    bool load_eject = t->cdb[4] & 2, start = t->cdb[4] & 1;

    if (load_eject && !start && s->locked)
        return scsi_fail(
            t, u->block != NULL ? SCSI_KEY_ILLEGAL : SCSI_KEY_NOT_READY,
            SCSI_ASC_REMOVAL);
    if (load_eject && s->tray_open == start) {
        s->tray_open = !start;
        if (u->block != NULL) {
            s->event = start ? MMC_EVENT_NEW_MEDIA : MMC_EVENT_REMOVAL;
            s->attention = start;
            s->attention_asc = SCSI_ASC_MEDIUM_CHANGED >> 8;
            s->attention_ascq = 0;
        }
        scsi_unit_show_tray(u);
        if (u->tray_moved != NULL)
            u->tray_moved(u->owner, u);
    }
    return scsi_good(t);
}

static bool
run_prevent_allow(ScsiTask *t)
{
    t->unit->s->locked = t->cdb[4] & 1;
    scsi_unit_show_tray(t->unit);
    return scsi_good(t);
}

static bool
run_seek(ScsiTask *t)
{
    if (scsi_get32(t->cdb + 2) >= t->unit->n_blocks)
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_LBA_RANGE);
    return scsi_good(t);
}

static bool
run_read_format_capacities(ScsiTask *t)
{
    guint8 b[12] = {0, 0, 0, 8};

    scsi_put32(b + 4, t->unit->n_blocks);
    b[8] = 0x02; /* formatted medium */
    scsi_put16(b + 10, MMC_SECTOR);
    return scsi_answer(t, b, sizeof b, scsi_get16(t->cdb + 7));
}

/* MMC-3 5.23: byte 9 tells what of a frame is wanted. */
static bool
run_read_cd(ScsiTask *t)
{
    unsigned expected = t->cdb[1] >> 2 & 7, parts = t->cdb[9] & 0xf8;

    if (expected != 0 && expected != 2)
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_BAD_MODE);
    if ((parts != 0x10 && parts != 0) || (t->cdb[9] & 0x06) || t->cdb[10] & 7)
        return scsi_bad_field(t);
    return scsi_begin_blocks(t, SCSI_WORK_READ, scsi_get32(t->cdb + 2),
                             parts == 0 ? 0 : scsi_get24(t->cdb + 6));
}

/* An image has no speed. */
static bool
run_set_speed(ScsiTask *t)
{
    return scsi_good(t);
}

/* clang-format off */
#define ANY SCSI_ANY_ACTION
#define IN  SCSI_F_IN
#define OUT SCSI_F_OUT
#define RDY SCSI_F_READY
#define ATT SCSI_F_ATTENTION
const ScsiCommand scsi_cd_commands[] = {
    { 0x00, ANY, RDY,      scsi_run_test_unit_ready },
    { 0x03, ANY, ATT | IN, scsi_run_request_sense },
    { 0x08, ANY, RDY | IN, scsi_run_read_6 },
    { 0x12, ANY, ATT | IN, scsi_run_inquiry },
    { 0x15, ANY, OUT,      run_mode_select },
    { 0x1a, ANY, IN,       run_mode_sense },
    { 0x1b, ANY, 0,        run_start_stop },
    { 0x1e, ANY, 0,        run_prevent_allow },
    { 0x23, ANY, RDY | IN, run_read_format_capacities },
    { 0x25, ANY, RDY | IN, scsi_run_read_capacity },
    { 0x28, ANY, RDY | IN, scsi_run_read_10 },
    { 0x2b, ANY, RDY,      run_seek },
    { 0x42, ANY, RDY | IN, run_read_subchannel },
    { 0x43, ANY, RDY | IN, run_read_toc },
    { 0x46, ANY, ATT | IN, run_get_configuration },
    { 0x4a, ANY, ATT | IN, run_get_event },
    { 0x51, ANY, RDY | IN, run_read_disc_info },
    { 0x52, ANY, RDY | IN, run_read_track_info },
    { 0x55, ANY, OUT,      run_mode_select },
    { 0x5a, ANY, IN,       run_mode_sense },
    { 0x88, ANY, RDY | IN, scsi_run_read_16 },
    { 0xa8, ANY, RDY | IN, scsi_run_read_12 },
    { 0xad, ANY, RDY | IN, run_read_dvd_structure },
    { 0xbb, ANY, 0,        run_set_speed },
    { 0xbd, ANY, IN,       run_mechanism_status },
    { 0xbe, ANY, RDY | IN, run_read_cd },
};
/* clang-format on */
const unsigned scsi_n_cd_commands = G_N_ELEMENTS(scsi_cd_commands);
