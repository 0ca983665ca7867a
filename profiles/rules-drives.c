/* profiles/rules-drives.c - rules for disks, floppies and CD drives: a file each, and
 * a place for each on its controller. */
#include "profiles/rules.h"

#include <string.h>

enum { MAX_IDE_UNITS = 4 }; /* two channels with two drives each */

static void
disk_has_path(const Rules *rules, const char *section)
{
    g_autofree char *full = g_strdup_printf("%s.path", section);

    if (!profile_has(rules->profile, full))
        profile_report(rules->findings, true,
                       rules_section_line(rules->profile, section), full,
                       g_strdup_printf("is missing; name the image file or "
                                       "block device of [%s]",
                                       section));
}

void
rule_disk_paths(const Rules *rules)
{
    rules_for_each(rules, "disk#", disk_has_path);
}

static unsigned
count_ide(const Rules *rules, const char *stem)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MAX_IDE_UNITS; i++) {
        g_autofree char *section = g_strdup_printf("%s%u", stem, i);
        n += profile_has_section(rules->profile, section) &&
             strcmp(rules_get(rules, section, "model"), "ide") == 0;
    }
    return n;
}

void
rule_ide_units(const Rules *rules)
{
    unsigned disks = count_ide(rules, "disk");
    unsigned cds = count_ide(rules, "cd");

    if (disks + cds > MAX_IDE_UNITS)
        profile_report(rules->findings, true,
                       rules_section_line(rules->profile, "cd0"), "cd0",
                       g_strdup_printf("%u disks and %u CD drives; the IDE "
                                       "controller has place for %d together",
                                       disks, cds, MAX_IDE_UNITS));
}

/* Its six ports are for four disks and two CD drives; a third and a fourth have
 * those of the last disks. */
void
rule_sata_ports(const Rules *rules)
{
    static const char *const pairs[][2] = {{"disk3", "cd2"}, {"disk2", "cd3"}};

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        const char *disk = pairs[i][0], *cd = pairs[i][1];
        if (profile_has_section(rules->profile, disk) &&
            profile_has_section(rules->profile, cd) &&
            strcmp(rules_get(rules, disk, "model"), "ahci") == 0 &&
            strcmp(rules_get(rules, cd, "model"), "ahci") == 0)
            profile_report(rules->findings, true,
                           rules_section_line(rules->profile, cd), cd,
                           g_strdup_printf("has the place of %s on the SATA "
                                           "controller; give one of them "
                                           "another number or model",
                                           disk));
    }
}

void
rule_one_disk_twice(const Rules *rules)
{
    static const char *const writable[] = {"floppy0", "floppy1", "disk0",
                                           "disk1",   "disk2",   "disk3"};
    g_autoptr(GHashTable) users =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(writable); i++) {
        if (!profile_has_section(rules->profile, writable[i]))
            continue;
        g_autofree char *full = g_strconcat(writable[i], ".path", NULL);
        char *path = profile_get_path(rules->profile, full);
        const char *other =
            path != NULL ? g_hash_table_lookup(users, path) : NULL;
        if (other != NULL)
            profile_report(rules->findings, true,
                           profile_get_line(rules->profile, full), full,
                           g_strdup_printf("[%s] has the same file; two "
                                           "drives would destroy it",
                                           other));
        if (path != NULL)
            g_hash_table_replace(users, path, (gpointer) writable[i]);
    }
}
