/* vmm/block/pool.c - disk requests on the loop's worker threads.
 *
 * Used where there is no ring, for formats that are more than a file, and for
 * the rare request that the ring could not finish. At most MAX_WORKERS jobs a
 * disk, each taking request after request from the disk's queue. */
#include "vmm/block/block-internal.h"

#include <errno.h>

#include "vmm/loop/loop.h"

#define MAX_WORKERS 4
/* Requests before a job goes to the back of the pool's own queue, so that one
 * busy disk does not keep the threads from everybody else. */
#define FAIR_SHARE 64

static int
pool_work(void *data)
{
    Block *block = data;

    for (unsigned i = 0; i < FAIR_SHARE; i++) {
        g_mutex_lock(&block->lock);
        BlockReq *req = block_queue_pop(&block->waiting);
        if (req == NULL)
            block->workers--;
        g_mutex_unlock(&block->lock);
        if (req == NULL)
            return 0;
        block_finish(block, req, block_execute(block, req));
    }
    return 1; /* still a worker */
}

static void
pool_done(void *data, int result)
{
    Block *block = data;

    if (result == 1)
        loop_offload(block->loop, pool_work, pool_done, block);
    else
        block_unref(block);
}

void
block_pool_submit(Block *block, BlockQueue *list)
{
    g_mutex_lock(&block->lock);
    unsigned more = MIN(MAX_WORKERS - block->workers, list->n);
    block->workers += more;
    block_queue_append(&block->waiting, list);
    g_mutex_unlock(&block->lock);
    for (; more > 0; more--)
        loop_offload(block->loop, pool_work, pool_done, block_ref(block));
}

void
block_pool_cancel(Block *block)
{
    BlockQueue stopped = {0};

    g_mutex_lock(&block->lock);
    block_queue_append(&stopped, &block->waiting);
    g_mutex_unlock(&block->lock);
    for (BlockReq *req; (req = block_queue_pop(&stopped)) != NULL;)
        block_finish(block, req, -ECANCELED);
}
