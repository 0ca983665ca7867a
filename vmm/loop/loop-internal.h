/* vmm/loop/loop-internal.h - shared by loop.c and timer.c. */
#pragma once

#include "vmm/loop/loop.h"

/* Timers of one clock, a binary heap by deadline. */
typedef struct {
    GPtrArray *heap; /* Timer * */
} TimerHeap;

typedef struct {
    GMutex lock; /* L3 guards heaps, guest clock and the timerfd setting */
    TimerHeap heaps[2]; /* by LoopClock */
    int timerfd;        /* -1 in a manual loop */
    guint timerfd_watch;
    bool guest_running;
    gint64 guest_offset;     /* guest = host - offset while running */
    gint64 guest_stopped_at; /* guest time while stopped */
} TimerQueue;

typedef struct LoopPost LoopPost;

struct Loop {
    char *name;
    GMainContext *context;
    GMainLoop *main_loop; /* NULL in a manual loop */
    GThread *thread;
    bool manual;
    gint64 manual_now; /* host clock of a manual loop, ns */

    GMutex post_lock; /* L2 guards posts, jobs */
    GQueue posts;
    int post_fd;
    guint post_watch;
    guint jobs; /* offloaded, done() not yet run */

    GThreadPool *pool;
    TimerQueue timers;
};

bool timer_queue_init(Loop *loop, GError **error);
void timer_queue_done(Loop *loop);
/* Fires what is due; loop thread. Returns how many fired. */
unsigned timer_queue_run(Loop *loop);
/* Manual loop: earliest deadline as host time, or G_MAXINT64. */
gint64 timer_queue_next(Loop *loop);
