/* tests/fuzz/fuzz-pflash.c - the flash chip of a UEFI's variables: any sequence
 * of accesses. */
#include "devices/firmware/pflash.h"
#include "devices/registry.h"
#include "tests/fuzz/port-ops.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(device_class_find("pflash"), "vars");

    fake_vm_realize(vm, dev);
    for (size_t i = 0; i + 4 <= size; i += 4) {
        Gpa at = 0xffc00000u + (data[i + 1] << 8 | data[i + 2]);
        if (data[i] & 1)
            fake_mmio_write(vm, at, data[i + 3], 1u << (data[i] >> 1 & 3));
        else
            (void) fake_mmio_read(vm, at, 1u << (data[i] >> 1 & 3));
    }
    check_state(dev);
    device_free(dev);
    fake_vm_free(vm);
    return 0;
}
