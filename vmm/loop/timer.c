/* vmm/loop/timer.c - timers of loop.h: two binary heaps and one timerfd.
 *
 * GLib's own timeouts have millisecond resolution; a device needs
 * microseconds (an 8 kHz RTC, a disk's interrupt 20 us after the command). */
#include <sys/timerfd.h>
#include <time.h>

#include "vmm/core/sysutil.h"
#include "vmm/loop/loop-internal.h"

/* A timer that always re-arms in the past must not starve the loop. */
#define TIMER_FIRES_PER_RUN 256u

struct Timer {
    Loop *loop;
    LoopClock clock;
    void (*fire)(void *data);
    void *data;
    gint64 deadline; /* on `clock`, ns */
    gssize index;    /* in the heap, -1: not armed */
};

static Timer *
heap_get(const TimerHeap *h, gsize i)
{
    return g_ptr_array_index(h->heap, i);
}

static void
heap_put(TimerHeap *h, gsize i, Timer *t)
{
    g_ptr_array_index(h->heap, i) = t;
    t->index = (gssize) i;
}

static void
heap_up(TimerHeap *h, gsize i)
{
    Timer *t = heap_get(h, i);

    while (i > 0 && heap_get(h, (i - 1) / 2)->deadline > t->deadline) {
        heap_put(h, i, heap_get(h, (i - 1) / 2));
        i = (i - 1) / 2;
    }
    heap_put(h, i, t);
}

static void
heap_down(TimerHeap *h, gsize i)
{
    Timer *t = heap_get(h, i);
    gsize n = h->heap->len;

    for (;;) {
        gsize child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n &&
            heap_get(h, child + 1)->deadline < heap_get(h, child)->deadline)
            child++;
        if (heap_get(h, child)->deadline >= t->deadline)
            break;
        heap_put(h, i, heap_get(h, child));
        i = child;
    }
    heap_put(h, i, t);
}

static void
heap_remove(TimerHeap *h, Timer *t)
{
    gsize i = (gsize) t->index;
    Timer *last = heap_get(h, h->heap->len - 1);

    g_ptr_array_set_size(h->heap, (int) h->heap->len - 1);
    t->index = -1;
    if (last == t)
        return;
    heap_put(h, i, last);
    heap_up(h, i);
    heap_down(h, (gsize) last->index);
}

static void
heap_insert(TimerHeap *h, Timer *t)
{
    g_ptr_array_add(h->heap, t);
    heap_up(h, h->heap->len - 1);
}

/* ---- clocks ---- */

static gint64
host_now(Loop *loop)
{
    struct timespec ts;

    if (loop->manual)
        return __atomic_load_n(&loop->manual_now, __ATOMIC_RELAXED);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NSEC_PER_SECOND + ts.tv_nsec;
}

/* Lock-free: readers on vCPU threads ask for the time on every register
 * read. Pausing changes the three fields only while the vCPUs are parked. */
static gint64
guest_now(Loop *loop)
{
    TimerQueue *q = &loop->timers;

    if (!__atomic_load_n(&q->guest_running, __ATOMIC_ACQUIRE))
        return __atomic_load_n(&q->guest_stopped_at, __ATOMIC_RELAXED);
    return host_now(loop) - __atomic_load_n(&q->guest_offset, __ATOMIC_RELAXED);
}

gint64
loop_now_ns(Loop *loop, LoopClock clock)
{
    return clock == CLOCK_GUEST ? guest_now(loop) : host_now(loop);
}

/* Earliest deadline of all, as host time. Lock held. */
static gint64
next_deadline(Loop *loop)
{
    TimerQueue *q = &loop->timers;
    gint64 next = G_MAXINT64;

    if (q->heaps[CLOCK_HOST].heap->len > 0)
        next = heap_get(&q->heaps[CLOCK_HOST], 0)->deadline;
    if (q->guest_running && q->heaps[CLOCK_GUEST].heap->len > 0) {
        gint64 d = heap_get(&q->heaps[CLOCK_GUEST], 0)->deadline;
        /* far deadlines must not overflow */
        d = d > G_MAXINT64 / 2 ? G_MAXINT64 / 2 : d;
        next = MIN(next, d + q->guest_offset);
    }
    return next;
}

/* Lock held. */
static void
program_timerfd(Loop *loop)
{
    TimerQueue *q = &loop->timers;
    gint64 next = next_deadline(loop);
    struct itimerspec spec = {{0, 0}, {0, 0}};

    if (q->timerfd < 0)
        return;
    if (next != G_MAXINT64) {
        next = MAX(next, 1); /* zero would disarm */
        spec.it_value.tv_sec = next / NSEC_PER_SECOND;
        spec.it_value.tv_nsec = next % NSEC_PER_SECOND;
    }
    timerfd_settime(q->timerfd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void
loop_guest_clock_stop(Loop *loop)
{
    TimerQueue *q = &loop->timers;

    g_mutex_lock(&q->lock);
    if (q->guest_running) {
        __atomic_store_n(&q->guest_stopped_at, guest_now(loop),
                         __ATOMIC_RELAXED);
        __atomic_store_n(&q->guest_running, false, __ATOMIC_RELEASE);
        program_timerfd(loop);
    }
    g_mutex_unlock(&q->lock);
}

void
loop_guest_clock_start(Loop *loop)
{
    TimerQueue *q = &loop->timers;

    g_mutex_lock(&q->lock);
    if (!q->guest_running) {
        __atomic_store_n(&q->guest_offset, host_now(loop) - q->guest_stopped_at,
                         __ATOMIC_RELAXED);
        __atomic_store_n(&q->guest_running, true, __ATOMIC_RELEASE);
        program_timerfd(loop);
    }
    g_mutex_unlock(&q->lock);
}

/* ---- timers ---- */

Timer *
timer_new(Loop *loop, LoopClock clock, void (*fire)(void *data), void *data)
{
    Timer *t = g_new0(Timer, 1);

    *t = (Timer){loop, clock, fire, data, 0, -1};
    return t;
}

void
timer_arm(Timer *t, gint64 deadline_ns)
{
    TimerQueue *q = &t->loop->timers;
    TimerHeap *h = &q->heaps[t->clock];

    g_mutex_lock(&q->lock);
    gint64 before = next_deadline(t->loop);
    if (t->index >= 0)
        heap_remove(h, t);
    if (deadline_ns >= 0) {
        t->deadline = deadline_ns;
        heap_insert(h, t);
    }
    if (next_deadline(t->loop) != before)
        program_timerfd(t->loop);
    g_mutex_unlock(&q->lock);
}

bool
timer_is_armed(Timer *t)
{
    g_mutex_lock(&t->loop->timers.lock);
    bool armed = t->index >= 0;
    g_mutex_unlock(&t->loop->timers.lock);
    return armed;
}

void
timer_free(Timer *t)
{
    if (t == NULL)
        return;
    timer_arm(t, -1);
    g_free(t);
}

/* Takes the earliest timer whose deadline is not after `now`. Lock held. */
static Timer *
take_due(Loop *loop, gint64 host, gint64 guest)
{
    TimerQueue *q = &loop->timers;
    TimerHeap *hh = &q->heaps[CLOCK_HOST], *gh = &q->heaps[CLOCK_GUEST];
    Timer *t = NULL;

    if (hh->heap->len > 0 && heap_get(hh, 0)->deadline <= host)
        t = heap_get(hh, 0);
    if (q->guest_running && gh->heap->len > 0 &&
        heap_get(gh, 0)->deadline <= guest) {
        Timer *g = heap_get(gh, 0);
        if (t == NULL || g->deadline + q->guest_offset < t->deadline)
            t = g;
    }
    if (t != NULL)
        heap_remove(&q->heaps[t->clock], t);
    return t;
}

unsigned
timer_queue_run(Loop *loop)
{
    TimerQueue *q = &loop->timers;
    gint64 host = host_now(loop), guest = guest_now(loop);
    unsigned fired = 0;

    while (fired < TIMER_FIRES_PER_RUN) {
        g_mutex_lock(&q->lock);
        Timer *t = take_due(loop, host, guest);
        g_mutex_unlock(&q->lock);
        if (t == NULL)
            break;
        t->fire(t->data);
        fired++;
    }
    g_mutex_lock(&q->lock);
    program_timerfd(loop);
    g_mutex_unlock(&q->lock);
    return fired;
}

gint64
timer_queue_next(Loop *loop)
{
    g_mutex_lock(&loop->timers.lock);
    gint64 next = next_deadline(loop);
    g_mutex_unlock(&loop->timers.lock);
    return next;
}

static void
timerfd_ready(int fd, GIOCondition ev, void *data)
{
    guint64 count;

    (void) !read(fd, &count, sizeof count); /* only clears the readiness */
    timer_queue_run(data);
}

bool
timer_queue_init(Loop *loop, GError **error)
{
    TimerQueue *q = &loop->timers;

    g_mutex_init(&q->lock);
    q->heaps[0].heap = g_ptr_array_new();
    q->heaps[1].heap = g_ptr_array_new();
    q->guest_running = true;
    q->guest_offset = host_now(loop);
    q->timerfd = -1;
    if (loop->manual)
        return true;
    q->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (q->timerfd < 0)
        return sys_error(error, errno, "cannot create a timer descriptor");
    q->timerfd_watch =
        loop_watch_fd(loop, q->timerfd, G_IO_IN, timerfd_ready, loop);
    return true;
}

void
timer_queue_done(Loop *loop)
{
    TimerQueue *q = &loop->timers;

    if (q->timerfd_watch != 0)
        loop_unwatch(loop, q->timerfd_watch);
    sys_close(&q->timerfd);
    g_ptr_array_unref(q->heaps[0].heap);
    g_ptr_array_unref(q->heaps[1].heap);
    g_mutex_clear(&q->lock);
}
