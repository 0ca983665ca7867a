/* vmm/net/socket.c - kind "socket": frames as messages of a SOCK_SEQPACKET
 * Unix socket, each with a virtio header of 12 bytes in front. Also the wire
 * of the kinds switch and user, which dial.c connects.
 *
 * The other end is another process of this user, but may serve another guest:
 * each header is checked. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/core/sysutil.h"
#include "vmm/net/net-internal.h"

/* Room for a few of the largest frames; the host's limit may be lower. */
#define SOCKET_BUFFER (1 << 20)

void
net_socket_prepare(int fd)
{
    int size = SOCKET_BUFFER;
    int flags = fcntl(fd, F_GETFL);

    /* dropping what nobody receives must not wait for more of it */
    if (flags >= 0)
        (void) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* Messages of one system call; pieces are those of frames. */
static unsigned
fill_messages(struct mmsghdr *messages, const NetFrame *frames, unsigned n)
{
    n = MIN(n, NET_BATCH);
    for (unsigned i = 0; i < n; i++)
        messages[i] = (struct mmsghdr){.msg_hdr = {
                                           .msg_iov = frames[i].iov,
                                           .msg_iovlen = frames[i].n_iov,
                                       }};
    return n;
}

/* True: this message will never go, the next one may. */
static bool
is_the_messages_fault(int err)
{
    return err == EMSGSIZE || err == ENOMEM || err == EFAULT || err == EINVAL;
}

unsigned
net_socket_send(NetQueue *q, const NetFrame *frames, unsigned n)
{
    struct mmsghdr messages[NET_BATCH];
    unsigned done = 0;

    while (done < n) {
        unsigned k = fill_messages(messages, frames + done, n - done);
        int sent = SYS_RETRY(
            sendmmsg(q->fd, messages, k, MSG_DONTWAIT | MSG_NOSIGNAL));
        for (int i = 0; i < sent; i++)
            net_count(&q->tx, 1, messages[i].msg_len - q->link->wire);
        if (sent > 0) {
            done += (unsigned) sent;
        } else if (is_the_messages_fault(errno)) {
            net_count_drop(&q->tx);
            done++;
        } else {
            if (errno != EAGAIN && errno != ENOBUFS)
                net_queue_lost(q);
            return done;
        }
    }
    return done;
}

unsigned
net_socket_receive(NetQueue *q, NetFrame *frames, unsigned n)
{
    struct mmsghdr messages[NET_BATCH];
    unsigned done = 0;

    while (done < n) {
        unsigned k = fill_messages(messages, frames + done, n - done);
        int got = SYS_RETRY(recvmmsg(q->fd, messages, k, MSG_DONTWAIT, NULL));
        if (got <= 0) {
            if (got < 0 && errno != EAGAIN)
                net_queue_lost(q);
            return done;
        }
        for (int i = 0; i < got; i++) {
            bool cut = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
            if (messages[i].msg_len == 0 && !cut) {
                net_queue_lost(q); /* the other end has closed */
                return done;
            }
            frames[done++].len = cut ? 0 : messages[i].msg_len;
        }
        if ((unsigned) got < k)
            return done;
    }
    return done;
}

unsigned
net_socket_set_header(NetLink *link, NetHdr hdr)
{
    return NET_HDR_V1;
}

unsigned
net_socket_set_offloads(NetLink *link, unsigned wanted)
{
    return NET_SOCKET_OFFLOADS;
}

static bool
socket_open(NetLink *link, const NetSpec *spec, GError **error)
{
    int type = 0;
    socklen_t len = sizeof type;

    link->queues[0].fd = spec->n_fds > 0 ? spec->fds[0] : -1;
    if (spec->n_fds != 1 ||
        getsockopt(spec->fds[0], SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        type != SOCK_SEQPACKET) {
        g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                    "network %s: kind 'socket' needs one connected socket of "
                    "type SOCK_SEQPACKET",
                    link->name);
        return false;
    }
    net_socket_prepare(spec->fds[0]);
    link->description = g_strdup("socket");
    link->carrier = true;
    return true;
}

static void
socket_close(NetLink *link)
{
    sys_close(&link->queues[0].fd);
}

static void
told_lost(void *data)
{
    net_set_carrier(data, false);
}

static void
socket_lost(NetQueue *q)
{
    /* the queue's loop is the link's: this kind has one queue */
    told_lost(q->link);
}

const NetKind net_socket_kind = {
    .name = "socket",
    .open = socket_open,
    .close = socket_close,
    .lost = socket_lost,
    .send = net_socket_send,
    .receive = net_socket_receive,
    .set_header = net_socket_set_header,
    .set_offloads = net_socket_set_offloads,
};
