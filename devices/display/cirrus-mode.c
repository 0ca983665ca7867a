/* devices/display/cirrus-mode.c - packed-pixel modes, pixel clock and cursor.
 *
 * CL-GD5446 TRM, SR7, CR1A, CR1B, CR1D, the hidden DAC register, SRB..SRE and
 * SR10..SR13. Left out: the video overlay, and the mixed modes of the hidden
 * DAC register. */
#include "devices/display/cirrus-internal.h"

#define REFERENCE_HZ   14318180
#define CURSOR_AREA    0x4000u /* the last 16 KiB hold the patterns */
#define HIDDEN_FORMAT  0x0f
#define HIDDEN_555     0x00
#define INTERLACED     0x01
#define EXT_START16    0x01 /* CR1B */
#define EXT_START17_18 0x0c
#define EXT_PITCH8     0x10
#define OVERLAY_START  0x80 /* CR1D */

static guint32
depth(const VgaState *s)
{
    const CirrusState *x = &s->cirrus;

    switch (x->seq[CIR_SEQ_MODE] & CIR_MODE_DEPTH) {
    case 0x02:
    case 0x06: return (x->hidden_dac & HIDDEN_FORMAT) == HIDDEN_555 ? 15 : 16;
    case 0x04: return 24;
    case 0x08: return 32;
    default: return 8;
    }
}

static bool
is_packed_mode(const VgaState *s)
{
    return s->cirrus.seq[CIR_SEQ_MODE] & CIR_MODE_PACKED &&
           s->gr[GR_MISC] & GR_MISC_GRAPHICS;
}

/* In units of four bytes; 20 bits. */
static guint32
start_address(const VgaState *s)
{
    guint8 ext = s->cirrus.crtc[CIR_CRTC_EXT];

    return (guint32) s->crtc[CRTC_START_HIGH] << 8 | s->crtc[CRTC_START_LOW] |
           (ext & EXT_START16 ? 1u << 16 : 0) |
           (guint32) (ext & EXT_START17_18) << 15 |
           (s->cirrus.crtc[CIR_CRTC_OVERLAY] & OVERLAY_START ? 1u << 19 : 0);
}

void
cirrus_mode(const VgaState *s, guint32 vram_size, VgaMode *m)
{
    guint32 pitch = s->crtc[CRTC_OFFSET];

    if (!is_packed_mode(s))
        return;
    if (s->cirrus.crtc[CIR_CRTC_EXT] & EXT_PITCH8)
        pitch |= 0x100;
    m->format = VGA_LINEAR;
    m->bpp = depth(s);
    m->width = (s->crtc[CRTC_H_DISPLAY] + 1u) * 8;
    if (s->cirrus.crtc[CIR_CRTC_INTERLACE] & INTERLACED)
        m->height = MIN(2 * m->height, SCREEN_MAX_H);
    m->columns = m->width / 8;
    m->dots = 8;
    m->repeat = 1;
    m->pan = m->pan_below = 0;
    m->row_bit0 = m->row_bit1 = 0;
    m->pitch = pitch * 8;
    m->start = start_address(s) * G_GUINT64_CONSTANT(4);
}

/* Linux' driver clears CR17's sync bit in its modes, and the BIOS leaves SR1's
 * screen-off bit set; both want a picture. */
bool
cirrus_is_blank(const VgaState *s)
{
    if (!is_packed_mode(s))
        return vga_is_blank(s);
    return !(s->attr_index & ATTR_INDEX_PAS);
}

gint64
cirrus_dot_hz(const VgaState *s)
{
    unsigned clock = (s->misc & MISC_CLOCK) >> 2;
    gint64 n = s->cirrus.seq[CIR_SEQ_VCLK_N + clock] & 0x7f;
    gint64 d = s->cirrus.seq[CIR_SEQ_VCLK_D + clock] & 0x3f;

    if (n == 0 || d >> 1 == 0)
        return 0; /* not set: the VGA's */
    return MAX(REFERENCE_HZ * n / (d >> 1) / (d & 1 ? 2 : 1), 1000000);
}

/* ---- cursor ---- */

static guint32
cursor_color(const VgaState *s, unsigned entry)
{
    const guint8 *rgb = &s->cirrus.cursor_dac[3 * entry];
    guint32 c =
        ((guint32) rgb[0] << 16 | (guint32) rgb[1] << 8 | rgb[2]) & 0x3f3f3f;

    return c << 2 | ((c >> 4) & 0x030303);
}

void
cirrus_cursor(const VgaState *s, guint32 vram_size, VgaCursor *ret_cursor)
{
    const CirrusState *x = &s->cirrus;
    bool large = x->seq[CIR_SEQ_CURSOR] & CIR_CURSOR_64;
    guint32 pattern = x->seq[CIR_SEQ_CURSOR_PATTERN] & (large ? 0x3c : 0x3f);

    if (!is_packed_mode(s) || !(x->seq[CIR_SEQ_CURSOR] & CIR_CURSOR_ON))
        return;
    *ret_cursor = (VgaCursor){
        .on = 1,
        .x = x->cursor_x,
        .y = x->cursor_y,
        .size = large ? 64 : 32,
        .pattern = vram_size - CURSOR_AREA + pattern * 256,
        .len = large ? 1024 : 256,
        .color = {cursor_color(s, 0), cursor_color(s, 15)},
    };
}

/* Two planes: 00 shows what is below, 01 inverts it, 10 and 11 are colours. A
 * large cursor's planes alternate row by row, a small one's follow each other. */
void
cirrus_draw_cursor(const VgaCursor *c, const guint8 *vram, guint32 y,
                   guint32 width, guint32 *line)
{
    guint32 row = y - c->y;
    const guint8 *plane0 = vram + c->pattern + row * (c->size == 64 ? 16 : 4);
    const guint8 *plane1 = plane0 + (c->size == 64 ? 8 : 128);

    for (guint32 i = 0; i < c->size && c->x + i < width; i++) {
        guint8 bit = 0x80 >> (i & 7);
        bool p0 = plane0[i >> 3] & bit, p1 = plane1[i >> 3] & bit;
        if (p1)
            line[c->x + i] = c->color[p0];
        else if (p0)
            line[c->x + i] ^= 0xffffff;
    }
}
