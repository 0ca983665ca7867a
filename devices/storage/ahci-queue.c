/* devices/storage/ahci-queue.c - native command queuing: up to 32 reads and
 * writes of a disk at once.
 *
 * Serial ATA 2.6 chapter 13.6, AHCI 1.3.1 chapter 5.6.4. Data goes straight
 * between the image and guest memory. A single small request to what the host
 * has in memory is done on the vCPU's thread; all else is the port's own thread's,
 * which does one at a time itself, and gives several to the back end. All that
 * ends at once gives one frame and one interrupt. Left out: priorities, NCQ
 * NON-DATA and streaming. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "devices/storage/ahci-internal.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define CMD_READ_QUEUED 0x60u
#define DEVICE_FUA      0x80u
#define MAX_PIECE       (1u << 20)
/* As virtio-blk: small requests are done by whoever finds them. */
#define NOW_BYTES     (128u << 10)
#define NOW_PAUSE     16u
#define SLOW_TICKS    (1u << 19)

#define FRAME_BITS    0x58u /* in the area for received frames */
#define TYPE_BITS     0xa1u
#define FLAG_IRQ      0x40u

#define LOG_DIRECTORY 0x00u
#define LOG_FAILURE   0x10u

/* Not of the back end: what a region table can do to a command. */
#define SHORT_TABLE (-ENODATA)

static unsigned
take_todo(AhciPort *p, AhciSlot *slots[AHCI_SLOTS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < AHCI_SLOTS; i++)
        if ((p->todo & 1u << i) != 0)
            slots[n++] = &p->slots[i];
    p->todo = 0;
    return n;
}

/* ---- a command's end ---- */

static void
post_bits(AhciPort *p, guint8 status, guint8 error, guint32 bits)
{
    guint8 frame[8] = {TYPE_BITS, FLAG_IRQ, status & 0x77, error};

    pci_put32(frame, 4, bits);
    ahci_post_frame(p, FRAME_BITS, frame, sizeof frame);
    p->s->tfd = (guint32) error << 8 | status;
    p->s->is |= PX_IS_SDBS;
}

/* Tells the guest of what has ended. */
static void
report(AhciPort *p)
{
    if (p->done == 0)
        return;
    p->s->sact &= ~p->done;
    post_bits(p, IDE_STATUS_OK, 0, p->done);
    p->done = 0;
}

static void came_back(AhciSlot *q, int result);

void
ahci_queue_forget(AhciPort *p)
{
    AhciSlot *slots[AHCI_SLOTS];

    p->stale = p->queued;
    p->done = 0;
    unsigned n = take_todo(p, slots);
    for (unsigned i = 0; i < n; i++)
        came_back(slots[i], -ECANCELED);
}

static guint8
error_of(const AhciSlot *q, int result)
{
    switch (result) {
    case -EINVAL: return IDE_ERROR_IDNF;
    case SHORT_TABLE:
    case -EFAULT:
    case -EACCES:
    case -ELOOP: return IDE_ERROR_ABRT;
    default: return q->to_mem ? IDE_ERROR_UNC : IDE_ERROR_ABRT;
    }
}

static guint32
cause_of(int result)
{
    switch (result) {
    case SHORT_TABLE: return PX_IS_OFS;
    case -EFAULT:
    case -EACCES:
    case -ELOOP: return PX_IS_HBDS;
    default: return 0;
    }
}

/* One failure ends all: what is under way is not told of any more, the guest
 * reads the log and issues the others again. */
static void
fail(AhciSlot *q, guint8 error, guint32 cause)
{
    AhciPort *p = q->p;
    AhciFailure *f = &p->s->failure;

    report(p);
    *f = (AhciFailure){.tag = q->tag,
                       .status = IDE_STATUS_OK | IDE_STATUS_ERR,
                       .error = error,
                       .device = IDE_DEVICE_LBA};
    for (unsigned i = 0; i < sizeof f->lba; i++)
        f->lba[i] = (guint8) (q->lba >> (8 * i));
    f->count[0] = (guint8) q->left;
    f->count[1] = (guint8) (q->left >> 8);
    post_bits(p, f->status, error, 0);
    ahci_port_halt(p, PX_IS_TFES | cause);
    ahci_queue_forget(p);
}

/* ---- pieces ---- */

static void piece_done(BlockReq *block, int result);

static int
bounce_piece(AhciSlot *q, guint64 want)
{
    guint32 len = (guint32) MIN(want, IDE_BUF_SIZE);

    if (q->buf == NULL)
        q->buf = g_malloc(IDE_BUF_SIZE);
    q->bounced = true;
    if (!q->to_mem) {
        int moved =
            ide_regions_copy(q->p->drive.dma, &q->cursor, q->buf, len, false);
        if (moved < 0)
            return moved;
        len = (guint32) moved / IDE_SECTOR * IDE_SECTOR;
    }
    q->iov[0] = (struct iovec){q->buf, len};
    q->n_iov = 1;
    q->piece = len;
    return len > 0 ? 0 : SHORT_TABLE;
}

/* Prepares q->block for what is still to be moved. 0 or why it cannot be. */
static int
next_piece(AhciSlot *q)
{
    guint64 want = MIN((guint64) q->left * IDE_SECTOR, MAX_PIECE);
    unsigned max = MIN(AHCI_SEGS, block_info(q->disk)->max_iov / 2);
    gint64 bytes =
        ide_regions_pin(q->p->drive.dma, &q->cursor, want, IDE_SECTOR,
                        q->to_mem, max, q->iov, &q->n_iov);

    q->bounced = false;
    q->pinned = bytes > 0;
    q->piece = bytes > 0 ? (guint64) bytes : 0;
    int ret = bytes == -ENOBUFS ? bounce_piece(q, want)
              : bytes == 0      ? SHORT_TABLE
              : bytes < 0       ? (int) bytes
                                : 0;
    q->block = (BlockReq){.op = q->to_mem ? BLOCK_READ : BLOCK_WRITE,
                          .offset = q->lba * IDE_SECTOR,
                          .iov = q->iov,
                          .n_iov = q->n_iov,
                          .done = piece_done};
    return ret;
}

/* Lets memory go. 0 or -errno. */
static int
end_piece(AhciSlot *q, int result)
{
    Dma *dma = q->p->drive.dma;

    if (q->pinned)
        dma_unpin(dma, q->iov, q->n_iov,
                  result == 0 && q->to_mem ? q->piece : 0);
    q->pinned = false;
    if (!q->bounced || !q->to_mem || result < 0 ||
        (q->p->stale & 1u << q->tag) != 0)
        return result;
    int moved =
        ide_regions_copy(dma, &q->cursor, q->buf, (guint32) q->piece, true);
    if (moved < 0)
        return moved;
    q->piece = (guint64) moved / IDE_SECTOR * IDE_SECTOR;
    return q->piece > 0 ? 0 : SHORT_TABLE;
}

static void
submit_one(AhciSlot *q)
{
    BlockReq *reqs[1] = {&q->block};

    block_submit(q->disk, reqs, 1);
}

static void
end_command(AhciSlot *q, int result)
{
    AhciPort *p = q->p;
    guint32 bit = 1u << q->tag;
    bool stale = (p->stale & bit) != 0;

    p->queued &= ~bit;
    p->stale &= ~bit;
    if (stale)
        return;
    if (result == 0) {
        p->drive.error_logged = false;
        p->done |= bit;
        return;
    }
    p->drive.req_block = q->disk;
    if (cause_of(result) == 0)
        ide_log_error(&p->drive, result);
    fail(q, error_of(q, result), cause_of(result));
}

/* A request has come back, or was never made. */
static void
came_back(AhciSlot *q, int result)
{
    bool stale = (q->p->stale & 1u << q->tag) != 0;
    bool flushed = q->block.op == BLOCK_FLUSH;

    result = flushed ? result : end_piece(q, result);
    if (result < 0 || stale || flushed) {
        end_command(q, result);
        return;
    }
    q->lba += q->piece / IDE_SECTOR;
    q->left -= (guint32) (q->piece / IDE_SECTOR);
    if (q->left > 0) {
        result = next_piece(q);
    } else if (!q->to_mem && q->fua &&
               block_try_now(q->disk, BLOCK_FLUSH, 0, NULL, 0) != 0) {
        q->block = (BlockReq){.op = BLOCK_FLUSH, .done = piece_done};
    } else {
        end_command(q, 0);
        return;
    }
    if (result < 0)
        end_command(q, result);
    else
        submit_one(q);
}

/* Loop thread; batch_done() follows. */
static void
piece_done(BlockReq *block, int result)
{
    AhciSlot *q = (AhciSlot *) (void *) block;
    AhciPort *p = q->p;
    GMutex *lock = &p->drive.dev->lock;

    g_mutex_lock(lock);
    bool stale = p->stale != 0;
    came_back(q, result);
    if (stale && p->stale == 0) { /* the port may be started again */
        ahci_port_run(p);
        ahci_show(p);
    }
    g_mutex_unlock(lock);
}

/* After several that came back. */
static void
batch_done(void *data)
{
    AhciPort *p = data;

    g_mutex_lock(&p->drive.dev->lock);
    report(p);
    ahci_port_run(p);
    ahci_show(p);
    g_mutex_unlock(&p->drive.dev->lock);
}

/* ---- a command's beginning ---- */

static void
load(AhciSlot *q, const guint8 *f, const IdeCursor *cursor)
{
    const IdeDriveState *s = q->p->drive.s;

    q->cursor = *cursor;
    q->disk = q->p->drive.block;
    q->to_mem = f[2] == CMD_READ_QUEUED;
    q->fua = (f[7] & DEVICE_FUA) != 0 || !s->write_cache;
    q->lba = f[4] | f[5] << 8 | (guint64) f[6] << 16 | (guint64) f[8] << 24 |
             (guint64) f[9] << 32 | (guint64) f[10] << 40;
    q->left = f[3] | (guint32) f[11] << 8;
    if (q->left == 0)
        q->left = 65536;
}

void
ahci_queue_begin(AhciPort *p, guint8 slot, const guint8 *frame,
                 const IdeCursor *cursor)
{
    AhciSlot *q = &p->slots[slot];
    guint64 n = p->drive.n_units;

    p->s->ci &= ~(1u << slot);
    p->s->sact |= 1u << slot;
    p->s->drive.standby = 0;
    load(q, frame, cursor);
    if (frame[12] >> 3 != slot) {
        device_guest_error(p->drive.dev, "port %u: slot %u has the tag %u",
                           p->number, slot, frame[12] >> 3);
        fail(q, IDE_ERROR_ABRT, 0);
        return;
    }
    if (q->lba >= n || q->left > n - q->lba) {
        fail(q, IDE_ERROR_IDNF, 0);
        return;
    }
    p->queued |= 1u << slot;
    int ret = next_piece(q);
    if (ret < 0)
        end_command(q, ret);
    else
        p->todo |= 1u << slot;
}

/* ---- whoever does the work ---- */

void
ahci_queue_submit(AhciPort *p)
{
    AhciSlot *slots[AHCI_SLOTS];
    BlockReq *reqs[AHCI_SLOTS];
    unsigned n = take_todo(p, slots);

    for (unsigned i = 0; i < n; i++)
        reqs[i] = &slots[i]->block;
    if (n > 0)
        block_submit(slots[0]->disk, reqs, n);
}

static bool
is_small(const AhciSlot *q)
{
    return q->piece <= NOW_BYTES && q->piece == (guint64) q->left * IDE_SECTOR;
}

static bool
move_now(const AhciSlot *q)
{
    return is_small(q) && block_try_now(q->disk, q->block.op, q->block.offset,
                                        q->iov, q->n_iov) == 0;
}

bool
ahci_queue_move_now(AhciPort *p)
{
    AhciSlot *q = &p->slots[g_bit_nth_lsf(p->todo, -1)];

    if ((p->todo & (p->todo - 1)) != 0 || !move_now(q))
        return false;
    p->todo = 0;
    came_back(q, 0);
    report(p);
    return true;
}

/* Files that turn out slow are left to the ring for a while. */
static int
run_now(AhciPort *p, AhciSlot *q)
{
    guint64 began = sys_ticks();
    int result = block_run_now(q->disk, &q->block);

    if (sys_ticks() - began >= SLOW_TICKS)
        p->pause = NOW_PAUSE;
    return result;
}

/* Without the lock. True: *ret_result is how it ended. */
static bool
do_at_once(AhciPort *p, AhciSlot *q, bool alone, int *ret_result)
{
    *ret_result = 0;
    if (p->pause > 0) {
        p->pause--;
        return false;
    }
    if (q->to_mem && move_now(q))
        return true;
    if (!alone || !is_small(q)) {
        if (q->to_mem && is_small(q))
            p->pause = NOW_PAUSE;
        return false;
    }
    *ret_result = run_now(p, q);
    return true;
}

/* What is in p->todo, with the lock given up meanwhile. */
static void
work(AhciPort *p)
{
    GMutex *lock = &p->drive.dev->lock;
    CARREL_UNSET AhciSlot *slots[AHCI_SLOTS];
    CARREL_UNSET BlockReq *reqs[AHCI_SLOTS];
    CARREL_UNSET int results[AHCI_SLOTS];
    bool alone = p->todo == p->queued && (p->todo & (p->todo - 1)) == 0;
    unsigned n = take_todo(p, slots), n_now = 0, n_later = 0;
    Block *disk = slots[0]->disk;

    g_mutex_unlock(lock);
    for (unsigned i = 0; i < n; i++) {
        if (do_at_once(p, slots[i], alone, &results[n_now]))
            slots[n_now++] = slots[i];
        else
            reqs[n_later++] = &slots[i]->block;
    }
    if (n_later > 0)
        block_submit(disk, reqs, n_later);
    g_mutex_lock(lock);
    for (unsigned i = 0; i < n_now; i++)
        came_back(slots[i], results[i]);
    report(p);
}

static bool
has_work(void *data)
{
    AhciPort *p = data;

    g_mutex_lock(&p->drive.dev->lock);
    bool found = p->s->ci != 0 || p->todo != 0;
    g_mutex_unlock(&p->drive.dev->lock);
    return found;
}

/* The thread, or the loop where there is none. */
static void
serve(unsigned i, void *data)
{
    AhciPort *p = data;
    GMutex *lock = &p->drive.dev->lock;

    g_mutex_lock(lock);
    for (bool lingered = false;;) {
        ahci_port_start(p);
        if (p->todo != 0) {
            work(p);
            ahci_show(p);
            lingered = false;
            continue;
        }
        if (lingered || p->thread == NULL)
            break;
        g_mutex_unlock(lock);
        (void) io_thread_linger(p->thread, has_work, p);
        g_mutex_lock(lock);
        lingered = true; /* what was seen may be out of reach by now */
    }
    p->awake = false;
    ahci_show(p);
    g_mutex_unlock(lock);
}

bool
ahci_queue_wake(AhciPort *p)
{
    if (p->kick < 0)
        return false;
    if (!p->awake)
        sys_eventfd_signal(p->kick);
    p->awake = true;
    return true;
}

/* Loop thread, at the first signal: only now is it worth a thread. Failing
 * costs speed only. */
static void
kicked(int fd, GIOCondition ev, void *data)
{
    AhciPort *p = data;
    g_autofree char *name =
        g_strdup_printf("%s.%u", p->drive.dev->id, p->number);
    IoThread *thread = io_thread_new(name, &p->kick, 1, serve, p, NULL);

    if (thread == NULL) {
        (void) sys_eventfd_drain(fd);
        serve(0, p);
        return;
    }
    loop_unwatch(p->drive.dev->env->loop, p->watch);
    p->watch = 0;
    g_mutex_lock(&p->drive.dev->lock);
    p->thread = thread;
    g_mutex_unlock(&p->drive.dev->lock);
}

/* ---- the log ---- */

bool
ahci_read_log(IdeDrive *d, guint8 log, guint16 page, guint8 *buf)
{
    const AhciPort *p = ahci_port_of(d);
    const AhciFailure *f = &p->s->failure;
    guint8 sum = 0;

    memset(buf, 0, IDE_SECTOR);
    if (page != 0 || (log != LOG_DIRECTORY && log != LOG_FAILURE))
        return false;
    if (log == LOG_DIRECTORY) {
        pci_put16(buf, 0, 1); /* version */
        pci_put16(buf, 2 * LOG_FAILURE, 1);
        return true;
    }
    buf[0] = f->tag;
    buf[2] = f->status;
    buf[3] = f->error;
    memcpy(buf + 4, f->lba, 3);
    buf[7] = f->device;
    memcpy(buf + 8, f->lba + 3, 3);
    memcpy(buf + 12, f->count, 2);
    for (unsigned i = 0; i < IDE_SECTOR - 1; i++)
        sum = (guint8) (sum + buf[i]);
    buf[IDE_SECTOR - 1] = (guint8) -sum;
    return true;
}

/* ---- life ---- */

bool
ahci_queue_init(AhciPort *p, GError **error)
{
    if (p->slots == NULL) {
        p->slots = g_new0(AhciSlot, AHCI_SLOTS);
        for (unsigned i = 0; i < AHCI_SLOTS; i++) {
            p->slots[i].p = p;
            p->slots[i].tag = (guint8) i;
        }
    }
    p->drive.queue_depth = AHCI_SLOTS;
    block_set_batch_done(p->drive.block, batch_done, p);
    if (!p->hba->own_thread)
        return true;
    p->kick = sys_eventfd(error);
    if (p->kick < 0)
        return false;
    p->awake = false;
    p->watch =
        loop_watch_fd(p->drive.dev->env->loop, p->kick, G_IO_IN, kicked, p);
    return true;
}

void
ahci_queue_detach(AhciPort *p)
{
    GMutex *lock = &p->hba->pci.dev.lock;

    if (p->slots == NULL)
        return;
    if (p->watch > 0)
        loop_unwatch(p->drive.dev->env->loop, p->watch);
    p->watch = 0;
    io_thread_free(p->thread);
    g_mutex_lock(lock);
    p->thread = NULL;
    if (p->kick >= 0)
        close(p->kick);
    p->kick = -1;
    p->drive.queue_depth = 0;
    ahci_queue_forget(p);
    g_mutex_unlock(lock);
    if (p->drive.block != NULL)
        block_set_batch_done(p->drive.block, NULL, NULL);
}

void
ahci_queue_clear(AhciPort *p)
{
    if (p->slots == NULL)
        return;
    ahci_queue_detach(p);
    if (p->queued != 0 && p->drive.block != NULL)
        block_cancel_all(p->drive.block);
    while (p->queued != 0)
        g_main_context_iteration(loop_context(p->drive.dev->env->loop), TRUE);
    for (unsigned i = 0; i < AHCI_SLOTS; i++)
        g_free(p->slots[i].buf);
    g_clear_pointer(&p->slots, g_free);
}
