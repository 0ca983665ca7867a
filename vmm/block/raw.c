/* vmm/block/raw.c - "raw" and "iso": the disk's bytes are the file's.
 *
 * Regular files and block devices. A file that does not end on a sector is
 * shown with its last sector filled up with zeros; a write to that sector
 * makes the file end on it. A file that becomes shorter while it is open gives
 * -EIO for what is gone: writes never make it grow back. Images are not
 * mapped, so that can never be a SIGBUS.
 *
 * Direct I/O: requests whose memory is not aligned as the device wants go
 * through a bounce buffer. */
#include "vmm/block/block-internal.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "vmm/core/sysutil.h"

#define ISO_SECTOR    2048u
#define FILE_PHYSICAL 4096u        /* what file systems like to be given */
#define DIRECT_ALIGN  4096u        /* safe where the kernel does not say */
#define BOUNCE_BYTES  (256u << 10) /* multiple of every sector size */

typedef struct {
    int fd;
    bool is_device, direct;
    guint32 mem_align, offset_align; /* direct only */
    guint64 file_bytes;              /* at open */
    /* There is no device to wait for: the file system has its files in memory
     * alone (or in swap, as the guest's own memory). */
    bool in_memory;
    bool reads_wait, writes_wait; /* atomic: cannot be had without waiting */
} RawImage;

/* ---- open ---- */

/* clang-format off */
static const struct {
    int err;
    const char *cause_and_cure;
} open_errors[] = {
    { ENOENT,    "does not exist; check the path, or create the image first" },
    { ENOTDIR,   "does not exist: a part of its path is not a directory" },
    { ELOOP,     "cannot be opened: its symbolic links form a loop" },
    { EROFS,     "is on a read-only file system; open it read-only" },
    { EBUSY,     "is in use by this host (mounted, swap, RAID or LVM); free "
                 "it first, or open it read-only" },
    { ENOMEDIUM, "is a drive without a medium; insert one" },
    { ENXIO,     "is a device that is not there; connect it first" },
    { ETXTBSY,   "is a program that is running; open it read-only" },
};
/* clang-format on */

static bool
open_error(int err, const BlockSpec *spec, bool writable, GError **error)
{
    int code = (int) g_file_error_from_errno(err);

    for (gsize i = 0; i < G_N_ELEMENTS(open_errors); i++) {
        if (open_errors[i].err != err)
            continue;
        g_set_error(error, G_FILE_ERROR, code, "disk image '%s' %s", spec->path,
                    open_errors[i].cause_and_cure);
        return false;
    }
    if (err == EACCES || err == EPERM)
        g_set_error(error, G_FILE_ERROR, code,
                    "disk image '%s' cannot be opened for %s: %s; give user "
                    "'%s' the permission%s",
                    spec->path, writable ? "writing" : "reading",
                    g_strerror(err), g_get_user_name(),
                    writable ? ", or open it read-only" : "");
    else if (err == EINVAL && spec->direct)
        g_set_error(error, G_FILE_ERROR, code,
                    "disk image '%s' cannot be opened for direct I/O, its "
                    "file system does not offer it; turn direct off",
                    spec->path);
    else
        g_set_error(error, G_FILE_ERROR, code,
                    "disk image '%s' cannot be opened: %s", spec->path,
                    g_strerror(err));
    return false;
}

static bool
check_file_type(const BlockSpec *spec, mode_t mode, GError **error)
{
    const char *what = S_ISDIR(mode)    ? "a directory"
                       : S_ISFIFO(mode) ? "a named pipe"
                       : S_ISSOCK(mode) ? "a socket"
                       : S_ISCHR(mode)  ? "a character device"
                                        : NULL;

    if (what == NULL)
        return true;
    g_set_error(error, G_FILE_ERROR,
                S_ISDIR(mode) ? G_FILE_ERROR_ISDIR : G_FILE_ERROR_INVAL,
                "disk image '%s' is %s; name a regular file or a block device",
                spec->path, what);
    return false;
}

/* The type is looked at before opening: opening a pipe or a tape has effects
 * of its own. It is looked at again afterwards, a path can change. */
static int
open_fd(const BlockSpec *spec, bool writable, struct stat *ret_st,
        GError **error)
{
    int flags = O_CLOEXEC | O_NOCTTY | (writable ? O_RDWR : O_RDONLY) |
                (spec->direct ? O_DIRECT : 0);

    if (stat(spec->path, ret_st) < 0) {
        open_error(errno, spec, writable, error);
        return -1;
    }
    if (!check_file_type(spec, ret_st->st_mode, error))
        return -1;
    if (S_ISBLK(ret_st->st_mode))
        flags |= writable ? O_EXCL : 0; /* fails when the host uses it */
    else
        flags |= O_NONBLOCK;
    CARREL_AUTO_FD int fd = SYS_RETRY(open(spec->path, flags));
    if (fd < 0) {
        open_error(errno, spec, writable, error);
        return -1;
    }
    if (fstat(fd, ret_st) < 0) {
        open_error(errno, spec, writable, error);
        return -1;
    }
    if (!check_file_type(spec, ret_st->st_mode, error))
        return -1;
    return sys_steal_fd(&fd);
}

static bool
read_device_geometry(RawImage *raw, const BlockSpec *spec, BlockInfo *info,
                     GError **error)
{
    guint64 bytes = 0;
    int logical = 0, read_only = 0;
    unsigned physical = 0;

    if (ioctl(raw->fd, BLKGETSIZE64, &bytes) < 0 ||
        ioctl(raw->fd, BLKSSZGET, &logical) < 0)
        return sys_error(error, errno, "cannot read the size of device '%s'",
                         spec->path);
    if (ioctl(raw->fd, BLKPBSZGET, &physical) < 0)
        physical = (unsigned) logical;
    if (!info->read_only && ioctl(raw->fd, BLKROGET, &read_only) == 0 &&
        read_only) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ROFS,
                    "device '%s' is write-protected; open it read-only",
                    spec->path);
        return false;
    }
    raw->file_bytes = bytes;
    raw->mem_align = raw->offset_align = (guint32) logical;
    info->physical_size = physical;
    return true;
}

static bool
is_in_memory(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 &&
           (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static void
read_file_geometry(RawImage *raw, const struct stat *st, BlockInfo *info)
{
    raw->file_bytes = (guint64) st->st_size;
    raw->mem_align = raw->offset_align = DIRECT_ALIGN;
    info->physical_size = FILE_PHYSICAL;
#ifdef STATX_DIOALIGN /* Linux 6.1 */
    struct statx stx;
    if (statx(raw->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
        (stx.stx_mask & STATX_DIOALIGN) != 0 && stx.stx_dio_offset_align != 0) {
        raw->mem_align = stx.stx_dio_mem_align;
        raw->offset_align = stx.stx_dio_offset_align;
    }
#endif
}

static bool
check_size(const RawImage *raw, const BlockSpec *spec, GError **error)
{
    if (raw->file_bytes > 0 &&
        raw->file_bytes <= (guint64) G_MAXINT64 - ISO_SECTOR)
        return true;
    const char *cause = "is larger than any disk can be";
    if (raw->file_bytes == 0 && raw->is_device)
        cause = "is a device without capacity (0 bytes); insert a medium";
    else if (raw->file_bytes == 0)
        cause = "is empty (0 bytes); create it with the size of the disk";
    g_set_error(error, CARREL_BLOCK_ERROR, CARREL_BLOCK_ERROR_FORMAT,
                "disk image '%s' %s", spec->path, cause);
    return false;
}

static void
raw_close(gpointer image)
{
    RawImage *raw = image;

    if (raw == NULL)
        return;
    sys_close(&raw->fd);
    g_free(raw);
}

static bool
raw_setup(RawImage *raw, const BlockSpec *spec, guint32 sector, BlockInfo *info,
          GError **error)
{
    bool writable = !info->read_only;
    struct stat st;

    raw->fd = open_fd(spec, writable, &st, error);
    if (raw->fd < 0)
        return false;
    raw->is_device = S_ISBLK(st.st_mode);
    raw->direct = spec->direct;
    if (!block_lock(raw->fd, spec->path, writable, error))
        return false;
    if (raw->is_device) {
        if (!read_device_geometry(raw, spec, info, error))
            return false;
    } else {
        read_file_geometry(raw, &st, info);
        raw->in_memory = is_in_memory(raw->fd);
    }
    if (!check_size(raw, spec, error))
        return false;
    /* without direct I/O the page cache serves 512 bytes on any device */
    info->logical_size = raw->direct ? MAX(sector, raw->offset_align) : sector;
    info->physical_size = MAX(info->physical_size, info->logical_size);
    info->bytes = (raw->file_bytes + info->logical_size - 1) /
                  info->logical_size * info->logical_size;
    info->can_discard = info->discard_zeroes = writable;
    return true;
}

static gpointer
open_with_sector(const BlockSpec *spec, guint32 sector, BlockInfo *ret_info,
                 GError **error)
{
    RawImage *raw = g_new0(RawImage, 1);

    raw->fd = -1;
    if (raw_setup(raw, spec, sector, ret_info, error))
        return raw;
    raw_close(raw);
    return NULL;
}

static gpointer
raw_open(const BlockSpec *spec, BlockInfo *ret_info, GError **error)
{
    *ret_info = (BlockInfo){.read_only = spec->read_only || spec->snapshot};
    return open_with_sector(spec, BLOCK_SECTOR, ret_info, error);
}

static gpointer
iso_open(const BlockSpec *spec, BlockInfo *ret_info, GError **error)
{
    *ret_info = (BlockInfo){.read_only = true, .is_cdrom = true};
    return open_with_sector(spec, ISO_SECTOR, ret_info, error);
}

/* ---- requests ---- */

/* False when a write would end past where the file ends now although the disk
 * went on there: somebody cut it. */
static bool
write_is_safe(const RawImage *raw, guint64 end)
{
    struct stat st;

    if (raw->is_device)
        return true;
    if (fstat(raw->fd, &st) < 0)
        return false;
    return (guint64) st.st_size >= MIN(end, raw->file_bytes);
}

static bool
is_aligned(const RawImage *raw, const struct iovec *iov, unsigned n)
{
    guintptr bits = 0;

    for (unsigned i = 0; i < n; i++)
        bits |= (guintptr) iov[i].iov_base | iov[i].iov_len;
    return (bits & (raw->mem_align - 1)) == 0;
}

/* Aligned pieces of a request through aligned memory. */
static int
bounce(RawImage *raw, BlockOp op, BlockVec *vec, guint64 offset, gsize len,
       gsize *ret_moved)
{
    gsize cap = MIN(len, BOUNCE_BYTES);
    void *mem = NULL;
    int rc = 0;

    *ret_moved = 0;
    if (posix_memalign(&mem, MAX(raw->mem_align, sizeof mem), cap) != 0)
        return -ENOMEM;
    while (rc == 0 && *ret_moved < len) {
        gsize step = MIN(len - *ret_moved, cap), moved = 0;
        struct iovec one = {mem, step};
        BlockVec through = {.iov = &one, .n = 1};
        if (op == BLOCK_WRITE)
            block_vec_gather(vec, mem, step);
        rc = block_fd_transfer(raw->fd, op, &through, offset + *ret_moved, step,
                               &moved);
        if (op == BLOCK_READ)
            block_vec_scatter(vec, mem, moved);
        *ret_moved += moved;
        if (moved < step)
            break;
    }
    free(mem);
    return rc;
}

static int
raw_transfer(gpointer image, BlockOp op, BlockVec *vec, guint64 offset,
             gsize len)
{
    RawImage *raw = image;
    gsize moved = 0;
    int rc;

    if (op == BLOCK_WRITE && !write_is_safe(raw, offset + len))
        return -EIO;
    if (raw->direct &&
        (vec->skip % raw->mem_align != 0 || !is_aligned(raw, vec->iov, vec->n)))
        rc = bounce(raw, op, vec, offset, len, &moved);
    else
        rc = block_fd_transfer(raw->fd, op, vec, offset, len, &moved);
    if (moved == len)
        return 0;
    /* the unaligned end: direct I/O refuses to look behind it a second time */
    if (op == BLOCK_READ && !raw->is_device &&
        offset + moved >= raw->file_bytes &&
        (rc == 0 || (rc == -EINVAL && raw->direct))) {
        block_vec_zero(vec, len - moved);
        return 0;
    }
    return rc == 0 ? -EIO : block_map_errno(rc);
}

static int
raw_flush(gpointer image)
{
    RawImage *raw = image;

    return SYS_RETRY(fdatasync(raw->fd)) < 0 ? block_map_errno(-errno) : 0;
}

static int
raw_discard(gpointer image, guint64 offset, guint64 len)
{
    RawImage *raw = image;

    if (SYS_RETRY(fallocate(raw->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            (off_t) offset, (off_t) len)) == 0)
        return 0;
    /* ENODEV: a file system without holes (kernels differ in the errno) */
    return errno == ENODEV || errno == ENOSYS ? -EOPNOTSUPP
                                              : block_map_errno(-errno);
}

const int *
block_raw_zero_modes(bool unmap)
{
    enum {
        HOLE = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
        ZERO = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE
    };
    static const int giving_back[] = {HOLE, ZERO, 0}, keeping[] = {ZERO, 0};

    return unmap ? giving_back : keeping;
}

/* File systems and devices differ in what they can and in how they say that
 * they cannot; only what writing zeros would not mend ends it. */
static int
raw_write_zeroes(gpointer image, guint64 offset, guint64 len, bool unmap)
{
    RawImage *raw = image;

    if (!write_is_safe(raw, offset + len))
        return -EIO;
    for (const int *mode = block_raw_zero_modes(unmap); *mode != 0; mode++) {
        if (SYS_RETRY(fallocate(raw->fd, *mode, (off_t) offset, (off_t) len)) ==
            0)
            return 0;
        if (errno == ENOSPC || errno == EIO || errno == EDQUOT)
            return block_map_errno(-errno);
    }
    return block_fill_zeros(raw_transfer, raw, offset, len);
}

static int
raw_ring_fd(gpointer image)
{
    RawImage *raw = image;

    return raw->fd;
}

static ssize_t
move_pieces(const RawImage *raw, BlockOp op, const struct iovec *iov,
            unsigned n_iov, guint64 offset)
{
    int flags = raw->in_memory ? 0 : RWF_NOWAIT;

    if (op == BLOCK_WRITE)
        return pwritev2(raw->fd, iov, (int) n_iov, (off_t) offset, flags);
    if (n_iov == 1 && flags == 0) /* the kernel's shortest way */
        return pread(raw->fd, iov->iov_base, iov->iov_len, (off_t) offset);
    return preadv2(raw->fd, iov, (int) n_iov, (off_t) offset, flags);
}

/* Which of the two this kernel and this file system do without waiting shows
 * when it is tried. */
static int
transfer_now(RawImage *raw, BlockOp op, const struct iovec *iov, unsigned n_iov,
             guint64 offset, gsize len)
{
    bool write = op == BLOCK_WRITE;
    bool *never = write ? &raw->writes_wait : &raw->reads_wait;

    if (__atomic_load_n(never, __ATOMIC_RELAXED))
        return -EOPNOTSUPP;
    if (write && !write_is_safe(raw, offset + len))
        return -EAGAIN;
    ssize_t got = move_pieces(raw, op, iov, n_iov, offset);
    if (got >= 0 && (gsize) got == len)
        return 0;
    if (got >= 0 ||
        (errno != EOPNOTSUPP && (!write || errno != EINVAL || raw->in_memory)))
        return -EAGAIN;
    __atomic_store_n(never, true, __ATOMIC_RELAXED);
    return -EOPNOTSUPP;
}

static int
raw_try_now(gpointer image, BlockOp op, const struct iovec *iov, unsigned n_iov,
            guint64 offset, gsize len)
{
    RawImage *raw = image;

    if (raw->direct)
        return -EOPNOTSUPP;
    if (op != BLOCK_FLUSH)
        return transfer_now(raw, op, iov, n_iov, offset, len);
    return raw->in_memory ? raw_flush(raw) : -EOPNOTSUPP;
}

static bool
raw_ring_map(gpointer image, const BlockReq *req, gsize total, guint64 *offset,
             gsize *ret_token)
{
    RawImage *raw = image;

    if (req->op == BLOCK_WRITE_ZEROES)
        total = req->len;
    if ((req->op == BLOCK_WRITE || req->op == BLOCK_WRITE_ZEROES) &&
        !write_is_safe(raw, *offset + total))
        return false;
    if (req->op != BLOCK_READ && req->op != BLOCK_WRITE)
        return true;
    return !raw->direct || is_aligned(raw, req->iov, req->n_iov);
}

static guint64
raw_extent(gpointer image, guint64 offset, guint64 len, bool *ret_zero)
{
    RawImage *raw = image;
    off_t data = lseek(raw->fd, (off_t) offset, SEEK_DATA);

    *ret_zero = data < 0 ? errno == ENXIO : (guint64) data > offset;
    if (data < 0)
        return len;
    if (*ret_zero)
        return MIN(len, (guint64) data - offset);
    off_t hole = lseek(raw->fd, (off_t) offset, SEEK_HOLE);
    return hole > (off_t) offset ? MIN(len, (guint64) hole - offset) : len;
}

const BlockDriver block_raw_driver = {
    .name = "raw",
    .open = raw_open,
    .close = raw_close,
    .transfer = raw_transfer,
    .flush = raw_flush,
    .discard = raw_discard,
    .write_zeroes = raw_write_zeroes,
    .ring_fd = raw_ring_fd,
    .try_now = raw_try_now,
    .ring_map = raw_ring_map,
    .extent = raw_extent,
};

const BlockDriver block_iso_driver = {
    .name = "iso",
    .is_cdrom = true,
    .open = iso_open,
    .close = raw_close,
    .transfer = raw_transfer,
    .flush = raw_flush,
    .discard = raw_discard,
    .write_zeroes = raw_write_zeroes,
    .ring_fd = raw_ring_fd,
    .try_now = raw_try_now,
    .ring_map = raw_ring_map,
    .extent = raw_extent,
};
