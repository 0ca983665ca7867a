/* app/app.h - what every verb gets: the global options, and one way to read
 * options, to answer and to fail. Thread: main. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "app/exit-codes.h"
#include "app/json.h"
#include "profiles/profile.h"

typedef struct App {
    bool json, plain, quiet, yes, dry_run, read_only;
    bool color; /* decided: --color, NO_COLOR, TERM, is it a terminal */
    int verbose;
} App;

/* Reads a verb's options (entries may be NULL) together with the global ones,
 * which are allowed behind the verb too. argv[0] is the verb's name. -1: go
 * on, *ret_args has the other arguments (g_strfreev), between min and max of
 * them (max -1: any number). Else the exit code to return: help was shown or
 * an error reported. */
int app_parse(App *app, char **argv, const GOptionEntry *entries, int min,
              int max, char ***ret_args);

/* Reports a failure on stderr, as text or as one JSON object, and returns
 * code. id: stable, for programs ("no-such-machine"). hint: what the person
 * can do; fix: a command that does it; both may be NULL. */
int app_fail(const App *app, ExitCode code, const char *id, const char *hint,
             const char *fix, const char *fmt, ...) G_GNUC_PRINTF(6, 7);
/* The same for a GError: code, id and hint follow from its domain. */
int app_fail_error(const App *app, const GError *error);
/* Exit code that belongs to error. */
ExitCode app_error_code(const GError *error);

/* A line for people on stdout; silent with --quiet and --json. */
void app_say(const App *app, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* A remark on stderr, with --json an object; silent with --quiet. */
void app_warn(const App *app, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* The same for what is no problem: starts with "note:". */
void app_note(const App *app, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* Finishes w and prints it as one line on stdout. */
void app_print_json(JsonWriter *w);
/* Writes a file whole or not at all; the error names that file. */
bool app_write_file(const char *file, const void *data, gsize len,
                    GError **error);
/* Asks on the terminal; --yes answers, no terminal means no. default is no. */
bool app_confirm(const App *app, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Text with control characters made visible; g_free. */
char *app_clean(const char *text);
/* Prints rows as aligned columns; cells[row * n_columns + column], the first
 * row is the heading. */
void app_print_table(const App *app, const char *const *cells, unsigned n_rows,
                     unsigned n_columns);
