/* vmm/block/image.c - see image.h: the formats without a loop. */
#include "vmm/block/image.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/block/qcow2-internal.h"
#include "vmm/core/sysutil.h"

#define FULL_STEP (1u << 20) /* bytes of zeros written at once */

struct BlockImage {
    const BlockDriver *driver;
    gpointer image;
    BlockInfo info;
};

/* ---- access ---- */

BlockImage *
block_image_open(const BlockSpec *spec, GError **error)
{
    const BlockDriver *driver =
        block_find_format(spec->format, spec->path, error);

    if (driver == NULL)
        return NULL;
    BlockImage *image = g_new0(BlockImage, 1);
    image->driver = driver;
    image->image = driver->open(spec, &image->info, error);
    image->info.max_iov = BLOCK_MAX_IOV;
    if (image->image == NULL)
        g_clear_pointer(&image, g_free);
    return image;
}

const BlockInfo *
block_image_info(const BlockImage *image)
{
    return &image->info;
}

static int
transfer(BlockImage *image, BlockOp op, guint64 offset, void *mem, gsize len)
{
    struct iovec iov = {mem, len};
    BlockVec vec = {.iov = &iov, .n = 1};

    if (offset > image->info.bytes || len > image->info.bytes - offset ||
        offset % image->info.logical_size != 0 ||
        len % image->info.logical_size != 0)
        return -EINVAL;
    return len == 0
               ? 0
               : image->driver->transfer(image->image, op, &vec, offset, len);
}

int
block_image_read(BlockImage *image, guint64 offset, void *mem, gsize len)
{
    return transfer(image, BLOCK_READ, offset, mem, len);
}

int
block_image_write(BlockImage *image, guint64 offset, const void *mem, gsize len)
{
    if (image->info.read_only)
        return -EROFS;
    return transfer(image, BLOCK_WRITE, offset, (void *) mem, len);
}

int
block_image_write_packed(BlockImage *image, guint64 offset, const void *mem,
                         gsize len)
{
    Qcow2 *q = image->image;

    if (image->info.read_only)
        return -EROFS;
    if (image->driver != &block_qcow2_driver)
        return -ENOTSUP;
    if (offset % q->cluster_size != 0 || offset >= q->h.size ||
        len != MIN(q->cluster_size, q->h.size - offset))
        return -EINVAL;
    g_autofree guint8 *whole = g_try_malloc0(q->cluster_size);
    if (whole == NULL)
        return -EIO;
    memcpy(whole, mem, len);
    return qcow2_packed_write(q, offset, whole);
}

int
block_image_write_zeroes(BlockImage *image, guint64 offset, guint64 len,
                         bool unmap)
{
    if (image->info.read_only)
        return -EROFS;
    return image->driver->write_zeroes(image->image, offset, len, unmap);
}

int
block_image_flush(BlockImage *image)
{
    return image->info.read_only ? 0 : image->driver->flush(image->image);
}

guint64
block_image_extent(BlockImage *image, guint64 offset, guint64 len,
                   bool *ret_zero)
{
    guint32 sector = image->info.logical_size;

    *ret_zero = false;
    if (image->driver->extent == NULL || len <= sector)
        return len;
    guint64 run = image->driver->extent(image->image, offset, len, ret_zero);
    if (run >= len)
        return len;
    if (run >= sector)
        return run / sector * sector;
    *ret_zero = false; /* a hole that does not fill a sector */
    return sector;
}

int
block_image_close(BlockImage *image)
{
    int rc = 0;

    if (image == NULL)
        return 0;
    if (image->driver == &block_qcow2_driver)
        rc = qcow2_close_image(image->image);
    else
        image->driver->close(image->image);
    g_free(image);
    return rc;
}

/* ---- create ---- */

static bool
write_zeros(int fd, guint64 bytes)
{
    g_autofree guint8 *zeros = g_malloc0(FULL_STEP);

    for (guint64 at = 0; at < bytes; at += FULL_STEP)
        if (!sys_write_all(fd, zeros, (gsize) MIN(FULL_STEP, bytes - at)))
            return false;
    return true;
}

static bool
create_raw(const BlockCreate *c, GError **error)
{
    int fresh = c->into ? 0 : O_CREAT | O_EXCL;
    CARREL_AUTO_FD int fd = open(c->path, O_WRONLY | O_CLOEXEC | fresh, 0600);

    if (fd < 0)
        return sys_error(error, errno, "cannot create '%s'", c->path);
    /* sparse: takes room as the guest writes */
    bool ok = ftruncate(fd, (off_t) c->bytes) == 0;
    if (ok && c->prealloc == BLOCK_PREALLOC_FALLOC)
        ok = SYS_RETRY(fallocate(fd, 0, 0, (off_t) c->bytes)) == 0;
    if (ok && c->prealloc == BLOCK_PREALLOC_FULL)
        ok = write_zeros(fd, c->bytes);
    if (ok && fsync(fd) == 0)
        return true;
    sys_error(error, errno, "cannot make '%s' %" G_GUINT64_FORMAT " bytes long",
              c->path, c->bytes);
    (void) unlink(c->path); /* the first error counts */
    return false;
}

/* The tables name every cluster; the clusters lie one after another. */
static int
place_all(Qcow2 *q, const BlockCreate *c)
{
    g_autofree guint8 *zeros = g_malloc0(FULL_STEP);
    int rc = 0;

    if (c->prealloc != BLOCK_PREALLOC_FULL)
        rc = qcow2_preallocate(q, 0, q->h.size);
    for (guint64 at = 0;
         rc == 0 && c->prealloc == BLOCK_PREALLOC_FULL && at < q->h.size;
         at += FULL_STEP) {
        struct iovec iov = {zeros, (gsize) MIN(FULL_STEP, q->h.size - at)};
        BlockVec vec = {.iov = &iov, .n = 1};
        rc = qcow2_write(q, &vec, at, iov.iov_len);
    }
    if (rc == 0)
        rc = qcow2_flush(q);
    if (rc == 0 && c->prealloc == BLOCK_PREALLOC_FALLOC &&
        SYS_RETRY(fallocate(q->fd, FALLOC_FL_KEEP_SIZE, 0,
                            (off_t) (q->end << q->cluster_bits))) < 0)
        rc = -errno;
    return rc;
}

static bool
preallocate(const BlockCreate *c, GError **error)
{
    const BlockSpec spec = {.path = c->path, .format = "qcow2"};
    BlockInfo info;

    if (c->prealloc == BLOCK_PREALLOC_OFF)
        return true;
    Qcow2 *q = qcow2_open_image(&spec, false, &info, error);
    if (q == NULL)
        return false;
    int rc = place_all(q, c);
    int closed = qcow2_close_image(q);
    rc = rc < 0 ? rc : closed;
    return rc == 0 ||
           sys_error(error, -rc, "cannot reserve the room of '%s'", c->path);
}

static bool
fill_from_backing(BlockCreate *c, GError **error)
{
    g_autofree char *path = qcow2_backing_path(c->path, c->backing);
    BlockDetails details;

    if (c->prealloc != BLOCK_PREALLOC_OFF) {
        g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                    "disk image '%s': room cannot be reserved over a backing "
                    "image, which would no longer show through",
                    c->path);
        return false;
    }
    if (!block_image_details(path, c->backing_format, &details, error))
        return false;
    if (c->bytes == 0)
        c->bytes = details.bytes;
    block_details_clear(&details);
    return true;
}

bool
block_image_create(const BlockCreate *create, GError **error)
{
    BlockCreate c = *create;
    bool qcow2 = g_strcmp0(c.format, "qcow2") == 0;

    if (!qcow2 && g_strcmp0(c.format, "raw") != 0) {
        g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                    "images of format '%s' are not created; use raw or qcow2",
                    c.format != NULL ? c.format : "");
        return false;
    }
    if (!qcow2 && (c.backing != NULL || c.cluster_size != 0 || c.version != 0 ||
                   c.refcount_bits != 0 || c.zstd ||
                   c.prealloc == BLOCK_PREALLOC_METADATA)) {
        g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                    "a raw image has no clusters, tables or backing image");
        return false;
    }
    if (c.backing != NULL && !fill_from_backing(&c, error))
        return false;
    if (c.bytes == 0 || c.bytes % BLOCK_SECTOR != 0 ||
        c.bytes > (guint64) G_MAXINT64) {
        g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                    "disk image '%s' needs a size that is a multiple of 512 "
                    "bytes",
                    c.path);
        return false;
    }
    if (!qcow2)
        return create_raw(&c, error);
    if (!qcow2_create(&c, error))
        return false;
    if (preallocate(&c, error))
        return true;
    (void) unlink(c.path); /* the first error counts */
    return false;
}

/* ---- details ---- */

const char *
block_image_looks_like(const char *path)
{
    static const struct {
        const char *magic, *name;
    } known[] = {{"QFI\xfb", "qcow2"},
                 {"KDMV", "vmdk"},
                 {"vhdxfile", "vhdx"},
                 {"conectix", "vpc"},
                 {"<<<", "vdi"}};
    char head[9] = {0};
    /* a pipe must not be waited for */
    CARREL_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || SYS_RETRY(pread(fd, head, 8, 0)) < 4)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        if (memcmp(head, known[i].magic, strlen(known[i].magic)) == 0)
            return known[i].name;
    return NULL;
}

static void
qcow2_details(const Qcow2 *q, BlockDetails *ret)
{
    const Qcow2Header *h = &q->h;

    ret->bytes = h->size;
    ret->cluster_size = 1u << h->cluster_bits;
    ret->version = h->version;
    ret->refcount_bits = 1u << h->refcount_order;
    ret->n_snapshots = h->n_snapshots;
    ret->dirty = (h->incompatible & QCOW2_DIRTY) != 0;
    ret->corrupt = (h->incompatible & QCOW2_CORRUPT) != 0;
    ret->lazy_refcounts = (h->compatible & QCOW2_LAZY) != 0;
    ret->compression = h->compression == 1 ? "zstd" : "zlib";
    if (h->backing[0] != '\0')
        ret->backing = g_strdup(h->backing);
    if (h->backing_format[0] != '\0')
        ret->backing_format = g_strdup(h->backing_format);
}

bool
block_image_details(const char *path, const char *format,
                    BlockDetails *ret_details, GError **error)
{
    BlockDetails d = {0};
    struct stat st;

    if (block_find_format(format, path, error) == NULL)
        return false;
    CARREL_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return sys_error(error, errno, "disk image '%s'", path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return sys_error(error, EINVAL,
                         "disk image '%s' is no file and no block device",
                         path);
    off_t end = lseek(fd, 0, SEEK_END);
    d.file_bytes = end > 0 ? (guint64) end : 0;
    d.used_bytes = (guint64) st.st_blocks * 512;
    d.bytes = (d.file_bytes + BLOCK_SECTOR - 1) / BLOCK_SECTOR * BLOCK_SECTOR;
    if (strcmp(format, "qcow2") == 0) {
        Qcow2 q = {.path = (char *) path, .fd = fd, .file_bytes = d.file_bytes};
        if (!qcow2_header_read(&q, error))
            return false;
        qcow2_details(&q, &d);
    }
    *ret_details = d;
    return true;
}

void
block_details_clear(BlockDetails *details)
{
    g_clear_pointer(&details->backing, g_free);
    g_clear_pointer(&details->backing_format, g_free);
}

/* ---- check, resize ---- */

bool
block_image_check(const BlockSpec *spec, BlockRepair repair,
                  BlockCheck *ret_check, GError **error)
{
    BlockInfo info;
    BlockSpec how = *spec;

    if (g_strcmp0(spec->format, "qcow2") != 0) {
        g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                    "images of format '%s' have nothing to check",
                    spec->format);
        return false;
    }
    how.read_only = repair == BLOCK_REPAIR_NONE;
    Qcow2 *q = qcow2_open_image(&how, true, &info, error);
    if (q == NULL)
        return false;
    bool ok = qcow2_check(q, repair, ret_check, error);
    int rc = qcow2_close_image(q);
    if (ok && rc < 0)
        ok = sys_error(error, -rc, "cannot write '%s'", spec->path);
    return ok;
}

static bool
resize_raw(const BlockSpec *spec, guint64 bytes, GError **error)
{
    BlockInfo info;
    gpointer file = block_raw_driver.open(spec, &info, error);

    if (file == NULL)
        return false;
    int fd = block_raw_driver.ring_fd(file);
    int rc = ftruncate(fd, (off_t) bytes) < 0 || fsync(fd) < 0 ? errno : 0;
    block_raw_driver.close(file);
    return rc == 0 || sys_error(error, rc, "cannot resize '%s'", spec->path);
}

bool
block_image_resize(const BlockSpec *spec, guint64 bytes, bool shrink,
                   GError **error)
{
    BlockDetails details;
    BlockInfo info;

    if (!block_image_details(spec->path, spec->format, &details, error))
        return false;
    guint64 now = details.bytes;
    block_details_clear(&details);
    if (bytes == 0 || bytes % BLOCK_SECTOR != 0 ||
        bytes > (guint64) G_MAXINT64 || (bytes < now && !shrink)) {
        g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                    "disk image '%s' has %" G_GUINT64_FORMAT " bytes; %s",
                    spec->path, now,
                    bytes < now && bytes > 0
                        ? "making it smaller cuts off what is at its end; say "
                          "--shrink when that is meant"
                        : "the new size must be a multiple of 512");
        return false;
    }
    if (strcmp(spec->format, "raw") == 0)
        return resize_raw(spec, bytes, error);
    Qcow2 *q = qcow2_open_image(spec, false, &info, error);
    if (q == NULL)
        return false;
    bool ok = qcow2_resize(q, bytes, shrink, error);
    int rc = qcow2_close_image(q);
    if (ok && rc < 0)
        ok = sys_error(error, -rc, "cannot write '%s'", spec->path);
    return ok;
}
