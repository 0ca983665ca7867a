/* devices/virtio/virtio-pool.c - see virtio-pool.h. */
#include "devices/virtio/virtio-pool.h"

void
virtio_pool_init(VirtioPool *pool, gsize item_size, unsigned n)
{
    *pool = (VirtioPool){
        .items = g_malloc0_n(n, item_size),
        .item_size = item_size,
        .n_unused = n,
        .given = g_new(gpointer, n),
    };
}

void
virtio_pool_clear(VirtioPool *pool)
{
    g_free(pool->items);
    g_free(pool->given);
    *pool = (VirtioPool){0};
}

gpointer
virtio_pool_take(VirtioPool *pool)
{
    if (pool->n_given > 0) /* its memory is warm */
        return pool->given[--pool->n_given];
    return pool->n_unused > 0 ? pool->items + pool->item_size * --pool->n_unused
                              : NULL;
}

void
virtio_pool_give(VirtioPool *pool, gpointer item)
{
    pool->given[pool->n_given++] = item;
}
