/* devices/chipset/q35-mch.h - host bridge of the q35 board: what the machine
 * connects to it. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/chipset/pam.h"

extern const DeviceClass q35_mch_class;

/* Where firmware puts configuration space, for the ACPI tables. */
#define Q35_ECAM_BASE 0xb0000000u
#define Q35_ECAM_LEN  0x10000000u /* 256 buses */

/* Its memory segments. After realize. */
Pam *q35_mch_pam(Device *dev);
