/* app/verbs/passthrough-look.c - carrel passthrough list, groups and explain:
 * the devices of this host, or of a recorded one, and what may go where. */
#include <stdio.h>
#include <string.h>

#include "app/verbs/passthrough.h"
#include "app/wrap.h"
#include "passthrough-wizard/rebar.h"
#include "passthrough-wizard/report.h"
#include "passthrough-wizard/verdict.h"

HostRoot *
passthrough_root(const App *app, const char *dir, int *ret_code)
{
    g_autoptr(GError) error = NULL;
    HostRoot *root = host_root_open(
        dir != NULL ? dir : g_getenv("CARREL_HOST_ROOT"), &error);

    if (root == NULL)
        *ret_code = app_fail_error(app, error);
    return root;
}

HostPci *
passthrough_look(const App *app, const char *dir, HostRoot **ret_root,
                 int *ret_code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HostRoot) root = passthrough_root(app, dir, ret_code);
    HostPci *host = root != NULL ? host_pci_read(root, &error) : NULL;

    if (root != NULL && host == NULL)
        *ret_code = app_fail_error(app, error);
    else if (host != NULL && ret_root != NULL)
        *ret_root = g_steal_pointer(&root);
    return host;
}

/* The head of each word: its options, then the host. all may be NULL. */
static HostPci *
parse_and_look(App *app, char **argv, unsigned n_args, gboolean *all,
               char ***ret_args, HostRoot **ret_root, int *ret_code)
{
    g_autofree char *dir = NULL;
    const GOptionEntry entries[] = {
        PASSTHROUGH_ROOT_OPTION(dir),
        {all != NULL ? "all" : NULL, 'a', 0, G_OPTION_ARG_NONE, all,
         "Bridges and parts of the chipset too", NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL}};

    *ret_code =
        app_parse(app, argv, entries, (int) n_args, (int) n_args, ret_args);
    return *ret_code >= 0 ? NULL
                          : passthrough_look(app, dir, ret_root, ret_code);
}

/* ---- JSON ---------------------------------------------------------------- */

static void
put_addresses(JsonWriter *w, const char *key, const GPtrArray *functions)
{
    json_begin_array(w, key);
    for (guint i = 0; i < functions->len; i++)
        json_put_string(w, NULL,
                        ((HostPciFn *) g_ptr_array_index(functions, i))->bdf);
    json_end(w);
}

static void
put_verdict(JsonWriter *w, const HostPci *host, const HostPciFn *fn)
{
    g_autoptr(Verdict) v = verdict_of(host, fn);

    json_begin_object(w, "verdict");
    json_put_string(w, "kind", verdict_kind_id(v->kind));
    put_addresses(w, "take", v->take);
    put_addresses(w, "others", v->others);
    json_begin_array(w, "reasons");
    for (guint i = 0; i < v->reasons->len; i++) {
        const VerdictReason *r = g_ptr_array_index(v->reasons, i);
        json_begin_object(w, NULL);
        json_put_string(w, "id", r->id);
        json_put_string(w, "kind", verdict_kind_id(r->kind));
        json_put_string(w, "text", r->text);
        json_put_optional(w, "remedy", r->remedy);
        json_put_optional(w, "command", r->command);
        json_end(w);
    }
    json_end(w);
    json_end(w);
}

static void
put_uses(JsonWriter *w, const HostPciFn *fn)
{
    json_begin_array(w, "uses");
    for (guint i = 0; i < fn->uses->len; i++) {
        const HostUse *use = g_ptr_array_index(fn->uses, i);
        json_begin_object(w, NULL);
        json_put_string(w, "kind", report_use_id(use->kind));
        json_put_optional(w, "what", use->what);
        json_put_optional(w, "program", use->comm);
        if (use->pid != 0)
            json_put_u64(w, "pid", use->pid);
        json_end(w);
    }
    json_end(w);
}

static void
put_sriov(JsonWriter *w, const HostPciFn *fn)
{
    if (fn->physfn != NULL) {
        json_put_string(w, "physical-function", fn->physfn);
        json_put_int(w, "vf", fn->vf_index);
    }
    if (fn->total_vfs == 0)
        return;
    json_begin_object(w, "sriov");
    json_put_u64(w, "total", fn->total_vfs);
    json_put_u64(w, "now", fn->num_vfs);
    json_begin_array(w, "vfs");
    for (unsigned i = 0; fn->vfs != NULL && fn->vfs[i] != NULL; i++)
        json_put_string(w, NULL, fn->vfs[i]);
    json_end(w);
    json_end(w);
}

static void
put_fn(JsonWriter *w, const HostPci *host, const HostPciFn *fn)
{
    char id[16];

    json_begin_object(w, NULL);
    json_put_string(w, "address", fn->bdf);
    g_snprintf(id, sizeof(id), "%04x:%04x", fn->vendor, fn->device);
    json_put_string(w, "id", id);
    json_put_string(w, "class", fn->class_name);
    json_put_string(w, "vendor", fn->vendor_name);
    json_put_string(w, "device", fn->device_name);
    json_put_optional(w, "driver", fn->driver);
    if (fn->group >= 0)
        json_put_int(w, "group", fn->group);
    json_put_string(w, "reset", report_reset_id(fn->reset));
    if (fn->boot_vga >= 0)
        json_put_bool(w, "boot-display", fn->boot_vga == 1);
    put_sriov(w, fn);
    put_uses(w, fn);
    put_verdict(w, host, fn);
    json_end(w);
}

/* ---- list ---------------------------------------------------------------- */

/* "can go", "if: network", "no: boot-disk" */
static char *
verdict_cell(const Verdict *v)
{
    const VerdictReason *worst =
        v->reasons->len > 0 ? g_ptr_array_index(v->reasons, 0) : NULL;

    if (v->kind == VERDICT_CAN)
        return g_strdup("can go");
    return g_strdup_printf("%s: %s", v->kind == VERDICT_IF ? "if" : "no",
                           worst->id);
}

static char *
group_cell(const HostPciFn *fn)
{
    return fn->group < 0 ? g_strdup("-") : g_strdup_printf("%d", fn->group);
}

static void
print_list(const App *app, const HostPci *host, bool all)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    static const char *const heads[] = {"ADDRESS", "GROUP",   "DRIVER",
                                        "CLASS",   "VERDICT", "NAME"};
    unsigned n_rows = 1, hidden = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(heads); i++)
        g_ptr_array_add(cells, g_strdup(heads[i]));
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        if (!all && !verdict_is_candidate(host, fn)) {
            hidden++;
            continue;
        }
        g_autoptr(Verdict) v = verdict_of(host, fn);
        g_ptr_array_add(cells, g_strdup(report_short(fn)));
        g_ptr_array_add(cells, group_cell(fn));
        g_ptr_array_add(cells, g_strdup(fn->driver != NULL ? fn->driver : "-"));
        g_ptr_array_add(cells, g_strdup(fn->class_name));
        g_ptr_array_add(cells, verdict_cell(v));
        g_ptr_array_add(
            cells, g_strdup_printf("%s %s", fn->vendor_name, fn->device_name));
        n_rows++;
    }
    app_print_table(app, (const char *const *) cells->pdata, n_rows,
                    G_N_ELEMENTS(heads));
    if (hidden > 0)
        app_say(app, "%u bridges and parts of the chipset: --all", hidden);
    app_say(app, "`carrel passthrough explain ADDRESS` says why.");
}

int
passthrough_list(App *app, int argc, char **argv)
{
    gboolean all = FALSE;
    g_auto(GStrv) args = NULL;
    int code = EXIT_OK;
    g_autoptr(HostPci) host =
        parse_and_look(app, argv, 1, &all, &args, NULL, &code);

    if (host == NULL)
        return code;
    if (!app->json) {
        print_list(app, host, all);
        return EXIT_OK;
    }
    JsonWriter *w = json_writer_new();
    json_begin_array(w, NULL);
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        if (all || verdict_is_candidate(host, fn))
            put_fn(w, host, fn);
    }
    app_print_json(w);
    return EXIT_OK;
}

/* ---- groups -------------------------------------------------------------- */

static bool
is_isolated(ReportCause cause)
{
    return cause == REPORT_CAUSE_NONE || cause == REPORT_CAUSE_CARD;
}

static void
put_group(JsonWriter *w, const HostPci *host, const HostGroup *group)
{
    ReportCause cause = report_group_cause(host, group);
    g_autofree char *why = report_group_cause_text(host, group);

    json_begin_object(w, NULL);
    json_put_int(w, "group", group->id);
    json_put_optional(w, "type", group->type);
    json_put_bool(w, "isolated", is_isolated(cause));
    json_put_optional(w, "why", why);
    json_put_optional(w, "remedy", report_group_remedy(cause));
    json_begin_array(w, "functions");
    for (guint i = 0; i < group->functions->len; i++)
        put_fn(w, host, g_ptr_array_index(group->functions, i));
    json_end(w);
    json_end(w);
}

static void
print_group(const App *app, const HostPci *host, const HostGroup *group)
{
    ReportCause cause = report_group_cause(host, group);
    g_autofree char *why = report_group_cause_text(host, group);
    const char *remedy = report_group_remedy(cause);

    app_say(app, "group %d%s", group->id,
            is_isolated(cause) ? "" : "  not isolated");
    for (guint i = 0; i < group->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(group->functions, i);
        app_say(app, "  %s  %-9s %-14s %s %s", report_short(fn), fn->class_name,
                fn->driver != NULL ? fn->driver : "-", fn->vendor_name,
                fn->device_name);
    }
    if (why != NULL && !is_isolated(cause))
        app_say_wrapped(app, "  why     ", why);
    if (remedy != NULL)
        app_say_wrapped(app, "  remedy  ", remedy);
}

int
passthrough_groups(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    int code = EXIT_OK;
    g_autoptr(HostPci) host =
        parse_and_look(app, argv, 1, NULL, &args, NULL, &code);

    if (host == NULL)
        return code;
    if (host->groups->len == 0) {
        g_auto(ReportIommuFinding) f = {0};
        report_iommu(host, &f);
        return app_fail(app, EXIT_HOST, "no-iommu", f.remedy, f.command,
                        "there are no IOMMU groups: %s", f.finding);
    }
    g_autoptr(JsonWriter) w = json_writer_new();
    json_begin_array(w, NULL);
    for (guint i = 0; i < host->groups->len; i++) {
        const HostGroup *group = g_ptr_array_index(host->groups, i);
        if (app->json)
            put_group(w, host, group);
        else
            print_group(app, host, group);
    }
    if (app->json)
        app_print_json(g_steal_pointer(&w));
    return EXIT_OK;
}

/* ---- explain ------------------------------------------------------------- */

static void
print_reason(const App *app, const VerdictReason *r)
{
    app_say_wrapped(app, r->kind == VERDICT_CAN ? "  note  " : "  - ", r->text);
    if (r->remedy != NULL)
        app_say_wrapped(app, "    -> ", r->remedy);
    if (r->command != NULL)
        app_say(app, "    $ %s", r->command);
}

static void
print_uses(const App *app, const HostPciFn *fn)
{
    for (guint i = 0; i < fn->uses->len; i++) {
        g_autofree char *text = report_use(g_ptr_array_index(fn->uses, i));
        app_say_wrapped(app, i == 0 ? "  used by     " : "              ",
                        text);
    }
}

static void
print_facts(const App *app, const HostPci *host, const HostPciFn *fn,
            const Verdict *v)
{
    const HostGroup *group = host_pci_group(host, fn->group);
    g_autofree char *reset = report_reset(host, fn);
    g_autofree char *acs = report_acs(host, fn);

    app_say(app, "  id          %04x:%04x, subsystem %04x:%04x", fn->vendor,
            fn->device, fn->subvendor, fn->subdevice);
    app_say(app, "  driver      %s", fn->driver != NULL ? fn->driver : "none");
    if (group != NULL) {
        g_autofree char *all = report_addresses(group->functions);
        g_autofree char *text = g_strdup_printf("%d: %s", group->id, all);
        app_say_wrapped(app, "  group       ", text);
    }
    app_say_wrapped(app, "  kept apart  ", acs);
    app_say_wrapped(app, "  reset       ", reset);
    if (fn->total_vfs > 0)
        app_say(app, "  SR-IOV      %u of %u virtual functions", fn->num_vfs,
                fn->total_vfs);
    if (fn->physfn != NULL)
        app_say(app, "  SR-IOV      virtual function %d of %s", fn->vf_index,
                fn->physfn);
    print_uses(app, fn);
    if (v->stay->len > 0) {
        g_autofree char *stay = report_addresses(v->stay);
        app_say(app, "  stays       %s: bridges, harmless", stay);
    }
}

static void
print_explanation(const App *app, const HostPci *host, const HostPciFn *fn,
                  const Verdict *v)
{
    g_autofree char *title = host_pci_fn_title(fn);
    g_autofree char *take = report_addresses(v->take);

    app_say(app, "%s", title);
    app_say(app, "%s%s", verdict_kind_words(v->kind),
            v->kind == VERDICT_CAN  ? ""
            : v->kind == VERDICT_IF ? ":"
                                    : ", because:");
    for (guint i = 0; i < v->reasons->len; i++)
        print_reason(app, g_ptr_array_index(v->reasons, i));
    app_say(app, "%s", "");
    print_facts(app, host, fn, v);
    if (v->kind != VERDICT_CANNOT)
        app_say(app, "  goes        %s", take);
}

/* 0: can go; 8: on a condition, or not; 6: the host cannot at all. */
static int
exit_code_of(const HostPci *host, const Verdict *v)
{
    if (!host->iommu.enabled || host->groups->len == 0)
        return EXIT_HOST;
    return v->kind == VERDICT_CAN ? EXIT_OK : EXIT_PROBLEMS;
}

int
passthrough_explain(App *app, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) args = NULL;
    g_autoptr(HostRoot) root = NULL;
    int code = EXIT_OK;
    g_autoptr(HostPci) host =
        parse_and_look(app, argv, 2, NULL, &args, &root, &code);

    if (host == NULL)
        return code;
    const HostPciFn *fn = host_pci_require(host, args[1], &error);
    if (fn == NULL)
        return app_fail_error(app, error);
    g_autoptr(Verdict) v = verdict_of(host, fn);
    if (app->json) {
        JsonWriter *w = json_writer_new();
        put_fn(w, host, fn);
        app_print_json(w);
    } else {
        print_explanation(app, host, fn, v);
        g_autofree char *bar = rebar_describe(root, fn->bdf);
        if (bar != NULL)
            app_say_wrapped(app, "  resizable   ", bar);
    }
    return exit_code_of(host, v);
}
