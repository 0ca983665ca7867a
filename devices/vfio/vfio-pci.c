/* devices/vfio/vfio-pci.c - see vfio-pci.h.
 *
 * The device does its work by itself: it reads and writes the guest's RAM by
 * the host's IOMMU, its registers are memory of the guest, its interrupts go
 * through the kernel. What is left is PCI's paperwork. Nothing of the device's
 * inner state can be saved: a machine that has one is stopped, not frozen. */
#include "devices/vfio/vfio-pci.h"

#include <string.h>

#include "devices/vfio/vfio-internal.h"

static void
read_ids(VfioPci *d, const guint8 *config)
{
    bool intx = d->host->n_irqs[VFIO_HOST_INTX] > 0;

    d->ids = (PciIds){
        .vendor = pci_get16(config, PCI_VENDOR_ID),
        .device = pci_get16(config, PCI_DEVICE_ID),
        .subsystem_vendor = pci_get16(config, PCI_SUBSYSTEM_VENDOR_ID),
        .subsystem = pci_get16(config, PCI_SUBSYSTEM_ID),
        .class_device = pci_get16(config, PCI_CLASS_DEVICE),
        .prog_if = config[PCI_CLASS_PROG],
        .revision = config[PCI_REVISION_ID],
        .interrupt_pin = intx ? config[PCI_INTERRUPT_PIN] & 7u : 0,
        .multifunction = d->multifunction,
    };
    if (d->ids.interrupt_pin > 4)
        d->ids.interrupt_pin = 1;
}

static bool
is_endpoint(const VfioPci *d, const guint8 *config, GError **error)
{
    guint8 type = config[PCI_HEADER_TYPE] & 0x7f;

    if (type == 0 && pci_get16(config, PCI_VENDOR_ID) != 0xffff)
        return true;
    g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_DEVICE,
                type != 0 ? "%s: it is a bridge, and bridges stay with the host"
                          : "%s: it does not answer; a cold restart of the "
                            "host may wake it",
                d->host->address);
    return false;
}

static bool
add_rom(VfioPci *d)
{
    g_autoptr(GBytes) rom = vfio_rom_load(d);
    g_autoptr(GError) error = NULL;

    if (rom == NULL || pci_add_rom(&d->pci, rom, &error))
        return true;
    d->pci.dev.env->log(d->pci.dev.env, d->pci.dev.id, error->message);
    return d->rom_file == NULL;
}

static bool
vfio_pci_realize(Device *dev, DeviceEnv *env, GError **error)
{
    VfioPci *d = DEVICE_OF(VfioPci, dev);
    guint8 config[PCI_CONFIG_SIZE];

    memset(config, 0xff, sizeof config);
    (void) vfio_host_read_all(d->host, VFIO_HOST_CONFIG, config, sizeof config);
    if (!is_endpoint(d, config, error))
        return false;
    read_ids(d, config);
    if (!pci_device_realize(&d->pci, env, &d->ids, &d->s.pci, error))
        return false;
    vfio_config_realize(d, config);
    vfio_extended_realize(d);
    vfio_quirks_realize(d, config);
    if (!vfio_bars_realize(d, config, error) ||
        !vfio_interrupts_realize(d, error))
        return false;
    if (!add_rom(d)) {
        g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_DEVICE,
                    "%s: the given file is no expansion ROM", d->host->address);
        return false;
    }
    d->pci.config_reading = vfio_config_reading;
    d->pci.config_is_live = vfio_config_is_live;
    d->pci.config_written = vfio_config_written;
    d->pci.bar_moved = vfio_bar_moved;
    d->pci.intx_moved = vfio_intx_moved;
    d->fresh = true;
    return true;
}

static void
vfio_pci_unrealize(Device *dev)
{
    VfioPci *d = DEVICE_OF(VfioPci, dev);

    if (d->host == NULL)
        return;
    /* no DMA after this: the memory may be somebody else's soon */
    vfio_host_write(d->host, VFIO_HOST_CONFIG, PCI_COMMAND, 0, 2);
    vfio_interrupts_unrealize(d);
    pci_device_unrealize(&d->pci);
    vfio_bars_unmap(d);
    vfio_bars_unrealize(d);
    vfio_extended_unrealize(d);
    /* nobody else can stop it, nor what it makes of power */
    if (d->works_once)
        vfio_config_sleep(d);
}

static void
explain_reset(VfioPci *d, int err)
{
    DeviceEnv *env = d->pci.dev.env;
    g_autofree char *line = g_strdup_printf(
        "%s: cannot be reset (%s); the guest finds it as it was left",
        d->host->address, g_strerror(-err));

    env->log(env, d->pci.dev.id, line);
}

/* By now all that the machine has is open, and with it what a bus reset hits. */
static void
warn_of_reset(VfioPci *d)
{
    DeviceEnv *env = d->pci.dev.env;

    d->works_once = vfio_host_reset_kind(d->host) == VFIO_RESET_NONE;
    if (!d->works_once)
        return;
    g_autofree char *line = g_strdup_printf(
        "%s: this host has no way to reset it; it works once, and a restart of "
        "the guest finds it as it was left. It is put to sleep (D3) when the "
        "machine stops; if it does not work then, the host has to restart",
        d->host->address);
    env->log(env, d->pci.dev.id, line);
}

static void
vfio_pci_reset(Device *dev, ResetKind kind)
{
    VfioPci *d = DEVICE_OF(VfioPci, dev);
    int err = 0;

    vfio_host_write(d->host, VFIO_HOST_CONFIG, PCI_COMMAND, 0, 2);
    pci_device_reset(&d->pci);
    if (d->fresh)
        warn_of_reset(d);
    /* opening it was a reset, which may take a second */
    if (!d->fresh && vfio_host_reset(d->host, &err) == VFIO_RESET_NONE)
        explain_reset(d, err);
    d->fresh = false;
    vfio_interrupts_reset(d);
    vfio_config_write_command(d);
}

static void
vfio_pci_restored(Device *dev)
{
    VfioPci *d = DEVICE_OF(VfioPci, dev);

    pci_device_restored(&d->pci);
    vfio_config_write_command(d);
}

void
vfio_pci_set_events(Device *dev, const VfioPciEvents *events, void *data)
{
    VfioPci *d = DEVICE_OF(VfioPci, dev);

    d->events = events;
    d->events_data = data;
}

guint64
vfio_pci_slow_interrupts(Device *dev)
{
    return __atomic_load_n(&DEVICE_OF(VfioPci, dev)->slow_interrupts,
                           __ATOMIC_RELAXED);
}

/* clang-format off */
static const StateField vfio_pci_fields[] = {
    STATE_SUB(VfioPciState, pci, &pci_state_desc),
    STATE_FIELDS_END
};

static const PropDesc vfio_pci_props[] = {
    PCI_PROPS(VfioPci, pci),
    PROP_DEF_LINK(VfioPci, host, "host", true, "the device, opened"),
    PROP_DEF_LINK(VfioPci, rom_file, "rom", false, "expansion ROM to use instead of the device's"),
    PROP_DEF_BOOL(VfioPci, rom_enabled, "device-rom", true, "the device's own expansion ROM is shown"),
    PROP_DEF_BOOL(VfioPci, multifunction, "multifunction", false, "other functions share its slot"),
    PROP_END
};
/* clang-format on */

static const StateDesc vfio_pci_state = {
    .name = "vfio-pci",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VfioPciState),
    .fields = vfio_pci_fields,
};

const DeviceClass vfio_pci_class = {
    .name = "vfio-pci",
    .summary = "a PCI device of this host, passed through",
    .size = sizeof(VfioPci),
    .props = vfio_pci_props,
    .state = &vfio_pci_state,
    .state_offset = G_STRUCT_OFFSET(VfioPci, s),
    .realize = vfio_pci_realize,
    .unrealize = vfio_pci_unrealize,
    .reset = vfio_pci_reset,
    .restored = vfio_pci_restored,
};
