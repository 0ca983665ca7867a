/* tests/unit/test-pci-hotplug.c - slots filled and emptied while the guest
 * runs. */
#include "devices/bus/pci.h"
#include "devices/chipset/pci-hotplug.h"
#include "devices/chipset/piix4-pm.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

#define UP     0xae00
#define DOWN   0xae04
#define EJECT  0xae08
#define REMOVE 0xae0c
#define GPE    0xafe0
#define EVENT  0x0002 /* bit 1 of the status word */

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *pm, *dev;
    guint32 ejected; /* slots the owner was told of */
    unsigned calls;
} Fixture;

static void
on_eject(void *data, unsigned slot)
{
    Fixture *f = data;

    f->ejected |= 1u << slot;
    f->calls++;
}

static void
setup(Fixture *f)
{
    *f = (Fixture){.vm = fake_vm_new(0x10000)};
    f->bus = pci_bus_new(&f->vm->env);
    f->pm = device_new(&piix4_pm_class, "pm");
    device_set_link(f->pm, "bus", f->bus);
    device_set_u64(f->pm, "addr", PCI_DEVFN(1, 3), NULL);
    fake_vm_realize(f->vm, f->pm);
    f->dev = device_new(&pci_hotplug_class, "hotplug");
    device_set_link(f->dev, "pm", f->pm);
    pci_hotplug_set_owner(f->dev, on_eject, f);
    fake_vm_realize(f->vm, f->dev);
    fake_out8(f->vm, 0xb2, 0xf1); /* ACPI on */
    fake_out16(f->vm, GPE + 2, EVENT);
}

static void
teardown(Fixture *f)
{
    device_free(f->dev);
    device_free(f->pm);
    pci_bus_free(f->bus);
    fake_vm_free(f->vm);
}

static void
a_new_device_is_announced_by_event_1(void)
{
    Fixture f;

    setup(&f);
    pci_hotplug_inserted(f.dev, 5);
    CU_ASSERT_EQUAL(fake_in32(f.vm, UP), 1u << 5);
    CU_ASSERT_EQUAL(fake_in16(f.vm, GPE), EVENT);
    CU_ASSERT_TRUE(f.vm->level[9]);
    teardown(&f);
}

static void
a_device_that_was_pulled_out_is_looked_for_and_not_asked_back(void)
{
    Fixture f;

    setup(&f);
    pci_hotplug_request_removal(f.dev, 5);
    fake_out16(f.vm, GPE, EVENT);
    pci_hotplug_removed(f.dev, 5);
    CU_ASSERT_EQUAL(fake_in32(f.vm, UP), 1u << 5);
    CU_ASSERT_EQUAL(fake_in32(f.vm, DOWN), 0);
    CU_ASSERT_EQUAL(fake_in16(f.vm, GPE), EVENT);
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.calls, 0);
    teardown(&f);
}

static void
the_event_goes_when_the_guest_clears_it(void)
{
    Fixture f;

    setup(&f);
    pci_hotplug_inserted(f.dev, 5);
    fake_out16(f.vm, GPE, EVENT);
    CU_ASSERT_FALSE(f.vm->level[9]);
    teardown(&f);
}

static void
reading_the_slots_clears_nothing(void)
{
    Fixture f;

    setup(&f);
    pci_hotplug_inserted(f.dev, 31);
    (void) fake_in32(f.vm, UP);
    CU_ASSERT_EQUAL(fake_in32(f.vm, UP), 1u << 31);
    teardown(&f);
}

static void
the_owner_hears_on_the_loop_that_a_slot_was_let_go(void)
{
    Fixture f;

    setup(&f);
    pci_hotplug_inserted(f.dev, 5);
    pci_hotplug_request_removal(f.dev, 5);
    CU_ASSERT_EQUAL(fake_in32(f.vm, DOWN), 1u << 5);
    fake_out32(f.vm, EJECT, 1u << 5);
    CU_ASSERT_EQUAL(f.calls, 0);
    CU_ASSERT_FALSE(device_is_quiet(f.dev));
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.ejected, 1u << 5);
    CU_ASSERT_TRUE(device_is_quiet(f.dev));
    CU_ASSERT_EQUAL(fake_in32(f.vm, UP), 0);
    CU_ASSERT_EQUAL(fake_in32(f.vm, DOWN), 0);
    teardown(&f);
}

static void
the_main_boards_own_slots_cannot_be_ejected(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(fake_in32(f.vm, REMOVE), 0xfffffff8u);
    fake_out32(f.vm, EJECT, 0x7);
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.calls, 0);
    teardown(&f);
}

static void
a_guest_may_eject_what_nobody_asked_for(void)
{
    Fixture f;

    setup(&f);
    fake_out32(f.vm, EJECT, 0x18);
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.ejected, 0x18);
    CU_ASSERT_EQUAL(f.calls, 2);
    teardown(&f);
}

static void
a_reset_completes_what_the_guest_never_answered(void)
{
    Fixture f;

    setup(&f);
    pci_hotplug_request_removal(f.dev, 4);
    device_reset(f.dev, RESET_WARM);
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.ejected, 1u << 4);
    CU_ASSERT_EQUAL(fake_in32(f.vm, DOWN), 0);
    teardown(&f);
}

static void
bytes_of_the_registers_read_alone(void)
{
    Fixture f;

    setup(&f);
    pci_hotplug_inserted(f.dev, 9);
    CU_ASSERT_EQUAL(fake_in8(f.vm, UP + 1), 0x02);
    CU_ASSERT_EQUAL(fake_in32(f.vm, EJECT), 0);
    teardown(&f);
}

CU_MAIN("pci-hotplug",
        {"a_new_device_is_announced_by_event_1",
         a_new_device_is_announced_by_event_1},
        {"a_device_that_was_pulled_out_is_looked_for_and_not_asked_back",
         a_device_that_was_pulled_out_is_looked_for_and_not_asked_back},
        {"the_event_goes_when_the_guest_clears_it",
         the_event_goes_when_the_guest_clears_it},
        {"reading_the_slots_clears_nothing", reading_the_slots_clears_nothing},
        {"the_owner_hears_on_the_loop_that_a_slot_was_let_go",
         the_owner_hears_on_the_loop_that_a_slot_was_let_go},
        {"the_main_boards_own_slots_cannot_be_ejected",
         the_main_boards_own_slots_cannot_be_ejected},
        {"a_guest_may_eject_what_nobody_asked_for",
         a_guest_may_eject_what_nobody_asked_for},
        {"a_reset_completes_what_the_guest_never_answered",
         a_reset_completes_what_the_guest_never_answered},
        {"bytes_of_the_registers_read_alone",
         bytes_of_the_registers_read_alone})
