/* vmm/net/switch-role.c - the process of a private switch: takes frames of
 * each member in turn and gives them to those whom switch-core.c names. A
 * member that does not read loses frames; nobody waits for it. Members are
 * processes of the same user, which the kernel vouches for. */
#include "vmm/net/switch-role.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "vmm/core/sysutil.h"
#include "vmm/net/net-internal.h"
#include "vmm/net/switch-core.h"

#define IN_BATCH 32
#define BACKLOG  16
/* An empty switch waits so long: its starter is just connecting. */
#define LINGER_MS 1000

typedef struct {
    SwitchCore core;
    const char *path;
    int listen_fd;
    int fds[SWITCH_MEMBERS]; /* -1: free */
    unsigned n_members;
    guint8 *in; /* IN_BATCH buffers of NET_WIRE_MAX */
} Switch;

static gint64
now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

/* ---- members ---- */

static void
drop_member(Switch *s, unsigned member)
{
    sys_close(&s->fds[member]);
    switch_core_leave(&s->core, member);
    s->n_members--;
}

static bool
is_ours(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           peer.uid == geteuid();
}

static void
accept_members(Switch *s)
{
    for (unsigned i = 0; i < BACKLOG; i++) {
        CARREL_AUTO_FD int fd = SYS_RETRY(
            accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd < 0)
            return;
        int member = is_ours(fd) ? switch_core_join(&s->core) : -1;
        if (member < 0)
            continue;
        net_socket_prepare(fd);
        s->fds[member] = sys_steal_fd(&fd);
        s->n_members++;
    }
}

/* ---- frames ---- */

/* A run of frames for the same members, to each of them in one call. */
static void
give(Switch *s, guint64 to, struct iovec *iov, unsigned n)
{
    struct mmsghdr messages[IN_BATCH];

    for (unsigned i = 0; i < n; i++)
        messages[i] =
            (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
    for (unsigned m = 0; m < SWITCH_MEMBERS; m++)
        if (to & G_GUINT64_CONSTANT(1) << m)
            /* what does not go is lost, as on any switch */
            (void) !SYS_RETRY(
                sendmmsg(s->fds[m], messages, n, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static guint64
route(Switch *s, unsigned from, const struct iovec *message)
{
    const guint8 *data = message->iov_base;

    if (message->iov_len < NET_HDR_V1 + NET_FRAME_MIN)
        return 0;
    return switch_core_route(&s->core, from, data + NET_HDR_V1,
                             message->iov_len - NET_HDR_V1, now_ms());
}

static void
forward(Switch *s, unsigned from, struct iovec *iov, unsigned n)
{
    guint64 to = 0;
    unsigned start = 0;

    for (unsigned i = 0; i < n; i++) {
        guint64 next = route(s, from, &iov[i]);
        if (next != to) {
            give(s, to, iov + start, i - start);
            start = i;
            to = next;
        }
    }
    give(s, to, iov + start, n - start);
}

static void
take_frames(Switch *s, unsigned member)
{
    struct mmsghdr messages[IN_BATCH];
    struct iovec iov[IN_BATCH];

    for (unsigned i = 0; i < IN_BATCH; i++) {
        iov[i] = (struct iovec){s->in + (gsize) i * NET_WIRE_MAX, NET_WIRE_MAX};
        messages[i] =
            (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
    }
    int n = SYS_RETRY(
        recvmmsg(s->fds[member], messages, IN_BATCH, MSG_DONTWAIT, NULL));
    bool gone = n < 0 && errno != EAGAIN;
    for (int i = 0; i < n; i++) {
        bool cut = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        iov[i].iov_len = cut ? 0 : messages[i].msg_len;
        gone |= messages[i].msg_len == 0;
    }
    if (n > 0)
        forward(s, member, iov, (unsigned) n);
    if (gone)
        drop_member(s, member);
}

/* ---- life ---- */

/* Under the lock that openers hold: nobody is between looking for the socket
 * and connecting to it. False: somebody came. */
static bool
close_down(Switch *s)
{
    g_autofree char *lock_path = g_strconcat(s->path, ".lock", NULL);
    CARREL_AUTO_FD int lock =
        open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct pollfd pfd = {s->listen_fd, POLLIN, 0};

    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0)
        return false;
    if (poll(&pfd, 1, 0) > 0)
        return false;
    (void) unlink(s->path); /* may have been removed by hand */
    sys_close(&s->listen_fd);
    return true;
}

static void
turn(Switch *s, bool *ret_ended)
{
    struct pollfd polls[SWITCH_MEMBERS + 1];
    unsigned who[SWITCH_MEMBERS + 1];
    unsigned k = 0;

    polls[k++] = (struct pollfd){s->listen_fd, POLLIN, 0};
    for (unsigned m = 0; m < SWITCH_MEMBERS; m++)
        if (s->fds[m] >= 0) {
            who[k] = m;
            polls[k++] = (struct pollfd){s->fds[m], POLLIN, 0};
        }
    int n = poll(polls, k, s->n_members == 0 ? LINGER_MS : -1);
    if (n == 0 && s->n_members == 0) {
        *ret_ended = close_down(s);
        return;
    }
    /* first: who connected before a frame was sent is to get it */
    if (n > 0 && polls[0].revents != 0)
        accept_members(s);
    for (unsigned i = 1; n > 0 && i < k; i++)
        if (polls[i].revents != 0)
            take_frames(s, who[i]);
}

static int
make_socket(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    CARREL_AUTO_FD int fd =
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || strlen(path) >= sizeof addr.sun_path)
        return -1;
    strcpy(addr.sun_path, path);
    (void) umask(0177);
    (void) unlink(path); /* left behind; our starter holds the lock */
    if (bind(fd, (const struct sockaddr *) &addr, sizeof addr) < 0 ||
        listen(fd, BACKLOG) < 0)
        return -1;
    return sys_steal_fd(&fd);
}

int
net_switch_role_main(const char *path, void (*lock_in)(const char *path))
{
    const struct rlimit no_core = {0, 0};
    bool ended = false;

    (void) prctl(PR_SET_NAME, "carrel-switch", 0, 0, 0);
    (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void) setrlimit(RLIMIT_CORE, &no_core);
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGHUP, SIG_IGN);
    (void) signal(SIGINT, SIG_IGN);
    Switch *s = g_new0(Switch, 1);
    switch_core_init(&s->core);
    s->path = path;
    for (unsigned i = 0; i < SWITCH_MEMBERS; i++)
        s->fds[i] = -1;
    s->listen_fd = make_socket(path);
    s->in = g_malloc((gsize) IN_BATCH * NET_WIRE_MAX);
    bool ok = s->listen_fd >= 0;
    if (lock_in != NULL)
        lock_in(path);
    while (ok && !ended)
        turn(s, &ended);
    g_free(s->in);
    g_free(s);
    return ok ? 0 : 1;
}
