/* app/verbs/passthrough-vf.c - carrel passthrough vf list | create | set |
 * remove: the virtual functions of a card. */
#include <stdio.h>
#include <string.h>

#include "app/helper/elevate.h"
#include "app/helper/transaction.h"
#include "app/machines.h"
#include "app/store.h"
#include "app/verbs/passthrough.h"
#include "passthrough-wizard/sriov.h"
#include "profiles/schema.h"

#define MAX_PCI 8 /* as profiles/schema.c has them */

/* ---- list ---- */

/* The machines whose machine.ini has that address, "a, b"; NULL: none. */
static char *
machines_with(const char *bdf)
{
    g_auto(GStrv) names = machine_names();
    GString *text = g_string_new(NULL);

    for (gsize i = 0; names != NULL && names[i] != NULL; i++) {
        g_autoptr(Profile) profile = machine_profile(names[i], NULL);
        for (unsigned k = 0; profile != NULL && k < MAX_PCI; k++) {
            g_autofree char *key = g_strdup_printf("pci%u.host", k);
            char own[HOST_BDF_SIZE] = "";
            const char *value = schema_find_full(key) != NULL
                                    ? profile_get_string(profile, key)
                                    : NULL;
            if (value == NULL || !pci_address_parse(value, own) ||
                strcmp(own, bdf) != 0)
                continue;
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "",
                                   names[i]);
            break;
        }
    }
    return g_string_free(text, text->len == 0);
}

static void
show_vf(const GPtrArray *vfs, const HostPci *host, const HostPciFn *pf,
        unsigned i, JsonWriter *w)
{
    const HostPciFn *vf = host_pci_find(host, pf->vfs[i]);
    const SriovVf *is = sriov_find(vfs, pf->vfs[i]);
    g_autofree char *machines = machines_with(pf->vfs[i]);
    const char *driver = vf != NULL && vf->driver != NULL ? vf->driver : NULL;

    if (w != NULL) {
        json_begin_object(w, NULL);
        json_put_int(w, "vf", i);
        json_put_string(w, "address", pf->vfs[i]);
        json_put_optional(w, "driver", driver);
        json_put_int(w, "group", vf != NULL ? vf->group : -1);
        json_put_optional(w, "machines", machines);
        json_put_optional(w, "state", is->state);
        for (gsize k = 0; k < VF_N_SETTINGS; k++)
            json_put_optional(w, sriov_setting_word((VfSetting) k),
                              is->settings[k]);
        json_end(w);
    } else {
        printf("  vf %u  %s  driver %s  group %d", i, pf->vfs[i],
               driver != NULL ? driver : "none", vf != NULL ? vf->group : -1);
        if (is->state != NULL)
            printf("  %s", is->state);
        for (gsize k = 0; k < VF_N_SETTINGS; k++)
            if (is->settings[k] != NULL)
                printf("  %s=%s", sriov_setting_word((VfSetting) k),
                       is->settings[k]);
        printf("%s%s\n", machines != NULL ? "  machine " : "",
               machines != NULL ? machines : "");
    }
}

static void
show_pf(const GPtrArray *vfs, const HostPci *host, const HostPciFn *pf,
        JsonWriter *w)
{
    if (w != NULL) {
        json_begin_object(w, NULL);
        json_put_string(w, "address", pf->bdf);
        json_put_string(w, "name", pf->device_name);
        json_put_optional(w, "driver", pf->driver);
        json_put_optional(w, "interface",
                          pf->netdevs != NULL ? pf->netdevs[0] : NULL);
        json_put_u64(w, "total", pf->total_vfs);
        json_put_u64(w, "number", pf->num_vfs);
        json_begin_array(w, "vfs");
    } else {
        g_autofree char *title = host_pci_fn_title(pf);
        g_autofree char *clean = app_clean(title);
        printf("%s%s%s: %u of %u\n", clean, pf->netdevs != NULL ? " " : "",
               pf->netdevs != NULL ? pf->netdevs[0] : "", pf->num_vfs,
               pf->total_vfs);
    }
    for (unsigned i = 0; pf->vfs != NULL && pf->vfs[i] != NULL; i++)
        show_vf(vfs, host, pf, i, w);
    if (w != NULL) {
        json_end(w);
        json_end(w);
    }
}

static int
list(const App *app, HostHand *hand, const HostPci *host)
{
    g_autoptr(GPtrArray) vfs = sriov_read(hand, host);
    JsonWriter *w = app->json ? json_writer_new() : NULL;
    unsigned n = 0;

    if (w != NULL)
        json_begin_array(w, NULL);
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        if (fn->total_vfs == 0 || fn->physfn != NULL)
            continue;
        show_pf(vfs, host, fn, w);
        n++;
    }
    if (w != NULL)
        app_print_json(w);
    else if (n == 0)
        app_say(app, "no device of this host has SR-IOV");
    return EXIT_OK;
}

/* ---- change ---- */

typedef struct {
    gboolean persist, host_drivers;
    int queues;
    char *root, *expect;
} VfOptions;

static void
vf_options_clear(VfOptions *o)
{
    g_free(o->root);
    g_free(o->expect);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VfOptions, vf_options_clear)

static int
usage(const App *app)
{
    return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                    "passthrough vf: list, create ADDRESS NUMBER, set ADDRESS "
                    "VF KEY=VALUE..., or remove ADDRESS");
}

static bool
read_number(const char *text, unsigned *ret)
{
    guint64 value;

    if (text == NULL ||
        !g_ascii_string_to_unsigned(text, 10, 0, 65535, &value, NULL))
        return false;
    *ret = (unsigned) value;
    return true;
}

/* args after "vf". NULL and no error: the words are wrong. */
static Plan *
make_plan(HostHand *hand, const HostPci *host, char **args, const VfOptions *o,
          GError **error)
{
    const SriovOptions options = {.host_drivers = o->host_drivers,
                                  .persist = o->persist,
                                  .queues = (unsigned) o->queues};
    guint n_args = g_strv_length(args);
    unsigned n = 0;

    if (strcmp(args[0], "create") == 0 && n_args == 3 &&
        read_number(args[2], &n))
        return sriov_count_plan(hand, host, args[1], n, &options, error);
    if (strcmp(args[0], "remove") == 0 && n_args == 2)
        return sriov_count_plan(hand, host, args[1], 0, &options, error);
    if (strcmp(args[0], "set") == 0 && n_args >= 4 && read_number(args[2], &n))
        return sriov_set_plan(hand, host, args[1], n,
                              (const char *const *) args + 3, o->persist,
                              error);
    return NULL;
}

static int
hand_over(const App *app, char **args, const VfOptions *o, const Plan *plan)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *sum = transaction_sum(plan);

    for (gsize i = 0; args[i] != NULL; i++)
        g_ptr_array_add(all, g_strdup(args[i]));
    g_ptr_array_add(all, g_strdup("--yes"));
    g_ptr_array_add(all, g_strdup_printf("--expect=%s", sum));
    if (o->persist)
        g_ptr_array_add(all, g_strdup("--persist"));
    if (o->host_drivers)
        g_ptr_array_add(all, g_strdup("--host-drivers"));
    if (o->queues > 0)
        g_ptr_array_add(all, g_strdup_printf("--queues=%d", o->queues));
    g_ptr_array_add(all, NULL);
    return elevate_run(app, (const char *const *) all->pdata);
}

static int
change(const App *app, HostHand *hand, const HostPci *host, char **args,
       const VfOptions *o)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = make_plan(hand, host, args + 1, o, &error);

    if (plan == NULL)
        return error != NULL ? transaction_fail(app, error) : usage(app);
    if (!transaction_agree(app, hand, plan, o->expect))
        return EXIT_STATE;
    return app->dry_run || transaction_may(hand->root)
               ? transaction_apply(app, hand, plan, NULL)
               : hand_over(app, args, o, plan);
}

int
passthrough_vf(App *app, int argc, char **argv)
{
    g_auto(VfOptions) o = {0};
    const GOptionEntry entries[] = {
        PASSTHROUGH_ROOT_OPTION(o.root),
        {"persist", 0, 0, G_OPTION_ARG_NONE, &o.persist,
         "After a restart of the host too", NULL},
        {"host-drivers", 0, 0, G_OPTION_ARG_NONE, &o.host_drivers,
         "Let drivers of the host take the new functions", NULL},
        {"queues", 0, 0, G_OPTION_ARG_INT, &o.queues,
         "NVMe: queues and interrupts of each (2)", "N"},
        {"expect", 0, 0, G_OPTION_ARG_STRING, &o.expect,
         "Only if the plan has this sum", "SUM"},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};
    g_auto(GStrv) args = NULL;
    g_autoptr(HostRoot) root = NULL;
    int code = app_parse(app, argv, entries, 2, -1, &args);

    if (code >= 0)
        return code;
    if (o.queues < 0 || o.queues > 65535)
        return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                        "--queues is 1 to 65535");
    bool look = strcmp(args[1], "list") == 0 && args[2] == NULL;
    if (!look && app->read_only)
        return app_fail(app, EXIT_STATE, "read-only", NULL, NULL,
                        "with --read-only nothing is changed");
    if (!look)
        elevate_arrive();
    g_autoptr(HostPci) host = passthrough_look(app, o.root, &root, &code);
    if (host == NULL)
        return code;
    HostHand hand = transaction_hand(root);
    return look ? list(app, &hand, host) : change(app, &hand, host, args, &o);
}
