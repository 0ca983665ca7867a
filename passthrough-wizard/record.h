/* passthrough-wizard/record.h - writes what host_pci_read() and checks_run()
 * look at as a recording (host-record.h), for a report or a test.
 *
 * Left out: serial numbers (also the one in configuration space, which is a
 * MAC), MAC and IP addresses, host and user names, names of volumes and places
 * where disks are mounted, kernel arguments that are none of ours. Thread: any
 * one at a time. */
#pragma once

#include "passthrough-wizard/host-pci.h"

/* The whole text. note: goes into a remark at its head; NULL: none. g_free. */
char *record_host(const HostRoot *root, const HostPci *host, const char *note);
