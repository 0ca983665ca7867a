/* tests/unit/test-char-kinds.c - where streams go: socket, file, pty. */
#include "tests/unit/char-rig.h"

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

CU_MAIN("char-kinds", {"socket_serves_many_and_is_private", test_socket},
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
