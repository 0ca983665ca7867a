/* app/verbs/expect.c - carrel expect NAME REGEX: waits for text on the screen
 * or a serial port; carrel wait NAME STATE: waits for a state. */
#include <stdio.h>
#include <string.h>

#include "app/machines.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"

#define DEFAULT_TIMEOUT_S 60
#define GRACE_MS          5000
#define POLL_US           (50 * 1000)

static int
print_match(const App *app, const char *name, const JsonNode *answer)
{
    const JsonNode *match = json_get(answer, "match");
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "name", name);
        json_put_string(w, "source", json_get_string(answer, "source", ""));
        json_begin_array(w, "match");
        for (unsigned i = 0; i < json_length(match); i++)
            json_put_string(w, NULL, json_string(json_at(match, i), ""));
        app_print_json(w);
        return EXIT_OK;
    }
    /* A group is what the caller wants to know; without one, all of it. */
    unsigned at = json_length(match) > 1 ? 1 : 0;
    g_autofree char *clean = app_clean(json_string(json_at(match, at), ""));
    app_say(app, "%s", clean);
    return EXIT_OK;
}

int
verb_expect(App *app, int argc, char **argv)
{
    gboolean serial = FALSE, ignore_case = FALSE;
    double timeout = DEFAULT_TIMEOUT_S;
    int port = 0;
    const GOptionEntry entries[] = {
        {"timeout", 't', 0, G_OPTION_ARG_DOUBLE, &timeout,
         "How long to wait (60)", "SECONDS"},
        {"serial", 's', 0, G_OPTION_ARG_NONE, &serial,
         "On serial port 0 (--serial=N: port N) instead of the screen", NULL},
        {"port", 'p', G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &port, NULL, "N"},
        {"ignore-case", 'i', 0, G_OPTION_ARG_NONE, &ignore_case,
         "Capital and small letters are the same", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) split = running_split_serial(argv);
    g_auto(GStrv) args = NULL;
    GError *error = NULL;
    int code = app_parse(app, split, entries, 2, 2, &args);
    if (code >= 0)
        return code;
    if (!(timeout >= 0 && timeout <= 86400))
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "expect: --timeout is 0 to 86400 seconds");
    g_autoptr(ControlClient) client = running_open(app, args[0], &code);
    if (client == NULL)
        return code;
    JsonWriter *request = control_request("expect");
    json_put_string(request, "regex", args[1]);
    json_put_double(request, "timeout", timeout);
    json_put_string(request, "source", serial ? "serial" : "screen");
    json_put_int(request, "port", port);
    json_put_bool(request, "ignore_case", ignore_case);
    g_autoptr(JsonNode) answer = control_client_call(
        client, request, (int) (timeout * 1000) + GRACE_MS, NULL, &error);
    if (answer == NULL)
        return running_fail(app, error);
    return print_match(app, args[0], answer);
}

static int
print_state(const App *app, const char *name, const char *state)
{
    if (!app->json)
        return EXIT_OK;
    JsonWriter *w = json_writer_new();
    json_begin_object(w, NULL);
    json_put_string(w, "name", name);
    json_put_string(w, "state", state);
    app_print_json(w);
    return EXIT_OK;
}

static int
wait_for_state(const App *app, const char *name, const char *state,
               double timeout)
{
    gint64 deadline =
        g_get_monotonic_time() + (gint64) (timeout * G_USEC_PER_SEC);
    for (;;) {
        g_autoptr(MachineInfo) info = machine_info(name);
        /* A throw-away machine that ended is off, for ever. */
        const char *now = info != NULL ? info->state : "off";
        if (strcmp(now, state) == 0)
            return print_state(app, name, state);
        if (strcmp(now, "crashed") == 0)
            return app_fail(app, EXIT_FAILED, "crashed", NULL, NULL,
                            "machine '%s' crashed: %s", name, info->reason);
        if (g_get_monotonic_time() >= deadline)
            return app_fail(app, EXIT_TIMEOUT, "timeout", NULL, NULL,
                            "machine '%s' is %s, not %s, after %g s", name, now,
                            state, timeout);
        g_usleep(POLL_US);
    }
}

int
verb_wait(App *app, int argc, char **argv)
{
    static const char *const states[] = {"off",       "running", "paused",
                                         "suspended", "crashed", NULL};
    double timeout = DEFAULT_TIMEOUT_S;
    const GOptionEntry entries[] = {{"timeout", 't', 0, G_OPTION_ARG_DOUBLE,
                                     &timeout, "How long to wait (60)",
                                     "SECONDS"},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 2, 2, &args);
    if (code >= 0)
        return code;
    if (!g_strv_contains(states, args[1]) || !(timeout >= 0))
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "wait: a state is off, running, paused, suspended or "
                        "crashed, not '%s'",
                        args[1]);
    code = running_require(app, args[0]);
    if (code >= 0)
        return code;
    return wait_for_state(app, args[0], args[1], timeout);
}
