/* app/session/machine-vnc.h - a machine's VNC server, by its profile. */
#pragma once

#include "app/session/machine-host-internal.h"
#include "profiles/profile.h"

/* Starts what the section vnc asks for; nothing when it is off, when the
 * machine has no display, or in a build without VNC (the log says so). Errors
 * name vnc.listen. Main thread. */
bool machine_vnc_start(MachineHost *host, const Profile *profile,
                       GError **error);
void machine_vnc_stop(MachineHost *host);
/* "unix:PATH" or "tcp:ADDRESS:PORT", "" when there is none; caller frees. */
char *machine_vnc_address(MachineHost *host);
