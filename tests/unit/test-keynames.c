/* tests/unit/test-keynames.c - keys by name, characters by the US layout. */
#include <linux/input-event-codes.h>

#include "app/session/keynames.h"
#include "app/session/session-error.h"
#include "tests/unit/cu-main.h"

static void
ctrl_alt_delete_is_three_keys_in_order(void)
{
    KeyCombo combo = {{0}, 0};
    CU_ASSERT_TRUE(key_combo_parse("Ctrl-Alt-Delete", &combo, NULL));
    CU_ASSERT_EQUAL(combo.n, 3);
    CU_ASSERT_EQUAL(combo.codes[0], KEY_LEFTCTRL);
    CU_ASSERT_EQUAL(combo.codes[1], KEY_LEFTALT);
    CU_ASSERT_EQUAL(combo.codes[2], KEY_DELETE);
}

static void
plus_joins_keys_as_minus_does(void)
{
    KeyCombo combo = {{0}, 0};
    CU_ASSERT_TRUE(key_combo_parse("shift+f1", &combo, NULL));
    CU_ASSERT_EQUAL(combo.n, 2);
    CU_ASSERT_EQUAL(combo.codes[1], KEY_F1);
}

static void
a_lone_separator_is_the_key_itself(void)
{
    KeyCombo combo = {{0}, 0};
    CU_ASSERT_TRUE(key_combo_parse("-", &combo, NULL));
    CU_ASSERT_EQUAL(combo.codes[0], KEY_MINUS);
    CU_ASSERT_TRUE(key_combo_parse("+", &combo, NULL));
    CU_ASSERT_EQUAL(combo.codes[0], KEY_LEFTSHIFT);
    CU_ASSERT_EQUAL(combo.codes[1], KEY_EQUAL);
}

static void
a_capital_letter_brings_its_shift(void)
{
    KeyCombo combo = {{0}, 0};
    CU_ASSERT_TRUE(key_combo_of_char('Q', &combo));
    CU_ASSERT_EQUAL(combo.n, 2);
    CU_ASSERT_EQUAL(combo.codes[0], KEY_LEFTSHIFT);
    CU_ASSERT_EQUAL(combo.codes[1], KEY_Q);
}

static void
every_printable_ascii_character_can_be_typed(void)
{
    KeyCombo combo;
    unsigned typed = 0;
    for (gunichar c = ' '; c <= '~'; c++)
        typed += key_combo_of_char(c, &combo) ? 1 : 0;
    CU_ASSERT_EQUAL(typed, '~' - ' ' + 1);
}

static void
a_character_beyond_the_layout_is_refused(void)
{
    KeyCombo combo;
    CU_ASSERT_FALSE(key_combo_of_char(0xe9, &combo));
    CU_ASSERT_FALSE(key_combo_of_char(0, &combo));
}

static void
an_unknown_key_is_named_in_the_error(void)
{
    KeyCombo combo = {{0}, 0};
    g_autoptr(GError) error = NULL;
    CU_ASSERT_FALSE(key_combo_parse("ctrl-hyperspace", &combo, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, CARREL_SESSION_ERROR_USAGE);
    CU_ASSERT_PTR_NOT_NULL(g_strstr_len(error->message, -1, "hyperspace"));
}

static void
too_many_keys_in_one_combination_are_refused(void)
{
    KeyCombo combo = {{0}, 0};
    CU_ASSERT_FALSE(key_combo_parse("a-b-c-d-e-f-g-h-i", &combo, NULL));
    CU_ASSERT_FALSE(key_combo_parse("", &combo, NULL));
}

static void
a_code_has_a_name(void)
{
    CU_ASSERT_STRING_EQUAL(key_name_of_code(KEY_ENTER), "enter");
    CU_ASSERT_PTR_NULL(key_name_of_code(KEY_MAX));
}

/* clang-format off */
CU_MAIN("keynames",
    { "ctrl_alt_delete_is_three_keys_in_order", ctrl_alt_delete_is_three_keys_in_order },
    { "plus_joins_keys_as_minus_does", plus_joins_keys_as_minus_does },
    { "a_lone_separator_is_the_key_itself", a_lone_separator_is_the_key_itself },
    { "a_capital_letter_brings_its_shift", a_capital_letter_brings_its_shift },
    { "every_printable_ascii_character_can_be_typed", every_printable_ascii_character_can_be_typed },
    { "a_character_beyond_the_layout_is_refused", a_character_beyond_the_layout_is_refused },
    { "an_unknown_key_is_named_in_the_error", an_unknown_key_is_named_in_the_error },
    { "too_many_keys_in_one_combination_are_refused", too_many_keys_in_one_combination_are_refused },
    { "a_code_has_a_name", a_code_has_a_name })
/* clang-format on */
