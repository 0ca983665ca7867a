/* app/bench/bench.h - measurements, their table, and the results.
 *
 * A row ("disk") starts machines and measures on them; a measurement is one
 * command of the bench's guest, repeated, that tells one metric of one device.
 * A new device is an entry of its row's table here, and a driver in
 * share/bench-guest. Thread: main. */
#pragma once

#include "app/app.h"
#include "app/bench/guest.h"
#include "app/bench/stats.h"

typedef struct {
    const char *row, *device, *metric; /* for programs */
    const char *label, *unit;          /* for people; the unit is for both */
    const char *column;                /* heading; NULL: the device */
    bool more_is_better;
    BenchStats stats;
} BenchResult;

typedef struct {
    const char *device, *metric, *label, *unit;
    /* What the guest is to do; '#' is how often. */
    const char *command;
    guint32 first, most; /* of '#', doubled until it takes long enough */
    /* per_second: units of one time, by second; else units of a ns, by time. */
    bool per_second;
    double scale;
    const char *column; /* as in the result */
} BenchMeasure;

typedef struct {
    const App *app;
    char *dir; /* for images; removed in the end */
    unsigned reps;
    GArray *results; /* BenchResult */
    /* progress, in runs of about BENCH_RUN_MS */
    gint64 start_ns;
    unsigned done, total;
    const char *row;
} Bench;

enum { BENCH_RUN_MS = 250 };

typedef struct BenchRow {
    const char *name, *title;
    /* Runs of one repetition, for the estimate of the time. */
    unsigned runs;
    /* Columns of devices, or a line for each device's metrics. */
    bool compares;
    bool passed; /* has a place for a device that is passed through */
    bool (*run)(Bench *bench, GError **error);
} BenchRow;

const BenchRow *bench_rows(unsigned *ret_n);
const BenchRow *bench_row_find(const char *name);

bool bench_row_boot(Bench *bench, GError **error);
bool bench_row_exit(Bench *bench, GError **error);
bool bench_row_disk(Bench *bench, GError **error);
bool bench_row_net(Bench *bench, GError **error);
bool bench_row_mem(Bench *bench, GError **error);

/* ---- for rows ---- */

/* How many times, so that it takes about a run; warms up as well. 0 and error
 * set: the guest failed. */
guint32 bench_calibrate(Bench *bench, BenchGuest *guest, const BenchMeasure *m,
                        GError **error);
bool bench_measure(Bench *bench, BenchGuest *guest, const BenchMeasure *m,
                   guint32 count, double *ret_value, GError **error);
/* All of them, taking turns, repetition by repetition. */
bool bench_measure_all(Bench *bench, BenchGuest *guest, const BenchMeasure *m,
                       unsigned n, GError **error);
/* Takes the values (of bench->reps repetitions, or n) to the results. */
void bench_add(Bench *bench, const BenchMeasure *m, double *values, unsigned n);
/* One run more is done; shows where we are. */
void bench_step(Bench *bench, const char *device, const char *label);

/* ---- results ---- */

/* The content of bench.json with these results; of `older`, such a content or
 * NULL, rows that were not measured now are kept. g_free. */
char *bench_to_json(const GArray *results, const char *older);
/* Keeps them for `carrel advise`: rows measured now replace the older ones of
 * the same row. False and error set: they could not be written. */
bool bench_store(const Bench *bench, GError **error);
/* A row's cells, n_columns in each line, the first is the heading; NULL: the
 * row has no results. g_ptr_array_unref. */
GPtrArray *bench_table(const GArray *results, const BenchRow *row,
                       unsigned *ret_columns);

/* carrel __bench-boot. */
int bench_boot_child(int argc, char **argv);
