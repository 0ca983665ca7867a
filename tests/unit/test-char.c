/* tests/unit/test-char.c - serial streams: scrollback, peers, back-pressure. */
#include "tests/unit/char-rig.h"

/* ---- the stream itself ---- */

static void
test_scrollback(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "null", NULL);
    say(&rig, "first ");
    say(&rig, "second");
    g_autoptr(GBytes) bytes = char_scrollback(rig.link);
    CU_ASSERT_EQUAL(g_bytes_get_size(bytes), 12);
    CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(bytes, NULL), "first second", 12),
                    0);
    CU_ASSERT_STRING_EQUAL(char_describe(rig.link), "null");
    rig_done(&rig);
}

static void
test_scrollback_wraps(void)
{
    CharRig rig;
    g_autofree guint8 *data = g_malloc(RING + 5000);

    for (gsize i = 0; i < RING + 5000; i++)
        data[i] = (guint8) (i / 1000);
    rig_init(&rig);
    rig_open(&rig, "pane", NULL);
    CU_ASSERT_EQUAL(char_send(rig.link, data, 3000), 3000);
    CU_ASSERT_EQUAL(char_send(rig.link, data + 3000, RING + 2000), RING + 2000);
    g_autoptr(GBytes) bytes = char_scrollback(rig.link);
    CU_ASSERT_EQUAL(g_bytes_get_size(bytes), RING);
    CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(bytes, NULL), data + 5000, RING),
                    0);
    rig_done(&rig);
}

static void
test_attach_replay(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pane", NULL);
    say(&rig, "before ");
    CARREL_AUTO_FD int all = attach(&rig, true);
    CARREL_AUTO_FD int fresh = attach(&rig, false);
    say(&rig, "after");
    CU_ASSERT_TRUE(hears(all, "before after"));
    CU_ASSERT_TRUE(hears(fresh, "after"));
    rig_done(&rig);
}

/* Runs the loop until the peer has something: after a storm of output the
 * next bytes wait for the end of their window of time. */
static void
run_until_heard(CharRig *rig, int fd)
{
    struct pollfd p = {fd, POLLIN, 0};

    for (unsigned i = 0; i < 1000 && poll(&p, 1, 1) == 0; i++)
        run(rig);
}

static void
test_burst(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pane", NULL);
    CARREL_AUTO_FD int peer = attach(&rig, false);
    for (unsigned i = 0; i < 26; i++) {
        guint8 byte = (guint8) ('a' + i);
        char_send(rig.link, &byte, 1);
        run(&rig);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    for (unsigned i = 0; i < 26 && text->len < 26; i++) {
        run_until_heard(&rig, peer);
        g_autofree char *part = heard(peer);
        g_string_append(text, part);
    }
    CU_ASSERT_STRING_EQUAL(text->str, "abcdefghijklmnopqrstuvwxyz");
    rig_done(&rig);
}

static void
test_slow_peer(void)
{
    CharRig rig;
    g_autofree char *data = g_malloc(4096);
    gsize total = 0;

    rig_init(&rig);
    rig_open(&rig, "pane", NULL);
    CARREL_AUTO_FD int slow = attach(&rig, false);
    for (unsigned i = 0; i < 512; i++) { /* 2 MiB */
        memset(data, 'a' + (int) (i % 26), 4096);
        CU_ASSERT_EQUAL(char_send(rig.link, (guint8 *) data, 4096), 4096);
        run(&rig);
    }
    CARREL_AUTO_FD int quick = attach(&rig, false);
    say(&rig, "alive");
    run_until_heard(&rig, quick);
    CU_ASSERT_TRUE(hears(quick, "alive"));
    g_autoptr(GString) text = g_string_new(NULL);
    do {
        g_autofree char *part = heard(slow);
        g_string_append(text, part);
        total = strlen(part);
        run(&rig);
    } while (total > 0);
    /* what the kernel held, then the newest part of the ring */
    CU_ASSERT_TRUE(text->len < 2 * 1024 * 1024);
    CU_ASSERT_TRUE(text->len >= RING);
    CU_ASSERT_TRUE(g_str_has_suffix(text->str, "alive"));
    rig_done(&rig);
}

static void
test_peer_gone(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pane", NULL);
    int gone = attach(&rig, false);
    CARREL_AUTO_FD int stays = attach(&rig, false);
    close(gone);
    say(&rig, "one ");
    say(&rig, "two");
    CU_ASSERT_TRUE(hears(stays, "one two"));
    rig_done(&rig);
}

static void
test_half_closed(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pane", NULL);
    CARREL_AUTO_FD int fd = attach(&rig, false);
    CU_ASSERT_TRUE(types(fd, "ls\r"));
    CU_ASSERT_EQUAL(shutdown(fd, SHUT_WR), 0);
    run(&rig);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "ls\r");
    say(&rig, "file");
    CU_ASSERT_TRUE(hears(fd, "file"));
    rig_done(&rig);
}

static void
test_back_pressure(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pane", NULL);
    rig.room = 3;
    CARREL_AUTO_FD int fd = attach(&rig, false);
    CU_ASSERT_TRUE(types(fd, "abcdefg"));
    run(&rig);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "abc");
    run(&rig);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "abc");
    rig.room = 2;
    char_poll_rx(rig.link);
    run(&rig);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "abcde");
    rig.room = 100;
    char_poll_rx(rig.link);
    run(&rig);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "abcdefg");
    rig_done(&rig);
}

static void
test_inject(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pane", NULL);
    rig.room = 2;
    CARREL_AUTO_FD int fd = attach(&rig, false);
    char_inject(rig.link, (const guint8 *) "root\r", 5);
    CU_ASSERT_TRUE(types(fd, "X"));
    run(&rig);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "ro");
    rig.room = 100;
    char_poll_rx(rig.link);
    run(&rig);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "root\rX");
    rig_done(&rig);
}

static void
test_no_model(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pane", NULL);
    char_set_ops(rig.link, NULL, NULL);
    CARREL_AUTO_FD int fd = attach(&rig, false);
    CU_ASSERT_TRUE(types(fd, "nobody"));
    char_inject(rig.link, (const guint8 *) "home", 4);
    run(&rig);
    char_set_ops(rig.link, &model_ops, &rig);
    CU_ASSERT_TRUE(types(fd, "hello"));
    run(&rig);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "hello");
    rig_done(&rig);
}

static void
count_output(void *data)
{
    CharRig *rig = data;

    rig->watched++;
}

static void
test_watcher(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "null", NULL);
    char_set_watcher(rig.link, count_output, &rig);
    CU_ASSERT_EQUAL(char_send(rig.link, (const guint8 *) "a", 1), 1);
    CU_ASSERT_EQUAL(char_send(rig.link, (const guint8 *) "b", 1), 1);
    CU_ASSERT_EQUAL(rig.watched, 0);
    run(&rig);
    CU_ASSERT_EQUAL(rig.watched, 1); /* one batch */
    char_set_watcher(rig.link, NULL, NULL);
    say(&rig, "c");
    CU_ASSERT_EQUAL(rig.watched, 1);
    rig_done(&rig);
}

static void
test_close_after_loop(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "socket", rig.path);
    CARREL_AUTO_FD int fd = attach(&rig, false);
    CU_ASSERT_EQUAL(char_send(rig.link, (const guint8 *) "last", 4), 4);
    loop_free(rig.loop);
    char_close(rig.link);
    CU_ASSERT_TRUE(hears(fd, "last"));
    CU_ASSERT_FALSE(g_file_test(rig.path, G_FILE_TEST_EXISTS));
    rig.link = NULL;
    rig.loop = loop_new_manual();
    rig_done(&rig);
}

static void
say_on_loop(void *data)
{
    CharRig *rig = data;

    CU_ASSERT_EQUAL(char_send(rig->link, (const guint8 *) "threads", 7), 7);
}

static void
test_loop_thread(void)
{
    CharRig rig;
    int ends[2];

    rig_init(&rig);
    loop_free(rig.loop);
    rig.loop = loop_new("test", NULL);
    rig_open(&rig, "pane", NULL);
    CU_ASSERT_EQUAL_FATAL(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    CARREL_AUTO_FD int fd = ends[0];
    char_attach_fd(rig.link, ends[1], true);
    loop_call(rig.loop, say_on_loop, &rig);
    g_autofree char *text = wait_for_text(fd, 7);
    CU_ASSERT_STRING_EQUAL(text, "threads");
    rig_done(&rig); /* closes it while the loop runs */
}

/* ---- what open refuses ---- */

static void
test_syntax(void)
{
    CharRig rig;

    rig_init(&rig);
    g_autofree char *unknown =
        refusal(&rig, "tty", NULL, CARREL_CHAR_ERROR, CARREL_CHAR_ERROR_SYNTAX);
    g_autofree char *lacks = refusal(&rig, "file", NULL, CARREL_CHAR_ERROR,
                                     CARREL_CHAR_ERROR_SYNTAX);
    g_autofree char *more =
        refusal(&rig, "pane", "x", CARREL_CHAR_ERROR, CARREL_CHAR_ERROR_SYNTAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(unknown, "pty, socket, file, pane, null"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lacks, "write 'file:PATH'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(more, "takes no argument"));
    rig_done(&rig);
}

CU_MAIN("char", {"scrollback_holds_what_was_sent", test_scrollback},
        {"scrollback_keeps_the_newest_256_kib", test_scrollback_wraps},
        {"attached_peer_gets_the_replay_it_asked_for", test_attach_replay},
        {"single_bytes_are_gathered_in_order_and_none_is_left", test_burst},
        {"slow_peer_loses_the_oldest_and_holds_nobody_up", test_slow_peer},
        {"peer_that_leaves_does_not_hurt_the_others", test_peer_gone},
        {"half_closed_peer_still_hears", test_half_closed},
        {"input_waits_until_the_model_has_room", test_back_pressure},
        {"injected_text_comes_whole_and_first", test_inject},
        {"input_for_no_model_is_dropped", test_no_model},
        {"watcher_runs_once_a_batch", test_watcher},
        {"may_be_closed_after_the_loop_has_ended", test_close_after_loop},
        {"works_on_a_loop_with_a_thread", test_loop_thread},
        {"bad_kind_or_argument_is_a_syntax_error", test_syntax})
