/* app/verbs/help.c - carrel help [VERB | settings [SECTION]]: from the verb
 * table and the profile schema, so it cannot be out of date. */
#include <stdio.h>
#include <string.h>

#include "app/verbs.h"
#include "app/verbs/run.h"
#include "app/wrap.h"
#include "profiles/schema.h"

static bool
is_wanted(const SchemaSection *section, const char *wanted)
{
    if (wanted == NULL)
        return !(section->flags & SCHEMA_TEMPLATE);
    gsize stem = strcspn(section->section, "#");
    return strncmp(section->section, wanted, stem) == 0 &&
           strspn(wanted + stem, "0123456789#") == strlen(wanted + stem);
}

static void
print_key(const SchemaKey *key)
{
    g_autofree char *allowed = schema_describe_allowed(key);
    g_autofree char *name = g_strdup_printf("  %-16s ", key->key);
    g_autofree char *help = wrap_text(name, key->help);
    g_autofree char *values =
        *key->fallback != '\0'
            ? g_strdup_printf("%s (default %s)", allowed, key->fallback)
            : g_strdup(allowed);
    g_autofree char *lines = wrap_text("                   ", values);

    printf("%s%s", help, lines);
}

static void
put_key(JsonWriter *w, const SchemaKey *key)
{
    g_autofree char *allowed = schema_describe_allowed(key);

    json_begin_object(w, NULL);
    json_put_string(w, "section", key->section);
    json_put_string(w, "key", key->key);
    json_put_string(w, "type", schema_type_name(key->type));
    json_put_string(w, "allowed", allowed);
    json_put_string(w, "default", key->fallback);
    json_put_optional(w, "unit", key->unit);
    json_put_string(w, "since", key->since);
    json_put_string(w, "help", key->help);
    json_end(w);
}

static void
print_section(const SchemaSection *section, bool first)
{
    g_autofree char *head = g_strdup_printf("[%s]  ", section->section);
    g_autofree char *lines = wrap_text(head, section->help);

    printf("%s%s", first ? "" : "\n", lines);
}

/* Returns how many sections matched. */
static unsigned
show_settings(const App *app, const char *wanted, JsonWriter *w)
{
    unsigned n_sections, n_keys, found = 0;
    const SchemaSection *sections = schema_sections(&n_sections);
    const SchemaKey *keys = schema_keys(&n_keys);

    for (unsigned i = 0; i < n_sections; i++) {
        if (!is_wanted(&sections[i], wanted))
            continue;
        found++;
        if (!app->json)
            print_section(&sections[i], found == 1);
        for (unsigned k = 0; k < n_keys; k++) {
            if (strcmp(keys[k].section, sections[i].section) != 0)
                continue;
            if (app->json)
                put_key(w, &keys[k]);
            else
                print_key(&keys[k]);
        }
    }
    return found;
}

static int
help_settings(const App *app, const char *wanted)
{
    g_autoptr(JsonWriter) w = json_writer_new();

    json_begin_array(w, NULL);
    if (show_settings(app, wanted, w) == 0)
        return app_fail(app, EXIT_NOT_FOUND, "no-such-section", NULL,
                        "carrel help settings", "there is no section '%s'",
                        wanted);
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    return EXIT_OK;
}

static void
list_verbs(const App *app)
{
    unsigned n;
    const Verb *verbs = verbs_all(&n);
    g_autoptr(JsonWriter) w = json_writer_new();

    json_begin_array(w, NULL);
    for (unsigned i = 0; i < n; i++) {
        if (verbs[i].flags & VERB_HIDDEN)
            continue;
        json_begin_object(w, NULL);
        json_put_string(w, "verb", verbs[i].name);
        json_put_optional(w, "alias", verbs[i].alias);
        json_put_string(w, "usage", verbs[i].usage);
        json_put_string(w, "summary", verbs[i].summary);
        json_end(w);
        if (!app->json)
            printf("%-12s %s\n", verbs[i].name, verbs[i].summary);
    }
    if (app->json)
        app_print_json(g_steal_pointer(&w));
}

int
verb_help(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 0, 2, &args);

    if (code >= 0)
        return code;
    if (args[0] == NULL) {
        list_verbs(app);
        return EXIT_OK;
    }
    if (strcmp(args[0], "settings") == 0)
        return help_settings(app, args[1]);
    const Verb *verb = verb_find(args[0]);
    if (verb == NULL)
        return app_fail(app, EXIT_NOT_FOUND, "no-such-verb", NULL,
                        "carrel help", "there is no verb '%s'", args[0]);
    char *ask[] = {(char *) verb->name, (char *) "--help", NULL};
    return verb->run(app, 2, ask);
}
