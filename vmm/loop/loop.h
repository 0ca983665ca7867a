/* vmm/loop/loop.h - the VM's loop thread, timers, and the worker pool. */
#pragma once

#include "vmm/types.h"

/* One Loop per VM: a GMainContext run by the thread "vm:<name>". Everything
 * that is not a vCPU exit or a viewer runs here. */
typedef enum {
    CLOCK_GUEST, /* stops while the VM is paused */
    CLOCK_HOST
} LoopClock;

/* Starts the thread. NULL and error set when a descriptor is missing. */
Loop *loop_new(const char *name, GError **error);
/* No thread: the creator's thread owns the loop and drives it by
 * loop_advance(); both clocks stand still in between. For tests. */
Loop *loop_new_manual(void);
/* Not on the loop's own thread. Runs what was posted, waits for the pool's
 * jobs, then stops. */
void loop_free(Loop *loop);

/* Manual loop only: moves both clocks forward by ns, firing timers in order
 * at their deadlines, and dispatches posts and descriptors that are ready
 * (with a short real wait for pool jobs under way). */
void loop_advance(Loop *loop, gint64 ns);

void loop_assert_owner(Loop *loop); /* aborts in debug builds if not on it */
bool loop_is_owner(Loop *loop);
GMainContext *loop_context(Loop *loop); /* borrowed */

/* ns since an arbitrary start; never goes back. Any thread. */
gint64 loop_now_ns(Loop *loop, LoopClock clock);
/* Pause protocol only: stop and go on with CLOCK_GUEST; idempotent. A loop
 * starts with the guest clock running. */
void loop_guest_clock_stop(Loop *loop);
void loop_guest_clock_start(Loop *loop);

/* fd watches and timers belong to the loop thread; callbacks run there with
 * no lock held. events: G_IO_IN, G_IO_OUT. Returns an id > 0. Watches may be
 * added and removed on the loop thread or before it runs anything. */
guint loop_watch_fd(Loop *loop, int fd, GIOCondition events,
                    void (*ready)(int fd, GIOCondition ev, void *data),
                    void *data);
void loop_unwatch(Loop *loop, guint id);

/* ns resolution. deadline_ns is absolute on the timer's clock; a deadline in
 * the past fires at once. One shot: re-arm in fire(). */
Timer *timer_new(Loop *loop, LoopClock clock, void (*fire)(void *data),
                 void *data);
void timer_arm(Timer *timer, gint64 deadline_ns); /* any thread; <0 disarms */
bool timer_is_armed(Timer *timer);
/* Loop thread, or after the loop has stopped. fire() does not run any more
 * once this has returned. NULL is fine. */
void timer_free(Timer *timer);

/* Any thread: runs fn(data) on the loop, in call order. loop_call() waits for
 * it; forbidden while holding a device lock and on a vCPU thread. On the loop
 * thread itself loop_call() runs fn directly. */
void loop_post(Loop *loop, void (*fn)(void *data), void *data);
void loop_call(Loop *loop, void (*fn)(void *data), void *data);

/* Runs work on the shared pool, then done on the loop with work's result
 * (0 or -errno). For blocking host calls: open, fsync, sysfs writes. Any
 * thread. */
void loop_offload(Loop *loop, int (*work)(void *data),
                  void (*done)(void *data, int result), void *data);
