/* devices/memory/spd.c - see spd.h. One rank of chips, unbuffered, no error
 * correction; PC133 and PC2-6400, of timings that any chip of their time has. */
#include "devices/memory/spd.h"

#include <string.h>

#define MIB           (G_GUINT64_CONSTANT(1) << 20)
#define SMALLEST      (4 * MIB)
#define SMALLEST_DDR2 (128 * MIB)
#define FOUR_BANKS    (16 * MIB) /* SDRAM has them from here on */

#define SPD_ROWS      3 /* bytes whose value depends on the size */
#define SPD_COLUMNS   4
#define SPD_BANKS     17
#define SPD_DENSITY   31
#define SPD_SUM       63
#define SPD_MAKER     64
#define SPD_PART      73
#define SPD_PART_LEN  18
#define SPD_SERIAL    95

/* clang-format off */
static const struct {
    guint8 at, sdram, ddr2;
} fixed[] = {
    { 0, 128, 128 },    /* bytes in use */
    { 1, 8, 8 },        /* 256 bytes in all */
    { 2, 4, 8 },        /* SDRAM, DDR2 */
    { 5, 1, 0x60 },     /* one rank; DDR2: less one, and 30 mm high */
    { 6, 64, 64 },      /* width */
    { 8, 1, 5 },        /* LVTTL, SSTL 1.8 V */
    { 9, 0x75, 0x25 },  /* clock: 7.5 ns, 2.5 ns */
    { 10, 0x54, 0x40 }, /* access after a clock: 5.4 ns, 0.4 ns */
    { 12, 0x80, 0x82 }, /* refreshes itself: 15.6 us, 7.8 us */
    { 13, 8, 8 },       /* width of a chip */
    { 15, 1, 0 },       /* clocks between column addresses */
    { 16, 0x8f, 0x0c }, /* bursts: 1, 2, 4, 8, page; 4, 8 */
    { 18, 0x06, 0x70 }, /* CAS latencies: 2, 3; 4, 5, 6 */
    { 19, 1, 1 },       /* chip select latency; DDR2: thickness */
    { 20, 1, 2 },       /* write latency; DDR2: an unbuffered DIMM */
    { 22, 0x0e, 0x03 }, /* precharge, read and write bursts; weak driver */
    { 23, 0xa0, 0x30 }, /* clock and access at one latency less */
    { 24, 0x60, 0x45 },
    { 27, 20, 0x32 },   /* precharge: 20 ns, 12.5 ns */
    { 28, 15, 0x1e },   /* row to row: 15 ns, 7.5 ns */
    { 29, 20, 0x32 },   /* row to column */
    { 30, 45, 45 },     /* row active, ns */
    { 32, 0x15, 0x17 }, /* set-up and hold, addresses and data */
    { 33, 0x08, 0x25 },
    { 34, 0x15, 0x05 },
    { 35, 0x08, 0x12 },
    { 36, 0, 0x3c },    /* write recovery: 15 ns */
    { 37, 0, 0x1e },    /* write to read, read to precharge */
    { 38, 0, 0x1e },
    { 41, 0, 57 },      /* row cycle, ns */
    { 42, 0, 127 },     /* refresh cycle, ns */
    { 62, 0x12, 0x12 }, /* revision 1.2 */
    { 126, 100, 0 },    /* MHz, as Intel's annex has it */
    { 127, 0x8f, 0 },
};
/* clang-format on */

/* A bit for each size: from 4 MiB on; DDR2 from 1 GiB, with three smaller ones
 * behind 16 GiB. */
static guint8
density(unsigned log2_mib, bool ddr2)
{
    if (!ddr2)
        return (guint8) (1u << (log2_mib - 2));
    return log2_mib >= 10 ? (guint8) (1u << (log2_mib - 10))
                          : (guint8) (1u << (log2_mib - 2));
}

static unsigned
log2_floor(guint64 value)
{
    unsigned log2 = 0;

    while (value > 1) {
        value /= 2;
        log2++;
    }
    return log2;
}

bool
spd_make(guint64 bytes, bool ddr2, unsigned number, guint8 ret[SPD_LEN])
{
    unsigned log2 = log2_floor(bytes);
    unsigned banks = ddr2 ? 8 : bytes >= FOUR_BANKS ? 4 : 2;
    /* 2^(rows + columns) cells of 8 bytes in each bank */
    unsigned address_bits = log2 - 3 - log2_floor(banks);
    guint8 sum = 0;

    if (bytes < (ddr2 ? SMALLEST_DDR2 : SMALLEST))
        return false;
    memset(ret, 0, SPD_LEN);
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        ret[fixed[i].at] = ddr2 ? fixed[i].ddr2 : fixed[i].sdram;
    ret[SPD_ROWS] = (guint8) ((address_bits + 3) / 2);
    ret[SPD_COLUMNS] = (guint8) (address_bits - ret[SPD_ROWS]);
    ret[SPD_BANKS] = (guint8) banks;
    ret[SPD_DENSITY] = density(log2 - 20, ddr2);
    for (unsigned i = 0; i < SPD_SUM; i++)
        sum = (guint8) (sum + ret[i]);
    ret[SPD_SUM] = sum;
    memset(ret + SPD_PART, ' ', SPD_PART_LEN);
    memcpy(ret + SPD_PART, "CARREL", 6);
    ret[SPD_SERIAL] = (guint8) (number + 1);
    return true;
}
