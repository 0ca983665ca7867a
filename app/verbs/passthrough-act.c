/* app/verbs/passthrough-act.c - carrel passthrough plan | bind | unbind |
 * apply | hold: the way there. A user's process makes the plan, shows
 * it and asks; root's makes it again and does it only when it is the same. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app/helper/elevate.h"
#include "app/helper/hold-plan.h"
#include "app/helper/hold.h"
#include "app/names.h"
#include "app/user.h"
#include "app/verbs/passthrough.h"
#include "passthrough-wizard/boot-config.h"
#include "profiles/pci-address.h"
#include "profiles/schema.h"
#include "vmm/core/sysutil.h"

typedef struct {
    char *root, *who, *when, *expect, *memory;
    int huge_pages;
    gboolean unsafe, consent, console;
    char *fifo, *pages, *machine, **rebars; /* of hold */
    char **macs; /* of hold: "0000:01:10.0=52:54:00:12:34:56"; NULL: none */
    gint64 uid;
    BindOptions bind;
} Options;

static void
options_clear(Options *o)
{
    g_free(o->root);
    g_free(o->who);
    g_free(o->when);
    g_free(o->expect);
    g_free(o->memory);
    g_free(o->fifo);
    g_free(o->pages);
    g_free(o->machine);
    g_strfreev(o->rebars);
    g_strfreev(o->macs);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* -1: go on. */
static int
read_options(App *app, char **argv, int min, Options *o, char ***ret_args)
{
    const GOptionEntry entries[] = {
        PASSTHROUGH_ROOT_OPTION(o->root),
        {"when", 'w', 0, G_OPTION_ARG_STRING, &o->when,
         "start (and given back at stop), boot or now", "WHEN"},
        {"user", 0, 0, G_OPTION_ARG_STRING, &o->who, "Who may open it",
         "NAME|UID"},
        {"memory", 'm', 0, G_OPTION_ARG_STRING, &o->memory,
         "Let the user lock that much for machines", "SIZE"},
        {"huge-pages", 0, 0, G_OPTION_ARG_INT, &o->huge_pages,
         "Have at least N huge pages of 2 MiB", "N"},
        {"unsafe-interrupts", 0, 0, G_OPTION_ARG_NONE, &o->unsafe,
         "Go on without interrupt remapping", NULL},
        {"consent", 0, 0, G_OPTION_ARG_NONE, &o->consent,
         "Give away what the host itself needs", NULL},
        {"console", 0, 0, G_OPTION_ARG_NONE, &o->console,
         "Hand the host's console over with its card", NULL},
        {"expect", 0, 0, G_OPTION_ARG_STRING, &o->expect,
         "Only if the plan has this sum", "SUM"},
        {"fifo", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_FILENAME, &o->fifo,
         "Give back when nobody writes to it any more", "PATH"},
        {"pages", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &o->pages,
         "hold: have N free huge pages of that size", "SIZE:N"},
        {"machine", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &o->machine,
         "hold: whose pages these are", "NAME"},
        {"rebar", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING_ARRAY,
         &o->rebars, "hold: the size of its largest BAR", "ADDRESS=SIZE"},
        {"mac", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING_ARRAY, &o->macs,
         "Give a virtual function that address", "ADDRESS=MAC"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    guint64 bytes = 0;

    int code = app_parse(app, argv, entries, min, -1, ret_args);
    if (code >= 0)
        return code;
    if (o->when != NULL && strcmp(o->when, "start") != 0 &&
        strcmp(o->when, "boot") != 0 && strcmp(o->when, "now") != 0)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "--when is start, boot or now, not '%s'", o->when);
    if (o->memory != NULL && !schema_parse_size(o->memory, &bytes))
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "--memory is a size such as 8G, not '%s'", o->memory);
    if (o->huge_pages < 0 || o->huge_pages > 1 << 22)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "--huge-pages is 0 to %d", 1 << 22);
    o->uid = elevate_user();
    code = user_option(app, o->who, &o->uid);
    if (code >= 0)
        return code;
    elevate_arrive();
    o->bind = (BindOptions){.user = o->uid,
                            .memory = bytes,
                            .huge_pages = (guint64) o->huge_pages,
                            .unsafe_interrupts = o->unsafe,
                            .consent = o->consent,
                            .console = o->console};
    return -1;
}

static Plan *
make_plan(HostHand *hand, const HostPci *host, const char *const *bdfs,
          const Options *o, GError **error)
{
    if (g_strcmp0(o->when, "boot") == 0)
        return boot_plan(hand, host, bdfs, &o->bind, error);
    return vfio_bind_plan(hand, host, bdfs, &o->bind, error);
}

/* `carrel start` binds by itself: before that there is only what lasts to do. */
static void
keep_lasting(Plan *plan)
{
    for (guint i = plan->steps->len; i-- > 0;)
        if (!step_is_lasting(plan_step(plan, i)))
            g_ptr_array_remove_index(plan->steps, i);
    plan_note(plan, "`carrel start` binds the devices that machine.ini names, "
                    "and gives them back when the machine is gone");
}

/* The words for root's process: all that the plan depends on. */
static int
hand_over(const App *app, const char *word, char **bdfs, const Options *o,
          const Plan *plan)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *sum = transaction_sum(plan);

    g_ptr_array_add(words, g_strdup(word));
    for (gsize i = 0; bdfs[i] != NULL; i++)
        g_ptr_array_add(words, g_strdup(bdfs[i]));
    g_ptr_array_add(words, g_strdup("--yes"));
    g_ptr_array_add(words, g_strdup_printf("--expect=%s", sum));
    g_ptr_array_add(words, g_strdup_printf("--user=%" G_GINT64_FORMAT, o->uid));
    if (o->when != NULL)
        g_ptr_array_add(words, g_strdup_printf("--when=%s", o->when));
    if (o->memory != NULL)
        g_ptr_array_add(words, g_strdup_printf("--memory=%s", o->memory));
    if (o->huge_pages > 0)
        g_ptr_array_add(words,
                        g_strdup_printf("--huge-pages=%d", o->huge_pages));
    if (o->unsafe)
        g_ptr_array_add(words, g_strdup("--unsafe-interrupts"));
    if (o->consent)
        g_ptr_array_add(words, g_strdup("--consent"));
    if (o->console)
        g_ptr_array_add(words, g_strdup("--console"));
    g_ptr_array_add(words, NULL);
    return elevate_run(app, (const char *const *) words->pdata);
}

/* word: "plan" shows only. */
static int
plan_and_do(App *app, char **argv, const char *word, const char *when)
{
    g_auto(Options) o = {0};
    g_auto(GStrv) args = NULL;
    g_autoptr(HostRoot) root = NULL;
    g_autoptr(GError) error = NULL;
    int code = read_options(app, argv, 2, &o, &args);

    if (code >= 0)
        return code;
    if (when != NULL && o.when == NULL)
        o.when = g_strdup(when);
    g_autoptr(HostPci) host = passthrough_look(app, o.root, &root, &code);
    if (host == NULL)
        return code;
    HostHand hand = transaction_hand(root);
    g_autoptr(Plan) plan =
        make_plan(&hand, host, (const char *const *) args + 1, &o, &error);
    if (plan == NULL)
        return transaction_fail(app, error);
    if (strcmp(word, "apply") == 0 && strcmp(o.when, "start") == 0)
        keep_lasting(plan);
    if (strcmp(word, "plan") == 0 && !app->dry_run) {
        transaction_show(app, plan);
        return EXIT_OK;
    }
    if (!transaction_agree(app, &hand, plan, o.expect))
        return EXIT_STATE;
    return app->dry_run || transaction_may(root)
               ? transaction_apply(app, &hand, plan, NULL)
               : hand_over(app, word, args + 1, &o, plan);
}

int
passthrough_plan(App *app, int argc, char **argv)
{
    return plan_and_do(app, argv, "plan", "start");
}

int
passthrough_bind(App *app, int argc, char **argv)
{
    return plan_and_do(app, argv, "bind", "now");
}

int
passthrough_apply(App *app, int argc, char **argv)
{
    return plan_and_do(app, argv, "apply", "start");
}

/* From the change to the process that takes it back no signal may come between:
 * sudo sends SIGHUP to all that it started when its terminal goes. */
static int
hold_plan(const App *app, HostHand *hand, Plan *plan, int fd)
{
    guint64 id = 0;
    sigset_t mask;

    transaction_block(&mask);
    for (guint i = 0; i < plan->notes->len; i++)
        app_note(app, "%s", (char *) g_ptr_array_index(plan->notes, i));
    int code = transaction_apply(app, hand, plan, &id);
    /* 0: bound already, for longer */
    if (code == EXIT_OK && id != 0 && !hold_wait(app, fd, id)) {
        (void) transaction_undo(app, hand, id);
        code = EXIT_FAILED;
    }
    (void) pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return code;
}

/* Each --mac is of a function that is held: nobody's else is told another. */
static bool
macs_are_held(char *const *bdfs, char *const *macs)
{
    char bdf[HOST_BDF_SIZE];

    for (gsize i = 0; macs != NULL && macs[i] != NULL; i++) {
        bool held = false;
        gsize len = strcspn(macs[i], "=");
        for (gsize k = 0; bdfs[k] != NULL && !held; k++)
            held = pci_address_parse(bdfs[k], bdf) && strlen(bdf) == len &&
                   strncmp(macs[i], bdf, len) == 0;
        if (!held)
            return false;
    }
    return true;
}

/* Bound for as long as somebody has the FIFO open: what `carrel start` runs. */
int
passthrough_hold(App *app, int argc, char **argv)
{
    g_auto(Options) o = {0};
    g_auto(GStrv) args = NULL;
    g_autoptr(HostRoot) root = NULL;
    g_autoptr(GError) error = NULL;
    int code = read_options(app, argv, 1, &o, &args);

    if (code >= 0)
        return code;
    if (args[1] == NULL && o.pages == NULL)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "hold: name a device, or --pages");
    if (o.fifo == NULL)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "hold: --fifo is missing");
    if (o.console && o.expect == NULL)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "hold: --console only for a plan that somebody saw "
                        "(--expect)");
    if (o.consent || o.unsafe) /* nobody is shown a plan and asked */
        return app_fail(app, EXIT_USAGE, "usage", NULL,
                        "carrel passthrough bind",
                        "hold: no --consent and no --unsafe-interrupts; bind "
                        "the device by hand for that");
    if (!macs_are_held(args + 1, o.macs))
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "hold: --mac=ADDRESS=MAC is for a device that is "
                        "held");
    if (o.machine != NULL && !machine_name_check(o.machine, &error))
        return app_fail_error(app, error);
    CARREL_AUTO_FD int fd = hold_open(app, o.fifo, o.uid);
    if (fd < 0)
        return EXIT_FAILED;
    g_autofree char *owner =
        o.machine != NULL ? hold_plan_owner(o.uid, o.machine) : NULL;
    if (!hold_wait_earlier(app, args + 1, owner))
        return EXIT_STATE;
    g_autoptr(HostPci) host = passthrough_look(app, NULL, &root, &code);
    if (host == NULL)
        return code;
    HostHand hand = transaction_hand(root);
    const HoldWish wish = {.devices = args + 1,
                           .macs = o.macs,
                           .rebars = o.rebars,
                           .pages = o.pages,
                           .machine = o.machine,
                           .bind = o.bind};
    g_autoptr(Plan) plan = hold_plan_make(&hand, host, &wish, &error);
    if (plan == NULL)
        return transaction_fail(app, error);
    if (o.expect != NULL && !transaction_agree(app, &hand, plan, o.expect))
        return EXIT_STATE;
    char *title = g_strconcat(JOURNAL_HOLD, plan->title, NULL);
    g_free(plan->title);
    plan->title = title;
    return hold_plan(app, &hand, plan, fd);
}
