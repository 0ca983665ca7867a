/* app/verbs/running.c - what the verbs for running machines share. */
#include "app/verbs/running.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "app/machines.h"
#include "app/names.h"
#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "app/session/session-stop.h"
#include "app/store.h"
#include "app/tui.h"

#define CALL_MS 30000

static const char *
hint_of(CarrelSessionError kind)
{
    switch (kind) {
    case CARREL_SESSION_ERROR_CLOSED:
        return "`carrel list` shows whether it crashed, `carrel logs` why";
    case CARREL_SESSION_ERROR_NOT_FOUND:
    case CARREL_SESSION_ERROR_PERMISSION: /* the message names the file, and
                                             KVM's the group */
    case CARREL_SESSION_ERROR_FAILED:
    case CARREL_SESSION_ERROR_USAGE:
    case CARREL_SESSION_ERROR_PROFILE:
    case CARREL_SESSION_ERROR_STATE:
    case CARREL_SESSION_ERROR_LOCKED:
    case CARREL_SESSION_ERROR_HOST:
    case CARREL_SESSION_ERROR_TIMEOUT:
    case CARREL_SESSION_ERROR_PROTOCOL:
    default: return NULL;
    }
}

int
running_fail(const App *app, GError *error)
{
    CarrelSessionError kind = session_error_kind(error);
    int code;

    if (error->domain == CARREL_SESSION_ERROR)
        code = app_fail(app, (ExitCode) session_error_exit_code(kind),
                        session_error_id(kind), hint_of(kind), NULL, "%s",
                        error->message);
    else
        code = app_fail_error(app, error);
    g_error_free(error);
    return code;
}

int
running_require(const App *app, const char *name)
{
    GError *error = NULL;

    if (!machine_name_check(name, &error))
        return running_fail(app, error);
    g_autoptr(MachineInfo) info = machine_info_offline(name);
    if (info == NULL && !store_require(name, &error))
        return running_fail(app, error);
    return -1;
}

ControlClient *
running_open(const App *app, const char *name, int *ret_code)
{
    GError *error = NULL;

    *ret_code = running_require(app, name);
    if (*ret_code >= 0)
        return NULL;
    ControlClient *client = control_client_open(name, &error);
    if (client == NULL)
        *ret_code = running_fail(app, error);
    return client;
}

int
running_do(const App *app, const char *name, JsonWriter *request)
{
    int code;
    GError *error = NULL;
    g_autoptr(ControlClient) client = running_open(app, name, &code);

    if (client == NULL) {
        json_writer_free(request);
        return code;
    }
    if (!control_client_do(client, request, CALL_MS, &error))
        return running_fail(app, error);
    return EXIT_OK;
}

int
running_would(const App *app, const char *name, const char *op, const char *fmt,
              ...)
{
    int code;
    va_list args;
    g_autoptr(ControlClient) client = running_open(app, name, &code);

    if (client == NULL)
        return code;
    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    app_say(app, "would %s", text);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "name", name);
        json_put_bool(w, "changed", false);
        json_put_bool(w, "dry-run", true);
        json_put_string(w, "would", op);
        app_print_json(w);
    }
    return EXIT_OK;
}

char **
running_split_serial(char **argv)
{
    GPtrArray *out = g_ptr_array_new();
    for (gsize i = 0; argv[i] != NULL; i++) {
        const char *equals = strchr(argv[i], '=');
        if (!g_str_has_prefix(argv[i], "--serial=") &&
            !g_str_has_prefix(argv[i], "--virtio=")) {
            g_ptr_array_add(out, g_strdup(argv[i]));
            continue;
        }
        g_ptr_array_add(out, g_strndup(argv[i], (gsize) (equals - argv[i])));
        g_ptr_array_add(out, g_strdup("--port"));
        g_ptr_array_add(out, g_strdup(equals + 1));
    }
    g_ptr_array_add(out, NULL);
    return (char **) g_ptr_array_free(out, FALSE);
}

int
running_stop(const App *app, const char *name, bool force, int timeout_s)
{
    GError *error = NULL;
    bool running = session_is_running(name, NULL);

    if (!session_stop(name, force, timeout_s, &error))
        return running_fail(app, error);
    if (!running)
        app_say(app, "%s is off already", name);
    return EXIT_OK;
}

#define START_TRIES 4 /* who starts it with us may fail, one after another */

int
running_start(const App *app, const char *name, const SpawnOptions *options,
              bool *ret_ours)
{
    GError *error = NULL;

    *ret_ours = false;
    for (unsigned i = 0; i < START_TRIES; i++) {
        StartOutcome theirs = session_await_start(name);
        if (theirs == START_UP)
            return EXIT_OK;
        if (theirs == START_STUCK)
            return app_fail(app, EXIT_TIMEOUT, "timeout", NULL, NULL,
                            "another process is starting or stopping machine "
                            "'%s' and does not come to an end",
                            name);
        g_clear_error(&error);
        *ret_ours = session_start(name, options, &error);
        if (*ret_ours)
            return EXIT_OK;
        if (!g_error_matches(error, CARREL_SESSION_ERROR,
                             CARREL_SESSION_ERROR_STATE) ||
            (i > 0 && !session_is_running(name, NULL)))
            break;
    }
    return running_fail(app, error);
}

#define STATUS_MS 5000

static bool
has_screen(const char *name)
{
    g_autoptr(ControlClient) client = control_client_open(name, NULL);
    g_autoptr(JsonNode) status = NULL;

    if (client != NULL)
        status = control_client_call(client, control_request("status"),
                                     STATUS_MS, NULL, NULL);
    return status == NULL || json_get_bool(status, "display", true);
}

int
running_attach(App *app, const char *name)
{
    if (!has_screen(name))
        return console_serial(app, name, 0);
#if CARREL_HAVE_TUI
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return app_tui_main(app, name);
    return app_fail(app, EXIT_USAGE, "no-terminal", NULL, NULL,
                    "a console needs a terminal; use `carrel screenshot %s "
                    "--text`, `carrel send` and `carrel expect` in scripts",
                    name);
#else
    return app_fail(app, EXIT_HOST, "no-tui",
                    "`carrel console --serial` and `carrel view` work", NULL,
                    "this Carrel was built without its terminal interface");
#endif
}
