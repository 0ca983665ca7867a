/* tests/unit/test-ich9-lpc.c - south bridge of the Q35: interrupt routing, power
 * management, reset control. */
#include <string.h>

#include "devices/chipset/ich9-lpc.h"
#include "devices/chipset/q35-mch.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/pci-config.h"

#define PM 0x600

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *host, *isa;
    PciDevice card; /* for its INTx pin: slot 5 pin A is PIRQ F */
    PciState state;
} Fixture;

static const PciIds card_ids = {.vendor = 1, .device = 1, .interrupt_pin = 1};

static void
setup(Fixture *f)
{
    memset(f, 0, sizeof *f);
    f->vm = fake_vm_new(0x10000);
    f->bus = pci_bus_new(&f->vm->env);
    f->host = device_new(&q35_mch_class, "host");
    device_set_link(f->host, "bus", f->bus);
    fake_vm_realize(f->vm, f->host);
    f->isa = device_new(&ich9_lpc_class, "isa");
    device_set_link(f->isa, "bus", f->bus);
    device_set_u64(f->isa, "addr", ICH9_LPC_DEVFN, NULL);
    fake_vm_realize(f->vm, f->isa);
    f->card.bus = f->bus;
    f->card.devfn = PCI_DEVFN(5, 0);
    f->card.dev.env = &f->vm->env;
    (void) pci_device_realize(&f->card, &f->vm->env, &card_ids, &f->state,
                              NULL);
    pci_device_reset(&f->card);
}

static void
teardown(Fixture *f)
{
    pci_device_unrealize(&f->card);
    device_free(f->isa);
    device_free(f->host);
    pci_bus_free(f->bus);
    fake_vm_free(f->vm);
}

static void
config_put(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(f->bus, ICH9_LPC_DEVFN, offset, value, size);
}

static void
place_pm(Fixture *f)
{
    config_put(f, 0x40, PM | 1, 4);
    config_put(f, 0x44, 0x80, 1);
}

/* QEMU's and SeaBIOS' wiring of a Q35: slot 1 pin A is PIRQ F, slot 31 pin B is
 * PIRQ B. */
static void
test_wiring(void)
{
    CU_ASSERT_EQUAL(ich9_lpc_pirq(0, 0), 4);
    CU_ASSERT_EQUAL(ich9_lpc_pirq(1, 0), 5);
    CU_ASSERT_EQUAL(ich9_lpc_pirq(24, 3), 7);
    CU_ASSERT_EQUAL(ich9_lpc_pirq(25, 0), 0);
    CU_ASSERT_EQUAL(ich9_lpc_pirq(31, 1), 1);
}

static void
test_routing(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(pci_intx_pin(&f.card), 21);
    pci_set_intx(&f.card, true);
    CU_ASSERT_TRUE(f.vm->level[21]);
    CU_ASSERT_FALSE(f.vm->level[10]);
    config_put(&f, 0x69, 10, 1); /* PIRQ F to the 8259s */
    CU_ASSERT_TRUE(f.vm->level[10]);
    CU_ASSERT_TRUE(f.vm->level[21]);
    CU_ASSERT_EQUAL(pci_intx_pin(&f.card), 10);
    config_put(&f, 0x69, 0x80 | 10, 1);
    CU_ASSERT_FALSE(f.vm->level[10]);
    pci_set_intx(&f.card, false);
    CU_ASSERT_FALSE(f.vm->level[21]);
    teardown(&f);
}

static void
test_reserved_irq(void)
{
    Fixture f;

    setup(&f);
    pci_set_intx(&f.card, true);
    config_put(&f, 0x69, 8, 1); /* the clock's: not routable */
    CU_ASSERT_FALSE(f.vm->level[8]);
    CU_ASSERT_EQUAL(pci_intx_pin(&f.card), 21);
    teardown(&f);
}

static void
test_reset_control(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, 0xcf9, 0x02);
    CU_ASSERT_EQUAL(f.vm->requests, 0);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcf9), 0x02);
    fake_out8(f.vm, 0xcf9, 0x06);
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_RESET_COLD);
    teardown(&f);
}

static void
test_pm_base(void)
{
    Fixture f;

    setup(&f);
    config_put(&f, 0x40, PM | 1, 4);
    CU_ASSERT_EQUAL(fake_in32(f.vm, PM + 8), 0xffffffff); /* not enabled */
    config_put(&f, 0x44, 0x80, 1);
    fake_advance(f.vm, 1000000000);
    CU_ASSERT_EQUAL(fake_in32(f.vm, PM + 8), 3579545);
    /* APMC_EN reads as set: firmware is not to set SMM up */
    CU_ASSERT_EQUAL(fake_in32(f.vm, PM + 0x30), 0x20);
    config_put(&f, 0x44, 0, 1);
    CU_ASSERT_EQUAL(fake_in32(f.vm, PM + 8), 0xffffffff);
    teardown(&f);
}

static void
test_power_button(void)
{
    Fixture f;

    setup(&f);
    place_pm(&f);
    fake_out8(f.vm, 0xb2, ICH9_APM_ACPI_ON);
    CU_ASSERT_EQUAL(fake_in16(f.vm, PM + 4), 0x0001);
    fake_out16(f.vm, PM + 2, 0x0100);
    ich9_lpc_press_power_button(f.isa);
    CU_ASSERT_TRUE(f.vm->level[9]);
    CU_ASSERT_EQUAL(fake_in16(f.vm, PM), 0x0100);
    fake_out16(f.vm, PM, 0x0100);
    CU_ASSERT_FALSE(f.vm->level[9]);
    teardown(&f);
}

static void
test_soft_off(void)
{
    Fixture f;

    setup(&f);
    place_pm(&f);
    fake_out16(f.vm, PM + 4, 0x2001);
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_POWER_OFF);
    teardown(&f);
}

/* GPE0: eight bytes of status, eight that enable. */
static void
test_event_registers(void)
{
    Fixture f;

    setup(&f);
    place_pm(&f);
    fake_out32(f.vm, PM + 0x2c, 0x12345678);
    CU_ASSERT_EQUAL(fake_in32(f.vm, PM + 0x2c), 0x12345678);
    CU_ASSERT_EQUAL(fake_in32(f.vm, PM + 0x28), 0);
    fake_out32(f.vm, PM + 0x20, 0xffffffff); /* clears, sets nothing */
    CU_ASSERT_EQUAL(fake_in32(f.vm, PM + 0x20), 0);
    teardown(&f);
}

CU_MAIN("ich9-lpc", {"slots_are_wired_as_on_the_board", test_wiring},
        {"a_pirq_reaches_the_ioapic_and_the_8259s", test_routing},
        {"reserved_irqs_are_not_driven", test_reserved_irq},
        {"port_cf9_resets_on_the_rising_bit", test_reset_control},
        {"pmbase_places_the_ports_while_enabled", test_pm_base},
        {"the_power_button_interrupts", test_power_button},
        {"sleep_type_0_is_off", test_soft_off},
        {"general_purpose_events_have_sixteen_bytes", test_event_registers})
