/* vmm/core/sysutil.c - see sysutil.h. */
#include "vmm/core/sysutil.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <stdarg.h>
#include <sys/eventfd.h>

/* The name of GIO's error domain, for its codes. GIO itself would be linked
 * for this one function, with eight libraries behind it and milliseconds at
 * each start. */
GQuark
g_io_error_quark(void)
{
    return g_quark_from_static_string("g-io-error-quark");
}

void
sys_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void) close(*fd); /* nothing to do about an error, fd is gone */
    *fd = -1;
    errno = saved;
}

int
sys_eventfd(GError **error)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        sys_error(error, errno, "cannot create an event descriptor");
    return fd;
}

void
sys_eventfd_signal(int fd)
{
    guint64 one = 1;

    /* EAGAIN: the counter is full, so the reader is going to wake anyway */
    (void) !SYS_RETRY(write(fd, &one, sizeof one));
}

guint64
sys_eventfd_drain(int fd)
{
    guint64 count = 0;

    if (SYS_RETRY(read(fd, &count, sizeof count)) != sizeof count)
        return 0;
    return count;
}

bool
sys_write_all(int fd, const void *data, gsize len)
{
    const guint8 *at = data;

    while (len > 0) {
        gssize n = SYS_RETRY(write(fd, at, len));
        if (n < 0)
            return false;
        at += n;
        len -= (gsize) n;
    }
    return true;
}

bool
sys_error(GError **error, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    g_autofree char *what = g_strdup_vprintf(fmt, args);
    va_end(args);
    g_set_error(error, G_FILE_ERROR, (int) g_file_error_from_errno(err),
                "%s: %s", what, g_strerror(err));
    return false;
}
