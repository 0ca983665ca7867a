/* vmm/block/block.h - asynchronous disk backends. */
#pragma once

#include <sys/uio.h>

#include "vmm/types.h"

typedef enum {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,
    BLOCK_DISCARD,     /* a wish: the content may go, or stay */
    BLOCK_WRITE_ZEROES /* an order, which every writable disk obeys */
} BlockOp;

/* Embedded in the device's own request, so submitting allocates nothing.
 * offset and the iov total are bytes and multiples of info.logical_size.
 * The iov memory must stay valid until done() runs. */
typedef struct BlockReq BlockReq;
struct BlockReq {
    BlockOp op;
    guint64 offset, len; /* len: DISCARD and WRITE_ZEROES only, bytes */
    /* WRITE_ZEROES: the room may be given back; without it what has a place
     * keeps it, so that writing there later cannot run out of room. */
    bool unmap;
    const struct iovec *iov;
    unsigned n_iov;
    /* Runs exactly once, on the loop given to block_open(), never inside
     * block_submit(). result: 0, -EIO, -ENOSPC, -EROFS, -EOPNOTSUPP, -EINVAL
     * (past the end) or -ECANCELED. */
    void (*done)(BlockReq *req, int result);
    gpointer priv[4]; /* backend's */
};

typedef struct {
    /* Capacity; a file with an odd end counts its last sector as whole. */
    guint64 bytes;
    guint32 logical_size, physical_size, max_iov; /* bytes, bytes, entries */
    bool read_only, can_discard, is_cdrom;
    bool discard_zeroes; /* what was discarded reads as zeros */
    bool cached; /* through the host's page cache: not BlockSpec.direct */
} BlockInfo;

/* An image that another one is based on. */
typedef struct {
    const char *path, *format; /* "raw" or "qcow2" */
} BlockBacking;

#define BLOCK_MAX_BACKINGS 8u

typedef struct {
    const char *path, *format; /* format: "raw", "qcow2" or "iso" */
    /* The images under a qcow2 image, nearest first, all that there are: what
     * an image says about its backing image is compared with this, and no
     * other file is opened. */
    const BlockBacking *backings;
    unsigned n_backings;
    bool read_only, direct;
    bool snapshot; /* writes go to an anonymous overlay and are thrown away */
    bool use_pool; /* thread pool even where io_uring works (tests) */
} BlockSpec;

#define CARREL_BLOCK_ERROR (carrel_block_error_quark())
GQuark carrel_block_error_quark(void);
typedef enum {
    CARREL_BLOCK_ERROR_LOCKED,  /* another process has the image open */
    CARREL_BLOCK_ERROR_FORMAT,  /* unknown format name, or content impossible */
    CARREL_BLOCK_ERROR_BACKING, /* backing image not as the caller says */
} CarrelBlockError;

/* The format is what the caller says; never guessed from content. Locks the
 * image (OFD locks on the bytes QEMU uses: shared for read-only, exclusive
 * for writing; snapshot opens read-only). NULL and error set:
 * G_FILE_ERROR_* or CARREL_BLOCK_ERROR_*; the message names the file, the
 * cause, and what to do. Blocks: set-up thread or pool. */
Block *block_open(const BlockSpec *spec, Loop *loop, GError **error);
const BlockInfo *block_info(const Block *block);
const char *block_path(const Block *block);
/* Any thread; done() of all of them follows on the loop. A write past where a
 * file was cut is -EIO, it never grows again. */
void block_submit(Block *block, BlockReq *reqs[], unsigned n_reqs);
/* A read, write or flush in the caller's thread that waits for no device: of
 * what the host has in memory, or all of a file that lies in memory. For small
 * requests, where the way over the loop costs more than the copy. 0; -EAGAIN:
 * not now; -EOPNOTSUPP: never this way. Then part of it may have been moved,
 * and block_submit() does all of it, and tells of errors. Any thread. */
int block_try_now(Block *block, BlockOp op, guint64 offset,
                  const struct iovec *iov, unsigned n_iov);
/* Carries out a read or a write in the caller's thread, which may have to wait
 * for the file; done() is not called, the result is what it would be given.
 * block_is_idle() does not know of it. For threads of a device's own. */
int block_run_now(Block *block, BlockReq *req);
/* fn(data) runs on the loop after each batch of done()s: what a device wants to
 * do once for several requests, such as an interrupt. NULL: none. One a disk.
 * Loop thread, or before the first request. */
void block_set_batch_done(Block *block, void (*fn)(void *data), void *data);
void block_cancel_all(Block *block); /* done(-ECANCELED) for what can stop */
bool block_is_idle(Block *block);
/* Requires block_is_idle() while the loop lives; after its end done() does not
 * run any more. Also inside done(). The locks are released before it returns.
 * NULL is fine. */
void block_close(Block *block);
