/* devices/machine/pc-modules.c - see pc-modules.h. */
#include "devices/machine/pc-modules.h"

#include "devices/firmware/memory-modules.h"
#include "devices/memory/spd-eeprom.h"
#include "devices/memory/spd.h"
#include "devices/registry.h"

void
pc_add_modules(MachineBuild *b, SmbusBus *bus, guint64 memory)
{
    MemoryModules modules = memory_modules_of(memory);
    guint8 bytes[SPD_LEN];

    for (unsigned i = 0; i < modules.n; i++) {
        if (!spd_make(modules.bytes[i], modules.ddr2, i, bytes))
            continue;
        g_autofree char *id = g_strdup_printf("dimm%u", i);
        Device *eeprom = device_create("spd-eeprom", id);
        device_set_link(eeprom, "smbus", bus);
        machine_set_u64(b, eeprom, "address", SPD_FIRST_ADDRESS + i);
        spd_eeprom_fill(eeprom, bytes, sizeof bytes);
        machine_add(b, eeprom);
    }
}
