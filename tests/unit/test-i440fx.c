/* tests/unit/test-i440fx.c - host bridge: mechanism #1 and BIOS shadowing. */
#include <string.h>

#include "devices/chipset/i440fx.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *dev;
    guint8 *ram, *rom; /* both 0xC0000..0xFFFFF */
} Fixture;

static void
setup(Fixture *f)
{
    f->vm = fake_vm_new(0xa0000);
    GuestMem *mem = f->vm->env.mem;
    MemBacking *ram = mem_backing_new(mem, "shadow", 0x40000, NULL);
    MemBacking *rom = mem_backing_new(mem, "rom", 0x40000, NULL);

    f->ram = mem_backing_host(ram);
    f->rom = mem_backing_host(rom);
    memset(f->rom, 0x90, 0x40000);
    f->bus = pci_bus_new(&f->vm->env);
    f->dev = device_new(&i440fx_class, "host");
    device_set_link(f->dev, "bus", f->bus);
    CU_ASSERT_TRUE_FATAL(device_realize(f->dev, &f->vm->env, NULL));
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        guint64 at = pam_segment_base(i) - 0xc0000;
        guint32 len = pam_segment_len(i);
        MemSlot *ram_slot = mem_slot_new(mem, "shadow", ram, at, len);
        MemSlot *rom_slot = mem_slot_new(mem, "rom", rom, at, len);
        /* 0xC0000..0xDFFFF has no ROM behind it */
        pam_set_segment(i440fx_pam(f->dev), i, ram_slot, f->ram + at,
                        i < 8 ? NULL : rom_slot);
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
select_register(Fixture *f, unsigned offset)
{
    fake_out32(f->vm, 0xcf8, 0x80000000u | offset);
}

/* What the CPU sees at an address: a slot if one is there, else MMIO. */
static guint8
peek(Fixture *f, Gpa at)
{
    guint8 byte;

    if (guest_mem_read(f->vm->env.mem, at, &byte, 1) == 0)
        return byte;
    return (guint8) fake_mmio_read(f->vm, at, 1);
}

static bool
writable(Fixture *f, Gpa at)
{
    return guest_mem_ptr(f->vm->env.mem, at, 1, true) != NULL;
}

static void
test_mechanism(void)
{
    Fixture f;

    setup(&f);
    select_register(&f, 0);
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcfc), 0x12378086);
    CU_ASSERT_EQUAL(fake_in16(f.vm, 0xcfe), 0x1237);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfd), 0x80);
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcf8), 0x80000000);
    select_register(&f, 0x2c);
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcfc), 0x11001af4);
    teardown(&f);
}

static void
test_mechanism_off(void)
{
    Fixture f;

    setup(&f);
    fake_out32(f.vm, 0xcf8, 0); /* enable bit clear */
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcfc), 0xffffffff);
    fake_out32(f.vm, 0xcf8, 0x80010000); /* bus 1 */
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcfc), 0xffffffff);
    fake_out32(f.vm, 0xcf8, 0x80000000);
    fake_out8(f.vm, 0xcf8, 0x44); /* a byte is no address */
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcf8), 0x80000000);
    teardown(&f);
}

static void
test_reset_shows_rom(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(peek(&f, 0xfe05b), 0x90);
    CU_ASSERT_FALSE(writable(&f, 0xfe05b));
    CU_ASSERT_EQUAL(peek(&f, 0xc0000), 0xff);
    teardown(&f);
}

static void
test_all_ram(void)
{
    Fixture f;

    setup(&f);
    select_register(&f, 0x58);
    fake_out32(f.vm, 0xcfc, 0x33333000); /* what SeaBIOS writes */
    select_register(&f, 0x5c);
    fake_out32(f.vm, 0xcfc, 0x33333333);
    CU_ASSERT_TRUE(writable(&f, 0xf0000));
    CU_ASSERT_TRUE(writable(&f, 0xc0000));
    CU_ASSERT_TRUE(writable(&f, 0xec000));
    CU_ASSERT_EQUAL(peek(&f, 0xf0000), 0);
    teardown(&f);
}

static void
test_write_protect(void)
{
    Fixture f;

    setup(&f);
    f.ram[0] = 0x55;
    select_register(&f, 0x58);
    fake_out8(f.vm, 0xcfe, 0x01); /* 0x5A: 0xC0000 read only, 0xC4000 off */
    CU_ASSERT_EQUAL(peek(&f, 0xc0000), 0x55);
    CU_ASSERT_FALSE(writable(&f, 0xc0000));
    CU_ASSERT_EQUAL(peek(&f, 0xc4000), 0xff);
    teardown(&f);
}

static void
test_read_rom_write_ram(void)
{
    Fixture f;

    setup(&f);
    select_register(&f, 0x58);
    fake_out8(f.vm, 0xcfd, 0x20); /* 0x59: F segment, write enable only */
    CU_ASSERT_EQUAL(peek(&f, 0xf0010), 0x90);
    fake_mmio_write(f.vm, 0xf0010, 0xbeef, 2);
    CU_ASSERT_EQUAL(f.ram[0x30010], 0xef);
    CU_ASSERT_EQUAL(f.ram[0x30011], 0xbe);
    CU_ASSERT_EQUAL(peek(&f, 0xf0010), 0x90);
    fake_mmio_write(f.vm, 0xe0000, 0x11, 1); /* not enabled: dropped */
    CU_ASSERT_EQUAL(f.ram[0x20000], 0);
    teardown(&f);
}

static void
test_reset_unshadows(void)
{
    Fixture f;

    setup(&f);
    select_register(&f, 0x58);
    fake_out32(f.vm, 0xcfc, 0x33333000);
    device_reset(f.dev, RESET_WARM);
    CU_ASSERT_EQUAL(peek(&f, 0xf0000), 0x90);
    CU_ASSERT_FALSE(writable(&f, 0xf0000));
    teardown(&f);
}

static void
test_restore_shadow(void)
{
    Fixture f;
    g_autoptr(GByteArray) saved = g_byte_array_new();

    setup(&f);
    select_register(&f, 0x58);
    fake_out32(f.vm, 0xcfc, 0x00003000);
    device_save(f.dev, saved);
    device_reset(f.dev, RESET_COLD);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(f.dev, bytes, NULL));
    CU_ASSERT_TRUE(writable(&f, 0xf0000));
    CU_ASSERT_EQUAL(fake_in32(f.vm, 0xcf8), 0x80000058);
    teardown(&f);
}

static void
test_smram_lock(void)
{
    Fixture f;

    setup(&f);
    select_register(&f, 0x70);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfe), 0x02);
    fake_out8(f.vm, 0xcfe, 0x58); /* open and lock at once: closed */
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfe), 0x1a);
    fake_out8(f.vm, 0xcfe, 0x40);
    CU_ASSERT_EQUAL(fake_in8(f.vm, 0xcfe), 0x1a);
    teardown(&f);
}

static void
test_wake_keeps_shadow(void)
{
    Fixture f;

    setup(&f);
    select_register(&f, 0x58);
    fake_out32(f.vm, 0xcfc, 0x33333000);
    f.ram[0xf0000 - 0xc0000] = 0x42;
    device_reset(f.dev, RESET_WAKE);
    CU_ASSERT_EQUAL(peek(&f, 0xf0000), 0x42);
    CU_ASSERT_TRUE(writable(&f, 0xf0000));
    teardown(&f);
}

CU_MAIN("i440fx", {"mechanism_1_reads_every_size", test_mechanism},
        {"disabled_or_other_bus_reads_all_ones", test_mechanism_off},
        {"after_reset_the_rom_is_in_place", test_reset_shows_rom},
        {"firmware_turns_all_segments_into_ram", test_all_ram},
        {"read_only_segment_refuses_writes", test_write_protect},
        {"write_only_segment_reads_rom_writes_ram", test_read_rom_write_ram},
        {"warm_reset_brings_the_rom_back", test_reset_unshadows},
        {"waking_from_suspend_keeps_the_shadow", test_wake_keeps_shadow},
        {"restore_brings_the_shadow_back", test_restore_shadow},
        {"smram_lock_lasts_until_reset", test_smram_lock})
