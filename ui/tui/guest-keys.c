/* guest-keys.c - terminal keys and text as key presses of a guest: the US
 * layout by rows of evdev codes, named keys, and combinations of them. */
#include "ui/tui/guest-keys.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>

/* A run of keys with consecutive evdev codes. */
typedef struct {
    guint16 first;
    const char *plain, *shifted;
} LayoutRow;

/* clang-format off */
static const LayoutRow layout[] = {
    {KEY_1,         "1234567890-=", "!@#$%^&*()_+"},
    {KEY_Q,         "qwertyuiop[]", "QWERTYUIOP{}"},
    {KEY_A,         "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {KEY_BACKSLASH, "\\",           "|"},
    {KEY_Z,         "zxcvbnm,./",   "ZXCVBNM<>?"},
    {KEY_SPACE,     " ",            ""},
    {KEY_ENTER,     "\n",           ""},
    {KEY_ENTER,     "\r",           ""},
    {KEY_TAB,       "\t",           ""},
    {KEY_BACKSPACE, "\b",           ""},
    {KEY_ESC,       "\033",         ""},
};

static const struct {
    const char *name;
    guint16 code;
} named[] = {
    {"esc", KEY_ESC}, {"escape", KEY_ESC}, {"enter", KEY_ENTER},
    {"return", KEY_ENTER}, {"tab", KEY_TAB}, {"backspace", KEY_BACKSPACE},
    {"space", KEY_SPACE}, {"up", KEY_UP}, {"down", KEY_DOWN},
    {"left", KEY_LEFT}, {"right", KEY_RIGHT}, {"home", KEY_HOME},
    {"end", KEY_END}, {"pgup", KEY_PAGEUP}, {"pageup", KEY_PAGEUP},
    {"pgdn", KEY_PAGEDOWN}, {"pagedown", KEY_PAGEDOWN},
    {"insert", KEY_INSERT}, {"ins", KEY_INSERT}, {"delete", KEY_DELETE},
    {"del", KEY_DELETE}, {"prtsc", KEY_SYSRQ}, {"printscreen", KEY_SYSRQ},
    {"sysrq", KEY_SYSRQ}, {"pause", KEY_PAUSE}, {"break", KEY_PAUSE},
    {"capslock", KEY_CAPSLOCK}, {"numlock", KEY_NUMLOCK},
    {"scrolllock", KEY_SCROLLLOCK}, {"win", KEY_LEFTMETA},
    {"super", KEY_LEFTMETA}, {"menu", KEY_COMPOSE},
    {"ctrl", KEY_LEFTCTRL}, {"control", KEY_LEFTCTRL},
    {"alt", KEY_LEFTALT}, {"shift", KEY_LEFTSHIFT},
    {"altgr", KEY_RIGHTALT}, {"rctrl", KEY_RIGHTCTRL},
    {"rshift", KEY_RIGHTSHIFT}, {"minus", KEY_MINUS}, {"plus", KEY_EQUAL},
    {"kpenter", KEY_KPENTER}, {"kpplus", KEY_KPPLUS},
    {"kpminus", KEY_KPMINUS}, {"102nd", KEY_102ND},
};

static const guint16 term_codes[] = {
    [TK_ENTER] = KEY_ENTER,   [TK_TAB] = KEY_TAB,
    [TK_BACKSPACE] = KEY_BACKSPACE, [TK_ESC] = KEY_ESC,
    [TK_UP] = KEY_UP,         [TK_DOWN] = KEY_DOWN,
    [TK_LEFT] = KEY_LEFT,     [TK_RIGHT] = KEY_RIGHT,
    [TK_HOME] = KEY_HOME,     [TK_END] = KEY_END,
    [TK_PGUP] = KEY_PAGEUP,   [TK_PGDN] = KEY_PAGEDOWN,
    [TK_INSERT] = KEY_INSERT, [TK_DELETE] = KEY_DELETE,
    [TK_KP_ENTER] = KEY_KPENTER, [TK_PAUSE] = KEY_PAUSE,
    [TK_PRINT] = KEY_SYSRQ,
};

static const struct {
    char ch;
    guint16 code;
} keypad[] = {
    {'0', KEY_KP0}, {'1', KEY_KP1}, {'2', KEY_KP2}, {'3', KEY_KP3},
    {'4', KEY_KP4}, {'5', KEY_KP5}, {'6', KEY_KP6}, {'7', KEY_KP7},
    {'8', KEY_KP8}, {'9', KEY_KP9}, {'.', KEY_KPDOT}, {'+', KEY_KPPLUS},
    {'-', KEY_KPMINUS}, {'*', KEY_KPASTERISK}, {'/', KEY_KPSLASH},
};
/* clang-format on */

/* Presses mods then code, releases in reverse order. */
static unsigned
emit(const guint16 *codes, unsigned n, InputEvent *ev)
{
    unsigned out = 0;

    for (unsigned i = 0; i < n; i++)
        ev[out++] = (InputEvent){INPUT_KEY, codes[i], 1};
    ev[out++] = (InputEvent){INPUT_SYNC, 0, 0};
    for (unsigned i = n; i-- > 0;)
        ev[out++] = (InputEvent){INPUT_KEY, codes[i], 0};
    ev[out++] = (InputEvent){INPUT_SYNC, 0, 0};
    return out;
}

static unsigned
emit_mods(guint mods, guint16 code, InputEvent *ev)
{
    guint16 codes[4];
    unsigned n = 0;

    if (mods & TMOD_CTRL)
        codes[n++] = KEY_LEFTCTRL;
    if (mods & TMOD_ALT)
        codes[n++] = KEY_LEFTALT;
    if (mods & TMOD_SHIFT)
        codes[n++] = KEY_LEFTSHIFT;
    codes[n++] = code;
    return emit(codes, n, ev);
}

/* 0 when the layout has no key for c. */
static guint16
code_of_char(gunichar c, bool *ret_shift)
{
    if (c == 0 || c > 0x7f)
        return 0;
    if (c == 0x7f)
        c = '\b';
    for (gsize i = 0; i < G_N_ELEMENTS(layout); i++) {
        const char *p = strchr(layout[i].plain, (int) c);
        const char *s = strchr(layout[i].shifted, (int) c);

        *ret_shift = p == NULL;
        if (p != NULL)
            return (guint16) (layout[i].first + (p - layout[i].plain));
        if (s != NULL)
            return (guint16) (layout[i].first + (s - layout[i].shifted));
    }
    return 0;
}

unsigned
guest_keys_from_char(gunichar c, InputEvent *ret_events)
{
    bool shift = false;
    guint16 code = code_of_char(c, &shift);

    if (code == 0)
        return 0;
    return emit_mods(shift ? TMOD_SHIFT : 0, code, ret_events);
}

static unsigned
from_keypad(const Key *key, InputEvent *ret_events)
{
    for (gsize i = 0; i < G_N_ELEMENTS(keypad); i++)
        if ((guint32) keypad[i].ch == key->ch)
            return emit_mods(key->mods, keypad[i].code, ret_events);
    return 0;
}

unsigned
guest_keys_from_key(const Key *key, InputEvent *ret_events)
{
    bool shift = false;
    guint16 code = 0;

    if (key->key == TK_CHAR) {
        code = code_of_char(key->ch, &shift);
        if (code == 0)
            return 0;
        return emit_mods(key->mods | (shift ? TMOD_SHIFT : 0), code,
                         ret_events);
    }
    if (key->key == TK_KP)
        return from_keypad(key, ret_events);
    if (key->key >= TK_F1 && key->key <= TK_F12) {
        guint16 n = (guint16) (key->key - TK_F1);
        code = (guint16) (n < 10 ? KEY_F1 + n : KEY_F11 + n - 10);
    } else if (key->key < G_N_ELEMENTS(term_codes)) {
        code = term_codes[key->key];
    }
    return code == 0 ? 0 : emit_mods(key->mods, code, ret_events);
}

static guint16
code_of_name(const char *name, bool *ret_shift)
{
    int n = 0;
    char rest = '\0';

    *ret_shift = false;
    for (gsize i = 0; i < G_N_ELEMENTS(named); i++)
        if (g_ascii_strcasecmp(named[i].name, name) == 0)
            return named[i].code;
    if (sscanf(name, "%*1[fF]%2d%c", &n, &rest) == 1 && n >= 1 && n <= 12)
        return (guint16) (n <= 10 ? KEY_F1 + n - 1 : KEY_F11 + n - 11);
    if (g_utf8_validate(name, -1, NULL) && g_utf8_strlen(name, -1) == 1)
        return code_of_char(g_unichar_tolower(g_utf8_get_char(name)),
                            ret_shift);
    return 0;
}

unsigned
guest_keys_from_combo(const char *combo, InputEvent *ret_events)
{
    g_auto(GStrv) parts = g_strsplit_set(combo, "-+", 6);
    guint n_parts = g_strv_length(parts);
    guint16 codes[5];
    unsigned n = 0;

    if (n_parts == 0 || n_parts > 5)
        return 0;
    for (guint i = 0; i < n_parts; i++) {
        bool shift = false;
        guint16 code = code_of_name(g_strstrip(parts[i]), &shift);

        if (code == 0 || (shift && n == G_N_ELEMENTS(codes) - 1))
            return 0;
        if (shift)
            codes[n++] = KEY_LEFTSHIFT;
        if (n == G_N_ELEMENTS(codes))
            return 0;
        codes[n++] = code;
    }
    return emit(codes, n, ret_events);
}

/* Button or wheel of a report, and the closing sync. */
static unsigned
end_mouse(const Key *key, InputEvent *ev, unsigned n)
{
    static const guint16 buttons[] = {0, BTN_LEFT, BTN_MIDDLE, BTN_RIGHT};
    unsigned button = key->mouse.button;

    if (key->mouse.kind == MOUSE_WHEEL_UP ||
        key->mouse.kind == MOUSE_WHEEL_DOWN)
        ev[n++] = (InputEvent){INPUT_WHEEL, REL_WHEEL,
                               key->mouse.kind == MOUSE_WHEEL_UP ? 1 : -1};
    else if (key->mouse.kind != MOUSE_MOVE && button >= 1 && button <= 3)
        ev[n++] = (InputEvent){INPUT_BUTTON, buttons[button],
                               key->mouse.kind == MOUSE_PRESS};
    if (n > 0)
        ev[n++] = (InputEvent){INPUT_SYNC, 0, 0};
    return n;
}

unsigned
guest_mouse_relative(const Key *key, int dx, int dy, InputEvent *ret_events)
{
    unsigned n = 0;

    if (dx != 0)
        ret_events[n++] = (InputEvent){INPUT_REL, REL_X, dx};
    if (dy != 0)
        ret_events[n++] = (InputEvent){INPUT_REL, REL_Y, dy};
    return end_mouse(key, ret_events, n);
}

unsigned
guest_mouse_absolute(const Key *key, int x, int y, InputEvent *ret_events)
{
    ret_events[0] = (InputEvent){INPUT_ABS, ABS_X, CLAMP(x, 0, 32767)};
    ret_events[1] = (InputEvent){INPUT_ABS, ABS_Y, CLAMP(y, 0, 32767)};
    return end_mouse(key, ret_events, 2);
}
