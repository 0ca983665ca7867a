/* tests/unit/test-ivshmem-plain.c - memory that a guest shares with a program. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/bus/pci.h"
#include "devices/memory/ivshmem-plain.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/pci-config.h"
#include "vmm/core/sysutil.h"

#define DEVFN      PCI_DEVFN(28, 0)
#define BAR0_AT    0xd0000000u
#define BAR2_AT    0xe0000000u
#define MEMORY_LEN (1u << 20)

extern const DeviceClass ivshmem_plain_class;

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *dev;
    IvshmemFile file;
    guint8 *other; /* what the program of the host sees */
} Fixture;

static guint32
config(Fixture *f, unsigned offset, unsigned size)
{
    return pci_config_get(f->bus, DEVFN, offset, size);
}

static void
set_config(Fixture *f, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(f->bus, DEVFN, offset, value, size);
}

static void
begin(Fixture *f)
{
    f->vm = fake_vm_new(0x1000);
    f->bus = pci_bus_new(&f->vm->env);
    f->file.len = MEMORY_LEN;
    f->file.fd = memfd_create("shared", MFD_CLOEXEC);
    CU_ASSERT_EQUAL(ftruncate(f->file.fd, MEMORY_LEN), 0);
    f->other = mmap(NULL, MEMORY_LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
                    f->file.fd, 0);
    f->dev = device_new(&ivshmem_plain_class, "ivshmem");
    device_set_u64(f->dev, "addr", DEVFN, NULL);
    device_set_link(f->dev, "bus", f->bus);
    device_set_link(f->dev, "shared", &f->file);
    fake_vm_realize(f->vm, f->dev);
    set_config(f, PCI_BAR0, BAR0_AT, 4);
    set_config(f, PCI_BAR0 + 8, BAR2_AT, 4);
    set_config(f, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
}

static void
end(Fixture *f)
{
    device_free(f->dev);
    pci_bus_free(f->bus);
    fake_vm_free(f->vm);
    munmap(f->other, MEMORY_LEN);
    sys_close(&f->file.fd);
}

/* What the drivers of Linux, Windows and Looking Glass look for. */
static void
it_is_the_card_that_drivers_know(void)
{
    Fixture f;

    begin(&f);
    CU_ASSERT_EQUAL(config(&f, PCI_VENDOR_ID, 4), 0x11101af4);
    CU_ASSERT_EQUAL(config(&f, PCI_REVISION_ID, 4), 0x05000001);
    CU_ASSERT_EQUAL(config(&f, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
    CU_ASSERT_EQUAL(config(&f, PCI_INTERRUPT_PIN, 1), 0);
    CU_ASSERT_EQUAL(config(&f, PCI_BAR0 + 4, 4), 0); /* no MSI-X table */
    set_config(&f, PCI_BAR0 + 8, G_MAXUINT32, 4);
    /* 64 bits, prefetchable, 1 MiB */
    CU_ASSERT_EQUAL(config(&f, PCI_BAR0 + 8, 4), 0xfff0000c);
    end(&f);
}

static void
both_sides_see_one_memory(void)
{
    Fixture f;

    begin(&f);
    memcpy(f.other + MEMORY_LEN - 8, "of host", 8);
    char seen[8] = "";
    CU_ASSERT_EQUAL(
        guest_mem_read(f.vm->env.mem, BAR2_AT + MEMORY_LEN - 8, seen, 8), 0);
    CU_ASSERT_STRING_EQUAL(seen, "of host");
    CU_ASSERT_EQUAL(guest_mem_write(f.vm->env.mem, BAR2_AT, "of guest", 9), 0);
    CU_ASSERT_STRING_EQUAL((char *) f.other, "of guest");
    /* it is no RAM that could be given back to the host */
    CU_ASSERT_EQUAL(guest_mem_discard(f.vm->env.mem, BAR2_AT, 4096), -EACCES);
    end(&f);
}

static void
a_reset_leaves_what_is_shared(void)
{
    Fixture f;
    guint8 byte = 0;

    begin(&f);
    f.other[5] = 0x77;
    device_reset(f.dev, RESET_COLD);
    CU_ASSERT_EQUAL(f.other[5], 0x77);
    /* and it is out of the guest's sight until it is set up again */
    CU_ASSERT_EQUAL(guest_mem_read(f.vm->env.mem, BAR2_AT + 5, &byte, 1),
                    -EFAULT);
    end(&f);
}

static void
registers_read_as_zero(void)
{
    Fixture f;

    begin(&f);
    for (unsigned offset = 0; offset < 16; offset += 4) {
        fake_mmio_write(f.vm, BAR0_AT + offset, 0xffffffff, 4);
        CU_ASSERT_EQUAL(fake_mmio_read(f.vm, BAR0_AT + offset, 4), 0);
    }
    end(&f);
}

CU_MAIN("ivshmem-plain",
        {"it_is_the_card_that_drivers_know", it_is_the_card_that_drivers_know},
        {"both_sides_see_one_memory", both_sides_see_one_memory},
        {"a_reset_leaves_what_is_shared", a_reset_leaves_what_is_shared},
        {"registers_read_as_zero", registers_read_as_zero})
