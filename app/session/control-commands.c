/* app/session/control-commands.c - what each request of the control protocol
 * does: one row an operation. Long ones (typing, expect, screen) have files
 * of their own. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "app/session/control-internal.h"
#include "app/session/session-error.h"
#include "vmm/core/sysutil.h"

#define PROTOCOL_VERSION 1
/* Escaped it grows six times at most: below JSON_MAX_BYTES. */
#define MAX_LOG_TAIL     (128 * 1024)
#define MAX_STOP_TIMEOUT (24 * 3600)
#define MAX_PENDING      64

typedef struct {
    const char *op;
    void (*run)(Peer *peer, gint64 id, const JsonNode *request);
} CommandRow;

static void
fail(Peer *peer, gint64 id, CarrelSessionError kind, const char *message)
{
    peer_fail(peer, id,
              g_error_new_literal(CARREL_SESSION_ERROR, kind, message));
}

static void
finish(Peer *peer, gint64 id, bool done, GError *error)
{
    if (done)
        peer_ok(peer, id);
    else
        peer_fail(peer, id, error);
}

static void
put_status(Peer *peer, JsonWriter *out)
{
    const ControlConfig *config = &peer->server->config;
    MachineStats *stats = g_new0(MachineStats, 1);

    config->ops->stats(config->machine, stats);
    json_put_string(out, "name", config->name);
    json_put_string(out, "state", config->ops->state(config->machine));
    json_put_int(out, "pid", getpid());
    json_put_int(out, "uptime_ms", (gint64) stats->uptime_ms);
    json_put_int(out, "cpu_ns", (gint64) stats->cpu_ns);
    json_put_double(out, "cpu", stats->cpu);
    json_put_int(out, "vcpus", stats->n_vcpus);
    json_put_int(out, "memory", (gint64) stats->ram);
    json_put_int(out, "resident", (gint64) stats->resident);
    json_put_int(out, "resets", stats->resets);
    json_put_int(out, "clients", control_server_clients(peer->server));
    json_put_int(out, "leds", config->ops->leds(config->machine));
    json_put_bool(out, "absolute", config->ops->has_absolute(config->machine));
    g_autofree char *view = config->ops->view_address(config->machine);
    json_put_string(out, "view", view);
    g_autofree char *sound = config->ops->sound(config->machine);
    json_put_optional(out, "sound", sound);
    json_put_bool(out, "display",
                  config->ops->display(config->machine) != NULL);
    json_begin_object(out, "serial");
    for (unsigned i = 0; i < MACHINE_MAX_SERIAL; i++) {
        g_autofree char *port = g_strdup_printf("serial%u", i);
        const char *where = config->ops->serial_at(config->machine, i);
        if (where != NULL)
            json_put_string(out, port, where);
    }
    json_end(out);
    g_free(stats);
}

static void
run_hello(Peer *peer, gint64 id, const JsonNode *request)
{
    JsonWriter *out = peer_answer(peer, id);
    json_put_string(out, "program", "carrel");
    json_put_int(out, "protocol", PROTOCOL_VERSION);
    json_put_string(out, "name", peer->server->config.name);
    peer_send(peer, out, -1);
}

static void
run_status(Peer *peer, gint64 id, const JsonNode *request)
{
    JsonWriter *out = peer_answer(peer, id);
    put_status(peer, out);
    peer_send(peer, out, -1);
}

static void
run_stats(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    MachineStats *stats = g_new0(MachineStats, 1);
    JsonWriter *out = peer_answer(peer, id);

    put_status(peer, out);
    config->ops->stats(config->machine, stats);
    json_begin_array(out, "vcpu");
    for (unsigned i = 0; i < MIN(stats->n_vcpus, MACHINE_MAX_VCPUS); i++) {
        const CpuStats *exits = &stats->vcpu[i].exits;
        json_begin_object(out, NULL);
        json_put_int(out, "cpu_ns", (gint64) stats->vcpu[i].cpu_ns);
        json_put_int(out, "exits", (gint64) exits->exits);
        json_put_int(out, "pio", (gint64) exits->pio);
        json_put_int(out, "mmio", (gint64) exits->mmio);
        json_put_int(out, "halts", (gint64) exits->halts);
        json_put_int(out, "irq_windows", (gint64) exits->irq_windows);
        json_put_int(out, "signals", (gint64) exits->signals);
        json_put_int(out, "other", (gint64) exits->other);
        json_end(out);
    }
    json_end(out);
    g_free(stats);
    peer_send(peer, out, -1);
}

static void
run_stop(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    gint64 timeout = json_get_int(request, "timeout", 60);
    GError *error = NULL;

    if (timeout < 0 || timeout > MAX_STOP_TIMEOUT) {
        fail(peer, id, CARREL_SESSION_ERROR_USAGE,
             "stop: 'timeout' is 0 to 86400 seconds");
        return;
    }
    bool done =
        config->ops->stop(config->machine, (guint) timeout,
                          json_get_bool(request, "force", false), &error);
    finish(peer, id, done, error);
}

/* A request on its way through the machine; it outlives a peer that goes. */
typedef struct {
    PeerJob job; /* first; job.peer NULL: nobody wants to know any more */
} Pending;

static void
pending_cancel(PeerJob *job)
{
}

void
peer_pending_done(void *data, GError *error)
{
    Pending *pending = data;
    Peer *peer = pending->job.peer;
    gint64 id = pending->job.id;

    peer_job_remove(&pending->job);
    g_free(pending);
    if (peer != NULL)
        finish(peer, id, error == NULL, error);
    else
        g_clear_error(&error);
}

/* NULL after an answer: the client asks faster than the machine can do. */
void *
peer_pending_new(Peer *peer, gint64 id)
{
    if (peer->jobs->len >= MAX_PENDING) {
        fail(peer, id, CARREL_SESSION_ERROR_STATE,
             "64 requests of this client are waiting; ask again when they are "
             "answered");
        return NULL;
    }
    Pending *pending = g_new0(Pending, 1);
    peer_job_add(peer, id, &pending->job, pending_cancel);
    return pending;
}

#define LATER(name)                                                            \
    static void run_##name(Peer *peer, gint64 id, const JsonNode *request)     \
    {                                                                          \
        const ControlConfig *config = &peer->server->config;                   \
        Pending *pending = peer_pending_new(peer, id);                         \
        if (pending != NULL)                                                   \
            config->ops->name(config->machine, peer_pending_done, pending);    \
    }

/* clang-format off */
LATER(reset)
LATER(pause)
LATER(resume)
LATER(wake)
/* clang-format on */

static void
run_power_button(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    GError *error = NULL;
    bool done = config->ops->power_button(config->machine, &error);
    finish(peer, id, done, error);
}

static void
run_subscribe(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    JsonWriter *out = peer_answer(peer, id);

    peer->subscribed = json_get_bool(request, "on", true);
    json_put_string(out, "state", config->ops->state(config->machine));
    peer_send(peer, out, -1);
}

static void
run_release(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    if (peer->has_source)
        config->ops->input_release(config->machine, peer->input_source);
    peer_ok(peer, id);
}

static void
run_screen_text(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    Display *display = config->ops->display(config->machine);
    if (display == NULL) {
        fail(peer, id, CARREL_SESSION_ERROR_NOT_FOUND,
             "the machine has no screen ([display] model=none)");
        return;
    }
    config->ops->refresh(config->machine);
    g_autofree char *text = display_text(display);
    JsonWriter *out = peer_answer(peer, id);
    json_put_bool(out, "graphics", text == NULL);
    json_put_string(out, "text", text);
    peer_send(peer, out, -1);
}

/* The port of a request, or -1 after an answer. */
static int
request_port(Peer *peer, gint64 id, const JsonNode *request)
{
    gint64 port = json_get_int(request, "port", 0);
    if (port < 0 || port >= MACHINE_MAX_SERIAL) {
        fail(peer, id, CARREL_SESSION_ERROR_USAGE,
             "'port' of a serial port is 0 to 3");
        return -1;
    }
    return (int) port;
}

/* fd -1: error tells why. */
static void
send_stream(Peer *peer, gint64 id, int fd, GError *error)
{
    if (fd < 0)
        peer_fail(peer, id, error);
    else
        peer_send(peer, peer_answer(peer, id), fd);
}

static void
run_serial_attach(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    GError *error = NULL;
    int port = request_port(peer, id, request);
    if (port < 0)
        return;
    int fd =
        config->ops->serial(config->machine, (unsigned) port,
                            json_get_bool(request, "replay", true), &error);
    send_stream(peer, id, fd, error);
}

static void
run_console_attach(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    GError *error = NULL;
    gint64 port = json_get_int(request, "port", 0);

    if (port < 0 || port >= MACHINE_MAX_CONSOLES) {
        fail(peer, id, CARREL_SESSION_ERROR_USAGE,
             "'port' of a virtio console is 0 to 7");
        return;
    }
    int fd =
        config->ops->console(config->machine, (unsigned) port,
                             json_get_bool(request, "replay", true), &error);
    send_stream(peer, id, fd, error);
}

static void
run_serial_send(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    const char *text = json_get_string(request, "text", NULL);
    int port = request_port(peer, id, request);
    if (port < 0)
        return;
    SerialTap *tap = config->serial[port];
    if (text == NULL)
        fail(peer, id, CARREL_SESSION_ERROR_USAGE,
             "serial-send: 'text' is missing");
    else if (tap == NULL)
        fail(peer, id, CARREL_SESSION_ERROR_NOT_FOUND,
             "the machine has no such serial port");
    else if (!serial_tap_send(tap, text, strlen(text)))
        fail(peer, id, CARREL_SESSION_ERROR_STATE,
             "the guest does not read its serial port; 1 MiB is waiting");
    else
        peer_ok(peer, id);
}

static void
run_media(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    const char *drive = json_get_string(request, "drive", NULL);
    const char *path = json_get_string(request, "path", NULL);

    if (drive == NULL || (path != NULL && !g_path_is_absolute(path))) {
        fail(peer, id, CARREL_SESSION_ERROR_USAGE,
             drive == NULL ? "media: 'drive' is missing, such as floppy0, cd0"
                           : "media: 'path' must be absolute");
        return;
    }
    const MediaRequest media = {
        .drive = drive,
        .path = path,
        .read_only = json_get_bool(request, "read_only", false),
        .force = json_get_bool(request, "force", false)};
    Pending *pending = peer_pending_new(peer, id);
    if (pending != NULL)
        config->ops->change_media(config->machine, &media, peer_pending_done,
                                  pending);
}

static void
run_drives(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    g_autofree char *drives = config->ops->drives(config->machine);
    JsonWriter *out = peer_answer(peer, id);
    json_put_string(out, "drives", drives);
    peer_send(peer, out, -1);
}

static char *
read_tail(const char *path, gsize max, GError **error)
{
    CARREL_AUTO_FD int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        sys_error(error, errno, "log '%s'", path);
        return NULL;
    }
    off_t from = st.st_size > (off_t) max ? st.st_size - (off_t) max : 0;
    g_autofree char *text = g_malloc(max + 1);
    ssize_t n = SYS_RETRY(pread(fd, text, max, from));
    return g_utf8_make_valid(text, n > 0 ? n : 0);
}

static void
run_log_tail(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    GError *error = NULL;
    gint64 bytes = json_get_int(request, "bytes", 64 * 1024);
    g_autofree char *path = config->ops->log_path(
        config->machine, json_get_string(request, "source", "vmm"));
    if (path == NULL || bytes < 1 || bytes > MAX_LOG_TAIL) {
        fail(peer, id, CARREL_SESSION_ERROR_USAGE,
             "log-tail: 'source' is vmm, firmware or serial0 to serial3; "
             "'bytes' is 1 to 131072");
        return;
    }
    g_autofree char *text = read_tail(path, (gsize) bytes, &error);
    if (text == NULL) {
        peer_fail(peer, id, error);
        return;
    }
    JsonWriter *out = peer_answer(peer, id);
    json_put_string(out, "text", text);
    peer_send(peer, out, -1);
}

static void
run_quit(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    peer_ok(peer, id);
    if (config->quit != NULL)
        config->quit(config->quit_data);
}

/* clang-format off */
static const CommandRow command_rows[] = {
    { "hello",         run_hello },
    { "status",        run_status },
    { "stats",         run_stats },
    { "stop",          run_stop },
    { "reset",         run_reset },
    { "pause",         run_pause },
    { "resume",        run_resume },
    { "wake",          run_wake },
    { "power-button",  run_power_button },
    { "subscribe",     run_subscribe },
    { "screen",        screen_request },
    { "screen-ack",    screen_ack },
    { "screen-text",   run_screen_text },
    { "input",         input_request },
    { "release",       run_release },
    { "text",          type_text_request },
    { "keys",          type_keys_request },
    { "serial-attach", run_serial_attach },
    { "console-attach", run_console_attach },
    { "serial-send",   run_serial_send },
    { "expect",        expect_request },
    { "media",         run_media },
    { "drives",        run_drives },
    { "memory",        memory_request },
    { "speed",         speed_request },
    { "nets",          nets_request },
    { "net",           net_request },
    { "attach",        attach_request },
    { "detach",        detach_request },
    { "cards",         cards_request },
    { "log-tail",      run_log_tail },
    { "quit",          run_quit },
};
/* clang-format on */

void
control_dispatch(Peer *peer, const JsonNode *request)
{
    gint64 id = json_get_int(request, "id", 0);
    gint64 version = json_get_int(request, "v", PROTOCOL_VERSION);
    const char *op = json_get_string(request, "op", NULL);

    if (version != PROTOCOL_VERSION) {
        peer_fail(peer, id,
                  g_error_new(CARREL_SESSION_ERROR,
                              CARREL_SESSION_ERROR_PROTOCOL,
                              "this machine's process speaks version %d of "
                              "the protocol; restart the machine to use a "
                              "newer Carrel with it",
                              PROTOCOL_VERSION));
        return;
    }
    for (gsize i = 0; op != NULL && i < G_N_ELEMENTS(command_rows); i++) {
        if (strcmp(command_rows[i].op, op) == 0) {
            command_rows[i].run(peer, id, request);
            return;
        }
    }
    peer_fail(peer, id,
              g_error_new(CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                          "operation '%s' is unknown",
                          op != NULL ? op : "(none)"));
}
