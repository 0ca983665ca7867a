/* devices/legacy/ps2-keyboard.c - 101/102-key PS/2 keyboard.
 *
 * IBM Personal System/2 Hardware Interface Technical Reference, "Keyboards
 * (101- and 102-key)": scan code sets 1 to 3 and all commands. Repeats come
 * from the viewer, so the typematic rate is only stored; the shift codes that
 * surround grey keys with Num Lock on are left out, as they carry nothing. A
 * full buffer makes the seat wait, so no overrun code is ever due. */
#include "devices/legacy/ps2-keyboard.h"

#include <string.h>

#include <linux/input-event-codes.h>

#define PS2_ACK           0xfa
#define PS2_RESEND        0xfe
#define PS2_BAT_OK        0xaa
#define PS2_ECHO          0xee
#define PS2_BREAK         0xf0
#define KBD_ID_1          0xab
#define KBD_ID_2          0x83
#define TYPEMATIC_DEF     0x2b /* 10.9 per second after 500 ms */
#define LONGEST           8    /* bytes of one key event: Pause */

#define CMD_LEDS          0xed
#define CMD_ECHO          0xee
#define CMD_SCAN_SET      0xf0
#define CMD_ID            0xf2
#define CMD_TYPEMATIC     0xf3
#define CMD_ENABLE        0xf4
#define CMD_DISABLE       0xf5
#define CMD_DEFAULTS      0xf6
#define CMD_ALL_TYPEMATIC 0xf7 /* ... 0xfa: four modes for all keys */
#define CMD_ALL_BOTH      0xfa
#define CMD_KEY_TYPEMATIC 0xfb /* ... 0xfd: three modes for the keys named */
#define CMD_KEY_MAKE      0xfd
#define CMD_RESEND        0xfe
#define CMD_RESET         0xff

/* Key modes of set 3 */
#define PS2_KEY_BREAK   1u
#define PS2_KEY_REPEATS 2u

/* Forms of Print Screen */
enum { PRINT_UP, PRINT_PLAIN, PRINT_SHIFTED, PRINT_ALT };

#define E0 0x100 /* in set2: the code follows an 0xE0 */

typedef struct {
    guint16 code; /* evdev */
    guint16 set2;
    guint8 set3; /* 0: not in this set */
} KeyRow;

/* clang-format off */
static const KeyRow keys[] = {
    { KEY_ESC, 0x76, 0x08 },        { KEY_1, 0x16, 0x16 },
    { KEY_2, 0x1e, 0x1e },          { KEY_3, 0x26, 0x26 },
    { KEY_4, 0x25, 0x25 },          { KEY_5, 0x2e, 0x2e },
    { KEY_6, 0x36, 0x36 },          { KEY_7, 0x3d, 0x3d },
    { KEY_8, 0x3e, 0x3e },          { KEY_9, 0x46, 0x46 },
    { KEY_0, 0x45, 0x45 },          { KEY_MINUS, 0x4e, 0x4e },
    { KEY_EQUAL, 0x55, 0x55 },      { KEY_BACKSPACE, 0x66, 0x66 },
    { KEY_TAB, 0x0d, 0x0d },        { KEY_Q, 0x15, 0x15 },
    { KEY_W, 0x1d, 0x1d },          { KEY_E, 0x24, 0x24 },
    { KEY_R, 0x2d, 0x2d },          { KEY_T, 0x2c, 0x2c },
    { KEY_Y, 0x35, 0x35 },          { KEY_U, 0x3c, 0x3c },
    { KEY_I, 0x43, 0x43 },          { KEY_O, 0x44, 0x44 },
    { KEY_P, 0x4d, 0x4d },          { KEY_LEFTBRACE, 0x54, 0x54 },
    { KEY_RIGHTBRACE, 0x5b, 0x5b }, { KEY_ENTER, 0x5a, 0x5a },
    { KEY_LEFTCTRL, 0x14, 0x11 },   { KEY_A, 0x1c, 0x1c },
    { KEY_S, 0x1b, 0x1b },          { KEY_D, 0x23, 0x23 },
    { KEY_F, 0x2b, 0x2b },          { KEY_G, 0x34, 0x34 },
    { KEY_H, 0x33, 0x33 },          { KEY_J, 0x3b, 0x3b },
    { KEY_K, 0x42, 0x42 },          { KEY_L, 0x4b, 0x4b },
    { KEY_SEMICOLON, 0x4c, 0x4c },  { KEY_APOSTROPHE, 0x52, 0x52 },
    { KEY_GRAVE, 0x0e, 0x0e },      { KEY_LEFTSHIFT, 0x12, 0x12 },
    { KEY_BACKSLASH, 0x5d, 0x5c },  { KEY_Z, 0x1a, 0x1a },
    { KEY_X, 0x22, 0x22 },          { KEY_C, 0x21, 0x21 },
    { KEY_V, 0x2a, 0x2a },          { KEY_B, 0x32, 0x32 },
    { KEY_N, 0x31, 0x31 },          { KEY_M, 0x3a, 0x3a },
    { KEY_COMMA, 0x41, 0x41 },      { KEY_DOT, 0x49, 0x49 },
    { KEY_SLASH, 0x4a, 0x4a },      { KEY_RIGHTSHIFT, 0x59, 0x59 },
    { KEY_KPASTERISK, 0x7c, 0x7e }, { KEY_LEFTALT, 0x11, 0x19 },
    { KEY_SPACE, 0x29, 0x29 },      { KEY_CAPSLOCK, 0x58, 0x14 },
    { KEY_F1, 0x05, 0x07 },         { KEY_F2, 0x06, 0x0f },
    { KEY_F3, 0x04, 0x17 },         { KEY_F4, 0x0c, 0x1f },
    { KEY_F5, 0x03, 0x27 },         { KEY_F6, 0x0b, 0x2f },
    { KEY_F7, 0x83, 0x37 },         { KEY_F8, 0x0a, 0x3f },
    { KEY_F9, 0x01, 0x47 },         { KEY_F10, 0x09, 0x4f },
    { KEY_F11, 0x78, 0x56 },        { KEY_F12, 0x07, 0x5e },
    { KEY_F13, 0x08, 0 },           { KEY_F14, 0x10, 0 },
    { KEY_F15, 0x18, 0 },           { KEY_F16, 0x20, 0 },
    { KEY_F17, 0x28, 0 },           { KEY_F18, 0x30, 0 },
    { KEY_F19, 0x38, 0 },           { KEY_F20, 0x40, 0 },
    { KEY_F21, 0x48, 0 },           { KEY_F22, 0x50, 0 },
    { KEY_F23, 0x57, 0 },           { KEY_F24, 0x5f, 0 },
    { KEY_NUMLOCK, 0x77, 0x76 },    { KEY_SCROLLLOCK, 0x7e, 0x5f },
    { KEY_KP7, 0x6c, 0x6c },        { KEY_KP8, 0x75, 0x75 },
    { KEY_KP9, 0x7d, 0x7d },        { KEY_KPMINUS, 0x7b, 0x84 },
    { KEY_KP4, 0x6b, 0x6b },        { KEY_KP5, 0x73, 0x73 },
    { KEY_KP6, 0x74, 0x74 },        { KEY_KPPLUS, 0x79, 0x7c },
    { KEY_KP1, 0x69, 0x69 },        { KEY_KP2, 0x72, 0x72 },
    { KEY_KP3, 0x7a, 0x7a },        { KEY_KP0, 0x70, 0x70 },
    { KEY_KPDOT, 0x71, 0x71 },      { KEY_102ND, 0x61, 0x13 },
    { KEY_RO, 0x51, 0x51 },         { KEY_YEN, 0x6a, 0x5d },
    { KEY_HENKAN, 0x64, 0x86 },     { KEY_MUHENKAN, 0x67, 0x85 },
    { KEY_KATAKANAHIRAGANA, 0x13, 0x87 }, { KEY_KPCOMMA, 0x6d, 0x7b },
    { KEY_KPEQUAL, 0x0f, 0 },       { KEY_KPENTER, E0 | 0x5a, 0x79 },
    { KEY_RIGHTCTRL, E0 | 0x14, 0x58 }, { KEY_KPSLASH, E0 | 0x4a, 0x77 },
    { KEY_RIGHTALT, E0 | 0x11, 0x39 },  { KEY_HOME, E0 | 0x6c, 0x6e },
    { KEY_UP, E0 | 0x75, 0x63 },        { KEY_PAGEUP, E0 | 0x7d, 0x6f },
    { KEY_LEFT, E0 | 0x6b, 0x61 },      { KEY_RIGHT, E0 | 0x74, 0x6a },
    { KEY_END, E0 | 0x69, 0x65 },       { KEY_DOWN, E0 | 0x72, 0x60 },
    { KEY_PAGEDOWN, E0 | 0x7a, 0x6d },  { KEY_INSERT, E0 | 0x70, 0x67 },
    { KEY_DELETE, E0 | 0x71, 0x64 },    { KEY_LEFTMETA, E0 | 0x1f, 0x8b },
    { KEY_RIGHTMETA, E0 | 0x27, 0x8c }, { KEY_COMPOSE, E0 | 0x2f, 0x8d },
    { KEY_POWER, E0 | 0x37, 0 },        { KEY_SLEEP, E0 | 0x3f, 0 },
    { KEY_WAKEUP, E0 | 0x5e, 0 },       { KEY_MUTE, E0 | 0x23, 0 },
    { KEY_VOLUMEDOWN, E0 | 0x21, 0 },   { KEY_VOLUMEUP, E0 | 0x32, 0 },
    { KEY_NEXTSONG, E0 | 0x4d, 0 },     { KEY_PREVIOUSSONG, E0 | 0x15, 0 },
    { KEY_PLAYPAUSE, E0 | 0x34, 0 },    { KEY_STOPCD, E0 | 0x3b, 0 },
    { KEY_MEDIA, E0 | 0x50, 0 },        { KEY_MAIL, E0 | 0x48, 0 },
    { KEY_CALC, E0 | 0x2b, 0 },         { KEY_COMPUTER, E0 | 0x40, 0 },
    { KEY_HOMEPAGE, E0 | 0x3a, 0 },     { KEY_SEARCH, E0 | 0x10, 0 },
    { KEY_BOOKMARKS, E0 | 0x18, 0 },    { KEY_REFRESH, E0 | 0x20, 0 },
    { KEY_STOP, E0 | 0x28, 0 },         { KEY_FORWARD, E0 | 0x30, 0 },
    { KEY_BACK, E0 | 0x38, 0 },
};

/* Set 2 to set 1, IBM's table in the 8042's ROM; 0x80 and up is unchanged
 * except for F7 and Alt-Print Screen. */
static const guint8 translation[128] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58,
    0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a,
    0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c,
    0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e,
    0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60,
    0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e,
    0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b,
    0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
    0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

/* Set 3 after power-on: these repeat not, and of them only some say when
 * they go up; all other keys repeat and do not say. */
static const guint8 set3_make_break[] = { 0x11, 0x12, 0x14, 0x19, 0x59 };
static const guint8 set3_make_only[] = {
    0x07, 0x08, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x39, 0x3f, 0x47, 0x4f,
    0x56, 0x57, 0x58, 0x5e, 0x5f, 0x62, 0x65, 0x67, 0x69, 0x6b, 0x6c, 0x6d,
    0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x79, 0x7a,
    0x7d, 0x7e, 0x84,
};
/* clang-format on */

guint8
ps2_translate(guint8 set2)
{
    if (set2 == 0x83)
        return 0x41;
    if (set2 == 0x84)
        return 0x54;
    return set2 < 0x80 ? translation[set2] : set2;
}

static void
reset_set3_modes(Ps2KeyboardState *s)
{
    memset(s->set3_modes, PS2_KEY_REPEATS, sizeof s->set3_modes);
    for (unsigned i = 0; i < G_N_ELEMENTS(set3_make_break); i++)
        s->set3_modes[set3_make_break[i]] = PS2_KEY_BREAK;
    for (unsigned i = 0; i < G_N_ELEMENTS(set3_make_only); i++)
        s->set3_modes[set3_make_only[i]] = 0;
}

/* What F5, F6 and a reset share; the LEDs keep what they show. */
static void
set_defaults(Ps2KeyboardState *s)
{
    s->scan_set = 2;
    s->typematic = TYPEMATIC_DEF;
    reset_set3_modes(s);
    ps2_queue_clear(&s->scancodes);
}

void
ps2_keyboard_reset(Ps2KeyboardState *s)
{
    memset(s, 0, sizeof *s);
    set_defaults(s);
    s->enabled = 1;
}

/* ---- keys ---- */

static bool
is_down(const Ps2KeyboardState *s, guint16 code)
{
    return (s->down[code / 8] >> (code % 8) & 1) != 0;
}

static void
set_down(Ps2KeyboardState *s, guint16 code, bool down)
{
    guint8 bit = (guint8) (1u << (code % 8));

    if (down)
        s->down[code / 8] |= bit;
    else
        s->down[code / 8] &= (guint8) ~bit;
}

/* One make or break code in the current set, 1 or 2. */
static void
put_code(Ps2KeyboardState *s, unsigned set2, bool press)
{
    Ps2Queue *q = &s->scancodes;
    guint8 code = (guint8) set2;

    if ((set2 & E0) != 0)
        ps2_queue_push(q, 0xe0);
    if (s->scan_set == 1) {
        code = ps2_translate(code);
        ps2_queue_push(q, press ? code : code | 0x80);
        return;
    }
    if (!press)
        ps2_queue_push(q, PS2_BREAK);
    ps2_queue_push(q, code);
}

/* Print Screen shares its place with SysRq and looks different with each
 * modifier; its release repeats the form of its press. */
static void
put_print(Ps2KeyboardState *s, bool press)
{
    if (press && (is_down(s, KEY_LEFTALT) || is_down(s, KEY_RIGHTALT)))
        s->print_form = PRINT_ALT;
    else if (press &&
             (is_down(s, KEY_LEFTSHIFT) || is_down(s, KEY_RIGHTSHIFT) ||
              is_down(s, KEY_LEFTCTRL) || is_down(s, KEY_RIGHTCTRL)))
        s->print_form = PRINT_SHIFTED;
    else if (press)
        s->print_form = PRINT_PLAIN;

    if (s->print_form == PRINT_ALT)
        put_code(s, 0x84, press);
    if (s->print_form == PRINT_PLAIN && press)
        put_code(s, E0 | 0x12, true);
    if (s->print_form == PRINT_PLAIN || s->print_form == PRINT_SHIFTED)
        put_code(s, E0 | 0x7c, press);
    if (s->print_form == PRINT_PLAIN && !press)
        put_code(s, E0 | 0x12, false);
    if (!press)
        s->print_form = PRINT_UP;
}

/* Pause has no release: make and break come together. */
static void
put_pause(Ps2KeyboardState *s)
{
    if (is_down(s, KEY_LEFTCTRL) || is_down(s, KEY_RIGHTCTRL)) {
        put_code(s, E0 | 0x7e, true);
        put_code(s, E0 | 0x7e, false);
        return;
    }
    ps2_queue_push(&s->scancodes, 0xe1);
    put_code(s, 0x14, true);
    put_code(s, 0x77, true);
    ps2_queue_push(&s->scancodes, 0xe1);
    put_code(s, 0x14, false);
    put_code(s, 0x77, false);
}

static void
put_set3(Ps2KeyboardState *s, guint8 set3, bool press, bool repeat)
{
    guint8 mode = s->set3_modes[set3];

    if (set3 == 0 || (repeat && (mode & PS2_KEY_REPEATS) == 0) ||
        (!press && (mode & PS2_KEY_BREAK) == 0))
        return;
    if (!press)
        ps2_queue_push(&s->scancodes, PS2_BREAK);
    ps2_queue_push(&s->scancodes, set3);
}

static const KeyRow *
find_key(guint16 code)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
        if (keys[i].code == code)
            return &keys[i];
    return NULL;
}

static void
put_key(Ps2KeyboardState *s, guint16 code, bool press, bool repeat)
{
    const KeyRow *row = find_key(code);

    if (code == KEY_SYSRQ && s->scan_set != 3)
        put_print(s, press);
    else if (code == KEY_SYSRQ)
        put_set3(s, 0x57, press, repeat);
    else if (code == KEY_PAUSE && s->scan_set != 3 && press && !repeat)
        put_pause(s);
    else if (code == KEY_PAUSE && s->scan_set == 3)
        put_set3(s, 0x62, press, repeat);
    else if ((code == KEY_HANGEUL || code == KEY_HANJA) && press && !repeat)
        ps2_queue_push(&s->scancodes, code == KEY_HANGEUL ? 0xf2 : 0xf1);
    else if (row != NULL && s->scan_set == 3)
        put_set3(s, row->set3, press, repeat);
    else if (row != NULL)
        put_code(s, row->set2, press);
}

bool
ps2_keyboard_key(Ps2KeyboardState *s, guint16 code, bool press)
{
    bool repeat;

    if (code >= PS2_KEYBOARD_KEYS)
        return true;
    if (s->enabled && ps2_queue_room(&s->scancodes) < LONGEST)
        return false;
    repeat = press && is_down(s, code);
    if (s->enabled)
        put_key(s, code, press, repeat);
    set_down(s, code, press);
    return true;
}

/* ---- commands ---- */

static void
reply(Ps2KeyboardState *s, guint8 byte)
{
    ps2_queue_push(&s->replies, byte);
}

/* F7..FA and FB..FD count through the modes in this order. */
static guint8
mode_of_command(guint8 command)
{
    static const guint8 modes[] = {PS2_KEY_REPEATS, PS2_KEY_BREAK, 0,
                                   PS2_KEY_REPEATS | PS2_KEY_BREAK};

    return modes[command - (command <= CMD_ALL_BOTH ? CMD_ALL_TYPEMATIC
                                                    : CMD_KEY_TYPEMATIC)];
}

static void
choose_set(Ps2KeyboardState *s, guint8 set)
{
    if (set > 3) {
        reply(s, PS2_RESEND);
        return;
    }
    reply(s, PS2_ACK);
    if (set == 0)
        reply(s, s->scan_set);
    else
        s->scan_set = set;
}

/* True when the byte was the argument of the command before it. */
static bool
take_argument(Ps2KeyboardState *s, guint8 byte)
{
    guint8 command = s->command;

    s->command = 0;
    if (command == 0 || byte >= CMD_LEDS)
        return false; /* a command in its place cancels the old one */
    if (command == CMD_SCAN_SET) {
        choose_set(s, byte);
        return true;
    }
    if (command == CMD_LEDS) {
        s->leds = byte & 7;
    } else if (command == CMD_TYPEMATIC) {
        s->typematic = byte & 0x7f;
    } else {
        s->set3_modes[byte] = mode_of_command(command);
        s->command = command; /* more keys may follow */
    }
    reply(s, PS2_ACK);
    return true;
}

static void
start_command(Ps2KeyboardState *s, guint8 byte)
{
    reply(s, PS2_ACK);
    switch (byte) {
    case CMD_ID:
        reply(s, KBD_ID_1);
        reply(s, KBD_ID_2);
        break;
    case CMD_ENABLE:
        s->enabled = 1;
        ps2_queue_clear(&s->scancodes);
        break;
    case CMD_DISABLE:
        set_defaults(s);
        s->enabled = 0;
        break;
    case CMD_DEFAULTS: set_defaults(s); break;
    case CMD_RESET:
        ps2_keyboard_reset(s);
        reply(s, PS2_ACK);
        reply(s, PS2_BAT_OK);
        break;
    default:
        if (byte >= CMD_ALL_TYPEMATIC && byte <= CMD_ALL_BOTH)
            memset(s->set3_modes, mode_of_command(byte), sizeof s->set3_modes);
        else
            s->command = byte; /* its argument comes next */
        break;
    }
}

void
ps2_keyboard_write(Ps2KeyboardState *s, guint8 byte)
{
    if (take_argument(s, byte))
        return;
    if (byte == CMD_ECHO)
        reply(s, PS2_ECHO);
    else if (byte == CMD_RESEND)
        reply(s, s->last_sent);
    else if (byte == CMD_LEDS || byte == CMD_SCAN_SET || byte >= CMD_ID)
        start_command(s, byte);
    else
        reply(s, PS2_RESEND);
}

bool
ps2_keyboard_has_byte(const Ps2KeyboardState *s)
{
    return s->replies.len > 0 || s->scancodes.len > 0;
}

guint8
ps2_keyboard_read(Ps2KeyboardState *s)
{
    s->last_sent =
        ps2_queue_pop(s->replies.len > 0 ? &s->replies : &s->scancodes);
    return s->last_sent;
}

/* ---- state ---- */

static bool
queue_check(const void *state, GError **error)
{
    const Ps2Queue *q = state;

    if (q->head < PS2_QUEUE_LEN && q->len <= PS2_QUEUE_LEN)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "ps2-queue: head %u or length %u is out of range", q->head,
                q->len);
    return false;
}

static bool
keyboard_check(const void *state, GError **error)
{
    const Ps2KeyboardState *s = state;
    bool command_ok =
        s->command == 0 || s->command == CMD_LEDS ||
        s->command == CMD_SCAN_SET || s->command == CMD_TYPEMATIC ||
        (s->command >= CMD_KEY_TYPEMATIC && s->command <= CMD_KEY_MAKE);

    if (command_ok && s->scan_set >= 1 && s->scan_set <= 3 && s->enabled <= 1 &&
        s->leds <= 7 && s->print_form <= PRINT_ALT &&
        queue_check(&s->replies, NULL) && queue_check(&s->scancodes, NULL))
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "ps2-keyboard: a command, set or mode is unknown");
    return false;
}

/* clang-format off */
static const StateField queue_fields[] = {
    STATE_BLOB(Ps2Queue, data),
    STATE_FIELD(Ps2Queue, head, STATE_U8),
    STATE_FIELD(Ps2Queue, len, STATE_U8),
    STATE_FIELDS_END
};

static const StateField keyboard_fields[] = {
    STATE_SUB(Ps2KeyboardState, replies, &ps2_queue_state_desc),
    STATE_SUB(Ps2KeyboardState, scancodes, &ps2_queue_state_desc),
    STATE_FIELD(Ps2KeyboardState, command, STATE_U8),
    STATE_FIELD(Ps2KeyboardState, leds, STATE_U8),
    STATE_FIELD(Ps2KeyboardState, scan_set, STATE_U8),
    STATE_FIELD(Ps2KeyboardState, typematic, STATE_U8),
    STATE_FIELD(Ps2KeyboardState, enabled, STATE_U8),
    STATE_FIELD(Ps2KeyboardState, last_sent, STATE_U8),
    STATE_FIELD(Ps2KeyboardState, print_form, STATE_U8),
    STATE_BLOB(Ps2KeyboardState, set3_modes),
    STATE_BLOB(Ps2KeyboardState, down),
    STATE_FIELDS_END
};
/* clang-format on */

const StateDesc ps2_queue_state_desc = {
    .name = "ps2-queue",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Ps2Queue),
    .fields = queue_fields,
    .check = queue_check,
};

const StateDesc ps2_keyboard_state_desc = {
    .name = "ps2-keyboard",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Ps2KeyboardState),
    .fields = keyboard_fields,
    .check = keyboard_check,
};
