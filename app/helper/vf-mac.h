/* app/helper/vf-mac.h - the address that a network card gives a virtual function
 * of it. Anybody may ask for it, root changes it: a profile's pci#.mac. Thread:
 * any; blocks for a moment. */
#pragma once

#include "vmm/types.h"

/* True when virtual function bdf ("0000:01:10.0") has that address now. Else
 * error is set (CARREL_ERROR): it is no such function, the kernel does not say,
 * or it has another, with the command that changes it. */
bool vf_mac_check(const char *bdf, const char *mac, GError **error);
