/* devices/chipset/piix4-pm.h - power management function of the PIIX4. */
#pragma once

#include "devices/bus/smbus.h"
#include "vmm/core/device.h"

extern const DeviceClass piix4_pm_class;

/* The person pressed the power button: the guest sees an ACPI event, if it
 * listens. Any thread. */
void piix4_pm_press_power_button(Device *dev);

/* The RTC has raised its interrupt: wakes a guest that wants that. For
 * rtc_set_hook(); pm: the Device. Any thread. */
void piix4_pm_rtc_interrupt(void *pm);

/* A general-purpose event of ACPI, bit 0..15 of GPE0: what it means is in the
 * firmware's tables. Any thread. */
#define PIIX4_GPE_PCI_HOTPLUG 1
void piix4_pm_raise_gpe(Device *dev, unsigned bit);

/* Where memory modules and sensors are; the device's. After realize. */
SmbusBus *piix4_pm_smbus(Device *dev);
