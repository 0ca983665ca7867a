/* devices/storage/atapi-info.c - what an IDE CD drive says of itself: the
 * answers of mmc.c on this bus. SFF-8020i for INQUIRY. */
#include "devices/storage/ide-internal.h"

#include <string.h>

#include "devices/storage/mmc.h"
#include "devices/storage/scsi-bytes.h"

#define KEY_ILLEGAL   5
#define ASC_BAD_FIELD 0x24

G_STATIC_ASSERT(IDE_BUF_SIZE >= MMC_MAX_ANSWER);

/* Copies text into a field padded with spaces. */
static void
put_text(guint8 *p, gsize len, const char *text)
{
    memset(p, ' ', len);
    memcpy(p, text, MIN(len, strlen(text)));
}

void
atapi_inquiry(IdeDrive *d)
{
    guint8 *b = d->s->buf;

    if (d->s->packet[1] & 3) { /* vital product data: none */
        atapi_error(d, KEY_ILLEGAL, ASC_BAD_FIELD, 0);
        return;
    }
    memset(b, 0, 36);
    b[0] = 0x05; /* CD device */
    b[1] = 0x80; /* removable */
    b[3] = 0x21; /* ATAPI, response format 1 */
    b[4] = 31;
    put_text(b + 8, 8, "CARREL");
    put_text(b + 16, 16, d->model != NULL ? d->model : "CD-ROM");
    put_text(b + 32, 4, "1.0");
    atapi_reply(d, 36, d->s->packet[4]);
}

static void
answer(IdeDrive *d, MmcAnswer *make, guint32 limit)
{
    const MmcDrive drive = {
        .n_units = d->n_units,
        .has_disc = d->block != NULL,
        .tray_open = d->s->tray_open != 0,
        .locked = d->s->locked != 0,
        .event = d->s->event,
        .interface = 2,
    };
    int len = make(&drive, d->s->packet, d->s->buf);

    if (len < 0)
        atapi_error(d, KEY_ILLEGAL, (guint8) (-len >> 8), (guint8) -len);
    else
        atapi_reply(d, (guint32) len, limit);
}

void
atapi_mode_sense(IdeDrive *d)
{
    const guint8 *cdb = d->s->packet;

    answer(d, mmc_mode_sense, cdb[0] == 0x1a ? cdb[4] : scsi_get16(cdb + 7));
}

void
atapi_read_toc(IdeDrive *d)
{
    answer(d, mmc_read_toc, scsi_get16(d->s->packet + 7));
}

void
atapi_read_subchannel(IdeDrive *d)
{
    answer(d, mmc_read_subchannel, scsi_get16(d->s->packet + 7));
}

void
atapi_get_configuration(IdeDrive *d)
{
    answer(d, mmc_get_configuration, scsi_get16(d->s->packet + 7));
}

void
atapi_get_event(IdeDrive *d)
{
    bool told = mmc_event_told(d->s->packet);

    answer(d, mmc_get_event, scsi_get16(d->s->packet + 7));
    if (told)
        d->s->event = 0;
}

void
atapi_read_disc_info(IdeDrive *d)
{
    answer(d, mmc_read_disc_info, scsi_get16(d->s->packet + 7));
}

void
atapi_read_track_info(IdeDrive *d)
{
    answer(d, mmc_read_track_info, scsi_get16(d->s->packet + 7));
}

void
atapi_mechanism_status(IdeDrive *d)
{
    answer(d, mmc_mechanism_status, scsi_get16(d->s->packet + 8));
}

void
atapi_read_dvd_structure(IdeDrive *d)
{
    answer(d, mmc_read_dvd_structure, scsi_get16(d->s->packet + 8));
}
