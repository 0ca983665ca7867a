/* vmm/core/sysutil.h - small wrappers over system calls that every folder
 * needs: EINTR, owned file descriptors, event fds.  Thread: any. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

#include <glib.h>

/* Repeats a call that returned -1 with EINTR; value is the call's result. */
#define SYS_RETRY(call)                                                        \
    (__extension__({                                                           \
        __typeof__(call) sys_ret_;                                             \
        do {                                                                   \
            sys_ret_ = (call);                                                 \
        } while (sys_ret_ == -1 && errno == EINTR);                            \
        sys_ret_;                                                              \
    }))

/* Closes *fd unless it is negative, then sets it to -1; keeps errno. */
void sys_close(int *fd);

/* An int that is closed at the end of its scope: CARREL_AUTO_FD int fd = -1; */
#define CARREL_AUTO_FD __attribute__((cleanup(sys_close)))

/* Returns *fd and leaves -1 behind, so a scope's owner gives it away. */
static inline int
sys_steal_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* New non-blocking, close-on-exec eventfd, or -1 with error set. */
int sys_eventfd(GError **error);

/* Adds one to an eventfd; never blocks (a full counter is as good). */
void sys_eventfd_signal(int fd);

/* Takes and clears the counter; 0 when it was not signalled. */
guint64 sys_eventfd_drain(int fd);

/* A clock that costs nothing to read, for heuristics: counts at the processor's
 * nominal speed, about 2 to 4 a nanosecond, not always alike on all of them. */
static inline guint64
sys_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return (guint64) g_get_monotonic_time() * 3000;
#endif
}

/* Tells the processor that a loop waits for memory to change. */
static inline void
sys_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Writes all len bytes or returns false with errno set. */
bool sys_write_all(int fd, const void *data, gsize len);

/* A function of a library that is loaded now if it was not, and stays; for what
 * a machine seldom needs, since linking costs each start. NULL: the library is
 * not there, or has no such function. Any thread; blocks at the first call:
 *   __typeof__(crc32) *crc = NULL;
 *   *(void **) &crc = sys_late_function("libz.so.1", "crc32"); */
void *sys_late_function(const char *library, const char *name);

/* Many of one library at once: a row each, with its pointer's place in a struct
 * of pointers. False: one is missing, which dlerror() explains. */
typedef struct {
    const char *name;
    gsize offset;
} SysLateFunction;

bool sys_late_functions(const char *library, const SysLateFunction *rows,
                        gsize n, void *ret_functions);

/* Sets error from errno: "PREFIX: strerror"; always returns false so that a
 * set-up function can end with it. */
bool sys_error(GError **error, int err, const char *fmt, ...)
    G_GNUC_PRINTF(3, 4);
