/* devices/storage/ide-state.c - saving drives and an IDE channel, and checking
 * what was saved before it is believed. */
#include "devices/storage/ide-internal.h"

#define MAX_LBA   (G_GUINT64_CONSTANT(1) << 48)
#define MAX_COUNT 0x10000000u /* READ(12) can ask for the whole disc */

/* clang-format off */
#define DRIVE_ROWS \
    STATE_BLOB(IdeDriveState, feature), \
    STATE_BLOB(IdeDriveState, count), \
    STATE_BLOB(IdeDriveState, lba_low), \
    STATE_BLOB(IdeDriveState, lba_mid), \
    STATE_BLOB(IdeDriveState, lba_high), \
    STATE_FIELD(IdeDriveState, status, STATE_U8), \
    STATE_FIELD(IdeDriveState, error, STATE_U8), \
    STATE_FIELD(IdeDriveState, command, STATE_U8), \
    STATE_FIELD(IdeDriveState, irq, STATE_U8), \
    STATE_FIELD(IdeDriveState, deferred, STATE_U8), \
    STATE_FIELD(IdeDriveState, multiple, STATE_U8), \
    STATE_FIELD(IdeDriveState, transfer_mode, STATE_U8), \
    STATE_FIELD(IdeDriveState, write_cache, STATE_U8), \
    STATE_FIELD(IdeDriveState, look_ahead, STATE_U8), \
    STATE_FIELD(IdeDriveState, standby, STATE_U8), \
    STATE_FIELD(IdeDriveState, sleeping, STATE_U8), \
    STATE_FIELD(IdeDriveState, smart, STATE_U8), \
    STATE_FIELD(IdeDriveState, ext, STATE_U8), \
    STATE_FIELD(IdeDriveState, heads, STATE_U8), \
    STATE_FIELD(IdeDriveState, sectors, STATE_U8), \
    STATE_FIELD(IdeDriveState, cylinders, STATE_U16), \
    STATE_FIELD(IdeDriveState, xfer, STATE_U8), \
    STATE_FIELD(IdeDriveState, op, STATE_U8), \
    STATE_FIELD(IdeDriveState, one_by_one, STATE_U8), \
    STATE_FIELD(IdeDriveState, lba, STATE_U64), \
    STATE_FIELD(IdeDriveState, left, STATE_U32), \
    STATE_FIELD(IdeDriveState, unit, STATE_U32), \
    STATE_FIELD(IdeDriveState, block, STATE_U32), \
    STATE_FIELD(IdeDriveState, pos, STATE_U32), \
    STATE_FIELD(IdeDriveState, drq_end, STATE_U32), \
    STATE_FIELD(IdeDriveState, len, STATE_U32), \
    STATE_BLOB(IdeDriveState, packet), \
    STATE_FIELD(IdeDriveState, packet_dma, STATE_U8), \
    STATE_FIELD(IdeDriveState, raw_frames, STATE_U8), \
    STATE_FIELD(IdeDriveState, byte_limit, STATE_U16), \
    STATE_FIELD(IdeDriveState, sense_key, STATE_U8), \
    STATE_FIELD(IdeDriveState, asc, STATE_U8), \
    STATE_FIELD(IdeDriveState, ascq, STATE_U8), \
    STATE_FIELD(IdeDriveState, attention, STATE_U8), \
    STATE_FIELD(IdeDriveState, event, STATE_U8), \
    STATE_FIELD(IdeDriveState, locked, STATE_U8), \
    STATE_FIELD(IdeDriveState, tray_open, STATE_U8)

static const StateField drive_fields[] = {
    DRIVE_ROWS,
    STATE_BLOB(IdeDriveState, buf),
    STATE_FIELDS_END
};
static const StateDesc drive_state = {
    .name = "ide-drive", .version = 1, .min_version = 1,
    .size = sizeof(IdeDriveState), .fields = drive_fields,
};
static const StateField idle_drive_fields[] = {
    DRIVE_ROWS,
    STATE_FIELDS_END
};
const StateDesc ide_idle_drive_state_desc = {
    .name = "ata-drive", .version = 1, .min_version = 1,
    .size = sizeof(IdeDriveState), .fields = idle_drive_fields,
};
static const StateField channel_fields[] = {
    STATE_FIELD(IdeChannelState, select, STATE_U8),
    STATE_FIELD(IdeChannelState, control, STATE_U8),
    STATE_FIELD(IdeChannelState, bm_command, STATE_U8),
    STATE_FIELD(IdeChannelState, bm_status, STATE_U8),
    STATE_FIELD(IdeChannelState, bm_prdt, STATE_U32),
    STATE_SUB_ARRAY(IdeChannelState, drive, &drive_state),
    STATE_FIELDS_END
};
/* clang-format on */
const StateDesc ide_channel_state_desc = {
    .name = "ide-channel",
    .version = 1,
    .min_version = 1,
    .size = sizeof(IdeChannelState),
    .fields = channel_fields,
};

static const char *
bad_field(const IdeDriveState *s)
{
    if (s->xfer > IDE_XFER_PACKET || s->op >= IDE_N_OPS)
        return "op";
    if (s->pos > s->drq_end || s->drq_end > s->len || s->len > IDE_BUF_SIZE ||
        s->block == 0 || s->block > IDE_BUF_SIZE)
        return "buffer";
    if (s->xfer != IDE_XFER_NONE && s->pos == s->drq_end)
        return "pos";
    if (s->xfer == IDE_XFER_OUT && s->op == IDE_OP_WRITE &&
        (s->len % IDE_SECTOR != 0 || s->len / IDE_SECTOR > s->left))
        return "len";
    if (s->xfer == IDE_XFER_PACKET && s->len != IDE_PACKET_SIZE)
        return "len";
    if (s->unit != IDE_SECTOR && s->unit != IDE_CD_SECTOR)
        return "unit";
    if (s->lba >= MAX_LBA || s->left > MAX_COUNT)
        return "lba";
    if (s->multiple > IDE_MAX_MULTIPLE)
        return "multiple";
    return NULL;
}

static bool
refuse(const char *what, const char *field, GError **error)
{
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "ide: %s.%s: value out of range; the saved state is damaged, "
                "start the machine afresh",
                what, field);
    return false;
}

bool
ide_channel_check(const IdeChannelState *s, GError **error)
{
    for (unsigned i = 0; i < 2; i++) {
        const char *bad = bad_field(&s->drive[i]);
        if (bad != NULL)
            return refuse(i == 0 ? "drive[0]" : "drive[1]", bad, error);
    }
    return true;
}

bool
ide_idle_drive_check(const IdeDriveState *s, GError **error)
{
    const char *bad = bad_field(s);

    if (bad == NULL &&
        (s->xfer != IDE_XFER_NONE || s->op != IDE_OP_NONE || s->deferred != 0))
        bad = "op";
    return bad == NULL || refuse("drive", bad, error);
}
