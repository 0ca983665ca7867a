/* devices/virtio/virtio-blk.c - a disk, Virtio 1.2 section 5.2.
 *
 * Requests go from the guest's pages to the disk back end and back without a
 * copy: all that one notification brings is submitted at once, all that
 * finishes at once gives one interrupt. The cache is always write-back, as
 * the guest is told by the flush command. Left out: changing that, lifetime
 * and zoned commands, secure erase. */
#include <errno.h>
#include <string.h>

#include "devices/virtio/virtio-device.h"
#include "devices/virtio/virtio-pool.h"
#include "vmm/block/block.h"
#include "vmm/core/iov.h"
#include "vmm/core/sysutil.h"

/* Features, 5.2.3 */
#define F_SEG_MAX      VIRTIO_BIT(2)
#define F_GEOMETRY     VIRTIO_BIT(4)
#define F_RO           VIRTIO_BIT(5)
#define F_BLK_SIZE     VIRTIO_BIT(6)
#define F_FLUSH        VIRTIO_BIT(9)
#define F_TOPOLOGY     VIRTIO_BIT(10)
#define F_MQ           VIRTIO_BIT(12)
#define F_DISCARD      VIRTIO_BIT(13)
#define F_WRITE_ZEROES VIRTIO_BIT(14)

/* Requests, 5.2.6 */
#define SECTOR 512u
#define HEADER 16u
enum {
    T_IN = 0,
    T_OUT = 1,
    T_FLUSH = 4,
    T_GET_ID = 8,
    T_DISCARD = 11,
    T_WRITE_ZEROES = 13
};
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
#define SEGMENT         16u
#define UNMAP           1u /* flag of a write-zeroes segment */

#define CONFIG_SIZE     60u
#define ID_BYTES        20u
#define SEG_MAX         254u
#define MAX_QUEUES      16u
#define BATCH           64u /* requests submitted at once */
#define MAX_ROUNDS      8u  /* of batches before others have a turn */
#define RANGE_MAX       32u /* segments of a discard */
#define DISCARD_SECTORS (G_GUINT64_CONSTANT(1) << 21) /* 1 GiB a segment */
#define ZERO_SECTORS    (1u << 19)                    /* 256 MiB a request */
/* A back end without a quick way writes the zeros: what it has begun cannot be
 * stopped, so it is given so much at once. */
#define ZERO_PIECE (32u << 20)
/* Small reads of what the host has in memory are done on the spot: without the
 * way over the ring and the loop 4 KiB take 4.3 us instead of 6.8 (one at a
 * time), 1.9 instead of 2.5 (four). A thread of the disk's own does small
 * requests itself as long as the file is quick, see do_at_once(). */
#define NOW_BYTES (64u << 10)
#define NOW_PAUSE 16u /* requests, after one that was not there */
#define MAX_PAUSE 1024u
/* Notifications in a row that could not be answered, or need not have gone to
 * notify(), before they go the other way. */
#define CHANGE_AFTER 32u
/* What is answered at once is never seen together with what comes next. So one
 * in so many is not, and a driver that has more to do shows it then. */
#define PROBE_EVERY 128u
/* A fifth of a millisecond or less: what waits longer is better done by others,
 * several at a time. */
#define SLOW_TICKS (1u << 19)

typedef struct {
    VirtioState virtio;
} VirtioBlkState;

typedef struct VirtioBlk VirtioBlk;
typedef struct Request Request;

struct Request {
    BlockReq block; /* first */
    VirtioBlk *d;
    Virtq *q;
    VirtqElem elem;
    guint32 type;
    guint8 status;
    bool bad;          /* no request at all: the device is to be stopped */
    bool was_there;    /* done without waiting */
    guint8 *status_at; /* in guest memory */
    guint64 offset;    /* bytes on the disk, of the next piece */
    gsize done, left;  /* bytes of data, or segments */
    gsize piece;       /* of these, under way */
    IovCut cut;
    struct iovec iov[SEG_MAX + 2 + VIRTQ_SPARE_IOV];
};

struct VirtioBlk {
    VirtioDevice virtio;
    VirtioBlkState s;
    Block *block;                 /* link */
    char *serial;                 /* option */
    guint32 n_queues, queue_size; /* options */
    bool own_thread, answer;      /* options */
    BlockInfo info;
    /* Under the lock. */
    VirtioPool pool;   /* Request, one for each entry of all queues */
    guint32 to_flush;  /* bit i: queue i has pushed buffers */
    unsigned astray;   /* notifications in a row that went the wrong way */
    unsigned answered; /* since the last that was not, on purpose */
    /* Of the thread that runs notify(). */
    unsigned now_pause;  /* requests that are not tried at once */
    unsigned next_pause; /* after the next slow one */
};

/* ---- requests in store ---- */

static Request *
take(VirtioBlk *d)
{
    Request *r = virtio_pool_take(&d->pool);

    if (r != NULL) {
        r->d = d;
        r->elem.iov = r->iov;
        r->elem.cap = G_N_ELEMENTS(r->iov);
    }
    return r;
}

static void
give(Request *r)
{
    virtio_pool_give(&r->d->pool, r);
}

/* Lock held. */
static void
finish(Request *r)
{
    Virtq *q = r->q;

    if (r->bad)
        virtq_fail(q,
                   "a request with %" G_GSIZE_FORMAT " bytes of header and "
                   "data and %" G_GSIZE_FORMAT " for the answer",
                   r->elem.out_len, r->elem.in_len);
    else if (!virtq_is_stale(q, &r->elem))
        *r->status_at = r->status;
    if (r->type == T_OUT && !r->bad && r->status == S_OK)
        virtio_count_write(&r->d->virtio);
    virtq_push(q, &r->elem, r->elem.in_len);
    r->d->to_flush |= 1u << virtq_index(q);
    give(r);
}

/* Lock held: one interrupt for all that was pushed. */
static void
flush(VirtioBlk *d)
{
    for (unsigned i = 0; d->to_flush != 0; i++, d->to_flush >>= 1)
        if ((d->to_flush & 1) != 0)
            virtq_flush(virtio_queue(&d->virtio, i));
}

static void
batch_done(void *data)
{
    VirtioBlk *d = data;

    virtio_lock(&d->virtio);
    flush(d);
    virtio_unlock(&d->virtio);
}

/* ---- pieces ---- */

static bool
refuse(Request *r, guint8 status)
{
    r->status = status;
    return false;
}

/* What is still to do, as much as the back end takes at once. False: nothing
 * can be, r->status says why. */
static bool
next_transfer(Request *r)
{
    VirtioBlk *d = r->d;
    bool in = r->type == T_IN;
    struct iovec *iov = in ? r->iov + r->elem.n_out : r->iov;
    unsigned n = in ? r->elem.n_in : r->elem.n_out;

    r->piece = iov_cut(&r->cut, iov, n, r->done + (in ? 0 : HEADER), r->left,
                       d->info.max_iov, d->info.logical_size);
    if (r->piece == 0) /* the parts of a block are too many */
        return refuse(r, S_IOERR);
    r->block.op = in ? BLOCK_READ : BLOCK_WRITE;
    r->block.offset = r->offset;
    r->block.iov = r->cut.iov;
    r->block.n_iov = r->cut.n;
    return true;
}

/* 5.2.6.2: segments of 16 bytes: sector, number of sectors, flags. They are
 * read one by one, each just before it is carried out. */
static bool
read_segment(Request *r, guint32 allowed, guint64 max_sectors, guint64 *ret_len)
{
    const guint64 sectors = r->d->info.bytes / SECTOR;
    struct __attribute__((packed)) {
        guint64 sector;
        guint32 sectors, flags;
    } le;

    (void) iov_read(r->iov, r->elem.n_out, HEADER + SEGMENT * r->done, &le,
                    sizeof le); /* counted before */
    guint64 sector = GUINT64_FROM_LE(le.sector);
    guint64 len = GUINT32_FROM_LE(le.sectors);
    guint32 flags = GUINT32_FROM_LE(le.flags);
    if ((flags & ~allowed) != 0)
        return refuse(r, S_UNSUPP);
    if (len > max_sectors || sector > sectors || len > sectors - sector)
        return refuse(r, S_IOERR);
    r->offset = sector * SECTOR;
    r->block.unmap = (flags & UNMAP) != 0;
    *ret_len = len * SECTOR;
    return true;
}

static bool
next_discard(Request *r)
{
    if (!read_segment(r, 0, DISCARD_SECTORS, &r->block.len))
        return false;
    r->piece = 1;
    r->block.op = BLOCK_DISCARD;
    r->block.offset = r->offset;
    r->block.iov = NULL;
    r->block.n_iov = 0;
    return true;
}

static bool
next_zeroes(Request *r)
{
    r->piece = MIN(r->left, ZERO_PIECE);
    r->block.op = BLOCK_WRITE_ZEROES;
    r->block.offset = r->offset;
    r->block.len = r->piece;
    r->block.iov = NULL;
    r->block.n_iov = 0;
    return true;
}

static bool
next_piece(Request *r)
{
    switch (r->type) {
    case T_FLUSH:
        r->piece = 1;
        r->block.op = BLOCK_FLUSH;
        r->block.iov = NULL;
        r->block.n_iov = 0;
        return true;
    case T_DISCARD: return next_discard(r);
    case T_WRITE_ZEROES: return next_zeroes(r);
    default: return next_transfer(r);
    }
}

static guint8
status_of(int result)
{
    return result == 0 ? S_OK : result == -EOPNOTSUPP ? S_UNSUPP : S_IOERR;
}

/* Loop thread, lock not held. */
static void
piece_done(BlockReq *block, int result)
{
    Request *r = (Request *) (void *) block;

    iov_uncut(&r->cut);
    r->done += r->piece;
    r->left -= r->piece;
    r->offset += r->piece; /* bytes, where it matters */
    r->status = status_of(result);
    if (result == 0 && r->left > 0 && next_piece(r)) {
        block_submit(r->d->block, &block, 1);
        return;
    }
    virtio_lock(&r->d->virtio);
    finish(r);
    virtio_unlock(&r->d->virtio);
}

/* ---- new requests ---- */

static bool
begin_transfer(Request *r, guint64 sector)
{
    const BlockInfo *info = &r->d->info;

    r->left = r->type == T_IN ? r->elem.in_len - 1 : r->elem.out_len - HEADER;
    if (r->left % SECTOR != 0 || sector > info->bytes / SECTOR ||
        r->left > info->bytes - sector * SECTOR)
        return refuse(r, S_IOERR);
    if (r->type == T_OUT && info->read_only)
        return refuse(r, S_IOERR);
    r->offset = sector * SECTOR;
    return r->left > 0 && next_piece(r);
}

static bool
begin_segments(Request *r)
{
    guint64 feature = r->type == T_DISCARD ? F_DISCARD : F_WRITE_ZEROES;
    gsize len = r->elem.out_len - HEADER;

    if ((r->d->virtio.setup.features & feature) == 0)
        return refuse(r, S_UNSUPP);
    if (len == 0 || len % SEGMENT != 0 || len / SEGMENT > RANGE_MAX ||
        (r->type == T_WRITE_ZEROES && len != SEGMENT))
        return refuse(r, S_IOERR);
    r->left = len / SEGMENT;
    if (r->type == T_WRITE_ZEROES &&
        !read_segment(r, UNMAP, ZERO_SECTORS, &r->left))
        return false;
    return r->left > 0 && next_piece(r);
}

static void
answer_id(Request *r)
{
    char id[ID_BYTES] = "";

    /* without a NUL when it is full, 5.2.6.2 */
    memcpy(id, r->d->serial, MIN(strlen(r->d->serial), sizeof id));
    (void) iov_write(r->iov + r->elem.n_out, r->elem.n_in, 0, id,
                     MIN(sizeof id, r->elem.in_len - 1));
}

/* True: something is to be submitted; else r->status is the answer. */
static bool
begin(Request *r)
{
    struct __attribute__((packed)) {
        guint32 type, reserved;
        guint64 sector;
    } le;
    const struct iovec *last = &r->iov[r->elem.n_out + r->elem.n_in - 1];

    G_STATIC_ASSERT(sizeof le == HEADER);
    r->block.done = piece_done;
    r->block.len = 0;
    r->cut.n = 0;
    r->offset = 0;
    r->done = r->left = 0;
    r->status = S_OK;
    r->was_there = false;
    r->bad = r->elem.in_len == 0 ||
             iov_read(r->iov, r->elem.n_out, 0, &le, HEADER) != HEADER;
    if (r->bad)
        return false;
    r->status_at = (guint8 *) last->iov_base + last->iov_len - 1;
    r->type = GUINT32_FROM_LE(le.type);
    switch (r->type) {
    case T_IN:
    case T_OUT: return begin_transfer(r, GUINT64_FROM_LE(le.sector));
    case T_FLUSH: r->left = 1; return next_piece(r);
    case T_DISCARD:
    case T_WRITE_ZEROES: return begin_segments(r);
    case T_GET_ID: answer_id(r); return false;
    default: return refuse(r, S_UNSUPP);
    }
}

/* What one notification is about. */
typedef struct {
    Request *requests[BATCH];
    unsigned n;
    bool alone; /* the only request that the driver waits for */
    bool waits; /* on a thread that may wait for the file */
} Batch;

/* Files that turn out slow are left to the ring for a while. */
static void
run_now(VirtioBlk *d, Request *r)
{
    guint64 began = sys_ticks();

    r->status = status_of(block_run_now(d->block, &r->block));
    if (sys_ticks() - began < SLOW_TICKS) {
        d->next_pause = NOW_PAUSE;
        return;
    }
    d->now_pause = d->next_pause;
    d->next_pause = MIN(d->next_pause * 2, MAX_PAUSE);
}

/* Without waiting; r->status is the answer then. */
static bool
try_now(VirtioBlk *d, Request *r)
{
    bool move = r->type == T_IN || r->type == T_OUT;

    if ((!move && r->type != T_FLUSH) || r->piece != r->left ||
        r->piece > NOW_BYTES ||
        block_try_now(d->block, r->block.op, r->block.offset, r->block.iov,
                      r->block.n_iov) != 0)
        return false;
    r->status = S_OK;
    return true;
}

/* True when it was done at once; r->status is the answer then. What is in the
 * page cache is a copy, and quicker done than handed on. Whatever may wait is
 * done here only while the driver waits for nothing else: of several the ring
 * does some while the driver prepares others. */
static bool
do_at_once(VirtioBlk *d, Request *r, const Batch *b)
{
    bool may_wait = b->waits && b->alone;

    if ((r->type != T_IN && (r->type != T_OUT || !may_wait)) ||
        r->piece != r->left || r->piece > NOW_BYTES)
        return false;
    if (d->now_pause > 0) {
        d->now_pause--;
        return false;
    }
    r->was_there = try_now(d, r);
    if (!r->was_there && !may_wait) {
        d->now_pause = NOW_PAUSE;
        return false;
    }
    if (!r->was_there)
        run_now(d, r);
    iov_uncut(&r->cut);
    return true;
}

/* Lock held. Whether the last notification was one that is best answered. */
static void
went(VirtioBlk *d, bool answerable)
{
    d->astray = answerable != d->virtio.answers ? d->astray + 1 : 0;
    if (d->astray < CHANGE_AFTER || !d->answer)
        return;
    d->astray = 0;
    virtio_set_answers(&d->virtio, answerable);
}

/* Lock not held: this may take a while. */
static void
process(VirtioBlk *d, Batch *b)
{
    CARREL_UNSET BlockReq *submit[BATCH];
    unsigned n_submit = 0, n_finished = 0;

    for (unsigned i = 0; i < b->n; i++) {
        Request *r = b->requests[i];
        if (begin(r) && !do_at_once(d, r, b))
            submit[n_submit++] = &r->block;
        else
            b->requests[n_finished++] = r;
    }
    if (n_submit > 0)
        block_submit(d->block, submit, n_submit);
    if (n_finished == 0)
        return;
    virtio_lock(&d->virtio);
    if (!d->virtio.answers)
        went(d, b->alone && b->requests[0]->was_there);
    for (unsigned i = 0; i < n_finished; i++)
        finish(b->requests[i]);
    flush(d);
    virtio_unlock(&d->virtio);
}

/* Lock held. */
static void
take_batch(VirtioBlk *d, Virtq *q, Batch *b)
{
    for (b->n = 0; b->n < BATCH; b->n++) {
        Request *r = take(d);
        if (r == NULL)
            break;
        r->q = q;
        if (!virtq_pop(q, &r->elem)) {
            give(r);
            break;
        }
        b->requests[b->n] = r;
    }
    b->alone = d->virtio.n_out == 1;
    if (b->n > 0 && !b->alone && !d->virtio.answers)
        d->astray = 0;
}

/* Takes up to BATCH requests; none: the driver will notify, or resume does. */
static void
collect(VirtioBlk *d, Virtq *q, Batch *b)
{
    VirtioDevice *v = &d->virtio;

    virtio_lock(v);
    b->n = 0;
    b->waits = virtio_has_thread(v);
    virtq_suppress(q);
    for (bool lingered = false; virtio_is_running(v);) {
        take_batch(d, q, b);
        if (b->n > 0)
            break;
        /* once: what was seen may be out of reach by now */
        if (!lingered && virtio_linger(v, virtq_index(q)))
            lingered = true;
        else if (virtq_listen(q))
            break;
    }
    virtio_unlock(v);
}

static void
notify(VirtioDevice *v, unsigned queue)
{
    VirtioBlk *d = VIRTIO_OF(VirtioBlk, v);
    CARREL_UNSET Batch batch;

    for (unsigned i = 0; i < MAX_ROUNDS;) {
        collect(d, virtio_queue(v, queue), &batch);
        if (batch.n == 0)
            return;
        process(d, &batch);
        if (!batch.waits || d->n_queues > 1) /* there are others */
            i++;
    }
    virtio_kick(v, queue);
}

/* Lock held. The driver's only request, if it needs no waiting. */
static bool
answer_one(VirtioBlk *d, Virtq *q, Request *r)
{
    r->q = q;
    if (!virtq_pop(q, &r->elem))
        return false;
    if (!virtq_has_buffer(q)) {
        if (!begin(r) || try_now(d, r)) {
            iov_uncut(&r->cut);
            finish(r);
            return true;
        }
        iov_uncut(&r->cut);
    }
    virtq_unpop(q, &r->elem);
    return false;
}

/* One request at a time is a copy and a message, for which no thread need be
 * woken. All else is better done beside the vCPU. */
static bool
answer(VirtioDevice *v, unsigned queue)
{
    VirtioBlk *d = VIRTIO_OF(VirtioBlk, v);
    Virtq *q = virtio_queue(v, queue);

    if (!virtio_is_running(v) || !virtq_has_buffer(q))
        return false;
    if (++d->answered >= PROBE_EVERY) {
        d->answered = 0;
        return false;
    }
    Request *r = v->n_out == 0 ? take(d) : NULL;
    bool done = r != NULL && answer_one(d, q, r);

    if (r != NULL && !done)
        give(r);
    went(d, done);
    if (!done)
        return false;
    bool listening = virtq_listen(q);
    flush(d);
    return listening;
}

static void
stopped(VirtioDevice *v)
{
    block_cancel_all(VIRTIO_OF(VirtioBlk, v)->block);
}

/* ---- configuration, 5.2.4 ---- */

static void
get_config(VirtioDevice *v, guint8 *config)
{
    VirtioBlk *d = VIRTIO_OF(VirtioBlk, v);
    const BlockInfo *info = &d->info;
    guint64 sectors = info->bytes / SECTOR;
    guint64 cylinders = CLAMP(sectors / (16 * 63), 1, G_MAXUINT16);
    guint8 exp = 0;

    while (info->logical_size << exp < info->physical_size)
        exp++;
    pci_put32(config, 0, (guint32) sectors);
    pci_put32(config, 4, (guint32) (sectors >> 32));
    pci_put32(config, 12, SEG_MAX);
    pci_put16(config, 16, (guint16) cylinders);
    config[18] = 16; /* heads */
    config[19] = 63; /* sectors a track */
    pci_put32(config, 20, info->logical_size);
    config[24] = exp;
    pci_put16(config, 26, (guint16) (1u << exp)); /* smallest good I/O */
    config[32] = 1;                               /* write-back */
    pci_put16(config, 34, (guint16) v->setup.n_queues);
    pci_put32(config, 36, (guint32) DISCARD_SECTORS);
    pci_put32(config, 40, RANGE_MAX);
    pci_put32(config, 44, MAX(info->physical_size / SECTOR, 1));
    pci_put32(config, 48, ZERO_SECTORS);
    pci_put32(config, 52, 1);
    config[56] = info->can_discard; /* UNMAP may give the room back */
}

static const VirtioModel virtio_blk_model = {
    .id = VIRTIO_ID_BLOCK,
    .pci_class = 0x0100, /* storage, as firmware expects it */
    .notify = notify,
    .answer = answer,
    .get_config = get_config,
    .stopped = stopped,
};

/* ---- life ---- */

static bool
check_disk(VirtioBlk *d, GError **error)
{
    const BlockInfo *info = &d->info;

    if ((d->queue_size & (d->queue_size - 1)) != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: queue-size %u is no power of two",
                    d->virtio.pci.dev.id, d->queue_size);
        return false;
    }
    if (info->logical_size % SECTOR == 0 && info->bytes >= info->logical_size)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: has %" G_GUINT64_FORMAT " bytes in sectors of %u, a "
                "virtio disk needs at least one sector of 512 bytes or a "
                "multiple",
                block_path(d->block), info->bytes, info->logical_size);
    return false;
}

static guint64
own_features(const VirtioBlk *d)
{
    guint64 features =
        F_SEG_MAX | F_GEOMETRY | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY;

    if (d->info.read_only)
        features |= F_RO;
    else
        features |= F_WRITE_ZEROES | (d->info.can_discard ? F_DISCARD : 0);
    return features | (d->n_queues > 1 ? F_MQ : 0);
}

static void
make_requests(VirtioBlk *d)
{
    /* One more than the queues have: whoever puts too much into a full queue
     * is found out by virtq_pop(). For want of a request collect() would look
     * at that buffer for ever, with the lock held. */
    virtio_pool_init(&d->pool, sizeof(Request),
                     d->n_queues * d->queue_size + 1);
    d->to_flush = 0;
    d->astray = d->answered = 0;
    d->now_pause = 0;
    d->next_pause = NOW_PAUSE;
}

static bool
virtio_blk_realize(Device *dev, DeviceEnv *env, GError **error)
{
    VirtioBlk *d = VIRTIO_OF(VirtioBlk, dev);

    d->info = *block_info(d->block);
    if (!check_disk(d, error))
        return false;
    if (d->serial == NULL)
        d->serial = g_strdup(dev->id);
    make_requests(d);
    block_set_batch_done(d->block, batch_done, d);
    const VirtioSetup setup = {
        .features = own_features(d),
        .n_queues = d->n_queues,
        .queue_size = (guint16) d->queue_size,
        .config_size = CONFIG_SIZE,
        .own_thread = d->own_thread,
        .answers = d->answer,
    };
    return virtio_realize(&d->virtio, env, &virtio_blk_model, &setup,
                          &d->s.virtio, error);
}

static void
virtio_blk_unrealize(Device *dev)
{
    VirtioBlk *d = VIRTIO_OF(VirtioBlk, dev);

    virtio_class_unrealize(dev);
    block_set_batch_done(d->block, NULL, NULL);
    virtio_pool_clear(&d->pool);
}

/* clang-format off */
static const StateField virtio_blk_fields[] = {
    STATE_SUB(VirtioBlkState, virtio, &virtio_state_desc),
    STATE_FIELDS_END
};

static const PropDesc virtio_blk_props[] = {
    VIRTIO_PROPS(VirtioBlk, virtio),
    PROP_DEF_LINK(VirtioBlk, block, "drive", true, "the disk's image"),
    PROP_DEF_STRING(VirtioBlk, serial, "serial", NULL,
                    "serial number, up to 20 characters; none: the id"),
    PROP_DEF_U32(VirtioBlk, n_queues, "queues", 1, 1, MAX_QUEUES, NULL,
                 "request queues, best one a processor"),
    PROP_DEF_U32(VirtioBlk, queue_size, "queue-size", 256, 16, VIRTQ_MAX_SIZE,
                 NULL, "entries of a queue, a power of two"),
    PROP_DEF_BOOL(VirtioBlk, own_thread, "own-thread", false,
                  "a thread of its own, which may wait for the image"),
    PROP_DEF_BOOL(VirtioBlk, answer, "answer", false,
                  "does on the processor's thread what needs no waiting"),
    PROP_END
};
/* clang-format on */

static const StateDesc virtio_blk_state = {
    .name = "virtio-blk",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioBlkState),
    .fields = virtio_blk_fields,
};

const DeviceClass virtio_blk_class = {
    .name = "virtio-blk",
    .summary = "disk (virtio)",
    .size = sizeof(VirtioBlk),
    .props = virtio_blk_props,
    .state = &virtio_blk_state,
    .state_offset = G_STRUCT_OFFSET(VirtioBlk, s),
    .realize = virtio_blk_realize,
    .unrealize = virtio_blk_unrealize,
    .reset = virtio_class_reset,
    .restored = virtio_class_restored,
    .quiesce = virtio_class_quiesce,
    .is_quiet = virtio_class_is_quiet,
    .resume = virtio_class_resume,
};
