/* devices/storage/ata-smart.c - SMART: the health of a disk that has none.
 *
 * ATA/ATAPI-6 (T13 1410D), section 8.55. */
#include "devices/storage/ide-internal.h"

#include <string.h>

#define SMART_MID  0x4f
#define SMART_HIGH 0xc2

enum {
    SMART_READ_DATA = 0xd0,
    SMART_READ_THRESHOLDS = 0xd1,
    SMART_AUTOSAVE = 0xd2,
    SMART_OFFLINE = 0xd4,
    SMART_READ_LOG = 0xd5,
    SMART_ENABLE = 0xd8,
    SMART_DISABLE = 0xd9,
    SMART_STATUS = 0xda,
    SMART_AUTO_OFFLINE = 0xdb
};
enum { LOG_DIRECTORY = 0, LOG_ERRORS = 1, LOG_SELF_TESTS = 6 };

/* The last byte makes the sum of all zero. */
static void
smart_reply(IdeDrive *d)
{
    guint8 sum = 0;

    for (unsigned i = 0; i < IDE_SECTOR - 1; i++)
        sum = (guint8) (sum + d->s->buf[i]);
    d->s->buf[IDE_SECTOR - 1] = (guint8) -sum;
    ata_reply(d);
}

/* An image wears out nothing: no attributes, no thresholds. Off-line data
 * collection and self-tests are done as soon as they are asked for, and find
 * nothing. */
static void
smart_data(IdeDrive *d)
{
    guint8 *b = d->s->buf;

    memset(b, 0, IDE_SECTOR);
    b[0] = 0x10; /* structure revision */
    if (d->s->feature[0] == SMART_READ_DATA) {
        b[362] = 0x02;       /* collected, without an error */
        b[367] = 0x11;       /* off-line collection and self-tests at once */
        b[368] = 0x03;       /* attributes are saved */
        b[370] = 0x01;       /* error log */
        b[372] = b[373] = 1; /* minutes a test takes */
    }
    smart_reply(d);
}

/* Logs of what never happened. */
static void
smart_log(IdeDrive *d)
{
    guint8 *b = d->s->buf, log = d->s->lba_low[0];

    memset(b, 0, IDE_SECTOR);
    switch (log) {
    case LOG_DIRECTORY:
        b[0] = 1; /* version; pages of logs 1 and 6 */
        b[2 * LOG_ERRORS] = b[2 * LOG_SELF_TESTS] = 1;
        ata_reply(d);
        return;
    case LOG_ERRORS:
    case LOG_SELF_TESTS:
        b[0] = 1;
        smart_reply(d);
        return;
    default: ide_command_error(d, IDE_ERROR_ABRT); return;
    }
}

void
ata_smart(IdeDrive *d)
{
    IdeDriveState *s = d->s;
    bool key = s->lba_mid[0] == SMART_MID && s->lba_high[0] == SMART_HIGH;

    if (!key || (!s->smart && s->feature[0] != SMART_ENABLE)) {
        ide_command_error(d, IDE_ERROR_ABRT);
        return;
    }
    switch (s->feature[0]) {
    case SMART_READ_DATA:
    case SMART_READ_THRESHOLDS: smart_data(d); return;
    case SMART_READ_LOG: smart_log(d); return;
    case SMART_ENABLE: s->smart = 1; break;
    case SMART_DISABLE: s->smart = 0; break;
    case SMART_AUTOSAVE:
    case SMART_OFFLINE:
    case SMART_AUTO_OFFLINE: break;
    case SMART_STATUS: break; /* the key unchanged means healthy */
    default: ide_command_error(d, IDE_ERROR_ABRT); return;
    }
    ide_command_ok(d);
}
