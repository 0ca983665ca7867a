/* tests/fuzz/fuzz-sb16.c - a guest that does anything to a Sound Blaster 16 and
 * its DMA channels, in the middle of which time passes. */
#include <stdlib.h>

#include "devices/legacy/i8237.h"
#include "devices/sound/opl3.h"
#include "tests/fuzz/port-ops.h"
#include "vmm/audio/audio.h"

extern const DeviceClass sb16_class;

enum { MAX_OPS = 3000, MAX_TIMES = 200 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* twice where it matters, and what programs channels 1 and 5 */
    static const guint16 ports[32] = {
        0x22c, 0x22c, 0x22c, 0x22c, 0x22c, 0x22c, 0x22c, 0x22c,
        0x224, 0x225, 0x226, 0x22a, 0x22d, 0x22e, 0x22f, 0x330,
        0x331, 0x0a,  0x0b,  0x0c,  0x02,  0x03,  0x83,  0xd4,
        0xd6,  0xd8,  0xc4,  0xc6,  0x8b,  0x08,  0x220, 0x221,
    };
    FakeVm *vm = fake_vm_new(0x100000);
    Audio *audio = audio_new_manual(&vm->env);
    Device *dma = device_new(&i8237_class, "dma");
    Device *dev = device_new(&sb16_class, "sb16");
    gint16 heard[2 * 240];
    unsigned times = 0;

    fake_vm_realize(vm, dma);
    device_set_link(dev, "audio", audio);
    device_set_link(dev, "dma", dma);
    fake_vm_realize(vm, dev);
    fake_out8(vm, 0xd6, 0xc0);
    fake_out8(vm, 0xd4, 0x00);
    for (size_t i = 0; i + 2 <= size && i < 2 * MAX_OPS; i += 2) {
        guint16 port = ports[data[i] & 31];
        if (data[i] >> 5 == 7 && times++ < MAX_TIMES) {
            fake_advance(vm, data[i + 1] * 100 * NSEC_PER_USEC);
            audio_render(audio, heard, 240);
        } else if (data[i] >> 5 == 6) {
            (void) fake_in8(vm, port);
        } else {
            fake_out8(vm, port, data[i + 1]);
        }
    }
    device_quiesce(dev);
    check_state(dev);
    fake_out8(vm, 0x226, 1);
    fake_out8(vm, 0x226, 0);
    if (fake_in8(vm, 0x22a) != 0xaa)
        abort(); /* it must be ready for a command */
    device_free(dev);
    device_free(dma);
    audio_free(audio);
    fake_vm_free(vm);
    return 0;
}
