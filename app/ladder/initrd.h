/* app/ladder/initrd.h - what a Linux guest's initial RAM disk has: the names of
 * the files in it, read as they are unpacked. Thread: any. */
#pragma once

#include "app/ladder/look-budget.h"

/* Called for each file; name is not NUL-free of surprises: any bytes but NUL,
 * at most 4095. */
typedef void (*InitrdName)(void *data, const char *name);

/* Archives in the "newc" format, one behind the other, the last perhaps packed
 * by gzip or zstd. True: all of it was understood; else *ret_why says what was
 * not, a constant string, and fn may have been called for what came before.
 * What is gone through, packed or not, is taken from budget. */
bool initrd_names(const guint8 *image, gsize len, InitrdName fn, void *data,
                  LookBudget *budget, const char **ret_why);
