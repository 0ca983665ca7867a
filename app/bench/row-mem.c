/* app/bench/row-mem.c - the guest's memory on both machines. Memory is touched
 * for the first time once in a machine's life, so each repetition starts one. */
#include "app/bench/bench.h"

#define TOUCH_PAGES "32768" /* 128 MiB of the guest's 256 */
#define PAGES       32768.0
#define MB_PER_MIB  1.048576

/* clang-format off */
static const struct {
    const char *device;
    BenchBoot boot;
} machines[] = {
    { "pc-i440fx", BENCH_ROM },
    { "pc-virtio", BENCH_KERNEL },
};

static const BenchMeasure touch = {
    NULL, "first-touch", "first touch of 4 KiB", "ns",
    "memory touch 96 " TOUCH_PAGES, 1, 1, false, 1 / PAGES };

static const BenchMeasure bandwidth[] = {
    { NULL, "read",  "read",  "MB/s", "memory read #",  1, 1u << 22, true, MB_PER_MIB },
    { NULL, "write", "write", "MB/s", "memory write #", 1, 1u << 22, true, MB_PER_MIB },
    { NULL, "copy",  "copy",  "MB/s", "memory copy #",  1, 1u << 22, true, MB_PER_MIB },
};
/* clang-format on */

#define N_BANDWIDTH G_N_ELEMENTS(bandwidth)

typedef struct {
    BenchMeasure measures[1 + N_BANDWIDTH];
    guint32 counts[1 + N_BANDWIDTH];
    double *values[1 + N_BANDWIDTH]; /* of each repetition */
} Series;

static void
series_init(Series *s, const char *device, unsigned reps)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(s->measures); i++) {
        s->measures[i] = i == 0 ? touch : bandwidth[i - 1];
        s->measures[i].device = device;
        s->counts[i] = i == 0;
        s->values[i] = g_new0(double, reps);
    }
}

static bool
measure_once(Bench *bench, Series *s, BenchBoot boot, unsigned rep,
             GError **error)
{
    g_autoptr(Profile) profile = bench_guest_profile(boot, error);
    g_autoptr(BenchGuest) guest =
        profile == NULL ? NULL : bench_guest_start(profile, bench->dir, error);

    if (guest == NULL)
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(s->measures); i++) {
        if (s->counts[i] == 0)
            s->counts[i] =
                bench_calibrate(bench, guest, &s->measures[i], error);
        if (s->counts[i] == 0 ||
            !bench_measure(bench, guest, &s->measures[i], s->counts[i],
                           &s->values[i][rep], error))
            return false;
    }
    return true;
}

bool
bench_row_mem(Bench *bench, GError **error)
{
    Series series[G_N_ELEMENTS(machines)];
    bool ok = true;

    for (unsigned m = 0; m < G_N_ELEMENTS(machines); m++)
        series_init(&series[m], machines[m].device, bench->reps);
    for (unsigned rep = 0; ok && rep < bench->reps; rep++)
        for (unsigned m = 0; ok && m < G_N_ELEMENTS(machines); m++)
            ok = measure_once(bench, &series[m], machines[m].boot, rep, error);
    for (unsigned i = 0; i < 1 + N_BANDWIDTH; i++) {
        for (unsigned m = 0; m < G_N_ELEMENTS(machines); m++) {
            if (ok)
                bench_add(bench, &series[m].measures[i], series[m].values[i],
                          bench->reps);
            g_free(series[m].values[i]);
        }
    }
    return ok;
}
