/* profiles/rules.h - rules that join several keys of a profile. One function a
 * rule, in the file of what it is about, and one row in the table of
 * check-rules.c. What a rule finds goes to profile_report(). */
#pragma once

#include "profiles/profile-internal.h"

typedef struct {
    const Profile *profile;
    GPtrArray *findings;
} Rules;

/* The line on which a section begins; 0: the profile has none of that name. */
unsigned rules_section_line(const Profile *profile, const char *section);

/* Runs fn (NULL: none) for every section of a numbered kind ("disk#") that the
 * profile has, in its order; their number. */
unsigned rules_for_each(const Rules *rules, const char *pattern,
                        void (*fn)(const Rules *rules, const char *section));

/* A key's text or its default; the profile's. */
const char *rules_get(const Rules *rules, const char *section, const char *key);

bool rules_is_minimal(const Profile *profile); /* chipset=pc-virtio */
bool rules_is_q35(const Profile *profile);
/* As the start decides it: by the firmware's name alone. */
bool rules_is_uefi(const Profile *profile);

/* rules-drives.c */
void rule_disk_paths(const Rules *rules);
void rule_ide_units(const Rules *rules);
void rule_sata_ports(const Rules *rules);
void rule_one_disk_twice(const Rules *rules);

/* rules-cpu.c */
void rule_smp_needs_a_pentium(const Rules *rules);
void rule_smp_needs_acpi(const Rules *rules);
void rule_hyperv_is_seen(const Rules *rules);
void rule_topology(const Rules *rules);

/* rules-board.c */
void rule_kernel_and_chipset(const Rules *rules);
void rule_minimal_has_no(const Rules *rules);
void rule_minimal_has_a_clock(const Rules *rules);
void rule_minimal_drives(const Rules *rules);
void rule_q35(const Rules *rules);
void rule_platform(const Rules *rules);

/* rules-network.c */
void rule_networks(const Rules *rules);
void rule_boot_from_net(const Rules *rules);

/* rules-usb.c */
void rule_usb(const Rules *rules);
void rule_pci(const Rules *rules);
