/* app/session/control-server.c - connections, lines and queues of the control
 * socket. What requests mean is in control-commands.c.
 *
 * Limits: 64 KiB a line, 1 MiB of answers waiting for one client, 128 clients,
 * 16 requests that wait for something for each and 256 for all.
 * Whoever exceeds one is dropped; the machine never waits for a client. */
#include "app/session/control-server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "app/session/control-internal.h"
#include "app/session/session-error.h"
#include "vmm/core/sysutil.h"

#define MAX_LINE    (64 * 1024)
#define MAX_QUEUED  (1024 * 1024)
#define MAX_CLIENTS 128
#define MAX_JOBS    16  /* of one client */
#define ALL_JOBS    256 /* each may hold a descriptor */
#define READ_CHUNK  (16 * 1024)

typedef struct {
    char *text;
    gsize len, sent;
    int fd; /* travels with the first byte; -1: none */
} OutItem;

static void
out_item_free(OutItem *item)
{
    g_free(item->text);
    sys_close(&item->fd);
    g_free(item);
}

GSource *
source_fd(GMainContext *context, int fd, GIOCondition events,
          GUnixFDSourceFunc ready, void *data)
{
    GSource *source = g_unix_fd_source_new(fd, events);
    /* The type of a unix-fd source's callback differs from GSourceFunc; GLib
     * documents this cast. */
    g_source_set_callback(source, G_SOURCE_FUNC(ready), data, NULL);
    g_source_attach(source, context);
    return source;
}

GSource *
source_timeout(GMainContext *context, guint ms, GSourceFunc fire, void *data)
{
    GSource *source = g_timeout_source_new(ms);
    g_source_set_callback(source, fire, data, NULL);
    g_source_attach(source, context);
    return source;
}

void
source_drop(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

static void
peer_free(Peer *peer)
{
    ControlServer *server = peer->server;

    while (peer->jobs->len > 0) {
        PeerJob *job = peer->jobs->pdata[peer->jobs->len - 1];
        g_ptr_array_remove_index(peer->jobs, peer->jobs->len - 1);
        job->peer = NULL;
        job->cancel(job);
    }
    screen_feed_free(peer->screen);
    if (peer->has_source)
        server->config.ops->input_release(server->config.machine,
                                          peer->input_source);
    source_drop(&peer->in);
    source_drop(&peer->out);
    OutItem *item;
    while ((item = g_queue_pop_head(&peer->queue)) != NULL)
        out_item_free(item);
    g_byte_array_unref(peer->input);
    g_ptr_array_unref(peer->jobs);
    sys_close(&peer->fd);
    g_free(peer);
}

static gboolean
reap(gpointer data)
{
    ControlServer *server = data;
    for (guint i = server->peers->len; i > 0; i--) {
        Peer *peer = server->peers->pdata[i - 1];
        if (!peer->dead)
            continue;
        g_ptr_array_remove_index(server->peers, i - 1);
        peer_free(peer);
    }
    return G_SOURCE_REMOVE;
}

/* The peer may be in use further up the stack, so it is freed later. */
void
peer_kill(Peer *peer, const char *why)
{
    if (peer->dead)
        return;
    g_debug("control client dropped: %s", why);
    peer->dead = true;
    source_drop(&peer->in);
    source_drop(&peer->out);
    if (peer->server->closing)
        return;
    GSource *idle = g_idle_source_new();
    g_source_set_priority(idle, G_PRIORITY_DEFAULT);
    g_source_set_callback(idle, reap, peer->server, NULL);
    g_source_attach(idle, peer->server->context);
    g_source_unref(idle);
}

static ssize_t
send_item(Peer *peer, OutItem *item)
{
    struct iovec iov = {item->text + item->sent, item->len - item->sent};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};

    if (item->fd >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &item->fd, sizeof(int));
    }
    return SYS_RETRY(sendmsg(peer->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/* False: the socket is full or broken. */
static bool
peer_flush(Peer *peer)
{
    OutItem *item;
    while (!peer->dead && (item = g_queue_peek_head(&peer->queue)) != NULL) {
        ssize_t n = send_item(peer, item);
        if (n < 0) {
            if (errno != EAGAIN)
                peer_kill(peer, "write failed");
            return false;
        }
        sys_close(&item->fd); /* it went with the first byte */
        item->sent += (gsize) n;
        peer->queued -= (gsize) n;
        if (item->sent == item->len)
            out_item_free(g_queue_pop_head(&peer->queue));
    }
    return !peer->dead;
}

static gboolean
on_writable(int fd, GIOCondition condition, gpointer data)
{
    Peer *peer = data;
    if (!peer_flush(peer))
        return G_SOURCE_CONTINUE;
    if (peer->hanging_up)
        peer_kill(peer, "after an error");
    else
        source_drop(&peer->out);
    return G_SOURCE_CONTINUE; /* dropped sources ignore the value */
}

void
peer_send(Peer *peer, JsonWriter *out, int fd)
{
    OutItem *item = g_new0(OutItem, 1);
    if (fd >= 0)
        json_put_int(out, "fds", 1);
    item->text = message_finish(out, &item->len);
    item->fd = fd;
    if (peer->dead || peer->queued + item->len > MAX_QUEUED) {
        out_item_free(item);
        peer_kill(peer, "it does not read its answers");
        return;
    }
    peer->queued += item->len;
    g_queue_push_tail(&peer->queue, item);
    if (peer->out == NULL && !peer_flush(peer) && !peer->dead)
        peer->out = source_fd(peer->server->context, peer->fd, G_IO_OUT,
                              on_writable, peer);
}

JsonWriter *
peer_answer(Peer *peer, gint64 id)
{
    JsonWriter *out = message_new();
    json_put_int(out, "id", id);
    json_put_bool(out, "ok", true);
    return out;
}

void
peer_ok(Peer *peer, gint64 id)
{
    peer_send(peer, peer_answer(peer, id), -1);
}

void
peer_fail(Peer *peer, gint64 id, GError *error)
{
    CarrelSessionError kind = session_error_kind(error);
    JsonWriter *out = message_new();

    json_put_int(out, "id", id);
    json_put_bool(out, "ok", false);
    json_begin_object(out, "error");
    json_put_int(out, "code", session_error_exit_code(kind));
    json_put_string(out, "id", session_error_id(kind));
    json_put_string(out, "message",
                    error != NULL ? error->message : "it did not work");
    json_end(out);
    peer_send(peer, out, -1);
    g_clear_error(&error);
}

bool
peer_has_room(Peer *peer, gint64 id)
{
    guint all = 0;
    for (guint i = 0; i < peer->server->peers->len; i++) {
        const Peer *other = peer->server->peers->pdata[i];
        all += other->jobs->len;
    }
    if (peer->jobs->len < MAX_JOBS && all < ALL_JOBS)
        return true;
    peer_fail(peer, id,
              g_error_new_literal(
                  CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                  "too many requests are waiting; wait for an answer first"));
    return false;
}

void
peer_job_add(Peer *peer, gint64 id, PeerJob *job, void (*cancel)(PeerJob *job))
{
    *job = (PeerJob){peer, id, cancel};
    g_ptr_array_add(peer->jobs, job);
}

void
peer_job_remove(PeerJob *job)
{
    if (job->peer != NULL)
        g_ptr_array_remove(job->peer->jobs, job);
    job->peer = NULL;
}

guint
peer_source(Peer *peer)
{
    const ControlConfig *config = &peer->server->config;
    if (!peer->has_source)
        peer->input_source = config->ops->input_source(config->machine);
    peer->has_source = true;
    return peer->input_source;
}

/* Answers once, then closes: after a malformed line nothing can be trusted. */
static void
peer_reject(Peer *peer, GError *error)
{
    source_drop(&peer->in);
    peer_fail(peer, 0, error);
    peer->hanging_up = true;
    if (peer->out == NULL)
        peer_kill(peer, "malformed request");
}

static void
handle_line(Peer *peer, const char *line, gsize len)
{
    GError *error = NULL;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len == 0)
        return; /* a blank line keeps a connection alive */
    g_autoptr(JsonNode) request = message_parse(line, len, &error);
    if (request == NULL)
        peer_reject(peer, error);
    else
        control_dispatch(peer, request);
}

static void
handle_input(Peer *peer)
{
    gsize start = 0;
    while (!peer->dead && !peer->hanging_up) {
        const guint8 *from = peer->input->data + start;
        gsize left = peer->input->len - start;
        const guint8 *newline = left > 0 ? memchr(from, '\n', left) : NULL;
        gsize len = newline != NULL ? (gsize) (newline - from) : left;
        if (len > MAX_LINE) {
            peer_reject(peer, g_error_new(CARREL_SESSION_ERROR,
                                          CARREL_SESSION_ERROR_PROTOCOL,
                                          "the line is longer than 64 KiB"));
            return;
        }
        if (newline == NULL)
            break;
        handle_line(peer, (const char *) from, len);
        start += len + 1;
    }
    if (start > 0 && start <= peer->input->len)
        g_byte_array_remove_range(peer->input, 0, (guint) start);
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
    Peer *peer = data;
    guint8 chunk[READ_CHUNK];

    ssize_t n = SYS_RETRY(recv(fd, chunk, sizeof chunk, MSG_DONTWAIT));
    if (n < 0 && errno == EAGAIN)
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        peer_kill(peer, "it hung up");
        return G_SOURCE_CONTINUE;
    }
    g_byte_array_append(peer->input, chunk, (guint) n);
    handle_input(peer);
    return G_SOURCE_CONTINUE;
}

/* The socket's folder is ours alone; this is the second lock on the door. */
static bool
peer_is_allowed(int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return false;
    return who.uid == geteuid() || who.uid == 0;
}

void
control_server_add(ControlServer *server, int fd)
{
    Peer *peer = g_new0(Peer, 1);
    peer->server = server;
    peer->fd = fd;
    peer->input = g_byte_array_new();
    peer->jobs = g_ptr_array_new();
    g_queue_init(&peer->queue);
    g_ptr_array_add(server->peers, peer);
    if (!peer_is_allowed(fd)) {
        peer_kill(peer, "another user");
        return;
    }
    peer->in = source_fd(server->context, fd, G_IO_IN | G_IO_HUP | G_IO_ERR,
                         on_readable, peer);
    if (server->peers->len > MAX_CLIENTS)
        peer_reject(peer, g_error_new(CARREL_SESSION_ERROR,
                                      CARREL_SESSION_ERROR_STATE,
                                      "machine '%s' has too many clients (%d)",
                                      server->config.name, MAX_CLIENTS));
}

static gboolean
on_connection(int fd, GIOCondition condition, gpointer data)
{
    int client =
        SYS_RETRY(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client >= 0)
        control_server_add(data, client);
    else if (errno == EMFILE || errno == ENFILE)
        g_usleep(1000); /* no descriptor is free: do not spin */
    return G_SOURCE_CONTINUE;
}

ControlServer *
control_server_new(const ControlConfig *config, int listen_fd,
                   GMainContext *context)
{
    ControlServer *server = g_new0(ControlServer, 1);
    server->config = *config;
    server->context = g_main_context_ref(context);
    server->listen_fd = listen_fd;
    server->peers = g_ptr_array_new();
    server->typist = typist_new(server);
    if (listen_fd >= 0)
        server->accept_source =
            source_fd(context, listen_fd, G_IO_IN, on_connection, server);
    return server;
}

void
control_server_free(ControlServer *server)
{
    if (server == NULL)
        return;
    server->closing = true;
    source_drop(&server->accept_source);
    for (guint i = 0; i < server->peers->len; i++) {
        Peer *peer = server->peers->pdata[i];
        (void) peer_flush(peer);
        peer_free(peer);
    }
    /* A reap that is still scheduled must not see freed memory. */
    GSource *idle;
    while ((idle = g_main_context_find_source_by_user_data(server->context,
                                                           server)) != NULL)
        g_source_destroy(idle);
    typist_free(server->typist);
    g_ptr_array_unref(server->peers);
    sys_close(&server->listen_fd);
    g_main_context_unref(server->context);
    g_free(server);
}

void
control_server_state(ControlServer *server, const char *state,
                     const char *reason)
{
    for (guint i = 0; i < server->peers->len; i++) {
        Peer *peer = server->peers->pdata[i];
        if (!peer->subscribed || peer->dead)
            continue;
        JsonWriter *out = message_new();
        json_put_string(out, "event", "state");
        json_put_string(out, "state", state);
        json_put_string(out, "reason", reason);
        peer_send(peer, out, -1);
    }
}

unsigned
control_server_clients(const ControlServer *server)
{
    unsigned n = 0;
    for (guint i = 0; i < server->peers->len; i++) {
        const Peer *peer = server->peers->pdata[i];
        n += peer->dead ? 0 : 1;
    }
    return n;
}
