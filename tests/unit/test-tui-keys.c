/* Tests of ui/tui/keys.c and guest-keys.c: names of keys, and what of a
 * keyboard a terminal's key is for the guest. */
#include "tests/unit/cu-main.h"

#include <linux/input-event-codes.h>
#include <string.h>

#include "ui/tui/guest-keys.h"

/* "+42 +30 . -30 -42 ." */
static char *
describe(const InputEvent *ev, unsigned n)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; i < n; i++)
        if (ev[i].type == INPUT_SYNC)
            g_string_append(out, ". ");
        else
            g_string_append_printf(out, "%c%u ", ev[i].value ? '+' : '-',
                                   ev[i].code);
    return g_string_free(out, FALSE);
}

static void
check_key(Key key, const char *want)
{
    InputEvent ev[GUEST_KEYS_MAX];
    g_autofree char *have = describe(ev, guest_keys_from_key(&key, ev));

    CU_ASSERT_STRING_EQUAL(have, want);
}

static void
test_names(void)
{
    char name[KEY_NAME_MAX];
    Key ctrl = {.key = TK_CHAR, .ch = 'p', .mods = TMOD_CTRL};
    Key shift = {.key = TK_TAB, .mods = TMOD_SHIFT};
    Key f = {.key = TK_F12};

    CU_ASSERT_STRING_EQUAL(keys_name(&ctrl, name), "Ctrl-P");
    CU_ASSERT_STRING_EQUAL(keys_name(&shift, name), "Shift-Tab");
    CU_ASSERT_STRING_EQUAL(keys_name(&f, name), "F12");
}

static void
test_find(void)
{
    static const KeyBinding table[] = {
        {"Up k", CMD_UP, NULL, "up", 0}, {"? F1", 7, "help", "help", 0}, {0}};
    Key k = {.key = TK_CHAR, .ch = 'k'}, f1 = {.key = TK_F1},
        up = {.key = TK_CHAR, .ch = 'U'};

    CU_ASSERT_EQUAL(keys_find(table, &k)->command, CMD_UP);
    CU_ASSERT_EQUAL(keys_find(table, &f1)->command, 7);
    CU_ASSERT_PTR_NULL(keys_find(table, &up)); /* not "Up" */
    CU_ASSERT_PTR_NULL(keys_find(NULL, &k));
}

static void
test_letters(void)
{
    check_key((Key){.key = TK_CHAR, .ch = 'a'}, "+30 . -30 . ");
    check_key((Key){.key = TK_CHAR, .ch = 'A'}, "+42 +30 . -30 -42 . ");
    check_key((Key){.key = TK_CHAR, .ch = '~'}, "+42 +41 . -41 -42 . ");
    check_key((Key){.key = TK_CHAR, .ch = '|'}, "+42 +43 . -43 -42 . ");
    check_key((Key){.key = TK_CHAR, .ch = ' '}, "+57 . -57 . ");
}

static void
test_mods(void)
{
    check_key((Key){.key = TK_CHAR, .ch = 'c', .mods = TMOD_CTRL},
              "+29 +46 . -46 -29 . ");
    check_key((Key){.key = TK_CHAR, .ch = 'x', .mods = TMOD_ALT},
              "+56 +45 . -45 -56 . ");
    check_key((Key){.key = TK_LEFT, .mods = TMOD_CTRL | TMOD_SHIFT},
              "+29 +42 +105 . -105 -42 -29 . ");
    check_key((Key){.key = TK_F1 + 10}, "+87 . -87 . "); /* F11 */
    check_key((Key){.key = TK_KP, .ch = '+'}, "+78 . -78 . ");
}

static void
test_every_ascii(void)
{
    InputEvent ev[GUEST_KEYS_MAX];
    unsigned missing = 0;

    for (gunichar c = 0x20; c < 0x7f; c++)
        missing += guest_keys_from_char(c, ev) == 0;
    CU_ASSERT_EQUAL(missing, 0);
    CU_ASSERT_EQUAL(guest_keys_from_char('\n', ev), 4);
}

static void
test_no_such_key(void)
{
    InputEvent ev[GUEST_KEYS_MAX];

    CU_ASSERT_EQUAL(guest_keys_from_char(0xe9, ev), 0);
    CU_ASSERT_EQUAL(guest_keys_from_char(0, ev), 0);
    CU_ASSERT_EQUAL(guest_keys_from_combo("ctrl-nonsense", ev), 0);
    CU_ASSERT_EQUAL(guest_keys_from_combo("", ev), 0);
    CU_ASSERT_EQUAL(guest_keys_from_combo("f13", ev), 0);
    CU_ASSERT_EQUAL(guest_keys_from_combo("a-b-c-d-e-f", ev), 0);
}

static void
test_combos(void)
{
    InputEvent ev[GUEST_KEYS_MAX];
    unsigned n = guest_keys_from_combo("ctrl-alt-delete", ev);
    g_autofree char *cad = describe(ev, n);
    n = guest_keys_from_combo("Alt+F4", ev);
    g_autofree char *alt_f4 = describe(ev, n);

    CU_ASSERT_STRING_EQUAL(cad, "+29 +56 +111 . -111 -56 -29 . ");
    CU_ASSERT_STRING_EQUAL(alt_f4, "+56 +62 . -62 -56 . ");
}

static void
test_mouse(void)
{
    InputEvent ev[GUEST_KEYS_MAX];
    Key press = {.key = TK_MOUSE, .mouse = {.button = 1, .kind = MOUSE_PRESS}};
    Key still = {.key = TK_MOUSE, .mouse = {.kind = MOUSE_MOVE}};

    CU_ASSERT_EQUAL(guest_mouse_relative(&press, 8, -16, ev), 4);
    CU_ASSERT_EQUAL(ev[0].value, 8);
    CU_ASSERT_EQUAL(ev[1].value, -16);
    CU_ASSERT_EQUAL(ev[2].code, BTN_LEFT);
    CU_ASSERT_EQUAL(ev[3].type, INPUT_SYNC);
    CU_ASSERT_EQUAL(guest_mouse_relative(&still, 0, 0, ev), 0);
    CU_ASSERT_EQUAL(guest_mouse_absolute(&still, 40000, -5, ev), 3);
    CU_ASSERT_EQUAL(ev[0].value, 32767);
    CU_ASSERT_EQUAL(ev[1].value, 0);
}

CU_MAIN("tui-keys", {"keys_have_one_name", test_names},
        {"tables_are_searched_by_whole_names", test_find},
        {"letters_press_shift_when_needed", test_letters},
        {"modifiers_go_down_first_and_up_last", test_mods},
        {"every_ascii_character_has_a_key", test_every_ascii},
        {"what_has_no_key_gives_no_event", test_no_such_key},
        {"combinations_are_read_by_name", test_combos},
        {"mouse_reports_end_in_a_sync", test_mouse})
