/* devices/chipset/hpet.h - high precision event timers. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass hpet_class;

/* Where firmware and its tables expect it. */
#define HPET_BASE 0xfed00000u
#define HPET_LEN  0x400u
/* For its ACPI table: the low half of its capabilities, and the fewest ticks (of
 * 10 ns) that a period should have. */
#define HPET_ID       0x8086a201u
#define HPET_MIN_TICK 100u
