/* vmm/block/block.c - see block.h: opens images by format name, checks every
 * request, sends it to the ring or the pool and brings the results back to
 * the loop. Formats whose metadata waits in memory are flushed some seconds
 * after a write, for guests that never ask for it. */
#include "vmm/block/block.h"

#include <errno.h>
#include <string.h>

#include "vmm/block/block-internal.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

/* "Go on": no errno, no success. */
#define VERDICT_GO 1

/* How long metadata may wait in memory. */
#define WRITE_BACK_NS (2 * G_GINT64_CONSTANT(1000000000))

static const BlockDriver *const formats[] = {
    &block_raw_driver,
    &block_qcow2_driver,
    &block_iso_driver,
};

GQuark
carrel_block_error_quark(void)
{
    return g_quark_from_static_string("carrel-block-error-quark");
}

/* ---- queues ---- */

void
block_queue_push(BlockQueue *queue, BlockReq *req)
{
    *block_req_next(req) = NULL;
    if (queue->tail != NULL)
        *block_req_next(queue->tail) = req;
    else
        queue->head = req;
    queue->tail = req;
    queue->n++;
}

BlockReq *
block_queue_pop(BlockQueue *queue)
{
    BlockReq *req = queue->head;

    if (req == NULL)
        return NULL;
    queue->head = *block_req_next(req);
    if (queue->head == NULL)
        queue->tail = NULL;
    queue->n--;
    return req;
}

void
block_queue_append(BlockQueue *to, BlockQueue *from)
{
    if (from->head == NULL)
        return;
    if (to->tail != NULL)
        *block_req_next(to->tail) = from->head;
    else
        to->head = from->head;
    to->tail = from->tail;
    to->n += from->n;
    *from = (BlockQueue){0};
}

/* ---- results ---- */

Block *
block_ref(Block *block)
{
    g_atomic_ref_count_inc(&block->refs);
    return block;
}

void
block_unref(Block *block)
{
    if (!g_atomic_ref_count_dec(&block->refs))
        return;
    sys_close(&block->event_fd);
    g_clear_pointer(&block->watch_source, g_source_unref);
    g_mutex_clear(&block->lock);
    g_mutex_clear(&block->image_lock);
    g_free(block->path);
    g_free(block);
}

void
block_finish(Block *block, BlockReq *req, int result)
{
    *block_req_result(req) = result;
    g_mutex_lock(&block->lock);
    bool was_empty = block->finished.head == NULL;
    block_queue_push(&block->finished, req);
    g_mutex_unlock(&block->lock);
    if (was_empty)
        sys_eventfd_signal(block->event_fd);
}

static int
write_back_work(void *data)
{
    Block *block = data;

    g_mutex_lock(&block->image_lock);
    /* an error shows at the guest's next flush; until then it is tried again */
    if (block->image != NULL)
        (void) block->driver->flush(block->image);
    g_mutex_unlock(&block->image_lock);
    return 0;
}

/* Any thread. */
static void
arm_write_back(Block *block)
{
    if (block->write_back != NULL && !timer_is_armed(block->write_back) &&
        block->driver->is_dirty(block->image))
        timer_arm(block->write_back,
                  loop_now_ns(block->loop, CLOCK_HOST) + WRITE_BACK_NS);
}

static void
write_back_done(void *data, int result)
{
    Block *block = data;

    if (block->image != NULL) /* closed on this loop, so not in between */
        arm_write_back(block);
    block_unref(block);
}

static void
write_back_fire(void *data)
{
    Block *block = data;

    loop_offload(block->loop, write_back_work, write_back_done,
                 block_ref(block));
}

static void
deliver(int fd, GIOCondition ev, void *data)
{
    Block *block = block_ref(data); /* a done() may close it */
    BlockQueue ready = {0};

    sys_eventfd_drain(fd);
    if (block->uring != NULL)
        uring_reap(block->uring, &ready);
    g_mutex_lock(&block->lock);
    block_queue_append(&ready, &block->finished);
    g_mutex_unlock(&block->lock);
    for (BlockReq *req; (req = block_queue_pop(&ready)) != NULL;) {
        int result = (int) *block_req_result(req);
        g_mutex_lock(&block->lock);
        block->in_flight--;
        g_mutex_unlock(&block->lock);
        req->done(req, result);
    }
    if (block->batch_done != NULL)
        block->batch_done(block->batch_data);
    if (block->image != NULL)
        arm_write_back(block);
    block_unref(block);
}

void
block_set_batch_done(Block *block, void (*fn)(void *data), void *data)
{
    block->batch_done = fn;
    block->batch_data = data;
}

/* ---- requests ---- */

int
block_execute(Block *block, BlockReq *req)
{
    gsize total = 0, progress = *block_req_progress(req);
    BlockVec vec;

    switch (req->op) {
    case BLOCK_READ:
    case BLOCK_WRITE:
        (void) block_iov_total(req->iov, req->n_iov, &total); /* checked */
        block_vec_init(&vec, req->iov, req->n_iov, progress);
        return block->driver->transfer(block->image, req->op, &vec,
                                       req->offset + progress,
                                       total - progress);
    case BLOCK_FLUSH: return block->driver->flush(block->image);
    case BLOCK_DISCARD:
        return block->driver->discard(block->image, req->offset, req->len);
    case BLOCK_WRITE_ZEROES:
        return block->driver->write_zeroes(block->image, req->offset, req->len,
                                           req->unmap);
    default: return -EINVAL;
    }
}

static int
check_range(const BlockInfo *info, guint64 offset, guint64 len)
{
    if (offset % info->logical_size != 0 || len % info->logical_size != 0)
        return -EINVAL;
    if (offset > info->bytes || len > info->bytes - offset)
        return -EINVAL;
    return len == 0 ? 0 : VERDICT_GO;
}

/* *ret_total: bytes of a read's or a write's iov. */
static int
check_request(const Block *block, const BlockReq *req, gsize *ret_total)
{
    const BlockInfo *info = &block->info;

    switch (req->op) {
    case BLOCK_WRITE:
        if (info->read_only)
            return -EROFS;
        G_GNUC_FALLTHROUGH;
    case BLOCK_READ:
        if (req->n_iov > info->max_iov ||
            !block_iov_total(req->iov, req->n_iov, ret_total))
            return -EINVAL;
        return check_range(info, req->offset, *ret_total);
    case BLOCK_FLUSH: return info->read_only ? 0 : VERDICT_GO;
    case BLOCK_DISCARD:
        if (info->read_only)
            return -EROFS;
        if (!info->can_discard)
            return -EOPNOTSUPP;
        return check_range(info, req->offset, req->len);
    case BLOCK_WRITE_ZEROES:
        if (info->read_only)
            return -EROFS;
        return check_range(info, req->offset, req->len);
    default: return -EINVAL;
    }
}

void
block_submit(Block *block, BlockReq *reqs[], unsigned n_reqs)
{
    BlockQueue go = {0};
    gsize unused;

    g_mutex_lock(&block->lock);
    block->in_flight += n_reqs;
    g_mutex_unlock(&block->lock);
    for (unsigned i = 0; i < n_reqs; i++) {
        BlockReq *req = reqs[i];
        memset(req->priv, 0, sizeof req->priv);
        int verdict = check_request(block, req, &unused);
        if (verdict == VERDICT_GO)
            block_queue_push(&go, req);
        else
            block_finish(block, req, verdict);
    }
    if (go.head == NULL)
        return;
    if (block->uring != NULL)
        uring_submit(block->uring, &go);
    else
        block_pool_submit(block, &go);
}

int
block_try_now(Block *block, BlockOp op, guint64 offset, const struct iovec *iov,
              unsigned n_iov)
{
    const BlockReq req = {
        .op = op, .offset = offset, .iov = iov, .n_iov = n_iov};
    gsize total = 0;

    if (block->driver->try_now == NULL || op > BLOCK_FLUSH)
        return -EOPNOTSUPP;
    if (check_request(block, &req, &total) != VERDICT_GO)
        return -EAGAIN;
    return block->driver->try_now(block->image, op, iov, n_iov, offset, total);
}

int
block_run_now(Block *block, BlockReq *req)
{
    gsize unused;

    memset(req->priv, 0, sizeof req->priv);
    int result = check_request(block, req, &unused);
    if (result == VERDICT_GO)
        result = block_execute(block, req);
    if (req->op != BLOCK_READ)
        arm_write_back(block);
    return result;
}

void
block_cancel_all(Block *block)
{
    if (block->uring != NULL)
        uring_cancel(block->uring);
    block_pool_cancel(block);
}

bool
block_is_idle(Block *block)
{
    g_mutex_lock(&block->lock);
    bool idle = block->in_flight == 0;
    g_mutex_unlock(&block->lock);
    return idle;
}

const BlockInfo *
block_info(const Block *block)
{
    return &block->info;
}

const char *
block_path(const Block *block)
{
    return block->path;
}

/* ---- open and close ---- */

const BlockDriver *
block_find_format(const char *format, const char *path, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (g_strcmp0(format, formats[i]->name) == 0)
            return formats[i];
        g_string_append_printf(known, "%s'%s'", i > 0 ? " or " : "",
                               formats[i]->name);
    }
    g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                "disk image '%s' has the unknown format '%s'; use %s", path,
                format != NULL ? format : "", known->str);
    return NULL;
}

static bool
open_image(Block *block, const BlockSpec *spec, GError **error)
{
    const BlockDriver *driver =
        block_find_format(spec->format, spec->path, error);

    if (driver == NULL)
        return false;
    if (spec->n_backings > 0 && driver != &block_qcow2_driver) {
        g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_BACKING,
                    "disk image '%s' has the format %s, which has no backing "
                    "image; remove 'backing', or set the format to qcow2",
                    spec->path, driver->name);
        return false;
    }
    block->image = driver->open(spec, &block->info, error);
    if (block->image == NULL)
        return false;
    block->driver = driver;
    block->info.max_iov = BLOCK_MAX_IOV;
    block->info.cached = !spec->direct;
    if (!spec->snapshot || spec->read_only || driver->is_cdrom)
        return true;
    block->driver = &block_overlay_driver;
    block->image =
        block_overlay_new(driver, block->image, block->info.bytes, error);
    block->info.read_only = false;
    block->info.can_discard = true;
    block->info.discard_zeroes = false; /* not at the edges of clusters */
    return block->image != NULL;
}

static void
watch_on_loop(void *data)
{
    Block *block = data;

    block->watch =
        loop_watch_fd(block->loop, block->event_fd, G_IO_IN, deliver, block);
    block->watch_source = g_source_ref(g_main_context_find_source_by_id(
        loop_context(block->loop), block->watch));
    if (block->driver->is_dirty != NULL && !block->info.read_only)
        block->write_back =
            timer_new(block->loop, CLOCK_HOST, write_back_fire, block);
}

static void
unwatch_on_loop(void *data)
{
    Block *block = data;

    loop_unwatch(block->loop, block->watch);
    g_clear_pointer(&block->write_back, timer_free);
}

Block *
block_open(const BlockSpec *spec, Loop *loop, GError **error)
{
    Block *block = g_new0(Block, 1);

    g_atomic_ref_count_init(&block->refs);
    g_mutex_init(&block->lock);
    g_mutex_init(&block->image_lock);
    block->path = g_strdup(spec->path);
    block->loop = loop;
    block->event_fd = -1;
    if (!open_image(block, spec, error))
        goto fail;
    block->event_fd = sys_eventfd(error);
    if (block->event_fd < 0)
        goto fail;
    if (!spec->use_pool && block->driver->ring_fd != NULL)
        block->uring = uring_new(block);
    loop_call(loop, watch_on_loop, block);
    return block;
fail:
    block_close(block);
    return NULL;
}

void
block_close(Block *block)
{
    if (block == NULL)
        return;
    /* a loop that has ended has taken its watches along, and nobody is left
     * to be told about what may still be on its way */
    bool alive = block->watch_source != NULL &&
                 !g_source_is_destroyed(block->watch_source);
    g_return_if_fail(!alive || block_is_idle(block));
    if (alive)
        loop_call(block->loop, unwatch_on_loop, block);
    else
        g_clear_pointer(&block->write_back, timer_free);
    g_clear_pointer(&block->uring, uring_free);
    g_mutex_lock(&block->image_lock);
    if (block->image != NULL)
        block->driver->close(block->image);
    block->image = NULL;
    g_mutex_unlock(&block->image_lock);
    block_unref(block);
}
