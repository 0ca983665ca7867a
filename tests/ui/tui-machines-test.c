/* tui-machines-test.c - the terminal interface in a pseudo-terminal: machines
 * made, looked at and commanded from the list. See tui-test.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/ui/session.h"
#include "tests/unit/cu-main.h"

#define IMAGE     "image.img"
#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})
static const SessionOptions plain = {0};

static void
test_palette_no_verb(void)
{
    check_screen(&plain, "palette-no-verb", KEYS(":", "snap zz", "\r"),
                 "win98");
}

/* Alone on the screen, without what an earlier one said. */
static void
test_palette_runs_verb(void)
{
    Session *s = session_start(&plain, 24, 80);

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    session_send(s, ":");
    session_settle(s);
    session_send(s, "passthrough first\r");
    CU_ASSERT_TRUE(session_wait_text(s, "[Enter] back to carrel"));
    session_send(s, "\r");
    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    session_send(s, ":");
    session_settle(s);
    session_send(s, "passthrough second\r");
    CU_ASSERT_TRUE(session_wait_text(s, "carrel passthrough second."));
    CU_ASSERT_TRUE(session_wait_text(s, "[Enter] back to carrel"));
    g_autofree char *text = session_text(s);
    CU_ASSERT_TRUE(g_str_has_prefix(text, "carrel passthrough second.\n"));
    CU_ASSERT_PTR_NULL(strstr(text, "first"));
    session_end(s);
}

static void
test_new_machine(void)
{
    check_screen(&plain, "new-machine", KEYS("n"), "win98");
}

static void
test_new_machine_error(void)
{
    check_screen(&plain, "new-machine-error",
                 KEYS("n", "\t\t", "/none.img", "\t\t\t\t", "lots"), "win98");
}

/* Enter with all as it is: nothing that starts would come of it. */
static void
test_new_machine_no_medium(void)
{
    check_screen(&plain, "new-machine-no-medium", KEYS("n", "\r"), "win98");
}

/* Keys on the form, until the list says what was made. */
static void
check_created(const char *const *keys, const char *want)
{
    Session *s = session_start(&plain, 24, 80);

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    for (; *keys != NULL; keys++) {
        session_send(s, *keys);
        session_settle(s);
    }
    CU_ASSERT_TRUE(session_wait_text(s, want));
    CU_ASSERT_TRUE(session_wait_text(s, "Carrel > Machines"));
    session_end(s);
}

static void
test_new_machine_made(void)
{
    check_created(KEYS("n", "\023"), "create pc: done");
    check_created(KEYS("n", "\t\t", IMAGE, "\r"), "create pc: done");
    check_created(KEYS("n", " ", "\r"), "create pxe: done");
}

static void
test_new_machine_small(void)
{
    Session *s = session_start(&plain, 12, 50);

    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    session_send(s, "n");
    session_settle(s);
    session_send(s, "\t\t\t\t\t\tlots");
    session_settle(s);
    check_golden(s, "new-machine-error-50x12");
    session_send(s, "\025vast");
    session_settle(s);
    check_golden(s, "new-machine-long-error-50x12");
    session_end(s);
}

/* Remarks are read whole. */
static void
test_plug_small(void)
{
    static const struct {
        const char *keys[5], *golden;
    } rows[] = {
        {{"+", "  ", "\t\t", " "}, "plug-net-50x12"},
        {{"+", "\r"}, "plug-no-image-50x12"},
        {{"+", "\t\t\t", " "}, "plug-kept-50x12"},
        {{"-"}, "unplug-50x12"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Session *s = session_start(&plain, 12, 50);
        CU_ASSERT_TRUE(session_wait_text(s, "win98"));
        session_send(s, "g\r");
        session_settle(s);
        for (const char *const *k = rows[i].keys; *k != NULL; k++) {
            session_send(s, *k);
            session_settle(s);
        }
        check_golden(s, rows[i].golden);
        session_end(s);
    }
}

static void
test_broken_settings(void)
{
    SessionOptions o = {.host = {.broken = true}};

    check_screen(&o, "machines-broken", KEYS("Gk"), "win98");
}

/* dos622 and haiku are off. */
static void
test_copy(void)
{
    check_screen(&plain, "machines-copy", KEYS("Gk", "  ", "gg", " ", "y"),
                 "win98");
    Session *s = session_start(&plain, 24, 80);
    g_autofree char *lines = g_base64_encode(
        (const guchar *) "carrel start dos622\ncarrel start haiku", 38);
    CU_ASSERT_TRUE(session_wait_text(s, "win98"));
    session_send(s, "Gk  y");
    CU_ASSERT_TRUE(session_wait_text(s, "copied"));
    CU_ASSERT_PTR_NOT_NULL(strstr(s->raw->str, lines));
    session_end(s);
    check_screen(&plain, "machines-off-hints", KEYS("G", "."), "win98");
}

/* No second screen that could be left: ours is wiped. */
static void
test_quit_leaves_nothing(void)
{
    static const char *const terms[] = {"vt100", "linux"};

    for (gsize i = 0; i < G_N_ELEMENTS(terms); i++) {
        SessionOptions o = {.term = terms[i], .c_locale = true};
        Session *s = session_start(&o, 24, 80);

        CU_ASSERT_TRUE(session_wait_text(s, "win98"));
        session_send(s, "q");
        CU_ASSERT_EQUAL(session_wait_end(s), 0);
        g_autofree char *text = session_text(s);
        g_strchug(text);
        CU_ASSERT_TRUE(g_str_has_prefix(text, "cursor"));
        session_end(s);
    }
}

/* clang-format off */
static const CuCase cases[] = {
    {"palette_says_what_is_no_verb", test_palette_no_verb},
    {"palette_runs_a_verb_on_an_empty_screen", test_palette_runs_verb},
    {"new_machine_shows_the_result", test_new_machine},
    {"new_machine_marks_bad_fields", test_new_machine_error},
    {"new_machine_that_cannot_start_is_not_made_by_enter", test_new_machine_no_medium},
    {"new_machine_is_made", test_new_machine_made},
    {"new_machine_error_stays_above_the_last_lines", test_new_machine_small},
    {"cards_go_in_and_out_on_a_small_terminal", test_plug_small},
    {"broken_settings_are_seen_in_the_list", test_broken_settings},
    {"commands_of_marked_machines_are_copied", test_copy},
    {"quitting_leaves_nothing_on_old_terminals", test_quit_leaves_nothing},
};
/* clang-format on */

int
main(int argc, char **argv)
{
    /* Run by the interface in place of carrel. */
    if (argc > 1 && strcmp(argv[1], "passthrough") == 0) {
        g_autofree char *words = g_strjoinv(" ", argv + 1);
        printf("carrel %s.\n", words);
        return 0;
    }
    g_autofree char *dir = g_dir_make_tmp("carrel-tui-XXXXXX", NULL);
    g_setenv("CARREL_CONFIG_DIR", "/nonexistent/carrel", TRUE);
    if (dir == NULL || chdir(dir) != 0 ||
        !g_file_set_contents(IMAGE, "", -1, NULL)) {
        printf("# %s: %s\n", dir, strerror(errno));
        return 1;
    }
    int rc = cu_main("tui-machines", cases, G_N_ELEMENTS(cases), argc, argv);
    (void) unlink(IMAGE);
    (void) rmdir(dir); /* a file too many there is no failure */
    return rc;
}
