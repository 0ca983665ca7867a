/* devices/machine/pc-q35.c - which chips a PC of 2007 has, wired where; the rest
 * is pc-i440fx.c's.
 *
 *   00:00.0 Q35 MCH   00:1f.0 ICH9 LPC   00:1f.2 SATA (a card of the profile)
 *   00:02.0 VGA       ISA devices as everywhere
 *   00:03.0 and up: what the profile plugs in, see pc-cards.h; PC_Q35_PORTS are
 *   root ports, and those cards behind them */
#include "devices/chipset/ich9-lpc.h"
#include "devices/chipset/q35-mch.h"
#include "devices/firmware/fw-cfg.h"
#include "devices/machine/pc-internal.h"

#define GIB (G_GUINT64_CONSTANT(1) << 30)

/* Configuration space is where the RAM has to end, and then some firmware wants
 * the rest of it from 4 GiB up to begin at a round 2 GiB. */
static guint64
low_memory(guint64 memory)
{
    return memory < Q35_ECAM_BASE ? memory : 2 * GIB;
}

/* It is a part of the LPC bridge. */
static void
build_power(PcBuild *b)
{
    b->out->pm = b->isa;
}

/* Before the cards: those of their slots are behind them. */
static void
build_ports(PcBuild *b)
{
    for (unsigned slot = 0; slot < PC_SLOTS; slot++) {
        if ((PC_Q35_PORTS >> slot & 1) == 0)
            continue;
        g_autofree char *id = g_strdup_printf("port%u", slot);
        Device *port =
            pc_create_pci(b, "pcie-root-port", id, PCI_DEVFN(slot, 0));
        machine_set_u64(&b->build, port, "slot", slot);
        b->out->ports[slot] = machine_add(&b->build, port);
    }
}

static void
press_power(void *isa)
{
    ich9_lpc_press_power_button(isa);
}

static void
ring_alarm(void *isa)
{
    ich9_lpc_ring_alarm(isa);
}

typedef struct {
    PcSpec spec; /* what of it is for the set-up only is not looked at */
    Device *bridge;
} Tables;

/* Firmware has put configuration space somewhere before it asks. */
static GBytes *
make_tables(void *data)
{
    const Tables *t = data;
    guint32 ecam = q35_mch_ecam(t->bridge);
    AcpiFiles files;

    pc_make_acpi(&t->spec, ecam != 0 ? ecam : Q35_ECAM_BASE, &files);
    GBytes *tables = g_bytes_ref(files.tables);
    acpi_files_clear(&files);
    return tables;
}

static void
fill_tables(const PcBuild *b)
{
    Tables *t = g_new0(Tables, 1);

    t->spec = *b->spec;
    t->bridge = b->bridge;
    pc_offer_acpi(b->spec, Q35_ECAM_BASE, b->fw_cfg);
    fw_cfg_set_maker(b->fw_cfg, ACPI_FILE_TABLES, make_tables, t, g_free);
}

const PcBoard pc_board_q35 = {
    .bridge = "q35-mch",
    .isa = "ich9-lpc",
    .isa_devfn = ICH9_LPC_DEVFN,
    .segments = q35_mch_pam,
    .low_memory = low_memory,
    .build_power = build_power,
    .build_storage = build_ports,
    .press_power = press_power,
    .ring_alarm = ring_alarm,
    .fill_tables = fill_tables,
};
