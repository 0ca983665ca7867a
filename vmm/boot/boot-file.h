/* vmm/boot/boot-file.h - a kernel or initrd on the host, read in pieces.
 *
 * By read() and not mapped: a file that somebody cuts while it is read gives
 * an error then, not a signal, and its pages do not count as ours. Thread: the
 * caller's; one at a time. */
#pragma once

#include "vmm/types.h"

#define CARREL_BOOT_ERROR (carrel_boot_error_quark())
GQuark carrel_boot_error_quark(void);
typedef enum {
    CARREL_BOOT_ERROR_FORMAT,      /* damaged, or not a kernel */
    CARREL_BOOT_ERROR_UNSUPPORTED, /* sound, but nothing we can start */
    CARREL_BOOT_ERROR_ROOM         /* does not fit into the guest's RAM */
} CarrelBootError;

typedef struct {
    char *what; /* "kernel '/boot/vmlinuz'", for messages */
    int fd;
    guint64 len; /* bytes */
    guint64 device, inode;
    gint64 mtime_ns;
} BootFile;

/* kind: "kernel" or "initrd". A regular file of 1 byte to 4 GiB; NULL and
 * error set otherwise (G_FILE_ERROR, CARREL_BOOT_ERROR_FORMAT). */
BootFile *boot_file_open(const char *kind, const char *path, GError **error);
/* Takes fd, which is all that the file is; what is copied. */
BootFile *boot_file_new(const char *what, int fd, GError **error);
void boot_file_free(BootFile *file); /* NULL is fine */

/* Exactly len bytes from offset. False and error set when the file ends
 * before, or cannot be read; dst is then undefined. */
bool boot_file_read(const BootFile *file, guint64 offset, void *dst, gsize len,
                    GError **error);
/* At most len bytes, fewer at the end of the file; -1 and error set. */
gssize boot_file_peek(const BootFile *file, guint64 offset, void *dst,
                      gsize len, GError **error);

/* "kernel 'x': TEXT" as CARREL_BOOT_ERROR; returns false. */
bool boot_file_fail(const BootFile *file, CarrelBootError code, GError **error,
                    const char *fmt, ...) G_GNUC_PRINTF(4, 5);
