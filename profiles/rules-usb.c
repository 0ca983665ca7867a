/* profiles/rules-usb.c - rules for what is plugged in: USB devices, functions of the
 * host. */
#include "profiles/rules.h"

#include <string.h>

#define USB_MAX_HUBS 5u /* in a row: USB 2.0, 4.1.1 */

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
        if (strcmp(rules_get(rules, section, "model"), rows[i].model) == 0 &&
            *profile_get_string(rules->profile, full) == '\0')
            profile_report(rules->findings, true,
                           rules_section_line(rules->profile, section), full,
                           g_strdup(rows[i].what));
    }
}

static void
usb_wrong(const Rules *rules, const char *section, const char *key, char *what)
{
    g_autofree char *full = g_strconcat(section, key, NULL);

    profile_report(rules->findings, true,
                   rules_section_line(rules->profile, section), full, what);
}

/* A hub that is there, not its own, and not the fifth of a row. */
static void
usb_has_hub(const Rules *rules, const char *section)
{
    const char *port = rules_get(rules, section, "port");
    unsigned hubs = 0;

    for (; *port != '\0' && hubs <= USB_MAX_HUBS; hubs++) {
        g_autofree char *hub = g_strdup_printf("usb%c", port[0]);
        if (!profile_has_section(rules->profile, hub) ||
            strcmp(rules_get(rules, hub, "model"), "hub") != 0) {
            usb_wrong(
                rules, section, ".port",
                g_strdup_printf("%s is no hub; set %s.model=hub", hub, hub));
            return;
        }
        port = rules_get(rules, hub, "port");
    }
    if (hubs > USB_MAX_HUBS)
        usb_wrong(rules, section, ".port",
                  g_strdup("more than five hubs are in a row, or one is "
                           "plugged into itself"));
}

static void
usb_port_is_free(const Rules *rules, const char *section)
{
    const char *port = rules_get(rules, section, "port");

    for (unsigned i = 0; *port != '\0' && i < 8; i++) {
        g_autofree char *other = g_strdup_printf("usb%u", i);
        if (strcmp(other, section) < 0 &&
            profile_has_section(rules->profile, other) &&
            strcmp(rules_get(rules, other, "port"), port) == 0)
            usb_wrong(rules, section, ".port",
                      g_strdup_printf("%s is in that port", other));
    }
}

/* What is plugged in later is a profile of its own, without a machine and
 * without the hub. */
static void
usb_has_port(const Rules *rules, const char *section)
{
    const char *usb = rules_get(rules, "machine", "usb");
    bool uhci = strcmp(usb, "uhci") == 0;

    usb_has_device(rules, section);
    if (!profile_has_section(rules->profile, "machine"))
        return;
    if (strcmp(usb, "none") == 0)
        usb_wrong(rules, section, "",
                  g_strdup("there is no USB controller; set "
                           "machine.usb=uhci, ehci or xhci"));
    if (uhci && *rules_get(rules, section, "port") == '\0' &&
        strcmp(section, "usb1") > 0)
        usb_wrong(rules, section, "",
                  g_strdup("machine.usb=uhci has two ports, for usb0 and usb1; "
                           "make one a hub and say which of its ports, such "
                           "as port=0.1"));
    usb_has_hub(rules, section);
    usb_port_is_free(rules, section);
}

void
rule_usb(const Rules *rules)
{
    rules_for_each(rules, "usb#", usb_has_port);
}

static void
pci_without_balloon(const Rules *rules, const char *section)
{
    if (profile_has_section(rules->profile, "balloon") &&
        strcmp(rules_get(rules, "balloon", "model"), "none") != 0)
        profile_report(rules->findings, true,
                       rules_section_line(rules->profile, section), section,
                       g_strdup("a device of the host writes to memory that a "
                                "balloon gives away; set balloon.model=none"));
}

void
rule_pci(const Rules *rules)
{
    rules_for_each(rules, "pci#", pci_without_balloon);
}
