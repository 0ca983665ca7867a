/* app/options.c - see options.h. */
#include "app/options.h"

#include <string.h>
#include <unistd.h>

void
options_init(GlobalOptions *global, const App *app)
{
    *global = (GlobalOptions){.json = app->json,
                              .plain = app->plain,
                              .quiet = app->quiet,
                              .yes = app->yes,
                              .dry_run = app->dry_run,
                              .read_only = app->read_only,
                              .verbose = app->verbose};
}

static gboolean
count_verbose(const char *name, const char *value, gpointer data,
              GError **error)
{
    GlobalOptions *global = data;

    global->verbose++;
    return TRUE;
}

#define N_COMMON 10 /* with the end */

static void
fill_common(GlobalOptions *global, GOptionEntry ret_entries[N_COMMON])
{
    /* clang-format off */
    const GOptionEntry common[] = {
        { "json",       0,   0, G_OPTION_ARG_NONE, &global->json, "Answer in JSON, errors too", NULL },
        { "plain",      0,   0, G_OPTION_ARG_NONE, &global->plain, "Plain lines: no colours; tabs instead of columns", NULL },
        { "color",      0,   0, G_OPTION_ARG_STRING, &global->color, "Colours: auto, never or always", "WHEN" },
        { "quiet",      'q', 0, G_OPTION_ARG_NONE, &global->quiet, "Only say what was asked for, and errors", NULL },
        { "verbose",    'v', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, (gpointer) count_verbose, "Say more; may be repeated", NULL },
        { "yes",        'y', 0, G_OPTION_ARG_NONE, &global->yes, "Answer questions with yes", NULL },
        { "dry-run",    'n', 0, G_OPTION_ARG_NONE, &global->dry_run, "Show what would be done, change nothing", NULL },
        { "read-only",  0,   0, G_OPTION_ARG_NONE, &global->read_only, "Refuse whatever changes a machine, the host or a file", NULL },
        { "config-dir", 0,   0, G_OPTION_ARG_FILENAME, &global->config_dir, "Folder of settings and templates", "DIR" },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };
    /* clang-format on */
    G_STATIC_ASSERT(G_N_ELEMENTS(common) == N_COMMON);

    memcpy(ret_entries, common, sizeof common);
}

void
options_add_to(GOptionContext *context, GlobalOptions *global,
               const GOptionEntry *entries)
{
    GOptionEntry common[N_COMMON];
    const GOptionEntry help[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &global->help, "Show this text",
         NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GOptionGroup *group = g_option_group_new(
        "global", "Options of all verbs:", "Show the options of all verbs",
        global, NULL);

    fill_common(global, common);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, help, NULL);
    if (entries != NULL)
        g_option_context_add_main_entries(context, entries, NULL);
    g_option_group_add_entries(group, common);
    g_option_context_add_group(context, group);
}

static const GOptionEntry *
find_in(const GOptionEntry *entries, const char *name, gsize len)
{
    for (; entries != NULL && entries->long_name != NULL; entries++)
        if (len == 1 ? entries->short_name == *name
                     : strlen(entries->long_name) == len &&
                           strncmp(entries->long_name, name, len) == 0)
            return entries;
    return NULL;
}

static bool
is_flag(const GOptionEntry *entry)
{
    return entry->arg == G_OPTION_ARG_NONE ||
           (entry->flags & G_OPTION_FLAG_NO_ARG) != 0;
}

/* The option that a word starts with: of "--cps=3" the one called cps, of
 * "-qc" the last one. */
static const GOptionEntry *
find_option(const GOptionEntry *const tables[3], const char *word)
{
    const char *name = word + strspn(word, "-");
    gsize len = strcspn(name, "=");
    const GOptionEntry *entry = NULL;

    if (len == 0 || word[0] != '-')
        return NULL;
    if (word[1] != '-') {
        name += strlen(name) - 1;
        len = 1;
    } else if (len == 1) {
        return NULL;
    }
    for (unsigned i = 0; i < 3 && entry == NULL; i++)
        entry = find_in(tables[i], name, len);
    return entry;
}

bool
options_check_flags(char **words, const GOptionEntry *entries, bool until_verb,
                    GError **error)
{
    static const GOptionEntry help[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    GlobalOptions unused;
    GOptionEntry common[N_COMMON];
    const GOptionEntry *const tables[3] = {entries, common, help};

    fill_common(&unused, common);
    for (unsigned i = 1; words[i] != NULL; i++) {
        const char *equals = strchr(words[i], '=');
        if (strcmp(words[i], "--") == 0 || (until_verb && words[i][0] != '-'))
            return true;
        const GOptionEntry *entry = find_option(tables, words[i]);
        if (entry == NULL)
            continue;
        if (!is_flag(entry)) { /* the next word may be its value */
            i += equals == NULL && words[i + 1] != NULL;
            continue;
        }
        if (equals == NULL || words[i][1] != '-')
            continue;
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "--%s takes no value: it is there or it is not",
                    entry->long_name);
        return false;
    }
    return true;
}

static bool
decide_color(const char *when, const App *app, bool *ret_color)
{
    const char *no_color = g_getenv("NO_COLOR");
    const char *term = g_getenv("TERM");

    if (when == NULL || strcmp(when, "auto") == 0)
        *ret_color = isatty(STDOUT_FILENO) && !app->plain &&
                     (no_color == NULL || *no_color == '\0') && term != NULL &&
                     strcmp(term, "dumb") != 0;
    else if (strcmp(when, "always") == 0)
        *ret_color = true;
    else if (strcmp(when, "never") == 0)
        *ret_color = false;
    else
        return false;
    return true;
}

bool
options_finish(GlobalOptions *global, App *app, GError **error)
{
    g_autofree char *color = g_steal_pointer(&global->color);
    g_autofree char *config_dir = g_steal_pointer(&global->config_dir);

    app->json = global->json;
    app->plain = global->plain;
    app->quiet = global->quiet;
    app->yes = global->yes;
    app->dry_run = global->dry_run;
    app->read_only = global->read_only;
    app->verbose = global->verbose;
    if (config_dir != NULL)
        g_setenv("CARREL_CONFIG_DIR", config_dir, TRUE);
    if (color == NULL && app->color)
        return true; /* --color before the verb stays */
    if (decide_color(color, app, &app->color))
        return true;
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--color is auto, never or always, not '%s'", color);
    return false;
}
