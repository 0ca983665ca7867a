/* devices/storage/scsi-unit.c - what SCSI disks and CD drives have in common:
 * their life, who they are (SPC-4 6.4 and 7.8), sense, reading. */
#include <string.h>

#include "devices/storage/mmc.h"
#include "devices/storage/scsi-internal.h"
#include "vmm/core/error.h"

/* ---- state ---- */

/* clang-format off */
static const StateField scsi_unit_fields[] = {
    STATE_FIELD(ScsiUnitState, attention, STATE_U8),
    STATE_FIELD(ScsiUnitState, attention_asc, STATE_U8),
    STATE_FIELD(ScsiUnitState, attention_ascq, STATE_U8),
    STATE_FIELD(ScsiUnitState, stopped, STATE_U8),
    STATE_FIELD(ScsiUnitState, locked, STATE_U8),
    STATE_FIELD(ScsiUnitState, tray_open, STATE_U8),
    STATE_FIELD(ScsiUnitState, event, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

const StateDesc scsi_unit_state_desc = {
    .name = "scsi-unit",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ScsiUnitState),
    .fields = scsi_unit_fields,
};

bool
scsi_unit_check(const ScsiUnitState *s, GError **error)
{
    if (s->attention <= 1 && s->stopped <= 1 && s->locked <= 1 &&
        s->tray_open <= 1 && s->event <= MMC_EVENT_REMOVAL)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "a SCSI unit is in an impossible state");
    return false;
}

/* ---- life ---- */

static bool
check_image(ScsiKind kind, Block *block, GError **error)
{
    const BlockInfo *info = block_info(block);
    const guint32 size = info->logical_size;

    if (kind == SCSI_CD ? MMC_SECTOR % size == 0
                        : size <= SCSI_MAX_BLOCK &&
                              SCSI_MAX_BLOCK % size == 0 && info->bytes >= size)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: has %" G_GUINT64_FORMAT " bytes in sectors of %u; a SCSI "
                "disk needs sectors of 512 to 4096 bytes and at least one, a "
                "CD at most 2048",
                block_path(block), info->bytes, size);
    return false;
}

static void
take_image(ScsiUnit *u, Block *block)
{
    u->block = block;
    u->info = block != NULL ? *block_info(block) : (BlockInfo){.bytes = 0};
    u->block_size = u->kind == SCSI_CD ? MMC_SECTOR : u->info.logical_size;
    u->n_blocks = block != NULL ? u->info.bytes / u->block_size : 0;
}

bool
scsi_unit_init(ScsiUnit *u, ScsiUnitState *s, ScsiKind kind, Block *block,
               const char *serial, GError **error)
{
    if (kind == SCSI_DISK && block == NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "a SCSI disk needs an image");
        return false;
    }
    if (block != NULL && !check_image(kind, block, error))
        return false;
    *u = (ScsiUnit){.kind = kind, .s = s, .serial = serial};
    take_image(u, block);
    return true;
}

static void
set_attention(ScsiUnit *u, unsigned asc_ascq)
{
    u->s->attention = 1;
    u->s->attention_asc = (guint8) (asc_ascq >> 8);
    u->s->attention_ascq = (guint8) asc_ascq;
}

void
scsi_unit_reset(ScsiUnit *u)
{
    *u->s = (ScsiUnitState){.attention = 0};
    set_attention(u, SCSI_ASC_POWER_ON);
    scsi_unit_show_tray(u);
}

void
scsi_unit_show_tray(ScsiUnit *u)
{
    g_atomic_int_set(&u->tray, (u->s->locked ? MMC_TRAY_LOCKED : 0) |
                                   (u->s->tray_open ? MMC_TRAY_OPEN : 0));
}

void
scsi_unit_luns_changed(ScsiUnit *u)
{
    if (!u->s->attention)
        set_attention(u, SCSI_ASC_LUNS_CHANGED);
}

bool
scsi_unit_set_media(ScsiUnit *u, Block *block, bool force, GError **error)
{
    if (u->kind != SCSI_CD) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NODEV,
                    "not a CD drive, its medium cannot be changed");
        return false;
    }
    if (block != NULL && !check_image(SCSI_CD, block, error))
        return false;
    if (u->s->locked && !force) {
        u->s->event = MMC_EVENT_EJECT_REQUEST;
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
                    "the guest has locked the tray and has been asked to let "
                    "the disc go; eject it in the guest, or use --force");
        return false;
    }
    scsi_unit_cancel_all(u, SCSI_MEDIUM_GONE);
    take_image(u, block);
    u->s->tray_open = 0;
    scsi_unit_show_tray(u);
    u->s->stopped = 0;
    u->s->event = block != NULL ? MMC_EVENT_NEW_MEDIA : MMC_EVENT_REMOVAL;
    if (block != NULL)
        set_attention(u, SCSI_ASC_MEDIUM_CHANGED);
    return true;
}

bool
scsi_has_medium(const ScsiUnit *u)
{
    return u->block != NULL && !u->s->tray_open && !u->s->stopped;
}

/* ---- sense ---- */

bool
scsi_run_test_unit_ready(ScsiTask *t)
{
    return scsi_good(t);
}

/* Sense data goes with each failed command; what may be left is a unit
 * attention. */
bool
scsi_run_request_sense(ScsiTask *t)
{
    ScsiUnitState *s = t->unit->s;
    guint8 sense[SCSI_SENSE_LEN];

    if (t->cdb[1] & 1) /* descriptor format */
        return scsi_bad_field(t);
    if (s->attention)
        (void) scsi_fail(t, SCSI_KEY_ATTENTION,
                         (unsigned) s->attention_asc << 8 | s->attention_ascq);
    s->attention = 0;
    scsi_task_sense(t, sense);
    return scsi_answer(t, sense, sizeof sense, t->cdb[4]);
}

/* ---- identity ---- */

static void
put_text(guint8 *p, gsize len, const char *text)
{
    memset(p, ' ', len);
    memcpy(p, text, MIN(len, strlen(text)));
}

static unsigned
page_list(const ScsiUnit *u, guint8 *p)
{
    static const guint8 pages[] = {0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2};
    unsigned n = u->kind == SCSI_CD ? 3 : 6; /* the last are a disk's */

    memcpy(p, pages, n);
    return n;
}

static unsigned
page_serial(const ScsiUnit *u, guint8 *p)
{
    unsigned n = (unsigned) MIN(strlen(u->serial), 36);

    memcpy(p, u->serial, n);
    return n;
}

/* 7.8.6: a name of the form that vendors give, in ASCII. */
static unsigned
page_identification(const ScsiUnit *u, guint8 *p)
{
    p[0] = 0x02; /* ASCII */
    p[1] = 0x01; /* of the unit; "T10 vendor ID" */
    put_text(p + 4, 8, "CARREL");
    p[3] = (guint8) (8 + page_serial(u, p + 12));
    return 4u + p[3];
}

/* SBC-3 6.6.4, lengths in blocks; 0: no limit told. */
static unsigned
page_limits(const ScsiUnit *u, guint8 *p)
{
    scsi_put16(p + 2, MAX(u->info.physical_size / u->block_size, 1));
    if (!u->info.read_only) {
        if (u->info.can_discard) {
            scsi_put32(p + 16, SCSI_MAX_UNMAP_LEN / u->block_size);
            scsi_put32(p + 20, SCSI_MAX_UNMAP);
            scsi_put32(p + 24, MAX(u->info.physical_size / u->block_size, 1));
        }
        scsi_put64(p + 32, SCSI_MAX_SAME_LEN / u->block_size);
    }
    return 60;
}

static unsigned
page_characteristics(const ScsiUnit *u, guint8 *p)
{
    scsi_put16(p, 1); /* does not rotate */
    return 60;
}

/* SBC-3 6.6.6 */
static unsigned
page_provisioning(const ScsiUnit *u, guint8 *p)
{
    if (!u->info.can_discard || u->info.read_only)
        return 4;
    p[1] = 0x80 | 0x40 | 0x20; /* UNMAP, WRITE SAME (16) and (10) unmap */
    if (u->info.discard_zeroes)
        p[1] |= 0x04;
    p[2] = 0x02; /* thin */
    return 4;
}

static bool
answer_page(ScsiTask *t)
{
    static const struct {
        guint8 code;
        bool cd;
        unsigned (*fill)(const ScsiUnit *u, guint8 *p);
    } pages[] = {
        {0x00, true, page_list},
        {0x80, true, page_serial},
        {0x83, true, page_identification},
        {0xb0, false, page_limits},
        {0xb1, false, page_characteristics},
        {0xb2, false, page_provisioning},
    };
    const ScsiUnit *u = t->unit;
    guint8 b[128] = {u->kind == SCSI_CD ? 0x05 : 0x00, t->cdb[2]};

    for (gsize i = 0; i < G_N_ELEMENTS(pages); i++) {
        if (pages[i].code != t->cdb[2] || (u->kind == SCSI_CD && !pages[i].cd))
            continue;
        unsigned n = pages[i].fill(u, b + 4);
        scsi_put16(b + 2, n);
        return scsi_answer(t, b, 4 + n, scsi_get16(t->cdb + 3));
    }
    return scsi_bad_field(t);
}

bool
scsi_run_inquiry(ScsiTask *t)
{
    bool cd = t->unit->kind == SCSI_CD;
    guint8 b[96] = {0};

    if (t->cdb[1] & 1)
        return answer_page(t);
    if (t->cdb[2] != 0)
        return scsi_bad_field(t);
    b[0] = cd ? 0x05 : 0x00;
    b[1] = cd ? 0x80 : 0x00; /* removable */
    b[2] = 0x06;             /* SPC-4 */
    b[3] = 0x12;             /* LUNs by REPORT LUNS, response format 2 */
    b[4] = sizeof b - 5;
    b[7] = 0x02; /* several commands at once */
    put_text(b + 8, 8, "CARREL");
    put_text(b + 16, 16, cd ? "CD-ROM" : "DISK");
    put_text(b + 32, 4, "1.0");
    scsi_put16(b + 58, 0x00c0);                 /* SAM-6 */
    scsi_put16(b + 60, 0x0460);                 /* SPC-4 */
    scsi_put16(b + 62, cd ? 0x02a0u : 0x04c0u); /* MMC-3; SBC-3 */
    return scsi_answer(t, b, sizeof b, scsi_get16(t->cdb + 3));
}

/* ---- reading ---- */

bool
scsi_run_read_6(ScsiTask *t)
{
    guint32 n = t->cdb[4];

    return scsi_begin_blocks(
        t, SCSI_WORK_READ, scsi_get24(t->cdb + 1) & 0x1fffff, n > 0 ? n : 256);
}

bool
scsi_run_read_10(ScsiTask *t)
{
    return scsi_begin_blocks(t, SCSI_WORK_READ, scsi_get32(t->cdb + 2),
                             scsi_get16(t->cdb + 7));
}

bool
scsi_run_read_12(ScsiTask *t)
{
    return scsi_begin_blocks(t, SCSI_WORK_READ, scsi_get32(t->cdb + 2),
                             scsi_get32(t->cdb + 6));
}

bool
scsi_run_read_16(ScsiTask *t)
{
    return scsi_begin_blocks(t, SCSI_WORK_READ, scsi_get64(t->cdb + 2),
                             scsi_get32(t->cdb + 10));
}

bool
scsi_run_read_capacity(ScsiTask *t)
{
    const ScsiUnit *u = t->unit;
    guint8 b[8];

    /* a last block of FFFFFFFFh sends the driver to READ CAPACITY (16) */
    scsi_put32(b, MIN(MAX(u->n_blocks, 1) - 1, G_MAXUINT32));
    scsi_put32(b + 4, u->block_size);
    return scsi_answer(t, b, sizeof b, sizeof b);
}
