/* app/session/host-sleep.c - see host-sleep.h. org.freedesktop.login1(5). */
#include "app/session/host-sleep.h"

#if CARREL_HAVE_LOGIND

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "vmm/core/sysutil.h"

#define SERVICE   "org.freedesktop.login1"
#define PATH      "/org/freedesktop/login1"
#define INTERFACE "org.freedesktop.login1.Manager"
#define SOCKET    "/run/dbus/system_bus_socket"
#define AT_ONCE   64 /* messages before others have their turn */

typedef struct {
    __typeof__(sd_bus_new) *new;
    __typeof__(sd_bus_set_fd) *set_fd;
    __typeof__(sd_bus_start) *start;
    __typeof__(sd_bus_open_system) *open_system;
    __typeof__(sd_bus_get_fd) *get_fd;
    __typeof__(sd_bus_get_events) *get_events;
    __typeof__(sd_bus_get_timeout) *get_timeout;
    __typeof__(sd_bus_process) *process;
    __typeof__(sd_bus_call_method_async) *call_method_async;
    __typeof__(sd_bus_match_signal_async) *match_signal_async;
    __typeof__(sd_bus_message_read) *message_read;
    __typeof__(sd_bus_message_get_error) *message_get_error;
    __typeof__(sd_bus_close_unref) *close_unref;
} BusLibrary;

/* clang-format off */
#define ROW(name) { "sd_bus_" #name, G_STRUCT_OFFSET(BusLibrary, name) }
static const SysLateFunction functions[] = {
    ROW(new), ROW(set_fd), ROW(start), ROW(open_system), ROW(get_fd),
    ROW(get_events), ROW(get_timeout), ROW(process), ROW(call_method_async),
    ROW(match_signal_async), ROW(message_read), ROW(message_get_error),
    ROW(close_unref),
};
#undef ROW
/* clang-format on */

struct HostSleep {
    HostSleepConfig config;
    char *who;
    BusLibrary lib;
    sd_bus *bus;
    GSource *source;
    gpointer tag;           /* of the descriptor in source */
    int delay_fd, block_fd; /* locks of logind's; -1: none */
};

static void G_GNUC_PRINTF(2, 3) say(HostSleep *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *line = g_strdup_vprintf(fmt, args);
    va_end(args);
    s->config.say(s->config.data, line);
}

/* ---- locks ---- */

static int
got_lock(sd_bus_message *m, HostSleep *s, int *fd)
{
    const sd_bus_error *e = s->lib.message_get_error(m);
    int borrowed = -1;

    if (e != NULL)
        say(s,
            "logind does not hold the host's sleep up for us (%s); it "
            "may sleep before the machine is paused",
            e->message != NULL ? e->message : e->name);
    else if (s->lib.message_read(m, "h", &borrowed) >= 0) {
        sys_close(fd);
        *fd = fcntl(borrowed, F_DUPFD_CLOEXEC, 3);
    }
    return 0;
}

static int
got_delay(sd_bus_message *m, void *data, sd_bus_error *error)
{
    HostSleep *s = data;
    return got_lock(m, s, &s->delay_fd);
}

static int
got_block(sd_bus_message *m, void *data, sd_bus_error *error)
{
    HostSleep *s = data;
    return got_lock(m, s, &s->block_fd);
}

static void
ask_lock(HostSleep *s, const char *why, const char *mode,
         sd_bus_message_handler_t got)
{
    (void) s->lib.call_method_async(s->bus, NULL, SERVICE, PATH, INTERFACE,
                                    "Inhibit", got, s, "ssss", "sleep", s->who,
                                    why, mode); /* or no lock is had */
}

/* ---- signals ---- */

static int
on_sleep(sd_bus_message *m, void *data, sd_bus_error *error)
{
    HostSleep *s = data;
    int begins = 0;

    if (s->lib.message_read(m, "b", &begins) < 0)
        return 0;
    if (begins) {
        s->config.sleeping(s->config.data);
        return 0;
    }
    s->config.woke(s->config.data);
    ask_lock(s, "pausing the machine", "delay", got_delay);
    return 0;
}

/* ---- the bus in the main loop ---- */

typedef struct {
    GSource source;
    HostSleep *s;
} BusSource;

static gboolean
bus_prepare(GSource *source, gint *ret_timeout)
{
    HostSleep *s = ((BusSource *) source)->s;
    int events = s->lib.get_events(s->bus);
    guint64 until = G_MAXUINT64;

    *ret_timeout = -1;
    g_source_modify_unix_fd(source, s->tag,
                            (events > 0 && events & POLLOUT ? G_IO_OUT : 0) |
                                G_IO_IN);
    if (s->lib.get_timeout(s->bus, &until) >= 0 && until != G_MAXUINT64) {
        gint64 left = (gint64) until - g_get_monotonic_time();
        *ret_timeout = (gint) CLAMP((left + 999) / 1000, 0, G_MAXINT);
    }
    return *ret_timeout == 0;
}

static gboolean
bus_check(GSource *source)
{
    HostSleep *s = ((BusSource *) source)->s;
    guint64 until = G_MAXUINT64;

    (void) s->lib.get_timeout(s->bus, &until);
    return g_source_query_unix_fd(source, s->tag) != 0 ||
           (gint64) MIN(until, (guint64) G_MAXINT64) <= g_get_monotonic_time();
}

static gboolean
bus_dispatch(GSource *source, GSourceFunc fn, gpointer data)
{
    HostSleep *s = ((BusSource *) source)->s;
    int ret = 1;

    for (unsigned i = 0; ret > 0 && i < AT_ONCE; i++)
        ret = s->lib.process(s->bus, NULL);
    if (ret >= 0)
        return G_SOURCE_CONTINUE;
    say(s,
        "the system bus is gone (%s): the machine is not paused when the "
        "host sleeps",
        g_strerror(-ret));
    return G_SOURCE_REMOVE;
}

static GSourceFuncs bus_funcs = {bus_prepare, bus_check, bus_dispatch,
                                 NULL,        NULL,      NULL};

static void
watch(HostSleep *s)
{
    s->source = g_source_new(&bus_funcs, sizeof(BusSource));
    ((BusSource *) s->source)->s = s;
    s->tag = g_source_add_unix_fd(s->source, s->lib.get_fd(s->bus), G_IO_IN);
    g_source_attach(s->source, NULL);
}

/* ---- life ---- */

static int
open_bus(HostSleep *s)
{
    if (s->config.fd < 0)
        return s->lib.open_system(&s->bus);
    int ret = s->lib.new(&s->bus);
    if (ret >= 0)
        ret = s->lib.set_fd(s->bus, s->config.fd, s->config.fd);
    return ret >= 0 ? s->lib.start(s->bus) : ret;
}

HostSleep *
host_sleep_new(const HostSleepConfig *config, const char **ret_why)
{
    *ret_why = "this host has no system bus";
    if (config->fd < 0 && g_getenv("DBUS_SYSTEM_BUS_ADDRESS") == NULL &&
        access(SOCKET, F_OK) < 0)
        return NULL;
    HostSleep *s = g_new0(HostSleep, 1);
    s->config = *config;
    s->delay_fd = s->block_fd = -1;
    s->who = g_strdup(config->who);
    *ret_why = "libsystemd.so.0 is not there";
    bool loaded = sys_late_functions("libsystemd.so.0", functions,
                                     G_N_ELEMENTS(functions), &s->lib);
    if (loaded)
        *ret_why = "the system bus does not let us in";
    if (!loaded || open_bus(s) < 0) {
        host_sleep_free(s);
        return NULL;
    }
    *ret_why = NULL;
    watch(s);
    (void) s->lib.match_signal_async(s->bus, NULL, NULL, PATH, INTERFACE,
                                     "PrepareForSleep", on_sleep, NULL, s);
    ask_lock(s, "pausing the machine", "delay", got_delay);
    if (config->block)
        ask_lock(s, "it runs with machine.host-sleep=block", "block",
                 got_block);
    return s;
}

void
host_sleep_ready(HostSleep *s)
{
    sys_close(&s->delay_fd);
}

void
host_sleep_free(HostSleep *s)
{
    if (s == NULL)
        return;
    if (s->source != NULL) {
        g_source_destroy(s->source);
        g_source_unref(s->source);
    }
    if (s->bus != NULL)
        (void) s->lib.close_unref(s->bus); /* NULL always */
    sys_close(&s->delay_fd);
    sys_close(&s->block_fd);
    g_free(s->who);
    g_free(s);
}

#else /* !CARREL_HAVE_LOGIND */

HostSleep *
host_sleep_new(const HostSleepConfig *config, const char **ret_why)
{
    *ret_why = "this program was built without libsystemd";
    return NULL;
}

void
host_sleep_ready(HostSleep *s)
{
}

void
host_sleep_free(HostSleep *s)
{
}

#endif
