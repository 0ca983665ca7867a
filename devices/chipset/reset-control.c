/* devices/chipset/reset-control.c - see reset-control.h. */
#include "devices/chipset/reset-control.h"

#define SYSTEM_RESET 0x02 /* hard reset, not only the CPU */
#define CPU_RESET    0x04 /* 0 -> 1 starts the reset */

guint8
reset_control_write(Device *dev, guint8 old, guint8 value)
{
    bool rises = (value & ~old & CPU_RESET) != 0;

    if (rises && (value & SYSTEM_RESET) != 0)
        device_request(dev, MACHINE_RESET_COLD, "port 0xcf9, hard reset");
    else if (rises)
        device_request(dev, MACHINE_RESET_WARM, "port 0xcf9, soft reset");
    return value & (SYSTEM_RESET | CPU_RESET);
}
