/* tests/fuzz/boot-target.h - guest memory of 4 MiB and a file of the fuzzer's
 * bytes, for loaders of kernels. */
#pragma once

#include <stdint.h>

#include "tests/unit/boot-rig.h"

#define FUZZ_MAX_FILE 65536u

/* Small enough for the file to be worth it, and not empty. */
static inline bool
fuzz_boot_wanted(size_t size)
{
    return size > 0 && size <= FUZZ_MAX_FILE;
}
