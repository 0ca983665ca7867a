/* tests/unit/test-port80.c - the power-on self-test code. */
#include "devices/legacy/port80.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

static void
test_last_code(void)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(&port80_class, "port80");

    fake_vm_realize(vm, dev);
    fake_out8(vm, 0x80, 0x2a);
    CU_ASSERT_EQUAL(port80_last_code(dev), 0x2a);
    CU_ASSERT_EQUAL(fake_in8(vm, 0x80), 0x2a);
    device_reset(dev, RESET_COLD);
    CU_ASSERT_EQUAL(port80_last_code(dev), 0);
    device_free(dev);
    fake_vm_free(vm);
}

CU_MAIN("port80", {"last_code_is_kept", test_last_code})
