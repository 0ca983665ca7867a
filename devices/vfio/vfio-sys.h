/* devices/vfio/vfio-sys.h - the system calls by which this folder reaches the
 * kernel, as a table, so that a test can stand in for the kernel and its
 * hardware. */
#pragma once

#include "vmm/types.h"

/* All return a result >= 0 or -errno. data is VfioSys.data. */
typedef struct {
    int (*open)(void *data, const char *path); /* read and write */
    void (*close)(void *data, int fd);
    int (*ioctl)(void *data, int fd, unsigned long request, void *arg);
    gssize (*pread)(void *data, int fd, void *dst, gsize len, guint64 offset);
    gssize (*pwrite)(void *data, int fd, const void *src, gsize len,
                     guint64 offset);
    /* Shared; len and offset are multiples of 4096. NULL: it cannot be. */
    void *(*mmap)(void *data, int fd, guint64 offset, gsize len, bool write);
    void (*munmap)(void *data, void *at, gsize len);
} VfioSysOps;

typedef struct {
    const VfioSysOps *ops;
    void *data;
} VfioSys;

/* The kernel itself. */
extern const VfioSys vfio_sys_kernel;
