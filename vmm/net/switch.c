/* vmm/net/switch.c - kind "switch": a member of a private switch between this
 * user's machines. The first member starts the switch's process, the last one
 * ends it; a switch that dies is started again by whoever notices. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "vmm/core/sysutil.h"
#include "vmm/net/dial.h"

#define START_TRIES   200
#define START_WAIT_US 10000

typedef struct {
    NetRole role;
    char *path;
} NetSwitch;

/* -1 and errno: nobody there. */
static int
try_connect(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    CARREL_AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    strcpy(addr.sun_path, path); /* fits: checked at open */
    if (fd < 0 || SYS_RETRY(connect(fd, (const struct sockaddr *) &addr,
                                    sizeof addr)) < 0)
        return -1;
    return sys_steal_fd(&fd);
}

static int
start_and_connect(NetSwitch *sw, GError **error)
{
    const char *const tail[] = {sw->path, NULL};

    if (!net_role_start(&sw->role, tail, NULL, 0, error))
        return -1;
    for (unsigned i = 0; i < START_TRIES; i++) {
        int fd = try_connect(sw->path);
        if (fd >= 0)
            return fd;
        g_usleep(START_WAIT_US);
    }
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_FAILED,
                "switch '%s' does not start; is its folder there, and "
                "writable?",
                sw->path);
    return -1;
}

/* Pool, or set-up thread. The lock keeps two members from starting a switch
 * each, and a switch from ending while somebody connects. */
static int
switch_connect(gpointer data, GError **error)
{
    NetSwitch *sw = data;
    g_autofree char *lock_path = g_strconcat(sw->path, ".lock", NULL);
    CARREL_AUTO_FD int lock =
        open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (lock < 0 || SYS_RETRY(flock(lock, LOCK_EX)) < 0) {
        sys_error(error, errno, "switch '%s' cannot be locked", sw->path);
        return -1;
    }
    int fd = try_connect(sw->path);
    return fd >= 0 ? fd : start_and_connect(sw, error);
}

static void
switch_destroy(gpointer data)
{
    NetSwitch *sw = data;

    net_role_clear(&sw->role);
    g_free(sw->path);
    g_free(sw);
}

static const NetDialOps dial_ops = {.connect = switch_connect,
                                    .destroy = switch_destroy};

static bool
switch_open(NetLink *link, const NetSpec *spec, GError **error)
{
    struct sockaddr_un addr;

    g_return_val_if_fail(spec->role_argv != NULL && spec->path != NULL, false);
    if (strlen(spec->path) >= sizeof addr.sun_path) {
        g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                    "switch '%s': the path is longer than a socket's may be; "
                    "choose a shorter name",
                    spec->path);
        return false;
    }
    NetSwitch *sw = g_new0(NetSwitch, 1);
    net_role_init(&sw->role, spec);
    sw->path = g_strdup(spec->path);
    if (!net_dial_open(link, &dial_ops, sw, error))
        return false;
    g_autofree char *name = g_path_get_basename(spec->path);
    link->description = g_strdup_printf("switch %s", name);
    return true;
}

const NetKind net_switch_kind = {
    .name = "switch",
    .open = switch_open,
    .close = net_dial_close,
    .start = net_dial_start,
    .stop = net_dial_stop,
    .lost = net_dial_lost,
    .send = net_socket_send,
    .receive = net_socket_receive,
    .set_header = net_socket_set_header,
    .set_offloads = net_socket_set_offloads,
};
