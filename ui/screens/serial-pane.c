/* serial-pane.c - a serial port with its scrollback, as a plain teletype
 * (ui/tui/glass-tty.h). For full-screen programs: carrel console --serial. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "ui/screens/screens.h"
#include "ui/tui/glass-tty.h"
#include "ui/widgets/draw.h"

typedef struct {
    Screen screen;
    char *name;
    unsigned port;
    int fd; /* -1: closed */
    guint source;
    GlassTty *tty;
    int back; /* lines scrolled back */
} SerialPane;

const KeyBinding serial_pane_keys[] = {
    {"Ctrl-]", CMD_BACK, "back", "back to the screen", 0},
    {"Shift-PgUp", CMD_PGUP, "older", "scroll back", 0},
    {"Shift-PgDn", CMD_PGDN, "newer", "scroll forward", 0},
    {0},
};

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
    SerialPane *p = data;
    guchar buf[16384];
    gssize n = read(fd, buf, sizeof buf);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n > 0)
        glass_tty_feed(p->tty, buf, (gsize) n);
    tui_redraw(p->screen.tui);
    if (n > 0)
        return G_SOURCE_CONTINUE;
    p->source = 0;
    close(p->fd);
    p->fd = -1;
    return G_SOURCE_REMOVE;
}

static void
draw_line(SerialPane *p, unsigned i, int y)
{
    g_autofree char *text = glass_tty_line(p->tty, i);

    draw_text(p->screen.tui, y, 0, draw_cols(), STYLE_NORMAL, text);
}

static void
serial_draw(Screen *s)
{
    SerialPane *p = (SerialPane *) s;
    g_autofree char *title =
        g_strdup_printf("Carrel > %s > COM%u", p->name, p->port + 1);
    int rows = draw_content_rows(), lines = (int) glass_tty_lines(p->tty);

    p->back = CLAMP(p->back, 0, MAX(lines - rows, 0));
    int first = MAX(lines - rows - p->back, 0);
    draw_frame(s, title,
               p->fd < 0     ? "closed"
               : p->back > 0 ? "scrolled back"
                             : "");
    for (int i = 0; i < rows && first + i < lines; i++)
        draw_line(p, (unsigned) (first + i), 1 + i);
    if (p->back == 0)
        tui_cursor(s->tui, MIN(lines - first, rows),
                   (int) glass_tty_column(p->tty), true);
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
    glass_tty_free(p->tty);
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
    p->tty = glass_tty_new();
    (void) g_unix_set_fd_nonblocking(fd, TRUE, NULL); /* else it is slow */
    p->source =
        g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, p);
    tui_push(tui, &p->screen);
}
