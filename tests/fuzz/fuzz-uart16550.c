/* tests/fuzz/fuzz-uart16550.c - serial port: any register accesses, with
 * bytes arriving in between. */
#include "devices/registry.h"
#include "tests/fuzz/port-ops.h"
#include "vmm/char/char.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const guint16 ports[] = {0x3f8, 0x3f9, 0x3fa, 0x3fb,
                                    0x3fc, 0x3fd, 0x3fe, 0x3ff};
    FakeVm *vm = fake_vm_new(0x1000);
    CharLink *chr = char_open("null", NULL, vm->env.loop, NULL);
    Device *dev = device_new(device_class_find("uart16550"), "serial0");

    device_set_link(dev, "chr", chr);
    fake_vm_realize(vm, dev);
    for (size_t done = 0; done < size; done += 64) {
        size_t n = MIN(size - done, 64);
        char_inject(chr, data + done, MIN(n, 24));
        fake_advance(vm, 0);
        run_port_ops(vm, ports, G_N_ELEMENTS(ports), data + done, n);
    }
    check_state(dev);
    device_free(dev);
    char_close(chr);
    fake_vm_free(vm);
    return 0;
}
