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

static int
rehearse(const App *app, const HostRoot *root, const char *const *bdfs,
         guint64 memory, const BindOptions *options)
{
    g_autoptr(GError) error = NULL;
    HostHand hand = transaction_hand(root);
    g_autoptr(HostPci) host = host_pci_read(root, &error);
    g_autoptr(GPtrArray) set =
        host != NULL ? vfio_bind_set(host, bdfs, &error) : NULL;
    g_autoptr(Plan) plan =
        set != NULL ? vfio_bind_plan(&hand, host, bdfs, options, &error) : NULL;
    App quiet = *app;
    guint64 id = 0;

    if (plan == NULL)
        return transaction_fail(app, error);
    quiet.quiet = true; /* the steps of the rehearsal are what is wanted */
    int code = transaction_apply(&quiet, &hand, plan, &id);
    if (code != EXIT_OK || app->dry_run)
        return code;
    g_autoptr(GPtrArray) steps = probe(set, memory);
    code = report(app, steps);
    int back = id != 0 ? transaction_undo(&quiet, &hand, id) : EXIT_OK;
    return back != EXIT_OK ? back : code;
}

int
passthrough_rehearse(App *app, int argc, char **argv)
{
    g_autofree char *memory = NULL;
    gboolean unsafe = FALSE, consent = FALSE;
    const GOptionEntry entries[] = {
        {"memory", 'm', 0, G_OPTION_ARG_STRING, &memory,
         "What the machine would have (" MEMORY_DEFAULT ")", "SIZE"},
        {"unsafe-interrupts", 0, 0, G_OPTION_ARG_NONE, &unsafe,
         "Go on without interrupt remapping", NULL},
        {"consent", 0, 0, G_OPTION_ARG_NONE, &consent,
         "Take what the host itself needs, for that time", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    g_autoptr(HostRoot) root = host_root_open(NULL, NULL);
    guint64 bytes = 0;
    int code = app_parse(app, argv, entries, 2, -1, &args);

    if (code >= 0)
        return code;
    if (!schema_parse_size(memory != NULL ? memory : MEMORY_DEFAULT, &bytes) ||
        bytes < 1 << 20 || bytes > MEMORY_MAX || bytes % 4096 != 0)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "--memory is a size such as 8G, not '%s'", memory);
    if (!transaction_may(root) && !app->dry_run) {
        g_autoptr(GPtrArray) words = g_ptr_array_new();
        g_autofree char *size =
            g_strdup_printf("--memory=%" G_GUINT64_FORMAT, bytes);
        for (gsize i = 0; args[i] != NULL; i++)
            g_ptr_array_add(words, args[i]);
        g_ptr_array_add(words, size);
        if (unsafe)
            g_ptr_array_add(words, (char *) "--unsafe-interrupts");
        if (consent)
            g_ptr_array_add(words, (char *) "--consent");
        g_ptr_array_add(words, NULL);
        return elevate_run(app, (const char *const *) words->pdata);
    }
    elevate_arrive();
    const BindOptions options = {.unsafe_interrupts = unsafe,
                                 .consent = consent};
    return rehearse(app, root, (const char *const *) args + 1, bytes, &options);
}
