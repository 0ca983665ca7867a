/* tests/unit/test-vga.c - the VGA as a device: options, PCI, reset, saved
 * state. Its parts have programs of their own: test-vga-*.c. */
#include "tests/unit/cu-main.h"

#include "tests/unit/pci-config.h"
#include "tests/unit/vga-fixture.h"

static guint32
config_read(VgaRig *r, unsigned offset)
{
    return pci_config_get(r->bus, VGA_SLOT, offset, 4);
}

static void
test_pci_identity(void)
{
    VgaRig *r = rig_new(16);

    CU_ASSERT_EQUAL(config_read(r, PCI_VENDOR_ID), 0x11111234);
    CU_ASSERT_EQUAL(config_read(r, PCI_CLASS_PROG - 1) >> 8, 0x030000);
    CU_ASSERT_EQUAL(config_read(r, PCI_BAR0), LFB | 8); /* prefetchable */
    rig_config_write(r, PCI_BAR0, 0xffffffff);
    CU_ASSERT_EQUAL(config_read(r, PCI_BAR0), 0xff000008); /* 16 MiB */
    rig_config_write(r, PCI_BAR0 + 8, 0xffffffff);
    CU_ASSERT_EQUAL(config_read(r, PCI_BAR0 + 8), 0xfffff000);
    rig_free(r);
}

static void
test_second_vga(void)
{
    VgaRig *r = rig_new(1);
    Device *other = device_new(&vga_class, "vga1");
    g_autoptr(GError) error = NULL;
    device_set_link(other, "bus", r->bus);
    device_set_u64(other, "addr", PCI_DEVFN(3, 0), NULL);

    CU_ASSERT_FALSE(device_realize(other, &r->vm->env, &error));

    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "one VGA"));
    device_free(other);
    rig_set_mode(r, &regs_mode3); /* the first one still works */
    CU_ASSERT_EQUAL(rig_index_read(r, 0x3d4, 1), 0x4f);
    rig_free(r);
}

static void
test_reset(void)
{
    VgaRig *r = rig_new(1);
    rig_set_mode(r, &regs_mode3);
    rig_cell(r, 0, 'R', 7);
    rig_vbe(r, 1, 640);

    device_reset(r->vga, RESET_COLD);

    CU_ASSERT_PTR_NULL(guest_mem_ptr(r->vm->env.mem, 0xb8000, 1, false));
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3cc), 0);
    CU_ASSERT_EQUAL(fake_in8(r->vm, 0x3c6), 0xff);
    CU_ASSERT_EQUAL(rig_vbe_read(r, 0), 0xb0c5);
    CU_ASSERT_EQUAL(rig_vbe_read(r, 1), 0);
    rig_look(r); /* blank, no crash */
    CU_ASSERT_EQUAL(r->frame->cells[0].codepoint, ' ');
    rig_set_mode(r, &regs_mode3);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb8000, 1), 'R'); /* kept */
    rig_free(r);
}

static void
test_without_display(void)
{
    FakeVm *vm = fake_vm_new(0x10000);
    PciBus *bus = pci_bus_new(&vm->env);
    Device *vga = device_new(&vga_class, "vga");
    device_set_link(vga, "bus", bus);

    fake_vm_realize(vm, vga);
    fake_out8(vm, 0x3c2, 0x67);

    CU_ASSERT_EQUAL(fake_in8(vm, 0x3cc), 0x67);
    device_free(vga);
    pci_bus_free(bus);
    fake_vm_free(vm);
}

static void
test_damaged_state(void)
{
    VgaRig *r = rig_new(1);
    g_autoptr(GByteArray) saved = g_byte_array_new();
    device_save(r->vga, saved);
    g_autoptr(GBytes) cut = g_bytes_new(saved->data, saved->len - 9);
    g_autoptr(GError) error = NULL;
    rig_set_mode(r, &regs_mode3);

    CU_ASSERT_FALSE(device_restore(r->vga, cut, &error));

    CU_ASSERT_EQUAL(rig_index_read(r, 0x3d4, 1), 0x4f);
    rig_free(r);
}

static void
test_bad_vram(void)
{
    FakeVm *vm = fake_vm_new(0x10000);
    PciBus *bus = pci_bus_new(&vm->env);
    Device *vga = device_new(&vga_class, "vga");
    g_autoptr(GError) error = NULL;
    device_set_link(vga, "bus", bus);
    device_set_u64(vga, "vram", 3, NULL);

    CU_ASSERT_FALSE(device_realize(vga, &vm->env, &error));

    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "power of two"));
    device_free(vga);
    pci_bus_free(bus);
    fake_vm_free(vm);
}

static void
test_save_restore(void)
{
    VgaRig *r = rig_new(16);
    rig_set_mode(r, &regs_mode3);
    rig_cell(r, 0, 'K', 7);
    g_autoptr(GByteArray) saved = g_byte_array_new();
    device_save(r->vga, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);

    rig_index(r, 0x3c4, 3, 0x15);
    rig_dac(r, 1, 9, 9, 9);
    g_autoptr(GError) error = NULL;
    CU_ASSERT_TRUE(device_restore(r->vga, bytes, &error));

    CU_ASSERT_EQUAL(rig_index_read(r, 0x3c4, 3), 0);
    CU_ASSERT_EQUAL(fake_mmio_read(r->vm, 0xb8000, 1), 'K');
    rig_free(r);
}

CU_MAIN("vga", {"pci_shows_1234_1111_and_two_bars", test_pci_identity},
        {"a_second_vga_is_refused_and_harmless", test_second_vga},
        {"reset_clears_registers_and_keeps_memory", test_reset},
        {"it_works_without_a_display", test_without_display},
        {"damaged_state_changes_nothing", test_damaged_state},
        {"vram_that_is_no_power_of_two_is_refused", test_bad_vram},
        {"registers_and_window_come_back_on_restore", test_save_restore})
