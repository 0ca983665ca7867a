/* term-input.c - keys from the terminal: curses decodes what terminfo knows;
 * here are Alt (an ESC before the key), modified keys that terminfo does not
 * name, bracketed paste and the mouse. */
#include <string.h>
#include <wctype.h>

#include "ui/tui/term-internal.h"

/* Longest control sequence worth understanding, and longest paste kept. */
#define SEQUENCE_MAX 32
#define PASTE_MAX    (256 * 1024)

typedef struct {
    int code;
    TermKey key;
    guint mods;
} CodeRow;

/* clang-format off */
static const CodeRow curses_codes[] = {
    {KEY_UP, TK_UP, 0}, {KEY_DOWN, TK_DOWN, 0}, {KEY_LEFT, TK_LEFT, 0},
    {KEY_RIGHT, TK_RIGHT, 0}, {KEY_HOME, TK_HOME, 0}, {KEY_END, TK_END, 0},
    {KEY_PPAGE, TK_PGUP, 0}, {KEY_NPAGE, TK_PGDN, 0}, {KEY_IC, TK_INSERT, 0},
    {KEY_DC, TK_DELETE, 0}, {KEY_BACKSPACE, TK_BACKSPACE, 0},
    {KEY_ENTER, TK_KP_ENTER, 0}, {KEY_BTAB, TK_TAB, TMOD_SHIFT},
    {KEY_SR, TK_UP, TMOD_SHIFT}, {KEY_SF, TK_DOWN, TMOD_SHIFT},
    {KEY_SLEFT, TK_LEFT, TMOD_SHIFT}, {KEY_SRIGHT, TK_RIGHT, TMOD_SHIFT},
    {KEY_SHOME, TK_HOME, TMOD_SHIFT}, {KEY_SEND, TK_END, TMOD_SHIFT},
    {KEY_SPREVIOUS, TK_PGUP, TMOD_SHIFT}, {KEY_SNEXT, TK_PGDN, TMOD_SHIFT},
    {KEY_SIC, TK_INSERT, TMOD_SHIFT}, {KEY_SDC, TK_DELETE, TMOD_SHIFT},
    {KEY_A1, TK_HOME, 0}, {KEY_A3, TK_PGUP, 0}, {KEY_C1, TK_END, 0},
    {KEY_C3, TK_PGDN, 0}, {KEY_FIND, TK_HOME, 0}, {KEY_SELECT, TK_END, 0},
    {KEY_PRINT, TK_PRINT, 0}, {KEY_RESIZE, TK_RESIZE, 0},
};

/* Extended capabilities by name, followed by xterm's modifier digit. */
static const struct {
    const char *name;
    TermKey key;
} extended[] = {
    {"kUP", TK_UP}, {"kDN", TK_DOWN}, {"kLFT", TK_LEFT}, {"kRIT", TK_RIGHT},
    {"kHOM", TK_HOME}, {"kEND", TK_END}, {"kPRV", TK_PGUP},
    {"kNXT", TK_PGDN}, {"kIC", TK_INSERT}, {"kDC", TK_DELETE},
};

/* CSI number ~ , and CSI letter / SS3 letter. */
static const struct {
    int number;
    TermKey key;
} tilde_keys[] = {
    {1, TK_HOME}, {2, TK_INSERT}, {3, TK_DELETE}, {4, TK_END}, {5, TK_PGUP},
    {6, TK_PGDN}, {7, TK_HOME}, {8, TK_END}, {11, TK_F1}, {12, TK_F1 + 1},
    {13, TK_F1 + 2}, {14, TK_F1 + 3}, {15, TK_F1 + 4}, {17, TK_F1 + 5},
    {18, TK_F1 + 6}, {19, TK_F1 + 7}, {20, TK_F1 + 8}, {21, TK_F1 + 9},
    {23, TK_F1 + 10}, {24, TK_F12},
};
static const struct {
    char letter;
    TermKey key;
} letter_keys[] = {
    {'A', TK_UP}, {'B', TK_DOWN}, {'C', TK_RIGHT}, {'D', TK_LEFT},
    {'H', TK_HOME}, {'F', TK_END}, {'P', TK_F1}, {'Q', TK_F1 + 1},
    {'R', TK_F1 + 2}, {'S', TK_F1 + 3}, {'M', TK_KP_ENTER},
};
/* clang-format on */

/* xterm sends 1 + shift(1) + alt(2) + ctrl(4), which is also our order. */
static guint
xterm_mods(int n)
{
    return n >= 2 && n <= 8 ? (guint) (n - 1) : 0;
}

static void
set_char(Key *key, guint32 c)
{
    key->key = TK_CHAR;
    if (c == 13)
        key->key = TK_ENTER;
    else if (c == 9)
        key->key = TK_TAB;
    else if (c == 8 || c == 127)
        key->key = TK_BACKSPACE;
    else if (c == 27)
        key->key = TK_ESC;
    else if (c == 0)
        key->ch = ' ', key->mods |= TMOD_CTRL;
    else if (c < 27)
        key->ch = c + 'a' - 1, key->mods |= TMOD_CTRL;
    else if (c < 32)
        key->ch = c + '@', key->mods |= TMOD_CTRL;
    else
        key->ch = c;
}

/* curses numbers the shifted function keys on, twelve a modifier. */
static bool
set_function_key(Key *key, int n)
{
    static const guint mods[] = {0,         TMOD_SHIFT,
                                 TMOD_CTRL, TMOD_CTRL | TMOD_SHIFT,
                                 TMOD_ALT,  TMOD_ALT | TMOD_SHIFT};

    if (n < 1 || n > 63)
        return false;
    key->key = (TermKey) ((int) TK_F1 + (n - 1) % 12);
    key->mods = mods[MIN((gsize) (n - 1) / 12, G_N_ELEMENTS(mods) - 1)];
    return true;
}

static bool
set_extended(Key *key, int code)
{
    const char *name = keyname(code);

    for (gsize i = 0; name != NULL && i < G_N_ELEMENTS(extended); i++) {
        gsize len = strlen(extended[i].name);

        if (strncmp(name, extended[i].name, len) != 0)
            continue;
        key->key = extended[i].key;
        key->mods =
            name[len] != '\0' ? xterm_mods(name[len] - '0') : TMOD_SHIFT;
        return true;
    }
    return false;
}

static bool
set_mouse(Key *key)
{
    MEVENT ev;

    if (getmouse(&ev) != OK)
        return false;
    key->key = TK_MOUSE;
    key->mouse.x = ev.x;
    key->mouse.y = ev.y;
    key->mouse.kind = MOUSE_MOVE;
    if (ev.bstate & BUTTON4_PRESSED)
        key->mouse.kind = MOUSE_WHEEL_UP;
    else if (ev.bstate & BUTTON5_PRESSED)
        key->mouse.kind = MOUSE_WHEEL_DOWN;
    else if (ev.bstate & (BUTTON1_PRESSED | BUTTON2_PRESSED | BUTTON3_PRESSED))
        key->mouse.kind = MOUSE_PRESS;
    else if (ev.bstate &
             (BUTTON1_RELEASED | BUTTON2_RELEASED | BUTTON3_RELEASED))
        key->mouse.kind = MOUSE_RELEASE;
    key->mouse.button = ev.bstate & (BUTTON1_PRESSED | BUTTON1_RELEASED)   ? 1
                        : ev.bstate & (BUTTON2_PRESSED | BUTTON2_RELEASED) ? 2
                        : ev.bstate & (BUTTON3_PRESSED | BUTTON3_RELEASED) ? 3
                                                                           : 0;
    return true;
}

static bool
set_code(Key *key, int code)
{
    if (code == KEY_MOUSE)
        return set_mouse(key);
    if (code >= KEY_F(1) && code <= KEY_F(63))
        return set_function_key(key, code - KEY_F(0));
    for (gsize i = 0; i < G_N_ELEMENTS(curses_codes); i++)
        if (curses_codes[i].code == code) {
            key->key = curses_codes[i].key;
            key->mods = curses_codes[i].mods;
            return true;
        }
    return set_extended(key, code);
}

/* CSI parameters and final byte into key: "1;5D", "15;2~", "27;5;13~". */
static bool
set_sequence(Key *key, const char *params, char final)
{
    int a = 0, b = 0, c = 0;
    int n = sscanf(params, "%4d;%4d;%4d", &a, &b, &c);

    key->mods = n >= 2 ? xterm_mods(b) : 0;
    if (final == '~' && n == 3 && a == 27 && c > 0) {
        guint mods = key->mods;
        set_char(key, (guint32) c);
        key->mods |= mods;
        return true;
    }
    if (final == '~') {
        for (gsize i = 0; i < G_N_ELEMENTS(tilde_keys); i++)
            if (tilde_keys[i].number == a)
                return key->key = tilde_keys[i].key, true;
        return false;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(letter_keys); i++)
        if (letter_keys[i].letter == final)
            return key->key = letter_keys[i].key, true;
    return false;
}

/* SS3 letters j..y are the keypad in application mode. */
static bool
set_ss3(Key *key, char final)
{
    if (final >= 'j' && final <= 'y') {
        key->key = TK_KP;
        key->ch = (guint32) ("*+,-./0123456789"[final - 'j']);
        return true;
    }
    return set_sequence(key, "", final);
}

static bool
next_char(Term *term, wint_t *ret_c)
{
    return wget_wch(term->input, ret_c) == OK;
}

/* After ESC [: true when it gave a key; the whole sequence is eaten. */
static bool
read_csi(Term *term, Key *key)
{
    char params[SEQUENCE_MAX];
    gsize n = 0;
    wint_t c = 0;

    while (next_char(term, &c)) {
        if (c >= 0x40 && c < 0x7f) {
            params[n] = '\0';
            if (c == '~' && strcmp(params, "200") == 0)
                return term->pasting = true, false;
            return set_sequence(key, params, (char) c);
        }
        if (n + 1 < sizeof params)
            params[n++] = (char) (c & 0x7f);
    }
    return false;
}

/* After a lone ESC: Alt and a key, a sequence terminfo lacks, or Esc. */
static bool
read_escape(Term *term, Key *key)
{
    wint_t c = 0;
    int what = wget_wch(term->input, &c);

    if (what == ERR)
        return key->key = TK_ESC, true;
    if (what == KEY_CODE_YES) {
        bool ok = set_code(key, (int) c);
        key->mods |= TMOD_ALT;
        return ok;
    }
    if (c == '[')
        return read_csi(term, key);
    if (c == 'O' && next_char(term, &c))
        return set_ss3(key, (char) (c & 0x7f));
    set_char(key, (guint32) c);
    key->mods |= TMOD_ALT;
    return true;
}

/* Collects up to ESC [ 201 ~. True when the paste is complete; what has not
 * arrived yet is waited for by later calls. A paste that is too long is cut,
 * but eaten to its end: the rest must not act as keys. */
static bool
read_paste(Term *term, Key *key)
{
    static const char end[] = "\033[201~";
    wint_t c = 0;
    int what;

    while ((what = wget_wch(term->input, &c)) != ERR) {
        bool text = what == OK; /* a cursor key's code is none */
        if (text && c == (wint_t) end[term->paste_match]) {
            if (++term->paste_match < sizeof end - 1)
                continue;
            term->paste_match = 0;
            term->pasting = false;
            key->key = TK_PASTE;
            key->text = term->paste->str;
            return true;
        }
        if (term->paste->len < PASTE_MAX) {
            g_string_append_len(term->paste, end, (gssize) term->paste_match);
            if (text && c != 27)
                g_string_append_unichar(term->paste, (gunichar) c);
        }
        term->paste_match = text && c == 27; /* ESC may begin the real end */
    }
    return false;
}

bool
term_read_key(Term *term, Key *ret_key)
{
    for (;;) {
        Key key = {.key = TK_NONE};
        wint_t c = 0;
        bool ok = false;

        if (term->pasting) {
            if (!read_paste(term, &key))
                return false;
            *ret_key = key;
            return true;
        }
        g_string_truncate(term->paste, 0);
        int what = wget_wch(term->input, &c);
        if (what == ERR)
            return false;
        if (what == KEY_CODE_YES) {
            ok = set_code(&key, (int) c);
        } else if (c == 27) {
            ok = read_escape(term, &key);
        } else {
            set_char(&key, (guint32) c);
            ok = true;
        }
        if (!ok)
            continue; /* unknown to us: nothing happens */
        *ret_key = key;
        return true;
    }
}
