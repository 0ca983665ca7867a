/* tests/unit/test-pci-ecam.c - configuration space in memory, and interrupts
 * to the IOAPIC. The function in slot 2 is a power management chip, for want of
 * a smaller one; the one in slot 5 has the window that makes reads live. */
#include <errno.h>

#include "devices/chipset/pci-ecam.h"
#include "devices/chipset/piix4-pm.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

extern const DeviceClass piix4_pm_class, virtio_rng_class;

#define BASE     0xe0000000u
#define FN(s, f) (BASE + ((s) << 15) + ((f) << 12))

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *host, *function;
} Fixture;

static Fixture
begin(void)
{
    Fixture f = {.vm = fake_vm_new(4096)};

    f.bus = pci_bus_new(&f.vm->env);
    f.host = device_new(&pci_ecam_class, "pci");
    device_set_link(f.host, "bus", f.bus);
    fake_vm_realize(f.vm, f.host);
    f.function = device_new(&piix4_pm_class, "fn");
    device_set_link(f.function, "bus", f.bus);
    device_set_u64(f.function, "addr", PCI_DEVFN(2, 3), NULL);
    fake_vm_realize(f.vm, f.function);
    return f;
}

static void
end(Fixture *f)
{
    device_free(f->function);
    device_free(f->host);
    pci_bus_free(f->bus);
    fake_vm_free(f->vm);
}

static void
test_reads(void)
{
    Fixture f = begin();

    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, FN(2, 3), 4), 0x71138086);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, FN(2, 3) + 2, 2), 0x7113);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, FN(2, 3) + 1, 1), 0x80);
    end(&f);
}

static void
test_absent(void)
{
    Fixture f = begin();

    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, FN(3, 0), 4), 0xffffffff);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, FN(31, 7), 2), 0xffff);
    end(&f);
}

/* A guest takes all-ones there for "no extended capabilities". */
static void
test_extended_space(void)
{
    Fixture f = begin();

    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, FN(2, 3) + 0x100, 4), 0xffffffff);
    fake_mmio_write(f.vm, FN(2, 3) + 0x100, 0, 4);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, FN(2, 3) + 0x100, 4), 0xffffffff);
    end(&f);
}

static guint32
answer_extended(PciDevice *pdev, unsigned offset, unsigned size)
{
    return offset << 16 | size;
}

static void
take_extended(PciDevice *pdev, unsigned offset, guint32 value, unsigned size)
{
    pdev->initial[PCI_INTERRUPT_LINE] = (guint8) (value + offset + size);
}

static void
test_extended_of_function(void)
{
    Fixture f = begin();
    PciDevice *pdev = pci_bus_find(f.bus, PCI_DEVFN(2, 3));

    pdev->extended_read = answer_extended;
    pdev->extended_write = take_extended;
    /* past the copy, which is for functions without */
    fake_mmio_write(f.vm, FN(2, 3) + 0xffe, 1, 2);
    CU_ASSERT_EQUAL(pdev->initial[PCI_INTERRUPT_LINE],
                    (guint8) (1 + 0xffe + 2));
    fake_mmio_write(f.vm, FN(2, 3) + 0x104, 7, 4);
    CU_ASSERT_EQUAL(pdev->initial[PCI_INTERRUPT_LINE],
                    (guint8) (7 + 0x104 + 4));
    g_mutex_lock(pci_bus_config_lock(f.bus));
    CU_ASSERT_EQUAL(pci_bus_config_read(f.bus, PCI_DEVFN(2, 3), 0x104, 4),
                    0x01040004);
    CU_ASSERT_EQUAL(pci_bus_config_read(f.bus, PCI_DEVFN(2, 3), 0xfff, 1),
                    0x0fff0001);
    CU_ASSERT_EQUAL(pci_bus_config_read(f.bus, PCI_DEVFN(2, 3), 0xffe, 4),
                    0xffffffff);
    g_mutex_unlock(pci_bus_config_lock(f.bus));
    end(&f);
}

static void
test_writes(void)
{
    Fixture f = begin();

    fake_mmio_write(f.vm, FN(2, 3) + PCI_INTERRUPT_LINE, 0x0b, 1);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, FN(2, 3) + PCI_INTERRUPT_LINE, 1),
                    0x0b);
    end(&f);
}

/* Slot 2, INTA#: PIRQB, input 17. */
static void
test_interrupt(void)
{
    Fixture f = begin();
    PciDevice *fn = pci_bus_find(f.bus, PCI_DEVFN(2, 3));

    CU_ASSERT_EQUAL(pci_ecam_gsi(1, 0), 16);
    CU_ASSERT_EQUAL(pci_ecam_gsi(2, 0), 17);
    CU_ASSERT_EQUAL(pci_ecam_gsi(4, 3), 18);
    pci_set_intx(fn, true);
    CU_ASSERT_EQUAL(f.vm->level[16], fn->ids->interrupt_pin == 4);
    CU_ASSERT_EQUAL(f.vm->level[17], fn->ids->interrupt_pin == 1);
    CU_ASSERT_TRUE(f.vm->level[16] || f.vm->level[17]);
    pci_set_intx(fn, false);
    CU_ASSERT_FALSE(f.vm->level[16] || f.vm->level[17]);
    end(&f);
}

/* ---- the copy that the guest reads without an exit ---- */

static Device *
add_virtio(Fixture *f)
{
    Device *dev = device_new(&virtio_rng_class, "rng");

    device_set_link(dev, "bus", f->bus);
    device_set_u64(dev, "addr", PCI_DEVFN(5, 0), NULL);
    fake_vm_realize(f->vm, dev);
    return dev;
}

static bool
is_shown(Fixture *f)
{
    return fake_cpu_ptr(f->vm, BASE, PCI_ECAM_LEN, false) != NULL;
}

/* What memory says, and what the region would say, for every register of the
 * slots at every size. */
static unsigned
differences(Fixture *f)
{
    unsigned n = 0;

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        for (unsigned reg = 0; reg < 0x110; reg++) {
            for (unsigned size = 1; size <= 8; size *= 2) {
                Gpa at = BASE + devfn * 4096 + reg;
                n += !fake_cpu_reads(f->vm, at, size,
                                     fake_mmio_read(f->vm, at, size));
            }
        }
    }
    return n;
}

static void
test_copy_after_writes(void)
{
    Fixture f = begin();
    Device *virtio = add_virtio(&f);
    GRand *rand = g_rand_new_with_seed(7);
    const PciDevice *pdev = pci_bus_find(f.bus, PCI_DEVFN(5, 0));
    unsigned window = pdev->cap_end - 8; /* its length, 4.1.4.9: 0 is closed */

    CU_ASSERT_TRUE(is_shown(&f));
    CU_ASSERT_EQUAL(differences(&f), 0);
    for (unsigned i = 0; i < 4000; i++) {
        unsigned reg = g_rand_int_range(rand, 0, 256);
        unsigned size = 1u << g_rand_int_range(rand, 0, 3);
        Gpa at = FN(i % 2 ? 5 : 2, i % 2 ? 0 : 3) + reg;
        fake_mmio_write(f.vm, at, g_rand_int(rand), size);
        fake_mmio_write(f.vm, FN(5, 0) + window, 0, 4);
        if (i % 100 == 0)
            CU_ASSERT_EQUAL(differences(&f), 0);
    }
    CU_ASSERT_EQUAL(differences(&f), 0);
    g_rand_free(rand);
    device_free(virtio);
    end(&f);
}

static void
test_copy_is_read_only(void)
{
    Fixture f = begin();
    guint32 value = 0;

    CU_ASSERT_PTR_NULL(fake_cpu_ptr(f.vm, FN(2, 3), 4, true));
    CU_ASSERT_EQUAL(guest_mem_write(f.vm->env.mem, FN(2, 3), &value, 4),
                    -EFAULT);
    CU_ASSERT_EQUAL(guest_mem_read(f.vm->env.mem, FN(2, 3), &value, 4),
                    -EFAULT);
    CU_ASSERT_EQUAL(differences(&f), 0);
    end(&f);
}

static void
test_copy_follows_interrupts(void)
{
    Fixture f = begin();
    PciDevice *fn = pci_bus_find(f.bus, PCI_DEVFN(2, 3));

    for (unsigned level = 0; level < 2; level++) {
        pci_set_intx(fn, level == 0);
        const guint8 *status =
            fake_cpu_ptr(f.vm, FN(2, 3) + PCI_STATUS, 1, false);
        CU_ASSERT_PTR_NOT_NULL_FATAL(status);
        CU_ASSERT_EQUAL((*status & PCI_STATUS_INTERRUPT) != 0, level == 0);
        CU_ASSERT_EQUAL(differences(&f), 0);
    }
    end(&f);
}

static void
test_copy_comes_and_goes(void)
{
    Fixture f = begin();

    for (unsigned i = 0; i < 3; i++) {
        Device *card = add_virtio(&f);
        CU_ASSERT_TRUE(fake_cpu_reads(f.vm, FN(5, 0), 2, 0x1af4));
        fake_mmio_write(f.vm, FN(5, 0) + PCI_BAR0 + 16, 0xc0000000, 4);
        fake_mmio_write(f.vm, FN(5, 0) + PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
        fake_mmio_write(f.vm, FN(5, 0) + PCI_BAR0 + 16, 0xc0100000, 4);
        CU_ASSERT_EQUAL(differences(&f), 0);
        device_reset(card, RESET_COLD);
        CU_ASSERT_EQUAL(differences(&f), 0);
        device_free(card);
        CU_ASSERT_EQUAL(differences(&f), 0);
    }
    end(&f);
}

static void
test_copy_after_restore(void)
{
    Fixture f = begin();
    g_autoptr(GError) error = NULL;

    fake_mmio_write(f.vm, FN(2, 3) + PCI_INTERRUPT_LINE, 0x0b, 1);
    g_autoptr(GByteArray) saved = g_byte_array_new();
    device_save(f.function, saved);
    fake_mmio_write(f.vm, FN(2, 3) + PCI_INTERRUPT_LINE, 0x05, 1);
    fake_mmio_write(f.vm, FN(2, 3) + PCI_COMMAND, PCI_COMMAND_IO, 2);
    g_autoptr(GBytes) state = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE_FATAL(device_restore(f.function, state, &error));
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, FN(2, 3) + PCI_INTERRUPT_LINE, 1),
                    0x0b);
    CU_ASSERT_EQUAL(differences(&f), 0);
    end(&f);
}

/* Reading the window's data reads the device: memory cannot do that. */
static void
test_live_registers_are_trapped(void)
{
    Fixture f = begin();
    Device *virtio = add_virtio(&f);
    const PciDevice *pdev = pci_bus_find(f.bus, PCI_DEVFN(5, 0));
    Gpa window = FN(5, 0) + pdev->cap_end - 20;

    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, window, 1), 0x09);
    CU_ASSERT_TRUE(is_shown(&f));
    fake_mmio_write(f.vm, window + 4, 4, 1);    /* BAR 4 */
    fake_mmio_write(f.vm, window + 8, 0x14, 4); /* device status */
    fake_mmio_write(f.vm, window + 12, 1, 4);   /* one byte: open */
    CU_ASSERT_FALSE(is_shown(&f));
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, window + 16, 4), 0);
    fake_mmio_write(f.vm, window + 16, 3, 1); /* acknowledge, driver */
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, window + 16, 4), 3);
    fake_mmio_write(f.vm, window + 12, 0, 4);
    CU_ASSERT_TRUE(is_shown(&f));
    CU_ASSERT_EQUAL(differences(&f), 0);
    fake_mmio_write(f.vm, window + 12, 1, 4);
    CU_ASSERT_FALSE(is_shown(&f));
    device_free(virtio); /* what is gone is not live */
    CU_ASSERT_TRUE(is_shown(&f));
    CU_ASSERT_EQUAL(differences(&f), 0);
    end(&f);
}

CU_MAIN("pci-ecam", {"a_function_answers_at_its_page", test_reads},
        {"absent_functions_read_all_ones", test_absent},
        {"extended_space_is_absent", test_extended_space},
        {"a_function_may_have_an_extended_half", test_extended_of_function},
        {"writes_reach_the_function", test_writes},
        {"pins_reach_ioapic_inputs_16_to_19", test_interrupt},
        {"memory_shows_what_the_region_answers", test_copy_after_writes},
        {"that_memory_cannot_be_written", test_copy_is_read_only},
        {"memory_shows_interrupt_requests", test_copy_follows_interrupts},
        {"memory_follows_cards_that_come_and_go", test_copy_comes_and_goes},
        {"memory_follows_a_restored_state", test_copy_after_restore},
        {"registers_made_on_reading_are_trapped",
         test_live_registers_are_trapped})
