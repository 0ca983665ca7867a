/* vmm/boot/descriptor.h - firmware descriptors: small JSON files by which a
 * distribution says where its firmware images are. Thread: any. */
#pragma once

#include "vmm/types.h"

/* The image a descriptor names ("mapping.filename", or for flash
 * "mapping.executable.filename"), to be freed with g_free(). NULL when the
 * text is not JSON, nests deeper than 32, or names none; *ret_why (may be
 * NULL) then says which, a constant string. */
char *descriptor_image(const char *json, gsize len, const char **ret_why);
