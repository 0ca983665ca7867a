/* tests/unit/test-ps2.c - PS/2 keyboard and mouse through their controller. */
#include "devices/legacy/ps2-keyboard.h"
#include "tests/unit/i8042-rig.h"

#define RAW        0x03 /* both interrupts, no translation */
#define TRANSLATED 0x43

static void
kbd_commands(Rig *r, const char *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        rig_to_kbd(r, (guint8) bytes[i]);
        (void) rig_read_all(r);
    }
}

static void
mouse_commands(Rig *r, const char *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        rig_to_mouse(r, (guint8) bytes[i]);
        (void) rig_read_all(r);
    }
}

static const char *
typed(Rig *r, guint16 code)
{
    rig_key(r, code);
    return rig_read_all(r);
}

static void
test_id(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    rig_to_kbd(&r, 0xf2);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa ab 83");
    rig_mode(&r, TRANSLATED);
    rig_to_kbd(&r, 0xf2);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa ab 41");
    rig_to_kbd(&r, 0xee);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "ee");
    rig_done(&r);
}

static void
test_set_2(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_A), "1c f0 1c");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_F7), "83 f0 83");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_UP), "e0 75 e0 f0 75");
    rig_done(&r);
}

static void
test_translated(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, TRANSLATED);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_A), "1e 9e");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_F7), "41 c1");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_F11), "57 d7");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_DELETE), "e0 53 e0 d3");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_KPENTER), "e0 1c e0 9c");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_102ND), "56 d6");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_LEFTMETA), "e0 5b e0 db");
    rig_done(&r);
}

static void
test_set_1_equals_translation(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    kbd_commands(&r, "\xf0\x01", 2);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_ESC), "01 81");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_RIGHT), "e0 4d e0 cd");
    rig_to_kbd(&r, 0xf0);
    rig_to_kbd(&r, 0x00);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa fa 01");
    rig_done(&r);
}

static void
test_print_screen(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, TRANSLATED);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_SYSRQ), "e0 2a e0 37 e0 b7 e0 aa");
    rig_post(&r, INPUT_KEY, KEY_LEFTALT, 1);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "38");
    rig_post(&r, INPUT_KEY, KEY_SYSRQ, 1);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "54");
    rig_post(&r, INPUT_KEY, KEY_LEFTALT, 0);
    rig_post(&r, INPUT_KEY, KEY_SYSRQ, 0); /* released in its own form */
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "b8 d4");
    rig_done(&r);
}

static void
test_pause(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, TRANSLATED);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_PAUSE), "e1 1d 45 e1 9d c5");
    rig_post(&r, INPUT_KEY, KEY_LEFTCTRL, 1);
    (void) rig_read_all(&r);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_PAUSE), "e0 46 e0 c6");
    rig_done(&r);
}

static void
test_set_3(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    kbd_commands(&r, "\xf0\x03", 2);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_A), "1c"); /* does not say up */
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_LEFTCTRL), "11 f0 11");
    rig_post(&r, INPUT_KEY, KEY_F1, 1);
    rig_post(&r, INPUT_KEY, KEY_F1, 1); /* make only: no repeat */
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "07");
    kbd_commands(&r, "\xfa", 1);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_A), "1c f0 1c");
    kbd_commands(&r, "\xfd\x1c\xf4", 3); /* this key: make only */
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_A), "1c");
    rig_done(&r);
}

static void
test_leds(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, TRANSLATED);
    rig_to_kbd(&r, 0xed);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa");
    rig_to_kbd(&r, 0x04);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa");
    CU_ASSERT_EQUAL(input_leds(r.vm->env.input), 4);
    rig_to_kbd(&r, 0xed); /* a command instead of the argument */
    rig_to_kbd(&r, 0xf4);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fa fa");
    CU_ASSERT_EQUAL(input_leds(r.vm->env.input), 4);
    device_reset(r.dev, RESET_COLD);
    CU_ASSERT_EQUAL(input_leds(r.vm->env.input), 0);
    rig_done(&r);
}

static void
test_bad_and_resend(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    rig_to_kbd(&r, 0x10);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fe");
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_B), "32 f0 32");
    rig_to_kbd(&r, 0xfe);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "32");
    rig_done(&r);
}

static void
test_scanning_off(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    kbd_commands(&r, "\xf5", 1);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_A), "");
    kbd_commands(&r, "\xf4", 1);
    CU_ASSERT_STRING_EQUAL(typed(&r, KEY_A), "1c f0 1c");
    rig_done(&r);
}

static void
test_many_keys_arrive(void)
{
    Rig r;
    const char *got;

    rig_init(&r);
    rig_mode(&r, TRANSLATED);
    for (unsigned i = 0; i < 60; i++) /* three times the buffer */
        rig_key(&r, KEY_A);
    got = rig_read_all(&r);
    CU_ASSERT_EQUAL(strlen(got), 120 * 3 - 1);
    CU_ASSERT_TRUE(g_str_has_prefix(got, "1e 9e 1e 9e"));
    CU_ASSERT_TRUE(g_str_has_suffix(got, "1e 9e 1e 9e"));
    rig_done(&r);
}

static void
test_mouse_reset(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    rig_to_mouse(&r, 0xff);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fam aam 00m");
    CU_ASSERT_TRUE(r.vm->rises[12] == 3);
    rig_to_mouse(&r, 0xe9);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fam 00m 02m 64m");
    rig_done(&r);
}

static void
test_mouse_packet(void)
{
    Rig r;
    InputEvent evs[] = {{INPUT_REL, REL_X, 5},
                        {INPUT_REL, REL_Y, 3}, /* down */
                        {INPUT_SYNC, 0, 0}};

    rig_init(&r);
    rig_mode(&r, RAW);
    rig_post(&r, INPUT_REL, REL_X, 9);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), ""); /* not yet enabled */
    mouse_commands(&r, "\xf4", 1);
    input_post(r.vm->env.input, r.source, evs, 3);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "28m 05m fdm");
    fake_advance(r.vm, 20000000);
    rig_post(&r, INPUT_BUTTON, BTN_LEFT, 1);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "09m 00m 00m");
    rig_done(&r);
}

static void
test_mouse_large_motion(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    mouse_commands(&r, "\xf4", 1);
    rig_post(&r, INPUT_REL, REL_X, -300);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "18m 01m 00m");
    fake_advance(r.vm, 20000000); /* the rest after a sampling period */
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "18m d3m 00m");
    rig_done(&r);
}

static void
test_mouse_click_is_not_lost(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    mouse_commands(&r, "\xf4", 1);
    rig_post(&r, INPUT_BUTTON, BTN_RIGHT, 1);
    rig_post(&r, INPUT_BUTTON, BTN_RIGHT, 0);
    rig_post(&r, INPUT_BUTTON, BTN_RIGHT, 1);
    rig_post(&r, INPUT_BUTTON, BTN_RIGHT, 0);
    g_autoptr(GString) got = g_string_new(NULL);
    for (unsigned i = 0; i < 50; i++)
        g_string_append(got, rig_read_all(&r));
    CU_ASSERT_STRING_EQUAL(got->str, "0am 00m 00m08m 00m 00m"
                                     "0am 00m 00m08m 00m 00m");
    rig_done(&r);
}

static void
test_wheel(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    mouse_commands(&r, "\xf3\xc8\xf3\x64\xf3\x50", 6);
    rig_to_mouse(&r, 0xf2);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fam 03m");
    mouse_commands(&r, "\xf4", 1);
    rig_post(&r, INPUT_WHEEL, REL_WHEEL, 1); /* away from us */
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "08m 00m 00m ffm");
    rig_done(&r);
}

static void
test_explorer(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    mouse_commands(&r, "\xf3\xc8\xf3\xc8\xf3\x50", 6);
    rig_to_mouse(&r, 0xf2);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fam 04m");
    mouse_commands(&r, "\xf4", 1);
    rig_post(&r, INPUT_BUTTON, BTN_SIDE, 1);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "08m 00m 00m 10m");
    rig_done(&r);
}

static void
test_remote_and_wrap(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    mouse_commands(&r, "\xf0", 1);
    rig_post(&r, INPUT_REL, REL_X, 2);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "");
    rig_to_mouse(&r, 0xeb);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fam 08m 02m 00m");
    mouse_commands(&r, "\xee", 1);
    rig_to_mouse(&r, 0x77);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "77m");
    rig_to_mouse(&r, 0xec);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "fam");
    rig_done(&r);
}

static void
test_scaling(void)
{
    Rig r;

    rig_init(&r);
    rig_mode(&r, RAW);
    mouse_commands(&r, "\xe7\xf4", 2);
    rig_post(&r, INPUT_REL, REL_X, 4);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "08m 06m 00m");
    fake_advance(r.vm, 20000000);
    rig_post(&r, INPUT_REL, REL_X, 10);
    CU_ASSERT_STRING_EQUAL(rig_read_all(&r), "08m 14m 00m");
    rig_done(&r);
}

CU_MAIN("ps2", {"keyboard_id_and_echo", test_id}, {"set_2_codes", test_set_2},
        {"translated_codes", test_translated},
        {"set_1_is_what_translation_makes", test_set_1_equals_translation},
        {"print_screen_follows_modifiers", test_print_screen},
        {"pause_has_no_release", test_pause}, {"set_3_modes", test_set_3},
        {"leds_reach_the_seat", test_leds},
        {"bad_byte_and_resend", test_bad_and_resend},
        {"disabled_scanning_drops_keys", test_scanning_off},
        {"more_keys_than_the_buffer_all_arrive", test_many_keys_arrive},
        {"mouse_reset_and_status", test_mouse_reset},
        {"mouse_packet_has_signs", test_mouse_packet},
        {"large_motion_takes_two_packets", test_mouse_large_motion},
        {"fast_clicks_are_not_lost", test_mouse_click_is_not_lost},
        {"wheel_after_its_magic", test_wheel},
        {"five_buttons_after_their_magic", test_explorer},
        {"remote_and_wrap_modes", test_remote_and_wrap},
        {"two_to_one_scaling", test_scaling})
