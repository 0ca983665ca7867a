/* app/verbs/memory.c - carrel memory NAME [--balloon SIZE]: what a running
 * machine's memory is used for, and how much of it the guest lends. */
#include <stdio.h>
#include <string.h>

#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "profiles/schema.h"

#define CALL_MS 10000

/* What the guest says is a moment old: it is asked for newer figures with each
 * look, so the second look after this has them. */
#define NEWER_US (300 * 1000)

static void
print_size(const char *name, gint64 bytes)
{
    printf("%-22s %8.1f MiB\n", name, (double) bytes / (1 << 20));
}

/* Counts and sizes: only swap and memory figures are bytes. */
static bool
is_count(const char *name)
{
    return strstr(name, "faults") != NULL || strstr(name, "huge") != NULL;
}

static void
print_text(const JsonNode *answer)
{
    const JsonNode *balloon = json_get(answer, "balloon");
    const JsonNode *guest = json_get(balloon, "guest");

    print_size("memory", json_get_int(answer, "memory", 0));
    print_size("resident", json_get_int(answer, "resident", 0));
    if (balloon == NULL)
        return;
    print_size("balloon", json_get_int(balloon, "actual", 0));
    print_size("balloon wanted", json_get_int(balloon, "target", 0));
    print_size("given back, balloon", json_get_int(balloon, "inflated", 0));
    print_size("given back, unused", json_get_int(balloon, "reported", 0));
    if (!json_get_bool(balloon, "driver", false))
        printf("the guest has no driver for the balloon (yet)\n");
    for (unsigned i = 0; i < json_length(guest); i++) {
        const char *name = json_name_at(guest, i);
        gint64 value = json_get_int(guest, name, 0);
        g_autofree char *label = g_strdup_printf("guest: %s", name);
        g_strdelimit(label, "_", ' ');
        if (is_count(name))
            printf("%-22s %8" G_GINT64_FORMAT "\n", label, value);
        else
            print_size(label, value);
    }
}

static void
copy_object(JsonWriter *w, const JsonNode *object)
{
    for (unsigned i = 0; i < json_length(object); i++) {
        const char *name = json_name_at(object, i);
        const JsonNode *value = json_get(object, name);
        if (json_type(value) == JSON_BOOL)
            json_put_bool(w, name, json_bool(value, false));
        else if (json_type(value) == JSON_INT)
            json_put_int(w, name, json_int(value, 0));
    }
}

static void
print_json(const JsonNode *answer)
{
    const JsonNode *balloon = json_get(answer, "balloon");
    const JsonNode *guest = json_get(balloon, "guest");
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_int(w, "memory", json_get_int(answer, "memory", 0));
    json_put_int(w, "resident", json_get_int(answer, "resident", 0));
    if (balloon != NULL) {
        json_begin_object(w, "balloon");
        copy_object(w, balloon);
        if (guest != NULL) {
            json_begin_object(w, "guest");
            copy_object(w, guest);
            json_end(w);
        }
        json_end(w);
    }
    app_print_json(w);
}

static JsonNode *
ask(ControlClient *client, gint64 bytes, GError **error)
{
    JsonWriter *request = control_request("memory");

    if (bytes >= 0)
        json_put_int(request, "balloon", bytes);
    return control_client_call(client, request, CALL_MS, NULL, error);
}

static int
run(const App *app, const char *name, gint64 bytes)
{
    GError *error = NULL;
    int code;
    g_autoptr(ControlClient) client = running_open(app, name, &code);

    if (client == NULL)
        return code;
    g_autoptr(JsonNode) first = ask(client, bytes, &error);
    if (first == NULL)
        return running_fail(app, error);
    if (bytes >= 0)
        return EXIT_OK;
    if (json_get(first, "balloon") != NULL)
        g_usleep(NEWER_US);
    g_autoptr(JsonNode) answer = ask(client, -1, &error);
    if (answer == NULL)
        return running_fail(app, error);
    if (app->json)
        print_json(answer);
    else
        print_text(answer);
    return EXIT_OK;
}

int
verb_memory(App *app, int argc, char **argv)
{
    g_autofree char *size = NULL;
    const GOptionEntry entries[] = {
        {"balloon", 'b', 0, G_OPTION_ARG_STRING, &size,
         "How much the balloon is to take from the guest, such as 64M; 0 gives "
         "all back",
         "SIZE"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    guint64 bytes = 0;
    int code = app_parse(app, argv, entries, 1, 1, &args);

    if (code >= 0)
        return code;
    if (size == NULL)
        return run(app, args[0], -1);
    if (!schema_parse_size(size, &bytes) || bytes > G_MAXINT64)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "--balloon: '%s' is no size such as 64M", size);
    if (app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "with --read-only nothing is changed");
    if (app->dry_run)
        return running_would(app, args[0], "balloon",
                             "let the balloon of %s take %s", args[0], size);
    return run(app, args[0], (gint64) bytes);
}
