/* vmm/char/char.c - see char.h: one stream, its scrollback, its peers.
 *
 * Everything another thread asks for is noted under the leaf lock and one
 * eventfd wakes the loop, so a burst of single bytes from a serial port
 * becomes few writes to each peer: after FLUSH_BURST of them within a window
 * of time the next one waits for the window's end. */
#include "vmm/char/char.h"

#include <string.h>

#include "vmm/char/char-internal.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define INJECT_LIMIT    (1u << 20) /* bytes typed ahead; the rest is dropped */
#define FLUSH_WINDOW_US 1000       /* a wait that nobody sees */
#define FLUSH_BURST     4
#define DROP_ROOM       4096 /* what nobody at the guest's end takes */

typedef struct {
    int fd;
    bool replay;
} CharAttach;

static bool
open_nothing(CharLink *link, const char *arg, GError **error)
{
    link->description = g_strdup(link->kind->name);
    return true;
}

static const CharKind pane_kind = {.name = "pane", .open = open_nothing};
static const CharKind null_kind = {.name = "null", .open = open_nothing};

static const CharKind *const kinds[] = {
    &char_pty_kind, &char_socket_kind, &char_file_kind, &pane_kind, &null_kind,
};

GQuark
carrel_char_error_quark(void)
{
    return g_quark_from_static_string("carrel-char-error-quark");
}

/* ---- loop helpers ---- */

/* Removing the last reference to its context destroys a loop's sources, so a
 * link may be closed before or after its loop. */
bool
char_loop_is_alive(const CharLink *link)
{
    return link->kick_source != NULL &&
           !g_source_is_destroyed(link->kick_source);
}

void
char_call(CharLink *link, void (*fn)(void *data), void *data)
{
    if (char_loop_is_alive(link))
        loop_call(link->loop, fn, data);
    else
        fn(data);
}

guint
char_watch(CharLink *link, int fd, GIOCondition events,
           void (*ready)(int fd, GIOCondition ev, void *data), void *data)
{
    if (link->kick_source != NULL && !char_loop_is_alive(link))
        return 0;
    return loop_watch_fd(link->loop, fd, events, ready, data);
}

void
char_unwatch(CharLink *link, guint *id)
{
    if (*id != 0 && char_loop_is_alive(link))
        loop_unwatch(link->loop, *id);
    *id = 0;
}

/* ---- input ---- */

static gsize
model_room(CharLink *link)
{
    return link->ops != NULL ? link->ops->can_receive(link->dev) : DROP_ROOM;
}

gsize
char_room(CharLink *link)
{
    return link->inject->len > 0 ? 0 : model_room(link);
}

void
char_deliver(CharLink *link, const guint8 *data, gsize len)
{
    if (link->ops != NULL)
        link->ops->receive(link->dev, data, len);
}

static void
pump_injected(CharLink *link)
{
    while (link->inject->len > link->inject_at) {
        gsize n = MIN(link->inject->len - link->inject_at, model_room(link));
        if (n == 0)
            return;
        gsize at = link->inject_at;
        link->inject_at += n;
        char_deliver(link, link->inject->data + at, n);
    }
    g_byte_array_set_size(link->inject, 0);
    link->inject_at = 0;
}

static void
pump_input(CharLink *link)
{
    pump_injected(link);
    if (char_room(link) == 0)
        return;
    for (guint i = 0; i < link->peers->len; i++) {
        CharPeer *peer = g_ptr_array_index(link->peers, i);
        if (peer->stalled)
            char_peer_listen(peer);
    }
}

void
char_inject(CharLink *link, const guint8 *data, gsize len)
{
    loop_assert_owner(link->loop);
    gsize room = INJECT_LIMIT - MIN(link->inject->len, INJECT_LIMIT);
    g_byte_array_append(link->inject, data, (guint) MIN(len, room));
    /* through the loop: the caller may be inside the model's receive() */
    char_poll_rx(link);
}

/* ---- output ---- */

static void
flush_output(CharLink *link)
{
    /* backwards: a peer that has gone is replaced by the last one */
    for (guint i = link->peers->len; i > 0; i--)
        char_peer_flush(g_ptr_array_index(link->peers, i - 1));
    if (link->kind->flush != NULL)
        link->kind->flush(link);
    if (link->watcher != NULL)
        link->watcher(link->watcher_data);
}

/* The wish was left set meanwhile, so nobody kicked the loop. */
static gboolean
flush_later(GSource *source, GSourceFunc callback, gpointer data)
{
    CharLink *link = data;

    g_source_set_ready_time(source, -1);
    g_mutex_lock(&link->lock);
    link->flush_wanted = false;
    g_mutex_unlock(&link->lock);
    link->window_us = g_get_monotonic_time();
    link->flushes = 1;
    flush_output(link);
    return G_SOURCE_CONTINUE;
}

static const GSourceFuncs gap_funcs = {.dispatch = flush_later};

gsize
char_send(CharLink *link, const guint8 *data, gsize len)
{
    if (len == 0)
        return 0;
    char_ring_put(&link->ring, data, len);
    g_mutex_lock(&link->lock);
    bool was_wanted = link->flush_wanted;
    link->flush_wanted = true;
    g_mutex_unlock(&link->lock);
    if (!was_wanted)
        sys_eventfd_signal(link->kick_fd);
    return len;
}

GBytes *
char_scrollback(CharLink *link)
{
    guint64 pos = 0;
    guint8 *data = g_malloc(CHAR_RING_BYTES);
    gsize len = char_ring_copy(&link->ring, &pos, data, CHAR_RING_BYTES);

    return g_bytes_new_take(g_realloc(data, MAX(len, 1)), len);
}

/* ---- wishes from other threads ---- */

void
char_poll_rx(CharLink *link)
{
    g_mutex_lock(&link->lock);
    link->rx_wanted = true;
    g_mutex_unlock(&link->lock);
    sys_eventfd_signal(link->kick_fd);
}

void
char_attach_fd(CharLink *link, int fd, bool replay)
{
    CharAttach attach = {fd, replay};

    g_mutex_lock(&link->lock);
    g_array_append_val(link->attach, attach);
    g_mutex_unlock(&link->lock);
    sys_eventfd_signal(link->kick_fd);
}

static void
attach_peers(CharLink *link, GArray *list)
{
    for (guint i = 0; i < list->len; i++) {
        CharAttach *attach = &g_array_index(list, CharAttach, i);
        guint64 pos = attach->replay ? 0 : char_ring_head(&link->ring);
        CharPeer *peer = char_peer_add(link, attach->fd, pos);
        if (peer == NULL)
            continue;
        char_peer_listen(peer);
        char_peer_flush(peer);
    }
}

/* Whether output has to wait for the end of the window. */
static bool
flush_must_wait(CharLink *link)
{
    gint64 now = g_get_monotonic_time();

    if (now >= link->window_us + FLUSH_WINDOW_US) {
        link->window_us = now;
        link->flushes = 0;
    }
    return link->flushes++ >= FLUSH_BURST;
}

static void
kicked(int fd, GIOCondition ev, void *data)
{
    CharLink *link = data;
    GArray *fresh = g_array_new(FALSE, FALSE, sizeof(CharAttach));

    sys_eventfd_drain(fd);
    g_mutex_lock(&link->lock);
    GArray *attach = link->attach;
    bool flush = link->flush_wanted, rx = link->rx_wanted;
    bool wait = flush && flush_must_wait(link);
    link->attach = fresh;
    link->flush_wanted = wait; /* what is sent meanwhile kicks nobody */
    link->rx_wanted = false;
    g_mutex_unlock(&link->lock);
    if (wait)
        g_source_set_ready_time(link->gap, link->window_us + FLUSH_WINDOW_US);
    else if (flush)
        flush_output(link);
    attach_peers(link, attach);
    g_array_free(attach, TRUE);
    if (rx)
        pump_input(link);
}

typedef struct {
    CharLink *link;
    const CharOps *ops;
    void *dev;
    void (*watcher)(void *data);
} CharSetting;

static void
apply_ops(void *data)
{
    CharSetting *set = data;

    set->link->ops = set->ops;
    set->link->dev = set->dev;
}

void
char_set_ops(CharLink *link, const CharOps *ops, void *dev)
{
    CharSetting set = {.link = link, .ops = ops, .dev = dev};

    char_call(link, apply_ops, &set);
    char_poll_rx(link);
}

static void
apply_watcher(void *data)
{
    CharSetting *set = data;

    set->link->watcher = set->watcher;
    set->link->watcher_data = set->dev;
}

void
char_set_watcher(CharLink *link, void (*output)(void *data), void *data)
{
    CharSetting set = {.link = link, .dev = data, .watcher = output};

    char_call(link, apply_watcher, &set);
}

const char *
char_describe(const CharLink *link)
{
    return link->description;
}

/* ---- open and close ---- */

CharLink *
char_link_ref(CharLink *link)
{
    g_atomic_ref_count_inc(&link->refs);
    return link;
}

void
char_link_unref(CharLink *link)
{
    if (!g_atomic_ref_count_dec(&link->refs))
        return;
    if (link->kind->destroy != NULL && link->transport != NULL)
        link->kind->destroy(link);
    for (guint i = 0; i < link->attach->len; i++)
        sys_close(&g_array_index(link->attach, CharAttach, i).fd);
    g_array_free(link->attach, TRUE);
    g_ptr_array_unref(link->peers);
    g_byte_array_unref(link->inject);
    g_clear_pointer(&link->kick_source, g_source_unref);
    g_clear_pointer(&link->gap, g_source_unref);
    sys_close(&link->kick_fd);
    char_ring_done(&link->ring);
    g_mutex_clear(&link->lock);
    g_free(link->description);
    g_free(link);
}

static const CharKind *
find_kind(const char *name, const char *arg, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    bool has_arg = arg != NULL && arg[0] != '\0';

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const CharKind *kind = kinds[i];
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", kind->name);
        if (g_strcmp0(name, kind->name) != 0)
            continue;
        if (kind->arg == CHAR_ARG_REQUIRED && !has_arg)
            g_set_error(error, CARREL_CHAR_ERROR, CARREL_CHAR_ERROR_SYNTAX,
                        "character device '%s' lacks the %s; write '%s:PATH'",
                        name, kind->arg_help, name);
        else if (kind->arg == CHAR_ARG_NONE && has_arg)
            g_set_error(error, CARREL_CHAR_ERROR, CARREL_CHAR_ERROR_SYNTAX,
                        "character device '%s' takes no argument, but got "
                        "'%s'; leave it out",
                        name, arg);
        else
            return kind;
        return NULL;
    }
    g_set_error(error, CARREL_CHAR_ERROR, CARREL_CHAR_ERROR_SYNTAX,
                "unknown kind of character device '%s'; use one of %s",
                name != NULL ? name : "", known->str);
    return NULL;
}

static void
start_link(void *data)
{
    CharLink *link = data;

    link->kick_watch =
        loop_watch_fd(link->loop, link->kick_fd, G_IO_IN, kicked, link);
    link->kick_source = g_source_ref(g_main_context_find_source_by_id(
        loop_context(link->loop), link->kick_watch));
    /* the functions are only read */
    link->gap = g_source_new((GSourceFuncs *) &gap_funcs, sizeof(GSource));
    g_source_set_callback(link->gap, NULL, link, NULL);
    g_source_attach(link->gap, loop_context(link->loop));
    if (link->kind->start != NULL)
        link->kind->start(link);
}

/* Says the guest's last words to whoever can take them at once. */
static void
stop_link(void *data)
{
    CharLink *link = data;

    link->ops = NULL;
    link->watcher = NULL;
    if (link->gap != NULL)
        g_source_destroy(link->gap);
    flush_output(link);
    if (link->kind->stop != NULL)
        link->kind->stop(link);
    g_ptr_array_set_size(link->peers, 0);
    char_unwatch(link, &link->kick_watch);
}

CharLink *
char_open(const char *name, const char *arg, Loop *loop, GError **error)
{
    const CharKind *kind = find_kind(name, arg, error);

    if (kind == NULL)
        return NULL;
    CharLink *link = g_new0(CharLink, 1);
    g_atomic_ref_count_init(&link->refs);
    link->kind = kind;
    link->loop = loop;
    g_mutex_init(&link->lock);
    char_ring_init(&link->ring);
    link->attach = g_array_new(FALSE, FALSE, sizeof(CharAttach));
    link->peers = g_ptr_array_new_with_free_func(char_peer_free);
    link->inject = g_byte_array_new();
    link->kick_fd = sys_eventfd(error);
    if (link->kick_fd >= 0 &&
        kind->open(link, arg != NULL && arg[0] != '\0' ? arg : NULL, error)) {
        loop_call(loop, start_link, link);
        return link;
    }
    if (link->kick_fd >= 0 && kind->close != NULL)
        kind->close(link);
    char_link_unref(link);
    return NULL;
}

void
char_close(CharLink *link)
{
    if (link == NULL)
        return;
    char_call(link, stop_link, link);
    if (link->kind->close != NULL)
        link->kind->close(link);
    char_link_unref(link);
}
