/* app/verbs/show.c - carrel show NAME: the whole profile with defaults and
 * the origin of each value; carrel get NAME [KEY...]: single values. */
#include <stdio.h>
#include <string.h>

#include "app/machines.h"
#include "app/placement.h"
#include "app/store.h"
#include "app/verbs/run.h"
#include "profiles/schema.h"
#include "profiles/templates.h"

typedef struct {
    const App *app;
    const Profile *profile;
    const Profile *template; /* may be NULL */
    JsonWriter *w;
} Show;

/* What a person may see: not the password. */
static const char *
visible(const SchemaKey *row, const char *value)
{
    return (row->flags & SCHEMA_SECRET) && *value != '\0' ? "********" : value;
}

static char *
describe_origin(const Show *show, const char *full)
{
    unsigned line = profile_get_line(show->profile, full);
    const char *value = profile_get_string(show->profile, full);

    if (line == 0)
        return g_strdup("default");
    if (show->template != NULL && profile_has(show->template, full) &&
        strcmp(profile_get_string(show->template, full), value) == 0)
        return g_strdup_printf("line %u, as the template", line);
    return g_strdup_printf("line %u", line);
}

static void
show_key(const Show *show, const char *section, const SchemaKey *row)
{
    g_autofree char *full = g_strdup_printf("%s.%s", section, row->key);
    g_autofree char *origin = describe_origin(show, full);
    const char *value = visible(row, profile_get_string(show->profile, full));

    if (show->app->json) {
        json_begin_object(show->w, full);
        json_put_string(show->w, "value", value);
        json_put_string(show->w, "origin", origin);
        json_end(show->w);
    } else {
        g_autofree char *clean = app_clean(value);
        g_autofree char *setting = g_strdup_printf("%s=%s", row->key, clean);
        printf("%-44s # %s\n", setting, origin);
    }
}

static void
show_section(const Show *show, const char *section)
{
    const SchemaSection *known = schema_find_section(section);
    unsigned n;
    const SchemaKey *keys = schema_keys(&n);

    if (known == NULL)
        return;
    if (!show->app->json)
        printf("\n[%s]\n", section);
    for (unsigned i = 0; i < n; i++)
        if (strcmp(keys[i].section, known->section) == 0)
            show_key(show, section, &keys[i]);
}

/* Sections without a number always exist, the others when they are written. */
static void
show_all(const Show *show)
{
    unsigned n;
    const SchemaSection *sections = schema_sections(&n);

    for (unsigned i = 0; i < n; i++) {
        if (sections[i].flags & SCHEMA_TEMPLATE)
            continue;
        if (sections[i].count == 0)
            show_section(show, sections[i].section);
        for (unsigned k = 0; k < sections[i].count; k++) {
            g_autofree char *name =
                g_strdup_printf("%.*s%u", (int) strlen(sections[i].section) - 1,
                                sections[i].section, k);
            if (profile_has_section(show->profile, name))
                show_section(show, name);
        }
    }
}

/* Where a running machine's ports are, which no profile can know. */
static void
show_ports(const Show *show, const char *name)
{
    g_autoptr(MachineInfo) info = machine_info(name);

    if (info == NULL || !info->answers)
        return;
    json_begin_object(show->w, "ports");
    for (unsigned i = 0; i < G_N_ELEMENTS(info->serial); i++) {
        g_autofree char *port = g_strdup_printf("serial%u", i);
        if (info->serial[i] == NULL)
            continue;
        json_put_string(show->w, port, info->serial[i]);
        if (!show->app->json) {
            g_autofree char *clean = app_clean(info->serial[i]);
            printf("# %s is at %s\n", port, clean);
        }
    }
    json_end(show->w);
}

/* Where its threads would run if it started now: an automatic choice is seen
 * before it is made, and can be written down as a list. */
static void
show_placement(const Show *show)
{
    g_autofree char *allowed = placement_allowed();
    g_autoptr(HostRoot) root = host_root_open(NULL, NULL);
    g_autoptr(GError) error = NULL;
    Placement place;

    if (root == NULL || !placement_is_wanted(show->profile))
        return;
    g_autoptr(GArray) host = placement_host_cpus(root, allowed);
    unsigned n = (unsigned) profile_get_u64(show->profile, "machine.cpus");
    bool ok = placement_read(show->profile, host, &place, &error);
    g_autofree char *text =
        ok ? placement_say(&place, n) : g_strdup(error->message);
    json_put_string(show->w, "threads", text);
    if (!show->app->json)
        printf("# threads: %s\n", text);
}

int
verb_show(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    int code = app_parse(app, argv, NULL, 1, 1, &args);

    if (code >= 0)
        return code;
    g_autoptr(Profile) profile = machine_profile(args[0], &error);
    if (profile == NULL || !profile_validate(profile, &error))
        return app_fail_error(app, error);
    const char *id = profile_get_string(profile, "machine.template");
    g_autoptr(Template) template = *id ? template_find(id, NULL) : NULL;
    g_autoptr(JsonWriter) w = json_writer_new();
    const Show show = {app, profile,
                       template != NULL ? template->profile : NULL, w};

    json_begin_object(w, NULL);
    json_put_string(w, "name", args[0]);
    json_put_string(w, "file", profile_get_file(profile));
    if (!app->json)
        printf("# %s\n", profile_get_file(profile));
    show_ports(&show, args[0]);
    show_placement(&show);
    json_begin_object(w, "settings");
    show_all(&show);
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    return EXIT_OK;
}

static int
print_values(const App *app, const Profile *profile, char **keys)
{
    g_autoptr(JsonWriter) w = json_writer_new();
    bool one = g_strv_length(keys) == 1;

    json_begin_object(w, NULL);
    for (unsigned i = 0; keys[i] != NULL; i++) {
        if (schema_find_full(keys[i]) == NULL) {
            /* the message with the suggestion is profile_set()'s */
            g_autoptr(Profile) copy = profile_copy(profile);
            g_autoptr(GError) error = NULL;
            if (!profile_set(copy, keys[i], "", &error))
                return app_fail_error(app, error);
        }
        const char *value = profile_get_string(profile, keys[i]);
        g_autofree char *clean = app_clean(value);
        json_put_string(w, keys[i], value);
        if (!app->json)
            printf(one ? "%s%s\n" : "%s=%s\n", one ? "" : keys[i], clean);
    }
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    return EXIT_OK;
}

/* Every key that the file sets and that we know. */
static char **
written_keys(const Profile *profile)
{
    GPtrArray *found = g_ptr_array_new();
    g_auto(GStrv) sections = profile_list_sections(profile);
    unsigned n;
    const SchemaKey *keys = schema_keys(&n);

    for (unsigned s = 0; sections[s] != NULL; s++) {
        const SchemaSection *known = schema_find_section(sections[s]);
        for (unsigned i = 0; known != NULL && i < n; i++) {
            g_autofree char *full =
                g_strdup_printf("%s.%s", sections[s], keys[i].key);
            if (strcmp(keys[i].section, known->section) == 0 &&
                profile_has(profile, full) && !(keys[i].flags & SCHEMA_SECRET))
                g_ptr_array_add(found, g_steal_pointer(&full));
        }
    }
    g_ptr_array_add(found, NULL);
    return (char **) g_ptr_array_free(found, FALSE);
}

int
verb_get(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    int code = app_parse(app, argv, NULL, 1, -1, &args);

    if (code >= 0)
        return code;
    g_autoptr(Profile) profile = machine_profile(args[0], &error);
    if (profile == NULL)
        return app_fail_error(app, error);
    if (args[1] != NULL)
        return print_values(app, profile, args + 1);
    g_auto(GStrv) keys = written_keys(profile);
    return print_values(app, profile, keys);
}
