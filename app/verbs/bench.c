/* app/verbs/bench.c - carrel bench: measures devices on this host with a guest
 * of our own, prints tables and keeps the results. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/bench/bench.h"
#include "app/verbs/run.h"
#include "profiles/paths.h"
#include "vmm/core/vm.h"

#define DEFAULT_REPS 5
#define MAX_REPS     99
#define MS_PER_S     1000

int
verb_bench_boot(App *app, int argc, char **argv)
{
    return bench_boot_child(argc, argv);
}

/* ---- its folder ---- */

static void
remove_tree(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);

    for (const char *name; dir != NULL && (name = g_dir_read_name(dir));) {
        g_autofree char *entry = g_build_filename(path, name, NULL);
        struct stat st;
        if (lstat(entry, &st) == 0 && S_ISDIR(st.st_mode))
            remove_tree(entry);
        else
            (void) unlink(entry); /* told by the rmdir() that follows */
    }
    if (dir != NULL)
        g_dir_close(dir);
    if (rmdir(path) != 0 && errno != ENOENT)
        g_printerr("carrel: cannot remove '%s': %s\n", path, g_strerror(errno));
}

static char *
make_folder(const char *wanted, GError **error)
{
    g_autofree char *parent = wanted != NULL
                                  ? g_canonicalize_filename(wanted, NULL)
                                  : paths_cache_dir();
    g_autofree char *path = g_build_filename(parent, "bench-XXXXXX", NULL);

    if (wanted == NULL && !paths_make_private(parent, error))
        return NULL;
    if (g_mkdtemp(path) != NULL)
        return g_steal_pointer(&path);
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                "cannot make a folder for images in '%s': %s", parent,
                g_strerror(errno));
    return NULL;
}

/* ---- what to measure ---- */

/* All rows when none is named; NULL after a report. */
static GPtrArray *
choose_rows(const App *app, char **names, int *ret_code)
{
    g_autoptr(GPtrArray) chosen = g_ptr_array_new();
    unsigned n;
    const BenchRow *all = bench_rows(&n);

    for (unsigned i = 0; names[i] != NULL; i++) {
        const BenchRow *row = bench_row_find(names[i]);
        if (row != NULL && !g_ptr_array_find(chosen, row, NULL))
            g_ptr_array_add(chosen, (gpointer) row);
        if (row != NULL)
            continue;
        g_autoptr(GString) known = g_string_new(NULL);
        for (unsigned k = 0; k < n; k++)
            g_string_append_printf(known, "%s%s", k > 0 ? ", " : "",
                                   all[k].name);
        *ret_code = app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                             "bench: there is no '%s'; it measures %s",
                             names[i], known->str);
        return NULL;
    }
    for (unsigned i = 0; names[0] == NULL && i < n; i++)
        g_ptr_array_add(chosen, (gpointer) &all[i]);
    return g_steal_pointer(&chosen);
}

static void
tell_plan(Bench *bench, const GPtrArray *rows)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (unsigned i = 0; i < rows->len; i++) {
        const BenchRow *row = g_ptr_array_index(rows, i);
        bench->total += row->runs * (bench->reps + 2);
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", row->name);
    }
    unsigned seconds = bench->total * BENCH_RUN_MS / MS_PER_S + 1;
    if (!bench->app->quiet)
        fprintf(stderr, "%s: %u repetition%s, about %u min %02u s\n",
                names->str, bench->reps, bench->reps > 1 ? "s" : "",
                seconds / 60, seconds % 60);
}

/* ---- measuring ---- */

static void
clear_progress(const Bench *bench)
{
    if (!bench->app->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "\r%78s\r", "");
}

static void
print_row(const Bench *bench, const BenchRow *row)
{
    unsigned columns = 0;
    GPtrArray *cells = bench_table(bench->results, row, &columns);

    if (cells == NULL || bench->app->json)
        return;
    printf("%s\n", row->title);
    app_print_table(bench->app, (const char *const *) cells->pdata,
                    cells->len / columns, columns);
    printf("\n");
    fflush(stdout);
    g_ptr_array_unref(cells);
}

static ExitCode
code_of(const GError *error)
{
    static const struct {
        CarrelBenchError error;
        ExitCode code;
    } codes[] = {{CARREL_BENCH_ERROR_MISSING, EXIT_FAILED},
                 {CARREL_BENCH_ERROR_INTERRUPTED, EXIT_INTERRUPTED},
                 {CARREL_BENCH_ERROR_SPACE, EXIT_HOST}};

    if (error->domain != CARREL_BENCH_ERROR)
        return app_error_code(error);
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
        if (error->code == (int) codes[i].error)
            return codes[i].code;
    return EXIT_FAILED;
}

/* Fails as a machine would, before anything is made for one. */
static bool
host_can(GError **error)
{
    const VmConfig config = {.name = "bench",
                             .cpu = {.model = "host", .n_vcpus = 1}};
    const VmEvents events = {NULL, NULL, NULL};
    Vm *vm = vm_new(&config, &events, NULL, error);

    vm_free(vm);
    return vm != NULL;
}

/* The line that is written over is for terminals. */
static void
tell_row(const Bench *bench, const BenchRow *row)
{
    if (!bench->app->quiet && !isatty(STDERR_FILENO))
        fprintf(stderr, "bench: %s\n", row->name);
}

/* A row that fails does not take the others with it. */
static ExitCode
run_rows(Bench *bench, const GPtrArray *rows)
{
    ExitCode result = EXIT_OK;

    for (unsigned i = 0; i < rows->len; i++) {
        const BenchRow *row = g_ptr_array_index(rows, i);
        g_autoptr(GError) error = NULL;
        bench->row = row->name;
        tell_row(bench, row);
        bool ok = row->run(bench, &error);
        clear_progress(bench);
        if (ok) {
            print_row(bench, row);
            continue;
        }
        ExitCode code = code_of(error);
        if (code == EXIT_INTERRUPTED)
            return code;
        result = app_fail(bench->app, code, "bench-failed", NULL, NULL,
                          "bench %s: %s", row->name, error->message);
    }
    return result;
}

static ExitCode
finish(Bench *bench, ExitCode code)
{
    g_autoptr(GError) error = NULL;

    if (bench->results->len == 0)
        return code;
    if (bench->app->json) {
        g_autofree char *json = bench_to_json(bench->results, NULL);
        printf("%s\n", json);
    } else if (bench->reps > 1) {
        app_say(bench->app,
                "Medians of %u; ± is how far the farthest was from it.",
                bench->reps);
    }
    if (!bench_store(bench, &error))
        app_warn(bench->app, "the results were not kept: %s", error->message);
    return code;
}

int
verb_bench(App *app, int argc, char **argv)
{
    int reps = DEFAULT_REPS, code = EXIT_OK;
    g_autofree char *dir = NULL;
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    const GOptionEntry entries[] = {
        {"reps", 'r', 0, G_OPTION_ARG_INT, &reps,
         "How often each thing is measured (5)", "N"},
        {"dir", 'd', 0, G_OPTION_ARG_FILENAME, &dir,
         "Where its images are (the cache folder); removed in the end",
         "FOLDER"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};

    code = app_parse(app, argv, entries, 0, -1, &args);
    if (code >= 0)
        return code;
    if (reps < 1 || reps > MAX_REPS)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "bench: --reps is 1 to %d", MAX_REPS);
    g_autoptr(GPtrArray) rows = choose_rows(app, args, &code);
    if (rows == NULL)
        return code;
    Bench bench = {.app = app, .reps = (unsigned) reps};
    tell_plan(&bench, rows);
    if (app->dry_run)
        return EXIT_OK;
    if (app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "bench makes images and keeps its results; --read-only "
                        "forbids it");
    if (!host_can(&error))
        return app_fail_error(app, error);
    bench_catch_interrupts();
    bench.dir = make_folder(dir, &error);
    if (bench.dir == NULL)
        return app_fail_error(app, error);
    bench.results = g_array_new(FALSE, FALSE, sizeof(BenchResult));
    bench.start_ns = bench_now_ns();
    code = finish(&bench, run_rows(&bench, rows));
    remove_tree(bench.dir);
    g_free(bench.dir);
    g_array_unref(bench.results);
    return code;
}
