/* tests/unit/test-pcie-root-port.c - a slot of PCI Express: what the bridge
 * passes on, and cards that come and go. */
#include <string.h>

#include "devices/bus/pci-bridge.h"
#include "devices/chipset/pcie-root-port.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/pci-config.h"
#include "vmm/io/io.h"
#include "vmm/mem/dma.h"

#define PORT         PCI_DEVFN(4, 0)
#define CAP          0x40u /* the first capability */
#define LINK_STATUS  (CAP + 0x12)
#define SLOT_CONTROL (CAP + 0x18)
#define SLOT_STATUS  (CAP + 0x1a)
#define BAR          0xd0000000u

/* Slot control: hot-plug interrupt on all events; power and its light on or
 * off; the light blinks. */
#define ALL_EVENTS 0x1039u
#define ON         0x0100u
#define BLINKS     0x0200u
#define OFF        0x0700u

typedef struct {
    FakeVm *vm;
    PciBus *bus, *behind;
    Device *dev;
    PciDevice card;
    PciState state;
    IoRegion *bar;
    unsigned ejected; /* calls */
    unsigned number;  /* of the last one */
} Fixture;

static const PciIds card_ids = {
    .vendor = 0x1234, .device = 0x5678, .interrupt_pin = 1};

static guint64
bar_read(void *dev, guint64 offset, unsigned size)
{
    return 0x42;
}

static void
bar_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
}

static const IoOps bar_ops = {.read = bar_read, .write = bar_write};

static void
on_eject(void *data, unsigned number)
{
    Fixture *f = data;

    f->ejected++;
    f->number = number;
}

static void
put_card_in(Fixture *f)
{
    memset(&f->card, 0, sizeof f->card);
    f->card.bus = f->behind;
    f->card.devfn = 0;
    f->card.dev.env = &f->vm->env;
    g_mutex_init(&f->card.dev.lock);
    (void) pci_device_realize(&f->card, &f->vm->env, &card_ids, &f->state,
                              NULL);
    f->bar = io_region_new("bar", &bar_ops, f, &f->card.dev.lock, 4096);
    pci_add_bar(&f->card, 0, PCI_BAR_MEM32, false, 4096, f->bar, NULL);
    pci_device_reset(&f->card);
}

static void
take_card_out(Fixture *f)
{
    pci_device_unrealize(&f->card);
    g_clear_pointer(&f->bar, io_region_free);
}

static guint32
get(Fixture *f, unsigned offset, unsigned size)
{
    return pci_config_get(f->bus, PORT, offset, size);
}

static void
put(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(f->bus, PORT, offset, value, size);
}

/* What firmware does: a bus number, a window of 1 MiB, all enabled. */
static void
set_up(Fixture *f)
{
    put(f, PCI_PRIMARY_BUS, 0x00010100, 4);
    put(f, PCI_MEMORY_BASE, BAR >> 16 | BAR, 4);
    put(f, PCI_COMMAND, 0x0007, 2);
}

static void
setup(Fixture *f)
{
    memset(f, 0, sizeof *f);
    f->vm = fake_vm_new(0x10000);
    f->bus = pci_bus_new(&f->vm->env);
    f->dev = device_new(&pcie_root_port_class, "port");
    device_set_link(f->dev, "bus", f->bus);
    device_set_u64(f->dev, "addr", PORT, NULL);
    device_set_u64(f->dev, "slot", 4, NULL);
    pcie_root_port_set_owner(f->dev, on_eject, f);
    fake_vm_realize(f->vm, f->dev);
    f->behind = pcie_root_port_bus(f->dev);
}

/* With a card that was there at the start. */
static void
setup_filled(Fixture *f)
{
    setup(f);
    put_card_in(f);
    device_reset(f->dev, RESET_COLD);
    set_up(f);
}

static void
teardown(Fixture *f)
{
    if (f->bar != NULL)
        take_card_out(f);
    device_free(f->dev);
    pci_bus_free(f->bus);
    fake_vm_free(f->vm);
}

/* As the guest does: by the number that the bridge was given. */
static guint32
card_word(Fixture *f, unsigned offset)
{
    GMutex *lock = pci_bus_config_lock(f->bus);

    g_mutex_lock(lock);
    PciBus *bus = pci_bus_numbered(f->bus, 1);
    guint32 value =
        bus != NULL ? pci_bus_config_read(bus, 0, offset, 4) : G_MAXUINT32;
    g_mutex_unlock(lock);
    return value;
}

static void
map_card(Fixture *f)
{
    pci_config_set(f->behind, 0, PCI_BAR0, BAR, 4);
    pci_config_set(f->behind, 0, PCI_COMMAND, 0x0006, 2);
}

static void
test_header(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(get(&f, PCI_VENDOR_ID, 4), 0x000c1b36);
    CU_ASSERT_EQUAL(get(&f, PCI_CLASS_DEVICE, 2), 0x0604);
    CU_ASSERT_EQUAL(get(&f, PCI_HEADER_TYPE, 1), 0x01);
    CU_ASSERT_EQUAL(get(&f, CAP, 1), 0x10);
    CU_ASSERT_EQUAL(get(&f, CAP + 2, 2), 0x0142);
    /* button, power controller, both lights, hot-plug, by surprise too: who
     * pulls a card without a word has said so here; slot 4 */
    CU_ASSERT_EQUAL(get(&f, CAP + 0x14, 4), 4u << 19 | 0x7b);
    CU_ASSERT_EQUAL(get(&f, SLOT_CONTROL, 2), OFF | 0x00c0);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0);
    teardown(&f);
}

static void
test_numbers(void)
{
    Fixture f;

    setup_filled(&f);
    CU_ASSERT_EQUAL(card_word(&f, 0), 0x56781234);
    put(&f, PCI_SECONDARY_BUS, 2, 1);
    CU_ASSERT_EQUAL(card_word(&f, 0), 0xffffffff);
    teardown(&f);
}

static void
test_windows(void)
{
    Fixture f;

    setup_filled(&f);
    map_card(&f);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, BAR, 1), 0x42);
    put(&f, PCI_MEMORY_BASE, 0xc000c000, 4); /* elsewhere */
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, BAR, 1), 0xff);
    put(&f, PCI_PREFETCH_BASE, 0xd000d000, 4); /* by the other window */
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, BAR, 1), 0x42);
    put(&f, PCI_COMMAND, 0x0004, 2);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, BAR, 1), 0xff);
    put(&f, PCI_COMMAND, 0x0006, 2);
    put(&f, PCI_BRIDGE_CONTROL, 0x0040, 2); /* secondary reset */
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, BAR, 1), 0xff);
    teardown(&f);
}

static void
test_master(void)
{
    Fixture f;
    guint8 byte = 0;

    setup_filled(&f);
    map_card(&f);
    CU_ASSERT_EQUAL(dma_read(f.card.dma, 0, &byte, 1), 0);
    put(&f, PCI_COMMAND, 0x0003, 2);
    CU_ASSERT_NOT_EQUAL(dma_read(f.card.dma, 0, &byte, 1), 0);
    teardown(&f);
}

static void
set_pirq(void *data, unsigned pirq, bool level)
{
    *(unsigned *) data = level ? pirq : 99;
}

/* INTA# of slot 0 behind slot 4 is that slot's INTA#: PIRQ (0 + 4 + 3) mod 4. */
static void
test_intx(void)
{
    Fixture f;
    unsigned pirq = 99;

    setup_filled(&f);
    pci_bus_set_irq_router(f.bus, set_pirq, &pirq);
    pci_set_intx(&f.card, true);
    CU_ASSERT_EQUAL(pirq, 3);
    pci_set_intx(&f.card, false);
    CU_ASSERT_EQUAL(pirq, 99);
    pci_bus_set_irq_router(f.bus, NULL, NULL);
    teardown(&f);
}

/* What it asks for does not come through, and does when there is a link again. */
static void
test_intx_without_link(void)
{
    Fixture f;
    unsigned pirq = 99;

    setup_filled(&f);
    pci_bus_set_irq_router(f.bus, set_pirq, &pirq);
    pci_set_intx(&f.card, true);
    CU_ASSERT_EQUAL(pirq, 3);
    put(&f, CAP + 0x10, 0x0010, 2); /* link disable */
    CU_ASSERT_EQUAL(pirq, 99);
    put(&f, CAP + 0x10, 0, 2);
    CU_ASSERT_EQUAL(pirq, 3);
    put(&f, SLOT_CONTROL, OFF, 2);
    CU_ASSERT_EQUAL(pirq, 99);
    pci_bus_set_irq_router(f.bus, NULL, NULL);
    teardown(&f);
}

static void
test_filled_at_start(void)
{
    Fixture f;

    setup_filled(&f);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0x0040); /* and no event */
    CU_ASSERT_EQUAL(get(&f, SLOT_CONTROL, 2), ON | 0x00c0);
    CU_ASSERT_EQUAL(get(&f, LINK_STATUS, 2), 0x2011);
    teardown(&f);
}

/* The port is no limit, and its link is the card's: x16 at 8 GT/s. */
static void
test_link(void)
{
    Fixture f;

    setup(&f);
    set_up(&f);
    CU_ASSERT_EQUAL(get(&f, CAP + 0x0c, 4), 4u << 24 | 0x00100204);
    CU_ASSERT_EQUAL(get(&f, CAP + 0x2c, 4), 0x1e);
    put(&f, SLOT_CONTROL, ON, 2);
    put_card_in(&f);
    unsigned cap = pci_add_capability(&f.card, 0x10, 0x3c);
    pci_put16(f.card.initial, cap + 0x12, 0x1103);
    pcie_root_port_inserted(f.dev);
    CU_ASSERT_EQUAL(get(&f, LINK_STATUS, 2), 0x2103);
    pcie_root_port_removed(f.dev);
    CU_ASSERT_EQUAL(get(&f, LINK_STATUS, 2), 0x0011);
    teardown(&f);
}

/* The guest turns the power on, and then there is a link. */
static void
test_comes(void)
{
    Fixture f;
    unsigned pirq = 99;

    setup(&f);
    set_up(&f);
    pci_bus_set_irq_router(f.bus, set_pirq, &pirq);
    put(&f, SLOT_CONTROL, ALL_EVENTS | OFF, 2);
    put(&f, SLOT_STATUS, 0x0010, 2); /* command completed */
    CU_ASSERT_EQUAL(pirq, 99);
    put_card_in(&f);
    pcie_root_port_inserted(f.dev);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0x0049); /* and the button */
    CU_ASSERT_EQUAL(pirq, 3);
    CU_ASSERT_EQUAL(card_word(&f, 0), 0xffffffff);
    put(&f, SLOT_STATUS, 0x0009, 2);
    CU_ASSERT_EQUAL(pirq, 99);
    put(&f, SLOT_CONTROL, ALL_EVENTS | ON, 2);
    CU_ASSERT_EQUAL(get(&f, LINK_STATUS, 2), 0x2011);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0x0150); /* link, command */
    CU_ASSERT_EQUAL(card_word(&f, 0), 0x56781234);
    pci_bus_set_irq_router(f.bus, NULL, NULL);
    teardown(&f);
}

/* The button would ask for it back. */
static void
test_comes_to_power(void)
{
    Fixture f;

    setup(&f);
    set_up(&f);
    put(&f, SLOT_CONTROL, ON, 2);
    put_card_in(&f);
    pcie_root_port_inserted(f.dev);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0x0158);
    CU_ASSERT_EQUAL(card_word(&f, 0), 0x56781234);
    teardown(&f);
}

static void
test_goes(void)
{
    Fixture f;

    setup_filled(&f);
    pcie_root_port_request_removal(f.dev);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0x0041);
    put(&f, SLOT_STATUS, 0x0001, 2);
    put(&f, SLOT_CONTROL, BLINKS, 2);
    pcie_root_port_request_removal(f.dev); /* would take it back */
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2) & 1, 0);
    put(&f, SLOT_CONTROL, BLINKS | 0x0400, 2);
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.ejected, 0);
    put(&f, SLOT_CONTROL, OFF, 2);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2) & 0x48, 0x08);
    CU_ASSERT_FALSE(device_is_quiet(f.dev));
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.ejected, 1);
    CU_ASSERT_EQUAL(f.number, 4);
    CU_ASSERT_EQUAL(card_word(&f, 0), 0xffffffff);
    teardown(&f);
}

/* Put in, and to go again while the guest still waits whether the button is
 * pressed again: it is asked when the power is on, and once. */
static void
test_goes_soon(void)
{
    Fixture f;

    setup(&f);
    set_up(&f);
    put_card_in(&f);
    pcie_root_port_inserted(f.dev);
    put(&f, SLOT_STATUS, 0x0009, 2);
    put(&f, SLOT_CONTROL, BLINKS | 0x0400, 2);
    pcie_root_port_request_removal(f.dev);
    put(&f, SLOT_CONTROL, BLINKS, 2);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2) & 1, 0);
    put(&f, SLOT_CONTROL, ON, 2);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2) & 1, 1);
    put(&f, SLOT_STATUS, 0x0001, 2);
    put(&f, SLOT_CONTROL, BLINKS, 2);
    put(&f, SLOT_CONTROL, ON, 2); /* no, it says */
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2) & 1, 0);
    teardown(&f);
}

static void
test_pulled(void)
{
    Fixture f;

    setup_filled(&f);
    map_card(&f);
    pcie_root_port_removed(f.dev);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0x0108); /* presence, link */
    CU_ASSERT_EQUAL(get(&f, LINK_STATUS, 2), 0x0011);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, BAR, 1), 0xff);
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.ejected, 0); /* the owner knows */
    teardown(&f);
}

static void
test_reset_ejects(void)
{
    Fixture f;

    setup_filled(&f);
    pcie_root_port_request_removal(f.dev);
    device_reset(f.dev, RESET_COLD);
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.ejected, 1);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0);
    take_card_out(&f);
    device_reset(f.dev, RESET_COLD);
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.ejected, 1);
    teardown(&f);
}

/* The owner was told, and has not yet taken it out. */
static void
test_reset_amid_ejection(void)
{
    Fixture f;

    setup_filled(&f);
    put(&f, SLOT_CONTROL, OFF, 2);
    fake_advance(f.vm, 0);
    CU_ASSERT_EQUAL(f.ejected, 1);
    device_reset(f.dev, RESET_COLD);
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0);
    take_card_out(&f);
    pcie_root_port_removed(f.dev);
    put_card_in(&f);
    device_reset(f.dev, RESET_COLD); /* it comes with the guest's start */
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0x0040);
    teardown(&f);
}

/* The MSI capability follows at 0x7c. One message until all is read. */
static void
test_message(void)
{
    Fixture f;

    setup(&f);
    put(&f, 0x7c + 4, 0xfee00000, 4);
    put(&f, 0x7c + 12, 0x0041, 2);
    put(&f, 0x7c + 2, 0x0001, 2);
    put(&f, SLOT_CONTROL, ALL_EVENTS | OFF, 2);
    CU_ASSERT_EQUAL(f.vm->msis, 1);
    CU_ASSERT_EQUAL(f.vm->last_msi_data, 0x41);
    put(&f, SLOT_CONTROL, ALL_EVENTS | OFF, 2);
    CU_ASSERT_EQUAL(f.vm->msis, 1);
    put(&f, SLOT_STATUS, 0x0010, 2);
    put(&f, SLOT_CONTROL, ALL_EVENTS | OFF, 2);
    CU_ASSERT_EQUAL(f.vm->msis, 2);
    teardown(&f);
}

static void
test_saved(void)
{
    Fixture f;
    g_autoptr(GByteArray) state = g_byte_array_new();

    setup_filled(&f);
    map_card(&f);
    device_save(f.dev, state);
    put(&f, PCI_MEMORY_BASE, 0xc000c000, 4);
    pcie_root_port_removed(f.dev);
    g_autoptr(GBytes) bytes = g_bytes_new(state->data, state->len);
    CU_ASSERT_TRUE(device_restore(f.dev, bytes, NULL));
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0x0040);
    CU_ASSERT_EQUAL(card_word(&f, 0), 0x56781234);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, BAR, 1), 0x42);
    teardown(&f);
}

/* Presence and link have gone, and the guest is told. */
static void
test_restored_without_card(void)
{
    Fixture f;
    g_autoptr(GByteArray) state = g_byte_array_new();

    setup_filled(&f);
    device_save(f.dev, state);
    take_card_out(&f);
    g_autoptr(GBytes) bytes = g_bytes_new(state->data, state->len);
    CU_ASSERT_TRUE(device_restore(f.dev, bytes, NULL));
    CU_ASSERT_EQUAL(get(&f, SLOT_STATUS, 2), 0x0108);
    CU_ASSERT_EQUAL(get(&f, LINK_STATUS, 2), 0x0011);
    teardown(&f);
}

CU_MAIN("pcie-root-port", {"it_is_a_bridge_with_a_slot", test_header},
        {"a_card_is_on_the_bus_that_the_bridge_was_given", test_numbers},
        {"a_card_is_where_a_window_passes_it", test_windows},
        {"a_card_is_master_only_by_its_bridge", test_master},
        {"a_cards_pin_is_the_ports", test_intx},
        {"a_cards_pin_is_not_driven_without_a_link", test_intx_without_link},
        {"a_card_that_is_there_has_power", test_filled_at_start},
        {"the_link_is_as_fast_and_wide_as_the_card", test_link},
        {"a_card_that_comes_is_told_and_has_a_link_with_power", test_comes},
        {"a_card_that_comes_to_a_slot_with_power_has_a_link",
         test_comes_to_power},
        {"a_card_goes_when_the_guest_turns_it_off", test_goes},
        {"a_card_that_is_to_go_as_it_comes_is_asked_for_then", test_goes_soon},
        {"a_card_that_is_pulled_is_told", test_pulled},
        {"a_reset_lets_go_what_was_asked_for", test_reset_ejects},
        {"a_reset_shows_no_card_that_the_owner_takes_out",
         test_reset_amid_ejection},
        {"one_message_for_all_that_is_new", test_message},
        {"a_restored_slot_has_its_card", test_saved},
        {"a_restored_slot_without_its_card_is_empty",
         test_restored_without_card})
