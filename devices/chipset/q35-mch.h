/* devices/chipset/q35-mch.h - host bridge of the q35 board: what the machine
 * connects to it. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/chipset/pam.h"

extern const DeviceClass q35_mch_class;

/* Where firmware puts configuration space, for the ACPI tables. */
#define Q35_ECAM_BASE 0xb0000000u
#define Q35_ECAM_LEN  0x10000000u /* 256 buses */

/* Where configuration space is now, all 256 buses of it; 0: it is not, or not
 * below 4 GiB. Any thread. */
guint32 q35_mch_ecam(Device *dev);
/* Its memory segments. After realize. */
Pam *q35_mch_pam(Device *dev);
