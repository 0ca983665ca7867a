/* vmm/cpu/cpu-speed.c - what a 486 is to this host.
 *
 * The figures are what compiled integer programs got on such computers:
 * clock times the instructions a cycle that the makers' and the magazines'
 * Dhrystone results of the time imply (a 386 needs about 4.5 cycles for an
 * instruction, a 486 about 2, a Pentium a little over 1). They are meant to be
 * right within a factor of two: what a game of the time was written for. */
#include "vmm/cpu/cpu-speed.h"

#include <string.h>

#include "vmm/core/pacer.h"

/* clang-format off */
static const CpuSpeed speeds[] = {
    { "286",      "80286 at 12 MHz, 1987",          2000 },
    { "386",      "80386DX at 33 MHz, 1990",        7500 },
    { "486",      "80486DX2 at 66 MHz, 1993",      33000 },
    { "pentium",  "Pentium at 133 MHz, 1996",     115000 },
    { "pentium2", "Pentium II at 300 MHz, 1998",  330000 },
};
/* clang-format on */

const CpuSpeed *
cpu_speeds(unsigned *ret_n)
{
    *ret_n = G_N_ELEMENTS(speeds);
    return speeds;
}

/* ---- this host ---- */

#define LOOP_INSTRUCTIONS 12u
#define LOOP_TURNS        20000u
#define LOOP_TRIES        7

/* Loads, stores, additions, shifts, a compare and branches around 4 KiB of
 * data, as a compiler of the time wrote them: each value goes through memory.
 * 12 instructions a turn. */
static void
period_program(guint32 *data)
{
    guint64 turns = LOOP_TURNS;
    guint32 a = 1, b = 3;
    guint64 at = 0;

    __asm__ volatile(
        "1:\n\t"
        "movl (%[data],%[at],4), %[a]\n\t"
        "addl %[b], %[a]\n\t"
        "shll $1, %[a]\n\t"
        "movl %[a], (%[data],%[at],4)\n\t"
        "movl 4(%[data],%[at],4), %[b]\n\t"
        "xorl %[a], %[b]\n\t"
        "cmpl $77, %[b]\n\t"
        "je 2f\n\t"
        "2:\n\t"
        "incq %[at]\n\t"
        "andq $1023, %[at]\n\t"
        "decq %[turns]\n\t"
        "jnz 1b\n\t"
        : [turns] "+r"(turns), [a] "+r"(a), [b] "+r"(b), [at] "+r"(at)
        : [data] "r"(data)
        : "memory", "cc");
}

guint32
cpu_speed_host_kips(void)
{
    guint32 data[1025] = {0};
    gint64 best = G_MAXINT64;

    /* the best of several: others may want the core, and it may be asleep */
    for (int i = 0; i < LOOP_TRIES; i++) {
        gint64 start = g_get_monotonic_time();
        period_program(data);
        best = MIN(best, g_get_monotonic_time() - start);
    }
    return (guint32) ((guint64) LOOP_INSTRUCTIONS * LOOP_TURNS * 1000 /
                      (guint64) MAX(best, 1));
}

/* ---- names ---- */

static bool
parse_percent(const char *text, guint32 *ret_share)
{
    char *end;
    double percent = g_ascii_strtod(text, &end);

    if (end == text || strcmp(end, "%") != 0 || !(percent >= 0.01) ||
        percent > 100)
        return false;
    *ret_share = (guint32) (percent * (PACER_FULL / 100) + 0.5);
    return true;
}

bool
cpu_speed_parse(const char *text, guint32 host_kips, guint32 *ret_share)
{
    if (strcmp(text, "full") == 0) {
        *ret_share = PACER_FULL;
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(speeds); i++) {
        if (strcmp(text, speeds[i].name) != 0)
            continue;
        guint64 host = host_kips != 0 ? host_kips : cpu_speed_host_kips();
        guint64 share = (guint64) speeds[i].kips * PACER_FULL / MAX(host, 1);
        *ret_share = (guint32) CLAMP(share, PACER_SLOWEST, PACER_FULL);
        return true;
    }
    return parse_percent(text, ret_share);
}
