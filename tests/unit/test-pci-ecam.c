/* tests/unit/test-pci-ecam.c - configuration space in memory, and interrupts
 * to the IOAPIC. The function in slot 2 is a host bridge, for want of a
 * smaller one. */
#include "devices/chipset/pci-ecam.h"
#include "devices/chipset/piix4-pm.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

extern const DeviceClass piix4_pm_class;

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

CU_MAIN("pci-ecam", {"a_function_answers_at_its_page", test_reads},
        {"absent_functions_read_all_ones", test_absent},
        {"extended_space_is_absent", test_extended_space},
        {"writes_reach_the_function", test_writes},
        {"pins_reach_ioapic_inputs_16_to_19", test_interrupt})
