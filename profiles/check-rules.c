/* profiles/check-rules.c - rules that join several keys of a profile: the table
 * of all, what they have in common, and those of one key's section. */
#include "profiles/rules.h"

#include <string.h>

#define CIRRUS_VRAM_MAX   (4u << 20) /* what the card can have on it */
#define CIRRUS_WIDTH_MAX  1280u
#define CIRRUS_HEIGHT_MAX 1024u

unsigned
rules_section_line(const Profile *profile, const char *section)
{
    for (guint i = 0; i < profile->lines->len; i++) {
        const Line *line = g_ptr_array_index(profile->lines, i);
        if (line->kind == LINE_SECTION && strcmp(line->section, section) == 0)
            return i + 1;
    }
    return 0;
}

/* Runs fn (NULL: none) for every section of a numbered kind that the profile
 * has, in its order; their number. */
unsigned
rules_for_each(const Rules *rules, const char *pattern,
               void (*fn)(const Rules *rules, const char *section))
{
    const GPtrArray *lines = rules->profile->lines;
    unsigned found = 0;

    for (guint i = 0; i < lines->len; i++) {
        const Line *line = g_ptr_array_index(lines, i);
        if (line->kind != LINE_SECTION ||
            rules_section_line(rules->profile, line->section) != i + 1)
            continue; /* or it was met before */
        const SchemaSection *row = schema_find_section(line->section);
        if (row == NULL || strcmp(row->section, pattern) != 0)
            continue;
        found++;
        if (fn != NULL)
            fn(rules, line->section);
    }
    return found;
}

const char *
rules_get(const Rules *rules, const char *section, const char *key)
{
    g_autofree char *full = g_strconcat(section, ".", key, NULL);
    return profile_get_string(rules->profile, full);
}

bool
rules_is_minimal(const Profile *profile)
{
    return strcmp(profile_get_string(profile, "machine.chipset"),
                  "pc-virtio") == 0;
}

bool
rules_is_q35(const Profile *profile)
{
    return strcmp(profile_get_string(profile, "machine.chipset"), "pc-q35") ==
           0;
}

/* As the start decides it: by the name alone. */
bool
rules_is_uefi(const Profile *profile)
{
    const char *name = profile_get_string(profile, "machine.firmware");

    return strcmp(name, "uefi") == 0 || g_str_has_suffix(name, ".fd");
}

static void
serial_has_path(const Rules *rules, const char *section)
{
    g_autofree char *full = g_strdup_printf("%s.path", section);

    if (strcmp(rules_get(rules, section, "kind"), "file") == 0 &&
        *profile_get_string(rules->profile, full) == '\0')
        profile_report(rules->findings, true,
                       rules_section_line(rules->profile, section), full,
                       g_strdup("is missing; kind=file needs the file's "
                                "path"));
}

static void
rule_serial_paths(const Rules *rules)
{
    rules_for_each(rules, "serial#", serial_has_path);
    rules_for_each(rules, "console#", serial_has_path);
    if (profile_has_section(rules->profile, "firmware-log"))
        serial_has_path(rules, "firmware-log");
}

/* Not loopback: everybody who can reach the host sees the screen. */
static bool
listens_to_the_world(const char *listen)
{
    return g_str_has_prefix(listen, "tcp:") &&
           !g_str_has_prefix(listen, "tcp:127.") &&
           !g_str_has_prefix(listen, "tcp:localhost:") &&
           !g_str_has_prefix(listen, "tcp:[::1]:");
}

static void
rule_vnc_password(const Rules *rules)
{
    const Profile *p = rules->profile;

    if (profile_get_bool(p, "vnc.enabled") &&
        listens_to_the_world(profile_get_string(p, "vnc.listen")) &&
        *profile_get_string(p, "vnc.password") == '\0')
        profile_report(rules->findings, true, profile_get_line(p, "vnc.listen"),
                       "vnc.password",
                       g_strdup("is missing; a screen that other hosts can "
                                "reach needs a password (or listen on "
                                "127.0.0.1)"));
}

static void
rule_screen_for_vnc(const Rules *rules)
{
    const Profile *p = rules->profile;

    if (profile_has(p, "vnc.enabled") && profile_get_bool(p, "vnc.enabled") &&
        strcmp(profile_get_string(p, "display.model"), "none") == 0)
        profile_report(rules->findings, false,
                       profile_get_line(p, "vnc.enabled"), "vnc.enabled",
                       g_strdup("there is no display to show; set "
                                "display.model=vga or vnc.enabled=false"));
}

static void
rule_cirrus_memory(const Rules *rules)
{
    const Profile *p = rules->profile;

    if (strcmp(profile_get_string(p, "display.model"), "cirrus") == 0 &&
        profile_has(p, "display.vram") &&
        profile_get_u64(p, "display.vram") > CIRRUS_VRAM_MAX)
        profile_report(rules->findings, true,
                       profile_get_line(p, "display.vram"), "display.vram",
                       g_strdup("a cirrus card has 1M, 2M or 4M; leave it out "
                                "or set 4M"));
}

static void
rule_resolution_fits(const Rules *rules)
{
    const Profile *p = rules->profile;
    bool cirrus = strcmp(profile_get_string(p, "display.model"), "cirrus") == 0;
    guint64 width, height;

    if (!schema_parse_resolution(profile_get_string(p, "display.resolution"),
                                 &width, &height))
        return;
    if (cirrus && (width > CIRRUS_WIDTH_MAX || height > CIRRUS_HEIGHT_MAX))
        profile_report(rules->findings, true,
                       profile_get_line(p, "display.resolution"),
                       "display.resolution",
                       g_strdup("a cirrus card shows 1280x1024 at most"));
    if (!cirrus && width * height * 4 > profile_get_u64(p, "display.vram"))
        profile_report(rules->findings, true,
                       profile_get_line(p, "display.resolution"),
                       "display.resolution",
                       g_strdup("does not fit into the card's memory, at 4 "
                                "bytes a pixel; set display.vram=16M"));
}

static void
rule_sound(const Rules *rules)
{
    const Profile *p = rules->profile;
    const char *model = profile_get_string(p, "sound.model");

    if (strcmp(model, "none") != 0 &&
        strcmp(profile_get_string(p, "sound.output"), "wav") == 0 &&
        *profile_get_string(p, "sound.file") == '\0')
        profile_report(
            rules->findings, true, profile_get_line(p, "sound.output"),
            "sound.file",
            g_strdup("is missing; output=wav needs the file's path"));
    if (rules_is_minimal(p) && strcmp(model, "none") != 0 &&
        strcmp(model, "ac97") != 0)
        profile_report(rules->findings, true,
                       profile_get_line(p, "sound.model"), "sound.model",
                       g_strdup("chipset=pc-virtio has no ISA bus and no "
                                "speaker; choose ac97"));
}

void
profile_check_rules(const Profile *profile, GPtrArray *findings)
{
    static void (*const rules[])(const Rules *rules) = {
        rule_disk_paths,
        rule_serial_paths,
        rule_ide_units,
        rule_sata_ports,
        rule_vnc_password,
        rule_one_disk_twice,
        rule_smp_needs_a_pentium,
        rule_smp_needs_acpi,
        rule_screen_for_vnc,
        rule_cirrus_memory,
        rule_resolution_fits,
        rule_kernel_and_chipset,
        rule_minimal_has_no,
        rule_minimal_has_a_clock,
        rule_minimal_drives,
        rule_q35,
        rule_platform,
        rule_networks,
        rule_boot_from_net,
        rule_usb,
        rule_hyperv_is_seen,
        rule_topology,
        rule_pci,
        rule_sound,
    };
    const Rules context = {profile, findings};

    for (unsigned i = 0; i < G_N_ELEMENTS(rules); i++)
        rules[i](&context);
}
