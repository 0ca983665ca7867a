/* draw.c - drawing on the terminal: safe text, lines, boxes, bars. */
#include "ui/widgets/draw.h"

#include <stdarg.h>
#include <string.h>

#include "ui/tui/text.h"

int
draw_cols(void)
{
    return COLS;
}

int
draw_rows(void)
{
    return LINES;
}

bool
draw_is_small(void)
{
    return COLS < DRAW_FULL_COLS || LINES < DRAW_FULL_ROWS;
}

int
draw_content_rows(void)
{
    return MAX(LINES - 3, 0);
}

static void
set_style(Tui *tui, Style style)
{
    ThemeAttr a = theme_style(term_theme(tui_term(tui)), style);

    (void) attr_set(a.attr, a.pair, NULL);
}

/* safe has been through text_safe() and fits. */
static void
put(int y, int x, const char *safe)
{
    glong n = 0;
    g_autofree gunichar *chars = g_utf8_to_ucs4_fast(safe, -1, &n);

    /* wchar_t is UCS-4 with glibc. */
    (void) mvaddnwstr(y, x, (const wchar_t *) chars, (int) n);
}

int
draw_text(Tui *tui, int y, int x, int width, Style style, const char *text)
{
    bool ascii = tui_ascii(tui);

    width = MIN(width, COLS - x);
    if (y < 0 || y >= LINES || x < 0 || width <= 0)
        return 0;
    g_autofree char *safe = text_safe(text, -1, ascii);
    g_autofree char *part = text_clip(safe, width, ascii);
    set_style(tui, style);
    put(y, x, part);
    set_style(tui, STYLE_NORMAL);
    return text_width(part);
}

int
draw_format(Tui *tui, int y, int x, int width, Style style, const char *format,
            ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return draw_text(tui, y, x, width, style, text);
}

void
draw_fill(Tui *tui, int y, int x, int width, Style style)
{
    width = MIN(width, COLS - x);
    if (y < 0 || y >= LINES || x < 0 || width <= 0)
        return;
    set_style(tui, style);
    for (int i = 0; i < width; i++)
        (void) mvaddch(y, x + i, ' ');
    set_style(tui, STYLE_NORMAL);
}

static void
repeat(Tui *tui, int y, int x, int width, Style style, const char *glyph)
{
    GString *line = g_string_new(NULL);

    for (int i = 0; i < width; i++)
        g_string_append(line, glyph);
    draw_text(tui, y, x, width, style, line->str);
    g_string_free(line, TRUE);
}

void
draw_rule(Tui *tui, int y, Style style)
{
    repeat(tui, y, 0, COLS, style, "─");
}

void
draw_box(Tui *tui, int y, int x, int rows, int cols, Style style,
         const char *title)
{
    repeat(tui, y, x + 1, cols - 2, style, "─");
    repeat(tui, y + rows - 1, x + 1, cols - 2, style, "─");
    for (int i = 1; i < rows - 1; i++) {
        draw_fill(tui, y + i, x, cols, style);
        draw_text(tui, y + i, x, 1, style, "│");
        draw_text(tui, y + i, x + cols - 1, 1, style, "│");
    }
    draw_text(tui, y, x, 1, style, "┌");
    draw_text(tui, y, x + cols - 1, 1, style, "┐");
    draw_text(tui, y + rows - 1, x, 1, style, "└");
    draw_text(tui, y + rows - 1, x + cols - 1, 1, style, "┘");
    if (title != NULL)
        draw_format(tui, y, x + 2, cols - 4, style, " %s ", title);
}

/* "s start  x stop…" as far as they fit; help keeps its place at the end. */
static void
draw_hints(Screen *s, int y)
{
    static const char last[] = "? help";
    Tui *tui = s->tui;
    int end = COLS - (s->class->captures ? 0 : (int) sizeof last + 1), x = 1;
    char name[KEY_NAME_MAX];

    for (const KeyBinding *k = s->class->keys; k && k->keys != NULL; k++) {
        if (k->hint == NULL ||
            ((k->flags & KEY_WRITES) != 0 && tui_read_only(tui)) ||
            (s->class->can != NULL && !s->class->can(s, k->command)))
            continue;
        keys_first(k, name);
        int width = text_width(name) + 1 + text_width(k->hint);
        if (x + width > end)
            break;
        x += draw_text(tui, y, x, end - x, STYLE_KEY, name) + 1;
        x += draw_text(tui, y, x, end - x, STYLE_NORMAL, k->hint) + 2;
    }
    if (!s->class->captures && end > 0) {
        draw_text(tui, y, end + 1, 1, STYLE_KEY, "?");
        draw_text(tui, y, end + 3, 4, STYLE_NORMAL, "help");
    }
}

void
draw_frame(Screen *s, const char *title, const char *right)
{
    Tui *tui = s->tui;
    g_autofree char *safe =
        text_safe(right != NULL ? right : "", -1, tui_ascii(tui));
    Style style = STYLE_NORMAL;
    int width = text_width(safe);
    int used = draw_text(tui, 0, 1, COLS - 2, STYLE_TITLE, title);

    if (used + width + 4 <= COLS)
        draw_text(tui, 0, COLS - width - 1, width, STYLE_DIM, safe);
    if (tui_read_only(tui))
        draw_text(tui, 0, used + 2, 11, STYLE_WARN, "[read-only]");
    if (LINES < 3)
        return;
    const char *notice = tui_notice(tui, &style);
    if (notice != NULL)
        draw_text(tui, LINES - 2, 1, COLS - 2, style, notice);
    draw_hints(s, LINES - 1);
}

static const char *
bar_glyph(Tui *tui, unsigned eighths)
{
    static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄",
                                         "▅", "▆", "▇", "█"};
    static const char *const ascii[] = {" ", ".", ".", ":", ":",
                                        "|", "|", "#", "#"};

    return (tui_ascii(tui) ? ascii : blocks)[MIN(eighths, 8)];
}

void
draw_spark(Tui *tui, int y, int x, int width, const guint16 *percent,
           unsigned n, unsigned max)
{
    unsigned show = MIN(n, (unsigned) MAX(width, 0));

    for (unsigned i = 0; i < show; i++) {
        unsigned v = percent[n - show + i];
        /* An idle machine shows a base line, so it differs from no machine. */
        unsigned eighths = 1 + MIN(v * 7 / MAX(max, 1), 7);

        draw_text(tui, y, x + width - (int) show + (int) i, 1, STYLE_GOOD,
                  bar_glyph(tui, eighths));
    }
}

void
draw_graph(Tui *tui, int y, int x, int rows, int cols, const guint16 *percent,
           unsigned n, unsigned max)
{
    unsigned show = MIN(n, (unsigned) MAX(cols, 0));

    for (unsigned i = 0; i < show; i++) {
        unsigned v = MIN(percent[n - show + i], max);
        unsigned eighths = (v * (unsigned) rows * 8 + max / 2) / MAX(max, 1);
        int col = x + cols - (int) show + (int) i;

        for (int r = 0; r < rows; r++) {
            unsigned part = MIN(eighths, 8);

            draw_text(tui, y + rows - 1 - r, col, 1, STYLE_GOOD,
                      bar_glyph(tui, part));
            eighths -= part;
        }
    }
}
