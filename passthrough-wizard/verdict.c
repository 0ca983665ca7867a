/* passthrough-wizard/verdict.c - one row a reason, in the order in which a
 * person has to deal with them. */
#include "passthrough-wizard/verdict.h"

#include <string.h>

#include "passthrough-wizard/report.h"
#include "passthrough-wizard/verdict-internal.h"

const char *
verdict_kind_words(VerdictKind kind)
{
    static const char *const words[] = {"can go", "can go, if", "cannot go"};
    return words[kind];
}

const char *
verdict_kind_id(VerdictKind kind)
{
    static const char *const ids[] = {"can", "if", "cannot"};
    return ids[kind];
}

static void
reason_free(gpointer data)
{
    VerdictReason *r = data;

    g_free(r->text);
    g_free(r->remedy);
    g_free(r->command);
    g_free(r);
}

void
verdict_free(Verdict *verdict)
{
    if (verdict == NULL)
        return;
    g_ptr_array_unref(verdict->reasons);
    g_ptr_array_unref(verdict->take);
    g_ptr_array_unref(verdict->others);
    g_ptr_array_unref(verdict->stay);
    g_free(verdict);
}

VerdictReason *
verdict_add(VerdictCase *c, VerdictKind kind, char *text, const char *remedy)
{
    VerdictReason *r = g_new0(VerdictReason, 1);

    r->id = c->id;
    r->kind = kind;
    r->text = text;
    r->remedy = g_strdup(remedy);
    g_ptr_array_add(c->verdict->reasons, r);
    c->verdict->kind = MAX(c->verdict->kind, kind);
    return r;
}

const VerdictReason *
verdict_reason(const Verdict *verdict, const char *id)
{
    for (guint i = 0; i < verdict->reasons->len; i++) {
        const VerdictReason *r = g_ptr_array_index(verdict->reasons, i);
        if (strcmp(r->id, id) == 0)
            return r;
    }
    return NULL;
}

/* ---- what goes ----------------------------------------------------------- */

static bool
contains(const GPtrArray *array, gconstpointer item)
{
    return g_ptr_array_find((GPtrArray *) array, item, NULL);
}

static void
sort_group(const HostPci *host, const HostPciFn *fn, Verdict *v)
{
    const HostGroup *group = host_pci_group(host, fn->group);

    v->take = host_pci_card(host, fn);
    for (guint g = 0; g < v->take->len; g++) {
        const HostPciFn *taken = g_ptr_array_index(v->take, g);
        group = host_pci_group(host, taken->group);
        for (guint i = 0; group != NULL && i < group->functions->len; i++) {
            HostPciFn *other = g_ptr_array_index(group->functions, i);
            GPtrArray *to = host_pci_fn_is_bridge(other) ? v->stay : v->others;
            if (!contains(v->take, other) && !contains(to, other))
                g_ptr_array_add(to, other);
        }
    }
}

/* ---- the answer ---------------------------------------------------------- */

/* Worst first; equal ones stay in the order of the rows. */
static void
sort_reasons(GPtrArray *reasons)
{
    GPtrArray *sorted = g_ptr_array_new();

    for (int kind = VERDICT_CANNOT; kind >= VERDICT_CAN; kind--)
        for (guint i = 0; i < reasons->len; i++) {
            VerdictReason *r = g_ptr_array_index(reasons, i);
            if ((int) r->kind == kind)
                g_ptr_array_add(sorted, r);
        }
    for (guint i = 0; i < sorted->len; i++)
        reasons->pdata[i] = sorted->pdata[i];
    g_ptr_array_unref(sorted);
}

static Verdict *
verdict_new(void)
{
    Verdict *v = g_new0(Verdict, 1);

    v->reasons = g_ptr_array_new_with_free_func(reason_free);
    v->others = g_ptr_array_new();
    v->stay = g_ptr_array_new();
    return v;
}

Verdict *
verdict_of(const HostPci *host, const HostPciFn *fn)
{
    gsize n;
    const VerdictRow *rows = verdict_rows(&n);
    Verdict *v = verdict_new();

    sort_group(host, fn, v);
    for (gsize i = 0; i < n; i++) {
        guint before = v->reasons->len;
        VerdictCase c = {host, fn, v, rows[i].id};
        rows[i].judge(&c);
        if (rows[i].last && v->reasons->len > before)
            break;
    }
    sort_reasons(v->reasons);
    return v;
}

bool
verdict_is_candidate(const HostPci *host, const HostPciFn *fn)
{
    const HostGroup *group = host_pci_group(host, fn->group);

    if (host_pci_fn_is_bridge(fn) || (fn->class_code >> 16) == 0x08)
        return false; /* 08: timers, the IOMMU itself */
    /* SMBus, SPI and the like, next to the bridge that they belong to. */
    return group == NULL ||
           report_group_cause(host, group) != REPORT_CAUSE_CHIPSET ||
           host_pci_fn_is_usb(fn) || host_pci_fn_is_display(fn) ||
           (fn->class_code >> 16) == 0x01;
}
