/* passthrough-wizard/host-iommu.c - is there an IOMMU, does the kernel use it,
 * does it remap interrupts; and the processor and kernel it depends on. */
#include <string.h>

#include "passthrough-wizard/host-kernel.h"
#include "passthrough-wizard/host-pci-internal.h"

/* The value behind "NAME<blanks>:" in a file like /proc/cpuinfo; g_free. */
static char *
field(const char *text, const char *name)
{
    gsize len = strlen(name);

    for (const char *at = text; at != NULL && *at != '\0';) {
        const char *end = strchrnul(at, '\n');
        const char *colon = memchr(at, ':', (gsize) (end - at));
        if (strncmp(at, name, len) == 0 && colon != NULL &&
            strspn(at + len, " \t") == (gsize) (colon - at) - len)
            return g_strstrip(g_strndup(colon + 1, (gsize) (end - colon - 1)));
        at = *end != '\0' ? end + 1 : NULL;
    }
    return NULL;
}

static bool
has_word(const char *text, const char *word)
{
    gsize len = strlen(word);

    for (const char *at = text; at != NULL && (at = strstr(at, word)); at++)
        if ((at == text || at[-1] == ' ') &&
            (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static void
read_cpu(const HostRoot *root, HostCpu *cpu)
{
    g_autofree char *text =
        host_root_read(root, "/proc/cpuinfo", HOST_ROOT_MAX_FILE, NULL, NULL);
    g_autofree char *vendor = field(text, "vendor_id");
    g_autofree char *flags = field(text, "flags");

    g_strlcpy(cpu->vendor, vendor != NULL ? vendor : "", sizeof(cpu->vendor));
    cpu->model = field(text, "model name");
    if (cpu->model == NULL)
        cpu->model = g_strdup("unknown");
    cpu->vmx = has_word(flags, "vmx");
    cpu->svm = has_word(flags, "svm");
    cpu->in_vm = has_word(flags, "hypervisor");
    for (const char *at = text; at != NULL && (at = strstr(at, "processor\t"));
         at++)
        cpu->n_cpus++;
}

/* ---- the firmware's tables ----------------------------------------------- */

bool
host_dmar_parse(const guint8 *data, gsize len, HostDmar *ret)
{
    enum { HEADER = 48, DRHD = 0, RMRR = 1 };
    HostDmar out = {0};

    if (len < HEADER || memcmp(data, "DMAR", 4) != 0)
        return false;
    out.address_bits = data[36] + 1u;
    out.remaps_interrupts = data[37] & 1;
    for (gsize at = HEADER; at + 4 <= len;) {
        unsigned type = (unsigned) (data[at] | data[at + 1] << 8);
        gsize size = (gsize) (data[at + 2] | data[at + 3] << 8);
        if (size < 4 || size > len - at)
            return false;
        out.n_units += type == DRHD;
        out.n_reserved += type == RMRR;
        at += size;
    }
    *ret = out;
    return true;
}

bool
host_ivrs_parse(const guint8 *data, gsize len, HostDmar *ret)
{
    enum { HEADER = 48, IVHD_FIRST = 0x10, IVHD_LAST = 0x40 };
    HostDmar out = {0};

    if (len < HEADER || memcmp(data, "IVRS", 4) != 0)
        return false;
    /* IVinfo: bits 14:8 physical, 21:15 virtual address size. */
    out.address_bits = (data[37] >> 7 | (unsigned) data[38] << 1) & 0x7f;
    for (gsize at = HEADER; at + 4 <= len;) {
        gsize size = (gsize) (data[at + 2] | data[at + 3] << 8);
        if (size < 4 || size > len - at)
            return false;
        if (data[at] >= IVHD_FIRST && data[at] <= IVHD_LAST)
            out.n_units += data[at] < 0x20 || data[at] == IVHD_LAST;
        at += size;
    }
    *ret = out;
    return true;
}

static void
read_table(const HostRoot *root, HostIommu *iommu, const char *path,
           HostIommuKind kind)
{
    gsize len = 0;
    HostDmar table;

    if (!host_root_exists(root, path))
        return;
    iommu->table = true;
    iommu->kind = kind;
    g_autofree char *data =
        host_root_read(root, path, HOST_ROOT_MAX_FILE, &len, NULL);
    if (data == NULL)
        return;
    const guint8 *bytes = (const guint8 *) data;
    if (kind == HOST_IOMMU_INTEL ? host_dmar_parse(bytes, len, &table)
                                 : host_ivrs_parse(bytes, len, &table)) {
        iommu->address_bits = table.address_bits;
        if (kind == HOST_IOMMU_INTEL)
            iommu->firmware_remapping =
                table.remaps_interrupts ? HOST_YES : HOST_NO;
    }
}

/* ---- what the kernel makes of them --------------------------------------- */

static void
read_units(const HostRoot *root, HostIommu *iommu)
{
    g_auto(GStrv) units = host_root_names(root, "/sys/class/iommu");

    iommu->enabled = units[0] != NULL;
    if (!iommu->enabled)
        return;
    if (g_str_has_prefix(units[0], "dmar"))
        iommu->kind = HOST_IOMMU_INTEL;
    else if (g_str_has_prefix(units[0], "ivhd"))
        iommu->kind = HOST_IOMMU_AMD;
    else
        iommu->kind = HOST_IOMMU_OTHER;
    iommu->units = g_steal_pointer(&units);
}

/* Remapped interrupts have chips that are called IR-PCI-MSI, IR-IO-APIC. */
static HostTri
remapping_in_use(const HostRoot *root)
{
    g_autofree char *text = host_root_read(root, "/proc/interrupts",
                                           HOST_ROOT_MAX_FILE, NULL, NULL);

    if (text == NULL)
        return HOST_UNKNOWN;
    if (strstr(text, " IR-") != NULL)
        return HOST_YES;
    return strstr(text, "PCI-MSI") != NULL || strstr(text, "IO-APIC") != NULL
               ? HOST_NO
               : HOST_UNKNOWN;
}

static bool
has_argument(const char *cmdline, const char *name, const char *value)
{
    g_autofree char *found = host_kernel_argument(cmdline, name);
    g_auto(GStrv) parts = g_strsplit(found != NULL ? found : "", ",", 16);

    return g_strv_contains((const char *const *) parts, value);
}

static void
read_arguments(const char *cmdline, HostIommu *iommu)
{
    g_autofree char *acs = host_kernel_argument(cmdline, "pcie_acs_override");

    iommu->on_by_argument = has_argument(cmdline, "intel_iommu", "on");
    iommu->off_by_argument = has_argument(cmdline, "intel_iommu", "off") ||
                             has_argument(cmdline, "amd_iommu", "off") ||
                             has_argument(cmdline, "iommu", "off");
    iommu->nointremap = has_argument(cmdline, "intremap", "off") ||
                        has_argument(cmdline, "intremap", "nosid") ||
                        has_word(cmdline, "nointremap");
    iommu->acs_override = acs != NULL;
}

static HostTri
read_flag(const HostRoot *root, const char *path)
{
    g_autofree char *line = host_root_line(root, "%s", path);

    if (line == NULL)
        return HOST_UNKNOWN;
    return *line == 'Y' || *line == '1' ? HOST_YES : HOST_NO;
}

static void
read_kernel(const HostRoot *root, HostPci *host)
{
    HostIommu *iommu = &host->iommu;
    g_autofree char *config = host_kernel_config(root, host->kernel);
    bool amd = iommu->kind == HOST_IOMMU_AMD ||
               (iommu->kind == HOST_IOMMU_NONE && host->cpu.svm);

    iommu->kernel_driver = host_kernel_option(
        config, amd ? "CONFIG_AMD_IOMMU" : "CONFIG_INTEL_IOMMU");
    iommu->default_on =
        amd ? HOST_YES
            : host_kernel_option(config, "CONFIG_INTEL_IOMMU_DEFAULT_ON");
    iommu->kernel_remapping = host_kernel_option(config, "CONFIG_IRQ_REMAP");
}

static void
read_vfio(const HostRoot *root, HostPci *host)
{
    g_autofree char *dir = g_strdup_printf(
        "/lib/modules/%s/kernel/drivers/vfio/pci", host->kernel);
    g_autofree char *builtin = host_kernel_builtin(root, host->kernel);

    host->vfio_loaded = host_root_exists(root, "/sys/bus/pci/drivers/vfio-pci");
    host->vfio_modules = host->vfio_loaded || host_root_exists(root, dir) ||
                         (builtin != NULL && strstr(builtin, "/vfio-pci.ko"));
}

void
host_iommu_read(const HostRoot *root, HostPci *host)
{
    HostIommu *iommu = &host->iommu;
    g_auto(GStrv) groups = host_root_names(root, "/sys/kernel/iommu_groups");

    host->kernel = host_root_line(root, "/proc/sys/kernel/osrelease");
    if (host->kernel == NULL)
        host->kernel = g_strdup("unknown");
    host->cmdline = host_root_line(root, "/proc/cmdline");
    if (host->cmdline == NULL)
        host->cmdline = g_strdup("");
    read_cpu(root, &host->cpu);
    read_table(root, iommu, "/sys/firmware/acpi/tables/DMAR", HOST_IOMMU_INTEL);
    read_table(root, iommu, "/sys/firmware/acpi/tables/IVRS", HOST_IOMMU_AMD);
    read_units(root, iommu);
    read_arguments(host->cmdline, iommu);
    read_kernel(root, host);
    iommu->n_groups = g_strv_length(groups);
    iommu->default_domain =
        groups[0] != NULL
            ? host_root_line(root, "/sys/kernel/iommu_groups/%s/type",
                             groups[0])
            : NULL;
    iommu->remapping = iommu->enabled ? remapping_in_use(root) : HOST_NO;
    iommu->unsafe_interrupts = read_flag(
        root,
        "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
    read_vfio(root, host);
}
