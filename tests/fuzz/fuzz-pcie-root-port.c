/* tests/fuzz/fuzz-pcie-root-port.c - a root port with a card behind it through
 * configuration space in memory and by ports, with what that moves: bus numbers,
 * windows, PCIEXBAR, PIRQ routes, the slot; and an owner that puts the card in,
 * asks for it and pulls it out. */
#include <string.h>

#include "devices/bus/pci-bridge.h"
#include "devices/chipset/ich9-lpc.h"
#include "devices/chipset/pcie-root-port.h"
#include "devices/chipset/q35-mch.h"
#include "tests/fuzz/port-ops.h"
#include "vmm/io/io.h"

#define PORT   PCI_DEVFN(4, 0)
#define WINDOW 0xb0000000u

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *host, *isa, *port;
    PciDevice card;
    PciState state;
    IoRegion *mem, *io;
    bool in;
    unsigned ejected;
} Rig;

static const PciIds card_ids = {
    .vendor = 0x1234, .device = 0x5678, .interrupt_pin = 1};

static guint64
bar_read(void *dev, guint64 offset, unsigned size)
{
    return offset;
}

static void
bar_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
}

static const IoOps bar_ops = {.read = bar_read, .write = bar_write};

static Device *
add(Rig *r, const DeviceClass *klass, guint8 devfn)
{
    Device *dev = device_new(klass, klass->name);

    device_set_link(dev, "bus", r->bus);
    device_set_u64(dev, "addr", devfn, NULL);
    fake_vm_realize(r->vm, dev);
    return dev;
}

static void
put_in(Rig *r)
{
    memset(&r->card, 0, sizeof r->card);
    r->card.bus = pcie_root_port_bus(r->port);
    r->card.dev.env = &r->vm->env;
    r->card.dev.klass = r->port->klass; /* for its name in the log */
    r->card.dev.id = r->port->id;
    g_mutex_init(&r->card.dev.lock);
    (void) pci_device_realize(&r->card, &r->vm->env, &card_ids, &r->state,
                              NULL);
    r->mem = io_region_new("mem", &bar_ops, r, &r->card.dev.lock, 4096);
    r->io = io_region_new("io", &bar_ops, r, &r->card.dev.lock, 32);
    pci_add_bar(&r->card, 0, PCI_BAR_MEM64, true, 4096, r->mem, NULL);
    pci_add_bar(&r->card, 2, PCI_BAR_IO, false, 32, r->io, NULL);
    pci_device_reset(&r->card);
    r->in = true;
    pcie_root_port_inserted(r->port);
}

static void
take_out(Rig *r)
{
    pci_device_unrealize(&r->card);
    g_clear_pointer(&r->mem, io_region_free);
    g_clear_pointer(&r->io, io_region_free);
    r->in = false;
}

static void
on_eject(void *data, unsigned number)
{
    ((Rig *) data)->ejected++;
}

/* What only the owner does; the loop tells it what the guest let go. */
static void
own(Rig *r, guint8 what)
{
    switch (what & 7) {
    case 0:
        if (!r->in)
            put_in(r);
        break;
    case 1: pcie_root_port_request_removal(r->port); break;
    case 2:
        if (r->in) {
            take_out(r);
            pcie_root_port_removed(r->port);
        }
        break;
    case 3: pci_set_intx(&r->card, r->in && (what & 8) != 0); break;
    case 4: device_reset(r->port, RESET_COLD); break;
    default: break;
    }
    fake_advance(r->vm, 0);
    if (r->ejected > 0 && r->in)
        take_out(r);
    r->ejected = 0;
}

/* Each eight bytes: where, register, size and direction, owner, value. */
static void
run_ops(Rig *r, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i + 8 <= size; i += 8) {
        static const guint32 functions[] = {
            0, PORT, ICH9_LPC_DEVFN, 1u << 8, 2u << 8, 0xffu << 8, 1, 0x101};
        guint32 value =
            (guint32) (data[i + 4] | data[i + 5] << 8 | data[i + 6] << 16) |
            (guint32) data[i + 7] << 24;
        unsigned width = 1u << (data[i + 2] % 3);
        unsigned reg = data[i + 1] & ~(width - 1);
        Gpa at = WINDOW + (functions[data[i] & 7] << 12) + reg;

        if ((data[i + 2] & 0x80) != 0)
            fake_mmio_write(r->vm, at, value, width);
        else
            (void) fake_mmio_read(r->vm, at, width);
        fake_out32(r->vm, 0xcf8,
                   0x80000000u | functions[data[i] & 7] << 8 | (reg & 0xfc));
        if ((data[i + 2] & 0x40) != 0)
            io_write(r->vm->env.ports, 0xcfc + (reg & 3), value, width);
        (void) fake_mmio_read(r->vm, value, width);
        if (r->in || (data[i + 3] & 7) != 3)
            own(r, data[i + 3]);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Rig r = {.vm = fake_vm_new(0x10000)};

    r.bus = pci_bus_new(&r.vm->env);
    r.host = add(&r, &q35_mch_class, 0);
    r.isa = add(&r, &ich9_lpc_class, ICH9_LPC_DEVFN);
    r.port = add(&r, &pcie_root_port_class, PORT);
    pcie_root_port_set_owner(r.port, on_eject, &r);
    fake_out32(r.vm, 0xcf8, 0x80000060);
    fake_out32(r.vm, 0xcfc, WINDOW | 1);
    put_in(&r);
    run_ops(&r, data, size);
    fake_advance(r.vm, 5000000000);
    check_state(r.port);
    check_state(r.isa);
    check_state(r.host);
    if (r.in)
        take_out(&r);
    device_free(r.port);
    device_free(r.isa);
    device_free(r.host);
    pci_bus_free(r.bus);
    fake_vm_free(r.vm);
    return 0;
}
