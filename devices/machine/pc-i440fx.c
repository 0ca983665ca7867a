/* devices/machine/pc-i440fx.c - which chips a PC of 1996 has, wired where, and
 * what it has in common with later ones.
 *
 *   00:00.0 i440FX   00:01.0 PIIX3 ISA   00:01.1 IDE   00:01.3 PIIX4 PM
 *   00:02.0 VGA      ISA: fw_cfg, RTC, 8237, FDC, i8042, serial ports
 *   00:03.0 and up: what the profile plugs in, see pc-cards.h
 * Interrupt controllers and the interval timer belong to the CPU backend. */
#include "devices/machine/pc-i440fx.h"

#include "devices/chipset/i440fx.h"
#include "devices/chipset/piix4-pm.h"
#include "devices/firmware/pflash.h"
#include "devices/legacy/mc146818.h"
#include "devices/machine/machine-build.h"
#include "devices/machine/pc-internal.h"
#include "devices/machine/pc-modules.h"
#include "devices/registry.h"

/* RAM below the PCI hole ends here at the latest; SeaBIOS puts the hole at
 * 2 GiB, 3 GiB or the end of RAM. */
#define LOW_MEMORY_MAX (G_GUINT64_CONSTANT(3) << 30)

static const struct {
    guint16 port;
    guint8 irq;
} com_ports[PC_SERIALS] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

Device *
pc_create_pci(PcBuild *b, const char *class_name, const char *id, guint8 devfn)
{
    Device *dev = device_create(class_name, id);

    device_set_link(dev, "bus", b->out->pci);
    machine_set_u64(&b->build, dev, "addr", devfn);
    return dev;
}

/* Who gives no ACPI cannot be told of new devices either. */
static void
build_power(PcBuild *b)
{
    if (!b->spec->acpi)
        return;
    Device *pm = pc_create_pci(b, "piix4-pm", "pm", PCI_DEVFN(1, 3));
    machine_set_u64(&b->build, pm, "s3", pc_can_suspend(b->spec));
    b->out->pm = machine_add(&b->build, pm);
    if (b->out->pm != NULL)
        pc_add_modules(&b->build, piix4_pm_smbus(b->out->pm), b->spec->memory);
    Device *hotplug = device_create("pci-hotplug", "pci-hotplug");
    device_set_link(hotplug, "pm", b->out->pm);
    b->out->hotplug = machine_add(&b->build, hotplug);
}

static void
build_chipset(PcBuild *b)
{
    const PcBoard *board = b->board;

    b->out->pci = pci_bus_new(vm_env(b->build.vm));
    b->bridge = machine_add(
        &b->build, pc_create_pci(b, board->bridge, "bridge", PCI_DEVFN(0, 0)));
    b->isa = machine_add(&b->build,
                         pc_create_pci(b, board->isa, "isa", board->isa_devfn));
    board->build_power(b);
    if (!b->build.failed &&
        !pc_map_memory(b->build.vm, b->spec, b->bridge, b->build.error))
        b->build.failed = true;
}

/* Where firmware looks for its variables: right below its code. */
static void
build_nvram(PcBuild *b)
{
    if (b->spec->uefi_vars == NULL)
        return;
    gsize len = g_bytes_get_size(b->spec->uefi_vars);
    gsize code = (g_bytes_get_size(b->spec->bios) + 0xfff) & ~(gsize) 0xfff;
    Device *flash = device_create("pflash", "uefi-vars");
    machine_set_u64(&b->build, flash, "base", PC_HIGH_MEMORY - code - len);
    machine_set_u64(&b->build, flash, "bytes", len);
    device_set_link(flash, "block", b->spec->nvram);
    flash = machine_add(&b->build, flash);
    if (flash != NULL)
        pflash_fill(flash, g_bytes_get_data(b->spec->uefi_vars, NULL), len);
}

static void
build_legacy(PcBuild *b)
{
    Device *rtc = device_create("mc146818", "rtc");

    machine_set_u64(&b->build, rtc, "local-time", b->spec->local_time);
    b->rtc = machine_add(&b->build, rtc);
    if (b->rtc != NULL && b->out->pm != NULL)
        rtc_set_hook(b->rtc, b->board->ring_alarm, b->out->pm);
    if (b->spec->hpet) {
        Device *hpet = device_create("hpet", "hpet");
        device_set_link(hpet, "rtc", b->rtc);
        machine_add(&b->build, hpet);
    }
    b->fw_cfg = machine_add(&b->build, device_create("fw-cfg", "fw-cfg"));
    b->dma = machine_add(&b->build, device_create("i8237", "dma"));
    machine_add(&b->build, device_create("i8042", "i8042"));
    machine_add(&b->build, device_create("port92", "port92"));
    machine_add(&b->build, device_create("port80", "post-code"));
    machine_add(&b->build, device_create("apm-shutdown", "apm-shutdown"));

    Device *log = device_create("debugcon", "debugcon");
    device_set_link(log, "chr", b->spec->firmware_log);
    machine_add(&b->build, log);
    if (b->spec->debug_exit)
        machine_add(&b->build, device_create("debug-exit", "debug-exit"));
}

static void
build_serial(PcBuild *b)
{
    for (unsigned i = 0; i < PC_SERIALS; i++) {
        if (b->spec->serial[i] == NULL)
            continue;
        g_autofree char *id = g_strdup_printf("serial%u", i);
        Device *uart = device_create("uart16550", id);
        machine_set_u64(&b->build, uart, "iobase", com_ports[i].port);
        machine_set_u64(&b->build, uart, "irq", com_ports[i].irq);
        device_set_link(uart, "chr", b->spec->serial[i]);
        machine_add(&b->build, uart);
    }
}

/* The controller takes "auto" without a disk for no second drive; here the
 * drive was asked for. */
static const char *
floppy_type(const PcDrive *drive)
{
    if (!drive->present)
        return "none";
    return drive->block == NULL && g_str_equal(drive->type, "auto")
               ? "1.44M"
               : drive->type;
}

static void
build_floppy(PcBuild *b)
{
    static const char *const links[] = {"drive0", "drive1"};
    static const char *const types[] = {"type0", "type1"};
    Device *fdc = device_create("fdc", "fdc");

    device_set_link(fdc, "dma", b->dma);
    for (unsigned i = 0; i < PC_FLOPPIES; i++) {
        const PcDrive *drive = &b->spec->floppy[i];
        device_set_link(fdc, links[i], drive->block);
        machine_set_string(&b->build, fdc, types[i], floppy_type(drive));
    }
    b->out->fdc = machine_add(&b->build, fdc);
}

static void
build_ide(PcBuild *b)
{
    Device *ide = pc_create_pci(b, "piix3-ide", "ide", PCI_DEVFN(1, 1));

    /* OVMF leaves the decode bits alone, and waits 35 s for BSY of each of four
     * drives to clear where there is no port at all */
    machine_set_u64(&b->build, ide, "decode", pc_is_uefi(b->spec));
    for (unsigned i = 0; i < PC_IDE; i++) {
        const PcDrive *drive = &b->spec->ide[i];
        g_autofree char *link = g_strdup_printf("drive%u", i);
        g_autofree char *kind = g_strdup_printf("kind%u", i);
        g_autofree char *serial = g_strdup_printf("serial%u", i);
        device_set_link(ide, link, drive->block);
        machine_set_string(&b->build, ide, kind,
                           !drive->present ? "none"
                           : drive->cdrom  ? "cd"
                                           : "disk");
        if (drive->serial != NULL && *drive->serial != '\0')
            machine_set_string(&b->build, ide, serial, drive->serial);
    }
    b->out->ide = machine_add(&b->build, ide);
}

static void
build_cards(PcBuild *b)
{
    if (!b->build.failed &&
        !pc_cards_plug(b->spec->cards, b->build.vm, b->out->pci, b->out->ports,
                       b->build.error))
        b->build.failed = true;
}

static void
build_display(PcBuild *b)
{
    if (!b->spec->display)
        return;
    Device *vga = pc_create_pci(b, b->spec->cirrus ? "cirrus" : "vga", "vga",
                                PCI_DEVFN(2, 0));
    machine_set_u64(&b->build, vga, "vram", b->spec->vram_mib);
    if (b->spec->xres != 0) {
        machine_set_u64(&b->build, vga, "xres", b->spec->xres);
        machine_set_u64(&b->build, vga, "yres", b->spec->yres);
    }
    machine_add(&b->build, vga);
}

static void
press_power(void *pm)
{
    piix4_pm_press_power_button(pm);
}

static guint64
low_memory(guint64 memory)
{
    return MIN(memory, LOW_MEMORY_MAX);
}

static const PcBoard board_i440fx = {
    .bridge = "i440fx",
    .isa = "piix3",
    .isa_devfn = PCI_DEVFN(1, 0),
    .segments = i440fx_pam,
    .low_memory = low_memory,
    .build_power = build_power,
    .build_storage = build_ide,
    .press_power = press_power,
    .ring_alarm = piix4_pm_rtc_interrupt,
};

const PcBoard *
pc_board(const PcSpec *spec)
{
    return spec->board == PC_BOARD_Q35 ? &pc_board_q35 : &board_i440fx;
}

static void
build_devices(void *data)
{
    PcBuild *b = data;

    build_chipset(b);
    build_nvram(b);
    build_legacy(b);
    build_serial(b);
    build_floppy(b);
    if (b->board->build_storage != NULL)
        b->board->build_storage(b);
    build_display(b);
    build_cards(b);
}

bool
pc_build(Vm *vm, const PcSpec *spec, PcDevices *ret_devices, GError **error)
{
    PcBuild b = {.build = {vm, error, false},
                 .spec = spec,
                 .board = pc_board(spec),
                 .out = ret_devices};

    *ret_devices = (PcDevices){NULL};
    machine_build_on_loop(vm, build_devices, &b);
    if (b.build.failed)
        return false;
    pc_fill_cmos(spec, b.rtc, b.out->fdc);
    pc_fill_fw_cfg(spec, b.fw_cfg);
    if (b.board->fill_tables != NULL)
        b.board->fill_tables(&b);
    if (b.out->pm != NULL)
        vm_set_power_button(vm, b.board->press_power, b.out->pm);
    return true;
}
