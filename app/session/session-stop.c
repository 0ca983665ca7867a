/* app/session/session-stop.c - ends a running machine. */
#include "app/session/session-stop.h"

#include <signal.h>
#include <string.h>

#include "app/session/control-client.h"
#include "app/session/message.h"
#include "app/session/session-dir.h"
#include "app/session/session-error.h"

#define CALL_MS 30000
#define POLL_US 10000
/* How long a process may take to free a stopped machine. */
#define GONE_MS 10000

bool
session_wait_gone(const char *name, int timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + (gint64) timeout_ms * 1000;
    while (session_is_running(name, NULL)) {
        if (g_get_monotonic_time() > deadline)
            return false;
        g_usleep(POLL_US);
    }
    return true;
}

/* What a process that is gone could not clear away itself. */
static void
forget(const char *name)
{
    g_autofree char *throw_away = session_throw_away_profile(name);
    bool saved_nowhere = g_file_test(throw_away, G_FILE_TEST_EXISTS);

    session_runtime_remove(name);
    if (saved_nowhere)
        session_state_remove(name);
}

/* The process does not answer any more: only its end helps. */
static bool
kill_process(const char *name, GError **error)
{
    pid_t pid = 0;
    if (session_is_running(name, &pid) && pid > 1)
        (void) kill(pid, SIGKILL); /* gone already is as good */
    if (!session_wait_gone(name, GONE_MS)) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_FAILED,
                    "process %d of machine '%s' does not end", (int) pid, name);
        return false;
    }
    session_record_write(name, "stopped", "its process was killed");
    forget(name);
    return true;
}

/* True when the error says that the process has ended, which is the aim. */
static bool
is_gone(GError **inner)
{
    bool gone = g_error_matches(*inner, CARREL_SESSION_ERROR,
                                CARREL_SESSION_ERROR_CLOSED);
    if (gone)
        g_clear_error(inner);
    return gone;
}

/* True and error set when the reason of an event says that the machine goes
 * on. Others, a resume perhaps, do not end the wait. */
static bool
gave_up(const char *name, const char *reason, GError **error)
{
    if (strcmp(reason, MESSAGE_STOP_EXPIRED) == 0)
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_TIMEOUT,
                    "the guest of machine '%s' ignored the power button; "
                    "--force switches it off",
                    name);
    else if (strcmp(reason, MESSAGE_STOP_RESET) == 0)
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                    "machine '%s' was reset while it was to power off; stop "
                    "it again",
                    name);
    else
        return false;
    return true;
}

/* Waits for what becomes of a stop request. */
static bool
await_end(const char *name, ControlClient *client, int timeout_ms,
          GError **error)
{
    GError *inner = NULL;
    gint64 deadline = g_get_monotonic_time() + (gint64) timeout_ms * 1000;
    for (;;) {
        gint64 left = (deadline - g_get_monotonic_time()) / 1000;
        g_autoptr(JsonNode) event =
            control_client_next_event(client, (int) MAX(left, 0), NULL, &inner);
        if (event == NULL)
            break;
        const char *reason = json_get_string(event, "reason", "");
        if (gave_up(name, reason, error))
            return false;
    }
    if (!is_gone(&inner)) {
        g_propagate_error(error, inner);
        return false;
    }
    if (session_wait_gone(name, GONE_MS))
        return true;
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_TIMEOUT,
                "machine '%s' is off, but its process has not ended", name);
    return false;
}

static bool
ask_to_stop(const char *name, ControlClient *client, bool force, int timeout_s,
            GError **error)
{
    GError *inner = NULL;
    JsonWriter *stop = control_request("stop");
    json_put_int(stop, "timeout", timeout_s);
    json_put_bool(stop, "force", force);
    if (!control_client_do(client, control_request("subscribe"), CALL_MS,
                           error)) {
        json_writer_free(stop);
        return false;
    }
    if (!control_client_do(client, stop, CALL_MS, &inner) && !is_gone(&inner)) {
        g_propagate_error(error, inner);
        return false;
    }
    return await_end(name, client, timeout_s * 1000 + GONE_MS, error);
}

bool
session_stop(const char *name, bool force, int timeout_s, GError **error)
{
    GError *inner = NULL;

    if (!session_is_running(name, NULL)) {
        g_autofree char *throw_away = session_throw_away_profile(name);
        if (g_file_test(throw_away, G_FILE_TEST_EXISTS))
            forget(name);
        return true;
    }
    g_autoptr(ControlClient) client = control_client_open(name, &inner);
    bool done =
        client != NULL && ask_to_stop(name, client, force, timeout_s, &inner);
    if (!done && force && session_is_running(name, NULL)) {
        g_clear_error(&inner);
        return kill_process(name, error);
    }
    if (inner != NULL)
        g_propagate_error(error, inner);
    return done;
}
