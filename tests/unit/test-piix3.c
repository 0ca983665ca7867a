/* tests/unit/test-piix3.c - ISA bridge: interrupt routing, reset control. */
#include <string.h>

#include "devices/chipset/i440fx.h"
#include "devices/chipset/piix3.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *host, *isa, *card; /* card: another bridge, for its INTx pin */
} Fixture;

static const PciIds card_ids = {.vendor = 1, .device = 1, .interrupt_pin = 1};

static void
setup(Fixture *f, PciDevice *card, PciState *card_state)
{
    f->vm = fake_vm_new(0x10000);
    f->bus = pci_bus_new(&f->vm->env);
    f->host = device_new(&i440fx_class, "host");
    device_set_link(f->host, "bus", f->bus);
    fake_vm_realize(f->vm, f->host);
    f->isa = device_new(&piix3_class, "isa");
    device_set_link(f->isa, "bus", f->bus);
    device_set_u64(f->isa, "addr", PCI_DEVFN(1, 0), NULL);
    fake_vm_realize(f->vm, f->isa);
    memset(card, 0, sizeof *card);
    card->bus = f->bus;
    card->devfn = PCI_DEVFN(5, 0); /* pin A: PIRQA */
    card->dev.env = &f->vm->env;
    (void) pci_device_realize(card, &f->vm->env, &card_ids, card_state, NULL);
    pci_device_reset(card);
}

static void
teardown(Fixture *f, PciDevice *card)
{
    pci_device_unrealize(card);
    device_free(f->isa);
    device_free(f->host);
    pci_bus_free(f->bus);
    fake_vm_free(f->vm);
}

static void
route(Fixture *f, unsigned pirq, guint8 value)
{
    fake_out32(f->vm, 0xcf8, 0x80000860);
    fake_out8(f->vm, (guint16) (0xcfc + pirq), value);
}

static void
test_ids(void)
{
    Fixture f;
    PciDevice card;
    PciState state = {0};

    setup(&f, &card, &state);
    fake_out32(f.vm, 0xcf8, 0x80000800);
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcfc), 0x70008086);
    fake_out32(f.vm, 0xcf8, 0x8000080c);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfe), 0x80); /* multifunction */
    fake_out32(f.vm, 0xcf8, 0x80000860);
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcfc), 0x80808080);
    teardown(&f, &card);
}

static void
test_routing(void)
{
    Fixture f;
    PciDevice card;
    PciState state = {0};

    setup(&f, &card, &state);
    pci_set_intx(&card, true);
    CU_ASSERT_FALSE(f.vm->level[10]);
    route(&f, 0, 10);
    CU_ASSERT_TRUE(f.vm->level[10]);
    route(&f, 0, 11); /* moves while asserted */
    CU_ASSERT_FALSE(f.vm->level[10]);
    CU_ASSERT_TRUE(f.vm->level[11]);
    CU_ASSERT_EQUAL(pci_intx_pin(&card), 11);
    route(&f, 0, 0x80 | 11);
    CU_ASSERT_FALSE(f.vm->level[11]);
    CU_ASSERT_EQUAL(pci_intx_pin(&card), PCI_INTX_NOWHERE);
    teardown(&f, &card);
}

static void
test_reserved_irq(void)
{
    Fixture f;
    PciDevice card;
    PciState state = {0};

    setup(&f, &card, &state);
    pci_set_intx(&card, true);
    route(&f, 0, 8); /* the clock's: not routable */
    CU_ASSERT_FALSE(f.vm->level[8]);
    CU_ASSERT_EQUAL(pci_intx_pin(&card), PCI_INTX_NOWHERE);
    teardown(&f, &card);
}

static void
test_reset_control(void)
{
    Fixture f;
    PciDevice card;
    PciState state = {0};

    setup(&f, &card, &state);
    fake_out8(f.vm, 0xcf9, 0x02);
    CU_ASSERT_EQUAL(f.vm->requests, 0);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcf9), 0x02);
    fake_out8(f.vm, 0xcf9, 0x06);
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_RESET_COLD);
    fake_out8(f.vm, 0xcf9, 0x06); /* no edge */
    CU_ASSERT_EQUAL(f.vm->requests, 1);
    fake_out8(f.vm, 0xcf9, 0x00);
    fake_out8(f.vm, 0xcf9, 0x04);
    CU_ASSERT_EQUAL(f.vm->requests, 2);
    CU_ASSERT_EQUAL(f.vm->last_request, MACHINE_RESET_WARM);
    teardown(&f, &card);
}

static void
test_dword_is_no_reset(void)
{
    Fixture f;
    PciDevice card;
    PciState state = {0};

    setup(&f, &card, &state);
    fake_out32(f.vm, 0xcf8, 0x80000600); /* byte 1 is 0x06 */
    CU_ASSERT_EQUAL(f.vm->requests, 0);
    teardown(&f, &card);
}

CU_MAIN("piix3", {"ids_and_routes_after_reset", test_ids},
        {"pirq_goes_where_the_route_says", test_routing},
        {"reserved_irqs_are_not_driven", test_reserved_irq},
        {"port_cf9_resets_on_the_rising_bit", test_reset_control},
        {"config_address_does_not_reset", test_dword_is_no_reset})
