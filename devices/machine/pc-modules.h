/* devices/machine/pc-modules.h - memory modules on a main board's SMBus. */
#pragma once

#include "devices/bus/smbus.h"
#include "devices/machine/machine-build.h"

/* EEPROMs from address 0x50 on, one for each module that memory (bytes) is
 * made of; one too small to be told of has none. On the loop. */
void pc_add_modules(MachineBuild *b, SmbusBus *bus, guint64 memory);
