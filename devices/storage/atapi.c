/* devices/storage/atapi.c - a CD/DVD drive's packet interface.
 *
 * ATA/ATAPI-6 chapter 9.8 for the packet protocol, SFF-8020i and MMC-3 for the
 * commands. Data discs of one mode 1 track only; audio, writing, changers and
 * region codes are left out. There is no unit attention after power-on, only
 * after a change of discs: old DOS drivers give up on the former. */
#include "devices/storage/ide-internal.h"

#include <errno.h>
#include <string.h>

#include "devices/storage/mmc.h"

/* Sense keys and additional codes, MMC-3 annex A */
#define KEY_NOT_READY       2
#define KEY_MEDIUM          3
#define KEY_HARDWARE        4
#define KEY_ILLEGAL         5
#define KEY_ATTENTION       6
#define KEY_ABORTED         0xb
#define ASC_READ_ERROR      0x11
#define ASC_BAD_OPCODE      0x20
#define ASC_LBA_RANGE       0x21
#define ASC_BAD_FIELD       0x24
#define ASC_BAD_PARAMETER   0x26
#define ASC_MEDIUM_CHANGED  0x28
#define ASC_NO_MEDIUM       0x3a
#define ASC_REMOVAL         0x53 /* qualifier 2: prevented */
#define ASC_BAD_MODE        0x64

#define EVENT_NEW_MEDIA     2
#define EVENT_MEDIA_REMOVAL 3

#define RAW_FRAMES          (IDE_BUF_SIZE / CD_FRAME_SIZE)

#define F_READY             0x01 /* needs a disc */
#define F_ATTENTION         0x02 /* runs although a unit attention is owed */

typedef struct {
    guint8 opcode, flags;
    void (*run)(IdeDrive *d);
} PacketCommand;

static guint32
be16(const guint8 *p)
{
    return (guint32) (p[0] << 8 | p[1]);
}

static guint32
be32(const guint8 *p)
{
    return (guint32) p[0] << 24 | be16(p + 1) << 8 | p[3];
}

bool
atapi_has_disc(const IdeDrive *d)
{
    return d->block != NULL && !d->s->tray_open;
}

void
atapi_show_tray(IdeDrive *d)
{
    g_atomic_int_set(&d->tray, (d->s->locked ? MMC_TRAY_LOCKED : 0) |
                                   (d->s->tray_open ? MMC_TRAY_OPEN : 0));
}

/* -- Ends of a command ------------------------------------------------- */

void
atapi_ok(IdeDrive *d)
{
    d->s->sense_key = d->s->asc = d->s->ascq = 0;
    d->s->count[0] = IDE_REASON_COD | IDE_REASON_IO;
    ide_command_ok(d);
}

void
atapi_error(IdeDrive *d, guint8 key, guint8 asc, guint8 ascq)
{
    d->s->sense_key = key;
    d->s->asc = asc;
    d->s->ascq = ascq;
    d->s->count[0] = IDE_REASON_COD | IDE_REASON_IO;
    ide_command_error(d, (guint8) (key << 4 | IDE_ERROR_ABRT));
}

static void
bad_field(IdeDrive *d)
{
    atapi_error(d, KEY_ILLEGAL, ASC_BAD_FIELD, 0);
}

void
atapi_transfer_error(IdeDrive *d, int result)
{
    if (result == -EFAULT) {
        atapi_error(d, KEY_ABORTED, 0, 0); /* the bus master failed */
        return;
    }
    if (!atapi_has_disc(d)) {
        atapi_error(d, KEY_NOT_READY, ASC_NO_MEDIUM, 0);
        return;
    }
    ide_log_error(d, result);
    atapi_error(d, KEY_MEDIUM, ASC_READ_ERROR, 0);
}

/* -- Data to the host -------------------------------------------------- */

/* The next DRQ block: its length goes into the cylinder registers. */
static void
offer_block(IdeDrive *d, IdeXfer xfer)
{
    IdeDriveState *s = d->s;
    guint32 n = MIN(s->block, s->len - s->pos);

    s->lba_mid[0] = (guint8) n;
    s->lba_high[0] = (guint8) (n >> 8);
    s->count[0] = xfer == IDE_XFER_IN ? IDE_REASON_IO : 0;
    ide_begin_block(d, xfer, true);
}

/* Sets the DRQ block from the host's byte count limit, ATA-6 section 9.8.1:
 * even, and 0 is a mistake of the host. False: the command was aborted. */
static bool
set_block_limit(IdeDrive *d)
{
    guint32 limit = d->s->byte_limit == 0xffff ? 0xfffe : d->s->byte_limit;

    if (limit == 0) {
        atapi_error(d, KEY_ILLEGAL, ASC_BAD_FIELD, 0);
        return false;
    }
    d->s->block = MAX(limit & ~1u, 2);
    return true;
}

void
atapi_reply(IdeDrive *d, guint32 len, guint32 limit)
{
    IdeDriveState *s = d->s;

    s->pos = 0;
    s->len = MIN(MIN(len, limit), IDE_BUF_SIZE);
    s->left = 0;
    if (s->len == 0) {
        atapi_ok(d);
    } else if (s->packet_dma) {
        s->op = IDE_OP_REPLY_DMA;
        s->drq_end = s->len; /* one piece */
        ide_dma_go(d);
    } else if (set_block_limit(d)) {
        offer_block(d, IDE_XFER_IN);
    }
}

/* Sectors per request: whole DRQ blocks where they are whole sectors, so that
 * only the last block of the command is a short one. */
static guint32
sectors_per_request(const IdeDriveState *s)
{
    guint32 n = IDE_BUF_SIZE / IDE_CD_SECTOR;
    guint32 per_block = s->block / IDE_CD_SECTOR;

    if (s->raw_frames)
        return RAW_FRAMES;
    return per_block > 0 ? n / per_block * per_block : n;
}

static void
read_more(IdeDrive *d)
{
    IdeDriveState *s = d->s;
    guint32 n = MIN(s->left, sectors_per_request(s));
    guint32 bytes = n * (guint32) IDE_CD_SECTOR;

    if (!atapi_has_disc(d)) {
        atapi_error(d, KEY_NOT_READY, ASC_NO_MEDIUM, 0);
        return;
    }
    /* Raw frames are built in place: the data waits at the buffer's end. */
    s->op = IDE_OP_READ;
    s->status = IDE_STATUS_BSY;
    ide_submit_buf(d, BLOCK_READ, s->lba * IDE_CD_SECTOR,
                   s->raw_frames ? IDE_BUF_SIZE - bytes : 0, bytes);
}

static void
build_frames(IdeDrive *d, guint32 n)
{
    guint8 *buf = d->s->buf;
    const guint8 *data = buf + IDE_BUF_SIZE - n * IDE_CD_SECTOR;
    guint8 sector[IDE_CD_SECTOR];

    for (guint32 i = 0; i < n; i++) {
        memcpy(sector, data + i * IDE_CD_SECTOR, sizeof sector);
        cd_frame_build(buf + i * CD_FRAME_SIZE, (guint32) d->s->lba + i,
                       sector);
    }
}

void
atapi_io_done(IdeDrive *d, int result)
{
    IdeDriveState *s = d->s;

    if (result < 0) {
        atapi_transfer_error(d, result);
        return;
    }
    if (s->op != IDE_OP_READ)
        return;
    guint32 n = (guint32) (d->req_bytes / IDE_CD_SECTOR);
    if (s->raw_frames)
        build_frames(d, n);
    s->lba += n;
    s->left -= n;
    s->pos = 0;
    s->len = n * (s->raw_frames ? CD_FRAME_SIZE : (guint32) IDE_CD_SECTOR);
    if (s->packet_dma) {
        s->op = IDE_OP_REPLY_DMA;
        s->drq_end = s->len; /* one piece */
        ide_dma_go(d);
    } else {
        offer_block(d, IDE_XFER_IN);
    }
}

static void mode_data_here(IdeDrive *d);

void
atapi_block_done(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    if (s->pos < s->len)
        offer_block(d, s->xfer);
    else if (s->xfer == IDE_XFER_OUT)
        mode_data_here(d);
    else if (s->op == IDE_OP_READ && s->left > 0)
        read_more(d);
    else
        atapi_ok(d);
}

static void
start_read(IdeDrive *d, guint32 lba, guint32 n, bool raw)
{
    IdeDriveState *s = d->s;

    if (lba > d->n_units || n > d->n_units - lba) {
        atapi_error(d, KEY_ILLEGAL, ASC_LBA_RANGE, 0);
        return;
    }
    if (n == 0) {
        atapi_ok(d);
        return;
    }
    s->lba = lba;
    s->left = n;
    s->unit = IDE_CD_SECTOR;
    s->raw_frames = raw;
    if (s->packet_dma && !raw) {
        s->op = IDE_OP_READ_DMA;
        ide_dma_go(d);
    } else if (s->packet_dma && n > RAW_FRAMES) {
        bad_field(d); /* raw frames by DMA: one buffer full at a time */
    } else if (s->packet_dma || set_block_limit(d)) {
        read_more(d);
    }
}

/* -- Commands ---------------------------------------------------------- */

static void
run_test_unit_ready(IdeDrive *d)
{
    atapi_ok(d);
}

static void
run_request_sense(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    if (s->sense_key == 0 && s->attention) {
        s->sense_key = KEY_ATTENTION;
        s->asc = ASC_MEDIUM_CHANGED;
        s->ascq = 0;
        s->attention = 0;
    }
    memset(s->buf, 0, 18);
    s->buf[0] = 0x70; /* current error, fixed format */
    s->buf[2] = s->sense_key;
    s->buf[7] = 10;
    s->buf[12] = s->asc;
    s->buf[13] = s->ascq;
    s->sense_key = s->asc = s->ascq = 0;
    atapi_reply(d, 18, s->packet[4]);
}

static void
run_read_capacity(IdeDrive *d)
{
    guint64 last = d->n_units > 0 ? d->n_units - 1 : 0;
    guint8 *b = d->s->buf;

    memset(b, 0, 8);
    for (unsigned i = 0; i < 4; i++)
        b[i] = (guint8) (last >> (24 - 8 * i));
    b[6] = IDE_CD_SECTOR >> 8;
    atapi_reply(d, 8, 8);
}

static void
run_read_format_capacities(IdeDrive *d)
{
    guint8 *b = d->s->buf;

    memset(b, 0, 12);
    b[3] = 8;
    for (unsigned i = 0; i < 4; i++)
        b[4 + i] = (guint8) (d->n_units >> (24 - 8 * i));
    b[8] = 0x02; /* formatted medium */
    b[10] = IDE_CD_SECTOR >> 8;
    atapi_reply(d, 12, be16(d->s->packet + 7));
}

static void
run_read_10(IdeDrive *d)
{
    start_read(d, be32(d->s->packet + 2), be16(d->s->packet + 7), false);
}

static void
run_read_12(IdeDrive *d)
{
    start_read(d, be32(d->s->packet + 2), be32(d->s->packet + 6), false);
}

/* READ CD: what of a frame the host wants is in byte 9, MMC-3 section 5.23. */
static void
read_cd(IdeDrive *d, guint32 lba, guint32 n)
{
    const guint8 *p = d->s->packet;
    unsigned expected = p[1] >> 2 & 7;

    if (expected != 0 && expected != 2) {
        atapi_error(d, KEY_ILLEGAL, ASC_BAD_MODE, 0);
        return;
    }
    switch (p[9] & 0xfe) {
    case 0x00: start_read(d, lba, 0, false); break;
    case 0x10: start_read(d, lba, n, false); break;
    case 0xf8: start_read(d, lba, n, true); break;
    default: bad_field(d); break;
    }
}

static void
run_read_cd(IdeDrive *d)
{
    const guint8 *p = d->s->packet;

    read_cd(d, be32(p + 2), (guint32) p[6] << 16 | be16(p + 7));
}

static guint32
msf_to_lba(const guint8 *msf)
{
    /* The first two seconds are the lead-in's: 00:02:00 is block 0. */
    return (guint32) ((msf[0] * 60 + msf[1]) * 75 + msf[2]) - 150u;
}

static void
run_read_cd_msf(IdeDrive *d)
{
    guint32 start = msf_to_lba(d->s->packet + 3);
    guint32 end = msf_to_lba(d->s->packet + 6);

    if (start > end)
        bad_field(d);
    else
        read_cd(d, start, end - start);
}

static void
run_seek(IdeDrive *d)
{
    if (be32(d->s->packet + 2) >= d->n_units)
        atapi_error(d, KEY_ILLEGAL, ASC_LBA_RANGE, 0);
    else
        atapi_ok(d);
}

static void
run_start_stop(IdeDrive *d)
{
    IdeDriveState *s = d->s;
    bool load_eject = s->packet[4] & 2, start = s->packet[4] & 1;

    if (load_eject && !start && s->locked) {
        atapi_error(d, d->block ? KEY_ILLEGAL : KEY_NOT_READY, ASC_REMOVAL, 2);
        return;
    }
    if (load_eject && s->tray_open == start) {
        s->tray_open = !start;
        if (d->block != NULL) {
            s->event = start ? EVENT_NEW_MEDIA : EVENT_MEDIA_REMOVAL;
            s->attention = start;
        }
        atapi_show_tray(d);
        mmc_log_tray(d->dev, d->block != NULL ? block_path(d->block) : NULL,
                     s->tray_open);
    }
    atapi_ok(d);
}

static void
run_prevent_allow(IdeDrive *d)
{
    d->s->locked = d->s->packet[4] & 1;
    atapi_show_tray(d);
    atapi_ok(d);
}

/* An image has no speed. */
static void
run_set_speed(IdeDrive *d)
{
    atapi_ok(d);
}

/* Play audio: there is none on a data track. */
static void
run_play(IdeDrive *d)
{
    atapi_error(d, KEY_ILLEGAL, ASC_BAD_MODE, 0);
}

/* MODE SELECT(6) has a 4-byte header in front of the pages, (10) 8 bytes. */
static guint32
mode_header(const IdeDriveState *s)
{
    return s->packet[0] == 0x15 ? 4 : 8;
}

static void
run_mode_select(IdeDrive *d)
{
    IdeDriveState *s = d->s;
    guint32 len = s->packet[0] == 0x15 ? s->packet[4] : be16(s->packet + 7);

    if (len == 0) {
        atapi_ok(d);
    } else if (len < mode_header(s) || len > IDE_BUF_SIZE || s->packet_dma) {
        bad_field(d);
    } else if (set_block_limit(d)) {
        s->op = IDE_OP_MODE_DATA;
        s->pos = 0;
        s->len = len;
        offer_block(d, IDE_XFER_OUT);
    }
}

static void
mode_data_here(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    if (mmc_mode_pages_known(s->buf, mode_header(s), s->len))
        atapi_ok(d);
    else
        atapi_error(d, KEY_ILLEGAL, ASC_BAD_PARAMETER, 0);
}

/* clang-format off */
static const PacketCommand commands[] = {
    { 0x00, F_READY,     run_test_unit_ready },
    { 0x03, F_ATTENTION, run_request_sense },
    { 0x12, F_ATTENTION, atapi_inquiry },
    { 0x15, 0,           run_mode_select },
    { 0x1a, 0,           atapi_mode_sense },
    { 0x1b, 0,           run_start_stop },
    { 0x1e, 0,           run_prevent_allow },
    { 0x23, F_READY,     run_read_format_capacities },
    { 0x25, F_READY,     run_read_capacity },
    { 0x28, F_READY,     run_read_10 },
    { 0x2b, F_READY,     run_seek },
    { 0x42, F_READY,     atapi_read_subchannel },
    { 0x43, F_READY,     atapi_read_toc },
    { 0x45, F_READY,     run_play },
    { 0x46, F_ATTENTION, atapi_get_configuration },
    { 0x47, F_READY,     run_play },
    { 0x4a, F_ATTENTION, atapi_get_event },
    { 0x4b, F_READY,     run_play },            /* PAUSE/RESUME */
    { 0x4e, F_READY,     run_test_unit_ready }, /* STOP PLAY/SCAN */
    { 0x51, F_READY,     atapi_read_disc_info },
    { 0x52, F_READY,     atapi_read_track_info },
    { 0x55, 0,           run_mode_select },
    { 0x5a, 0,           atapi_mode_sense },
    { 0xa8, F_READY,     run_read_12 },
    { 0xad, F_READY,     atapi_read_dvd_structure },
    { 0xb9, F_READY,     run_read_cd_msf },
    { 0xbb, 0,           run_set_speed },
    { 0xbd, 0,           atapi_mechanism_status },
    { 0xbe, F_READY,     run_read_cd },
};
/* clang-format on */

static const PacketCommand *
find_command(guint8 opcode)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (commands[i].opcode == opcode)
            return &commands[i];
    return NULL;
}

void
atapi_command(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    s->packet_dma = s->feature[0] & 1;
    s->byte_limit = (guint16) (s->lba_mid[0] | s->lba_high[0] << 8);
    s->pos = 0;
    s->len = s->block = IDE_PACKET_SIZE;
    s->count[0] = IDE_REASON_COD;
    ide_begin_block(d, IDE_XFER_PACKET, false);
}

void
atapi_run_packet(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    if (s->len == 0) { /* the packet itself was put off by a reset */
        atapi_command(d);
        return;
    }
    const PacketCommand *c = find_command(s->packet[0]);
    s->op = IDE_OP_NONE;
    s->raw_frames = 0;
    s->left = 0;
    if (c == NULL) {
        atapi_error(d, KEY_ILLEGAL, ASC_BAD_OPCODE, 0);
    } else if (s->attention && !(c->flags & F_ATTENTION)) {
        s->attention = 0;
        atapi_error(d, KEY_ATTENTION, ASC_MEDIUM_CHANGED, 0);
    } else if ((c->flags & F_READY) && !atapi_has_disc(d)) {
        atapi_error(d, KEY_NOT_READY, ASC_NO_MEDIUM, s->tray_open ? 2 : 1);
    } else {
        c->run(d);
    }
}

void
atapi_set_media(IdeDrive *d, Block *block)
{
    IdeDriveState *s = d->s;
    bool reading = s->op == IDE_OP_READ || s->op == IDE_OP_READ_DMA;

    d->block = block;
    d->n_units = block != NULL ? block_info(block)->bytes / IDE_CD_SECTOR : 0;
    s->tray_open = 0;
    s->attention = block != NULL;
    s->event = block != NULL ? EVENT_NEW_MEDIA : EVENT_MEDIA_REMOVAL;
    atapi_show_tray(d);
    if (reading) {
        ide_abort(d);
        atapi_error(d, KEY_NOT_READY, ASC_NO_MEDIUM, 0);
    }
}
