/* ui/vnc/viewer.c - see viewer.h. The only file that runs the VNC library.
 *
 * Life of a seat: free -> vnc_viewer_start() -> thread: library client,
 * display viewer, loop -> our end of the pair is closed, or the library gives
 * up -> done -> vnc_viewer_reap() -> free. */
#include "ui/vnc/viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "ui/vnc/library.h"
#include "ui/vnc/rfb-message.h"
#include "vmm/core/sysutil.h"
#include "vmm/display/damage.h"

#define LIBRARY_FD_LIMIT FD_SETSIZE /* it uses select() */
#define FIRST_WIDTH      640        /* until the guest sets a mode */
#define FIRST_HEIGHT     480
#define BYTES_PER_PIXEL  4
/* Half-read messages do not happen, the gate sees to it. Writes wait while the
 * viewer is slow; the gate ends those that do not move at all. */
#define LIBRARY_WAIT_MS 20000
#define POLL_STATE_MS   100 /* LEDs and kind of pointer have no event */
#define RESIZE_GAP_US   (G_USEC_PER_SEC / 30)

struct VncViewer {
    Display *display;
    Input *input;
    int done_fd;
    unsigned number;
    char *desktop_name;
    const VncLibrary *lib; /* with screen: NULL before the first start */
    rfbScreenInfo *screen;
    int low_fd; /* keeps a number below the limit for us; -1: lost */
    int wake_fd;
    GThread *thread; /* NULL: free */

    gint done, features, width, height, relative; /* atomic */
    gint feature_news; /* atomic: features were set again */

    /* the seat's thread */
    rfbClientRec *client;
    Viewer *view;
    guint64 serial; /* frame we show */
    bool redraw;    /* all of it has to be copied */
    gint64 resized_us;
    int sent_leds, sent_absolute; /* -1: nothing yet */
};

/* ---- descriptors the library can use ---- */

/* The lowest descriptor there is, as a place-holder; -1 when that is too high
 * for the library. */
static int
reserve_low_fd(int any_fd)
{
    int fd = fcntl(any_fd, F_DUPFD_CLOEXEC, 3);

    if (fd >= LIBRARY_FD_LIMIT)
        sys_close(&fd);
    return fd;
}

/* ---- pixels ---- */

static void
set_pixel_format(VncViewer *v)
{
    rfbPixelFormat *format = &v->screen->serverFormat;

    /* XRGB8888, as frames have it */
    format->redShift = 16;
    format->greenShift = 8;
    format->blueShift = 0;
    if (v->client != NULL)
        v->lib->set_translate_function(v->client);
}

static bool
set_size(VncViewer *v, int width, int height)
{
    char *old = v->screen->frameBuffer;
    char *pixels =
        g_try_malloc0((gsize) width * (gsize) height * BYTES_PER_PIXEL);

    if (pixels == NULL)
        return false;
    v->lib->new_framebuffer(v->screen, pixels, width, height, 8, 3,
                            BYTES_PER_PIXEL);
    set_pixel_format(v);
    g_free(old);
    g_atomic_int_set(&v->width, width);
    g_atomic_int_set(&v->height, height);
    return true;
}

/* The guest writes the frame while we read: the library, which reads pixels
 * more than once, only ever sees our copy. */
static void
copy_rect(VncViewer *v, const Frame *frame, Rect r)
{
    rfbScreenInfo *screen = v->screen;

    r = rect_clip(r, MIN(frame->width, screen->width),
                  MIN(frame->height, screen->height));
    if (r.w <= 0 || r.h <= 0)
        return;
    for (int y = r.y; y < r.y + r.h; y++)
        memcpy(screen->frameBuffer +
                   ((gsize) y * (gsize) screen->width + (gsize) r.x) *
                       BYTES_PER_PIXEL,
               frame->pixels + (gsize) y * (gsize) frame->stride +
                   (gsize) r.x * BYTES_PER_PIXEL,
               (gsize) r.w * BYTES_PER_PIXEL);
    v->lib->mark_rect_as_modified(screen, r.x, r.y, r.x + r.w, r.y + r.h);
}

/* True when the viewer's screen has the frame's size, or has to stay as it is
 * because the viewer cannot follow. */
static bool
follow_size(VncViewer *v, const Frame *frame)
{
    gint64 now = g_get_monotonic_time();

    if (frame->width == v->screen->width && frame->height == v->screen->height)
        return true;
    if (v->client != NULL && !v->client->useNewFBSize) {
        memset(v->screen->frameBuffer, 0,
               (gsize) v->screen->width * (gsize) v->screen->height *
                   BYTES_PER_PIXEL);
        v->lib->mark_rect_as_modified(v->screen, 0, 0, v->screen->width,
                                      v->screen->height);
        return true;
    }
    if (now - v->resized_us < RESIZE_GAP_US)
        return false; /* a guest that changes modes all the time */
    v->resized_us = now;
    return set_size(v, frame->width, frame->height);
}

static void
take_frame(VncViewer *v)
{
    Rect rects[DAMAGE_MAX];
    unsigned n;
    const Frame *frame = viewer_begin(v->view, rects, DAMAGE_MAX, &n);

    if (frame == NULL)
        return;
    if (frame->serial != v->serial) {
        v->serial = frame->serial;
        v->redraw = true;
    }
    bool whole = v->redraw || (v->client != NULL && v->client->useNewFBSize &&
                               (frame->width != v->screen->width ||
                                frame->height != v->screen->height));
    if (whole) {
        v->redraw = !follow_size(v, frame);
        if (!v->redraw)
            copy_rect(v, frame, (Rect){0, 0, frame->width, frame->height});
    } else {
        for (unsigned i = 0; i < n; i++)
            copy_rect(v, frame, rects[i]);
    }
    viewer_end(v->view);
}

/* ---- what the library does not know ---- */

/* A framebuffer update of one pseudo rectangle. */
static void
send_notice(VncViewer *v, int x, gint32 encoding, const guint8 *extra,
            gsize n_extra)
{
    guint8 message[20] = {0}; /* type, padding, count; rectangle; extra */

    rfb_put16(message + 2, 1);
    rfb_put16(message + 4, (guint16) x);
    rfb_put16(message + 8, (guint16) v->screen->width);
    rfb_put16(message + 10, (guint16) v->screen->height);
    rfb_put32(message + 12, (guint32) encoding);
    if (n_extra > 0)
        memcpy(message + 16, extra, n_extra);
    if (v->lib->write_exact(v->client, (const char *) message,
                            16 + (int) n_extra) < 0)
        v->lib->close_client(v->client);
}

static void
send_notices(VncViewer *v)
{
    guint features = (guint) g_atomic_int_get(&v->features);
    /* Nobody's pointer is to be caught for nothing. */
    bool absolute = v->input == NULL || input_has_absolute(v->input);
    guint8 leds = v->input != NULL ? (guint8) input_leds(v->input) : 0;

    if (g_atomic_int_compare_and_exchange(&v->feature_news, 1, 0)) {
        v->sent_absolute = v->sent_leds = -1;
        if ((features & RFB_FEATURE_EXTENDED_KEYS) != 0)
            send_notice(v, 0, RFB_ENCODING_EXTENDED_KEYS, NULL, 0);
    }
    if ((features & RFB_FEATURE_POINTER_TYPE) != 0 && v->client->sock >= 0 &&
        v->sent_absolute != absolute) {
        v->sent_absolute = absolute;
        send_notice(v, absolute, RFB_ENCODING_POINTER_TYPE, NULL, 0);
        g_atomic_int_set(&v->relative, !absolute);
    }
    if ((features & RFB_FEATURE_LED_STATE) != 0 && v->client->sock >= 0 &&
        v->sent_leds != leds) {
        v->sent_leds = leds;
        send_notice(v, 0, RFB_ENCODING_LED_STATE, &leds, 1);
    }
}

/* ---- the seat's thread ---- */

static int
wait_ms(VncViewer *v)
{
    guint features = (guint) g_atomic_int_get(&v->features);

    if (v->redraw)
        return (int) (RESIZE_GAP_US / 1000);
    return (features & (RFB_FEATURE_LED_STATE | RFB_FEATURE_POINTER_TYPE)) != 0
               ? POLL_STATE_MS
               : -1;
}

static void
serve(VncViewer *v)
{
    while (v->client->sock >= 0) {
        struct pollfd fds[2] = {{.fd = v->client->sock, .events = POLLIN},
                                {.fd = v->wake_fd, .events = POLLIN}};
        if (SYS_RETRY(poll(fds, 2, wait_ms(v))) < 0)
            break;
        if (fds[0].revents != 0)
            v->lib->process_client_message(v->client);
        if (fds[1].revents != 0)
            (void) sys_eventfd_drain(v->wake_fd);
        if (v->client->sock < 0 || v->client->state != RFB_NORMAL)
            continue;
        send_notices(v);
        take_frame(v);
        if (v->client->sock >= 0)
            (void) v->lib->update_client(v->client);
    }
}

static gpointer
seat_thread(gpointer data)
{
    VncViewer *v = data;
    sigset_t set;

    /* The library writes to a socket that may be closed at any time. */
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);

    int fd = v->low_fd;
    v->low_fd = -1;
    v->view = display_attach(v->display, v->wake_fd);
    if (set_size(v, FIRST_WIDTH, FIRST_HEIGHT)) {
        take_frame(v);
        v->client =
            v->lib->new_client(v->screen, fd); /* closes fd in the end */
    } else {
        sys_close(&fd);
    }
    if (v->client != NULL) {
        serve(v);
        v->lib->client_connection_gone(v->client);
        v->client = NULL;
    }
    viewer_detach(v->view);
    g_atomic_int_set(&v->done, 1);
    sys_eventfd_signal(v->done_fd);
    return NULL;
}

/* ---- the gate's side ---- */

static bool
make_pair(VncViewer *v, int *ret_fd)
{
    int pair[2];

    if (v->low_fd < 0)
        v->low_fd = reserve_low_fd(v->wake_fd);
    if (v->low_fd < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   pair) != 0)
        return false;
    bool ok = SYS_RETRY(dup3(pair[1], v->low_fd, O_CLOEXEC)) >= 0;
    sys_close(&pair[1]);
    if (ok)
        *ret_fd = pair[0];
    else
        sys_close(&pair[0]);
    return ok;
}

bool
vnc_viewer_prepare(VncViewer *v, const char **ret_why)
{
    if (v->screen != NULL)
        return true;
    v->lib = vnc_library(ret_why);
    if (v->lib == NULL)
        return false;
    v->screen = v->lib->get_screen(NULL, NULL, FIRST_WIDTH, FIRST_HEIGHT, 8, 3,
                                   BYTES_PER_PIXEL);
    if (v->screen == NULL)
        return false;
    v->screen->desktopName = v->desktop_name;
    v->screen->maxClientWait = LIBRARY_WAIT_MS;
    v->screen->deferUpdateTime = 0;
    v->screen->alwaysShared = TRUE;
    v->screen->cursor = NULL; /* it is among the guest's pixels */
    v->screen->port = v->screen->ipv6port = -1;
    v->screen->httpDir = NULL;
    v->screen->permitFileTransfer = FALSE;
    v->screen->ignoreSIGPIPE = FALSE;
    return true;
}

bool
vnc_viewer_start(VncViewer *v, int *ret_fd, const char **ret_why)
{
    g_autofree char *name = g_strdup_printf("vnc:%u", v->number);

    g_return_val_if_fail(v->thread == NULL && v->screen != NULL, false);
    *ret_why = "no descriptors below 1024 left";
    if (!make_pair(v, ret_fd))
        return false;
    g_atomic_int_set(&v->done, 0);
    g_atomic_int_set(&v->features, 0);
    g_atomic_int_set(&v->feature_news, 0);
    g_atomic_int_set(&v->relative, 0);
    v->sent_absolute = v->sent_leds = -1;
    v->serial = 0;
    v->redraw = true;
    v->resized_us = 0;
    v->thread = g_thread_try_new(name, seat_thread, v, NULL);
    if (v->thread == NULL) {
        sys_close(ret_fd);
        return false;
    }
    return true;
}

bool
vnc_viewer_is_free(VncViewer *v)
{
    return v->thread == NULL;
}

bool
vnc_viewer_reap(VncViewer *v)
{
    if (v->thread != NULL && g_atomic_int_get(&v->done) != 0) {
        (void) g_thread_join(g_steal_pointer(&v->thread));
        g_clear_pointer(&v->screen->frameBuffer, g_free);
        if (v->low_fd < 0)
            v->low_fd = reserve_low_fd(v->wake_fd);
    }
    return v->thread == NULL;
}

void
vnc_viewer_set_features(VncViewer *v, guint features)
{
    g_atomic_int_set(&v->features, (gint) features);
    g_atomic_int_set(&v->feature_news, 1);
    sys_eventfd_signal(v->wake_fd);
}

void
vnc_viewer_size(VncViewer *v, int *ret_width, int *ret_height)
{
    *ret_width = g_atomic_int_get(&v->width);
    *ret_height = g_atomic_int_get(&v->height);
}

bool
vnc_viewer_is_relative(VncViewer *v)
{
    return g_atomic_int_get(&v->relative) != 0;
}

VncViewer *
vnc_viewer_new(unsigned number, const char *desktop_name, Display *display,
               Input *input, int done_fd, GError **error)
{
    VncViewer *v = g_new0(VncViewer, 1);

    v->number = number;
    v->display = display;
    v->input = input;
    v->done_fd = done_fd;
    v->desktop_name = g_strdup(desktop_name);
    v->low_fd = -1;
    v->wake_fd = sys_eventfd(error);
    if (v->wake_fd < 0) {
        vnc_viewer_free(v);
        return NULL;
    }
    v->low_fd = reserve_low_fd(v->wake_fd);
    if (v->low_fd < 0) {
        sys_error(error, EMFILE,
                  "VNC server: no descriptor below %d for viewer %u",
                  LIBRARY_FD_LIMIT, number);
        vnc_viewer_free(v);
        return NULL;
    }
    return v;
}

void
vnc_viewer_free(VncViewer *v)
{
    if (v == NULL)
        return;
    if (v->thread != NULL)
        (void) g_thread_join(v->thread);
    if (v->screen != NULL) {
        g_clear_pointer(&v->screen->frameBuffer, g_free);
        v->screen->desktopName = NULL;
        v->lib->screen_cleanup(v->screen);
    }
    sys_close(&v->low_fd);
    sys_close(&v->wake_fd);
    g_free(v->desktop_name);
    g_free(v);
}
