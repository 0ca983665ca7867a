/* devices/firmware/memory-modules.c - see memory-modules.h. */
#include "devices/firmware/memory-modules.h"

#define MIB       (G_GUINT64_CONSTANT(1) << 20)
#define GIB       (G_GUINT64_CONSTANT(1) << 30)
#define SDRAM_MAX GIB       /* of all modules together */
#define SDRAM_MIN (4 * MIB) /* that an SPD can tell of */
#define DDR2_MIN  (128 * MIB)
#define SDRAM_SIZE                                                             \
    (256 * MIB) /* largest of one module, by JEDEC 21-C 4.1.2.5 */
#define DDR2_SIZE (16 * GIB)

static guint64
largest_power(guint64 bytes, guint64 most)
{
    guint64 size = most;

    while (size > bytes)
        size /= 2;
    return size;
}

MemoryModules
memory_modules_of(guint64 memory)
{
    MemoryModules m = {.ddr2 = memory > SDRAM_MAX};
    guint64 most = m.ddr2 ? DDR2_SIZE : SDRAM_SIZE;
    guint64 least = m.ddr2 ? DDR2_MIN : SDRAM_MIN;

    while (memory > 0 && m.n < MEMORY_MODULES) {
        guint64 size = largest_power(memory, most);
        if (m.n + 1 == MEMORY_MODULES || memory - size < least)
            size = memory; /* an odd one takes what is left */
        m.bytes[m.n++] = size;
        memory -= size;
    }
    return m;
}
