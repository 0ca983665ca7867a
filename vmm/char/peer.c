/* vmm/char/peer.c - one connected reader and writer of a character stream.
 *
 * Output never waits for a peer: what it cannot take now it gets when it can,
 * out of the ring. Input waits for the model: without room for it the peer is
 * not read, so the sender blocks, not the machine. */
#include "vmm/char/char-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "vmm/core/sysutil.h"

#define MAX_PEERS  64
#define CHUNK      4096
#define READ_TURNS 8 /* chunks before others on the loop have a turn */

static void
hang_up(CharPeer *peer)
{
    if (peer->hung_up != NULL)
        peer->hung_up(peer->hung_up_data);
    else
        g_ptr_array_remove_fast(peer->link->peers, peer); /* frees it */
}

/* The other side sends no more but may still read (`socat`, `nc -N`). Its
 * end is seen by a watch for nothing but that. */
static void
input_ended(int fd, GIOCondition ev, void *data)
{
    hang_up(data);
}

/* It hung up while the model had no room. What it said before is still to be
 * read; without that nothing keeps it. */
static void
stalled_ended(int fd, GIOCondition ev, void *data)
{
    CharPeer *peer = data;
    int unread = 0;

    if (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0)
        char_unwatch(peer->link, &peer->in_watch);
    else
        hang_up(peer);
}

/* Waits for room in the model, and for the end of a connection: a guest that
 * never reads its port must not collect the peers that have gone. */
static void
stall(CharPeer *peer)
{
    char_unwatch(peer->link, &peer->in_watch);
    peer->stalled = true;
    if (peer->is_socket)
        peer->in_watch = char_watch(peer->link, peer->fd, G_IO_HUP | G_IO_ERR,
                                    stalled_ended, peer);
}

/* True while the peer is still there and more may be read. */
static bool
read_chunk(CharPeer *peer)
{
    guint8 buf[CHUNK];
    CharLink *link = peer->link;
    gsize room = char_room(link);

    if (room == 0) {
        stall(peer);
        return false;
    }
    gssize n = SYS_RETRY(read(peer->fd, buf, MIN(room, sizeof buf)));
    if (n > 0) {
        char_deliver(link, buf, (gsize) n);
        return true;
    }
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n == 0 && peer->is_socket) {
        peer->ended = true;
        char_unwatch(link, &peer->in_watch);
        peer->in_watch =
            char_watch(link, peer->fd, G_IO_HUP | G_IO_ERR, input_ended, peer);
        return false;
    }
    hang_up(peer);
    return false;
}

static void
readable(int fd, GIOCondition ev, void *data)
{
    for (unsigned i = 0; i < READ_TURNS && read_chunk(data); i++)
        ;
}

static void
writable(int fd, GIOCondition ev, void *data)
{
    CharPeer *peer = data;

    char_unwatch(peer->link, &peer->out_watch);
    char_peer_flush(peer);
}

void
char_peer_flush(CharPeer *peer)
{
    guint8 buf[CHUNK];

    if (peer->offline || peer->out_watch != 0)
        return;
    for (;;) {
        gsize len =
            char_ring_copy(&peer->link->ring, &peer->pos, buf, sizeof buf);
        if (len == 0)
            return;
        gssize n = peer->is_socket
                       ? SYS_RETRY(send(peer->fd, buf, len, MSG_NOSIGNAL))
                       : SYS_RETRY(write(peer->fd, buf, len));
        if (n > 0)
            peer->pos += (guint64) n;
        if (n == (gssize) len)
            continue;
        if (n < 0 && errno != EAGAIN)
            hang_up(peer);
        else
            peer->out_watch =
                char_watch(peer->link, peer->fd, G_IO_OUT, writable, peer);
        return;
    }
}

void
char_peer_listen(CharPeer *peer)
{
    if (peer->stalled)
        char_unwatch(peer->link, &peer->in_watch);
    peer->stalled = false;
    if (!peer->offline && !peer->ended && peer->in_watch == 0)
        peer->in_watch =
            char_watch(peer->link, peer->fd, G_IO_IN, readable, peer);
}

void
char_peer_pause(CharPeer *peer)
{
    char_unwatch(peer->link, &peer->in_watch);
    char_unwatch(peer->link, &peer->out_watch);
}

CharPeer *
char_peer_add(CharLink *link, int fd, guint64 pos)
{
    int type = 0;
    socklen_t len = sizeof type;

    if (link->peers->len >= MAX_PEERS) {
        sys_close(&fd);
        return NULL;
    }
    int flags = fcntl(fd, F_GETFL);
    (void) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
    CharPeer *peer = g_new0(CharPeer, 1);
    *peer = (CharPeer){.link = link, .fd = fd, .pos = pos};
    peer->is_socket = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
    g_ptr_array_add(link->peers, peer);
    return peer;
}

void
char_peer_free(gpointer data)
{
    CharPeer *peer = data;

    char_peer_pause(peer);
    sys_close(&peer->fd);
    g_free(peer);
}
