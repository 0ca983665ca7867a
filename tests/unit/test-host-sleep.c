/* tests/unit/test-host-sleep.c - the host's sleep, as a made-up logind tells
 * it over a socket pair. */
#include "app/session/host-sleep.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "tests/unit/cu-main.h"
#include "vmm/core/sysutil.h"

#define MANAGER "org.freedesktop.login1.Manager"

typedef struct {
    sd_bus *bus; /* logind's end */
    HostSleep *sleep;
    GString *seen;
    int lock[4]; /* our end of each lock that was given */
    unsigned n_locks;
    bool refuse;
} Fixture;

static int
on_message(sd_bus_message *m, void *data, sd_bus_error *error)
{
    Fixture *f = data;
    const char *what, *who, *why, *mode;
    int pair[2];

    if (!sd_bus_message_is_method_call(m, MANAGER, "Inhibit"))
        return 0;
    if (sd_bus_message_read(m, "ssss", &what, &who, &why, &mode) < 0)
        return -EINVAL;
    g_string_append_printf(f->seen, "%s %s by '%s'; ", mode, what, who);
    if (f->refuse)
        return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED,
                                          "not allowed");
    if (f->n_locks == G_N_ELEMENTS(f->lock) || pipe(pair) < 0)
        return -EMFILE;
    f->lock[f->n_locks++] = pair[0];
    int ret = sd_bus_reply_method_return(m, "h", pair[1]);
    (void) close(pair[1]);
    return ret < 0 ? ret : 1;
}

static void
sleeping(void *data)
{
    g_string_append(((Fixture *) data)->seen, "sleeping; ");
}

static void
woke(void *data)
{
    g_string_append(((Fixture *) data)->seen, "woke; ");
}

static void
said(void *data, const char *line)
{
    g_string_append_printf(((Fixture *) data)->seen, "%s; ", line);
}

/* Both ends have had their turn until nothing moves. */
static void
settle(Fixture *f)
{
    for (unsigned i = 0; i < 50; i++) {
        while (f->bus != NULL && sd_bus_process(f->bus, NULL) > 0)
            continue;
        while (g_main_context_iteration(NULL, FALSE))
            continue;
        g_usleep(1000);
    }
}

static void
begin(Fixture *f, bool block, bool refuse)
{
    sd_id128_t id = {.bytes = {1}};
    int pair[2];
    const char *why = NULL;

    *f = (Fixture){.seen = g_string_new(NULL), .refuse = refuse};
    CU_ASSERT_EQUAL(socketpair(AF_UNIX,
                               SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                               pair),
                    0);
    CU_ASSERT_TRUE(sd_bus_new(&f->bus) >= 0);
    CU_ASSERT_TRUE(sd_bus_set_fd(f->bus, pair[0], pair[0]) >= 0);
    CU_ASSERT_TRUE(sd_bus_set_server(f->bus, 1, id) >= 0);
    CU_ASSERT_TRUE(sd_bus_negotiate_fds(f->bus, 1) >= 0);
    CU_ASSERT_TRUE(sd_bus_add_filter(f->bus, NULL, on_message, f) >= 0);
    CU_ASSERT_TRUE(sd_bus_start(f->bus) >= 0);
    HostSleepConfig config = {.who = "Carrel: test",
                              .block = block,
                              .fd = pair[1],
                              .sleeping = sleeping,
                              .woke = woke,
                              .say = said,
                              .data = f};
    f->sleep = host_sleep_new(&config, &why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->sleep);
    CU_ASSERT_PTR_NULL(why);
    settle(f);
}

static void
end(Fixture *f)
{
    host_sleep_free(f->sleep);
    if (f->bus != NULL)
        sd_bus_close_unref(f->bus);
    for (unsigned i = 0; i < f->n_locks; i++)
        (void) close(f->lock[i]);
    g_string_free(f->seen, TRUE);
}

/* The host may go on: whoever had the lock has closed it. */
static bool
is_released(const Fixture *f, unsigned lock)
{
    struct pollfd p = {f->lock[lock], POLLIN, 0};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

static void
tell(Fixture *f, int begins)
{
    CU_ASSERT_TRUE(sd_bus_emit_signal(f->bus, "/org/freedesktop/login1",
                                      MANAGER, "PrepareForSleep", "b",
                                      begins) >= 0);
    settle(f);
}

static void
sleep_waits_until_the_machine_is_ready(void)
{
    Fixture f;

    begin(&f, false, false);
    CU_ASSERT_STRING_EQUAL(f.seen->str, "delay sleep by 'Carrel: test'; ");
    CU_ASSERT_EQUAL_FATAL(f.n_locks, 1);
    tell(&f, 1);
    CU_ASSERT_STRING_EQUAL(f.seen->str,
                           "delay sleep by 'Carrel: test'; sleeping; ");
    CU_ASSERT_FALSE(is_released(&f, 0));
    host_sleep_ready(f.sleep);
    CU_ASSERT_TRUE(is_released(&f, 0));
    tell(&f, 0);
    /* and the next sleep is held up again */
    CU_ASSERT_STRING_EQUAL(f.seen->str,
                           "delay sleep by 'Carrel: test'; sleeping; woke; "
                           "delay sleep by 'Carrel: test'; ");
    CU_ASSERT_EQUAL_FATAL(f.n_locks, 2);
    CU_ASSERT_FALSE(is_released(&f, 1));
    end(&f);
}

static void
a_machine_can_keep_the_host_awake(void)
{
    Fixture f;

    begin(&f, true, false);
    CU_ASSERT_STRING_EQUAL(f.seen->str, "delay sleep by 'Carrel: test'; "
                                        "block sleep by 'Carrel: test'; ");
    CU_ASSERT_EQUAL_FATAL(f.n_locks, 2);
    CU_ASSERT_FALSE(is_released(&f, 1));
    host_sleep_free(g_steal_pointer(&f.sleep));
    CU_ASSERT_TRUE(is_released(&f, 0));
    CU_ASSERT_TRUE(is_released(&f, 1));
    end(&f);
}

static void
a_refusal_is_said(void)
{
    Fixture f;

    begin(&f, false, true);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(f.seen->str, "does not hold the host's sleep up for us (not "
                            "allowed)"));
    tell(&f, 1);
    CU_ASSERT_TRUE(g_str_has_suffix(f.seen->str, "sleeping; "));
    host_sleep_ready(f.sleep); /* there is none to close */
    end(&f);
}

static void
a_bus_that_goes_is_said_once(void)
{
    Fixture f;

    begin(&f, false, false);
    g_string_truncate(f.seen, 0);
    sd_bus_close_unref(g_steal_pointer(&f.bus));
    settle(&f);
    CU_ASSERT_TRUE(g_str_has_prefix(f.seen->str, "the system bus is gone"));
    CU_ASSERT_PTR_NULL(strstr(f.seen->str + 10, "the system bus is gone"));
    end(&f);
}

static void
without_a_bus_it_says_so(void)
{
    HostSleepConfig config = {.who = "x", .fd = -1};
    const char *why = NULL;

    g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", TRUE);
    CU_ASSERT_PTR_NULL(host_sleep_new(&config, &why));
    CU_ASSERT_STRING_EQUAL(why, "the system bus does not let us in");
    g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

CU_MAIN("host-sleep",
        {"sleep_waits_until_the_machine_is_ready",
         sleep_waits_until_the_machine_is_ready},
        {"a_machine_can_keep_the_host_awake",
         a_machine_can_keep_the_host_awake},
        {"a_refusal_is_said", a_refusal_is_said},
        {"a_bus_that_goes_is_said_once", a_bus_that_goes_is_said_once},
        {"without_a_bus_it_says_so", without_a_bus_it_says_so})
