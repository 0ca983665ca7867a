/* devices/bus/pci-bar.c - base address registers: where a function's regions are
 * in the machine's address spaces.
 *
 * PCI Local Bus Specification 2.3, 6.2.5. */
#include "devices/bus/pci-internal.h"

#include <string.h>

#include "devices/bus/pci-bridge.h"
#include "vmm/io/io.h"
#include "vmm/mem/guest-mem.h"

/* BARs lose against what a machine maps at fixed addresses (priority 0), so a
 * guest cannot hide a chip-set register behind a card. */
#define BAR_PRIORITY (-1)
#define NOT_MAPPED   G_MAXUINT64
#define BAR_IO       0x1u
#define BAR_MEM64    0x4u
#define BAR_PREFETCH 0x8u
#define IO_LIMIT     0x10000u
#define PHYS_LIMIT   (G_GUINT64_CONSTANT(1) << 52)

static guint64
mem_bar_wanted(const PciDevice *pdev, const PciBar *bar, unsigned reg)
{
    const guint8 *config = pdev->state->config;
    guint32 low = pci_get32(config, reg) & ~0xfu; /* a ROM has more of them */
    guint64 addr = low;
    guint64 limit = G_MAXUINT32;

    /* All address bits one is the size probe, not a place. */
    if (low != 0 && low == (pci_get32(pdev->wmask, reg) & ~0xfu))
        return NOT_MAPPED;
    if (bar->type == PCI_BAR_MEM64) {
        addr |= (guint64) pci_get32(config, reg + 4) << 32;
        limit = PHYS_LIMIT;
    }
    if (addr == 0 || addr >= limit || bar->size > limit - addr)
        return NOT_MAPPED;
    return addr;
}

static unsigned
bar_reg(unsigned index)
{
    return index == PCI_ROM ? PCI_ROM_ADDRESS : PCI_BAR0 + 4 * index;
}

/* Where its registers say; NOT_MAPPED: nowhere. */
static guint64
bar_told(const PciDevice *pdev, unsigned index)
{
    const PciBar *bar = &pdev->bars[index];
    guint16 command = pci_get16(pdev->state->config, PCI_COMMAND);
    unsigned reg = bar_reg(index);

    if (bar->type == PCI_BAR_NONE)
        return NOT_MAPPED;
    if (bar->type == PCI_BAR_IO) {
        guint32 addr = pci_get32(pdev->state->config, reg) & ~3u;
        if ((command & PCI_COMMAND_IO) == 0 || addr == 0 || addr >= IO_LIMIT ||
            bar->size > IO_LIMIT - addr)
            return NOT_MAPPED;
        return addr;
    }
    if ((command & PCI_COMMAND_MEMORY) == 0)
        return NOT_MAPPED;
    if (bar->type == PCI_BAR_ROM &&
        (pdev->state->config[reg] & PCI_ROM_ENABLE) == 0)
        return NOT_MAPPED;
    return mem_bar_wanted(pdev, bar, reg);
}

/* Where the guest wants the BAR now: the same where all bridges on the way
 * there pass it on. */
static guint64
bar_wanted(const PciDevice *pdev, unsigned index)
{
    const PciBar *bar = &pdev->bars[index];
    guint64 addr = bar_told(pdev, index);

    for (const PciBus *bus = pdev->bus;
         bus->bridge != NULL && addr != NOT_MAPPED; bus = bus->bridge->bus)
        if (bus->closed ||
            !pci_bridge_passes(bus->bridge, bar->type == PCI_BAR_IO, addr,
                               bar->size))
            addr = NOT_MAPPED;
    return addr;
}

static void
bar_unmap(PciDevice *pdev, PciBar *bar)
{
    DeviceEnv *env = pdev->bus->env;

    if (bar->mapped_at == NOT_MAPPED)
        return;
    if (bar->slot != NULL)
        mem_slot_unmap(bar->slot);
    if (bar->region != NULL)
        io_unmap(bar->type == PCI_BAR_IO ? env->ports : env->mmio, bar->region);
    bar->mapped_at = NOT_MAPPED;
    if (pdev->bar_moved != NULL)
        pdev->bar_moved(pdev, (unsigned) (bar - pdev->bars));
}

static int
bar_map(PciDevice *pdev, PciBar *bar, guint64 addr)
{
    DeviceEnv *env = pdev->bus->env;
    IoSpace *space = bar->type == PCI_BAR_IO ? env->ports : env->mmio;
    int ret;

    if (bar->region != NULL) {
        ret = io_map(space, bar->region, addr, BAR_PRIORITY);
        if (ret < 0)
            return ret;
    }
    if (bar->slot != NULL) {
        ret = mem_slot_map(bar->slot, addr, bar->read_only ? MEM_RO : MEM_RW);
        if (ret < 0 && !bar->read_only) {
            if (bar->region != NULL)
                io_unmap(space, bar->region);
            return ret;
        }
    }
    bar->mapped_at = addr;
    if (pdev->bar_moved != NULL)
        pdev->bar_moved(pdev, (unsigned) (bar - pdev->bars));
    return 0;
}

bool
pci_bars_update(PciDevice *pdev)
{
    bool freed = false;

    for (unsigned i = 0; i <= PCI_ROM; i++) {
        PciBar *bar = &pdev->bars[i];
        if (bar->mapped_at != NOT_MAPPED &&
            bar_wanted(pdev, i) != bar->mapped_at) {
            bar_unmap(pdev, bar);
            freed = true;
        }
    }
    for (unsigned i = 0; i <= PCI_ROM; i++) {
        PciBar *bar = &pdev->bars[i];
        guint64 want = bar_wanted(pdev, i);
        int ret;
        if (want == bar->mapped_at)
            continue;
        ret = bar_map(pdev, bar, want);
        if (ret < 0) {
            pdev->bus->root->conflicts = true;
            device_guest_error(
                &pdev->dev, "BAR %u cannot be at 0x%" G_GINT64_MODIFIER "x: %s",
                i, want, g_strerror(-ret));
        }
    }
    return freed;
}

void
pci_bars_retry(PciBus *root)
{
    root->conflicts = false;
    for (PciBus *bus = root; bus != NULL; bus = bus->next)
        for (unsigned i = 0; i < G_N_ELEMENTS(bus->functions); i++)
            if (bus->functions[i].pdev != NULL)
                (void) pci_bars_update(bus->functions[i].pdev);
}

void
pci_bars_unmap(PciDevice *pdev)
{
    for (unsigned i = 0; i <= PCI_ROM; i++)
        bar_unmap(pdev, &pdev->bars[i]);
}

void
pci_bars_init(PciDevice *pdev)
{
    memset(pdev->bars, 0, sizeof pdev->bars);
    for (unsigned i = 0; i < G_N_ELEMENTS(pdev->bars); i++)
        pdev->bars[i].mapped_at = NOT_MAPPED;
}

void
pci_add_bar(PciDevice *pdev, unsigned index, PciBarType type, bool prefetch,
            guint64 size, IoRegion *region, MemSlot *slot)
{
    unsigned reg = PCI_BAR0 + 4 * index;
    guint64 mask = ~(size - 1);
    guint32 bits = prefetch ? BAR_PREFETCH : 0;

    g_assert(index + (type == PCI_BAR_MEM64 ? 1 : 0) < PCI_NUM_BARS);
    g_assert(size >= (type == PCI_BAR_IO ? 4 : 16) && (size & (size - 1)) == 0);
    pdev->bars[index] = (PciBar){.type = type,
                                 .prefetch = prefetch,
                                 .size = size,
                                 .region = region,
                                 .slot = slot,
                                 .mapped_at = NOT_MAPPED};
    if (type == PCI_BAR_IO)
        bits = BAR_IO;
    else if (type == PCI_BAR_MEM64)
        bits |= BAR_MEM64;
    pci_put32(pdev->initial, reg, bits);
    /* An I/O BAR, too, answers the probe in all 32 bits: firmware computes
     * the size from the whole register. */
    pci_put32(pdev->wmask, reg, (guint32) mask);
    if (type == PCI_BAR_MEM64)
        pci_put32(pdev->wmask, reg + 4, (guint32) (mask >> 32));
}
