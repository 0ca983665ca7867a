/* passthrough-wizard/host-uses.h - the parts of the look for users. */
#pragma once

#include "passthrough-wizard/host-pci-internal.h"

/* The function below an interface, through bridges, bonds and VLANs. */
void host_uses_blame_netdev(const HostRoot *root, HostPci *host,
                            HostUseKind kind, const char *name, unsigned depth);
/* "/dev/dri/card0" of a directory of sysfs that has a node, else NULL. */
char *host_node_name(const HostRoot *root, const char *dir);
/* host-routes.c: the default route, and where SSH sessions come in. */
void host_routes_read(const HostRoot *root, HostPci *host);
/* Names of the interfaces that carry an SSH session, each once; g_strfreev. */
char **host_ssh_interfaces(const HostRoot *root);
/* host-processes.c: who has a node open. */
void host_processes_read(const HostRoot *root, HostPci *host);
