/* tests/unit/image-file.h - an image whose every sector begins with its number,
 * little-endian, opened as a drive's. */
#pragma once

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/block/block.h"

static inline void
image_file_fill(int fd, guint32 sectors, guint32 sector_size)
{
    g_assert(fd >= 0);
    g_assert(ftruncate(fd, (off_t) sectors * sector_size) == 0);
    for (guint32 i = 0; i < sectors; i++)
        g_assert(pwrite(fd, &i, 4, (off_t) i * sector_size) == 4);
}

/* The path; image_file_remove() it. */
static inline char *
image_file_new(guint32 sectors, guint32 sector_size)
{
    char *path = NULL;
    int fd = g_file_open_tmp("carrel-image-XXXXXX", &path, NULL);

    image_file_fill(fd, sectors, sector_size);
    close(fd);
    return path;
}

#define IMAGE_FILE_FD "/proc/self/fd/"

/* The same with a file in memory, wherever other temporary files lie. */
static inline char *
image_file_in_memory(guint32 sectors, guint32 sector_size)
{
    int fd = memfd_create("carrel-image", MFD_CLOEXEC);

    image_file_fill(fd, sectors, sector_size);
    return g_strdup_printf(IMAGE_FILE_FD "%d", fd);
}

static inline void
image_file_remove(char *path)
{
    if (g_str_has_prefix(path, IMAGE_FILE_FD))
        close(atoi(path + strlen(IMAGE_FILE_FD)));
    else
        g_unlink(path);
    g_free(path);
}

static inline Block *
image_file_open(const char *path, const char *format, bool read_only,
                Loop *loop)
{
    BlockSpec spec = {.path = path,
                      .format = format,
                      .read_only = read_only,
                      .use_pool = true};
    g_autoptr(GError) error = NULL;
    Block *block = block_open(&spec, loop, &error);

    if (block == NULL)
        g_error("%s", error->message);
    return block;
}
