/* tests/unit/test-pci.c - the PCI bus with a card made for the test. */
#include <string.h>

#include "devices/bus/pci.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

typedef struct {
    PciState pci;
} CardState;

typedef struct {
    PciDevice pci;
    CardState s;
    IoRegion *io, *mem;
    guint32 value;
} Card;

static const PciIds card_ids = {
    .vendor = 0x1234,
    .device = 0x5678,
    .class_device = 0x0200,
    .revision = 7,
    .interrupt_pin = 1,
};

static guint64
card_read(void *dev, guint64 offset, unsigned size)
{
    return ((Card *) dev)->value;
}

static void
card_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    ((Card *) dev)->value = (guint32) value;
}

static const IoOps card_ops = {.read = card_read, .write = card_write};

static bool
card_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Card *d = DEVICE_OF(Card, dev);

    if (!pci_device_realize(&d->pci, env, &card_ids, &d->s.pci, error))
        return false;
    d->io = io_region_new("card-io", &card_ops, d, &dev->lock, 32);
    d->mem = io_region_new("card-mem", &card_ops, d, &dev->lock, 4096);
    pci_add_bar(&d->pci, 0, PCI_BAR_IO, false, 32, d->io, NULL);
    pci_add_bar(&d->pci, 1, PCI_BAR_MEM32, false, 4096, d->mem, NULL);
    pci_add_bar(&d->pci, 2, PCI_BAR_MEM64, true, 1 << 20, NULL, NULL);
    return true;
}

static void
card_unrealize(Device *dev)
{
    Card *d = DEVICE_OF(Card, dev);

    pci_device_unrealize(&d->pci);
    g_clear_pointer(&d->io, io_region_free);
    g_clear_pointer(&d->mem, io_region_free);
}

static void
card_reset(Device *dev, ResetKind kind)
{
    pci_device_reset(&DEVICE_OF(Card, dev)->pci);
}

static void
card_restored(Device *dev)
{
    pci_device_restored(&DEVICE_OF(Card, dev)->pci);
}

/* clang-format off */
static const PropDesc card_props[] = {
    PCI_PROPS(Card, pci),
    PROP_END
};

static const StateField card_fields[] = {
    STATE_SUB(CardState, pci, &pci_state_desc),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc card_state = {"card",      1,   1, sizeof(CardState),
                                     card_fields, NULL};

static const DeviceClass card_class = {
    .name = "card",
    .summary = "test card",
    .size = sizeof(Card),
    .props = card_props,
    .state = &card_state,
    .state_offset = G_STRUCT_OFFSET(Card, s),
    .realize = card_realize,
    .unrealize = card_unrealize,
    .reset = card_reset,
    .restored = card_restored,
};

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *a, *b; /* at 02.0 and 03.0 */
    bool pirq[4];
    guint changes;
} Fixture;

static void
record_pirq(void *data, unsigned pirq, bool level)
{
    Fixture *f = data;

    f->pirq[pirq] = level;
    f->changes++;
}

static Device *
add_card(Fixture *f, const char *id, guint8 devfn)
{
    Device *dev = device_new(&card_class, id);

    device_set_link(dev, "bus", f->bus);
    device_set_u64(dev, "addr", devfn, NULL);
    fake_vm_realize(f->vm, dev);
    return dev;
}

static void
setup(Fixture *f)
{
    memset(f, 0, sizeof *f);
    f->vm = fake_vm_new(0x10000);
    f->bus = pci_bus_new(&f->vm->env);
    pci_bus_set_irq_router(f->bus, record_pirq, f);
    f->a = add_card(f, "a", PCI_DEVFN(2, 0));
    f->b = add_card(f, "b", PCI_DEVFN(3, 0));
}

static void
teardown(Fixture *f)
{
    device_free(f->a);
    device_free(f->b);
    pci_bus_free(f->bus);
    fake_vm_free(f->vm);
}

static guint32
cfg_read(Fixture *f, guint8 devfn, unsigned offset, unsigned size)
{
    g_mutex_lock(pci_bus_config_lock(f->bus));
    guint32 value = pci_bus_config_read(f->bus, devfn, offset, size);
    g_mutex_unlock(pci_bus_config_lock(f->bus));
    return value;
}

static void
cfg_write(Fixture *f, guint8 devfn, unsigned offset, guint32 value,
          unsigned size)
{
    g_mutex_lock(pci_bus_config_lock(f->bus));
    pci_bus_config_write(f->bus, devfn, offset, value, size);
    g_mutex_unlock(pci_bus_config_lock(f->bus));
}

#define A PCI_DEVFN(2, 0)
#define B PCI_DEVFN(3, 0)

static void
test_ids(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(cfg_read(&f, A, 0, 4), 0x56781234);
    CU_ASSERT_EQUAL(cfg_read(&f, A, PCI_REVISION_ID, 4), 0x02000007);
    cfg_write(&f, A, 0, 0, 4);
    CU_ASSERT_EQUAL(cfg_read(&f, A, 0, 4), 0x56781234);
    teardown(&f);
}

static void
test_absent(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(cfg_read(&f, PCI_DEVFN(9, 0), 0, 4), 0xffffffff);
    CU_ASSERT_EQUAL(cfg_read(&f, PCI_DEVFN(9, 0), 0, 2), 0xffff);
    CU_ASSERT_EQUAL(cfg_read(&f, PCI_DEVFN(9, 0), 0, 1), 0xff);
    cfg_write(&f, PCI_DEVFN(9, 0), 4, 7, 2);
    teardown(&f);
}

static void
test_sizing(void)
{
    Fixture f;

    setup(&f);
    cfg_write(&f, A, PCI_BAR0, 0xffffffff, 4);
    /* all 32 bits, or firmware computes an I/O window of 4 GiB */
    CU_ASSERT_EQUAL(cfg_read(&f, A, PCI_BAR0, 4), 0xffffffe1);
    cfg_write(&f, A, PCI_BAR0 + 4, 0xffffffff, 4);
    CU_ASSERT_EQUAL(cfg_read(&f, A, PCI_BAR0 + 4, 4), 0xfffff000);
    cfg_write(&f, A, PCI_BAR0 + 8, 0xffffffff, 4);
    cfg_write(&f, A, PCI_BAR0 + 12, 0xffffffff, 4);
    CU_ASSERT_EQUAL(cfg_read(&f, A, PCI_BAR0 + 8, 4), 0xfff0000c);
    CU_ASSERT_EQUAL(cfg_read(&f, A, PCI_BAR0 + 12, 4), 0xffffffff);
    teardown(&f);
}

static void
test_mapping_follows(void)
{
    Fixture f;

    setup(&f);
    ((Card *) f.a)->value = 0x5a;
    cfg_write(&f, A, PCI_BAR0, 0xc000, 4);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xc000), 0xff);
    cfg_write(&f, A, PCI_COMMAND, PCI_COMMAND_IO, 2);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xc000), 0x5a);
    cfg_write(&f, A, PCI_BAR0, 0xd000, 4);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xc000), 0xff);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xd000), 0x5a);
    cfg_write(&f, A, PCI_COMMAND, 0, 2);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xd000), 0xff);
    teardown(&f);
}

static void
test_probe_does_not_map(void)
{
    Fixture f;

    setup(&f);
    cfg_write(&f, A, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    cfg_write(&f, A, PCI_BAR0 + 4, 0xffffffff, 4);
    CU_ASSERT_EQUAL(((Card *) f.a)->pci.bars[1].mapped_at, G_MAXUINT64);
    cfg_write(&f, A, PCI_BAR0 + 4, 0xe0000000, 4);
    CU_ASSERT_EQUAL(((Card *) f.a)->pci.bars[1].mapped_at, 0xe0000000);
    teardown(&f);
}

static void
test_swap_through_overlap(void)
{
    Fixture f;

    setup(&f);
    ((Card *) f.a)->value = 0xaa;
    ((Card *) f.b)->value = 0xbb;
    cfg_write(&f, A, PCI_BAR0, 0xc000, 4);
    cfg_write(&f, B, PCI_BAR0, 0xd000, 4);
    cfg_write(&f, A, PCI_COMMAND, PCI_COMMAND_IO, 2);
    cfg_write(&f, B, PCI_COMMAND, PCI_COMMAND_IO, 2);
    cfg_write(&f, A, PCI_BAR0, 0xd000, 4); /* in B's way for a moment */
    cfg_write(&f, B, PCI_BAR0, 0xc000, 4);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xc000), 0xbb);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xd000), 0xaa);
    teardown(&f);
}

static void
test_intx_rotation(void)
{
    Fixture f;

    setup(&f);
    pci_set_intx((PciDevice *) f.a, true); /* slot 2 pin A: PIRQB */
    CU_ASSERT_TRUE(f.pirq[1]);
    pci_set_intx((PciDevice *) f.b, true); /* slot 3 pin A: PIRQC */
    CU_ASSERT_TRUE(f.pirq[2]);
    pci_set_intx((PciDevice *) f.a, false);
    CU_ASSERT_FALSE(f.pirq[1]);
    CU_ASSERT_TRUE(f.pirq[2]);
    teardown(&f);
}

static void
test_intx_shared(void)
{
    Fixture f;

    setup(&f);
    Device *c = add_card(&f, "c", PCI_DEVFN(6, 0)); /* shares PIRQB */
    pci_set_intx((PciDevice *) f.a, true);
    pci_set_intx((PciDevice *) c, true);
    pci_set_intx((PciDevice *) f.a, false);
    CU_ASSERT_TRUE(f.pirq[1]);
    pci_set_intx((PciDevice *) c, false);
    CU_ASSERT_FALSE(f.pirq[1]);
    CU_ASSERT_EQUAL(f.changes, 2);
    device_free(c);
    teardown(&f);
}

static void
test_intx_disable(void)
{
    Fixture f;

    setup(&f);
    cfg_write(&f, A, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
    pci_set_intx((PciDevice *) f.a, true);
    CU_ASSERT_FALSE(f.pirq[1]);
    CU_ASSERT_TRUE((cfg_read(&f, A, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT) !=
                   0);
    cfg_write(&f, A, PCI_COMMAND, 0, 2);
    CU_ASSERT_TRUE(f.pirq[1]);
    teardown(&f);
}

static void
test_master_bit(void)
{
    Fixture f;
    guint8 byte;

    setup(&f);
    CU_ASSERT_NOT_EQUAL(dma_read(((Card *) f.a)->pci.dma, 0, &byte, 1), 0);
    cfg_write(&f, A, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    CU_ASSERT_EQUAL(dma_read(((Card *) f.a)->pci.dma, 0, &byte, 1), 0);
    teardown(&f);
}

static void
test_taken_address(void)
{
    Fixture f;
    g_autoptr(GError) error = NULL;

    setup(&f);
    Device *c = device_new(&card_class, "c");
    device_set_link(c, "bus", f.bus);
    device_set_u64(c, "addr", A, NULL);
    CU_ASSERT_FALSE(device_realize(c, &f.vm->env, &error));
    CU_ASSERT_PTR_NOT_NULL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "02.0"));
    device_free(c);
    CU_ASSERT_PTR_EQUAL(pci_bus_find(f.bus, A), (PciDevice *) f.a);
    teardown(&f);
}

static void
test_restore_maps(void)
{
    Fixture f;
    g_autoptr(GByteArray) saved = g_byte_array_new();

    setup(&f);
    ((Card *) f.a)->value = 0x77;
    cfg_write(&f, A, PCI_BAR0, 0xc000, 4);
    cfg_write(&f, A, PCI_COMMAND, PCI_COMMAND_IO, 2);
    pci_set_intx((PciDevice *) f.a, true);
    device_save(f.a, saved);
    device_reset(f.a, RESET_COLD);
    CU_ASSERT_FALSE(f.pirq[1]);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xc000), 0xff);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(f.a, bytes, NULL));
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xc000), 0x77);
    CU_ASSERT_TRUE(f.pirq[1]);
    teardown(&f);
}

static void
test_capability_chain(void)
{
    PciDevice pdev = {.cap_end = 0x40};

    CU_ASSERT_EQUAL(pci_add_capability(&pdev, 0x01, 8), 0x40);
    CU_ASSERT_EQUAL(pci_add_capability(&pdev, 0x05, 10), 0x48);
    CU_ASSERT_EQUAL(pdev.initial[PCI_CAPABILITY_LIST], 0x48);
    CU_ASSERT_EQUAL(pdev.initial[0x49], 0x40);
    CU_ASSERT_EQUAL(pdev.initial[0x41], 0);
    CU_ASSERT_EQUAL(pdev.cap_end, 0x54); /* dword aligned */
}

CU_MAIN("pci", {"ids_are_read_only", test_ids},
        {"absent_functions_read_all_ones", test_absent},
        {"bars_answer_the_size_probe", test_sizing},
        {"mapping_follows_bar_and_command", test_mapping_follows},
        {"size_probe_maps_nothing", test_probe_does_not_map},
        {"bars_swap_through_an_overlap", test_swap_through_overlap},
        {"pins_rotate_with_the_slot", test_intx_rotation},
        {"shared_pirq_is_ored", test_intx_shared},
        {"intx_disable_masks_but_status_shows", test_intx_disable},
        {"dma_needs_the_master_bit", test_master_bit},
        {"taken_address_is_an_error", test_taken_address},
        {"restore_maps_and_raises_again", test_restore_maps},
        {"capabilities_form_a_chain", test_capability_chain})
