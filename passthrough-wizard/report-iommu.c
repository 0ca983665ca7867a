/* passthrough-wizard/report-iommu.c - the state of the IOMMU in words that a
 * person can follow: which of processor, firmware, kernel argument and kernel
 * option is missing, in the order in which they are needed. */
#include <string.h>

#include "passthrough-wizard/report.h"

static bool
is_intel(const HostPci *host)
{
    return host->iommu.kind == HOST_IOMMU_INTEL ||
           (host->iommu.kind == HOST_IOMMU_NONE &&
            strcmp(host->cpu.vendor, "AuthenticAMD") != 0);
}

static const char *
name_of(const HostPci *host)
{
    if (host->iommu.kind == HOST_IOMMU_OTHER)
        return "IOMMU";
    return is_intel(host) ? "Intel VT-d" : "AMD-Vi";
}

static ReportIommu
state_of(const HostPci *host)
{
    const HostIommu *i = &host->iommu;

    if (i->enabled && i->n_groups > 0)
        return i->remapping == HOST_NO ? REPORT_IOMMU_NO_REMAPPING
                                       : REPORT_IOMMU_ON;
    if (i->table || i->enabled) {
        if (i->off_by_argument)
            return REPORT_IOMMU_ARGUMENT_OFF;
        if (i->kernel_driver == HOST_NO)
            return REPORT_IOMMU_KERNEL;
        if (is_intel(host) && i->default_on != HOST_YES && !i->on_by_argument)
            return REPORT_IOMMU_ARGUMENT;
        return REPORT_IOMMU_UNUSED;
    }
    if (host->cpu.in_vm)
        return REPORT_IOMMU_GUEST;
    if (!host->cpu.vmx && !host->cpu.svm)
        return REPORT_IOMMU_NO_VIRT;
    return REPORT_IOMMU_FIRMWARE;
}

static const char *
remapping_words(HostTri remapping)
{
    switch (remapping) {
    case HOST_YES: return "interrupts are remapped";
    case HOST_NO: return "interrupts are not remapped";
    case HOST_UNKNOWN:
    default: return "whether interrupts are remapped is not known";
    }
}

static void
say_on(const HostPci *host, ReportIommuFinding *f)
{
    f->finding = g_strdup_printf("%s on, %u groups, %s", name_of(host),
                                 host->iommu.n_groups,
                                 remapping_words(host->iommu.remapping));
}

static void
say_no_remapping(const HostPci *host, ReportIommuFinding *f)
{
    const HostIommu *i = &host->iommu;

    say_on(host, f);
    f->consequence =
        g_strdup("A device could send the host any interrupt, so the kernel "
                 "gives none to a machine until you consent.");
    if (i->nointremap)
        f->remedy = g_strdup("It is switched off by a kernel argument: take "
                             "intremap=off (or nointremap) away, and restart.");
    else if (i->firmware_remapping == HOST_NO)
        f->remedy = g_strdup(
            "The firmware does not offer it. Look there for \"Interrupt "
            "Remapping\" or \"x2APIC\" and for an update. Else you may accept "
            "the risk, with machines that you trust, by "
            "allow_unsafe_interrupts.");
    else if (i->kernel_remapping == HOST_NO)
        f->remedy = g_strdup("This kernel was built without CONFIG_IRQ_REMAP: "
                             "use your distribution's own kernel.");
    else
        f->remedy = g_strdup(
            "Look in the firmware for \"Interrupt Remapping\" or \"x2APIC\" "
            "and for an update; `sudo dmesg | grep -i remap` may say why. "
            "Else you may accept the risk, with machines that you trust, by "
            "allow_unsafe_interrupts.");
    if (!i->nointremap && i->unsafe_interrupts != HOST_YES)
        f->command = g_strdup("echo 1 | sudo tee /sys/module/vfio_iommu_type1/"
                              "parameters/allow_unsafe_interrupts");
}

static void
say_no_virt(const HostPci *host, ReportIommuFinding *f)
{
    f->finding = g_strdup("the processor offers no virtualization");
    f->consequence = g_strdup("No machine can run with KVM, and no device can "
                              "be passed through.");
    f->remedy = g_strdup_printf(
        "Restart, enter the firmware setup (often F2 or Del) and switch on %s. "
        "If there is no such switch, the processor (%s) has none.",
        strcmp(host->cpu.vendor, "AuthenticAMD") == 0
            ? "\"SVM Mode\" and \"IOMMU\""
            : "\"Intel Virtualization Technology\" (VT-x) and \"VT-d\"",
        host->cpu.model);
}

static void
say_guest(const HostPci *host, ReportIommuFinding *f)
{
    (void) host;
    f->finding = g_strdup("this host is itself a virtual machine, and was "
                          "given no IOMMU");
    f->consequence = g_strdup("No device can be passed through.");
    f->remedy = g_strdup("Give this virtual machine an IOMMU (with QEMU: "
                         "-device intel-iommu,intremap=on,caching-mode=on on "
                         "machine q35), or work on the real host.");
}

static void
say_firmware(const HostPci *host, ReportIommuFinding *f)
{
    f->finding =
        g_strdup_printf("the firmware describes no IOMMU (no table %s)",
                        is_intel(host) ? "DMAR" : "IVRS");
    f->consequence = g_strdup("No device can be passed through; machines run "
                              "without.");
    f->remedy = g_strdup(
        is_intel(host)
            ? "Restart, enter the firmware setup (often F2 or Del) and switch "
              "on \"VT-d\", also called \"Intel VT for Directed I/O\", often "
              "under Advanced, CPU or System Agent. If there is no such "
              "switch, processor or board have none."
            : "Restart, enter the firmware setup (often F2 or Del) and set "
              "\"IOMMU\" to Enabled, not Auto, often under Advanced, AMD CBS "
              "or NBIO; \"SVM Mode\" too. If there is no such switch, the "
              "board has none.");
}

static void
say_argument_off(const HostPci *host, ReportIommuFinding *f)
{
    f->finding = g_strdup_printf("%s is there, but switched off by a kernel "
                                 "argument",
                                 name_of(host));
    f->consequence = g_strdup("No device can be passed through.");
    f->remedy = g_strdup_printf(
        "Take the argument (%s=off or iommu=off) out of the boot "
        "configuration, and restart.",
        is_intel(host) ? "intel_iommu" : "amd_iommu");
}

static void
say_argument(const HostPci *host, ReportIommuFinding *f)
{
    (void) host;
    f->finding = g_strdup("Intel VT-d is there, but this kernel uses it only "
                          "when told to");
    f->consequence = g_strdup("No device can be passed through.");
    f->remedy = g_strdup("Add the kernel argument intel_iommu=on to the boot "
                         "configuration, and restart.");
}

static void
say_kernel(const HostPci *host, ReportIommuFinding *f)
{
    f->finding = g_strdup_printf("%s is there, but this kernel was built "
                                 "without %s",
                                 name_of(host),
                                 is_intel(host) ? "CONFIG_INTEL_IOMMU"
                                                : "CONFIG_AMD_IOMMU");
    f->consequence = g_strdup("No device can be passed through.");
    f->remedy = g_strdup("Start your distribution's own kernel.");
}

static void
say_unused(const HostPci *host, ReportIommuFinding *f)
{
    f->finding = g_strdup_printf("%s is there, but the kernel does not use it",
                                 name_of(host));
    f->consequence = g_strdup("No device can be passed through.");
    f->remedy = g_strdup("The kernel's log says why; often the firmware's "
                         "table is damaged, and an update of it helps.");
    f->command = g_strdup("sudo dmesg | grep -e DMAR -e AMD-Vi -e IOMMU");
}

/* clang-format off */
static const struct {
    const char *id;
    void (*say)(const HostPci *host, ReportIommuFinding *f);
} rows[] = {
    [REPORT_IOMMU_ON]           = { "on",             say_on },
    [REPORT_IOMMU_NO_REMAPPING] = { "no-remapping",   say_no_remapping },
    [REPORT_IOMMU_NO_VIRT]      = { "no-processor",   say_no_virt },
    [REPORT_IOMMU_GUEST]        = { "guest",          say_guest },
    [REPORT_IOMMU_FIRMWARE]     = { "firmware",       say_firmware },
    [REPORT_IOMMU_ARGUMENT_OFF] = { "argument-off",   say_argument_off },
    [REPORT_IOMMU_ARGUMENT]     = { "argument",       say_argument },
    [REPORT_IOMMU_KERNEL]       = { "kernel",         say_kernel },
    [REPORT_IOMMU_UNUSED]       = { "unused",         say_unused },
};
/* clang-format on */

void
report_iommu(const HostPci *host, ReportIommuFinding *ret)
{
    *ret = (ReportIommuFinding){.state = state_of(host)};
    ret->id = rows[ret->state].id;
    rows[ret->state].say(host, ret);
}

void
report_iommu_clear(ReportIommuFinding *finding)
{
    g_clear_pointer(&finding->finding, g_free);
    g_clear_pointer(&finding->consequence, g_free);
    g_clear_pointer(&finding->remedy, g_free);
    g_clear_pointer(&finding->command, g_free);
}
