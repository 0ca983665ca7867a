/* console-menu.c - what Ctrl-] offers in a console: everything that a key of
 * the guest cannot mean. */
#include <string.h>

#include "ui/screens/console-internal.h"
#include "ui/tui/guest-keys.h"
#include "ui/widgets/dialog.h"
#include "ui/widgets/help.h"
#include "ui/widgets/menu.h"

enum {
    CMD_DETACH = CMD_SCREEN,
    CMD_SEND_KEY,
    CMD_PASTE,
    CMD_SCALE,
    CMD_PAN,
    CMD_INSERT,
    CMD_EJECT,
    CMD_SCREENSHOT,
    CMD_RESET,
    CMD_SERIAL,
    CMD_MOUSE_MODE,
    CMD_HIDE,
    CMD_VIEW,
    CMD_KEYS,
    CMD_LITERAL
};

/* clang-format off */
const KeyBinding console_keys[] = {
    {"d", CMD_DETACH, "detach", "detach (the machine keeps running)", 0},
    {"k", CMD_SEND_KEY, "keys", "send a key: Ctrl-Alt-Del, PrtSc, F1…", KEY_WRITES},
    {"p", CMD_PASTE, "paste", "type a text", KEY_WRITES},
    {"f", CMD_SCALE, "scale", "text cells, or the whole picture scaled", 0},
    {"t", CMD_PAN, NULL, "the next rows, or follow the cursor", 0},
    {"i", CMD_INSERT, "insert", "insert a medium…", KEY_WRITES},
    {"e", CMD_EJECT, "eject", "eject a medium…", KEY_WRITES},
    {"s", CMD_SCREENSHOT, "screenshot", "screenshot to a PNG file…", 0},
    {"r", CMD_RESET, "reset", "shut down, reset, force off…", KEY_WRITES},
    {"l", CMD_SERIAL, "serial", "serial port and its scrollback", 0},
    {"m", CMD_MOUSE_MODE, NULL, "mouse: off, relative, tablet", KEY_WRITES},
    {"h", CMD_HIDE, NULL, "hide or show the last line", 0},
    {"v", CMD_VIEW, "viewer", "address for a VNC viewer", 0},
    {"?", CMD_KEYS, NULL, "these keys", 0},
    {"]", CMD_LITERAL, NULL, "send Ctrl-] itself (or press it twice)", KEY_WRITES},
    {0},
};

static const struct {
    char letter;
    const char *text, *combo;
} send_keys[] = {
    {'d', "Ctrl-Alt-Del", "ctrl-alt-delete"},
    {'b', "Ctrl-Break", "ctrl-pause"},
    {'p', "PrtSc", "printscreen"},
    {'q', "Alt-SysRq", "alt-sysrq"},
    {'a', "Pause", "pause"},
    {'c', "Caps Lock", "capslock"},
    {'n', "Num Lock", "numlock"},
    {'s', "Scroll Lock", "scrolllock"},
    {'w', "Windows key", "win"},
    {'t', "Alt-Tab", "alt-tab"},
    {'e', "Ctrl-Esc", "ctrl-esc"},
    {'4', "Alt-F4", "alt-f4"},
    {'i', "Insert", "insert"},
    {'1', "F1", "f1"}, {'2', "F2", "f2"}, {'8', "F8", "f8"},
    {0, "F10", "f10"}, {0, "F11", "f11"}, {0, "F12", "f12"},
    {0, "Ctrl-Alt-F1", "ctrl-alt-f1"}, {0, "Ctrl-Alt-F2", "ctrl-alt-f2"},
    {0, "Ctrl-Alt-Backspace", "ctrl-alt-backspace"},
};

static const struct {
    char letter;
    const char *text, *drive;
} drives[] = {
    {'a', "Floppy A", "floppy0"}, {'b', "Floppy B", "floppy1"},
    {'c', "CD", "cd0"}, {'d', "second CD", "cd1"},
    {'e', "third CD", "cd2"}, {'f', "fourth CD", "cd3"},
};

static const struct {
    char letter;
    const char *text, *port;
} ports[] = {
    {'1', "COM1 (ttyS0)", "serial0"}, {'2', "COM2 (ttyS1)", "serial1"},
    {'3', "COM3 (ttyS2)", "serial2"}, {'4', "COM4 (ttyS3)", "serial3"},
};
/* clang-format on */

#define SEND_OTHER 1000

/* Which drive a prompt is about, on top of the console. */
typedef struct {
    Console *console;
    int drive;
} MediaAsk;

static void
on_combo(void *data, const char *text)
{
    Console *c = data;
    InputEvent events[GUEST_KEYS_MAX];
    unsigned n = guest_keys_from_combo(text, events);

    if (n == 0)
        tui_notify(c->screen.tui, STYLE_WARN,
                   "'%s' is no key: write for example ctrl-alt-f2", text);
    else
        console_send(c, events, n);
}

static void
on_send_key(void *data, int value)
{
    Console *c = data;

    if (value == SEND_OTHER)
        dialog_prompt(c->screen.tui, "Send a key",
                      "Names joined by -, the last is the key: ctrl-alt-f2, "
                      "shift-insert, alt-x",
                      "ctrl-alt-", false, on_combo, c, NULL);
    else
        on_combo(c, send_keys[value].combo);
}

static void
open_send_keys(Console *c)
{
    MenuItem items[G_N_ELEMENTS(send_keys) + 2] = {0};

    for (gsize i = 0; i < G_N_ELEMENTS(send_keys); i++)
        items[i] =
            (MenuItem){send_keys[i].letter, send_keys[i].text, (int) i, false};
    items[G_N_ELEMENTS(send_keys)] =
        (MenuItem){'o', "other…", SEND_OTHER, false};
    menu_open(c->screen.tui, "Send key", items, on_send_key, NULL, c, NULL);
}

static void
on_media_path(void *data, const char *path)
{
    MediaAsk *ask = data;
    Tui *tui = ask->console->screen.tui;
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autofree char *what =
        g_strdup_printf("insert into %s", drives[ask->drive].text);

    if (*path != '\0')
        tui_ops(tui)->console_media(ask->console->console,
                                    drives[ask->drive].drive, absolute,
                                    tui_call_done, tui_call(tui, what));
}

static void
on_insert_drive(void *data, int value)
{
    Console *c = data;
    MediaAsk *ask = g_new0(MediaAsk, 1);
    g_autofree char *title =
        g_strdup_printf("Insert into %s", drives[value].text);

    ask->console = c;
    ask->drive = value;
    dialog_prompt(c->screen.tui, title,
                  "Image file (Tab completes). What is in the drive now is "
                  "ejected.",
                  "", true, on_media_path, ask, g_free);
}

static void
on_eject_drive(void *data, int value)
{
    Console *c = data;
    Tui *tui = c->screen.tui;
    g_autofree char *what = g_strdup_printf("eject %s", drives[value].text);

    tui_ops(tui)->console_media(c->console, drives[value].drive, NULL,
                                tui_call_done, tui_call(tui, what));
}

/* All of them as long as the machine has not said what it has. */
static bool
has_part(Console *c, const char *part)
{
    const char *const *parts =
        tui_ops(c->screen.tui)->console_parts(c->console);

    return parts == NULL || g_strv_contains(parts, part);
}

static void
open_drives(Console *c, const char *title,
            void (*chosen)(void *data, int value))
{
    MenuItem items[G_N_ELEMENTS(drives) + 1] = {0};
    unsigned n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(drives); i++)
        if (has_part(c, drives[i].drive))
            items[n++] =
                (MenuItem){drives[i].letter, drives[i].text, (int) i, false};
    if (n > 0)
        menu_open(c->screen.tui, title, items, chosen, NULL, c, NULL);
    else
        tui_notify(c->screen.tui, STYLE_WARN,
                   "%s has neither a floppy nor a CD drive", c->name);
}

static void
on_screenshot_path(void *data, const char *path)
{
    Console *c = data;
    Tui *tui = c->screen.tui;
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autofree char *what = g_strdup_printf("write %s", path);

    if (*path != '\0')
        tui_ops(tui)->console_screenshot(c->console, absolute, tui_call_done,
                                         tui_call(tui, what));
}

/* NAME.png, or NAME-2.png and so on: never over an older one. */
static void
ask_screenshot(Console *c)
{
    char *path = g_strdup_printf("%s.png", c->name);

    for (int i = 2; i < 1000 && g_file_test(path, G_FILE_TEST_EXISTS); i++) {
        g_free(path);
        path = g_strdup_printf("%s-%d.png", c->name, i);
    }
    dialog_prompt(c->screen.tui, "Screenshot", "PNG file to write:", path, true,
                  on_screenshot_path, c, NULL);
    g_free(path);
}

static void
on_serial(void *data, int value)
{
    Console *c = data;
    Tui *tui = c->screen.tui;
    g_autoptr(GError) error = NULL;
    int fd = tui_ops(tui)->console_serial(c->console, (unsigned) value, &error);

    if (fd < 0)
        tui_notify(tui, STYLE_BAD, "%s",
                   error != NULL ? error->message : "no such serial port");
    else
        serial_pane_open(tui, c->name, (unsigned) value, fd);
}

static void
open_serial(Console *c)
{
    MenuItem items[G_N_ELEMENTS(ports) + 1] = {0};
    unsigned n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(ports); i++)
        if (has_part(c, ports[i].port))
            items[n++] =
                (MenuItem){ports[i].letter, ports[i].text, (int) i, false};
    if (n > 0)
        menu_open(c->screen.tui, "Serial port", items, on_serial, NULL, c,
                  NULL);
    else
        tui_notify(c->screen.tui, STYLE_WARN, "%s has no serial port", c->name);
}

static void
on_paste_text(void *data, const char *text)
{
    console_type(data, text);
}

static void
cycle_mouse(Console *c)
{
    c->mouse = (ConsoleMouse) ((c->mouse + 1) % 3);
    c->mouse_x = c->mouse_y = -1;
    term_set_mouse_motion(tui_term(c->screen.tui),
                          c->mouse != CONSOLE_MOUSE_OFF);
    tui_notify(c->screen.tui, STYLE_NORMAL, "mouse: %s",
               c->mouse == CONSOLE_MOUSE_OFF   ? "off"
               : c->mouse == CONSOLE_MOUSE_REL ? "relative (PS/2)"
                                               : "tablet (absolute)");
}

void
console_command(Screen *s, int command)
{
    Console *c = (Console *) s;

    if (c->closed && command != CMD_DETACH)
        return;
    switch (command) {
    case CMD_DETACH: tui_pop(s); break;
    case CMD_SEND_KEY: open_send_keys(c); break;
    case CMD_PASTE:
        dialog_prompt(s->tui, "Type a text",
                      "Typed as on a US keyboard, 33 characters a second. "
                      "Text pasted straight into the console is typed too.",
                      "", false, on_paste_text, c, NULL);
        break;
    case CMD_SCALE: c->scaled = !c->scaled; break;
    case CMD_PAN: console_pan(c); break;
    case CMD_INSERT:
        open_drives(c, "Insert a medium into", on_insert_drive);
        break;
    case CMD_EJECT: open_drives(c, "Eject", on_eject_drive); break;
    case CMD_SCREENSHOT: ask_screenshot(c); break;
    case CMD_RESET: action_reset_menu(s->tui, c->name); break;
    case CMD_SERIAL: open_serial(c); break;
    case CMD_MOUSE_MODE: cycle_mouse(c); break;
    case CMD_HIDE: c->line_hidden = !c->line_hidden; break;
    case CMD_VIEW: action_view(s->tui, c->name); break;
    case CMD_KEYS: help_open(s->tui); break;
    case CMD_LITERAL: on_combo(c, "ctrl-]"); break;
    default: break;
    }
}

static void
on_menu(void *data, int value)
{
    console_command(data, value);
}

static bool
on_menu_other(void *data, const Key *key)
{
    Console *c = data;

    if (key->key == TK_CHAR && key->mods == TMOD_CTRL && key->ch == ']' &&
        !tui_read_only(c->screen.tui))
        on_combo(c, "ctrl-]");
    return true; /* any other key closes the menu and means nothing */
}

void
console_open_menu(Console *c)
{
    MenuItem items[32] = {0};
    unsigned n = 0;
    g_autofree char *title = g_strdup_printf("%s: Ctrl-]", c->name);

    for (const KeyBinding *k = console_keys;
         k->keys != NULL && n + 1 < G_N_ELEMENTS(items); k++)
        items[n++] = (MenuItem){k->keys[0], k->help, k->command,
                                (k->flags & KEY_WRITES) != 0 &&
                                    tui_read_only(c->screen.tui)};
    menu_open(c->screen.tui, title, items, on_menu, on_menu_other, c, NULL);
}
