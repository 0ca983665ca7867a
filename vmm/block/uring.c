/* vmm/block/uring.c - disk requests on an io_uring, one ring a disk.
 *
 * Whoever submits enters the kernel itself, with all of its batch at once;
 * results wake the loop through the disk's eventfd. What the ring does not
 * finish (a short read, an interrupted or refused operation) goes on in the
 * pool, which knows how to, so the ring's code has only the straight way.
 * Left out: polled I/O and registered buffers. */
#include "vmm/block/block-internal.h"

#if CARREL_HAVE_URING

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/core/sysutil.h"

#define DEPTH      128 /* requests in the kernel at once; the rest waits */
#define REAP_BATCH 32
/* Longer copies out of the page cache are given to the kernel's threads, so
 * that several go on at once. */
#define LONG_COPY (64u << 10)

struct Uring {
    Block *block;
    int fd; /* borrowed from the image */

    GMutex lock; /* L2 guards ring, waiting, in_ring, cancels, broken */
    struct io_uring ring;
    BlockQueue waiting; /* no room in the ring yet */
    unsigned in_ring;   /* submitted entries without a completion */
    gsize cancels;      /* block_cancel_all() calls so far */
    bool broken;        /* the kernel refuses to be entered: pool only */
};

/* ---- set-up ---- */

/* A sandbox may let the ring be made and then forbid entering it. */
static bool
try_nop(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    if (sqe == NULL)
        return false;
    io_uring_prep_nop(sqe);
    if (io_uring_submit_and_wait(ring, 1) != 1 ||
        io_uring_peek_cqe(ring, &cqe) != 0)
        return false;
    io_uring_cqe_seen(ring, cqe);
    return true;
}

static bool
knows_operations(struct io_uring *ring)
{
    static const int needed[] = {IORING_OP_READV, IORING_OP_WRITEV,
                                 IORING_OP_FSYNC, IORING_OP_FALLOCATE,
                                 IORING_OP_ASYNC_CANCEL};
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    bool ok = probe != NULL;

    for (gsize i = 0; ok && i < G_N_ELEMENTS(needed); i++)
        ok = io_uring_opcode_supported(probe, needed[i]) != 0;
    io_uring_free_probe(probe);
    return ok;
}

/* liburing 2.3 declares functions for these and does not have them. */
static bool
ring_register(struct io_uring *ring, unsigned what, const void *rows,
              unsigned n)
{
    return syscall(SYS_io_uring_register, ring->ring_fd, what, rows, n) == 0;
}

/* Made closed, opened for what we ask of it: through a ring a program can open
 * and connect past any filter of system calls. The eventfd before it opens. */
static bool
bind_to_operations(struct io_uring *ring, int event_fd)
{
    static const guint8 allowed[] = {
        IORING_OP_NOP,   IORING_OP_READV,     IORING_OP_WRITEV,
        IORING_OP_FSYNC, IORING_OP_FALLOCATE, IORING_OP_ASYNC_CANCEL};
    struct io_uring_restriction rows[G_N_ELEMENTS(allowed) + 1] = {{0}};
    struct io_uring_restriction *flags = &rows[G_N_ELEMENTS(allowed)];

    for (gsize i = 0; i < G_N_ELEMENTS(allowed); i++) {
        rows[i].opcode = IORING_RESTRICTION_SQE_OP;
        rows[i].sqe_op = allowed[i];
    }
    flags->opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    flags->sqe_flags = IOSQE_ASYNC;
    return io_uring_register_eventfd(ring, event_fd) == 0 &&
           ring_register(ring, IORING_REGISTER_RESTRICTIONS, rows,
                         G_N_ELEMENTS(rows)) &&
           ring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

/* Kernels before 5.10 make open rings only. */
static bool
make_ring(struct io_uring *ring, int event_fd)
{
    if (io_uring_queue_init(DEPTH, ring, IORING_SETUP_R_DISABLED) == 0) {
        if (knows_operations(ring) && bind_to_operations(ring, event_fd))
            return true;
        io_uring_queue_exit(ring);
    }
    if (io_uring_queue_init(DEPTH, ring, 0) < 0)
        return false;
    if (knows_operations(ring) &&
        io_uring_register_eventfd(ring, event_fd) == 0)
        return true;
    io_uring_queue_exit(ring);
    return false;
}

Uring *
uring_new(Block *block)
{
    Uring *uring = g_new0(Uring, 1);

    uring->block = block;
    uring->fd = block->driver->ring_fd(block->image);
    g_mutex_init(&uring->lock);
    if (uring->fd < 0 || !make_ring(&uring->ring, block->event_fd))
        goto no_ring;
    /* older kernels read the iovecs after the submitter has returned */
    if ((uring->ring.features & IORING_FEAT_SUBMIT_STABLE) == 0 ||
        !try_nop(&uring->ring)) {
        io_uring_queue_exit(&uring->ring);
        goto no_ring;
    }
    return uring;
no_ring:
    g_mutex_clear(&uring->lock);
    g_free(uring);
    return NULL;
}

void
uring_free(Uring *uring)
{
    if (uring == NULL)
        return;
    io_uring_queue_exit(&uring->ring);
    g_mutex_clear(&uring->lock);
    g_free(uring);
}

/* ---- submit ---- */

/* The request leaves the ring; it has no result yet, and nothing of it counts
 * as transferred. */
static void
release(Uring *uring, BlockReq *req)
{
    const BlockDriver *driver = uring->block->driver;

    if (driver->ring_end != NULL)
        driver->ring_end(uring->block->image, (gsize) *block_req_result(req));
    *block_req_result(req) = 0;
    *block_req_progress(req) = 0;
}

/* The kernel reads what is in the page cache inside the call that submits it:
 * one after the other, and the results of a call come all at its end. */
static bool
wants_worker(const Uring *uring, const BlockReq *req, unsigned n_others)
{
    gsize total = 0;

    return req->op == BLOCK_READ && n_others > 0 && uring->block->info.cached &&
           block_iov_total(req->iov, req->n_iov, &total) && total > LONG_COPY;
}

/* n_others: in the ring, or about to be. */
static void
prepare(Uring *uring, struct io_uring_sqe *sqe, BlockReq *req,
        unsigned n_others)
{
    guint64 at = *block_req_progress(req);

    switch (req->op) {
    case BLOCK_READ:
        io_uring_prep_readv(sqe, uring->fd, req->iov, req->n_iov, at);
        break;
    case BLOCK_WRITE:
        io_uring_prep_writev(sqe, uring->fd, req->iov, req->n_iov, at);
        break;
    case BLOCK_DISCARD:
        io_uring_prep_fallocate(sqe, uring->fd,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                (off_t) at, (off_t) req->len);
        break;
    case BLOCK_WRITE_ZEROES:
        io_uring_prep_fallocate(sqe, uring->fd,
                                block_raw_zero_modes(req->unmap)[0], (off_t) at,
                                (off_t) req->len);
        break;
    case BLOCK_FLUSH:
    default: io_uring_prep_fsync(sqe, uring->fd, IORING_FSYNC_DATASYNC); break;
    }
    if (wants_worker(uring, req, n_others))
        sqe->flags |= IOSQE_ASYNC;
    io_uring_sqe_set_data(sqe, req);
    *block_req_generation(req) = uring->cancels;
}

/* Enters the kernel with the n prepared entries; returns how many it took and
 * takes the others back out of the ring. Without SQPOLL the kernel looks at
 * the tail only inside the call, so moving it back is safe. */
static unsigned
enter(Uring *uring, unsigned n)
{
    struct io_uring_sq *sq = &uring->ring.sq;
    int rc;

    do {
        rc = io_uring_submit(&uring->ring);
    } while (rc == -EINTR);
    unsigned taken = rc > 0 ? (unsigned) rc : 0;
    if (taken < n) {
        unsigned tail = __atomic_load_n(sq->khead, __ATOMIC_ACQUIRE);
        sq->sqe_head = sq->sqe_tail = tail;
        __atomic_store_n(sq->ktail, tail, __ATOMIC_RELEASE);
    }
    if (rc < 0 && rc != -EAGAIN && rc != -EBUSY)
        uring->broken = true;
    uring->in_ring += taken;
    return taken;
}

static void
push_to_pool(Uring *uring, BlockQueue *to_pool, BlockReq *req)
{
    release(uring, req);
    block_queue_push(to_pool, req);
}

/* Lock held. Fills the ring from the waiting queue; what it does not take is
 * left in *to_pool. */
static void
pump(Uring *uring, BlockQueue *to_pool)
{
    BlockReq *batch[DEPTH];
    unsigned n = 0;

    while (uring->broken && uring->waiting.head != NULL)
        push_to_pool(uring, to_pool, block_queue_pop(&uring->waiting));
    while (uring->waiting.head != NULL && uring->in_ring + n < DEPTH) {
        BlockReq *req = uring->waiting.head;
        struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
        if (sqe == NULL)
            break;
        prepare(uring, sqe, req, uring->in_ring + n + uring->waiting.n - 1);
        batch[n++] = block_queue_pop(&uring->waiting);
    }
    if (n == 0)
        return;
    for (unsigned i = enter(uring, n); i < n; i++)
        push_to_pool(uring, to_pool, batch[i]);
}

/* Puts what the format can map into *mapped, the rest into *to_pool. */
static void
map_requests(Uring *uring, BlockQueue *list, BlockQueue *mapped,
             BlockQueue *to_pool)
{
    const BlockDriver *driver = uring->block->driver;

    for (BlockReq *req; (req = block_queue_pop(list)) != NULL;) {
        gsize total = 0, token = 0;
        guint64 offset = req->offset;
        (void) block_iov_total(req->iov, req->n_iov, &total); /* checked */
        bool ok =
            driver->ring_map(uring->block->image, req, total, &offset, &token);
        if (ok) {
            *block_req_progress(req) = offset;
            *block_req_result(req) = (gssize) token;
        }
        block_queue_push(ok ? mapped : to_pool, req);
    }
}

void
uring_submit(Uring *uring, BlockQueue *list)
{
    BlockQueue mapped = {0}, to_pool = {0};

    map_requests(uring, list, &mapped, &to_pool);
    g_mutex_lock(&uring->lock);
    block_queue_append(&uring->waiting, &mapped);
    pump(uring, &to_pool);
    g_mutex_unlock(&uring->lock);
    if (to_pool.head != NULL)
        block_pool_submit(uring->block, &to_pool);
}

/* ---- results ---- */

typedef struct {
    BlockReq *req;
    int res;
} Completion;

/* True when the request is finished with *ret_result; otherwise the pool has
 * to go on with it. cancelled: cancel_all() was called since it went in. */
static bool
settle(BlockReq *req, int res, bool cancelled, int *ret_result)
{
    gsize total = 0;

    switch (res) {
    case -EINTR:
    case -EAGAIN:
    case -EINVAL: /* old kernels, odd file systems: the pool finds out */
    case -EOPNOTSUPP:
    case -ENOSYS:
    case -ENODEV: return false;
    case -ECANCELED: /* also when the thread that submitted it has ended */
        *ret_result = -ECANCELED;
        return cancelled;
    default: break;
    }
    if (res < 0) {
        *ret_result = block_map_errno(res);
        return true;
    }
    *ret_result = 0;
    if (req->op != BLOCK_READ && req->op != BLOCK_WRITE)
        return true;
    (void) block_iov_total(req->iov, req->n_iov, &total); /* checked */
    *block_req_progress(req) = (gsize) res;
    return (gsize) res == total;
}

/* Lock held. */
static unsigned
take_completions(Uring *uring, Completion *ret_done)
{
    struct io_uring_cqe *cqes[REAP_BATCH];
    unsigned n = io_uring_peek_batch_cqe(&uring->ring, cqes, REAP_BATCH);

    for (unsigned i = 0; i < n; i++)
        ret_done[i] =
            (Completion){io_uring_cqe_get_data(cqes[i]), cqes[i]->res};
    io_uring_cq_advance(&uring->ring, n);
    uring->in_ring -= n;
    return n;
}

void
uring_reap(Uring *uring, BlockQueue *ready)
{
    BlockQueue to_pool = {0};
    Completion done[REAP_BATCH];
    unsigned n, rounds = 0;

    do {
        g_mutex_lock(&uring->lock);
        n = take_completions(uring, done);
        gsize cancels = uring->cancels;
        pump(uring, &to_pool);
        g_mutex_unlock(&uring->lock);
        for (unsigned i = 0; i < n; i++) {
            BlockReq *req = done[i].req;
            int result = 0;
            if (req == NULL) /* a cancel request itself */
                continue;
            release(uring, req);
            if (settle(req, done[i].res, *block_req_generation(req) != cancels,
                       &result)) {
                *block_req_result(req) = result;
                block_queue_push(ready, req);
            } else {
                block_queue_push(&to_pool, req);
            }
        }
    } while (n == REAP_BATCH && ++rounds < 2 * DEPTH / REAP_BATCH);
    if (n == REAP_BATCH) /* let the loop do something else first */
        sys_eventfd_signal(uring->block->event_fd);
    if (to_pool.head != NULL)
        block_pool_submit(uring->block, &to_pool);
}

void
uring_cancel(Uring *uring)
{
    BlockQueue stopped = {0};

    g_mutex_lock(&uring->lock);
    uring->cancels++;
    block_queue_append(&stopped, &uring->waiting);
    struct io_uring_sqe *sqe =
        uring->in_ring > 0 ? io_uring_get_sqe(&uring->ring) : NULL;
    if (sqe != NULL) {
        /* kernels before 5.19 refuse these flags: then nothing is stopped */
        io_uring_prep_cancel(sqe, NULL,
                             IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
        io_uring_sqe_set_data(sqe, NULL);
        (void) enter(uring, 1); /* refused: the requests simply run on */
    }
    g_mutex_unlock(&uring->lock);
    for (BlockReq *req; (req = block_queue_pop(&stopped)) != NULL;) {
        release(uring, req);
        block_finish(uring->block, req, -ECANCELED);
    }
}

#else /* !CARREL_HAVE_URING */

Uring *
uring_new(Block *block)
{
    return NULL;
}

void
uring_free(Uring *uring)
{
}

void
uring_submit(Uring *uring, BlockQueue *list)
{
}

void
uring_reap(Uring *uring, BlockQueue *ready)
{
}

void
uring_cancel(Uring *uring)
{
}

#endif
