/* app/verbs/doctor.c - carrel doctor: is this host ready for machines, and for
 * giving them devices; and what a person can do where it is not. */
#include <stdio.h>
#include <string.h>

#include "app/helper/elevate.h"
#include "app/helper/transaction.h"
#include "app/store.h"
#include "app/user.h"
#include "app/verbs/passthrough.h"
#include "app/verbs/run.h"
#include "app/wrap.h"
#include "passthrough-wizard/checks.h"
#include "passthrough-wizard/fix.h"
#include "passthrough-wizard/record.h"

/* The machine with the most memory: what limits have to be enough for. */
static char *
largest_machine(guint64 *ret_memory)
{
    g_auto(GStrv) names = store_list();
    char *largest = NULL;

    *ret_memory = 0;
    for (unsigned i = 0; names[i] != NULL; i++) {
        g_autoptr(Profile) p = store_load(names[i], NULL);
        guint64 memory = p != NULL ? profile_get_u64(p, "machine.memory") : 0;
        if (memory <= *ret_memory)
            continue;
        *ret_memory = memory;
        g_free(largest);
        largest = g_strdup(names[i]);
    }
    return largest;
}

static void
put_check(JsonWriter *w, const Check *check)
{
    json_begin_object(w, NULL);
    json_put_string(w, "id", check->id);
    json_put_string(w, "state", check_state_id(check->state));
    json_put_string(w, "finding", check->finding);
    json_put_optional(w, "consequence", check->consequence);
    json_put_optional(w, "fix", check->fix);
    json_put_optional(w, "command", check->command);
    json_put_optional(w, "undo", check->undo);
    json_end(w);
}

static void
print_check(const App *app, const Check *check)
{
    g_autofree char *head = g_strdup_printf(
        "%-4s  %-11s  ", check_state_word(check->state), check->title);

    app_say_wrapped(app, head, check->finding);
    if (check->consequence != NULL)
        app_say_wrapped(app, "                   ", check->consequence);
    if (check->fix != NULL)
        app_say_wrapped(app, "                -> ", check->fix);
    if (check->command != NULL)
        app_say(app, "                 $ %s", check->command);
}

static void
show(const App *app, const GPtrArray *checks)
{
    unsigned bad = checks_count(checks, CHECK_BAD);
    unsigned hints = checks_count(checks, CHECK_HINT);

    if (app->json) {
        JsonWriter *w = json_writer_new();
        json_begin_array(w, NULL);
        for (guint i = 0; i < checks->len; i++)
            put_check(w, g_ptr_array_index(checks, i));
        app_print_json(w);
        return;
    }
    for (guint i = 0; i < checks->len; i++)
        print_check(app, g_ptr_array_index(checks, i));
    app_say(app, "%u problem%s, %u hint%s, %u ok", bad, bad == 1 ? "" : "s",
            hints, hints == 1 ? "" : "s", checks_count(checks, CHECK_OK));
}

static int
write_record(const App *app, const HostRoot *root, const HostPci *host,
             const char *file)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        record_host(root, host, "written by carrel doctor --record");

    if (strcmp(file, "-") == 0) {
        fputs(text, stdout);
        return EXIT_OK;
    }
    if (!app_write_file(file, text, strlen(text), &error))
        return app_fail_error(app, error);
    app_say(app,
            "%s: %u devices; no serial numbers, addresses or names of yours "
            "are in it. It is text: read it before you send it.",
            file, host->functions->len);
    return EXIT_OK;
}

/* ---- --fix ---- */

typedef struct {
    char *root, *record, *only, *expect, *who;
    gboolean fix;
    gint64 user;
    gint64 memory; /* of the largest machine; root's process is told */
} Options;

static void
options_clear(Options *o)
{
    g_free(o->root);
    g_free(o->record);
    g_free(o->only);
    g_free(o->expect);
    g_free(o->who);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* The ids that a plan mends; g_strfreev. */
static char **
find_ids(const GPtrArray *checks)
{
    GPtrArray *ids = g_ptr_array_new();

    for (guint i = 0; i < checks->len; i++) {
        const Check *check = g_ptr_array_index(checks, i);
        if (fix_can(check))
            g_ptr_array_add(ids, g_strdup(check->id));
    }
    g_ptr_array_add(ids, NULL);
    return (char **) g_ptr_array_free(ids, FALSE);
}

/* What no plan mends, and whose it is. Returns how many of them are BAD. */
static unsigned
show_rest(const App *app, const GPtrArray *checks)
{
    unsigned n_bad = 0, n = 0;

    for (guint i = 0; i < checks->len; i++) {
        const Check *check = g_ptr_array_index(checks, i);
        const char *who = fix_who(check);
        if (who == NULL)
            continue;
        n_bad += check->state == CHECK_BAD;
        if (n++ == 0)
            app_say(app, "not by a plan:");
        g_autofree char *head =
            g_strdup_printf("  %-4s %-11s  ", who, check->title);
        app_say_wrapped(app, head,
                        check->fix != NULL ? check->fix : check->finding);
        if (check->command != NULL)
            app_say(app, "                     $ %s", check->command);
    }
    return n_bad;
}

static int
hand_over(const App *app, char **ids, const FixWants *wants, const Plan *plan)
{
    g_autofree char *list = g_strjoinv(",", ids);
    g_autofree char *only = g_strconcat("--only=", list, NULL);
    g_autofree char *user =
        g_strdup_printf("--user=%" G_GINT64_FORMAT, wants->user);
    g_autofree char *memory =
        g_strdup_printf("--memory=%" G_GUINT64_FORMAT, wants->memory);
    g_autofree char *sum = transaction_sum(plan);
    g_autofree char *expect = g_strconcat("--expect=", sum, NULL);
    const char *words[] = {"--fix", only, user, memory, "--yes", expect, NULL};

    return elevate_run_verb(app, "doctor", words);
}

static int
fix(const App *app, const HostRoot *root, const HostPci *host,
    const GPtrArray *checks, const Options *o, guint64 memory)
{
    g_autoptr(GError) error = NULL;
    const FixWants wants = {.user = o->user, .memory = memory};
    g_auto(GStrv) ids =
        o->only != NULL ? g_strsplit(o->only, ",", -1) : find_ids(checks);
    HostHand hand = transaction_hand(root);
    unsigned n_bad = o->only == NULL ? show_rest(app, checks) : 0;

    if (ids[0] == NULL) {
        app_say(app, "there is nothing that a plan can mend");
        return n_bad > 0 ? EXIT_PROBLEMS : EXIT_OK;
    }
    g_autoptr(Plan) plan =
        fix_plan(&hand, host, (const char *const *) ids, &wants, &error);
    if (plan == NULL)
        return transaction_fail(app, error);
    if (!transaction_agree(app, &hand, plan, o->expect))
        return EXIT_STATE;
    int code = app->dry_run || transaction_may(root)
                   ? transaction_apply(app, &hand, plan, NULL)
                   : hand_over(app, ids, &wants, plan);
    return code == EXIT_OK && n_bad > 0 ? EXIT_PROBLEMS : code;
}

static int
examine(const App *app, const HostRoot *root, const Options *o)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HostPci) host = host_pci_read(root, &error);
    CheckWants wants = {0};
    g_autofree char *largest = NULL;

    if (o->record != NULL)
        return host != NULL ? write_record(app, root, host, o->record)
                            : app_fail_error(app, error);
    if (o->memory > 0)
        wants.memory = (guint64) o->memory;
    else if (host_root_is_live(root)) { /* ours are not a recording's */
        largest = largest_machine(&wants.memory);
        wants.machine = largest;
    }
    g_autoptr(GPtrArray) checks = checks_run(root, host, &wants);
    if (o->fix)
        return fix(app, root, host, checks, o,
                   wants.memory > 0 ? wants.memory : CHECKS_USUAL_MEMORY);
    show(app, checks);
    return checks_count(checks, CHECK_BAD) > 0 ? EXIT_PROBLEMS : EXIT_OK;
}

/* "--fix=ID" is "--fix --only=ID"; g_strfreev. */
static char **
split_fix(char **argv)
{
    GPtrArray *out = g_ptr_array_new();

    for (gsize i = 0; argv[i] != NULL; i++) {
        const char *ids = argv[i] + strlen("--fix=");
        bool both = g_str_has_prefix(argv[i], "--fix=");
        g_ptr_array_add(out, g_strdup(both ? "--fix" : argv[i]));
        if (both)
            g_ptr_array_add(out, g_strconcat("--only=", ids, NULL));
    }
    g_ptr_array_add(out, NULL);
    return (char **) g_ptr_array_free(out, FALSE);
}

int
verb_doctor(App *app, int argc, char **argv)
{
    g_auto(Options) o = {.user = -1};
    const GOptionEntry entries[] = {
        PASSTHROUGH_ROOT_OPTION(o.root),
        {"record", 0, 0, G_OPTION_ARG_FILENAME, &o.record,
         "Write what was looked at, without names and serials", "FILE"},
        {"fix", 'f', 0, G_OPTION_ARG_NONE, &o.fix,
         "Mend what can be mended, after showing how; --fix=ID,... as --only",
         NULL},
        {"only", 0, 0, G_OPTION_ARG_STRING, &o.only,
         "--fix: these checks, with commas between", "ID,..."},
        {"user", 0, 0, G_OPTION_ARG_STRING, &o.who, "--fix: for whom",
         "NAME|UID"},
        {"memory", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT64, &o.memory,
         "Of the largest machine", "BYTES"},
        {"expect", 0, 0, G_OPTION_ARG_STRING, &o.expect,
         "Only if the plan has this sum", "SUM"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    g_auto(GStrv) words = split_fix(argv);
    int code = app_parse(app, words, entries, 0, 0, &args);

    if (code >= 0)
        return code;
    if (o.record != NULL && app->read_only && strcmp(o.record, "-") != 0)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "doctor --record writes a file; --read-only forbids "
                        "it, but not '-'");
    if (o.fix && app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "doctor --fix changes something; --read-only forbids "
                        "it");
    if (!o.fix && (o.only != NULL || o.expect != NULL || o.who != NULL))
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "--only, --user and --expect go with --fix");
    code = user_option(app, o.who, &o.user);
    if (code >= 0)
        return code;
    if (o.fix && o.user < 0)
        o.user = elevate_user();
    if (o.fix)
        elevate_arrive();
    g_autoptr(HostRoot) root = passthrough_root(app, o.root, &code);
    return root != NULL ? examine(app, root, &o) : code;
}
