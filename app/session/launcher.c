/* app/session/launcher.c - see launcher.h.
 *
 * Forked while the machine's process has one thread and no guest. It takes
 * messages of words, ended by zeros, with descriptors, and answers each with an
 * errno. It starts nothing but this program, and of it nothing but the roles of
 * networks and of USB devices, and ends with the machine. */
#include "app/session/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/core/sysutil.h"
#include "vmm/net/net.h"

#define MESSAGE_MAX 8192u
#define MAX_WORDS   32u
#define MAX_FDS     2u
#define FIRST_FD    3 /* what descriptors are called in a role */
#define OUT_OF_WAY  16

static struct {
    GMutex lock; /* L1 guards fd; held while asking */
    int fd;      /* 0: there is no launcher */
} launcher;

static const char *const roles[] = {"__net", "__switch", "__usb"};

/* ---- the launcher's side ---- */

static int
start(char **argv, const int *fds, unsigned n_fds)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t defaults;
    pid_t pid;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return rc;
    for (unsigned i = 0; rc == 0 && i < n_fds; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, fds[i],
                                              FIRST_FD + (int) i);
    (void) posix_spawnattr_init(&attr); /* cannot fail here */
    (void) sigemptyset(&defaults);
    (void) sigaddset(&defaults, SIGCHLD);
    (void) posix_spawnattr_setsigdefault(&attr, &defaults);
    (void) posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc =
            posix_spawn(&pid, "/proc/self/exe", &actions, &attr, argv, environ);
    (void) posix_spawnattr_destroy(&attr);
    (void) posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* The words of a message; false: it is none of ours. */
static bool
split(char *text, gsize len, char *argv[MAX_WORDS + 2])
{
    unsigned n = 0;

    argv[n++] = (char *) "carrel";
    if (len == 0 || text[len - 1] != '\0')
        return false;
    for (gsize at = 0; at < len; at += strlen(text + at) + 1) {
        if (n > MAX_WORDS)
            return false;
        argv[n++] = text + at;
    }
    argv[n] = NULL;
    for (gsize i = 0; n > 1 && i < G_N_ELEMENTS(roles); i++)
        if (strcmp(argv[1], roles[i]) == 0)
            return true;
    return false;
}

/* Takes the descriptors of a message out of the way of FIRST_FD. */
static unsigned
take_fds(struct msghdr *msg, int fds[MAX_FDS])
{
    unsigned n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
         c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (gsize i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (n < MAX_FDS)
                fds[n++] = fcntl(fd, F_DUPFD_CLOEXEC, OUT_OF_WAY);
            (void) close(fd);
        }
    }
    return n;
}

static bool
serve(int fd)
{
    static char text[MESSAGE_MAX];
    char control[CMSG_SPACE(MAX_FDS * sizeof(int))];
    struct iovec iov = {text, sizeof text};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    char *argv[MAX_WORDS + 2];
    int fds[MAX_FDS], rc = EINVAL;
    gssize len = SYS_RETRY(recvmsg(fd, &msg, MSG_CMSG_CLOEXEC));

    if (len <= 0)
        return false; /* the machine has ended */
    unsigned n = take_fds(&msg, fds);
    if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        split(text, (gsize) len, argv))
        rc = start(argv, fds, n);
    for (unsigned i = 0; i < n; i++)
        sys_close(&fds[i]);
    return SYS_RETRY(send(fd, &rc, sizeof rc, MSG_NOSIGNAL)) == sizeof rc;
}

G_NORETURN static void
launcher_main(int fd)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, OUT_OF_WAY);

    (void) prctl(PR_SET_NAME, "carrel-launch", 0, 0, 0);
    (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    /* neither the machine's lock nor its pipe to the starter */
    for (int i = 3; i < OUT_OF_WAY; i++)
        (void) close(i);
    if (own > OUT_OF_WAY)
        (void) close_range(OUT_OF_WAY, (unsigned) own - 1, 0);
    (void) close_range((unsigned) own + 1, ~0u, 0);
    (void) signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
    (void) signal(SIGTERM, SIG_IGN); /* the machine says when it ends */
    while (own >= 0 && serve(own)) {
    }
    _exit(0);
}

/* ---- the machine's side ---- */

bool
launcher_start(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        launcher_main(ends[1]);
    (void) close(ends[1]);
    if (pid < 0) {
        (void) close(ends[0]);
        return false;
    }
    launcher.fd = ends[0];
    return true;
}

/* The errno that came back. */
static int
ask(const GString *words, const int *fds, unsigned n_fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
    } control = {{0}};
    struct iovec iov = {words->str, words->len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int rc = EIO;

    if (n_fds > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
    }
    g_mutex_lock(&launcher.lock);
    if (SYS_RETRY(sendmsg(launcher.fd, &msg, MSG_NOSIGNAL)) < 0)
        rc = errno;
    else if (SYS_RETRY(recv(launcher.fd, &rc, sizeof rc, 0)) != sizeof rc)
        rc = EPIPE;
    g_mutex_unlock(&launcher.lock);
    return rc;
}

bool
launcher_spawn(const char *const *argv, const int *fds, unsigned n_fds,
               GError **error)
{
    g_autoptr(GString) words = g_string_new(NULL);

    if (launcher.fd == 0)
        return net_spawn_directly(argv, fds, n_fds, error);
    for (gsize i = 2; argv[i] != NULL; i++) /* not the program, not "carrel" */
        g_string_append_len(words, argv[i], (gssize) strlen(argv[i]) + 1);
    g_return_val_if_fail(n_fds <= MAX_FDS, false);
    int rc = ask(words, fds, n_fds);
    return rc == 0 ||
           sys_error(error, rc, "cannot start the process of a network");
}
