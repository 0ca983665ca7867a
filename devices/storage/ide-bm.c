/* devices/storage/ide-bm.c - the bus master of an IDE channel, SFF-8038i
 * revision 1.0. */
#include "devices/storage/ide-internal.h"

#include <errno.h>

/* Registers of one channel, SFF-8038i section 3 */
enum { BM_COMMAND = 0, BM_STATUS = 2, BM_PRDT = 4 };

#define PRDT_WRITABLE   0xfffffffcu
#define PRD_EOT         0x80000000u
#define PRD_MAX_BYTES   0x10000u /* what a count of zero means */
#define MAX_DESCRIPTORS 8192u    /* 64 KiB of table is the format's limit */

static IdeDrive *
selected(IdeChannel *ch)
{
    return &ch->drive[ch->s->select & IDE_DEVICE_1 ? 1 : 0];
}

static bool
is_started(const IdeChannel *ch)
{
    return (ch->s->bm_command & IDE_BM_START) != 0 &&
           (ch->s->bm_status & IDE_BM_ACTIVE) != 0;
}

bool
ide_bm_ready(IdeDrive *d)
{
    return is_started(d->ch);
}

/* Active goes away when the table is used up exactly, SFF-8038i section 3.1,
 * table of status bits, and when the transfer cannot go on. */
void
ide_bm_end(IdeDrive *d, IdeDmaEnd how)
{
    IdeChannelState *s = d->ch->s;
    const IdeCursor *c = d->cursor;

    if (how == IDE_DMA_BAD)
        s->bm_status |= IDE_BM_ERROR;
    if (how != IDE_DMA_DONE || (c->left == 0 && c->last))
        s->bm_status &= (guint8) ~IDE_BM_ACTIVE;
}

static int
read_descriptor(Dma *dma, IdeCursor *c)
{
    guint64 entry;
    int ret = dma_load_le(dma, c->next, sizeof entry, &entry);

    if (ret < 0)
        return ret;
    guint32 high = (guint32) (entry >> 32);
    c->addr = (guint32) entry & ~1u;
    c->left = (high & 0xfffe) != 0 ? high & 0xfffe : PRD_MAX_BYTES;
    c->last = (high & PRD_EOT) != 0;
    c->next = (guint32) (c->next + sizeof entry);
    return 0;
}

guint8
ide_bm_read(IdeChannel *ch, unsigned offset)
{
    switch (offset) {
    case BM_COMMAND: return ch->s->bm_command;
    case BM_STATUS: return ch->s->bm_status;
    case BM_PRDT:
    case BM_PRDT + 1:
    case BM_PRDT + 2:
    case BM_PRDT + 3:
        return (guint8) (ch->s->bm_prdt >> (8 * (offset - BM_PRDT)));
    default: return 0;
    }
}

static void
write_command(IdeChannel *ch, guint8 value)
{
    guint8 old = ch->s->bm_command;

    ch->s->bm_command = value & (IDE_BM_START | IDE_BM_TO_MEM);
    if (!(value & IDE_BM_START)) {
        ch->s->bm_status &= (guint8) ~IDE_BM_ACTIVE;
    } else if (!(old & IDE_BM_START)) {
        ch->s->bm_status |= IDE_BM_ACTIVE;
        ch->cursor = (IdeCursor){.read = read_descriptor,
                                 .next = ch->s->bm_prdt,
                                 .entries = MAX_DESCRIPTORS};
        ide_dma_go(selected(ch));
    }
}

bool
ide_bm_write_table(IdeChannel *ch, unsigned offset, guint32 value)
{
    if (offset != BM_PRDT)
        return false;
    ch->s->bm_prdt = value & PRDT_WRITABLE;
    return true;
}

void
ide_bm_write(IdeChannel *ch, unsigned offset, guint8 value)
{
    unsigned shift = 8 * (offset - BM_PRDT);

    if (offset == BM_COMMAND) {
        write_command(ch, value);
    } else if (offset == BM_STATUS) {
        /* error and interrupt: writing 1 clears; capable bits: plain */
        ch->s->bm_status &= (guint8) ~(value & (IDE_BM_ERROR | IDE_BM_IRQ));
        ch->s->bm_status = (guint8) ((ch->s->bm_status & ~IDE_BM_CAPABLE) |
                                     (value & IDE_BM_CAPABLE));
    } else if (offset >= BM_PRDT && offset < BM_PRDT + 4) {
        ch->s->bm_prdt = (ch->s->bm_prdt & ~(0xffu << shift)) | (guint32) value
                                                                    << shift;
        ch->s->bm_prdt &= PRDT_WRITABLE;
    }
}
