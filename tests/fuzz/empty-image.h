/* tests/fuzz/empty-image.h - a drive's image of zeros that is gone with the
 * process. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include "vmm/block/block.h"

static inline Block *
empty_image(guint64 bytes, const char *format, bool read_only, Loop *loop)
{
    char path[] = "/tmp/carrel-fuzz-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || ftruncate(fd, (off_t) bytes) < 0)
        abort();
    BlockSpec spec = {.path = path,
                      .format = format,
                      .read_only = read_only,
                      .use_pool = true};
    Block *block = block_open(&spec, loop, NULL);
    if (block == NULL)
        abort();
    close(fd);
    unlink(path);
    return block;
}
