/* app/verbs/start.c - carrel start, stop, restart: a machine's process. */
#include <string.h>

#include "app/linger.h"
#include "app/machines.h"
#include "app/session/session-dir.h"
#include "app/store.h"
#include "app/verbs/findings.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"

#define STOP_TIMEOUT_S 60

static void
print_result(const App *app, const char *name, const char *state, bool changed)
{
    if (!app->json) {
        if (changed)
            app_say(app, "%s is %s", name, state);
        return;
    }
    JsonWriter *w = json_writer_new();
    json_begin_object(w, NULL);
    json_put_string(w, "name", name);
    json_put_string(w, "state", state);
    json_put_bool(w, "changed", changed);
    json_put_bool(w, "dry-run", app->dry_run);
    app_print_json(w);
}

/* Its warnings are shown now: once the machine runs nobody looks for them. */
static int
look_at_profile(const App *app, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) profile = machine_profile(name, &error);

    if (profile == NULL || !profile_validate(profile, &error))
        return app_fail_error(app, error);
    findings_warn(app, profile);
    return EXIT_OK;
}

int
verb_start(App *app, int argc, char **argv)
{
    gboolean attach = FALSE, paused = FALSE, snapshot = FALSE;
    const GOptionEntry entries[] = {
        {"attach", 'a', 0, G_OPTION_ARG_NONE, &attach,
         "Open its console afterwards", NULL},
        {"paused", 'p', 0, G_OPTION_ARG_NONE, &paused,
         "Do not let it run yet; 'carrel resume' does", NULL},
        {"snapshot-mode", 's', 0, G_OPTION_ARG_NONE, &snapshot,
         "Throw away what it writes to its disks", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 1, &args);
    if (code < 0)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;

    const char *name = args[0];
    bool running = session_is_running(name, NULL);
    code = running ? EXIT_OK : look_at_profile(app, name);
    if (code != EXIT_OK)
        return code;
    if (!app->dry_run && !running) {
        const SpawnOptions options = {.paused = paused, .snapshot = snapshot};
        code = running_start(app, name, &options);
        if (code != EXIT_OK)
            return code;
        const char *hint = linger_hint("");
        if (hint != NULL && !app->json)
            app_warn(app, "%s", hint);
    }
    if (running)
        app_say(app, "%s is running already", name);
    if (attach && !app->dry_run)
        return running_attach(app, name);
    print_result(app, name, paused && !running ? "paused" : "running",
                 !running);
    return EXIT_OK;
}

int
verb_stop(App *app, int argc, char **argv)
{
    gboolean force = FALSE;
    int timeout = STOP_TIMEOUT_S;
    const GOptionEntry entries[] = {
        {"force", 'f', 0, G_OPTION_ARG_NONE, &force,
         "Switch off without asking the guest", NULL},
        {"timeout", 't', 0, G_OPTION_ARG_INT, &timeout,
         "How long the guest may take (60)", "SECONDS"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 1, &args);
    if (code < 0)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;
    if (timeout < 1 || timeout > 86400)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "stop: --timeout is 1 to 86400 seconds");

    bool running = session_is_running(args[0], NULL);
    if (!app->dry_run || !running)
        code = running_stop(app, args[0], force, timeout);
    if (code <= EXIT_OK)
        print_result(app, args[0], "off", running);
    return MAX(code, EXIT_OK);
}

int
verb_restart(App *app, int argc, char **argv)
{
    gboolean force = FALSE;
    int timeout = STOP_TIMEOUT_S;
    const GOptionEntry entries[] = {
        {"force", 'f', 0, G_OPTION_ARG_NONE, &force,
         "Switch off without asking the guest", NULL},
        {"timeout", 't', 0, G_OPTION_ARG_INT, &timeout,
         "How long the guest may take (60)", "SECONDS"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 1, &args);
    if (code < 0)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;
    if (timeout < 1 || timeout > 86400)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "restart: --timeout is 1 to 86400 seconds");
    if (!store_exists(args[0]))
        return app_fail(app, EXIT_STATE, "wrong-state", NULL, NULL,
                        "machine '%s' is a throw-away one and would be gone; "
                        "`carrel reset %s` starts its guest again",
                        args[0], args[0]);
    if (!app->dry_run) {
        const SpawnOptions options = {.paused = false};
        if (session_is_running(args[0], NULL))
            code = running_stop(app, args[0], force, timeout);
        if (code <= EXIT_OK)
            code = running_start(app, args[0], &options);
        if (code != EXIT_OK)
            return code;
    }
    print_result(app, args[0], "running", true);
    return EXIT_OK;
}

/* The verbs that are one request without arguments. */
static int
simple(App *app, char **argv, const char *op, const char *state)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 1, 1, &args);
    if (code < 0)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;
    if (!app->dry_run)
        code = running_do(app, args[0], control_request(op));
    if (code <= EXIT_OK)
        print_result(app, args[0], state, true);
    return MAX(code, EXIT_OK);
}

int
verb_reset(App *app, int argc, char **argv)
{
    return simple(app, argv, "reset", "running");
}

int
verb_pause(App *app, int argc, char **argv)
{
    return simple(app, argv, "pause", "paused");
}

int
verb_resume(App *app, int argc, char **argv)
{
    return simple(app, argv, "resume", "running");
}
