/* devices/firmware/pflash.h - the flash chip that keeps a UEFI's variables. */
#pragma once

#include "vmm/core/device.h"

#define PFLASH_BLOCK     4096u /* bytes that are erased together */
#define PFLASH_MAX_BYTES (4u << 20)

/* What it holds at the start: its whole size, copied. Set-up thread, after
 * realize. */
void pflash_fill(Device *dev, const void *data, gsize len);
