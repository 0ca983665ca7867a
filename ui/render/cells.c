/* ui/render/cells.c - the guest's text cells as terminal cells, exact. */
#include <string.h>

#include "ui/render/render-internal.h"
#include "vmm/display/screen.h"
#include "vmm/display/text.h"

/* Colours of the guest's 16 text colours in the terminal's terms. */
typedef struct {
    guint32 color[16]; /* RenderOptions.colors */
    guint8 luma[16];
} Palette;

static void
palette_init(Palette *p, const ScreenHeader *h, RenderColors colors)
{
    for (unsigned i = 0; i < 16; i++) {
        p->color[i] = render_color(h->palette[i], colors);
        p->luma[i] = (guint8) render_luma(h->palette[i]);
    }
}

/* A terminal with 8 colours shows the bright ones by its bold attribute. */
static bool
is_bright(guint32 xrgb)
{
    return render_color(xrgb, RENDER_16) >= 8;
}

static void
set_glyph(RenderCell *out, const Cell *in, bool ascii)
{
    gunichar c = in->codepoint;

    if (ascii)
        c = c >= 0x20 && c < 0x7f ? c : (guchar) cp437_to_ascii(in->glyph);
    /* one column each: what code page 437 maps to never is wide or combining,
     * so anything else is not from a guest's text mode */
    if (c == 0xa0 || c < 0x20 || (c >= 0x7f && c < 0xa0) ||
        !g_unichar_isprint(c) || g_unichar_iswide(c) ||
        g_unichar_iszerowidth(c))
        c = ' ';
    out->glyph[g_unichar_to_utf8(c, out->glyph)] = '\0';
}

static void
convert_cell(RenderCell *out, const Cell *in, const ScreenHeader *h,
             const Palette *p, const RenderOptions *options)
{
    unsigned fg = in->fg & 15, bg = in->bg & 15;

    memset(out, 0, sizeof *out);
    set_glyph(out, in, options->ascii);
    out->fg = p->color[fg];
    out->bg = p->color[bg];
    if (in->blink)
        out->flags |= RENDER_BLINK;
    if (options->colors == RENDER_MONO) {
        if (p->luma[bg] > p->luma[fg])
            out->flags |= RENDER_REVERSE;
        else if (p->luma[fg] > 0xd0)
            out->flags |= RENDER_BOLD;
    }
    if (options->colors == RENDER_8 && is_bright(h->palette[fg]))
        out->flags |= RENDER_BOLD;
}

bool
render_cells(const ScreenHeader *map, gsize len, const RenderOptions *options,
             RenderBuffer *b)
{
    ScreenHeader h;
    Palette palette;

    if (!screen_snapshot(map, len, &h) || !h.text)
        return false;
    palette_init(&palette, &h, options->colors);
    render_buffer_size(b, (int) h.cols, (int) h.rows);
    const Cell *cells =
        (const Cell *) (const void *) ((const guint8 *) map + h.cells_offset);
    for (gsize i = 0; i < (gsize) h.cols * h.rows; i++) {
        Cell cell = cell_load(&cells[i]);
        convert_cell(&b->cells[i], &cell, &h, &palette, options);
    }
    if (h.cursor_visible && h.cursor_x < h.cols && h.cursor_y < h.rows) {
        b->cursor_x = (int) h.cursor_x;
        b->cursor_y = (int) h.cursor_y;
        b->cursor_block = h.cursor_end >= h.cursor_start &&
                          h.cursor_end - h.cursor_start + 1 > h.cell_h / 2;
    }
    return true;
}
