/* tests/fuzz/fuzz-pci-config.c - the chip set's configuration space through
 * mechanism #1, with what it moves: PAM, PIRQ routes, PM and SMBus blocks. */
#include "devices/bus/pci.h"
#include "devices/chipset/i440fx.h"
#include "devices/chipset/piix3.h"
#include "devices/chipset/piix4-pm.h"
#include "tests/fuzz/port-ops.h"

static Device *
add(FakeVm *vm, PciBus *bus, const DeviceClass *klass, guint8 devfn)
{
    Device *dev = device_new(klass, klass->name);

    device_set_link(dev, "bus", bus);
    device_set_u64(dev, "addr", devfn, NULL);
    fake_vm_realize(vm, dev);
    return dev;
}

static void
add_segments(FakeVm *vm, Device *host)
{
    GuestMem *mem = vm->env.mem;
    MemBacking *ram = mem_backing_new(mem, "shadow", 0x40000, NULL);
    MemBacking *rom = mem_backing_new(mem, "rom", 0x40000, NULL);

    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        guint64 at = pam_segment_base(i) - 0xc0000;
        guint32 len = pam_segment_len(i);
        pam_set_segment(i440fx_pam(host), i,
                        mem_slot_new(mem, "shadow", ram, at, len),
                        (guint8 *) mem_backing_host(ram) + at,
                        mem_slot_new(mem, "rom", rom, at, len));
    }
    device_reset(host, RESET_COLD);
}

/* Each eight bytes: function, register, size, direction, value. */
static void
config_ops(FakeVm *vm, const uint8_t *data, size_t size)
{
    static const guint8 devfns[] = {0, PCI_DEVFN(1, 0), PCI_DEVFN(1, 3),
                                    PCI_DEVFN(2, 0)};

    for (size_t i = 0; i + 8 <= size; i += 8) {
        guint32 value =
            (guint32) (data[i + 4] | data[i + 5] << 8 | data[i + 6] << 16) |
            (guint32) data[i + 7] << 24;
        unsigned width = 1u << (data[i + 2] % 3);
        guint16 port = (guint16) (0xcfc + (data[i + 1] & 3u & ~(width - 1)));

        fake_out32(vm, 0xcf8,
                   0x80000000u | (guint32) devfns[data[i] & 3] << 8 |
                       (data[i + 1] & 0xfcu));
        if ((data[i + 3] & 1) != 0)
            io_write(vm->env.ports, port, value, width);
        else
            (void) io_read(vm->env.ports, port, width);
        (void) io_read(vm->env.ports, value & 0xffff, width);
        io_write(vm->env.ports, value & 0xffff, data[i], width);
        fake_mmio_write(vm, 0xc0000 + (value & 0x3ffff), value, width);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FakeVm *vm = fake_vm_new(0x10000);
    PciBus *bus = pci_bus_new(&vm->env);
    Device *host = add(vm, bus, &i440fx_class, 0);
    Device *isa = add(vm, bus, &piix3_class, PCI_DEVFN(1, 0));
    Device *pm = add(vm, bus, &piix4_pm_class, PCI_DEVFN(1, 3));

    add_segments(vm, host);
    config_ops(vm, data, size);
    fake_advance(vm, 5000000000);
    check_state(pm);
    check_state(isa);
    check_state(host);
    device_free(pm);
    device_free(isa);
    device_free(host);
    pci_bus_free(bus);
    fake_vm_free(vm);
    return 0;
}
