/* app/ladder/host-facts.c - see host-facts.h. Whether a single device can be
 * given away (its group, its reset, its driver) is for the wizard's verdict to
 * say; this counts what the wizard's look at the host found. */
#include "app/ladder/host-facts.h"

#include "passthrough-wizard/host-pci.h"

static bool
may_use_kvm(const HostRoot *root)
{
    HostNode node;

    return host_root_stat(root, "/dev/kvm", &node) && node.can_read &&
           node.can_write;
}

static void
count_function(const HostPciFn *fn, HostFacts *facts)
{
    if (fn->group < 0)
        return;
    facts->n_storage += fn->class_code >> 16 == 0x01;
    facts->n_network += host_pci_fn_is_network(fn);
    facts->n_display += host_pci_fn_is_display(fn);
    facts->n_usb += host_pci_fn_is_usb(fn);
    facts->n_sriov += host_pci_fn_is_network(fn) && fn->total_vfs > 0;
}

void
host_facts_read(const char *dir, HostFacts *ret_facts)
{
    g_autoptr(HostRoot) root = host_root_open(dir, NULL);
    g_autoptr(HostPci) host = root != NULL ? host_pci_read(root, NULL) : NULL;

    *ret_facts = (HostFacts){.kvm = root != NULL && may_use_kvm(root)};
    if (host == NULL) /* no PCI bus, so nothing to give away */
        return;
    ret_facts->iommu_table = host->iommu.table;
    ret_facts->n_groups = host->iommu.n_groups;
    ret_facts->vfio = host_root_exists(root, "/dev/vfio/vfio") ||
                      host_root_exists(root, "/dev/iommu");
    for (guint i = 0; i < host->functions->len; i++)
        count_function(g_ptr_array_index(host->functions, i), ret_facts);
}

const char *
host_facts_problem(const HostFacts *facts)
{
    if (facts->n_groups == 0 && facts->iommu_table)
        return "the IOMMU is there but off: intel_iommu=on (Intel) on the "
               "kernel's command line, then restart the host";
    if (facts->n_groups == 0)
        return "this host shows no IOMMU: it may be switched off in the "
               "firmware (VT-d, AMD-Vi)";
    if (!facts->vfio)
        return "the module vfio-pci is not loaded: sudo modprobe vfio-pci";
    return NULL;
}
