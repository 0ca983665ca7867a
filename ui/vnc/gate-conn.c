/* ui/vnc/gate-conn.c - one connection from the outside to a seat.
 *
 * Bytes from outside go through WebSocket (perhaps), the handshake, and then
 * message by message: keys and pointer to the guest, settings and requests for
 * pixels to the library. Bytes of the library go out as they are. Nothing is
 * read while too much waits to be written on the other side. */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "ui/vnc/gate-internal.h"
#include "ui/vnc/rfb-message.h"
#include "vmm/core/sysutil.h"

#define READ_SIZE    (16 * 1024)
#define MAX_IN       (16 * 1024)
#define MAX_TO_SEAT  (64 * 1024)
#define MAX_OUT      (256 * 1024)
#define MAX_SETTINGS 100 /* a second */

/* The library's side of the handshake: its version, then "no security". */
#define LIBRARY_VERSION  12
#define LIBRARY_SECURITY 16
#define REPLY_VERSION    "RFB 003.003\n"
#define REPLY_INIT       "\1" /* ClientInit: shared */

static void
remove_front(GByteArray *array, gsize n)
{
    if (n == array->len)
        g_byte_array_set_size(array, 0);
    else if (n > 0)
        g_byte_array_remove_range(array, 0, (guint) n);
}

/* ---- life ---- */

static void
send_out(Conn *conn, const guint8 *data, gsize len)
{
    if (len == 0)
        return;
    if (conn->is_websocket)
        websocket_encode(data, len, conn->out);
    else
        g_byte_array_append(conn->out, data, (guint) len);
}

static void
begin_handshake(VncServer *server, Conn *conn, gint64 now)
{
    guint8 challenge[VNC_CHALLENGE_SIZE] = {0};
    g_autoptr(GByteArray) out = g_byte_array_new();

    /* Below 256 bytes it is never short; without it nobody gets in. */
    if (getrandom(challenge, sizeof challenge, 0) != sizeof challenge)
        conn->handshake.refuse = "This host has no random numbers yet.";
    else if (lockout_is_locked(&server->lockout, conn->peer, now))
        conn->handshake.refuse =
            "Too many wrong passwords; try again in a minute.";
    else if (gate_free_seat(server) == NULL)
        conn->handshake.refuse = "There are as many viewers as can be.";
    handshake_begin(&conn->handshake, server->password != NULL, challenge, out);
    send_out(conn, out->data, out->len);
    conn->stage = CONN_HANDSHAKE;
    conn->deadline_us = now + GATE_STRANGER_US;
}

Conn *
conn_new(VncServer *server, int fd, bool tcp, gint64 now)
{
    Conn *conn = g_new0(Conn, 1);
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    char host[NI_MAXHOST] = "a user of this host";

    conn->fd = fd;
    conn->seat_fd = -1;
    conn->opened_us = now;
    conn->in = g_byte_array_new();
    conn->out = g_byte_array_new();
    conn->to_seat = g_byte_array_new();
    if (getpeername(fd, (struct sockaddr *) &address, &size) == 0 && tcp)
        (void) getnameinfo((struct sockaddr *) &address, size, host,
                           sizeof host, NULL, 0, NI_NUMERICHOST);
    conn->peer = lockout_peer(&address);
    conn->name = g_strdup(host);
    if (tcp && server->websocket) {
        conn->stage = CONN_SNIFF;
        conn->deadline_us = now + GATE_SNIFF_US;
    } else {
        begin_handshake(server, conn, now);
    }
    return conn;
}

void
conn_free(VncServer *server, Conn *conn)
{
    if (conn->viewer != NULL) {
        (void) g_atomic_int_add(&server->n_clients, -1);
        gate_log(server, "viewer left: %s", conn->name);
    }
    vnc_events_done(&conn->events);
    sys_close(&conn->seat_fd); /* ends the seat's thread */
    sys_close(&conn->fd);
    g_byte_array_unref(conn->in);
    g_byte_array_unref(conn->out);
    g_byte_array_unref(conn->to_seat);
    g_free(conn->name);
    g_free(conn);
}

/* Sends what waits, then ends. */
static bool
say_good_bye(Conn *conn, gint64 now)
{
    conn->stage = CONN_CLOSING;
    conn->deadline_us = now + GATE_FAREWELL_US;
    g_byte_array_set_size(conn->in, 0);
    return conn->out->len > 0;
}

/* ---- up to the seat ---- */

static bool
check_password(VncServer *server, Conn *conn, GByteArray *out, gint64 now)
{
    Handshake *h = &conn->handshake;
    bool locked = lockout_is_locked(&server->lockout, conn->peer, now);
    bool ok = handshake_password_ok(h, server->password) && !locked;

    if (ok)
        lockout_succeeded(&server->lockout, conn->peer);
    else if (!locked)
        lockout_failed(&server->lockout, conn->peer, now);
    handshake_result(h, ok,
                     locked ? "Too many wrong passwords; try again later."
                            : "The password is wrong.",
                     out);
    return ok;
}

/* The first viewer brings the library. */
static bool
prepare_seats(VncServer *server, const char **ret_why)
{
    for (gsize i = 0; i < VNC_MAX_VIEWERS; i++)
        if (!vnc_viewer_prepare(server->seats[i], ret_why))
            return false;
    return true;
}

static bool
enter_seat(VncServer *server, Conn *conn)
{
    VncViewer *viewer = gate_free_seat(server);
    const char *why = "there are too many";

    if (viewer == NULL || !prepare_seats(server, &why) ||
        !vnc_viewer_start(viewer, &conn->seat_fd, &why)) {
        gate_log(server, "viewer refused, %s: %s", why, conn->name);
        return false;
    }
    conn->viewer = viewer;
    (void) g_atomic_int_add(&server->n_clients, 1);
    vnc_events_init(&conn->events, server->view_only ? NULL : server->input);
    conn->stage = CONN_LIBRARY;
    gate_log(server, "viewer came: %s%s", conn->name,
             conn->is_websocket ? " (WebSocket)" : "");
    return true;
}

static bool
do_handshake(VncServer *server, Conn *conn, gint64 now)
{
    Handshake *h = &conn->handshake;
    HandshakeStage before = h->stage;
    g_autoptr(GByteArray) out = g_byte_array_new();

    remove_front(conn->in,
                 handshake_feed(h, conn->in->data, conn->in->len, out));
    if (h->stage == HANDSHAKE_CHECK && check_password(server, conn, out, now))
        remove_front(conn->in,
                     handshake_feed(h, conn->in->data, conn->in->len, out));
    send_out(conn, out->data, out->len);
    if (h->stage == HANDSHAKE_FAILED) {
        gate_log(server, "viewer refused: %s: %s", conn->name, h->why);
        return say_good_bye(conn, now);
    }
    if (h->stage != before)
        conn->deadline_us =
            now + (h->stage == HANDSHAKE_PASSWORD ? GATE_PERSON_US
                                                  : GATE_STRANGER_US);
    return h->stage != HANDSHAKE_DONE || enter_seat(server, conn);
}

static bool
do_http(VncServer *server, Conn *conn, gint64 now)
{
    /* Without a password the only viewers are on this host, and a page from
     * anywhere can make its browser connect. */
    int size = websocket_upgrade(conn->in->data, conn->in->len,
                                 server->password != NULL, conn->out);
    if (size == 0)
        return true;
    if (size < 0)
        return say_good_bye(conn, now);
    /* What follows is framed; the peer must wait for our answer, so there is
     * nothing yet from one that keeps to the rules. */
    if ((gsize) size != conn->in->len)
        return false;
    g_byte_array_set_size(conn->in, 0);
    conn->is_websocket = true;
    begin_handshake(server, conn, now);
    return true;
}

static bool
do_sniff(VncServer *server, Conn *conn, gint64 now)
{
    gsize n = MIN(conn->in->len, 4);

    if (n > 0 && memcmp(conn->in->data, "GET ", n) != 0) {
        begin_handshake(server, conn, now);
    } else if (n == 4) {
        conn->stage = CONN_HTTP;
        conn->deadline_us = now + GATE_STRANGER_US;
    }
    return true;
}

/* ---- messages of a viewer that is in ---- */

static bool
too_many_settings(Conn *conn, gint64 now)
{
    if (now - conn->second_us > G_USEC_PER_SEC) {
        conn->second_us = now;
        conn->settings = 0;
    }
    return ++conn->settings > MAX_SETTINGS;
}

static void
to_seat(Conn *conn, const guint8 *data, int size)
{
    g_byte_array_append(conn->to_seat, data, (guint) size);
}

static bool
do_message(Conn *conn, guint8 *message, int size, gint64 now)
{
    int width, height;

    switch (message[0]) {
    case RFB_SET_ENCODINGS:
        if (too_many_settings(conn, now))
            return false;
        size = rfb_filter_encodings(message, &conn->features);
        to_seat(conn, message, size);
        vnc_viewer_set_features(conn->viewer, conn->features);
        break;
    case RFB_SET_PIXEL_FORMAT:
        if (too_many_settings(conn, now))
            return false;
        to_seat(conn, message, size);
        break;
    case RFB_KEY_EVENT: vnc_events_key(&conn->events, message); break;
    case RFB_QEMU: vnc_events_qemu_key(&conn->events, message); break;
    case RFB_POINTER_EVENT:
        vnc_viewer_size(conn->viewer, &width, &height);
        vnc_events_pointer(&conn->events, message, width, height,
                           vnc_viewer_is_relative(conn->viewer));
        break;
    case RFB_CUT_TEXT: break; /* there is no agent that could take it */
    default: to_seat(conn, message, size); break;
    }
    return true;
}

static bool
do_messages(VncServer *server, Conn *conn, gint64 now)
{
    const char *why = "too much at once";
    gsize at = 0;
    int size = 1;

    while (size > 0 && at < conn->in->len && conn->to_seat->len < MAX_TO_SEAT) {
        guint8 *message = conn->in->data + at;
        gsize left = conn->in->len - at;
        if (conn->skip > 0) {
            gsize n = MIN(left, conn->skip);
            conn->skip -= (guint32) n;
            at += n;
            continue;
        }
        guint32 skip;
        size = rfb_message_size(message, left, &skip, &why);
        if (size <= 0 || left < (gsize) size)
            break;
        conn->skip = skip;
        at += (gsize) size;
        if (!do_message(conn, message, size, now))
            size = -1;
    }
    if (size < 0) {
        gate_log(server, "viewer dropped: %s: sent %s", conn->name, why);
        return false;
    }
    remove_front(conn->in, at);
    bool partial = (conn->in->len > 0 || conn->skip > 0) &&
                   conn->to_seat->len < MAX_TO_SEAT;
    if (!partial)
        conn->partial_us = 0;
    else if (at > 0 || conn->partial_us == 0)
        conn->partial_us = now;
    return true;
}

static bool
do_stage(VncServer *server, Conn *conn, gint64 now)
{
    switch (conn->stage) {
    case CONN_SNIFF: return do_sniff(server, conn, now);
    case CONN_HTTP: return do_http(server, conn, now);
    case CONN_HANDSHAKE: return do_handshake(server, conn, now);
    case CONN_READY: return do_messages(server, conn, now);
    case CONN_LIBRARY:
    case CONN_CLOSING:
    default: return true;
    }
}

static bool
do_input(VncServer *server, Conn *conn, gint64 now)
{
    ConnStage before;

    do { /* each stage may leave bytes for the next; they only go up */
        before = conn->stage;
        if (!do_stage(server, conn, now))
            return false;
    } while (conn->stage > before && conn->in->len > 0);
    return true;
}

/* ---- sockets ---- */

static bool
read_outside(VncServer *server, Conn *conn, gint64 now)
{
    guint8 buffer[READ_SIZE];
    ssize_t n = SYS_RETRY(recv(conn->fd, buffer, sizeof buffer, 0));

    if (n < 0)
        return errno == EAGAIN;
    if (n == 0)
        return false;
    if (conn->stage == CONN_CLOSING)
        return true;
    if (!conn->is_websocket) {
        g_byte_array_append(conn->in, buffer, (guint) n);
    } else if (!websocket_decode(&conn->websocket, buffer, (gsize) n, conn->in,
                                 conn->out)) {
        gate_log(server, "viewer dropped: %s: broke the WebSocket protocol",
                 conn->name);
        return false;
    }
    if (conn->websocket.closed)
        return say_good_bye(conn, now);
    return do_input(server, conn, now);
}

static bool
write_some(int fd, GByteArray *from)
{
    if (from->len == 0)
        return true;
    ssize_t n = SYS_RETRY(send(fd, from->data, from->len, MSG_NOSIGNAL));
    if (n < 0)
        return errno == EAGAIN;
    remove_front(from, (gsize) n);
    return true;
}

/* The library begins by RFB's handshake as well; it is ours to answer. */
static void
take_library(Conn *conn, const guint8 *data, gsize len)
{
    gsize used = 0;

    while (used < len && conn->library_done < LIBRARY_SECURITY) {
        used++;
        conn->library_done++;
        if (conn->library_done == LIBRARY_VERSION)
            to_seat(conn, (const guint8 *) REPLY_VERSION, LIBRARY_VERSION);
    }
    if (conn->library_done == LIBRARY_SECURITY && conn->stage == CONN_LIBRARY) {
        to_seat(conn, (const guint8 *) REPLY_INIT, 1);
        conn->stage = CONN_READY;
        conn->deadline_us = G_MAXINT64;
    }
    send_out(conn, data + used, len - used);
}

static bool
read_seat(VncServer *server, Conn *conn, gint64 now)
{
    guint8 buffer[READ_SIZE];
    ssize_t n = SYS_RETRY(recv(conn->seat_fd, buffer, sizeof buffer, 0));
    ConnStage before = conn->stage;

    if (n < 0)
        return errno == EAGAIN;
    if (n == 0)
        return false;
    take_library(conn, buffer, (gsize) n);
    return conn->stage == before || do_input(server, conn, now);
}

short
conn_events(const Conn *conn)
{
    short events = 0;

    if (conn->stage == CONN_CLOSING ||
        (conn->stage != CONN_LIBRARY && conn->to_seat->len < MAX_TO_SEAT &&
         conn->in->len < MAX_IN && conn->out->len < 2 * MAX_OUT))
        events |= POLLIN;
    if (conn->out->len > 0)
        events |= POLLOUT;
    return events;
}

short
conn_seat_events(const Conn *conn)
{
    short events = 0;

    if (conn->seat_fd < 0 || conn->stage == CONN_CLOSING)
        return 0;
    if (conn->out->len < MAX_OUT)
        events |= POLLIN;
    if (conn->to_seat->len > 0)
        events |= POLLOUT;
    return events;
}

static bool
handle_outside(VncServer *server, Conn *conn, short events, gint64 now)
{
    if ((events & POLLIN) != 0 && !read_outside(server, conn, now))
        return false;
    if ((events & (POLLERR | POLLHUP | POLLRDHUP)) != 0 &&
        (events & POLLIN) == 0)
        return false;
    guint before = conn->out->len;
    if (!write_some(conn->fd, conn->out))
        return false;
    if (conn->out->len == 0)
        conn->stuck_us = 0;
    else if (conn->out->len < before || conn->stuck_us == 0)
        conn->stuck_us = now;
    return conn->stage != CONN_CLOSING || conn->out->len > 0;
}

bool
conn_handle(VncServer *server, Conn *conn, short events, short seat_events,
            gint64 now)
{
    guint waiting = conn->to_seat->len;

    if ((seat_events & (POLLIN | POLLHUP | POLLERR)) != 0 &&
        !read_seat(server, conn, now))
        return false;
    if (!handle_outside(server, conn, events, now))
        return false;
    if (conn->seat_fd >= 0 && !write_some(conn->seat_fd, conn->to_seat))
        return false;
    /* Messages that waited for room. */
    return waiting < MAX_TO_SEAT || conn->to_seat->len >= MAX_TO_SEAT ||
           do_input(server, conn, now);
}

/* ---- time ---- */

gint64
conn_deadline(const Conn *conn)
{
    gint64 next = conn->deadline_us;

    if (conn->stuck_us != 0)
        next = MIN(next, conn->stuck_us + GATE_STUCK_US);
    if (conn->partial_us != 0)
        next = MIN(next, conn->partial_us + GATE_MESSAGE_US);
    return next;
}

bool
conn_check_time(VncServer *server, Conn *conn, gint64 now)
{
    if (now < conn_deadline(conn))
        return true;
    if (conn->stage == CONN_SNIFF) {
        begin_handshake(server, conn, now);
        return true;
    }
    if (conn->stage == CONN_READY)
        gate_log(server, "viewer dropped: %s: it %s", conn->name,
                 conn->stuck_us != 0 ? "does not read"
                                     : "stopped in a message");
    return false;
}
