/* console.c - a machine's screen and keyboard. Every key goes to the guest but
 * Ctrl-], which opens the menu (console-menu.c). */
#include <string.h>

#include "ui/screens/console-internal.h"
#include "ui/tui/guest-keys.h"
#include "ui/widgets/draw.h"

/* One character in 30 ms: old BIOSes and DOS programs keep up. */
#define TYPE_MS 30
/* More than this in one paste is a mistake. */
#define TYPE_MAX (64 * 1024)

void
console_send(Console *c, const InputEvent *events, unsigned n)
{
    if (c->closed || c->console == NULL || n == 0)
        return;
    if (tui_read_only(c->screen.tui))
        tui_notify(c->screen.tui, STYLE_WARN, "read-only: keys are not sent");
    else
        tui_ops(c->screen.tui)->console_input(c->console, events, n);
}

static gboolean
on_type(gpointer data)
{
    Console *c = data;
    InputEvent events[GUEST_KEYS_MAX];

    if (c->typing->len == 0 || c->closed) {
        g_string_truncate(c->typing, 0);
        c->typing_source = 0;
        if (c->untypable > 0)
            tui_notify(c->screen.tui, STYLE_WARN,
                       "%u characters have no key on a US keyboard and were "
                       "left out",
                       c->untypable);
        tui_redraw(c->screen.tui);
        return G_SOURCE_REMOVE;
    }
    unsigned n = guest_keys_from_char(g_utf8_get_char(c->typing->str), events);
    g_string_erase(c->typing, 0,
                   g_utf8_next_char(c->typing->str) - c->typing->str);
    if (n == 0)
        c->untypable++;
    else
        console_send(c, events, n);
    return G_SOURCE_CONTINUE;
}

void
console_type(Console *c, const char *text)
{
    if (c->typing->len + strlen(text) > TYPE_MAX) {
        tui_notify(c->screen.tui, STYLE_WARN,
                   "more than 64 KiB to type: copy it in by a disk instead");
        return;
    }
    g_string_append(c->typing, text);
    c->untypable = 0;
    if (c->typing_source == 0)
        c->typing_source = g_timeout_add(TYPE_MS, on_type, c);
}

static void
send_mouse(Console *c, const Key *key)
{
    InputEvent events[GUEST_KEYS_MAX];
    const RenderArea *a = &c->area;
    unsigned n = 0;

    if (c->mouse == CONSOLE_MOUSE_OFF || a->w <= 0 || a->h <= 0)
        return;
    if (c->mouse == CONSOLE_MOUSE_ABS) {
        n = guest_mouse_absolute(key, (key->mouse.x - a->x) * 32767 / a->w,
                                 (key->mouse.y - a->y) * 32767 / a->h, events);
    } else {
        int dx = 0, dy = 0;

        if (c->mouse_x >= 0) {
            dx = (key->mouse.x - c->mouse_x) * c->guest_w / a->w;
            dy = (key->mouse.y - c->mouse_y) * c->guest_h / a->h;
        }
        n = guest_mouse_relative(key, dx, dy, events);
    }
    c->mouse_x = key->mouse.x;
    c->mouse_y = key->mouse.y;
    console_send(c, events, n);
}

static bool
console_key(Screen *s, const Key *key)
{
    Console *c = (Console *) s;
    InputEvent events[GUEST_KEYS_MAX];
    unsigned n;

    if (key->key == TK_MOUSE) {
        send_mouse(c, key);
        return true;
    }
    if (c->closed) {
        tui_pop(s);
        return true;
    }
    if (key->key == TK_CHAR && key->ch == ']' && key->mods == TMOD_CTRL) {
        console_open_menu(c);
        return true;
    }
    if (key->key == TK_PASTE) {
        console_type(c, key->text);
        return true;
    }
    n = guest_keys_from_key(key, events);
    if (n == 0)
        tui_notify(s->tui, STYLE_WARN,
                   "no such key on a US keyboard (Ctrl-] k sends others)");
    console_send(c, events, n);
    return true;
}

static void
on_changed(void *data)
{
    tui_redraw(((Console *) data)->screen.tui);
}

static void
on_closed(void *data, const char *reason)
{
    Console *c = data;

    c->closed = true;
    g_free(c->reason);
    c->reason =
        g_strdup(reason != NULL && *reason != '\0' ? reason : "powered off");
    tui_redraw(c->screen.tui);
}

static void
console_free(Screen *s)
{
    Console *c = (Console *) s;

    if (c->typing_source != 0)
        g_source_remove(c->typing_source);
    if (c->mouse != CONSOLE_MOUSE_OFF)
        term_set_mouse_motion(tui_term(s->tui), false);
    if (c->console != NULL)
        tui_ops(s->tui)->console_close(c->console);
    render_buffer_clear(&c->buffer);
    g_string_free(c->typing, TRUE);
    g_free(c->reason);
    g_free(c->name);
    g_free(c);
}

static const ScreenClass console_class = {
    .name = "Console (after Ctrl-])",
    .captures = true,
    .keys = console_keys,
    .draw = console_draw,
    .key = console_key,
    .command = console_command,
    .free = console_free,
};

void
console_open(Tui *tui, const char *name)
{
    static const UiConsoleEvents events = {on_changed, on_closed};
    g_autoptr(GError) error = NULL;
    Console *c = g_new0(Console, 1);

    c->screen.class = &console_class;
    c->screen.tui = tui;
    c->name = g_strdup(name);
    c->typing = g_string_new(NULL);
    c->mouse_x = c->mouse_y = -1;
    c->console =
        tui_ops(tui)->console_open(tui_host(tui), name, &events, c, &error);
    if (c->console == NULL) {
        tui_notify(tui, STYLE_BAD, "%s: %s", name,
                   error != NULL ? error->message : "no console");
        console_free(&c->screen);
        return;
    }
    if (term_has_mouse(tui_term(tui)) && !tui_read_only(tui)) {
        c->mouse = CONSOLE_MOUSE_REL;
        term_set_mouse_motion(tui_term(tui), true);
    }
    tui_push(tui, &c->screen);
}
