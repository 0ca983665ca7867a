/* app/session/worker.h - work that may block, off the thread that serves
 * clients and signals. Thread: the one that runs the context, but where noted.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct Worker Worker;

/* One job at a time, in the order they were given. */
Worker *worker_new(GMainContext *context);
/* Runs work(data) on a thread of the worker's, then done(data) on the thread
 * that runs the context. Either may be NULL. */
void worker_run(Worker *worker, void (*work)(void *data),
                void (*done)(void *data), void *data);
/* Waits for what was given. done() of it may still wait in the context. False:
 * it did not end within timeout_ms; then worker and job stay, for a process
 * that is about to end. NULL is fine. */
bool worker_free(Worker *worker, guint timeout_ms);
