/* vmm/boot/kernel-cache.h - bzImages unpacked on the host, kept between
 * starts: a guest that unpacks itself takes longer to do so than for all the
 * rest of its start. */
#pragma once

#include "vmm/boot/linux.h"

#define KERNEL_CACHE_ENTRIES 8u

/* The ELF file inside a bzImage. dir: the cache's folder, made when it is
 * missing; where it cannot be written the result lives in memory. An entry
 * counts for one file of one size and time; one that was cut or written to is
 * made again; the entries not used for longest go when there are too many.
 * *ret_hit: it was there. NULL: it cannot be unpacked, *ret_why says why, a
 * constant string. Set-up thread; unpacking takes a second. */
BootFile *kernel_cache_open(const char *dir, const BootFile *kernel,
                            const LinuxImage *image, bool *ret_hit,
                            const char **ret_why);
