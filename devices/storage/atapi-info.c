/* devices/storage/atapi-info.c - what a CD/DVD drive and its disc say of
 * themselves: inquiry, mode pages, table of contents, features.
 *
 * MMC-3; mode page 0Eh and 2Ah as in SFF-8020i. Every answer is built in the
 * drive's buffer at its full length and cut to what the host allows. */
#include "devices/storage/ide-internal.h"

#include <string.h>

#define KEY_ILLEGAL     5
#define ASC_BAD_FIELD   0x24
#define ASC_BAD_FORMAT  0x30 /* qualifier 2: not on this kind of disc */
#define ASC_SAVING      0x39

#define PROFILE_CD_ROM  0x0008
#define PROFILE_DVD_ROM 0x0010
/* 80 minutes at 75 frames a second: what is longer is a DVD. */
#define CD_MAX_FRAMES      (80u * 60u * 75u)

#define TRACK_CONTROL_DATA 0x14 /* ADR 1, data track */
#define LEAD_OUT           0xaa

static guint32
be16(const guint8 *p)
{
    return (guint32) (p[0] << 8 | p[1]);
}

static void
put16(guint8 *p, guint32 value)
{
    p[0] = (guint8) (value >> 8);
    p[1] = (guint8) value;
}

static void
put32(guint8 *p, guint64 value)
{
    put16(p, (guint32) (value >> 16));
    put16(p + 2, (guint32) value);
}

static void
bad_field(IdeDrive *d)
{
    atapi_error(d, KEY_ILLEGAL, ASC_BAD_FIELD, 0);
}

/* An address as the host wants it: block number, or 0, M, S, F. */
static void
put_address(guint8 *p, guint64 lba, bool msf)
{
    if (!msf) {
        put32(p, lba);
        return;
    }
    guint64 frames = lba + 150;
    p[0] = 0;
    p[1] = (guint8) MIN(frames / (75 * 60), 255);
    p[2] = (guint8) (frames / 75 % 60);
    p[3] = (guint8) (frames % 75);
}

static bool
is_dvd(const IdeDrive *d)
{
    return d->n_units > CD_MAX_FRAMES;
}

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
        bad_field(d);
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

/* Each adds its page at p and returns the length. */
static guint32
page_recovery(guint8 *p)
{
    static const guint8 page[8] = {0x01, 0x06, 0x00, 0x05};

    memcpy(p, page, sizeof page);
    return sizeof page;
}

static guint32
page_audio(guint8 *p)
{
    static const guint8 page[16] = {0x0e, 0x0e, 0x04, 0,    0, 0, 0, 75,
                                    1,    0xff, 2,    0xff, 0, 0, 0, 0};

    memcpy(p, page, sizeof page);
    return sizeof page;
}

static guint32
page_capabilities(const IdeDrive *d, guint8 *p)
{
    memset(p, 0, 20);
    p[0] = 0x2a;
    p[1] = 18;
    p[2] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM, DVD-R */
    p[4] = 0x70; /* mode 2 forms 1 and 2, multi-session */
    p[6] = (guint8) (0x29 | (d->s->locked ? 0x02 : 0)); /* tray, eject, lock */
    put16(p + 8, 706 * 8);  /* maximum speed, kB/s */
    put16(p + 10, 2);       /* volume levels */
    put16(p + 12, 512);     /* buffer, KiB */
    put16(p + 14, 706 * 8); /* current speed */
    return 20;
}

static guint8
medium_type(const IdeDrive *d)
{
    if (d->s->tray_open)
        return 0x71;
    return d->block == NULL ? 0x70 : 0x01; /* 120 mm data disc */
}

void
atapi_mode_sense(IdeDrive *d)
{
    const guint8 *cdb = d->s->packet;
    bool six = cdb[0] == 0x1a;
    guint8 page = cdb[2] & 0x3f;
    guint32 header = six ? 4 : 8, len = header;
    guint8 *b = d->s->buf;

    if (cdb[2] >> 6 == 3) {
        atapi_error(d, KEY_ILLEGAL, ASC_SAVING, 0);
        return;
    }
    memset(b, 0, header);
    if (page == 0x01 || page == 0x3f)
        len += page_recovery(b + len);
    if (page == 0x0e || page == 0x3f)
        len += page_audio(b + len);
    if (page == 0x2a || page == 0x3f)
        len += page_capabilities(d, b + len);
    if (len == header) {
        bad_field(d);
        return;
    }
    if (cdb[2] >> 6 == 1) /* changeable values: none */
        memset(b + header, 0, len - header);
    if (six) {
        b[0] = (guint8) (len - 1);
        b[1] = medium_type(d);
    } else {
        put16(b, len - 2);
        b[2] = medium_type(d);
    }
    atapi_reply(d, len, six ? cdb[4] : be16(cdb + 7));
}

static guint32
toc_entry(guint8 *p, guint8 track, guint64 lba, bool msf)
{
    memset(p, 0, 8);
    p[1] = TRACK_CONTROL_DATA;
    p[2] = track;
    put_address(p + 4, lba, msf);
    return 8;
}

/* Format 0: the track and the lead-out, from the track asked for on. */
static guint32
toc_tracks(IdeDrive *d, bool msf)
{
    guint8 *b = d->s->buf, first = d->s->packet[6];
    guint32 len = 4;

    b[2] = b[3] = 1;
    if (first <= 1)
        len += toc_entry(b + len, 1, 0, msf);
    if (first <= 1 || first == LEAD_OUT)
        len += toc_entry(b + len, LEAD_OUT, d->n_units, msf);
    return len;
}

/* Format 1: the only session begins with track 1. */
static guint32
toc_sessions(IdeDrive *d, bool msf)
{
    guint8 *b = d->s->buf;

    b[2] = b[3] = 1;
    return 4 + toc_entry(b + 4, 1, 0, msf);
}

/* An entry of the full TOC, MMC-3 table 238; times are M, S, F always. */
static guint32
raw_entry(guint8 *p, guint8 point, guint8 pmin, guint8 psec, guint8 pframe)
{
    memset(p, 0, 11);
    p[0] = 1; /* session */
    p[1] = TRACK_CONTROL_DATA;
    p[3] = point;
    p[8] = pmin;
    p[9] = psec;
    p[10] = pframe;
    return 11;
}

/* Format 2: points A0 (first track), A1 (last), A2 (lead-out), track 1. */
static guint32
toc_raw(IdeDrive *d)
{
    guint8 *b = d->s->buf, end[4];
    guint32 len = 4;

    put_address(end, d->n_units, true);
    b[2] = b[3] = 1;
    len += raw_entry(b + len, 0xa0, 1, 0, 0);
    len += raw_entry(b + len, 0xa1, 1, 0, 0);
    len += raw_entry(b + len, 0xa2, end[1], end[2], end[3]);
    len += raw_entry(b + len, 0x01, 0, 2, 0);
    return len;
}

void
atapi_read_toc(IdeDrive *d)
{
    const guint8 *cdb = d->s->packet;
    bool msf = cdb[1] & 2;
    /* SFF-8020i had the format in the control byte. */
    unsigned format = cdb[2] & 0x0f ? cdb[2] & 0x0fu : cdb[9] >> 6;
    guint32 len;

    switch (format) {
    case 0: len = toc_tracks(d, msf); break;
    case 1: len = toc_sessions(d, msf); break;
    case 2: len = toc_raw(d); break;
    default: bad_field(d); return;
    }
    if (len == 4) { /* no track of that number */
        bad_field(d);
        return;
    }
    put16(d->s->buf, len - 2);
    atapi_reply(d, len, be16(cdb + 7));
}

void
atapi_read_subchannel(IdeDrive *d)
{
    const guint8 *cdb = d->s->packet;
    guint8 *b = d->s->buf;
    guint32 len = 4;

    memset(b, 0, 24);
    b[1] = 0x15; /* no audio status to tell */
    if (cdb[2] & 0x40) {
        b[4] = cdb[3];
        switch (cdb[3]) {
        case 1: /* position: the start of the track */
            b[5] = TRACK_CONTROL_DATA;
            b[6] = b[7] = 1;
            put_address(b + 8, 0, cdb[1] & 2);
            len = 16;
            break;
        case 2: /* catalogue number and ISRC: none, the valid bits are 0 */
        case 3: len = 24; break;
        default: bad_field(d); return;
        }
    }
    put16(b + 2, len - 4);
    atapi_reply(d, len, be16(cdb + 7));
}

/* Adds a feature descriptor, MMC-3 chapter 5.3, if the host asked for it. */
typedef struct {
    guint8 *b;
    guint32 len;
    guint8 request; /* 0 all, 1 the current ones, 2 only `start` */
    guint32 start;
} FeatureList;

static void
add_feature(FeatureList *list, guint16 code, guint8 flags, const void *data,
            guint8 len)
{
    bool current = flags & 1;

    if (list->request == 2 ? code != list->start
                           : code < list->start || (list->request && !current))
        return;
    guint8 *p = list->b + list->len;
    put16(p, code);
    p[2] = flags;
    p[3] = len;
    memcpy(p + 4, data, len);
    list->len += 4u + len;
}

void
atapi_get_configuration(IdeDrive *d)
{
    const guint8 *cdb = d->s->packet;
    bool disc = atapi_has_disc(d), dvd = disc && is_dvd(d), cd = disc && !dvd;
    FeatureList list = {d->s->buf, 8, cdb[1] & 3, be16(cdb + 2)};
    const guint8 profiles[8] = {0, PROFILE_DVD_ROM, dvd, 0,
                                0, PROFILE_CD_ROM,  cd,  0};
    static const guint8 core[4] = {0, 0, 0, 2};     /* ATAPI */
    static const guint8 morphing[4] = {2, 0, 0, 0}; /* polled events */
    static const guint8 removable[4] = {0x29, 0, 0, 0};
    static const guint8 random[8] = {0, 0, 8, 0, 0, 1, 0, 0};
    static const guint8 cd_read[4] = {0, 0, 0, 0};

    if (list.request == 3) {
        bad_field(d);
        return;
    }
    add_feature(&list, 0x0000, 0x03, profiles, sizeof profiles);
    add_feature(&list, 0x0001, 0x03, core, sizeof core);
    add_feature(&list, 0x0002, 0x03, morphing, sizeof morphing);
    add_feature(&list, 0x0003, 0x03, removable, sizeof removable);
    add_feature(&list, 0x0010, disc, random, sizeof random);
    add_feature(&list, 0x001e, cd, cd_read, sizeof cd_read);
    add_feature(&list, 0x001f, dvd, "", 0);
    add_feature(&list, 0x0100, 0x03, "", 0); /* power management */
    add_feature(&list, 0x0105, 0x03, "", 0); /* time-out */
    memset(d->s->buf, 0, 8);
    put32(d->s->buf, list.len - 4);
    put16(d->s->buf + 6, dvd ? PROFILE_DVD_ROM : cd ? PROFILE_CD_ROM : 0);
    atapi_reply(d, list.len, be16(cdb + 7));
}

void
atapi_get_event(IdeDrive *d)
{
    const guint8 *cdb = d->s->packet;
    guint8 *b = d->s->buf;

    if (!(cdb[1] & 1)) { /* only polled operation */
        bad_field(d);
        return;
    }
    memset(b, 0, 8);
    b[3] = 0x10; /* media events are what there is */
    if (!(cdb[4] & 0x10)) {
        b[1] = 2;
        b[2] = 0x80; /* no event available */
        atapi_reply(d, 4, be16(cdb + 7));
        return;
    }
    b[1] = 6;
    b[2] = 0x04;
    b[4] = d->s->event;
    b[5] = (guint8) ((d->s->tray_open ? 1 : 0) | (d->block != NULL ? 2 : 0));
    if (be16(cdb + 7) > 4)
        d->s->event = 0; /* reported */
    atapi_reply(d, 8, be16(cdb + 7));
}

void
atapi_read_disc_info(IdeDrive *d)
{
    guint8 *b = d->s->buf;

    memset(b, 0, 34);
    put16(b, 32);
    b[2] = 0x0e; /* last session and disc are complete */
    b[3] = b[4] = b[5] = b[6] = 1;
    b[7] = 0x20;             /* unrestricted use */
    memset(b + 16, 0xff, 8); /* no lead-in or lead-out to be written */
    atapi_reply(d, 34, be16(d->s->packet + 7));
}

void
atapi_read_track_info(IdeDrive *d)
{
    const guint8 *cdb = d->s->packet;
    guint32 number = be16(cdb + 2) << 16 | be16(cdb + 4);
    guint8 *b = d->s->buf;
    bool found = (cdb[1] & 3) == 0 ? number < d->n_units : number == 1;

    if (!found || (cdb[1] & 3) == 3) {
        bad_field(d);
        return;
    }
    memset(b, 0, 36);
    put16(b, 34);
    b[2] = b[3] = 1; /* track, session */
    b[5] = 0x04;     /* data track, uninterrupted */
    b[6] = 0x01;     /* mode 1 */
    put32(b + 24, d->n_units);
    atapi_reply(d, 36, be16(cdb + 7));
}

void
atapi_mechanism_status(IdeDrive *d)
{
    guint8 *b = d->s->buf;

    memset(b, 0, 8);
    b[1] = d->s->tray_open ? 0x10 : 0;
    b[5] = 1; /* slots */
    atapi_reply(d, 8, be16(d->s->packet + 8));
}

static guint32
dvd_physical(const IdeDrive *d, guint8 *p)
{
    memset(p, 0, 2048);
    p[0] = 0x01;            /* DVD-ROM, part version 1 */
    p[1] = 0x0f;            /* 120 mm, no maximum rate given */
    p[2] = 0x01;            /* one layer, embossed */
    put32(p + 4, 0x030000); /* first sector of the data area */
    put32(p + 8, 0x030000 + d->n_units - 1);
    return 2048;
}

void
atapi_read_dvd_structure(IdeDrive *d)
{
    const guint8 *cdb = d->s->packet;
    guint8 *b = d->s->buf;
    guint32 len = 4;

    if (!is_dvd(d)) {
        atapi_error(d, KEY_ILLEGAL, ASC_BAD_FORMAT, 2);
        return;
    }
    memset(b, 0, 16);
    switch (cdb[7]) {
    case 0x00: len += dvd_physical(d, b + 4); break;
    case 0x01: len += 4; break; /* no copyright protection */
    case 0xff:                  /* the list of these */
        b[4] = 0x00;
        b[5] = 0x40;
        put16(b + 6, 2052);
        b[8] = 0x01;
        b[9] = 0x40;
        put16(b + 10, 8);
        len += 8;
        break;
    default: bad_field(d); return;
    }
    put16(b, len - 2);
    atapi_reply(d, len, be16(cdb + 8));
}
