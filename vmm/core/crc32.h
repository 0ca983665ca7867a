/* vmm/core/crc32.h - CRC-32 as in IEEE 802.3 and zlib, for saved state. */
#pragma once

#include <glib.h>

/* Any thread. data may be NULL when len is 0. */
guint32 crc32_of(const void *data, gsize len);
