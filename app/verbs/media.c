/* app/verbs/media.c - carrel media NAME list | insert DRIVE FILE | eject
 * DRIVE: removable media of a running machine. */
#include <stdio.h>
#include <string.h>

#include "app/verbs/run.h"
#include "app/verbs/running.h"

#define CALL_MS 30000

static int
print_drives(const App *app, const char *name)
{
    GError *error = NULL;
    int code;
    g_autoptr(ControlClient) client = running_open(app, name, &code);
    if (client == NULL)
        return code;
    g_autoptr(JsonNode) answer = control_client_call(
        client, control_request("drives"), CALL_MS, NULL, &error);
    if (answer == NULL)
        return running_fail(app, error);
    const char *drives = json_get_string(answer, "drives", "");
    if (!app->json) {
        g_autofree char *clean = app_clean(drives);
        printf("%s", clean);
        return EXIT_OK;
    }
    JsonWriter *w = json_writer_new();
    g_auto(GStrv) lines = g_strsplit(drives, "\n", -1);
    json_begin_object(w, NULL);
    for (gsize i = 0; lines[i] != NULL; i++) {
        char *colon = strstr(lines[i], ": ");
        if (colon == NULL)
            continue;
        *colon = '\0';
        json_put_string(w, lines[i], colon + 2);
    }
    app_print_json(w);
    return EXIT_OK;
}

static int
change(const App *app, const char *name, const char *drive, const char *file,
       bool read_only, bool force)
{
    JsonWriter *request = control_request("media");
    json_put_string(request, "drive", drive);
    if (file != NULL) {
        g_autofree char *path = g_canonicalize_filename(file, NULL);
        json_put_string(request, "path", path);
    }
    json_put_bool(request, "read_only", read_only);
    json_put_bool(request, "force", force);
    if (app->dry_run) {
        json_writer_free(request);
        return EXIT_OK;
    }
    return running_do(app, name, request);
}

int
verb_media(App *app, int argc, char **argv)
{
    gboolean read_only = FALSE, force = FALSE;
    const GOptionEntry entries[] = {
        {"write-protect", 'r', 0, G_OPTION_ARG_NONE, &read_only,
         "Write-protect the medium", NULL},
        {"force", 'f', 0, G_OPTION_ARG_NONE, &force,
         "Also when the guest has locked the drive", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 4, &args);
    if (code >= 0)
        return code;
    guint n = g_strv_length(args);
    const char *what = n > 1 ? args[1] : "list";
    if (strcmp(what, "list") == 0 && n <= 2)
        return print_drives(app, args[0]);
    if (strcmp(what, "insert") == 0 && n == 4)
        return change(app, args[0], args[2], args[3], read_only, force);
    if (strcmp(what, "eject") == 0 && n == 3)
        return change(app, args[0], args[2], NULL, false, force);
    return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                    "media: list, insert DRIVE FILE or eject DRIVE");
}
