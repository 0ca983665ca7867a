/* app/verbs/complete.c - carrel __complete -- WORD...: what the last word may
 * become, one "word<TAB>description" a line. Nothing printed: file names. */
#include <stdio.h>
#include <string.h>

#include "app/options.h"
#include "app/store.h"
#include "app/verbs.h"
#include "app/verbs/run.h"
#include "profiles/schema.h"
#include "profiles/templates.h"

static void
offer(const char *prefix, const char *word, const char *text)
{
    if (g_str_has_prefix(word, prefix))
        printf("%s\t%s\n", word, text);
}

static void
offer_verbs(const char *prefix)
{
    unsigned n;
    const Verb *verbs = verbs_all(&n);

    for (unsigned i = 0; i < n; i++)
        if (!(verbs[i].flags & VERB_HIDDEN))
            offer(prefix, verbs[i].name, verbs[i].summary);
}

static void
offer_machines(const char *prefix)
{
    g_auto(GStrv) names = store_list();

    for (unsigned i = 0; names[i] != NULL; i++)
        offer(prefix, names[i], "machine");
}

static void
offer_templates(const char *prefix)
{
    g_autoptr(GPtrArray) list = templates_list(NULL);

    for (guint i = 0; i < list->len; i++) {
        const Template *t = g_ptr_array_index(list, i);
        offer(prefix, t->id, t->title);
    }
}

/* Global options, and those that the verb's usage line names. */
static void
offer_options(const char *prefix, const Verb *verb)
{
    const char *const *names = options_names();
    g_auto(GStrv) words =
        g_strsplit_set(verb != NULL ? verb->usage : "", " []|", -1);

    for (unsigned i = 0; words[i] != NULL; i++)
        if (g_str_has_prefix(words[i], "--"))
            offer(prefix, words[i], verb->name);
    for (unsigned i = 0; names[i] != NULL; i++)
        offer(prefix, names[i], "all verbs");
}

static void
offer_choices(const char *word)
{
    const char *equals = strchr(word, '=');
    g_autofree char *full = g_strndup(word, (gsize) (equals - word));
    const SchemaKey *row = schema_find_full(full);

    if (row == NULL || row->choices == NULL)
        return;
    g_auto(GStrv) choices = g_strsplit(row->choices, "|", -1);
    for (unsigned i = 0; choices[i] != NULL; i++) {
        g_autofree char *value = g_strdup_printf("%s=%s", full, choices[i]);
        offer(word, value, row->help);
    }
}

static void
offer_key(const char *prefix, const SchemaKey *row, const char *end)
{
    const SchemaSection *section;
    g_autofree char *zero = g_strdelimit(g_strdup(row->section), "#", '0');

    section = schema_find_section(zero);
    for (unsigned k = 0; section != NULL && k < MAX(1, section->count); k++) {
        g_autofree char *name =
            section->count > 0
                ? g_strdup_printf("%.*s%u", (int) strlen(row->section) - 1,
                                  row->section, k)
                : g_strdup(row->section);
        g_autofree char *word = g_strdup_printf("%s.%s%s", name, row->key, end);
        offer(prefix, word, row->help);
    }
}

/* end: "=" where a value follows. */
static void
offer_settings(const char *prefix, const char *end)
{
    unsigned n;
    const SchemaKey *keys = schema_keys(&n);

    if (strchr(prefix, '=') != NULL) {
        offer_choices(prefix);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        if (!(keys[i].flags & SCHEMA_TEMPLATE))
            offer_key(prefix, &keys[i], end);
}

static void
offer_words(const char *prefix, const char *list)
{
    g_auto(GStrv) words = g_strsplit(list, " ", -1);

    for (unsigned i = 0; words[i] != NULL; i++)
        offer(prefix, words[i], "");
}

static void
offer_trash(const char *prefix)
{
    g_autoptr(GPtrArray) list = trash_list();

    for (guint i = 0; i < list->len; i++)
        offer(prefix, ((TrashEntry *) g_ptr_array_index(list, i))->name,
              "in the trash");
}

/* Arguments of verbs that take something else than machine names; false: no
 * such verb. words: behind the verb, n of them, the last one unfinished. */
static bool
offer_special(const Verb *verb, char **words, unsigned n)
{
    const char *last = words[n - 1];
    const char *first = words[0];

    if (strcmp(verb->name, "new") == 0 && n > 1)
        offer_settings(last, "=");
    else if (strcmp(verb->name, "set") == 0 && n > 1)
        offer_settings(last, "=");
    else if (strcmp(verb->name, "get") == 0 && n > 1)
        offer_settings(last, "");
    else if (strcmp(verb->name, "protect") == 0 && n == 2)
        offer_words(last, "on off");
    else if (strcmp(verb->name, "template") == 0 && n == 1)
        offer_words(last, "show check");
    else if (strcmp(verb->name, "template") == 0 && strcmp(first, "show") == 0)
        offer_templates(last);
    else if (strcmp(verb->name, "trash") == 0 && n == 1)
        offer_words(last, "list restore empty");
    else if (strcmp(verb->name, "trash") == 0 && n == 2)
        offer_trash(last);
    else if (strcmp(verb->name, "completion") == 0)
        offer_words(last, "bash zsh fish");
    else if (strcmp(verb->name, "help") == 0 && n == 1) {
        offer_verbs(last);
        offer(last, "settings", "the keys of machine.ini");
    } else
        return false;
    return true;
}

static void
complete(char **words, unsigned n)
{
    unsigned at = 0;
    const char *last = words[n - 1];

    while (at < n - 1 && *words[at] == '-')
        at++;
    const Verb *verb = at < n - 1 ? verb_find(words[at]) : NULL;
    if (at == n - 1 && *last != '-')
        offer_verbs(last);
    else if (*last == '-')
        offer_options(last, verb);
    else if (verb == NULL)
        return;
    else if (strcmp(words[n - 2], "--from") == 0)
        offer_templates(last);
    else if (!offer_special(verb, words + at + 1, n - at - 1) &&
             (verb->flags & VERB_NAME))
        offer_machines(last);
    else if (n - at == 2 && (verb->flags & VERB_NAME))
        offer_machines(last);
}

int
verb_complete(App *app, int argc, char **argv)
{
    char **words = argv + 1;

    if (words[0] != NULL && strcmp(words[0], "--") == 0)
        words++;
    unsigned n = g_strv_length(words);
    if (n > 0)
        complete(words, n);
    return EXIT_OK;
}
