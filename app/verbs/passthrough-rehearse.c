/* app/verbs/passthrough-rehearse.c - carrel passthrough rehearse: all that a
 * machine does with a device, without one. Binds it for that time. */
#include <stdio.h>
#include <string.h>

#include "app/helper/elevate.h"
#include "app/helper/transaction.h"
#include "app/verbs/passthrough.h"
#include "devices/vfio/vfio-probe.h"
#include "passthrough-wizard/vfio-bind.h"
#include "profiles/schema.h"

#define MEMORY_DEFAULT "256M"
#define MEMORY_MAX     (G_GUINT64_CONSTANT(1) << 42)

static int
report(const App *app, const GPtrArray *steps)
{
    JsonWriter *w = app->json ? json_writer_new() : NULL;
    unsigned bad = 0;

    if (w != NULL)
        json_begin_array(w, NULL);
    for (guint i = 0; i < steps->len; i++) {
        const VfioProbeStep *s = g_ptr_array_index(steps, i);
        bad += s->failed;
        if (w == NULL && !app->quiet)
            printf("%-4s %9.3f ms  %s: %s\n", s->failed ? "BAD" : "ok",
                   (double) s->ns / 1e6, s->what, s->outcome);
        if (w == NULL)
            continue;
        json_begin_object(w, NULL);
        json_put_string(w, "step", s->what);
        json_put_bool(w, "ok", !s->failed);
        json_put_string(w, "outcome", s->outcome);
        json_put_int(w, "ns", s->ns);
        json_end(w);
    }
    if (w != NULL)
        app_print_json(w);
    return bad > 0 ? EXIT_PROBLEMS : EXIT_OK;
}

static GPtrArray *
probe(const GPtrArray *set, guint64 memory)
{
    g_autofree const char **bdfs = g_new0(const char *, set->len + 1);
    g_autofree int *groups = g_new0(int, set->len + 1);

    for (guint i = 0; i < set->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(set, i);
        bdfs[i] = fn->bdf;
        groups[i] = fn->group;
    }
    const VfioProbeSpec spec = {bdfs, groups, memory};
    return vfio_probe(&spec);
}

typedef struct {
    char *memory, *expect;
    gboolean unsafe, consent;
    guint64 bytes;
} Options;

static void
options_clear(Options *o)
{
    g_free(o->memory);
    g_free(o->expect);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* Root's process makes the plan again, and does it only when it is the same. */
static int
hand_over(const App *app, char **args, const Options *o, const Plan *plan)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *sum = transaction_sum(plan);

    for (gsize i = 0; args[i] != NULL; i++)
        g_ptr_array_add(words, g_strdup(args[i]));
    g_ptr_array_add(words, g_strdup("--yes"));
    g_ptr_array_add(words, g_strdup_printf("--expect=%s", sum));
    g_ptr_array_add(words,
                    g_strdup_printf("--memory=%" G_GUINT64_FORMAT, o->bytes));
    if (o->unsafe)
        g_ptr_array_add(words, g_strdup("--unsafe-interrupts"));
    if (o->consent)
        g_ptr_array_add(words, g_strdup("--consent"));
    g_ptr_array_add(words, NULL);
    return elevate_run(app, (const char *const *) words->pdata);
}

static int
do_it(const App *app, HostHand *hand, Plan *plan, const GPtrArray *set,
      guint64 memory)
{
    App quiet = *app;
    guint64 id = 0;

    quiet.quiet = true; /* the steps of the rehearsal are what is wanted */
    int code = transaction_apply(&quiet, hand, plan, &id);
    if (code != EXIT_OK || app->dry_run)
        return code;
    g_autoptr(GPtrArray) steps = probe(set, memory);
    code = report(app, steps);
    int back = id != 0 ? transaction_undo(&quiet, hand, id) : EXIT_OK;
    return back != EXIT_OK ? back : code;
}

/* With --json the answer is the rehearsal's alone. */
static bool
agree(const App *app, const HostHand *hand, const Plan *plan,
      const char *expect)
{
    if (expect != NULL)
        return transaction_agree(app, hand, plan, expect);
    if (app->dry_run || app->yes || plan->steps->len == 0)
        return true;
    if (!app->json)
        transaction_show(app, plan);
    return transaction_ask(
        app, "Do this, try the device, and take it back at once?");
}

static int
rehearse(const App *app, const HostRoot *root, char **args, const Options *o)
{
    const char *const *bdfs = (const char *const *) args + 1;
    const BindOptions options = {.unsafe_interrupts = o->unsafe,
                                 .consent = o->consent};
    g_autoptr(GError) error = NULL;
    HostHand hand = transaction_hand(root);
    g_autoptr(HostPci) host = host_pci_read(root, &error);
    g_autoptr(GPtrArray) set =
        host != NULL ? vfio_bind_set(host, bdfs, &error) : NULL;
    g_autoptr(Plan) plan =
        set != NULL ? vfio_bind_plan(&hand, host, bdfs, &options, &error)
                    : NULL;

    if (plan == NULL)
        return transaction_fail(app, error);
    if (!agree(app, &hand, plan, o->expect))
        return EXIT_STATE;
    return app->dry_run || transaction_may(root)
               ? do_it(app, &hand, plan, set, o->bytes)
               : hand_over(app, args, o, plan);
}

int
passthrough_rehearse(App *app, int argc, char **argv)
{
    g_auto(Options) o = {0};
    const GOptionEntry entries[] = {
        {"memory", 'm', 0, G_OPTION_ARG_STRING, &o.memory,
         "What the machine would have (" MEMORY_DEFAULT ")", "SIZE"},
        {"unsafe-interrupts", 0, 0, G_OPTION_ARG_NONE, &o.unsafe,
         "Go on without interrupt remapping", NULL},
        {"consent", 0, 0, G_OPTION_ARG_NONE, &o.consent,
         "Take what the host itself needs, for that time", NULL},
        {"expect", 0, 0, G_OPTION_ARG_STRING, &o.expect,
         "Only if the plan has this sum", "SUM"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, entries, 2, -1, &args);

    if (code >= 0)
        return code;
    if (!schema_parse_size(o.memory != NULL ? o.memory : MEMORY_DEFAULT,
                           &o.bytes) ||
        o.bytes < 1 << 20 || o.bytes > MEMORY_MAX || o.bytes % 4096 != 0)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "--memory is a size such as 8G, not '%s'", o.memory);
    elevate_arrive();
    g_autoptr(HostRoot) root = passthrough_root(app, NULL, &code);
    return root != NULL ? rehearse(app, root, args, &o) : code;
}
