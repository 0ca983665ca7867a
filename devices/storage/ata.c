/* devices/storage/ata.c - the commands of an ATA disk.
 *
 * ATA/ATAPI-6 (T13 1410D), chapter 8, with the CHS commands of ATA-1. Left out
 * on purpose, and aborted as the standard says: security, the host protected
 * area, CFA, queued and streaming commands, microcode download, READ LONG. */
#include "devices/storage/ide-internal.h"

#include <errno.h>
#include <string.h>

#define LBA28_LIMIT   0x10000000u
#define PIO_NO_IORDY  0x00
#define MODE_PIO_FLOW 0x08
#define MODE_MWDMA    0x20
#define MODE_UDMA     0x40
#define POWER_ACTIVE  0xff
#define POWER_STANDBY 0x00

typedef struct {
    guint8 first, last; /* opcodes */
    guint8 flags;
    void (*run)(IdeDrive *d);
} AtaCommand;

#define F_DISK 0x01
#define F_CD   0x02
#define F_EXT  0x04 /* 48-bit addresses */
#define F_NOW  0x08 /* asks for data: cannot end before the write returns */

/* -- Addresses --------------------------------------------------------- */

static guint64
lba48(const IdeDriveState *s)
{
    return s->lba_low[0] | s->lba_mid[0] << 8 | (guint64) s->lba_high[0] << 16 |
           (guint64) s->lba_low[1] << 24 | (guint64) s->lba_mid[1] << 32 |
           (guint64) s->lba_high[1] << 40;
}

static guint32
lba28(const IdeDrive *d)
{
    const IdeDriveState *s = d->s;

    return (guint32) (s->lba_low[0] | s->lba_mid[0] << 8 |
                      s->lba_high[0] << 16 | (*d->select & 0x0f) << 24);
}

/* ATA-1 section 5.2.6; false: no such place in the current translation. */
static bool
chs_to_lba(const IdeDrive *d, guint64 *ret_lba)
{
    const IdeDriveState *s = d->s;
    guint32 cylinder = s->lba_mid[0] | s->lba_high[0] << 8;
    guint32 head = *d->select & 0x0f;

    if (head >= s->heads || s->lba_low[0] == 0 || s->lba_low[0] > s->sectors)
        return false;
    *ret_lba = ((guint64) cylinder * s->heads + head) * s->sectors +
               s->lba_low[0] - 1u;
    return true;
}

/* Where the command begins. */
static bool
get_address(const IdeDrive *d, guint64 *ret_lba)
{
    if (d->s->ext)
        *ret_lba = lba48(d->s);
    else if (*d->select & IDE_DEVICE_LBA)
        *ret_lba = lba28(d);
    else
        return chs_to_lba(d, ret_lba);
    return true;
}

/* Shows a place in the task file, in the form the command used. */
static void
put_address(IdeDrive *d, guint64 lba)
{
    IdeDriveState *s = d->s;
    guint8 *select = d->select;

    if (!s->ext && !(*select & IDE_DEVICE_LBA)) {
        if (s->heads == 0 || s->sectors == 0)
            return;
        guint64 track = lba / s->sectors;
        guint64 cylinder = track / s->heads;
        s->lba_low[0] = (guint8) (lba % s->sectors + 1);
        s->lba_mid[0] = (guint8) cylinder;
        s->lba_high[0] = (guint8) (cylinder >> 8);
        *select = (guint8) ((*select & 0xf0) | track % s->heads);
        return;
    }
    s->lba_low[0] = (guint8) lba;
    s->lba_mid[0] = (guint8) (lba >> 8);
    s->lba_high[0] = (guint8) (lba >> 16);
    if (s->ext) {
        s->lba_low[1] = (guint8) (lba >> 24);
        s->lba_mid[1] = (guint8) (lba >> 32);
        s->lba_high[1] = (guint8) (lba >> 40);
    } else {
        *select = (guint8) ((*select & 0xf0) | (lba >> 24 & 0x0f));
    }
}

static guint32
get_count(const IdeDriveState *s)
{
    guint32 n = s->ext ? s->count[0] | (guint32) s->count[1] << 8 : s->count[0];

    return n != 0 ? n : s->ext ? 65536 : 256;
}

/* Sets lba and left from the task file. False: the command has failed. */
static bool
begin_transfer(IdeDrive *d, IdeOp op)
{
    IdeDriveState *s = d->s;
    guint64 lba;
    guint32 n = get_count(s);

    s->standby = 0;
    if (!get_address(d, &lba) || lba >= d->n_units || n > d->n_units - lba) {
        ide_command_error(d, IDE_ERROR_IDNF);
        return false;
    }
    s->op = (guint8) op;
    s->lba = lba;
    s->left = n;
    s->unit = IDE_SECTOR;
    return true;
}

/* -- Transfers --------------------------------------------------------- */

static void
submit_buf_sectors(IdeDrive *d, BlockOp op, guint32 n)
{
    ide_submit_buf(d, op, d->s->lba * IDE_SECTOR, 0, n * IDE_SECTOR);
}

static void
read_more(IdeDrive *d)
{
    guint32 n = d->s->one_by_one ? 1 : MIN(d->s->left, IDE_BUF_SECTORS);

    d->s->status = IDE_STATUS_BSY;
    submit_buf_sectors(d, BLOCK_READ, n);
}

static void
write_more(IdeDrive *d, bool irq)
{
    d->s->pos = 0;
    d->s->len = MIN(d->s->left, IDE_BUF_SECTORS) * IDE_SECTOR;
    ide_begin_block(d, IDE_XFER_OUT, irq);
}

void
ata_transfer_ok(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    if (s->op == IDE_OP_WRITE || s->op == IDE_OP_WRITE_DMA) {
        if (!s->write_cache) {
            s->op = IDE_OP_FLUSH;
            s->status = IDE_STATUS_BSY;
            d->n_iov = 0;
            ide_submit_iov(d, BLOCK_FLUSH, 0, 0);
            return;
        }
    }
    s->count[0] = s->count[1] = 0;
    if (s->lba > 0)
        put_address(d, s->lba - 1);
    ide_command_ok(d);
}

void
ata_transfer_error(IdeDrive *d, int result)
{
    IdeDriveState *s = d->s;
    bool reading = s->op == IDE_OP_READ || s->op == IDE_OP_VERIFY ||
                   s->op == IDE_OP_READ_DMA;

    ide_log_error(d, result);
    if (s->op != IDE_OP_FLUSH) {
        put_address(d, s->lba);
        s->count[0] = (guint8) s->left;
        s->count[1] = (guint8) (s->left >> 8);
    }
    if (result == -EINVAL)
        ide_command_error(d, IDE_ERROR_IDNF);
    else
        ide_command_error(d, reading && result != -EFAULT ? IDE_ERROR_UNC
                                                          : IDE_ERROR_ABRT);
}

static void
io_failed(IdeDrive *d, int result)
{
    IdeDriveState *s = d->s;
    bool reading = s->op == IDE_OP_READ || s->op == IDE_OP_VERIFY;

    /* Sectors in front of the bad one still reach the host. */
    if (reading && !s->one_by_one && d->req_bytes > IDE_SECTOR) {
        s->one_by_one = 1;
        read_more(d);
        return;
    }
    ata_transfer_error(d, result);
}

void
ata_io_done(IdeDrive *d, int result)
{
    IdeDriveState *s = d->s;

    if (result < 0) {
        io_failed(d, result);
        return;
    }
    if (s->op == IDE_OP_FLUSH) {
        ide_command_ok(d);
        return;
    }
    guint32 n = (guint32) (d->req_bytes / IDE_SECTOR);
    s->lba += n;
    s->left -= n;
    if (s->op == IDE_OP_READ) {
        s->pos = 0;
        s->len = n * IDE_SECTOR;
        ide_begin_block(d, IDE_XFER_IN, true);
    } else if (s->left == 0) {
        ata_transfer_ok(d);
    } else if (s->op == IDE_OP_VERIFY) {
        read_more(d);
    } else {
        write_more(d, true);
    }
}

void
ata_block_done(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    if (s->pos < s->len) {
        ide_begin_block(d, s->xfer, true);
    } else if (s->xfer == IDE_XFER_OUT && d->kind == IDE_DISK) {
        s->xfer = IDE_XFER_NONE;
        s->status = IDE_STATUS_BSY;
        submit_buf_sectors(d, BLOCK_WRITE, s->len / IDE_SECTOR);
    } else if (s->op == IDE_OP_READ && s->left > 0 && d->kind == IDE_DISK) {
        s->xfer = IDE_XFER_NONE;
        read_more(d);
    } else {
        /* The last block of a PIO read ends without an interrupt. */
        if (s->op == IDE_OP_READ) {
            s->count[0] = s->count[1] = 0;
            put_address(d, s->lba - 1);
        }
        s->xfer = IDE_XFER_NONE;
        s->op = IDE_OP_NONE;
        s->status = IDE_STATUS_OK;
    }
}

void
ata_reply(IdeDrive *d)
{
    d->s->pos = 0;
    d->s->len = d->s->block = IDE_SECTOR;
    ide_begin_block(d, IDE_XFER_IN, true);
}

/* -- Commands ---------------------------------------------------------- */

static void
run_abort(IdeDrive *d)
{
    ide_command_error(d, IDE_ERROR_ABRT);
}

static void
run_ok(IdeDrive *d)
{
    ide_command_ok(d);
}

static void
run_read(IdeDrive *d)
{
    if (!begin_transfer(d, IDE_OP_READ))
        return;
    d->s->block = IDE_SECTOR;
    read_more(d);
}

static void
run_write(IdeDrive *d)
{
    if (!begin_transfer(d, IDE_OP_WRITE))
        return;
    d->s->block = IDE_SECTOR;
    write_more(d, false);
}

static void
run_read_multiple(IdeDrive *d)
{
    if (d->s->multiple == 0) {
        run_abort(d);
    } else if (begin_transfer(d, IDE_OP_READ)) {
        d->s->block = d->s->multiple * (guint32) IDE_SECTOR;
        read_more(d);
    }
}

static void
run_write_multiple(IdeDrive *d)
{
    if (d->s->multiple == 0) {
        run_abort(d);
    } else if (begin_transfer(d, IDE_OP_WRITE)) {
        d->s->block = d->s->multiple * (guint32) IDE_SECTOR;
        write_more(d, false);
    }
}

static void
run_verify(IdeDrive *d)
{
    if (begin_transfer(d, IDE_OP_VERIFY))
        read_more(d);
}

static void
begin_dma(IdeDrive *d, IdeOp op)
{
    if (!begin_transfer(d, op))
        return;
    d->s->status = IDE_STATUS_BSY;
    ide_dma_go(d);
}

static void
run_read_dma(IdeDrive *d)
{
    begin_dma(d, IDE_OP_READ_DMA);
}

static void
run_write_dma(IdeDrive *d)
{
    begin_dma(d, IDE_OP_WRITE_DMA);
}

static void
run_flush(IdeDrive *d)
{
    d->s->op = IDE_OP_FLUSH;
    d->s->status = IDE_STATUS_BSY;
    d->n_iov = 0;
    ide_submit_iov(d, BLOCK_FLUSH, 0, 0);
}

static void
run_seek(IdeDrive *d)
{
    guint64 lba;

    if (get_address(d, &lba) && lba < d->n_units)
        ide_command_ok(d);
    else
        ide_command_error(d, IDE_ERROR_IDNF);
}

static void
run_set_multiple(IdeDrive *d)
{
    guint8 n = d->s->count[0];

    if (n == 0 || n > IDE_MAX_MULTIPLE || (n & (n - 1)) != 0) {
        d->s->multiple = 0;
        run_abort(d);
        return;
    }
    d->s->multiple = n;
    ide_command_ok(d);
}

static void
run_init_parameters(IdeDrive *d)
{
    IdeDriveState *s = d->s;
    guint8 heads = (guint8) ((*d->select & 0x0f) + 1);

    if (s->count[0] == 0) {
        run_abort(d);
        return;
    }
    s->heads = heads;
    s->sectors = s->count[0];
    guint64 cylinders = d->n_units / ((guint32) heads * s->sectors);
    s->cylinders = (guint16) MIN(cylinders, 65535);
    ide_command_ok(d);
}

static void
run_identify(IdeDrive *d)
{
    guint16 words[256] = {0};

    if (d->kind == IDE_CD) {
        ide_set_signature(d); /* how a host finds out what it is */
        run_abort(d);
        return;
    }
    ata_identify(d, words);
    memcpy(d->s->buf, words, sizeof words);
    ata_reply(d);
}

static void
run_identify_packet(IdeDrive *d)
{
    guint16 words[256] = {0};

    atapi_identify(d, words);
    memcpy(d->s->buf, words, sizeof words);
    ata_reply(d);
}

static void
run_cd_signature(IdeDrive *d)
{
    ide_set_signature(d);
    run_abort(d);
}

static void
run_standby(IdeDrive *d)
{
    d->s->standby = 1;
    ide_command_ok(d);
}

static void
run_idle(IdeDrive *d)
{
    d->s->standby = 0;
    ide_command_ok(d);
}

static void
run_sleep(IdeDrive *d)
{
    d->s->sleeping = 1; /* only a reset wakes it */
    ide_command_ok(d);
}

static void
run_check_power(IdeDrive *d)
{
    d->s->count[0] = d->s->standby ? POWER_STANDBY : POWER_ACTIVE;
    ide_command_ok(d);
}

static void
run_native_max(IdeDrive *d)
{
    guint64 max = d->n_units - 1;

    if (!d->s->ext && !(*d->select & IDE_DEVICE_LBA)) {
        run_abort(d);
        return;
    }
    put_address(d, d->s->ext ? max : MIN(max, LBA28_LIMIT - 1));
    ide_command_ok(d);
}

static void
set_transfer_mode(IdeDrive *d)
{
    guint8 mode = d->s->count[0];
    bool known = mode <= PIO_NO_IORDY + 1 ||
                 (mode >= MODE_PIO_FLOW && mode <= MODE_PIO_FLOW + 4) ||
                 (mode >= MODE_MWDMA && mode <= MODE_MWDMA + 2) ||
                 (mode >= MODE_UDMA && mode <= MODE_UDMA + 5);

    if (!known) {
        run_abort(d);
        return;
    }
    if (mode >= MODE_MWDMA)
        d->s->transfer_mode = mode;
    ide_command_ok(d);
}

void
ata_set_features(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    switch (s->feature[0]) {
    case 0x03: set_transfer_mode(d); return;
    case 0x02: s->write_cache = 1; break;
    case 0x82: s->write_cache = 0; break;
    case 0xaa: s->look_ahead = 1; break;
    case 0x55: s->look_ahead = 0; break;
    case 0x66: /* keep or drop settings at a soft reset: they are kept */
    case 0xcc: break;
    default: run_abort(d); return;
    }
    /* Turning the cache off makes what was written durable first. */
    if (s->feature[0] == 0x82 && d->kind == IDE_DISK)
        run_flush(d);
    else
        ide_command_ok(d);
}

/* One page at a time. */
static void
run_read_log(IdeDrive *d)
{
    const IdeDriveState *s = d->s;
    guint16 page = (guint16) (s->lba_mid[0] | s->lba_mid[1] << 8);

    if (d->bus->read_log == NULL || s->count[0] != 1 || s->count[1] != 0 ||
        !d->bus->read_log(d, s->lba_low[0], page, d->s->buf))
        run_abort(d);
    else
        ata_reply(d);
}

/* clang-format off */
static const AtaCommand commands[] = {
    /* what most requests are comes first, it is found soonest */
    { 0xc8, 0xc9, F_DISK | F_NOW,          run_read_dma },
    { 0xca, 0xcb, F_DISK | F_NOW,          run_write_dma },
    { 0x25, 0x25, F_DISK | F_NOW | F_EXT,  run_read_dma },
    { 0x35, 0x35, F_DISK | F_NOW | F_EXT,  run_write_dma },
    { 0x10, 0x1f, F_DISK,                  run_ok },      /* RECALIBRATE */
    { 0x20, 0x21, F_DISK | F_NOW,          run_read },
    { 0x24, 0x24, F_DISK | F_NOW | F_EXT,  run_read },
    { 0x27, 0x27, F_DISK | F_EXT,          run_native_max },
    { 0x2f, 0x2f, F_DISK | F_NOW | F_EXT,  run_read_log },
    { 0x29, 0x29, F_DISK | F_NOW | F_EXT,  run_read_multiple },
    { 0x30, 0x31, F_DISK | F_NOW,          run_write },
    { 0x34, 0x34, F_DISK | F_NOW | F_EXT,  run_write },
    { 0x39, 0x39, F_DISK | F_NOW | F_EXT,  run_write_multiple },
    { 0x40, 0x41, F_DISK | F_NOW,          run_verify },
    { 0x42, 0x42, F_DISK | F_NOW | F_EXT,  run_verify },
    { 0x70, 0x7f, F_DISK,                  run_seek },
    { 0x91, 0x91, F_DISK,                  run_init_parameters },
    { 0x94, 0x94, F_DISK | F_CD,           run_standby }, /* old opcodes */
    { 0x95, 0x95, F_DISK | F_CD,           run_idle },
    { 0x96, 0x96, F_DISK | F_CD,           run_standby },
    { 0x97, 0x97, F_DISK | F_CD,           run_idle },
    { 0x98, 0x98, F_DISK | F_CD,           run_check_power },
    { 0x99, 0x99, F_DISK | F_CD,           run_sleep },
    { 0xa1, 0xa1, F_CD,                    run_identify_packet },
    { 0xb0, 0xb0, F_DISK,                  ata_smart },
    { 0xc4, 0xc4, F_DISK | F_NOW,          run_read_multiple },
    { 0xc5, 0xc5, F_DISK | F_NOW,          run_write_multiple },
    { 0xc6, 0xc6, F_DISK,                  run_set_multiple },
    { 0xe0, 0xe0, F_DISK | F_CD,           run_standby },
    { 0xe1, 0xe1, F_DISK | F_CD,           run_idle },
    { 0xe2, 0xe2, F_DISK | F_CD,           run_standby },
    { 0xe3, 0xe3, F_DISK | F_CD,           run_idle },
    { 0xe5, 0xe5, F_DISK | F_CD,           run_check_power },
    { 0xe6, 0xe6, F_DISK | F_CD,           run_sleep },
    { 0xe7, 0xe7, F_DISK,                  run_flush },
    { 0xea, 0xea, F_DISK | F_EXT,          run_flush },
    { 0xec, 0xec, F_DISK | F_CD,           run_identify },
    { 0xef, 0xef, F_DISK | F_CD,           ata_set_features },
    { 0xf8, 0xf8, F_DISK,                  run_native_max },
    { 0x20, 0x21, F_CD,                    run_cd_signature },
};
/* clang-format on */

static const AtaCommand *
find_command(guint8 opcode, guint8 kinds)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (opcode >= commands[i].first && opcode <= commands[i].last &&
            (commands[i].flags & kinds) != 0)
            return &commands[i];
    return NULL;
}

bool
ata_runs_at_once(guint8 opcode)
{
    const AtaCommand *c = find_command(opcode, F_DISK);

    return c != NULL && (c->flags & F_NOW) != 0;
}

void
ata_command(IdeDrive *d)
{
    guint8 kind = d->kind == IDE_CD ? F_CD : F_DISK;
    const AtaCommand *c = find_command(d->s->command, kind);

    if (c == NULL) {
        run_abort(d);
        return;
    }
    d->s->ext = (c->flags & F_EXT) != 0;
    c->run(d);
}

void
ata_reset(IdeDrive *d)
{
    IdeDriveState *s = d->s;

    s->cylinders = (guint16) d->def_cylinders;
    s->heads = (guint8) d->def_heads;
    s->sectors = (guint8) d->def_sectors;
    s->transfer_mode = MODE_UDMA + 2;
    s->write_cache = 1;
    s->look_ahead = 1;
    s->smart = 1;
}
