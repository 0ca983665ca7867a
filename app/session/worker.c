/* app/session/worker.c - work that may block, off the main thread. */
#include "app/session/worker.h"

struct Worker {
    GMainContext *context;
    GThreadPool *pool; /* of one thread: keeps the order */
    GMutex lock;       /* L2 guards pending */
    GCond idle;
    unsigned pending;
};

typedef struct {
    void (*work)(void *data);
    void (*done)(void *data);
    void *data;
} Job;

static gboolean
job_done(gpointer data)
{
    Job *job = data;
    if (job->done != NULL)
        job->done(job->data);
    return G_SOURCE_REMOVE;
}

/* The worker's thread. */
static void
run_job(gpointer data, gpointer user_data)
{
    Job *job = data;
    Worker *worker = user_data;

    if (job->work != NULL)
        job->work(job->data);
    GSource *source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, job_done, job, g_free);
    g_source_attach(source, worker->context);
    g_source_unref(source);
    g_mutex_lock(&worker->lock);
    worker->pending--;
    g_cond_broadcast(&worker->idle);
    g_mutex_unlock(&worker->lock);
}

Worker *
worker_new(GMainContext *context)
{
    Worker *worker = g_new0(Worker, 1);
    worker->context = context != NULL ? g_main_context_ref(context) : NULL;
    worker->pool = g_thread_pool_new(run_job, worker, 1, FALSE, NULL);
    g_mutex_init(&worker->lock);
    g_cond_init(&worker->idle);
    return worker;
}

void
worker_run(Worker *worker, void (*work)(void *data), void (*done)(void *data),
           void *data)
{
    Job *job = g_new(Job, 1);
    *job = (Job){work, done, data};
    g_mutex_lock(&worker->lock);
    worker->pending++;
    g_mutex_unlock(&worker->lock);
    /* Without a thread it stays queued until there is one. */
    (void) g_thread_pool_push(worker->pool, job, NULL);
}

bool
worker_free(Worker *worker, guint timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + (gint64) timeout_ms * 1000;

    if (worker == NULL)
        return true;
    g_mutex_lock(&worker->lock);
    while (worker->pending > 0 &&
           g_cond_wait_until(&worker->idle, &worker->lock, deadline)) {
    }
    bool idle = worker->pending == 0;
    g_mutex_unlock(&worker->lock);
    if (!idle)
        return false;
    g_thread_pool_free(worker->pool, FALSE, TRUE);
    g_mutex_clear(&worker->lock);
    g_cond_clear(&worker->idle);
    if (worker->context != NULL)
        g_main_context_unref(worker->context);
    g_free(worker);
    return true;
}
