/* vmm/loop/io-thread.h - a thread of a device's own, which may wait for files
 * where the loop may not.
 *
 * It sleeps until an eventfd is signalled. Going to sleep and being woken cost
 * more than a small request does, so before that the owner may let it linger:
 * look again and again, for as long as that has paid lately. It gives way to
 * whoever else wants its processor meanwhile. */
#pragma once

#include "vmm/types.h"

typedef struct IoThread IoThread;

/* Starts the thread "io:<name>". Whenever fds[i] was signalled, and the signal
 * has been cleared, ready(i, data) runs on it with no lock held. fds are
 * borrowed until io_thread_free(). NULL and error set: no thread or no
 * descriptor to be had. Any thread. */
IoThread *io_thread_new(const char *name, const int *fds, unsigned n_fds,
                        void (*ready)(unsigned i, void *data), void *data,
                        GError **error);
/* Waits until ready() has returned; it does not run any more then. Not on the
 * thread itself. NULL is fine. */
void io_thread_free(IoThread *thread);

/* On the thread, inside ready(), when there is nothing more to do: true when
 * look() said so within a short while, else it was not worth waiting for. */
bool io_thread_linger(IoThread *thread, bool (*look)(void *data), void *data);
