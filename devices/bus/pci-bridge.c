/* devices/bus/pci-bridge.c - see pci-bridge.h.
 *
 * Left out: 32-bit ports (a PC has 64 Ki), VGA and ISA enable (the VGA is on bus
 * 0), and a secondary reset that reaches into the functions: it takes their
 * addresses away, and a guest that wants more resets the function. */
#include "devices/bus/pci-bridge.h"

#define IO_WINDOW_MASK     0xf0u
#define IO_WINDOW_LOW      0xfffu /* windows are in steps of 4 KiB */
#define MEMORY_WINDOW_MASK 0xfff0u
#define MEMORY_WINDOW_LOW  0xfffffu /* of 1 MiB */
#define PREFETCH_64        0x0001u

typedef struct {
    guint64 first, last; /* first > last: closed */
} Window;

void
pci_bridge_fill_config(PciDevice *bridge)
{
    guint8 *c = bridge->initial, *w = bridge->wmask;

    c[PCI_HEADER_TYPE] =
        (guint8) ((c[PCI_HEADER_TYPE] & PCI_HEADER_MULTI) | PCI_HEADER_BRIDGE);
    pci_put32(c, PCI_SUBSYSTEM_VENDOR_ID, 0); /* a window's upper half here */
    w[PCI_PRIMARY_BUS] = w[PCI_SECONDARY_BUS] = w[PCI_SUBORDINATE_BUS] = 0xff;
    w[PCI_IO_BASE] = w[PCI_IO_LIMIT] = IO_WINDOW_MASK;
    for (unsigned reg = PCI_MEMORY_BASE; reg <= PCI_PREFETCH_LIMIT; reg += 2)
        pci_put16(w, reg, MEMORY_WINDOW_MASK);
    pci_put16(c, PCI_PREFETCH_BASE, PREFETCH_64);
    pci_put16(c, PCI_PREFETCH_LIMIT, PREFETCH_64);
    pci_put32(w, PCI_PREFETCH_BASE_HIGH, G_MAXUINT32);
    pci_put32(w, PCI_PREFETCH_LIMIT_HIGH, G_MAXUINT32);
    /* parity and SERR# enable, reset; VGA and ISA enable read as zero */
    pci_put16(w, PCI_BRIDGE_CONTROL, 0x0003 | PCI_BRIDGE_CTL_RESET);
    pci_put16(bridge->w1cmask, 0x1e, 0xf900); /* secondary status */
}

guint8
pci_bridge_number(const PciDevice *bridge)
{
    return bridge->state->config[PCI_SECONDARY_BUS];
}

static Window
io_window(const guint8 *c)
{
    return (Window){
        .first = (guint64) (c[PCI_IO_BASE] & IO_WINDOW_MASK) << 8,
        .last =
            (guint64) (c[PCI_IO_LIMIT] & IO_WINDOW_MASK) << 8 | IO_WINDOW_LOW,
    };
}

static guint64
memory_address(const guint8 *c, unsigned reg)
{
    return (guint64) (pci_get16(c, reg) & MEMORY_WINDOW_MASK) << 16;
}

static Window
memory_window(const guint8 *c)
{
    return (Window){
        .first = memory_address(c, PCI_MEMORY_BASE),
        .last = memory_address(c, PCI_MEMORY_LIMIT) | MEMORY_WINDOW_LOW,
    };
}

static Window
prefetch_window(const guint8 *c)
{
    return (Window){
        .first = memory_address(c, PCI_PREFETCH_BASE) |
                 (guint64) pci_get32(c, PCI_PREFETCH_BASE_HIGH) << 32,
        .last = memory_address(c, PCI_PREFETCH_LIMIT) |
                (guint64) pci_get32(c, PCI_PREFETCH_LIMIT_HIGH) << 32 |
                MEMORY_WINDOW_LOW,
    };
}

static bool
is_in(Window w, guint64 addr, guint64 size)
{
    return w.first <= addr && addr <= w.last && size - 1 <= w.last - addr;
}

bool
pci_bridge_passes(const PciDevice *bridge, bool ports, guint64 addr,
                  guint64 size)
{
    const guint8 *c = bridge->state->config;
    guint16 command = pci_get16(c, PCI_COMMAND);

    if ((pci_get16(c, PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_RESET) != 0)
        return false;
    if (ports)
        return (command & PCI_COMMAND_IO) != 0 &&
               is_in(io_window(c), addr, size);
    return (command & PCI_COMMAND_MEMORY) != 0 &&
           (is_in(memory_window(c), addr, size) ||
            is_in(prefetch_window(c), addr, size));
}

void
pci_bridge_config_written(PciBus *behind, unsigned offset, unsigned size)
{
    bool command = offset < PCI_COMMAND + 2 && offset + size > PCI_COMMAND;
    bool windows =
        offset < PCI_PREFETCH_LIMIT_HIGH + 4 && offset + size > PCI_PRIMARY_BUS;
    bool control =
        offset < PCI_BRIDGE_CONTROL + 2 && offset + size > PCI_BRIDGE_CONTROL;

    if (command || windows || control)
        pci_bus_passes_changed(behind);
}
