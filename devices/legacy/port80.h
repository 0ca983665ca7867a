/* devices/legacy/port80.h - the power-on self-test code. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass port80_class;

/* The last code written, for reports on a machine that hangs in its firmware.
 * Any thread. */
guint8 port80_last_code(Device *dev);
