/* devices/machine/pc-i440fx.c - which chips a PC of 1996 has, wired where.
 *
 *   00:00.0 i440FX   00:01.0 PIIX3 ISA   00:01.1 IDE   00:01.3 PIIX4 PM
 *   00:02.0 VGA      ISA: fw_cfg, RTC, 8237, FDC, i8042, serial ports
 *   00:03.0 and up: what the profile plugs in, see pc-cards.h
 * Interrupt controllers and the interval timer belong to the CPU backend. */
#include "devices/machine/pc-i440fx.h"

#include "devices/chipset/piix4-pm.h"
#include "devices/machine/pc-internal.h"
#include "devices/registry.h"

static const struct {
    guint16 port;
    guint8 irq;
} com_ports[PC_SERIALS] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

/* Building goes on until the first error; later steps then do nothing. */
typedef struct {
    Vm *vm;
    const PcSpec *spec;
    PcDevices *out;
    Device *bridge, *rtc, *dma, *fw_cfg;
    GError **error;
    bool failed;
} PcBuild;

static Device *
create(PcBuild *b, const char *class_name, const char *id)
{
    const DeviceClass *klass = device_class_find(class_name);

    g_assert(klass != NULL);
    return device_new(klass, id);
}

/* Takes dev; NULL after a failure. */
static Device *
add(PcBuild *b, Device *dev)
{
    if (b->failed) {
        device_free(dev);
        return NULL;
    }
    if (vm_add_device(b->vm, dev, b->error))
        return dev;
    b->failed = true;
    return NULL;
}

static void
set_u64(PcBuild *b, Device *dev, const char *name, guint64 value)
{
    if (!b->failed && !device_set_u64(dev, name, value, b->error))
        b->failed = true;
}

static void
set_string(PcBuild *b, Device *dev, const char *name, const char *value)
{
    if (!b->failed && !device_set_string(dev, name, value, b->error))
        b->failed = true;
}

static Device *
create_pci(PcBuild *b, const char *class_name, const char *id, guint8 devfn)
{
    Device *dev = create(b, class_name, id);

    device_set_link(dev, "bus", b->out->pci);
    set_u64(b, dev, "addr", devfn);
    return dev;
}

/* Who gives no ACPI cannot be told of new devices either. */
static void
build_power(PcBuild *b)
{
    if (!b->spec->acpi)
        return;
    b->out->pm = add(b, create_pci(b, "piix4-pm", "pm", PCI_DEVFN(1, 3)));
    Device *hotplug = create(b, "pci-hotplug", "pci-hotplug");
    device_set_link(hotplug, "pm", b->out->pm);
    b->out->hotplug = add(b, hotplug);
}

static void
build_chipset(PcBuild *b)
{
    b->out->pci = pci_bus_new(vm_env(b->vm));
    b->bridge = add(b, create_pci(b, "i440fx", "bridge", PCI_DEVFN(0, 0)));
    add(b, create_pci(b, "piix3", "isa", PCI_DEVFN(1, 0)));
    build_power(b);
    if (!b->failed && !pc_map_memory(b->vm, b->spec, b->bridge, b->error))
        b->failed = true;
}

static void
build_legacy(PcBuild *b)
{
    Device *rtc = create(b, "mc146818", "rtc");

    set_u64(b, rtc, "local-time", b->spec->local_time);
    b->rtc = add(b, rtc);
    b->fw_cfg = add(b, create(b, "fw-cfg", "fw-cfg"));
    b->dma = add(b, create(b, "i8237", "dma"));
    add(b, create(b, "i8042", "i8042"));
    add(b, create(b, "port92", "port92"));
    add(b, create(b, "port80", "post-code"));
    add(b, create(b, "apm-shutdown", "apm-shutdown"));

    Device *log = create(b, "debugcon", "debugcon");
    device_set_link(log, "chr", b->spec->firmware_log);
    add(b, log);
    if (b->spec->debug_exit)
        add(b, create(b, "debug-exit", "debug-exit"));
}

static void
build_serial(PcBuild *b)
{
    for (unsigned i = 0; i < PC_SERIALS; i++) {
        if (b->spec->serial[i] == NULL)
            continue;
        g_autofree char *id = g_strdup_printf("serial%u", i);
        Device *uart = create(b, "uart16550", id);
        set_u64(b, uart, "iobase", com_ports[i].port);
        set_u64(b, uart, "irq", com_ports[i].irq);
        device_set_link(uart, "chr", b->spec->serial[i]);
        add(b, uart);
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
    Device *fdc = create(b, "fdc", "fdc");

    device_set_link(fdc, "dma", b->dma);
    for (unsigned i = 0; i < PC_FLOPPIES; i++) {
        const PcDrive *drive = &b->spec->floppy[i];
        device_set_link(fdc, links[i], drive->block);
        set_string(b, fdc, types[i], floppy_type(drive));
    }
    b->out->fdc = add(b, fdc);
}

static void
build_ide(PcBuild *b)
{
    Device *ide = create_pci(b, "piix3-ide", "ide", PCI_DEVFN(1, 1));

    for (unsigned i = 0; i < PC_IDE; i++) {
        const PcDrive *drive = &b->spec->ide[i];
        g_autofree char *link = g_strdup_printf("drive%u", i);
        g_autofree char *kind = g_strdup_printf("kind%u", i);
        g_autofree char *serial = g_strdup_printf("serial%u", i);
        device_set_link(ide, link, drive->block);
        set_string(b, ide, kind,
                   !drive->present ? "none"
                   : drive->cdrom  ? "cd"
                                   : "disk");
        if (drive->serial != NULL && *drive->serial != '\0')
            set_string(b, ide, serial, drive->serial);
    }
    b->out->ide = add(b, ide);
}

static void
build_cards(PcBuild *b)
{
    if (!b->failed &&
        !pc_cards_plug(b->spec->cards, b->vm, b->out->pci, b->error))
        b->failed = true;
}

static void
build_display(PcBuild *b)
{
    if (!b->spec->display)
        return;
    Device *vga = create_pci(b, "vga", "vga", PCI_DEVFN(2, 0));
    set_u64(b, vga, "vram", b->spec->vram_mib);
    add(b, vga);
}

static void
press_power(void *pm)
{
    piix4_pm_press_power_button(pm);
}

bool
pc_i440fx_build(Vm *vm, const PcSpec *spec, PcDevices *ret_devices,
                GError **error)
{
    PcBuild b = {.vm = vm, .spec = spec, .out = ret_devices, .error = error};

    *ret_devices = (PcDevices){NULL};
    build_chipset(&b);
    build_legacy(&b);
    build_serial(&b);
    build_floppy(&b);
    build_ide(&b);
    build_display(&b);
    build_cards(&b);
    if (b.failed)
        return false;
    pc_fill_cmos(spec, b.rtc, b.out->fdc);
    pc_fill_fw_cfg(spec, b.fw_cfg);
    if (b.out->pm != NULL)
        vm_set_power_button(vm, press_power, b.out->pm);
    return true;
}
