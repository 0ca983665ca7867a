/* app/verbs/media.c - carrel media NAME list | insert DRIVE FILE | eject
 * DRIVE: removable media of a running machine. */
#include <stdio.h>
#include <string.h>

#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "profiles/profile.h"
#include "vmm/block/image.h"

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

/* Drives of this kind take what they get as it is: to the guest the header of
 * another format is the first sector. */
static void
warn_about(const App *app, const char *drive, const char *path)
{
    const char *looks = block_image_looks_like(path);
    g_autofree char *odd =
        g_str_has_prefix(drive, "floppy") ? profile_odd_floppy(path) : NULL;

    if (looks != NULL && strcmp(looks, "raw") != 0)
        app_warn(app,
                 "'%s' looks like %s, and %s takes images as they are: "
                 "'carrel disk convert' makes a raw one",
                 path, looks, drive);
    else if (odd != NULL)
        app_warn(app, "%s", odd);
}

/* The running machine has the drive, else exit code and a report. */
static int
require_drive(const App *app, const char *name, const char *drive)
{
    GError *error = NULL;
    int code;
    g_autoptr(ControlClient) client = running_open(app, name, &code);
    g_autofree char *start = g_strdup_printf("%s: ", drive);

    if (client == NULL)
        return code;
    g_autoptr(JsonNode) answer = control_client_call(
        client, control_request("drives"), CALL_MS, NULL, &error);
    if (answer == NULL)
        return running_fail(app, error);
    g_auto(GStrv) lines =
        g_strsplit(json_get_string(answer, "drives", ""), "\n", -1);
    for (gsize i = 0; lines[i] != NULL; i++)
        if (g_str_has_prefix(lines[i], start))
            return EXIT_OK;
    g_autofree char *list = g_strdup_printf("carrel media %s list", name);
    return app_fail(app, EXIT_NOT_FOUND, "not-found", NULL, list,
                    "machine '%s' has no drive '%s'", name, drive);
}

static void
report(const App *app, const char *name, const char *drive, const char *path)
{
    JsonWriter *w;

    if (app->dry_run && path != NULL)
        app_say(app, "would insert %s into %s of %s", path, drive, name);
    else if (app->dry_run)
        app_say(app, "would eject %s of %s", drive, name);
    if (!app->json)
        return;
    w = json_writer_new();
    json_begin_object(w, NULL);
    json_put_string(w, "name", name);
    json_put_string(w, "drive", drive);
    json_put_string(w, "path", path);
    json_put_bool(w, "changed", !app->dry_run);
    json_put_bool(w, "dry-run", app->dry_run);
    app_print_json(w);
}

static int
change(const App *app, const char *name, const char *drive, const char *file,
       bool read_only, bool force)
{
    g_autofree char *path =
        file != NULL ? g_canonicalize_filename(file, NULL) : NULL;
    int code;

    if (app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "'media %s' changes something; --read-only forbids it",
                        file != NULL ? "insert" : "eject");
    if (app->dry_run) {
        code = require_drive(app, name, drive);
    } else {
        JsonWriter *request = control_request("media");
        json_put_string(request, "drive", drive);
        if (path != NULL)
            json_put_string(request, "path", path);
        json_put_bool(request, "read_only", read_only);
        json_put_bool(request, "force", force);
        code = running_do(app, name, request);
    }
    if (code != EXIT_OK)
        return code;
    if (path != NULL)
        warn_about(app, drive, path);
    report(app, name, drive, path);
    return EXIT_OK;
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
