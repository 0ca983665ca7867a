/* vmm/boot/unpack.h - what a bzImage carries packed: the kernel as ELF. Which
 * formats there are depends on the libraries of the build; zlib's is always
 * there. Thread: any. */
#pragma once

#include "vmm/types.h"

#define UNPACK_MAX (256u << 20) /* bytes of the result, at most */

/* "gzip", "zstd", ... by the first bytes; NULL: none of them. */
const char *unpack_format(const guint8 *data, gsize len);
/* The content of a bzImage's payload, the length of which is its last four
 * bytes. NULL: damaged, larger than UNPACK_MAX, or of a format that this
 * build cannot read; *ret_why says which, a constant string. */
GBytes *unpack_payload(const guint8 *data, gsize len, const char **ret_why);
