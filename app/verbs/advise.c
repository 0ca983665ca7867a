/* app/verbs/advise.c - carrel advise NAME: what each device of a machine could
 * be (emulated, virtio, passed through), and what is advised. */
#include <stdio.h>
#include <string.h>

#include "app/ladder/advice.h"
#include "app/store.h"
#include "app/verbs/run.h"
#include "app/wrap.h"
#include "profiles/paths.h"

/* ---- for people ---- */

static void
print_head(const App *app, const char *name, const Advice *a)
{
    const char *problem = host_facts_problem(&a->host);
    const char *kind = a->look != NULL ? guest_kind_name(a->look->kind) : NULL;
    const char *system = a->look != NULL ? a->look->name : "";
    g_autofree char *guest =
        kind != NULL
            ? g_strdup_printf("%s%s%s", kind, *system ? ": " : "", system)
            : g_strdup_printf("unknown: %s", a->why);
    g_autofree char *can = g_strdup_printf(
        "%u IOMMU groups, %u network cards can be split (SR-IOV)",
        a->host.n_groups, a->host.n_sriov);

    app_say(app, "%s: what its devices could be", name);
    app_say_wrapped(app, "  guest  ", guest);
    if (!a->host.kvm)
        app_say_wrapped(app, "  host   ", "/dev/kvm cannot be used");
    app_say_wrapped(app, "  host   ", problem != NULL ? problem : can);
    app_say(app, "%s", "");
}

/* "disk0", "pointer": the device as people call it. */
static char *
short_name(const AdviceDevice *d)
{
    return rung_device_id(d->key);
}

/* "ide *": a cell of the matrix; several models of a rung share it. */
static char *
cell_of(const AdviceDevice *d, Rung rung)
{
    static const char *const cans[] = {"yes", "?", "no"};
    GString *cell = g_string_new(NULL);

    for (guint i = 0; i < d->options->len; i++) {
        const AdviceOption *o = d->options->pdata[i];
        bool none = *o->value == '\0';
        if (o->rung != rung)
            continue;
        const char *mark = strcmp(o->value, d->now) == 0       ? "*"
                           : strcmp(o->value, d->advised) == 0 ? ">"
                                                               : cans[o->can];
        g_string_append_printf(cell, "%s%s%s%s", cell->len > 0 ? ", " : "",
                               o->value, none ? "" : " ", none ? "no" : mark);
    }
    return g_string_free(cell, FALSE);
}

static void
print_matrix(const App *app, const Advice *a)
{
    static const char *const heads[] = {"", "EMULATED", "VIRTIO",
                                        "PASSED THROUGH"};
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);

    for (gsize i = 0; i < G_N_ELEMENTS(heads); i++)
        g_ptr_array_add(cells, g_strdup(heads[i]));
    for (guint i = 0; i < a->devices->len; i++) {
        const AdviceDevice *d = a->devices->pdata[i];
        g_ptr_array_add(cells, short_name(d));
        for (Rung r = RUNG_EMULATED; r <= RUNG_PASSED_THROUGH; r++)
            g_ptr_array_add(cells, cell_of(d, r));
    }
    app_print_table(app, (const char *const *) cells->pdata,
                    a->devices->len + 1, G_N_ELEMENTS(heads));
    app_say(app, "* now   > advised   yes ? no: possible, not known, not");
}

/* The figures of one metric in a line: "ide 1200, virtio-blk 9900 IOPS". */
static void
print_figures(const App *app, const AdviceDevice *d)
{
    for (guint i = 0; i < d->figures->len; i++) {
        const AdviceFigure *first = d->figures->pdata[i];
        GString *line = g_string_new(NULL);
        bool seen = false;
        for (guint k = 0; k < d->figures->len; k++) {
            const AdviceFigure *f = d->figures->pdata[k];
            if (strcmp(f->metric, first->metric) != 0)
                continue;
            seen |= k < i;
            g_string_append_printf(line, "%s%s %.*f", line->len ? ", " : "",
                                   f->device, f->value < 100 ? 1 : 0, f->value);
        }
        g_autofree char *text =
            g_strdup_printf("%s: %s %s", first->metric, line->str, first->unit);
        if (!seen)
            app_say_wrapped(app, "  measured  ", text);
        g_string_free(line, TRUE);
    }
}

static void
print_option(const App *app, const AdviceOption *o)
{
    bool none = *o->value == '\0';
    g_autofree char *head =
        g_strdup_printf("  %-14s  ", none ? rung_name(o->rung) : o->value);
    g_autofree char *can = g_strdup_printf("%s%s%s", can_name(o->can),
                                           *o->why ? ": " : "", o->why);

    app_say_wrapped(app, head, o->gives);
    app_say_wrapped(app, "                  possible: ", can);
}

static const AdviceOption *
find_option(const AdviceDevice *d, const char *value)
{
    for (guint i = 0; i < d->options->len; i++) {
        const AdviceOption *o = d->options->pdata[i];
        if (strcmp(o->value, value) == 0)
            return o;
    }
    return NULL;
}

static void
print_advised(const App *app, const AdviceDevice *d)
{
    const AdviceOption *to = find_option(d, d->advised);

    app_say(app, "%s", "");
    app_say(app, "%s", d->command);
    if (to != NULL) {
        app_say_wrapped(app, "  gives     ", to->gives);
        app_say_wrapped(app, "  guest     ", to->why);
    }
    app_say_wrapped(app, "  because   ", d->because);
    print_figures(app, d);
}

static void
print_details(const App *app, const AdviceDevice *d)
{
    app_say(app, "%s", "");
    app_say(app, "%s=%s", d->key, d->now);
    for (guint i = 0; i < d->options->len; i++)
        print_option(app, d->options->pdata[i]);
    if (d->command == NULL)
        app_say_wrapped(app, "  leave it: ", d->because);
}

static void
print_advice(const App *app, const char *name, const Advice *a)
{
    unsigned n = 0;

    print_head(app, name, a);
    print_matrix(app, a);
    for (guint i = 0; app->verbose > 0 && i < a->devices->len; i++)
        print_details(app, a->devices->pdata[i]);
    for (guint i = 0; i < a->devices->len; i++) {
        const AdviceDevice *d = a->devices->pdata[i];
        n += d->command != NULL;
        if (d->command != NULL)
            print_advised(app, d);
    }
    app_say(app, "%s", "");
    if (n == 0)
        app_say(app, "Nothing is to be changed.");
    if (a->bench_date != NULL)
        app_say(app, "Figures of this host from %.10s (carrel bench).",
                a->bench_date);
    else
        app_say(app, "No figures of this host yet: run carrel bench.");
    if (app->verbose == 0)
        app_say(app, "Every class with its reasons: carrel advise %s -v", name);
}

/* ---- for programs ---- */

static void
put_host(JsonWriter *w, const HostFacts *host)
{
    json_begin_object(w, "host");
    json_put_bool(w, "kvm", host->kvm);
    json_put_u64(w, "iommu-groups", host->n_groups);
    json_put_bool(w, "vfio", host->vfio);
    json_put_u64(w, "sriov-cards", host->n_sriov);
    json_put_optional(w, "problem", host_facts_problem(host));
    json_end(w);
}

static void
put_guest(JsonWriter *w, const Advice *a)
{
    json_begin_object(w, "guest");
    json_put_string(
        w, "kind",
        guest_kind_name(a->look != NULL ? a->look->kind : GUEST_UNKNOWN));
    json_put_optional(w, "name", a->look != NULL ? a->look->name : NULL);
    json_put_optional(w, "problem", a->why);
    json_begin_array(w, "facts");
    for (guint i = 0; a->look != NULL && i < a->look->facts->len; i++)
        json_put_string(w, NULL, a->look->facts->pdata[i]);
    json_end(w);
    json_end(w);
}

static void
put_option(JsonWriter *w, const AdviceOption *o)
{
    json_begin_object(w, NULL);
    json_put_string(w, "class", rung_name(o->rung));
    json_put_optional(w, "value", o->value);
    json_put_string(w, "possible", can_name(o->can));
    json_put_optional(w, "why", o->why);
    json_put_string(w, "gives", o->gives);
    json_end(w);
}

static void
put_figure(JsonWriter *w, const AdviceFigure *f)
{
    json_begin_object(w, NULL);
    json_put_string(w, "metric", f->metric);
    json_put_string(w, "device", f->device);
    json_put_string(w, "unit", f->unit);
    json_put_double(w, "value", f->value);
    json_put_bool(w, "more-is-better", f->more_is_better);
    json_end(w);
}

static void
put_device(JsonWriter *w, const AdviceDevice *d)
{
    json_begin_object(w, NULL);
    json_put_string(w, "key", d->key);
    json_put_string(w, "now", d->now);
    json_put_string(w, "now-class", rung_name(rung_of(d->now)));
    json_begin_array(w, "options");
    for (guint i = 0; i < d->options->len; i++)
        put_option(w, d->options->pdata[i]);
    json_end(w);
    json_begin_array(w, "measured");
    for (guint i = 0; i < d->figures->len; i++)
        put_figure(w, d->figures->pdata[i]);
    json_end(w);
    json_put_string(w, "advised", d->advised);
    json_put_string(w, "because", d->because);
    json_put_optional(w, "command", d->command);
    json_end(w);
}

static void
put_advice(const char *name, const Advice *a)
{
    JsonWriter *w = json_writer_new();

    json_begin_object(w, NULL);
    json_put_string(w, "name", name);
    put_host(w, &a->host);
    put_guest(w, a);
    json_put_optional(w, "bench-date", a->bench_date);
    json_begin_array(w, "devices");
    for (guint i = 0; i < a->devices->len; i++)
        put_device(w, a->devices->pdata[i]);
    app_print_json(w);
}

int
verb_advise(App *app, int argc, char **argv)
{
    g_auto(GStrv) args = NULL;
    g_autoptr(GError) error = NULL;
    HostFacts host;
    int code = app_parse(app, argv, NULL, 1, 1, &args);

    if (code >= 0)
        return code;
    g_autoptr(Profile) profile = store_load(args[0], &error);
    if (profile == NULL || !profile_validate(profile, &error))
        return app_fail_error(app, error);
    g_autofree char *state = paths_state_dir();
    g_autofree char *file = g_build_filename(state, "bench.json", NULL);
    g_autofree char *bench = NULL;
    (void) g_file_get_contents(file, &bench, NULL, NULL); /* may not exist */
    host_facts_read("/", &host);
    g_autoptr(Advice) advice = advice_new(args[0], profile, &host, bench);
    if (app->json)
        put_advice(args[0], advice);
    else
        print_advice(app, args[0], advice);
    return EXIT_OK;
}
