/* app/session/control-type.c - keys and text typed for a client.
 *
 * One queue for the machine keeps the order between clients. Old guests lose
 * keys that come faster than a person types (a PC BIOS holds 15 of them), so
 * each press and each release gets its own time slot. The answer is sent when
 * the last key is up. */
#include <linux/input-event-codes.h>
#include <string.h>

#include "app/session/control-internal.h"
#include "app/session/keynames.h"
#include "app/session/session-error.h"

#define DEFAULT_CPS      30 /* characters a second */
#define MAX_CPS          1000
#define MAX_STROKES      (64 * 1024) /* waiting, all clients */
#define MAX_INPUT_EVENTS 256

typedef struct {
    PeerJob job; /* first */
    Typist *typist;
} TypeJob;

typedef struct {
    KeyCombo combo;
    guint slot_ms; /* press, then release half a slot later */
    TypeJob *job;
    bool last; /* of its job: answer after it */
} Stroke;

struct Typist {
    ControlServer *server;
    GQueue strokes; /* Stroke */
    GSource *timer;
    bool is_down; /* the head's keys are pressed */
};

static gboolean typist_tick(gpointer data);

Typist *
typist_new(ControlServer *server)
{
    Typist *typist = g_new0(Typist, 1);
    typist->server = server;
    g_queue_init(&typist->strokes);
    return typist;
}

void
typist_free(Typist *typist)
{
    source_drop(&typist->timer);
    g_queue_clear_full(&typist->strokes, g_free);
    g_free(typist);
}

static void
typist_arm(Typist *typist, guint ms)
{
    source_drop(&typist->timer);
    typist->timer =
        source_timeout(typist->server->context, ms, typist_tick, typist);
}

static void
post_combo(const Stroke *stroke, bool press)
{
    Peer *peer = stroke->job->job.peer;
    const ControlConfig *config = &peer->server->config;
    InputEvent events[KEY_COMBO_MAX + 1];
    unsigned n = stroke->combo.n;

    for (unsigned i = 0; i < n; i++) {
        unsigned at = press ? i : n - 1 - i;
        events[i] =
            (InputEvent){INPUT_KEY, stroke->combo.codes[at], press ? 1 : 0};
    }
    events[n] = (InputEvent){INPUT_SYNC, 0, 0};
    config->ops->input(config->machine, peer_source(peer), events, n + 1);
}

static void
answer_job(PeerJob *job)
{
    Peer *peer = job->peer;
    gint64 id = job->id;
    peer_job_remove(job);
    g_free(job);
    peer_ok(peer, id);
}

static gboolean
typist_tick(gpointer data)
{
    Typist *typist = data;
    Stroke *stroke = g_queue_peek_head(&typist->strokes);

    source_drop(&typist->timer);
    if (stroke == NULL)
        return G_SOURCE_REMOVE;
    post_combo(stroke, !typist->is_down);
    guint ms = MAX(stroke->slot_ms / 2, 1);
    typist->is_down = !typist->is_down;
    if (!typist->is_down) {
        PeerJob *done = stroke->last ? &stroke->job->job : NULL;
        g_free(g_queue_pop_head(&typist->strokes));
        if (done != NULL)
            answer_job(done);
    }
    if (!g_queue_is_empty(&typist->strokes))
        typist_arm(typist, ms);
    return G_SOURCE_REMOVE;
}

/* The client went away: what it had not typed yet is forgotten. Its pressed
 * keys are released with its input source. */
static void
type_cancel(PeerJob *job)
{
    Typist *typist = ((TypeJob *) job)->typist;
    GList *next;

    for (GList *at = typist->strokes.head; at != NULL; at = next) {
        Stroke *stroke = at->data;
        next = at->next;
        if (&stroke->job->job != job)
            continue;
        if (at == typist->strokes.head)
            typist->is_down = false;
        g_free(stroke);
        g_queue_delete_link(&typist->strokes, at);
    }
    g_free(job);
}

static void
typist_push(Peer *peer, gint64 id, GArray *combos, guint slot_ms)
{
    Typist *typist = peer->server->typist;

    if (combos->len == 0) {
        peer_ok(peer, id);
        return;
    }
    if (g_queue_get_length(&typist->strokes) + combos->len > MAX_STROKES) {
        peer_fail(peer, id,
                  g_error_new(CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                              "too many keys are waiting to be typed"));
        return;
    }
    if (!peer_has_room(peer, id))
        return;
    TypeJob *job = g_new0(TypeJob, 1);
    job->typist = typist;
    peer_job_add(peer, id, &job->job, type_cancel);
    for (guint i = 0; i < combos->len; i++) {
        Stroke *stroke = g_new0(Stroke, 1);
        stroke->combo = g_array_index(combos, KeyCombo, i);
        stroke->slot_ms = slot_ms;
        stroke->job = job;
        stroke->last = i + 1 == combos->len;
        g_queue_push_tail(&typist->strokes, stroke);
    }
    if (typist->timer == NULL)
        typist_arm(typist, 0);
}

/* Milliseconds for one character, or 0 after an error answer. */
static guint
request_slot(Peer *peer, gint64 id, const JsonNode *request)
{
    gint64 cps = json_get_int(request, "cps", DEFAULT_CPS);
    if (cps < 1 || cps > MAX_CPS) {
        peer_fail(peer, id,
                  g_error_new(CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                              "'cps' (characters a second) is 1 to %d",
                              MAX_CPS));
        return 0;
    }
    return (guint) MAX(1000 / cps, 2);
}

void
type_text_request(Peer *peer, gint64 id, const JsonNode *request)
{
    const char *text = json_get_string(request, "text", "");
    g_autoptr(GArray) combos = g_array_new(FALSE, FALSE, sizeof(KeyCombo));
    guint slot = request_slot(peer, id, request);

    if (slot == 0)
        return;
    for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
        KeyCombo combo;
        if (!key_combo_of_char(g_utf8_get_char(p), &combo)) {
            peer_fail(peer, id,
                      g_error_new(CARREL_SESSION_ERROR,
                                  CARREL_SESSION_ERROR_USAGE,
                                  "character U+%04X cannot be typed on a US "
                                  "keyboard; nothing was typed",
                                  g_utf8_get_char(p)));
            return;
        }
        g_array_append_val(combos, combo);
    }
    typist_push(peer, id, combos, slot);
}

void
type_keys_request(Peer *peer, gint64 id, const JsonNode *request)
{
    const JsonNode *keys = json_get(request, "keys");
    g_autoptr(GArray) combos = g_array_new(FALSE, FALSE, sizeof(KeyCombo));
    GError *error = NULL;
    guint slot = request_slot(peer, id, request);

    if (slot == 0)
        return;
    for (unsigned i = 0; i < json_length(keys); i++) {
        KeyCombo combo;
        const char *name = json_string(json_at(keys, i), "");
        if (!key_combo_parse(name, &combo, &error)) {
            peer_fail(peer, id, error);
            return;
        }
        g_array_append_val(combos, combo);
    }
    typist_push(peer, id, combos, slot);
}

static const struct {
    const char *name;
    InputType type;
} input_types[] = {{"key", INPUT_KEY},     {"rel", INPUT_REL},
                   {"abs", INPUT_ABS},     {"button", INPUT_BUTTON},
                   {"wheel", INPUT_WHEEL}, {"sync", INPUT_SYNC}};

/* ["key", 30, 1] */
static bool
read_event(const JsonNode *item, InputEvent *ret_event)
{
    const char *name = json_string(json_at(item, 0), "");
    gint64 code = json_int(json_at(item, 1), 0);
    gint64 value = json_int(json_at(item, 2), 0);

    if (code < 0 || code > KEY_MAX || value < -32768 || value > 32767)
        return false;
    for (gsize i = 0; i < G_N_ELEMENTS(input_types); i++) {
        if (strcmp(input_types[i].name, name) == 0) {
            *ret_event = (InputEvent){input_types[i].type, (guint16) code,
                                      (gint32) value};
            return true;
        }
    }
    return false;
}

void
input_request(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    const JsonNode *list = json_get(request, "events");
    InputEvent events[MAX_INPUT_EVENTS + 1];
    unsigned n = json_length(list);
    bool good = n > 0 && n <= MAX_INPUT_EVENTS;

    for (unsigned i = 0; good && i < n; i++)
        good = read_event(json_at(list, i), &events[i]);
    if (!good) {
        peer_fail(peer, id,
                  g_error_new(CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                              "input: 'events' is a list of 1 to %d "
                              "[type, code, value]",
                              MAX_INPUT_EVENTS));
        return;
    }
    if (events[n - 1].type != INPUT_SYNC)
        events[n++] = (InputEvent){INPUT_SYNC, 0, 0};
    config->ops->input(config->machine, peer_source(peer), events, n);
    /* Pointers move often: a client that wants no answer gives no id. */
    if (message_has(request, "id"))
        peer_ok(peer, id);
}
