/* tests/unit/test-render.c - screens as terminal cells, half-blocks and
 * PNG. */
#include "tests/unit/cu-main.h"

#include <string.h>
#include <zlib.h>

#include "ui/render/render.h"
#include "vmm/display/text.h"

#define PIXELS_AT 4096u
#define CELLS_AT  8192u

/* A screen in plain memory. */
typedef struct {
    ScreenHeader h;
    guint8 pad[PIXELS_AT - sizeof(ScreenHeader)];
    guint32 pixels[1024];
    Cell cells[64];
} Screen;
G_STATIC_ASSERT(G_STRUCT_OFFSET(Screen, cells) == CELLS_AT);

static Screen *
screen_new(guint32 w, guint32 h)
{
    Screen *s = g_new0(Screen, 1);

    s->h = (ScreenHeader){.magic = SCREEN_MAGIC,
                          .version = SCREEN_VERSION,
                          .width = w,
                          .height = h,
                          .stride = 4 * w,
                          .pixels_offset = PIXELS_AT};
    return s;
}

static void
set_pixel(Screen *s, guint32 x, guint32 y, guint32 color)
{
    s->pixels[y * s->h.width + x] = color;
}

/* 4 x 2 cells of 8 x 8 in the usual colours. */
static Screen *
text_screen_new(void)
{
    static const guint32 colors[16] = {
        0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa,
        0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55, 0x55ffff,
        0xff5555, 0xff55ff, 0xffff55, 0xffffff,
    };
    Screen *s = screen_new(32, 16);

    s->h.text = 1;
    s->h.cells_offset = CELLS_AT;
    s->h.cols = 4;
    s->h.rows = 2;
    s->h.cell_w = s->h.cell_h = 8;
    memcpy(s->h.palette, colors, sizeof colors);
    return s;
}

static void
set_cell(Screen *s, unsigned i, guint8 ch, guint8 fg, guint8 bg, guint8 blink)
{
    cell_store(&s->cells[i], (Cell){cp437_to_unicode(ch), fg, bg, blink, ch});
}

static void
test_cells_utf8(void)
{
    g_autofree Screen *s = text_screen_new();
    RenderBuffer b = {0};
    const RenderOptions options = {.colors = RENDER_RGB};
    set_cell(s, 0, 'A', 15, 1, 0);
    set_cell(s, 5, 0xc9, 14, 0, 1);
    s->h.cursor_visible = 1;
    s->h.cursor_x = 3;
    s->h.cursor_y = 1;

    CU_ASSERT_TRUE(render_cells(&s->h, sizeof *s, &options, &b));

    CU_ASSERT_EQUAL(b.cols, 4);
    CU_ASSERT_EQUAL(b.rows, 2);
    CU_ASSERT_STRING_EQUAL(b.cells[0].glyph, "A");
    CU_ASSERT_EQUAL(b.cells[0].fg, 0xffffff);
    CU_ASSERT_EQUAL(b.cells[0].bg, 0x0000aa);
    CU_ASSERT_STRING_EQUAL(b.cells[5].glyph, "\xe2\x95\x94");
    CU_ASSERT_EQUAL(b.cells[5].flags, RENDER_BLINK);
    CU_ASSERT_STRING_EQUAL(b.cells[1].glyph, " ");
    CU_ASSERT_EQUAL(b.cursor_x, 3);
    CU_ASSERT_EQUAL(b.cursor_y, 1);
    CU_ASSERT_FALSE(b.cursor_block);
    render_buffer_clear(&b);
}

static void
test_cells_ascii(void)
{
    g_autofree Screen *s = text_screen_new();
    RenderBuffer b = {0};
    const RenderOptions options = {.colors = RENDER_8, .ascii = true};
    set_cell(s, 0, 0xcd, 12, 4, 0);
    set_cell(s, 1, 0xb3, 7, 0, 0);
    set_cell(s, 2, 0xdb, 1, 0, 0);

    CU_ASSERT_TRUE(render_cells(&s->h, sizeof *s, &options, &b));

    CU_ASSERT_STRING_EQUAL(b.cells[0].glyph, "=");
    CU_ASSERT_EQUAL(b.cells[0].bg, 1); /* ANSI red */
    CU_ASSERT_EQUAL(b.cells[0].flags, RENDER_BOLD);
    CU_ASSERT_STRING_EQUAL(b.cells[1].glyph, "|");
    CU_ASSERT_EQUAL(b.cells[1].flags, 0);
    CU_ASSERT_STRING_EQUAL(b.cells[2].glyph, "#");
    CU_ASSERT_EQUAL(b.cells[2].fg, 4); /* ANSI blue */
    render_buffer_clear(&b);
}

static void
test_cells_mono(void)
{
    g_autofree Screen *s = text_screen_new();
    RenderBuffer b = {0};
    const RenderOptions options = {.colors = RENDER_MONO};
    set_cell(s, 0, 'x', 0, 7, 0);
    set_cell(s, 1, 'x', 15, 0, 0);
    set_cell(s, 2, 'x', 7, 0, 0);

    CU_ASSERT_TRUE(render_cells(&s->h, sizeof *s, &options, &b));

    CU_ASSERT_EQUAL(b.cells[0].flags, RENDER_REVERSE);
    CU_ASSERT_EQUAL(b.cells[1].flags, RENDER_BOLD);
    CU_ASSERT_EQUAL(b.cells[2].flags, 0);
    render_buffer_clear(&b);
}

static void
test_cells_hostile(void)
{
    g_autofree Screen *s = text_screen_new();
    Cell *cells = s->cells;
    RenderBuffer b = {0};
    const RenderOptions options = {.colors = RENDER_256};
    cells[0] = (Cell){.codepoint = 0x1b, .fg = 200, .bg = 99};
    cells[1] = (Cell){.codepoint = 0x4e2d}; /* two columns wide */
    cells[2] = (Cell){.codepoint = 0xffffffff};
    cells[3] = (Cell){.codepoint = 0x301}; /* combining */
    s->h.cursor_visible = 1;
    s->h.cursor_x = 0xffffffff;

    CU_ASSERT_TRUE(render_cells(&s->h, sizeof *s, &options, &b));

    CU_ASSERT_STRING_EQUAL(b.cells[0].glyph, " ");
    CU_ASSERT_STRING_EQUAL(b.cells[1].glyph, " ");
    CU_ASSERT_STRING_EQUAL(b.cells[2].glyph, " ");
    CU_ASSERT_STRING_EQUAL(b.cells[3].glyph, " ");
    CU_ASSERT_EQUAL(b.cursor_x, -1);
    render_buffer_clear(&b);
}

static void
test_refusals(void)
{
    g_autofree Screen *s = screen_new(8, 8);
    RenderBuffer b = {0};
    const RenderOptions options = {.colors = RENDER_RGB};
    g_autoptr(GByteArray) png = g_byte_array_new();

    CU_ASSERT_FALSE(render_cells(&s->h, sizeof *s, &options, &b));
    CU_ASSERT_FALSE(render_halfblock(&s->h, 4100, &options, 8, 4, &b));
    CU_ASSERT_FALSE(render_halfblock(&s->h, sizeof *s, &options, 0, 4, &b));
    CU_ASSERT_FALSE(render_halfblock(&s->h, sizeof *s, &options, 8, 9999, &b));
    CU_ASSERT_FALSE(render_png(&s->h, 4100, png));
    CU_ASSERT_EQUAL(png->len, 0);
    CU_ASSERT_PTR_NULL(b.cells);
}

static void
test_halfblock_exact(void)
{
    g_autofree Screen *s = screen_new(2, 4);
    RenderBuffer b = {0};
    const RenderOptions options = {.colors = RENDER_RGB};
    set_pixel(s, 0, 0, 0xff0000);
    set_pixel(s, 0, 1, 0x00ff00);
    set_pixel(s, 1, 2, 0x0000ff);
    set_pixel(s, 1, 3, 0x0000ff);

    CU_ASSERT_TRUE(render_halfblock(&s->h, sizeof *s, &options, 2, 2, &b));

    CU_ASSERT_STRING_EQUAL(b.cells[0].glyph, "\xe2\x96\x80");
    CU_ASSERT_EQUAL(b.cells[0].fg, 0xff0000);
    CU_ASSERT_EQUAL(b.cells[0].bg, 0x00ff00);
    CU_ASSERT_STRING_EQUAL(b.cells[3].glyph, " ");
    CU_ASSERT_EQUAL(b.cells[3].bg, 0x0000ff);
    CU_ASSERT_EQUAL(b.cursor_x, -1);
    render_buffer_clear(&b);
}

static void
test_halfblock_mean(void)
{
    g_autofree Screen *s = screen_new(4, 4);
    RenderBuffer b = {0};
    const RenderOptions options = {.colors = RENDER_RGB};
    set_pixel(s, 0, 0, 0xffffff); /* one of the four in the first box */

    CU_ASSERT_TRUE(render_halfblock(&s->h, sizeof *s, &options, 2, 1, &b));

    CU_ASSERT_EQUAL(b.cells[0].fg, 0x404040);
    CU_ASSERT_EQUAL(b.cells[0].bg, 0);
    render_buffer_clear(&b);
}

static void
test_halfblock_aspect(void)
{
    RenderArea wide = render_halfblock_area(640, 480, 80, 24);
    RenderArea tall = render_halfblock_area(100, 1000, 80, 24);
    RenderArea flat = render_halfblock_area(4096, 1, 80, 24);

    /* 48 pixels high: 64 wide */
    CU_ASSERT_EQUAL(wide.w, 64);
    CU_ASSERT_EQUAL(wide.h, 24);
    CU_ASSERT_EQUAL(wide.x, 8);
    CU_ASSERT_EQUAL(tall.w, 5);
    CU_ASSERT_EQUAL(tall.h, 24);
    CU_ASSERT_EQUAL(flat.w, 80);
    CU_ASSERT_EQUAL(flat.h, 1);
    CU_ASSERT_EQUAL(flat.y, 11);
}

static void
test_halfblock_ascii(void)
{
    g_autofree Screen *s = screen_new(3, 2);
    RenderBuffer b = {0};
    const RenderOptions options = {.colors = RENDER_MONO, .ascii = true};
    set_pixel(s, 0, 0, 0xffffff);
    set_pixel(s, 0, 1, 0xffffff);
    set_pixel(s, 1, 0, 0xffffff);

    CU_ASSERT_TRUE(render_halfblock(&s->h, sizeof *s, &options, 3, 1, &b));

    CU_ASSERT_STRING_EQUAL(b.cells[0].glyph, "@");
    CU_ASSERT_STRING_EQUAL(b.cells[1].glyph, "=");
    CU_ASSERT_STRING_EQUAL(b.cells[2].glyph, " ");
    CU_ASSERT_EQUAL(b.cells[0].fg, 0);
    render_buffer_clear(&b);
}

static void
test_colors(void)
{
    CU_ASSERT_EQUAL(render_color(0xff123456, RENDER_RGB), 0x123456);
    CU_ASSERT_EQUAL(render_color(0x000000, RENDER_256), 16);
    CU_ASSERT_EQUAL(render_color(0xffffff, RENDER_256), 231);
    CU_ASSERT_EQUAL(render_color(0xff0000, RENDER_256), 196);
    CU_ASSERT_EQUAL(render_color(0x808080, RENDER_256), 244);
    CU_ASSERT_EQUAL(render_color(0xaa0000, RENDER_8), 1);
    CU_ASSERT_EQUAL(render_color(0x0000aa, RENDER_8), 4);
    CU_ASSERT_EQUAL(render_color(0xffff55, RENDER_16), 11);
    CU_ASSERT_EQUAL(render_color(0x123456, RENDER_MONO), 0);
}

static guint32
be32(const guint8 *p)
{
    return (guint32) p[0] << 24 | (guint32) p[1] << 16 | (guint32) p[2] << 8 |
           p[3];
}

static void
test_png(void)
{
    static const guint8 signature[8] = {0x89, 'P',  'N',  'G',
                                        '\r', '\n', 0x1a, '\n'};
    /* filter byte, then RGB, for two lines of two */
    static const guint8 expected[14] = {0, 0xff, 0, 0,    0, 0xff, 0,
                                        0, 0,    0, 0xff, 1, 2,    3};
    g_autofree Screen *s = screen_new(2, 2);
    g_autoptr(GByteArray) png = g_byte_array_new();
    guint8 raw[32];
    uLongf raw_len = sizeof raw;
    set_pixel(s, 0, 0, 0xaaff0000);
    set_pixel(s, 1, 0, 0x0000ff00);
    set_pixel(s, 0, 1, 0x000000ff);
    set_pixel(s, 1, 1, 0x00010203);

    CU_ASSERT_TRUE(render_png(&s->h, sizeof *s, png));

    const guint8 *p = png->data;
    CU_ASSERT_EQUAL(memcmp(p, signature, 8), 0);
    CU_ASSERT_EQUAL(be32(p + 8), 13);
    CU_ASSERT_EQUAL(memcmp(p + 12, "IHDR", 4), 0);
    CU_ASSERT_EQUAL(be32(p + 16), 2);
    CU_ASSERT_EQUAL(be32(p + 20), 2);
    CU_ASSERT_EQUAL(be32(p + 29), crc32(0, p + 12, 17));
    guint32 len = be32(p + 33);
    CU_ASSERT_EQUAL(memcmp(p + 37, "IDAT", 4), 0);
    CU_ASSERT_EQUAL(uncompress(raw, &raw_len, p + 41, len), Z_OK);
    CU_ASSERT_EQUAL(raw_len, sizeof expected);
    CU_ASSERT_EQUAL(memcmp(raw, expected, sizeof expected), 0);
    CU_ASSERT_EQUAL(be32(p + 41 + len), crc32(0, p + 37, len + 4));
    CU_ASSERT_EQUAL(memcmp(p + 41 + len + 8, "IEND", 4), 0);
    CU_ASSERT_EQUAL(png->len, 41 + len + 4 + 12);
}

CU_MAIN("render", {"text_cells_keep_glyphs_and_colours", test_cells_utf8},
        {"ascii_terminals_get_ascii_and_bold", test_cells_ascii},
        {"mono_terminals_get_reverse_and_bold", test_cells_mono},
        {"hostile_cells_become_blanks", test_cells_hostile},
        {"frames_that_do_not_fit_are_refused", test_refusals},
        {"a_half_block_shows_two_pixels", test_halfblock_exact},
        {"smaller_pictures_show_the_mean", test_halfblock_mean},
        {"pictures_keep_their_aspect", test_halfblock_aspect},
        {"ascii_pictures_are_as_bright", test_halfblock_ascii},
        {"colours_are_quantised_to_the_nearest", test_colors},
        {"png_has_signature_checksums_and_pixels", test_png})
