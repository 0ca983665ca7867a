/* app/bench/measure.c - repeats commands of the guest, and says how far we
 * are. See bench.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/bench/bench.h"

#define RUN_NS (BENCH_RUN_MS * G_GINT64_CONSTANT(1000000))
#define GROWTH 16 /* at most, from one try to the next */

static char *
with_count(const char *command, guint32 count)
{
    g_auto(GStrv) parts = g_strsplit(command, "#", 2);

    return parts[1] == NULL
               ? g_strdup(command)
               : g_strdup_printf("%s%u%s", parts[0], count, parts[1]);
}

static bool
run(BenchGuest *guest, const BenchMeasure *m, guint32 count, gint64 *ret_ns,
    GError **error)
{
    g_autofree char *command = with_count(m->command, count);

    return bench_guest_run(guest, command, ret_ns, error);
}

static guint32
scaled(const BenchMeasure *m, guint32 count, gint64 ns)
{
    double factor = CLAMP((double) RUN_NS / (double) ns, 0.1, GROWTH);

    return (guint32) CLAMP(count * factor, m->first, m->most);
}

guint32
bench_calibrate(Bench *bench, BenchGuest *guest, const BenchMeasure *m,
                GError **error)
{
    guint32 count = m->first;
    gint64 ns;

    bench_step(bench, m->device, m->label);
    for (;;) {
        if (!run(guest, m, count, &ns, error))
            return 0;
        guint32 next = scaled(m, count, ns);
        if (ns > RUN_NS / 2 || count == m->most)
            return next;
        count = MIN(MAX(next, count * 2), m->most);
    }
}

bool
bench_measure(Bench *bench, BenchGuest *guest, const BenchMeasure *m,
              guint32 count, double *ret_value, GError **error)
{
    gint64 ns;

    bench_step(bench, m->device, m->label);
    if (!run(guest, m, count, &ns, error))
        return false;
    *ret_value = m->per_second ? count * m->scale * 1e9 / (double) ns
                               : (double) ns * m->scale / count;
    return true;
}

bool
bench_measure_all(Bench *bench, BenchGuest *guest, const BenchMeasure *m,
                  unsigned n, GError **error)
{
    g_autofree guint32 *counts = g_new0(guint32, n);
    g_autofree double *values = g_new0(double, n * bench->reps);

    for (unsigned i = 0; i < n; i++) {
        counts[i] = bench_calibrate(bench, guest, &m[i], error);
        if (counts[i] == 0)
            return false;
    }
    for (unsigned rep = 0; rep < bench->reps; rep++)
        for (unsigned i = 0; i < n; i++)
            if (!bench_measure(bench, guest, &m[i], counts[i],
                               &values[i * bench->reps + rep], error))
                return false;
    for (unsigned i = 0; i < n; i++)
        bench_add(bench, &m[i], &values[i * bench->reps], bench->reps);
    return true;
}

void
bench_add(Bench *bench, const BenchMeasure *m, double *values, unsigned n)
{
    BenchResult r = {
        .row = bench->row,
        .device = m->device,
        .metric = m->metric,
        .label = m->label,
        .unit = m->unit,
        .column = m->column,
        .more_is_better = m->per_second,
        .stats = bench_stats(values, n),
    };

    g_array_append_val(bench->results, r);
}

/* One line that is written over. */
void
bench_step(Bench *bench, const char *device, const char *label)
{
    double spent = (double) (bench_now_ns() - bench->start_ns) / 1e9;
    unsigned done = bench->done++;

    if (bench->app->quiet || !isatty(STDERR_FILENO))
        return;
    g_autofree char *what =
        g_strdup_printf("%s: %s, %s", bench->row, device, label);
    unsigned total = MAX(bench->total, done + 1);
    /* the first few runs tell nothing of the rest yet */
    double per_run = done < 5 ? BENCH_RUN_MS / 1e3 : spent / done;
    g_autofree char *left =
        g_strdup_printf("%3u %%, %.0f s left", done * 100 / total,
                        MAX(per_run * (total - done), 1));
    fprintf(stderr, "\r%-22s %-54.54s", left, what);
    fflush(stderr);
}
