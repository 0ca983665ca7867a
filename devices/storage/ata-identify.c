/* devices/storage/ata-identify.c - what a disk or CD drive says of itself.
 *
 * ATA/ATAPI-6 (T13 1410D), tables 27 (IDENTIFY DEVICE) and 31 (IDENTIFY PACKET
 * DEVICE). */
#include "devices/storage/ide-internal.h"

#include <string.h>

#define FIRMWARE_REVISION "1.0"

#define MODE_MWDMA        0x20
#define MODE_UDMA         0x40

/* Word 76: generations 1 and 2, queuing. Word 84: SMART's log and self-test,
 * and READ LOG EXT. */
#define SATA_SPEEDS   0x0006
#define SATA_NCQ      0x0100
#define FEATURE_LOGS  0x0020

#define LBA28_SECTORS 0x0fffffffu

/* Characters go high byte first, padded with spaces. */
static void
put_string(guint16 *words, unsigned first, unsigned n_words, const char *text)
{
    gsize len = text != NULL ? strlen(text) : 0;

    for (unsigned i = 0; i < n_words; i++) {
        guint8 high = (guint8) (2 * i < len ? text[2 * i] : ' ');
        guint8 low = (guint8) (2 * i + 1 < len ? text[2 * i + 1] : ' ');
        words[first + i] = (guint16) (high << 8 | low);
    }
}

static void
put_u32(guint16 *words, unsigned first, guint32 value)
{
    words[first] = (guint16) value;
    words[first + 1] = (guint16) (value >> 16);
}

/* Bit per supported mode, and in the high byte the one that is set. */
static guint16
mode_word(guint8 supported, guint8 mode, guint8 kind)
{
    guint16 word = supported;

    if ((mode & 0xf8) == kind)
        word |= (guint16) (0x100 << (mode & 7));
    return word;
}

static void
put_common(const IdeDrive *d, guint16 *words)
{
    put_string(words, 10, 10, d->serial);
    put_string(words, 23, 4, FIRMWARE_REVISION);
    put_string(words, 27, 20, d->model);
    words[49] = 0x0f00; /* LBA, DMA, IORDY and that can be disabled */
    words[51] = 0x0200; /* PIO and DMA timing, for hosts of ATA-1 */
    words[52] = 0x0200;
    words[53] = 0x0007; /* words 54-58, 64-70 and 88 are valid */
    words[63] = mode_word(0x07, d->s->transfer_mode, MODE_MWDMA);
    words[64] = 0x0003; /* PIO 3 and 4 */
    for (unsigned i = 65; i <= 68; i++)
        words[i] = 120; /* cycle times, ns */
    words[80] = 0x007e; /* ATA-1 to ATA/ATAPI-6 */
    words[88] = mode_word(0x3f, d->s->transfer_mode, MODE_UDMA);
    if (d->sata) {
        words[76] = SATA_SPEEDS;
        words[80] |= 0x0180; /* ATA-7 and 8 */
    } else {
        words[93] = 0x600b; /* passed its reset, 80-conductor cable */
    }
}

static void
put_queue(const IdeDrive *d, guint16 *words)
{
    if (d->queue_depth == 0)
        return;
    words[75] = (guint16) (d->queue_depth - 1);
    words[76] |= SATA_NCQ;
}

static void
put_geometry(const IdeDrive *d, guint16 *words)
{
    const IdeDriveState *s = d->s;

    words[1] = (guint16) d->def_cylinders;
    words[3] = (guint16) d->def_heads;
    words[4] = (guint16) (d->def_sectors * IDE_SECTOR);
    words[5] = IDE_SECTOR;
    words[6] = (guint16) d->def_sectors;
    words[54] = s->cylinders;
    words[55] = s->heads;
    words[56] = s->sectors;
    put_u32(words, 57, (guint32) s->cylinders * s->heads * s->sectors);
}

void
ata_identify(IdeDrive *d, guint16 *words)
{
    const IdeDriveState *s = d->s;
    guint32 physical = block_info(d->block)->physical_size;

    put_common(d, words);
    put_geometry(d, words);
    put_queue(d, words);
    words[0] = 0x0040; /* fixed disk */
    words[20] = 3;     /* dual-ported, caching buffer */
    words[21] = 512;   /* of 256 KiB */
    words[22] = 4;     /* ECC bytes of READ LONG */
    words[47] = 0x8000 | IDE_MAX_MULTIPLE;
    words[48] = 1; /* 32-bit data port accesses work */
    words[50] = 0x4000;
    words[59] = s->multiple ? 0x0100 | s->multiple : 0;
    put_u32(words, 60, (guint32) MIN(d->n_units, LBA28_SECTORS));
    words[82] = 0x0061; /* SMART, write cache, look-ahead */
    words[83] = 0x7400; /* FLUSH CACHE (EXT), 48-bit addresses */
    words[84] = words[87] =
        0x4003 | (d->bus->read_log != NULL ? FEATURE_LOGS : 0);
    words[85] =
        (guint16) (0x0000 | (s->smart ? 0x01 : 0) |
                   (s->write_cache ? 0x20 : 0) | (s->look_ahead ? 0x40 : 0));
    words[86] = 0x3400;
    put_u32(words, 100, (guint32) d->n_units);
    put_u32(words, 102, (guint32) (d->n_units >> 32));
    if (physical > IDE_SECTOR)
        words[106] =
            (guint16) (0x6000 | g_bit_storage(physical / IDE_SECTOR - 1));
}

void
atapi_identify(IdeDrive *d, guint16 *words)
{
    put_common(d, words);
    words[0] = 0x85c0;  /* CD-ROM, removable, DRQ in 50 us, 12-byte packets */
    words[82] = 0x4210; /* NOP, DEVICE RESET, PACKET */
    words[83] = 0x4000;
    words[84] = 0x4000;
    words[85] = 0x4210;
    words[87] = 0x4000;
}
