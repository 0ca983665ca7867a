/* passthrough-wizard/host-find.c - questions to a host that was looked at. */
#include <string.h>

#include "passthrough-wizard/host-pci-internal.h"

HostPciFn *
host_pci_find_mutable(HostPci *host, const char *bdf)
{
    char name[HOST_BDF_SIZE];

    if (bdf == NULL || !pci_address_parse(bdf, name))
        return NULL;
    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *fn = g_ptr_array_index(host->functions, i);
        if (strcmp(fn->bdf, name) == 0)
            return fn;
    }
    return NULL;
}

const HostPciFn *
host_pci_find(const HostPci *host, const char *bdf)
{
    return host_pci_find_mutable((HostPci *) host, bdf);
}

/* The same slot, or at least the same bus: what a typing error meant. */
static const HostPciFn *
nearest(const HostPci *host, const PciAddress *bdf)
{
    const HostPciFn *best = NULL;

    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *fn = g_ptr_array_index(host->functions, i);
        if (fn->domain != bdf->domain || fn->bus != bdf->bus)
            continue;
        if (best == NULL || fn->slot == bdf->slot)
            best = fn;
    }
    return best;
}

const HostPciFn *
host_pci_require(const HostPci *host, const char *bdf, GError **error)
{
    const HostPciFn *fn = host_pci_find(host, bdf);
    PciAddress split;

    if (fn != NULL)
        return fn;
    if (!pci_address_split(bdf, &split)) {
        g_set_error(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_FORMAT,
                    "\"%.40s\" is no address of a PCI function; one looks like "
                    "01:00.0, or 0000:01:00.0",
                    bdf);
        return NULL;
    }
    const HostPciFn *near = nearest(host, &split);
    g_set_error(error, CARREL_HOST_ERROR, CARREL_HOST_ERROR_MISSING,
                "there is no PCI function %s%s%s; `carrel passthrough list` "
                "shows all",
                bdf, near != NULL ? ", but there is " : "",
                near != NULL ? near->bdf : "");
    return NULL;
}

const HostGroup *
host_pci_group(const HostPci *host, int id)
{
    for (guint i = 0; id >= 0 && i < host->groups->len; i++) {
        const HostGroup *group = g_ptr_array_index(host->groups, i);
        if (group->id == id)
            return group;
    }
    return NULL;
}

static bool
same_slot(const HostPciFn *a, const HostPciFn *b)
{
    /* Virtual functions take addresses of slots that are none. */
    return a->physfn == NULL && b->physfn == NULL && a->domain == b->domain &&
           a->bus == b->bus && a->slot == b->slot;
}

GPtrArray *
host_pci_slot(const HostPci *host, const HostPciFn *fn)
{
    GPtrArray *slot = g_ptr_array_new();

    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *other = g_ptr_array_index(host->functions, i);
        if (other == fn || same_slot(fn, other))
            g_ptr_array_add(slot, other);
    }
    return slot;
}

GPtrArray *
host_pci_bus(const HostPci *host, const HostPciFn *fn)
{
    GPtrArray *bus = g_ptr_array_new();

    for (guint i = 0; i < host->functions->len; i++) {
        HostPciFn *other = g_ptr_array_index(host->functions, i);
        if (other == fn ||
            (other->physfn == NULL && other->domain == fn->domain &&
             other->bus == fn->bus))
            g_ptr_array_add(bus, other);
    }
    return bus;
}

/* The parts of a display card: its sound, its USB-C. By the vendor, since the
 * slot of a processor with graphics holds other devices of the board too. */
static bool
is_same_display(const HostPci *host, const HostPciFn *a, const HostPciFn *b)
{
    g_autoptr(GPtrArray) slot = host_pci_slot(host, a);
    bool found = false;

    for (guint i = 0; i < slot->len && a->parent != NULL; i++)
        found = found || host_pci_fn_is_display(g_ptr_array_index(slot, i));
    return found && a->vendor == b->vendor;
}

GPtrArray *
host_pci_card(const HostPci *host, const HostPciFn *fn)
{
    g_autoptr(GPtrArray) slot = host_pci_slot(host, fn);
    GPtrArray *card = g_ptr_array_new();

    for (guint i = 0; i < slot->len; i++) {
        HostPciFn *other = g_ptr_array_index(slot, i);
        if (other == fn || (!host_pci_fn_is_bridge(other) &&
                            ((fn->group >= 0 && other->group == fn->group) ||
                             is_same_display(host, fn, other))))
            g_ptr_array_add(card, other);
    }
    return card;
}

bool
host_pci_has_twin(const HostPci *host, const HostPciFn *fn)
{
    for (guint i = 0; i < host->functions->len; i++) {
        const HostPciFn *other = g_ptr_array_index(host->functions, i);
        if (other != fn && other->vendor == fn->vendor &&
            other->device == fn->device)
            return true;
    }
    return false;
}

static bool
has_class(const HostPciFn *fn, guint32 mask, guint32 value)
{
    return (fn->class_code & mask) == value;
}

bool
host_pci_fn_is_bridge(const HostPciFn *fn)
{
    return has_class(fn, 0xff0000, 0x060000);
}

bool
host_pci_fn_is_display(const HostPciFn *fn)
{
    return has_class(fn, 0xff0000, 0x030000);
}

bool
host_pci_fn_is_nvme(const HostPciFn *fn)
{
    return has_class(fn, 0xffff00, 0x010800);
}

bool
host_pci_fn_is_network(const HostPciFn *fn)
{
    return has_class(fn, 0xff0000, 0x020000);
}

bool
host_pci_fn_is_usb(const HostPciFn *fn)
{
    return has_class(fn, 0xffff00, 0x0c0300);
}

char *
host_pci_fn_title(const HostPciFn *fn)
{
    return g_strdup_printf("%s %s %s %s", fn->bdf, fn->class_name,
                           fn->vendor_name, fn->device_name);
}

const HostUse *
host_pci_fn_use(const HostPciFn *fn, HostUseKind kind)
{
    for (guint i = 0; i < fn->uses->len; i++) {
        const HostUse *use = g_ptr_array_index(fn->uses, i);
        if (use->kind == kind)
            return use;
    }
    return NULL;
}

char *
host_bdf_owner(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", 64);
    PciAddress address;

    for (guint i = g_strv_length(parts); i-- > 0;)
        if (strlen(parts[i]) >= 12 && pci_address_split(parts[i], &address))
            return g_strdup(parts[i]);
    return NULL;
}
