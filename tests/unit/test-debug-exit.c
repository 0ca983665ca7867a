/* tests/unit/test-debug-exit.c - the port that ends a test machine. */
#include <string.h>

#include "devices/registry.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

static void
test_code(void)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(device_class_find("debug-exit"), "exit");

    device_set_u64(dev, "iobase", 0xf4, NULL);
    fake_vm_realize(vm, dev);
    fake_out8(vm, 0xf4, 0x10);
    CU_ASSERT_EQUAL(vm->requests, 1);
    CU_ASSERT_EQUAL(vm->last_request, MACHINE_POWER_OFF);
    CU_ASSERT_PTR_NOT_NULL(strstr(vm->log->str, "exit code 33"));
    device_free(dev);
    fake_vm_free(vm);
}

static void
test_taken(void)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *a = device_new(device_class_find("debug-exit"), "a");
    Device *b = device_new(device_class_find("debug-exit"), "b");
    g_autoptr(GError) error = NULL;

    fake_vm_realize(vm, a);
    CU_ASSERT_FALSE(device_realize(b, &vm->env, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "0x501"));
    device_free(b);
    device_free(a);
    fake_vm_free(vm);
}

CU_MAIN("debug-exit", {"value_becomes_the_exit_code", test_code},
        {"a_taken_port_is_an_error", test_taken})
