/* devices/virtio/virtio-net-vhost.c - the virtio network card with its frames
 * moved by the host's kernel (vhost-net): the driver's notifications and our
 * interrupts are eventfds then, and this process sees neither. The control
 * queue stays here.
 *
 * It runs while a driver is on, the machine is not paused, and the link lets
 * frames pass unseen; else queues are served as without it, from the entry
 * where it stopped. Packed rings it cannot do, so they are not offered. A
 * guest that turns bus mastering off stops it only at the next reset. */
#include <unistd.h>

#include "devices/virtio/virtio-net-internal.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

static void
say(VirtioNet *d, const char *what, const char *why)
{
    DeviceEnv *env = d->virtio.pci.dev.env;
    g_autofree char *line = g_strdup_printf(
        "vhost-net %s (%s): this process moves the frames", what, why);

    env->log(env, d->virtio.pci.dev.id, line);
}

/* ---- life ---- */

static bool
open_pairs(VirtioNet *d, GError **error)
{
    for (unsigned i = 0; i < d->max_pairs; i++) {
        d->pairs[i].vhost = vhost_open(error);
        if (d->pairs[i].vhost == NULL)
            return false;
    }
    guint64 missing = vhost_missing(
        d->pairs[0].vhost, NET_F_MRG_RXBUF | VIRTIO_F_INDIRECT_DESC |
                               VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1);
    if (missing == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS,
                "it is too old, features 0x%" G_GINT64_MODIFIER "x are missing",
                missing);
    return false;
}

/* Asked with a header, as it will have one. */
static bool
is_tap(VirtioNet *d)
{
    net_set_header(d->link, NET_HDR_V1);
    bool tap = net_tap_fd(d->link, 0) >= 0;
    net_set_header(d->link, NET_HDR_NONE);
    return tap;
}

static void
close_pairs(VirtioNet *d)
{
    for (unsigned i = 0; i < NET_MAX_QUEUES; i++) {
        vhost_close(d->pairs[i].vhost);
        d->pairs[i].vhost = NULL;
    }
}

static void
ring_is_bad(int fd, GIOCondition ev, void *data)
{
    VirtioNet *d = data;

    (void) sys_eventfd_drain(fd);
    virtio_lock(&d->virtio);
    if (d->vhost_on)
        virtio_fail(&d->virtio, "vhost-net cannot make sense of a ring");
    virtio_unlock(&d->virtio);
    virtio_net_sync(d);
}

bool
virtio_net_vhost_realize(VirtioNet *d, GError **error)
{
    g_autoptr(GError) why = NULL;
    Loop *loop = d->virtio.pci.dev.env->loop;

    d->error_fd = -1;
    for (unsigned i = 0; i < NET_MAX_QUEUES; i++)
        d->pairs[i].call_fd[0] = d->pairs[i].call_fd[1] = -1;
    if (d->vhost_mode == NET_VHOST_OFF)
        return true;
    if (!is_tap(d)) {
        if (d->vhost_mode == NET_VHOST_AUTO)
            return true;
        g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                    "%s: vhost is for tap, bridge and macvtap networks only",
                    d->virtio.pci.dev.id);
        return false;
    }
    if (open_pairs(d, &why) && (d->error_fd = sys_eventfd(&why)) >= 0) {
        d->error_watch =
            loop_watch_fd(loop, d->error_fd, G_IO_IN, ring_is_bad, d);
        d->virtio.packed = false;
        return true;
    }
    close_pairs(d);
    if (d->vhost_mode == NET_VHOST_AUTO) {
        say(d, "is not used", why->message);
        return true;
    }
    g_propagate_prefixed_error(error, g_steal_pointer(&why),
                               "%s: vhost=on: ", d->virtio.pci.dev.id);
    return false;
}

void
virtio_net_vhost_unrealize(VirtioNet *d)
{
    if (d->error_watch != 0)
        loop_unwatch(d->virtio.pci.dev.env->loop, d->error_watch);
    d->error_watch = 0;
    close_pairs(d);
    sys_close(&d->error_fd);
}

/* ---- interrupts that the kernel cannot raise itself ---- */

static void
called(int fd, GIOCondition ev, void *data)
{
    NetCall *call = data;
    VirtioDevice *v = &call->d->virtio;

    (void) sys_eventfd_drain(fd);
    virtio_lock(v);
    if (virtio_is_running(v))
        virtio_interrupt_queue(v, call->queue);
    virtio_unlock(v);
}

/* Lock held. The eventfd for queue k of a pair; -1: none can be made. */
static int
call_fd(VirtioNet *d, unsigned pair, unsigned k)
{
    NetPair *p = &d->pairs[pair];
    unsigned queue = 2 * pair + k;
    int fd = virtio_interrupt_fd(&d->virtio, queue);

    if (fd >= 0)
        return fd;
    p->call_fd[k] = sys_eventfd(NULL);
    if (p->call_fd[k] < 0)
        return -1;
    p->call_watch[k] = loop_watch_fd(d->virtio.pci.dev.env->loop, p->call_fd[k],
                                     G_IO_IN, called, &d->calls[queue]);
    return p->call_fd[k];
}

static void
drop_call_fds(VirtioNet *d, NetPair *p)
{
    for (unsigned k = 0; k < 2; k++) {
        if (p->call_watch[k] != 0)
            loop_unwatch(d->virtio.pci.dev.env->loop, p->call_watch[k]);
        p->call_watch[k] = 0;
        sys_close(&p->call_fd[k]);
    }
}

/* ---- start and stop ---- */

/* Lock held. */
static bool
describe(VirtioNet *d, unsigned pair, VhostPair *out)
{
    *out = (VhostPair){.features = d->virtio.s->driver_features,
                       .tap_fd = net_tap_fd(d->link, pair),
                       .error_fd = d->error_fd,
                       .busy_us = d->busy_us};
    for (unsigned k = 0; k < 2; k++) {
        unsigned queue = 2 * pair + k;
        VirtqLease lease;
        if (!virtq_lend(virtio_queue(&d->virtio, queue), &lease))
            return false;
        out->queue[k] = (VhostQueue){
            .size = lease.size,
            .next = lease.next,
            .desc = lease.desc,
            .avail = lease.driver,
            .used = lease.device,
            .kick_fd = virtio_kick_fd(&d->virtio, queue),
            .call_fd = call_fd(d, pair, k),
        };
    }
    return out->tap_fd >= 0;
}

/* Lock held. 0 or -errno. */
static int
start_pair(VirtioNet *d, unsigned pair)
{
    VhostPair what;

    if (!virtio_is_running(&d->virtio) || !describe(d, pair, &what))
        return -EAGAIN;
    return vhost_start(d->pairs[pair].vhost, d->virtio.pci.dev.env->mem, &what);
}

static void
watch_kicks(VirtioNet *d, bool on)
{
    for (unsigned i = 0; i < 2 * d->max_pairs; i++)
        virtio_set_kick_watched(&d->virtio, i, on);
}

void
virtio_net_vhost_start(VirtioNet *d)
{
    int result = 0;

    if (d->vhost_on || d->pairs[0].vhost == NULL || !net_may_bypass(d->link) ||
        virtio_has_feature(&d->virtio, VIRTIO_F_RING_PACKED))
        return;
    for (unsigned i = 0; i < d->active; i++)
        virtio_net_set_receiving(d, i, false);
    watch_kicks(d, false);
    d->vhost_on = true;
    virtio_lock(&d->virtio);
    for (unsigned i = 0; i < d->active && result == 0; i++)
        result = start_pair(d, i);
    virtio_unlock(&d->virtio);
    if (result == 0)
        return;
    virtio_net_vhost_stop(d);
    if (result == -EAGAIN) /* a queue is not set up, or the driver has gone */
        return;
    say(d, "is not used", g_strerror(-result));
    close_pairs(d);
}

void
virtio_net_vhost_let_go(VirtioNet *d)
{
    for (unsigned i = 0; i < d->max_pairs; i++) {
        Vhost *vhost = d->pairs[i].vhost;
        guint16 next[2];
        if (vhost == NULL || !vhost_is_running(vhost))
            continue;
        vhost_stop(vhost, next);
        for (unsigned k = 0; k < 2; k++)
            virtq_take_back(virtio_queue(&d->virtio, 2 * i + k), next[k]);
    }
}

void
virtio_net_vhost_stop(VirtioNet *d)
{
    if (!d->vhost_on)
        return;
    virtio_lock(&d->virtio);
    virtio_net_vhost_let_go(d);
    virtio_unlock(&d->virtio);
    for (unsigned i = 0; i < d->max_pairs; i++)
        drop_call_fds(d, &d->pairs[i]);
    watch_kicks(d, true);
    d->vhost_on = false;
}
