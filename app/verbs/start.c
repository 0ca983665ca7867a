/* app/verbs/start.c - carrel start, stop, restart: a machine's process. */
#include <string.h>

#include "app/helper/hold.h"
#include "app/ladder/change.h"
#include "app/linger.h"
#include "app/machines.h"
#include "app/session/session-dir.h"
#include "app/store.h"
#include "app/verbs/findings.h"
#include "app/verbs/run.h"
#include "app/verbs/running.h"
#include "profiles/schema.h"
#include "vmm/core/sysutil.h"

#define STOP_TIMEOUT_S 60
#define NOT_GIVEN      (-1)

static void
put_result(const App *app, const char *name, const char *state, bool changed)
{
    JsonWriter *w = json_writer_new();
    json_begin_object(w, NULL);
    json_put_string(w, "name", name);
    json_put_string(w, "state", state);
    json_put_bool(w, "changed", changed);
    json_put_bool(w, "dry-run", app->dry_run);
    app_print_json(w);
}

static void
print_result(const App *app, const char *name, const char *state, bool changed)
{
    if (app->json)
        put_result(app, name, state, changed);
    else if (changed)
        app_say(app, "%s is %s", name, state);
}

/* done: "was reset" */
static void
print_done(const App *app, const char *name, const char *state,
           const char *done)
{
    if (app->json)
        put_result(app, name, state, true);
    else
        app_say(app, "%s %s", name, done);
}

/* What the last start made of a change of a device's class, and what this one
 * will try: the machine's log has it too, but nobody looks there. */
static void
tell_trials(const App *app, const char *name)
{
    g_autoptr(LadderChange) change = ladder_load(name);

    for (guint i = 0; change != NULL && i < change->rows->len; i++) {
        const LadderRow *row = g_ptr_array_index(change->rows, i);
        if (row->stage == LADDER_FALLEN_BACK || row->stage == LADDER_TRIAL)
            app_note(app, "%s=%s did not work, it is %s again: %s", row->key,
                     row->to, row->from, row->note);
        else if (row->stage == LADDER_PROPOSED)
            app_note(app,
                     "this start is a trial of %s=%s; unless the guest "
                     "takes it, %s is back afterwards",
                     row->key, row->to, row->from);
        else if (row->stage == LADDER_PREPARE)
            app_note(app, "this start prepares the guest for %s=%s", row->key,
                     row->to);
    }
}

/* Its warnings are shown now: once the machine runs nobody looks for them. */
static int
look_at_profile(const App *app, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) profile = machine_profile(name, &error);

    if (profile == NULL || !profile_validate(profile, &error))
        return app_fail_error(app, error);
    findings_warn(app, profile);
    tell_trials(app, name);
    return EXIT_OK;
}

/* What --dry-run says instead: nothing has changed, the state is the one of
 * now. op NULL: there is nothing to do. text: a sentence for people. */
static int
print_would(const App *app, const char *name, const char *op, const char *text)
{
    g_autoptr(MachineInfo) info = machine_info(name);

    if (!app->json) {
        if (text != NULL)
            app_say(app, "would %s", text);
        return EXIT_OK;
    }
    JsonWriter *w = json_writer_new();
    json_begin_object(w, NULL);
    json_put_string(w, "name", name);
    json_put_string(w, "state", info != NULL ? info->state : "off");
    json_put_bool(w, "changed", false);
    json_put_bool(w, "dry-run", true);
    json_put_string(w, "would", op);
    app_print_json(w);
    return EXIT_OK;
}

/* "pc-i440fx, 1 CPU, 128M, disk0 /x.img" */
static char *
plan_of(const Profile *profile)
{
    static const char *const kinds[] = {"floppy", "cd", "disk"};
    guint64 cpus = profile_get_u64(profile, "machine.cpus");
    g_autofree char *memory =
        schema_format_size(profile_get_u64(profile, "machine.memory"));
    g_autofree char *kernel = profile_get_path(profile, "machine.kernel");
    GString *plan = g_string_new(NULL);

    g_string_append_printf(plan, "%s, %" G_GUINT64_FORMAT " CPU%s, %s",
                           profile_get_string(profile, "machine.chipset"), cpus,
                           cpus == 1 ? "" : "s", memory);
    if (kernel != NULL)
        g_string_append_printf(plan, ", kernel %s", kernel);
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++)
        for (unsigned i = 0; i < 10; i++) {
            g_autofree char *key = g_strdup_printf("%s%u.path", kinds[k], i);
            if (schema_find_full(key) == NULL)
                break;
            g_autofree char *path = profile_get_path(profile, key);
            if (path != NULL)
                g_string_append_printf(plan, ", %s%u %s", kinds[k], i, path);
        }
    return g_string_free(plan, FALSE);
}

static int
would_start(const App *app, const char *name)
{
    g_autoptr(Profile) profile = machine_profile(name, NULL);
    g_autofree char *plan = profile != NULL ? plan_of(profile) : g_strdup("");
    g_autofree char *text = g_strdup_printf("start %s: %s", name, plan);

    return print_would(app, name, "start", text);
}

static int
would_stop(const App *app, const char *name, const char *op, bool force,
           int timeout)
{
    bool again = strcmp(op, "restart") == 0;
    g_autofree char *end =
        timeout == 0
            ? g_strdup_printf("take the power of %s away", name)
            : g_strdup_printf("press the power button of %s and wait up to "
                              "%d s for its guest%s",
                              name, timeout,
                              force ? ", then take its power away" : "");
    g_autofree char *text =
        g_strdup_printf("%s%s", end, again ? ", then start it again" : "");

    return print_would(app, name, op, text);
}

/* With the host's devices that it has, which are given back when it is gone. */
static int
start_with_devices(const App *app, const char *name, SpawnOptions options,
                   bool agreed, bool *ret_ours)
{
    g_autoptr(Profile) profile = machine_profile(name, NULL);
    CARREL_AUTO_FD int fd = -1;
    int code = profile != NULL ? hold_machine(app, name, profile, agreed, &fd)
                               : EXIT_OK;

    options.hold_fd = MAX(fd, 0);
    return code == EXIT_OK ? running_start(app, name, &options, ret_ours)
                           : code;
}

int
verb_start(App *app, int argc, char **argv)
{
    gboolean attach = FALSE, paused = FALSE, snapshot = FALSE;
    const GOptionEntry entries[] = {
        {"attach", 'a', 0, G_OPTION_ARG_NONE, &attach,
         "Open its console afterwards", NULL},
        {"paused", 'p', 0, G_OPTION_ARG_NONE, &paused,
         "Do not let it run yet; 'carrel resume' does", NULL},
        {"snapshot-mode", 's', 0, G_OPTION_ARG_NONE, &snapshot,
         "Throw away what it writes to its disks", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 1, 1, &args);
    if (code < 0)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;

    const char *name = args[0];
    bool running = session_is_running(name, NULL) &&
                   (app->dry_run || session_await_start(name) == START_UP);
    bool ours = false;
    code = running ? EXIT_OK : look_at_profile(app, name);
    if (code != EXIT_OK)
        return code;
    if (!app->dry_run && !running) {
        const SpawnOptions options = {.paused = paused, .snapshot = snapshot};
        code = start_with_devices(app, name, options, false, &ours);
        if (code != EXIT_OK)
            return code;
        const char *hint = ours ? linger_hint("") : NULL;
        if (hint != NULL && !app->json)
            app_warn(app, "%s", hint);
        running = !ours;
    }
    if (running)
        app_say(app, "%s is running already", name);
    if (app->dry_run)
        return running ? print_would(app, name, NULL, NULL)
                       : would_start(app, name);
    if (attach)
        return running_attach(app, name);
    print_result(app, name, paused && !running ? "paused" : "running",
                 !running);
    return EXIT_OK;
}

typedef struct {
    gboolean force;
    int timeout; /* seconds */
} StopOptions;

/* What stop and restart have in common; -1: go on with args[0], a machine. With
 * force alone the guest has no time at all. */
static int
parse_stop(App *app, char **argv, const char *verb, StopOptions *o,
           GStrv *ret_args)
{
    const GOptionEntry entries[] = {
        {"force", 'f', 0, G_OPTION_ARG_NONE, &o->force,
         "Switch off without asking the guest, or after the time of --timeout",
         NULL},
        {"timeout", 't', 0, G_OPTION_ARG_INT, &o->timeout,
         "How long the guest may take (60)", "SECONDS"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    int code = app_parse(app, argv, entries, 1, 1, ret_args);

    if (code < 0)
        code = running_require(app, (*ret_args)[0]);
    if (code < 0 && o->timeout == NOT_GIVEN)
        o->timeout = o->force ? 0 : STOP_TIMEOUT_S;
    else if (code < 0 && (o->timeout < 1 || o->timeout > 86400))
        code = app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "%s: --timeout is 1 to 86400 seconds", verb);
    return code;
}

int
verb_stop(App *app, int argc, char **argv)
{
    StopOptions o = {.timeout = NOT_GIVEN};
    g_auto(GStrv) args = NULL;
    int code = parse_stop(app, argv, "stop", &o, &args);
    if (code >= 0)
        return code;

    bool running = session_is_running(args[0], NULL);
    if (app->dry_run && running)
        return would_stop(app, args[0], "stop", o.force, o.timeout);
    code = running_stop(app, args[0], o.force, o.timeout);
    if (code == EXIT_OK && app->dry_run)
        return print_would(app, args[0], NULL, NULL);
    if (code == EXIT_OK)
        print_result(app, args[0], "off", running);
    return MAX(code, EXIT_OK);
}

int
verb_restart(App *app, int argc, char **argv)
{
    StopOptions o = {.timeout = NOT_GIVEN};
    g_auto(GStrv) args = NULL;
    int code = parse_stop(app, argv, "restart", &o, &args);
    if (code >= 0)
        return code;
    if (!store_exists(args[0]))
        return app_fail(app, EXIT_STATE, "wrong-state", NULL, NULL,
                        "machine '%s' is a throw-away one and would be gone; "
                        "`carrel reset %s` starts its guest again",
                        args[0], args[0]);
    bool running = session_is_running(args[0], NULL);
    if (app->dry_run)
        return running ? would_stop(app, args[0], "restart", o.force, o.timeout)
                       : would_start(app, args[0]);
    const SpawnOptions options = {.paused = false};
    bool ours;
    if (running)
        code = running_stop(app, args[0], o.force, o.timeout);
    if (code <= EXIT_OK) {
        tell_trials(app, args[0]);
        /* what it had a moment ago it has again */
        code = start_with_devices(app, args[0], options, running, &ours);
    }
    if (code != EXIT_OK)
        return code;
    print_result(app, args[0], "running", true);
    return EXIT_OK;
}

/* The verbs that are one request without arguments. done: what is said behind
 * the name afterwards, would: what --dry-run says in front of it. */
static int
simple(App *app, char **argv, const char *op, const char *state,
       const char *done, const char *would)
{
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 1, 1, &args);
    if (code < 0)
        code = running_require(app, args[0]);
    if (code >= 0)
        return code;
    if (app->dry_run) {
        g_autoptr(ControlClient) client = running_open(app, args[0], &code);
        g_autofree char *text = g_strdup_printf("%s %s", would, args[0]);
        return client != NULL ? print_would(app, args[0], op, text) : code;
    }
    code = running_do(app, args[0], control_request(op));
    if (code <= EXIT_OK)
        print_done(app, args[0], state, done);
    return MAX(code, EXIT_OK);
}

int
verb_reset(App *app, int argc, char **argv)
{
    return simple(app, argv, "reset", "running", "was reset",
                  "press the reset button of");
}

int
verb_pause(App *app, int argc, char **argv)
{
    return simple(app, argv, "pause", "paused", "is paused", "pause");
}

int
verb_resume(App *app, int argc, char **argv)
{
    return simple(app, argv, "resume", "running", "is running", "resume");
}

int
verb_wake(App *app, int argc, char **argv)
{
    return simple(app, argv, "wake", "running", "is running", "wake");
}
