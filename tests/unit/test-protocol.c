/* tests/unit/test-protocol.c - the control server against a fake machine:
 * requests, events, descriptors, and clients that mean no good. */
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/fake-machine.h"

#define HAS(text, part)                                                        \
    CU_ASSERT_TRUE((text) != NULL && strstr((text), (part)) != NULL)

static void
hello_tells_the_version_and_the_name(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *answer =
        fake_machine_ask(fm, fd, "{\"v\":1,\"id\":7,\"op\":\"hello\"}\n");
    HAS(answer, "\"id\":7,\"ok\":true");
    HAS(answer, "\"protocol\":1");
    HAS(answer, "\"name\":\"fake\"");
    close(fd);
    fake_machine_free(fm);
}

static void
a_newer_version_is_refused_with_the_way_out(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *answer =
        fake_machine_ask(fm, fd, "{\"v\":2,\"id\":1,\"op\":\"hello\"}\n");
    HAS(answer, "\"ok\":false");
    HAS(answer, "restart the machine");
    close(fd);
    fake_machine_free(fm);
}

static void
requests_reach_the_machine(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *a = fake_machine_ask(
        fm, fd, "{\"op\":\"stop\",\"timeout\":9,\"force\":true}\n");
    g_autofree char *b = fake_machine_ask(fm, fd, "{\"op\":\"pause\"}\n");
    g_autofree char *c = fake_machine_ask(fm, fd, "{\"op\":\"status\"}\n");
    CU_ASSERT_STRING_EQUAL(fm->calls->str, "stop 9 1\npause\n");
    HAS(a, "\"ok\":true");
    HAS(b, "\"ok\":true");
    HAS(c, "\"state\":\"paused\"");
    HAS(c, "\"serial\":{\"serial0\":\"pty:/dev/pts/77\"}");
    close(fd);
    fake_machine_free(fm);
}

static void
networks_are_listed_and_changed(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *list = fake_machine_ask(fm, fd, "{\"op\":\"nets\"}\n");
    g_autofree char *add = fake_machine_ask(
        fm, fd,
        "{\"op\":\"net\",\"change\":\"forward-add\",\"value\":\"1-2\"}\n");
    g_autofree char *off = fake_machine_ask(
        fm, fd, "{\"op\":\"net\",\"change\":\"capture\",\"net\":\"net1\"}\n");
    g_autofree char *relative = fake_machine_ask(
        fm, fd,
        "{\"op\":\"net\",\"change\":\"capture\",\"value\":\"x.pcap\"}\n");
    g_autofree char *sideways = fake_machine_ask(
        fm, fd,
        "{\"op\":\"net\",\"change\":\"link\",\"value\":\"sideways\"}\n");
    g_autofree char *none = fake_machine_ask(fm, fd, "{\"op\":\"net\"}\n");
    HAS(list, "\"name\":\"net0\",\"kind\":\"user\"");
    HAS(list, "\"forwards\":[\"tcp:127.0.0.1:2222->10.0.2.15:22\"]");
    HAS(list, "\"rx_bytes\":99");
    HAS(add, "\"ok\":true");
    HAS(off, "\"ok\":true");
    CU_ASSERT_STRING_EQUAL(fm->calls->str, "net - 0 1-2\nnet net1 2 -\n");
    HAS(relative, "\"code\":2");
    HAS(sideways, "up or down");
    HAS(none, "forward-add");
    close(fd);
    fake_machine_free(fm);
}

static void
speed_is_shown_and_set(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *show = fake_machine_ask(fm, fd, "{\"op\":\"speed\"}\n");
    g_autofree char *set =
        fake_machine_ask(fm, fd, "{\"op\":\"speed\",\"speed\":\"486\"}\n");
    g_autofree char *wrong =
        fake_machine_ask(fm, fd, "{\"op\":\"speed\",\"speed\":486}\n");

    HAS(show, "\"share\":12500");
    HAS(set, "\"ok\":true");
    CU_ASSERT_STRING_EQUAL(fm->calls->str, "speed 486\n");
    HAS(wrong, "\"code\":2");
    close(fd);
    fake_machine_free(fm);
}

static void
memory_is_shown_and_the_balloon_set(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *show = fake_machine_ask(fm, fd, "{\"op\":\"memory\"}\n");
    g_autofree char *set =
        fake_machine_ask(fm, fd, "{\"op\":\"memory\",\"balloon\":4096}\n");
    g_autofree char *wrong =
        fake_machine_ask(fm, fd, "{\"op\":\"memory\",\"balloon\":-5}\n");
    g_autofree char *text =
        fake_machine_ask(fm, fd, "{\"op\":\"memory\",\"balloon\":\"64M\"}\n");
    HAS(show, "\"balloon\":{\"driver\":true,\"target\":1048576,"
              "\"actual\":524288,");
    HAS(show, "\"guest\":{\"free\":777}");
    HAS(set, "\"ok\":true");
    CU_ASSERT_STRING_EQUAL(fm->calls->str, "balloon 4096\n");
    HAS(wrong, "\"code\":2");
    HAS(text, "a number of bytes");
    close(fd);
    fake_machine_free(fm);
}

static void
a_refusal_carries_code_id_and_message(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *answer =
        fake_machine_ask(fm, fd, "{\"id\":3,\"op\":\"resume\"}\n");
    HAS(answer, "\"id\":3,\"ok\":false");
    HAS(answer, "\"code\":4,\"id\":\"wrong-state\"");
    HAS(answer, "is not paused");
    close(fd);
    fake_machine_free(fm);
}

static void
a_slow_operation_holds_nobody_up(void)
{
    FakeMachine *fm = fake_machine_new();
    int one = fake_machine_connect(fm);
    int two = fake_machine_connect(fm);
    fm->slow = true;
    g_autofree char *other = fake_machine_ask(
        fm, one, "{\"id\":1,\"op\":\"reset\"}\n{\"id\":2,\"op\":\"hello\"}\n");
    g_autofree char *hello = fake_machine_ask(fm, two, "{\"op\":\"hello\"}\n");
    fake_machine_finish(fm);
    g_autofree char *late = fake_machine_line(fm, one);
    HAS(other, "\"id\":2,\"ok\":true");
    HAS(hello, "\"ok\":true");
    HAS(late, "\"id\":1,\"ok\":true");
    close(one);
    close(two);
    fake_machine_free(fm);
}

static void
a_client_that_goes_during_an_operation_does_no_harm(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    fm->slow = true;
    g_autofree char *hello = fake_machine_ask(
        fm, fd, "{\"id\":1,\"op\":\"reset\"}\n{\"id\":2,\"op\":\"hello\"}\n");
    close(fd);
    fake_machine_settle(fm);
    CU_ASSERT_EQUAL(control_server_clients(fm->server), 0);
    fake_machine_finish(fm);
    HAS(hello, "\"id\":2");
    fake_machine_free(fm);
}

static void
several_requests_in_one_packet_are_answered_in_order(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *a = fake_machine_ask(fm, fd,
                                          "{\"id\":1,\"op\":\"hello\"}\n"
                                          "\n{\"id\":2,\"op\":\"nonsense\"}\n"
                                          "{\"id\":3,\"op\":\"dri");
    g_autofree char *b = fake_machine_line(fm, fd);
    g_autofree char *c = fake_machine_ask(fm, fd, "ves\"}\n");
    HAS(a, "\"id\":1,\"ok\":true");
    HAS(b, "operation 'nonsense' is unknown");
    HAS(c, "floppy0: (empty)");
    close(fd);
    fake_machine_free(fm);
}

static void
a_malformed_line_is_answered_and_the_client_dropped(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *answer = fake_machine_ask(fm, fd, "GET / HTTP/1.1\n");
    HAS(answer, "\"id\":\"protocol\"");
    CU_ASSERT_TRUE(fake_machine_hung_up(fm, fd));
    CU_ASSERT_EQUAL(control_server_clients(fm->server), 0);
    close(fd);
    fake_machine_free(fm);
}

static void
a_line_over_64_kib_is_refused(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *flood = g_strnfill(70 * 1024, ' ');
    g_autofree char *answer = fake_machine_ask(fm, fd, flood);
    HAS(answer, "longer than 64 KiB");
    CU_ASSERT_TRUE(fake_machine_hung_up(fm, fd));
    close(fd);
    fake_machine_free(fm);
}

static void
deep_nesting_and_bad_utf8_are_refused(void)
{
    FakeMachine *fm = fake_machine_new();
    g_autofree char *nested = g_strnfill(60000, '[');
    g_autofree char *line = g_strdup_printf("{\"op\":%s\n", nested);
    int one = fake_machine_connect(fm);
    int two = fake_machine_connect(fm);
    g_autofree char *a = fake_machine_ask(fm, one, line);
    g_autofree char *b = fake_machine_ask(fm, two, "{\"op\":\"\xff\"}\n");
    HAS(a, "\"id\":\"protocol\"");
    HAS(b, "not UTF-8");
    close(one);
    close(two);
    fake_machine_free(fm);
}

static void
a_client_that_never_reads_is_dropped_alone(void)
{
    FakeMachine *fm = fake_machine_new();
    int lazy = fake_machine_connect(fm);
    int other = fake_machine_connect(fm);
    g_autoptr(GString) many = g_string_new(NULL);
    for (unsigned i = 0; i < 1000; i++)
        g_string_append(many, "{\"op\":\"stats\"}\n");
    /* Each answer is about 400 bytes: the queue's 1 MiB is full long before
     * the last of 20 bursts. */
    for (unsigned i = 0; i < 20; i++) {
        (void) send(lazy, many->str, many->len, MSG_NOSIGNAL);
        fake_machine_settle(fm);
    }
    CU_ASSERT_EQUAL(control_server_clients(fm->server), 1);
    g_autofree char *answer =
        fake_machine_ask(fm, other, "{\"op\":\"hello\"}\n");
    HAS(answer, "\"ok\":true");
    close(lazy);
    close(other);
    fake_machine_free(fm);
}

static void
two_hundred_clients_are_too_many_and_the_first_are_served(void)
{
    FakeMachine *fm = fake_machine_new();
    int fds[200];
    for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++)
        fds[i] = fake_machine_connect(fm);
    fake_machine_settle(fm);
    CU_ASSERT_EQUAL(control_server_clients(fm->server), 128);
    g_autofree char *last = fake_machine_line(fm, fds[199]);
    HAS(last, "too many clients");
    g_autofree char *first =
        fake_machine_ask(fm, fds[0], "{\"op\":\"hello\"}\n");
    HAS(first, "\"ok\":true");
    for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
    fake_machine_settle(fm);
    CU_ASSERT_EQUAL(control_server_clients(fm->server), 0);
    fake_machine_free(fm);
}

static void
keys_are_pressed_in_order_and_released_backwards(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *answer =
        fake_machine_ask(fm, fd,
                         "{\"id\":1,\"op\":\"keys\",\"cps\":1000,"
                         "\"keys\":[\"ctrl-alt-delete\",\"a\"]}\n");
    HAS(answer, "\"ok\":true");
    /* 29 left control, 56 left alt, 111 delete, 30 a. */
    CU_ASSERT_STRING_EQUAL(fm->keys->str, "+29 +56 +111 -111 -56 -29 +30 -30 ");
    close(fd);
    fake_machine_free(fm);
}

static void
text_is_typed_with_shift_and_enter(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *answer = fake_machine_ask(
        fm, fd, "{\"op\":\"text\",\"cps\":1000,\"text\":\"aB\\n\"}\n");
    HAS(answer, "\"ok\":true");
    CU_ASSERT_STRING_EQUAL(fm->keys->str, "+30 -30 +42 +48 -48 -42 +28 -28 ");
    close(fd);
    fake_machine_free(fm);
}

static void
text_that_cannot_be_typed_is_refused_before_the_first_key(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *answer =
        fake_machine_ask(fm, fd, "{\"op\":\"text\",\"text\":\"a\xc3\xa9\"}\n");
    HAS(answer, "U+00E9");
    CU_ASSERT_STRING_EQUAL(fm->keys->str, "");
    close(fd);
    fake_machine_free(fm);
}

static void
a_client_that_leaves_stops_typing_and_releases_its_keys(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    static const char request[] = "{\"op\":\"text\",\"cps\":1,"
                                  "\"text\":\"aaaaaaaaaa\"}\n";
    (void) send(fd, request, sizeof request - 1, 0);
    while (fm->keys->len == 0)
        g_main_context_iteration(fm->context, FALSE);
    close(fd);
    while (control_server_clients(fm->server) > 0)
        g_main_context_iteration(fm->context, FALSE);
    fake_machine_settle(fm);
    CU_ASSERT_STRING_EQUAL(fm->keys->str, "+30 ");
    CU_ASSERT_STRING_EQUAL(fm->calls->str, "release 1\n");
    fake_machine_free(fm);
}

static void
input_events_out_of_range_are_refused(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *a = fake_machine_ask(
        fm, fd, "{\"op\":\"input\",\"events\":[[\"key\",99999,1]]}\n");
    g_autofree char *b = fake_machine_ask(
        fm, fd, "{\"id\":2,\"op\":\"input\",\"events\":[[\"key\",30,1]]}\n");
    HAS(a, "\"ok\":false");
    HAS(b, "\"ok\":true");
    CU_ASSERT_STRING_EQUAL(fm->keys->str, "+30 ");
    close(fd);
    fake_machine_free(fm);
}

static void
subscribers_hear_of_state_changes(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    int deaf = fake_machine_connect(fm);
    g_autofree char *a = fake_machine_ask(fm, fd, "{\"op\":\"subscribe\"}\n");
    control_server_state(fm->server, "crashed", "triple \"fault\"");
    g_autofree char *b = fake_machine_line(fm, fd);
    HAS(a, "\"state\":\"running\"");
    HAS(b, "\"event\":\"state\",\"state\":\"crashed\"");
    HAS(b, "triple \\\"fault\\\"");
    CU_ASSERT_FALSE(fake_machine_hung_up(fm, deaf));
    close(fd);
    close(deaf);
    fake_machine_free(fm);
}

static void
expect_on_serial_sees_what_came_before_and_consumes_it(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    (void) !write(fm->guest_fd, "Debian login: ", 14);
    fake_machine_settle(fm);
    g_autofree char *a =
        fake_machine_ask(fm, fd,
                         "{\"op\":\"expect\",\"source\":\"serial\","
                         "\"regex\":\"(\\\\w+) login:\",\"timeout\":5}\n");
    g_autofree char *b =
        fake_machine_ask(fm, fd,
                         "{\"op\":\"expect\",\"source\":\"serial\","
                         "\"regex\":\"login:\",\"timeout\":0}\n");
    HAS(a, "\"match\":[\"Debian login:\",\"Debian\"]");
    HAS(b, "\"id\":\"timeout\"");
    close(fd);
    fake_machine_free(fm);
}

static void
expect_on_serial_waits_for_output_in_pieces(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    static const char request[] = "{\"op\":\"expect\",\"source\":\"serial\","
                                  "\"regex\":\"re\xc3\xa9"
                                  "ady\"}\n";
    (void) send(fd, request, sizeof request - 1, 0);
    fake_machine_settle(fm);
    (void) !write(fm->guest_fd, "re\xc3", 3);
    fake_machine_settle(fm);
    (void) !write(fm->guest_fd,
                  "\xa9"
                  "ady",
                  4);
    g_autofree char *answer = fake_machine_line(fm, fd);
    HAS(answer, "\"source\":\"serial\"");
    close(fd);
    fake_machine_free(fm);
}

static void
a_bad_regex_is_a_usage_error(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *answer =
        fake_machine_ask(fm, fd, "{\"op\":\"expect\",\"regex\":\"(\"}\n");
    HAS(answer, "\"code\":2,\"id\":\"usage\"");
    close(fd);
    fake_machine_free(fm);
}

static void
write_cells(FakeMachine *fm, const char *text)
{
    Cell *cells = display_cells(fm->display);
    for (gsize i = 0; text[i] != '\0'; i++)
        cells[i] = (Cell){.codepoint = (guchar) text[i], .fg = 7};
    display_damage(fm->display, (Rect){0, 0, 640, 400});
}

static void
expect_on_the_screen_waits_for_its_text(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    static const char request[] = "{\"op\":\"expect\",\"regex\":\"^C:.>\"}\n";
    display_set_text_mode(fm->display, 80, 25, 8, 16);
    (void) send(fd, request, sizeof request - 1, 0);
    fake_machine_settle(fm);
    write_cells(fm, "C:\\>");
    g_autofree char *answer = fake_machine_line(fm, fd);
    HAS(answer, "\"source\":\"screen\"");
    HAS(answer, "C:\\\\>");
    close(fd);
    fake_machine_free(fm);
}

static void
a_pattern_that_backtracks_for_ever_is_refused(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *many = g_strnfill(5000, 'a');
    (void) send(fm->guest_fd, many, 5000, 0);
    fake_machine_settle(fm);
    g_autofree char *answer = fake_machine_ask(
        fm, fd,
        "{\"op\":\"expect\",\"source\":\"serial\",\"regex\":\"(a+)+[bc]\"}\n");
    HAS(answer, "\"code\":2");
    HAS(answer, "'(a+)+[bc]' takes too long");
    close(fd);
    fake_machine_free(fm);
}

static void
a_match_across_much_output_is_found_once_it_is_whole(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    static const char request[] = "{\"op\":\"expect\",\"source\":\"serial\","
                                  "\"regex\":\"log.*in: $\"}\n";
    g_autofree char *many = g_strnfill(60000, '.');
    (void) send(fd, request, sizeof request - 1, 0);
    (void) send(fm->guest_fd, many, 60000, 0);
    fake_machine_settle(fm);
    (void) send(fm->guest_fd, "lo", 2, 0);
    fake_machine_settle(fm);
    (void) send(fm->guest_fd, "g \xc3", 3, 0);
    fake_machine_settle(fm);
    (void) send(fm->guest_fd, "\xa4 in: ", 6, 0);
    g_autofree char *answer = fake_machine_line(fm, fd);
    HAS(answer, "\"match\":[\"log \xc3\xa4 in: \"]");
    close(fd);
    fake_machine_free(fm);
}

static void
a_new_frame_is_sent_when_a_descriptor_is_free_again(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    struct rlimit before, none;
    g_autofree char *ok = fake_machine_ask(fm, fd, "{\"op\":\"screen\"}\n");
    display_set_text_mode(fm->display, 80, 25, 8, 16);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    int free_fd = dup(fd);
    close(free_fd);
    none.rlim_cur = (rlim_t) free_fd; /* those in use stay */
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    fake_machine_settle(fm);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
    g_autofree char *event = fake_machine_line(fm, fd);
    HAS(ok, "\"ok\":true");
    HAS(event, "\"event\":\"screen\"");
    HAS(event, "\"rects\":[[0,0,640,400]]");
    close(fd);
    fake_machine_free(fm);
}

static void
serial_send_reaches_the_guest(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    char got[8] = "";
    g_autofree char *answer = fake_machine_ask(
        fm, fd, "{\"op\":\"serial-send\",\"text\":\"root\\n\"}\n");
    fake_machine_settle(fm);
    HAS(answer, "\"ok\":true");
    CU_ASSERT_EQUAL(recv(fm->guest_fd, got, sizeof got - 1, MSG_DONTWAIT), 5);
    CU_ASSERT_STRING_EQUAL(got, "root\n");
    close(fd);
    fake_machine_free(fm);
}

static void
media_takes_only_absolute_paths(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *a = fake_machine_ask(
        fm, fd, "{\"op\":\"media\",\"drive\":\"cd0\",\"path\":\"x.iso\"}\n");
    g_autofree char *b = fake_machine_ask(
        fm, fd,
        "{\"op\":\"media\",\"drive\":\"cd0\",\"path\":\"/x.iso\","
        "\"read_only\":true}\n");
    g_autofree char *c =
        fake_machine_ask(fm, fd, "{\"op\":\"media\",\"drive\":\"cd0\"}\n");
    HAS(a, "must be absolute");
    HAS(b, "\"ok\":true");
    HAS(c, "\"ok\":true");
    CU_ASSERT_STRING_EQUAL(fm->calls->str,
                           "media cd0 /x.iso 1 0\nmedia cd0 - 0 0\n");
    close(fd);
    fake_machine_free(fm);
}

static void
a_device_is_attached_with_its_settings(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *a = fake_machine_ask(
        fm, fd,
        "{\"op\":\"attach\",\"section\":\"disk1\",\"settings\":"
        "{\"path\":\"/x.img\",\"model\":\"virtio-blk\"}}\n");
    g_autofree char *b = fake_machine_ask(
        fm, fd, "{\"op\":\"detach\",\"section\":\"disk1\",\"force\":true}\n");
    g_autofree char *c = fake_machine_ask(fm, fd, "{\"op\":\"cards\"}\n");
    HAS(a, "\"ok\":true");
    HAS(b, "\"ok\":true");
    HAS(c, "\"cards\":[{\"section\":\"disk1\",\"slot\":5,\"leaving\":true}]");
    CU_ASSERT_STRING_EQUAL(fm->calls->str,
                           "attach disk1 /x.img 0\ndetach disk1 - 1\n");
    close(fd);
    fake_machine_free(fm);
}

/* Sends one attach and checks what its refusal says. */
static void
refuses_attach(const char *members, const char *id, const char *text)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *line =
        g_strdup_printf("{\"op\":\"attach\",%s}\n", members);
    g_autofree char *answer = fake_machine_ask(fm, fd, line);

    HAS(answer, "\"ok\":false");
    HAS(answer, id);
    HAS(answer, text);
    CU_ASSERT_STRING_EQUAL(fm->calls->str, "");
    close(fd);
    fake_machine_free(fm);
}

static void
a_bad_attachment_names_the_key_and_what_is_allowed(void)
{
    refuses_attach("\"settings\":{}", "usage", "'section' is missing");
    refuses_attach("\"section\":\"disk9\"", "invalid-profile", "disk9");
    refuses_attach("\"section\":\"disk1\",\"settings\":"
                   "{\"path\":\"/x\",\"model\":\"scsi\"}",
                   "invalid-profile", "disk1.model");
    refuses_attach("\"section\":\"disk1\",\"settings\":"
                   "{\"path\":\"/x\",\"model\":\"scsi\"}",
                   "invalid-profile", "virtio-blk");
    refuses_attach("\"section\":\"disk1\",\"settings\":{\"colour\":\"red\"}",
                   "invalid-profile", "disk1.colour");
    refuses_attach("\"section\":\"disk1\",\"settings\":{\"path\":\"x.img\"}",
                   "usage", "must be absolute");
    refuses_attach("\"section\":\"disk1\",\"settings\":{\"path\":7}", "usage",
                   "strings");
    refuses_attach("\"section\":\"disk1\",\"settings\":[1]", "usage",
                   "strings");
    refuses_attach("\"section\":\"disk1\",\"settings\":{\"a\\nb\":\"x\"}",
                   "invalid-profile", "disk1.a");
}

static void
quit_ends_the_process_after_the_answer(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    g_autofree char *answer = fake_machine_ask(fm, fd, "{\"op\":\"quit\"}\n");
    HAS(answer, "\"ok\":true");
    CU_ASSERT_EQUAL(fm->quits, 1);
    close(fd);
    fake_machine_free(fm);
}

static void
a_suspended_machine_can_be_woken(void)
{
    FakeMachine *fm = fake_machine_new();
    int fd = fake_machine_connect(fm);
    fm->state = "suspended";
    g_autofree char *answer =
        fake_machine_ask(fm, fd, "{\"id\":3,\"op\":\"wake\"}\n");
    HAS(answer, "\"id\":3,\"ok\":true");
    CU_ASSERT_PTR_NOT_NULL(strstr(fm->calls->str, "wake\n"));
    close(fd);
    fake_machine_free(fm);
}

/* clang-format off */
CU_MAIN("protocol",
    { "hello_tells_the_version_and_the_name", hello_tells_the_version_and_the_name },
    { "a_newer_version_is_refused_with_the_way_out", a_newer_version_is_refused_with_the_way_out },
    { "requests_reach_the_machine", requests_reach_the_machine },
    { "networks_are_listed_and_changed", networks_are_listed_and_changed },
    { "speed_is_shown_and_set", speed_is_shown_and_set },
    { "memory_is_shown_and_the_balloon_set", memory_is_shown_and_the_balloon_set },
    { "a_refusal_carries_code_id_and_message", a_refusal_carries_code_id_and_message },
    { "a_suspended_machine_can_be_woken", a_suspended_machine_can_be_woken },
    { "a_slow_operation_holds_nobody_up", a_slow_operation_holds_nobody_up },
    { "a_client_that_goes_during_an_operation_does_no_harm", a_client_that_goes_during_an_operation_does_no_harm },
    { "several_requests_in_one_packet_are_answered_in_order", several_requests_in_one_packet_are_answered_in_order },
    { "a_malformed_line_is_answered_and_the_client_dropped", a_malformed_line_is_answered_and_the_client_dropped },
    { "a_line_over_64_kib_is_refused", a_line_over_64_kib_is_refused },
    { "deep_nesting_and_bad_utf8_are_refused", deep_nesting_and_bad_utf8_are_refused },
    { "a_client_that_never_reads_is_dropped_alone", a_client_that_never_reads_is_dropped_alone },
    { "two_hundred_clients_are_too_many_and_the_first_are_served", two_hundred_clients_are_too_many_and_the_first_are_served },
    { "keys_are_pressed_in_order_and_released_backwards", keys_are_pressed_in_order_and_released_backwards },
    { "text_is_typed_with_shift_and_enter", text_is_typed_with_shift_and_enter },
    { "text_that_cannot_be_typed_is_refused_before_the_first_key", text_that_cannot_be_typed_is_refused_before_the_first_key },
    { "a_client_that_leaves_stops_typing_and_releases_its_keys", a_client_that_leaves_stops_typing_and_releases_its_keys },
    { "input_events_out_of_range_are_refused", input_events_out_of_range_are_refused },
    { "subscribers_hear_of_state_changes", subscribers_hear_of_state_changes },
    { "expect_on_serial_sees_what_came_before_and_consumes_it", expect_on_serial_sees_what_came_before_and_consumes_it },
    { "expect_on_serial_waits_for_output_in_pieces", expect_on_serial_waits_for_output_in_pieces },
    { "a_bad_regex_is_a_usage_error", a_bad_regex_is_a_usage_error },
    { "a_pattern_that_backtracks_for_ever_is_refused", a_pattern_that_backtracks_for_ever_is_refused },
    { "a_match_across_much_output_is_found_once_it_is_whole", a_match_across_much_output_is_found_once_it_is_whole },
    { "a_new_frame_is_sent_when_a_descriptor_is_free_again", a_new_frame_is_sent_when_a_descriptor_is_free_again },
    { "expect_on_the_screen_waits_for_its_text", expect_on_the_screen_waits_for_its_text },
    { "serial_send_reaches_the_guest", serial_send_reaches_the_guest },
    { "media_takes_only_absolute_paths", media_takes_only_absolute_paths },
    { "a_device_is_attached_with_its_settings", a_device_is_attached_with_its_settings },
    { "a_bad_attachment_names_the_key_and_what_is_allowed", a_bad_attachment_names_the_key_and_what_is_allowed },
    { "quit_ends_the_process_after_the_answer", quit_ends_the_process_after_the_answer })
/* clang-format on */
