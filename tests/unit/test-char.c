/* tests/unit/test-char.c - serial streams: scrollback, peers, back-pressure,
 * and the kinds pty, socket, file. */
#include "vmm/char/char.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/cu-main.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define RING (256 * 1024)

typedef struct {
    Loop *loop;
    char *dir, *path;
    CharLink *link;
    GString *got; /* by the model */
    gsize room;   /* the model's */
    guint watched;
} CharRig;

static gsize
model_can_receive(void *dev)
{
    CharRig *rig = dev;

    return rig->room;
}

static void
model_receive(void *dev, const guint8 *data, gsize len)
{
    CharRig *rig = dev;

    CU_ASSERT_TRUE(len > 0 && len <= rig->room);
    g_string_append_len(rig->got, (const char *) data, (gssize) len);
    rig->room -= len;
}

static void
model_writable(void *dev)
{
}

static const CharOps model_ops = {
    .can_receive = model_can_receive,
    .receive = model_receive,
    .writable = model_writable,
};

static void
rig_init(CharRig *rig)
{
    *rig = (CharRig){.loop = loop_new_manual(), .room = G_MAXSIZE};
    rig->dir = g_dir_make_tmp("carrel-char-XXXXXX", NULL);
    rig->path = g_build_filename(rig->dir, "serial0", NULL);
    rig->got = g_string_new(NULL);
}

static void
rig_open(CharRig *rig, const char *kind, const char *arg)
{
    g_autoptr(GError) error = NULL;

    rig->link = char_open(kind, arg, rig->loop, &error);
    if (error != NULL)
        printf("# %s\n", error->message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rig->link);
    char_set_ops(rig->link, &model_ops, rig);
}

static void
rig_done(CharRig *rig)
{
    char_close(rig->link);
    loop_free(rig->loop);
    (void) g_remove(rig->path);
    (void) g_rmdir(rig->dir);
    g_free(rig->path);
    g_free(rig->dir);
    g_string_free(rig->got, TRUE);
}

static void
run(CharRig *rig)
{
    loop_advance(rig->loop, 0);
}

static void
say(CharRig *rig, const char *text)
{
    CU_ASSERT_EQUAL(char_send(rig->link, (const guint8 *) text, strlen(text)),
                    strlen(text));
    run(rig);
}

/* A peer's other end. */
static int
attach(CharRig *rig, bool replay)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX,
                                     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                     0, ends),
                          0);
    char_attach_fd(rig->link, ends[1], replay);
    run(rig);
    return ends[0];
}

/* Everything fd has now; "" when nothing. */
static char *
heard(int fd)
{
    GString *text = g_string_new(NULL);
    char buf[65536];
    gssize n;

    while ((n = read(fd, buf, sizeof buf)) > 0)
        g_string_append_len(text, buf, n);
    return g_string_free(text, FALSE);
}

static bool
hears(int fd, const char *text)
{
    g_autofree char *got = heard(fd);

    return strcmp(got, text) == 0;
}

/* Waits for len bytes: threads and ptys deliver when they like. */
static char *
wait_for_text(int fd, gsize len)
{
    GString *text = g_string_new(NULL);
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    char buf[512];

    while (text->len < len && poll(&pfd, 1, 5000) == 1) {
        gssize n = read(fd, buf, sizeof buf);
        if (n <= 0)
            break;
        g_string_append_len(text, buf, n);
    }
    return g_string_free(text, FALSE);
}

static bool
types(int fd, const char *text)
{
    return write(fd, text, strlen(text)) == (gssize) strlen(text);
}

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

static char *
refusal(CharRig *rig, const char *kind, const char *arg, GQuark domain,
        int code)
{
    GError *error = NULL;
    CharLink *link = char_open(kind, arg, rig->loop, &error);

    CU_ASSERT_PTR_NULL(link);
    char_close(link);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->domain, domain);
    CU_ASSERT_EQUAL(error->code, code);
    char *message = g_strdup(error->message);
    g_error_free(error);
    return message;
}

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

/* ---- socket ---- */

static int
connect_to(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
    if (connect(fd, (struct sockaddr *) &addr, sizeof addr) < 0)
        sys_close(&fd);
    return fd;
}

static void
test_socket(void)
{
    CharRig rig;
    struct stat st;

    rig_init(&rig);
    rig_open(&rig, "socket", rig.path);
    say(&rig, "boot ");
    CARREL_AUTO_FD int one = connect_to(rig.path);
    CARREL_AUTO_FD int two = connect_to(rig.path);
    run(&rig);
    say(&rig, "login:");
    CU_ASSERT_TRUE(types(two, "root"));
    run(&rig);
    CU_ASSERT_TRUE(hears(one, "boot login:"));
    CU_ASSERT_TRUE(hears(two, "boot login:"));
    CU_ASSERT_STRING_EQUAL(rig.got->str, "root");
    CU_ASSERT_EQUAL(lstat(rig.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    rig_done(&rig);
}

static void
test_socket_stale(void)
{
    CharRig rig;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    rig_init(&rig);
    CARREL_AUTO_FD int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(addr.sun_path, rig.path, sizeof addr.sun_path);
    CU_ASSERT_EQUAL(bind(dead, (struct sockaddr *) &addr, sizeof addr), 0);
    rig_open(&rig, "socket", rig.path);
    CARREL_AUTO_FD int fd = connect_to(rig.path);
    CU_ASSERT_TRUE(fd >= 0);
    rig_done(&rig);
}

static void
test_socket_taken(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "socket", rig.path);
    g_autofree char *message =
        refusal(&rig, "socket", rig.path, G_FILE_ERROR, G_FILE_ERROR_EXIST);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "another process listens there"));
    CARREL_AUTO_FD int fd = connect_to(rig.path);
    CU_ASSERT_TRUE(fd >= 0); /* the first one was not harmed */
    rig_done(&rig);
}

static void
test_socket_not_a_socket(void)
{
    CharRig rig;
    g_autofree char *longer = g_strnfill(200, 'x');

    rig_init(&rig);
    CU_ASSERT_TRUE(g_file_set_contents(rig.path, "mine", 4, NULL));
    g_autofree char *message =
        refusal(&rig, "socket", rig.path, G_FILE_ERROR, G_FILE_ERROR_EXIST);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "another file of that name"));
    CU_ASSERT_TRUE(g_file_test(rig.path, G_FILE_TEST_IS_REGULAR));
    g_free(refusal(&rig, "socket", longer, G_FILE_ERROR,
                   G_FILE_ERROR_NAMETOOLONG));
    rig_done(&rig);
}

/* ---- file ---- */

static void
test_file(void)
{
    CharRig rig;
    g_autofree char *text = NULL;

    rig_init(&rig);
    CU_ASSERT_TRUE(g_file_set_contents(rig.path, "old\n", 4, NULL));
    rig_open(&rig, "file", rig.path);
    say(&rig, "one\n");
    say(&rig, "two\n");
    CU_ASSERT_EQUAL(char_send(rig.link, (const guint8 *) "end\n", 4), 4);
    char_close(rig.link); /* without another turn of the loop */
    rig.link = NULL;
    run(&rig);
    CU_ASSERT_TRUE(g_file_get_contents(rig.path, &text, NULL, NULL));
    CU_ASSERT_STRING_EQUAL(text, "old\none\ntwo\nend\n");
    rig_done(&rig);
}

static void
test_file_lost(void)
{
    CharRig rig;
    gsize len = 0;
    g_autofree char *text = NULL;
    g_autofree guint8 *data = g_malloc0(RING + 1000);

    rig_init(&rig);
    rig_open(&rig, "file", rig.path);
    CU_ASSERT_EQUAL(char_send(rig.link, data, RING + 1000), RING + 1000);
    run(&rig);
    CU_ASSERT_TRUE(g_file_get_contents(rig.path, &text, &len, NULL));
    CU_ASSERT_EQUAL(len, strlen("\n[1000 bytes lost]\n") + RING);
    CU_ASSERT_TRUE(g_str_has_prefix(text, "\n[1000 bytes lost]\n"));
    rig_done(&rig);
}

static void
test_file_refused(void)
{
    CharRig rig;

    rig_init(&rig);
    CU_ASSERT_EQUAL(symlink("/etc/passwd", rig.path), 0);
    g_autofree char *symlink_text =
        refusal(&rig, "file", rig.path, G_FILE_ERROR, G_FILE_ERROR_LOOP);
    g_autofree char *dir =
        refusal(&rig, "file", rig.dir, G_FILE_ERROR, G_FILE_ERROR_ISDIR);
    g_autofree char *device =
        refusal(&rig, "file", "/dev/null", G_FILE_ERROR, G_FILE_ERROR_INVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(symlink_text, "symbolic link"));
    CU_ASSERT_PTR_NOT_NULL(strstr(dir, rig.dir));
    CU_ASSERT_PTR_NOT_NULL(strstr(device, "not a regular file"));
    rig_done(&rig);
}

/* ---- pty ---- */

static const char *
slave_of(CharRig *rig)
{
    const char *text = char_describe(rig->link);

    CU_ASSERT_TRUE(g_str_has_prefix(text, "pty:/dev/pts/"));
    return text + strlen("pty:");
}

static int
open_slave(CharRig *rig)
{
    int fd = open(slave_of(rig), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    run(rig);
    return fd;
}

static void
wait_for_input(CharRig *rig, gsize len)
{
    while (rig->got->len < len)
        g_main_context_iteration(loop_context(rig->loop), TRUE);
}

static void
test_pty(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pty", NULL);
    say(&rig, "early\r\n");
    CARREL_AUTO_FD int fd = open_slave(&rig);
    say(&rig, "late");
    g_autofree char *text = wait_for_text(fd, 11);
    CU_ASSERT_STRING_EQUAL(text, "early\r\nlate"); /* raw: untouched */
    CU_ASSERT_TRUE(types(fd, "\003x\r"));
    wait_for_input(&rig, 3);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "\003x\r");
    rig_done(&rig);
}

static void
test_pty_reader_returns(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pty", NULL);
    int first = open_slave(&rig);
    say(&rig, "one");
    g_free(wait_for_text(first, 3));
    close(first);
    run(&rig); /* the hang-up */
    say(&rig, "two");
    say(&rig, "three");
    CARREL_AUTO_FD int second = open_slave(&rig);
    g_autofree char *text = wait_for_text(second, 8);
    CU_ASSERT_STRING_EQUAL(text, "twothree");
    CU_ASSERT_TRUE(types(second, "y"));
    wait_for_input(&rig, 1);
    rig_done(&rig);
}

static void
test_pty_brief_writer(void)
{
    CharRig rig;

    rig_init(&rig);
    rig_open(&rig, "pty", NULL);
    int fd = open(slave_of(&rig), O_RDWR | O_NOCTTY | O_CLOEXEC);
    CU_ASSERT_TRUE(types(fd, "reboot\r"));
    close(fd);
    wait_for_input(&rig, 7);
    CU_ASSERT_STRING_EQUAL(rig.got->str, "reboot\r");
    rig_done(&rig);
}

static void
test_pty_link(void)
{
    CharRig rig;

    rig_init(&rig);
    CU_ASSERT_EQUAL(symlink("/dev/pts/gone", rig.path), 0);
    rig_open(&rig, "pty", rig.path);
    g_autofree char *target = g_file_read_link(rig.path, NULL);
    CU_ASSERT_STRING_EQUAL(target, slave_of(&rig));
    char_close(rig.link);
    rig.link = NULL;
    CU_ASSERT_FALSE(g_file_test(rig.path, G_FILE_TEST_IS_SYMLINK));
    CU_ASSERT_TRUE(g_file_set_contents(rig.path, "mine", 4, NULL));
    g_free(refusal(&rig, "pty", rig.path, G_FILE_ERROR, G_FILE_ERROR_EXIST));
    CU_ASSERT_TRUE(g_file_test(rig.path, G_FILE_TEST_IS_REGULAR));
    rig_done(&rig);
}

CU_MAIN("char", {"scrollback_holds_what_was_sent", test_scrollback},
        {"scrollback_keeps_the_newest_256_kib", test_scrollback_wraps},
        {"attached_peer_gets_the_replay_it_asked_for", test_attach_replay},
        {"slow_peer_loses_the_oldest_and_holds_nobody_up", test_slow_peer},
        {"peer_that_leaves_does_not_hurt_the_others", test_peer_gone},
        {"half_closed_peer_still_hears", test_half_closed},
        {"input_waits_until_the_model_has_room", test_back_pressure},
        {"injected_text_comes_whole_and_first", test_inject},
        {"input_for_no_model_is_dropped", test_no_model},
        {"watcher_runs_once_a_batch", test_watcher},
        {"may_be_closed_after_the_loop_has_ended", test_close_after_loop},
        {"works_on_a_loop_with_a_thread", test_loop_thread},
        {"bad_kind_or_argument_is_a_syntax_error", test_syntax},
        {"socket_serves_many_and_is_private", test_socket},
        {"stale_socket_is_replaced", test_socket_stale},
        {"socket_in_use_is_left_alone", test_socket_taken},
        {"other_file_or_long_path_is_refused", test_socket_not_a_socket},
        {"file_is_appended_to_up_to_the_last_byte", test_file},
        {"file_says_how_much_was_lost", test_file_lost},
        {"link_directory_and_device_are_no_files", test_file_refused},
        {"pty_is_raw_and_keeps_what_came_before", test_pty},
        {"pty_reader_may_leave_and_return", test_pty_reader_returns},
        {"pty_hears_a_writer_that_left_at_once", test_pty_brief_writer},
        {"pty_link_is_made_and_removed", test_pty_link})
