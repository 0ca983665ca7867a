/* app/session/control-screen.c - the screen as shared memory for a client.
 *
 * The client gets the frame's memfd once for each mode and then hears only
 * what changed. One "damage" event is under way at a time: until the client
 * acknowledges it, further damage merges in the viewer. */
#include <unistd.h>

#include <fcntl.h>

#include "app/session/control-internal.h"
#include "app/session/session-error.h"
#include "vmm/core/sysutil.h"

#define MAX_RECTS 16
#define RETRY_MS  250

struct ScreenFeed {
    Peer *peer;
    Viewer *viewer;
    int wake_fd;
    GSource *wake;
    guint64 serial; /* of the frame the client has; 0: none */
    bool unacked;   /* an event is under way */
    bool pending;   /* the viewer has damage for us */
    GSource *retry; /* no descriptor was left for a new frame */
};

void
screen_feed_free(ScreenFeed *feed)
{
    if (feed == NULL)
        return;
    source_drop(&feed->wake);
    source_drop(&feed->retry);
    viewer_detach(feed->viewer);
    sys_close(&feed->wake_fd);
    g_free(feed);
}

static void
put_frame(JsonWriter *out, const Frame *frame)
{
    json_put_int(out, "serial", (gint64) frame->serial);
    json_put_int(out, "width", frame->width);
    json_put_int(out, "height", frame->height);
    json_put_bool(out, "text", frame->text);
}

/* A descriptor of the frame that the client cannot write through. */
static int
frame_fd(const Frame *frame)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", frame->memfd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : fcntl(frame->memfd, F_DUPFD_CLOEXEC, 3);
}

static void
put_rects(JsonWriter *out, const Rect *rects, unsigned n)
{
    json_begin_array(out, "rects");
    for (unsigned i = 0; i < n; i++) {
        json_begin_array(out, NULL);
        json_put_int(out, NULL, rects[i].x);
        json_put_int(out, NULL, rects[i].y);
        json_put_int(out, NULL, rects[i].w);
        json_put_int(out, NULL, rects[i].h);
        json_end(out);
    }
    json_end(out);
}

static gboolean on_retry(gpointer data);

static void
feed_push(ScreenFeed *feed)
{
    Rect rects[MAX_RECTS];
    unsigned n = 0;

    if (feed->unacked || !feed->pending)
        return;
    feed->pending = false;
    const Frame *frame = viewer_begin(feed->viewer, rects, MAX_RECTS, &n);
    if (frame == NULL)
        return;
    bool fresh = frame->serial != feed->serial;
    int fd = fresh ? frame_fd(frame) : -1;
    if (fresh) { /* what was damaged may have been taken by a failed try */
        rects[0] = (Rect){0, 0, frame->width, frame->height};
        n = 1;
    }
    if (fresh && fd < 0) {
        feed->pending = true;
        if (feed->retry == NULL)
            feed->retry = source_timeout(feed->peer->server->context, RETRY_MS,
                                         on_retry, feed);
    } else if (n > 0) {
        JsonWriter *out = message_new();
        json_put_string(out, "event", fresh ? "screen" : "damage");
        put_frame(out, frame);
        put_rects(out, rects, n);
        feed->serial = frame->serial;
        feed->unacked = true;
        viewer_end(feed->viewer);
        peer_send(feed->peer, out, fd);
        return;
    }
    viewer_end(feed->viewer);
}

static gboolean
on_retry(gpointer data)
{
    ScreenFeed *feed = data;
    source_drop(&feed->retry);
    feed_push(feed);
    return G_SOURCE_REMOVE;
}

static gboolean
on_wake(int fd, GIOCondition condition, gpointer data)
{
    ScreenFeed *feed = data;
    (void) sys_eventfd_drain(fd); /* only that it was set matters */
    feed->pending = true;
    feed_push(feed);
    return G_SOURCE_CONTINUE;
}

void
screen_request(Peer *peer, gint64 id, const JsonNode *request)
{
    const ControlConfig *config = &peer->server->config;
    Display *display = config->ops->display(config->machine);
    GError *error = NULL;

    if (display == NULL) {
        peer_fail(peer, id,
                  g_error_new(CARREL_SESSION_ERROR,
                              CARREL_SESSION_ERROR_NOT_FOUND,
                              "the machine has no screen "
                              "([display] model=none)"));
        return;
    }
    g_clear_pointer(&peer->screen, screen_feed_free);
    int wake_fd = sys_eventfd(&error);
    if (wake_fd < 0) {
        peer_fail(peer, id, error);
        return;
    }
    if (json_get_bool(request, "refresh", false))
        config->ops->refresh(config->machine);
    ScreenFeed *feed = g_new0(ScreenFeed, 1);
    feed->peer = peer;
    feed->wake_fd = wake_fd;
    feed->viewer = display_attach(display, wake_fd);
    feed->wake =
        source_fd(peer->server->context, wake_fd, G_IO_IN, on_wake, feed);
    peer->screen = feed;
    peer_ok(peer, id);
    /* A new viewer starts with the whole frame damaged. */
    feed->pending = true;
    feed_push(feed);
}

void
screen_ack(Peer *peer, gint64 id, const JsonNode *request)
{
    ScreenFeed *feed = peer->screen;
    if (feed != NULL) {
        feed->unacked = false;
        feed_push(feed);
    }
    if (message_has(request, "id"))
        peer_ok(peer, id);
}
