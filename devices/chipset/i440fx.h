/* devices/chipset/i440fx.h - host bridge: what the machine connects to it. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/chipset/pam.h"

extern const DeviceClass i440fx_class;

/* Its memory segments. After realize. */
Pam *i440fx_pam(Device *dev);
