/* profiles/check-rules.c - rules that join several keys of a profile. One
 * function a rule, one row each in the table at the end. */
#include "profiles/profile-internal.h"

#include <string.h>

enum { MAX_IDE_UNITS = 4 }; /* two channels with two drives each */

#define USB_MAX_HUBS      5u         /* in a row: USB 2.0, 4.1.1 */
#define CIRRUS_VRAM_MAX   (4u << 20) /* what the card can have on it */
#define CIRRUS_WIDTH_MAX  1280u
#define CIRRUS_HEIGHT_MAX 1024u

typedef struct {
    const Profile *profile;
    GPtrArray *findings;
} Rules;

static unsigned
section_line(const Profile *profile, const char *section)
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
static unsigned
for_each(const Rules *rules, const char *pattern,
         void (*fn)(const Rules *rules, const char *section))
{
    const GPtrArray *lines = rules->profile->lines;
    unsigned found = 0;

    for (guint i = 0; i < lines->len; i++) {
        const Line *line = g_ptr_array_index(lines, i);
        if (line->kind != LINE_SECTION ||
            section_line(rules->profile, line->section) != i + 1)
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

static const char *
get(const Rules *rules, const char *section, const char *key)
{
    g_autofree char *full = g_strconcat(section, ".", key, NULL);
    return profile_get_string(rules->profile, full);
}

static void
disk_has_path(const Rules *rules, const char *section)
{
    g_autofree char *full = g_strdup_printf("%s.path", section);

    if (!profile_has(rules->profile, full))
        profile_report(rules->findings, true,
                       section_line(rules->profile, section), full,
                       g_strdup_printf("is missing; name the image file or "
                                       "block device of [%s]",
                                       section));
}

static void
rule_disk_paths(const Rules *rules)
{
    for_each(rules, "disk#", disk_has_path);
}

static void
serial_has_path(const Rules *rules, const char *section)
{
    g_autofree char *full = g_strdup_printf("%s.path", section);

    if (strcmp(get(rules, section, "kind"), "file") == 0 &&
        *profile_get_string(rules->profile, full) == '\0')
        profile_report(rules->findings, true,
                       section_line(rules->profile, section), full,
                       g_strdup("is missing; kind=file needs the file's "
                                "path"));
}

static void
rule_serial_paths(const Rules *rules)
{
    for_each(rules, "serial#", serial_has_path);
    for_each(rules, "console#", serial_has_path);
    if (profile_has_section(rules->profile, "firmware-log"))
        serial_has_path(rules, "firmware-log");
}

static unsigned
count_ide(const Rules *rules, const char *stem)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MAX_IDE_UNITS; i++) {
        g_autofree char *section = g_strdup_printf("%s%u", stem, i);
        n += profile_has_section(rules->profile, section) &&
             strcmp(get(rules, section, "model"), "ide") == 0;
    }
    return n;
}

static void
rule_ide_units(const Rules *rules)
{
    unsigned disks = count_ide(rules, "disk");
    unsigned cds = count_ide(rules, "cd");

    if (disks + cds > MAX_IDE_UNITS)
        profile_report(rules->findings, true,
                       section_line(rules->profile, "cd0"), "cd0",
                       g_strdup_printf("%u disks and %u CD drives; the IDE "
                                       "controller has place for %d together",
                                       disks, cds, MAX_IDE_UNITS));
}

/* Its six ports are for four disks and two CD drives; a third and a fourth have
 * those of the last disks. */
static void
rule_sata_ports(const Rules *rules)
{
    static const char *const pairs[][2] = {{"disk3", "cd2"}, {"disk2", "cd3"}};

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        const char *disk = pairs[i][0], *cd = pairs[i][1];
        if (profile_has_section(rules->profile, disk) &&
            profile_has_section(rules->profile, cd) &&
            strcmp(get(rules, disk, "model"), "ahci") == 0 &&
            strcmp(get(rules, cd, "model"), "ahci") == 0)
            profile_report(rules->findings, true,
                           section_line(rules->profile, cd), cd,
                           g_strdup_printf("has the place of %s on the SATA "
                                           "controller; give one of them "
                                           "another number or model",
                                           disk));
    }
}

static void
net_has_names(const Rules *rules, const char *section)
{
    static const struct {
        const char *kind, *key, *what;
    } rows[] = {
        {"tap", "interface", "the tap's name"},
        {"macvtap", "interface", "the host's card, such as eth0"},
        {"bridge", "bridge", "the bridge's name, such as br0"},
    };
    const char *kind = get(rules, section, "kind");

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *full = g_strdup_printf("%s.%s", section, rows[i].key);
        if (strcmp(kind, rows[i].kind) == 0 &&
            *profile_get_string(rules->profile, full) == '\0')
            profile_report(rules->findings, true,
                           section_line(rules->profile, section), full,
                           g_strdup_printf("is missing; kind=%s needs %s", kind,
                                           rows[i].what));
    }
}

static void
net_is_user_network(const Rules *rules, const char *section)
{
    static const struct {
        const char *key, *what;
    } rows[] = {
        {"forward", "port forwards"},
        {"tftp", "a TFTP server; others need one in their network"},
        {"bootfile", "a DHCP server of its own"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *full = g_strdup_printf("%s.%s", section, rows[i].key);
        if (strcmp(get(rules, section, "kind"), "user") != 0 &&
            *profile_get_string(rules->profile, full) != '\0')
            profile_report(rules->findings, false,
                           profile_get_line(rules->profile, full), full,
                           g_strdup_printf("has no effect; only kind=user has "
                                           "%s",
                                           rows[i].what));
    }
}

/* Emulated cards have one queue, and their rings are not the kernel's to read. */
static void
net_is_virtio(const Rules *rules, const char *section)
{
    static const char *const keys[] = {"queues", "vhost", "busy-poll"};

    if (strcmp(get(rules, section, "model"), "virtio-net") == 0)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *full = g_strdup_printf("%s.%s", section, keys[i]);
        if (profile_has(rules->profile, full))
            profile_report(rules->findings, false,
                           profile_get_line(rules->profile, full), full,
                           g_strdup("has no effect; only model=virtio-net "
                                    "has it"));
    }
}

/* A plain name without the folder that it is in leads nowhere. */
static void
net_bootfile_is_somewhere(const Rules *rules, const char *section)
{
    const char *file = get(rules, section, "bootfile");
    g_autofree char *full = g_strdup_printf("%s.bootfile", section);

    if (*file != '\0' && strstr(file, "://") == NULL &&
        *get(rules, section, "tftp") == '\0')
        profile_report(rules->findings, false,
                       profile_get_line(rules->profile, full), full,
                       g_strdup_printf("nobody serves it: set %s.tftp to the "
                                       "folder that it is in",
                                       section));
}

static void
rule_boot_from_net(const Rules *rules)
{
    const Profile *p = rules->profile;
    g_auto(GStrv) kinds =
        g_strsplit_set(profile_get_string(p, "machine.boot"), ", ", -1);

    if (g_strv_contains((const char *const *) kinds, "net") &&
        for_each(rules, "net#", NULL) == 0)
        profile_report(rules->findings, false,
                       profile_get_line(p, "machine.boot"), "machine.boot",
                       g_strdup("there is no network card to start from; add "
                                "[net0]"));
}

static void
rule_networks(const Rules *rules)
{
    for_each(rules, "net#", net_has_names);
    for_each(rules, "net#", net_is_user_network);
    for_each(rules, "net#", net_is_virtio);
    for_each(rules, "net#", net_bootfile_is_somewhere);
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

static void
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
static void
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
static void
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

static void
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

static bool
is_minimal(const Profile *profile)
{
    return strcmp(profile_get_string(profile, "machine.chipset"),
                  "pc-virtio") == 0;
}

static void
rule_kernel_and_chipset(const Rules *rules)
{
    const Profile *p = rules->profile;
    bool kernel = *profile_get_string(p, "machine.kernel") != '\0';

    /* a template leaves the file to whoever makes a machine of it */
    if (is_minimal(p) && !kernel && !profile_has_section(p, "template"))
        profile_report(rules->findings, true,
                       profile_get_line(p, "machine.chipset"), "machine.kernel",
                       g_strdup("is missing; chipset=pc-virtio has no firmware "
                                "and starts a kernel"));
    if (!is_minimal(p) && kernel)
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
static void
rule_minimal_has_a_clock(const Rules *rules)
{
    static const char *const off[] = {"cpu.kvm", "clock.kvmclock"};
    const Profile *p = rules->profile;
    bool hidden = profile_get_bool(p, "machine.hide-hypervisor");
    const char *key = hidden ? "machine.hide-hypervisor" : NULL;
    bool hyperv = profile_get_bool(p, "cpu.hyperv") &&
                  *profile_get_string(p, "cpu.hv-vendor") == '\0';

    if (!is_minimal(p) || (!hidden && hyperv))
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
static void
rule_minimal_has_no(const Rules *rules)
{
    static const char *const absent[] = {"floppy0", "floppy1", "serial1",
                                         "serial2", "serial3"};
    const Profile *p = rules->profile;

    for (unsigned i = 0; is_minimal(p) && i < G_N_ELEMENTS(absent); i++)
        if (profile_has_section(p, absent[i]))
            profile_report(rules->findings, true, section_line(p, absent[i]),
                           absent[i],
                           g_strdup("chipset=pc-virtio has no such device"));
    if (is_minimal(p) && profile_has(p, "display.model") &&
        strcmp(profile_get_string(p, "display.model"), "none") != 0)
        profile_report(rules->findings, true,
                       profile_get_line(p, "display.model"), "display.model",
                       g_strdup("chipset=pc-virtio has no VGA; set none"));
    if (is_minimal(p) && profile_get_bool(p, "machine.s3"))
        profile_report(rules->findings, true, profile_get_line(p, "machine.s3"),
                       "machine.s3",
                       g_strdup("chipset=pc-virtio cannot be suspended"));
    if (is_minimal(p) && profile_get_bool(p, "machine.hpet"))
        profile_report(rules->findings, true,
                       profile_get_line(p, "machine.hpet"), "machine.hpet",
                       g_strdup("chipset=pc-virtio has no such device"));
}

static bool
is_q35(const Profile *profile)
{
    return strcmp(profile_get_string(profile, "machine.chipset"), "pc-q35") ==
           0;
}

/* As the start decides it: by the name alone. */
static bool
is_uefi(const Profile *profile)
{
    const char *name = profile_get_string(profile, "machine.firmware");

    return strcmp(name, "uefi") == 0 || g_str_has_suffix(name, ".fd");
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
static void
rule_platform(const Rules *rules)
{
    const Profile *p = rules->profile;
    bool acpi = profile_get_bool(p, "machine.acpi");

    if (is_q35(p))
        without_effect(rules, true, "machine.s3",
                       "chipset=pc-q35 cannot suspend to RAM; say pc-i440fx, "
                       "or false");
    else if (is_uefi(p) && !is_minimal(p))
        without_effect(rules, true, "machine.s3",
                       "a machine with UEFI cannot suspend to RAM; leave out "
                       "machine.firmware for a BIOS, or say false");
    else if (!acpi && !is_minimal(p))
        without_effect(rules, true, "machine.s3",
                       "a guest suspends by ACPI; set machine.acpi=true, or "
                       "say false");
    if (!is_uefi(p))
        without_effect(rules, true, "machine.secure-boot",
                       "needs machine.firmware=uefi");
    if (!acpi && !is_minimal(p))
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
                       section_line(rules->profile, section), full,
                       g_strdup("chipset=pc-q35 has no IDE controller; leave "
                                "it out for SATA"));
}

/* Its firmware makes tables of its own where it is given none, so that they
 * cannot be left out. */
static void
rule_q35(const Rules *rules)
{
    const Profile *p = rules->profile;

    if (!is_q35(p))
        return;
    for_each(rules, "disk#", q35_drive);
    for_each(rules, "cd#", q35_drive);
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
                       section_line(rules->profile, section), full,
                       g_strdup("chipset=pc-virtio has no IDE controller"));
}

/* What a model cannot be without. */
static void
usb_has_device(const Rules *rules, const char *section)
{
    static const struct {
        const char *model, *key, *what;
    } rows[] = {
        {"host", "host",
         "is missing; name the device's port or numbers (carrel usb list)"},
        {"storage", "path", "is missing; name the image file"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *full = g_strconcat(section, ".", rows[i].key, NULL);
        if (strcmp(get(rules, section, "model"), rows[i].model) == 0 &&
            *profile_get_string(rules->profile, full) == '\0')
            profile_report(rules->findings, true,
                           section_line(rules->profile, section), full,
                           g_strdup(rows[i].what));
    }
}

static void
usb_wrong(const Rules *rules, const char *section, const char *key, char *what)
{
    g_autofree char *full = g_strconcat(section, key, NULL);

    profile_report(rules->findings, true, section_line(rules->profile, section),
                   full, what);
}

/* A hub that is there, not its own, and not the fifth of a row. */
static void
usb_has_hub(const Rules *rules, const char *section)
{
    const char *port = get(rules, section, "port");
    unsigned hubs = 0;

    for (; *port != '\0' && hubs <= USB_MAX_HUBS; hubs++) {
        g_autofree char *hub = g_strdup_printf("usb%c", port[0]);
        if (!profile_has_section(rules->profile, hub) ||
            strcmp(get(rules, hub, "model"), "hub") != 0) {
            usb_wrong(
                rules, section, ".port",
                g_strdup_printf("%s is no hub; set %s.model=hub", hub, hub));
            return;
        }
        port = get(rules, hub, "port");
    }
    if (hubs > USB_MAX_HUBS)
        usb_wrong(rules, section, ".port",
                  g_strdup("more than five hubs are in a row, or one is "
                           "plugged into itself"));
}

static void
usb_port_is_free(const Rules *rules, const char *section)
{
    const char *port = get(rules, section, "port");

    for (unsigned i = 0; *port != '\0' && i < 8; i++) {
        g_autofree char *other = g_strdup_printf("usb%u", i);
        if (strcmp(other, section) < 0 &&
            profile_has_section(rules->profile, other) &&
            strcmp(get(rules, other, "port"), port) == 0)
            usb_wrong(rules, section, ".port",
                      g_strdup_printf("%s is in that port", other));
    }
}

/* What is plugged in later is a profile of its own, without a machine and
 * without the hub. */
static void
usb_has_port(const Rules *rules, const char *section)
{
    const char *usb = get(rules, "machine", "usb");
    bool uhci = strcmp(usb, "uhci") == 0;

    usb_has_device(rules, section);
    if (!profile_has_section(rules->profile, "machine"))
        return;
    if (strcmp(usb, "none") == 0)
        usb_wrong(rules, section, "",
                  g_strdup("there is no USB controller; set "
                           "machine.usb=uhci, ehci or xhci"));
    if (uhci && *get(rules, section, "port") == '\0' &&
        strcmp(section, "usb1") > 0)
        usb_wrong(rules, section, "",
                  g_strdup("machine.usb=uhci has two ports, for usb0 and usb1; "
                           "make one a hub and say which of its ports, such "
                           "as port=0.1"));
    usb_has_hub(rules, section);
    usb_port_is_free(rules, section);
}

static void
rule_usb(const Rules *rules)
{
    for_each(rules, "usb#", usb_has_port);
}

static void
pci_without_balloon(const Rules *rules, const char *section)
{
    if (profile_has_section(rules->profile, "balloon") &&
        strcmp(get(rules, "balloon", "model"), "none") != 0)
        profile_report(rules->findings, true,
                       section_line(rules->profile, section), section,
                       g_strdup("a device of the host writes to memory that a "
                                "balloon gives away; set balloon.model=none"));
}

static void
rule_pci(const Rules *rules)
{
    for_each(rules, "pci#", pci_without_balloon);
}

static void
rule_minimal_drives(const Rules *rules)
{
    if (!is_minimal(rules->profile))
        return;
    for_each(rules, "disk#", minimal_drive);
    for_each(rules, "cd#", minimal_drive);
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
    if (is_minimal(p) && strcmp(model, "none") != 0 &&
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
