/* app/session/control-client.c - a connection to a running machine. */
#include "app/session/control-client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <glib-unix.h>

#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "vmm/core/sysutil.h"

#define HELLO_TIMEOUT_MS 5000
/* What json_parse() takes; a log tail is the longest answer. */
#define MAX_LINE JSON_MAX_BYTES
#define MAX_FDS  16

typedef struct {
    JsonNode *message;
    int fd;
} Incoming;

struct ControlClient {
    int fd;
    gint64 next_id;
    GByteArray *input;
    gsize scanned; /* input before this has no newline */
    GQueue fds;    /* received, not yet claimed: GINT_TO_POINTER */
    GQueue events; /* Incoming, kept while a call waits */
    GByteArray *output;
    bool closed;
    GMainContext *context;
    GSource *in, *out;
    ControlMessageFn fn;
    void *data;
};

static void
incoming_free(gpointer data)
{
    Incoming *incoming = data;
    json_free(incoming->message);
    sys_close(&incoming->fd);
    g_free(incoming);
}

static ControlClient *
client_new(int fd)
{
    ControlClient *client = g_new0(ControlClient, 1);
    client->fd = fd;
    client->input = g_byte_array_new();
    client->output = g_byte_array_new();
    g_queue_init(&client->fds);
    g_queue_init(&client->events);
    (void) fcntl(fd, F_SETFL, O_NONBLOCK); /* cannot fail on a socket */
    return client;
}

static void
drop_source(GSource **source)
{
    if (*source == NULL)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

void
control_client_free(ControlClient *client)
{
    if (client == NULL)
        return;
    drop_source(&client->in);
    drop_source(&client->out);
    while (!g_queue_is_empty(&client->fds)) {
        int fd = GPOINTER_TO_INT(g_queue_pop_head(&client->fds));
        sys_close(&fd);
    }
    g_queue_clear_full(&client->events, incoming_free);
    g_byte_array_unref(client->input);
    g_byte_array_unref(client->output);
    if (client->context != NULL)
        g_main_context_unref(client->context);
    sys_close(&client->fd);
    g_free(client);
}

JsonWriter *
control_request(const char *op)
{
    JsonWriter *out = message_new();
    json_put_int(out, "v", 1);
    json_put_string(out, "op", op);
    return out;
}

GError *
control_answer_error(const JsonNode *answer)
{
    if (json_get_bool(answer, "ok", true))
        return NULL;
    const JsonNode *error = json_get(answer, "error");
    return g_error_new_literal(
        CARREL_SESSION_ERROR,
        (int) session_error_from_id(json_get_string(error, "id", "failed")),
        json_get_string(error, "message", "it did not work"));
}

static void
take_fds(ControlClient *client, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
         c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        gsize n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (gsize i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            if (g_queue_get_length(&client->fds) < MAX_FDS)
                g_queue_push_tail(&client->fds, GINT_TO_POINTER(fd));
            else
                sys_close(&fd);
        }
    }
}

/* Reads what is there; false at the end of the connection. */
static bool
client_read(ControlClient *client)
{
    guint8 chunk[16 * 1024];
    struct iovec iov = {chunk, sizeof chunk};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};

    ssize_t n =
        SYS_RETRY(recvmsg(client->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    if (n < 0 && errno == EAGAIN)
        return true;
    if (n > 0)
        take_fds(client, &msg);
    if (n <= 0 || client->input->len + (gsize) n > MAX_LINE) {
        client->closed = true;
        return false;
    }
    g_byte_array_append(client->input, chunk, (guint) n);
    return true;
}

/* The next complete message, or NULL. A line that is no message ends the
 * connection: nothing after it can be trusted. */
static JsonNode *
client_next(ControlClient *client, int *ret_fd)
{
    GByteArray *in = client->input;
    const guint8 *newline = client->scanned < in->len
                                ? memchr(in->data + client->scanned, '\n',
                                         in->len - client->scanned)
                                : NULL;
    if (newline == NULL) {
        client->scanned = in->len;
        return NULL;
    }
    gsize len = (gsize) (newline - in->data);
    JsonNode *message = message_parse((const char *) in->data, len, NULL);
    g_byte_array_remove_range(in, 0, (guint) len + 1);
    client->scanned = 0;
    *ret_fd = -1;
    if (message == NULL) {
        client->closed = true;
        return NULL;
    }
    if (json_get_int(message, "fds", 0) > 0 && !g_queue_is_empty(&client->fds))
        *ret_fd = GPOINTER_TO_INT(g_queue_pop_head(&client->fds));
    return message;
}

static void
set_closed(GError **error)
{
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_CLOSED,
                "the machine's process has ended");
}

/* Waits for events on the socket until deadline (us; < 0: for ever). */
static bool
client_wait(ControlClient *client, short events, gint64 deadline,
            GError **error)
{
    int wait_ms = -1;
    if (deadline >= 0) {
        gint64 left = (deadline - g_get_monotonic_time() + 999) / 1000;
        wait_ms = (int) CLAMP(left, 0, G_MAXINT);
    }
    struct pollfd pfd = {client->fd, events, 0};
    int n = SYS_RETRY(poll(&pfd, 1, wait_ms));
    if (n == 0)
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_TIMEOUT,
                    "the machine's process did not answer in time");
    return n > 0;
}

static bool
client_write_all(ControlClient *client, const char *text, gsize len,
                 gint64 deadline, GError **error)
{
    while (len > 0) {
        ssize_t n =
            SYS_RETRY(send(client->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT));
        if (n < 0 && errno == EAGAIN) {
            if (!client_wait(client, POLLOUT, deadline, error))
                return false;
            continue;
        }
        if (n < 0) {
            set_closed(error);
            return false;
        }
        text += n;
        len -= (gsize) n;
    }
    return true;
}

static gint64
deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? -1
                          : g_get_monotonic_time() + (gint64) timeout_ms * 1000;
}

/* One more message, waiting. */
static JsonNode *
client_receive(ControlClient *client, gint64 deadline, int *ret_fd,
               GError **error)
{
    for (;;) {
        JsonNode *message = client_next(client, ret_fd);
        if (message != NULL)
            return message;
        if (client->closed) {
            set_closed(error);
            return NULL;
        }
        if (!client_wait(client, POLLIN, deadline, error))
            return NULL;
        (void) client_read(client); /* its end shows in closed above */
    }
}

static void
give_fd(int fd, int *ret_fd)
{
    if (ret_fd != NULL)
        *ret_fd = fd;
    else
        sys_close(&fd);
}

JsonNode *
control_client_call(ControlClient *client, JsonWriter *request, int timeout_ms,
                    int *ret_fd, GError **error)
{
    gint64 id = ++client->next_id;
    gint64 deadline = deadline_of(timeout_ms);
    gsize len;
    json_put_int(request, "id", id);
    g_autofree char *text = message_finish(request, &len);

    if (ret_fd != NULL)
        *ret_fd = -1;
    if (!client_write_all(client, text, len, deadline, error))
        return NULL;
    for (;;) {
        int fd = -1;
        JsonNode *message = client_receive(client, deadline, &fd, error);
        if (message == NULL)
            return NULL;
        bool is_event = message_has(message, "event");
        gint64 answered = json_get_int(message, "id", 0);
        GError *refused = control_answer_error(message);
        /* Answer 0 complains of a line that could not even be read. */
        if (!is_event && (answered == id || (answered == 0 && refused))) {
            give_fd(fd, ret_fd);
            if (refused == NULL)
                return message;
            g_propagate_error(error, refused);
            json_free(message);
            return NULL;
        }
        g_clear_error(&refused);
        if (is_event) {
            Incoming *kept = g_new0(Incoming, 1);
            *kept = (Incoming){message, fd};
            g_queue_push_tail(&client->events, kept);
        } else { /* of a call that was given up */
            sys_close(&fd);
            json_free(message);
        }
    }
}

bool
control_client_do(ControlClient *client, JsonWriter *request, int timeout_ms,
                  GError **error)
{
    g_autoptr(JsonNode) answer =
        control_client_call(client, request, timeout_ms, NULL, error);
    return answer != NULL;
}

JsonNode *
control_client_next_event(ControlClient *client, int timeout_ms, int *ret_fd,
                          GError **error)
{
    Incoming *kept = g_queue_pop_head(&client->events);
    gint64 deadline = deadline_of(timeout_ms);

    if (kept != NULL) {
        JsonNode *message = kept->message;
        give_fd(kept->fd, ret_fd);
        g_free(kept);
        return message;
    }
    for (;;) {
        int fd = -1;
        JsonNode *message = client_receive(client, deadline, &fd, error);
        if (message == NULL || message_has(message, "event")) {
            give_fd(fd, ret_fd);
            return message;
        }
        sys_close(&fd);
        json_free(message);
    }
}

ControlClient *
control_client_open_fd(int fd, GError **error)
{
    g_autoptr(ControlClient) client = client_new(fd);
    g_autoptr(JsonNode) hello = control_client_call(
        client, control_request("hello"), HELLO_TIMEOUT_MS, NULL, error);
    if (hello == NULL)
        return NULL;
    if (json_get_int(hello, "protocol", 0) != 1) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_PROTOCOL,
                    "the machine was started by another version of Carrel; "
                    "restart it");
        return NULL;
    }
    return g_steal_pointer(&client);
}

ControlClient *
control_client_open(const char *name, GError **error)
{
    int fd = session_connect(name, error);
    return fd < 0 ? NULL : control_client_open_fd(fd, error);
}

ControlClient *
control_client_open_async(const char *name, GError **error)
{
    int fd = session_connect(name, error);
    return fd < 0 ? NULL : client_new(fd);
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
    ControlClient *client = data;
    JsonNode *message;
    int message_fd;

    (void) client_read(client); /* its end shows in closed below */
    while ((message = client_next(client, &message_fd)) != NULL) {
        client->fn(client->data, message, message_fd);
        json_free(message);
    }
    if (client->closed) {
        drop_source(&client->in);
        drop_source(&client->out);
        client->fn(client->data, NULL, -1); /* may free the client */
    }
    return G_SOURCE_CONTINUE;
}

void
control_client_watch(ControlClient *client, GMainContext *context,
                     ControlMessageFn fn, void *data)
{
    client->context = g_main_context_ref(context);
    client->fn = fn;
    client->data = data;
    client->in = g_unix_fd_source_new(client->fd, G_IO_IN | G_IO_HUP);
    g_source_set_callback(client->in, G_SOURCE_FUNC(on_readable), client, NULL);
    g_source_attach(client->in, client->context);
}

static gboolean
on_writable(int fd, GIOCondition condition, gpointer data)
{
    ControlClient *client = data;
    ssize_t n = SYS_RETRY(send(fd, client->output->data, client->output->len,
                               MSG_NOSIGNAL | MSG_DONTWAIT));
    if (n < 0 && errno == EAGAIN)
        return G_SOURCE_CONTINUE;
    /* An error shows at the reading end as well; there it is handled. */
    g_byte_array_remove_range(client->output, 0,
                              n < 0 ? client->output->len : (guint) n);
    if (client->output->len == 0)
        drop_source(&client->out);
    return G_SOURCE_CONTINUE;
}

gint64
control_client_send(ControlClient *client, JsonWriter *request)
{
    gint64 id = ++client->next_id;
    gsize len;
    json_put_int(request, "id", id);
    g_autofree char *text = message_finish(request, &len);

    g_byte_array_append(client->output, (const guint8 *) text, (guint) len);
    if (client->out == NULL && !client->closed) {
        client->out = g_unix_fd_source_new(client->fd, G_IO_OUT);
        g_source_set_callback(client->out, G_SOURCE_FUNC(on_writable), client,
                              NULL);
        g_source_attach(client->out, client->context);
    }
    return id;
}
