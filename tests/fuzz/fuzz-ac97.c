/* tests/fuzz/fuzz-ac97.c - a guest that writes anything to the registers of the
 * AC'97 controller, and anything into the lists of buffers, in the middle of
 * which time passes. */
#include <string.h>

#include "devices/bus/pci.h"
#include "tests/fuzz/port-ops.h"
#include "tests/unit/pci-config.h"
#include "vmm/audio/audio.h"

extern const DeviceClass ac97_class;

#define DEVFN  PCI_DEVFN(4, 0)
#define MIXER  0xc000
#define MASTER 0xc400

enum { LIST = 0x1000, RAM = 0x40000, MAX_OPS = 3000, MAX_TIMES = 200 };

static void
config_write(PciBus *bus, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(bus, DEVFN, offset, value, size);
}

/* Four bytes: what, where, value. */
static void
step(FakeVm *vm, Audio *audio, const uint8_t *op, unsigned *times)
{
    gint16 heard[2 * 240];
    guint16 value = (guint16) (op[2] | op[3] << 8);
    guint32 wide = (guint32) value << 16 | value;
    unsigned size = 1u << MIN(op[0] >> 3 & 3, 2);

    switch (op[0] & 7) {
    case 0:
    case 1: io_write(vm->env.ports, MASTER + (op[1] & 63), wide, size); break;
    case 2: (void) io_read(vm->env.ports, MASTER + (op[1] & 63), size); break;
    case 3: fake_out16(vm, MIXER + (op[1] & 0xfe), value); break;
    case 4: (void) fake_in16(vm, MIXER + (op[1] & 0xfe)); break;
    case 5: memcpy(fake_ram(vm) + LIST + op[1], op + 2, 2); break;
    case 6: fake_out32(vm, (guint16) (MASTER + op[1] % 3 * 16), LIST); break;
    default:
        if ((*times)++ >= MAX_TIMES)
            return;
        fake_advance(vm, op[1] * 100 * NSEC_PER_USEC);
        audio_render(audio, heard, 240);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FakeVm *vm = fake_vm_new(RAM);
    PciBus *bus = pci_bus_new(&vm->env);
    Audio *audio = audio_new_manual(&vm->env);
    Device *dev = device_new(&ac97_class, "ac97");
    unsigned times = 0;

    device_set_link(dev, "bus", bus);
    device_set_link(dev, "audio", audio);
    device_set_u64(dev, "addr", DEVFN, NULL);
    fake_vm_realize(vm, dev);
    config_write(bus, PCI_BAR0, MIXER, 4);
    config_write(bus, PCI_BAR0 + 4, MASTER, 4);
    config_write(bus, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
    fake_out32(vm, MASTER + 0x2c, 2);
    for (size_t i = 0; i + 4 <= size && i < 4 * MAX_OPS; i += 4)
        step(vm, audio, data + i, &times);
    device_quiesce(dev);
    check_state(dev);
    device_free(dev);
    pci_bus_free(bus);
    audio_free(audio);
    fake_vm_free(vm);
    return 0;
}
