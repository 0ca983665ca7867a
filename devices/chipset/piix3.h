/* devices/chipset/piix3.h - ISA bridge: the reset register at port 0xCF9,
 * which lies inside the host bridge's address register and is handed on by
 * it. Config lock held. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass piix3_class;

guint8 piix3_reset_control_read(Device *dev);
void piix3_reset_control_write(Device *dev, guint8 value);
