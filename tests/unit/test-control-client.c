/* tests/unit/test-control-client.c - the client against the real server on a
 * thread, and against servers that mean no good. */
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/session/session-error.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-machine.h"

typedef struct {
    FakeMachine *fm;
    GThread *thread;
    gint stop;
} Served;

static gpointer
serve(gpointer data)
{
    Served *served = data;
    while (g_atomic_int_get(&served->stop) == 0)
        g_main_context_iteration(served->fm->context, TRUE);
    return NULL;
}

/* The fake machine on its own thread, and a client of it. */
static ControlClient *
serve_one(Served *served, GError **error)
{
    served->fm = fake_machine_new();
    int fd = fake_machine_connect(served->fm);
    served->stop = 0;
    served->thread = g_thread_new("server", serve, served);
    return control_client_open_fd(fd, error);
}

static void
serve_end(Served *served)
{
    g_atomic_int_set(&served->stop, 1);
    g_main_context_wakeup(served->fm->context);
    g_thread_join(served->thread);
    fake_machine_free(served->fm);
}

static void
a_call_returns_its_answer(void)
{
    Served served;
    ControlClient *client = serve_one(&served, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client);
    g_autoptr(JsonNode) status = control_client_call(
        client, control_request("status"), 5000, NULL, NULL);
    CU_ASSERT_STRING_EQUAL(json_get_string(status, "state", ""), "running");
    CU_ASSERT_EQUAL(json_get_int(status, "memory", 0), 1 << 20);
    control_client_free(client);
    serve_end(&served);
}

static void
a_refusal_becomes_an_error_of_its_kind(void)
{
    Served served;
    g_autoptr(GError) error = NULL;
    ControlClient *client = serve_one(&served, NULL);
    CU_ASSERT_FALSE(
        control_client_do(client, control_request("resume"), 5000, &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_SESSION_ERROR,
                                   CARREL_SESSION_ERROR_STATE));
    control_client_free(client);
    serve_end(&served);
}

static void
the_screen_comes_as_a_descriptor_that_can_only_be_read(void)
{
    Served served;
    ControlClient *client = serve_one(&served, NULL);
    int fd = -1;
    /* The display's producer may run on any one thread before viewers come. */
    display_set_text_mode(served.fm->display, 80, 25, 8, 16);
    CU_ASSERT_TRUE(
        control_client_do(client, control_request("screen"), 5000, NULL));
    g_autoptr(JsonNode) event =
        control_client_next_event(client, 5000, &fd, NULL);
    CU_ASSERT_STRING_EQUAL(json_get_string(event, "event", ""), "screen");
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    struct stat st;
    CU_ASSERT_EQUAL(fstat(fd, &st), 0);
    ScreenHeader *map =
        mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    CU_ASSERT_TRUE_FATAL(map != MAP_FAILED);
    CU_ASSERT_EQUAL(map->magic, SCREEN_MAGIC);
    CU_ASSERT_EQUAL(map->cols, 80);
    CU_ASSERT_TRUE(mmap(NULL, (size_t) st.st_size, PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd, 0) == MAP_FAILED);
    munmap(map, (size_t) st.st_size);
    close(fd);
    control_client_free(client);
    serve_end(&served);
}

static void
damage_waits_for_the_acknowledgement(void)
{
    Served served;
    ControlClient *client = serve_one(&served, NULL);
    g_autoptr(GError) error = NULL;
    display_set_text_mode(served.fm->display, 80, 25, 8, 16);
    control_client_do(client, control_request("screen"), 5000, NULL);
    g_autoptr(JsonNode) first =
        control_client_next_event(client, 5000, NULL, NULL);
    display_damage(served.fm->display, (Rect){0, 0, 8, 16});
    display_damage(served.fm->display, (Rect){8, 0, 8, 16});
    g_autoptr(JsonNode) none =
        control_client_next_event(client, 100, NULL, &error);
    CU_ASSERT_PTR_NULL(none);
    control_client_do(client, control_request("screen-ack"), 5000, NULL);
    g_autoptr(JsonNode) merged =
        control_client_next_event(client, 5000, NULL, NULL);
    CU_ASSERT_STRING_EQUAL(json_get_string(merged, "event", ""), "damage");
    CU_ASSERT_EQUAL(json_length(json_get(merged, "rects")), 1);
    CU_ASSERT_PTR_NOT_NULL(first);
    control_client_free(client);
    serve_end(&served);
}

static void
a_serial_port_comes_as_a_stream(void)
{
    Served served;
    ControlClient *client = serve_one(&served, NULL);
    int fd = -1;
    char text[8] = "";
    g_autoptr(JsonNode) answer = control_client_call(
        client, control_request("serial-attach"), 5000, &fd, NULL);
    CU_ASSERT_PTR_NOT_NULL(answer);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(read(fd, text, sizeof text - 1), 5);
    CU_ASSERT_STRING_EQUAL(text, "boot\n");
    close(fd);
    control_client_free(client);
    serve_end(&served);
}

static void
a_server_that_says_nothing_times_out(void)
{
    int pair[2];
    g_autoptr(GError) error = NULL;
    CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    (void) !write(pair[1], "{\"id\":1,\"ok\":true,\"protocol\":1}\n", 32);
    ControlClient *client = control_client_open_fd(pair[0], NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client);
    CU_ASSERT_FALSE(
        control_client_do(client, control_request("status"), 50, &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_SESSION_ERROR,
                                   CARREL_SESSION_ERROR_TIMEOUT));
    control_client_free(client);
    close(pair[1]);
}

static void
a_server_that_talks_nonsense_is_left(void)
{
    int pair[2];
    g_autoptr(GError) error = NULL;
    CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    (void) !write(pair[1], "SSH-2.0-OpenSSH\n", 16);
    CU_ASSERT_PTR_NULL(control_client_open_fd(pair[0], &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_SESSION_ERROR,
                                   CARREL_SESSION_ERROR_CLOSED));
    close(pair[1]);
}

static void
another_protocol_version_is_refused(void)
{
    int pair[2];
    g_autoptr(GError) error = NULL;
    CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    (void) !write(pair[1], "{\"id\":1,\"ok\":true,\"protocol\":9}\n", 32);
    CU_ASSERT_PTR_NULL(control_client_open_fd(pair[0], &error));
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_SESSION_ERROR,
                                   CARREL_SESSION_ERROR_PROTOCOL));
    close(pair[1]);
}

static void
a_machine_that_ends_closes_the_connection(void)
{
    Served served;
    g_autoptr(GError) error = NULL;
    ControlClient *client = serve_one(&served, NULL);
    serve_end(&served);
    g_autoptr(JsonNode) event =
        control_client_next_event(client, 5000, NULL, &error);
    CU_ASSERT_PTR_NULL(event);
    CU_ASSERT_TRUE(g_error_matches(error, CARREL_SESSION_ERROR,
                                   CARREL_SESSION_ERROR_CLOSED));
    control_client_free(client);
}

/* clang-format off */
CU_MAIN("control-client",
    { "a_call_returns_its_answer", a_call_returns_its_answer },
    { "a_refusal_becomes_an_error_of_its_kind", a_refusal_becomes_an_error_of_its_kind },
    { "the_screen_comes_as_a_descriptor_that_can_only_be_read", the_screen_comes_as_a_descriptor_that_can_only_be_read },
    { "damage_waits_for_the_acknowledgement", damage_waits_for_the_acknowledgement },
    { "a_serial_port_comes_as_a_stream", a_serial_port_comes_as_a_stream },
    { "a_server_that_says_nothing_times_out", a_server_that_says_nothing_times_out },
    { "a_server_that_talks_nonsense_is_left", a_server_that_talks_nonsense_is_left },
    { "another_protocol_version_is_refused", another_protocol_version_is_refused },
    { "a_machine_that_ends_closes_the_connection", a_machine_that_ends_closes_the_connection })
/* clang-format on */
