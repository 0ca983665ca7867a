/* tests/unit/test-debugcon.c - the firmware console. */
#include <string.h>

#include "devices/registry.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "vmm/char/char.h"

static void
test_text(void)
{
    FakeVm *vm = fake_vm_new(0x1000);
    CharLink *chr = char_open("null", NULL, vm->env.loop, NULL);
    Device *dev = device_new(device_class_find("debugcon"), "debugcon");

    device_set_link(dev, "chr", chr);
    fake_vm_realize(vm, dev);
    CU_ASSERT_EQUAL(fake_in8(vm, 0x402), 0xe9);
    for (const char *p = "SeaBIOS"; *p; p++)
        fake_out8(vm, 0x402, (guint8) *p);
    fake_advance(vm, 1000);
    g_autoptr(GBytes) said = char_scrollback(chr);
    CU_ASSERT_EQUAL(g_bytes_get_size(said), 7);
    CU_ASSERT_EQUAL(memcmp(g_bytes_get_data(said, NULL), "SeaBIOS", 7), 0);
    device_free(dev);
    char_close(chr);
    fake_vm_free(vm);
}

static void
test_silent(void)
{
    FakeVm *vm = fake_vm_new(0x1000);
    Device *dev = device_new(device_class_find("debugcon"), "debugcon");

    fake_vm_realize(vm, dev);
    CU_ASSERT_EQUAL(fake_in8(vm, 0x402), 0xff);
    fake_out8(vm, 0x402, 0x41);
    fake_advance(vm, 1000);
    device_free(dev);
    fake_vm_free(vm);
}

CU_MAIN("debugcon", {"text_reaches_the_link", test_text},
        {"without_a_link_firmware_keeps_quiet", test_silent})
