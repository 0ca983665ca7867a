/* profiles/rules-network.c - rules for network cards. */
#include "profiles/rules.h"

#include <string.h>

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
    const char *kind = rules_get(rules, section, "kind");

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *full = g_strdup_printf("%s.%s", section, rows[i].key);
        if (strcmp(kind, rows[i].kind) == 0 &&
            *profile_get_string(rules->profile, full) == '\0')
            profile_report(rules->findings, true,
                           rules_section_line(rules->profile, section), full,
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
        if (strcmp(rules_get(rules, section, "kind"), "user") != 0 &&
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

    if (strcmp(rules_get(rules, section, "model"), "virtio-net") == 0)
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
    const char *file = rules_get(rules, section, "bootfile");
    g_autofree char *full = g_strdup_printf("%s.bootfile", section);

    if (*file != '\0' && strstr(file, "://") == NULL &&
        *rules_get(rules, section, "tftp") == '\0')
        profile_report(rules->findings, false,
                       profile_get_line(rules->profile, full), full,
                       g_strdup_printf("nobody serves it: set %s.tftp to the "
                                       "folder that it is in",
                                       section));
}

void
rule_boot_from_net(const Rules *rules)
{
    const Profile *p = rules->profile;
    g_auto(GStrv) kinds =
        g_strsplit_set(profile_get_string(p, "machine.boot"), ", ", -1);

    if (g_strv_contains((const char *const *) kinds, "net") &&
        rules_for_each(rules, "net#", NULL) == 0)
        profile_report(rules->findings, false,
                       profile_get_line(p, "machine.boot"), "machine.boot",
                       g_strdup("there is no network card to start from; add "
                                "[net0]"));
}

void
rule_networks(const Rules *rules)
{
    rules_for_each(rules, "net#", net_has_names);
    rules_for_each(rules, "net#", net_is_user_network);
    rules_for_each(rules, "net#", net_is_virtio);
    rules_for_each(rules, "net#", net_bootfile_is_somewhere);
}
