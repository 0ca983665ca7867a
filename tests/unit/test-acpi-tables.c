/* tests/unit/test-acpi-tables.c - AML byte by byte, tables' sums, and the
 * minimal machine's tables by ACPICA's own reader where it is installed. */
#include <string.h>

#include "devices/firmware/acpi.h"
#include "devices/firmware/aml.h"
#include "devices/machine/pc-virtio-internal.h"
#include "tests/unit/acpica.h"
#include "tests/unit/boot-rig.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/fake-vm.h"

extern const DeviceClass piix4_pm_class;

/* Compares the code with expected bytes; frees aml. */
static void
check_code(Aml *aml, const guint8 *expected, gsize expected_len)
{
    gsize len;
    g_autoptr(GBytes) bytes = aml_free_to_bytes(aml);
    const void *data = g_bytes_get_data(bytes, &len);

    CU_ASSERT_EQUAL(len, expected_len);
    CU_ASSERT_EQUAL(memcmp(data, expected, MIN(len, expected_len)), 0);
}

static void
test_integers(void)
{
    static const guint8 expected[] = {0x00, 0x01, 0x0a, 0x02, 0x0b, 0x00, 0x01,
                                      0x0c, 0x00, 0x00, 0x01, 0x00, 0x0e, 0x00,
                                      0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00};
    Aml *aml = aml_new();

    aml_integer(aml, 0);
    aml_integer(aml, 1);
    aml_integer(aml, 2);
    aml_integer(aml, 0x100);
    aml_integer(aml, 0x10000);
    aml_integer(aml, G_GUINT64_CONSTANT(0x100000000));
    check_code(aml, expected, sizeof expected);
}

/* Device (COM1) { Name (_HID, EisaId ("PNP0501")) }: ACPI 6.4, 19.6.37. */
static void
test_device(void)
{
    static const guint8 expected[] = {0x5b, 0x82, 0x0f, 'C',  'O', 'M',
                                      '1',  0x08, '_',  'H',  'I', 'D',
                                      0x0c, 0x41, 0xd0, 0x05, 0x01};
    Aml *aml = aml_new();

    aml_device(aml, "COM1");
    aml_name_eisa(aml, "_HID", "PNP0501");
    aml_end(aml);
    check_code(aml, expected, sizeof expected);
}

static void
test_names(void)
{
    static const guint8 expected[] = {0x86, 0x5c, 0x2e, '_', 'S',  'B', '_',
                                      'P',  'W',  'R',  'B', 0x0a, 0x80};
    Aml *aml = aml_new();

    aml_notify(aml, "\\_SB.PWRB", 0x80);
    check_code(aml, expected, sizeof expected);
}

/* 63 bytes is the last length of one byte, 64 the first of two. */
static void
test_lengths(void)
{
    Aml *aml = aml_new();
    gsize len;

    aml_package(aml, 61);
    for (unsigned i = 0; i < 61; i++)
        aml_integer(aml, 0);
    aml_end(aml);
    aml_package(aml, 62);
    for (unsigned i = 0; i < 62; i++)
        aml_integer(aml, 0);
    aml_end(aml);
    g_autoptr(GBytes) bytes = aml_free_to_bytes(aml);
    const guint8 *data = g_bytes_get_data(bytes, &len);
    CU_ASSERT_EQUAL(len, 64 + 66);
    CU_ASSERT_EQUAL(data[1], 0x3f);
    CU_ASSERT_EQUAL(data[65], 0x41); /* 65 = 1 + 4 * 16 */
    CU_ASSERT_EQUAL(data[66], 0x04);
}

static guint8
sum(const guint8 *data, gsize len)
{
    guint8 total = 0;

    for (gsize i = 0; i < len; i++)
        total = (guint8) (total + data[i]);
    return total;
}

static GBytes *
make_tables(unsigned cpus, guint64 memory, unsigned last_slot)
{
    int something = 0;
    PcCards cards = {.cards = {{.slot = (guint8) last_slot}}, .n_cards = 1};
    PcVirtioSpec spec = {.memory = memory,
                         .cpus = cpus,
                         .serial = (CharLink *) (void *) &something,
                         .acpi = true,
                         .cards = &cards};

    const PcVirtioWindow high = {G_GUINT64_CONSTANT(1) << 36,
                                 G_GUINT64_CONSTANT(1) << 35};

    return pc_virtio_acpi(&spec, &high);
}

/* A QWord address space descriptor of memory: minimum and maximum at 14. */
static bool
has_window(const guint8 *data, gsize len, guint64 first, guint64 last)
{
    for (gsize i = 0; i + 46 <= len; i++) {
        guint64 min, max;
        if (data[i] != 0x8a || data[i + 1] != 0x2b || data[i + 3] != 0)
            continue;
        memcpy(&min, data + i + 14, 8);
        memcpy(&max, data + i + 22, 8);
        if (min == first && max == last)
            return true;
    }
    return false;
}

/* The fake machine's bus; a card's BARs are all that counts. */
static PcVirtioWindow
window_of(guint64 memory, const guint64 *sizes, unsigned n)
{
    FakeVm *vm = fake_vm_new(4096);
    PciBus *bus = pci_bus_new(&vm->env);
    Device *card = device_new(&piix4_pm_class, "card");

    device_set_link(card, "bus", bus);
    device_set_u64(card, "addr", PCI_DEVFN(2, 3), NULL);
    fake_vm_realize(vm, card);
    for (unsigned i = 0; i < n; i++)
        pci_add_bar(pci_bus_find(bus, PCI_DEVFN(2, 3)), 2 * i, PCI_BAR_MEM64,
                    true, sizes[i], NULL, NULL);
    PcVirtioWindow high = pc_virtio_window(bus, memory);
    device_free(card);
    pci_bus_free(bus);
    fake_vm_free(vm);
    return high;
}

#define GIB (G_GUINT64_CONSTANT(1) << 30)

static void
test_window_fits_the_cards(void)
{
    const guint64 small[] = {0x4000}, large[] = {0x4000, 32 * GIB, 8 * GIB};

    PcVirtioWindow w = window_of(256 << 20, NULL, 0);
    CU_ASSERT_EQUAL(w.base, 4 * GIB);
    CU_ASSERT_EQUAL(w.len, 16 * GIB);
    w = window_of(5 * GIB + (1 << 20), small, 1);
    CU_ASSERT_EQUAL(w.base, 7 * GIB);
    CU_ASSERT_EQUAL(w.len, 16 * GIB);
    w = window_of(5 * GIB, large, 3);
    CU_ASSERT_EQUAL(w.base, 32 * GIB); /* its multiple */
    CU_ASSERT_EQUAL(w.len, 41 * GIB);
}

static void
test_root_pointer_leads_to_sound_tables(void)
{
    gsize len;
    unsigned found = 0;
    g_autoptr(GBytes) bytes = make_tables(64, G_GUINT64_CONSTANT(6) << 30, 31);
    const guint8 *data = g_bytes_get_data(bytes, &len);

    CU_ASSERT_TRUE(len <= PCV_TABLES_END - PCV_TABLES);
    CU_ASSERT_TRUE(has_window(data, len, G_GUINT64_CONSTANT(1) << 36,
                              (G_GUINT64_CONSTANT(3) << 35) - 1));
    CU_ASSERT_EQUAL(memcmp(data, "RSD PTR ", 8), 0);
    CU_ASSERT_EQUAL(sum(data, 20), 0);
    CU_ASSERT_EQUAL(sum(data, 36), 0);
    const guint8 *xsdt = data + boot_rig_get(data + 24, 8) - PCV_TABLES;
    guint64 xsdt_len = boot_rig_get(xsdt + 4, 4);
    CU_ASSERT_EQUAL(xsdt_len, 36 + 3 * 8);
    CU_ASSERT_EQUAL(sum(xsdt, xsdt_len), 0);
    for (unsigned i = 0; i < 3; i++) {
        const guint8 *t =
            data + boot_rig_get(xsdt + 36 + 8 * i, 8) - PCV_TABLES;
        found += sum(t, boot_rig_get(t + 4, 4)) == 0;
    }
    CU_ASSERT_EQUAL(found, 3);
}

/* False when it is not installed. */
static bool
run_acpica(const char *program, const char *options, char **ret_output)
{
    g_autoptr(GBytes) bytes = make_tables(2, G_GUINT64_CONSTANT(256) << 20, 3);
    const guint8 *dsdt = (const guint8 *) g_bytes_get_data(bytes, NULL) + 64;

    g_assert(memcmp(dsdt, "DSDT", 4) == 0);
    return acpica_run(program, options, dsdt, boot_rig_get(dsdt + 4, 4),
                      ret_output);
}

static void
test_iasl_reads_it(void)
{
    g_autofree char *text = NULL;

    if (!run_acpica("iasl", "-d", &text)) {
        CU_PASS("no iasl here");
        return;
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "EisaId (\"PNP0A08\")"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Notify (\\_SB.PWRB, 0x80)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "OperationRegion (GEDR, SystemIO, "
                                        "0x0602, One)"));
    CU_ASSERT_PTR_NULL(strstr(text, "Error"));
    CU_ASSERT_PTR_NULL(strstr(text, "Unknown"));
}

static void
test_acpiexec_runs_it(void)
{
    g_autofree char *text = NULL;

    if (!run_acpica("acpiexec",
                    "-b \"evaluate _SB.PCI0._PRT; evaluate _S5; "
                    "quit\"",
                    &text)) {
        CU_PASS("no acpiexec here");
        return;
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Contains 12 Elements"));
    CU_ASSERT_PTR_NULL(strstr(text, "AE_AML"));
}

CU_MAIN("acpi-tables", {"integers_take_the_shortest_form", test_integers},
        {"a_device_has_its_length_and_identifier", test_device},
        {"names_are_padded_and_paths_prefixed", test_names},
        {"lengths_grow_at_64_bytes", test_lengths},
        {"the_root_pointer_leads_to_sound_tables",
         test_root_pointer_leads_to_sound_tables},
        {"a_window_fits_the_cards_that_there_are", test_window_fits_the_cards},
        {"iasl_disassembles_the_dsdt", test_iasl_reads_it},
        {"acpiexec_evaluates_the_dsdt", test_acpiexec_runs_it})
