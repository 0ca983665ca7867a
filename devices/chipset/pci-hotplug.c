/* devices/chipset/pci-hotplug.c - see pci-hotplug.h.
 *
 * Four registers of 32 bits, one bit a slot, at ports 0xae00 to 0xae0f, as
 * QEMU's docs/specs/acpi_pci_hotplug describes them: slots that were filled,
 * slots that are to be emptied, the guest's answer to that (write only), and
 * which slots can be emptied at all (the firmware makes an eject method for
 * those). General-purpose event 1 has the guest look. It reads the first two
 * once for each slot, so a read clears nothing: a filled slot stays announced
 * until it is emptied, which a guest takes for nothing new. */
#include "devices/chipset/pci-hotplug.h"

#include "devices/chipset/piix4-pm.h"
#include "vmm/io/io.h"
#include "vmm/loop/loop.h"

#define HOTPLUG_PORT 0xae00
#define HOTPLUG_LEN  16
#define REG_UP       0
#define REG_DOWN     4
#define REG_EJECT    8
#define REG_REMOVE   12

typedef struct {
    guint32 up, down;
} PciHotplugState;

typedef struct {
    Device dev;
    PciHotplugState s;
    guint32 removable; /* option: slots that can be emptied */
    Device *pm;        /* link: raises the event */
    IoRegion *ports;
    Timer *timer;    /* brings ejected slots to the loop */
    guint32 ejected; /* dev.lock: not yet told to the owner */
    void (*on_eject)(void *data, unsigned slot);
    void *on_eject_data;
} PciHotplug;

/* Slots that the guest let go are nobody's business any more. */
static void
eject(PciHotplug *h, guint32 slots)
{
    slots &= h->removable;
    h->s.up &= ~slots;
    h->s.down &= ~slots;
    h->ejected |= slots;
    if (slots != 0)
        timer_arm(h->timer, 0);
}

static void
tell_owner(void *data)
{
    PciHotplug *h = data;

    g_mutex_lock(&h->dev.lock);
    guint32 slots = h->ejected;
    h->ejected = 0;
    g_mutex_unlock(&h->dev.lock);
    for (unsigned slot = 1; slot < 32; slot++)
        if ((slots & 1u << slot) != 0 && h->on_eject != NULL)
            h->on_eject(h->on_eject_data, slot);
}

static guint64
hotplug_read(void *dev, guint64 offset, unsigned size)
{
    PciHotplug *h = dev;

    switch (offset) {
    case REG_UP: return h->s.up;
    case REG_DOWN: return h->s.down;
    case REG_REMOVE: return h->removable;
    default: return 0; /* features of later versions: none */
    }
}

static void
hotplug_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    if (offset == REG_EJECT)
        eject(dev, (guint32) value);
}

static const IoOps hotplug_ops = {
    .read = hotplug_read,
    .write = hotplug_write,
    .min_size = 4,
    .max_size = 4,
};

/* Has the guest look at a slot, whatever was asked about it before. */
static void
announce(Device *dev, unsigned slot)
{
    PciHotplug *h = DEVICE_OF(PciHotplug, dev);

    g_return_if_fail(slot >= 1 && slot < 32);
    g_mutex_lock(&dev->lock);
    h->s.up |= 1u << slot;
    h->s.down &= ~(1u << slot);
    g_mutex_unlock(&dev->lock);
    piix4_pm_raise_gpe(h->pm, PIIX4_GPE_PCI_HOTPLUG);
}

void
pci_hotplug_inserted(Device *dev, unsigned slot)
{
    announce(dev, slot);
}

/* A check of the device is what a guest makes of the event in either case. One
 * that reads the configuration space then sees that nobody is there; Linux (6.1)
 * only counts what is new and goes on believing in the old. */
void
pci_hotplug_removed(Device *dev, unsigned slot)
{
    announce(dev, slot);
}

void
pci_hotplug_request_removal(Device *dev, unsigned slot)
{
    PciHotplug *h = DEVICE_OF(PciHotplug, dev);

    g_return_if_fail(slot >= 1 && slot < 32);
    g_mutex_lock(&dev->lock);
    h->s.down |= 1u << slot;
    g_mutex_unlock(&dev->lock);
    piix4_pm_raise_gpe(h->pm, PIIX4_GPE_PCI_HOTPLUG);
}

void
pci_hotplug_set_owner(Device *dev, void (*ejected)(void *data, unsigned slot),
                      void *data)
{
    PciHotplug *h = DEVICE_OF(PciHotplug, dev);

    h->on_eject = ejected;
    h->on_eject_data = data;
}

static bool
pci_hotplug_realize(Device *dev, DeviceEnv *env, GError **error)
{
    PciHotplug *h = DEVICE_OF(PciHotplug, dev);

    h->timer = timer_new(env->loop, CLOCK_HOST, tell_owner, h);
    h->ports =
        io_region_new("pci-hotplug", &hotplug_ops, h, &dev->lock, HOTPLUG_LEN);
    if (io_map(env->ports, h->ports, HOTPLUG_PORT, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: ports 0xae00 to 0xae0f are taken by another device",
                dev->id);
    return false;
}

static void
pci_hotplug_unrealize(Device *dev)
{
    PciHotplug *h = DEVICE_OF(PciHotplug, dev);

    g_clear_pointer(&h->ports, io_region_free);
    g_clear_pointer(&h->timer, timer_free);
}

/* A guest that starts anew has let go of everything, also of what it was asked
 * for in vain. */
static void
pci_hotplug_reset(Device *dev, ResetKind kind)
{
    PciHotplug *h = DEVICE_OF(PciHotplug, dev);

    eject(h, h->s.down);
    h->s = (PciHotplugState){0};
}

/* The owner has been told all. */
static bool
pci_hotplug_is_quiet(Device *dev)
{
    PciHotplug *h = DEVICE_OF(PciHotplug, dev);

    g_mutex_lock(&dev->lock);
    bool quiet = h->ejected == 0;
    g_mutex_unlock(&dev->lock);
    return quiet;
}

static bool
pci_hotplug_check(const void *state, GError **error)
{
    const PciHotplugState *s = state;

    if (((s->up | s->down) & 1) == 0)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "pci-hotplug: slot 0 cannot be filled or emptied");
    return false;
}

/* clang-format off */
static const PropDesc pci_hotplug_props[] = {
    PROP_DEF_U32(PciHotplug, removable, "removable", 0xfffffff8u, 0, G_MAXUINT32, NULL,
                 "slots that can be emptied, one bit each"),
    PROP_DEF_LINK(PciHotplug, pm, "pm", true, "power management: its event"),
    PROP_END
};

static const StateField pci_hotplug_fields[] = {
    STATE_FIELD(PciHotplugState, up, STATE_U32),
    STATE_FIELD(PciHotplugState, down, STATE_U32),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc pci_hotplug_state = {
    .name = "pci-hotplug",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PciHotplugState),
    .fields = pci_hotplug_fields,
    .check = pci_hotplug_check,
};

const DeviceClass pci_hotplug_class = {
    .name = "pci-hotplug",
    .summary = "PCI hot-plug by ACPI",
    .size = sizeof(PciHotplug),
    .props = pci_hotplug_props,
    .state = &pci_hotplug_state,
    .state_offset = G_STRUCT_OFFSET(PciHotplug, s),
    .realize = pci_hotplug_realize,
    .unrealize = pci_hotplug_unrealize,
    .reset = pci_hotplug_reset,
    .is_quiet = pci_hotplug_is_quiet,
};
