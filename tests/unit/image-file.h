/* tests/unit/image-file.h - an image whose every sector begins with its number,
 * little-endian, opened as a drive's. */
#pragma once

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "vmm/block/block.h"

/* The path; unlink and free it. */
static inline char *
image_file_new(guint32 sectors, guint32 sector_size)
{
    char *path = NULL;
    int fd = g_file_open_tmp("carrel-image-XXXXXX", &path, NULL);

    g_assert(fd >= 0);
    g_assert(ftruncate(fd, (off_t) sectors * sector_size) == 0);
    for (guint32 i = 0; i < sectors; i++)
        g_assert(pwrite(fd, &i, 4, (off_t) i * sector_size) == 4);
    close(fd);
    return path;
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
