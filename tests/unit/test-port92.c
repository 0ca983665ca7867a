/* tests/unit/test-port92.c - system control port A. */
#include "devices/registry.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

static void
test_a20(void)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(device_class_find("port92"), "port92");

    fake_vm_realize(vm, dev);
    CU_ASSERT_EQUAL(fake_in8(vm, 0x92), 0x02);
    fake_out8(vm, 0x92, 0x00);
    CU_ASSERT_EQUAL(fake_in8(vm, 0x92), 0x00);
    CU_ASSERT_EQUAL(vm->requests, 0);
    device_free(dev);
    fake_vm_free(vm);
}

static void
test_fast_reset(void)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(device_class_find("port92"), "port92");

    fake_vm_realize(vm, dev);
    fake_out8(vm, 0x92, 0x03);
    fake_out8(vm, 0x92, 0x03); /* only the edge counts */
    CU_ASSERT_EQUAL(vm->requests, 1);
    CU_ASSERT_EQUAL(vm->last_request, MACHINE_RESET_WARM);
    device_reset(dev, RESET_WARM);
    fake_out8(vm, 0x92, 0x03);
    CU_ASSERT_EQUAL(vm->requests, 2);
    device_free(dev);
    fake_vm_free(vm);
}

CU_MAIN("port92", {"a20_reads_back", test_a20},
        {"fast_reset_on_the_rising_bit", test_fast_reset})
