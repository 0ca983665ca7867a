/* vmm/input/input.c - see input.h.
 *
 * Front ends append to one pending list under a leaf lock; the loop takes the
 * list, keeps account of who holds which key, and hands each event to the
 * newest active sink that wants its type. A sink that is full has a queue of
 * its own, so a slow keyboard does not stop the mouse. */
#include "vmm/input/input.h"

#include <string.h>

#include <linux/input-event-codes.h>

#include "vmm/loop/loop.h"

#define N_CODES      (KEY_MAX + 1)
#define BITMAP_WORDS ((N_CODES + 63) / 64)
#define MAX_PENDING  4096   /* posted and not yet taken by the loop */
#define MAX_QUEUE    512    /* waiting for a full sink; releases come on top */
#define RELEASE_ALL  0xffff /* code of the private INPUT_KEY "all up" */

typedef struct {
    guint source;
    InputEvent ev;
} Posted;

/* Keys and buttons one source holds down. */
typedef struct {
    guint64 held[BITMAP_WORDS];
} Source;

typedef struct {
    const InputSinkOps *ops;
    void *dev;
    bool active;
    guint64 rank;    /* of activation; the highest is the newest */
    GArray *queue;   /* InputEvent, oldest first */
    bool needs_sync; /* got something since the last INPUT_SYNC */
} Sink;

struct Input {
    gint refs; /* the owner, and each job on the loop */
    Loop *loop;

    GMutex lock;     /* L2 guards pending, scheduled, next_source */
    GArray *pending; /* Posted */
    bool scheduled;
    guint next_source;

    /* loop thread only */
    GHashTable *sources;     /* id -> Source */
    guint8 holders[N_CODES]; /* sources that hold it, at most 255 counted */
    void *receiver[N_CODES]; /* the sink's dev that saw it go down */
    GPtrArray *sinks;
    guint64 next_rank;

    gint leds, absolute;         /* atomic */
    void (*pressed)(void *data); /* set-up, then constant; NULL: nobody asks */
    void *pressed_data;
};

static void
sink_free(void *data)
{
    Sink *sink = data;

    g_array_unref(sink->queue);
    g_free(sink);
}

static void
input_unref(Input *in)
{
    if (!g_atomic_int_dec_and_test(&in->refs))
        return;
    g_array_unref(in->pending);
    g_hash_table_unref(in->sources);
    g_ptr_array_unref(in->sinks);
    g_mutex_clear(&in->lock);
    g_free(in);
}

Input *
input_new(Loop *loop)
{
    Input *in = g_new0(Input, 1);

    in->refs = 1;
    in->loop = loop;
    in->next_source = 1;
    g_mutex_init(&in->lock);
    in->pending = g_array_new(FALSE, FALSE, sizeof(Posted));
    in->sources = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    in->sinks = g_ptr_array_new_with_free_func(sink_free);
    return in;
}

void
input_free(Input *in)
{
    if (in != NULL)
        input_unref(in);
}

void
input_set_key_hook(Input *in, void (*pressed)(void *data), void *data)
{
    in->pressed = pressed;
    in->pressed_data = data;
}

/* ---- sinks ---- */

static Sink *
find_sink(Input *in, void *dev)
{
    for (guint i = 0; i < in->sinks->len; i++) {
        Sink *sink = g_ptr_array_index(in->sinks, i);
        if (sink->dev == dev)
            return sink;
    }
    return NULL;
}

static Sink *
newest_sink(Input *in, InputType type)
{
    Sink *best = NULL;

    for (guint i = 0; i < in->sinks->len; i++) {
        Sink *sink = g_ptr_array_index(in->sinks, i);
        if (sink->active && (sink->ops->wants & INPUT_BIT(type)) != 0 &&
            (best == NULL || sink->rank > best->rank))
            best = sink;
    }
    return best;
}

static void
update_absolute(Input *in)
{
    g_atomic_int_set(&in->absolute, newest_sink(in, INPUT_ABS) != NULL);
}

static void
flush_sink(Sink *sink)
{
    guint done = 0;

    while (done < sink->queue->len &&
           sink->ops->event(sink->dev,
                            &g_array_index(sink->queue, InputEvent, done)))
        done++;
    if (done > 0)
        g_array_remove_range(sink->queue, 0, done);
}

static bool
is_release(const InputEvent *ev)
{
    return (ev->type == INPUT_KEY || ev->type == INPUT_BUTTON) &&
           ev->value == 0;
}

/* Joins a motion with one that waits already, unless something happened in
 * between that it must not overtake. */
static bool
merge(GArray *queue, const InputEvent *ev)
{
    if (ev->type != INPUT_REL && ev->type != INPUT_ABS)
        return false;
    for (guint i = queue->len; i > 0; i--) {
        InputEvent *have = &g_array_index(queue, InputEvent, i - 1);
        if (have->type == ev->type && have->code == ev->code) {
            gint64 sum = ev->type == INPUT_REL
                             ? (gint64) have->value + ev->value
                             : ev->value;
            have->value = (gint32) CLAMP(sum, G_MININT32, G_MAXINT32);
            return true;
        }
        if (have->type != INPUT_REL && have->type != INPUT_ABS &&
            have->type != INPUT_SYNC)
            return false;
    }
    return false;
}

/* False: dropped, the guest has not read for hundreds of events. */
static bool
deliver(Sink *sink, const InputEvent *ev)
{
    if (sink->queue->len == 0 && sink->ops->event(sink->dev, ev))
        return true;
    if (merge(sink->queue, ev))
        return true;
    /* A release follows a press that was delivered: there are never more of
     * them than keys. */
    if (sink->queue->len >= MAX_QUEUE && !is_release(ev))
        return false;
    g_array_append_val(sink->queue, *ev);
    return true;
}

static bool
route(Input *in, const InputEvent *ev)
{
    Sink *sink = newest_sink(in, ev->type);

    if (ev->type == INPUT_KEY && ev->value != 0 && in->pressed != NULL)
        in->pressed(in->pressed_data);
    if (sink == NULL || !deliver(sink, ev))
        return false;
    sink->needs_sync = true;
    if (ev->type == INPUT_KEY || ev->type == INPUT_BUTTON)
        in->receiver[ev->code] = sink->dev;
    return true;
}

static void
sync_sinks(Input *in)
{
    static const InputEvent sync = {.type = INPUT_SYNC};

    for (guint i = 0; i < in->sinks->len; i++) {
        Sink *sink = g_ptr_array_index(in->sinks, i);
        if (sink->needs_sync && (sink->ops->wants & INPUT_BIT(INPUT_SYNC)) != 0)
            (void) deliver(sink, &sync); /* a full queue has others */
        sink->needs_sync = false;
    }
}

void
input_add_sink(Input *in, const InputSinkOps *ops, void *dev)
{
    Sink *sink = g_new0(Sink, 1);

    sink->ops = ops;
    sink->dev = dev;
    sink->queue = g_array_new(FALSE, FALSE, sizeof(InputEvent));
    g_ptr_array_add(in->sinks, sink);
}

void
input_remove_sink(Input *in, void *dev)
{
    Sink *sink = find_sink(in, dev);

    if (sink == NULL)
        return;
    for (guint i = 0; i < N_CODES; i++)
        if (in->receiver[i] == dev)
            in->receiver[i] = NULL;
    g_ptr_array_remove(in->sinks, sink);
    update_absolute(in);
}

void
input_activate(Input *in, void *dev, bool active)
{
    Sink *sink = find_sink(in, dev);

    if (sink == NULL || sink->active == active)
        return;
    sink->active = active;
    sink->rank = ++in->next_rank;
    if (!active)
        g_array_set_size(sink->queue, 0);
    update_absolute(in);
}

static void
flush_all(void *data)
{
    Input *in = data;

    for (guint i = 0; i < in->sinks->len; i++) {
        Sink *sink = g_ptr_array_index(in->sinks, i);
        if (sink->active)
            flush_sink(sink);
    }
    input_unref(in);
}

void
input_ready(Input *in, void *dev)
{
    g_atomic_int_inc(&in->refs);
    loop_post(in->loop, flush_all, in);
}

/* ---- sources ---- */

static Source *
source_get(Input *in, guint id)
{
    Source *source = g_hash_table_lookup(in->sources, GUINT_TO_POINTER(id));

    if (source == NULL) {
        source = g_new0(Source, 1);
        g_hash_table_insert(in->sources, GUINT_TO_POINTER(id), source);
    }
    return source;
}

static bool
holds(const Source *source, guint code)
{
    return (source->held[code / 64] >> (code % 64) & 1) != 0;
}

/* The release goes to whoever saw the press, even if a newer sink has come. */
static void
release_key(Input *in, const InputEvent *ev)
{
    Sink *sink = in->receiver[ev->code] != NULL
                     ? find_sink(in, in->receiver[ev->code])
                     : NULL;

    in->receiver[ev->code] = NULL;
    if (sink == NULL || !sink->active)
        return;
    (void) deliver(sink, ev); /* releases are always taken */
    sink->needs_sync = true;
}

static void
handle_key(Input *in, guint id, const InputEvent *ev)
{
    Source *source = source_get(in, id);
    guint64 bit = G_GUINT64_CONSTANT(1) << (ev->code % 64);
    bool held = holds(source, ev->code);

    if (ev->value != 0) {
        if (!held && in->holders[ev->code] < G_MAXUINT8) {
            source->held[ev->code / 64] |= bit;
            in->holders[ev->code]++;
        }
        (void) route(in, ev); /* pressed again: the front end's repeat */
        return;
    }
    if (!held)
        return;
    source->held[ev->code / 64] &= ~bit;
    if (--in->holders[ev->code] == 0)
        release_key(in, ev);
}

static void
release_source(Input *in, guint id)
{
    Source *source = g_hash_table_lookup(in->sources, GUINT_TO_POINTER(id));

    if (source == NULL)
        return;
    for (guint code = 0; code < N_CODES; code++) {
        InputEvent ev = {.type = code >= BTN_MOUSE && code < BTN_JOYSTICK
                                     ? INPUT_BUTTON
                                     : INPUT_KEY,
                         .code = (guint16) code};
        if (holds(source, code))
            handle_key(in, id, &ev);
    }
    g_hash_table_remove(in->sources, GUINT_TO_POINTER(id));
    sync_sinks(in);
}

static void
handle(Input *in, const Posted *p)
{
    const InputEvent *ev = &p->ev;

    switch (ev->type) {
    case INPUT_KEY:
        if (ev->code == RELEASE_ALL) {
            release_source(in, p->source);
            break;
        }
        G_GNUC_FALLTHROUGH;
    case INPUT_BUTTON:
        if (ev->code < N_CODES)
            handle_key(in, p->source, ev);
        break;
    case INPUT_SYNC: sync_sinks(in); break;
    case INPUT_REL:
    case INPUT_ABS:
    case INPUT_WHEEL: (void) route(in, ev); break;
    default: break; /* came over a socket: unknown kinds are ignored */
    }
}

static void
drain(void *data)
{
    Input *in = data;
    GArray *batch;

    g_mutex_lock(&in->lock);
    batch = in->pending;
    in->pending = g_array_new(FALSE, FALSE, sizeof(Posted));
    in->scheduled = false;
    g_mutex_unlock(&in->lock);
    for (guint i = 0; i < batch->len; i++)
        handle(in, &g_array_index(batch, Posted, i));
    g_array_unref(batch);
    input_unref(in);
}

guint
input_new_source(Input *in)
{
    g_mutex_lock(&in->lock);
    guint id = in->next_source++;
    g_mutex_unlock(&in->lock);
    return id;
}

/* While the loop is stuck motion and presses are dropped, releases never: a
 * key that hangs is worse than one that is missed. */
static void
append_pending(Input *in, guint source, const InputEvent *evs, unsigned n)
{
    bool post;

    g_mutex_lock(&in->lock);
    for (unsigned i = 0; i < n; i++) {
        Posted p = {.source = source, .ev = evs[i]};
        if (in->pending->len < MAX_PENDING ||
            (is_release(&evs[i]) && in->pending->len < 4 * MAX_PENDING))
            g_array_append_val(in->pending, p);
    }
    post = !in->scheduled && in->pending->len > 0;
    if (post) {
        in->scheduled = true;
        g_atomic_int_inc(&in->refs);
    }
    g_mutex_unlock(&in->lock);
    if (post)
        loop_post(in->loop, drain, in);
}

void
input_post(Input *in, guint source, const InputEvent *evs, unsigned n)
{
    append_pending(in, source, evs, n);
}

void
input_release_all(Input *in, guint source)
{
    InputEvent all = {.type = INPUT_KEY, .code = RELEASE_ALL};

    append_pending(in, source, &all, 1);
}

/* ---- what the guest shows ---- */

void
input_set_leds(Input *in, guint leds)
{
    g_atomic_int_set(&in->leds, (gint) leds);
}

guint
input_leds(Input *in)
{
    return (guint) g_atomic_int_get(&in->leds);
}

bool
input_has_absolute(Input *in)
{
    return g_atomic_int_get(&in->absolute) != 0;
}
