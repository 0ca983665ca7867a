/* devices/machine/pc-q35-acpi.c - what a Q35 board says of itself.
 *
 * ACPI 6.4, chapters 5 and 6; PCI Firmware Specification 3.2, section 4.5 for
 * _OSC; ICH9 data sheet, section 13.1 for the interrupt router. */
#include "devices/chipset/ich9-lpc.h"
#include "devices/chipset/q35-mch.h"
#include "devices/machine/pc-acpi-internal.h"

#define PM_BASE  0x600u /* where SeaBIOS and OVMF put the block of an ICH9 */
#define PM_LEN   0x80u
#define BAR_LAST 0xfebfffffu

/* Controls of _OSC that are granted: native hot-plug, PME and the PCI Express
 * capability. Not SHPC hot-plug, error reporting and latency tolerance. */
#define OSC_GRANTED      0x15u
#define OSC_OTHERS       0xffffffeau
#define OSC_UNKNOWN_UUID 0x04u
#define OSC_MASKED       0x10u

/* 33db4d5b-1ff7-401c-9657-7441c03dd766 */
static const guint8 osc_uuid[16] = {0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f,
                                    0x1c, 0x40, 0x96, 0x57, 0x74, 0x41,
                                    0xc0, 0x3d, 0xd7, 0x66};

/* Memory from the RAM's end to the IOAPIC, but for configuration space. */
static void
add_windows(Aml *aml, const PcSpec *spec, guint32 ecam)
{
    guint32 low = (guint32) pc_low_memory(spec);
    GByteArray *res = g_byte_array_new();

    pc_acpi_first_windows(res);
    aml_res_memory_window(res, low, ecam - 1);
    aml_res_memory_window(res, ecam + Q35_ECAM_LEN, BAR_LAST);
    pc_acpi_high_window(res, spec);
    pc_acpi_name_resources(aml, res);
}

/* Rows for a system with 8259s name links, others an IOAPIC's input. */
static void
add_routes(Aml *aml, const char *name, bool apic)
{
    aml_name(aml, name);
    aml_package(aml, 31 * 4);
    for (unsigned slot = 1; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            unsigned pirq = ich9_lpc_pirq(slot, pin);
            aml_package(aml, 4);
            aml_integer(aml, (guint64) slot << 16 | 0xffff);
            aml_integer(aml, pin);
            if (apic)
                aml_integer(aml, 0);
            else
                aml_reference(aml, pc_acpi_links[pirq]);
            aml_integer(aml, apic ? ICH9_FIRST_GSI + pirq : 0);
            aml_end(aml);
        }
    }
    aml_end(aml);
}

static void
add_prt(Aml *aml)
{
    add_routes(aml, "PRTP", false);
    add_routes(aml, "PRTA", true);
    aml_method(aml, "_PRT", 0);
    aml_store_local(aml, "\\PICF", 0);
    aml_if_local_bits(aml, 0, 0xff);
    aml_return(aml, "PRTA");
    aml_end(aml);
    aml_return(aml, "PRTP");
    aml_end(aml);
}

/* The system tells what it would like to do itself, and gets what there is. */
static void
add_osc(Aml *aml)
{
    aml_method(aml, "_OSC", 4);
    aml_dword_field(aml, "Arg3", 0, "CDW1");
    aml_if_equals(aml, "Arg0", osc_uuid, sizeof osc_uuid);
    aml_dword_field(aml, "Arg3", 8, "CDW3");
    aml_and(aml, "CDW3", OSC_OTHERS, "Local0");
    aml_if_local_bits(aml, 0, OSC_OTHERS);
    aml_or(aml, "CDW1", OSC_MASKED, "CDW1");
    aml_end(aml);
    aml_and(aml, "CDW3", OSC_GRANTED, "CDW3");
    aml_return(aml, "Arg3");
    aml_end(aml);
    aml_or(aml, "CDW1", OSC_UNKNOWN_UUID, "CDW1");
    aml_return(aml, "Arg3");
    aml_end(aml);
}

static void
add_host(Aml *aml, const PcSpec *spec, const PcAcpiChips *chips, guint32 ecam)
{
    aml_device(aml, "PCI0");
    aml_name_eisa(aml, "_HID", "PNP0A08");
    aml_name_eisa(aml, "_CID", "PNP0A03");
    aml_name_integer(aml, "_ADR", 0);
    aml_name_integer(aml, "_UID", 0);
    aml_name_integer(aml, "_SEG", 0);
    aml_name_integer(aml, "_BBN", 0);
    add_windows(aml, spec, ecam);
    add_prt(aml);
    add_osc(aml);
    pc_acpi_add_isa(aml, spec, chips);
    aml_end(aml);
}

/* The system says which interrupt controllers it uses: 1 is the IOAPIC. */
static void
add_pic_mode(Aml *aml)
{
    aml_name_integer(aml, "\\PICF", 0);
    aml_method(aml, "\\_PIC", 1);
    aml_store(aml, "Arg0", "\\PICF");
    aml_end(aml);
}

const PcAcpiChips pc_q35_acpi_chips = {
    .pm_base = PM_BASE,
    .gpe_base = PM_BASE + ICH9_PM_GPE0,
    .gpe_len = ICH9_PM_GPE0_LEN,
    .acpi_on = ICH9_APM_ACPI_ON,
    .acpi_off = ICH9_APM_ACPI_OFF,
    .links = ICH9_PIRQS,
    .own_pins = true,
    .ports = {{PM_BASE, PM_LEN}},
    .add_host = add_host,
    .add_events = add_pic_mode,
};
