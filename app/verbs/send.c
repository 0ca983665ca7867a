/* app/verbs/send.c - carrel send NAME keys|text|mouse|serial: types, moves and
 * clicks for a person or a script. */
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/session/keynames.h"
#include "app/session/session-error.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"

#define CHUNK_CHARS 1000 /* characters in one request */
#define MAX_STDIN   (10 * 1024 * 1024)
#define CALL_MS     30000
#define MIN_CPS     1
#define MAX_CPS     1000
#define DEFAULT_CPS 30

typedef struct {
    App *app;
    ControlClient *client;
    int cps, port;
    gboolean escapes, enter;
} Send;

static int
call(Send *send, JsonWriter *request, int timeout_ms)
{
    GError *error = NULL;
    if (control_client_do(send->client, request, timeout_ms, &error))
        return EXIT_OK;
    /* The key that powers a guest off takes its answer with it. */
    if (g_error_matches(error, CARREL_SESSION_ERROR,
                        CARREL_SESSION_ERROR_CLOSED)) {
        app_warn(send->app, "the machine ended meanwhile");
        g_error_free(error);
        return EXIT_OK;
    }
    return running_fail(send->app, error);
}

static int
send_keys(Send *send, char **words)
{
    JsonWriter *request = control_request("keys");
    guint n = g_strv_length(words);

    if (n == 0) {
        json_writer_free(request);
        return app_fail(send->app, EXIT_USAGE, "usage", NULL, NULL,
                        "send keys: say which, such as ctrl-alt-delete, "
                        "enter, f1, a");
    }
    json_put_int(request, "cps", send->cps);
    json_begin_array(request, "keys");
    for (guint i = 0; i < n; i++)
        json_put_string(request, NULL, words[i]);
    json_end(request);
    return call(send, request, CALL_MS + (int) n * 1000 / send->cps);
}

/* All of standard input, or NULL and error set. */
static char *
read_stdin(GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
        g_string_append_len(text, chunk, (gssize) n);
        if (text->len > MAX_STDIN) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                        "standard input is longer than 10 MiB");
            return NULL;
        }
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *
collect_text(Send *send, char **words, GError **error)
{
    g_autofree char *text = NULL;
    if (g_strv_length(words) == 1 && strcmp(words[0], "-") == 0)
        text = read_stdin(error);
    else
        text = g_strjoinv(" ", words);
    if (text == NULL)
        return NULL;
    if (send->escapes) {
        char *plain = g_strcompress(text);
        g_free(text);
        text = plain;
    }
    if (!g_utf8_validate(text, -1, NULL)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "the text is not UTF-8");
        return NULL;
    }
    return g_strconcat(text, send->enter ? "\n" : "", NULL);
}

static int
send_chunk(Send *send, const char *op, const char *text, gsize len)
{
    g_autofree char *part = g_strndup(text, len);
    JsonWriter *request = control_request(op);
    json_put_string(request, "text", part);
    json_put_int(request, "cps", send->cps);
    json_put_int(request, "port", send->port);
    return call(send, request, CALL_MS + CHUNK_CHARS * 1000 / send->cps);
}

static int
send_text(Send *send, const char *op, char **words)
{
    GError *error = NULL;
    g_autofree char *text = collect_text(send, words, &error);
    if (text == NULL)
        return running_fail(send->app, error);
    if (strcmp(op, "serial-send") == 0)
        g_strdelimit(text, "\n", '\r'); /* the Enter of a terminal */
    const char *p = text;
    while (*p != '\0') {
        const char *end = p;
        for (unsigned i = 0; i < CHUNK_CHARS && *end != '\0'; i++)
            end = g_utf8_next_char(end);
        int code = send_chunk(send, op, p, (gsize) (end - p));
        if (code != EXIT_OK)
            return code;
        p = end;
    }
    return EXIT_OK;
}

static void
put_event(JsonWriter *out, const char *type, int code, int value)
{
    json_begin_array(out, NULL);
    json_put_string(out, NULL, type);
    json_put_int(out, NULL, code);
    json_put_int(out, NULL, value);
    json_end(out);
}

static bool
read_number(const char *text, int low, int high, int *ret_value)
{
    char *end = NULL;
    long value = text != NULL ? strtol(text, &end, 10) : 0;
    if (text == NULL || end == text || *end != '\0' || value < low ||
        value > high)
        return false;
    *ret_value = (int) value;
    return true;
}

static int
button_code(const char *name)
{
    static const struct {
        const char *name;
        int code;
    } buttons[] = {
        {"left", BTN_LEFT}, {"right", BTN_RIGHT}, {"middle", BTN_MIDDLE}};
    for (gsize i = 0; name != NULL && i < G_N_ELEMENTS(buttons); i++) {
        if (strcmp(buttons[i].name, name) == 0)
            return buttons[i].code;
    }
    return -1;
}

/* "move DX DY", "to X Y", "click|press|release BUTTON", "wheel N"; false: not
 * understood. */
static bool
put_mouse(JsonWriter *out, char **words)
{
    const char *what = words[0];
    const char *first = what != NULL ? words[1] : NULL;
    const char *second = first != NULL ? words[2] : NULL;
    int x, y;

    if (first == NULL)
        return false;
    if (strcmp(what, "move") == 0 && read_number(first, -32768, 32767, &x) &&
        read_number(second, -32768, 32767, &y)) {
        put_event(out, "rel", REL_X, x);
        put_event(out, "rel", REL_Y, y);
        return true;
    }
    if (strcmp(what, "to") == 0 && read_number(first, 0, 32767, &x) &&
        read_number(second, 0, 32767, &y)) {
        put_event(out, "abs", ABS_X, x);
        put_event(out, "abs", ABS_Y, y);
        return true;
    }
    if (strcmp(what, "wheel") == 0 && read_number(first, -100, 100, &x)) {
        put_event(out, "wheel", REL_WHEEL, x);
        return true;
    }
    int button = button_code(first);
    bool click = strcmp(what, "click") == 0;
    bool press = click || strcmp(what, "press") == 0;
    bool release = click || strcmp(what, "release") == 0;
    if (button < 0 || (!press && !release))
        return false;
    if (press)
        put_event(out, "button", button, 1);
    if (click)
        put_event(out, "sync", 0, 0);
    if (release)
        put_event(out, "button", button, 0);
    return true;
}

static int
send_mouse(Send *send, char **words)
{
    JsonWriter *request = control_request("input");
    json_begin_array(request, "events");
    if (!put_mouse(request, words)) {
        json_writer_free(request);
        return app_fail(send->app, EXIT_USAGE, "usage", NULL, NULL,
                        "send mouse: move DX DY, to X Y (0 to 32767), "
                        "click|press|release left|middle|right, or wheel N");
    }
    json_end(request);
    return call(send, request, CALL_MS);
}

static int
send_what(Send *send, char **args)
{
    const char *what = args[1];
    if (strcmp(what, "keys") == 0 || strcmp(what, "key") == 0)
        return send_keys(send, args + 2);
    if (strcmp(what, "text") == 0)
        return send_text(send, "text", args + 2);
    if (strcmp(what, "serial") == 0)
        return send_text(send, "serial-send", args + 2);
    if (strcmp(what, "mouse") == 0)
        return send_mouse(send, args + 2);
    return app_fail(send->app, EXIT_USAGE, "usage", NULL, NULL,
                    "send: keys, text, mouse or serial, not '%s'", what);
}

static bool
is_known(const char *what)
{
    static const char *const whats[] = {"keys",  "key",    "text",
                                        "mouse", "serial", NULL};

    return g_strv_contains(whats, what);
}

static int
print_keys(const App *app)
{
    const char *const *names = key_names();
    if (!app->json) {
        for (gsize i = 0; names[i] != NULL; i++)
            printf("%s\n", names[i]);
        return EXIT_OK;
    }
    JsonWriter *w = json_writer_new();
    json_begin_array(w, NULL);
    for (gsize i = 0; names[i] != NULL; i++)
        json_put_string(w, NULL, names[i]);
    app_print_json(w);
    return EXIT_OK;
}

int
verb_send(App *app, int argc, char **argv)
{
    Send send = {.app = app, .cps = DEFAULT_CPS};
    gboolean list = FALSE;
    const GOptionEntry entries[] = {
        {"cps", 'c', 0, G_OPTION_ARG_INT, &send.cps,
         "Keys a second (30; old systems lose faster ones)", "N"},
        {"escapes", 'e', 0, G_OPTION_ARG_NONE, &send.escapes,
         "In text, \\n is Enter, \\t Tab, \\033 Escape", NULL},
        {"enter", 'r', 0, G_OPTION_ARG_NONE, &send.enter,
         "Press Enter after the text", NULL},
        {"port", 'p', 0, G_OPTION_ARG_INT, &send.port,
         "Number of the serial port (0)", "N"},
        {"list-keys", 'l', 0, G_OPTION_ARG_NONE, &list,
         "Print the names of all keys", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 0, -1, &args);
    if (code >= 0)
        return code;
    if (list)
        return print_keys(app);
    if (g_strv_length(args) < 3)
        return app_fail(app, EXIT_USAGE, "usage", NULL, "carrel send --help",
                        "send: an argument is missing");
    if (send.cps < MIN_CPS || send.cps > MAX_CPS)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "send: --cps is 1 to 1000");
    if (app->dry_run && is_known(args[1]))
        return running_would(app, args[0], "send", "send %s to %s", args[1],
                             args[0]);
    send.client = running_open(app, args[0], &code);
    if (send.client == NULL)
        return code;
    code = send_what(&send, args);
    control_client_free(send.client);
    if (code == EXIT_OK && app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "name", args[0]);
        json_put_bool(w, "ok", true);
        app_print_json(w);
    }
    return code;
}
