/* devices/display/cirrus-ddc.c - a monitor that tells its modes by DDC2B.
 *
 * VESA E-EDID 1.3 behind an I2C slave at address A0h; CL-GD5446 TRM, SR8: bits
 * 0 and 1 pull clock and data (0: low), bits 2 and 7 read them back. */
#include "devices/display/cirrus-internal.h"

#define PIN_CLOCK    0x01
#define PIN_DATA     0x02
#define READ_CLOCK   0x04
#define READ_DATA    0x80
#define SR8_KEPT     0x7b
#define EDID_ADDRESS 0xa0

enum { DDC_IDLE, DDC_ADDRESS, DDC_OFFSET, DDC_READ };
#define BIT_ACK 8 /* the ninth clock */

/* The next bit of what is read, or what pulls nothing. */
static void
drive_bit(CirrusState *x)
{
    x->ddc_low = !(x->ddc_byte & (0x80 >> (x->ddc_bit & 7)));
}

static void
next_byte(CirrusState *x, const guint8 *edid)
{
    x->ddc_byte = edid[x->ddc_offset++ % EDID_LEN];
    x->ddc_bit = 0;
    drive_bit(x);
}

/* The falling edge after the eighth bit: acknowledges what is for us. */
static void
byte_received(CirrusState *x)
{
    bool ours =
        x->ddc_phase == DDC_OFFSET || (x->ddc_byte & 0xfe) == EDID_ADDRESS;

    if (x->ddc_phase == DDC_OFFSET)
        x->ddc_offset = x->ddc_byte;
    if (!ours)
        x->ddc_phase = DDC_IDLE;
    x->ddc_low = ours;
    x->ddc_bit = BIT_ACK + 1;
}

/* The falling edge after the acknowledge. */
static void
byte_begins(CirrusState *x, const guint8 *edid)
{
    x->ddc_low = 0;
    x->ddc_bit = 0;
    if (x->ddc_phase == DDC_ADDRESS)
        x->ddc_phase = x->ddc_byte & 1 ? DDC_READ : DDC_OFFSET;
    if (x->ddc_phase == DDC_READ)
        next_byte(x, edid);
    else
        x->ddc_byte = 0;
}

static void
clock_falls(CirrusState *x, const guint8 *edid)
{
    if (x->ddc_phase == DDC_IDLE)
        return;
    if (x->ddc_bit > BIT_ACK) {
        byte_begins(x, edid);
    } else if (x->ddc_bit < BIT_ACK) {
        if (x->ddc_phase == DDC_READ)
            drive_bit(x);
    } else if (x->ddc_phase == DDC_READ) {
        x->ddc_low = 0; /* the master acknowledges */
        x->ddc_bit = BIT_ACK + 1;
    } else {
        byte_received(x);
    }
}

static void
clock_rises(CirrusState *x, bool data)
{
    if (x->ddc_phase == DDC_IDLE)
        return;
    if (x->ddc_bit > BIT_ACK) {
        if (x->ddc_phase == DDC_READ && data)
            x->ddc_phase = DDC_IDLE; /* enough */
        return;
    }
    if (x->ddc_phase != DDC_READ)
        x->ddc_byte = (guint8) (x->ddc_byte << 1 | data);
    if (x->ddc_bit < BIT_ACK)
        x->ddc_bit++;
}

void
cirrus_ddc_write(CirrusState *x, const guint8 *edid, guint8 value)
{
    guint8 old = x->ddc_pins, now = value & (PIN_CLOCK | PIN_DATA);
    guint8 changed = old ^ now;

    x->seq[CIR_SEQ_DDC] = value & SR8_KEPT;
    x->ddc_pins = now;
    if (changed & PIN_CLOCK) {
        if (now & PIN_CLOCK)
            clock_rises(x, now & PIN_DATA);
        else
            clock_falls(x, edid);
    } else if (changed & PIN_DATA && now & PIN_CLOCK) {
        /* start or stop */
        x->ddc_phase = now & PIN_DATA ? DDC_IDLE : DDC_ADDRESS;
        x->ddc_bit = x->ddc_byte = x->ddc_low = 0;
    }
}

guint8
cirrus_ddc_read(const CirrusState *x)
{
    guint8 value = x->seq[CIR_SEQ_DDC];

    if (x->ddc_pins & PIN_CLOCK)
        value |= READ_CLOCK;
    if (x->ddc_pins & PIN_DATA && !x->ddc_low)
        value |= READ_DATA;
    return value;
}
