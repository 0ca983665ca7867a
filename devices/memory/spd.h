/* devices/memory/spd.h - what the small memory on a memory module says of it.
 *
 * JEDEC 21-C, sections 4.1.2.5 (SDRAM) and 4.1.2.10 (DDR2). */
#pragma once

#include "vmm/types.h"

#define SPD_LEN 256

/* bytes: of the module; what is no power of two is rounded down. False: too
 * small to tell of. number: its socket, which makes its serial number. */
bool spd_make(guint64 bytes, bool ddr2, unsigned number, guint8 ret[SPD_LEN]);
