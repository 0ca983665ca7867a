/* passthrough-wizard/report.c - see report.h. */
#include "passthrough-wizard/report.h"

#include <string.h>

const char *
report_short(const HostPciFn *fn)
{
    return g_str_has_prefix(fn->bdf, "0000:") ? fn->bdf + 5 : fn->bdf;
}

char *
report_addresses(const GPtrArray *functions)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < functions->len; i++)
        g_string_append_printf(text, "%s%s",
                               i == 0                    ? ""
                               : i + 1 == functions->len ? " and "
                                                         : ", ",
                               report_short(g_ptr_array_index(functions, i)));
    return g_string_free(text, FALSE);
}

/* ---- resets -------------------------------------------------------------- */

/* clang-format off */
static const struct {
    const char *id, *words;
} resets[] = {
    [HOST_RESET_UNKNOWN]  = { "unknown",  "unknown: this kernel does not say (before 5.15)" },
    [HOST_RESET_NONE]     = { "none",     "none: it works once, then the host must restart" },
    [HOST_RESET_SLOT]     = { "slot",     "only together with all of its bus" },
    [HOST_RESET_BUS]      = { "bus",      "by its bus, where it is alone" },
    [HOST_RESET_PM]       = { "pm",       "only by power state D3hot, which some devices only pretend" },
    [HOST_RESET_SPECIFIC] = { "specific", "by a method of its own" },
    [HOST_RESET_FLR]      = { "flr",      "function-level reset" },
};
/* clang-format on */

const char *
report_reset_id(HostResetKind kind)
{
    return resets[kind].id;
}

char *
report_reset(const HostPci *host, const HostPciFn *fn)
{
    g_autoptr(GPtrArray) bus = host_pci_bus(host, fn);

    if (fn->reset != HOST_RESET_SLOT)
        return g_strdup(resets[fn->reset].words);
    g_autofree char *all = report_addresses(bus);
    return g_strdup_printf("%s: %s", resets[fn->reset].words, all);
}

/* ---- groups -------------------------------------------------------------- */

/* Behind a bridge from PCI Express to conventional PCI, an older bus without
 * addresses of its own for the IOMMU. Without root the bridge does not say what
 * it is; a device without a link then tells. */
static bool
is_behind_pci_bridge(const HostPci *host, const HostPciFn *fn)
{
    const HostPciFn *up = fn;

    for (unsigned depth = 0; up->parent != NULL && depth < 32; depth++) {
        bool linked = up->express;
        up = host_pci_find(host, up->parent);
        if (up == NULL)
            return false;
        if (up->config.pcie == HOST_PCIE_TO_PCI ||
            (up->config.capabilities == HOST_UNKNOWN && !linked))
            return true;
    }
    return false;
}

static bool
same_slot(const HostPciFn *a, const HostPciFn *b)
{
    return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot;
}

/* Endpoints of group that are of more than one slot? and all on the root bus?
 */
static void
spread_of(const HostGroup *group, bool *ret_many, bool *ret_root)
{
    const HostPciFn *first = NULL;

    *ret_many = false;
    *ret_root = true;
    for (guint i = 0; i < group->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(group->functions, i);
        *ret_root = *ret_root && fn->parent == NULL;
        if (fn->parent != NULL && host_pci_fn_is_bridge(fn))
            continue;
        if (first != NULL && !same_slot(first, fn))
            *ret_many = true;
        first = first != NULL ? first : fn;
    }
}

static unsigned
count_endpoints(const HostGroup *group)
{
    unsigned n = 0;

    for (guint i = 0; i < group->functions->len; i++)
        n += !host_pci_fn_is_bridge(g_ptr_array_index(group->functions, i));
    return n;
}

ReportCause
report_group_cause(const HostPci *host, const HostGroup *group)
{
    bool many, root;

    spread_of(group, &many, &root);
    if (root && group->functions->len > 1 && count_endpoints(group) > 0)
        return REPORT_CAUSE_CHIPSET;
    if (count_endpoints(group) < 2)
        return REPORT_CAUSE_NONE;
    if (!many)
        return REPORT_CAUSE_CARD;
    for (guint i = 0; i < group->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(group->functions, i);
        if (!host_pci_fn_is_bridge(fn) && is_behind_pci_bridge(host, fn))
            return REPORT_CAUSE_BRIDGE;
    }
    return REPORT_CAUSE_ACS;
}

/* "00:16.0 and 00:16.1": the bridges of a group. */
static char *
bridges_of(const HostGroup *group)
{
    g_autoptr(GPtrArray) bridges = g_ptr_array_new();

    for (guint i = 0; i < group->functions->len; i++)
        if (host_pci_fn_is_bridge(g_ptr_array_index(group->functions, i)))
            g_ptr_array_add(bridges, g_ptr_array_index(group->functions, i));
    return bridges->len > 0 ? report_addresses(bridges) : NULL;
}

char *
report_group_cause_text(const HostPci *host, const HostGroup *group)
{
    g_autofree char *bridges = bridges_of(group);

    switch (report_group_cause(host, group)) {
    case REPORT_CAUSE_BRIDGE:
        return g_strdup("They sit behind a bridge from PCI Express to PCI, and "
                        "the IOMMU cannot tell apart what comes from there.");
    case REPORT_CAUSE_ACS:
        return g_strdup_printf(
            "The ports above them%s%s%s do not keep devices apart (no Access "
            "Control Services): one could write into another's memory.",
            bridges != NULL ? " (" : "", bridges != NULL ? bridges : "",
            bridges != NULL ? ")" : "");
    case REPORT_CAUSE_CHIPSET:
        return g_strdup("They are parts of one chip of the mainboard.");
    case REPORT_CAUSE_CARD:
        return g_strdup("They are functions of one card, which is as it "
                        "should be.");
    case REPORT_CAUSE_NONE:
    default: return NULL;
    }
}

const char *
report_group_remedy(ReportCause cause)
{
    switch (cause) {
    case REPORT_CAUSE_BRIDGE:
        return "Put the card into a PCI Express slot, or use one that is PCI "
               "Express itself; nothing else helps.";
    case REPORT_CAUSE_ACS:
        return "Put the card into another slot, best one that is connected to "
               "the processor; or look for a firmware update or a switch "
               "\"ACS\" in the firmware. Kernels with an ACS override exist, "
               "but they only hide that the devices are not kept apart.";
    case REPORT_CAUSE_CHIPSET: return "Nothing: these belong to the host.";
    case REPORT_CAUSE_CARD:
    case REPORT_CAUSE_NONE:
    default: return NULL;
    }
}

/* ---- ACS ----------------------------------------------------------------- */

static HostTri
port_isolates(const HostPciFn *port)
{
    const HostPciConfig *c = &port->config;

    if (c->acs == HOST_UNKNOWN)
        return HOST_UNKNOWN;
    return c->acs == HOST_YES &&
                   (c->acs_ctl & HOST_ACS_ISOLATES) == HOST_ACS_ISOLATES
               ? HOST_YES
               : HOST_NO;
}

/* The first port above fn that does not isolate, or is not known to. */
static HostTri
weakest_port(const HostPci *host, const HostPciFn *fn,
             const HostPciFn **ret_port)
{
    HostTri state = HOST_YES;

    *ret_port = NULL;
    for (unsigned depth = 0; fn->parent != NULL && depth < 32; depth++) {
        fn = host_pci_find(host, fn->parent);
        if (fn == NULL)
            return HOST_UNKNOWN;
        if (fn->config.pcie == HOST_PCIE_UPSTREAM)
            continue; /* a switch's port upwards has none to have */
        HostTri port = port_isolates(fn);
        if (port == HOST_YES)
            continue;
        if (state == HOST_YES || port == HOST_NO) {
            state = port;
            *ret_port = fn;
        }
        if (port == HOST_NO)
            break;
    }
    return state;
}

HostTri
report_acs_state(const HostPci *host, const HostPciFn *fn)
{
    const HostPciFn *port;
    return weakest_port(host, fn, &port);
}

char *
report_acs(const HostPci *host, const HostPciFn *fn)
{
    const HostPciFn *port;

    if (fn->parent == NULL)
        return g_strdup("on the root bus, no port above it");
    switch (weakest_port(host, fn, &port)) {
    case HOST_YES: return g_strdup("yes");
    case HOST_NO:
        return g_strdup_printf("no: port %s %s", report_short(port),
                               port->config.acs == HOST_YES
                                   ? "has it, but not switched on"
                                   : "has none");
    case HOST_UNKNOWN:
    default: return g_strdup("unknown: only root may read it (sudo)");
    }
}

/* ---- uses ---------------------------------------------------------------- */

const char *
report_use_id(HostUseKind kind)
{
    static const char *const ids[] = {
        [HOST_USE_ROOT_DISK] = "system-disk",
        [HOST_USE_DISK] = "disk",
        [HOST_USE_DEFAULT_ROUTE] = "default-route",
        [HOST_USE_SSH] = "ssh",
        [HOST_USE_NETWORK] = "network",
        [HOST_USE_CONSOLE] = "console",
        [HOST_USE_KEYBOARD] = "keyboard",
        [HOST_USE_PROCESS] = "process",
        [HOST_USE_MACHINE] = "machine",
    };
    return ids[kind];
}

char *
report_use(const HostUse *use)
{
    switch (use->kind) {
    case HOST_USE_ROOT_DISK:
        return g_strdup_printf("the host's own %s", use->what);
    case HOST_USE_DISK: return g_strdup_printf("in use: %s", use->what);
    case HOST_USE_DEFAULT_ROUTE:
        return g_strdup_printf("%s is the way to the network", use->what);
    case HOST_USE_SSH:
        return g_strdup_printf("%s carries an SSH session", use->what);
    case HOST_USE_NETWORK: return g_strdup_printf("%s is up", use->what);
    case HOST_USE_CONSOLE: return g_strdup("draws the console");
    case HOST_USE_KEYBOARD: return g_strdup_printf("keyboard: %s", use->what);
    case HOST_USE_MACHINE:
        return g_strdup_printf("a machine has it: %s (pid %u)", use->comm,
                               use->pid);
    case HOST_USE_PROCESS:
    default:
        return g_strdup_printf("%s (pid %u) has %s open", use->comm, use->pid,
                               use->what);
    }
}
