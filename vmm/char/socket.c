/* vmm/char/socket.c - kind "socket": a Unix socket that many may connect to.
 *
 * A client first gets the scrollback. The socket belongs to the user alone
 * (0600 from the first moment on); one left behind by a process that died is
 * replaced, one that somebody listens on is not. */
#include "vmm/char/char-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "vmm/core/sysutil.h"

#define BACKLOG      16
#define ACCEPT_TURNS 16

typedef struct {
    int fd;
    guint watch;
    char *path;
    dev_t dev; /* of the name we made: only that one is removed */
    ino_t ino;
    bool bound;
} CharSocket;

static bool
fill_address(const char *path, struct sockaddr_un *ret_addr, GError **error)
{
    *ret_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof ret_addr->sun_path) {
        strcpy(ret_addr->sun_path, path);
        return true;
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NAMETOOLONG,
                "socket '%s' cannot be made: the path is longer than the %zu "
                "bytes a socket may have; choose a shorter one",
                path, sizeof ret_addr->sun_path - 1);
    return false;
}

/* Removes a socket nobody listens on. False and error set when the name is
 * taken for good. */
static bool
remove_stale(const char *path, const struct sockaddr_un *addr, GError **error)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ||
               sys_error(error, errno, "socket '%s' cannot be made", path);
    if (!S_ISSOCK(st.st_mode)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "socket '%s' cannot be made: there is another file of "
                    "that name; remove it or choose another path",
                    path);
        return false;
    }
    CARREL_AUTO_FD int probe =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return sys_error(error, errno, "cannot make a socket");
    if (connect(probe, (const struct sockaddr *) addr, sizeof *addr) < 0 &&
        errno == ECONNREFUSED)
        return unlink(path) == 0 || errno == ENOENT ||
               sys_error(error, errno,
                         "socket '%s' is left over and cannot be removed",
                         path);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "socket '%s' cannot be made: another process listens there; "
                "stop it or choose another path",
                path);
    return false;
}

static bool
bind_and_listen(CharSocket *sock, const struct sockaddr_un *addr,
                GError **error)
{
    struct stat st;

    sock->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sock->fd < 0)
        return sys_error(error, errno, "cannot make a socket");
    /* before bind(): the name is made with the socket's own mode */
    if (fchmod(sock->fd, 0600) < 0)
        return sys_error(error, errno, "socket '%s': cannot set its mode",
                         sock->path);
    if (bind(sock->fd, (const struct sockaddr *) addr, sizeof *addr) < 0)
        return sys_error(error, errno,
                         "socket '%s' cannot be made; check its directory",
                         sock->path);
    if (lstat(sock->path, &st) == 0) {
        sock->dev = st.st_dev;
        sock->ino = st.st_ino;
        sock->bound = true;
    }
    if (chmod(sock->path, 0600) < 0 || listen(sock->fd, BACKLOG) < 0)
        return sys_error(error, errno, "socket '%s' cannot be listened on",
                         sock->path);
    return true;
}

static bool
socket_open(CharLink *link, const char *arg, GError **error)
{
    CharSocket *sock = g_new0(CharSocket, 1);
    struct sockaddr_un addr;

    sock->fd = -1;
    sock->path = g_strdup(arg);
    link->transport = sock;
    link->description = g_strdup_printf("socket:%s", arg);
    return fill_address(arg, &addr, error) && remove_stale(arg, &addr, error) &&
           bind_and_listen(sock, &addr, error);
}

static void
socket_close(CharLink *link)
{
    CharSocket *sock = link->transport;
    struct stat st;

    if (sock == NULL)
        return;
    sys_close(&sock->fd);
    if (sock->bound && lstat(sock->path, &st) == 0 && st.st_dev == sock->dev &&
        st.st_ino == sock->ino)
        (void) unlink(sock->path); /* at worst a stale name stays */
    g_free(sock->path);
    g_free(sock);
    link->transport = NULL;
}

static void
connected(int fd, GIOCondition ev, void *data)
{
    CharLink *link = data;
    CharSocket *sock = link->transport;

    for (unsigned i = 0; i < ACCEPT_TURNS; i++) {
        int client =
            SYS_RETRY(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (client < 0) {
            /* out of descriptors: it would wake us for ever; with the next
             * output it is tried again */
            if (errno != EAGAIN && errno != ECONNABORTED)
                char_unwatch(link, &sock->watch);
            return;
        }
        CharPeer *peer = char_peer_add(link, client, 0);
        if (peer == NULL)
            continue;
        char_peer_listen(peer);
        char_peer_flush(peer);
    }
}

static void
socket_start(CharLink *link)
{
    CharSocket *sock = link->transport;

    if (sock->watch == 0)
        sock->watch = char_watch(link, sock->fd, G_IO_IN, connected, link);
}

static void
socket_stop(CharLink *link)
{
    CharSocket *sock = link->transport;

    char_unwatch(link, &sock->watch);
}

const CharKind char_socket_kind = {
    .name = "socket",
    .arg = CHAR_ARG_REQUIRED,
    .arg_help = "path of the socket",
    .open = socket_open,
    .close = socket_close,
    .start = socket_start,
    .stop = socket_stop,
    .flush = socket_start,
};
