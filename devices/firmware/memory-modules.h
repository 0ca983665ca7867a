/* devices/firmware/memory-modules.h - the modules that a machine's RAM would
 * be made of: SMBIOS and the SPD memories on the SMBus tell of the same ones. */
#pragma once

#include "vmm/types.h"

#define MEMORY_MODULES 8 /* sockets on a board: SMBus addresses 0x50..0x57 */

/* Up to 1 GiB the RAM is SDRAM, as a board of 1996 has it; what is more would
 * not fit into such modules. */
typedef struct {
    guint64 bytes[MEMORY_MODULES]; /* 0: nothing in that socket */
    unsigned n;                    /* filled sockets, from the first on */
    bool ddr2;                     /* else SDRAM */
} MemoryModules;

/* memory: bytes, a multiple of 1 MiB, not 0. The sum of all modules is memory
 * exactly; all but the last are powers of two. */
MemoryModules memory_modules_of(guint64 memory);
