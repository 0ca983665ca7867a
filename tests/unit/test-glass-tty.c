/* Tests of ui/tui/glass-tty.c. */
#include "tests/unit/cu-main.h"

#include <string.h>

#include "ui/tui/glass-tty.h"

static void
check_last(const char *bytes, const char *want)
{
    GlassTty *t = glass_tty_new();

    glass_tty_feed(t, (const guint8 *) bytes, strlen(bytes));
    g_autofree char *have = glass_tty_line(t, glass_tty_lines(t) - 1);
    CU_ASSERT_STRING_EQUAL(have, want);
    glass_tty_free(t);
}

static void
test_edit(void)
{
    check_last("one\r\ntwo", "two");
    check_last("wrong\b\b\b\b\bright", "right");
    check_last("long line\rshort\033[K", "short");
    check_last("abc\033[2Dx", "axc");
    check_last("a\tb", "a       b");
}

static void
test_sequences(void)
{
    check_last("\033[1;31mred\033[0m", "red");
    check_last("\033]0;title\asafe", "safe");
    check_last("\033P+q\033\\ok", "ok");
    check_last("\033[999999999999999999999999999999Cx", "x");
}

static void
test_split(void)
{
    GlassTty *t = glass_tty_new();

    glass_tty_feed(t, (const guint8 *) "\xe2\x94", 2);
    glass_tty_feed(t, (const guint8 *) "\x80\xff", 2);
    g_autofree char *have = glass_tty_line(t, 0);
    CU_ASSERT_STRING_EQUAL(have, "─\xef\xbf\xbd");
    glass_tty_free(t);
}

static void
test_bounds(void)
{
    GlassTty *t = glass_tty_new();
    g_autofree char *flood = g_strnfill(100000, '\n');
    g_autofree char *wide = g_strnfill(5000, 'x');

    glass_tty_feed(t, (const guint8 *) flood, 100000);
    CU_ASSERT_TRUE(glass_tty_lines(t) <= 5000);
    glass_tty_feed(t, (const guint8 *) wide, 5000);
    CU_ASSERT_TRUE(glass_tty_column(t) <= 1024);
    glass_tty_free(t);
}

CU_MAIN("glass-tty", {"lines_are_edited_in_place", test_edit},
        {"sequences_are_eaten", test_sequences},
        {"characters_may_arrive_in_parts", test_split},
        {"a_flood_is_bounded", test_bounds})
