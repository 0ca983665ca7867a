/* devices/machine/pc-acpi.c - a PC's tables, for firmware that has none.
 *
 * SeaBIOS brings its own for these chips; UEFI installs what it finds in
 * fw_cfg. ACPI 6.4, chapters 5 and 6; 82371AB (PIIX4) data sheet, chapter 7;
 * 82371SB (PIIX3), section 2.3.8, for the interrupt router; QEMU's
 * docs/specs/acpi_pci_hotplug for slots. Left out: sleep states but soft off,
 * SMBus, processors as devices (the MADT lists them). */
#include "devices/chipset/hpet.h"
#include "devices/chipset/piix4-pm.h"
#include "devices/chipset/pirq-router.h"
#include "devices/chipset/q35-mch.h"
#include "devices/firmware/fw-cfg.h"
#include "devices/machine/pc-acpi-internal.h"

/* FADT, section 5.2.9: offsets in the table */
#define FADT_REVISION    3
#define FADT_LEN         244u
#define FADT_FACS        36u
#define FADT_DSDT        40u
#define FADT_PROFILE     45u
#define FADT_SCI         46u
#define FADT_SMI_CMD     48u
#define FADT_ACPI_ON     52u
#define FADT_ACPI_OFF    53u
#define FADT_PM1A_EVT    56u
#define FADT_PM1A_CNT    64u
#define FADT_PM_TMR      76u
#define FADT_GPE0        80u
#define FADT_EVT_LEN     88u
#define FADT_CNT_LEN     89u
#define FADT_TMR_LEN     91u
#define FADT_GPE0_LEN    92u
#define FADT_C2_LATENCY  96u
#define FADT_C3_LATENCY  98u
#define FADT_CENTURY     108u
#define FADT_BOOT_ARCH   109u
#define FADT_FLAGS       112u
#define FADT_RESET       116u
#define FADT_RESET_VALUE 128u
#define FADT_X_PM1A_EVT  148u
#define FADT_X_PM1A_CNT  172u
#define FADT_X_PM_TMR    208u
#define FADT_X_GPE0      220u

#define PROFILE_DESKTOP  1
#define NO_C_STATE       0xfff /* latency: there is none */
#define BOOT_LEGACY      0x01
#define BOOT_8042        0x02
#define FLAG_WBINVD      (1u << 0)
#define FLAG_C1          (1u << 2)
#define FLAG_NO_SLEEP    (1u << 5) /* no fixed sleep button */
#define FLAG_RTC_S4      (1u << 7)
#define FLAG_RESET       (1u << 10)

#define HOTPLUG_BASE     0xae00u
#define HOTPLUG_LEN      16u
#define SCI              9u
#define APM_COMMAND      0xb2u
#define RESET_PORT       0xcf9u
#define RESET_HARD       0x06u
#define RTC_CENTURY      0x32u
#define LAPIC_BASE       0xfee00000u
#define IOAPIC_BASE      0xfec00000u

#define BAR_FIRST        0x80000000u /* at the lowest; the end of RAM if higher */
#define BAR_LAST         0xfebfffffu
#define DEFAULT_BITS     36u

static const guint8 pci_irqs[] = {5, 10, 11};

const char *const pc_acpi_links[8] = {
    "\\_SB.LNKA", "\\_SB.LNKB", "\\_SB.LNKC", "\\_SB.LNKD",
    "\\_SB.LNKE", "\\_SB.LNKF", "\\_SB.LNKG", "\\_SB.LNKH",
};

/* ---- fixed tables ---- */

/* A block in the table's two ways to say where: 32 bits and a structure. */
static void
poke_block(GByteArray *t, guint at, guint extended, guint32 port, unsigned bits)
{
    acpi_poke(t, at, port, 4);
    acpi_poke_gas(t, extended, ACPI_GAS_PORT, port);
    acpi_poke(t, extended + 1, bits, 1);
    acpi_poke(t, extended + 3, bits > 32 ? 1 : bits / 16 + 1, 1); /* access */
}

static GByteArray *
make_fadt(const PcAcpiChips *chips, Gpa facs, Gpa dsdt)
{
    GByteArray *t = acpi_table_new("FACP", FADT_REVISION);

    while (t->len < FADT_LEN)
        acpi_put(t, 0, 1);
    acpi_poke(t, FADT_FACS, facs, 4);
    acpi_poke(t, FADT_DSDT, dsdt, 4);
    acpi_poke(t, FADT_PROFILE, PROFILE_DESKTOP, 1);
    acpi_poke(t, FADT_SCI, SCI, 2);
    acpi_poke(t, FADT_SMI_CMD, APM_COMMAND, 4);
    acpi_poke(t, FADT_ACPI_ON, chips->acpi_on, 1);
    acpi_poke(t, FADT_ACPI_OFF, chips->acpi_off, 1);
    poke_block(t, FADT_PM1A_EVT, FADT_X_PM1A_EVT, chips->pm_base, 32);
    poke_block(t, FADT_PM1A_CNT, FADT_X_PM1A_CNT, chips->pm_base + 4, 16);
    poke_block(t, FADT_PM_TMR, FADT_X_PM_TMR, chips->pm_base + 8, 32);
    poke_block(t, FADT_GPE0, FADT_X_GPE0, chips->gpe_base, 8 * chips->gpe_len);
    acpi_poke(t, FADT_EVT_LEN, 4, 1);
    acpi_poke(t, FADT_CNT_LEN, 2, 1);
    acpi_poke(t, FADT_TMR_LEN, 4, 1);
    acpi_poke(t, FADT_GPE0_LEN, chips->gpe_len, 1);
    acpi_poke(t, FADT_C2_LATENCY, NO_C_STATE, 2);
    acpi_poke(t, FADT_C3_LATENCY, NO_C_STATE, 2);
    acpi_poke(t, FADT_CENTURY, RTC_CENTURY, 1);
    acpi_poke(t, FADT_BOOT_ARCH, BOOT_LEGACY | BOOT_8042, 2);
    acpi_poke(t, FADT_FLAGS,
              FLAG_WBINVD | FLAG_C1 | FLAG_NO_SLEEP | FLAG_RTC_S4 | FLAG_RESET,
              4);
    acpi_poke_gas(t, FADT_RESET, ACPI_GAS_PORT, RESET_PORT);
    acpi_poke(t, FADT_RESET_VALUE, RESET_HARD, 1);
    return t;
}

/* Section 5.2.12.5: what differs from "pin n is interrupt n, edge". */
static void
put_override(GByteArray *t, unsigned irq, unsigned gsi, unsigned flags)
{
    acpi_put(t, 2 | 10 << 8, 2); /* type, length */
    acpi_put(t, 0, 1);           /* ISA */
    acpi_put(t, irq, 1);
    acpi_put(t, gsi, 4);
    acpi_put(t, flags, 2);
}

static GByteArray *
make_madt(const PcAcpiChips *chips, unsigned cpus)
{
    const unsigned level = 0x0d; /* active high, level */
    GByteArray *t = acpi_table_new("APIC", 3);

    acpi_put(t, LAPIC_BASE, 4);
    acpi_put(t, 1, 4); /* there are 8259s, too */
    for (unsigned i = 0; i < cpus; i++) {
        acpi_put(t, 0 | 8 << 8, 2);
        acpi_put(t, i, 1); /* processor's UID */
        acpi_put(t, i, 1); /* APIC ID */
        acpi_put(t, 1, 4); /* enabled */
    }
    acpi_put(t, 1 | 12 << 8, 2);
    acpi_put(t, 0, 2); /* ID, reserved */
    acpi_put(t, IOAPIC_BASE, 4);
    acpi_put(t, 0, 4); /* its first GSI */
    put_override(t, 0, 2, 0);
    put_override(t, SCI, SCI, level);
    for (unsigned i = 0; !chips->own_pins && i < G_N_ELEMENTS(pci_irqs); i++)
        put_override(t, pci_irqs[i], pci_irqs[i], level);
    acpi_put(t, 4 | 6 << 8, 2);
    acpi_put(t, 0xff, 1); /* all processors */
    acpi_put(t, 0, 2);
    acpi_put(t, 1, 1); /* NMI is LINT1 */
    return t;
}

/* ---- DSDT ---- */

void
pc_acpi_name_resources(Aml *aml, GByteArray *res)
{
    aml_name_resources(aml, res);
    g_byte_array_unref(res);
}

/* Buses, ports, the display's memory. */
void
pc_acpi_first_windows(GByteArray *res)
{
    aml_res_bus_window(res, 0, 0xff);
    aml_res_port(res, 0xcf8, 8);
    aml_res_port_window(res, 0, 0xcf7);
    aml_res_port_window(res, 0xd00, 0xffff);
    aml_res_memory_window(res, 0xa0000, 0xbffff);
}

/* Behind the RAM, up to the last address that the processor has. */
void
pc_acpi_high_window(GByteArray *res, const PcSpec *spec)
{
    const guint64 gib = G_GUINT64_CONSTANT(1) << 30;
    guint64 high = PC_HIGH_MEMORY + pc_high_memory(spec);
    unsigned bits = spec->address_bits ? spec->address_bits : DEFAULT_BITS;

    high = (high + gib - 1) & ~(gib - 1);
    if (high >> bits == 0)
        aml_res_memory64_window(res, high, (G_GUINT64_CONSTANT(1) << bits) - 1);
}

static void
add_host_windows(Aml *aml, const PcSpec *spec)
{
    guint64 low = MAX(pc_low_memory(spec), BAR_FIRST);
    GByteArray *res = g_byte_array_new();

    pc_acpi_first_windows(res);
    aml_res_memory_window(res, (guint32) low, BAR_LAST);
    pc_acpi_high_window(res, spec);
    pc_acpi_name_resources(aml, res);
}

/* Pin p of slot n reaches link (n + p - 1) mod 4, as the board has it wired. */
static void
add_prt(Aml *aml)
{
    aml_name(aml, "_PRT");
    aml_package(aml, 31 * 4);
    for (unsigned slot = 1; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            aml_package(aml, 4);
            aml_integer(aml, (guint64) slot << 16 | 0xffff);
            aml_integer(aml, pin);
            aml_reference(aml, pc_acpi_links[(slot + pin + 3) % 4]);
            aml_integer(aml, 0);
            aml_end(aml);
        }
    }
    aml_end(aml);
}

typedef struct {
    const char *name, *hid;
    guint16 port, port2; /* 0: none */
    guint8 len, len2;
    guint8 irq; /* 0: none */
    gint8 dma;  /* -1: none */
} IsaDevice;

static void
add_isa_device(Aml *aml, const IsaDevice *d, unsigned uid)
{
    GByteArray *res = g_byte_array_new();

    aml_device(aml, d->name);
    aml_name_eisa(aml, "_HID", d->hid);
    aml_name_integer(aml, "_UID", uid);
    if (d->port != 0)
        aml_res_port(res, d->port, d->len);
    if (d->port2 != 0)
        aml_res_port(res, d->port2, d->len2);
    if (d->irq != 0)
        aml_res_interrupt(res, d->irq, false);
    if (d->dma >= 0)
        aml_res_dma8(res, (unsigned) d->dma);
    pc_acpi_name_resources(aml, res);
    aml_end(aml);
}

static void
add_isa_devices(Aml *aml, const PcSpec *spec)
{
    static const IsaDevice board[] = {
        {"KBD", "PNP0303", 0x60, 0x64, 1, 1, 1, -1},
        {"MOU", "PNP0F13", 0, 0, 0, 0, 12, -1},
        {"RTC", "PNP0B00", 0x70, 0, 2, 0, 8, -1},
    };
    static const IsaDevice fdc = {"FDC0", "PNP0700", 0x3f2, 0x3f7, 4, 1, 6, 2};
    static const IsaDevice com[PC_SERIALS] = {
        {"COM1", "PNP0501", 0x3f8, 0, 8, 0, 4, -1},
        {"COM2", "PNP0501", 0x2f8, 0, 8, 0, 3, -1},
        {"COM3", "PNP0501", 0x3e8, 0, 8, 0, 4, -1},
        {"COM4", "PNP0501", 0x2e8, 0, 8, 0, 3, -1},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(board); i++)
        add_isa_device(aml, &board[i], 0);
    if (spec->floppy[0].present || spec->floppy[1].present)
        add_isa_device(aml, &fdc, 0);
    for (unsigned i = 0; i < PC_SERIALS; i++)
        if (spec->serial[i] != NULL)
            add_isa_device(aml, &com[i], i + 1);
}

/* The bridge's router is what the links set. */
void
pc_acpi_add_isa(Aml *aml, const PcSpec *spec, const PcAcpiChips *chips)
{
    static const char *const routes[] = {"PRQA", "PRQB", "PRQC", "PRQD", NULL};
    static const char *const more[] = {"PRQE", "PRQF", "PRQG", "PRQH", NULL};
    unsigned devfn = pc_board(spec)->isa_devfn;

    aml_device(aml, "ISA");
    aml_name_integer(aml, "_ADR", (devfn >> 3) << 16 | (devfn & 7));
    aml_config_fields(aml, "PIRQ", 0x60, 4, routes);
    if (chips->links > 4)
        aml_config_fields(aml, "PIR2", 0x68, 4, more);
    add_isa_devices(aml, spec);
    aml_end(aml);
}

/* A slot that can be emptied: the guest's answer is its bit in a register. */
static void
add_slot(Aml *aml, unsigned slot)
{
    g_autofree char *name = g_strdup_printf("S%02X", slot);

    aml_device(aml, name);
    aml_name_integer(aml, "_ADR", slot << 16);
    aml_name_integer(aml, "_SUN", slot);
    aml_method(aml, "_EJ0", 1);
    aml_store_integer(aml, 1u << slot, "\\_SB.PCI0.HPEJ");
    aml_end(aml);
    aml_end(aml);
}

static void
add_slots(Aml *aml)
{
    static const char *const fields[] = {"HPUP", "HPDN", "HPEJ", "HPRM", NULL};

    aml_port_fields32(aml, "HPRG", HOTPLUG_BASE, HOTPLUG_LEN, fields);
    for (unsigned slot = PC_FIRST_CARD; slot < 32; slot++)
        add_slot(aml, slot);
}

static void
add_pci_host(Aml *aml, const PcSpec *spec, const PcAcpiChips *chips,
             guint32 ecam)
{
    aml_device(aml, "PCI0");
    aml_name_eisa(aml, "_HID", "PNP0A03");
    aml_name_integer(aml, "_ADR", 0);
    aml_name_integer(aml, "_UID", 0);
    add_host_windows(aml, spec);
    add_prt(aml);
    pc_acpi_add_isa(aml, spec, chips);
    add_slots(aml);
    aml_end(aml);
}

/* Ports that no bar may take. */
static void
add_reserved(Aml *aml, const PcAcpiChips *chips, guint32 ecam)
{
    GByteArray *res = g_byte_array_new();

    aml_device(aml, "MBRD");
    aml_name_eisa(aml, "_HID", "PNP0C02");
    aml_name_integer(aml, "_UID", 0);
    for (unsigned i = 0; chips->ports[i].len > 0; i++)
        aml_res_port(res, chips->ports[i].first, chips->ports[i].len);
    if (ecam != 0)
        aml_res_memory_fixed(res, ecam, Q35_ECAM_LEN);
    pc_acpi_name_resources(aml, res);
    aml_end(aml);
}

/* Link n: _CRS shows the router's byte, _SRS sets it. Both are buffers with one
 * interrupt descriptor, whose number is at byte 5. */
static void
add_link(Aml *aml, unsigned n)
{
    static const guint8 nothing[] = {0};
    g_autofree char *name = g_strdup_printf("LNK%c", 'A' + n);
    g_autofree char *route = g_strdup_printf("\\_SB.PCI0.ISA.PRQ%c", 'A' + n);
    GByteArray *possible = g_byte_array_new(), *current = g_byte_array_new();

    aml_res_interrupts(possible, pci_irqs, G_N_ELEMENTS(pci_irqs));
    aml_res_interrupts(current, nothing, 1);
    aml_device(aml, name);
    aml_name_eisa(aml, "_HID", "PNP0C0F");
    aml_name_integer(aml, "_UID", n + 1);
    aml_name_integer(aml, "_STA", 0x0b); /* there, on, works; not shown */
    aml_name_buffer(aml, "_PRS", possible);
    aml_name_buffer(aml, "NOW", current);
    aml_dword_field(aml, "NOW", 5, "NOWN");
    aml_method(aml, "_CRS", 0);
    aml_and(aml, route, PIRQ_ROUTE_IRQ, "NOWN");
    aml_return(aml, "NOW");
    aml_end(aml);
    aml_method(aml, "_SRS", 1);
    aml_dword_field(aml, AML_ARG0, 5, "SET");
    aml_store(aml, "SET", route);
    aml_end(aml);
    aml_method(aml, "_DIS", 0);
    aml_store_integer(aml, PIRQ_ROUTE_OFF, route);
    aml_end(aml);
    aml_end(aml);
    g_byte_array_unref(possible);
    g_byte_array_unref(current);
}

static void
add_system_bus(Aml *aml, const PcSpec *spec, const PcAcpiChips *chips,
               guint32 ecam)
{
    aml_scope(aml, "\\_SB");
    chips->add_host(aml, spec, chips, ecam);
    add_reserved(aml, chips, ecam);
    for (unsigned i = 0; i < chips->links; i++)
        add_link(aml, i);
    aml_end(aml);
}

static void
notify_slots(Aml *aml, const char *bits, guint8 event)
{
    aml_store_local(aml, bits, 0);
    for (unsigned slot = PC_FIRST_CARD; slot < 32; slot++) {
        g_autofree char *path = g_strdup_printf("\\_SB.PCI0.S%02X", slot);
        aml_if_local_bits(aml, 0, 1u << slot);
        aml_notify(aml, path, event);
        aml_end(aml);
    }
}

/* Cards came or are to go: event 1 of the general-purpose block. */
static void
add_events(Aml *aml)
{
    G_STATIC_ASSERT(PIIX4_GPE_PCI_HOTPLUG == 1);
    aml_scope(aml, "\\_GPE");
    aml_method(aml, "_E01", 0);
    notify_slots(aml, "\\_SB.PCI0.HPUP", 1); /* look at it */
    notify_slots(aml, "\\_SB.PCI0.HPDN", 3); /* let it go */
    aml_end(aml);
    aml_end(aml);
}

/* Soft off: the PIIX4's sleep type 0. */
static void
add_soft_off(Aml *aml)
{
    aml_name(aml, "\\_S5");
    aml_package(aml, 4);
    for (unsigned i = 0; i < 4; i++)
        aml_integer(aml, 0);
    aml_end(aml);
}

static const PcAcpiChips i440fx_chips = {
    .pm_base = 0xb000, /* where SeaBIOS and OVMF put the block */
    .gpe_base = 0xafe0,
    .gpe_len = 4,
    .acpi_on = 0xf1,
    .acpi_off = 0xf0,
    .links = 4,
    .ports = {{HOTPLUG_BASE, HOTPLUG_LEN}, {0xafe0, 4}, {0xb000, 0x40}},
    .add_host = add_pci_host,
    .add_events = add_events,
};

static GByteArray *
make_dsdt(const PcSpec *spec, const PcAcpiChips *chips, guint32 ecam)
{
    GByteArray *t = acpi_table_new("DSDT", 2);
    Aml *aml = aml_new();
    gsize len;

    add_soft_off(aml);
    add_system_bus(aml, spec, chips, ecam);
    chips->add_events(aml);
    g_autoptr(GBytes) code = aml_free_to_bytes(aml);
    const guint8 *data = g_bytes_get_data(code, &len);
    g_byte_array_append(t, data, (guint) len);
    return t;
}

/* PCI Firmware Specification 3.2, section 4.1.2. */
static GByteArray *
make_mcfg(guint32 ecam)
{
    GByteArray *t = acpi_table_new("MCFG", 1);

    acpi_put(t, 0, 8);
    acpi_put(t, ecam, 8);
    acpi_put(t, 0, 2); /* segment */
    acpi_put(t, 0, 1); /* first and last bus */
    acpi_put(t, (Q35_ECAM_LEN >> 20) - 1, 1);
    acpi_put(t, 0, 4);
    return t;
}

/* IA-PC HPET specification 1.0a, section 3.2.4. */
static GByteArray *
make_hpet(void)
{
    GByteArray *t = acpi_table_new("HPET", 1);

    acpi_put(t, HPET_ID, 4);
    acpi_put(t, 64 << 8, 4); /* memory, 64 bits wide */
    acpi_put(t, HPET_BASE, 8);
    acpi_put(t, 0, 1); /* the first of its kind */
    acpi_put(t, HPET_MIN_TICK, 2);
    acpi_put(t, 0, 1); /* no promise about the rest of the page */
    return t;
}

void
pc_make_acpi(const PcSpec *spec, guint32 ecam, AcpiFiles *ret)
{
    bool q35 = spec->board == PC_BOARD_Q35;
    const PcAcpiChips *chips = q35 ? &pc_q35_acpi_chips : &i440fx_chips;
    AcpiSet *set = acpi_set_new(0);
    Gpa facs = acpi_set_add_facs(set);
    Gpa dsdt = acpi_set_add(set, make_dsdt(spec, chips, ecam), false);
    Gpa fadt = acpi_set_add(set, make_fadt(chips, facs, dsdt), true);

    acpi_set_point(set, fadt + FADT_FACS, 4);
    acpi_set_point(set, fadt + FADT_DSDT, 4);
    acpi_set_add(set, make_madt(chips, spec->cpus), true);
    if (ecam != 0)
        acpi_set_add(set, make_mcfg(ecam), true);
    if (spec->hpet)
        acpi_set_add(set, make_hpet(), true);
    acpi_set_finish_files(set, ret);
}

void
pc_offer_acpi(const PcSpec *spec, guint32 ecam, Device *fw_cfg)
{
    AcpiFiles files;

    pc_make_acpi(spec, ecam, &files);
    fw_cfg_add_file(fw_cfg, ACPI_FILE_TABLES, files.tables);
    fw_cfg_add_file(fw_cfg, ACPI_FILE_RSDP, files.rsdp);
    fw_cfg_add_file(fw_cfg, ACPI_FILE_SCRIPT, files.script);
    acpi_files_clear(&files);
}
