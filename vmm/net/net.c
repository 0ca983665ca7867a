/* vmm/net/net.c - see net.h: one link, its queues and their watches. */
#include "vmm/net/net.h"

#include <string.h>

#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"
#include "vmm/net/net-internal.h"
#include "vmm/net/pcap.h"

#define DEFAULT_MTU 1500

/* ---- kind null: a cable into nothing ---- */

static bool
null_open(NetLink *link, const NetSpec *spec, GError **error)
{
    link->description = g_strdup("null");
    link->carrier = true;
    return true;
}

static unsigned
null_send(NetQueue *queue, const NetFrame *frames, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        net_count(&queue->tx, 1, net_iov_len(frames[i].iov, frames[i].n_iov));
    return n;
}

static unsigned
null_set_header(NetLink *link, NetHdr hdr)
{
    return hdr;
}

static const NetKind null_kind = {
    .name = "null",
    .several_queues = true,
    .open = null_open,
    .send = null_send,
    .set_header = null_set_header,
};

static const NetKind *const kinds[] = {
    &null_kind,       &net_tap_kind,  &net_socket_kind,
    &net_switch_kind, &net_user_kind,
};

GQuark
carrel_net_error_quark(void)
{
    return g_quark_from_static_string("carrel-net-error-quark");
}

/* ---- counters ---- */

/* One writer each, so a plain load and store is enough. */
static void
add(_Atomic guint64 *counter, guint64 n)
{
    guint64 old = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, old + n, memory_order_relaxed);
}

void
net_count(NetCounters *counters, guint64 frames, guint64 bytes)
{
    add(&counters->frames, frames);
    add(&counters->bytes, bytes);
}

void
net_count_drop(NetCounters *counters)
{
    add(&counters->dropped, 1);
}

static guint64
counter(_Atomic guint64 *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

void
net_stats(NetLink *link, NetStats *ret_stats)
{
    NetStats s = {0};

    for (unsigned i = 0; i < link->n_queues; i++) {
        NetQueue *q = &link->queues[i];
        s.tx_frames += counter(&q->tx.frames);
        s.tx_bytes += counter(&q->tx.bytes);
        s.tx_dropped += counter(&q->tx.dropped);
        s.rx_frames += counter(&q->rx.frames);
        s.rx_bytes += counter(&q->rx.bytes);
        s.rx_dropped += counter(&q->rx.dropped);
    }
    *ret_stats = s;
}

/* ---- loop helpers ---- */

/* Removing the last reference to its context destroys a loop's sources, so a
 * link may be closed before or after its loop. */
bool
net_loop_is_alive(const NetLink *link)
{
    return link->alive != NULL && !g_source_is_destroyed(link->alive);
}

void
net_call(NetLink *link, void (*fn)(void *data), void *data)
{
    if (net_loop_is_alive(link))
        loop_call(link->loop, fn, data);
    else
        fn(data);
}

guint
net_watch(NetLink *link, int fd, GIOCondition events,
          void (*ready)(int fd, GIOCondition ev, void *data), void *data)
{
    if (fd < 0 || !net_loop_is_alive(link))
        return 0;
    return loop_watch_fd(link->loop, fd, events, ready, data);
}

void
net_unwatch(NetLink *link, guint *id)
{
    if (*id != 0 && net_loop_is_alive(link))
        loop_unwatch(link->loop, *id);
    *id = 0;
}

/* ---- watches of a queue ---- */

/* Nobody takes the frames, but the host side is not to be held up by them. */
static bool
must_drain(NetLink *link)
{
    return link->ops == NULL || !net_is_up(link);
}

void
net_queue_lost(NetQueue *q)
{
    if (q->dead)
        return;
    q->dead = true;
    if (q->link->kind->lost != NULL)
        q->link->kind->lost(q);
}

static void
drain(NetQueue *q)
{
    for (unsigned i = 0; i < NET_BATCH && q->fd >= 0; i++) {
        guint8 waste[64];
        gssize n = SYS_RETRY(read(q->fd, waste, sizeof waste));
        if (n <= 0) {
            if (n == 0 || errno != EAGAIN)
                net_queue_lost(q);
            return;
        }
        net_count_drop(&q->rx);
    }
}

static void
queue_readable(int fd, GIOCondition ev, void *data)
{
    NetQueue *q = data;
    NetLink *link = q->link;

    if (must_drain(link)) {
        net_queue_forget(q);
        drain(q);
    } else if (q->receiving && link->ops->readable != NULL) {
        link->ops->readable(link->nic, q->index);
    }
    net_queue_watch(q);
}

static void
queue_writable(int fd, GIOCondition ev, void *data)
{
    NetQueue *q = data;
    NetLink *link = q->link;

    q->blocked = false;
    net_queue_watch(q);
    if (link->ops != NULL && link->ops->writable != NULL)
        link->ops->writable(link->nic, q->index);
}

static void
drop_watch(NetQueue *q, guint *id)
{
    if (*id != 0 && (q->loop != q->link->loop || net_loop_is_alive(q->link)))
        loop_unwatch(q->loop, *id);
    *id = 0;
}

void
net_queue_watch(NetQueue *q)
{
    NetLink *link = q->link;
    bool held = q->receiving && net_queue_has_held(q);
    bool usable = q->fd >= 0 && !q->dead;
    bool in = usable && (q->receiving || must_drain(link));
    int in_fd = held ? link->ready_fd : q->fd;

    if (q->loop == link->loop && !net_loop_is_alive(link))
        return;
    if (q->in_watch != 0 && (!(in || held) || q->in_fd != in_fd))
        drop_watch(q, &q->in_watch);
    if (q->in_watch == 0 && (in || held)) {
        q->in_fd = in_fd;
        q->in_watch = loop_watch_fd(q->loop, in_fd, G_IO_IN, queue_readable, q);
    }
    if (q->out_watch != 0 && (!q->blocked || !usable))
        drop_watch(q, &q->out_watch);
    if (q->out_watch == 0 && q->blocked && usable)
        q->out_watch =
            loop_watch_fd(q->loop, q->fd, G_IO_OUT, queue_writable, q);
}

void
net_queue_set_fd(NetQueue *q, int fd)
{
    drop_watch(q, &q->in_watch);
    drop_watch(q, &q->out_watch);
    q->fd = fd;
    q->dead = false;
    net_queue_forget(q);
    net_queue_watch(q);
}

void
net_set_receiving(NetLink *link, unsigned queue, bool on)
{
    g_return_if_fail(queue < link->n_queues);
    NetQueue *q = &link->queues[queue];
    q->receiving = on;
    net_queue_watch(q);
}

void
net_set_queue_loop(NetLink *link, unsigned queue, Loop *loop)
{
    g_return_if_fail(queue < link->n_queues);
    NetQueue *q = &link->queues[queue];
    g_return_if_fail(!q->receiving && !q->blocked);
    drop_watch(q, &q->in_watch);
    q->loop = loop;
}

/* ---- the cable ---- */

bool
net_is_up(NetLink *link)
{
    return atomic_load_explicit(&link->plugged, memory_order_acquire) &&
           atomic_load_explicit(&link->carrier, memory_order_acquire);
}

bool
net_is_plugged(NetLink *link)
{
    return atomic_load_explicit(&link->plugged, memory_order_acquire);
}

bool
net_may_bypass(NetLink *link)
{
    return net_is_up(link) &&
           !atomic_load_explicit(&link->capturing, memory_order_acquire);
}

/* Loop. A queue that waits for room in a host side that is gone is told, so
 * that what it keeps is dropped instead of kept for ever. */
static void
tell_nic(void *data)
{
    NetLink *link = data;
    bool up = net_is_up(link), bypass = net_may_bypass(link);
    bool changed = up != link->was_up;
    bool may_changed = bypass != link->could_bypass;

    link->was_up = up;
    link->could_bypass = bypass;
    for (unsigned i = 0; changed && i < link->n_queues; i++) {
        NetQueue *q = &link->queues[i];
        if (q->loop != link->loop)
            continue;
        if (!up && q->blocked)
            queue_writable(q->fd, G_IO_OUT, q);
        else
            net_queue_watch(q);
    }
    if (may_changed && link->ops != NULL && link->ops->bypass_changed != NULL)
        link->ops->bypass_changed(link->nic, bypass);
    if (changed && link->ops != NULL && link->ops->link_changed != NULL)
        link->ops->link_changed(link->nic, up);
}

void
net_set_plugged(NetLink *link, bool plugged)
{
    atomic_store_explicit(&link->plugged, plugged, memory_order_release);
    net_call(link, tell_nic, link);
}

void
net_set_carrier(NetLink *link, bool carrier)
{
    atomic_store_explicit(&link->carrier, carrier, memory_order_release);
    tell_nic(link);
}

guint
net_mtu(const NetLink *link)
{
    return link->mtu;
}

/* ---- the NIC ---- */

typedef struct {
    NetLink *link;
    const NetOps *ops;
    void *nic;
} OpsSetting;

static void
apply_ops(void *data)
{
    OpsSetting *set = data;
    NetLink *link = set->link;

    link->ops = set->ops;
    link->nic = set->nic;
    for (unsigned i = 0; i < link->n_queues; i++) {
        NetQueue *q = &link->queues[i];
        if (set->ops == NULL)
            q->receiving = q->blocked = false;
        if (q->loop == link->loop)
            net_queue_watch(q);
    }
}

void
net_set_ops(NetLink *link, const NetOps *ops, void *nic)
{
    OpsSetting set = {link, ops, nic};

    net_call(link, apply_ops, &set);
}

void
net_set_header(NetLink *link, NetHdr hdr)
{
    link->hdr = hdr;
    link->wire = link->kind->set_header(link, hdr);
    if (hdr == NET_HDR_NONE && link->offloads != 0)
        (void) net_set_offloads(link, 0); /* always granted */
    net_update_format(link);
}

NetHdr
net_header(const NetLink *link)
{
    return link->hdr;
}

unsigned
net_set_offloads(NetLink *link, unsigned wanted)
{
    unsigned segments = NET_OFFLOAD_ALL & ~NET_OFFLOAD_CSUM;

    wanted &= NET_OFFLOAD_ALL;
    if (link->hdr == NET_HDR_NONE)
        wanted = 0;
    if (!(wanted & NET_OFFLOAD_CSUM))
        wanted &= ~segments;
    link->offloads = wanted;
    link->may_come = link->kind->set_offloads != NULL
                         ? link->kind->set_offloads(link, wanted)
                         : 0;
    net_update_format(link);
    return wanted & link->may_come;
}

unsigned
net_tx_offloads(const NetLink *link)
{
    return (NET_OFFLOAD_ALL & ~NET_OFFLOAD_USO) | link->tx_native;
}

unsigned
net_max_queues(const NetLink *link)
{
    return link->n_queues;
}

int
net_set_queues(NetLink *link, unsigned n)
{
    if (n < 1 || n > link->n_queues)
        return -EINVAL;
    int result = link->kind->set_queues != NULL && n != link->used_queues
                     ? link->kind->set_queues(link, n)
                     : 0;
    if (result == 0)
        link->used_queues = n;
    return result;
}

int
net_tap_fd(const NetLink *link, unsigned queue)
{
    bool tap = link->kind == &net_tap_kind && link->hdr != NET_HDR_NONE &&
               link->wire == (unsigned) link->hdr;
    return tap && queue < link->n_queues ? link->queues[queue].fd : -1;
}

const char *
net_describe(const NetLink *link)
{
    return link->description;
}

/* ---- capture ---- */

bool
net_capture_start(NetLink *link, const char *path, guint64 max_bytes,
                  GError **error)
{
    NetPcap *pcap = pcap_new(path, max_bytes, error);

    if (pcap == NULL)
        return false;
    g_mutex_lock(&link->capture_lock);
    NetPcap *old = link->pcap;
    link->pcap = pcap;
    atomic_store_explicit(&link->capturing, true, memory_order_release);
    g_mutex_unlock(&link->capture_lock);
    pcap_free(old);
    net_call(link, tell_nic, link);
    return true;
}

void
net_capture_stop(NetLink *link)
{
    g_mutex_lock(&link->capture_lock);
    NetPcap *old = link->pcap;
    link->pcap = NULL;
    atomic_store_explicit(&link->capturing, false, memory_order_release);
    g_mutex_unlock(&link->capture_lock);
    pcap_free(old);
    net_call(link, tell_nic, link);
}

char *
net_capture_path(NetLink *link)
{
    g_mutex_lock(&link->capture_lock);
    char *path = link->pcap != NULL ? g_strdup(pcap_path(link->pcap)) : NULL;
    g_mutex_unlock(&link->capture_lock);
    return path;
}

/* ---- forwards ---- */

static bool
change_forward(NetLink *link, bool plus, const char *rule, GError **error)
{
    if (link->kind->forward != NULL)
        return link->kind->forward(link, plus, rule, error);
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_MISSING,
                "%s is of kind '%s', which has no port forwards; they belong "
                "to kind=user",
                link->name, link->kind->name);
    return false;
}

bool
net_forward_add(NetLink *link, const char *rule, GError **error)
{
    return change_forward(link, true, rule, error);
}

bool
net_forward_remove(NetLink *link, const char *rule, GError **error)
{
    return change_forward(link, false, rule, error);
}

char **
net_forwards(NetLink *link)
{
    return link->kind->forwards != NULL ? link->kind->forwards(link)
                                        : g_new0(char *, 1);
}

/* ---- open and close ---- */

static const NetKind *
find_kind(const char *name, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_strcmp0(kinds[i]->name, name) == 0)
            return kinds[i];
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "",
                               kinds[i]->name);
    }
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                "unknown kind of network '%s'; use one of %s",
                name != NULL ? name : "", known->str);
    return NULL;
}

static bool
check_spec(const NetKind *kind, const NetSpec *spec, GError **error)
{
    const char *what = NULL;

    if (spec->queues > NET_MAX_QUEUES)
        what = "has more queue pairs than the 8 a link can have";
    else if (spec->queues > 1 && !kind->several_queues)
        what = "can have one queue pair only";
    else if (spec->mtu != 0 &&
             (spec->mtu < NET_MTU_MIN || spec->mtu > NET_MTU_MAX))
        what = "has an MTU outside of 68 to 65521";
    if (what == NULL)
        return true;
    g_set_error(error, CARREL_NET_ERROR, CARREL_NET_ERROR_SYNTAX,
                "network %s of kind '%s' %s", spec->name, kind->name, what);
    return false;
}

static gboolean
never(GSource *source, GSourceFunc callback, gpointer data)
{
    return G_SOURCE_CONTINUE;
}

static const GSourceFuncs alive_funcs = {.dispatch = never};

static void
start_link(void *data)
{
    NetLink *link = data;

    /* the functions are only read */
    link->alive = g_source_new((GSourceFuncs *) &alive_funcs, sizeof(GSource));
    g_source_attach(link->alive, loop_context(link->loop));
    if (link->kind->start != NULL)
        link->kind->start(link);
    net_set_header(link, NET_HDR_NONE);
    (void) net_set_offloads(link, 0); /* nothing is always granted */
    link->was_up = net_is_up(link);
    link->could_bypass = net_may_bypass(link);
    for (unsigned i = 0; i < link->n_queues; i++)
        net_queue_watch(&link->queues[i]);
}

static void
stop_queue(void *data)
{
    NetQueue *q = data;

    q->receiving = q->blocked = false;
    drop_watch(q, &q->in_watch);
    drop_watch(q, &q->out_watch);
}

static void
stop_link(void *data)
{
    NetLink *link = data;

    link->ops = NULL;
    for (unsigned i = 0; i < link->n_queues; i++)
        if (link->queues[i].loop == link->loop)
            stop_queue(&link->queues[i]);
    if (link->kind->stop != NULL)
        link->kind->stop(link);
    if (link->alive != NULL)
        g_source_destroy(link->alive);
}

static void
free_link(NetLink *link)
{
    if (link->kind->close != NULL)
        link->kind->close(link);
    for (unsigned i = 0; i < link->n_queues; i++) {
        g_free(link->queues[i].scratch_iov);
        g_free(link->queues[i].bounce);
        g_free(link->queues[i].segment);
    }
    g_clear_pointer(&link->alive, g_source_unref);
    sys_close(&link->ready_fd);
    pcap_free(link->pcap);
    g_mutex_clear(&link->capture_lock);
    g_free(link->description);
    g_free(link->name);
    g_free(link);
}

static NetLink *
new_link(const NetKind *kind, const NetSpec *spec, Loop *loop)
{
    NetLink *link = g_new0(NetLink, 1);

    link->kind = kind;
    link->name = g_strdup(spec->name != NULL ? spec->name : "net");
    link->loop = loop;
    link->mtu = spec->mtu != 0 ? spec->mtu : DEFAULT_MTU;
    link->n_queues = MAX(spec->queues, 1);
    link->used_queues = 1;
    link->plugged = true;
    g_mutex_init(&link->capture_lock);
    for (unsigned i = 0; i < link->n_queues; i++) {
        NetQueue *q = &link->queues[i];
        q->link = link;
        q->index = i;
        q->fd = -1;
        q->loop = loop;
        q->scratch_iov = g_new(struct iovec, NET_MAX_IOV + 1);
    }
    return link;
}

static void
close_fds(const NetSpec *spec)
{
    for (unsigned i = 0; i < spec->n_fds; i++) {
        int fd = spec->fds[i];
        sys_close(&fd);
    }
}

NetLink *
net_open(const NetSpec *spec, Loop *loop, GError **error)
{
    const NetKind *kind = find_kind(spec->kind, error);

    if (kind == NULL || !check_spec(kind, spec, error)) {
        close_fds(spec);
        return NULL;
    }
    NetLink *link = new_link(kind, spec, loop);
    link->ready_fd = sys_eventfd(error);
    if (link->ready_fd < 0) {
        close_fds(spec);
    } else if (kind->open(link, spec, error)) {
        sys_eventfd_signal(link->ready_fd);
        loop_call(loop, start_link, link);
        return link;
    }
    free_link(link);
    return NULL;
}

void
net_close(NetLink *link)
{
    if (link == NULL)
        return;
    for (unsigned i = 0; i < link->n_queues; i++)
        if (link->queues[i].loop != link->loop)
            loop_call(link->queues[i].loop, stop_queue, &link->queues[i]);
    net_call(link, stop_link, link);
    free_link(link);
}
