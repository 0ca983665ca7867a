/* vmm/block/block-internal.h - what the front, the formats and the two
 * engines (ring and pool) of vmm/block share. */
#pragma once

#include "vmm/block/block.h"

#define BLOCK_SECTOR  512u
#define BLOCK_MAX_IOV 1024u /* IOV_MAX of Linux */

/* A place in a request's memory; functions that move data advance it. */
typedef struct {
    const struct iovec *iov;
    unsigned n;
    gsize skip; /* bytes of iov[0] already used */
} BlockVec;

void block_vec_init(BlockVec *vec, const struct iovec *iov, unsigned n,
                    gsize skip);
void block_vec_advance(BlockVec *vec, gsize len);
/* The next pieces, at most cap of them and max_len bytes; returns how many. */
unsigned block_vec_window(const BlockVec *vec, struct iovec *ret_iov,
                          unsigned cap, gsize max_len);
void block_vec_gather(BlockVec *vec, void *dst, gsize len);
void block_vec_scatter(BlockVec *vec, const void *src, gsize len);
void block_vec_zero(BlockVec *vec, gsize len);
/* Sum of the lengths; false when it overflows. */
bool block_iov_total(const struct iovec *iov, unsigned n, gsize *ret_total);

/* Moves up to len bytes between vec and fd; goes on after EINTR and partial
 * transfers, stops at the end of the file. *ret_moved is valid even on error.
 * 0 or negative errno, not yet mapped. Blocks. */
int block_fd_transfer(int fd, BlockOp op, BlockVec *vec, guint64 offset,
                      gsize len, gsize *ret_moved);

/* Writes len bytes of zeros by a driver's transfer(). 0 or its error. */
int block_fill_zeros(int (*transfer)(gpointer image, BlockOp op, BlockVec *vec,
                                     guint64 offset, gsize len),
                     gpointer image, guint64 offset, guint64 len);

/* Any errno as one that BlockReq.done may see. */
int block_map_errno(int negative_errno);

/* A format: one const instance per name a profile may use, plus the overlay,
 * which wraps another. open, close: set-up thread; the rest: pool threads,
 * several at once, results are negative errno that block_map_errno() has
 * seen. Ranges are inside the disk and aligned. */
typedef struct {
    const char *name;
    bool is_cdrom;
    /* Fills every field of ret_info but max_iov and cached. */
    gpointer (*open)(const BlockSpec *spec, BlockInfo *ret_info,
                     GError **error);
    void (*close)(gpointer image);
    int (*transfer)(gpointer image, BlockOp op, BlockVec *vec, guint64 offset,
                    gsize len);
    int (*flush)(gpointer image);
    int (*discard)(gpointer image, guint64 offset, guint64 len);
    /* As BlockReq says; falls back to writing. */
    int (*write_zeroes)(gpointer image, guint64 offset, guint64 len,
                        bool unmap);
    /* Descriptor whose offsets are the disk's, for the ring; NULL or -1: there
     * is none and every request goes through the functions above. */
    int (*ring_fd)(gpointer image);
    /* What block_try_now() says of reads and writes, and of flushes (without
     * iov); NULL: never possible. Any thread. */
    int (*try_now)(gpointer image, BlockOp op, const struct iovec *iov,
                   unsigned n_iov, guint64 offset, gsize len);
    /* Whether this request may go to ring_fd() as it stands, at *offset, which
     * comes in as the request's. Any thread. */
    bool (*ring_map)(gpointer image, const BlockReq *req, gsize total,
                     guint64 *offset, gsize *ret_token);
    /* The request that was mapped has left the ring. NULL: nobody cares. Any
     * thread, locks may be held. */
    void (*ring_end)(gpointer image, gsize token);
    /* Bytes from offset on, at most len, that are alike; *ret_zero: they read
     * as zeros. NULL: not known. */
    guint64 (*extent)(gpointer image, guint64 offset, guint64 len,
                      bool *ret_zero);
    /* Whether flush() would have something to do although the guest has not
     * asked for it; the front then calls it within some seconds. Any thread. */
    bool (*is_dirty)(gpointer image);
} BlockDriver;

extern const BlockDriver block_raw_driver, block_iso_driver;
/* raw.c: fallocate() modes that make zeros, best first, ended by 0. */
const int *block_raw_zero_modes(bool unmap);
extern const BlockDriver block_qcow2_driver, block_overlay_driver;

/* NULL and error set when no format has that name. path: for the message. */
const BlockDriver *block_find_format(const char *format, const char *path,
                                     GError **error);

/* Wraps an open image; takes it over also on failure. bytes: its size. */
gpointer block_overlay_new(const BlockDriver *base, gpointer base_image,
                           guint64 bytes, GError **error);

/* Takes the locks that belong to the access on fd's open file description;
 * they end with its last close. */
bool block_lock(int fd, const char *path, bool writable, GError **error);

/* Requests linked through priv[]; see the accessors. */
typedef struct {
    BlockReq *head, *tail;
    unsigned n;
} BlockQueue;

static inline BlockReq **
block_req_next(BlockReq *req)
{
    return (BlockReq **) &req->priv[0];
}

/* Bytes already transferred when the ring gives a request to the pool; while it
 * is in the ring, where its data is in ring_fd(). */
static inline gsize *
block_req_progress(BlockReq *req)
{
    G_STATIC_ASSERT(sizeof(gsize) == sizeof(gpointer));
    return (gsize *) &req->priv[1];
}

/* 0 or -errno once finished; until then ring_map()'s token. */
static inline gssize *
block_req_result(BlockReq *req)
{
    return (gssize *) &req->priv[2];
}

/* Uring.cancels when it entered the ring. */
static inline gsize *
block_req_generation(BlockReq *req)
{
    return (gsize *) &req->priv[3];
}

void block_queue_push(BlockQueue *queue, BlockReq *req);
BlockReq *block_queue_pop(BlockQueue *queue); /* NULL when empty */
/* Moves all of from to the end of to. */
void block_queue_append(BlockQueue *to, BlockQueue *from);

typedef struct Uring Uring;

struct Block {
    gatomicrefcount refs; /* the owner, pool jobs, the loop's callback */
    char *path;
    BlockInfo info;
    const BlockDriver *driver;
    gpointer image;
    Loop *loop;
    int event_fd; /* something finished; also signalled by the ring */
    guint watch;
    GSource *watch_source; /* destroyed by the loop when it ends before us */
    Uring *uring;          /* NULL: everything goes to the pool */

    void (*batch_done)(void *data); /* loop thread */
    void *batch_data;
    Timer *write_back; /* loop thread; formats with is_dirty() only */

    /* Against closing while the write-back is at it; held across I/O. */
    GMutex image_lock; /* L1 guards the end of image */

    GMutex lock;         /* L2 guards waiting, finished, workers, in_flight */
    BlockQueue waiting;  /* for the pool */
    BlockQueue finished; /* results for the loop */
    unsigned workers;    /* pool jobs that serve waiting */
    guint in_flight;     /* submitted, done() not yet called */
};

Block *block_ref(Block *block);
void block_unref(Block *block);
/* Hands a result to the loop. Any thread. */
void block_finish(Block *block, BlockReq *req, int result);
/* Executes a request here and now. Pool thread. */
int block_execute(Block *block, BlockReq *req);

/* pool.c: empties list. Any thread. */
void block_pool_submit(Block *block, BlockQueue *list);
void block_pool_cancel(Block *block);

/* uring.c: NULL when the kernel (or the build) offers no ring. */
Uring *uring_new(Block *block);
void uring_free(Uring *uring);
void uring_submit(Uring *uring, BlockQueue *list); /* empties list */
/* Adds what is finished to ready. Loop thread. */
void uring_reap(Uring *uring, BlockQueue *ready);
void uring_cancel(Uring *uring);
