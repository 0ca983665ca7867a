/* app/options.h - the options that every verb has, before or behind it.
 * Thread: main. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "app/app.h"

typedef struct {
    gboolean json, plain, quiet, yes, dry_run, read_only, help, version;
    int verbose;
    char *color, *config_dir;
} GlobalOptions;

/* Starts from what app already has. */
void options_init(GlobalOptions *global, const App *app);
/* entries (may be NULL) become the context's main options together with -h. */
void options_add_to(GOptionContext *context, GlobalOptions *global,
                    const GOptionEntry *entries);
/* False and error set for a value on an option that takes none: GLib would read
 * "--dry-run=no" as a dry run. words[0] is not looked at; until_verb: neither is
 * what follows the first word that is no option. */
bool options_check_flags(char **words, const GOptionEntry *entries,
                         bool until_verb, GError **error);
/* Copies what was read to app and frees the strings. False and error set
 * (G_OPTION_ERROR) for a bad --color; error NULL: just free. */
bool options_finish(GlobalOptions *global, App *app, GError **error);
