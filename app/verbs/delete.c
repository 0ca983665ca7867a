/* app/verbs/delete.c - carrel delete NAME...; carrel trash list|restore|empty;
 * carrel rename and clone, which move and copy the same folders. */
#include <stdio.h>
#include <string.h>

#include "app/ladder/change.h"
#include "app/ladder/proof.h"
#include "app/machines.h"
#include "app/names.h"
#include "app/session/session-stop.h"
#include "app/store.h"
#include "app/verbs/run.h"
#include "app/verbs/shared-files.h"

/* A throw-away machine that crashed has left its folders: they go, and there
 * is nothing to bring back. */
static bool
is_lost_throw_away(const char *name)
{
    g_autoptr(MachineInfo) info = NULL;

    if (!machine_name_check(name, NULL) || store_exists(name))
        return false;
    info = machine_info_offline(name);
    return info != NULL && info->throw_away;
}

static bool
forget_throw_away(const App *app, const char *name, GError **error)
{
    if (store_is_running(name)) {
        g_set_error(error, CARREL_STORE_ERROR, CARREL_STORE_ERROR_RUNNING,
                    "machine '%s' is running; 'carrel stop %s' ends it and "
                    "forgets it",
                    name, name);
        return false;
    }
    return app->dry_run || session_stop(name, false, 1, error);
}

static bool
delete_one(const App *app, const char *name, bool lost, char **ret_id,
           GError **error)
{
    if (lost)
        return forget_throw_away(app, name, error);
    return app->dry_run ? store_require_idle(name, error)
                        : trash_put(name, ret_id, error);
}

/* Others would miss what goes with it. -1: go on, else an exit code. */
static int
agree_to_take(const App *app, const char *name)
{
    g_auto(GStrv) users = shared_files_users(name);
    g_autofree char *list = g_strjoinv(", ", users);
    g_autofree char *again = g_strdup_printf("carrel delete %s --yes", name);

    if (users[0] == NULL)
        return -1;
    app_warn(app, "files of %s are used by %s", name, list);
    if (app->dry_run || app_confirm(app, "Delete %s all the same?", name))
        return -1;
    return app_fail(app, EXIT_STATE, "not-confirmed", NULL, again,
                    "%s was not deleted: %s would miss its files, which needs "
                    "a yes",
                    name, list);
}

static void
say_deleted(const App *app, const char *name, bool lost)
{
    if (lost)
        app_say(app, "%s was a throw-away machine and %s gone", name,
                app->dry_run ? "would be" : "is");
    else if (app->dry_run)
        app_say(app, "would move %s to the trash", name);
    else
        app_say(app,
                "%s is in the trash for %d days; carrel trash restore %s "
                "brings it back",
                name, TRASH_DAYS, name);
}

int
verb_delete(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 1, -1, &args);

    if (code >= 0)
        return code;
    g_autoptr(JsonWriter) w = json_writer_new();
    json_begin_array(w, NULL);
    code = EXIT_OK;
    for (unsigned i = 0; args[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *id = NULL;
        bool lost = is_lost_throw_away(args[i]);
        int taken = !lost && store_require_idle(args[i], NULL)
                        ? agree_to_take(app, args[i])
                        : -1;
        if (taken >= 0) {
            code = taken;
            continue;
        }
        if (!delete_one(app, args[i], lost, &id, &error)) {
            code = app_fail_error(app, error);
            continue;
        }
        json_begin_object(w, NULL);
        json_put_string(w, "name", args[i]);
        json_put_string(w, "trash", id);
        json_put_bool(w, "dry-run", app->dry_run);
        json_end(w);
        say_deleted(app, args[i], lost);
    }
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    if (!app->dry_run)
        (void) trash_empty(TRASH_DAYS, NULL); /* old ones: try again later */
    return code;
}

static int
list_trash(const App *app)
{
    g_autoptr(GPtrArray) list = trash_list();
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(JsonWriter) w = json_writer_new();
    const char *const heads[] = {"NAME", "DELETED", "ID"};

    json_begin_array(w, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(heads); i++)
        g_ptr_array_add(cells, g_strdup(heads[i]));
    for (guint i = 0; i < list->len; i++) {
        const TrashEntry *entry = g_ptr_array_index(list, i);
        g_autoptr(GDateTime) when =
            g_date_time_new_from_unix_utc(entry->deleted);
        g_autofree char *iso = g_date_time_format_iso8601(when);
        json_begin_object(w, NULL);
        json_put_string(w, "id", entry->id);
        json_put_string(w, "name", entry->name);
        json_put_string(w, "deleted", iso);
        json_end(w);
        g_ptr_array_add(cells, g_strdup(entry->name));
        g_ptr_array_add(cells, g_steal_pointer(&iso));
        g_ptr_array_add(cells, g_strdup(entry->id));
    }
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    else
        app_print_table(app, (const char *const *) cells->pdata, list->len + 1,
                        G_N_ELEMENTS(heads));
    return EXIT_OK;
}

static int
restore(const App *app, const char *id, const char *new_name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = NULL;

    if (app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "'trash restore' changes something; --read-only "
                        "forbids it");
    if (app->dry_run) {
        app_say(app, "would restore %s", id);
        return EXIT_OK;
    }
    if (!trash_restore(id, new_name, &name, &error))
        return app_fail_error(app, error);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "name", name);
        app_print_json(w);
    }
    app_say(app, "%s is back", name);
    return EXIT_OK;
}

static int
empty(const App *app)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = trash_list();
    int n = (int) list->len;

    if (app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "'trash empty' changes something; --read-only forbids "
                        "it");
    if (!app->dry_run && n > 0 &&
        !app_confirm(app, "Destroy %d machine%s in the trash for good?", n,
                     n == 1 ? "" : "s"))
        return app_fail(app, EXIT_STATE, "not-confirmed", NULL,
                        "carrel trash empty --yes",
                        "nothing was destroyed: this cannot be undone and "
                        "needs a yes");
    if (!app->dry_run)
        n = trash_empty(0, &error);
    if (n < 0)
        return app_fail_error(app, error);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_int(w, "removed", n);
        json_put_bool(w, "dry-run", app->dry_run);
        app_print_json(w);
    }
    app_say(app, app->dry_run ? "would destroy %d" : "destroyed %d", n);
    return EXIT_OK;
}

int
verb_trash(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 0, 3, &args);

    if (code >= 0)
        return code;
    unsigned n = g_strv_length(args);
    if (n == 0 || (n == 1 && strcmp(args[0], "list") == 0))
        return list_trash(app);
    if (n >= 2 && strcmp(args[0], "restore") == 0)
        return restore(app, args[1], args[2]);
    if (n == 1 && strcmp(args[0], "empty") == 0)
        return empty(app);
    return app_fail(app, EXIT_USAGE, "usage", NULL, "carrel trash --help",
                    "trash: expected list, restore NAME [NEW-NAME] or empty");
}

static int
report_pair(const App *app, const char *verb, char **args)
{
    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_object(w, NULL);
        json_put_string(w, "from", args[0]);
        json_put_string(w, "name", args[1]);
        json_put_bool(w, "dry-run", app->dry_run);
        app_print_json(w);
    }
    app_say(app, "%s%s %s as %s", app->dry_run ? "would have " : "", verb,
            args[0], args[1]);
    return EXIT_OK;
}

int
verb_rename(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    int code = app_parse(app, argv, NULL, 2, 2, &args);

    if (code >= 0)
        return code;
    g_auto(GStrv) users = machine_name_check(args[0], NULL)
                              ? shared_files_users(args[0])
                              : g_new0(char *, 1);
    g_autofree char *list = g_strjoinv(", ", users);
    bool ok = app->dry_run ? store_require_idle(args[0], &error)
                           : store_rename(args[0], args[1], &error);
    if (ok && users[0] != NULL)
        app_warn(app,
                 "the files of %s get another path, and %s name%s them by "
                 "the old one; 'carrel set' gives the new one",
                 args[0], list, users[1] == NULL ? "s" : "");
    return ok ? report_pair(app, "renamed", args) : app_fail_error(app, error);
}

/* A change that waits for its trial goes with the settings. */
static bool
clone_machine(const char *name, const char *new_name, GError **error)
{
    if (!store_clone(name, new_name, error))
        return false;
    g_autoptr(LadderChange) change = ladder_load(name);
    proof_forget(new_name); /* of a deleted machine with this name */
    ladder_forget(new_name);
    return change == NULL || ladder_save(new_name, change, error);
}

int
verb_clone(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    int code = app_parse(app, argv, NULL, 2, 2, &args);

    if (code >= 0)
        return code;
    bool ok = app->dry_run ? store_require(args[0], &error)
                           : clone_machine(args[0], args[1], &error);
    g_auto(GStrv) shared =
        ok ? shared_files_outside(args[0]) : g_new0(char *, 1);
    g_autofree char *list = g_strjoinv(", ", shared);
    if (shared[0] != NULL)
        app_warn(app,
                 "not in the folder and not copied, so %s and %s share it: %s",
                 args[0], args[1], list);
    return ok ? report_pair(app, "copied", args) : app_fail_error(app, error);
}
