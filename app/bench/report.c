/* app/bench/report.c - results as tables and as JSON. See bench.h. */
#include <string.h>
#include <sys/utsname.h>

#include "app/bench/bench.h"
#include "profiles/paths.h"

#define MAX_COLUMNS 8
#define VERSION     1

/* ---- tables ---- */

static const BenchResult *
result_at(const GArray *results, unsigned i)
{
    return &g_array_index(results, BenchResult, i);
}

static bool
is_of(const BenchResult *r, const BenchRow *row)
{
    return strcmp(r->row, row->name) == 0;
}

static char *
value_text(const BenchStats *s)
{
    g_autofree char *value = bench_format(s->median);

    return s->n < 2 ? g_steal_pointer(&value)
                    : g_strdup_printf("%s ±%.0f%%", value, bench_spread(s));
}

/* The first result of each device. */
static unsigned
list_devices(const GArray *results, const BenchRow *row,
             const BenchResult **ret)
{
    unsigned n = 0;

    for (unsigned i = 0; i < results->len; i++) {
        const BenchResult *r = result_at(results, i);
        bool known = !is_of(r, row);
        for (unsigned d = 0; d < n && !known; d++)
            known = strcmp(ret[d]->device, r->device) == 0;
        if (!known && n < MAX_COLUMNS)
            ret[n++] = r;
    }
    return n;
}

/* The first result of each metric. */
static bool
is_first_of_metric(const GArray *results, unsigned at)
{
    const BenchResult *r = result_at(results, at);

    for (unsigned i = 0; i < at; i++) {
        const BenchResult *other = result_at(results, i);
        if (strcmp(other->row, r->row) == 0 &&
            strcmp(other->metric, r->metric) == 0)
            return false;
    }
    return true;
}

static char *
cell_of(const GArray *results, const BenchResult *metric, const char *device)
{
    for (unsigned i = 0; i < results->len; i++) {
        const BenchResult *r = result_at(results, i);
        if (strcmp(r->row, metric->row) == 0 &&
            strcmp(r->metric, metric->metric) == 0 &&
            strcmp(r->device, device) == 0)
            return value_text(&r->stats);
    }
    return g_strdup("-");
}

static void
add_comparison(GPtrArray *cells, const GArray *results, const BenchRow *row,
               unsigned *ret_columns)
{
    const BenchResult *devices[MAX_COLUMNS];
    unsigned n = list_devices(results, row, devices);

    *ret_columns = 2 + n + (row->passed ? 1 : 0);
    g_ptr_array_add(cells, g_strdup(""));
    g_ptr_array_add(cells, g_strdup(""));
    for (unsigned d = 0; d < n; d++)
        g_ptr_array_add(cells, g_strdup(devices[d]->column != NULL
                                            ? devices[d]->column
                                            : devices[d]->device));
    if (row->passed)
        g_ptr_array_add(cells, g_strdup("passthrough"));
    for (unsigned i = 0; i < results->len; i++) {
        const BenchResult *r = result_at(results, i);
        if (!is_of(r, row) || !is_first_of_metric(results, i))
            continue;
        g_ptr_array_add(cells, g_strdup(r->label));
        g_ptr_array_add(cells, g_strdup(r->unit));
        for (unsigned d = 0; d < n; d++)
            g_ptr_array_add(cells, cell_of(results, r, devices[d]->device));
        if (row->passed)
            g_ptr_array_add(cells, g_strdup("-"));
    }
}

static void
add_list(GPtrArray *cells, const GArray *results, const BenchRow *row,
         unsigned *ret_columns)
{
    static const char *const heading[] = {"", "", "median", "min", "max"};

    *ret_columns = G_N_ELEMENTS(heading);
    for (unsigned i = 0; i < G_N_ELEMENTS(heading); i++)
        g_ptr_array_add(cells, g_strdup(heading[i]));
    for (unsigned i = 0; i < results->len; i++) {
        const BenchResult *r = result_at(results, i);
        if (!is_of(r, row))
            continue;
        g_ptr_array_add(cells, g_strdup(r->label));
        g_ptr_array_add(cells, g_strdup(r->unit));
        g_ptr_array_add(cells, bench_format(r->stats.median));
        g_ptr_array_add(cells, bench_format(r->stats.min));
        g_ptr_array_add(cells, bench_format(r->stats.max));
    }
}

GPtrArray *
bench_table(const GArray *results, const BenchRow *row, unsigned *ret_columns)
{
    const BenchResult *devices[MAX_COLUMNS];

    if (list_devices(results, row, devices) == 0)
        return NULL;
    GPtrArray *cells = g_ptr_array_new_with_free_func(g_free);
    if (row->compares)
        add_comparison(cells, results, row, ret_columns);
    else
        add_list(cells, results, row, ret_columns);
    return cells;
}

/* ---- JSON ---- */

static char *
processor(void)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL))
        return NULL;
    const char *line = strstr(text, "\nmodel name");
    const char *colon = line == NULL ? NULL : strchr(line, ':');
    if (colon == NULL)
        return NULL;
    return g_strstrip(g_strndup(colon + 1, strcspn(colon + 1, "\n")));
}

static void
put_host(JsonWriter *w)
{
    g_autofree char *cpu = processor();
    struct utsname name;

    json_begin_object(w, "host");
    json_put_optional(w, "cpu", cpu);
    json_put_u64(w, "cpus", g_get_num_processors());
    if (uname(&name) == 0)
        json_put_string(w, "kernel", name.release);
    json_put_string(w, "carrel", CARREL_VERSION);
    json_end(w);
}

static void
put_result(JsonWriter *w, const BenchResult *r)
{
    json_begin_object(w, NULL);
    json_put_string(w, "row", r->row);
    json_put_string(w, "device", r->device);
    json_put_string(w, "metric", r->metric);
    json_put_string(w, "unit", r->unit);
    json_put_double(w, "value", r->stats.median);
    json_put_double(w, "min", r->stats.min);
    json_put_double(w, "max", r->stats.max);
    json_put_u64(w, "reps", r->stats.n);
    json_put_bool(w, "more-is-better", r->more_is_better);
    json_end(w);
}

static bool
was_measured(const GArray *results, const char *row)
{
    for (unsigned i = 0; i < results->len; i++)
        if (strcmp(result_at(results, i)->row, row) == 0)
            return true;
    return false;
}

/* What is damaged, or of another version, is not kept. */
static void
put_older(JsonWriter *w, const GArray *results, const char *older)
{
    g_autoptr(JsonNode) root =
        older == NULL ? NULL : json_parse(older, strlen(older), NULL);
    const JsonNode *rows = json_get(root, "rows");

    if (json_get_int(root, "version", 0) != VERSION)
        return;
    for (unsigned i = 0; i < json_length(rows); i++) {
        const JsonNode *o = json_at(rows, i);
        const BenchResult r = {
            .row = json_get_string(o, "row", ""),
            .device = json_get_string(o, "device", ""),
            .metric = json_get_string(o, "metric", ""),
            .unit = json_get_string(o, "unit", ""),
            .more_is_better = json_get_bool(o, "more-is-better", false),
            .stats = {.median = json_double(json_get(o, "value"), 0),
                      .min = json_double(json_get(o, "min"), 0),
                      .max = json_double(json_get(o, "max"), 0),
                      .n = (unsigned) json_get_int(o, "reps", 0)},
        };
        if (bench_row_find(r.row) != NULL && !was_measured(results, r.row))
            put_result(w, &r);
    }
}

char *
bench_to_json(const GArray *results, const char *older)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *date = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_int(w, "version", VERSION);
    json_put_string(w, "date", date);
    put_host(w);
    json_begin_array(w, "rows");
    put_older(w, results, older);
    for (unsigned i = 0; i < results->len; i++)
        put_result(w, result_at(results, i));
    return json_writer_finish(w);
}

bool
bench_store(const Bench *bench, GError **error)
{
    g_autofree char *dir = paths_state_dir();
    g_autofree char *file = g_build_filename(dir, "bench.json", NULL);
    g_autofree char *older = NULL;

    (void) g_file_get_contents(file, &older, NULL, NULL); /* may not exist */
    g_autofree char *json = bench_to_json(bench->results, older);
    g_autofree char *text = g_strconcat(json, "\n", NULL);
    return paths_make_private(dir, error) &&
           g_file_set_contents(file, text, -1, error);
}
