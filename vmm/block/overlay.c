/* vmm/block/overlay.c - snapshot mode: a disk whose writes are thrown away.
 *
 * Writes go to an unnamed sparse file in clusters; a bit per cluster says
 * where its content is. The first write to a part of a cluster copies the
 * rest of it from the image, which stays open read-only. The file has no name,
 * so it is gone with the process however that ends. Flush does nothing: there
 * is nothing that has to survive. */
#include "vmm/block/block-internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vmm/core/sysutil.h"

#define CLUSTER (64u << 10) /* bytes; multiple of every sector size */

typedef struct {
    const BlockDriver *base;
    gpointer base_image;
    int fd;
    guint64 bytes;

    /* Pool threads only, held across I/O: readers and writers of clusters that
     * are here already share it, a write that adds a cluster has it alone. */
    GRWLock lock; /* L1 guards map, cow */
    guint32 *map; /* bit n: cluster n is in fd */
    guint8 *cow;  /* one cluster of aligned memory */
} Overlay;

static bool
has_cluster(const Overlay *ov, guint64 cluster)
{
    return (ov->map[cluster / 32] >> (cluster % 32) & 1) != 0;
}

static void
set_cluster(Overlay *ov, guint64 cluster)
{
    ov->map[cluster / 32] |= 1u << (cluster % 32);
}

/* Bytes from offset on, at most len, that lie on the same side. */
static gsize
run_length(const Overlay *ov, guint64 offset, gsize len, bool *ret_here)
{
    guint64 cluster = offset / CLUSTER;
    gsize run = CLUSTER - (gsize) (offset % CLUSTER);

    *ret_here = has_cluster(ov, cluster);
    while (run < len && has_cluster(ov, ++cluster) == *ret_here)
        run += CLUSTER;
    return MIN(run, len);
}

/* fd is as long as the disk, so a short transfer is an error. */
static int
file_transfer(Overlay *ov, BlockOp op, BlockVec *vec, guint64 offset, gsize len)
{
    gsize moved = 0;
    int rc = block_fd_transfer(ov->fd, op, vec, offset, len, &moved);

    return rc != 0 ? block_map_errno(rc) : moved == len ? 0 : -EIO;
}

static int
overlay_read(Overlay *ov, BlockVec *vec, guint64 offset, gsize len)
{
    int rc = 0;

    g_rw_lock_reader_lock(&ov->lock);
    while (rc == 0 && len > 0) {
        bool here;
        gsize run = run_length(ov, offset, len, &here);
        rc = here ? file_transfer(ov, BLOCK_READ, vec, offset, run)
                  : ov->base->transfer(ov->base_image, BLOCK_READ, vec, offset,
                                       run);
        offset += run;
        len -= run;
    }
    g_rw_lock_reader_unlock(&ov->lock);
    return rc;
}

/* Writer lock held. Writes len bytes inside one cluster that is not here. */
static int
write_new_part(Overlay *ov, BlockVec *vec, guint64 offset, gsize len)
{
    guint64 start = offset / CLUSTER * CLUSTER;
    gsize size = (gsize) MIN(CLUSTER, ov->bytes - start);
    struct iovec whole = {ov->cow, size};
    BlockVec at = {.iov = &whole, .n = 1};
    int rc = ov->base->transfer(ov->base_image, BLOCK_READ, &at, start, size);

    if (rc != 0)
        return rc;
    block_vec_gather(vec, ov->cow + (offset - start), len);
    block_vec_init(&at, &whole, 1, 0);
    rc = file_transfer(ov, BLOCK_WRITE, &at, start, size);
    if (rc == 0)
        set_cluster(ov, start / CLUSTER);
    return rc;
}

/* Writer lock held. A new cluster counts as here only when all of it is. */
static int
write_any(Overlay *ov, BlockVec *vec, guint64 offset, gsize len)
{
    int rc = 0;

    while (rc == 0 && len > 0) {
        guint64 cluster = offset / CLUSTER;
        guint64 end = MIN((cluster + 1) * CLUSTER, ov->bytes);
        gsize part = (gsize) MIN(end - offset, len);
        bool whole = offset % CLUSTER == 0 && offset + part == end;
        if (whole || has_cluster(ov, cluster)) {
            rc = file_transfer(ov, BLOCK_WRITE, vec, offset, part);
            if (rc == 0)
                set_cluster(ov, cluster);
        } else {
            rc = write_new_part(ov, vec, offset, part);
        }
        offset += part;
        len -= part;
    }
    return rc;
}

static int
overlay_write(Overlay *ov, BlockVec *vec, guint64 offset, gsize len)
{
    bool here;

    g_rw_lock_reader_lock(&ov->lock);
    if (run_length(ov, offset, len, &here) == len && here) {
        int rc = file_transfer(ov, BLOCK_WRITE, vec, offset, len);
        g_rw_lock_reader_unlock(&ov->lock);
        return rc;
    }
    g_rw_lock_reader_unlock(&ov->lock);
    g_rw_lock_writer_lock(&ov->lock);
    int rc = write_any(ov, vec, offset, len);
    g_rw_lock_writer_unlock(&ov->lock);
    return rc;
}

static int
overlay_transfer(gpointer image, BlockOp op, BlockVec *vec, guint64 offset,
                 gsize len)
{
    return op == BLOCK_READ ? overlay_read(image, vec, offset, len)
                            : overlay_write(image, vec, offset, len);
}

static int
overlay_flush(gpointer image)
{
    return 0;
}

/* Whole clusters become holes; the edges keep their content, which a discard
 * allows. */
static int
overlay_discard(gpointer image, guint64 offset, guint64 len)
{
    Overlay *ov = image;
    guint64 first = (offset + CLUSTER - 1) / CLUSTER;
    guint64 end = offset + len == ov->bytes
                      ? (ov->bytes + CLUSTER - 1) / CLUSTER
                      : (offset + len) / CLUSTER;

    if (first >= end)
        return 0;
    g_rw_lock_writer_lock(&ov->lock);
    int rc = SYS_RETRY(fallocate(
        ov->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
        (off_t) (first * CLUSTER), (off_t) ((end - first) * CLUSTER)));
    rc = rc < 0 ? -errno : 0;
    for (guint64 c = first; rc == 0 && c < end; c++)
        set_cluster(ov, c);
    g_rw_lock_writer_unlock(&ov->lock);
    return block_map_errno(rc);
}

/* What has no name needs no room kept for it. The parts at the edges first:
 * the middle cannot be half done. */
static int
overlay_write_zeroes(gpointer image, guint64 offset, guint64 len, bool unmap)
{
    Overlay *ov = image;
    guint64 end = offset + len;
    guint64 head = MIN((offset + CLUSTER - 1) / CLUSTER * CLUSTER, end);
    guint64 tail = end == ov->bytes ? end : MAX(end / CLUSTER * CLUSTER, head);
    int rc = block_fill_zeros(overlay_transfer, ov, offset, head - offset);

    if (rc == 0)
        rc = block_fill_zeros(overlay_transfer, ov, tail, end - tail);
    if (rc == 0 && head < tail)
        rc = overlay_discard(ov, head, tail - head);
    if (rc == -EOPNOTSUPP || rc == -EIO) /* no holes there */
        rc = block_fill_zeros(overlay_transfer, ov, head, tail - head);
    return rc;
}

/* ---- open ---- */

/* An unnamed file of that size in dir, or -1. */
static int
try_unnamed(const char *dir, guint64 bytes)
{
    if (dir == NULL || dir[0] == '\0')
        return -1;
    CARREL_AUTO_FD int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        g_autofree char *path =
            g_build_filename(dir, "carrel-overlay-XXXXXX", NULL);
        fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0)
            (void) unlink(path); /* at worst an empty name stays behind */
    }
    if (fd < 0 || ftruncate(fd, (off_t) bytes) < 0)
        return -1;
    return sys_steal_fd(&fd);
}

/* Where there is most room first: /tmp is often in memory. */
static int
open_unnamed(guint64 bytes)
{
    const char *dirs[] = {g_getenv("TMPDIR"), g_get_user_cache_dir(),
                          "/var/tmp", "/tmp"};

    for (gsize i = 0; i < G_N_ELEMENTS(dirs); i++) {
        int fd = try_unnamed(dirs[i], bytes);
        if (fd >= 0)
            return fd;
    }
    CARREL_AUTO_FD int fd = memfd_create("carrel-overlay", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t) bytes) < 0)
        return -1;
    return sys_steal_fd(&fd);
}

static void
overlay_close(gpointer image)
{
    Overlay *ov = image;

    if (ov == NULL)
        return;
    ov->base->close(ov->base_image);
    sys_close(&ov->fd);
    g_rw_lock_clear(&ov->lock);
    g_free(ov->map);
    free(ov->cow);
    g_free(ov);
}

gpointer
block_overlay_new(const BlockDriver *base, gpointer base_image, guint64 bytes,
                  GError **error)
{
    Overlay *ov = g_new0(Overlay, 1);
    guint64 clusters = (bytes + CLUSTER - 1) / CLUSTER;
    void *cow = NULL;

    *ov = (Overlay){.base = base, .base_image = base_image, .bytes = bytes};
    g_rw_lock_init(&ov->lock);
    ov->fd = open_unnamed(bytes);
    if (ov->fd < 0) {
        sys_error(error, errno,
                  "cannot make the temporary file for a disk in snapshot "
                  "mode; set TMPDIR to a directory with room");
        goto fail;
    }
    ov->map = g_try_new0(guint32, clusters / 32 + 1);
    if (posix_memalign(&cow, 4096, CLUSTER) == 0)
        ov->cow = cow;
    if (ov->map == NULL || ov->cow == NULL) {
        sys_error(error, ENOMEM,
                  "cannot keep a map of %" G_GUINT64_FORMAT
                  " bytes for snapshot mode",
                  bytes);
        goto fail;
    }
    return ov;
fail:
    overlay_close(ov);
    return NULL;
}

const BlockDriver block_overlay_driver = {
    .name = "overlay",
    .close = overlay_close,
    .transfer = overlay_transfer,
    .flush = overlay_flush,
    .discard = overlay_discard,
    .write_zeroes = overlay_write_zeroes,
};
