/* ui/tui/keys.h - keys as the terminal sends them, and tables of what they do.
 *
 * A key has one name ("s", "Ctrl-P", "PgUp", "Alt-x"); tables name keys, and
 * the dispatcher, the hint line, the help page and the palette all read the
 * same table. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    TK_NONE,
    TK_CHAR, /* ch is a Unicode character */
    TK_ENTER,
    TK_TAB,
    TK_BACKSPACE,
    TK_ESC,
    TK_UP,
    TK_DOWN,
    TK_LEFT,
    TK_RIGHT,
    TK_HOME,
    TK_END,
    TK_PGUP,
    TK_PGDN,
    TK_INSERT,
    TK_DELETE,
    TK_KP_ENTER,
    TK_KP, /* keypad: ch is its ASCII character */
    TK_PAUSE,
    TK_PRINT,
    TK_F1,
    TK_F12 = TK_F1 + 11,
    TK_MOUSE,
    TK_PASTE, /* text is what was pasted; owned by the reader */
    TK_RESIZE
} TermKey;

#define TMOD_SHIFT 1u
#define TMOD_ALT   2u
#define TMOD_CTRL  4u

typedef enum {
    MOUSE_MOVE,
    MOUSE_PRESS,
    MOUSE_RELEASE,
    MOUSE_WHEEL_UP,
    MOUSE_WHEEL_DOWN
} MouseKind;

typedef struct {
    TermKey key;
    guint32 ch;
    guint mods; /* TMOD_* */
    struct {
        int x, y;        /* columns, rows from the top left */
        unsigned button; /* 1 left, 2 middle, 3 right, 0 none */
        MouseKind kind;
    } mouse;
    const char *text; /* TK_PASTE */
} Key;

/* The key's name into buf (at least KEY_NAME_MAX bytes); returns buf. */
#define KEY_NAME_MAX 32
char *keys_name(const Key *key, char *buf);

/* Keys that modify or act on a machine: refused with --read-only. */
#define KEY_WRITES 1u
/* Also offered by the `.` menu of the selected thing. */
#define KEY_ACTION 2u

/* One row; a table ends with a row whose keys are NULL. keys: names, blanks
 * between them. hint: word for the hint line, NULL to leave it out. */
typedef struct {
    const char *keys;
    int command;
    const char *hint, *help;
    guint flags;
} KeyBinding;

/* The row for key, or NULL. table may be NULL. */
const KeyBinding *keys_find(const KeyBinding *table, const Key *key);
/* The row of command, or NULL. */
const KeyBinding *keys_find_command(const KeyBinding *table, int command);
/* First key name of a row into buf; returns buf. */
char *keys_first(const KeyBinding *row, char *buf);

/* Commands shared by everything that scrolls, and their rows. */
enum {
    CMD_UP = 1,
    CMD_DOWN,
    CMD_PGUP,
    CMD_PGDN,
    CMD_HOME,
    CMD_END,
    CMD_BACK,
    CMD_OPEN,
    CMD_SCREEN = 100, /* screens number their own from here */
    CMD_GLOBAL = 1000 /* the application's own */
};
/* clang-format off */
#define KEY_ROWS_MOVE                                                          \
    {"Up k", CMD_UP, NULL, "move up", 0},                                      \
    {"Down j", CMD_DOWN, NULL, "move down", 0},                                \
    {"PgUp", CMD_PGUP, NULL, "one page up", 0},                                \
    {"PgDn", CMD_PGDN, NULL, "one page down", 0},                              \
    {"Home g", CMD_HOME, NULL, "to the first", 0},                             \
    {"End G", CMD_END, NULL, "to the last", 0}
/* clang-format on */
