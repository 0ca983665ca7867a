/* ui/vnc/gate.c - the loop of the thread "vnc": accept, poll, time out. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "ui/vnc/gate-internal.h"
#include "vmm/core/sysutil.h"

#define LOG_LINES_PER_SECOND 5
#define ACCEPTS_PER_ROUND    32
#define ACCEPT_PAUSE_US      (G_USEC_PER_SEC / 10)

void
gate_log(VncServer *server, const char *format, ...)
{
    gint64 now = g_get_monotonic_time();
    va_list args;

    if (server->log == NULL)
        return;
    if (now - server->log_second_us > G_USEC_PER_SEC) {
        server->log_second_us = now;
        server->log_lines = 0;
    }
    if (++server->log_lines > LOG_LINES_PER_SECOND)
        return;
    va_start(args, format);
    g_autofree char *line = g_strdup_vprintf(format, args);
    va_end(args);
    server->log(server->log_data, line);
}

VncViewer *
gate_free_seat(VncServer *server)
{
    for (gsize i = 0; i < VNC_MAX_VIEWERS; i++) {
        if (vnc_viewer_is_free(server->seats[i]))
            return server->seats[i];
    }
    return NULL;
}

/* ---- connections ---- */

static void
drop(VncServer *server, guint i)
{
    conn_free(server, g_ptr_array_index(server->conns, i));
    g_ptr_array_remove_index_fast(server->conns, i);
}

static bool
is_pending(const Conn *conn)
{
    return conn->stage < CONN_LIBRARY;
}

static bool
same_peer(const Conn *a, const Conn *b)
{
    return a->peer.address == b->peer.address &&
           a->peer.family == b->peer.family;
}

static bool
waits_for_person(const Conn *conn)
{
    return conn->stage == CONN_HANDSHAKE &&
           conn->handshake.stage == HANDSHAKE_PASSWORD;
}

static guint
count_pending(VncServer *server, const Conn *like, bool waiting)
{
    guint n = 0;

    for (guint i = 0; i < server->conns->len; i++) {
        const Conn *conn = g_ptr_array_index(server->conns, i);
        n += is_pending(conn) && (like == NULL || same_peer(conn, like)) &&
             (!waiting || waits_for_person(conn));
    }
    return n;
}

/* Of two strangers from one place, the one to end first. When half of all
 * places are taken by those who are asked for a password, the one that has
 * been asked for longest; else the one that has come least far. */
static bool
is_worse(const Conn *a, const Conn *b, bool many_wait)
{
    if (waits_for_person(a) != waits_for_person(b))
        return waits_for_person(a) == many_wait;
    if (a->stage != b->stage)
        return a->stage < b->stage;
    return a->opened_us < b->opened_us;
}

/* Makes room for one more stranger, at the cost of whoever has most. */
static void
drop_one_pending(VncServer *server)
{
    const Conn *worst = NULL;
    guint most = 0, at = 0;

    if (count_pending(server, NULL, false) < GATE_MAX_PENDING)
        return;
    bool many_wait = count_pending(server, NULL, true) > GATE_MAX_PENDING / 2;
    for (guint i = 0; i < server->conns->len; i++) {
        const Conn *conn = g_ptr_array_index(server->conns, i);
        guint n = is_pending(conn) ? count_pending(server, conn, false) : 0;
        if (n > most ||
            (n > 0 && n == most && is_worse(conn, worst, many_wait))) {
            worst = conn;
            most = n;
            at = i;
        }
    }
    if (worst != NULL)
        drop(server, at);
}

static void
tune_tcp(int fd)
{
    const int one = 1;

    /* Both are only of comfort: latency, and finding dead peers. */
    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

static void
accept_some(VncServer *server, const GateListener *listener, gint64 now)
{
    for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
        int fd = SYS_RETRY(
            accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
                errno == ENOBUFS)
                server->accept_after_us = now + ACCEPT_PAUSE_US;
            return;
        }
        if (listener->tcp)
            tune_tcp(fd);
        drop_one_pending(server);
        g_ptr_array_add(server->conns,
                        conn_new(server, fd, listener->tcp, now));
    }
}

/* ---- the loop ---- */

static int
wait_ms(VncServer *server, gint64 now)
{
    gint64 next = G_MAXINT64;

    if (server->accept_after_us > now)
        next = server->accept_after_us;
    for (guint i = 0; i < server->conns->len; i++)
        next = MIN(next, conn_deadline(g_ptr_array_index(server->conns, i)));
    if (next == G_MAXINT64)
        return -1;
    /* Rounded up: waking early would spin. */
    return next <= now ? 0 : (int) ((next - now) / 1000) + 1;
}

static void
add_poll(GArray *fds, int fd, short events)
{
    struct pollfd item = {.fd = events != 0 ? fd : -1, .events = events};
    g_array_append_val(fds, item);
}

/* wake, listeners, then two for each connection. */
static void
collect(VncServer *server, GArray *fds, gint64 now)
{
    short accepting = server->accept_after_us > now ? 0 : POLLIN;

    g_array_set_size(fds, 0);
    add_poll(fds, server->wake_fd, POLLIN);
    for (unsigned i = 0; i < server->n_listeners; i++)
        add_poll(fds, server->listeners[i].fd, accepting);
    for (guint i = 0; i < server->conns->len; i++) {
        const Conn *conn = g_ptr_array_index(server->conns, i);
        add_poll(fds, conn->fd,
                 conn_events(conn) != 0 ? conn_events(conn) : POLLRDHUP);
        add_poll(fds, conn->seat_fd, conn_seat_events(conn));
    }
}

static short
result(const GArray *fds, guint i)
{
    return g_array_index(fds, struct pollfd, i).revents;
}

static void
handle_conns(VncServer *server, const GArray *fds, guint first, gint64 now)
{
    /* Backwards: dropping one moves the last, which has been handled. */
    for (guint i = server->conns->len; i > 0; i--) {
        Conn *conn = g_ptr_array_index(server->conns, i - 1);
        guint at = first + 2 * (i - 1);
        if (!conn_handle(server, conn, result(fds, at), result(fds, at + 1),
                         now) ||
            !conn_check_time(server, conn, now))
            drop(server, i - 1);
    }
}

gpointer
gate_thread(gpointer data)
{
    VncServer *server = data;
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));

    while (g_atomic_int_get(&server->stop) == 0) {
        gint64 now = g_get_monotonic_time();
        collect(server, fds, now);
        if (SYS_RETRY(poll((struct pollfd *) (void *) fds->data, fds->len,
                           wait_ms(server, now))) < 0)
            break;
        now = g_get_monotonic_time();
        if (result(fds, 0) != 0)
            (void) sys_eventfd_drain(server->wake_fd);
        handle_conns(server, fds, 1 + server->n_listeners, now);
        for (gsize i = 0; i < VNC_MAX_VIEWERS; i++)
            (void) vnc_viewer_reap(server->seats[i]);
        for (unsigned i = 0; i < server->n_listeners; i++) {
            if (result(fds, 1 + i) != 0)
                accept_some(server, &server->listeners[i], now);
        }
    }
    while (server->conns->len > 0)
        drop(server, server->conns->len - 1);
    return NULL;
}
