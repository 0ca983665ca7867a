/* devices/display/vga-mode.c - what the registers show: geometry, addresses
 * and colours.
 *
 * IBM VGA, "CRT Controller" and "Attribute Controller". The picture has the
 * size the monitor would show: modes with a halved dot clock or doubled lines
 * are 640x400 and not 320x200, which keeps their shape. */
#include <string.h>

#include "devices/display/vga-draw.h"

static void
derive_vbe(const VgaState *s, guint32 vram_size, VgaMode *m)
{
    VbeGeometry g = vga_vbe_geometry(s, vram_size);

    m->format = g.bpp == 4 ? VGA_PLANAR : VGA_LINEAR;
    m->bpp = g.bpp;
    m->width = g.width;
    m->height = g.height;
    m->columns = g.width / 8; /* PLANAR only */
    m->dots = 8;
    m->repeat = 1;
    m->scan_lines = 1;
    m->split = G_MAXUINT32;
    m->pan = g.pan;
    m->pitch = g.pitch;
    m->start = g.start;
    m->mask = vram_size / 4 - 1;
}

static guint32
crtc_height(const VgaState *s)
{
    guint8 overflow = s->crtc[CRTC_OVERFLOW];
    guint32 lines = (s->crtc[CRTC_V_DISPLAY] | ((overflow >> 1) & 1u) << 8 |
                     ((overflow >> 6) & 1u) << 9) +
                    1;

    return s->crtc[CRTC_MODE] & CRTC_MODE_DOUBLE_VERT ? 2 * lines : lines;
}

static guint32
crtc_split(const VgaState *s)
{
    return s->crtc[CRTC_LINE_COMPARE] |
           ((s->crtc[CRTC_OVERFLOW] >> 4) & 1u) << 8 |
           ((s->crtc[CRTC_MAX_SCAN] >> 6) & 1u) << 9;
}

static VgaFormat
vga_format(const VgaState *s)
{
    if (!(s->gr[GR_MISC] & GR_MISC_GRAPHICS))
        return VGA_TEXT;
    if (s->gr[GR_MODE] & GR_MODE_256)
        return VGA_BYTES;
    return s->gr[GR_MODE] & GR_MODE_PACKED ? VGA_PACKED : VGA_PLANAR;
}

/* Guest pixels to shift to the left. */
static guint32
vga_pan(const VgaState *s, const VgaMode *m)
{
    guint8 pan = s->attr[ATTR_PAN];

    if (m->format == VGA_BYTES)
        return (pan >> 1) & 3;
    if (m->format == VGA_TEXT && m->dots == 9)
        return pan < 8 ? pan + 1u : 0;
    return pan & 7;
}

/* CGA and Hercules layouts keep odd lines in another part of memory: the row
 * scan counter replaces address bits 13 and 14, one lower in word mode. */
static void
derive_addressing(const VgaState *s, VgaMode *m)
{
    guint8 mode = s->crtc[CRTC_MODE];
    unsigned shift = mode & CRTC_MODE_BYTE ? 1 : 0;

    if (m->format != VGA_TEXT && !(mode & CRTC_MODE_MA13))
        m->row_bit0 = 1u << (12 + shift);
    if (m->format != VGA_TEXT && !(mode & CRTC_MODE_MA14))
        m->row_bit1 = 1u << (13 + shift);
    m->mask = VGA_CELLS - 1;
    m->pitch = s->crtc[CRTC_OFFSET] * 2u;
    m->start =
        (guint32) s->crtc[CRTC_START_HIGH] << 8 | s->crtc[CRTC_START_LOW];
    m->start += (s->crtc[CRTC_PRESET_ROW] >> 5) & 3; /* byte panning */
}

static void
derive_text_size(VgaMode *m, guint32 lines)
{
    guint32 cell_w = m->dots * m->repeat;
    guint32 cell_h = m->scan_lines << m->line_shift;

    m->columns = MIN(m->columns, SCREEN_MAX_W / cell_w);
    m->rows = MAX(lines / cell_h, 1);
    m->width = m->columns * cell_w;
    m->height = m->rows * cell_h;
}

static void
derive_crtc(const VgaState *s, VgaMode *m)
{
    bool half = s->seq[SEQ_CLOCK] & SEQ_CLOCK_HALF;
    guint32 lines = crtc_height(s);

    m->format = vga_format(s);
    m->columns = s->crtc[CRTC_H_DISPLAY] + 1u;
    m->repeat = half ? 2 : 1;
    m->dots = 8;
    m->scan_lines = (s->crtc[CRTC_MAX_SCAN] & 0x1fu) + 1;
    m->line_shift = s->crtc[CRTC_MAX_SCAN] & CRTC_MAX_SCAN_DOUBLE ? 1 : 0;
    m->preset = s->crtc[CRTC_PRESET_ROW] & 0x1f;
    m->split = crtc_split(s);
    derive_addressing(s, m);
    if (m->format == VGA_TEXT) {
        m->dots = s->seq[SEQ_CLOCK] & SEQ_CLOCK_8DOT ? 8 : 9;
        derive_text_size(m, lines);
    } else {
        m->width = m->columns * 8 * m->repeat;
        m->height = lines;
    }
    if (m->format == VGA_BYTES) {
        m->dots = 4; /* each byte takes two dots */
        m->repeat *= 2;
    }
    m->pan = vga_pan(s, m);
    m->pan_below = s->attr[ATTR_MODE] & ATTR_MODE_PAN_SPLIT ? 0 : m->pan;
}

void
vga_mode_derive(const VgaState *s, guint32 vram_size, VgaMode *m)
{
    memset(m, 0, sizeof *m);
    if (vga_vbe_is_on(s))
        derive_vbe(s, vram_size, m);
    else
        derive_crtc(s, m);
}

bool
vga_is_blank(const VgaState *s)
{
    if (s->seq[SEQ_CLOCK] & SEQ_CLOCK_OFF || !(s->attr_index & ATTR_INDEX_PAS))
        return true;
    return !vga_vbe_is_on(s) &&
           (!(s->crtc[CRTC_MODE] & CRTC_MODE_SYNC) || s->seq[SEQ_RESET] != 3);
}

VgaLine
vga_mode_line(const VgaMode *m, guint32 y)
{
    VgaLine l = {.pan = m->pan};
    guint32 scan;

    if (y > m->split) {
        scan = (y - m->split - 1) >> m->line_shift;
        l.pan = m->pan_below;
    } else {
        scan = (y >> m->line_shift) + m->preset;
        l.addr = m->start;
    }
    l.addr += (guint64) (scan / m->scan_lines) * m->pitch;
    l.scan = scan % m->scan_lines;
    return l;
}

static guint32
dac_color(const VgaState *s, guint8 index)
{
    const guint8 *rgb = &s->dac[3 * (index & s->dac_mask)];
    guint32 c = (guint32) rgb[0] << 16 | (guint32) rgb[1] << 8 | rgb[2];

    if (s->vbe[VBE_ENABLE] & VBE_ENABLE_8BIT_DAC)
        return c;
    c &= 0x3f3f3f;
    return c << 2 | ((c >> 4) & 0x030303);
}

void
vga_palette_derive(const VgaState *s, VgaPalette *p)
{
    guint8 select = s->attr[ATTR_COLOR_SELECT];

    for (unsigned i = 0; i < 256; i++)
        p->dac[i] = dac_color(s, (guint8) i);
    for (unsigned i = 0; i < 16; i++) {
        unsigned index = s->attr[i & s->attr[ATTR_PLANE_ENABLE] & 0xf] & 0x3f;
        if (s->attr[ATTR_MODE] & ATTR_MODE_P54S)
            index = (index & 0x0f) | (select & 3u) << 4;
        p->attr[i] = p->dac[index | (select & 0x0cu) << 4];
    }
}
