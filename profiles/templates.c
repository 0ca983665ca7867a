/* profiles/templates.c - see templates.h. */
#include "profiles/templates.h"

#include <string.h>

#include "profiles/paths.h"

void
template_free(Template *template)
{
    if (template == NULL)
        return;
    g_free(template->id);
    g_free(template->title);
    g_free(template->summary);
    g_free(template->needs);
    g_free(template->os);
    g_free(template->note);
    g_free(template->file);
    profile_free(template->profile);
    g_free(template);
}

static bool
check_required(const Profile *profile, const char *file, GError **error)
{
    static const char *const keys[] = {"template.id", "template.title"};

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (profile_has(profile, keys[i]))
            continue;
        g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_VALUE,
                    "%s: %s: is missing; a template must have it", file,
                    keys[i]);
        return false;
    }
    return true;
}

static bool
check_id(const Template *template, GError **error)
{
    g_autofree char *base = g_path_get_basename(template->file);
    g_autofree char *wanted = g_strconcat(template->id, ".ini", NULL);

    if (strcmp(base, wanted) == 0)
        return true;
    g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_VALUE,
                "%s:%u: template.id: the file of template '%s' must be named "
                "%s",
                template->file,
                profile_get_line(template->profile, "template.id"),
                template->id, wanted);
    return false;
}

Template *
template_load(const char *file, GError **error)
{
    g_autoptr(Profile) profile = profile_load(file, error);

    if (profile == NULL || !check_required(profile, file, error) ||
        !profile_validate(profile, error))
        return NULL;
    g_autoptr(Template) template = g_new0(Template, 1);
    template->id = g_strdup(profile_get_string(profile, "template.id"));
    template->title = g_strdup(profile_get_string(profile, "template.title"));
    template->summary =
        g_strdup(profile_get_string(profile, "template.summary"));
    template->needs = g_strdup(profile_get_string(profile, "template.needs"));
    template->os = g_strdup(profile_get_string(profile, "template.os"));
    template->note = g_strdup(profile_get_string(profile, "template.note"));
    template->file = g_strdup(file);
    template->profile = g_steal_pointer(&profile);
    if (!check_id(template, error))
        return NULL;
    return g_steal_pointer(&template);
}

static bool
has_id(const GPtrArray *list, const char *id)
{
    for (guint i = 0; i < list->len; i++)
        if (strcmp(((Template *) g_ptr_array_index(list, i))->id, id) == 0)
            return true;
    return false;
}

static void
add_file(GPtrArray *list, GPtrArray *problems, const char *dir,
         const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_build_filename(dir, name, NULL);
    g_autoptr(Template) template = template_load(file, &error);

    if (template == NULL) {
        if (problems != NULL)
            g_ptr_array_add(problems, g_strdup(error->message));
        return;
    }
    if (!has_id(list, template->id))
        g_ptr_array_add(list, g_steal_pointer(&template));
}

static void
add_folder(GPtrArray *list, GPtrArray *problems, const char *path)
{
    enum { MAX_FILES = 1000 };
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    if (dir == NULL)
        return; /* most of the folders do not exist on most hosts */
    for (unsigned n = 0; n < MAX_FILES && (name = g_dir_read_name(dir)) != NULL;
         n++)
        if (*name != '.' && g_str_has_suffix(name, ".ini"))
            add_file(list, problems, path, name);
}

static gint
compare_ids(gconstpointer a, gconstpointer b)
{
    const Template *x = *(Template *const *) a, *y = *(Template *const *) b;

    return strcmp(x->id, y->id);
}

GPtrArray *
templates_list(GPtrArray **ret_problems)
{
    g_auto(GStrv) dirs = paths_template_dirs();
    GPtrArray *list =
        g_ptr_array_new_with_free_func((GDestroyNotify) template_free);
    GPtrArray *problems =
        ret_problems != NULL ? g_ptr_array_new_with_free_func(g_free) : NULL;

    for (unsigned i = 0; dirs[i] != NULL; i++)
        add_folder(list, problems, dirs[i]);
    g_ptr_array_sort(list, compare_ids);
    if (ret_problems != NULL)
        *ret_problems = problems;
    return list;
}

Template *
template_find(const char *id, GError **error)
{
    if (strchr(id, '/') != NULL)
        return template_load(id, error);

    g_autoptr(GPtrArray) list = templates_list(NULL);
    GString *known = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++) {
        Template *template = g_ptr_array_index(list, i);
        if (strcmp(template->id, id) == 0) {
            g_string_free(known, TRUE);
            g_ptr_array_set_free_func(list, NULL);
            for (guint k = 0; k < list->len; k++)
                if (k != i)
                    template_free(g_ptr_array_index(list, k));
            return template;
        }
        g_string_append_printf(known, "%s%s", known->len > 0 ? ", " : "",
                               template->id);
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                "there is no template '%s'; there are: %s", id,
                known->len > 0 ? known->str : "none");
    g_string_free(known, TRUE);
    return NULL;
}

Profile *
template_to_profile(const Template *template, const char *file)
{
    Profile *profile = profile_copy_to(template->profile, file);

    profile_remove_section(profile, "template");
    /* an id has been checked by the same rule, so this cannot fail */
    (void) profile_set(profile, "machine.template", template->id, NULL);
    return profile;
}
