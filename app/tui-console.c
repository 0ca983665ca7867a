/* app/tui-console.c - an attached console: the machine's screen as a mapping
 * of its own memory, its keyboard as events over the control socket. */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "app/session/session-error.h"
#include "app/tui-host-internal.h"
#include "app/verbs/screenshot.h"
#include "ui/render/render.h"
#include "vmm/core/sysutil.h"
#include "vmm/display/screen.h"

#define LEDS_MS   500
#define CALL_MS   2000
#define MAX_PORTS 4
#define BATCH     64 /* input events in one request */

typedef struct {
    gint64 id;
    UiDone done;
    void *data;
} Pending;

struct UiConsole {
    char *name;
    ControlClient *client;
    UiConsoleEvents events;
    void *data;
    void *map; /* current frame, NULL before the first mode */
    gsize len;
    bool unacked; /* the machine waits until we have drawn */
    bool closed;
    char *reason;
    guint leds, leds_timer;
    gint64 status_id, drives_id;
    GPtrArray *drives, *ports; /* of char *; NULL: not known yet */
    GPtrArray *parts;          /* of both, borrowed; ends with NULL */
    GArray *pending;           /* Pending */
};

static void
acknowledge(UiConsole *console)
{
    if (!console->unacked || console->closed)
        return;
    console->unacked = false;
    control_client_send(console->client, control_request("screen-ack"));
}

/* The old frame stays mapped until the new one has been shown. */
static void
take_frame(UiConsole *console, int fd)
{
    CARREL_AUTO_FD int frame_fd = fd;
    struct stat st;
    if (fstat(frame_fd, &st) != 0 || st.st_size < (off_t) sizeof(ScreenHeader))
        return;
    gsize len = (gsize) st.st_size;
    void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, frame_fd, 0);
    if (map == MAP_FAILED)
        return;
    if (!screen_validate(map, len)) {
        munmap(map, len);
        return;
    }
    void *old = console->map;
    gsize old_len = console->len;
    console->map = map;
    console->len = len;
    console->events.changed(console->data);
    if (old != NULL)
        munmap(old, old_len);
}

static void
forget(GPtrArray **names)
{
    g_clear_pointer(names, g_ptr_array_unref);
}

static void
take_status(UiConsole *console, const JsonNode *message)
{
    const JsonNode *serial = json_get(message, "serial");

    console->leds = (guint) json_get_int(message, "leds", 0);
    forget(&console->ports);
    console->ports = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0; i < MAX_PORTS; i++) {
        g_autofree char *port = g_strdup_printf("serial%u", i);
        if (json_get_string(serial, port, NULL) != NULL)
            g_ptr_array_add(console->ports, g_steal_pointer(&port));
    }
}

/* "cd0: (empty)", a line for each. */
static void
take_drives(UiConsole *console, const JsonNode *message)
{
    g_auto(GStrv) lines =
        g_strsplit(json_get_string(message, "drives", ""), "\n", -1);

    forget(&console->drives);
    console->drives = g_ptr_array_new_with_free_func(g_free);
    for (char **line = lines; *line != NULL; line++) {
        const char *colon = strstr(*line, ": ");
        if (colon != NULL)
            g_ptr_array_add(console->drives,
                            g_strndup(*line, (gsize) (colon - *line)));
    }
}

static void
take_answer(UiConsole *console, const JsonNode *message)
{
    gint64 id = json_get_int(message, "id", 0);
    if (id == console->status_id && message_has(message, "serial"))
        take_status(console, message);
    if (id == console->drives_id && message_has(message, "drives"))
        take_drives(console, message);
    for (guint i = 0; i < console->pending->len; i++) {
        Pending waiting = g_array_index(console->pending, Pending, i);
        if (waiting.id != id)
            continue;
        g_array_remove_index(console->pending, i);
        g_autoptr(GError) error = control_answer_error(message);
        waiting.done(waiting.data, error);
        return;
    }
}

static void
hang_up(UiConsole *console)
{
    console->closed = true;
    if (console->leds_timer != 0)
        g_source_remove(console->leds_timer);
    console->leds_timer = 0;
    g_autoptr(GArray) pending = g_steal_pointer(&console->pending);
    console->pending = g_array_new(FALSE, FALSE, sizeof(Pending));
    g_autoptr(GError) error =
        g_error_new(CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_CLOSED,
                    "machine '%s' has ended", console->name);
    for (guint i = 0; i < pending->len; i++) {
        Pending *waiting = &g_array_index(pending, Pending, i);
        waiting->done(waiting->data, error);
    }
    console->events.closed(console->data,
                           console->reason != NULL
                               ? console->reason
                               : "the machine's process has ended");
}

static void
on_message(void *data, const JsonNode *message, int fd)
{
    UiConsole *console = data;
    const char *event =
        message != NULL ? json_get_string(message, "event", "") : NULL;

    if (message == NULL) {
        hang_up(console);
    } else if (strcmp(event, "screen") == 0 && fd >= 0) {
        console->unacked = true;
        take_frame(console, fd);
    } else if (strcmp(event, "damage") == 0) {
        console->unacked = true;
        console->events.changed(console->data);
    } else if (strcmp(event, "state") == 0) {
        g_free(console->reason);
        console->reason =
            g_strdup_printf("%s: %s", json_get_string(message, "state", ""),
                            json_get_string(message, "reason", ""));
        console->events.changed(console->data);
    } else {
        sys_close(&fd);
        take_answer(console, message);
    }
}

/* Drives, too: one may have been plugged in. */
static gboolean
ask_status(gpointer data)
{
    UiConsole *console = data;
    console->status_id =
        control_client_send(console->client, control_request("status"));
    console->drives_id =
        control_client_send(console->client, control_request("drives"));
    return G_SOURCE_CONTINUE;
}

UiConsole *
tui_console_open(void *host, const char *name, const UiConsoleEvents *events,
                 void *data, GError **error)
{
    ControlClient *client = control_client_open_async(name, error);
    if (client == NULL)
        return NULL;
    UiConsole *console = g_new0(UiConsole, 1);
    console->name = g_strdup(name);
    console->client = client;
    console->events = *events;
    console->data = data;
    console->pending = g_array_new(FALSE, FALSE, sizeof(Pending));
    control_client_watch(client, g_main_context_default(), on_message, console);
    control_client_send(client, control_request("hello"));
    control_client_send(client, control_request("subscribe"));
    control_client_send(client, control_request("screen"));
    console->leds_timer = g_timeout_add(LEDS_MS, ask_status, console);
    (void) ask_status(console);
    return console;
}

void
tui_console_close(UiConsole *console)
{
    if (console == NULL)
        return;
    if (console->leds_timer != 0)
        g_source_remove(console->leds_timer);
    control_client_free(console->client);
    if (console->map != NULL)
        munmap(console->map, console->len);
    g_array_unref(console->pending);
    forget(&console->drives);
    forget(&console->ports);
    forget(&console->parts);
    g_free(console->reason);
    g_free(console->name);
    g_free(console);
}

const ScreenHeader *
tui_console_screen(UiConsole *console, gsize *ret_len)
{
    /* Asked for, so it is being drawn: the next change may come. */
    acknowledge(console);
    *ret_len = console->map != NULL ? console->len : 0;
    return console->map;
}

static void
put_event(JsonWriter *out, const InputEvent *event)
{
    static const char *const names[] = {
        [INPUT_KEY] = "key",     [INPUT_REL] = "rel",
        [INPUT_ABS] = "abs",     [INPUT_BUTTON] = "button",
        [INPUT_WHEEL] = "wheel", [INPUT_SYNC] = "sync"};
    json_begin_array(out, NULL);
    json_put_string(out, NULL, names[event->type]);
    json_put_int(out, NULL, event->code);
    json_put_int(out, NULL, event->value);
    json_end(out);
}

void
tui_console_input(UiConsole *console, const InputEvent *events, unsigned n)
{
    for (unsigned at = 0; at < n && !console->closed; at += BATCH) {
        JsonWriter *request = control_request("input");
        json_begin_array(request, "events");
        for (unsigned i = at; i < n && i < at + BATCH; i++)
            put_event(request, &events[i]);
        json_end(request);
        control_client_send(console->client, request);
    }
}

guint
tui_console_leds(UiConsole *console)
{
    return console->leds;
}

void
tui_console_media(UiConsole *console, const char *drive, const char *path,
                  UiDone done, void *data)
{
    if (console->closed) {
        tui_host_later(done, data,
                       g_error_new(CARREL_SESSION_ERROR,
                                   CARREL_SESSION_ERROR_CLOSED,
                                   "machine '%s' has ended", console->name));
        return;
    }
    JsonWriter *request = control_request("media");
    json_put_string(request, "drive", drive);
    if (path != NULL) {
        g_autofree char *absolute = g_canonicalize_filename(path, NULL);
        json_put_string(request, "path", absolute);
    }
    Pending waiting = {control_client_send(console->client, request), done,
                       data};
    g_array_append_val(console->pending, waiting);
}

void
tui_console_screenshot(UiConsole *console, const char *path, UiDone done,
                       void *data)
{
    g_autoptr(GByteArray) png = g_byte_array_new();
    GError *error = NULL;

    if (console->map == NULL || !render_png(console->map, console->len, png))
        g_set_error(&error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                    "the machine shows no screen yet");
    else
        (void) g_file_set_contents(path, (char *) png->data, (gssize) png->len,
                                   &error); /* error tells */
    tui_host_later(done, data, error);
}

const char *const *
tui_console_parts(UiConsole *console)
{
    GPtrArray *const lists[] = {console->drives, console->ports};

    if (console->drives == NULL || console->ports == NULL)
        return NULL;
    forget(&console->parts);
    console->parts = g_ptr_array_new();
    for (gsize l = 0; l < G_N_ELEMENTS(lists); l++)
        for (guint i = 0; i < lists[l]->len; i++)
            g_ptr_array_add(console->parts, g_ptr_array_index(lists[l], i));
    g_ptr_array_add(console->parts, NULL);
    return (const char *const *) console->parts->pdata;
}

int
tui_console_serial(UiConsole *console, unsigned n, GError **error)
{
    int fd = -1;
    g_autoptr(ControlClient) client = control_client_open(console->name, error);
    if (client == NULL)
        return -1;
    JsonWriter *request = control_request("serial-attach");
    json_put_int(request, "port", n);
    g_autoptr(JsonNode) answer =
        control_client_call(client, request, CALL_MS, &fd, error);
    if (answer != NULL && fd < 0)
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_FAILED,
                    "the machine gave no stream of its serial port");
    return fd;
}
