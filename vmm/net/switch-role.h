/* vmm/net/switch-role.h - the process of a private switch. */
#pragma once

#include "vmm/types.h"

/* path: the Unix socket to listen on, as kind "switch" was given it. Runs
 * until the last member has gone; the exit status: 0, or 1 when the socket
 * cannot be made (another switch serves it). lock_in: once it has all it needs
 * but the folder of path; NULL: it is left as it is. */
int net_switch_role_main(const char *path, void (*lock_in)(const char *path));
