/* tests/unit/test-smbus.c - the PIIX4's controller on the SMBus, a chip that
 * writes down what it hears. */
#include "devices/bus/smbus.h"

#include <string.h>

#include "devices/bus/pci.h"
#include "devices/chipset/piix4-pm.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/pci-config.h"

#define DEVFN     PCI_DEVFN(1, 3)
#define BASE      0xb100
#define STATUS    (BASE + 0)
#define CONTROL   (BASE + 2)
#define COMMAND   (BASE + 3)
#define ADDRESS   (BASE + 4)
#define DATA0     (BASE + 5)
#define DATA1     (BASE + 6)
#define BLOCK     (BASE + 7)

#define START     0x40
#define IRQ_EN    0x01
#define QUICK     (0 << 2)
#define BYTE      (1 << 2)
#define BYTE_DATA (2 << 2)
#define WORD_DATA (3 << 2)
#define AS_BLOCK  (5 << 2)

#define ENDED     0x02
#define NO_ANSWER 0x04

/* Hears everything, answers 0x40, 0x41 and so on; block: 3 first. */
typedef struct {
    guint8 heard[64], firsts;
    unsigned n;
    guint8 answer;
} Recorder;

typedef struct {
    FakeVm *vm;
    PciBus *pci;
    Device *pm;
    Recorder chip;
} Fixture;

static bool
recorder_write(void *chip, guint8 byte, bool first)
{
    Recorder *r = chip;

    r->heard[r->n++ % sizeof r->heard] = byte;
    r->firsts = (guint8) (r->firsts + first);
    return byte != 0xee; /* which it refuses */
}

static guint8
recorder_read(void *chip)
{
    return ((Recorder *) chip)->answer++;
}

static const SmbusChipOps recorder_ops = {recorder_write, recorder_read};

static void
setup(Fixture *f)
{
    *f = (Fixture){.vm = fake_vm_new(0x10000), .chip.answer = 0x40};
    f->pci = pci_bus_new(&f->vm->env);
    f->pm = device_new(&piix4_pm_class, "pm");
    device_set_link(f->pm, "bus", f->pci);
    device_set_u64(f->pm, "addr", DEVFN, NULL);
    fake_vm_realize(f->vm, f->pm);
    pci_config_set(f->pci, DEVFN, 0x90, BASE | 1, 4);
    pci_config_set(f->pci, DEVFN, 0xd2, 0x09, 1);
    smbus_add(piix4_pm_smbus(f->pm), 0x2c, &recorder_ops, &f->chip);
}

static void
teardown(Fixture *f)
{
    smbus_remove(piix4_pm_smbus(f->pm), 0x2c);
    device_free(f->pm);
    pci_bus_free(f->pci);
    fake_vm_free(f->vm);
}

/* The status that it ends with, which is cleared. */
static guint8
run(Fixture *f, guint8 address, bool read, guint8 command, guint8 protocol)
{
    fake_out8(f->vm, ADDRESS, (guint8) (address << 1 | read));
    fake_out8(f->vm, COMMAND, command);
    fake_out8(f->vm, CONTROL, START | protocol);
    guint8 status = fake_in8(f->vm, STATUS);
    fake_out8(f->vm, STATUS, status);
    return status;
}

static void
test_nobody(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(run(&f, 0x50, true, 0, BYTE_DATA), NO_ANSWER);
    CU_ASSERT_EQUAL(run(&f, 0x50, false, 0, QUICK), NO_ANSWER);
    CU_ASSERT_EQUAL(fake_in8(f.vm, STATUS), 0);
    teardown(&f);
}

static void
test_quick(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(run(&f, 0x2c, false, 0x12, QUICK), ENDED);
    CU_ASSERT_EQUAL(f.chip.n, 0);
    CU_ASSERT_EQUAL(fake_in8(f.vm, CONTROL), 0); /* start reads as zero */
    teardown(&f);
}

static void
test_byte(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(run(&f, 0x2c, false, 0x12, BYTE), ENDED);
    CU_ASSERT_EQUAL(f.chip.n, 1);
    CU_ASSERT_EQUAL(f.chip.heard[0], 0x12);
    CU_ASSERT_EQUAL(run(&f, 0x2c, true, 0x55, BYTE), ENDED);
    CU_ASSERT_EQUAL(f.chip.n, 1);
    CU_ASSERT_EQUAL(fake_in8(f.vm, DATA0), 0x40);
    teardown(&f);
}

static void
test_word(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, DATA0, 0xaa);
    fake_out8(f.vm, DATA1, 0xbb);
    CU_ASSERT_EQUAL(run(&f, 0x2c, false, 0x12, WORD_DATA), ENDED);
    CU_ASSERT_EQUAL(memcmp(f.chip.heard, "\x12\xaa\xbb", 3), 0);
    CU_ASSERT_EQUAL(f.chip.firsts, 1);
    CU_ASSERT_EQUAL(run(&f, 0x2c, true, 0x13, WORD_DATA), ENDED);
    CU_ASSERT_EQUAL(f.chip.heard[3], 0x13);
    CU_ASSERT_EQUAL(fake_in8(f.vm, DATA0), 0x40);
    CU_ASSERT_EQUAL(fake_in8(f.vm, DATA1), 0x41);
    teardown(&f);
}

static void
test_block_write(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, DATA0, 3);
    (void) fake_in8(f.vm, CONTROL); /* back to the first byte */
    fake_out8(f.vm, BLOCK, 0x11);
    fake_out8(f.vm, BLOCK, 0x22);
    fake_out8(f.vm, BLOCK, 0x33);
    CU_ASSERT_EQUAL(run(&f, 0x2c, false, 0x77, AS_BLOCK), ENDED);
    CU_ASSERT_EQUAL(f.chip.n, 5);
    CU_ASSERT_EQUAL(memcmp(f.chip.heard, "\x77\x03\x11\x22\x33", 5), 0);
    teardown(&f);
}

static void
test_block_read(void)
{
    Fixture f;

    setup(&f);
    f.chip.answer = 3;
    CU_ASSERT_EQUAL(run(&f, 0x2c, true, 0x77, AS_BLOCK), ENDED);
    CU_ASSERT_EQUAL(fake_in8(f.vm, DATA0), 3);
    CU_ASSERT_EQUAL(fake_in8(f.vm, BLOCK), 4);
    CU_ASSERT_EQUAL(fake_in8(f.vm, BLOCK), 5);
    (void) fake_in8(f.vm, CONTROL);
    CU_ASSERT_EQUAL(fake_in8(f.vm, BLOCK), 4);
    teardown(&f);
}

static void
test_long_block(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, DATA0, 33);
    CU_ASSERT_EQUAL(run(&f, 0x2c, false, 0, AS_BLOCK), NO_ANSWER);
    fake_out8(f.vm, DATA0, 0);
    CU_ASSERT_EQUAL(run(&f, 0x2c, false, 0, AS_BLOCK), NO_ANSWER);
    f.chip.answer = 200;
    CU_ASSERT_EQUAL(run(&f, 0x2c, true, 0, AS_BLOCK), ENDED);
    CU_ASSERT_EQUAL(fake_in8(f.vm, DATA0), 200);
    for (unsigned i = 0; i < 32; i++)
        (void) fake_in8(f.vm, BLOCK);
    CU_ASSERT_EQUAL(fake_in8(f.vm, BLOCK), 201); /* around again */
    teardown(&f);
}

static void
test_refused(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(run(&f, 0x2c, false, 0xee, BYTE_DATA), NO_ANSWER);
    CU_ASSERT_EQUAL(f.chip.n, 1);
    CU_ASSERT_EQUAL(run(&f, 0x2c, false, 0x01, 7 << 2), NO_ANSWER);
    CU_ASSERT_EQUAL(f.chip.n, 1);
    fake_out8(f.vm, CONTROL, 0x02); /* kill */
    CU_ASSERT_EQUAL(fake_in8(f.vm, STATUS), 0x10);
    teardown(&f);
}

static void
test_interrupt(void)
{
    Fixture f;

    setup(&f);
    fake_out8(f.vm, ADDRESS, 0x2c << 1);
    fake_out8(f.vm, CONTROL, START | QUICK | IRQ_EN);
    CU_ASSERT_TRUE(f.vm->level[9]);
    pci_config_set(f.pci, DEVFN, 0xd2, 0x01, 1); /* SMI: there is none */
    CU_ASSERT_FALSE(f.vm->level[9]);
    pci_config_set(f.pci, DEVFN, 0xd2, 0x09, 1);
    CU_ASSERT_TRUE(f.vm->level[9]);
    fake_out8(f.vm, STATUS, ENDED);
    CU_ASSERT_FALSE(f.vm->level[9]);
    teardown(&f);
}

static void
test_restored(void)
{
    Fixture f;
    g_autoptr(GByteArray) saved = g_byte_array_new();

    setup(&f);
    f.chip.answer = 8;
    CU_ASSERT_EQUAL(run(&f, 0x2c, true, 0, AS_BLOCK), ENDED);
    (void) fake_in8(f.vm, BLOCK);
    device_save(f.pm, saved);
    device_reset(f.pm, RESET_COLD);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(f.pm, bytes, NULL));
    CU_ASSERT_EQUAL(fake_in8(f.vm, BLOCK), 10); /* the second */
    teardown(&f);
}

CU_MAIN("smbus", {"an_address_without_a_chip_does_not_answer", test_nobody},
        {"a_quick_command_is_the_address_alone", test_quick},
        {"a_byte_goes_either_way", test_byte},
        {"a_word_follows_its_command", test_word},
        {"a_block_is_written_with_its_length", test_block_write},
        {"a_block_is_read_from_its_first_byte", test_block_read},
        {"a_block_has_32_bytes_at_most", test_long_block},
        {"what_is_refused_is_an_error", test_refused},
        {"its_end_raises_irq_9_where_that_was_asked_for", test_interrupt},
        {"a_restored_block_goes_on", test_restored})
