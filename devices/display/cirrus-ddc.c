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
#define EDID_LEN     128u
#define EDID_ADDRESS 0xa0

enum { DDC_IDLE, DDC_ADDRESS, DDC_OFFSET, DDC_READ };
#define BIT_ACK 8 /* the ninth clock */

/* clang-format off */
static const guint8 edid[EDID_LEN - 1] = {
    0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00,
    0x0c, 0x32, 0x46, 0x54, 0x01, 0x00, 0x00, 0x00, /* CAR, product 5446h */
    0x01, 0x0b, 0x01, 0x03,       /* week 1 of 2001, EDID 1.3 */
    0x08, 0x24, 0x1b, 0x78, 0x0a, /* analog, 36 x 27 cm, gamma 2.2, RGB */
    0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54, /* sRGB */
    0x21, 0x08, 0x00, /* 640x480, 800x600, 1024x768 at 60 Hz */
    0x31, 0x40,       /* 640x480 at 60 Hz */
    0x45, 0x40,       /* 800x600 */
    0x61, 0x40,       /* 1024x768 */
    0x81, 0x40,       /* 1280x960 */
    0x81, 0x80,       /* 1280x1024 */
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    /* preferred: 1024x768 at 60 Hz, 65.00 MHz, 1344x806, negative syncs */
    0x64, 0x19, 0x00, 0x40, 0x41, 0x00, 0x26, 0x30, 0x18, 0x88, 0x36, 0x00,
    0x68, 0x0e, 0x11, 0x00, 0x00, 0x18,
    /* 50..75 Hz, 30..80 kHz, 140 MHz */
    0x00, 0x00, 0x00, 0xfd, 0x00, 0x32, 0x4b, 0x1e, 0x50, 0x0e, 0x00, 0x0a,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    /* its name */
    0x00, 0x00, 0x00, 0xfc, 0x00, 'C', 'a', 'r', 'r', 'e', 'l', 0x0a,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, /* no extension */
};
/* clang-format on */

guint8
cirrus_edid_byte(unsigned offset)
{
    guint8 sum = 0;

    if (offset < sizeof edid)
        return edid[offset];
    for (unsigned i = 0; i < sizeof edid; i++)
        sum = (guint8) (sum + edid[i]);
    return (guint8) -sum;
}

/* The next bit of what is read, or what pulls nothing. */
static void
drive_bit(CirrusState *x)
{
    x->ddc_low = !(x->ddc_byte & (0x80 >> (x->ddc_bit & 7)));
}

static void
next_byte(CirrusState *x)
{
    x->ddc_byte = cirrus_edid_byte(x->ddc_offset++ % EDID_LEN);
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
byte_begins(CirrusState *x)
{
    x->ddc_low = 0;
    x->ddc_bit = 0;
    if (x->ddc_phase == DDC_ADDRESS)
        x->ddc_phase = x->ddc_byte & 1 ? DDC_READ : DDC_OFFSET;
    if (x->ddc_phase == DDC_READ)
        next_byte(x);
    else
        x->ddc_byte = 0;
}

static void
clock_falls(CirrusState *x)
{
    if (x->ddc_phase == DDC_IDLE)
        return;
    if (x->ddc_bit > BIT_ACK) {
        byte_begins(x);
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
cirrus_ddc_write(CirrusState *x, guint8 value)
{
    guint8 old = x->ddc_pins, now = value & (PIN_CLOCK | PIN_DATA);
    guint8 changed = old ^ now;

    x->seq[CIR_SEQ_DDC] = value & SR8_KEPT;
    x->ddc_pins = now;
    if (changed & PIN_CLOCK) {
        if (now & PIN_CLOCK)
            clock_rises(x, now & PIN_DATA);
        else
            clock_falls(x);
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
