/* tests/unit/test-piix4-pm.c - ACPI fixed hardware of the PIIX4. */
#include "devices/bus/pci.h"
#include "devices/chipset/piix4-pm.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/pci-config.h"

#define DEVFN          PCI_DEVFN(1, 3)
#define BASE           0xb000
#define HALF_PERIOD_NS G_GINT64_CONSTANT(2343484438) /* 2^23 / 3.579545 MHz */

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *dev;
} Fixture;

static void
cfg_write(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(f->bus, DEVFN, offset, value, size);
}

static guint32
cfg_read(Fixture *f, unsigned offset, unsigned size)
{
    return pci_config_get(f->bus, DEVFN, offset, size);
}

/* As firmware leaves it: blocks placed, ACPI on. */
static void
setup(Fixture *f)
{
    f->vm = fake_vm_new(0x10000);
    f->bus = pci_bus_new(&f->vm->env);
    f->dev = device_new(&piix4_pm_class, "pm");
    device_set_link(f->dev, "bus", f->bus);
    device_set_u64(f->dev, "addr", DEVFN, NULL);
    fake_vm_realize(f->vm, f->dev);
    cfg_write(f, 0x40, BASE | 1, 4);
    cfg_write(f, 0x80, 1, 1);
    fake_out8(f->vm, 0xb2, 0xf1);
}

static void
teardown(Fixture *f)
{
    device_free(f->dev);
    pci_bus_free(f->bus);
    fake_vm_free(f->vm);
}

static void
test_smm_preset(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(cfg_read(&f, 0, 4), 0x71138086);
    CU_ASSERT_EQUAL(cfg_read(&f, 0x08, 1), 3);
    CU_ASSERT_EQUAL(cfg_read(&f, 0x5b, 1), 0x02);
    CU_ASSERT_EQUAL(cfg_read(&f, 0x40, 4), BASE | 1);
    teardown(&f);
}

static void
test_relocation(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE + 4), 0x0001);
    cfg_write(&f, 0x40, 0x601, 4);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE + 4), 0xffff);
    CU_ASSERT_EQUAL(fake_in16(f.vm, 0x604), 0x0001);
    cfg_write(&f, 0x80, 0, 1);
    CU_ASSERT_EQUAL(fake_in16(f.vm, 0x604), 0xffff);
    teardown(&f);
}

static void
test_acpi_switch(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE + 4) & 1, 1);
    fake_out8(f.vm, 0xb2, 0xf0);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE + 4) & 1, 0);
    fake_out8(f.vm, 0xb3, 0x77);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xb3), 0x77);
    teardown(&f);
}

static void
test_timer_rate(void)
{
    Fixture f;
    guint32 before, after;

    setup(&f);
    before = fake_in32(f.vm, BASE + 8);
    fake_advance(f.vm, 1000000000);
    after = fake_in32(f.vm, BASE + 8);
    CU_ASSERT_EQUAL((after - before) & 0xffffff, 3579545);
    teardown(&f);
}

static void
test_timer_overflow(void)
{
    Fixture f;

    setup(&f);
    fake_out16(f.vm, BASE + 2, 0x0001);
    fake_advance(f.vm, HALF_PERIOD_NS - 1000000);
    CU_ASSERT_FALSE(f.vm->level[9]);
    fake_advance(f.vm, 2000000);
    CU_ASSERT_TRUE(f.vm->level[9]);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE) & 1, 1);
    fake_out16(f.vm, BASE, 0x0001);
    CU_ASSERT_FALSE(f.vm->level[9]);
    fake_advance(f.vm, HALF_PERIOD_NS);
    CU_ASSERT_TRUE(f.vm->level[9]);
    teardown(&f);
}

static void
test_power_button(void)
{
    Fixture f;

    setup(&f);
    fake_out16(f.vm, BASE + 2, 0x0100);
    piix4_pm_press_power_button(f.dev);
    CU_ASSERT_TRUE(f.vm->level[9]);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE) & 0x100, 0x100);
    fake_out16(f.vm, BASE, 0x0100);
    CU_ASSERT_FALSE(f.vm->level[9]);
    teardown(&f);
}

static void
test_power_button_without_acpi(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, 0xb2, 0xf0);
    fake_out16(f.vm, BASE + 2, 0x0100);
    piix4_pm_press_power_button(f.dev);
    CU_ASSERT_FALSE(f.vm->level[9]);
    teardown(&f);
}

static void
test_soft_off(void)
{
    Fixture f;

    setup(&f);
    fake_out16(f.vm, BASE + 4, 0x2001);
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_POWER_OFF);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE + 4), 0x0001);
    teardown(&f);
}

static void
test_unsupported_sleep_wakes(void)
{
    Fixture f;

    setup(&f);
    fake_out16(f.vm, BASE + 4, 0x2401); /* type 1: to RAM */
    CU_ASSERT_EQUAL(f.vm->requests, 0);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE) & 0x8000, 0x8000);
    teardown(&f);
}

static void
test_smbus_is_empty(void)
{
    Fixture f;

    setup(&f);
    cfg_write(&f, 0x90, 0xb101, 4);
    cfg_write(&f, 0xd2, 0x09, 1);
    fake_out8(f.vm, 0xb104, 0xa1);
    fake_out8(f.vm, 0xb102, 0x48);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xb100), 0x04);
    fake_out8(f.vm, 0xb100, 0x04);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xb100), 0x00);
    teardown(&f);
}

/* The same machine with suspend to RAM, asleep. */
static void
setup_asleep(Fixture *f)
{
    f->vm = fake_vm_new(0x10000);
    f->bus = pci_bus_new(&f->vm->env);
    f->dev = device_new(&piix4_pm_class, "pm");
    device_set_link(f->dev, "bus", f->bus);
    device_set_u64(f->dev, "addr", DEVFN, NULL);
    device_set_u64(f->dev, "s3", 1, NULL);
    fake_vm_realize(f->vm, f->dev);
    cfg_write(f, 0x40, BASE | 1, 4);
    cfg_write(f, 0x80, 1, 1);
    fake_out8(f->vm, 0xb2, 0xf1);
    fake_out16(f->vm, BASE + 2, 0x0100);
    fake_out16(f->vm, BASE + 4, 0x2401); /* type 1: to RAM */
}

static void
test_suspend(void)
{
    Fixture f;

    setup_asleep(&f);
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_SUSPEND);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE) & 0x8000, 0); /* not awake yet */
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    teardown(&f);
}

static void
test_button_wakes(void)
{
    Fixture f;

    setup_asleep(&f);
    piix4_pm_press_power_button(f.dev);
    CU_ASSERT_EQUAL(f.vm->requests, 2);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_WAKE);
    device_reset(f.dev, RESET_WAKE);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE), 0x8100); /* where it was */
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE + 2), 0x0100);
    CU_ASSERT_EQUAL(fake_in16(f.vm, BASE + 4), 0x0001);
    CU_ASSERT_TRUE(f.vm->level[9]);
    piix4_pm_press_power_button(f.dev);
    CU_ASSERT_EQUAL(f.vm->requests, 2); /* it is awake */
    teardown(&f);
}

static void
test_smbus_asks_after_waking(void)
{
    Fixture f;

    setup_asleep(&f);
    cfg_write(&f, 0x90, 0xb101, 4);
    cfg_write(&f, 0xd2, 0x09, 1); /* on, by IRQ 9 */
    fake_out8(f.vm, 0xb104, 0xa1);
    fake_out8(f.vm, 0xb102, 0x49); /* nobody answers; interrupt */
    CU_ASSERT_TRUE(f.vm->level[9]);
    guint rises = f.vm->rises[9];
    device_reset(f.dev, RESET_WAKE);
    CU_ASSERT_TRUE(f.vm->level[9]);
    CU_ASSERT_EQUAL(f.vm->rises[9], rises + 1); /* new controllers see it */
    fake_out8(f.vm, 0xb100, 0x04);
    CU_ASSERT_FALSE(f.vm->level[9]);
    teardown(&f);
}

static void
test_alarm_wakes(void)
{
    Fixture f;

    setup_asleep(&f);
    piix4_pm_rtc_interrupt(f.dev);
    CU_ASSERT_EQUAL(f.vm->requests, 1); /* the guest did not ask for that */
    fake_out16(f.vm, BASE, 0x0400);
    fake_out16(f.vm, BASE + 2, 0x0400);
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    piix4_pm_rtc_interrupt(f.dev);
    CU_ASSERT_EQUAL(f.vm->requests, 2);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_WAKE);
    teardown(&f);
}

CU_MAIN("piix4-pm", {"firmware_finds_smm_set_up", test_smm_preset},
        {"block_moves_with_its_base", test_relocation},
        {"apm_command_switches_acpi", test_acpi_switch},
        {"timer_counts_at_3_579545_mhz", test_timer_rate},
        {"timer_overflow_raises_sci", test_timer_overflow},
        {"power_button_raises_sci", test_power_button},
        {"power_button_is_silent_without_acpi", test_power_button_without_acpi},
        {"soft_off_asks_the_machine", test_soft_off},
        {"unsupported_sleep_wakes_at_once", test_unsupported_sleep_wakes},
        {"suspend_to_ram_asks_the_machine", test_suspend},
        {"the_power_button_wakes_and_the_registers_are_kept",
         test_button_wakes},
        {"what_the_smbus_asks_for_is_still_asked_after_waking",
         test_smbus_asks_after_waking},
        {"the_alarm_wakes_who_asked_for_it", test_alarm_wakes},
        {"smbus_addresses_do_not_answer", test_smbus_is_empty})
