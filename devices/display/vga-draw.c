/* devices/display/vga-draw.c - lines of graphics and of glyphs. */
#include "devices/display/vga-draw.h"

#include <string.h>

#define MAX_COLUMNS 512 /* 4096 pixels of 8 */
#define FONT_CHAR   32  /* bytes kept for each character */

static guint32
load_cell(const guint8 *vram, guint32 cell)
{
    guint32 le;

    memcpy(&le, vram + 4 * (gsize) cell, sizeof le);
    return GUINT32_FROM_LE(le);
}

/* ---- formats of one cell ---- */

static void
cell_planar(guint32 cell, const VgaPalette *p, guint32 *px)
{
    for (unsigned i = 0; i < 8; i++) {
        /* bit 7-i of each byte, gathered into bits 24..27 */
        guint32 bits = (cell >> (7 - i)) & 0x01010101;
        px[i] = p->attr[((bits * 0x01020408u) >> 24) & 0xf];
    }
}

/* Planes 0 and 1 hold four pixels each, planes 2 and 3 their upper bits. */
static void
cell_packed(guint32 cell, const VgaPalette *p, guint32 *px)
{
    for (unsigned i = 0; i < 8; i++) {
        guint32 byte = cell >> (i < 4 ? 0 : 8);
        unsigned shift = 6 - 2 * (i & 3);
        guint32 low = (byte >> shift) & 3;
        guint32 high = (byte >> (16 + shift)) & 3;
        px[i] = p->attr[low | high << 2];
    }
}

static void
cell_bytes(guint32 cell, const VgaPalette *p, guint32 *px)
{
    for (unsigned i = 0; i < 4; i++)
        px[i] = p->dac[(cell >> (8 * i)) & 0xff];
}

/* ---- linear formats ---- */

static guint32
rgb565(guint16 c)
{
    guint32 r = c >> 11, g = (c >> 5) & 0x3f, b = c & 0x1f;

    return (r << 3 | r >> 2) << 16 | (g << 2 | g >> 4) << 8 | (b << 3 | b >> 2);
}

static guint32
rgb555(guint16 c)
{
    guint32 r = (c >> 10) & 0x1f, g = (c >> 5) & 0x1f, b = c & 0x1f;

    return (r << 3 | r >> 2) << 16 | (g << 3 | g >> 2) << 8 | (b << 3 | b >> 2);
}

static guint16
load16(const guint8 *p)
{
    return (guint16) (p[0] | p[1] << 8);
}

static void
line_linear(const guint8 *src, guint32 bpp, guint32 n, const VgaPalette *p,
            guint32 *out)
{
    switch (bpp) {
    case 15:
        for (guint32 x = 0; x < n; x++)
            out[x] = rgb555(load16(src + 2 * x));
        break;
    case 16:
        for (guint32 x = 0; x < n; x++)
            out[x] = rgb565(load16(src + 2 * x));
        break;
    case 24:
        for (guint32 x = 0; x < n; x++, src += 3)
            out[x] = (guint32) src[2] << 16 | (guint32) src[1] << 8 | src[0];
        break;
    case 32:
        for (guint32 x = 0; x < n; x++)
            out[x] = load_cell(src, x) & 0xffffff;
        break;
    default:
        for (guint32 x = 0; x < n; x++)
            out[x] = p->dac[src[x]];
        break;
    }
}

/* ---- lines ---- */

/* Cells of the line, one more when panning shows part of it. */
static guint32
line_cells(const VgaMode *m, const VgaLine *l)
{
    return m->columns + (l->pan > 0 ? 1 : 0);
}

bool
vga_line_range(const VgaMode *m, const VgaLine *l, guint32 vram_size,
               guint32 *ret_from, guint32 *ret_len)
{
    if (m->format == VGA_LINEAR) {
        guint32 len = m->width * ((m->bpp + 7) / 8);
        if (len > vram_size || l->addr > vram_size - len)
            return false;
        *ret_from = (guint32) l->addr;
        *ret_len = len;
        return true;
    }
    guint32 first = (guint32) l->addr & m->mask;
    guint32 n = line_cells(m, l);
    if (m->row_bit0 != 0 || m->row_bit1 != 0 || first + n > m->mask + 1)
        return false;
    *ret_from = 4 * first;
    *ret_len = 4 * n;
    return true;
}

static guint32
line_cell_number(const VgaMode *m, const VgaLine *l, guint32 x)
{
    guint32 cell = (guint32) l->addr + x;

    if (m->row_bit0 != 0)
        cell = (cell & ~m->row_bit0) | (l->scan & 1 ? m->row_bit0 : 0);
    if (m->row_bit1 != 0)
        cell = (cell & ~m->row_bit1) | (l->scan & 2 ? m->row_bit1 : 0);
    return cell & m->mask;
}

/* On its own: where variables are cleared, so are these 16 KiB. */
G_NO_INLINE static void
line_cell_formats(const VgaMode *m, const VgaPalette *p, const guint8 *vram,
                  const VgaLine *l, guint32 *out)
{
    guint32 px[(MAX_COLUMNS + 1) * 8];

    for (guint32 x = 0; x < line_cells(m, l); x++) {
        guint32 cell = load_cell(vram, line_cell_number(m, l, x));
        if (m->format == VGA_BYTES)
            cell_bytes(cell, p, px + 4 * x);
        else if (m->format == VGA_PACKED)
            cell_packed(cell, p, px + 8 * x);
        else
            cell_planar(cell, p, px + 8 * x);
    }
    if (m->repeat == 1) {
        memcpy(out, px + l->pan, 4 * (gsize) m->width);
        return;
    }
    for (guint32 x = 0, i = l->pan; x < m->width; i++)
        for (guint32 n = 0; n < m->repeat && x < m->width; n++)
            out[x++] = px[i];
}

void
vga_draw_line(const VgaMode *m, const VgaPalette *p, const guint8 *vram,
              guint32 vram_size, const VgaLine *l, guint32 *out)
{
    guint32 from, len;

    if (m->format != VGA_LINEAR)
        line_cell_formats(m, p, vram, l, out);
    else if (vga_line_range(m, l, vram_size, &from, &len))
        line_linear(vram + from, m->bpp, m->width, p, out);
    else
        memset(out, 0, 4 * (gsize) m->width);
}

/* ---- text ---- */

/* Character map select: 16 KiB steps, bit 2 adds 8 KiB. */
static guint32
font_start(unsigned select)
{
    return (select & 3) * 0x4000 + (select >> 2) * 0x2000;
}

guint32
vga_font_hash(const guint8 *vram, const guint32 font[2])
{
    guint32 hash = 2166136261u; /* FNV-1 */

    for (unsigned f = 0; f < (font[0] == font[1] ? 1 : 2); f++)
        for (guint32 i = 0; i < 256 * FONT_CHAR; i++)
            hash = (hash ^ vram[4 * (font[f] + i) + 2]) * 16777619u;
    return hash;
}

void
vga_look_derive(const VgaState *s, const VgaMode *m, const VgaPalette *p,
                VgaTextLook *look)
{
    guint8 map = s->seq[SEQ_CHAR_MAP];

    memset(look, 0, sizeof *look);
    memcpy(look->attr, p->attr, sizeof look->attr);
    look->font[0] = font_start((map & 3u) | ((map >> 4) & 1u) << 2);
    look->font[1] = font_start(((map >> 2) & 3u) | ((map >> 5) & 1u) << 2);
    look->dots = m->dots;
    look->repeat = m->repeat;
    look->scan_lines = m->scan_lines;
    look->line_shift = m->line_shift;
    look->mode = s->attr[ATTR_MODE];
    look->underline = s->crtc[CRTC_UNDERLINE] & 0x1f;
}

void
vga_draw_glyph(const VgaTextLook *look, const guint8 *vram, const VgaGlyph *g,
               guint32 scan, guint32 *out)
{
    bool blinks = look->mode & ATTR_MODE_BLINK;
    guint32 fg = look->attr[g->attr & 0xf];
    guint32 bg = look->attr[(g->attr >> 4) & (blinks ? 0x7 : 0xf)];
    guint32 font = look->font[(g->attr >> 3) & 1];
    guint32 bits = vram[4 * (font + g->ch * FONT_CHAR + (scan & 31)) + 2];

    if (scan == look->underline && (g->attr & 0x77) == 0x01)
        bits = 0xff;
    bits <<= 1; /* the ninth dot is bit 0 */
    if (look->mode & ATTR_MODE_LINE_GRAPHICS && (g->ch & 0xe0) == 0xc0)
        bits |= (bits >> 1) & 1;
    if (g->hidden)
        bits = 0;
    if (scan >= g->cursor_from && scan <= g->cursor_to)
        bits = 0x1ff;
    for (guint32 x = 0; x < look->dots; x++)
        out[x] = bits >> (8 - x) & 1 ? fg : bg;
}
