/* devices/legacy/mc146818.h - real-time clock: CMOS bytes the machine presets. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass mc146818_class;

/* Puts a byte into what a cold reset loads. Any time before that reset, also
 * before realize. The clock's own registers (0x00-0x0D, 0x32) are ignored. */
void rtc_set_cmos(Device *dev, guint8 index, guint8 value);

/* Any thread: while the HPET stands in for it, the clock raises no interrupt.
 * Reset leaves this alone. */
void rtc_set_mute(Device *dev, bool mute);

/* Set-up thread: what is called when the clock raises its interrupt, on the
 * loop, without its lock. */
void rtc_set_hook(Device *dev, void (*hook)(void *data), void *data);
