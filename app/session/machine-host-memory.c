/* app/session/machine-host-memory.c - the memory balloon of a real machine,
 * for clients. */
#include "app/session/machine-host-internal.h"
#include "app/session/session-error.h"

bool
machine_host_balloon(void *m, VirtioBalloonInfo *ret_info)
{
    MachineHost *host = m;
    Device *balloon = machine_hold_balloon(host->machine);

    if (balloon != NULL)
        virtio_balloon_get(balloon, ret_info);
    machine_release_balloon(host->machine, balloon);
    return balloon != NULL;
}

static bool
set_target(MachineHost *host, Device *balloon, guint64 bytes, GError **error)
{
    if (balloon == NULL) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_NOT_FOUND,
                    "machine '%s' has no balloon; `carrel attach %s balloon` "
                    "gives it one",
                    host->name, host->name);
        return false;
    }
    if (bytes > host->ram) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "machine '%s' has only %" G_GUINT64_FORMAT
                    " MiB of memory; a balloon cannot take more",
                    host->name, host->ram >> 20);
        return false;
    }
    virtio_balloon_set_target(balloon, bytes);
    g_autofree char *line = g_strdup_printf(
        "balloon: %" G_GUINT64_FORMAT " KiB are wanted", bytes >> 10);
    machine_host_say(host, line);
    return true;
}

bool
machine_host_set_balloon(void *m, guint64 bytes, GError **error)
{
    MachineHost *host = m;
    Device *balloon = machine_hold_balloon(host->machine);
    bool ok = set_target(host, balloon, bytes, error);

    machine_release_balloon(host->machine, balloon);
    return ok;
}
