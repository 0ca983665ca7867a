/* share/bench-guest/pci.c - see pci.h. No firmware has placed anything: BARs
 * get addresses when they are asked for. */
#include "share/bench-guest/pci.h"

#include "share/bench-guest/irq.h"

#define ADDRESS     0xcf8
#define DATA        0xcfc
#define ECAM        0xe0000000u
#define BARS_AT     0xc0000000u
#define COMMAND     0x04u
#define CMD_ALL     0x07u
#define BAR0        0x10u
#define CAPS        0x34u
#define CAP_MSIX    0x11u
#define MSIX_ENABLE 0x80000000u
#define N_FUNCTIONS 256u

static bool by_ports;
static u32 next_bar = BARS_AT;

void
pci_init(bool ports)
{
    by_ports = ports;
}

u32
pci_read(PciDev dev, u32 offset)
{
    if (!by_ports)
        return REG32(ECAM + (dev.function << 12) + offset);
    outl(ADDRESS, 0x80000000u | (dev.function << 8) | offset);
    return inl(DATA);
}

void
pci_write(PciDev dev, u32 offset, u32 value)
{
    if (!by_ports) {
        REG32(ECAM + (dev.function << 12) + offset) = value;
        return;
    }
    outl(ADDRESS, 0x80000000u | (dev.function << 8) | offset);
    outl(DATA, value);
}

u32
pci_read16(PciDev dev, u32 offset)
{
    return (pci_read(dev, offset & ~3u) >> ((offset & 2) * 8)) & 0xffff;
}

u32
pci_read8(PciDev dev, u32 offset)
{
    return (pci_read(dev, offset & ~3u) >> ((offset & 3) * 8)) & 0xff;
}

bool
pci_find(u32 vendor, u32 device, u32 nth, PciDev *ret_dev)
{
    for (u32 f = 0; f < N_FUNCTIONS; f++) {
        PciDev dev = {f};
        if (pci_read(dev, 0) != (device << 16 | vendor) || nth-- > 0)
            continue;
        *ret_dev = dev;
        return true;
    }
    return false;
}

u32
pci_capability(PciDev dev, u32 id, u32 from)
{
    u32 at = pci_read8(dev, from == 0 ? CAPS : from + 1);

    for (u32 i = 0; at != 0 && i < 48; i++) {
        if (pci_read8(dev, at) == id)
            return at;
        at = pci_read8(dev, at + 1);
    }
    return 0;
}

u32
pci_bar(PciDev dev, u32 bar)
{
    u32 offset = BAR0 + 4 * bar, value = pci_read(dev, offset);
    bool wide = (value & 6) == 4;

    if ((value & ~15u) != 0)
        return value & ~15u;
    pci_write(dev, offset, ~0u);
    u32 size = -(pci_read(dev, offset) & ~15u);
    next_bar = (next_bar + size - 1) & -size;
    pci_write(dev, offset, next_bar);
    if (wide)
        pci_write(dev, offset + 4, 0);
    next_bar += size;
    return next_bar - size;
}

void
pci_enable(PciDev dev)
{
    pci_write(dev, COMMAND, pci_read16(dev, COMMAND) | CMD_ALL);
}

bool
pci_msix_route(PciDev dev, u32 n, u32 vector)
{
    u32 cap = pci_capability(dev, CAP_MSIX, 0);

    if (cap == 0)
        return false;
    u32 where = pci_read(dev, cap + 4);
    u32 entry = pci_bar(dev, where & 7) + (where & ~7u) + n * 16;
    REG32(entry) = IRQ_MSI_ADDR;
    REG32(entry + 4) = 0;
    REG32(entry + 8) = vector;
    REG32(entry + 12) = 0;
    pci_write(dev, cap, pci_read(dev, cap) | MSIX_ENABLE);
    return true;
}
