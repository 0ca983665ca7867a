/* app/helper/host-net.c - see host-net.h. */
#include "app/helper/host-net.h"

#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <linux/if_tun.h>

#include "app/helper/rtnl.h"
#include "vmm/core/sysutil.h"

/* udev may take a moment to make the node of a macvtap. */
#define NODE_TRIES   100
#define NODE_WAIT_US 10000

void
host_net_name(uid_t uid, const char *machine, const char *nic,
              char ret_name[HOST_NET_NAME_MAX])
{
    g_autofree char *text = g_strdup_printf("%u/%s/%s", uid, machine, nic);
    g_autofree char *sum =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

    g_snprintf(ret_name, HOST_NET_NAME_MAX, "cr%.8s-%c", sum,
               nic[strlen(nic) - 1]);
}

bool
host_net_is_ours(const char *name)
{
    if (strlen(name) != 12 || name[0] != 'c' || name[1] != 'r' ||
        name[10] != '-' || !g_ascii_isdigit(name[11]))
        return false;
    for (unsigned i = 2; i < 10; i++)
        if (!g_ascii_isdigit(name[i]) && (name[i] < 'a' || name[i] > 'f'))
            return false;
    return true;
}

bool
host_net_may_change(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};

    return syscall(SYS_capget, &header, data) == 0 &&
           (data[0].effective & 1u << CAP_NET_ADMIN) != 0;
}

/* ---- making and deleting ---- */

static int
tap_fd(const char *name, unsigned queues)
{
    struct ifreq ifr = {.ifr_flags =
                            (short) (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
                                     (queues > 1 ? IFF_MULTI_QUEUE : 0))};
    CARREL_AUTO_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    g_strlcpy(ifr.ifr_name, name, sizeof ifr.ifr_name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
        return -errno;
    return sys_steal_fd(&fd);
}

static int
join_bridge(const char *name, const char *bridge)
{
    RtnlLink tap, br;
    int err = rtnl_get(bridge, &br);

    if (err < 0)
        return err;
    if (strcmp(br.kind, "bridge") != 0)
        return -ENOTTY;
    err = rtnl_get(name, &tap);
    if (err == 0)
        err = rtnl_set_master(tap.index, br.index);
    return err < 0 ? err : rtnl_set_up(tap.index);
}

int
host_net_make_tap(const char *name, const char *bridge, uid_t uid,
                  unsigned queues)
{
    if (if_nametoindex(name) != 0)
        return -EEXIST;
    CARREL_AUTO_FD int fd = tap_fd(name, queues);
    if (fd < 0) {
        int result = fd;
        fd = -1;
        return result;
    }
    int err = join_bridge(name, bridge);
    if (err < 0)
        return err; /* not persistent yet: it goes with fd */
    if (ioctl(fd, TUNSETOWNER, (unsigned long) uid) < 0 ||
        ioctl(fd, TUNSETPERSIST, 1UL) < 0)
        return -errno;
    return 0;
}

static char *
node_of(int index)
{
    return g_strdup_printf("/dev/tap%d", index);
}

static bool
await_node(const char *path)
{
    for (unsigned i = 0; i < NODE_TRIES; i++) {
        if (access(path, F_OK) == 0)
            return true;
        g_usleep(NODE_WAIT_US);
    }
    return false;
}

int
host_net_make_macvtap(const char *name, const char *lower, uid_t uid,
                      const guint8 mac[6])
{
    RtnlLink below, made;
    int err = rtnl_get(lower, &below);

    if (err == 0)
        err = rtnl_add_macvtap(name, below.index, mac);
    if (err == 0)
        err = rtnl_get(name, &made);
    if (err < 0)
        return err;
    g_autofree char *node = node_of(made.index);
    err = rtnl_set_up(made.index);
    if (err == 0 && !await_node(node))
        err = -ENXIO;
    if (err == 0 && uid != geteuid() && chown(node, uid, (gid_t) -1) < 0)
        err = -errno;
    if (err < 0)
        (void) rtnl_delete(made.index); /* half of it is of no use */
    return err;
}

int
host_net_delete(const char *name, const char *kind)
{
    RtnlLink link;

    if (!host_net_is_ours(name))
        return -EPERM;
    int err = rtnl_get(name, &link);
    if (err < 0)
        return err;
    if (strcmp(link.kind, kind) != 0)
        return -EPERM;
    return rtnl_delete(link.index);
}

/* ---- the machine's side ---- */

static NetLink *
needs_helper(const char *name, const char *what, const char *command,
             GError **error)
{
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_PERMISSION,
                "%s needs the interface '%s', which only root can make; run "
                "once: sudo carrel helper %s",
                what, name, command);
    return NULL;
}

static NetLink *
failed(int err, const char *name, const char *what, GError **error)
{
    CarrelNetError code = CARREL_NET_ERROR_FAILED;
    const char *fix = "";

    if (err == -ENODEV || err == -ENOENT || err == -ENXIO) {
        code = CARREL_NET_ERROR_NO_DEVICE;
        fix = "; `ip link` shows what there is";
    } else if (err == -EPERM || err == -EACCES) {
        code = CARREL_NET_ERROR_PERMISSION;
    } else if (err == -EBUSY) {
        code = CARREL_NET_ERROR_BUSY;
        fix = "; another machine uses it";
    } else if (err == -ENOTTY) {
        code = CARREL_NET_ERROR_NO_DEVICE;
        fix = "; it is no bridge";
    }
    g_set_error(error, CARREL_NET_ERROR, code, "%s '%s': %s%s", what, name,
                g_strerror(-err), fix);
    return NULL;
}

static NetLink *
open_new_tap(const HostNet *host, NetSpec *spec, Loop *loop, GError **error)
{
    /* not persistent: it goes with the machine */
    NetLink *link = net_open(spec, loop, error);
    int err = link != NULL ? join_bridge(spec->ifname, host->bridge) : 0;

    if (err < 0) {
        net_close(link);
        return failed(err, host->bridge, "bridge", error);
    }
    return link;
}

NetLink *
host_net_open_bridge(const HostNet *host, NetSpec *spec, Loop *loop,
                     GError **error)
{
    char name[HOST_NET_NAME_MAX];
    RtnlLink bridge, tap;
    int err = rtnl_get(host->bridge, &bridge);

    if (err < 0 || strcmp(bridge.kind, "bridge") != 0)
        return failed(err < 0 ? err : -ENOTTY, host->bridge, "bridge", error);
    host_net_name(getuid(), host->machine, host->nic, name);
    spec->kind = "tap";
    spec->ifname = name;
    bool exists = rtnl_get(name, &tap) == 0;
    if (exists && tap.master == bridge.index)
        return net_open(spec, loop, error);
    if (!exists && host_net_may_change())
        return open_new_tap(host, spec, loop, error);
    if (exists && host_net_may_change() &&
        (err = join_bridge(name, host->bridge)) == 0)
        return net_open(spec, loop, error);
    g_autofree char *command =
        g_strdup_printf("%s %s --bridge=%s --user=%u --queues=%u",
                        exists ? "tap-delete" : "tap-create", name,
                        host->bridge, getuid(), host->queues);
    return needs_helper(name, "a card on a bridge", command, error);
}

/* Descriptors of a macvtap; the link owns them from net_open() on. */
static NetLink *
open_macvtap(const HostNet *host, int index, NetSpec *spec, Loop *loop,
             GError **error)
{
    g_autofree char *node = node_of(index);
    int fds[NET_MAX_QUEUES];
    unsigned n = 0;

    for (; n < host->queues && n < NET_MAX_QUEUES; n++) {
        struct ifreq ifr = {
            .ifr_flags = (short) (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
                                  (host->queues > 1 ? IFF_MULTI_QUEUE : 0))};
        fds[n] = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        int err = errno;
        if (fds[n] >= 0 && ioctl(fds[n], TUNSETIFF, &ifr) == 0)
            continue;
        err = fds[n] < 0 ? err : errno;
        for (unsigned i = 0; i <= n; i++)
            sys_close(&fds[i]);
        return failed(-err, node, "macvtap", error);
    }
    spec->kind = "tap";
    spec->ifname = NULL;
    spec->fds = fds;
    spec->n_fds = n;
    return net_open(spec, loop, error);
}

NetLink *
host_net_open_macvtap(HostNet *host, NetSpec *spec, Loop *loop, GError **error)
{
    char name[HOST_NET_NAME_MAX];
    RtnlLink lower, link;
    const guint8 *a = host->mac;
    int err = rtnl_get(host->lower, &lower);

    if (err < 0)
        return failed(err, host->lower, "interface", error);
    host_net_name(getuid(), host->machine, host->nic, name);
    bool may = host_net_may_change();
    bool exists = rtnl_get(name, &link) == 0 && link.lower == lower.index;
    if (!exists && may) {
        err = host_net_make_macvtap(name, host->lower, geteuid(), host->mac);
        if (err < 0)
            return failed(err, host->lower, "macvtap on", error);
        exists = rtnl_get(name, &link) == 0;
        g_strlcpy(host->made, name, sizeof host->made);
    }
    /* the host's card delivers by this address */
    bool same = exists && memcmp(link.mac, host->mac, 6) == 0;
    if (exists && !same && may)
        same = rtnl_set_mac(link.index, host->mac) == 0;
    if (same)
        return open_macvtap(host, link.index, spec, loop, error);
    g_autofree char *command = g_strdup_printf(
        "macvtap-create %s --on=%s --user=%u "
        "--mac=%02x:%02x:%02x:%02x:%02x:%02x",
        name, host->lower, getuid(), a[0], a[1], a[2], a[3], a[4], a[5]);
    return needs_helper(name, "a card by macvtap", command, error);
}
