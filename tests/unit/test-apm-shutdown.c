/* tests/unit/test-apm-shutdown.c - the BIOS power-off port. */
#include "devices/registry.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

static guint
requests_after(const char *text)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(device_class_find("apm-shutdown"), "apm");
    guint requests;

    fake_vm_realize(vm, dev);
    for (; *text; text++)
        fake_out8(vm, 0x8900, (guint8) *text);
    requests = vm->requests;
    CU_ASSERT_TRUE(requests == 0 || vm->last_request == MACHINE_POWER_OFF);
    device_free(dev);
    fake_vm_free(vm);
    return requests;
}

static void
test_magic(void)
{
    CU_ASSERT_EQUAL(requests_after("Shutdown"), 1);
    CU_ASSERT_EQUAL(requests_after("ShutSShutdown"), 1);
}

static void
test_other_words(void)
{
    CU_ASSERT_EQUAL(requests_after("Shutdow"), 0);
    CU_ASSERT_EQUAL(requests_after("Shut down"), 0);
}

CU_MAIN("apm-shutdown", {"the_word_powers_off", test_magic},
        {"other_words_do_nothing", test_other_words})
