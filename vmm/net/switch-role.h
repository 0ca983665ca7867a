/* vmm/net/switch-role.h - the process of a private switch. */
#pragma once

#include "vmm/types.h"

/* path: the Unix socket to listen on, as kind "switch" was given it. Runs
 * until the last member has gone; the exit status: 0, or 1 when the socket
 * cannot be made (another switch serves it). */
int net_switch_role_main(const char *path);
