/* tests/unit/test-irq.c - shared level lines and message interrupts. */
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

static void
test_lines_are_ored(void)
{
    FakeVm *vm = fake_vm_new(4096);
    IrqLine *a = irq_line_new(&vm->env, 10), *b = irq_line_new(&vm->env, 10);

    irq_line_set(a, true);
    irq_line_set(b, true);
    CU_ASSERT_EQUAL(vm->rises[10], 1);
    irq_line_set(a, false);
    CU_ASSERT_TRUE(vm->level[10]);
    irq_line_set(b, false);
    CU_ASSERT_FALSE(vm->level[10]);
    irq_line_free(a);
    irq_line_free(b);
    fake_vm_free(vm);
}

static void
test_idempotent(void)
{
    FakeVm *vm = fake_vm_new(4096);
    IrqLine *a = irq_line_new(&vm->env, 3);

    irq_line_set(a, true);
    irq_line_set(a, true);
    irq_line_set(a, false);
    CU_ASSERT_FALSE(irq_chip_pin_level(vm->env.irq, 3));
    irq_line_free(a);
    fake_vm_free(vm);
}

static void
test_pulse_makes_an_edge(void)
{
    FakeVm *vm = fake_vm_new(4096);
    IrqLine *a = irq_line_new(&vm->env, 8);

    irq_line_pulse(a);
    irq_line_pulse(a);
    CU_ASSERT_EQUAL(vm->rises[8], 2);
    irq_line_free(a);
    fake_vm_free(vm);
}

static void
test_adopt_makes_no_edge(void)
{
    FakeVm *vm = fake_vm_new(4096);
    IrqLine *a = irq_line_new(&vm->env, 9);

    irq_line_adopt(a, true);
    CU_ASSERT_EQUAL(vm->rises[9], 0);
    CU_ASSERT_TRUE(irq_chip_pin_level(vm->env.irq, 9));
    irq_line_set(a, true);
    CU_ASSERT_EQUAL(vm->rises[9], 0);
    irq_line_free(a);
    fake_vm_free(vm);
}

static void
test_freed_line_lets_go(void)
{
    FakeVm *vm = fake_vm_new(4096);
    IrqLine *a = irq_line_new(&vm->env, 5);

    irq_line_set(a, true);
    irq_line_free(a);
    CU_ASSERT_FALSE(vm->level[5]);
    fake_vm_free(vm);
}

static void
test_masked_message_waits(void)
{
    FakeVm *vm = fake_vm_new(4096);
    Msi *msi = msi_new(&vm->env);

    CU_ASSERT_EQUAL(msi_route(msi, 0xfee00000, 0x41), 0);
    msi_send(msi);
    CU_ASSERT_EQUAL(vm->msis, 0);
    CU_ASSERT_TRUE(msi_pending(msi));
    msi_set_masked(msi, false);
    CU_ASSERT_EQUAL(vm->msis, 1);
    CU_ASSERT_EQUAL(vm->last_msi_data, 0x41);
    CU_ASSERT_FALSE(msi_pending(msi));
    msi_send(msi);
    CU_ASSERT_EQUAL(vm->msis, 2);
    msi_free(msi);
    fake_vm_free(vm);
}

CU_MAIN("irq", {"lines_of_one_pin_are_ored", test_lines_are_ored},
        {"asserting_twice_needs_one_deassert", test_idempotent},
        {"a_pulse_is_an_edge_each_time", test_pulse_makes_an_edge},
        {"adopting_a_level_makes_no_edge", test_adopt_makes_no_edge},
        {"a_freed_line_is_deasserted", test_freed_line_lets_go},
        {"a_masked_message_is_sent_at_unmask", test_masked_message_waits})
