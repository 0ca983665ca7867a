/* app/bench/stats.c - see stats.h. */
#include "app/bench/stats.h"

#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

BenchStats
bench_stats(double *values, unsigned n)
{
    BenchStats s = {.n = n};

    if (n == 0)
        return s;
    qsort(values, n, sizeof *values, compare);
    s.min = values[0];
    s.max = values[n - 1];
    s.median = (values[(n - 1) / 2] + values[n / 2]) / 2;
    return s;
}

double
bench_spread(const BenchStats *s)
{
    if (s->median <= 0)
        return 0;
    return MAX(s->max - s->median, s->median - s->min) / s->median * 100;
}

char *
bench_format(double value)
{
    if (value >= 1000) {
        guint64 whole = (guint64) (value + 0.5);
        if (whole < 1000000)
            return g_strdup_printf("%u,%03u", (unsigned) (whole / 1000),
                                   (unsigned) (whole % 1000));
        return g_strdup_printf("%u,%03u,%03u", (unsigned) (whole / 1000000),
                               (unsigned) (whole / 1000 % 1000),
                               (unsigned) (whole % 1000));
    }
    int decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
    return g_strdup_printf("%.*f", decimals, value);
}
