/* vmm/loop/io-thread.c - see io-thread.h.
 *
 * When lingering pays: the thread lingers after NEAR_ENOUGH waits in a row that
 * ended soon, and one that did not ends it. Soon is in proportion to the work:
 * a guest that needs much longer than its device does not gain from a device
 * that spins. So a guest that pauses costs one such while for each burst, and
 * an idle one nothing. */
#include "vmm/loop/io-thread.h"

#include <poll.h>
#include <sched.h>

#include "vmm/core/sysutil.h"

#define NEAR_ENOUGH 4u
#define WORK_FACTOR 8u /* soon: in so many times what the work took */
/* About a third of a millisecond at the most, by any processor's count. */
#define MAX_LINGER    (1u << 20)
#define LOOKS         16u /* before others may have the processor */
#define WORK_SHIFT    3u  /* weight of the last work in the average */
#define FIRST_AVERAGE (1u << 14)

struct IoThread {
    GThread *thread;
    struct pollfd *fds; /* n_fds of the owner's, then stop_fd */
    unsigned n_fds;
    int stop_fd;
    void (*ready)(unsigned i, void *data);
    void *data;
    /* The thread's own. All in ticks of sys_ticks(). */
    guint64 work_began, work_average;
    guint64 idle_since; /* 0: not since the work began */
    unsigned near;      /* waits in a row that ended soon */
};

static guint64
soon(const IoThread *t)
{
    return MIN(t->work_average * WORK_FACTOR, MAX_LINGER);
}

static void
work_ended(IoThread *t, guint64 now)
{
    if (t->idle_since != 0)
        return;
    guint64 took = MIN(now - t->work_began, MAX_LINGER);
    t->work_average -= t->work_average >> WORK_SHIFT;
    t->work_average += took >> WORK_SHIFT;
    t->idle_since = now;
}

static void
work_begins(IoThread *t)
{
    guint64 now = sys_ticks();

    /* ticks of another processor may be behind: a long wait, then */
    if (now - t->idle_since <= soon(t))
        t->near++;
    else
        t->near = 0;
    t->work_began = now;
    t->idle_since = 0;
}

bool
io_thread_linger(IoThread *t, bool (*look)(void *data), void *data)
{
    guint64 now = sys_ticks();

    work_ended(t, now);
    if (t->near < NEAR_ENOUGH)
        return false;
    for (; now - t->idle_since <= soon(t); now = sys_ticks()) {
        for (unsigned i = 0; i < LOOKS; i++, sys_relax())
            if (look(data)) {
                work_begins(t);
                return true;
            }
        sched_yield();
    }
    return false;
}

static gpointer
io_main(gpointer data)
{
    IoThread *t = data;
    struct pollfd *stop = &t->fds[t->n_fds];

    for (;;) {
        work_ended(t, sys_ticks());
        if (SYS_RETRY(poll(t->fds, t->n_fds + 1, -1)) < 0)
            continue;
        if (stop->revents != 0)
            return NULL;
        work_begins(t);
        for (unsigned i = 0; i < t->n_fds; i++) {
            if (t->fds[i].revents == 0)
                continue;
            sys_eventfd_drain(t->fds[i].fd);
            t->ready(i, t->data);
        }
    }
}

IoThread *
io_thread_new(const char *name, const int *fds, unsigned n_fds,
              void (*ready)(unsigned i, void *data), void *data, GError **error)
{
    g_autofree char *thread_name = g_strdup_printf("io:%.12s", name);
    IoThread *t = g_new0(IoThread, 1);

    t->fds = g_new(struct pollfd, n_fds + 1);
    t->n_fds = n_fds;
    t->ready = ready;
    t->data = data;
    t->work_average = FIRST_AVERAGE;
    t->idle_since = sys_ticks();
    t->stop_fd = sys_eventfd(error);
    if (t->stop_fd >= 0) {
        for (unsigned i = 0; i < n_fds; i++)
            t->fds[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
        t->fds[n_fds] = (struct pollfd){.fd = t->stop_fd, .events = POLLIN};
        t->thread = g_thread_try_new(thread_name, io_main, t, error);
    }
    if (t->thread != NULL)
        return t;
    io_thread_free(t);
    return NULL;
}

void
io_thread_free(IoThread *t)
{
    if (t == NULL)
        return;
    if (t->thread != NULL) {
        sys_eventfd_signal(t->stop_fd);
        g_thread_join(t->thread);
    }
    sys_close(&t->stop_fd);
    g_free(t->fds);
    g_free(t);
}
