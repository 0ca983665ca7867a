/* tests/fuzz/fuzz-opl3.c - a guest that writes anything to the FM synthesizer,
 * whose sound is listened to: pairs of bytes are a register and its value, or
 * time that passes. */
#include "devices/sound/opl3.h"
#include "tests/fuzz/port-ops.h"
#include "vmm/audio/audio.h"

enum { MAX_OPS = 2000, MAX_TIMES = 30 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FakeVm *vm = fake_vm_new(4096);
    Audio *audio = audio_new_manual(&vm->env);
    Device *dev = device_new(&opl3_class, "opl3");
    gint16 heard[2 * 240];
    unsigned times = 0;

    device_set_link(dev, "audio", audio);
    fake_vm_realize(vm, dev);
    for (size_t i = 0; i + 3 <= size && i < 3 * MAX_OPS; i += 3) {
        guint16 port = (data[i] & 1) != 0 ? 0x38a : 0x388;
        if ((data[i] & 0xf0) == 0xf0 && times++ < MAX_TIMES) {
            fake_advance(vm, 5 * NSEC_PER_MSEC);
            audio_render(audio, heard, 240);
        } else if ((data[i] & 0xf0) == 0xe0) {
            (void) fake_in8(vm, port + (data[i] >> 1 & 1));
        } else {
            fake_out8(vm, port, data[i + 1]);
            fake_out8(vm, port + 1, data[i + 2]);
        }
    }
    device_quiesce(dev);
    check_state(dev);
    device_free(dev);
    audio_free(audio);
    fake_vm_free(vm);
    return 0;
}
