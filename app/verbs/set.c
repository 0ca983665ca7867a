/* app/verbs/set.c - carrel set NAME section.key=value... [--unset KEY]:
 * checked before anything is written; --dry-run shows the difference. Also
 * carrel protect NAME on|off, which is one such change. Where the class of a
 * device changes, set-class.c has a say. */
#include "app/verbs/settings.h"

#include <stdio.h>
#include <string.h>

#include "app/ladder/change.h"
#include "app/store.h"
#include "app/verbs/findings.h"
#include "app/verbs/run.h"
#include "app/verbs/set-class.h"
#include "profiles/paths.h"
#include "vmm/core/sysutil.h"

bool
settings_apply(Profile *profile, char **settings, GError **error)
{
    for (unsigned i = 0; settings[i] != NULL; i++) {
        const char *equals = strchr(settings[i], '=');
        if (equals == NULL) {
            g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_KEY,
                        "'%s' is no setting: write section.key=value, such as "
                        "machine.memory=256M",
                        settings[i]);
            return false;
        }
        g_autofree char *key =
            g_strndup(settings[i], (gsize) (equals - settings[i]));
        if (!profile_set(profile, key, equals + 1, error))
            return false;
    }
    return true;
}

bool
settings_unset(Profile *profile, char **keys, GError **error)
{
    for (unsigned i = 0; keys != NULL && keys[i] != NULL; i++) {
        if (strchr(keys[i], '.') == NULL) {
            if (profile_remove_section(profile, keys[i]))
                continue;
            g_set_error(error, CARREL_PROFILE_ERROR, CARREL_PROFILE_ERROR_KEY,
                        "there is no section '%s' to remove", keys[i]);
            return false;
        }
        if (!profile_set(profile, keys[i], NULL, error))
            return false;
    }
    return true;
}

static void
print_lines(const char *text, const char *other, char mark)
{
    g_auto(GStrv) mine = g_strsplit(text, "\n", -1);
    g_auto(GStrv) theirs = g_strsplit(other, "\n", -1);

    for (unsigned i = 0; mine[i] != NULL; i++) {
        g_autofree char *clean = app_clean(mine[i]);
        if (*mine[i] != '\0' &&
            !g_strv_contains((const char *const *) theirs, mine[i]))
            printf("%c %s\n", mark, clean);
    }
}

/* Errors are left for check to find: this is how one gets rid of them. */
static Profile *
load_any(const char *name, GError **error)
{
    g_autofree char *file = paths_machine_file(name);

    return store_require(name, error) ? profile_load_lenient(file, error)
                                      : NULL;
}

typedef struct {
    const char *name;
    Profile *profile;
    const Profile *original;
    SetClass *classes; /* NULL: none changes */
} Change;

static void
put_answer(const App *app, const Change *c, bool changed, const char *text)
{
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_string(w, "name", c->name);
    json_put_bool(w, "changed", changed);
    json_put_bool(w, "dry-run", app->dry_run);
    json_put_bool(w, "needs-restart", changed && store_is_running(c->name));
    if (c->classes != NULL)
        set_class_put(w, c->classes);
    json_put_string(w, "text", text);
    app_print_json(w);
}

static bool
write_change(const Change *c, GError **error)
{
    g_autofree char *file = g_strdup(profile_get_file(c->profile));
    /* the machine's process sees the note and the setting, or neither */
    G_GNUC_UNUSED CARREL_AUTO_FD int lock =
        c->classes != NULL ? ladder_lock(c->name) : -1;

    if (c->classes != NULL &&
        !set_class_note(c->classes, c->original, c->profile, error))
        return false;
    if (profile_save(c->profile, file, error))
        return true;
    if (c->classes != NULL)
        set_class_forget(c->classes);
    return false;
}

/* Saves what differs from before; with --dry-run shows it instead. Everything
 * is reported; an exit code. */
static int
settings_save(const App *app, const Change *c)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = profile_to_text(c->original);
    g_autofree char *after = profile_to_text(c->profile);
    bool changed = strcmp(before, after) != 0;

    if (app->dry_run && !app->json) {
        print_lines(before, after, '-');
        print_lines(after, before, '+');
    }
    if (!app->dry_run && changed && !write_change(c, &error))
        return app_fail_error(app, error);
    findings_warn_all(app, c->profile);
    if (app->json) {
        put_answer(app, c, changed, after);
        return EXIT_OK;
    }
    if (c->classes != NULL)
        set_class_print(app, c->classes);
    if (changed && !app->dry_run && store_is_running(c->name))
        app_say(app, "%s is running: the change counts from its next start",
                c->name);
    return EXIT_OK;
}

/* "machine.cpus" of "machine.cpus=2" and those that were unset. */
static char **
collect_keys(char **settings, char **unset)
{
    GPtrArray *keys = g_ptr_array_new();

    for (unsigned i = 0; settings[i] != NULL; i++)
        g_ptr_array_add(keys,
                        g_strndup(settings[i], strcspn(settings[i], "=")));
    for (unsigned i = 0; unset != NULL && unset[i] != NULL; i++)
        g_ptr_array_add(keys, g_strdup(unset[i]));
    g_ptr_array_add(keys, NULL);
    return (char **) g_ptr_array_free(keys, FALSE);
}

static int
set(const App *app, char **args, char **unset, const SetClassOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SetClass) classes = NULL;
    g_autoptr(Profile) profile = load_any(args[0], &error);

    if (profile == NULL)
        return app_fail_error(app, error);
    g_autoptr(Profile) original = profile_copy(profile);
    g_auto(GStrv) keys = collect_keys(args + 1, unset);
    if (!settings_unset(profile, unset, &error) ||
        !settings_apply(profile, args + 1, &error) ||
        !profile_validate_change(original, profile, (const char *const *) keys,
                                 &error))
        return app_fail_error(app, error);
    int code =
        set_class_check(app, args[0], original, profile, options, &classes);
    if (code >= 0)
        return code;
    const Change change = {args[0], profile, original, classes};
    return settings_save(app, &change);
}

int
verb_set(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_auto(GStrv) unset = NULL;
    gboolean undo = FALSE, try_it = FALSE, no_trial = FALSE, prepare = FALSE;
    const GOptionEntry entries[] = {
        {"unset", 'u', 0, G_OPTION_ARG_STRING_ARRAY, &unset,
         "Back to the default; a whole section without '.key'",
         "SECTION[.KEY]"},
        {"undo", 0, 0, G_OPTION_ARG_NONE, &undo,
         "Take back the last change of a device's class", NULL},
        {"prepare", 0, 0, G_OPTION_ARG_NONE, &prepare,
         "First start the guest with both devices, to get its driver", NULL},
        {"try", 0, 0, G_OPTION_ARG_NONE, &try_it,
         "Make the trial although the check says no", NULL},
        {"no-trial", 0, 0, G_OPTION_ARG_NONE, &no_trial,
         "Change the class for good, whatever the guest does", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};

    int code = app_parse(app, argv, entries, 1, -1, &args);
    if (code >= 0)
        return code;
    bool settings = args[1] != NULL || unset != NULL;
    if (settings == undo || try_it + no_trial + prepare + undo > 1)
        return app_fail(app, EXIT_USAGE, "usage", NULL, "carrel help settings",
                        "set: say what to set: section.key=value; of --undo, "
                        "--prepare, --try and --no-trial at most one, and "
                        "--undo alone");
    if (undo)
        return set_class_undo(app, args[0]);
    const SetClassOptions options = {
        .try_it = try_it, .no_trial = no_trial, .prepare = prepare};
    return set(app, args, unset, &options);
}

int
verb_protect(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    int code = app_parse(app, argv, NULL, 2, 2, &args);

    if (code >= 0)
        return code;
    bool on = strcmp(args[1], "on") == 0;
    if (!on && strcmp(args[1], "off") != 0)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "protect: say on or off, not '%s'", args[1]);
    const char *const keys[] = {"machine.protected", NULL};
    g_autoptr(Profile) profile = load_any(args[0], &error);
    if (profile == NULL)
        return app_fail_error(app, error);
    g_autoptr(Profile) original = profile_copy(profile);
    if (!profile_set(profile, keys[0], on ? "true" : NULL, &error))
        return app_fail_error(app, error);
    if (!profile_validate_change(original, profile, keys, &error))
        return app_fail_error(app, error);
    const Change change = {args[0], profile, original, NULL};
    return settings_save(app, &change);
}
