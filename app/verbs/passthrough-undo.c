/* app/verbs/passthrough-undo.c - carrel passthrough unbind | undo | confirm:
 * the way back, and the end of a trial. What is taken back is shown, from the
 * journal, and asked for, before anybody becomes root. */
#include <stdio.h>
#include <string.h>

#include "app/helper/elevate.h"
#include "app/helper/transaction.h"
#include "app/verbs/passthrough.h"
#include "passthrough-wizard/boot-config.h"

/* The newest change in force that has a step for that function. */
static guint64
find_change(const char *bdf, GError **error)
{
    g_autoptr(GPtrArray) records = journal_read(error);

    for (guint i = records != NULL ? records->len : 0; i-- > 0;) {
        const JournalRecord *r = g_ptr_array_index(records, i);
        if (!journal_in_force(r))
            continue;
        for (guint k = 0; k < r->plan->steps->len; k++)
            if (strcmp(plan_step(r->plan, k)->kind, "driver") == 0 &&
                strcmp(plan_step(r->plan, k)->target, bdf) == 0)
                return r->id;
    }
    return 0;
}

static void
show_record(const App *app, const JournalRecord *r)
{
    app_say(app, "change %" G_GUINT64_FORMAT " (%s):", r->id, r->name);
    for (guint i = r->plan->steps->len; i-- > 0;) {
        StepState state = g_array_index(r->states, StepState, i);
        g_autofree char *back = step_say_undo(plan_step(r->plan, i));
        if (state != STEP_PLANNED && state != STEP_UNDONE)
            app_say(app, "    %s", back);
    }
}

/* Shows what would be taken back, newest first, and asks. id 0: the newest, and
 * *ret_id is which; all: all. False with *ret_code OK: there is nothing. */
static bool
agree(const App *app, guint64 id, bool all, guint64 *ret_id, int *ret_code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) records = journal_read(&error);
    guint n = 0;

    if (records == NULL) {
        *ret_code = app_fail_error(app, error);
        return false;
    }
    *ret_id = id;
    for (guint i = records->len; i-- > 0 && (all || n == 0);) {
        const JournalRecord *r = g_ptr_array_index(records, i);
        if (!journal_in_force(r) || (id != 0 && r->id != id))
            continue;
        n++;
        *ret_id = r->id;
        show_record(app, r);
    }
    *ret_code = EXIT_OK;
    if (n == 0 && id != 0)
        *ret_code = app_fail(
            app, EXIT_NOT_FOUND, "not-found", NULL, "carrel helper list",
            "no change %" G_GUINT64_FORMAT " of passthrough is in force", id);
    else if (n == 0)
        app_say(app, "nothing to take back");
    else if (app->dry_run)
        n = 0; /* it was shown */
    else if (!transaction_ask(app, n == 1 ? "Take this back?"
                                          : "Take all this back?"))
        *ret_code = EXIT_STATE;
    return n > 0 && *ret_code == EXIT_OK;
}

static int
take_back(const App *app, guint64 id, bool all)
{
    g_autoptr(HostRoot) root = NULL;
    guint64 which = 0;
    int code = EXIT_OK;

    elevate_arrive();
    root = passthrough_root(app, NULL, &code);
    if (root == NULL || !agree(app, id, all, &which, &code))
        return code;
    if (!transaction_may(root)) {
        g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, which);
        const char *words[] = {"undo", all ? "--all" : text, "--yes", NULL};
        return elevate_run(app, words);
    }
    HostHand hand = transaction_hand(root);
    return all ? transaction_undo_all(app, &hand)
               : transaction_undo(app, &hand, which);
}

int
passthrough_unbind(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    char bdf[HOST_BDF_SIZE];
    int code = app_parse(app, argv, NULL, 2, 2, &args);

    if (code >= 0)
        return code;
    if (!pci_address_parse(args[1], bdf))
        return app_fail(app, EXIT_USAGE, "usage", NULL,
                        "carrel passthrough list",
                        "unbind: this is no address of a PCI function, such "
                        "as 0000:01:00.0");
    guint64 id = find_change(bdf, &error);
    if (error != NULL)
        return app_fail_error(app, error);
    if (id == 0)
        return app_fail(app, EXIT_NOT_FOUND, "not-found", NULL, NULL,
                        "Carrel has not bound %s, so it does not know what to "
                        "give it back to",
                        bdf);
    return take_back(app, id, false);
}

int
passthrough_undo(App *app, int argc, char **argv)
{
    gboolean all = FALSE;
    const GOptionEntry entries[] = {
        {"all", 'a', 0, G_OPTION_ARG_NONE, &all, "All changes in force", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    guint64 id = 0;
    int code = app_parse(app, argv, entries, 1, 2, &args);

    if (code >= 0)
        return code;
    if (args[1] != NULL && (all || !g_ascii_string_to_unsigned(
                                       args[1], 10, 1, G_MAXINT64, &id, NULL)))
        return app_fail(app, EXIT_USAGE, "usage", NULL, "carrel helper list",
                        "undo: '%s' is no number of a change", args[1]);
    return take_back(app, id, all);
}

int
passthrough_confirm(App *app, int argc, char **argv)
{
    g_autofree char *expect = NULL;
    const GOptionEntry entries[] = {{"expect", 0, 0, G_OPTION_ARG_STRING,
                                     &expect, "Only if the plan has this sum",
                                     "SUM"},
                                    {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    int code = app_parse(app, argv, entries, 1, 1, &args);

    if (code >= 0)
        return code;
    elevate_arrive();
    g_autoptr(HostRoot) root = passthrough_root(app, NULL, &code);
    if (root == NULL)
        return code;
    HostHand hand = transaction_hand(root);
    g_autoptr(Plan) plan = boot_confirm_plan(&hand, &error);
    if (plan == NULL)
        return transaction_fail(app, error);
    if (!transaction_agree(app, &hand, plan, expect))
        return EXIT_STATE;
    if (app->dry_run || transaction_may(root))
        return transaction_apply(app, &hand, plan, NULL);
    g_autofree char *sum = transaction_sum(plan);
    g_autofree char *option = g_strdup_printf("--expect=%s", sum);
    const char *words[] = {"confirm", "--yes", option, NULL};
    return elevate_run(app, words);
}
