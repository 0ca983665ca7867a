/* profiles/rules-cpu.c - rules for processors. */
#include "profiles/rules.h"

#include <string.h>

void
rule_smp_needs_a_pentium(const Rules *rules)
{
    const Profile *p = rules->profile;

    if (profile_get_u64(p, "machine.cpus") > 1 &&
        strcmp(profile_get_string(p, "machine.cpu-model"), "486") == 0)
        profile_report(rules->findings, false,
                       profile_get_line(p, "machine.cpus"), "machine.cpus",
                       g_strdup("a 486 has no local APIC: the guest will use "
                                "one processor"));
}

/* A model that hides the hypervisor, or the setting that does, hides all of
 * it. */
void
rule_hyperv_is_seen(const Rules *rules)
{
    static const char *const old[] = {"486", "pentium", "pentium3", NULL};
    const Profile *p = rules->profile;
    const char *model = profile_get_string(p, "machine.cpu-model");
    bool hyperv = profile_get_bool(p, "cpu.hyperv");
    unsigned line = profile_get_line(p, "cpu.hyperv");

    if (hyperv && profile_get_bool(p, "machine.hide-hypervisor"))
        profile_report(rules->findings, false, line, "cpu.hyperv",
                       g_strdup("has no effect with "
                                "machine.hide-hypervisor=true; cpu.kvm=false "
                                "hides KVM alone"));
    else if (hyperv && g_strv_contains(old, model))
        profile_report(rules->findings, false, line, "cpu.hyperv",
                       g_strdup_printf("has no effect with "
                                       "machine.cpu-model=%s, which shows no "
                                       "hypervisor",
                                       model));
    if (!hyperv && *profile_get_string(p, "cpu.hv-vendor") != '\0')
        profile_report(rules->findings, false,
                       profile_get_line(p, "cpu.hv-vendor"), "cpu.hv-vendor",
                       g_strdup("has no effect without cpu.hyperv=true"));
}

/* Whole cores in whole sockets, and a processor of the host for each. */
void
rule_topology(const Rules *rules)
{
    const Profile *p = rules->profile;
    guint64 n = profile_get_u64(p, "machine.cpus");
    guint64 sockets = profile_get_u64(p, "cpu.sockets");
    const char *threads = profile_get_string(p, "cpu.threads");
    guint64 unit = sockets * (strcmp(threads, "2") == 0 ? 2 : 1);
    g_autoptr(GArray) pins =
        schema_parse_cpus(profile_get_string(p, "cpu.pin"));
    guint64 each = sockets > 0 ? n / sockets : n;

    if (n % unit != 0)
        profile_report(
            rules->findings, true, profile_get_line(p, "machine.cpus"),
            "machine.cpus",
            g_strdup_printf("must be a multiple of %" G_GUINT64_FORMAT
                            ": cpu.sockets times cpu.threads",
                            unit));
    else if (sockets > 1 && (each & (each - 1)) != 0)
        profile_report(rules->findings, true,
                       profile_get_line(p, "cpu.sockets"), "cpu.sockets",
                       g_strdup_printf("gives each socket %" G_GUINT64_FORMAT
                                       " processors; with more than one "
                                       "socket that must be 1, 2, 4, 8, 16 "
                                       "or 32",
                                       each));
    if (pins != NULL && pins->len != n)
        profile_report(rules->findings, true, profile_get_line(p, "cpu.pin"),
                       "cpu.pin",
                       g_strdup_printf("names %u processors of the host for "
                                       "machine.cpus=%" G_GUINT64_FORMAT
                                       "; name one for each, or set auto",
                                       pins->len, n));
}

void
rule_smp_needs_acpi(const Rules *rules)
{
    const Profile *p = rules->profile;

    if (profile_get_u64(p, "machine.cpus") > 1 &&
        !profile_get_bool(p, "machine.acpi"))
        profile_report(rules->findings, false,
                       profile_get_line(p, "machine.acpi"), "machine.acpi",
                       g_strdup("without ACPI most systems find one "
                                "processor only"));
}
