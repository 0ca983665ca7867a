/* vmm/loop/loop.c - see loop.h: a GMainContext with its thread, a queue of
 * posted calls, and a pool for blocking work. */
#include "vmm/loop/loop.h"

#include <glib-unix.h>
#include <sys/prctl.h>

#include "vmm/core/sysutil.h"
#include "vmm/loop/loop-internal.h"

#define POOL_THREADS 8
/* Real time that loop_advance() gives pool jobs and descriptors to finish. */
#define MANUAL_WAIT_MS 2000

struct LoopPost {
    void (*fn)(void *data);
    void *data;
};

typedef struct {
    Loop *loop;
    int (*work)(void *data);
    void (*done)(void *data, int result);
    void *data;
    int result;
} LoopJob;

typedef struct {
    void (*ready)(int fd, GIOCondition ev, void *data);
    void *data;
} LoopWatch;

/* ---- posted calls ---- */

static unsigned
run_posts(Loop *loop)
{
    unsigned n = 0;

    for (;; n++) {
        g_mutex_lock(&loop->post_lock);
        LoopPost *post = g_queue_pop_head(&loop->posts);
        g_mutex_unlock(&loop->post_lock);
        if (post == NULL)
            return n;
        post->fn(post->data);
        g_free(post);
    }
}

static void
posts_ready(int fd, GIOCondition ev, void *data)
{
    sys_eventfd_drain(fd);
    run_posts(data);
}

void
loop_post(Loop *loop, void (*fn)(void *data), void *data)
{
    LoopPost *post = g_new(LoopPost, 1);

    *post = (LoopPost){fn, data};
    g_mutex_lock(&loop->post_lock);
    bool was_empty = g_queue_is_empty(&loop->posts);
    g_queue_push_tail(&loop->posts, post);
    g_mutex_unlock(&loop->post_lock);
    if (was_empty)
        sys_eventfd_signal(loop->post_fd);
}

typedef struct {
    void (*fn)(void *data);
    void *data;
    GMutex lock; /* L2 guards done */
    GCond cond;
    bool done;
} LoopCall;

static void
run_call(void *data)
{
    LoopCall *call = data;

    call->fn(call->data);
    g_mutex_lock(&call->lock);
    call->done = true;
    g_cond_signal(&call->cond);
    g_mutex_unlock(&call->lock);
}

void
loop_call(Loop *loop, void (*fn)(void *data), void *data)
{
    LoopCall call = {.fn = fn, .data = data};

    if (loop_is_owner(loop)) {
        fn(data);
        return;
    }
    g_mutex_init(&call.lock);
    g_cond_init(&call.cond);
    loop_post(loop, run_call, &call);
    g_mutex_lock(&call.lock);
    while (!call.done)
        g_cond_wait(&call.cond, &call.lock);
    g_mutex_unlock(&call.lock);
    g_cond_clear(&call.cond);
    g_mutex_clear(&call.lock);
}

/* ---- pool ---- */

static void
job_done(void *data)
{
    LoopJob *job = data;
    Loop *loop = job->loop;

    if (job->done != NULL)
        job->done(job->data, job->result);
    g_free(job);
    g_mutex_lock(&loop->post_lock);
    loop->jobs--;
    g_mutex_unlock(&loop->post_lock);
}

static void
job_work(gpointer data, gpointer unused)
{
    LoopJob *job = data;

    job->result = job->work(job->data);
    loop_post(job->loop, job_done, job);
}

void
loop_offload(Loop *loop, int (*work)(void *data),
             void (*done)(void *data, int result), void *data)
{
    LoopJob *job = g_new(LoopJob, 1);

    *job = (LoopJob){loop, work, done, data, 0};
    g_mutex_lock(&loop->post_lock);
    loop->jobs++;
    g_mutex_unlock(&loop->post_lock);
    g_thread_pool_push(loop->pool, job, NULL);
}

static guint
jobs_in_flight(Loop *loop)
{
    g_mutex_lock(&loop->post_lock);
    guint n = loop->jobs;
    g_mutex_unlock(&loop->post_lock);
    return n;
}

/* ---- descriptors ---- */

static gboolean
watch_ready(int fd, GIOCondition ev, gpointer data)
{
    LoopWatch *watch = data;

    watch->ready(fd, ev, watch->data);
    return G_SOURCE_CONTINUE;
}

guint
loop_watch_fd(Loop *loop, int fd, GIOCondition events,
              void (*ready)(int fd, GIOCondition ev, void *data), void *data)
{
    LoopWatch *watch = g_new(LoopWatch, 1);
    GSource *source = g_unix_fd_source_new(fd, events);

    *watch = (LoopWatch){ready, data};
    g_source_set_callback(source, G_SOURCE_FUNC(watch_ready), watch, g_free);
    /* Nobody runs the context inside a callback; unless we say so, GLib takes
     * the descriptor out of the poll for each call and wakes itself twice. */
    g_source_set_can_recurse(source, TRUE);
    guint id = g_source_attach(source, loop->context);
    g_source_unref(source);
    return id;
}

void
loop_unwatch(Loop *loop, guint id)
{
    GSource *source = g_main_context_find_source_by_id(loop->context, id);

    if (source != NULL)
        g_source_destroy(source);
}

/* ---- life ---- */

static gpointer
loop_main(gpointer data)
{
    Loop *loop = data;

    /* timers of a virtual machine are exact, not merged by 50 us */
    prctl(PR_SET_TIMERSLACK, 1UL);
    g_main_context_push_thread_default(loop->context);
    g_main_loop_run(loop->main_loop);
    g_main_context_pop_thread_default(loop->context);
    return NULL;
}

static void
loop_destroy(Loop *loop)
{
    if (loop->pool != NULL)
        g_thread_pool_free(loop->pool, FALSE, TRUE);
    timer_queue_done(loop);
    if (loop->post_watch != 0)
        loop_unwatch(loop, loop->post_watch);
    sys_close(&loop->post_fd);
    g_queue_clear_full(&loop->posts, g_free);
    g_mutex_clear(&loop->post_lock);
    g_clear_pointer(&loop->main_loop, g_main_loop_unref);
    g_main_context_unref(loop->context);
    g_free(loop->name);
    g_free(loop);
}

static Loop *
loop_create(const char *name, bool manual, GError **error)
{
    Loop *loop = g_new0(Loop, 1);

    loop->name = g_strdup(name);
    loop->manual = manual;
    loop->manual_now = NSEC_PER_SECOND; /* a time of zero hides errors */
    loop->context = g_main_context_new();
    g_mutex_init(&loop->post_lock);
    g_queue_init(&loop->posts);
    loop->pool = g_thread_pool_new(job_work, NULL, POOL_THREADS, FALSE, NULL);
    loop->post_fd = sys_eventfd(error);
    bool ok = timer_queue_init(loop, loop->post_fd < 0 ? NULL : error);
    if (loop->post_fd < 0 || !ok) {
        loop_destroy(loop);
        return NULL;
    }
    loop->post_watch =
        loop_watch_fd(loop, loop->post_fd, G_IO_IN, posts_ready, loop);
    return loop;
}

Loop *
loop_new(const char *name, GError **error)
{
    Loop *loop = loop_create(name, false, error);

    if (loop == NULL)
        return NULL;
    /* the kernel shows 15 characters of a thread's name */
    g_autofree char *thread_name = g_strdup_printf("vm:%.12s", name);
    loop->main_loop = g_main_loop_new(loop->context, FALSE);
    loop->thread = g_thread_new(thread_name, loop_main, loop);
    return loop;
}

Loop *
loop_new_manual(void)
{
    Loop *loop = loop_create("manual", true, NULL);

    g_assert(loop != NULL);
    loop->thread = g_thread_self();
    return loop;
}

static void
quit_loop(void *data)
{
    Loop *loop = data;

    g_main_loop_quit(loop->main_loop);
}

void
loop_free(Loop *loop)
{
    if (loop == NULL)
        return;
    if (loop->manual) {
        loop_advance(loop, 0);
        loop_destroy(loop);
        return;
    }
    g_assert(!loop_is_owner(loop));
    while (jobs_in_flight(loop) > 0)
        g_usleep(200);
    loop_post(loop, quit_loop, loop);
    g_thread_join(loop->thread);
    loop_destroy(loop);
}

/* Runs everything that is ready now; waits a little for pool jobs. */
static void
manual_dispatch(Loop *loop)
{
    gint64 limit = g_get_monotonic_time() + MANUAL_WAIT_MS * 1000;
    bool again;

    do {
        again = run_posts(loop) > 0;
        while (g_main_context_iteration(loop->context, FALSE))
            again = true;
        again |= timer_queue_run(loop) > 0;
        if (!again && jobs_in_flight(loop) > 0) {
            g_usleep(100);
            again = g_get_monotonic_time() < limit;
        }
    } while (again && g_get_monotonic_time() < limit);
}

void
loop_advance(Loop *loop, gint64 ns)
{
    gint64 target = loop->manual_now + ns;

    g_assert(loop->manual);
    manual_dispatch(loop);
    for (;;) {
        gint64 next = timer_queue_next(loop);
        if (next > target)
            break;
        if (next > loop->manual_now)
            __atomic_store_n(&loop->manual_now, next, __ATOMIC_RELAXED);
        manual_dispatch(loop);
    }
    __atomic_store_n(&loop->manual_now, target, __ATOMIC_RELAXED);
    manual_dispatch(loop);
}

bool
loop_is_owner(Loop *loop)
{
    return loop->thread == g_thread_self();
}

void
loop_assert_owner(Loop *loop)
{
    g_assert(loop_is_owner(loop));
}

GMainContext *
loop_context(Loop *loop)
{
    return loop->context;
}
