/* glass-tty.c - a teletype on glass: lines, carriage return, backspace, tab,
 * and the few ANSI sequences that shells use to edit one line; the others are
 * eaten. No cursor addressing: full-screen programs need a real terminal. */
#include "ui/tui/glass-tty.h"

#include <stdbool.h>
#include <string.h>

#define MAX_LINES 5000
#define MAX_COLS  1024

typedef enum { TTY_TEXT, TTY_ESC, TTY_CSI, TTY_STRING } TtyState;

struct GlassTty {
    GPtrArray *lines; /* of GArray of gunichar */
    unsigned column;
    TtyState state;
    char params[16];
    gsize n_params;
    guchar utf8[8]; /* a character that has not arrived whole */
    gsize n_utf8;
};

static GArray *
last_line(GlassTty *t)
{
    return g_ptr_array_index(t->lines, t->lines->len - 1);
}

static void
new_line(GlassTty *t)
{
    if (t->lines->len >= MAX_LINES)
        g_ptr_array_remove_range(t->lines, 0, MAX_LINES / 10);
    g_ptr_array_add(t->lines, g_array_new(FALSE, FALSE, sizeof(gunichar)));
}

static void
put_char(GlassTty *t, gunichar c)
{
    GArray *line = last_line(t);
    gunichar blank = ' ';

    if (t->column >= MAX_COLS) {
        new_line(t);
        t->column = 0;
        line = last_line(t);
    }
    while (line->len <= t->column)
        g_array_append_val(line, blank);
    g_array_index(line, gunichar, t->column++) = c;
}

static void
control_char(GlassTty *t, guchar c)
{
    switch (c) {
    case '\n':
        new_line(t);
        /* The guest sends CR too; alone, LF goes down in the same column. */
        break;
    case '\r': t->column = 0; break;
    case '\b': t->column -= t->column > 0; break;
    case '\t': t->column = MIN((t->column | 7) + 1, MAX_COLS); break;
    case 0x1b: t->state = TTY_ESC; break;
    default: break;
    }
}

static void
run_csi(GlassTty *t, char final)
{
    unsigned n =
        (unsigned) CLAMP(g_ascii_strtoll(t->params, NULL, 10), 0, MAX_COLS);
    GArray *line = last_line(t);

    switch (final) {
    case 'C': t->column = MIN(t->column + MAX(n, 1), MAX_COLS); break;
    case 'D': t->column -= MIN(t->column, MAX(n, 1)); break;
    case 'G': t->column = MIN(MAX(n, 1) - 1, MAX_COLS); break;
    case 'K':
        if (n == 0 && line->len > t->column)
            g_array_set_size(line, t->column);
        else if (n == 2)
            g_array_set_size(line, 0);
        break;
    case 'J':
        if (n == 2)
            new_line(t);
        break;
    case 'H':
        new_line(t);
        t->column = 0;
        break;
    default: break;
    }
}

/* True when c belonged to an escape sequence. */
static bool
escape_byte(GlassTty *t, guchar c)
{
    if (t->state == TTY_TEXT)
        return false;
    if (t->state == TTY_ESC) {
        t->n_params = 0;
        memset(t->params, 0, sizeof t->params);
        t->state = c == '['                               ? TTY_CSI
                   : strchr("]P^_X", c) != NULL && c != 0 ? TTY_STRING
                                                          : TTY_TEXT;
    } else if (t->state == TTY_CSI) {
        if (c >= 0x40 && c < 0x7f) {
            t->state = TTY_TEXT;
            run_csi(t, (char) c);
        } else if (t->n_params + 1 < sizeof t->params) {
            t->params[t->n_params++] = (char) c;
        }
    } else if (c == '\a' || c == '\\' || c == '\n') {
        t->state = TTY_TEXT; /* the end of a title or the like */
    }
    return true;
}

static void
text_byte(GlassTty *t, guchar c)
{
    t->utf8[t->n_utf8++] = c;
    gunichar u =
        g_utf8_get_char_validated((const char *) t->utf8, (gssize) t->n_utf8);

    if (u == (gunichar) -2 && t->n_utf8 < 6)
        return; /* more to come */
    if (u == (gunichar) -1 || u == (gunichar) -2)
        u = 0xfffd;
    t->n_utf8 = 0;
    put_char(t, u);
}

void
glass_tty_feed(GlassTty *t, const guint8 *data, gsize len)
{
    for (gsize i = 0; i < len; i++) {
        if (escape_byte(t, data[i]))
            continue;
        if (data[i] < 0x20 || data[i] == 0x7f) {
            t->n_utf8 = 0;
            control_char(t, data[i]);
        } else {
            text_byte(t, data[i]);
        }
    }
}

GlassTty *
glass_tty_new(void)
{
    GlassTty *t = g_new0(GlassTty, 1);

    t->lines = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
    new_line(t);
    return t;
}

void
glass_tty_free(GlassTty *t)
{
    if (t == NULL)
        return;
    g_ptr_array_unref(t->lines);
    g_free(t);
}

unsigned
glass_tty_lines(const GlassTty *t)
{
    return t->lines->len;
}

unsigned
glass_tty_column(const GlassTty *t)
{
    return t->column;
}

char *
glass_tty_line(const GlassTty *t, unsigned i)
{
    GArray *line = g_ptr_array_index(t->lines, i);
    char *text = g_ucs4_to_utf8((const gunichar *) (gpointer) line->data,
                                line->len, NULL, NULL, NULL);

    return text != NULL ? text : g_strdup("");
}
