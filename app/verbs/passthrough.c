/* app/verbs/passthrough.c - carrel passthrough WORD: which devices of this host
 * can go into a machine, why, and the way there and back. */
#include "app/verbs/passthrough.h"

#include <string.h>

#include "app/verbs/run.h"

typedef struct {
    const char *word;
    PassthroughRun run;
    bool changes; /* refused with --read-only */
} Row;

/* clang-format off */
static const Row rows[] = {
    /* look */
    { "list",    passthrough_list,    false },
    { "groups",  passthrough_groups,  false },
    { "explain", passthrough_explain, false },

    /* act */
    { "plan",    passthrough_plan,    false },
    { "bind",    passthrough_bind,    true },
    { "unbind",  passthrough_unbind,  true },
    { "apply",   passthrough_apply,   true },
    { "confirm", passthrough_confirm, true },
    { "undo",    passthrough_undo,    true },
    { "hold",    passthrough_hold,    true },
    { "vf",      passthrough_vf,      false },
    { "rehearse", passthrough_rehearse, true },
};
/* clang-format on */

static char *
all_words(void)
{
    GString *text = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "", rows[i].word);
    return g_string_free(text, FALSE);
}

static const Row *
find_row(const char *word)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (strcmp(word, rows[i].word) == 0)
            return &rows[i];
    return NULL;
}

/* Options may come before the word. */
static const Row *
find_word(int argc, char **argv)
{
    const Row *row = NULL;

    for (int i = 1; i < argc && row == NULL; i++)
        row = find_row(argv[i]);
    return row;
}

int
verb_passthrough(App *app, int argc, char **argv)
{
    const Row *row = find_word(argc, argv);
    g_auto(GStrv) args = NULL;

    if (row == NULL) { /* --help, or a mistake */
        int code = app_parse(app, argv, NULL, 1, -1, &args);
        if (code >= 0)
            return code;
        g_autofree char *words = all_words();
        return app_fail(app, EXIT_USAGE, "usage", words, NULL,
                        "passthrough has no word \"%s\"", args[0]);
    }
    if (row->changes && app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "'passthrough %s' changes something; --read-only "
                        "forbids it",
                        row->word);
    return row->run(app, argc, argv);
}
