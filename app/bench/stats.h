/* app/bench/stats.h - repeated measurements of one thing. Thread: any. */
#pragma once

#include <glib.h>

typedef struct {
    double median, min, max;
    unsigned n; /* 0: nothing was measured, the rest is 0 */
} BenchStats;

/* Of n values, which are put in order. */
BenchStats bench_stats(double *values, unsigned n);
/* How far the farther of min and max is from the median, in percent of it. */
double bench_spread(const BenchStats *stats);
/* Three digits that count: "0.123", "12.3", "123", "12,300"; g_free. */
char *bench_format(double value);
