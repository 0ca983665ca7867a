/* app/verbs/screenshot.c - carrel screenshot NAME [FILE|-]: the screen as a
 * picture (PNG) or as text. */
#include "app/verbs/screenshot.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/session/session-error.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "ui/render/render.h"
#include "vmm/core/sysutil.h"

#define CALL_MS 10000

static bool
fail(GError **error, const char *message)
{
    g_set_error_literal(error, CARREL_SESSION_ERROR,
                        CARREL_SESSION_ERROR_FAILED, message);
    return false;
}

bool
screenshot_png(int frame_fd, GByteArray *out, GError **error)
{
    struct stat st;
    if (fstat(frame_fd, &st) != 0 || st.st_size < (off_t) sizeof(ScreenHeader))
        return fail(error, "the screen cannot be read");
    gsize len = (gsize) st.st_size;
    void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, frame_fd, 0);
    if (map == MAP_FAILED)
        return fail(error, "the screen cannot be mapped");
    bool good = render_png(map, len, out);
    munmap(map, len);
    return good || fail(error, "the screen is between two modes; try again");
}

/* A picture of the moment, as the machine's process has it. */
static bool
fetch_png(ControlClient *client, GByteArray *out, GError **error)
{
    JsonWriter *request = control_request("screen");
    json_put_bool(request, "refresh", true);
    if (!control_client_do(client, request, CALL_MS, error))
        return false;
    CARREL_AUTO_FD int fd = -1;
    g_autoptr(JsonNode) event =
        control_client_next_event(client, CALL_MS, &fd, error);
    if (event == NULL)
        return false;
    if (fd < 0)
        return fail(error, "the machine sent no screen");
    return screenshot_png(fd, out, error);
}

static int
write_file(const App *app, const char *file, const void *data, gsize len)
{
    g_autoptr(GError) error = NULL;
    if (strcmp(file, "-") == 0) {
        fwrite(data, 1, len, stdout);
        return EXIT_OK;
    }
    if (!app_write_file(file, data, len, &error))
        return app_fail_error(app, error);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "file", file);
        json_put_u64(w, "bytes", len);
        app_print_json(w);
    } else {
        app_say(app, "%s", file);
    }
    return EXIT_OK;
}

static int
shoot_text(const App *app, ControlClient *client, const char *name,
           const char *file)
{
    GError *error = NULL;
    g_autoptr(JsonNode) answer = control_client_call(
        client, control_request("screen-text"), CALL_MS, NULL, &error);
    if (answer == NULL)
        return running_fail(app, error);
    const char *text = json_get_string(answer, "text", NULL);
    if (text == NULL)
        return app_fail(app, EXIT_STATE, "graphics",
                        "leave --text away for a picture", NULL,
                        "the screen of '%s' shows graphics, not text", name);
    if (file != NULL && strcmp(file, "-") != 0)
        return write_file(app, file, text, strlen(text));
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "name", name);
        json_put_string(w, "text", text);
        app_print_json(w);
    } else {
        g_autofree char *clean = app_clean(text);
        printf("%s\n", clean);
    }
    return EXIT_OK;
}

static int
shoot_png(const App *app, ControlClient *client, const char *name,
          const char *file)
{
    GError *error = NULL;
    g_autoptr(GByteArray) png = g_byte_array_new();
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *stamp = g_date_time_format(now, "%Y%m%d-%H%M%S");
    g_autofree char *own = g_strdup_printf("%s-%s.png", name, stamp);

    if (!fetch_png(client, png, &error))
        return running_fail(app, error);
    return write_file(app, file != NULL ? file : own, png->data, png->len);
}

/* The name of a picture that is no PNG. One without an end says nothing. */
static bool
is_other_format(const char *file)
{
    static const char *const others[] = {".bmp", ".jpg",  ".jpeg", ".gif",
                                         ".tif", ".tiff", ".webp", ".ppm",
                                         ".pnm", ".svg",  ".pdf",  ".txt"};
    g_autofree char *name = g_ascii_strdown(file, -1);

    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        if (g_str_has_suffix(name, others[i]))
            return true;
    return false;
}

int
verb_screenshot(App *app, int argc, char **argv)
{
    gboolean text = FALSE;
    const GOptionEntry entries[] = {
        {"text", 't', 0, G_OPTION_ARG_NONE, &text,
         "The characters of a text mode, on stdout without a FILE", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 2, &args);
    if (code >= 0)
        return code;
    const char *file = args[1];
    if (file != NULL && strcmp(file, "-") == 0 && !text &&
        isatty(STDOUT_FILENO))
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "screenshot: a PNG does not belong on a terminal; "
                        "redirect it or name a file");
    if (file != NULL && !text && is_other_format(file))
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "screenshot: '%s' does not end in .png, and a PNG is "
                        "what is written",
                        file);
    if (app->read_only && (!text || file != NULL) && g_strcmp0(file, "-") != 0)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "screenshot writes a file; --read-only forbids it, "
                        "but not '-'");
    if (app->dry_run)
        return running_would(app, args[0], "screenshot",
                             "save the screen of %s", args[0]);
    g_autoptr(ControlClient) client = running_open(app, args[0], &code);
    if (client == NULL)
        return code;
    if (text)
        return shoot_text(app, client, args[0], file);
    return shoot_png(app, client, args[0], file);
}
