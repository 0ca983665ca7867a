/* tests/unit/test-pci.c - the PCI bus with a card made for the test. */
#include <string.h>

#include "devices/bus/pci.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/pci-config.h"
#include "vmm/io/io.h"

typedef struct {
    PciState pci;
} CardState;

typedef struct {
    PciDevice pci;
    CardState s;
    IoRegion *io, *mem;
    GBytes *rom; /* link; NULL: none */
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
    return d->rom == NULL || pci_add_rom(&d->pci, d->rom, error);
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
    PROP_DEF_LINK(Card, rom, "rom", false, "expansion ROM"),
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
    return pci_config_get(f->bus, devfn, offset, size);
}

static void
cfg_write(Fixture *f, guint8 devfn, unsigned offset, guint32 value,
          unsigned size)
{
    pci_config_set(f->bus, devfn, offset, value, size);
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

static int
route_twenty(void *data, unsigned pirq)
{
    return 20 + (int) pirq;
}

static void
count_move(PciDevice *pdev)
{
    pdev->cap_end++; /* a counter at hand: the card has no capability */
}

static void
test_intx_direct(void)
{
    Fixture f;

    setup(&f);
    PciDevice *a = (PciDevice *) f.a; /* slot 2 pin A: PIRQB */
    CU_ASSERT_EQUAL(pci_intx_pin(a), PCI_INTX_UNTOLD);
    pci_bus_set_irq_route(f.bus, route_twenty);
    CU_ASSERT_EQUAL(pci_intx_pin(a), 21);
    unsigned before = a->cap_end;
    a->intx_moved = count_move;
    pci_bus_refresh_irqs(f.bus);
    CU_ASSERT_EQUAL(a->cap_end, before + 1);
    pci_set_intx(a, true);
    pci_set_intx_direct(a, true); /* shown, no longer driven */
    CU_ASSERT_FALSE(f.pirq[1]);
    CU_ASSERT_EQUAL(pci_bus_config_read(f.bus, PCI_DEVFN(2, 0), PCI_STATUS, 2) &
                        PCI_STATUS_INTERRUPT,
                    PCI_STATUS_INTERRUPT);
    pci_set_intx_direct(a, false);
    CU_ASSERT_TRUE(f.pirq[1]);
    pci_bus_config_write(f.bus, PCI_DEVFN(2, 0), PCI_COMMAND,
                         PCI_COMMAND_INTX_DISABLE, 2);
    CU_ASSERT_EQUAL(pci_intx_pin(a), PCI_INTX_NOWHERE);
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

#define ROM_BYTES 3000 /* so that a part of the window is empty */

/* A card with a ROM at 04.0, decoding memory. */
static Device *
add_rom_card(Fixture *f)
{
    guint8 image[ROM_BYTES] = {0x55, 0xaa, 6};
    Device *dev = device_new(&card_class, "rom");

    image[0x18] = 0x1c;
    memcpy(image + 0x1c, "PCIR", 4);
    memcpy(image + ROM_BYTES - 4, "last", 4);
    g_autoptr(GBytes) rom = g_bytes_new(image, sizeof image);
    device_set_link(dev, "bus", f->bus);
    device_set_u64(dev, "addr", PCI_DEVFN(4, 0), NULL);
    device_set_link(dev, "rom", rom);
    fake_vm_realize(f->vm, dev);
    cfg_write(f, PCI_DEVFN(4, 0), PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    return dev;
}

static guint64
mem_read(Fixture *f, guint64 at, unsigned size)
{
    return io_read(f->vm->env.mmio, at, size);
}

static void
test_rom_size(void)
{
    Fixture f;

    setup(&f);
    Device *dev = add_rom_card(&f);
    cfg_write(&f, PCI_DEVFN(4, 0), PCI_ROM_ADDRESS, 0xfffffffe, 4);
    CU_ASSERT_EQUAL(cfg_read(&f, PCI_DEVFN(4, 0), PCI_ROM_ADDRESS, 4),
                    0xfffff000);
    cfg_write(&f, A, PCI_ROM_ADDRESS, 0xfffffffe, 4);
    CU_ASSERT_EQUAL(cfg_read(&f, A, PCI_ROM_ADDRESS, 4), 0);
    device_free(dev);
    teardown(&f);
}

static void
test_rom_reads(void)
{
    Fixture f;

    setup(&f);
    Device *dev = add_rom_card(&f);
    cfg_write(&f, PCI_DEVFN(4, 0), PCI_ROM_ADDRESS, 0xfeb80000, 4);
    CU_ASSERT_EQUAL(mem_read(&f, 0xfeb80000, 2), 0xffff);
    cfg_write(&f, PCI_DEVFN(4, 0), PCI_ROM_ADDRESS, 0xfeb80001, 4);
    CU_ASSERT_EQUAL(mem_read(&f, 0xfeb80000, 2), 0xaa55);
    CU_ASSERT_EQUAL(mem_read(&f, 0xfeb8001c, 4), 0x52494350);
    CU_ASSERT_EQUAL(mem_read(&f, 0xfeb80000 + ROM_BYTES - 4, 4), 0x7473616c);
    CU_ASSERT_EQUAL(mem_read(&f, 0xfeb80000 + ROM_BYTES - 4, 8),
                    G_GUINT64_CONSTANT(0xffffffff7473616c));
    CU_ASSERT_EQUAL(mem_read(&f, 0xfeb80fff, 1), 0xff);
    cfg_write(&f, PCI_DEVFN(4, 0), PCI_COMMAND, 0, 2);
    CU_ASSERT_EQUAL(mem_read(&f, 0xfeb80000, 2), 0xffff);
    device_free(dev);
    teardown(&f);
}

/* What a card makes of a ROM for a chip; its own is 5678:1234. */
static guint32
rom_ids(guint32 ids)
{
    Fixture f;
    guint8 image[512] = {0x55, 0xaa, 1, [0x18] = 0x1c}, sum = 0;

    setup(&f);
    memcpy(image + 0x1c, "PCIR", 4);
    pci_put32(image, 0x1c + 4, ids);
    for (unsigned i = 0; i < sizeof image; i++)
        sum = (guint8) (sum + image[i]);
    image[511] = (guint8) -sum;
    g_autoptr(GBytes) rom = g_bytes_new(image, sizeof image);
    CU_ASSERT_TRUE(pci_add_rom((PciDevice *) f.a, rom, NULL));
    const guint8 *kept = g_bytes_get_data(((PciDevice *) f.a)->rom, NULL);
    guint32 answer = pci_get32(kept, 0x1c + 4);
    sum = 0;
    for (unsigned i = 0; i < sizeof image; i++)
        sum = (guint8) (sum + kept[i]);
    CU_ASSERT_EQUAL(sum, 0);
    teardown(&f);
    return answer;
}

static void
test_rom_ids(void)
{
    CU_ASSERT_EQUAL(rom_ids(0x10411234), 0x56781234); /* another number */
    CU_ASSERT_EQUAL(rom_ids(0), 0x56781234);          /* anybody's chip */
    CU_ASSERT_EQUAL(rom_ids(0x5678abcd), 0x5678abcd); /* another maker's */
}

static void
test_rom_refused(void)
{
    static const guint8 noise[4096];
    Fixture f;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) rom = g_bytes_new_static(noise, sizeof noise);

    setup(&f);
    CU_ASSERT_FALSE(pci_add_rom((PciDevice *) f.a, rom, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "no PCI expansion ROM"));
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
        {"direct_intx_is_shown_and_not_driven", test_intx_direct},
        {"intx_disable_masks_but_status_shows", test_intx_disable},
        {"dma_needs_the_master_bit", test_master_bit},
        {"taken_address_is_an_error", test_taken_address},
        {"restore_maps_and_raises_again", test_restore_maps},
        {"a_rom_answers_the_size_probe", test_rom_size},
        {"a_rom_is_read_where_it_is_enabled", test_rom_reads},
        {"a_rom_gets_the_cards_number_and_keeps_its_sum", test_rom_ids},
        {"what_is_no_rom_is_refused", test_rom_refused},
        {"capabilities_form_a_chain", test_capability_chain})
