/* app/verbs/demo.c - carrel demo: the bundled guest, without a download and
 * without root. Without a terminal it prints the guest's screen and ends. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/session/session-dir.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "app/verbs/throw-away.h"
#include "profiles/paths.h"

#define DEMO_NAME "demo"
#define READY     "Carrel demo ready"
#define READY_S   60
#define READY_MS  (READY_S * 1000 + 10000)
#define ANSWER_MS 10000

/* Beside the installed data, or beside the program in its build folder. */
static char *
find_image(void)
{
    static const char *const places[] = {"demo.img", "demo/demo.img", NULL};
    for (gsize i = 0; places[i] != NULL; i++) {
        char *file = paths_find_data(places[i]);
        if (file != NULL)
            return file;
    }
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    if (program == NULL)
        return NULL;
    g_autofree char *app_dir = g_path_get_dirname(program);
    g_autofree char *beside =
        g_build_filename(app_dir, "..", "share", "demo", "demo.img", NULL);
    if (!g_file_test(beside, G_FILE_TEST_EXISTS))
        return NULL;
    return g_canonicalize_filename(beside, NULL);
}

static JsonNode *
ask(const char *name, JsonWriter *request, int timeout_ms, GError **error)
{
    g_autoptr(ControlClient) client = control_client_open(name, error);
    if (client == NULL) {
        json_writer_free(request);
        return NULL;
    }
    return control_client_call(client, request, timeout_ms, NULL, error);
}

/* What a person would see after a moment, as text. */
static int
print_screen(const App *app, const char *name)
{
    GError *error = NULL;
    JsonWriter *expect = control_request("expect");
    json_put_string(expect, "regex", READY);
    json_put_int(expect, "timeout", READY_S);
    g_autoptr(JsonNode) ready = ask(name, expect, READY_MS, &error);
    g_autoptr(JsonNode) screen =
        ready == NULL
            ? NULL
            : ask(name, control_request("screen-text"), ANSWER_MS, &error);
    if (screen == NULL)
        return running_fail(app, error);
    const char *text = json_get_string(screen, "text", "");
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "name", name);
        json_put_string(w, "screen", text);
        app_print_json(w);
    } else {
        g_autofree char *clean = app_clean(text);
        printf("%s\n", clean);
    }
    return EXIT_OK;
}

int
verb_demo(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    gboolean detach = FALSE;
    GError *error = NULL;
    const GOptionEntry entries[] = {{"detach", 'd', 0, G_OPTION_ARG_NONE,
                                     &detach,
                                     "Return at once and print its name", NULL},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    int code = app_parse(app, argv, entries, 0, 0, &args);
    if (code >= 0)
        return code;

    bool tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !app->json;
    if (tty && session_is_running(DEMO_NAME, NULL))
        return throw_away_follow(app, DEMO_NAME, detach);
    g_autofree char *image = find_image();
    if (image == NULL)
        return app_fail(app, EXIT_FAILED, "no-demo",
                        "build it with `meson compile`, or set CARREL_DATADIR",
                        NULL, "the demo's image demo.img was not found");
    /* As a disk, not as the floppy it also is: the BIOS polls a disk but waits
     * for a floppy's interrupt, in a window of two instructions that a KVM
     * without hardware virtualisation misses when the host is busy. */
    g_autofree char *disk = g_strdup_printf("disk=%s", image);
    char *images[] = {disk, NULL};
    const ThrowAway what = {.name = tty || detach ? DEMO_NAME : NULL,
                            .images = images,
                            .memory = "32M",
                            .snapshot = true,
                            .replace_crashed = true};
    g_autofree char *name = throw_away_start(&what, &error);
    if (name == NULL)
        return running_fail(app, error);
    if (tty || detach)
        return throw_away_follow(app, name, detach);
    code = print_screen(app, name);
    App silent = *app;
    silent.quiet = true;
    silent.json = false;
    int stopped = running_stop(&silent, name, true, 0);
    return code != EXIT_OK ? code : stopped;
}
