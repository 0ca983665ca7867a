/* app/tui-host-usb.c - a USB device of the host into and out of a machine, for
 * the terminal interface: `carrel usb attach | detach` when the machine runs,
 * on a thread of its own, else its machine.ini. */
#include <string.h>

#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "app/store.h"
#include "app/tui-host-internal.h"
#include "devices/usb/usb-bus.h"

/* ---- off: its settings ---- */

static bool
settings_in(Profile *profile, const char *name, const char *device,
            GError **error)
{
    for (unsigned i = 0; i < USB_PORTS; i++) {
        g_autofree char *section = g_strdup_printf("usb%u", i);
        g_autofree char *model = g_strconcat(section, ".model", NULL);
        g_autofree char *host = g_strconcat(section, ".host", NULL);
        if (profile_has_section(profile, section))
            continue;
        return profile_set(profile, "machine.usb", "xhci", error) &&
               profile_set(profile, model, "host", error) &&
               profile_set(profile, host, device, error);
    }
    g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                "%s: all %u USB ports are taken; detach one first", name,
                USB_PORTS);
    return false;
}

static void
change_settings(const char *name, const char *device, bool in, GError **error)
{
    g_autoptr(Profile) profile = store_load(name, error);

    if (profile == NULL)
        return;
    g_autofree char *file = g_strdup(profile_get_file(profile));
    if (in && !settings_in(profile, name, device, error))
        return;
    if (!in && !profile_remove_section(profile, device)) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_STATE,
                    "%s has no [%s]: its settings have changed meanwhile", name,
                    device);
        return;
    }
    (void) profile_save(profile, file, error); /* error tells */
}

void
tui_host_usb(void *host, const char *name, const char *device, bool in,
             UiDone done, void *data)
{
    GError *error = NULL;

    if (!session_is_running(name, NULL)) {
        change_settings(name, device, in, &error);
        tui_host_later(done, data, error);
        return;
    }
    tui_host_verb((const char *const[]){"usb", in ? "attach" : "detach", name,
                                        device, NULL},
                  done, data);
}
