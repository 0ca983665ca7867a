/* app/verbs/net.c - carrel net list | forward | capture | link: the networks
 * of a running machine. */
#include <stdio.h>
#include <string.h>

#include "app/verbs/run.h"
#include "app/verbs/running.h"

#define CALL_MS 30000

static void
print_net(const JsonNode *net)
{
    const JsonNode *rules = json_get(net, "forwards");
    const char *capture = json_get_string(net, "capture", NULL);

    printf("%s: %s (%s), %s, %s, MTU %d\n", json_get_string(net, "name", ""),
           json_get_string(net, "where", ""), json_get_string(net, "model", ""),
           json_get_string(net, "mac", ""),
           json_get_bool(net, "up", false)
               ? "up"
               : (json_get_bool(net, "plugged", false) ? "down" : "unplugged"),
           (int) json_get_int(net, "mtu", 0));
    printf("  guest sent %" G_GINT64_FORMAT " frames, %" G_GINT64_FORMAT
           " bytes, %" G_GINT64_FORMAT " dropped\n",
           json_get_int(net, "tx_frames", 0), json_get_int(net, "tx_bytes", 0),
           json_get_int(net, "tx_dropped", 0));
    printf("  guest received %" G_GINT64_FORMAT " frames, %" G_GINT64_FORMAT
           " bytes, %" G_GINT64_FORMAT " dropped\n",
           json_get_int(net, "rx_frames", 0), json_get_int(net, "rx_bytes", 0),
           json_get_int(net, "rx_dropped", 0));
    for (unsigned i = 0; i < json_length(rules); i++)
        printf("  forward %s\n", json_string(json_at(rules, i), ""));
    if (capture != NULL) {
        g_autofree char *clean = app_clean(capture);
        printf("  captured to %s\n", clean);
    }
}

static void
copy_member(JsonWriter *w, const char *name, const JsonNode *value)
{
    if (json_type(value) == JSON_STRING)
        json_put_string(w, name, json_string(value, ""));
    else if (json_type(value) == JSON_BOOL)
        json_put_bool(w, name, json_bool(value, false));
    else if (json_type(value) == JSON_INT)
        json_put_int(w, name, json_int(value, 0));
    else if (json_type(value) == JSON_ARRAY) {
        json_begin_array(w, name);
        for (unsigned i = 0; i < json_length(value); i++)
            json_put_string(w, NULL, json_string(json_at(value, i), ""));
        json_end(w);
    }
}

static void
print_json(const JsonNode *nets)
{
    JsonWriter *w = json_writer_new();

    json_begin_array(w, NULL);
    for (unsigned i = 0; i < json_length(nets); i++) {
        const JsonNode *net = json_at(nets, i);
        json_begin_object(w, NULL);
        for (unsigned k = 0; k < json_length(net); k++)
            copy_member(w, json_name_at(net, k),
                        json_get(net, json_name_at(net, k)));
        json_end(w);
    }
    app_print_json(w);
}

static int
list(const App *app, const char *name)
{
    GError *error = NULL;
    int code;
    g_autoptr(ControlClient) client = running_open(app, name, &code);

    if (client == NULL)
        return code;
    g_autoptr(JsonNode) answer = control_client_call(
        client, control_request("nets"), CALL_MS, NULL, &error);
    if (answer == NULL)
        return running_fail(app, error);
    const JsonNode *nets = json_get(answer, "nets");
    if (app->json) {
        print_json(nets);
        return EXIT_OK;
    }
    for (unsigned i = 0; i < json_length(nets); i++)
        print_net(json_at(nets, i));
    if (json_length(nets) == 0)
        app_say(app,
                "%s has no network card; `carrel set %s net0.kind=user` gives "
                "it one at the next start",
                name, name);
    return EXIT_OK;
}

/* net and value may be NULL. */
static int
change(const App *app, const char *name, const char *net, const char *what,
       const char *value)
{
    if (app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "with --read-only nothing is changed");
    if (app->dry_run)
        return EXIT_OK;
    JsonWriter *request = control_request("net");
    json_put_string(request, "change", what);
    if (net != NULL)
        json_put_string(request, "net", net);
    if (value != NULL)
        json_put_string(request, "value", value);
    return running_do(app, name, request);
}

static bool
is(const char *word, const char *expected)
{
    return strcmp(word, expected) == 0;
}

/* args after "capture": NAME on FILE | NAME off */
static int
capture(const App *app, char **args, guint n, const char *net, int *ret_code)
{
    if (n == 3 && is(args[1], "on")) {
        g_autofree char *path = g_canonicalize_filename(args[2], NULL);
        *ret_code = change(app, args[0], net, "capture", path);
    } else if (n == 2 && is(args[1], "off")) {
        *ret_code = change(app, args[0], net, "capture", NULL);
    } else {
        return -1;
    }
    return 0;
}

static int
run(const App *app, char **args, guint n, const char *net)
{
    int code = EXIT_USAGE;

    if (is(args[0], "list") && n == 2)
        return list(app, args[1]);
    if (is(args[0], "forward") && n == 4 &&
        (is(args[1], "add") || is(args[1], "remove")))
        return change(app, args[2], net,
                      is(args[1], "add") ? "forward-add" : "forward-remove",
                      args[3]);
    if (is(args[0], "link") && n == 4 &&
        (is(args[3], "up") || is(args[3], "down")))
        return change(app, args[1], args[2], "link", args[3]);
    if (is(args[0], "capture") &&
        capture(app, args + 1, n - 1, net, &code) == 0)
        return code;
    return app_fail(app, EXIT_USAGE, "usage",
                    "the shell takes '>' for itself: quote a rule, or write "
                    "2222-22",
                    NULL,
                    "net: list NAME, forward add|remove NAME RULE, capture "
                    "NAME on FILE, capture NAME off, or link NAME NET "
                    "up|down");
}

int
verb_net(App *app, int argc, char **argv)
{
    g_autofree char *net = NULL;
    const GOptionEntry entries[] = {{"net", 0, 0, G_OPTION_ARG_STRING, &net,
                                     "Which network, when there are several",
                                     "net0"},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 4, &args);

    return code >= 0 ? code : run(app, args, g_strv_length(args), net);
}
