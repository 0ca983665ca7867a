/* devices/memory/ivshmem-plain.h - what the card's link "shared" points to. */
#pragma once

#include "vmm/types.h"

/* Memory as a file, open for reading and writing; borrowed until the device is
 * gone. len: bytes, a power of two, 4096 at least; the file has as many. */
typedef struct {
    int fd;
    guint64 len;
} IvshmemFile;
