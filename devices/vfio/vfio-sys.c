/* devices/vfio/vfio-sys.c - see vfio-sys.h. */
#include "devices/vfio/vfio-sys.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/core/sysutil.h"

static int
sys_open(void *data, const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static void
sys_close_fd(void *data, int fd)
{
    sys_close(&fd);
}

static int
sys_ioctl(void *data, int fd, unsigned long request, void *arg)
{
    int ret = SYS_RETRY(ioctl(fd, request, arg));

    return ret < 0 ? -errno : ret;
}

static gssize
sys_pread(void *data, int fd, void *dst, gsize len, guint64 offset)
{
    gssize ret = SYS_RETRY(pread(fd, dst, len, (off_t) offset));

    return ret < 0 ? -errno : ret;
}

static gssize
sys_pwrite(void *data, int fd, const void *src, gsize len, guint64 offset)
{
    gssize ret = SYS_RETRY(pwrite(fd, src, len, (off_t) offset));

    return ret < 0 ? -errno : ret;
}

static void *
sys_mmap(void *data, int fd, guint64 offset, gsize len, bool write)
{
    void *at = mmap(NULL, len, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED,
                    fd, (off_t) offset);

    return at == MAP_FAILED ? NULL : at;
}

static void
sys_munmap(void *data, void *at, gsize len)
{
    (void) munmap(at, len); /* cannot fail for what was mapped */
}

static const VfioSysOps kernel_ops = {
    .open = sys_open,
    .close = sys_close_fd,
    .ioctl = sys_ioctl,
    .pread = sys_pread,
    .pwrite = sys_pwrite,
    .mmap = sys_mmap,
    .munmap = sys_munmap,
};

const VfioSys vfio_sys_kernel = {&kernel_ops, NULL};
