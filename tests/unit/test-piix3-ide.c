/* tests/unit/test-piix3-ide.c - the IDE function: configuration, bus master,
 * saved state. */
#include <stdio.h>
#include <string.h>

#include "devices/storage/piix3-ide.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/ide-rig.h"
#include "tests/unit/pci-config.h"

#define BASE   0x1f0
#define LBA    0xe0
#define OK     0x50
#define BM     RIG_BM
#define BUFFER 0x20000

static guint8
bm_status(IdeRig *rig)
{
    return fake_in8(rig->vm, BM + 2) & 0x07;
}

static guint32
config_read(IdeRig *rig, unsigned offset)
{
    return pci_config_get(rig->bus, PCI_DEVFN(1, 1), offset, 4);
}

static void
config_write(IdeRig *rig, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(rig->bus, PCI_DEVFN(1, 1), offset, value, size);
}

static void
test_config(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    CU_ASSERT_EQUAL(config_read(rig, 0), 0x70108086);
    CU_ASSERT_EQUAL(config_read(rig, 8) >> 8, 0x010180);
    CU_ASSERT_EQUAL(config_read(rig, 0x40), 0x80008000);
    config_write(rig, 0x40, 0x0000, 2);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), 0xff);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x177), 0x00);
    config_write(rig, PCI_COMMAND, 0, 2);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x177), 0xff);
    config_write(rig, 0x40, 0x8000, 2);
    config_write(rig, PCI_COMMAND, PCI_COMMAND_IO, 2);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), OK);
    ide_rig_free(rig);
}

/* As OVMF expects it, which never sets the bits. */
static void
test_decode_option(void)
{
    FakeVm *vm = fake_vm_new(4096);
    PciBus *bus = pci_bus_new(&vm->env);
    Device *ide = device_new(&piix3_ide_class, "ide");

    device_set_link(ide, "bus", bus);
    device_set_u64(ide, "addr", PCI_DEVFN(1, 1), NULL);
    device_set_u64(ide, "decode", 1, NULL);
    fake_vm_realize(vm, ide);
    CU_ASSERT_EQUAL(pci_config_get(bus, PCI_DEVFN(1, 1), 0x40, 4), 0x80008000);
    CU_ASSERT_EQUAL(fake_in8(vm, 0x1f7), 0xff); /* the I/O bit is clear */
    pci_config_set(bus, PCI_DEVFN(1, 1), PCI_COMMAND, PCI_COMMAND_IO, 2);
    CU_ASSERT_EQUAL(fake_in8(vm, 0x1f7), 0x7f);
    CU_ASSERT_EQUAL(fake_in8(vm, 0x177), 0x7f);
    device_free(ide);
    pci_bus_free(bus);
    fake_vm_free(vm);
}

static void
test_read_dma(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_prd(rig, 0, BUFFER, 1024, false);
    rig_prd(rig, 1, BUFFER + 0x8000, 1024, true);
    rig_command(rig, BASE, LBA, 500, 4, 0xc8);
    CU_ASSERT_EQUAL(bm_status(rig), 0);
    rig_bm_start(rig, BM, true);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);

    CU_ASSERT_EQUAL(bm_status(rig), 4);
    CU_ASSERT_TRUE(rig->vm->level[14]);
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER + 512), 501);
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER + 0x8000), 502);
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER + 0x8200), 503);
    fake_out8(rig->vm, BM + 2, 0x04);
    CU_ASSERT_EQUAL(bm_status(rig), 0);
    ide_rig_free(rig);
}

static void
test_write_dma(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    memset(fake_ram(rig->vm) + BUFFER, 0x33, 0x10000);

    rig_prd(rig, 0, BUFFER, 0, true); /* 0: 64 KiB */
    rig_bm_start(rig, BM, false);     /* started before the command */
    rig_command(rig, BASE, LBA, 1000, 128, 0xca);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);

    CU_ASSERT_EQUAL(bm_status(rig), 4);
    CU_ASSERT_EQUAL(rig_image32(rig, 999), 999);
    CU_ASSERT_EQUAL(rig_image32(rig, 1000), 0x33333333);
    CU_ASSERT_EQUAL(rig_image32(rig, 1127), 0x33333333);
    CU_ASSERT_EQUAL(rig_image32(rig, 1128), 1128);
    ide_rig_free(rig);
}

/* With an image in memory it is over when the register write is. */
static void
test_dma_at_once(void)
{
    const IdeRigOptions o = {.in_memory = true};
    IdeRig *rig = ide_rig_new(&o);

    memset(fake_ram(rig->vm) + BUFFER, 0x33, 0x10000);
    rig_prd(rig, 0, BUFFER, 0, true);
    for (unsigned i = 0; i < 2; i++) {
        rig_command(rig, BASE, LBA, 500, 128, i == 0 ? 0xca : 0xc8);
        CU_ASSERT_FALSE(rig->vm->level[14]);
        rig_bm_start(rig, BM, i > 0);
        CU_ASSERT_TRUE(rig->vm->level[14]); /* no time has passed */
        CU_ASSERT_EQUAL(bm_status(rig), 4);
        CU_ASSERT_TRUE(device_is_quiet(rig->ide));
        CU_ASSERT_EQUAL(fake_in8(rig->vm, BASE + 7), OK);
        CU_ASSERT_FALSE(rig->vm->level[14]);
        fake_out8(rig->vm, BM + 2, 0x04);
        fake_out8(rig->vm, BM, 0);
        CU_ASSERT_EQUAL(rig_image32(rig, 500), 0x33333333);
        CU_ASSERT_EQUAL(rig_image32(rig, 627), 0x33333333);
        CU_ASSERT_EQUAL(rig_image32(rig, 628), 628);
    }
    ide_rig_free(rig);
}

static void
test_odd_regions(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    /* 256 regions of 6 bytes: no 64 of them make a sector. */
    for (unsigned i = 0; i < 256; i++)
        rig_prd(rig, i, BUFFER + i * 8, 6, i == 255);
    rig_command(rig, BASE, LBA, 40, 3, 0xc8);
    rig_bm_start(rig, BM, true);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);

    CU_ASSERT_EQUAL(bm_status(rig), 4);
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER), 40);
    /* byte 512 of the stream is region 85's third byte */
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER + 85 * 8 + 2), 41);
    ide_rig_free(rig);
}

static void
test_uneven_regions(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_prd(rig, 0, BUFFER, 700, false);
    rig_prd(rig, 1, BUFFER + 0x1000, 836, true);
    rig_command(rig, BASE, LBA, 40, 3, 0xc8);
    rig_bm_start(rig, BM, true);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);

    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER + 512), 41);
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER + 0x1000 + 324), 42);
    ide_rig_free(rig);
}

static void
test_long_table(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_prd(rig, 0, BUFFER, 4096, true);
    rig_command(rig, BASE, LBA, 40, 1, 0xc8);
    rig_bm_start(rig, BM, true);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);

    CU_ASSERT_EQUAL(bm_status(rig), 5); /* active: regions are left over */
    fake_out8(rig->vm, BM, 0x00);
    CU_ASSERT_EQUAL(bm_status(rig), 4);
    ide_rig_free(rig);
}

static void
test_short_table(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_prd(rig, 0, BUFFER, 512, true);
    rig_command(rig, BASE, LBA, 40, 2, 0xc8);
    rig_bm_start(rig, BM, true);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), 0x58); /* it waits for more */
    CU_ASSERT_EQUAL(bm_status(rig), 0);
    CU_ASSERT_FALSE(rig->vm->level[14]);
    fake_out8(rig->vm, BM, 0x00);
    rig_bm_start(rig, BM, true); /* and gets it */
    for (unsigned i = 0; i < 1000 && !rig->vm->level[14]; i++)
        fake_advance(rig->vm, RIG_MS / 10);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), OK);
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER), 41);
    ide_rig_free(rig);
}

static void
test_bad_tables(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_prd(rig, 0, 0xf0000000, 512, true); /* no memory there */
    rig_command(rig, BASE, LBA, 40, 1, 0xc8);
    rig_bm_start(rig, BM, true);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    CU_ASSERT_EQUAL(bm_status(rig), 6);
    fake_out8(rig->vm, BM, 0x00);

    rig_command(rig, BASE, LBA, 40, 1, 0xca);
    fake_out32(rig->vm, BM + 4, 0xfffffff0); /* the table itself is nowhere */
    fake_out8(rig->vm, BM, 0x01);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    ide_rig_free(rig);
}

static void
test_bus_mastering_off(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    config_write(rig, PCI_COMMAND, PCI_COMMAND_IO, 2);
    rig_prd(rig, 0, BUFFER, 512, true);
    rig_command(rig, BASE, LBA, 40, 1, 0xc8);
    rig_bm_start(rig, BM, true);

    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER), 0);
    ide_rig_free(rig);
}

static void
test_endless_table(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 *ram = fake_ram(rig->vm);

    /* 16384 regions of two bytes, never an end: stops at the table limit.
     * The table must not lie in what is read into. */
    for (guint32 i = 0; i < 16384; i++) {
        guint32 entry[2] = {0x300000, 2};
        memcpy(ram + 0x100000 + i * 8, entry, 8);
    }
    rig_command(rig, BASE, LBA, 40, 255, 0xc8);
    fake_out32(rig->vm, BM + 4, 0x100000);
    fake_out8(rig->vm, BM, 0x09);

    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK | 1);
    CU_ASSERT_EQUAL(bm_status(rig) & 2, 2);
    ide_rig_free(rig);
}

static void
test_start_stop_storm(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    rig_prd(rig, 0, BUFFER, 0, true);
    fake_out32(rig->vm, BM + 4, 0x1000);
    rig_command(rig, BASE, LBA, 0, 128, 0xc8);
    for (unsigned i = 0; i < 20000; i++) {
        fake_out8(rig->vm, BM, 0x09);
        fake_out8(rig->vm, BM, 0x08);
    }
    fake_out8(rig->vm, 0x1f6, 0xf0); /* another drive is selected meanwhile */
    fake_out8(rig->vm, 0x1f6, LBA);
    rig_bm_start(rig, BM, true);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER + 127 * 512), 127);
    ide_rig_free(rig);
}

/* More than is done within the register write, wherever the image lies. */
static void
start_long_dma(IdeRig *rig, guint32 lba, bool to_memory)
{
    for (unsigned i = 0; i < 3; i++) /* one place: the last 44 sectors stay */
        rig_prd(rig, i, BUFFER, 0, i == 2);
    for (unsigned i = 3; i < 6; i++) /* bits 24 and up */
        fake_out8(rig->vm, (guint16) (BASE + i), 0);
    fake_out8(rig->vm, BASE + 2, 1);
    rig_command(rig, BASE, LBA, lba, 44, to_memory ? 0x25 : 0x35); /* 300 */
    rig_bm_start(rig, BM, to_memory);
}

static void
test_long_read_dma(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    start_long_dma(rig, 500, true);
    CU_ASSERT_EQUAL(bm_status(rig), 1);
    CU_ASSERT_FALSE(device_is_quiet(rig->ide));
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), OK);

    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER), 500 + 256);
    CU_ASSERT_EQUAL(rig_ram32(rig, BUFFER + 43 * 512), 500 + 299);
    ide_rig_free(rig);
}

static void
test_reset_mid_dma(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    guint8 data[512];

    start_long_dma(rig, 0, false);
    CU_ASSERT_FALSE(device_is_quiet(rig->ide));
    fake_out8(rig->vm, 0x3f6, 0x04);
    fake_out8(rig->vm, 0x3f6, 0x00);
    rig_command(rig, BASE, 0xa0, 0, 0, 0xec);
    CU_ASSERT_EQUAL(rig_wait(rig, BASE), 0x58);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(data[0], 0x40);
    CU_ASSERT_TRUE(device_is_quiet(rig->ide));
    ide_rig_free(rig);
}

static void
test_unrealize_mid_dma(void)
{
    IdeRig *rig = ide_rig_new(NULL);

    start_long_dma(rig, 0, false);
    ide_rig_free(rig);
    CU_PASS("no request came back to a freed device");
}

static void
test_state(void)
{
    IdeRig *rig = ide_rig_new(NULL);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GByteArray) again = g_byte_array_new();
    guint8 data[512];

    rig_command(rig, BASE, LBA, 9, 3, 0x20);
    rig_wait(rig, BASE);
    rig_read_data(rig, BASE, data, 512);
    device_save(rig->ide, out);
    g_autoptr(GBytes) saved = g_bytes_new(out->data, out->len);
    device_reset(rig->ide, RESET_COLD);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x1f7), 0xff); /* decoding is off */
    g_autoptr(GError) error = NULL;
    CU_ASSERT_TRUE(device_restore(rig->ide, saved, &error));
    if (error != NULL)
        printf("# %s\n", error->message);
    device_save(rig->ide, again);

    CU_ASSERT_EQUAL(out->len, again->len);
    CU_ASSERT_EQUAL(memcmp(out->data, again->data, out->len), 0);
    CU_ASSERT_EQUAL(fake_in8(rig->vm, 0x3f6), 0x58);
    rig_read_data(rig, BASE, data, 512);
    CU_ASSERT_EQUAL(data[0], 10);
    ide_rig_free(rig);
}

static void
test_bad_images(void)
{
    FakeVm *vm = fake_vm_new(0x10000);
    PciBus *bus = pci_bus_new(&vm->env);
    Device *dev = device_new(&piix3_ide_class, "ide");
    g_autoptr(GError) error = NULL;

    device_set_link(dev, "bus", bus);
    device_set_string(dev, "kind1", "disk", NULL);
    CU_ASSERT_FALSE(device_realize(dev, &vm->env, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "drive1"));
    device_free(dev);
    pci_bus_free(bus);
    fake_vm_free(vm);
}

CU_MAIN("piix3-ide", {"channels_answer_when_told_to_decode", test_config},
        {"an_option_lets_them_decode_from_reset_on", test_decode_option},
        {"read_dma_scatters_into_guest_memory", test_read_dma},
        {"long_read_dma_goes_over_the_loop", test_long_read_dma},
        {"write_dma_may_be_started_before_the_command", test_write_dma},
        {"an_image_in_memory_is_not_waited_for", test_dma_at_once},
        {"tiny_regions_go_through_the_buffer", test_odd_regions},
        {"regions_that_split_a_sector_work", test_uneven_regions},
        {"a_table_that_is_too_long_stays_active", test_long_table},
        {"a_table_that_is_too_short_can_be_followed_by_another",
         test_short_table},
        {"bad_tables_set_the_error_bit", test_bad_tables},
        {"without_bus_mastering_nothing_moves", test_bus_mastering_off},
        {"an_endless_table_ends_with_an_error", test_endless_table},
        {"starting_and_stopping_does_no_harm", test_start_stop_storm},
        {"a_reset_in_mid_dma_forgets_the_request", test_reset_mid_dma},
        {"unrealize_waits_for_the_request", test_unrealize_mid_dma},
        {"state_saved_in_a_pio_read_goes_on", test_state},
        {"a_disk_without_image_is_refused", test_bad_images})
