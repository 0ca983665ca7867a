/* tests/unit/test-keysym.c - keysyms and XT scan codes to evdev codes. */
#include "ui/vnc/keysym.h"

#include <linux/input-event-codes.h>
#include <rfb/keysym.h>

#include "tests/unit/cu-main.h"

static guint16
key(guint32 keysym)
{
    guint16 code = 0;
    return keysym_to_key(keysym, &code, NULL) ? code : 0;
}

static KeysymLevel
level(guint32 keysym)
{
    KeysymLevel value = KEYSYM_ANY;
    guint16 code;
    (void) keysym_to_key(keysym, &code, &value);
    return value;
}

static guint16
xt(guint32 scan_code)
{
    guint16 code = 0;
    return xt_to_key(scan_code, &code) ? code : 0;
}

static void
test_every_character(void)
{
    for (guint32 c = ' '; c <= '~'; c++)
        CU_ASSERT_NOT_EQUAL(key(c), 0);
}

static void
test_shifted(void)
{
    CU_ASSERT_EQUAL(key('a'), KEY_A);
    CU_ASSERT_EQUAL(key('A'), KEY_A);
    CU_ASSERT_EQUAL(key('!'), KEY_1);
    CU_ASSERT_EQUAL(key('"'), KEY_APOSTROPHE);
    CU_ASSERT_EQUAL(key('|'), KEY_BACKSLASH);
    CU_ASSERT_EQUAL(level('a'), KEYSYM_LOWER);
    CU_ASSERT_EQUAL(level('A'), KEYSYM_CAPITAL);
    CU_ASSERT_EQUAL(level('1'), KEYSYM_PLAIN);
    CU_ASSERT_EQUAL(level('!'), KEYSYM_SHIFT);
    CU_ASSERT_EQUAL(level(XK_space), KEYSYM_ANY);
}

static void
test_functions(void)
{
    /* F11 and F12 came later: their codes do not follow on F10. */
    CU_ASSERT_EQUAL(key(XK_F1), KEY_F1);
    CU_ASSERT_EQUAL(key(XK_F10), KEY_F10);
    CU_ASSERT_EQUAL(key(XK_F11), KEY_F11);
    CU_ASSERT_EQUAL(key(XK_F12), KEY_F12);
    CU_ASSERT_EQUAL(key(XK_F24), KEY_F24);
}

static void
test_keypad(void)
{
    CU_ASSERT_EQUAL(key(XK_KP_7), KEY_KP7);
    CU_ASSERT_EQUAL(key(XK_KP_Home), KEY_KP7);
    CU_ASSERT_EQUAL(key(XK_Home), KEY_HOME);
    CU_ASSERT_EQUAL(key(XK_KP_Begin), KEY_KP5);
    CU_ASSERT_EQUAL(key(XK_KP_Enter), KEY_KPENTER);
    CU_ASSERT_EQUAL(key(XK_KP_Decimal), KEY_KPDOT);
    CU_ASSERT_EQUAL(key(XK_KP_Delete), KEY_KPDOT);
    CU_ASSERT_EQUAL(key(XK_KP_Divide), KEY_KPSLASH);
}

static void
test_layouts(void)
{
    CU_ASSERT_EQUAL(key(XK_ISO_Level3_Shift), KEY_RIGHTALT);
    CU_ASSERT_EQUAL(key(XK_dead_grave), KEY_GRAVE);
    CU_ASSERT_EQUAL(key(XK_ISO_Left_Tab), KEY_TAB);
    CU_ASSERT_EQUAL(key(0x01000000 + 'q'), KEY_Q);
}

static void
test_unknown(void)
{
    CU_ASSERT_EQUAL(key(0), 0);
    CU_ASSERT_EQUAL(key(0x20ac), 0); /* the euro sign */
    CU_ASSERT_EQUAL(key(0xffffffff), 0);
    CU_ASSERT_EQUAL(xt(0), 0);
    CU_ASSERT_EQUAL(xt(0xff), 0);
    CU_ASSERT_EQUAL(xt(0x10001), 0);
}

static void
test_xt(void)
{
    CU_ASSERT_EQUAL(xt(0x1e), KEY_A);
    CU_ASSERT_EQUAL(xt(0x53), KEY_KPDOT);
    CU_ASSERT_EQUAL(xt(0x56), KEY_102ND); /* the ISO key */
    CU_ASSERT_EQUAL(xt(0x57), KEY_F11);
    CU_ASSERT_EQUAL(xt(0xd3), KEY_DELETE);
    CU_ASSERT_EQUAL(xt(0x9d), KEY_RIGHTCTRL);
    CU_ASSERT_EQUAL(xt(0xc6), KEY_PAUSE);
    CU_ASSERT_EQUAL(xt(0xdb), KEY_LEFTMETA);
}

/* Keys a US keyboard has, by what viewers send for them. */
static void
test_all_keys_of_a_keyboard(void)
{
    static const guint32 keysyms[] = {
        XK_Escape,  XK_BackSpace,   XK_Tab,       XK_Return,    XK_Insert,
        XK_Delete,  XK_Home,        XK_End,       XK_Prior,     XK_Next,
        XK_Left,    XK_Right,       XK_Up,        XK_Down,      XK_Shift_L,
        XK_Shift_R, XK_Control_L,   XK_Control_R, XK_Alt_L,     XK_Alt_R,
        XK_Super_L, XK_Super_R,     XK_Menu,      XK_Caps_Lock, XK_Num_Lock,
        XK_Print,   XK_Scroll_Lock, XK_Pause};

    for (gsize i = 0; i < G_N_ELEMENTS(keysyms); i++)
        CU_ASSERT_NOT_EQUAL(key(keysyms[i]), 0);
    for (guint32 code = 1; code <= 0x53; code++)
        CU_ASSERT_EQUAL(xt(code), code);
}

CU_MAIN("keysym", {"every_ascii_character_has_a_key", test_every_character},
        {"a_shifted_character_is_the_same_key", test_shifted},
        {"function_keys_have_their_own_codes", test_functions},
        {"the_keypad_is_not_the_cursor_block", test_keypad},
        {"dead_and_level_keys_have_a_place", test_layouts},
        {"unknown_values_are_refused", test_unknown},
        {"scan_codes_name_keys_of_any_layout", test_xt},
        {"all_keys_of_a_us_keyboard_are_there", test_all_keys_of_a_keyboard})
