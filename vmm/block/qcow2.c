/* vmm/block/qcow2.c - the "qcow2" format: opening, closing, and the short way
 * of requests to the ring. The other files qcow2-*.c have one subject each. */
#include "vmm/block/qcow2-internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/core/sysutil.h"

/* ---- the backing image ---- */

static bool
refuse_backing(const Qcow2 *q, const BlockSpec *spec, const char *what,
               GError **error)
{
    g_autofree char *name = g_strescape(q->h.backing, NULL);
    g_autofree char *format = g_strescape(q->h.backing_format, NULL);

    g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_BACKING,
                "disk image '%s' %s; it is based on '%s' (format %s), and that "
                "is opened only when 'backing' names the same file and "
                "'backing-format' its format",
                spec->path, what, name,
                format[0] != '\0' ? format : "not recorded");
    return false;
}

/* What the image says about its backing image must be what the caller says:
 * a guest can write into an image whatever it likes. */
static bool
check_backing(const Qcow2 *q, const BlockSpec *spec, GError **error)
{
    const BlockBacking *b = spec->backings;
    struct stat wanted, named;

    if (q->h.backing[0] == '\0' && spec->n_backings == 0)
        return true;
    if (q->h.backing[0] == '\0') {
        g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_BACKING,
                    "disk image '%s' has no backing image, but '%s' is named "
                    "as one; remove 'backing'",
                    spec->path, b->path);
        return false;
    }
    if (spec->n_backings == 0)
        return refuse_backing(q, spec, "needs a backing image", error);
    if (spec->n_backings > BLOCK_MAX_BACKINGS)
        return refuse_backing(q, spec, "has too many images under it", error);
    g_autofree char *path = qcow2_backing_path(spec->path, q->h.backing);
    if (stat(b->path, &named) < 0)
        return sys_error(error, errno, "backing image '%s' of disk image '%s'",
                         b->path, spec->path);
    if (stat(path, &wanted) < 0 || wanted.st_dev != named.st_dev ||
        wanted.st_ino != named.st_ino)
        return refuse_backing(q, spec, "has another backing image", error);
    if (q->h.backing_format[0] != '\0' &&
        g_strcmp0(q->h.backing_format, b->format) != 0)
        return refuse_backing(q, spec, "has a backing image of another format",
                              error);
    return true;
}

static bool
open_backing(Qcow2 *q, const BlockSpec *spec, GError **error)
{
    BlockInfo info;

    if (!check_backing(q, spec, error))
        return false;
    if (spec->n_backings == 0)
        return true;
    const BlockSpec under = {
        .path = spec->backings->path,
        .format = spec->backings->format,
        .backings = spec->backings + 1,
        .n_backings = spec->n_backings - 1,
        .read_only = true,
    };
    const BlockDriver *driver =
        block_find_format(under.format, under.path, error);
    if (driver == NULL)
        return false;
    q->backing = driver->open(&under, &info, error);
    if (q->backing == NULL) {
        g_prefix_error(error, "backing image of '%s': ", spec->path);
        return false;
    }
    q->backing_driver = driver;
    q->backing_bytes = info.bytes;
    return true;
}

/* ---- open ---- */

static bool
open_file(Qcow2 *q, const BlockSpec *spec, BlockInfo *info, GError **error)
{
    const BlockSpec file = {
        .path = spec->path,
        .format = "raw",
        .read_only = spec->read_only || spec->snapshot,
        .direct = spec->direct,
    };
    struct stat st;
    char self[40];

    q->file = block_raw_driver.open(&file, info, error);
    if (q->file == NULL)
        return false;
    q->writable = !info->read_only;
    int fd = block_raw_driver.ring_fd(q->file);
    if (fstat(fd, &st) < 0)
        return sys_error(error, errno, "disk image '%s'", spec->path);
    q->is_device = S_ISBLK(st.st_mode);
    q->file_bytes = q->is_device ? info->bytes : (guint64) st.st_size;
    /* the same file once more: tables are not aligned for direct I/O */
    g_snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    q->fd = open(self, (q->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (q->fd < 0)
        return sys_error(error, errno, "cannot open '%s' again", spec->path);
    return true;
}

static bool
set_geometry(Qcow2 *q, BlockInfo *info, GError **error)
{
    const Qcow2Header *h = &q->h;

    q->cluster_bits = h->cluster_bits;
    q->cluster_size = 1u << h->cluster_bits;
    q->l2_bits = h->cluster_bits - 3;
    q->slice_bits = MIN(q->l2_bits, 9);
    q->refcount_bits = 1u << h->refcount_order;
    q->block_bits = h->cluster_bits + 3 - h->refcount_order;
    q->end = (q->file_bytes + q->cluster_size - 1) >> q->cluster_bits;
    q->limit = q->end << q->cluster_bits;
    q->grown = q->file_bytes;
    q->hint = 1;
    if (q->cluster_size < info->logical_size ||
        h->size % info->logical_size != 0)
        return qcow2_refuse(q, error,
                            "does not fit the device's sectors of %u bytes; "
                            "turn direct off",
                            info->logical_size);
    if (q->writable && q->end > QCOW2_MAX_CLUSTERS)
        return qcow2_refuse(q, error,
                            "is too large to be written to with clusters of "
                            "%u bytes; convert it to larger ones",
                            q->cluster_size);
    info->bytes = h->size;
    info->physical_size = MAX(info->physical_size, MIN(q->cluster_size, 65536));
    info->can_discard = q->writable;
    return true;
}

static bool
prepare_writing(Qcow2 *q, GError **error)
{
    if (!q->writable || q->check_mode)
        return true;
    if (q->h.incompatible & QCOW2_CORRUPT)
        return qcow2_refuse(q, error,
                            "is marked as corrupt and can only be opened "
                            "read-only; 'carrel disk check --repair all' "
                            "mends it");
    if (!qcow2_make_trusted(q, error))
        return false;
    int rc = qcow2_header_clear_autoclear(q);
    return rc == 0 ||
           sys_error(error, -rc, "cannot write the header of '%s'", q->path);
}

static bool
set_up(Qcow2 *q, const BlockSpec *spec, BlockInfo *info, GError **error)
{
    return open_file(q, spec, info, error) && qcow2_header_read(q, error) &&
           set_geometry(q, info, error) &&
           (q->check_mode || open_backing(q, spec, error)) &&
           qcow2_tables_load(q, error) && qcow2_reftable_load(q, error) &&
           prepare_writing(q, error);
}

/* Twice: references of the first turn become free to take only then. */
static int
settle(Qcow2 *q)
{
    int rc = 0;

    g_mutex_lock(&q->lock);
    for (unsigned i = 0; rc == 0 && i < 3 && q->dirty; i++)
        rc = qcow2_commit(q);
    g_mutex_unlock(&q->lock);
    return rc;
}

int
qcow2_close_image(Qcow2 *q)
{
    int rc = 0;

    if (q == NULL)
        return 0;
    if (q->writable && q->blocks != NULL && q->failed == 0)
        rc = settle(q);
    guint64 needed = MAX(q->end << q->cluster_bits, q->file_bytes);
    if (q->writable && q->grown > needed)
        (void) ftruncate(q->fd, (off_t) needed); /* only tidier */
    qcow2_tables_free(q);
    qcow2_refblocks_free(q);
    if (q->backing != NULL)
        q->backing_driver->close(q->backing);
    sys_close(&q->fd);
    block_raw_driver.close(q->file);
    g_mutex_clear(&q->lock);
    g_mutex_clear(&q->map_lock);
    g_mutex_clear(&q->packed_lock);
    g_cond_clear(&q->idle);
    g_free(q->packed);
    g_free(q->path);
    g_free(q);
    return rc;
}

Qcow2 *
qcow2_open_image(const BlockSpec *spec, bool check_mode, BlockInfo *ret_info,
                 GError **error)
{
    Qcow2 *q = g_new0(Qcow2, 1);

    q->path = g_strdup(spec->path);
    q->fd = -1;
    q->check_mode = check_mode;
    g_mutex_init(&q->lock);
    g_mutex_init(&q->map_lock);
    g_mutex_init(&q->packed_lock);
    g_cond_init(&q->idle);
    if (set_up(q, spec, ret_info, error))
        return q;
    q->writable = false; /* nothing of it was changed */
    qcow2_close_image(q);
    return NULL;
}

/* ---- the driver ---- */

static gpointer
driver_open(const BlockSpec *spec, BlockInfo *ret_info, GError **error)
{
    return qcow2_open_image(spec, false, ret_info, error);
}

static void
driver_close(gpointer image)
{
    (void) qcow2_close_image(image); /* flush() is where errors are heard */
}

static int
driver_transfer(gpointer image, BlockOp op, BlockVec *vec, guint64 offset,
                gsize len)
{
    return op == BLOCK_READ ? qcow2_read(image, vec, offset, len)
                            : qcow2_write(image, vec, offset, len);
}

static int
driver_flush(gpointer image)
{
    return qcow2_flush(image);
}

static int
driver_discard(gpointer image, guint64 offset, guint64 len)
{
    return qcow2_discard(image, offset, len);
}

static int
driver_write_zeroes(gpointer image, guint64 offset, guint64 len, bool unmap)
{
    return qcow2_write_zeroes(image, offset, len, unmap);
}

static int
driver_ring_fd(gpointer image)
{
    Qcow2 *q = image;

    return block_raw_driver.ring_fd(q->file);
}

/* True when all of it lies in one piece and needs no new place. */
static bool
map_whole(Qcow2 *q, bool write, guint64 *offset, gsize total, gsize *ret_token)
{
    Qcow2Map map;

    if (write && (!q->writable || q->check_mode ||
                  __atomic_load_n(&q->corrupt, __ATOMIC_ACQUIRE)))
        return false;
    g_mutex_lock(&q->map_lock);
    qcow2_lookup(q, *offset, total, &map);
    bool ok = map.kind == QCOW2_KIND_DATA && map.run == total &&
              (!write || map.copied);
    if (ok)
        *ret_token = qcow2_use_begin(q);
    g_mutex_unlock(&q->map_lock);
    if (ok)
        *offset = map.host;
    return ok;
}

static bool
driver_ring_map(gpointer image, const BlockReq *req, gsize total,
                guint64 *offset, gsize *ret_token)
{
    Qcow2 *q = image;
    gsize unused;

    if (req->op != BLOCK_READ && req->op != BLOCK_WRITE)
        return false;
    if (!map_whole(q, req->op == BLOCK_WRITE, offset, total, ret_token))
        return false;
    if (block_raw_driver.ring_map(q->file, req, total, offset, &unused))
        return true;
    qcow2_use_end(q, (guint) *ret_token);
    return false;
}

static void
driver_ring_end(gpointer image, gsize token)
{
    qcow2_use_end(image, (guint) token);
}

/* Metadata is not written here, so that is not waited for either; a flush
 * would have to. */
static int
driver_try_now(gpointer image, BlockOp op, const struct iovec *iov,
               unsigned n_iov, guint64 offset, gsize len)
{
    Qcow2 *q = image;
    gsize token;

    if (op == BLOCK_FLUSH)
        return -EOPNOTSUPP;
    if (!map_whole(q, op == BLOCK_WRITE, &offset, len, &token))
        return -EAGAIN;
    int rc = block_raw_driver.try_now(q->file, op, iov, n_iov, offset, len);
    qcow2_use_end(q, (guint) token);
    return rc;
}

static guint64
driver_extent(gpointer image, guint64 offset, guint64 len, bool *ret_zero)
{
    Qcow2 *q = image;
    Qcow2Map map;
    Qcow2Slice *slice;

    *ret_zero = false;
    g_mutex_lock(&q->lock);
    int rc = qcow2_slice_load(q, offset, &slice);
    g_mutex_unlock(&q->lock);
    if (rc < 0)
        return len;
    g_mutex_lock(&q->map_lock);
    qcow2_lookup(q, offset, (gsize) len, &map);
    g_mutex_unlock(&q->map_lock);
    *ret_zero = map.kind == QCOW2_KIND_ZERO ||
                (map.kind == QCOW2_KIND_HOLE && q->backing_driver == NULL);
    return map.run;
}

static bool
driver_is_dirty(gpointer image)
{
    Qcow2 *q = image;

    return __atomic_load_n(&q->dirty, __ATOMIC_ACQUIRE);
}

const BlockDriver block_qcow2_driver = {
    .name = "qcow2",
    .open = driver_open,
    .close = driver_close,
    .transfer = driver_transfer,
    .flush = driver_flush,
    .discard = driver_discard,
    .write_zeroes = driver_write_zeroes,
    .ring_fd = driver_ring_fd,
    .try_now = driver_try_now,
    .ring_map = driver_ring_map,
    .ring_end = driver_ring_end,
    .extent = driver_extent,
    .is_dirty = driver_is_dirty,
};
