/* tests/fuzz/fuzz-mc146818.c - clock and CMOS: any accesses at any time. */
#include "devices/legacy/mc146818.h"
#include "tests/fuzz/port-ops.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const guint16 ports[] = {0x70, 0x71, 0x72, 0x73, 0x71};
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(&mc146818_class, "rtc");

    device_set_u64(dev, "base-time", 946684790, NULL);
    fake_vm_realize(vm, dev);
    run_port_ops(vm, ports, G_N_ELEMENTS(ports), data, size);
    check_state(dev);
    device_free(dev);
    fake_vm_free(vm);
    return 0;
}
