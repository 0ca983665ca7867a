/* devices/memory/spd-eeprom.h - the memory of 256 bytes on a memory module. */
#pragma once

#include "vmm/core/device.h"

extern const DeviceClass spd_eeprom_class;

#define SPD_FIRST_ADDRESS 0x50u /* on the SMBus, of socket 0 */

/* What it holds; before the first reset. len: at most 256 bytes. */
void spd_eeprom_fill(Device *dev, const guint8 *bytes, gsize len);
