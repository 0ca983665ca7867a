/* devices/vfio/vfio-quirks.c - cards that show their configuration space a second
 * time, among their registers.
 *
 * Their drivers and ROMs read BARs and the MSI capability there. What is there
 * is the host's: addresses that mean nothing to the guest, and an MSI that is
 * not the guest's. So those bytes exit, and the guest gets its own registers. A
 * row a place, each with its reason.
 *
 * Where the places are is not in data sheets; the rows are what is publicly
 * known of the cards. */
#include "devices/vfio/vfio-internal.h"

#define NVIDIA   0x10deu
#define AMD      0x1002u
#define DISPLAY  0x03u
#define MIRROR   PCI_CONFIG_SIZE /* bytes; what follows is the device's own */
#define ANY_SIZE G_MAXUINT64

struct VfioQuirk {
    guint16 vendor;
    guint8 class; /* base class */
    guint8 bar;
    bool io;          /* the BAR is of ports */
    guint64 max_size; /* of the BAR */
    guint32 at;       /* of configuration space in the registers */
    /* Ports only: where a register's number is written, and its value read. */
    guint8 index, data;
    const char *reason;
};

/* clang-format off */
static const struct VfioQuirk quirks[] = {
    { NVIDIA, DISPLAY, 0, false, ANY_SIZE, 0x88000, 0, 0,
      "GeForce 8 and later: the driver reads its BARs there, and re-arms MSI behind it" },
    { NVIDIA, DISPLAY, 0, false, ANY_SIZE, 0x1800, 0, 0,
      "up to GeForce 7, and ROMs of later cards: the same place in older chips" },
    { NVIDIA, DISPLAY, 5, true, ANY_SIZE, 0x88000, 0x08, 0x0c,
      "its ROM reads registers by number, and so its BARs" },
    { NVIDIA, DISPLAY, 5, true, ANY_SIZE, 0x1800, 0x08, 0x0c,
      "the same for the older place" },
    /* with the doorbells of later cards the BAR is of 2 MiB and more */
    { AMD, DISPLAY, 2, false, 256 * 1024, 0x4000, 0, 0,
      "Radeon HD 2000 to 6000: registers are in BAR 2, and the driver reads its BARs there" },
    { AMD, DISPLAY, 4, true, ANY_SIZE, 0x4000, 0x00, 0x04,
      "its ROM reads registers by number, and so the ports of BAR 4" },
};
/* clang-format on */

static bool
is_for(const VfioQuirk *q, const VfioPci *d, const guint8 *config)
{
    guint64 size = d->host->regions[q->bar].size;
    bool io = (pci_get32(config, PCI_BAR0 + 4u * q->bar) & 1) != 0;
    guint64 need = q->io ? q->data + 4u : (guint64) q->at + MIRROR;

    return q->vendor == d->ids.vendor && q->class == d->ids.class_device >> 8 &&
           q->io == io && size >= need && size <= q->max_size;
}

void
vfio_quirks_realize(VfioPci *d, const guint8 *config)
{
    DeviceEnv *env = d->pci.dev.env;

    d->n_quirks = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(quirks); i++) {
        if (!is_for(&quirks[i], d, config) || d->n_quirks == VFIO_MAX_QUIRKS)
            continue;
        d->quirks[d->n_quirks++] = &quirks[i];
        g_autofree char *line = g_strdup_printf(
            "%s: configuration space shows in BAR %u as well, where the guest "
            "gets its own (%s)",
            d->host->address, quirks[i].bar, quirks[i].reason);
        env->log(env, d->pci.dev.id, line);
    }
}

bool
vfio_quirk_hole(const VfioPci *d, unsigned i, unsigned bar, guint64 *ret_at,
                guint64 *ret_len)
{
    const VfioQuirk *q = d->quirks[i];

    *ret_at = q->at;
    *ret_len = MIRROR;
    return !q->io && q->bar == bar;
}

/* The register of configuration space that an access reaches; -1: none. */
static int
register_of(VfioPci *d, unsigned bar, guint64 offset, unsigned size)
{
    for (unsigned i = 0; i < d->n_quirks; i++) {
        const VfioQuirk *q = d->quirks[i];
        guint64 at = offset;
        if (q->bar != bar)
            continue;
        if (q->io && (offset < q->data || offset + size > q->data + 4u))
            continue;
        if (q->io)
            at = __atomic_load_n(&d->quirk_index, __ATOMIC_RELAXED) +
                 (offset - q->data);
        if (at >= q->at && at + size <= (guint64) q->at + MIRROR)
            return (int) (at - q->at);
    }
    return -1;
}

bool
vfio_quirk_read(VfioPci *d, unsigned bar, guint64 offset, unsigned size,
                guint64 *ret)
{
    int reg = register_of(d, bar, offset, size);
    PciBus *bus = d->pci.bus;

    if (reg < 0)
        return false;
    *ret = 0;
    g_mutex_lock(pci_bus_config_lock(bus));
    for (unsigned i = 0; i < size; i += 4) {
        guint64 part = pci_bus_config_read(bus, (guint8) d->pci.devfn,
                                           (unsigned) reg + i, MIN(size, 4));
        *ret |= part << (8 * i);
    }
    g_mutex_unlock(pci_bus_config_lock(bus));
    return true;
}

bool
vfio_quirk_write(VfioPci *d, unsigned bar, guint64 offset, guint64 value,
                 unsigned size)
{
    int reg = register_of(d, bar, offset, size);
    PciBus *bus = d->pci.bus;

    for (unsigned i = 0; i < d->n_quirks && size == 4; i++)
        if (d->quirks[i]->io && d->quirks[i]->bar == bar &&
            d->quirks[i]->index == offset)
            __atomic_store_n(&d->quirk_index, (guint32) value,
                             __ATOMIC_RELAXED);
    if (reg < 0)
        return false;
    g_mutex_lock(pci_bus_config_lock(bus));
    for (unsigned i = 0; i < size; i += 4)
        pci_bus_config_write(bus, (guint8) d->pci.devfn, (unsigned) reg + i,
                             (guint32) (value >> (8 * i)), MIN(size, 4));
    g_mutex_unlock(pci_bus_config_lock(bus));
    return true;
}
