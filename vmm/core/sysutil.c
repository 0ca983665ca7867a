/* vmm/core/sysutil.c - see sysutil.h. */
#include "vmm/core/sysutil.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/eventfd.h>

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

void *
sys_late_function(const char *library, const char *name)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

    return handle != NULL ? dlsym(handle, name) : NULL;
}

bool
sys_late_functions(const char *library, const SysLateFunction *rows, gsize n,
                   void *ret_functions)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

    for (gsize i = 0; handle != NULL && i < n; i++) {
        void **slot =
            (void **) (void *) ((guint8 *) ret_functions + rows[i].offset);
        *slot = dlsym(handle, rows[i].name);
        if (*slot == NULL)
            return false;
    }
    return handle != NULL;
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
