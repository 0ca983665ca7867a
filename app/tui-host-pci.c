/* app/tui-host-pci.c - a device of the host into a machine's settings, for the
 * terminal interface, and what a person has to know of it. */
#include <string.h>

#include "app/helper/hold.h"
#include "app/session/session-error.h"
#include "app/store.h"
#include "app/tui-host-internal.h"
#include "passthrough-wizard/boot-config.h"
#include "profiles/pci-address.h"

static bool
set_device(Profile *profile, const char *section, const char *device,
           bool console, GError **error)
{
    g_autofree char *host = g_strconcat(section, ".host", NULL);
    g_autofree char *with_console = g_strconcat(section, ".console", NULL);
    const char *now = profile_get_string(profile, host);
    char has[PCI_ADDRESS_SIZE] = "";

    if (pci_address_parse(now, has))
        now = has;
    if (*now != '\0' && strcmp(now, device) != 0) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                    "[%s] has %s: the settings have changed meanwhile", section,
                    now);
        return false;
    }
    return profile_set(profile, host, device, error) &&
           (!console || profile_set(profile, with_console, "true", error)) &&
           profile_validate(profile, error);
}

void
tui_host_pci(void *host, const char *name, const char *section,
             const char *device, bool console, UiDone done, void *data)
{
    GError *error = NULL;
    g_autoptr(Profile) profile = store_load(name, &error);
    g_autofree char *file =
        profile != NULL ? g_strdup(profile_get_file(profile)) : NULL;

    if (profile != NULL &&
        set_device(profile, section, device, console, &error))
        (void) profile_save(profile, file, &error); /* error tells */
    tui_host_later(done, data, error);
}

bool
tui_host_start_asks(void *host, const char *name)
{
    g_autoptr(Profile) profile = store_load(name, NULL);
    return profile != NULL && hold_is_needed(profile, name);
}

char *
tui_host_notice(void *host)
{
    g_autoptr(HostRoot) root =
        host_root_open(g_getenv("CARREL_HOST_ROOT"), NULL);

    return root != NULL && boot_trial(root) == BOOT_TRIAL_ON
               ? g_strdup(BOOT_TRIAL_NOTICE)
               : NULL;
}
