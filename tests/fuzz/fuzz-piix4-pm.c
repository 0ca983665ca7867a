/* tests/fuzz/fuzz-piix4-pm.c - power management: PM, GPE, APM and SMBus
 * registers where firmware puts them, an EEPROM on the SMBus, time, and a
 * person at the button. */
#include "devices/bus/pci.h"
#include "devices/chipset/piix4-pm.h"
#include "devices/memory/spd-eeprom.h"
#include "tests/fuzz/port-ops.h"
#include "tests/unit/pci-config.h"

#define DEVFN   PCI_DEVFN(1, 3)
#define PM      0xb000
#define SMB     0xb100
#define CHUNK   32 /* bytes of port accesses between two visits */
#define N_PORTS (0x40 + 0x10 + 4 + 2)

static void
config_write(PciBus *bus, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(bus, DEVFN, offset, value, size);
}

static void
place(PciBus *bus)
{
    config_write(bus, 0x40, PM | 1, 4);
    config_write(bus, 0x80, 1, 1);
    config_write(bus, 0x90, SMB | 1, 4);
    config_write(bus, 0xd2, 1, 1);
    config_write(bus, PCI_COMMAND, PCI_COMMAND_IO, 2);
}

static void
list_ports(guint16 *ports)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 0x40; i++)
        ports[n++] = (guint16) (PM + i);
    for (unsigned i = 0; i < 0x10; i++)
        ports[n++] = (guint16) (SMB + i);
    for (unsigned i = 0; i < 4; i++)
        ports[n++] = (guint16) (0xafe0 + i);
    ports[n++] = 0xb2;
    ports[n++] = 0xb3;
    g_assert(n == N_PORTS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    guint16 ports[N_PORTS];
    FakeVm *vm = fake_vm_new(0x10000);
    PciBus *bus = pci_bus_new(&vm->env);
    Device *pm = device_new(&piix4_pm_class, "pm");
    Device *eeprom = device_new(&spd_eeprom_class, "dimm0");

    list_ports(ports);
    device_set_link(pm, "bus", bus);
    device_set_u64(pm, "addr", DEVFN, NULL);
    device_set_u64(pm, "s3", size > 0 && (data[0] & 1) != 0, NULL);
    fake_vm_realize(vm, pm);
    device_set_link(eeprom, "smbus", piix4_pm_smbus(pm));
    fake_vm_realize(vm, eeprom);
    place(bus);
    for (size_t i = 0; i + 4 <= size; i += CHUNK + 4) {
        size_t n = MIN(size - i - 4, CHUNK);
        if ((data[i] & 1) != 0)
            piix4_pm_press_power_button(pm);
        if ((data[i] & 2) != 0) /* anywhere, and back: an overlap is refused */
            config_write(bus, data[i] & 4 ? 0x40 : 0x90,
                         (guint32) (data[i + 1] | data[i + 2] << 8), 4);
        run_port_ops(vm, ports, N_PORTS, data + i + 4, n);
        if ((data[i] & 8) != 0)
            place(bus);
        if ((data[i] & 0xf0) == 0xf0)
            check_state(pm);
    }
    check_state(pm);
    check_state(eeprom);
    device_free(eeprom);
    device_free(pm);
    pci_bus_free(bus);
    fake_vm_free(vm);
    return 0;
}
