/* vmm/boot/boot-file.c - see boot-file.h. */
#include "vmm/boot/boot-file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "vmm/core/sysutil.h"

#define MAX_BYTES (G_GUINT64_CONSTANT(4) << 30)

G_DEFINE_QUARK(carrel - boot - error - quark, carrel_boot_error)

bool
boot_file_fail(const BootFile *file, CarrelBootError code, GError **error,
               const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *text = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_set_error(error, CARREL_BOOT_ERROR, (int) code, "%s: %s", file->what,
                text);
    return false;
}

static bool
take_stat(BootFile *file, GError **error)
{
    struct stat st;

    if (fstat(file->fd, &st) < 0)
        return sys_error(error, errno, "%s", file->what);
    file->len = (guint64) st.st_size;
    file->device = (guint64) st.st_dev;
    file->inode = (guint64) st.st_ino;
    file->mtime_ns =
        st.st_mtim.tv_sec * NSEC_PER_SECOND + (gint64) st.st_mtim.tv_nsec;
    if (!S_ISREG(st.st_mode))
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "not a regular file; name the image itself");
    if (file->len == 0)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "the file is empty");
    if (file->len > MAX_BYTES)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "larger than 4 GiB: not a kernel or initrd");
    return true;
}

BootFile *
boot_file_new(const char *what, int fd, GError **error)
{
    BootFile *file = g_new0(BootFile, 1);

    file->what = g_strdup(what);
    file->fd = fd;
    if (!take_stat(file, error))
        g_clear_pointer(&file, boot_file_free);
    return file;
}

BootFile *
boot_file_open(const char *kind, const char *path, GError **error)
{
    g_autofree char *what = g_strdup_printf("%s '%s'", kind, path);
    /* not blocking: a fifo would wait for its other end */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        sys_error(error, errno, "%s", what);
        return NULL;
    }
    return boot_file_new(what, fd, error);
}

void
boot_file_free(BootFile *file)
{
    if (file == NULL)
        return;
    sys_close(&file->fd);
    g_free(file->what);
    g_free(file);
}

gssize
boot_file_peek(const BootFile *file, guint64 offset, void *dst, gsize len,
               GError **error)
{
    gsize done = 0;

    while (done < len) {
        ssize_t n = SYS_RETRY(pread(file->fd, (guint8 *) dst + done, len - done,
                                    (off_t) (offset + done)));
        if (n < 0) {
            sys_error(error, errno, "%s", file->what);
            return -1;
        }
        if (n == 0)
            break;
        done += (gsize) n;
    }
    return (gssize) done;
}

bool
boot_file_read(const BootFile *file, guint64 offset, void *dst, gsize len,
               GError **error)
{
    gssize n = boot_file_peek(file, offset, dst, len, error);

    if (n >= 0 && (gsize) n < len)
        return boot_file_fail(file, CARREL_BOOT_ERROR_FORMAT, error,
                              "the file is cut: %" G_GSIZE_FORMAT
                              " bytes are missing after %" G_GUINT64_FORMAT,
                              len - (gsize) n, offset + (guint64) n);
    return n >= 0;
}
