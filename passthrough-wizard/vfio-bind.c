/* passthrough-wizard/vfio-bind.c - see vfio-bind.h. By address, never by ids:
 * of two equal cards the host keeps the other one. */
#include "passthrough-wizard/vfio-bind.h"

#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/access.h"
#include "passthrough-wizard/console.h"
#include "passthrough-wizard/report.h"
#include "passthrough-wizard/verdict.h"

#define VFIO "vfio-pci"

/* ---- what goes ---- */

static void
add_once(GPtrArray *set, const HostPciFn *fn)
{
    if (!host_pci_fn_is_bridge(fn) && !g_ptr_array_find(set, fn, NULL))
        g_ptr_array_add(set, (gpointer) fn);
}

static gint
by_address(gconstpointer a, gconstpointer b)
{
    const HostPciFn *const *x = a, *const *y = b;
    return strcmp((*x)->bdf, (*y)->bdf);
}

static void
add_group(const HostPci *host, GPtrArray *set, const HostPciFn *fn)
{
    const HostGroup *group = host_pci_group(host, fn->group);

    for (guint i = 0; group != NULL && i < group->functions->len; i++)
        add_once(set, g_ptr_array_index(group->functions, i));
}

GPtrArray *
vfio_bind_set(const HostPci *host, const char *const *bdfs, GError **error)
{
    g_autoptr(GPtrArray) set = g_ptr_array_new();

    for (gsize i = 0; bdfs[i] != NULL; i++) {
        const HostPciFn *fn = host_pci_require(host, bdfs[i], error);
        if (fn == NULL)
            return NULL;
        if (host_pci_fn_is_bridge(fn)) {
            g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED,
                        "%s is a bridge; choose the device behind it", fn->bdf);
            return NULL;
        }
        g_autoptr(GPtrArray) card = host_pci_card(host, fn);
        add_once(set, fn);
        for (guint k = 0; k < card->len; k++) {
            add_once(set, g_ptr_array_index(card, k));
            add_group(host, set, g_ptr_array_index(card, k));
        }
        add_group(host, set, fn);
    }
    g_ptr_array_sort(set, by_address);
    return g_steal_pointer(&set);
}

/* ---- what is refused ---- */

/* Reasons of a verdict that a person may overrule; the others that are refused
 * nobody can. */
static bool
is_choice(const char *id)
{
    static const char *const ids[] = {"boot-disk", "disk",     "ssh",
                                      "console",   "keyboard", "default-route",
                                      "processes"};

    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

/* fn is of the card that draws the console: the sound of a graphics card too. */
static bool
is_of_console_card(const HostPci *host, const HostPciFn *fn)
{
    g_autoptr(GPtrArray) card = host_pci_card(host, fn);

    for (guint i = 0; i < card->len; i++) {
        const HostPciFn *of = g_ptr_array_index(card, i);
        if (host_pci_fn_is_display(of) &&
            host_pci_fn_use(of, HOST_USE_CONSOLE) != NULL)
            return true;
    }
    return false;
}

/* The desktop's end takes its programs from the card that it is drawn with, and
 * from no other: what computes on a second card goes on. */
static bool
end_with_desktop(const HostPci *host, const Verdict *verdict)
{
    for (guint i = 0; i < verdict->take->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(verdict->take, i);
        if (host_pci_fn_use(fn, HOST_USE_PROCESS) != NULL &&
            !is_of_console_card(host, fn))
            return false;
    }
    return true;
}

/* What goes by itself when the console is handed over: the text console, and
 * who draws, if there is a step that ends them. */
static bool
is_handed_over(const HostPci *host, const Verdict *verdict, const char *id,
               const BindOptions *options, bool ends_desktop)
{
    if (!options->console)
        return false;
    return strcmp(id, "console") == 0 ||
           (strcmp(id, "processes") == 0 && ends_desktop &&
            end_with_desktop(host, verdict));
}

/* The others of the group go along, and interrupts have a note of their own. */
static bool
is_hindrance(const VerdictReason *reason)
{
    static const char *const ids[] = {"vfio", "machine", "vfs"};

    if (strcmp(reason->id, "group-others") == 0 ||
        strcmp(reason->id, "together") == 0)
        return false;
    if (reason->kind == VERDICT_CANNOT)
        return true;
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++)
        if (strcmp(ids[i], reason->id) == 0)
            return reason->kind == VERDICT_IF;
    return reason->kind == VERDICT_IF && is_choice(reason->id);
}

static bool
may_go(const HostPci *host, const HostPciFn *fn, const BindOptions *options,
       bool ends_desktop, GError **error)
{
    g_autoptr(Verdict) verdict = verdict_of(host, fn);

    for (guint i = 0; i < verdict->reasons->len; i++) {
        const VerdictReason *r = g_ptr_array_index(verdict->reasons, i);
        bool choice = is_choice(r->id);
        if (!is_hindrance(r) || (choice && options->consent) ||
            is_handed_over(host, verdict, r->id, options, ends_desktop))
            continue;
        g_set_error(error, CARREL_PLAN_ERROR,
                    strcmp(r->id, "machine") == 0 ? CARREL_PLAN_ERROR_BUSY
                                                  : CARREL_PLAN_ERROR_REFUSED,
                    "%s cannot go. %s%s%s%s%s", fn->bdf, r->text,
                    r->remedy != NULL ? " " : "",
                    r->remedy != NULL ? r->remedy : "",
                    options->console && strcmp(r->id, "processes") == 0
                        ? " --console ends only what a display manager draws "
                          "with the console's card."
                        : "",
                    choice && strcmp(r->id, "console") != 0
                        ? " --consent gives it away all the same."
                        : "");
        return false;
    }
    return true;
}

/* Without an IOMMU it is in no group, and vfio-pci would be all that it gets. */
static bool
has_iommu(const HostPci *host, const HostPciFn *fn, const BindOptions *options,
          GError **error)
{
    g_auto(ReportIommuFinding) f = {0};

    if (fn->group >= 0 || options->after_restart)
        return true;
    report_iommu(host, &f);
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED,
                "%s cannot go now. No IOMMU: %s.%s%s%s", fn->bdf,
                f.finding != NULL ? f.finding : "the function is in no group",
                f.remedy != NULL ? " " : "", f.remedy != NULL ? f.remedy : "",
                f.state == REPORT_IOMMU_ARGUMENT
                    ? " `carrel passthrough apply --when=boot` puts it into a "
                      "boot entry on trial, with the devices."
                    : "");
    return false;
}

/* No step ends a desktop of this one, and who draws may be another user's and
 * not be seen. */
static bool
may_end_desktop(const HostHand *hand, const BindOptions *options,
                GError **error)
{
    g_autofree char *unit = console_unknown_manager(hand);

    if (unit == NULL || options->consent)
        return true;
    g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED,
                "the console cannot go: the display manager %s is running and "
                "is not one that is known here. End it first: systemctl stop "
                "%s",
                unit, unit);
    return false;
}

/* ---- the steps ---- */

static bool
is_loaded(const HostHand *hand, const char *module)
{
    g_autofree char *path = g_strdup_printf("/sys/module/%s", module);
    return host_root_exists(hand->root, path);
}

static const char *const nvidia_modules[] = {"nvidia_drm", "nvidia_modeset",
                                             "nvidia_uvm"};

/* Another card of the host that the same modules drive; NULL: none. */
static const HostPciFn *
nvidia_of_host(const HostPci *host, const GPtrArray *set)
{
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        if (g_strcmp0(fn->driver, "nvidia") == 0 &&
            !g_ptr_array_find((GPtrArray *) set, fn, NULL))
            return fn;
    }
    return NULL;
}

/* Its modules hold the card until they are gone; the order is theirs. */
static bool
unload_nvidia(Plan *plan, const HostHand *hand, const HostPci *host,
              const GPtrArray *set, const BindOptions *options, GError **error)
{
    const HostPciFn *other = nvidia_of_host(host, set);

    for (gsize i = 0; i < G_N_ELEMENTS(nvidia_modules); i++) {
        if (!is_loaded(hand, nvidia_modules[i]))
            continue;
        if (other == NULL) {
            plan_add(plan, "module", nvidia_modules[i], "loaded", "");
        } else if (!options->consent && !options->after_restart) {
            g_set_error(error, CARREL_PLAN_ERROR, CARREL_PLAN_ERROR_REFUSED,
                        "the driver nvidia cannot let the card go now: its "
                        "module %s serves %s of this host as well. `carrel "
                        "passthrough apply --when=boot` binds the card before "
                        "nvidia sees it; --consent tries it now, and may hang "
                        "the driver.",
                        nvidia_modules[i], other->bdf);
            return false;
        }
    }
    return true;
}

static void
add_modules(Plan *plan, const HostHand *hand, const HostPci *host,
            const BindOptions *options)
{
    bool unsafe = options->unsafe_interrupts &&
                  host->iommu.remapping == HOST_NO &&
                  host->iommu.unsafe_interrupts != HOST_YES;

    plan_add(plan, "module", VFIO, host->vfio_loaded ? "loaded" : "", "loaded");
    if (unsafe && !is_loaded(hand, "vfio_iommu_type1"))
        plan_add(plan, "module", "vfio_iommu_type1", "", "loaded");
    if (unsafe)
        plan_add(plan, "unsafe-interrupts", "vfio_iommu_type1", "N", "Y");
}

/* The old driver goes before the override comes, so that on the way back it
 * comes after the override has gone: with an override no other driver may. */
static void
add_function(Plan *plan, const HostPciFn *fn)
{
    const char *driver = fn->driver != NULL ? fn->driver : "";
    const char *override =
        fn->driver_override != NULL ? fn->driver_override : "";
    bool bound = strcmp(driver, VFIO) == 0;

    if (!bound)
        plan_add(plan, "driver", fn->bdf, driver, "");
    plan_add(plan, "driver-override", fn->bdf, override, VFIO);
    if (!bound)
        plan_add(plan, "driver", fn->bdf, "", VFIO);
}

static bool
add_owner(Plan *plan, HostHand *hand, const HostPciFn *fn,
          const BindOptions *options, GError **error)
{
    g_autofree char *node = g_strdup_printf("/dev/vfio/%d", fn->group);
    g_autofree char *owner =
        g_strdup_printf("%" G_GINT64_FORMAT " 0 0600", options->user);
    const Step probe = {.kind = (char *) "owner", .target = node};

    if (options->user <= 0)
        return true;
    g_autofree char *before = step_read(hand, &probe, error);
    if (before == NULL)
        return false;
    plan_add(plan, "owner", node, before, owner);
    return !options->udev_rule ||
           access_add_vfio_of(plan, hand, fn->bdf, options->user, error);
}

static bool
add_owners(Plan *plan, HostHand *hand, const GPtrArray *set,
           const BindOptions *options, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < set->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(set, i);
        if (g_hash_table_add(seen, GINT_TO_POINTER(fn->group)) &&
            !add_owner(plan, hand, fn, options, error))
            return false;
    }
    return true;
}

static bool
add_limit(Plan *plan, const HostHand *hand, const BindOptions *options,
          GError **error)
{
    return options->memory == 0 || options->user <= 0 ||
           access_add_memory(plan, hand, options->user, options->memory, error);
}

static bool
add_huge_pages(Plan *plan, HostHand *hand, guint64 wanted, GError **error)
{
    const Step probe = {.kind = (char *) "huge-pages",
                        .target = (char *) "2048kB"};

    if (wanted == 0)
        return true;
    g_autofree char *now = step_read(hand, &probe, error);
    if (now == NULL)
        return false;
    guint64 have = g_ascii_strtoull(now, NULL, 10);
    g_autofree char *after =
        g_strdup_printf("%" G_GUINT64_FORMAT, MAX(have, wanted));
    plan_add(plan, "huge-pages", "2048kB", now, after);
    return true;
}

static void
add_notes(Plan *plan, const HostPci *host, const GPtrArray *set,
          const BindOptions *options)
{
    if (host->iommu.remapping == HOST_NO && !options->unsafe_interrupts &&
        host->iommu.unsafe_interrupts != HOST_YES)
        plan_note(plan, "this host does not remap interrupts, so no machine "
                        "can have the device; --unsafe-interrupts allows it, "
                        "and a hostile guest could then send interrupts to "
                        "the host");
    for (guint i = 0; i < set->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(set, i);
        if (fn->reset == HOST_RESET_NONE)
            plan_note(plan,
                      "%s has no reset: it works once, then the host must "
                      "restart",
                      fn->bdf);
    }
}

Plan *
vfio_bind_plan(HostHand *hand, const HostPci *host, const char *const *bdfs,
               const BindOptions *options, GError **error)
{
    g_autoptr(GPtrArray) set = vfio_bind_set(host, bdfs, error);
    g_autofree char *what = g_strjoinv(" ", (char **) bdfs);
    g_autofree char *title = g_strdup_printf("bind %s", what);
    g_autoptr(Plan) plan = plan_new(title);
    bool nvidia = false, console = false;
    bool ends_desktop = options->console && console_ends_desktop(hand);

    if (set == NULL)
        return NULL;
    for (guint i = 0; i < set->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(set, i);
        if (!may_go(host, fn, options, ends_desktop, error) ||
            !has_iommu(host, fn, options, error))
            return NULL;
        nvidia = nvidia || g_strcmp0(fn->driver, "nvidia") == 0;
        console = console || (host_pci_fn_is_display(fn) &&
                              g_strcmp0(fn->driver, VFIO) != 0);
    }
    console = console && options->console;
    if (console && !may_end_desktop(hand, options, error))
        return NULL;
    if (console)
        console_add_hand_over(plan, hand);
    add_modules(plan, hand, host, options);
    if (nvidia && !unload_nvidia(plan, hand, host, set, options, error))
        return NULL;
    for (guint i = 0; i < set->len; i++)
        add_function(plan, g_ptr_array_index(set, i));
    if (!add_owners(plan, hand, set, options, error) ||
        !add_limit(plan, hand, options, error) ||
        !add_huge_pages(plan, hand, options->huge_pages, error))
        return NULL;
    add_notes(plan, host, set, options);
    return g_steal_pointer(&plan);
}
