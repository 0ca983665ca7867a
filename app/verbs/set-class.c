/* app/verbs/set-class.c - see set-class.h. */
#include "app/verbs/set-class.h"

#include <stdio.h>
#include <string.h>

#include "app/ladder/change.h"
#include "app/ladder/check.h"
#include "app/ladder/rungs.h"
#include "app/store.h"
#include "app/wrap.h"
#include "profiles/paths.h"
#include "vmm/core/sysutil.h"

typedef struct {
    char *key, *from, *to;
    LadderCheck *check;
    LadderStage stage;
} Row;

struct SetClass {
    char *name;
    GPtrArray *rows; /* Row */
    GuestLook *look; /* NULL: why says why not */
    char *why;
    LadderChange *old; /* ladder.json as it was; NULL: none */
};

static void
row_free(gpointer data)
{
    Row *row = data;

    ladder_check_free(row->check);
    g_free(row->key);
    g_free(row->from);
    g_free(row->to);
    g_free(row);
}

void
set_class_free(SetClass *c)
{
    if (c == NULL)
        return;
    g_ptr_array_unref(c->rows);
    guest_look_free(c->look);
    ladder_free(c->old);
    g_free(c->why);
    g_free(c->name);
    g_free(c);
}

static Row *
row_at(const SetClass *c, guint i)
{
    return g_ptr_array_index(c->rows, i);
}

static LadderStage
stage_for(const Row *row, const SetClassOptions *options)
{
    if (options->no_trial || row->check->result == CHECK_NO_TRIAL)
        return LADDER_CONFIRMED;
    return options->prepare ? LADDER_PREPARE : LADDER_PROPOSED;
}

static SetClass *
find_changes(const char *name, const Profile *before, const Profile *after,
             const SetClassOptions *options)
{
    g_auto(GStrv) keys = ladder_differences(before, after);

    if (keys[0] == NULL)
        return NULL;
    SetClass *c = g_new0(SetClass, 1);
    c->name = g_strdup(name);
    c->rows = g_ptr_array_new_with_free_func(row_free);
    c->look = ladder_look(before, &c->why);
    c->old = ladder_load(name);
    for (unsigned i = 0; keys[i] != NULL; i++) {
        Row *row = g_new0(Row, 1);
        row->key = g_strdup(keys[i]);
        row->from = g_strdup(profile_get_string(before, keys[i]));
        row->to = g_strdup(profile_get_string(after, keys[i]));
        row->check =
            ladder_check(name, after, row->key, row->to, c->look, c->why);
        row->stage = stage_for(row, options);
        g_ptr_array_add(c->rows, row);
    }
    return c;
}

/* The reasons of a row in one line. */
static char *
join_reasons(const Row *row)
{
    g_ptr_array_add(row->check->reasons, NULL);
    char *text = g_strjoinv("; ", (char **) row->check->reasons->pdata);
    g_ptr_array_remove_index(row->check->reasons, row->check->reasons->len - 1);
    return text;
}

static int
refuse(const App *app, const SetClass *c, const Row *row)
{
    g_autofree char *reasons = join_reasons(row);
    g_autofree char *fix = g_strdup_printf("carrel set %s %s=%s --try", c->name,
                                           row->key, row->to);

    return app_fail(app, EXIT_PROBLEMS, "no-driver",
                    "--prepare starts the guest with both devices first, so "
                    "that it can load or install its driver; --try makes one "
                    "trial start all the same; --no-trial changes it for good",
                    fix, "%s=%s: this guest will not start that way: %s",
                    row->key, row->to, reasons);
}

/* The guest is to have a place for what prepares it. */
static int
check_helpers(const App *app, const SetClass *c, const Profile *before,
              const Profile *after)
{
    g_autoptr(LadderChange) change = ladder_new();
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < c->rows->len; i++)
        ladder_propose(change, before, after, row_at(c, i)->key,
                       row_at(c, i)->stage);
    g_autoptr(Profile) with =
        ladder_with_helpers(change, after, "prepare.img", &error);
    return with != NULL ? -1 : app_fail_error(app, error);
}

int
set_class_check(const App *app, const char *name, const Profile *before,
                const Profile *after, const SetClassOptions *options,
                SetClass **ret_class)
{
    g_autoptr(SetClass) c = find_changes(name, before, after, options);

    *ret_class = NULL;
    if (c == NULL)
        return -1;
    if (c->old != NULL && ladder_has(c->old, LADDER_TRIAL) &&
        store_is_running(name))
        return app_fail(app, EXIT_STATE, "trial", NULL, NULL,
                        "machine '%s' is running a trial of another change; "
                        "wait until it is decided (`carrel status %s -v`), or "
                        "stop the machine",
                        name, name);
    for (guint i = 0; i < c->rows->len; i++) {
        bool bad = row_at(c, i)->check->result == CHECK_BAD;
        if (bad && !options->try_it && !options->no_trial && !options->prepare)
            return refuse(app, c, row_at(c, i));
    }
    int code = options->prepare ? check_helpers(app, c, before, after) : -1;
    if (code < 0)
        *ret_class = g_steal_pointer(&c);
    return code;
}

/* A setting that goes back to what it was before it was tried: nothing is left
 * to try. */
static void
drop_return(LadderChange *change, const Row *row)
{
    LadderRow *old = ladder_find(change, row->key);

    if (old != NULL && strcmp(old->from, row->to) == 0)
        g_ptr_array_remove(change->rows, old);
}

bool
set_class_note(SetClass *c, const Profile *before, const Profile *after,
               GError **error)
{
    g_autoptr(LadderChange) change = ladder_load(c->name);

    ladder_free(c->old); /* a machine may have decided since */
    c->old = ladder_load(c->name);
    if (change == NULL)
        change = ladder_new();
    for (guint i = 0; i < c->rows->len; i++) {
        drop_return(change, row_at(c, i));
        ladder_propose(change, before, after, row_at(c, i)->key,
                       row_at(c, i)->stage);
    }
    return ladder_save(c->name, change, error);
}

void
set_class_forget(const SetClass *c)
{
    if (c->old == NULL)
        ladder_forget(c->name);
    else
        (void) ladder_save(c->name, c->old, NULL); /* the first error counts */
}

/* ---- what is said ---- */

static const char *
next_step(const Row *row)
{
    switch (row->stage) {
    case LADDER_PREPARE:
        return "the next start keeps the old device, with a small new one "
               "beside it; when the guest has driven that, the start after it "
               "is the trial";
    case LADDER_PROPOSED:
        return "the next start is a trial: unless the guest takes the device, "
               "the old one is back by itself afterwards";
    case LADDER_TRIAL:
    case LADDER_CONFIRMED:
    case LADDER_FALLEN_BACK: break;
    }
    return row->check->result == CHECK_NO_TRIAL
               ? "counts from the next start, without a trial"
               : "counts from the next start for good: no trial";
}

void
set_class_print(const App *app, const SetClass *c)
{
    static const char *const verdicts[] = {
        "the guest has its driver", "cannot tell whether the guest has it",
        "the guest has no driver at its start", "there is nothing to try"};

    for (guint i = 0; i < c->rows->len; i++) {
        const Row *row = row_at(c, i);
        app_say(app, "%s: %s (%s) -> %s (%s)", row->key, row->from,
                rung_name(rung_of(row->from)), row->to,
                rung_name(rung_of(row->to)));
        app_say_wrapped(app, "  check  ", verdicts[row->check->result]);
        for (guint k = 0; k < row->check->reasons->len; k++)
            app_say_wrapped(app, "         - ",
                            g_ptr_array_index(row->check->reasons, k));
        app_say_wrapped(app, "  then   ", next_step(row));
    }
    for (guint i = 0; c->look != NULL && i < c->look->facts->len; i++)
        if (app->verbose > 0)
            app_say_wrapped(app, "  disk   ",
                            g_ptr_array_index(c->look->facts, i));
    if (!app->dry_run)
        app_say(app, "  undo   carrel set %s --undo", c->name);
}

static void
put_texts(JsonWriter *w, const char *key, const GPtrArray *texts)
{
    json_begin_array(w, key);
    for (guint i = 0; texts != NULL && i < texts->len; i++)
        json_put_string(w, NULL, g_ptr_array_index(texts, i));
    json_end(w);
}

void
set_class_put(JsonWriter *w, const SetClass *c)
{
    json_begin_array(w, "classes");
    for (guint i = 0; i < c->rows->len; i++) {
        const Row *row = row_at(c, i);
        json_begin_object(w, NULL);
        json_put_string(w, "key", row->key);
        json_put_string(w, "from", row->from);
        json_put_string(w, "to", row->to);
        json_put_string(w, "from-class", rung_name(rung_of(row->from)));
        json_put_string(w, "to-class", rung_name(rung_of(row->to)));
        json_put_string(w, "check", check_result_name(row->check->result));
        put_texts(w, "reasons", row->check->reasons);
        json_put_string(w, "stage", ladder_stage_name(row->stage));
        json_end(w);
    }
    json_end(w);
    put_texts(w, "disk", c->look != NULL ? c->look->facts : NULL);
}

/* ---- undo ---- */

static bool
has_something_to_undo(const LadderChange *change)
{
    for (guint i = 0; change != NULL && i < change->rows->len; i++)
        if (!((const LadderRow *) change->rows->pdata[i])->restored)
            return true;
    return false;
}

static void
tell_undone(const App *app, const char *name, const LadderChange *change)
{
    g_autofree char *file = paths_machine_file(name);
    g_autoptr(Profile) profile = profile_load_lenient(file, NULL);
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_string(w, "name", name);
    json_put_bool(w, "dry-run", app->dry_run);
    json_begin_array(w, "undone");
    for (guint i = 0; i < change->rows->len; i++) {
        const LadderRow *row = change->rows->pdata[i];
        bool other = profile != NULL && !app->dry_run &&
                     strcmp(profile_get_string(profile, row->key), row->from);
        json_put_string(w, NULL, row->key);
        app_say(app, other ? "%s was changed since and stays" : "%s=%s again",
                row->key, row->from);
    }
    if (app->json)
        app_print_json(w);
    else
        json_writer_free(w);
    if (!app->dry_run && store_is_running(name))
        app_say(app, "%s is running: the change counts from its next start",
                name);
}

int
set_class_undo(const App *app, const char *name)
{
    g_autoptr(GError) error = NULL;

    if (!store_require(name, &error))
        return app_fail_error(app, error);
    CARREL_AUTO_FD int lock = app->dry_run ? -1 : ladder_lock(name);
    g_autoptr(LadderChange) change = ladder_load(name);
    if (!has_something_to_undo(change))
        return app_fail(app, EXIT_STATE, "nothing-to-undo", NULL, NULL,
                        "machine '%s': there is no change of a device's class "
                        "to take back",
                        name);
    if (ladder_has(change, LADDER_TRIAL) && store_is_running(name))
        return app_fail(app, EXIT_STATE, "trial", NULL, NULL,
                        "machine '%s' is running the trial; stop it first",
                        name);
    if (!app->dry_run && !ladder_restore(change, name, true, &error))
        return app_fail_error(app, error);
    if (!app->dry_run)
        ladder_forget(name);
    sys_close(&lock);
    tell_undone(app, name, change);
    return EXIT_OK;
}
