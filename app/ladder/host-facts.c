/* app/ladder/host-facts.c - see host-facts.h.
 *
 * Linux, Documentation/ABI/testing/sysfs-kernel-iommu_groups and
 * sysfs-bus-pci. Whether a single device can be given away (its group, its
 * reset, its driver) is for the wizard to say; this is about the host. */
#include "app/ladder/host-facts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
exists(const char *root, const char *path)
{
    g_autofree char *full = g_build_filename(root, path, NULL);

    return g_file_test(full, G_FILE_TEST_EXISTS);
}

static unsigned
count_entries(const char *root, const char *path)
{
    g_autofree char *full = g_build_filename(root, path, NULL);
    g_autoptr(GDir) dir = g_dir_open(full, 0, NULL);
    unsigned n = 0;

    while (dir != NULL && g_dir_read_name(dir) != NULL)
        n++;
    return n;
}

/* 0 when there is no such file. */
static guint64
read_number(const char *folder, const char *name)
{
    g_autofree char *file = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(file, &text, NULL, NULL))
        return 0;
    return g_ascii_strtoull(text, NULL, 0); /* classes are hexadecimal */
}

static void
count_function(const char *folder, HostFacts *facts)
{
    g_autofree char *group = g_build_filename(folder, "iommu_group", NULL);
    guint64 class = read_number(folder, "class");

    if (!g_file_test(group, G_FILE_TEST_EXISTS))
        return;
    facts->n_storage += class >> 16 == 0x01;
    facts->n_network += class >> 16 == 0x02;
    facts->n_display += class >> 16 == 0x03;
    facts->n_usb += class >> 8 == 0x0c03;
    facts->n_sriov +=
        class >> 16 == 0x02 && read_number(folder, "sriov_totalvfs") > 0;
}

static void
count_functions(const char *root, HostFacts *facts)
{
    g_autofree char *path = g_build_filename(root, "sys/bus/pci/devices", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *folder = g_build_filename(path, name, NULL);
        count_function(folder, facts);
    }
}

void
host_facts_read(const char *root, HostFacts *ret_facts)
{
    g_autofree char *kvm = g_build_filename(root, "dev/kvm", NULL);

    *ret_facts = (HostFacts){
        .kvm = access(kvm, R_OK | W_OK) == 0,
        .iommu_table = exists(root, "sys/firmware/acpi/tables/DMAR") ||
                       exists(root, "sys/firmware/acpi/tables/IVRS"),
        .n_groups = count_entries(root, "sys/kernel/iommu_groups"),
        .vfio = exists(root, "dev/vfio/vfio") || exists(root, "dev/iommu"),
    };
    count_functions(root, ret_facts);
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
