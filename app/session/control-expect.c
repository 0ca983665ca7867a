/* app/session/control-expect.c - waits for text on the screen or a serial port.
 *
 * Runs beside the machine, so nothing is missed between two looks of a client:
 * a screen is read again after every change, a serial port's output is kept
 * from the end of the last match on. */
#include <string.h>

#include "app/session/control-internal.h"
#include "app/session/session-error.h"
#include "vmm/core/sysutil.h"

#define DEFAULT_TIMEOUT_S 60
#define MAX_TIMEOUT_S     (24 * 3600)
#define MAX_PATTERN       4096
/* Screens change up to 60 times a second; matching needs no more than this. */
#define LOOK_MS 50
/* Output that was searched in vain is looked at again only this far back. */
#define OVERLAP (16 * 1024)
/* Steps a single search may take, some 50 ms: it holds up all clients. A
 * client's own limit in front of its pattern can only be lower. */
#define LIMIT "(*LIMIT_MATCH=1000000)"

typedef struct {
    PeerJob job; /* first */
    ControlServer *server;
    char *pattern;
    GRegex *regex; /* of it, with a limit */
    GSource *timeout;
    /* Screen: a viewer makes the display scan for changes. */
    Viewer *viewer;
    int wake_fd;
    GSource *wake, *look;
    /* Serial. */
    SerialTap *tap;
    guint watch;
    guint64 searched; /* offset of all output up to which nothing matched */
} Expect;

static void
expect_free(Expect *expect)
{
    source_drop(&expect->timeout);
    source_drop(&expect->wake);
    source_drop(&expect->look);
    if (expect->viewer != NULL)
        viewer_detach(expect->viewer);
    sys_close(&expect->wake_fd);
    if (expect->tap != NULL)
        serial_tap_unwatch(expect->tap, expect->watch);
    g_regex_unref(expect->regex);
    g_free(expect->pattern);
    g_free(expect);
}

static void
expect_cancel(PeerJob *job)
{
    expect_free((Expect *) job);
}

static gboolean
on_timeout(gpointer data)
{
    Expect *expect = data;
    Peer *peer = expect->job.peer;
    gint64 id = expect->job.id;
    GError *error =
        g_error_new(CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_TIMEOUT,
                    "'%s' did not appear on the %s in time", expect->pattern,
                    expect->tap != NULL ? "serial port" : "screen");

    peer_job_remove(&expect->job);
    expect_free(expect);
    peer_fail(peer, id, error);
    return G_SOURCE_REMOVE;
}

static void
refuse_costly(Expect *expect, GError *error)
{
    Peer *peer = expect->job.peer;
    gint64 id = expect->job.id;
    GError *answer = g_error_new(
        CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
        "expect: '%s' takes too long to search for, use a simpler one: %s",
        expect->pattern, error->message);

    g_error_free(error);
    peer_job_remove(&expect->job);
    expect_free(expect);
    peer_fail(peer, id, answer);
}

/* Searches from byte from on. True when it has answered and is gone. */
static bool
expect_try(Expect *expect, const char *text, gsize from)
{
    GMatchInfo *info = NULL;
    GError *error = NULL;
    int start = 0, end = 0;
    bool matched =
        text != NULL && g_regex_match_full(expect->regex, text, -1, (int) from,
                                           0, &info, &error);

    if (error != NULL) {
        g_match_info_free(info);
        refuse_costly(expect, error);
        return true;
    }

    if (matched && g_match_info_fetch_pos(info, 0, &start, &end)) {
        Peer *peer = expect->job.peer;
        JsonWriter *out = peer_answer(peer, expect->job.id);
        json_put_string(out, "source",
                        expect->tap != NULL ? "serial" : "screen");
        json_begin_array(out, "match");
        for (int i = 0; i < g_match_info_get_match_count(info); i++) {
            g_autofree char *group = g_match_info_fetch(info, i);
            json_put_string(out, NULL, group);
        }
        json_end(out);
        if (expect->tap != NULL)
            serial_tap_consume(expect->tap, (gsize) end);
        peer_job_remove(&expect->job);
        expect_free(expect);
        peer_send(peer, out, -1);
    }
    g_match_info_free(info);
    return matched;
}

static void
look_at_serial(void *data)
{
    Expect *expect = data;
    g_autofree char *text = serial_tap_unmatched(expect->tap);
    guint64 begin = serial_tap_start(expect->tap);
    guint64 end = begin + strlen(text);
    gsize from = 0;

    if (expect->searched > begin + OVERLAP)
        from = (gsize) (expect->searched - begin - OVERLAP);
    while (from > 0 && (text[from] & 0xc0) == 0x80)
        from--; /* not inside a character */
    if (!expect_try(expect, text, from))
        expect->searched = end;
}

static bool
look_at_screen(Expect *expect)
{
    const ControlConfig *config = &expect->server->config;
    Rect rect;
    unsigned n;

    /* Taking the damage arms the next wake-up; before reading the text, so
     * that a change in between wakes us again. */
    if (viewer_begin(expect->viewer, &rect, 1, &n) != NULL)
        viewer_end(expect->viewer);
    g_autofree char *text = display_text(config->ops->display(config->machine));
    return expect_try(expect, text, 0);
}

static gboolean
on_look(gpointer data)
{
    Expect *expect = data;
    source_drop(&expect->look);
    look_at_screen(expect);
    return G_SOURCE_REMOVE;
}

static gboolean
on_wake(int fd, GIOCondition condition, gpointer data)
{
    Expect *expect = data;
    (void) sys_eventfd_drain(fd); /* only that it was set matters */
    if (expect->look == NULL)
        expect->look =
            source_timeout(expect->server->context, LOOK_MS, on_look, expect);
    return G_SOURCE_CONTINUE;
}

static bool
watch_screen(Expect *expect, GError **error)
{
    const ControlConfig *config = &expect->server->config;
    Display *display = config->ops->display(config->machine);
    if (display == NULL) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_NOT_FOUND,
                    "the machine has no screen; use the serial port");
        return false;
    }
    expect->wake_fd = sys_eventfd(error);
    if (expect->wake_fd < 0)
        return false;
    expect->wake = source_fd(expect->server->context, expect->wake_fd, G_IO_IN,
                             on_wake, expect);
    expect->viewer = display_attach(display, expect->wake_fd);
    config->ops->refresh(config->machine);
    return true;
}

static bool
watch_serial(Expect *expect, gint64 port, GError **error)
{
    SerialTap *tap = port >= 0 && port < MACHINE_MAX_SERIAL
                         ? expect->server->config.serial[port]
                         : NULL;
    if (tap == NULL) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_NOT_FOUND,
                    "the machine has no serial port %" G_GINT64_FORMAT, port);
        return false;
    }
    expect->tap = tap;
    expect->watch = serial_tap_watch(tap, look_at_serial, expect);
    return true;
}

static GRegex *
compile(const JsonNode *request, GError **error)
{
    const char *pattern = json_get_string(request, "regex", "");
    gsize len = strlen(pattern);
    if (len == 0 || len > MAX_PATTERN) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "expect: 'regex' must have 1 to %d bytes", MAX_PATTERN);
        return NULL;
    }
    GRegexCompileFlags flags = G_REGEX_MULTILINE;
    if (json_get_bool(request, "ignore_case", false))
        flags |= G_REGEX_CASELESS;
    GError *inner = NULL;
    g_autofree char *limited = g_strconcat(LIMIT, pattern, NULL);
    /* alone first, so that a message is about what the client wrote */
    GRegex *regex = g_regex_new(pattern, flags, 0, &inner);
    if (regex != NULL) {
        g_regex_unref(regex);
        regex = g_regex_new(limited, flags, 0, &inner);
    }
    if (regex == NULL) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "expect: %s", inner->message);
        g_error_free(inner);
    }
    return regex;
}

static bool
request_timeout(const JsonNode *request, guint *ret_ms, GError **error)
{
    double seconds = message_number(request, "timeout", DEFAULT_TIMEOUT_S);
    if (!(seconds >= 0 && seconds <= MAX_TIMEOUT_S)) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "expect: 'timeout' is 0 to %d seconds", MAX_TIMEOUT_S);
        return false;
    }
    *ret_ms = (guint) (seconds * 1000);
    return true;
}

void
expect_request(Peer *peer, gint64 id, const JsonNode *request)
{
    GError *error = NULL;
    guint timeout_ms = 0;
    bool serial =
        strcmp(json_get_string(request, "source", "screen"), "serial") == 0;

    if (!peer_has_room(peer, id))
        return;
    GRegex *regex = compile(request, &error);
    if (regex == NULL || !request_timeout(request, &timeout_ms, &error)) {
        if (regex != NULL)
            g_regex_unref(regex);
        peer_fail(peer, id, error);
        return;
    }
    Expect *expect = g_new0(Expect, 1);
    expect->server = peer->server;
    expect->regex = regex;
    expect->pattern = g_strdup(json_get_string(request, "regex", ""));
    expect->wake_fd = -1;
    if (!(serial
              ? watch_serial(expect, json_get_int(request, "port", 0), &error)
              : watch_screen(expect, &error))) {
        expect_free(expect);
        peer_fail(peer, id, error);
        return;
    }
    peer_job_add(peer, id, &expect->job, expect_cancel);
    expect->timeout =
        source_timeout(peer->server->context, timeout_ms, on_timeout, expect);
    if (serial)
        look_at_serial(expect);
    else
        look_at_screen(expect);
}
