/* serial-pane.c - a serial port as text with its scrollback. A plain teletype:
 * lines, carriage return, backspace, tab, and the few ANSI sequences that
 * shells use to edit one line; the others are eaten, none reaches the
 * terminal. For full-screen programs: carrel console --serial. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "ui/screens/screens.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"

#define MAX_LINES 5000
#define MAX_COLS  1024

typedef enum { TTY_TEXT, TTY_ESC, TTY_CSI, TTY_STRING } TtyState;

typedef struct {
    Screen screen;
    char *name;
    unsigned port;
    int fd; /* -1: closed */
    guint source;
    GPtrArray *lines; /* of GArray of gunichar */
    unsigned column;
    TtyState state;
    char params[16];
    gsize n_params;
    guchar utf8[8]; /* a character that has not arrived whole */
    gsize n_utf8;
    int back; /* lines scrolled back */
} SerialPane;

const KeyBinding serial_pane_keys[] = {
    {"Ctrl-]", CMD_BACK, "back", "back to the screen", 0},
    {"Shift-PgUp", CMD_PGUP, "older", "scroll back", 0},
    {"Shift-PgDn", CMD_PGDN, "newer", "scroll forward", 0},
    {0},
};

static GArray *
last_line(SerialPane *p)
{
    return g_ptr_array_index(p->lines, p->lines->len - 1);
}

static void
new_line(SerialPane *p)
{
    if (p->lines->len >= MAX_LINES)
        g_ptr_array_remove_range(p->lines, 0, MAX_LINES / 10);
    g_ptr_array_add(p->lines, g_array_new(FALSE, FALSE, sizeof(gunichar)));
}

static void
put_char(SerialPane *p, gunichar c)
{
    GArray *line = last_line(p);
    gunichar blank = ' ';

    if (p->column >= MAX_COLS) {
        new_line(p);
        p->column = 0;
        line = last_line(p);
    }
    while (line->len <= p->column)
        g_array_append_val(line, blank);
    g_array_index(line, gunichar, p->column++) = c;
}

static void
control_char(SerialPane *p, guchar c)
{
    switch (c) {
    case '\n':
        new_line(p);
        /* The guest sends CR too; alone, LF goes down in the same column. */
        break;
    case '\r': p->column = 0; break;
    case '\b': p->column -= p->column > 0; break;
    case '\t': p->column = MIN((p->column | 7) + 1, MAX_COLS); break;
    case 0x1b: p->state = TTY_ESC; break;
    default: break;
    }
}

static void
run_csi(SerialPane *p, char final)
{
    unsigned n =
        (unsigned) CLAMP(g_ascii_strtoll(p->params, NULL, 10), 0, MAX_COLS);
    GArray *line = last_line(p);

    switch (final) {
    case 'C': p->column = MIN(p->column + MAX(n, 1), MAX_COLS); break;
    case 'D': p->column -= MIN(p->column, MAX(n, 1)); break;
    case 'G': p->column = MIN(MAX(n, 1) - 1, MAX_COLS); break;
    case 'K':
        if (n == 0 && line->len > p->column)
            g_array_set_size(line, p->column);
        else if (n == 2)
            g_array_set_size(line, 0);
        break;
    case 'J':
        if (n == 2)
            new_line(p);
        break;
    case 'H':
        new_line(p);
        p->column = 0;
        break;
    default: break;
    }
}

/* True when c belonged to an escape sequence. */
static bool
escape_byte(SerialPane *p, guchar c)
{
    if (p->state == TTY_TEXT)
        return false;
    if (p->state == TTY_ESC) {
        p->n_params = 0;
        memset(p->params, 0, sizeof p->params);
        p->state = c == '['                               ? TTY_CSI
                   : strchr("]P^_X", c) != NULL && c != 0 ? TTY_STRING
                                                          : TTY_TEXT;
    } else if (p->state == TTY_CSI) {
        if (c >= 0x40 && c < 0x7f) {
            p->state = TTY_TEXT;
            run_csi(p, (char) c);
        } else if (p->n_params + 1 < sizeof p->params) {
            p->params[p->n_params++] = (char) c;
        }
    } else if (c == '\a' || c == '\\' || c == '\n') {
        p->state = TTY_TEXT; /* the end of a title or the like */
    }
    return true;
}

static void
text_byte(SerialPane *p, guchar c)
{
    p->utf8[p->n_utf8++] = c;
    gunichar u =
        g_utf8_get_char_validated((const char *) p->utf8, (gssize) p->n_utf8);

    if (u == (gunichar) -2 && p->n_utf8 < 6)
        return; /* more to come */
    if (u == (gunichar) -1 || u == (gunichar) -2)
        u = 0xfffd;
    p->n_utf8 = 0;
    put_char(p, u);
}

static void
feed(SerialPane *p, const guchar *data, gsize len)
{
    for (gsize i = 0; i < len; i++) {
        if (escape_byte(p, data[i]))
            continue;
        if (data[i] < 0x20 || data[i] == 0x7f) {
            p->n_utf8 = 0;
            control_char(p, data[i]);
        } else {
            text_byte(p, data[i]);
        }
    }
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    SerialPane *p = data;
    guchar buf[16384];
    gssize n = read(fd, buf, sizeof buf);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n > 0)
        feed(p, buf, (gsize) n);
    tui_redraw(p->screen.tui);
    if (n > 0)
        return G_SOURCE_CONTINUE;
    p->source = 0;
    close(p->fd);
    p->fd = -1;
    return G_SOURCE_REMOVE;
}

static void
draw_line(SerialPane *p, GArray *line, int y)
{
    g_autofree char *text = g_ucs4_to_utf8(
        (const gunichar *) (gpointer) line->data, line->len, NULL, NULL, NULL);

    if (text != NULL)
        draw_text(p->screen.tui, y, 0, draw_cols(), STYLE_NORMAL, text);
}

static void
serial_draw(Screen *s)
{
    SerialPane *p = (SerialPane *) s;
    g_autofree char *title =
        g_strdup_printf("Carrel > %s > COM%u", p->name, p->port + 1);
    int rows = draw_content_rows();

    p->back = CLAMP(p->back, 0, MAX((int) p->lines->len - rows, 0));
    int first = MAX((int) p->lines->len - rows - p->back, 0);
    draw_frame(s, title,
               p->fd < 0     ? "closed"
               : p->back > 0 ? "scrolled back"
                             : "");
    for (int i = 0; i < rows && first + i < (int) p->lines->len; i++)
        draw_line(p, g_ptr_array_index(p->lines, (guint) (first + i)), 1 + i);
    if (p->back == 0)
        tui_cursor(s->tui, MIN((int) p->lines->len - first, rows),
                   (int) p->column, true);
}

/* What a VT100 sends for key; the bytes in buf. */
static gsize
key_bytes(const Key *key, char *buf)
{
    static const struct {
        TermKey key;
        const char *bytes;
    } rows[] = {
        {TK_ENTER, "\r"},       {TK_KP_ENTER, "\r"},  {TK_TAB, "\t"},
        {TK_BACKSPACE, "\177"}, {TK_ESC, "\033"},     {TK_UP, "\033[A"},
        {TK_DOWN, "\033[B"},    {TK_RIGHT, "\033[C"}, {TK_LEFT, "\033[D"},
        {TK_HOME, "\033[H"},    {TK_END, "\033[F"},   {TK_DELETE, "\033[3~"},
        {TK_PGUP, "\033[5~"},   {TK_PGDN, "\033[6~"}, {TK_INSERT, "\033[2~"},
    };
    gsize n = 0;

    if (key->mods & TMOD_ALT)
        buf[n++] = '\033';
    if (key->key == TK_CHAR || key->key == TK_KP) {
        gunichar c = key->ch;
        if (key->mods & TMOD_CTRL)
            c = (gunichar) g_ascii_toupper((char) (c & 0x7f)) & 0x1f;
        return n + (gsize) g_unichar_to_utf8(c, buf + n);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].key == key->key) {
            gsize len = strlen(rows[i].bytes);
            memcpy(buf + n, rows[i].bytes, len);
            return n + len;
        }
    return 0;
}

static void
send_bytes(SerialPane *p, const char *data, gsize len)
{
    if (p->fd < 0 || len == 0)
        return;
    if (tui_read_only(p->screen.tui)) {
        tui_notify(p->screen.tui, STYLE_WARN, "read-only: keys are not sent");
        return;
    }
    /* What a guest that does not read leaves no room for is dropped. */
    if (write(p->fd, data, len) < (gssize) len)
        tui_notify(p->screen.tui, STYLE_WARN,
                   "the guest does not read its serial port");
}

static bool
serial_key(Screen *s, const Key *key)
{
    SerialPane *p = (SerialPane *) s;
    const KeyBinding *row = keys_find(serial_pane_keys, key);
    char buf[16];

    if (row != NULL && row->command == CMD_BACK)
        tui_pop(s);
    else if (row != NULL)
        p->back += (row->command == CMD_PGUP ? 1 : -1) *
                   MAX(draw_content_rows() - 1, 1);
    else if (key->key == TK_MOUSE)
        p->back += key->mouse.kind == MOUSE_WHEEL_UP     ? 3
                   : key->mouse.kind == MOUSE_WHEEL_DOWN ? -3
                                                         : 0;
    else if (key->key == TK_PASTE)
        send_bytes(p, key->text, strlen(key->text));
    else
        send_bytes(p, buf, key_bytes(key, buf));
    return true;
}

static void
serial_command(Screen *s, int command)
{
    if (command == CMD_BACK)
        tui_pop(s);
}

static void
serial_free(Screen *s)
{
    SerialPane *p = (SerialPane *) s;

    if (p->source != 0)
        g_source_remove(p->source);
    if (p->fd >= 0)
        close(p->fd);
    g_ptr_array_unref(p->lines);
    g_free(p->name);
    g_free(p);
}

static const ScreenClass serial_class = {
    .name = "Serial port",
    .captures = true,
    .keys = serial_pane_keys,
    .draw = serial_draw,
    .key = serial_key,
    .command = serial_command,
    .free = serial_free,
};

void
serial_pane_open(Tui *tui, const char *name, unsigned n, int fd)
{
    SerialPane *p = g_new0(SerialPane, 1);

    p->screen.class = &serial_class;
    p->name = g_strdup(name);
    p->port = n;
    p->fd = fd;
    p->lines = g_ptr_array_new_with_free_func((GDestroyNotify) g_array_unref);
    new_line(p);
    (void) g_unix_set_fd_nonblocking(fd, TRUE, NULL); /* else it is slow */
    p->source =
        g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, p);
    tui_push(tui, &p->screen);
}
