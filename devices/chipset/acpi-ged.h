/* devices/chipset/acpi-ged.h - switching a machine without PM1 registers. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass acpi_ged_class;

/* For the tables: port numbers, values, and the interrupt's GSI. */
#define ACPI_GED_PORT        0x600
#define ACPI_GED_SLEEP       (ACPI_GED_PORT + 0) /* SLEEP_CONTROL_REG */
#define ACPI_GED_STATUS      (ACPI_GED_PORT + 1) /* SLEEP_STATUS_REG */
#define ACPI_GED_EVENTS      (ACPI_GED_PORT + 2) /* reading clears */
#define ACPI_GED_LEN         3
#define ACPI_GED_RESET       0xcf9 /* where PCs have theirs */
#define ACPI_GED_RESET_VALUE 0x06
#define ACPI_GED_SOFT_OFF    5 /* SLP_TYP of S5 */
#define ACPI_GED_GSI         9
#define ACPI_GED_POWER       0x01 /* event: the power button */

/* Loop thread. */
void acpi_ged_press_power_button(Device *dev);
