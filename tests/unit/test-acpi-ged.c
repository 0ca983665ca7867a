/* tests/unit/test-acpi-ged.c - the power button's event, soft off, reset. */
#include "devices/chipset/acpi-ged.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

typedef struct {
    FakeVm *vm;
    Device *ged;
} Fixture;

static Fixture
begin(void)
{
    Fixture f = {fake_vm_new(4096), device_new(&acpi_ged_class, "power")};

    fake_vm_realize(f.vm, f.ged);
    return f;
}

static void
end(Fixture *f)
{
    device_free(f->ged);
    fake_vm_free(f->vm);
}

static void
test_button(void)
{
    Fixture f = begin();

    CU_ASSERT_FALSE(f.vm->level[9]);
    acpi_ged_press_power_button(f.ged);
    CU_ASSERT_TRUE(f.vm->level[9]);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x602), 0x01);
    CU_ASSERT_FALSE(f.vm->level[9]);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x602), 0x00);
    CU_ASSERT_EQUAL(f.vm->requests, 0);
    end(&f);
}

static void
test_reset_forgets_the_button(void)
{
    Fixture f = begin();

    acpi_ged_press_power_button(f.ged);
    device_reset(f.ged, RESET_WARM);
    CU_ASSERT_FALSE(f.vm->level[9]);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x602), 0x00);
    end(&f);
}

static void
test_soft_off(void)
{
    Fixture f = begin();

    fake_out8(f.vm, 0x600, 5 << 2); /* the type without the enable bit */
    CU_ASSERT_EQUAL(f.vm->requests, 0);
    fake_out8(f.vm, 0x600, 0x20 | 5 << 2);
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_POWER_OFF);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0x600), 0);
    end(&f);
}

static void
test_other_sleep(void)
{
    Fixture f = begin();

    fake_out8(f.vm, 0x600, 0x20 | 3 << 2);
    CU_ASSERT_EQUAL(f.vm->requests, 0);
    CU_ASSERT_EQUAL(f.ged->guest_errors, 1);
    end(&f);
}

static void
test_reset_register(void)
{
    Fixture f = begin();

    fake_out8(f.vm, 0xcf9, 0x02);
    CU_ASSERT_EQUAL(f.vm->requests, 0);
    fake_out8(f.vm, 0xcf9, 0x06);
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_RESET_COLD);
    end(&f);
}

CU_MAIN("acpi-ged",
        {"the_button_raises_its_line_until_it_is_read", test_button},
        {"a_reset_forgets_the_button", test_reset_forgets_the_button},
        {"sleep_type_5_with_the_enable_bit_is_off", test_soft_off},
        {"other_sleep_types_do_nothing", test_other_sleep},
        {"the_reset_register_acts_on_bit_2_rising", test_reset_register})
