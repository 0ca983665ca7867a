/* tests/unit/test-q35-mch.c - host bridge of the Q35: configuration space by
 * ports and as memory, BIOS shadowing. */
#include <string.h>

#include "devices/chipset/q35-mch.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "vmm/io/io.h"

#define WINDOW 0xb0000000u

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *dev;
    guint8 *ram; /* 0xC0000..0xFFFFF */
} Fixture;

static void
setup(Fixture *f)
{
    f->vm = fake_vm_new(0xa0000);
    GuestMem *mem = f->vm->env.mem;
    MemBacking *ram = mem_backing_new(mem, "shadow", 0x40000, NULL);
    MemBacking *rom = mem_backing_new(mem, "rom", 0x40000, NULL);

    f->ram = mem_backing_host(ram);
    memset(mem_backing_host(rom), 0x90, 0x40000);
    f->bus = pci_bus_new(&f->vm->env);
    f->dev = device_new(&q35_mch_class, "host");
    device_set_link(f->dev, "bus", f->bus);
    CU_ASSERT_TRUE_FATAL(device_realize(f->dev, &f->vm->env, NULL));
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        guint64 at = pam_segment_base(i) - 0xc0000;
        guint32 len = pam_segment_len(i);
        pam_set_segment(q35_mch_pam(f->dev), i,
                        mem_slot_new(mem, "shadow", ram, at, len), f->ram + at,
                        mem_slot_new(mem, "rom", rom, at, len));
    }
    device_reset(f->dev, RESET_COLD);
}

static void
teardown(Fixture *f)
{
    device_free(f->dev);
    pci_bus_free(f->bus);
    fake_vm_free(f->vm);
}

static void
put(Fixture *f, unsigned offset, guint32 value)
{
    fake_out32(f->vm, 0xcf8, 0x80000000u | (offset & 0xfc));
    fake_out32(f->vm, 0xcfc, value);
}

static void
test_ids(void)
{
    Fixture f;

    setup(&f);
    fake_out32(f.vm, 0xcf8, 0x80000000);
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcfc), 0x29c08086);
    fake_out32(f.vm, 0xcf8, 0x8000002c);
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcfc), 0x11001af4);
    fake_out32(f.vm, 0xcf8, 0x80010000); /* bus 1: nobody was given it */
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcfc), 0xffffffff);
    teardown(&f);
}

static void
test_window(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, WINDOW, 4), 0xffffffff);
    CU_ASSERT_EQUAL(q35_mch_ecam(f.dev), 0);
    put(&f, 0x60, WINDOW | 1);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, WINDOW, 4), 0x29c08086);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, WINDOW + 2, 2), 0x29c0);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, WINDOW + 0x100, 4), 0xffffffff);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, WINDOW + 0x8000, 4), 0xffffffff);
    CU_ASSERT_EQUAL(q35_mch_ecam(f.dev), WINDOW);
    put(&f, 0x60, 0xe0000001);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, WINDOW, 4), 0xffffffff);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, 0xe0000000, 4), 0x29c08086);
    device_reset(f.dev, RESET_COLD);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, 0xe0000000, 4), 0xffffffff);
    CU_ASSERT_EQUAL(q35_mch_ecam(f.dev), 0);
    teardown(&f);
}

/* Enabled at 0, or where something of the same rank is. */
static void
test_no_place(void)
{
    static const IoOps ops;
    Fixture f;

    setup(&f);
    GMutex *lock = pci_bus_config_lock(f.bus);
    IoRegion *other = io_region_new("other", &ops, &f, lock, 4096);
    CU_ASSERT_EQUAL(io_map(f.vm->env.mmio, other, 0xe0001000, -1), 0);
    put(&f, 0x60, WINDOW | 1);
    put(&f, 0x60, 1);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, WINDOW, 4), 0xffffffff);
    CU_ASSERT_EQUAL(q35_mch_ecam(f.dev), 0);
    put(&f, 0x60, WINDOW | 1);
    put(&f, 0x60, 0xe0000001);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, WINDOW, 4), 0xffffffff);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, 0xe0000000, 4), 0xffffffff);
    CU_ASSERT_EQUAL(q35_mch_ecam(f.dev), 0);
    put(&f, 0x60, WINDOW | 1);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, WINDOW, 4), 0x29c08086);
    io_unmap(f.vm->env.mmio, other);
    io_region_free(other);
    teardown(&f);
}

/* Section 5.1.15: 01b is 128 MiB, 10b 64 MiB, 11b reserved. */
static void
test_short_windows(void)
{
    Fixture f;

    setup(&f);
    put(&f, 0x60, 0xb8000003);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, 0xb8000000, 4), 0x29c08086);
    CU_ASSERT_EQUAL(q35_mch_ecam(f.dev), 0); /* not all of it */
    put(&f, 0x60, 0xbc000005);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, 0xbc000000, 4), 0x29c08086);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, 0xb8000000, 4), 0xffffffff);
    put(&f, 0x60, 0xbc000007);
    CU_ASSERT_EQUAL(fake_mmio_read(f.vm, 0xbc000000, 4), 0xffffffff);
    teardown(&f);
}

/* The first register's low nibble is reserved, its high one the F segment. */
static void
test_shadow(void)
{
    Fixture f;
    guint8 byte = 0;

    setup(&f);
    CU_ASSERT_EQUAL(guest_mem_read(f.vm->env.mem, 0xf0000, &byte, 1), 0);
    CU_ASSERT_EQUAL(byte, 0x90);
    put(&f, 0x90, 0x33333333);
    put(&f, 0x94, 0x00333333);
    fake_out32(f.vm, 0xcf8, 0x80000090);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfc), 0x30);
    byte = 0x55;
    CU_ASSERT_EQUAL(guest_mem_write(f.vm->env.mem, 0xc8000, &byte, 1), 0);
    CU_ASSERT_EQUAL(f.ram[0x8000], 0x55);
    CU_ASSERT_EQUAL(guest_mem_write(f.vm->env.mem, 0xf0000, &byte, 1), 0);
    CU_ASSERT_EQUAL(f.ram[0x30000], 0x55);
    teardown(&f);
}

static void
test_smram_locks(void)
{
    Fixture f;

    setup(&f);
    fake_out32(f.vm, 0xcf8, 0x8000009c);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfd), 0x02);
    fake_out8(f.vm, 0xcfd, 0x48);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfd), 0x4a);
    fake_out8(f.vm, 0xcfd, 0x58); /* locks, which closes it */
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfd), 0x1a);
    fake_out8(f.vm, 0xcfd, 0x40);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfd), 0x1a);
    teardown(&f);
}

CU_MAIN("q35-mch", {"mechanism_1_finds_it_and_no_other_bus", test_ids},
        {"pciexbar_shows_configuration_space_until_a_reset", test_window},
        {"pciexbar_without_a_place_shows_nothing", test_no_place},
        {"pciexbar_may_be_shorter", test_short_windows},
        {"pam_shadows_the_bios", test_shadow},
        {"smram_closes_when_it_is_locked", test_smram_locks})
