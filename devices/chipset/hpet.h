/* devices/chipset/hpet.h - high precision event timers. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass hpet_class;

/* Where firmware and its tables expect it. */
#define HPET_BASE 0xfed00000u
#define HPET_LEN  0x400u
