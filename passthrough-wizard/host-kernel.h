/* passthrough-wizard/host-kernel.h - how the kernel was built and started.
 * Thread: any. */
#pragma once

#include "passthrough-wizard/host-pci.h"

/* The value of the last NAME=VALUE on a kernel command line ("" for a NAME
 * alone), or NULL. g_free. */
char *host_kernel_argument(const char *cmdline, const char *name);

/* The configuration of the kernel of that release: /boot/config-RELEASE,
 * /lib/modules/RELEASE/config or /proc/config.gz. NULL: none of them. g_free.
 */
char *host_kernel_config(const HostRoot *root, const char *release);
/* What it says of an option: y and m are YES. config NULL: UNKNOWN. */
HostTri host_kernel_option(const char *config, const char *name);

/* modules.builtin of that release, or NULL. g_free. */
char *host_kernel_builtin(const HostRoot *root, const char *release);
