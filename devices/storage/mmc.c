/* devices/storage/mmc.c - what a CD/DVD drive and its disc say of themselves:
 * mode pages, table of contents, features.
 *
 * MMC-3; mode page 0Eh and 2Ah as in SFF-8020i. Every answer is built at its
 * full length, the drive's bus cuts it to what the host allows. */
#include "devices/storage/mmc.h"

#include <string.h>

#include "devices/storage/scsi-bytes.h"

/* Additional sense codes, MMC-3 annex A */
#define MMC_BAD_FIELD   (-0x2400)
#define MMC_BAD_FORMAT  (-0x3002) /* not on this kind of disc */
#define MMC_NO_SAVING   (-0x3900)

#define PROFILE_CD_ROM  0x0008
#define PROFILE_DVD_ROM 0x0010
/* 80 minutes at 75 frames a second: what is longer is a DVD. */
#define CD_MAX_FRAMES      (80u * 60u * 75u)

#define TRACK_CONTROL_DATA 0x14 /* ADR 1, data track */
#define LEAD_OUT           0xaa

void
mmc_log_tray(Device *dev, const char *path, bool open)
{
    g_autofree char *line = g_strdup_printf(
        "the guest has %s the tray%s%s", open ? "opened" : "closed",
        path != NULL ? " with " : "", path != NULL ? path : "");

    if (dev->env->log != NULL)
        dev->env->log(dev->env, dev->id, line);
}

/* An address as the host wants it: block number, or 0, M, S, F. */
static void
put_address(guint8 *p, guint64 lba, bool msf)
{
    if (!msf) {
        scsi_put32(p, lba);
        return;
    }
    guint64 frames = lba + 150;
    p[0] = 0;
    p[1] = (guint8) MIN(frames / (75 * 60), 255);
    p[2] = (guint8) (frames / 75 % 60);
    p[3] = (guint8) (frames % 75);
}

static bool
is_dvd(const MmcDrive *d)
{
    return d->n_units > CD_MAX_FRAMES;
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
page_capabilities(const MmcDrive *d, guint8 *p)
{
    memset(p, 0, 20);
    p[0] = 0x2a;
    p[1] = 18;
    p[2] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM, DVD-R */
    p[4] = 0x70; /* mode 2 forms 1 and 2, multi-session */
    p[6] = (guint8) (0x29 | (d->locked ? 0x02 : 0)); /* tray, eject, lock */
    scsi_put16(p + 8, 706 * 8);                      /* maximum speed, kB/s */
    scsi_put16(p + 10, 2);                           /* volume levels */
    scsi_put16(p + 12, 512);                         /* buffer, KiB */
    scsi_put16(p + 14, 706 * 8);                     /* current speed */
    return 20;
}

static guint8
medium_type(const MmcDrive *d)
{
    if (d->tray_open)
        return 0x71;
    return d->has_disc ? 0x01 : 0x70; /* 120 mm data disc */
}

int
mmc_mode_sense(const MmcDrive *d, const guint8 *cdb, guint8 *b)
{
    bool six = cdb[0] == 0x1a;
    guint8 page = cdb[2] & 0x3f;
    guint32 header = six ? 4 : 8, len = header;

    if (cdb[2] >> 6 == 3)
        return MMC_NO_SAVING;
    memset(b, 0, header);
    if (page == 0x01 || page == 0x3f)
        len += page_recovery(b + len);
    if (page == 0x0e || page == 0x3f)
        len += page_audio(b + len);
    if (page == 0x2a || page == 0x3f)
        len += page_capabilities(d, b + len);
    if (len == header)
        return MMC_BAD_FIELD;
    if (cdb[2] >> 6 == 1) /* changeable values: none */
        memset(b + header, 0, len - header);
    if (six) {
        b[0] = (guint8) (len - 1);
        b[1] = medium_type(d);
    } else {
        scsi_put16(b, len - 2);
        b[2] = medium_type(d);
    }
    return (int) len;
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
toc_tracks(const MmcDrive *d, const guint8 *cdb, guint8 *b, bool msf)
{
    guint8 first = cdb[6];
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
toc_sessions(guint8 *b, bool msf)
{
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
toc_raw(const MmcDrive *d, guint8 *b)
{
    guint8 end[4];
    guint32 len = 4;

    put_address(end, d->n_units, true);
    b[2] = b[3] = 1;
    len += raw_entry(b + len, 0xa0, 1, 0, 0);
    len += raw_entry(b + len, 0xa1, 1, 0, 0);
    len += raw_entry(b + len, 0xa2, end[1], end[2], end[3]);
    len += raw_entry(b + len, 0x01, 0, 2, 0);
    return len;
}

int
mmc_read_toc(const MmcDrive *d, const guint8 *cdb, guint8 *b)
{
    bool msf = cdb[1] & 2;
    /* SFF-8020i had the format in the control byte. */
    unsigned format = cdb[2] & 0x0f ? cdb[2] & 0x0fu : cdb[9] >> 6;
    guint32 len;

    switch (format) {
    case 0: len = toc_tracks(d, cdb, b, msf); break;
    case 1: len = toc_sessions(b, msf); break;
    case 2: len = toc_raw(d, b); break;
    default: return MMC_BAD_FIELD;
    }
    if (len == 4) { /* no track of that number */
        return MMC_BAD_FIELD;
    }
    scsi_put16(b, len - 2);
    return (int) len;
}

int
mmc_read_subchannel(const MmcDrive *d, const guint8 *cdb, guint8 *b)
{
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
        default: return MMC_BAD_FIELD;
        }
    }
    scsi_put16(b + 2, len - 4);
    return (int) len;
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
    scsi_put16(p, code);
    p[2] = flags;
    p[3] = len;
    memcpy(p + 4, data, len);
    list->len += 4u + len;
}

int
mmc_get_configuration(const MmcDrive *d, const guint8 *cdb, guint8 *b)
{
    bool disc = d->has_disc && !d->tray_open, dvd = disc && is_dvd(d),
         cd = disc && !dvd;
    FeatureList list = {b, 8, cdb[1] & 3, scsi_get16(cdb + 2)};
    const guint8 profiles[8] = {0, PROFILE_DVD_ROM, dvd, 0,
                                0, PROFILE_CD_ROM,  cd,  0};
    const guint8 core[4] = {0, 0, 0, d->interface};
    static const guint8 morphing[4] = {2, 0, 0, 0}; /* polled events */
    static const guint8 removable[4] = {0x29, 0, 0, 0};
    static const guint8 random[8] = {0, 0, 8, 0, 0, 1, 0, 0};
    static const guint8 cd_read[4] = {0, 0, 0, 0};

    if (list.request == 3)
        return MMC_BAD_FIELD;
    add_feature(&list, 0x0000, 0x03, profiles, sizeof profiles);
    add_feature(&list, 0x0001, 0x03, core, sizeof core);
    add_feature(&list, 0x0002, 0x03, morphing, sizeof morphing);
    add_feature(&list, 0x0003, 0x03, removable, sizeof removable);
    add_feature(&list, 0x0010, disc, random, sizeof random);
    add_feature(&list, 0x001e, cd, cd_read, sizeof cd_read);
    add_feature(&list, 0x001f, dvd, "", 0);
    add_feature(&list, 0x0100, 0x03, "", 0); /* power management */
    add_feature(&list, 0x0105, 0x03, "", 0); /* time-out */
    memset(b, 0, 8);
    scsi_put32(b, list.len - 4);
    scsi_put16(b + 6, dvd ? PROFILE_DVD_ROM : cd ? PROFILE_CD_ROM : 0);
    return (int) list.len;
}

int
mmc_get_event(const MmcDrive *d, const guint8 *cdb, guint8 *b)
{
    if (!(cdb[1] & 1)) /* only polled operation */
        return MMC_BAD_FIELD;
    memset(b, 0, 8);
    b[3] = 0x10; /* media events are what there is */
    if (!(cdb[4] & 0x10)) {
        b[1] = 2;
        b[2] = 0x80; /* no event available */
        return 4;
    }
    b[1] = 6;
    b[2] = 0x04;
    b[4] = d->event;
    b[5] = (guint8) ((d->tray_open ? 1 : 0) | (d->has_disc ? 2 : 0));
    return 8;
}

int
mmc_read_disc_info(const MmcDrive *d, const guint8 *cdb, guint8 *b)
{
    memset(b, 0, 34);
    scsi_put16(b, 32);
    b[2] = 0x0e; /* last session and disc are complete */
    b[3] = b[4] = b[5] = b[6] = 1;
    b[7] = 0x20;             /* unrestricted use */
    memset(b + 16, 0xff, 8); /* no lead-in or lead-out to be written */
    return 34;
}

int
mmc_read_track_info(const MmcDrive *d, const guint8 *cdb, guint8 *b)
{
    guint32 number = scsi_get16(cdb + 2) << 16 | scsi_get16(cdb + 4);
    bool found = (cdb[1] & 3) == 0 ? number < d->n_units : number == 1;

    if (!found || (cdb[1] & 3) == 3)
        return MMC_BAD_FIELD;
    memset(b, 0, 36);
    scsi_put16(b, 34);
    b[2] = b[3] = 1; /* track, session */
    b[5] = 0x04;     /* data track, uninterrupted */
    b[6] = 0x01;     /* mode 1 */
    scsi_put32(b + 24, d->n_units);
    return 36;
}

int
mmc_mechanism_status(const MmcDrive *d, const guint8 *cdb, guint8 *b)
{
    memset(b, 0, 8);
    b[1] = d->tray_open ? 0x10 : 0;
    b[5] = 1; /* slots */
    return 8;
}

static guint32
dvd_physical(const MmcDrive *d, guint8 *p)
{
    memset(p, 0, 2048);
    p[0] = 0x01;                 /* DVD-ROM, part version 1 */
    p[1] = 0x0f;                 /* 120 mm, no maximum rate given */
    p[2] = 0x01;                 /* one layer, embossed */
    scsi_put32(p + 4, 0x030000); /* first sector of the data area */
    scsi_put32(p + 8, 0x030000 + d->n_units - 1);
    return 2048;
}

int
mmc_read_dvd_structure(const MmcDrive *d, const guint8 *cdb, guint8 *b)
{
    guint32 len = 4;

    if (!is_dvd(d))
        return MMC_BAD_FORMAT;
    memset(b, 0, 16);
    switch (cdb[7]) {
    case 0x00: len += dvd_physical(d, b + 4); break;
    case 0x01: len += 4; break; /* no copyright protection */
    case 0xff:                  /* the list of these */
        b[4] = 0x00;
        b[5] = 0x40;
        scsi_put16(b + 6, 2052);
        b[8] = 0x01;
        b[9] = 0x40;
        scsi_put16(b + 10, 8);
        len += 8;
        break;
    default: return MMC_BAD_FIELD;
    }
    scsi_put16(b, len - 2);
    return (int) len;
}

bool
mmc_event_told(const guint8 *cdb)
{
    return (cdb[1] & 1) && (cdb[4] & 0x10) && scsi_get16(cdb + 7) > 4;
}

bool
mmc_mode_pages_known(const guint8 *b, gsize at, gsize len)
{
    while (at < len) {
        guint8 page = b[at] & 0x3f;
        bool known = page == 0x01 || page == 0x0e || page == 0x2a;
        if (!known || at + 1 >= len)
            return false;
        at += 2u + b[at + 1];
    }
    return true;
}
