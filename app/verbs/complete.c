/* app/verbs/complete.c - carrel __complete -- WORD...: what the last word may
 * become, one "word<TAB>description" a line. Nothing printed: file names. */
#include <stdio.h>
#include <string.h>

#include "app/assemble.h"
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

/* One line of a verb's help: "  -f, --force    Switch off", with or without
 * the letter. */
static void
offer_option_line(const char *prefix, char *line)
{
    g_auto(GStrv) words = g_strsplit_set(g_strchug(line), " =", 3);
    g_autofree char *option = NULL;
    const char *text = strstr(line, "  ");

    for (unsigned i = 0; words[i] != NULL && option == NULL; i++)
        if (g_str_has_prefix(words[i], "--"))
            option = g_strdup(words[i]);
    if (option != NULL) /* of a long one the text is in the next line */
        offer(prefix, option, text != NULL ? text + strspn(text, " ") : "");
}

/* A verb knows its options only while it runs, so its help is asked. */
static void
offer_options(const char *prefix, const Verb *verb)
{
    const char *argv[] = {"/proc/self/exe", verb != NULL ? verb->name : "help",
                          "--help", NULL};
    g_autofree char *help = NULL;

    if (!g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL,
                      NULL, NULL, &help, NULL, NULL, NULL))
        return;
    g_auto(GStrv) lines = g_strsplit(help, "\n", -1);
    for (unsigned i = 0; lines[i] != NULL; i++)
        if (g_str_has_prefix(lines[i], "  -"))
            offer_option_line(prefix, lines[i]);
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

/* Fixed words: the nth argument of a verb, counted from 1. */
static const struct {
    const char *verb;
    unsigned n;
    const char *words;
} fixed[] = {
    {"bench", 1, "boot exit disk net mem"},
    {"bench", 2, "boot exit disk net mem"},
    {"bench", 3, "boot exit disk net mem"},
    {"completion", 1, "bash zsh fish"},
    {"helper", 1,
     "tap-create tap-delete macvtap-create macvtap-delete list undo"},
    {"disk", 1, "create info check convert resize"},
    {"media", 2, "list insert eject"},
    {"net", 1, "list forward capture link"},
    {"protect", 2, "on off"},
    {"send", 2, "keys text mouse serial"},
    {"template", 1, "show check"},
    {"trash", 1, "list restore empty"},
    {"wait", 2, "off running paused suspended crashed"},
};

/* Settings: from the nth argument on; end goes behind the key. */
static const struct {
    const char *verb;
    unsigned from;
    const char *end;
} settings[] = {{"new", 2, "="}, {"set", 2, "="}, {"get", 2, ""}};

/* net list NAME, net forward add NAME RULE, net link NAME net0 up .. */
static void
offer_net(const char *last, char **words, unsigned n)
{
    bool forward = strcmp(words[0], "forward") == 0;
    bool capture = strcmp(words[0], "capture") == 0;

    if (forward && n == 2)
        offer_words(last, "add remove");
    else if (n == (forward ? 3 : 2))
        offer_machines(last);
    else if (capture && n == 3)
        offer_words(last, "on off");
    else if (strcmp(words[0], "link") == 0 && n == 3)
        offer_words(last, "net0 net1 net2 net3");
    else if (strcmp(words[0], "link") == 0 && n == 4)
        offer_words(last, "up down");
}

/* Keys of one section without its name: attach NAME disk1 path=... */
static void
offer_section_keys(const char *section, const char *last)
{
    unsigned n;
    const SchemaKey *keys = schema_keys(&n);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *word = g_strconcat(keys[i].key, "=", NULL);
        if (schema_find(section, keys[i].key) == &keys[i])
            offer(last, word, keys[i].help);
    }
}

/* Sections that can come and go while a machine runs. */
static void
offer_cards(const char *prefix)
{
    unsigned n;
    const SchemaSection *all = schema_sections(&n);

    for (unsigned i = 0; i < n; i++)
        for (unsigned k = 0; k < MAX(1, all[i].count); k++) {
            g_autofree char *name =
                g_strdelimit(g_strdup(all[i].section), "#", (char) ('0' + k));
            if (machine_plug_models(name) != NULL)
                offer(prefix, name, all[i].help);
        }
}

/* attach NAME disk1 path=..., detach NAME disk1; false: neither of them. */
static bool
offer_plug(const Verb *verb, char **words, unsigned n)
{
    bool attach = strcmp(verb->name, "attach") == 0;

    if (n < 2 || (!attach && strcmp(verb->name, "detach") != 0))
        return false;
    if (n == 2)
        offer_cards(words[1]);
    else if (attach)
        offer_section_keys(words[1], words[n - 1]);
    return true;
}

/* Arguments of verbs that take something else than machine names; false: no
 * such verb. words: behind the verb, n of them, the last one unfinished. */
static bool
offer_special(const Verb *verb, char **words, unsigned n)
{
    const char *last = words[n - 1];

    for (unsigned i = 0; i < G_N_ELEMENTS(fixed); i++)
        if (strcmp(verb->name, fixed[i].verb) == 0 && n == fixed[i].n) {
            offer_words(last, fixed[i].words);
            return true;
        }
    for (unsigned i = 0; i < G_N_ELEMENTS(settings); i++)
        if (strcmp(verb->name, settings[i].verb) == 0 &&
            n >= settings[i].from) {
            offer_settings(last, settings[i].end);
            return true;
        }
    if (strcmp(verb->name, "template") == 0 && strcmp(words[0], "show") == 0)
        offer_templates(last);
    else if (strcmp(verb->name, "trash") == 0 && n == 2)
        offer_trash(last);
    else if (strcmp(verb->name, "help") == 0 && n == 1) {
        offer_verbs(last);
        offer(last, "settings", "the keys of machine.ini");
    } else if (strcmp(verb->name, "net") == 0 && n > 1)
        offer_net(last, words, n);
    else
        return offer_plug(verb, words, n);
    return true;
}

static bool
takes_many(const Verb *verb)
{
    return strstr(verb->usage, "NAME...") != NULL ||
           strstr(verb->usage, "NAME|FILE...") != NULL;
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
    else if (n >= 2 && strcmp(words[n - 2], "--from") == 0)
        offer_templates(last);
    else if (!offer_special(verb, words + at + 1, n - at - 1) &&
             (verb->flags & VERB_NAME) && (n - at == 2 || takes_many(verb)))
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
