/* app/session/keynames.c - keys by name, characters by the US layout.
 *
 * Codes are those of linux/input-event-codes.h. Left out: consumer keys
 * (volume, browser) that no PS/2 model of ours sends. */
#include "app/session/keynames.h"

#include <linux/input-event-codes.h>
#include <string.h>

#include "app/session/session-error.h"

typedef struct {
    const char *name; /* NULL: only reachable by its character */
    guint16 code;
    char plain, shifted; /* 0: types nothing */
} KeyRow;

/* clang-format off */
static const KeyRow key_rows[] = {
    { "a", KEY_A, 'a', 'A' }, { "b", KEY_B, 'b', 'B' },
    { "c", KEY_C, 'c', 'C' }, { "d", KEY_D, 'd', 'D' },
    { "e", KEY_E, 'e', 'E' }, { "f", KEY_F, 'f', 'F' },
    { "g", KEY_G, 'g', 'G' }, { "h", KEY_H, 'h', 'H' },
    { "i", KEY_I, 'i', 'I' }, { "j", KEY_J, 'j', 'J' },
    { "k", KEY_K, 'k', 'K' }, { "l", KEY_L, 'l', 'L' },
    { "m", KEY_M, 'm', 'M' }, { "n", KEY_N, 'n', 'N' },
    { "o", KEY_O, 'o', 'O' }, { "p", KEY_P, 'p', 'P' },
    { "q", KEY_Q, 'q', 'Q' }, { "r", KEY_R, 'r', 'R' },
    { "s", KEY_S, 's', 'S' }, { "t", KEY_T, 't', 'T' },
    { "u", KEY_U, 'u', 'U' }, { "v", KEY_V, 'v', 'V' },
    { "w", KEY_W, 'w', 'W' }, { "x", KEY_X, 'x', 'X' },
    { "y", KEY_Y, 'y', 'Y' }, { "z", KEY_Z, 'z', 'Z' },
    { "1", KEY_1, '1', '!' }, { "2", KEY_2, '2', '@' },
    { "3", KEY_3, '3', '#' }, { "4", KEY_4, '4', '$' },
    { "5", KEY_5, '5', '%' }, { "6", KEY_6, '6', '^' },
    { "7", KEY_7, '7', '&' }, { "8", KEY_8, '8', '*' },
    { "9", KEY_9, '9', '(' }, { "0", KEY_0, '0', ')' },
    { "minus", KEY_MINUS, '-', '_' },
    { "equal", KEY_EQUAL, '=', '+' },
    { "leftbracket", KEY_LEFTBRACE, '[', '{' },
    { "rightbracket", KEY_RIGHTBRACE, ']', '}' },
    { "semicolon", KEY_SEMICOLON, ';', ':' },
    { "apostrophe", KEY_APOSTROPHE, '\'', '"' },
    { "grave", KEY_GRAVE, '`', '~' },
    { "backslash", KEY_BACKSLASH, '\\', '|' },
    { "comma", KEY_COMMA, ',', '<' },
    { "dot", KEY_DOT, '.', '>' },
    { "slash", KEY_SLASH, '/', '?' },
    { "space", KEY_SPACE, ' ', 0 },
    { "enter", KEY_ENTER, '\n', 0 }, { "return", KEY_ENTER, 0, 0 },
    { "ret", KEY_ENTER, 0, 0 },
    { "tab", KEY_TAB, '\t', 0 },
    { "backspace", KEY_BACKSPACE, '\b', 0 },
    { "esc", KEY_ESC, 27, 0 }, { "escape", KEY_ESC, 0, 0 },
    { "f1", KEY_F1, 0, 0 }, { "f2", KEY_F2, 0, 0 }, { "f3", KEY_F3, 0, 0 },
    { "f4", KEY_F4, 0, 0 }, { "f5", KEY_F5, 0, 0 }, { "f6", KEY_F6, 0, 0 },
    { "f7", KEY_F7, 0, 0 }, { "f8", KEY_F8, 0, 0 }, { "f9", KEY_F9, 0, 0 },
    { "f10", KEY_F10, 0, 0 }, { "f11", KEY_F11, 0, 0 },
    { "f12", KEY_F12, 0, 0 },
    { "up", KEY_UP, 0, 0 }, { "down", KEY_DOWN, 0, 0 },
    { "left", KEY_LEFT, 0, 0 }, { "right", KEY_RIGHT, 0, 0 },
    { "home", KEY_HOME, 0, 0 }, { "end", KEY_END, 0, 0 },
    { "pageup", KEY_PAGEUP, 0, 0 }, { "pgup", KEY_PAGEUP, 0, 0 },
    { "pagedown", KEY_PAGEDOWN, 0, 0 }, { "pgdn", KEY_PAGEDOWN, 0, 0 },
    { "insert", KEY_INSERT, 0, 0 }, { "ins", KEY_INSERT, 0, 0 },
    { "delete", KEY_DELETE, 0, 0 }, { "del", KEY_DELETE, 0, 0 },
    { "ctrl", KEY_LEFTCTRL, 0, 0 }, { "control", KEY_LEFTCTRL, 0, 0 },
    { "leftctrl", KEY_LEFTCTRL, 0, 0 }, { "rightctrl", KEY_RIGHTCTRL, 0, 0 },
    { "alt", KEY_LEFTALT, 0, 0 }, { "leftalt", KEY_LEFTALT, 0, 0 },
    { "rightalt", KEY_RIGHTALT, 0, 0 }, { "altgr", KEY_RIGHTALT, 0, 0 },
    { "shift", KEY_LEFTSHIFT, 0, 0 }, { "leftshift", KEY_LEFTSHIFT, 0, 0 },
    { "rightshift", KEY_RIGHTSHIFT, 0, 0 },
    { "meta", KEY_LEFTMETA, 0, 0 }, { "super", KEY_LEFTMETA, 0, 0 },
    { "win", KEY_LEFTMETA, 0, 0 }, { "rightmeta", KEY_RIGHTMETA, 0, 0 },
    { "menu", KEY_COMPOSE, 0, 0 },
    { "capslock", KEY_CAPSLOCK, 0, 0 }, { "numlock", KEY_NUMLOCK, 0, 0 },
    { "scrolllock", KEY_SCROLLLOCK, 0, 0 },
    { "print", KEY_SYSRQ, 0, 0 }, { "prtsc", KEY_SYSRQ, 0, 0 },
    { "sysrq", KEY_SYSRQ, 0, 0 },
    { "pause", KEY_PAUSE, 0, 0 }, { "break", KEY_PAUSE, 0, 0 },
    { "kp0", KEY_KP0, 0, 0 }, { "kp1", KEY_KP1, 0, 0 },
    { "kp2", KEY_KP2, 0, 0 }, { "kp3", KEY_KP3, 0, 0 },
    { "kp4", KEY_KP4, 0, 0 }, { "kp5", KEY_KP5, 0, 0 },
    { "kp6", KEY_KP6, 0, 0 }, { "kp7", KEY_KP7, 0, 0 },
    { "kp8", KEY_KP8, 0, 0 }, { "kp9", KEY_KP9, 0, 0 },
    { "kpdot", KEY_KPDOT, 0, 0 }, { "kpenter", KEY_KPENTER, 0, 0 },
    { "kpplus", KEY_KPPLUS, 0, 0 }, { "kpminus", KEY_KPMINUS, 0, 0 },
    { "kpmultiply", KEY_KPASTERISK, 0, 0 },
    { "kpdivide", KEY_KPSLASH, 0, 0 },
    { "102nd", KEY_102ND, 0, 0 }, { "less", KEY_102ND, 0, 0 },
};
/* clang-format on */

bool
key_code_of_name(const char *name, guint16 *ret_code)
{
    for (gsize i = 0; i < G_N_ELEMENTS(key_rows); i++) {
        if (g_ascii_strcasecmp(key_rows[i].name, name) == 0) {
            *ret_code = key_rows[i].code;
            return true;
        }
    }
    return false;
}

const char *
key_name_of_code(guint16 code)
{
    for (gsize i = 0; i < G_N_ELEMENTS(key_rows); i++) {
        if (key_rows[i].code == code)
            return key_rows[i].name;
    }
    return NULL;
}

bool
key_combo_of_char(gunichar c, KeyCombo *ret_combo)
{
    if (c == '\r')
        c = '\n';
    if (c == 0 || c > 126)
        return false;
    for (gsize i = 0; i < G_N_ELEMENTS(key_rows); i++) {
        const KeyRow *row = &key_rows[i];
        if (row->plain == (char) c) {
            *ret_combo = (KeyCombo){{row->code}, 1};
            return true;
        }
        if (row->shifted == (char) c) {
            *ret_combo = (KeyCombo){{KEY_LEFTSHIFT, row->code}, 2};
            return true;
        }
    }
    return false;
}

/* One name or one character; a character may bring its own Shift. */
static bool
combo_add(KeyCombo *combo, const char *part)
{
    KeyCombo typed = {{0}, 0};
    guint16 code;
    bool single = part[0] != '\0' && part[1] == '\0';

    if (single && key_combo_of_char((guchar) part[0], &typed)) {
        /* taken as the character, so that "A" and "!" bring their Shift */
    } else if (key_code_of_name(part, &code)) {
        typed = (KeyCombo){{code}, 1};
    } else {
        return false;
    }
    for (unsigned i = 0; i < typed.n; i++) {
        if (combo->n == KEY_COMBO_MAX)
            return false;
        combo->codes[combo->n++] = typed.codes[i];
    }
    return true;
}

bool
key_combo_parse(const char *text, KeyCombo *ret_combo, GError **error)
{
    KeyCombo combo = {{0}, 0};

    if (text[0] != '\0' && text[1] == '\0') {
        if (combo_add(&combo, text)) {
            *ret_combo = combo;
            return true;
        }
    }
    g_auto(GStrv) parts = g_strsplit_set(text, "-+", KEY_COMBO_MAX + 1);
    for (gsize i = 0; parts[i] != NULL; i++) {
        if (combo_add(&combo, parts[i]))
            continue;
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "key '%s' in '%s' is unknown; use names joined by '-', "
                    "such as ctrl-alt-delete, f1, enter, a "
                    "(`carrel send --list-keys` prints all)",
                    parts[i], text);
        return false;
    }
    if (combo.n == 0) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "no key given");
        return false;
    }
    *ret_combo = combo;
    return true;
}

const char *const *
key_names(void)
{
    static const char *names[G_N_ELEMENTS(key_rows) + 1];
    for (gsize i = 0; i < G_N_ELEMENTS(key_rows); i++)
        names[i] = key_rows[i].name;
    return names;
}
