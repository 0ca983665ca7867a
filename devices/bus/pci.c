/* devices/bus/pci.c - conventional PCI: configuration space, INTx.
 *
 * PCI Local Bus Specification 2.3, chapter 6; buses behind bridges by
 * pci-bridge.h, base addresses by pci-bar.c, expansion ROMs by pci-rom.c. No
 * parity errors. */
#include "devices/bus/pci-internal.h"

#include <errno.h>
#include <string.h>

#include "devices/bus/pci-bridge.h"
#include "vmm/io/io.h"
#include "vmm/mem/dma.h"
#include "vmm/mem/guest-mem.h"

#define FIRST_CAP     0x40
#define REGISTER_PAGE 4096u

/* In the dword of command and status */
#define STATUS_INTERRUPT_BIT ((guint32) PCI_STATUS_INTERRUPT << 16)

/* Detected parity, signalled and received aborts, master parity error */
#define STATUS_W1C 0xf900u
#define COMMAND_WMASK                                                          \
    (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | 0x0100 |       \
     PCI_COMMAND_INTX_DISABLE)

/* clang-format off */
static const StateField pci_fields[] = {
    STATE_BLOB(PciState, config),
    STATE_FIELD(PciState, intx_level, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

static bool
pci_state_check(const void *state, GError **error)
{
    const PciState *s = state;

    if (s->intx_level > 1) {
        g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                    "pci: intx_level is %u, allowed are 0 and 1",
                    s->intx_level);
        return false;
    }
    return true;
}

const StateDesc pci_state_desc = {
    .name = "pci",
    .version = 1,
    .min_version = 1,
    .size = sizeof(PciState),
    .fields = pci_fields,
    .check = pci_state_check,
};

void
pci_put16(guint8 *bytes, unsigned offset, guint16 value)
{
    bytes[offset] = (guint8) value;
    bytes[offset + 1] = (guint8) (value >> 8);
}

void
pci_put32(guint8 *bytes, unsigned offset, guint32 value)
{
    pci_put16(bytes, offset, (guint16) value);
    pci_put16(bytes, offset + 2, (guint16) (value >> 16));
}

guint16
pci_get16(const guint8 *bytes, unsigned offset)
{
    return (guint16) (bytes[offset] | bytes[offset + 1] << 8);
}

guint32
pci_get32(const guint8 *bytes, unsigned offset)
{
    return pci_get16(bytes, offset) | (guint32) pci_get16(bytes, offset + 2)
                                          << 16;
}

/* A function's pin reaches the inputs rotated by its slot, so that the INTA#
 * of neighbours do not all share one line; slot 1 pin A is PIRQA. */
static unsigned
rotate_irq(unsigned slot, unsigned pin)
{
    return (pin + slot + 3) & 3;
}

/* Behind a bridge it is one of the bridge's pins, rotated likewise: PCI-to-PCI
 * Bridge Architecture 1.2, section 9.1. */
static unsigned
pirq_of(const PciDevice *pdev)
{
    unsigned pin = (pdev->ids->interrupt_pin + 3u) & 3;

    for (; pdev->bus->bridge != NULL; pdev = pdev->bus->bridge)
        pin = (pin + (pdev->devfn >> 3)) & 3;
    return pdev->bus->map_irq(pdev->devfn >> 3, pin);
}

static void
intx_update_locked(PciFunction *f)
{
    PciDevice *pdev = f->pdev;
    PciBus *root = pdev->bus->root;
    bool want = pdev->state->intx_level != 0 && !f->disabled && !f->direct &&
                !pdev->bus->closed && pdev->ids->interrupt_pin != 0;
    unsigned pirq = pirq_of(pdev);

    if (want == f->driven)
        return;
    f->driven = want;
    root->asserted[pirq] += want ? 1u : -1u;
    if (root->asserted[pirq] == (want ? 1u : 0u) && root->set_irq != NULL)
        root->set_irq(root->set_irq_data, pirq, want);
}

static void
intx_sync(PciDevice *pdev)
{
    PciBus *bus = pdev->bus;
    PciFunction *f = &bus->functions[pdev->devfn];

    g_mutex_lock(&bus->root->intx_lock);
    f->disabled = (pci_get16(pdev->state->config, PCI_COMMAND) &
                   PCI_COMMAND_INTX_DISABLE) != 0;
    intx_update_locked(f);
    g_mutex_unlock(&bus->root->intx_lock);
}

/* Command and status; the status bit shows the request even while the pin is
 * disabled. INTx lock held. */
static guint32
command_and_status(const PciDevice *pdev)
{
    guint32 word = pci_get32(pdev->state->config, PCI_COMMAND);

    word &= ~STATUS_INTERRUPT_BIT;
    if (pdev->state->intx_level != 0)
        word |= STATUS_INTERRUPT_BIT;
    return word;
}

void
pci_set_intx(PciDevice *pdev, bool level)
{
    PciBus *bus = pdev->bus;

    g_mutex_lock(&bus->root->intx_lock);
    pdev->state->intx_level = level;
    intx_update_locked(&bus->functions[pdev->devfn]);
    if (bus->pages != NULL)
        pci_pages_put_bit(bus->pages, pdev->devfn, PCI_COMMAND,
                          STATUS_INTERRUPT_BIT, level);
    g_mutex_unlock(&bus->root->intx_lock);
}

int
pci_intx_pin(PciDevice *pdev)
{
    PciBus *bus = pdev->bus, *root = bus->root;
    int pin = PCI_INTX_UNTOLD;

    g_mutex_lock(&root->intx_lock);
    if (root->route_irq != NULL &&
        (bus->functions[pdev->devfn].disabled || pdev->ids->interrupt_pin == 0))
        pin = PCI_INTX_NOWHERE;
    else if (root->route_irq != NULL)
        pin = root->route_irq(root->set_irq_data, pirq_of(pdev));
    g_mutex_unlock(&root->intx_lock);
    return pin;
}

void
pci_set_intx_direct(PciDevice *pdev, bool direct)
{
    PciBus *bus = pdev->bus;
    PciFunction *f = &bus->functions[pdev->devfn];

    g_mutex_lock(&bus->root->intx_lock);
    f->direct = direct;
    intx_update_locked(f);
    g_mutex_unlock(&bus->root->intx_lock);
}

/* Whatever changed the registers ends with this. Config lock held. */
static void
pages_sync(PciDevice *pdev)
{
    PciPages *pages = pdev->bus->pages;

    if (pages == NULL)
        return;
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i += 4)
        if (i != PCI_COMMAND)
            pci_pages_put(pages, pdev->devfn, i,
                          pci_get32(pdev->state->config, i));
    g_mutex_lock(&pdev->bus->root->intx_lock);
    pci_pages_put(pages, pdev->devfn, PCI_COMMAND, command_and_status(pdev));
    g_mutex_unlock(&pdev->bus->root->intx_lock);
    pci_pages_set_live(pages, pdev->devfn,
                       pdev->config_is_live != NULL &&
                           pdev->config_is_live(pdev));
}

bool
pci_bus_show_config(PciBus *bus, Gpa base, GError **error)
{
    if (bus->pages == NULL)
        bus->pages = pci_pages_new(bus->env->mem, base, error);
    return bus->pages != NULL;
}

PciBus *
pci_bus_new(DeviceEnv *env)
{
    PciBus *bus = g_new0(PciBus, 1);

    bus->env = env;
    bus->root = bus;
    bus->n_pirqs = 4;
    bus->map_irq = rotate_irq;
    g_mutex_init(&bus->config_lock);
    g_mutex_init(&bus->intx_lock);
    return bus;
}

PciBus *
pci_bus_new_behind(PciDevice *bridge)
{
    PciBus *root = bridge->bus->root;
    PciBus *bus = pci_bus_new(bridge->bus->env);

    bus->root = root;
    bus->bridge = bridge;
    g_mutex_lock(&root->config_lock);
    bus->next = root->next;
    root->next = bus;
    g_mutex_unlock(&root->config_lock);
    return bus;
}

static void
leave_root(PciBus *bus)
{
    PciBus **link = &bus->root->next;

    g_mutex_lock(&bus->root->config_lock);
    while (*link != bus)
        link = &(*link)->next;
    *link = bus->next;
    g_mutex_unlock(&bus->root->config_lock);
}

PciDevice *
pci_bus_bridge(const PciBus *bus)
{
    return bus->bridge;
}

PciBus *
pci_bus_numbered(PciBus *root, guint8 number)
{
    if (number == 0)
        return root;
    for (PciBus *bus = root->next; bus != NULL; bus = bus->next)
        if (pci_bridge_number(bus->bridge) == number)
            return bus->closed ? NULL : bus;
    return NULL;
}

void
pci_bus_free(PciBus *bus)
{
    if (bus == NULL)
        return;
    for (unsigned i = 0; i < G_N_ELEMENTS(bus->functions); i++)
        g_warn_if_fail(bus->functions[i].pdev == NULL);
    if (bus->root != bus)
        leave_root(bus);
    g_warn_if_fail(bus->root != bus || bus->next == NULL);
    pci_pages_free(bus->pages);
    g_mutex_clear(&bus->config_lock);
    g_mutex_clear(&bus->intx_lock);
    g_free(bus);
}

void
pci_bus_set_irq_router(PciBus *bus, PciSetIrq set_irq, void *data)
{
    g_mutex_lock(&bus->root->intx_lock);
    bus->set_irq = set_irq;
    bus->set_irq_data = data;
    bus->route_irq = NULL;
    g_mutex_unlock(&bus->root->intx_lock);
}

void
pci_bus_set_irq_route(PciBus *bus, PciRouteIrq route)
{
    g_mutex_lock(&bus->root->intx_lock);
    bus->route_irq = route;
    g_mutex_unlock(&bus->root->intx_lock);
}

void
pci_bus_set_irq_map(PciBus *bus, unsigned n_pirqs, PciMapIrq map)
{
    g_assert(n_pirqs <= PCI_MAX_PIRQS);
    bus->n_pirqs = n_pirqs;
    bus->map_irq = map != NULL ? map : rotate_irq;
}

static void
tell_moved(const PciBus *bus)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bus->functions); i++) {
        PciDevice *pdev = bus->functions[i].pdev;
        if (pdev != NULL && pdev->intx_moved != NULL)
            pdev->intx_moved(pdev);
    }
}

void
pci_bus_refresh_irqs(PciBus *root)
{
    g_mutex_lock(&root->intx_lock);
    for (unsigned pirq = 0; pirq < root->n_pirqs && root->set_irq != NULL;
         pirq++)
        root->set_irq(root->set_irq_data, pirq, root->asserted[pirq] != 0);
    g_mutex_unlock(&root->intx_lock);
    for (PciBus *bus = root; bus != NULL; bus = bus->next)
        tell_moved(bus);
}

GMutex *
pci_bus_config_lock(PciBus *bus)
{
    return &bus->root->config_lock;
}

PciDevice *
pci_bus_find(PciBus *bus, guint8 devfn)
{
    return bus->functions[devfn].pdev;
}

/* The function's own bit, and those of all bridges on the way to memory. */
static bool
is_master(const PciDevice *pdev)
{
    bool master = true;

    for (; pdev != NULL; pdev = pdev->bus->bridge)
        master = master && !pdev->bus->closed &&
                 (pci_get16(pdev->state->config, PCI_COMMAND) &
                  PCI_COMMAND_MASTER) != 0;
    return master;
}

static void
config_changed(PciDevice *pdev)
{
    PciBus *root = pdev->bus->root;

    dma_set_enabled(pdev->dma, is_master(pdev));
    intx_sync(pdev);
    if (pci_bars_update(pdev) && root->conflicts)
        pci_bars_retry(root);
}

void
pci_bus_set_closed(PciBus *bus, bool closed)
{
    if (closed == bus->closed)
        return;
    g_mutex_lock(&bus->root->intx_lock);
    bus->closed = closed;
    g_mutex_unlock(&bus->root->intx_lock);
    pci_bus_passes_changed(bus);
}

void
pci_bus_passes_changed(PciBus *bus)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bus->functions); i++)
        if (bus->functions[i].pdev != NULL)
            config_changed(bus->functions[i].pdev);
}

static bool
is_extended(const PciDevice *pdev, unsigned offset, unsigned size)
{
    return pdev != NULL && pdev->extended_read != NULL &&
           offset >= PCI_CONFIG_SIZE && size <= 4 &&
           offset + size <= PCI_EXTENDED_SIZE;
}

guint32
pci_bus_config_read(PciBus *bus, guint8 devfn, unsigned offset, unsigned size)
{
    PciDevice *pdev = bus->functions[devfn].pdev;
    guint32 value = 0;

    if (is_extended(pdev, offset, size))
        return pdev->extended_read(pdev, offset, size);
    if (pdev == NULL || size > 4 || offset + size > PCI_CONFIG_SIZE)
        return (guint32) (G_MAXUINT64 >> (64 - 8 * MIN(size, 4)));
    if (pdev->config_reading != NULL)
        pdev->config_reading(pdev, offset, size);
    for (unsigned i = 0; i < size; i++) {
        guint8 byte = pdev->state->config[offset + i];
        if (offset + i == PCI_STATUS) {
            g_mutex_lock(&bus->root->intx_lock);
            byte = (guint8) (command_and_status(pdev) >> 16);
            g_mutex_unlock(&bus->root->intx_lock);
        }
        value |= (guint32) byte << (8 * i);
    }
    return value;
}

void
pci_bus_config_write(PciBus *bus, guint8 devfn, unsigned offset, guint32 value,
                     unsigned size)
{
    PciDevice *pdev = bus->functions[devfn].pdev;
    guint8 old[4];

    if (is_extended(pdev, offset, size)) {
        pdev->extended_write(pdev, offset, value, size);
        return;
    }
    if (pdev == NULL || size > 4 || offset + size > PCI_CONFIG_SIZE)
        return;
    memcpy(old, pdev->state->config + offset, size);
    for (unsigned i = 0; i < size; i++) {
        guint8 *byte = &pdev->state->config[offset + i];
        guint8 mask = pdev->wmask[offset + i];
        guint8 in = (guint8) (value >> (8 * i));
        *byte = (guint8) ((*byte & ~mask) | (in & mask));
        *byte &= (guint8) ~(in & pdev->w1cmask[offset + i]);
    }
    if (offset < PCI_BAR0 + 4 * PCI_NUM_BARS ||
        (offset < PCI_ROM_ADDRESS + 4 && offset + size > PCI_ROM_ADDRESS))
        config_changed(pdev);
    if (pdev->config_written != NULL)
        pdev->config_written(pdev, offset, size, old);
    pages_sync(pdev);
}

static void
fill_standard_config(PciDevice *pdev, const PciIds *ids)
{
    guint8 *c = pdev->initial;

    memset(c, 0, PCI_CONFIG_SIZE);
    memset(pdev->wmask, 0, PCI_CONFIG_SIZE);
    memset(pdev->w1cmask, 0, PCI_CONFIG_SIZE);
    pci_put16(c, PCI_VENDOR_ID, ids->vendor);
    pci_put16(c, PCI_DEVICE_ID, ids->device);
    c[PCI_REVISION_ID] = ids->revision;
    c[PCI_CLASS_PROG] = ids->prog_if;
    pci_put16(c, PCI_CLASS_DEVICE, ids->class_device);
    c[PCI_HEADER_TYPE] = ids->multifunction ? PCI_HEADER_MULTI : 0;
    pci_put16(c, PCI_SUBSYSTEM_VENDOR_ID, ids->subsystem_vendor);
    pci_put16(c, PCI_SUBSYSTEM_ID, ids->subsystem);
    c[PCI_INTERRUPT_PIN] = ids->interrupt_pin;
    pci_put16(pdev->wmask, PCI_COMMAND, COMMAND_WMASK);
    pci_put16(pdev->w1cmask, PCI_STATUS, STATUS_W1C);
    pdev->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
    pdev->wmask[PCI_LATENCY_TIMER] = 0xff;
    pdev->wmask[PCI_INTERRUPT_LINE] = 0xff;
}

bool
pci_device_realize(PciDevice *pdev, DeviceEnv *env, const PciIds *ids,
                   PciState *state, GError **error)
{
    PciBus *bus = pdev->bus;
    PciFunction *f = &bus->functions[pdev->devfn & 0xff];

    if (f->pdev != NULL) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: PCI address %02x.%x is taken by %s; choose another "
                    "slot",
                    pdev->dev.id, pdev->devfn >> 3, pdev->devfn & 7,
                    f->pdev->dev.id);
        return false;
    }
    pdev->ids = ids;
    pdev->state = state;
    pdev->cap_end = FIRST_CAP;
    pdev->config_written = NULL;
    pdev->config_reading = NULL;
    pdev->config_is_live = NULL;
    pdev->bar_moved = NULL;
    pdev->intx_moved = NULL;
    pdev->extended_read = NULL;
    pdev->extended_write = NULL;
    pci_bars_init(pdev);
    fill_standard_config(pdev, ids);
    pdev->dma = dma_new(env->mem);
    dma_set_enabled(pdev->dma, false);
    g_mutex_lock(pci_bus_config_lock(bus));
    f->disabled = false;
    f->driven = false;
    f->direct = false;
    f->pdev = pdev;
    g_mutex_unlock(pci_bus_config_lock(bus));
    return true;
}

void
pci_device_unrealize(PciDevice *pdev)
{
    PciBus *bus = pdev->bus;

    if (bus == NULL || bus->functions[pdev->devfn & 0xff].pdev != pdev)
        return; /* never got onto the bus */
    g_mutex_lock(pci_bus_config_lock(bus));
    pci_bars_unmap(pdev);
    pci_set_intx(pdev, false);
    if (bus->pages != NULL)
        pci_pages_clear(bus->pages, pdev->devfn);
    bus->functions[pdev->devfn].pdev = NULL;
    if (bus->root->conflicts)
        pci_bars_retry(bus->root);
    g_mutex_unlock(pci_bus_config_lock(bus));
    dma_free(pdev->dma);
    pdev->dma = NULL;
    g_clear_pointer(&pdev->bars[PCI_ROM].region, io_region_free);
    g_clear_pointer(&pdev->rom, g_bytes_unref);
}

void
pci_device_reset(PciDevice *pdev)
{
    g_mutex_lock(pci_bus_config_lock(pdev->bus));
    memcpy(pdev->state->config, pdev->initial, PCI_CONFIG_SIZE);
    pci_set_intx(pdev, false);
    config_changed(pdev);
    pages_sync(pdev);
    g_mutex_unlock(pci_bus_config_lock(pdev->bus));
}

void
pci_device_restored(PciDevice *pdev)
{
    g_mutex_lock(pci_bus_config_lock(pdev->bus));
    config_changed(pdev);
    pages_sync(pdev);
    g_mutex_unlock(pci_bus_config_lock(pdev->bus));
}

MemSlot *
pci_new_register_page(PciDevice *pdev, void **ret_bytes, GError **error)
{
    PciBus *bus = pdev->bus;
    guint64 at = pdev->devfn * (guint64) REGISTER_PAGE;

    g_mutex_lock(pci_bus_config_lock(bus));
    if (bus->register_pages == NULL) {
        bus->register_pages = mem_backing_new_private(
            bus->env->mem, "pci-registers",
            G_N_ELEMENTS(bus->functions) * REGISTER_PAGE, error);
        if (bus->register_pages != NULL)
            mem_backing_set_cpus_only(bus->register_pages);
    }
    g_mutex_unlock(pci_bus_config_lock(bus));
    if (bus->register_pages == NULL)
        return NULL;
    *ret_bytes = (guint8 *) mem_backing_host(bus->register_pages) + at;
    return mem_slot_new(bus->env->mem, "pci-registers", bus->register_pages, at,
                        REGISTER_PAGE);
}

unsigned
pci_add_capability(PciDevice *pdev, guint8 id, unsigned len)
{
    unsigned offset = pdev->cap_end;

    g_assert(len >= 2 && offset + len <= PCI_CONFIG_SIZE);
    pdev->initial[offset] = id;
    pdev->initial[offset + 1] = pdev->initial[PCI_CAPABILITY_LIST];
    pdev->initial[PCI_CAPABILITY_LIST] = (guint8) offset;
    pdev->initial[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    pdev->cap_end = (offset + len + 3) & ~3u; /* dword aligned, PCI 2.3 6.7 */
    return offset;
}
