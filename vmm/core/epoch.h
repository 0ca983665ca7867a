/* vmm/core/epoch.h - grace periods: when may a replaced table be freed?
 *
 * Look-up tables (port and MMIO dispatch, guest memory map) are read on every
 * exit and replaced rarely.  A reader brackets its use with epoch_enter() and
 * epoch_leave() and takes no lock; a writer publishes a new table with one
 * atomic store and retires the old one, which is freed once every reader that
 * could have seen it has left.  The scheme is sleepable RCU with two phases:
 * each reader counts itself into the current phase. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct Epoch Epoch;

Epoch *epoch_new(void);        /* never NULL */
void epoch_free(Epoch *epoch); /* no reader may be inside; frees the retired */

/* Any thread, wait-free, may nest.  Give the returned token to epoch_leave()
 * on the same thread. */
unsigned epoch_enter(Epoch *epoch);
void epoch_leave(Epoch *epoch, unsigned token);

/* Any thread, also inside a reader: free_fn(data) runs later, on whatever
 * thread next calls epoch_retire(), epoch_poll() or epoch_synchronize(), when
 * no reader can hold data any more. */
void epoch_retire(Epoch *epoch, void (*free_fn)(void *data), void *data);

/* Frees what can be freed now; never waits.  Any thread. */
void epoch_poll(Epoch *epoch);

/* Waits until every reader that entered before the call has left, then frees
 * all that was retired before it.  Not inside a reader (it would wait for
 * itself), not with a device lock held. */
void epoch_synchronize(Epoch *epoch);
