/* devices/firmware/pflash.c - NOR flash with Intel's command set, 8 bits wide.
 *
 * Source: Intel StrataFlash 28F640J3 data sheet (commands, status register),
 * JEDEC JESD68.01 (CFI query); how OVMF's QemuFlashFvbServicesRuntimeDxe uses
 * it. The content is memory that the guest reads without an exit; a command
 * hides it, so that reads arrive here, until Read Array shows it again. What
 * was changed goes to the file when the chip returns to that mode.
 *
 * Left out: locks (accepted, without effect), suspend, protection registers.
 * As firmware expects of a virtual chip, and unlike a real one: Clear Status
 * clears the ready bit too, by which OVMF tells flash from RAM and ROM. */
#include "devices/firmware/pflash.h"

#include <string.h>

#include "vmm/block/block.h"
#include "vmm/io/io.h"
#include "vmm/mem/guest-mem.h"

#define BUFFER 256u /* bytes of Write to Buffer */

/* status register */
#define SR_READY   0x80
#define SR_ERASE   0x20 /* with SR_PROGRAM: a wrong sequence of commands */
#define SR_PROGRAM 0x10

/* what reads show */
typedef enum { SHOW_ARRAY, SHOW_STATUS, SHOW_ID, SHOW_QUERY, N_SHOWS } Show;

/* what the next write is */
typedef enum {
    WANT_COMMAND,
    WANT_BYTE,    /* of Program */
    WANT_ERASE,   /* confirmation of Block Erase */
    WANT_LOCK,    /* second half of a lock command */
    WANT_COUNT,   /* of Write to Buffer */
    WANT_DATA,    /* into the buffer */
    WANT_CONFIRM, /* of Write to Buffer */
    N_WANTS
} Want;

typedef struct {
    guint32 show, want;
    guint8 status;
    guint32 left; /* WANT_DATA: bytes still to come; at most BUFFER */
    guint64 at;   /* WANT_DATA, WANT_CONFIRM: the block, an offset */
    guint32 n;    /* bytes in the buffer */
    guint8 buffer[BUFFER];
    guint64 where[BUFFER]; /* their offsets */
} PflashState;

typedef struct {
    Device dev;
    guint64 base, bytes; /* options */
    Block *block;        /* NULL: what is written is lost */
    MemSlot *slot;
    guint8 *host;
    IoRegion *region;
    PflashState s;

    /* dev.lock guards what follows: what the file does not have yet, in the
     * guest's order */
    GQueue changes; /* of Change * */
    gint64 open;    /* block being changed, not in changes yet; -1: none */
    bool busy, need_flush;
    bool failed; /* the first of changes; tried again at the next occasion */
    bool ending; /* quiesced: there will be no other */
    BlockReq req;
    struct iovec iov;
} Pflash;

typedef struct {
    guint32 block;
    guint8 data[PFLASH_BLOCK];
} Change;

/* ---- to the file ---- */

/* A file that does not answer holds back at most this many, and from then on
 * one for each block: a later content takes the place of an earlier one, and
 * the order is no longer the guest's. */
#define MAX_CHANGES 64u

static Change *
find_change(Pflash *d, guint32 block)
{
    /* the first may be on its way to the file */
    for (GList *l = d->changes.head ? d->changes.head->next : NULL; l != NULL;
         l = l->next)
        if (((Change *) l->data)->block == block)
            return l->data;
    return NULL;
}

/* With the lock: the open block is complete. */
static void
close_block(Pflash *d)
{
    Change *c = NULL;

    if (d->open >= 0 && d->block != NULL) {
        guint32 block = (guint32) d->open;
        if (d->changes.length >= MAX_CHANGES)
            c = find_change(d, block);
        if (c == NULL) {
            c = g_new(Change, 1);
            g_queue_push_tail(&d->changes, c);
        }
        c->block = block;
        memcpy(c->data, d->host + (gsize) block * PFLASH_BLOCK, PFLASH_BLOCK);
    }
    d->open = -1;
}

static void save_done(BlockReq *req, int result);

/* With the lock: one write at a time, each flushed before the next, because
 * firmware's own protection against torn writes depends on the order. */
static void
save_next(Pflash *d)
{
    BlockReq *reqs[] = {&d->req};
    Change *c = g_queue_peek_head(&d->changes);

    if (d->busy || d->block == NULL)
        return;
    if (d->need_flush) {
        d->req = (BlockReq){.op = BLOCK_FLUSH, .done = save_done};
    } else if (c != NULL) {
        d->iov = (struct iovec){c->data, PFLASH_BLOCK};
        d->req = (BlockReq){.op = BLOCK_WRITE,
                            .offset = (guint64) c->block * PFLASH_BLOCK,
                            .iov = &d->iov,
                            .n_iov = 1,
                            .done = save_done};
    } else {
        return;
    }
    d->busy = true;
    d->failed = false;
    block_submit(d->block, reqs, 1);
}

static Pflash *
of_request(BlockReq *req)
{
    return (Pflash *) (void *) ((guint8 *) req - G_STRUCT_OFFSET(Pflash, req));
}

static void
save_done(BlockReq *req, int result)
{
    Pflash *d = of_request(req);

    g_mutex_lock(&d->dev.lock);
    d->busy = false;
    d->failed = result < 0;
    if (result == 0) {
        d->need_flush = req->op == BLOCK_WRITE;
        if (req->op == BLOCK_WRITE)
            g_free(g_queue_pop_head(&d->changes));
        save_next(d);
    }
    bool ending = d->ending;
    g_mutex_unlock(&d->dev.lock);
    if (result < 0)
        device_guest_error(&d->dev,
                           "the firmware's variables cannot be written to "
                           "'%s': %s; %s",
                           block_path(d->block), g_strerror(-result),
                           ending ? "what was changed is lost"
                                  : "it is tried again at the next change "
                                    "and when the machine ends");
}

static void
mark_dirty(Pflash *d, guint64 offset)
{
    gint64 block = (gint64) (offset / PFLASH_BLOCK);

    if (block != d->open)
        close_block(d);
    d->open = block;
}

/* ---- the chip ---- */

static void
set_show(Pflash *d, Show show)
{
    bool shown = mem_slot_is_mapped(d->slot, NULL);

    d->s.show = show;
    d->s.want = WANT_COMMAND;
    if (show == SHOW_ARRAY) {
        close_block(d);
        if (!shown)
            (void) mem_slot_map(d->slot, d->base, MEM_RO); /* else it exits */
        save_next(d);
    } else if (shown) {
        mem_slot_unmap(d->slot);
    }
}

/* Cells go from 1 to 0; only an erase makes them 1 again. */
static void
program(Pflash *d, guint64 offset, guint8 value)
{
    d->host[offset] &= value;
    mark_dirty(d, offset);
}

static void
operation_done(Pflash *d, guint8 errors)
{
    d->s.status |= SR_READY | errors;
    set_show(d, SHOW_STATUS);
}

static void
erase(Pflash *d, guint64 offset)
{
    guint64 start = offset - offset % PFLASH_BLOCK;

    memset(d->host + start, 0xff, PFLASH_BLOCK);
    mark_dirty(d, start);
    operation_done(d, 0);
    close_block(d); /* firmware may go on to another without Read Array */
    save_next(d);
}

static void
wait_for(Pflash *d, Want want)
{
    set_show(d, SHOW_STATUS);
    d->s.want = want;
}

static void
begin_buffer(Pflash *d, guint64 offset)
{
    wait_for(d, WANT_COUNT);
    d->s.status |= SR_READY; /* the buffer is free */
    d->s.at = offset - offset % PFLASH_BLOCK;
    d->s.n = d->s.left = 0;
}

static void
command(Pflash *d, guint64 offset, guint8 value)
{
    switch (value) {
    case 0x10:
    case 0x40: wait_for(d, WANT_BYTE); break;
    case 0x20: wait_for(d, WANT_ERASE); break;
    case 0x50:
        d->s.status = 0;
        set_show(d, SHOW_ARRAY);
        break;
    case 0x60: wait_for(d, WANT_LOCK); break;
    case 0x70: set_show(d, SHOW_STATUS); break;
    case 0x90: set_show(d, SHOW_ID); break;
    case 0x98: set_show(d, SHOW_QUERY); break;
    case 0xe8: begin_buffer(d, offset); break;
    case 0x00:
    case 0xff: set_show(d, SHOW_ARRAY); break;
    default:
        device_guest_error(&d->dev, "command 0x%02x is unknown", value);
        set_show(d, SHOW_ARRAY);
        break;
    }
}

static void
take_count(Pflash *d, guint8 value)
{
    d->s.left = value + 1u; /* BUFFER at most */
    d->s.want = WANT_DATA;
}

static void
take_data(Pflash *d, guint64 offset, guint8 value)
{
    if (offset - offset % PFLASH_BLOCK != d->s.at) {
        operation_done(d, SR_PROGRAM | SR_ERASE);
        return;
    }
    d->s.where[d->s.n] = offset;
    d->s.buffer[d->s.n++] = value;
    if (--d->s.left == 0)
        d->s.want = WANT_CONFIRM;
}

static void
program_buffer(Pflash *d, guint8 value)
{
    bool ok = value == 0xd0;

    for (unsigned i = 0; ok && i < d->s.n; i++)
        program(d, d->s.where[i], d->s.buffer[i]);
    operation_done(d, ok ? 0 : SR_PROGRAM | SR_ERASE);
}

static void
write_byte(Pflash *d, guint64 offset, guint8 value)
{
    switch ((Want) d->s.want) {
    case WANT_BYTE:
        program(d, offset, value);
        operation_done(d, 0);
        break;
    case WANT_ERASE:
        if (value == 0xd0)
            erase(d, offset);
        else
            operation_done(d, SR_PROGRAM | SR_ERASE);
        break;
    case WANT_LOCK: operation_done(d, 0); break;
    case WANT_COUNT: take_count(d, value); break;
    case WANT_DATA: take_data(d, offset, value); break;
    case WANT_CONFIRM: program_buffer(d, value); break;
    case WANT_COMMAND:
    case N_WANTS:
    default: command(d, offset, value); break;
    }
}

static void
pflash_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    write_byte(dev, offset, (guint8) value);
}

/* JESD68.01: "QRY", primary command set 1, no alternate, 3.3 V, times, the
 * size as a power of two, 8 bits wide, buffer, one kind of erase block. */
static guint8
query_byte(const Pflash *d, guint64 index)
{
    guint32 blocks = (guint32) (d->bytes / PFLASH_BLOCK) - 1;
    const guint8 table[] = {
        'Q',
        'R',
        'Y',
        1,
        0,
        0x31,
        0,
        0,
        0,
        0,
        0, /* 10h - 1Ah */
        0x27,
        0x36,
        0,
        0,
        7,
        7,
        10,
        0,
        4,
        4,
        4,
        0,                                               /* 1Bh - 26h */
        (guint8) (g_bit_storage((gulong) d->bytes - 1)), /* 27h */
        0,
        0,
        8,
        0,
        1, /* 28h - 2Ch */
        (guint8) blocks,
        (guint8) (blocks >> 8),
        PFLASH_BLOCK / 256,
        0,
    };

    return index >= 0x10 && index - 0x10 < sizeof table ? table[index - 0x10]
                                                        : 0;
}

static guint64
pflash_read(void *dev, guint64 offset, unsigned size)
{
    Pflash *d = dev;

    switch ((Show) d->s.show) {
    case SHOW_STATUS: return d->s.status;
    case SHOW_ID: /* Intel, 64 Mbit; then lock bits */
        return offset % PFLASH_BLOCK == 0   ? 0x89
               : offset % PFLASH_BLOCK == 1 ? 0x17
                                            : 0;
    case SHOW_QUERY: return query_byte(d, offset);
    case SHOW_ARRAY: /* while another processor's command ends */
    case N_SHOWS:
    default: return d->host[offset];
    }
}

static const IoOps pflash_ops = {
    .read = pflash_read,
    .write = pflash_write,
    .max_size = 1,
};

/* ---- life ---- */

static bool
pflash_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Pflash *d = DEVICE_OF(Pflash, dev);

    d->open = -1;
    g_queue_init(&d->changes);
    if (d->bytes == 0 || d->bytes % PFLASH_BLOCK != 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s: %" G_GUINT64_FORMAT " bytes are no flash; it is a "
                    "multiple of 4096, up to 4 MiB",
                    dev->id, d->bytes);
        return false;
    }
    MemBacking *backing = mem_backing_new(env->mem, dev->id, d->bytes, error);
    if (backing == NULL)
        return false;
    d->host = mem_backing_host(backing);
    d->slot = mem_slot_new(env->mem, dev->id, backing, 0, d->bytes);
    d->region = io_region_new(dev->id, &pflash_ops, d, &dev->lock, d->bytes);
    if (io_map(env->mmio, d->region, d->base, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: address 0x%" G_GINT64_MODIFIER "x is taken by another "
                "device",
                dev->id, d->base);
    return false;
}

static void
pflash_unrealize(Device *dev)
{
    Pflash *d = DEVICE_OF(Pflash, dev);

    g_clear_pointer(&d->region, io_region_free);
    g_clear_pointer(&d->slot, mem_slot_free);
    g_queue_clear_full(&d->changes, g_free);
}

static void
pflash_reset(Device *dev, ResetKind kind)
{
    Pflash *d = DEVICE_OF(Pflash, dev);

    d->s = (PflashState){.status = SR_READY};
    set_show(d, SHOW_ARRAY);
}

static void
pflash_restored(Device *dev)
{
    Pflash *d = DEVICE_OF(Pflash, dev);
    guint32 want = d->s.want;

    set_show(d, (Show) d->s.show);
    d->s.want = want;
}

static void
pflash_quiesce(Device *dev)
{
    Pflash *d = DEVICE_OF(Pflash, dev);

    g_mutex_lock(&dev->lock);
    d->ending = true;
    close_block(d);
    save_next(d);
    g_mutex_unlock(&dev->lock);
}

static void
pflash_resume(Device *dev)
{
    Pflash *d = DEVICE_OF(Pflash, dev);

    g_mutex_lock(&dev->lock);
    d->ending = false;
    g_mutex_unlock(&dev->lock);
}

static bool
pflash_is_quiet(Device *dev)
{
    Pflash *d = DEVICE_OF(Pflash, dev);

    g_mutex_lock(&dev->lock);
    bool saved = d->open < 0 && !d->need_flush && g_queue_is_empty(&d->changes);
    bool quiet =
        !d->busy && (saved || d->block == NULL || (d->ending && d->failed));
    g_mutex_unlock(&dev->lock);
    return quiet;
}

void
pflash_fill(Device *dev, const void *data, gsize len)
{
    Pflash *d = DEVICE_OF(Pflash, dev);

    memcpy(d->host, data, MIN(len, d->bytes));
}

static bool
check_state(const void *state, GError **error)
{
    const PflashState *s = state;
    bool good = s->show < N_SHOWS && s->want < N_WANTS && s->n <= BUFFER &&
                s->left <= BUFFER && s->n + s->left <= BUFFER &&
                s->at < PFLASH_MAX_BYTES;

    for (unsigned i = 0; good && i < s->n; i++)
        good = s->where[i] - s->at < PFLASH_BLOCK;
    if (!good)
        g_set_error_literal(error, CARREL_STATE_ERROR,
                            CARREL_STATE_ERROR_INVALID,
                            "pflash: a value is out of range");
    return good;
}

/* clang-format off */
static const StateField fields[] = {
    STATE_FIELD(PflashState, show, STATE_U32),
    STATE_FIELD(PflashState, want, STATE_U32),
    STATE_FIELD(PflashState, status, STATE_U8),
    STATE_FIELD(PflashState, left, STATE_U32),
    STATE_FIELD(PflashState, at, STATE_U64),
    STATE_FIELD(PflashState, n, STATE_U32),
    STATE_BLOB(PflashState, buffer),
    STATE_ARRAY(PflashState, where, STATE_U64),
    STATE_FIELDS_END
};

static const StateDesc pflash_state = {
    .name = "pflash", .version = 1, .min_version = 1,
    .size = sizeof(PflashState), .fields = fields, .check = check_state,
};

static const PropDesc pflash_props[] = {
    PROP_DEF_U64(Pflash, base, "base", 0xffc00000, 0, G_MAXUINT64, NULL,
                 "where it lies, bytes"),
    PROP_DEF_U64(Pflash, bytes, "bytes", 64 << 10, PFLASH_BLOCK,
                 PFLASH_MAX_BYTES, NULL, "how large it is"),
    PROP_DEF_LINK(Pflash, block, "block", false, "where changes are kept"),
    PROP_END
};
/* clang-format on */

const DeviceClass pflash_class = {
    .name = "pflash",
    .summary = "Flash chip for a UEFI's variables",
    .size = sizeof(Pflash),
    .props = pflash_props,
    .state = &pflash_state,
    .state_offset = G_STRUCT_OFFSET(Pflash, s),
    .realize = pflash_realize,
    .unrealize = pflash_unrealize,
    .reset = pflash_reset,
    .restored = pflash_restored,
    .quiesce = pflash_quiesce,
    .is_quiet = pflash_is_quiet,
    .resume = pflash_resume,
};
