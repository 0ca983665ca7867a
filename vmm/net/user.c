/* vmm/net/user.c - kind "user": NAT in a process of its own.
 *
 * The TCP/IP code that talks to the world, and with the guest's packets in
 * its hands, has no guest memory and no disks: when it is broken into or
 * dies, the guest sees a cable pulled for a second. Here is the machine's
 * end: start, forwards, restart. The process is user-role.c. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vmm/core/sysutil.h"
#include "vmm/net/dial.h"
#include "vmm/net/user-protocol.h"

#define ANSWER_MS    5000
#define MAX_FORWARDS 256

typedef struct {
    NetRole role;
    char *tail[8];     /* words of UserConfig; NULL-terminated */
    int note_fd;       /* loop: a second descriptor of the control socket */
    unsigned offloads; /* loop: as the role knows */

    /* Held while the process is asked, which may take ANSWER_MS: not for the
     * loop, nor for who only looks. */
    GMutex ask_lock; /* L1 guards control_fd */
    int control_fd;  /* of the process that runs */

    GMutex lock;      /* L2 guards rules, fresh_note; held for moments */
    int fresh_note;   /* note_fd of the next one */
    GPtrArray *rules; /* NetForward *; changed under both, so that either is
                       * enough to look */
} NetUser;

static const CarrelNetError *
code_of(int err)
{
    static const CarrelNetError codes[] = {
        CARREL_NET_ERROR_BUSY, CARREL_NET_ERROR_MISSING,
        CARREL_NET_ERROR_PERMISSION, CARREL_NET_ERROR_FAILED};

    switch (err) {
    case EADDRINUSE: return &codes[0];
    case ENOENT: return &codes[1];
    case EACCES: return &codes[2];
    default: return &codes[3];
    }
}

/* ---- talking to the role ---- */

/* The next message, as a string; false after ANSWER_MS or at its end. */
static bool
read_message(int fd, char text[USER_MESSAGE_MAX + 1])
{
    struct pollfd pfd = {fd, POLLIN, 0};

    if (SYS_RETRY(poll(&pfd, 1, ANSWER_MS)) <= 0)
        return false;
    gssize n = SYS_RETRY(recv(fd, text, USER_MESSAGE_MAX, MSG_DONTWAIT));
    if (n <= 0)
        return false;
    text[n] = '\0';
    return true;
}

/* One request, one answer. */
static bool
ask(int fd, const char *verb, const NetForward *f, GError **error)
{
    char answer[USER_MESSAGE_MAX + 1];
    g_autofree char *rule = net_forward_format(f);
    g_autofree char *text = g_strdup_printf("%s %s", verb, rule);
    int err = 0;

    if (fd < 0 ||
        SYS_RETRY(send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL)) <
            0 ||
        !read_message(fd, answer)) {
        /* a late answer would be taken for the next one's: end it */
        if (fd >= 0)
            (void) shutdown(fd, SHUT_RDWR);
        g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_FAILED,
                    "port forward '%s': the network's process does not "
                    "answer; it is started again, try once more",
                    rule);
        return false;
    }
    if (strcmp(answer, "ok") == 0)
        return true;
    if (sscanf(answer, "failed %d", &err) != 1)
        err = EPROTO;
    const char *fix = err == EACCES ? "; use a port from 1024 on" : "";
    g_set_error(error, CARREL_NET_ERROR, (int) *code_of(err),
                "port forward '%s': %s%s", rule,
                err == ENOENT ? "there is none" : g_strerror(err), fix);
    return false;
}

static bool
await_ready(int fd, GError **error)
{
    char text[USER_MESSAGE_MAX + 1];

    if (!read_message(fd, text)) {
        g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_FAILED,
                    "the process of the user network ended at once");
        return false;
    }
    if (strcmp(text, "ready") == 0)
        return true;
    bool missing = g_str_has_prefix(text, "missing");
    g_set_error(error, CARREL_NET_ERROR,
                missing ? CARREL_NET_ERROR_MISSING : CARREL_NET_ERROR_FAILED,
                missing ? "user networks need libslirp, and this program was "
                          "built without it; install libslirp-dev and build "
                          "it again"
                        : "the process of the user network answers nonsense");
    return false;
}

/* ---- connecting ---- */

/* ask_lock held. */
static bool
restore_rules(NetUser *user, int control_fd, GError **error)
{
    for (guint i = 0; i < user->rules->len; i++)
        if (!ask(control_fd, "forward", g_ptr_array_index(user->rules, i),
                 error))
            return false;
    return true;
}

/* ask_lock held. */
static void
take_over(NetUser *user, int control_fd)
{
    sys_close(&user->control_fd);
    user->control_fd = control_fd;
    g_mutex_lock(&user->lock);
    sys_close(&user->fresh_note);
    user->fresh_note = fcntl(control_fd, F_DUPFD_CLOEXEC, 0);
    g_mutex_unlock(&user->lock);
}

/* Pool, or set-up thread. */
static int
user_connect(gpointer data, GError **error)
{
    NetUser *user = data;
    int frames[2], control[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, frames) < 0) {
        sys_error(error, errno, "cannot make a socket");
        return -1;
    }
    CARREL_AUTO_FD int frames_fd = frames[0];
    CARREL_AUTO_FD int frames_there = frames[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0) {
        sys_error(error, errno, "cannot make a socket");
        return -1;
    }
    CARREL_AUTO_FD int control_fd = control[0];
    CARREL_AUTO_FD int control_there = control[1];
    const int fds[] = {frames_there, control_there};
    if (!net_role_start(&user->role, (const char *const *) user->tail, fds, 2,
                        error))
        return -1;
    sys_close(&frames_there); /* else its death would not be seen */
    sys_close(&control_there);
    if (!await_ready(control_fd, error))
        return -1;
    g_mutex_lock(&user->ask_lock);
    bool ok = restore_rules(user, control_fd, error);
    if (ok)
        take_over(user, sys_steal_fd(&control_fd));
    g_mutex_unlock(&user->ask_lock);
    return ok ? sys_steal_fd(&frames_fd) : -1;
}

static void
tell_offloads(NetUser *user)
{
    char text[32];
    int len = snprintf(text, sizeof text, "offloads %u", user->offloads);

    /* a role that does not read is one that will be restarted */
    (void) !send(user->note_fd, text, (gsize) len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
user_connected(gpointer data)
{
    NetUser *user = data;

    sys_close(&user->note_fd);
    g_mutex_lock(&user->lock);
    user->note_fd = sys_steal_fd(&user->fresh_note);
    g_mutex_unlock(&user->lock);
    tell_offloads(user);
}

static void
user_destroy(gpointer data)
{
    NetUser *user = data;

    sys_close(&user->control_fd);
    sys_close(&user->fresh_note);
    sys_close(&user->note_fd);
    net_role_clear(&user->role);
    for (gsize i = 0; i < G_N_ELEMENTS(user->tail); i++)
        g_free(user->tail[i]);
    g_ptr_array_unref(user->rules);
    g_mutex_clear(&user->ask_lock);
    g_mutex_clear(&user->lock);
    g_free(user);
}

static const NetDialOps dial_ops = {.connect = user_connect,
                                    .connected = user_connected,
                                    .destroy = user_destroy};

/* ---- forwards ---- */

/* A lock held. */
static guint
find_rule(const NetUser *user, const NetForward *f)
{
    guint i = 0;

    while (i < user->rules->len &&
           !net_forward_same_host(g_ptr_array_index(user->rules, i), f))
        i++;
    return i;
}

/* ask_lock held, but for user_open(). */
static bool
add_rule(NetUser *user, const NetForward *f, bool ask_role, GError **error)
{
    if (find_rule(user, f) < user->rules->len ||
        user->rules->len >= MAX_FORWARDS) {
        g_autofree char *rule = net_forward_format(f);
        bool full = user->rules->len >= MAX_FORWARDS;
        g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_BUSY,
                    "port forward '%s': %s", rule,
                    full ? "there are 256 of them, which is all there may be"
                         : "there is one from that port already; remove it "
                           "first");
        return false;
    }
    if (ask_role && !ask(user->control_fd, "forward", f, error))
        return false;
    g_mutex_lock(&user->lock);
    g_ptr_array_add(user->rules, g_memdup2(f, sizeof *f));
    g_mutex_unlock(&user->lock);
    return true;
}

/* ask_lock held. */
static bool
remove_rule(NetUser *user, const NetForward *f, GError **error)
{
    guint i = find_rule(user, f);

    if (i == user->rules->len) {
        g_autofree char *rule = net_forward_format(f);
        g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_MISSING,
                    "port forward '%s': there is none from that port; "
                    "`carrel net list` shows them",
                    rule);
        return false;
    }
    if (!ask(user->control_fd, "unforward", g_ptr_array_index(user->rules, i),
             error))
        return false;
    g_mutex_lock(&user->lock);
    g_ptr_array_remove_index(user->rules, i);
    g_mutex_unlock(&user->lock);
    return true;
}

static bool
user_forward(NetLink *link, bool plus, const char *rule, GError **error)
{
    NetUser *user = net_dial_data(link);
    NetForward f;

    if (!net_forward_parse(rule, &f, error))
        return false;
    g_mutex_lock(&user->ask_lock);
    bool ok =
        plus ? add_rule(user, &f, true, error) : remove_rule(user, &f, error);
    g_mutex_unlock(&user->ask_lock);
    return ok;
}

static char **
user_forwards(NetLink *link)
{
    NetUser *user = net_dial_data(link);
    GPtrArray *list = g_ptr_array_new();

    g_mutex_lock(&user->lock);
    for (guint i = 0; i < user->rules->len; i++)
        g_ptr_array_add(list,
                        net_forward_format(g_ptr_array_index(user->rules, i)));
    g_mutex_unlock(&user->lock);
    g_ptr_array_add(list, NULL);
    return (char **) g_ptr_array_free(list, FALSE);
}

/* ---- the kind ---- */

static void
add_boot_words(char **tail, const NetSpec *spec)
{
    if (spec->tftp != NULL && *spec->tftp != '\0')
        *tail++ = g_strconcat("tftp=", spec->tftp, NULL);
    if (spec->bootfile != NULL && *spec->bootfile != '\0')
        *tail = g_strconcat("bootfile=", spec->bootfile, NULL);
}

static NetUser *
user_new(NetLink *link, const NetSpec *spec)
{
    NetUser *user = g_new0(NetUser, 1);

    net_role_init(&user->role, spec);
    user->tail[0] = g_strdup("frames=3");
    user->tail[1] = g_strdup("control=4");
    user->tail[2] = g_strdup_printf("mtu=%u", link->mtu);
    user->tail[3] = g_strdup_printf("restricted=%d", spec->restricted);
    user->tail[4] = g_strdup_printf("host=%d", spec->host_access);
    add_boot_words(&user->tail[5], spec);
    user->control_fd = user->note_fd = user->fresh_note = -1;
    user->rules = g_ptr_array_new_with_free_func(g_free);
    g_mutex_init(&user->ask_lock);
    g_mutex_init(&user->lock);
    return user;
}

static bool
user_open(NetLink *link, const NetSpec *spec, GError **error)
{
    g_return_val_if_fail(spec->role_argv != NULL, false);
    NetUser *user = user_new(link, spec);

    for (gsize i = 0; spec->forwards != NULL && spec->forwards[i] != NULL;
         i++) {
        NetForward f;
        if (!net_forward_parse(spec->forwards[i], &f, error) ||
            !add_rule(user, &f, false, error)) {
            user_destroy(user);
            return false;
        }
    }
    if (!net_dial_open(link, &dial_ops, user, error))
        return false;
    link->description = g_strdup("user 10.0.2.0/24");
    return true;
}

static unsigned
user_set_offloads(NetLink *link, unsigned wanted)
{
    NetUser *user = net_dial_data(link);

    user->offloads = wanted & NET_SOCKET_OFFLOADS;
    tell_offloads(user);
    /* what was sent before may still be under way */
    return NET_SOCKET_OFFLOADS;
}

const NetKind net_user_kind = {
    .name = "user",
    .open = user_open,
    .close = net_dial_close,
    .start = net_dial_start,
    .stop = net_dial_stop,
    .lost = net_dial_lost,
    .send = net_socket_send,
    .receive = net_socket_receive,
    .set_header = net_socket_set_header,
    .set_offloads = user_set_offloads,
    .forward = user_forward,
    .forwards = user_forwards,
};
