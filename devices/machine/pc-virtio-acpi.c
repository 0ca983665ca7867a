/* devices/machine/pc-virtio-acpi.c - the tables of the minimal machine.
 *
 * ACPI 6.4, sections 4.1 (hardware-reduced ACPI) and 5.2; PCI Firmware
 * Specification 3.2, section 4.1.2 (MCFG). They say what exists and no more:
 * each absent bus, timer or legacy chip that a guest looks for costs it dozens
 * of exits. */
#include "devices/chipset/acpi-ged.h"
#include "devices/chipset/pci-ecam.h"
#include "devices/firmware/acpi.h"
#include "devices/firmware/aml.h"
#include "devices/machine/pc-virtio-internal.h"

#define FADT_REVISION   6
#define FADT_MINOR      4
#define FADT_LEN        276u
#define FADT_BOOT_ARCH  109u
#define FADT_FLAGS      112u
#define FADT_RESET      116u
#define FADT_RESET_VAL  128u
#define FADT_MINOR_AT   131u
#define FADT_X_DSDT     140u
#define FADT_SLEEP_CTL  244u
#define FADT_SLEEP_STS  256u

#define BOOT_NO_VGA     0x04
#define BOOT_NO_RTC     0x20

#define FLAG_WBINVD     (1u << 0)
#define FLAG_PWR_METHOD (1u << 4) /* the button is a device of the DSDT */
#define FLAG_SLP_METHOD (1u << 5)
#define FLAG_RESET      (1u << 10)
#define FLAG_HW_REDUCED (1u << 20)

static GByteArray *
make_fadt(Gpa dsdt)
{
    GByteArray *t = acpi_table_new("FACP", FADT_REVISION);

    while (t->len < FADT_LEN)
        acpi_put(t, 0, 1);
    acpi_poke(t, FADT_BOOT_ARCH, BOOT_NO_VGA | BOOT_NO_RTC, 2);
    acpi_poke(t, FADT_FLAGS,
              FLAG_WBINVD | FLAG_PWR_METHOD | FLAG_SLP_METHOD | FLAG_RESET |
                  FLAG_HW_REDUCED,
              4);
    acpi_poke_gas(t, FADT_RESET, ACPI_GAS_PORT, ACPI_GED_RESET);
    acpi_poke(t, FADT_RESET_VAL, ACPI_GED_RESET_VALUE, 1);
    acpi_poke(t, FADT_MINOR_AT, FADT_MINOR, 1);
    acpi_poke(t, FADT_X_DSDT, dsdt, 8);
    acpi_poke_gas(t, FADT_SLEEP_CTL, ACPI_GAS_PORT, ACPI_GED_SLEEP);
    acpi_poke_gas(t, FADT_SLEEP_STS, ACPI_GAS_PORT, ACPI_GED_STATUS);
    return t;
}

/* Section 5.2.12: local APICs, IOAPIC, NMI on LINT1 of all. No 8259s. */
static GByteArray *
make_madt(unsigned cpus)
{
    GByteArray *t = acpi_table_new("APIC", 5);

    acpi_put(t, PCV_LAPIC, 4);
    acpi_put(t, 0, 4);
    for (unsigned i = 0; i < cpus; i++) {
        acpi_put(t, 0 | 8 << 8, 2); /* type, length */
        acpi_put(t, i, 1);          /* processor's UID */
        acpi_put(t, i, 1);          /* APIC ID */
        acpi_put(t, 1, 4);          /* enabled */
    }
    acpi_put(t, 1 | 12 << 8, 2);
    acpi_put(t, 0, 2); /* ID, reserved */
    acpi_put(t, PCV_IOAPIC, 4);
    acpi_put(t, 0, 4); /* its first GSI */
    acpi_put(t, 4 | 6 << 8, 2);
    acpi_put(t, 0xff, 1); /* all processors */
    acpi_put(t, 0, 2);    /* polarity and trigger as the bus has them */
    acpi_put(t, 1, 1);    /* LINT1 */
    return t;
}

static GByteArray *
make_mcfg(void)
{
    GByteArray *t = acpi_table_new("MCFG", 1);

    acpi_put(t, 0, 8);
    acpi_put(t, PCV_ECAM, 8);
    acpi_put(t, 0, 2); /* segment */
    acpi_put(t, 0, 1); /* first and last bus: there is one */
    acpi_put(t, 0, 1);
    acpi_put(t, 0, 4);
    return t;
}

/* ---- DSDT ---- */

static void
name_resources(Aml *aml, GByteArray *res)
{
    aml_name_resources(aml, res);
    g_byte_array_unref(res);
}

static void
add_host_windows(Aml *aml, const PcVirtioWindow *high)
{
    GByteArray *res = g_byte_array_new();

    aml_res_bus_window(res, 0, 0);
    aml_res_port_window(res, PCV_IO_FIRST, PCV_IO_LAST);
    aml_res_memory_window(res, PCV_BAR_BASE, PCV_BAR_LAST);
    aml_res_memory64_window(res, high->base, high->base + high->len - 1);
    name_resources(aml, res);
}

/* Rows for the slots that are filled: address, pin, (no link device), GSI. */
static void
add_prt(Aml *aml, unsigned last_slot)
{
    aml_name(aml, "_PRT");
    aml_package(aml, (guint8) (last_slot * 4));
    for (unsigned slot = 1; slot <= last_slot; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            aml_package(aml, 4);
            aml_integer(aml, (guint64) slot << 16 | 0xffff);
            aml_integer(aml, pin);
            aml_integer(aml, 0);
            aml_integer(aml, pci_ecam_gsi(slot, pin));
            aml_end(aml);
        }
    }
    aml_end(aml);
}

static void
add_pci_host(Aml *aml, const PcVirtioSpec *spec, const PcVirtioWindow *high)
{
    aml_device(aml, "PCI0");
    aml_name_eisa(aml, "_HID", "PNP0A08");
    aml_name_eisa(aml, "_CID", "PNP0A03");
    aml_name_integer(aml, "_UID", 0);
    aml_name_integer(aml, "_SEG", 0);
    aml_name_integer(aml, "_BBN", 0);
    add_host_windows(aml, high);
    add_prt(aml, pc_cards_last_slot(spec->cards));
    aml_end(aml);
}

/* Guests believe an MCFG whose window is reserved here. */
static void
add_reserved(Aml *aml)
{
    GByteArray *res = g_byte_array_new();

    aml_device(aml, "MBRD");
    aml_name_eisa(aml, "_HID", "PNP0C02");
    aml_name_integer(aml, "_UID", 0);
    aml_res_memory_fixed(res, PCV_ECAM, PCI_ECAM_LEN);
    aml_res_port(res, ACPI_GED_PORT, ACPI_GED_LEN);
    aml_res_port(res, ACPI_GED_RESET, 1);
    name_resources(aml, res);
    aml_end(aml);
}

static void
add_serial(Aml *aml)
{
    GByteArray *res = g_byte_array_new();

    aml_device(aml, "COM1");
    aml_name_eisa(aml, "_HID", "PNP0501");
    aml_name_integer(aml, "_UID", 0);
    aml_res_port(res, PCV_COM1, 8);
    aml_res_interrupt(res, PCV_COM1_GSI, false);
    name_resources(aml, res);
    aml_end(aml);
}

/* The event device reads its events once and tells the button. */
static void
add_power_button(Aml *aml)
{
    static const char *const fields[] = {"EVTS", NULL};
    GByteArray *res = g_byte_array_new();

    aml_device(aml, "PWRB");
    aml_name_eisa(aml, "_HID", "PNP0C0C");
    aml_name_integer(aml, "_UID", 0);
    aml_end(aml);

    aml_device(aml, "GED");
    aml_name_string(aml, "_HID", "ACPI0013");
    aml_name_integer(aml, "_UID", 0);
    aml_res_interrupt(res, ACPI_GED_GSI, true);
    name_resources(aml, res);
    aml_port_fields(aml, "GEDR", ACPI_GED_EVENTS, 1, fields);
    aml_method(aml, "_EVT", 1);
    aml_store_local(aml, "EVTS", 0);
    aml_if_local_bits(aml, 0, ACPI_GED_POWER);
    aml_notify(aml, "\\_SB.PWRB", 0x80); /* pressed */
    aml_end(aml);
    aml_end(aml);
    aml_end(aml);
}

static void
add_soft_off(Aml *aml)
{
    aml_name(aml, "\\_S5");
    aml_package(aml, 4);
    aml_integer(aml, ACPI_GED_SOFT_OFF);
    for (unsigned i = 0; i < 3; i++)
        aml_integer(aml, 0);
    aml_end(aml);
}

static GByteArray *
make_dsdt(const PcVirtioSpec *spec, const PcVirtioWindow *high)
{
    GByteArray *t = acpi_table_new("DSDT", 2);
    Aml *aml = aml_new();
    gsize len;

    add_soft_off(aml);
    aml_scope(aml, "\\_SB");
    add_pci_host(aml, spec, high);
    add_reserved(aml);
    if (spec->serial != NULL)
        add_serial(aml);
    add_power_button(aml);
    aml_end(aml);
    g_autoptr(GBytes) code = aml_free_to_bytes(aml);
    const guint8 *data = g_bytes_get_data(code, &len);
    g_byte_array_append(t, data, (guint) len);
    return t;
}

GBytes *
pc_virtio_acpi(const PcVirtioSpec *spec, const PcVirtioWindow *high)
{
    AcpiSet *set = acpi_set_new(PCV_TABLES);
    Gpa dsdt = acpi_set_add(set, make_dsdt(spec, high), false);

    acpi_set_add(set, make_fadt(dsdt), true);
    acpi_set_add(set, make_madt(spec->cpus), true);
    acpi_set_add(set, make_mcfg(), true);
    return acpi_set_finish(set);
}
