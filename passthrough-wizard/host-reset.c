/* passthrough-wizard/host-reset.c - what resetting a function comes to.
 *
 * reset_method is written when the function is enumerated, before its siblings
 * exist: function 0 of a card with two may list "bus" although the kernel
 * refuses it (ENOTTY), since a reset of the bus would hit the other function.
 * So "bus" counts only for a function that is alone on its bus; else it means
 * all of the bus, which VFIO resets when it holds every function of it. */
#include <stdio.h>
#include <string.h>

#include "passthrough-wizard/host-pci-internal.h"

static bool
lists(const HostPciFn *fn, const char *method)
{
    return fn->reset_methods != NULL &&
           g_strv_contains((const char *const *) fn->reset_methods, method);
}

static bool
is_alone_on_bus(const HostPci *host, const HostPciFn *fn)
{
    g_autoptr(GPtrArray) bus = host_pci_bus(host, fn);
    return bus->len == 1;
}

/* Another function there lists the reset of the bus: it holds for all. */
static bool
bus_lists_bus(const HostPci *host, const HostPciFn *fn)
{
    g_autoptr(GPtrArray) bus = host_pci_bus(host, fn);

    for (guint i = 0; i < bus->len; i++)
        if (lists(g_ptr_array_index(bus, i), "bus"))
            return true;
    return false;
}

static HostResetKind
by_capabilities(const HostPciFn *fn)
{
    if (fn->config.flr == HOST_YES)
        return HOST_RESET_FLR;
    if (fn->config.pm_reset == HOST_YES)
        return HOST_RESET_PM;
    return HOST_RESET_UNKNOWN;
}

/* Since 5.15 there is no file when there is no reset. */
static bool
kernel_says(const HostPci *host)
{
    unsigned major, minor;

    return sscanf(host->kernel, "%9u.%9u", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 15));
}

static HostResetKind
judge(const HostPci *host, const HostPciFn *fn)
{
    if (fn->reset_methods == NULL && !kernel_says(host))
        return by_capabilities(fn);
    if (lists(fn, "flr") || lists(fn, "af_flr"))
        return HOST_RESET_FLR;
    if (lists(fn, "device_specific") || lists(fn, "acpi"))
        return HOST_RESET_SPECIFIC;
    if (bus_lists_bus(host, fn))
        return is_alone_on_bus(host, fn) ? HOST_RESET_BUS : HOST_RESET_SLOT;
    return lists(fn, "pm") ? HOST_RESET_PM : HOST_RESET_NONE;
}

void
host_reset_judge(HostPci *host)
{
    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        fn->reset = judge(host, fn);
    }
}
