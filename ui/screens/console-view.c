/* console-view.c - the guest's screen in the terminal: its own text cells in
 * their colours, or its picture as half-blocks; the last line is ours. */
#include <string.h>

#include "ui/screens/console-internal.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"

static void
put_cell(Theme *theme, const RenderCell *cell, int y, int x)
{
    wchar_t glyph[2] = {(wchar_t) g_utf8_get_char(cell->glyph), 0};
    short pair = theme_pair(theme, (int) cell->fg, (int) cell->bg);
    attr_t attr = A_NORMAL;
    cchar_t cc;

    if (cell->flags & RENDER_BLINK)
        attr |= A_BLINK;
    if (cell->flags & RENDER_BOLD)
        attr |= A_BOLD;
    if (cell->flags & RENDER_REVERSE)
        attr |= A_REVERSE;
    if (setcchar(&cc, glyph, attr, pair, NULL) == OK)
        (void) mvadd_wch(y, x, &cc);
}

/* The rows stay until the cursor leaves them. Without a cursor it is a program
 * with a screen of its own, whose last lines say what one can do. */
static int
first_row(Console *c, int rows)
{
    int hidden = MAX(c->buffer.rows - rows, 0), cursor = c->buffer.cursor_y;

    if (c->pan == PAN_FOLLOW && cursor < 0)
        c->top = hidden;
    else if (c->pan == PAN_FOLLOW)
        c->top = CLAMP(c->top, cursor - rows + 1, cursor);
    c->n_rows = rows;
    c->top = CLAMP(c->top, 0, hidden);
    return c->top;
}

/* The next page of rows that do not fit, and at the end the cursor again. */
void
console_pan(Console *c)
{
    int hidden = MAX(c->buffer.rows - c->n_rows, 0);

    if (c->pan == PAN_FOLLOW)
        c->top = 0;
    else if (c->top < hidden)
        c->top = MIN(c->top + c->n_rows, hidden);
    else {
        c->pan = PAN_FOLLOW;
        return;
    }
    c->pan = PAN_FIXED;
}

static int
first_col(const Console *c, int cols)
{
    int hidden = c->buffer.cols - cols;

    if (hidden <= 0)
        return 0;
    return CLAMP(c->buffer.cursor_x - cols + 1, 0, hidden);
}

static void
draw_buffer(Console *c, int rows, int cols)
{
    Theme *theme = term_theme(tui_term(c->screen.tui));
    RenderBuffer *b = &c->buffer;
    int top = first_row(c, rows), left = first_col(c, cols);
    int y0 = MAX((rows - b->rows) / 2, 0), x0 = MAX((cols - b->cols) / 2, 0);

    for (int y = 0; y < MIN(rows, b->rows); y++)
        for (int x = 0; x < MIN(cols, b->cols); x++)
            put_cell(theme, &b->cells[(top + y) * b->cols + left + x], y0 + y,
                     x0 + x);
    c->area = (RenderArea){x0 - left, y0 - top, b->cols, b->rows};
    if (b->cursor_x >= left && b->cursor_x < left + cols &&
        b->cursor_y >= top && b->cursor_y < top + rows)
        tui_cursor(c->screen.tui, y0 + b->cursor_y - top,
                   x0 + b->cursor_x - left, true);
}

static RenderOptions
render_options(Console *c)
{
    Tui *tui = c->screen.tui;
    int colors = theme_colors(term_theme(tui_term(tui)));

    return (RenderOptions){colors == 256  ? RENDER_256
                           : colors == 16 ? RENDER_16
                           : colors == 8  ? RENDER_8
                                          : RENDER_MONO,
                           tui_ascii(tui)};
}

/* Draws the frame and describes it for the status line. */
static char *
draw_screen(Console *c, int rows, int cols)
{
    gsize len = 0;
    const ScreenHeader *map =
        c->console != NULL
            ? tui_ops(c->screen.tui)->console_screen(c->console, &len)
            : NULL;
    RenderOptions options = render_options(c);

    if (map == NULL || len < sizeof *map || rows < 1 || cols < 1) {
        if (!c->closed)
            draw_text(c->screen.tui, rows / 2, 2, cols - 2, STYLE_DIM,
                      "Nothing on the screen yet: the guest has not set a "
                      "video mode.");
        return g_strdup("no picture yet");
    }
    c->guest_w = (int) MIN(map->width, SCREEN_MAX_W);
    c->guest_h = (int) MIN(map->height, SCREEN_MAX_H);
    if (!c->scaled && render_cells(map, len, &options, &c->buffer)) {
        draw_buffer(c, rows, cols);
        if (c->buffer.rows > rows)
            return g_strdup_printf("rows %d-%d of %d, Ctrl-] t: others",
                                   c->top + 1, c->top + rows, c->buffer.rows);
        return g_strdup_printf("VGA %dx%d text", c->buffer.cols,
                               c->buffer.rows);
    }
    if (render_halfblock(map, len, &options, MIN(cols, 1024), MIN(rows, 1024),
                         &c->buffer)) {
        draw_buffer(c, rows, cols);
        c->area = render_halfblock_area(c->guest_w, c->guest_h, MIN(cols, 1024),
                                        MIN(rows, 1024));
        return g_strdup_printf("%dx%d scaled, Ctrl-] v: viewer", c->guest_w,
                               c->guest_h);
    }
    return g_strdup("the frame is not valid");
}

static void
draw_line(Console *c, const char *mode)
{
    Tui *tui = c->screen.tui;
    guint leds = c->console != NULL && !c->closed
                     ? tui_ops(tui)->console_leds(c->console)
                     : 0;
    static const char *const mouse[] = {"", " | mouse", " | tablet"};
    g_autofree char *line =
        g_strdup_printf(" %s  %s | Ctrl-] menu | keys: US%s%s%s%s%s", c->name,
                        mode, leds & 4 ? " caps" : "", leds & 2 ? " num" : "",
                        leds & 1 ? " scroll" : "", mouse[c->mouse],
                        c->typing->len > 0 ? " | typing…" : "");
    Style style = STYLE_NORMAL;
    const char *notice = tui_notice(tui, &style);
    int y = draw_rows() - 1;

    draw_fill(tui, y, 0, draw_cols(), STYLE_SELECTED);
    if (c->closed)
        draw_format(tui, y, 0, draw_cols(), STYLE_SELECTED,
                    " %s  ended: %s | any key: back", c->name, c->reason);
    else if (notice != NULL)
        draw_format(tui, y, 0, draw_cols(), STYLE_SELECTED, " %s", notice);
    else
        draw_text(tui, y, 0, draw_cols(), STYLE_SELECTED, line);
}

void
console_draw(Screen *s)
{
    Console *c = (Console *) s;
    Style style = STYLE_NORMAL;
    /* What must be said shows the line again. */
    bool line =
        !c->line_hidden || c->closed || tui_notice(s->tui, &style) != NULL;
    g_autofree char *mode =
        draw_screen(c, draw_rows() - (line ? 1 : 0), draw_cols());

    if (line)
        draw_line(c, mode);
}
