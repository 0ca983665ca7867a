/* ui/render/halfblock.c - pixels as half-block characters: a cell shows two
 * pixels, the upper as foreground of U+2580, the lower as background. Each is
 * the mean of the source pixels it covers. */
#include <string.h>

#include "ui/render/render-internal.h"
#include "vmm/display/screen.h"

#define MAX_CELLS   1024
#define UPPER_BLOCK "\xe2\x96\x80"

/* from dark to bright */
static const char ramp[] = " .:-=+*#%@";

typedef struct {
    const guint8 *pixels;
    guint32 width, height, stride;
} Source;

RenderArea
render_halfblock_area(int width, int height, int cols, int rows)
{
    gint64 w = cols, h;

    if (width < 1 || height < 1 || cols < 1 || rows < 1)
        return (RenderArea){0, 0, 0, 0};
    /* in output pixels: cols x 2 * rows */
    h = (w * height + width / 2) / width;
    if (h > 2 * (gint64) rows) {
        h = 2 * (gint64) rows;
        w = (h * width + height / 2) / height;
    }
    w = CLAMP(w, 1, cols);
    gint64 h_cells = CLAMP((h + 1) / 2, 1, rows);
    return (RenderArea){(int) ((cols - w) / 2), (int) ((rows - h_cells) / 2),
                        (int) w, (int) h_cells};
}

/* Mean colour of the source rectangle [x0,x1) x [y0,y1), not empty. */
static guint32
box_mean(const Source *s, guint32 x0, guint32 y0, guint32 x1, guint32 y1)
{
    guint64 r = 0, g = 0, b = 0, n = (guint64) (x1 - x0) * (y1 - y0);

    for (guint32 y = y0; y < y1; y++) {
        const guint32 *line =
            (const guint32 *) (const void *) (s->pixels +
                                              (gsize) y * s->stride);
        for (guint32 x = x0; x < x1; x++) {
            guint32 c = line[x];
            r += (c >> 16) & 0xff;
            g += (c >> 8) & 0xff;
            b += c & 0xff;
        }
    }
    return (guint32) ((r + n / 2) / n) << 16 |
           (guint32) ((g + n / 2) / n) << 8 | (guint32) ((b + n / 2) / n);
}

/* Source range of output pixel i of n over size source pixels; at least one
 * pixel wide, inside. */
static void
source_range(guint32 i, guint32 n, guint32 size, guint32 *ret_from,
             guint32 *ret_to)
{
    guint32 from = (guint32) ((guint64) i * size / n);
    guint32 to = (guint32) ((guint64) (i + 1) * size / n);

    from = MIN(from, size - 1);
    *ret_from = from;
    *ret_to = MIN(MAX(to, from + 1), size);
}

static void
put_blocks(RenderCell *out, guint32 upper, guint32 lower,
           const RenderOptions *options)
{
    memset(out, 0, sizeof *out);
    if (options->ascii || options->colors == RENDER_MONO) {
        guint luma = (render_luma(upper) + render_luma(lower)) / 2;
        guint32 mean = ((upper >> 1) & 0x7f7f7f) + ((lower >> 1) & 0x7f7f7f);
        out->glyph[0] = ramp[luma * (sizeof ramp - 2) / 255];
        out->fg = render_color(mean, options->colors);
        return;
    }
    out->fg = render_color(upper, options->colors);
    out->bg = render_color(lower, options->colors);
    /* one colour needs no glyph: a blank is less for the terminal to draw */
    if (out->fg == out->bg)
        strcpy(out->glyph, " ");
    else
        strcpy(out->glyph, UPPER_BLOCK);
}

static void
draw_row(const Source *s, const RenderArea *a, int row,
         const RenderOptions *options, RenderCell *out)
{
    guint32 y0, y1, y2, y3, x0, x1, n = 2 * (guint32) a->h;

    source_range(2 * (guint32) row, n, s->height, &y0, &y1);
    source_range(2 * (guint32) row + 1, n, s->height, &y2, &y3);
    for (int x = 0; x < a->w; x++) {
        source_range((guint32) x, (guint32) a->w, s->width, &x0, &x1);
        put_blocks(&out[x], box_mean(s, x0, y0, x1, y1),
                   box_mean(s, x0, y2, x1, y3), options);
    }
}

bool
render_halfblock(const ScreenHeader *map, gsize len,
                 const RenderOptions *options, int cols, int rows,
                 RenderBuffer *b)
{
    ScreenHeader h;

    if (cols < 1 || rows < 1 || cols > MAX_CELLS || rows > MAX_CELLS)
        return false;
    if (!screen_snapshot(map, len, &h))
        return false;
    Source s = {(const guint8 *) map + h.pixels_offset, h.width, h.height,
                h.stride};
    RenderArea a =
        render_halfblock_area((int) h.width, (int) h.height, cols, rows);
    render_buffer_size(b, cols, rows);
    for (gsize i = 0; i < (gsize) cols * (gsize) rows; i++)
        put_blocks(&b->cells[i], 0, 0, options);
    for (int row = 0; row < a.h; row++)
        draw_row(&s, &a, row, options,
                 b->cells + (gsize) (a.y + row) * (gsize) cols + a.x);
    return true;
}
