/* devices/chipset/piix4-pm.h - power management function of the PIIX4. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass piix4_pm_class;

/* The person pressed the power button: the guest sees an ACPI event, if it
 * listens. Any thread. */
void piix4_pm_press_power_button(Device *dev);
