/* profiles/rules-board.c - rules for what a chipset or a firmware has, and has not. */
#include "profiles/rules.h"

#include <string.h>

void
rule_kernel_and_chipset(const Rules *rules)
{
    const Profile *p = rules->profile;
    bool kernel = *profile_get_string(p, "machine.kernel") != '\0';

    /* a template leaves the file to whoever makes a machine of it */
    if (rules_is_minimal(p) && !kernel && !profile_has_section(p, "template"))
        profile_report(rules->findings, true,
                       profile_get_line(p, "machine.chipset"), "machine.kernel",
                       g_strdup("is missing; chipset=pc-virtio has no firmware "
                                "and starts a kernel"));
    if (!rules_is_minimal(p) && kernel)
        profile_report(rules->findings, true,
                       profile_get_line(p, "machine.kernel"), "machine.kernel",
                       g_strdup("is for chipset=pc-virtio; this one starts "
                                "from a disk by its firmware"));
    if (!kernel && *profile_get_string(p, "machine.initrd") != '\0')
        profile_report(rules->findings, false,
                       profile_get_line(p, "machine.initrd"), "machine.initrd",
                       g_strdup("has no effect without machine.kernel"));
}

/* What counts time in the minimal machine is the hypervisor's: it has neither
 * PIT nor RTC nor a power management timer. */
void
rule_minimal_has_a_clock(const Rules *rules)
{
    static const char *const off[] = {"cpu.kvm", "clock.kvmclock"};
    const Profile *p = rules->profile;
    bool hidden = profile_get_bool(p, "machine.hide-hypervisor");
    const char *key = hidden ? "machine.hide-hypervisor" : NULL;
    bool hyperv = profile_get_bool(p, "cpu.hyperv") &&
                  *profile_get_string(p, "cpu.hv-vendor") == '\0';

    if (!rules_is_minimal(p) || (!hidden && hyperv))
        return;
    for (unsigned i = 0; key == NULL && i < G_N_ELEMENTS(off); i++)
        if (!profile_get_bool(p, off[i]))
            key = off[i];
    if (key != NULL)
        profile_report(rules->findings, false, profile_get_line(p, key), key,
                       g_strdup("leaves the guest without a clock, as "
                                "chipset=pc-virtio has no other than the "
                                "hypervisor's: Linux may not start; set "
                                "cpu.hyperv=true or use another chipset"));
}

/* The minimal machine has no slot for it. */
void
rule_minimal_has_no(const Rules *rules)
{
    static const char *const absent[] = {"floppy0", "floppy1", "serial1",
                                         "serial2", "serial3"};
    const Profile *p = rules->profile;

    for (unsigned i = 0; rules_is_minimal(p) && i < G_N_ELEMENTS(absent); i++)
        if (profile_has_section(p, absent[i]))
            profile_report(rules->findings, true,
                           rules_section_line(p, absent[i]), absent[i],
                           g_strdup("chipset=pc-virtio has no such device"));
    if (rules_is_minimal(p) && profile_has(p, "display.model") &&
        strcmp(profile_get_string(p, "display.model"), "none") != 0)
        profile_report(rules->findings, true,
                       profile_get_line(p, "display.model"), "display.model",
                       g_strdup("chipset=pc-virtio has no VGA; set none"));
    if (rules_is_minimal(p) && profile_get_bool(p, "machine.s3"))
        profile_report(rules->findings, true, profile_get_line(p, "machine.s3"),
                       "machine.s3",
                       g_strdup("chipset=pc-virtio cannot be suspended"));
    if (rules_is_minimal(p) && profile_get_bool(p, "machine.hpet"))
        profile_report(rules->findings, true,
                       profile_get_line(p, "machine.hpet"), "machine.hpet",
                       g_strdup("chipset=pc-virtio has no such device"));
}

static void
without_effect(const Rules *rules, bool is_error, const char *key,
               const char *why)
{
    const Profile *p = rules->profile;

    if (profile_get_bool(p, key))
        profile_report(rules->findings, is_error, profile_get_line(p, key), key,
                       g_strdup(why));
}

/* What the board or the firmware would pass over in silence. */
void
rule_platform(const Rules *rules)
{
    const Profile *p = rules->profile;
    bool acpi = profile_get_bool(p, "machine.acpi");

    if (rules_is_q35(p))
        without_effect(rules, true, "machine.s3",
                       "chipset=pc-q35 cannot suspend to RAM; say pc-i440fx, "
                       "or false");
    else if (rules_is_uefi(p) && !rules_is_minimal(p))
        without_effect(rules, true, "machine.s3",
                       "a machine with UEFI cannot suspend to RAM; leave out "
                       "machine.firmware for a BIOS, or say false");
    else if (!acpi && !rules_is_minimal(p))
        without_effect(rules, true, "machine.s3",
                       "a guest suspends by ACPI; set machine.acpi=true, or "
                       "say false");
    if (!rules_is_uefi(p))
        without_effect(rules, true, "machine.secure-boot",
                       "needs machine.firmware=uefi");
    if (!acpi && !rules_is_minimal(p))
        without_effect(rules, false, "machine.hpet",
                       "nothing tells the guest without ACPI that they are "
                       "there; set machine.acpi=true");
}

static void
q35_drive(const Rules *rules, const char *section)
{
    g_autofree char *full = g_strdup_printf("%s.model", section);

    if (strcmp(profile_get_string(rules->profile, full), "ide") == 0)
        profile_report(rules->findings, true,
                       rules_section_line(rules->profile, section), full,
                       g_strdup("chipset=pc-q35 has no IDE controller; leave "
                                "it out for SATA"));
}

/* Its firmware makes tables of its own where it is given none, so that they
 * cannot be left out. */
void
rule_q35(const Rules *rules)
{
    const Profile *p = rules->profile;

    if (!rules_is_q35(p))
        return;
    rules_for_each(rules, "disk#", q35_drive);
    rules_for_each(rules, "cd#", q35_drive);
    if (!profile_get_bool(p, "machine.acpi"))
        profile_report(rules->findings, true,
                       profile_get_line(p, "machine.acpi"), "machine.acpi",
                       g_strdup("chipset=pc-q35 is not without ACPI; use "
                                "pc-i440fx"));
}

static void
minimal_drive(const Rules *rules, const char *section)
{
    g_autofree char *full = g_strdup_printf("%s.model", section);

    if (strcmp(profile_get_string(rules->profile, full), "ide") == 0)
        profile_report(rules->findings, true,
                       rules_section_line(rules->profile, section), full,
                       g_strdup("chipset=pc-virtio has no IDE controller"));
}

void
rule_minimal_drives(const Rules *rules)
{
    if (!rules_is_minimal(rules->profile))
        return;
    rules_for_each(rules, "disk#", minimal_drive);
    rules_for_each(rules, "cd#", minimal_drive);
}
