/* app/verbs/speed.c - carrel speed NAME [SPEED]: the turbo switch of a running
 * machine. */
#include <stdio.h>

#include "app/verbs/run.h"
#include "app/verbs/running.h"

#define CALL_MS 10000

static void
print_speed(const App *app, gint64 share)
{
    if (!app->json) {
        if (share >= 1000000)
            printf("full\n");
        else
            printf("%.2f%% of this host's speed\n", (double) share / 10000);
        return;
    }
    JsonWriter *w = json_writer_new();
    json_begin_object(w, NULL);
    json_put_double(w, "percent", (double) share / 10000);
    app_print_json(w);
}

static int
run(const App *app, const char *name, const char *speed)
{
    JsonWriter *request = control_request("speed");
    GError *error = NULL;
    int code;
    g_autoptr(ControlClient) client = running_open(app, name, &code);

    if (client == NULL) {
        json_writer_free(request);
        return code;
    }
    if (speed != NULL)
        json_put_string(request, "speed", speed);
    g_autoptr(JsonNode) answer =
        control_client_call(client, request, CALL_MS, NULL, &error);
    if (answer == NULL)
        return running_fail(app, error);
    print_speed(app, json_get_int(answer, "share", 0));
    return EXIT_OK;
}

int
verb_speed(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 1, 2, &args);

    if (code >= 0)
        return code;
    if (args[1] != NULL && app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "with --read-only nothing is changed");
    if (args[1] != NULL && app->dry_run)
        return running_would(app, args[0], "speed", "run %s at %s", args[0],
                             args[1]);
    return run(app, args[0], args[1]);
}
