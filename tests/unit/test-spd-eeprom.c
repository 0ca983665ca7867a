/* tests/unit/test-spd-eeprom.c - the EEPROMs of memory modules on the SMBus, and
 * what they tell. */
#include "devices/memory/spd-eeprom.h"

#include <string.h>

#include "devices/bus/smbus.h"
#include "devices/memory/spd.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define GIB (G_GUINT64_CONSTANT(1) << 30)

typedef struct {
    FakeVm *vm;
    SmbusBus *bus;
    Device *dev;
} Fixture;

/* A module of 128 MiB in the first socket. */
static void
setup(Fixture *f)
{
    guint8 bytes[SPD_LEN];

    f->vm = fake_vm_new(0x1000);
    f->bus = smbus_new();
    f->dev = device_new(&spd_eeprom_class, "dimm0");
    CU_ASSERT_TRUE(spd_make(128 * MIB, false, 0, bytes));
    device_set_link(f->dev, "smbus", f->bus);
    device_set_u64(f->dev, "address", 0x50, NULL);
    spd_eeprom_fill(f->dev, bytes, sizeof bytes);
    fake_vm_realize(f->vm, f->dev);
}

static void
teardown(Fixture *f)
{
    device_free(f->dev);
    smbus_free(f->bus);
    fake_vm_free(f->vm);
}

/* -1: not acknowledged. */
static int
read_byte(Fixture *f, SmbusProtocol protocol, guint8 command)
{
    SmbusMessage m = {.protocol = protocol,
                      .address = 0x50,
                      .read = true,
                      .command = command};

    return smbus_transfer(f->bus, &m) ? m.data[0] : -1;
}

static bool
write_byte(Fixture *f, SmbusProtocol protocol, guint8 command, guint8 value)
{
    SmbusMessage m = {.protocol = protocol,
                      .address = 0x50,
                      .command = command,
                      .data = {value}};

    return smbus_transfer(f->bus, &m);
}

static void
test_read(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_EQUAL(read_byte(&f, SMBUS_BYTE_DATA, 2), 4); /* SDRAM */
    CU_ASSERT_TRUE(write_byte(&f, SMBUS_BYTE, 0, 0));
    CU_ASSERT_EQUAL(read_byte(&f, SMBUS_BYTE, 0), 128);
    CU_ASSERT_EQUAL(read_byte(&f, SMBUS_BYTE, 0), 8); /* the next one */
    CU_ASSERT_EQUAL(read_byte(&f, SMBUS_BYTE_DATA, 255), 0);
    CU_ASSERT_EQUAL(read_byte(&f, SMBUS_BYTE, 0), 128); /* from the front */
    teardown(&f);
}

static void
test_protected(void)
{
    Fixture f;

    setup(&f);
    CU_ASSERT_FALSE(write_byte(&f, SMBUS_BYTE_DATA, 2, 0x99));
    CU_ASSERT_EQUAL(read_byte(&f, SMBUS_BYTE_DATA, 2), 4);
    teardown(&f);
}

static void
test_two(void)
{
    Fixture f;
    g_autoptr(GError) error = NULL;

    setup(&f);
    Device *second = device_new(&spd_eeprom_class, "dimm1");
    device_set_link(second, "smbus", f.bus);
    CU_ASSERT_FALSE(device_realize(second, &f.vm->env, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "address 0x50"));
    device_free(second);
    CU_ASSERT_EQUAL(read_byte(&f, SMBUS_BYTE_DATA, 2), 4);
    teardown(&f);
}

static void
test_gone(void)
{
    Fixture f;

    setup(&f);
    device_unrealize(f.dev);
    CU_ASSERT_EQUAL(read_byte(&f, SMBUS_BYTE_DATA, 2), -1);
    teardown(&f);
}

static void
test_restored(void)
{
    Fixture f;
    g_autoptr(GByteArray) saved = g_byte_array_new();

    setup(&f);
    CU_ASSERT_TRUE(write_byte(&f, SMBUS_BYTE, 1, 0));
    device_save(f.dev, saved);
    device_reset(f.dev, RESET_COLD);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(f.dev, bytes, NULL));
    CU_ASSERT_EQUAL(read_byte(&f, SMBUS_BYTE, 0), 8);
    teardown(&f);
}

/* Bytes of a module, by what its SPD says: decode-dimms' way. */
static guint64
told(const guint8 *spd)
{
    unsigned ranks = spd[2] == 8 ? (spd[5] & 7) + 1u : spd[5];

    return (G_GUINT64_CONSTANT(8) << (spd[3] + spd[4])) * spd[17] * ranks;
}

static void
test_sizes(void)
{
    guint8 spd[SPD_LEN];

    CU_ASSERT_FALSE(spd_make(3 * MIB, false, 0, spd));
    for (guint64 size = 4 * MIB; size <= 256 * MIB; size *= 2) {
        CU_ASSERT_TRUE(spd_make(size, false, 0, spd));
        CU_ASSERT_EQUAL(told(spd), size);
    }
    CU_ASSERT_EQUAL(spd[31], 0x40); /* 256 MiB */
    CU_ASSERT_FALSE(spd_make(64 * MIB, true, 0, spd));
    for (guint64 size = 128 * MIB; size <= 16 * GIB; size *= 2) {
        CU_ASSERT_TRUE(spd_make(size, true, 0, spd));
        CU_ASSERT_EQUAL(told(spd), size);
    }
    CU_ASSERT_EQUAL(spd[31], 0x10); /* 16 GiB */
    CU_ASSERT_TRUE(spd_make(67 * MIB, false, 0, spd));
    CU_ASSERT_EQUAL(told(spd), 64 * MIB);
}

static void
test_sum(void)
{
    guint8 spd[SPD_LEN], sum = 0;

    CU_ASSERT_TRUE(spd_make(256 * MIB, false, 3, spd));
    for (unsigned i = 0; i < 63; i++)
        sum = (guint8) (sum + spd[i]);
    CU_ASSERT_EQUAL(spd[63], sum);
    CU_ASSERT_EQUAL(memcmp(spd + 73, "CARREL            ", 18), 0);
    CU_ASSERT_EQUAL(spd[95], 4); /* serial number */
}

CU_MAIN("spd-eeprom", {"it_is_read_anywhere_and_on", test_read},
        {"it_is_write_protected", test_protected},
        {"two_cannot_have_one_address", test_two},
        {"an_empty_socket_does_not_answer", test_gone},
        {"a_restored_one_goes_on_where_it_was", test_restored},
        {"the_spd_tells_the_size_of_its_module", test_sizes},
        {"the_spd_has_its_sum_and_names", test_sum})
