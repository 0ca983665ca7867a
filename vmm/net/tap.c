/* vmm/net/tap.c - kind "tap": an interface of the host's kernel.
 *
 * By name (an interface that exists and is ours, or any when we may make one)
 * or by open descriptors that somebody made who may: also those of macvtap,
 * which answer to the same calls. The descriptors carry a virtio header when
 * the host can, so checksums and segmentation are done once, by the host's
 * stack or its card. Kernel: Documentation/networking/tuntap.rst. */
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_tun.h>

#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"
#include "vmm/net/net-internal.h"

/* Linux 6.2; absent from older headers. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define TUN_DEVICE   "/dev/net/tun"
#define REOPEN_EVERY NSEC_PER_SECOND

typedef struct {
    NetLink *link;
    char ifname[IFNAMSIZ];
    bool by_name; /* we opened it, so we may try again */
    bool vnet;    /* descriptors carry a header */
    bool multi;
    bool attached[NET_MAX_QUEUES];
    int fds[NET_MAX_QUEUES];
    Timer *reopen;
} NetTap;

static bool
tap_error(GError **error, int err, const char *ifname, const char *what)
{
    CarrelNetError code = CARREL_NET_ERROR_FAILED;
    const char *fix = "";

    if (err == EPERM || err == EACCES) {
        code = CARREL_NET_ERROR_PERMISSION;
        fix = "; it must be made for this user: "
              "`sudo ip tuntap add dev NAME mode tap user $USER`";
    } else if (err == ENODEV || err == ENOENT || err == ENXIO) {
        code = CARREL_NET_ERROR_NO_DEVICE;
        fix = "; load the kernel's module: `sudo modprobe tun`";
    } else if (err == EBUSY) {
        code = CARREL_NET_ERROR_BUSY;
        fix = "; another machine uses it";
    } else if (err == EINVAL) {
        fix = "; there may be an interface of that name that is no tap, or "
              "one made for more queues (multi_queue)";
    }
    g_set_error(error, CARREL_NET_ERROR, code, "tap '%s': %s: %s%s", ifname,
                what, g_strerror(err), fix);
    return false;
}

/* ---- descriptors ---- */

static int
open_queue(const char *ifname, short flags)
{
    struct ifreq ifr = {.ifr_flags = flags};
    CARREL_AUTO_FD int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    g_strlcpy(ifr.ifr_name, ifname, sizeof ifr.ifr_name);
    if (ioctl(fd, TUNSETIFF, &ifr) < 0)
        return -errno;
    return sys_steal_fd(&fd);
}

/* One queue may be one of a multi-queue interface, and must then say so. */
static int
open_first(NetTap *tap, unsigned queues)
{
    short flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    int fd = -EINVAL;

    tap->multi = queues > 1;
    if (!tap->multi)
        fd = open_queue(tap->ifname, flags);
    if (fd == -EINVAL) {
        fd = open_queue(tap->ifname, flags | IFF_MULTI_QUEUE);
        tap->multi = tap->multi || fd >= 0;
    }
    return fd;
}

static bool
open_by_name(NetLink *link, NetTap *tap, GError **error)
{
    tap->fds[0] = open_first(tap, link->n_queues);
    for (unsigned i = 1; i < link->n_queues && tap->fds[i - 1] >= 0; i++)
        tap->fds[i] = open_queue(
            tap->ifname, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
    tap->vnet = true;
    for (unsigned i = 0; i < link->n_queues; i++) {
        if (tap->fds[i] < 0) {
            int err = -tap->fds[i];
            for (unsigned k = i; k < NET_MAX_QUEUES; k++)
                tap->fds[k] = -1; /* those were never opened */
            return tap_error(error, err, tap->ifname, "cannot be opened");
        }
        tap->attached[i] = true;
    }
    return true;
}

static bool
adopt_fd(NetTap *tap, unsigned i, GError **error)
{
    struct ifreq ifr = {.ifr_flags = 0};
    int fd = tap->fds[i];
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        ioctl(fd, TUNGETIFF, &ifr) < 0)
        return tap_error(error, errno, "(passed)",
                         "the descriptor is not one of a tap interface");
    bool vnet = (ifr.ifr_flags & IFF_VNET_HDR) != 0;
    if (!(ifr.ifr_flags & IFF_TAP) || (i > 0 && vnet != tap->vnet))
        return tap_error(error, EINVAL, ifr.ifr_name,
                         "the descriptors are not queues of one tap");
    tap->vnet = vnet;
    tap->multi = (ifr.ifr_flags & IFF_MULTI_QUEUE) != 0;
    tap->attached[i] = true;
    g_strlcpy(tap->ifname, ifr.ifr_name, sizeof tap->ifname);
    return true;
}

static bool
adopt_fds(NetLink *link, NetTap *tap, const NetSpec *spec, GError **error)
{
    unsigned n = MIN(spec->n_fds, NET_MAX_QUEUES);

    for (unsigned i = 0; i < spec->n_fds; i++) {
        int extra = spec->fds[i];
        if (i < n)
            tap->fds[i] = extra;
        else
            sys_close(&extra);
    }
    if (spec->n_fds != link->n_queues)
        return tap_error(error, EINVAL, "(passed)",
                         "there must be one descriptor a queue");
    for (unsigned i = 0; i < n; i++)
        if (!adopt_fd(tap, i, error))
            return false;
    return true;
}

/* A question to the kernel about an interface; -errno. */
static int
if_ioctl(unsigned long request, struct ifreq *ifr)
{
    /* any socket will do: this is the kind that a sandbox leaves us */
    CARREL_AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    return ioctl(fd, request, ifr) < 0 ? -errno : 0;
}

/* Up and of the wanted size, as far as we may; else the host's owner did it
 * or will. */
static void
set_up_interface(NetLink *link, NetTap *tap, guint mtu)
{
    struct ifreq ifr = {.ifr_mtu = (int) mtu};

    g_strlcpy(ifr.ifr_name, tap->ifname, sizeof ifr.ifr_name);
    if (mtu != 0)
        (void) if_ioctl(SIOCSIFMTU, &ifr);
    if (if_ioctl(SIOCGIFMTU, &ifr) == 0 && ifr.ifr_mtu >= (int) NET_MTU_MIN)
        link->mtu = MIN((guint) ifr.ifr_mtu, NET_MTU_MAX);
    if (if_ioctl(SIOCGIFFLAGS, &ifr) == 0 && !(ifr.ifr_flags & IFF_UP)) {
        ifr.ifr_flags |= IFF_UP;
        (void) if_ioctl(SIOCSIFFLAGS, &ifr);
    }
}

static bool
tap_open(NetLink *link, const NetSpec *spec, GError **error)
{
    NetTap *tap = g_new0(NetTap, 1);

    tap->link = link;
    for (unsigned i = 0; i < NET_MAX_QUEUES; i++)
        tap->fds[i] = -1;
    link->transport = tap;
    tap->by_name = spec->n_fds == 0;
    if (tap->by_name) {
        const char *name = spec->ifname != NULL ? spec->ifname : "";
        if (*name == '\0' || strlen(name) >= IFNAMSIZ ||
            strpbrk(name, "/% ") != NULL) {
            g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                        "tap: '%s' is no name of an interface (1 to 15 "
                        "characters)",
                        name);
            return false;
        }
        g_strlcpy(tap->ifname, name, sizeof tap->ifname);
    }
    if (tap->by_name ? !open_by_name(link, tap, error)
                     : !adopt_fds(link, tap, spec, error))
        return false;
    set_up_interface(link, tap, spec->mtu);
    for (unsigned i = 0; i < link->n_queues; i++)
        link->queues[i].fd = tap->fds[i];
    link->description = g_strdup_printf("tap %s", tap->ifname);
    link->carrier = true;
    return true;
}

static void
tap_close(NetLink *link)
{
    NetTap *tap = link->transport;

    if (tap == NULL)
        return;
    for (unsigned i = 0; i < NET_MAX_QUEUES; i++)
        sys_close(&tap->fds[i]);
    timer_free(tap->reopen);
    g_free(tap);
    link->transport = NULL;
}

/* ---- formats ---- */

static unsigned
tap_set_header(NetLink *link, NetHdr hdr)
{
    NetTap *tap = link->transport;
    int len = hdr != NET_HDR_NONE ? (int) hdr : NET_HDR_LEGACY;

    if (!tap->vnet)
        return 0;
    if (ioctl(tap->fds[0], TUNSETVNETHDRSZ, &len) == 0)
        return (unsigned) len;
    return NET_HDR_LEGACY; /* the kernel's own default */
}

static unsigned
tap_set_offloads(NetLink *link, unsigned wanted)
{
    static const struct {
        unsigned offload, tun;
    } bits[] = {
        {NET_OFFLOAD_CSUM, TUN_F_CSUM},
        {NET_OFFLOAD_TSO4, TUN_F_TSO4},
        {NET_OFFLOAD_TSO6, TUN_F_TSO6},
        {NET_OFFLOAD_ECN, TUN_F_TSO_ECN},
        {NET_OFFLOAD_USO, TUN_F_USO4 | TUN_F_USO6},
    };
    NetTap *tap = link->transport;
    unsigned long flags = 0;
    unsigned long uso = TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6;

    if (!tap->vnet)
        return 0;
    /* old kernels refuse what they do not know: ask, then set */
    bool has_uso = ioctl(tap->fds[0], TUNSETOFFLOAD, uso) == 0;
    link->tx_native = has_uso ? NET_OFFLOAD_USO : 0;
    if (!has_uso)
        wanted &= ~(unsigned) NET_OFFLOAD_USO;
    for (gsize i = 0; i < G_N_ELEMENTS(bits); i++)
        if (wanted & bits[i].offload)
            flags |= bits[i].tun;
    if (ioctl(tap->fds[0], TUNSETOFFLOAD, flags) == 0)
        return wanted;
    (void) ioctl(tap->fds[0], TUNSETOFFLOAD, 0UL); /* every kernel knows it */
    return 0;
}

static int
tap_set_queues(NetLink *link, unsigned n)
{
    NetTap *tap = link->transport;

    for (unsigned i = 0; tap->multi && i < link->n_queues; i++) {
        struct ifreq ifr = {.ifr_flags =
                                i < n ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};
        if (tap->attached[i] == (i < n))
            continue;
        if (ioctl(tap->fds[i], TUNSETQUEUE, &ifr) < 0)
            return -errno;
        tap->attached[i] = i < n;
    }
    return 0;
}

/* ---- frames ---- */

/* What says that the interface has gone, not that this frame is bad. */
static bool
is_gone(int err)
{
    return err == EBADFD || err == ENODEV || err == ENXIO || err == EBADF;
}

static unsigned
tap_send(NetQueue *q, const NetFrame *frames, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        gssize sent =
            SYS_RETRY(writev(q->fd, frames[i].iov, (int) frames[i].n_iov));
        if (sent >= 0) {
            net_count(&q->tx, 1, (guint64) sent - q->link->wire);
            continue;
        }
        if (errno == EAGAIN || errno == ENOBUFS)
            return i;
        if (is_gone(errno)) {
            net_queue_lost(q);
            return i;
        }
        net_count_drop(&q->tx); /* EINVAL: header; EIO: interface is down */
    }
    return n;
}

static unsigned
tap_receive(NetQueue *q, NetFrame *frames, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        gsize room = net_iov_len(frames[i].iov, frames[i].n_iov);
        gssize got =
            SYS_RETRY(readv(q->fd, frames[i].iov, (int) frames[i].n_iov));
        if (got > 0) {
            /* tun cuts what does not fit and returns no more than fits: a
             * frame that fills everything may be one; with room for the
             * largest it is not */
            bool full = (gsize) got >= room && room < NET_FRAME_MAX;
            frames[i].len = full ? 0 : (gsize) got;
            continue;
        }
        if (got < 0 && is_gone(errno))
            net_queue_lost(q);
        return i;
    }
    return n;
}

/* ---- an interface that went away ---- */

static void
reopen(void *data)
{
    NetTap *tap = data;
    NetLink *link = tap->link;
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < link->n_queues; i++) {
        net_queue_set_fd(&link->queues[i], -1);
        sys_close(&tap->fds[i]);
        tap->attached[i] = false;
    }
    if (if_nametoindex(tap->ifname) == 0 || !open_by_name(link, tap, &error)) {
        for (unsigned i = 0; i < link->n_queues; i++)
            sys_close(&tap->fds[i]);
        timer_arm(tap->reopen,
                  loop_now_ns(link->loop, CLOCK_HOST) + REOPEN_EVERY);
        return;
    }
    set_up_interface(link, tap, link->mtu);
    for (unsigned i = 0; i < link->n_queues; i++)
        net_queue_set_fd(&link->queues[i], tap->fds[i]);
    NetHdr hdr = link->hdr;
    unsigned offloads = link->offloads;
    net_set_header(link, hdr);
    (void) net_set_offloads(link, offloads); /* same host, same answer */
    (void) tap_set_queues(link, link->used_queues);
    net_set_carrier(link, true);
}

static void
lost_on_loop(void *data)
{
    NetTap *tap = data;

    net_set_carrier(tap->link, false);
    if (!tap->by_name)
        return;
    timer_arm(tap->reopen,
              loop_now_ns(tap->link->loop, CLOCK_HOST) + REOPEN_EVERY);
}

static void
tap_lost(NetQueue *q)
{
    NetTap *tap = q->link->transport;

    /* by the timer: we may be inside a call of the NIC, on another loop */
    timer_arm(tap->reopen, 0);
}

static void
tap_timer(void *data)
{
    NetTap *tap = data;

    if (atomic_load_explicit(&tap->link->carrier, memory_order_acquire))
        lost_on_loop(tap);
    else
        reopen(tap);
}

static void
tap_start(NetLink *link)
{
    NetTap *tap = link->transport;

    tap->reopen = timer_new(link->loop, CLOCK_HOST, tap_timer, tap);
}

static void
tap_stop(NetLink *link)
{
    NetTap *tap = link->transport;

    timer_free(tap->reopen);
    tap->reopen = NULL;
}

const NetKind net_tap_kind = {
    .name = "tap",
    .several_queues = true,
    .open = tap_open,
    .close = tap_close,
    .start = tap_start,
    .stop = tap_stop,
    .lost = tap_lost,
    .send = tap_send,
    .receive = tap_receive,
    .set_header = tap_set_header,
    .set_offloads = tap_set_offloads,
    .set_queues = tap_set_queues,
};
