/* devices/display/edid.c - see edid.h. */
#include "devices/display/edid.h"

#include <string.h>

#define REFRESH_HZ    60u
#define HEIGHT_MM     270u /* of the picture; its width follows from its shape */

#define EDID_MAKER    8 /* offsets */
#define EDID_PRODUCT  10
#define EDID_SIZE_CM  21
#define EDID_STD      38
#define EDID_DETAILED 54
#define EDID_LIMITS   72
#define EDID_SUM      127

/* clang-format off */
static const guint8 plain[EDID_LEN] = {
    0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00,
    0x0c, 0x32, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, /* CAR, product */
    0x01, 0x0b, 0x01, 0x03,       /* week 1 of 2001, EDID 1.3 */
    0x08, 0x00, 0x00, 0x78, 0x0e, /* analog, size, gamma 2.2, RGB, sRGB */
    0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54, /* sRGB */
    0x21, 0x08, 0x00, /* 640x480, 800x600, 1024x768 at 60 Hz */
    [EDID_STD] = 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    /* 50..75 Hz, from 30 kHz */
    [EDID_LIMITS] = 0x00, 0x00, 0x00, 0xfd, 0x00, 0x32, 0x4b, 0x1e, 0x00, 0x00,
    0x00, 0x0a, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    /* its name */
    0x00, 0x00, 0x00, 0xfc, 0x00, 'C', 'a', 'r', 'r', 'e', 'l', 0x0a,
    0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
    /* nothing */
    0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
/* clang-format on */

typedef struct {
    EdidMode mode;
    guint32 khz;                       /* pixel clock */
    unsigned h_blank, h_front, h_sync; /* pixels */
    unsigned v_blank, v_front, v_sync; /* lines */
    guint8 flags;                      /* separate syncs, and their polarity */
} Timing;

/* VESA DMT 1.0, revision 11: older than CVT. */
static const Timing known[] = {
    {{640, 480}, 25175, 160, 16, 96, 45, 10, 2, 0x18},
    {{800, 600}, 40000, 256, 40, 128, 28, 1, 4, 0x1e},
    {{1024, 768}, 65000, 320, 24, 136, 38, 3, 6, 0x18},
};

static bool
has_shape(EdidMode m, unsigned x, unsigned y)
{
    return m.width * y == m.height * x;
}

/* CVT 1.1, table 3-2: the sync's length tells the shape. */
static unsigned
v_sync_of(EdidMode m)
{
    return has_shape(m, 4, 3)     ? 4
           : has_shape(m, 16, 9)  ? 5
           : has_shape(m, 16, 10) ? 6
           : has_shape(m, 5, 4)   ? 7
           : has_shape(m, 15, 9)  ? 7
                                  : 10;
}

/* CVT 1.1, section 3.4.2: 160 pixels and at least 460 us of blanking; the clock
 * is a multiple of 250 kHz. */
static Timing
reduced_blanking(EdidMode m)
{
    const unsigned blank_us = 460, us = 1000000, clock_step = 250;
    unsigned v_sync = v_sync_of(m);
    /* lines in that time, at the rate that the visible ones need */
    unsigned lines =
        blank_us * m.height * REFRESH_HZ / (us - blank_us * REFRESH_HZ) + 1;
    unsigned v_blank = MAX(lines, 3 + v_sync + 6);
    guint64 hz = (guint64) REFRESH_HZ * (m.height + v_blank) * (m.width + 160u);

    return (Timing){m,   (guint32) (hz / 1000 / clock_step * clock_step),
                    160, 48,
                    32,  v_blank,
                    3,   v_sync,
                    0x1a};
}

static Timing
timing_of(EdidMode m)
{
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (known[i].mode.width == m.width && known[i].mode.height == m.height)
            return known[i];
    return reduced_blanking(m);
}

/* E-EDID 1.3, section 3.10.2. Upper bits of two numbers share a byte. */
static void
put_detailed(guint8 *at, EdidMode m)
{
    Timing t = timing_of(m);
    unsigned clock = t.khz / 10, width_mm = HEIGHT_MM * m.width / m.height;

    at[0] = (guint8) clock;
    at[1] = (guint8) (clock >> 8);
    at[2] = (guint8) m.width;
    at[3] = (guint8) t.h_blank;
    at[4] = (guint8) (m.width >> 8 << 4 | t.h_blank >> 8);
    at[5] = (guint8) m.height;
    at[6] = (guint8) t.v_blank;
    at[7] = (guint8) (m.height >> 8 << 4 | t.v_blank >> 8);
    at[8] = (guint8) t.h_front;
    at[9] = (guint8) t.h_sync;
    at[10] = (guint8) ((t.v_front & 15) << 4 | (t.v_sync & 15));
    at[11] = (guint8) (t.h_front >> 8 << 6 | t.h_sync >> 8 << 4);
    at[12] = (guint8) width_mm;
    at[13] = (guint8) HEIGHT_MM;
    at[14] = (guint8) (width_mm >> 8 << 4 | HEIGHT_MM >> 8);
    at[17] = t.flags;
}

/* Section 3.9; at 60 Hz. */
static void
put_standard(guint8 *at, EdidMode m)
{
    unsigned shape = has_shape(m, 4, 3)    ? 1
                     : has_shape(m, 5, 4)  ? 2
                     : has_shape(m, 16, 9) ? 3
                                           : 0;

    if (m.width == 0)
        return;
    at[0] = (guint8) (m.width / 8 - 31);
    at[1] = (guint8) (shape << 6);
}

void
edid_make(const EdidSpec *spec, guint8 ret[EDID_LEN])
{
    EdidMode m = spec->preferred;
    guint8 sum = 0;

    memcpy(ret, plain, EDID_LEN);
    ret[EDID_PRODUCT] = (guint8) spec->product;
    ret[EDID_PRODUCT + 1] = (guint8) (spec->product >> 8);
    ret[EDID_SIZE_CM] = (guint8) (HEIGHT_MM * m.width / m.height / 10);
    ret[EDID_SIZE_CM + 1] = HEIGHT_MM / 10;
    for (unsigned i = 0; i < EDID_STANDARD; i++)
        put_standard(ret + EDID_STD + 2 * i, spec->standard[i]);
    put_detailed(ret + EDID_DETAILED, m);
    ret[EDID_LIMITS + 8] = spec->max_khz;
    ret[EDID_LIMITS + 9] = spec->max_10mhz;
    for (unsigned i = 0; i < EDID_SUM; i++)
        sum = (guint8) (sum + ret[i]);
    ret[EDID_SUM] = (guint8) -sum;
}
