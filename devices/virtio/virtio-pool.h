/* devices/virtio/virtio-pool.h - a device's requests, in store: as many as its
 * queues have entries, so that none is allocated while the machine runs. Memory
 * of requests that were never needed at once is never touched. */
#pragma once

#include <glib.h>

/* Under the owner's lock. All zero: empty. */
typedef struct {
    guint8 *items; /* n, of item_size bytes */
    gsize item_size;
    unsigned n_unused; /* of items: never taken so far; the first ones */
    gpointer *given;   /* n_given that were given back, newest last */
    unsigned n_given;
} VirtioPool;

void virtio_pool_init(VirtioPool *pool, gsize item_size, unsigned n);
void virtio_pool_clear(VirtioPool *pool);
/* The item as it was given back, or all zero the first time; NULL: all are
 * taken. */
gpointer virtio_pool_take(VirtioPool *pool);
void virtio_pool_give(VirtioPool *pool, gpointer item);
