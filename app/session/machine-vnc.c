/* app/session/machine-vnc.c - see machine-vnc.h. */
#include "app/session/machine-vnc.h"

#include <string.h>

#include "app/session/session-dir.h"
#include "app/session/session-error.h"
#include "ui/vnc/server.h"

#if CARREL_HAVE_VNC

#define SOCKET_NAME "vnc.sock"

static void
on_line(void *data, const char *line)
{
    MachineHost *host = data;
    machine_log_line(host->log, "vnc", line);
}

/* "tcp:[::1]:5900"; the profile's checks have seen that it is well-formed. */
static char *
split_tcp(const char *listen, guint16 *ret_port)
{
    const char *host = listen + strlen("tcp:");
    const char *colon = strrchr(host, ':');

    if (colon == NULL)
        return g_strdup(host);
    *ret_port = (guint16) g_ascii_strtoull(colon + 1, NULL, 10);
    if (host[0] == '[' && colon > host + 1)
        return g_strndup(host + 1, (gsize) (colon - host) - 2);
    return g_strndup(host, (gsize) (colon - host));
}

bool
machine_vnc_start(MachineHost *host, const Profile *profile, GError **error)
{
    Display *display = machine_display(host->machine);
    g_autoptr(GError) cause = NULL;

    if (!profile_get_bool(profile, "vnc.enabled") || display == NULL)
        return true;
    const char *listen = profile_get_string(profile, "vnc.listen");
    g_autofree char *dir = session_runtime_dir(host->name);
    g_autofree char *path = g_build_filename(dir, SOCKET_NAME, NULL);
    g_autofree char *title = g_strdup_printf("%s - Carrel", host->name);
    g_autofree char *address = NULL;
    VncConfig config = {.password = profile_get_string(profile, "vnc.password"),
                        .view_only = profile_get_bool(profile, "vnc.view-only"),
                        .websocket = profile_get_bool(profile, "vnc.websocket"),
                        .desktop_name = title,
                        .log = on_line,
                        .log_data = host};

    if (g_str_has_prefix(listen, "tcp:"))
        config.tcp_address = address = split_tcp(listen, &config.tcp_port);
    else
        config.unix_path = path;
    host->vnc = vnc_server_start(&config, display, machine_input(host->machine),
                                 &cause);
    if (host->vnc == NULL) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_HOST,
                    "machine '%s', vnc.listen=%s: %s", host->name, listen,
                    cause->message);
        return false;
    }
    g_autofree char *where = vnc_server_address(host->vnc);
    g_autofree char *line = g_strdup_printf("listening on %s", where);
    on_line(host, line);
    return true;
}

void
machine_vnc_stop(MachineHost *host)
{
    vnc_server_stop(g_steal_pointer(&host->vnc));
}

char *
machine_vnc_address(MachineHost *host)
{
    return host->vnc != NULL ? vnc_server_address(host->vnc) : g_strdup("");
}

#else

bool
machine_vnc_start(MachineHost *host, const Profile *profile, GError **error)
{
    if (profile_get_bool(profile, "vnc.enabled") &&
        machine_display(host->machine) != NULL)
        machine_log_line(host->log, "vnc",
                         "vnc.enabled=true, but this build has no VNC server");
    return true;
}

void
machine_vnc_stop(MachineHost *host)
{
}

char *
machine_vnc_address(MachineHost *host)
{
    return g_strdup("");
}

#endif
