/* tests/fuzz/fuzz-i8042.c - keyboard controller, keyboard and mouse: any
 * sequence of port accesses, keys and motions. */
#include "devices/registry.h"
#include "tests/fuzz/port-ops.h"
#include "vmm/input/input.h"

static void
post_events(FakeVm *vm, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 4 <= size; i += 4) {
        InputEvent evs[2] = {{(InputType) (data[i] % 7),
                              (guint16) (data[i + 1] * 3), (gint8) data[i + 2]},
                             {INPUT_SYNC, 0, 0}};
        input_post(vm->env.input, 1 + data[i + 3] % 3, evs, 2);
    }
    fake_advance(vm, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const guint16 ports[] = {0x60, 0x64};
    FakeVm *vm = fake_vm_new(0x1000);
    Input *input = input_new(vm->env.loop);
    Device *dev = device_new(device_class_find("i8042"), "kbc");

    vm->env.input = input;
    fake_vm_realize(vm, dev);
    for (size_t done = 0; done < size; done += 64) {
        size_t n = MIN(size - done, 64);
        post_events(vm, data + done, MIN(n, 16));
        run_port_ops(vm, ports, 2, data + done, n);
    }
    check_state(dev);
    device_free(dev);
    input_free(input);
    fake_vm_free(vm);
    return 0;
}
