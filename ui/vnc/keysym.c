/* ui/vnc/keysym.c - X keysyms and XT scan codes to evdev codes.
 *
 * Keysyms name characters, the guest wants keys: characters are looked up on a
 * US keyboard. Viewers that know the key itself send XT scan codes (the QEMU
 * extended key event); those do not depend on any layout. */
#include "ui/vnc/keysym.h"

#include <linux/input-event-codes.h>
#include <rfb/keysym.h>

/* The library's list has no Korean. */
#define KEYSYM_HANGUL  0xff31
#define KEYSYM_HANJA   0xff34

#define UNICODE_KEYSYM 0x01000000u /* a character beyond Latin-1 */

/* Keys that give a character: without and with Shift. */
typedef struct {
    char plain, shifted;
    guint16 code;
} CharKey;

typedef struct {
    guint32 keysym;
    guint16 code;
} NamedKey;

/* clang-format off */
static const CharKey char_keys[] = {
    { '`', '~', KEY_GRAVE }, { '1', '!', KEY_1 }, { '2', '@', KEY_2 },
    { '3', '#', KEY_3 }, { '4', '$', KEY_4 }, { '5', '%', KEY_5 },
    { '6', '^', KEY_6 }, { '7', '&', KEY_7 }, { '8', '*', KEY_8 },
    { '9', '(', KEY_9 }, { '0', ')', KEY_0 }, { '-', '_', KEY_MINUS },
    { '=', '+', KEY_EQUAL },
    { 'q', 'Q', KEY_Q }, { 'w', 'W', KEY_W }, { 'e', 'E', KEY_E },
    { 'r', 'R', KEY_R }, { 't', 'T', KEY_T }, { 'y', 'Y', KEY_Y },
    { 'u', 'U', KEY_U }, { 'i', 'I', KEY_I }, { 'o', 'O', KEY_O },
    { 'p', 'P', KEY_P }, { '[', '{', KEY_LEFTBRACE },
    { ']', '}', KEY_RIGHTBRACE }, { '\\', '|', KEY_BACKSLASH },
    { 'a', 'A', KEY_A }, { 's', 'S', KEY_S }, { 'd', 'D', KEY_D },
    { 'f', 'F', KEY_F }, { 'g', 'G', KEY_G }, { 'h', 'H', KEY_H },
    { 'j', 'J', KEY_J }, { 'k', 'K', KEY_K }, { 'l', 'L', KEY_L },
    { ';', ':', KEY_SEMICOLON }, { '\'', '"', KEY_APOSTROPHE },
    { 'z', 'Z', KEY_Z }, { 'x', 'X', KEY_X }, { 'c', 'C', KEY_C },
    { 'v', 'V', KEY_V }, { 'b', 'B', KEY_B }, { 'n', 'N', KEY_N },
    { 'm', 'M', KEY_M }, { ',', '<', KEY_COMMA }, { '.', '>', KEY_DOT },
    { '/', '?', KEY_SLASH },
};

/* Dead keys stand where the US keyboard has the bare accent. */
static const NamedKey named_keys[] = {
    { XK_space,            KEY_SPACE },
    { XK_nobreakspace,     KEY_SPACE },
    { XK_Escape,           KEY_ESC },
    { XK_BackSpace,        KEY_BACKSPACE },
    { XK_Tab,              KEY_TAB },
    { XK_ISO_Left_Tab,     KEY_TAB },
    { XK_Return,           KEY_ENTER },
    { XK_Linefeed,         KEY_ENTER },
    { XK_Delete,           KEY_DELETE },
    { XK_Insert,           KEY_INSERT },
    { XK_Home,             KEY_HOME },
    { XK_Begin,            KEY_HOME },
    { XK_End,              KEY_END },
    { XK_Prior,            KEY_PAGEUP },
    { XK_Next,             KEY_PAGEDOWN },
    { XK_Left,             KEY_LEFT },
    { XK_Right,            KEY_RIGHT },
    { XK_Up,               KEY_UP },
    { XK_Down,             KEY_DOWN },
    { XK_Shift_L,          KEY_LEFTSHIFT },
    { XK_Shift_R,          KEY_RIGHTSHIFT },
    { XK_Control_L,        KEY_LEFTCTRL },
    { XK_Control_R,        KEY_RIGHTCTRL },
    { XK_Alt_L,            KEY_LEFTALT },
    { XK_Alt_R,            KEY_RIGHTALT },
    { XK_Meta_L,           KEY_LEFTALT },
    { XK_Meta_R,           KEY_RIGHTALT },
    { XK_ISO_Level3_Shift, KEY_RIGHTALT },
    { XK_Mode_switch,      KEY_RIGHTALT },
    { XK_Super_L,          KEY_LEFTMETA },
    { XK_Super_R,          KEY_RIGHTMETA },
    { XK_Hyper_L,          KEY_LEFTMETA },
    { XK_Hyper_R,          KEY_RIGHTMETA },
    { XK_Menu,             KEY_COMPOSE },
    { XK_Multi_key,        KEY_COMPOSE },
    { XK_Caps_Lock,        KEY_CAPSLOCK },
    { XK_Shift_Lock,       KEY_CAPSLOCK },
    { XK_Num_Lock,         KEY_NUMLOCK },
    { XK_Scroll_Lock,      KEY_SCROLLLOCK },
    { XK_Print,            KEY_SYSRQ },
    { XK_Sys_Req,          KEY_SYSRQ },
    { XK_Execute,          KEY_SYSRQ },
    { XK_Pause,            KEY_PAUSE },
    { XK_Break,            KEY_PAUSE },
    { XK_Cancel,           KEY_PAUSE },
    { XK_Help,             KEY_HELP },
    { XK_KP_0,             KEY_KP0 },
    { XK_KP_1,             KEY_KP1 },
    { XK_KP_2,             KEY_KP2 },
    { XK_KP_3,             KEY_KP3 },
    { XK_KP_4,             KEY_KP4 },
    { XK_KP_5,             KEY_KP5 },
    { XK_KP_6,             KEY_KP6 },
    { XK_KP_7,             KEY_KP7 },
    { XK_KP_8,             KEY_KP8 },
    { XK_KP_9,             KEY_KP9 },
    { XK_KP_Insert,        KEY_KP0 },
    { XK_KP_End,           KEY_KP1 },
    { XK_KP_Down,          KEY_KP2 },
    { XK_KP_Next,          KEY_KP3 },
    { XK_KP_Left,          KEY_KP4 },
    { XK_KP_Begin,         KEY_KP5 },
    { XK_KP_Right,         KEY_KP6 },
    { XK_KP_Home,          KEY_KP7 },
    { XK_KP_Up,            KEY_KP8 },
    { XK_KP_Prior,         KEY_KP9 },
    { XK_KP_Decimal,       KEY_KPDOT },
    { XK_KP_Delete,        KEY_KPDOT },
    { XK_KP_Separator,     KEY_KPCOMMA },
    { XK_KP_Add,           KEY_KPPLUS },
    { XK_KP_Subtract,      KEY_KPMINUS },
    { XK_KP_Multiply,      KEY_KPASTERISK },
    { XK_KP_Divide,        KEY_KPSLASH },
    { XK_KP_Equal,         KEY_KPEQUAL },
    { XK_KP_Enter,         KEY_KPENTER },
    { XK_KP_Space,         KEY_SPACE },
    { XK_KP_Tab,           KEY_TAB },
    { XK_F1,  KEY_F1 },  { XK_F2,  KEY_F2 },  { XK_F3,  KEY_F3 },
    { XK_F4,  KEY_F4 },  { XK_F5,  KEY_F5 },  { XK_F6,  KEY_F6 },
    { XK_F7,  KEY_F7 },  { XK_F8,  KEY_F8 },  { XK_F9,  KEY_F9 },
    { XK_F10, KEY_F10 }, { XK_F11, KEY_F11 }, { XK_F12, KEY_F12 },
    { XK_F13, KEY_F13 }, { XK_F14, KEY_F14 }, { XK_F15, KEY_F15 },
    { XK_F16, KEY_F16 }, { XK_F17, KEY_F17 }, { XK_F18, KEY_F18 },
    { XK_F19, KEY_F19 }, { XK_F20, KEY_F20 }, { XK_F21, KEY_F21 },
    { XK_F22, KEY_F22 }, { XK_F23, KEY_F23 }, { XK_F24, KEY_F24 },
    { XK_dead_grave,       KEY_GRAVE },
    { XK_dead_tilde,       KEY_GRAVE },
    { XK_dead_acute,       KEY_APOSTROPHE },
    { XK_dead_diaeresis,   KEY_APOSTROPHE },
    { XK_dead_circumflex,  KEY_6 },
    { XK_dead_cedilla,     KEY_COMMA },
    { XK_Muhenkan,         KEY_MUHENKAN },
    { XK_Henkan,           KEY_HENKAN },
    { XK_Hiragana_Katakana, KEY_KATAKANAHIRAGANA },
    { XK_Zenkaku_Hankaku,  KEY_ZENKAKUHANKAKU },
    { KEYSYM_HANGUL,       KEY_HANGEUL },
    { KEYSYM_HANJA,        KEY_HANJA },
};

/* Scan codes where set 1 and evdev part; 0x80 stands for the E0 prefix. Below
 * 0x54 they are the same numbers. */
static const NamedKey xt_keys[] = {
    { 0x54, KEY_SYSRQ },        { 0x56, KEY_102ND },
    { 0x57, KEY_F11 },          { 0x58, KEY_F12 },
    { 0x59, KEY_KPEQUAL },      { 0x5d, KEY_F13 },
    { 0x5e, KEY_F14 },          { 0x5f, KEY_F15 },
    { 0x55, KEY_F16 },          { 0x70, KEY_KATAKANAHIRAGANA },
    { 0x71, KEY_HANJA },        { 0x72, KEY_HANGEUL },
    { 0x73, KEY_RO },           { 0x76, KEY_ZENKAKUHANKAKU },
    { 0x77, KEY_HIRAGANA },     { 0x78, KEY_KATAKANA },
    { 0x79, KEY_HENKAN },       { 0x7b, KEY_MUHENKAN },
    { 0x7d, KEY_YEN },          { 0x7e, KEY_KPCOMMA },
    { 0x90, KEY_PREVIOUSSONG }, { 0x99, KEY_NEXTSONG },
    { 0x9c, KEY_KPENTER },      { 0x9d, KEY_RIGHTCTRL },
    { 0xa0, KEY_MUTE },         { 0xa1, KEY_CALC },
    { 0xa2, KEY_PLAYPAUSE },    { 0xa4, KEY_STOPCD },
    { 0xae, KEY_VOLUMEDOWN },   { 0xb0, KEY_VOLUMEUP },
    { 0xb2, KEY_HOMEPAGE },     { 0xb5, KEY_KPSLASH },
    { 0xb7, KEY_SYSRQ },        { 0xb8, KEY_RIGHTALT },
    { 0xc6, KEY_PAUSE },        { 0xc7, KEY_HOME },
    { 0xc8, KEY_UP },           { 0xc9, KEY_PAGEUP },
    { 0xcb, KEY_LEFT },         { 0xcd, KEY_RIGHT },
    { 0xcf, KEY_END },          { 0xd0, KEY_DOWN },
    { 0xd1, KEY_PAGEDOWN },     { 0xd2, KEY_INSERT },
    { 0xd3, KEY_DELETE },       { 0xdb, KEY_LEFTMETA },
    { 0xdc, KEY_RIGHTMETA },    { 0xdd, KEY_COMPOSE },
    { 0xde, KEY_POWER },        { 0xdf, KEY_SLEEP },
    { 0xe3, KEY_WAKEUP },       { 0xe5, KEY_SEARCH },
    { 0xe6, KEY_BOOKMARKS },    { 0xe7, KEY_REFRESH },
    { 0xe8, KEY_STOP },         { 0xe9, KEY_FORWARD },
    { 0xea, KEY_BACK },         { 0xeb, KEY_COMPUTER },
    { 0xec, KEY_MAIL },         { 0xed, KEY_MEDIA },
};
/* clang-format on */

#define XT_SAME_AS_EVDEV 0x53u /* the keypad's Delete, the last of 1..0x53 */

static bool
find_named(const NamedKey *keys, gsize n, guint32 value, guint16 *ret_code)
{
    for (gsize i = 0; i < n; i++) {
        if (keys[i].keysym == value) {
            *ret_code = keys[i].code;
            return true;
        }
    }
    return false;
}

static bool
find_char(guint32 c, guint16 *ret_code, KeysymLevel *ret_level)
{
    for (gsize i = 0; i < G_N_ELEMENTS(char_keys); i++) {
        const CharKey *key = &char_keys[i];
        bool letter = g_ascii_isalpha(key->plain);

        if (c == (guint32) key->plain)
            *ret_level = letter ? KEYSYM_LOWER : KEYSYM_PLAIN;
        else if (c == (guint32) key->shifted)
            *ret_level = letter ? KEYSYM_CAPITAL : KEYSYM_SHIFT;
        else
            continue;
        *ret_code = key->code;
        return true;
    }
    return false;
}

bool
keysym_to_key(guint32 keysym, guint16 *ret_code, KeysymLevel *ret_level)
{
    KeysymLevel level = KEYSYM_ANY;
    guint16 code;

    if (keysym > UNICODE_KEYSYM && keysym < UNICODE_KEYSYM + 0x100)
        keysym -= UNICODE_KEYSYM; /* Latin-1 in its long form */
    if (!find_char(keysym, &code, &level) &&
        !find_named(named_keys, G_N_ELEMENTS(named_keys), keysym, &code))
        return false;
    *ret_code = code;
    if (ret_level != NULL)
        *ret_level = level;
    return true;
}

bool
xt_to_key(guint32 xt, guint16 *ret_code)
{
    if (xt >= 1 && xt <= XT_SAME_AS_EVDEV) {
        *ret_code = (guint16) xt;
        return true;
    }
    return find_named(xt_keys, G_N_ELEMENTS(xt_keys), xt, ret_code);
}
