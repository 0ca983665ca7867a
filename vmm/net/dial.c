/* vmm/net/dial.c - see dial.h.
 *
 * A lost connection is the guest's cable pulled; it is made again after a
 * second, then after more and more, on the pool, because starting a process
 * blocks. */
#include "vmm/net/dial.h"

#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define WAIT_MIN (NSEC_PER_SECOND / 2)
#define WAIT_MAX (30 * NSEC_PER_SECOND)
/* A connection that lived so long is no reason to wait longer next time. */
#define LIVED_WELL (10 * NSEC_PER_SECOND)

struct NetDial {
    gatomicrefcount refs; /* the link; a job on the pool */
    NetLink *link;        /* loop: NULL once stopped */
    Loop *loop;
    const NetDialOps *ops;
    gpointer data;
    int fd;
    /* Loop. */
    guint hup_watch;
    Timer *timer;
    gint64 wait_ns, since_ns;
    bool busy; /* a job is on the pool */
    /* Of the job; the pool's until it is done. */
    int fresh_fd;
};

static void
dial_unref(NetDial *dial)
{
    if (!g_atomic_ref_count_dec(&dial->refs))
        return;
    sys_close(&dial->fd);
    if (dial->ops->destroy != NULL)
        dial->ops->destroy(dial->data);
    g_free(dial);
}

bool
net_dial_open(NetLink *link, const NetDialOps *ops, gpointer data,
              GError **error)
{
    NetDial *dial = g_new0(NetDial, 1);

    g_atomic_ref_count_init(&dial->refs);
    *dial = (NetDial){.refs = dial->refs,
                      .link = link,
                      .loop = link->loop,
                      .ops = ops,
                      .data = data,
                      .wait_ns = WAIT_MIN,
                      .fresh_fd = -1};
    dial->fd = ops->connect(data, error);
    if (dial->fd < 0) {
        dial_unref(dial);
        return false;
    }
    net_socket_prepare(dial->fd);
    link->queues[0].fd = dial->fd;
    atomic_store_explicit(&link->carrier, true, memory_order_release);
    link->transport = dial;
    return true;
}

gpointer
net_dial_data(const NetLink *link)
{
    const NetDial *dial = link->transport;

    return dial->data;
}

/* A descriptor without events still tells when the other end is gone, also
 * while the NIC does not receive. */
static void
hung_up(int fd, GIOCondition ev, void *data)
{
    NetDial *dial = data;

    if (ev & (G_IO_HUP | G_IO_ERR))
        net_queue_lost(&dial->link->queues[0]);
    net_unwatch(dial->link, &dial->hup_watch);
}

static void
watch(NetDial *dial)
{
    dial->since_ns = loop_now_ns(dial->loop, CLOCK_HOST);
    dial->hup_watch = net_watch(dial->link, dial->fd, G_IO_HUP, hung_up, dial);
}

static int
connect_on_pool(void *data)
{
    NetDial *dial = data;

    dial->fresh_fd = dial->ops->connect(dial->data, NULL);
    return dial->fresh_fd < 0 ? -ECONNREFUSED : 0;
}

static void
connected(void *data, int result)
{
    NetDial *dial = data;
    NetLink *link = dial->link;
    int fd = sys_steal_fd(&dial->fresh_fd);

    dial->busy = false;
    if (link == NULL) {
        sys_close(&fd);
    } else if (result < 0) {
        timer_arm(dial->timer,
                  loop_now_ns(dial->loop, CLOCK_HOST) + dial->wait_ns);
        dial->wait_ns = MIN(dial->wait_ns * 2, WAIT_MAX);
    } else {
        net_socket_prepare(fd);
        dial->fd = fd;
        net_queue_set_fd(&link->queues[0], fd);
        if (dial->ops->connected != NULL)
            dial->ops->connected(dial->data);
        watch(dial);
        net_set_carrier(link, true);
    }
    dial_unref(dial);
}

static void
dial_again(NetDial *dial)
{
    if (dial->busy)
        return;
    dial->busy = true;
    g_atomic_ref_count_inc(&dial->refs);
    loop_offload(dial->loop, connect_on_pool, connected, dial);
}

static void
let_go(NetDial *dial)
{
    gint64 now = loop_now_ns(dial->loop, CLOCK_HOST);

    net_unwatch(dial->link, &dial->hup_watch);
    net_queue_set_fd(&dial->link->queues[0], -1);
    sys_close(&dial->fd);
    net_set_carrier(dial->link, false);
    if (now - dial->since_ns > LIVED_WELL)
        dial->wait_ns = WAIT_MIN;
    timer_arm(dial->timer, now + dial->wait_ns);
    dial->wait_ns = MIN(dial->wait_ns * 2, WAIT_MAX);
}

static void
timer_fired(void *data)
{
    NetDial *dial = data;

    if (dial->fd >= 0)
        let_go(dial);
    else
        dial_again(dial);
}

void
net_dial_lost(NetQueue *q)
{
    NetDial *dial = q->link->transport;

    /* by the timer: the caller may be inside a call of the NIC */
    timer_arm(dial->timer, 0);
}

void
net_dial_start(NetLink *link)
{
    NetDial *dial = link->transport;

    if (dial->ops->connected != NULL)
        dial->ops->connected(dial->data);
    dial->timer = timer_new(dial->loop, CLOCK_HOST, timer_fired, dial);
    watch(dial);
}

void
net_dial_stop(NetLink *link)
{
    NetDial *dial = link->transport;

    net_unwatch(dial->link, &dial->hup_watch);
    timer_free(dial->timer);
    dial->timer = NULL;
    dial->link = NULL;
}

void
net_dial_close(NetLink *link)
{
    NetDial *dial = link->transport;

    link->transport = NULL;
    if (dial == NULL)
        return;
    sys_close(&dial->fd);
    dial_unref(dial);
}

bool
net_spawn_directly(const char *const *argv, const int *fds, unsigned n_fds,
                   GError **error)
{
    static const int targets[] = {3, 4};

    g_return_val_if_fail(n_fds <= G_N_ELEMENTS(targets), false);
    /* Without DO_NOT_REAP_CHILD GLib forks twice: no zombie is left. */
    if (g_spawn_async_with_pipes_and_fds(
            "/", argv, NULL, G_SPAWN_FILE_AND_ARGV_ZERO, NULL, NULL, -1, -1, -1,
            fds, targets, n_fds, NULL, NULL, NULL, NULL, error))
        return true;
    g_prefix_error(error, "cannot start the process of a network: ");
    return false;
}

void
net_role_init(NetRole *role, const NetSpec *spec)
{
    role->argv = g_strdupv((char **) spec->role_argv);
    role->spawn = spec->spawn != NULL ? spec->spawn : net_spawn_directly;
}

void
net_role_clear(NetRole *role)
{
    g_clear_pointer(&role->argv, g_strfreev);
}

bool
net_role_start(const NetRole *role, const char *const *tail, const int *fds,
               unsigned n_fds, GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();

    for (gsize i = 0; role->argv[i] != NULL; i++)
        g_ptr_array_add(words, role->argv[i]);
    for (gsize i = 0; tail[i] != NULL; i++)
        g_ptr_array_add(words, (char *) tail[i]);
    g_ptr_array_add(words, NULL);
    return role->spawn((const char *const *) words->pdata, fds, n_fds, error);
}
