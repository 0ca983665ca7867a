/* vmm/core/iov.h - reading, filling and cutting scatter lists. Any
 * thread; the memory behind them is the caller's. */
#pragma once

#include <sys/uio.h>

#include "vmm/types.h"

/* Bytes [offset, offset + len) of the list of n pieces, copied; returns how
 * many there were, fewer than len when the list ends. Offsets are from the
 * start of the list. Any thread. */
gsize iov_read(const struct iovec *iov, unsigned n, gsize offset, void *dst,
               gsize len);
gsize iov_write(const struct iovec *iov, unsigned n, gsize offset,
                const void *src, gsize len);

/* A part of a list, in place: the first and last piece are shortened for as
 * long as the cut lasts, so that the part can be given to readv() and the like
 * without a copy. */
typedef struct {
    struct iovec *iov;
    unsigned n;
    struct iovec first, last; /* as they were */
} IovCut;
/* [offset, offset + len) of the list, fewer bytes when it ends before, or when
 * max_n pieces hold no more; the length of the cut is a multiple of unit.
 * Returns it. len 0 and lists without bytes give an empty cut. */
gsize iov_cut(IovCut *cut, struct iovec *iov, unsigned n, gsize offset,
              gsize len, unsigned max_n, gsize unit);
void iov_uncut(IovCut *cut);
