/* devices/chipset/piix4-smbus.c - see piix4-smbus.h.
 *
 * Intel 82371AB data sheet (290562), section 7.3. A message ends in the write
 * that starts it, so the busy bit is never seen. Left out: the controller as a
 * slave of others and its alert line, which no chip here drives (plain
 * storage). */
#include "devices/chipset/piix4-smbus.h"

#include <string.h>

enum { /* registers, by their offset */
       HST_STS = 0x0,
       HST_CNT = 0x2,
       HST_CMD = 0x3,
       HST_ADD = 0x4,
       HST_DAT0 = 0x5,
       HST_DAT1 = 0x6,
       BLK_DAT = 0x7,
};

#define STS_INTER      0x02 /* write 1 to clear, as all of it */
#define STS_DEV_ERR    0x04
#define STS_FAILED     0x10
#define STS_ENDED      (STS_INTER | STS_DEV_ERR | STS_FAILED)

#define CNT_INTER_EN   0x01
#define CNT_KILL       0x02
#define CNT_PROT       0x1c
#define CNT_PROT_SHIFT 2
#define CNT_START      0x40
#define CNT_STORED     0x1f /* start reads as zero */

#define ADD_READ       0x01

#define N_PROTOCOLS    8

/* Section 7.3.3; the other values are reserved. */
static const struct {
    bool valid;
    SmbusProtocol protocol;
} protocols[N_PROTOCOLS] = {
    [0] = {true, SMBUS_QUICK},     [1] = {true, SMBUS_BYTE},
    [2] = {true, SMBUS_BYTE_DATA}, [3] = {true, SMBUS_WORD_DATA},
    [5] = {true, SMBUS_BLOCK},
};

static SmbusMessage
message_of(const Piix4SmbusState *s, SmbusProtocol protocol)
{
    SmbusMessage m = {
        .protocol = protocol,
        .address = s->reg[HST_ADD] >> 1,
        .read = (s->reg[HST_ADD] & ADD_READ) != 0,
        .command = s->reg[HST_CMD],
        .count = s->reg[HST_DAT0],
    };

    if (protocol == SMBUS_BLOCK)
        memcpy(m.data, s->block, sizeof m.data);
    else
        memcpy(m.data, s->reg + HST_DAT0, 2);
    return m;
}

static void
keep_answer(Piix4SmbusState *s, const SmbusMessage *m)
{
    switch (m->protocol) {
    case SMBUS_BLOCK:
        s->reg[HST_DAT0] = m->count;
        memcpy(s->block, m->data, sizeof s->block);
        break;
    case SMBUS_WORD_DATA: s->reg[HST_DAT1] = m->data[1]; G_GNUC_FALLTHROUGH;
    case SMBUS_BYTE:
    case SMBUS_BYTE_DATA: s->reg[HST_DAT0] = m->data[0]; break;
    case SMBUS_QUICK:
    case SMBUS_PROCESS_CALL:
    default: break;
    }
}

static void
start(Piix4SmbusState *s, SmbusBus *bus)
{
    unsigned field = (s->reg[HST_CNT] & CNT_PROT) >> CNT_PROT_SHIFT;
    SmbusMessage m = message_of(s, protocols[field].protocol);

    s->index = 0;
    if (!protocols[field].valid || !smbus_transfer(bus, &m)) {
        s->reg[HST_STS] |= STS_DEV_ERR;
        return;
    }
    if (m.read)
        keep_answer(s, &m);
    s->reg[HST_STS] |= STS_INTER;
}

static guint8 *
next_in_block(Piix4SmbusState *s)
{
    guint8 *byte = &s->block[s->index];

    s->index = (guint8) ((s->index + 1) % SMBUS_MAX_BLOCK);
    return byte;
}

/* Section 7.3.3: reading the control register leads the block data register
 * back to its first byte. */
guint8
piix4_smbus_read(Piix4SmbusState *s, unsigned offset)
{
    if (offset == BLK_DAT)
        return *next_in_block(s);
    if (offset == HST_CNT)
        s->index = 0;
    return s->reg[offset];
}

void
piix4_smbus_write(Piix4SmbusState *s, SmbusBus *bus, unsigned offset,
                  guint8 value)
{
    switch (offset) {
    case HST_STS: s->reg[HST_STS] &= (guint8) ~value; break;
    case BLK_DAT: *next_in_block(s) = value; break;
    case HST_CNT:
        s->reg[HST_CNT] = value & CNT_STORED;
        if ((value & CNT_KILL) != 0)
            s->reg[HST_STS] |= STS_FAILED;
        else if ((value & CNT_START) != 0)
            start(s, bus);
        break;
    default: s->reg[offset] = value; break;
    }
}

bool
piix4_smbus_asks(const Piix4SmbusState *s)
{
    return (s->reg[HST_CNT] & CNT_INTER_EN) != 0 &&
           (s->reg[HST_STS] & STS_ENDED) != 0;
}
