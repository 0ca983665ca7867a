/* app/verbs/shared-files.c - see shared-files.h. */
#include "app/verbs/shared-files.h"

#include <stdlib.h>
#include <string.h>

#include "app/store.h"
#include "profiles/paths.h"
#include "profiles/schema.h"

/* By its real name, also when its last part is not there (yet). */
static char *
real_path(const char *path)
{
    char *real = realpath(path, NULL);
    char *copy =
        real != NULL ? g_strdup(real) : g_canonicalize_filename(path, NULL);

    free(real); /* not of GLib's allocator */
    return copy;
}

static bool
is_inside(const char *path, const char *folder)
{
    g_autofree char *real = real_path(path);
    g_autofree char *prefix = g_strconcat(folder, "/", NULL);

    return g_str_has_prefix(real, prefix);
}

static Profile *
load(const char *name)
{
    g_autofree char *file = paths_machine_file(name);

    return profile_load_lenient(file, NULL);
}

static char *
real_folder(const char *name)
{
    g_autofree char *folder = paths_machine_dir(name);

    return real_path(folder);
}

/* Runs over "disk0.path" and the like of a profile: the paths that are set. */
typedef void (*PathFn)(const char *key, const char *path, void *data);

static void
each_path(const Profile *profile, PathFn fn, void *data)
{
    unsigned n;
    const SchemaKey *rows = schema_keys(&n);
    g_auto(GStrv) sections = profile_list_sections(profile);

    for (unsigned i = 0; sections[i] != NULL; i++)
        for (unsigned k = 0; k < n; k++) {
            g_autofree char *key =
                g_strdup_printf("%s.%s", sections[i], rows[k].key);
            if ((rows[k].type != SCHEMA_PATH && rows[k].type != SCHEMA_FILE) ||
                schema_find_full(key) != &rows[k])
                continue;
            g_autofree char *path = profile_get_path(profile, key);
            if (path != NULL && *path == '/')
                fn(key, path, data);
        }
}

typedef struct {
    const char *name, *folder;
    const Profile *profile;
    GPtrArray *found;
} Search;

static char **
finish(GPtrArray *found)
{
    g_ptr_array_add(found, NULL);
    return (char **) g_ptr_array_free(found, FALSE);
}

static void
add_user(const char *key, const char *path, void *data)
{
    Search *s = data;

    if (is_inside(path, s->folder))
        g_ptr_array_add(s->found, g_strdup_printf("%s (%s)", s->name, key));
}

char **
shared_files_users(const char *name)
{
    g_auto(GStrv) names = store_list();
    g_autofree char *folder = real_folder(name);
    Search s = {.folder = folder, .found = g_ptr_array_new()};

    for (unsigned i = 0; names[i] != NULL; i++) {
        g_autoptr(Profile) profile =
            strcmp(names[i], name) != 0 ? load(names[i]) : NULL;
        s.name = names[i];
        if (profile != NULL)
            each_path(profile, add_user, &s);
    }
    return finish(s.found);
}

static bool
is_written(const Profile *profile, const char *key)
{
    g_autofree char *section = g_strndup(key, strcspn(key, "."));
    static const char *const guards[] = {"read-only", "snapshot"};

    if (strcmp(key + strlen(section), ".path") != 0 ||
        (!g_str_has_prefix(section, "disk") &&
         !g_str_has_prefix(section, "floppy")))
        return false;
    for (gsize i = 0; i < G_N_ELEMENTS(guards); i++) {
        g_autofree char *guard = g_strdup_printf("%s.%s", section, guards[i]);
        if (schema_find_full(guard) != NULL && profile_get_bool(profile, guard))
            return false;
    }
    return true;
}

static void
add_outside(const char *key, const char *path, void *data)
{
    Search *s = data;

    if (is_written(s->profile, key) && !is_inside(path, s->folder))
        g_ptr_array_add(
            s->found,
            g_strdup_printf("%.*s (%s)", (int) strcspn(key, "."), key, path));
}

char **
shared_files_outside(const char *name)
{
    g_autofree char *folder = real_folder(name);
    g_autoptr(Profile) profile = load(name);
    Search s = {
        .folder = folder, .profile = profile, .found = g_ptr_array_new()};

    if (profile != NULL)
        each_path(profile, add_outside, &s);
    return finish(s.found);
}
