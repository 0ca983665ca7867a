/* Tests of ui/tui/text.c: nothing acts on the terminal, widths, filters. */
#include "tests/unit/cu-main.h"

#include <string.h>

#include "ui/tui/text.h"

static void
check_safe(const char *in, gssize len, bool ascii, const char *want)
{
    g_autofree char *have = text_safe(in, len, ascii);

    CU_ASSERT_STRING_EQUAL(have, want);
}

static void
test_control(void)
{
    check_safe("a\033[2J\a\r\n\t\177b", -1, false, "a^[[2J^G^M^J^I\\x7fb");
}

static void
test_nul(void)
{
    check_safe("a\0b", 3, false, "a^@b");
}

static void
test_c1(void)
{
    check_safe("\xc2\x9b"
               "2J",
               -1, false, "\\x9b2J");
    check_safe("\x9b"
               "2J",
               -1, false, "\\x9b2J");
}

static void
test_bad_utf8(void)
{
    check_safe("\xff\xc3(\xed\xa0\x80", -1, false,
               "\\xff\\xc3(\\xed\\xa0\\x80");
    check_safe("ok\xe2\x82", -1, false, "ok\\xe2\\x82");
}

static void
test_direction(void)
{
    check_safe("a\xe2\x80\xae"
               "b",
               -1, false, "a\\u202eb");
    check_safe("e\xcc\x81", -1, false, "e\\u0301");
}

static void
test_ascii(void)
{
    check_safe("é─│█…日", -1, true, "e-|#~?");
}

static void
test_clip(void)
{
    g_autofree char *wide = text_clip("日本語", 5, false);
    g_autofree char *ascii = text_clip("abcdef", 4, true);
    g_autofree char *none = text_clip("abc", 0, true);

    CU_ASSERT_EQUAL(text_width("日本"), 4);
    CU_ASSERT_STRING_EQUAL(wide, "日本…");
    CU_ASSERT_STRING_EQUAL(ascii, "abc~");
    CU_ASSERT_STRING_EQUAL(none, "");
}

static void
test_wrap(void)
{
    g_autoptr(GPtrArray) lines = text_wrap("one two three\nx", 8);

    CU_ASSERT_EQUAL_FATAL(lines->len, 3);
    CU_ASSERT_STRING_EQUAL(g_ptr_array_index(lines, 0), "one two");
    CU_ASSERT_STRING_EQUAL(g_ptr_array_index(lines, 1), "three");
    CU_ASSERT_STRING_EQUAL(g_ptr_array_index(lines, 2), "x");
}

static void
test_matches(void)
{
    CU_ASSERT_TRUE(text_matches("", "anything"));
    CU_ASSERT_TRUE(text_matches("WIN 98", "win98 retro"));
    CU_ASSERT_FALSE(text_matches("win !retro", "win98 retro"));
    CU_ASSERT_TRUE(text_matches("dos|win", "win98"));
    CU_ASSERT_FALSE(text_matches("!dos|win", "win98"));
    CU_ASSERT_TRUE(text_matches("a", "\xff"
                                     "A"));
}

static void
test_fuzzy(void)
{
    CU_ASSERT_EQUAL(text_fuzzy("xyz", "start"), -1);
    CU_ASSERT_TRUE(text_fuzzy("st", "start") < text_fuzzy("st", "s.....t"));
    CU_ASSERT_EQUAL(text_fuzzy("", "start"), 0);
}

static void
test_units(void)
{
    g_autofree char *small = text_size(64 << 20);
    g_autofree char *big = text_size(G_GUINT64_CONSTANT(16) << 30);
    g_autofree char *none = text_rate(0);
    g_autofree char *up = text_duration(8040);
    g_autofree char *max = text_size(G_MAXUINT64);

    CU_ASSERT_STRING_EQUAL(small, "64M");
    CU_ASSERT_STRING_EQUAL(big, "16.0G");
    CU_ASSERT_STRING_EQUAL(none, "-");
    CU_ASSERT_STRING_EQUAL(up, "2h14m");
    CU_ASSERT_STRING_EQUAL(max, "16.0E");
}

CU_MAIN("tui-text", {"control_bytes_become_visible", test_control},
        {"nul_inside_a_length_is_shown", test_nul},
        {"c1_codes_become_visible_in_both_forms", test_c1},
        {"bytes_that_are_no_utf8_become_visible", test_bad_utf8},
        {"direction_marks_and_combining_characters_are_shown", test_direction},
        {"ascii_uses_the_nearest_character", test_ascii},
        {"clipping_counts_columns", test_clip},
        {"wrapping_breaks_at_blanks", test_wrap},
        {"filter_words_all_match_and_negate", test_matches},
        {"fuzzy_prefers_letters_together", test_fuzzy},
        {"sizes_and_times_are_short", test_units})
