/* ui/render/render.c - buffers and colours shared by the renderers. */
#include "ui/render/render-internal.h"

/* xterm's colour cube and its default for the 16 ANSI colours */
static const guint8 cube_level[6] = {0, 95, 135, 175, 215, 255};
static const guint32 ansi16[16] = {
    0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa,
    0x00aaaa, 0xaaaaaa, 0x555555, 0xff5555, 0x55ff55, 0xffff55,
    0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
};

void
render_buffer_clear(RenderBuffer *b)
{
    g_free(b->cells);
    *b = (RenderBuffer){.cursor_x = -1, .cursor_y = -1};
}

void
render_buffer_size(RenderBuffer *b, int cols, int rows)
{
    gsize n = (gsize) cols * (gsize) rows;

    if (n > b->capacity) {
        b->cells = g_renew(RenderCell, b->cells, n);
        b->capacity = n;
    }
    b->cols = cols;
    b->rows = rows;
    b->cursor_x = b->cursor_y = -1;
    b->cursor_block = false;
}

guint
render_luma(guint32 c)
{
    return (((c >> 16) & 0xff) * 299 + ((c >> 8) & 0xff) * 587 +
            (c & 0xff) * 114) /
           1000;
}

static gint
distance(guint32 a, guint32 b)
{
    gint dr = (gint) ((a >> 16) & 0xff) - (gint) ((b >> 16) & 0xff);
    gint dg = (gint) ((a >> 8) & 0xff) - (gint) ((b >> 8) & 0xff);
    gint db = (gint) (a & 0xff) - (gint) (b & 0xff);

    /* the eye's weights, roughly */
    return 3 * dr * dr + 6 * dg * dg + db * db;
}

static guint32
nearest_ansi(guint32 c, unsigned n)
{
    guint32 best = 0;

    for (guint32 i = 1; i < n; i++)
        if (distance(c, ansi16[i]) < distance(c, ansi16[best]))
            best = i;
    return best;
}

static unsigned
cube_index(guint v)
{
    if (v < 48)
        return 0;
    return v < 115 ? 1 : (v - 35) / 40;
}

/* The better of the 6x6x6 cube and the grey ramp; never 0..15, which people
 * redefine. */
static guint32
nearest_256(guint32 c)
{
    unsigned r = cube_index((c >> 16) & 0xff), g = cube_index((c >> 8) & 0xff);
    unsigned b = cube_index(c & 0xff);
    guint32 cube = (guint32) cube_level[r] << 16 |
                   (guint32) cube_level[g] << 8 | cube_level[b];
    guint mean = (((c >> 16) & 0xff) + ((c >> 8) & 0xff) + (c & 0xff)) / 3;
    unsigned step = mean < 8 ? 0 : MIN((mean - 3) / 10, 23);
    guint32 grey = (8 + 10 * step) * 0x010101u;

    if (distance(c, grey) < distance(c, cube))
        return 232 + step;
    return 16 + 36 * r + 6 * g + b;
}

guint32
render_color(guint32 xrgb, RenderColors colors)
{
    switch (colors) {
    case RENDER_8:
    case RENDER_16:
        return nearest_ansi(xrgb & 0xffffff, colors == RENDER_8 ? 8 : 16);
    case RENDER_256: return nearest_256(xrgb & 0xffffff);
    case RENDER_RGB: return xrgb & 0xffffff;
    case RENDER_MONO:
    default: return 0;
    }
}
