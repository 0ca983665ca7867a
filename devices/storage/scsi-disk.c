/* devices/storage/scsi-disk.c - a disk's command set, SBC-3.
 *
 * The cache is write-back and cannot be switched; FUA is honoured by a flush.
 * Left out: protection information, comparing (BYTCHK), formatting, defects,
 * reservations, and mode pages that can be changed. */
#include <string.h>

#include "devices/storage/scsi-internal.h"

/* ---- writing ---- */

static bool
begin_write(ScsiTask *t, guint64 lba, guint64 n, guint8 flags)
{
    if (flags >> 5 != 0) /* protection information: there is none */
        return scsi_bad_field(t);
    t->fua = (flags & 0x08) != 0;
    return scsi_begin_blocks(t, SCSI_WORK_WRITE, lba, n);
}

static bool
run_write_6(ScsiTask *t)
{
    guint32 n = t->cdb[4];

    return begin_write(t, scsi_get24(t->cdb + 1) & 0x1fffff, n > 0 ? n : 256,
                       0);
}

static bool
run_write_10(ScsiTask *t)
{
    return begin_write(t, scsi_get32(t->cdb + 2), scsi_get16(t->cdb + 7),
                       t->cdb[1]);
}

static bool
run_write_12(ScsiTask *t)
{
    return begin_write(t, scsi_get32(t->cdb + 2), scsi_get32(t->cdb + 6),
                       t->cdb[1]);
}

static bool
run_write_16(ScsiTask *t)
{
    return begin_write(t, scsi_get64(t->cdb + 2), scsi_get32(t->cdb + 10),
                       t->cdb[1]);
}

static bool
run_synchronize(ScsiTask *t)
{
    return t->unit->info.read_only ? scsi_good(t) : scsi_begin_flush(t);
}

static bool
begin_verify(ScsiTask *t, guint64 lba, guint64 n)
{
    if (t->cdb[1] & 0x06) /* compare with data */
        return scsi_bad_field(t);
    return scsi_begin_blocks(t, SCSI_WORK_VERIFY, lba, n);
}

static bool
run_verify_10(ScsiTask *t)
{
    return begin_verify(t, scsi_get32(t->cdb + 2), scsi_get16(t->cdb + 7));
}

static bool
run_verify_12(ScsiTask *t)
{
    return begin_verify(t, scsi_get32(t->cdb + 2), scsi_get32(t->cdb + 6));
}

static bool
run_verify_16(ScsiTask *t)
{
    return begin_verify(t, scsi_get64(t->cdb + 2), scsi_get32(t->cdb + 10));
}

/* ---- unmapping ---- */

/* SBC-3 5.28: a header of 8 bytes tells how long the descriptors are. */
static bool
run_unmap(ScsiTask *t)
{
    guint32 len = scsi_get16(t->cdb + 7);
    guint8 header[8];

    if (!t->unit->info.can_discard || (t->cdb[1] & 1)) /* anchor */
        return scsi_bad_field(t);
    if (len == 0)
        return scsi_good(t);
    if (len > t->out_len) {
        t->overrun = true;
        return scsi_bad_field(t);
    }
    if (len < sizeof header || !scsi_params(t, 0, header, sizeof header))
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_LIST_LENGTH);
    guint32 n = scsi_get16(header + 2) / 16;
    if (n > SCSI_MAX_UNMAP || n * 16 > len - sizeof header)
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_BAD_PARAMETER);
    t->moved = len;
    return scsi_begin_unmap(t, n);
}

/* The block to be written, as often as the pattern holds it. */
static bool
read_pattern(ScsiTask *t)
{
    guint32 size = t->unit->block_size;

    if (!scsi_params(t, 0, t->pattern, size))
        return false;
    for (guint32 at = size; at + size <= sizeof t->pattern; at += size)
        memcpy(t->pattern + at, t->pattern, size);
    t->moved = size;
    return true;
}

static bool
pattern_is_zero(const ScsiTask *t)
{
    for (guint32 i = 0; i < t->unit->block_size; i++)
        if (t->pattern[i] != 0)
            return false;
    return true;
}

/* SBC-3 5.41 and 5.43; no_data: zeros are meant. UNMAP is leave to give the
 * room back, where what is read afterwards is what was to be written. */
static bool
begin_same(ScsiTask *t, guint64 lba, guint64 n, bool no_data)
{
    const ScsiUnit *u = t->unit;
    bool unmap = (t->cdb[1] & 0x08) != 0;

    if (t->cdb[1] & 0xf0) /* protection, anchor */
        return scsi_bad_field(t);
    if (n == 0 && lba < u->n_blocks)
        n = u->n_blocks - lba; /* to the end, if that is not too long */
    if (n > SCSI_MAX_SAME_LEN / u->block_size)
        return scsi_bad_field(t);
    if (!no_data && !read_pattern(t)) {
        t->overrun = true;
        return scsi_bad_field(t);
    }
    t->block.unmap = unmap;
    return scsi_begin_blocks(
        t, no_data || pattern_is_zero(t) ? SCSI_WORK_ZEROES : SCSI_WORK_SAME,
        lba, n);
}

static bool
run_write_same_10(ScsiTask *t)
{
    return begin_same(t, scsi_get32(t->cdb + 2), scsi_get16(t->cdb + 7), false);
}

static bool
run_write_same_16(ScsiTask *t)
{
    return begin_same(t, scsi_get64(t->cdb + 2), scsi_get32(t->cdb + 10),
                      t->cdb[1] & 1);
}

/* ---- what it is like ---- */

static bool
run_read_capacity_16(ScsiTask *t)
{
    const ScsiUnit *u = t->unit;
    guint8 b[32] = {0}, exponent = 0;

    while (exponent < 15 && u->block_size << exponent < u->info.physical_size)
        exponent++;
    scsi_put64(b, u->n_blocks - 1);
    scsi_put32(b + 8, u->block_size);
    b[13] = exponent;
    if (u->info.can_discard && !u->info.read_only)
        b[14] = u->info.discard_zeroes ? 0xc0 : 0x80;
    return scsi_answer(t, b, sizeof b, scsi_get32(t->cdb + 10));
}

/* Mode pages, SBC-3 6.5 and SPC-4 7.5: error recovery; the write cache is on;
 * commands in any order. */
/* clang-format off */
static const guint8 mode_pages[] = {
    0x01, 10, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0x08, 18, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0x0a, 10, 0x00, 0x10, 0, 0, 0, 0, 0, 0, 0, 0,
};
/* clang-format on */

/* Adds the pages of this code (3Fh: all) at b; returns the length. */
static gsize
copy_pages(guint8 *b, guint8 code, bool changeable)
{
    gsize len = 0;

    for (gsize at = 0; at < sizeof mode_pages; at += 2u + mode_pages[at + 1]) {
        const guint8 *page = mode_pages + at;
        gsize n = 2u + page[1];
        if (code != 0x3f && code != page[0])
            continue;
        memcpy(b + len, page, n);
        if (changeable) /* nothing is */
            memset(b + len + 2, 0, n - 2);
        len += n;
    }
    return len;
}

static gsize
put_block_descriptor(const ScsiUnit *u, guint8 *b)
{
    scsi_put32(b, MIN(u->n_blocks, G_MAXUINT32));
    scsi_put32(b + 4, u->block_size); /* its upper byte is reserved, and 0 */
    return 8;
}

static bool
run_mode_sense(ScsiTask *t)
{
    const guint8 *cdb = t->cdb;
    bool six = cdb[0] == 0x1a;
    gsize header = six ? 4 : 8, at = header, pages;
    guint8 b[8 + 8 + sizeof mode_pages] = {0};
    guint8 parameter = 0x10; /* FUA works */

    if (cdb[2] >> 6 == 3)
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_NO_SAVING);
    if (cdb[3] != 0 && cdb[3] != 0xff) /* no subpages */
        return scsi_bad_field(t);
    if (t->unit->info.read_only)
        parameter |= 0x80;
    if (!(cdb[1] & 0x08))
        at += put_block_descriptor(t->unit, b + at);
    b[six ? 3 : 7] = (guint8) (at - header);
    b[six ? 2 : 3] = parameter;
    pages = copy_pages(b + at, cdb[2] & 0x3f, cdb[2] >> 6 == 1);
    if (pages == 0)
        return scsi_bad_field(t);
    at += pages;
    if (six)
        b[0] = (guint8) (at - 1);
    else
        scsi_put16(b, at - 2);
    return scsi_answer(t, b, at, six ? cdb[4] : scsi_get16(cdb + 7));
}

/* Each page must be one of the above, as it is. */
static bool
pages_unchanged(const guint8 *b, gsize len)
{
    guint8 have[sizeof mode_pages];

    for (gsize at = 0; at < len;) {
        gsize n = copy_pages(have, b[at] & 0x7f, false);
        if ((b[at] & 0x7f) == 0x3f || n == 0 || n > len - at ||
            memcmp(have + 1, b + at + 1, n - 1) != 0)
            return false;
        at += n;
    }
    return true;
}

static bool
run_mode_select(ScsiTask *t)
{
    bool six = t->cdb[0] == 0x15;
    gsize len = six ? t->cdb[4] : scsi_get16(t->cdb + 7);
    gsize header = six ? 4 : 8;
    guint8 b[256];

    if ((t->cdb[1] & 0x11) != 0x10) /* pages in the standard form, not saved */
        return scsi_bad_field(t);
    if (len == 0)
        return scsi_good(t);
    if (len < header || len > sizeof b || !scsi_params(t, 0, b, len))
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_LIST_LENGTH);
    header += six ? b[3] : scsi_get16(b + 6); /* block descriptors */
    if (header > len || !pages_unchanged(b + header, len - header))
        return scsi_fail(t, SCSI_KEY_ILLEGAL, SCSI_ASC_BAD_PARAMETER);
    t->moved = len;
    return scsi_good(t);
}

static bool
run_start_stop(ScsiTask *t)
{
    if (t->cdb[4] >> 4 == 0 && !(t->cdb[4] & 2)) /* no power condition */
        t->unit->s->stopped = !(t->cdb[4] & 1);
    return scsi_good(t);
}

/* The test of the device by itself: it is well. */
static bool
run_send_diagnostic(ScsiTask *t)
{
    return t->cdb[1] & 0x04 ? scsi_good(t) : scsi_bad_field(t);
}

/* clang-format off */
#define ANY SCSI_ANY_ACTION
#define IN  SCSI_F_IN
#define OUT SCSI_F_OUT
#define RDY SCSI_F_READY
#define ATT SCSI_F_ATTENTION
#define WR  (SCSI_F_READY | SCSI_F_WRITES)
const ScsiCommand scsi_disk_commands[] = {
    { 0x00, ANY,  RDY,      scsi_run_test_unit_ready },
    { 0x03, ANY,  ATT | IN, scsi_run_request_sense },
    { 0x08, ANY,  RDY | IN, scsi_run_read_6 },
    { 0x0a, ANY,  WR | OUT, run_write_6 },
    { 0x12, ANY,  ATT | IN, scsi_run_inquiry },
    { 0x15, ANY,  OUT,      run_mode_select },
    { 0x1a, ANY,  IN,       run_mode_sense },
    { 0x1b, ANY,  0,        run_start_stop },
    { 0x1d, ANY,  0,        run_send_diagnostic },
    { 0x25, ANY,  RDY | IN, scsi_run_read_capacity },
    { 0x28, ANY,  RDY | IN, scsi_run_read_10 },
    { 0x2a, ANY,  WR | OUT, run_write_10 },
    { 0x2f, ANY,  RDY,      run_verify_10 },
    { 0x35, ANY,  RDY,      run_synchronize },
    { 0x41, ANY,  WR | OUT, run_write_same_10 },
    { 0x42, ANY,  WR | OUT, run_unmap },
    { 0x55, ANY,  OUT,      run_mode_select },
    { 0x5a, ANY,  IN,       run_mode_sense },
    { 0x88, ANY,  RDY | IN, scsi_run_read_16 },
    { 0x8a, ANY,  WR | OUT, run_write_16 },
    { 0x8f, ANY,  RDY,      run_verify_16 },
    { 0x91, ANY,  RDY,      run_synchronize },
    { 0x93, ANY,  WR | OUT, run_write_same_16 },
    { 0x9e, 0x10, RDY | IN, run_read_capacity_16 },
    { 0xa8, ANY,  RDY | IN, scsi_run_read_12 },
    { 0xaa, ANY,  WR | OUT, run_write_12 },
    { 0xaf, ANY,  RDY,      run_verify_12 },
};
/* clang-format on */
const unsigned scsi_n_disk_commands = G_N_ELEMENTS(scsi_disk_commands);
