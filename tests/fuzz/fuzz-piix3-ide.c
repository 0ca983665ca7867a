/* tests/fuzz/fuzz-piix3-ide.c - a guest that does anything to the IDE ports:
 * pairs of bytes say which register to read or write, write a packet, set up
 * the bus master, let time pass, change the disc, reset. Nothing may be
 * touched outside buffers, and afterwards a reset brings the drives back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/bus/pci.h"
#include "devices/storage/piix3-ide.h"
#include "tests/fuzz/empty-image.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/pci-config.h"
#include "vmm/block/block.h"

#define US G_GINT64_CONSTANT(1000)
#define BM 0xc000

enum { IMAGE_BYTES = 1 << 20, MAX_STEPS = 4096 };

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *ide;
    Block *disk, *disc;
} Rig;

static void
config_write(Rig *rig, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(rig->bus, PCI_DEVFN(1, 1), offset, value, size);
}

/* Twelve bytes to the CD drive's data port, from the input. */
static size_t
send_packet(Rig *rig, const uint8_t *data, size_t size)
{
    guint8 packet[12] = {0};
    size_t n = size < sizeof packet ? size : sizeof packet;

    memcpy(packet, data, n);
    fake_out8(rig->vm, 0x177, 0xa0);
    fake_advance(rig->vm, 100 * US);
    io_write_rep(rig->vm->env.ports, 0x170, packet, 2, 6);
    return n;
}

static void
bulk(Rig *rig, guint16 base, uint8_t value)
{
    guint8 data[4096] = {0};
    unsigned count = 8u * (value + 1u);

    if (value & 1)
        io_read_rep(rig->vm->env.ports, base, data, 2, count);
    else
        io_write_rep(rig->vm->env.ports, base, data, 2, count);
}

/* Returns how many bytes of the rest it used. */
static size_t
step(Rig *rig, uint8_t what, uint8_t value, const uint8_t *rest, size_t left)
{
    guint16 base = what & 8 ? 0x170 : 0x1f0;
    guint16 port = base + (what & 7);

    switch (what >> 4) {
    case 0: (void) fake_in8(rig->vm, port); break;
    case 1: (void) fake_in16(rig->vm, base); break;
    case 2: fake_advance(rig->vm, value * 10 * US); break;
    case 3: bulk(rig, base, value); break;
    case 4: return send_packet(rig, rest, left);
    case 5:
        (void) piix3_ide_set_media(rig->ide, 2, value & 1 ? rig->disc : NULL,
                                   value & 2, NULL);
        break;
    case 6: fake_out8(rig->vm, base + 0x206, value); break;
    case 7: fake_out8(rig->vm, BM + (what & 15), value); break;
    case 8: fake_ram(rig->vm)[0x1000 + (what & 15)] = value; break;
    case 9: config_write(rig, PCI_COMMAND, value & 7, 2); break;
    default: fake_out8(rig->vm, port, value); break;
    }
    return 0;
}

static void
rig_init(Rig *rig)
{
    rig->vm = fake_vm_new(0x100000);
    rig->bus = pci_bus_new(&rig->vm->env);
    rig->disk = empty_image(IMAGE_BYTES, "raw", false, rig->vm->env.loop);
    rig->disc = empty_image(IMAGE_BYTES, "iso", true, rig->vm->env.loop);
    rig->ide = device_new(&piix3_ide_class, "ide");
    device_set_link(rig->ide, "bus", rig->bus);
    device_set_u64(rig->ide, "addr", PCI_DEVFN(1, 1), NULL);
    device_set_link(rig->ide, "drive0", rig->disk);
    device_set_link(rig->ide, "drive2", rig->disc);
    fake_vm_realize(rig->vm, rig->ide);
    config_write(rig, 0x20, BM, 4);
    config_write(rig, 0x40, 0x80008000, 4);
    config_write(rig, PCI_COMMAND, 5, 2);
    fake_out32(rig->vm, BM + 4, 0x1000);
    fake_out32(rig->vm, BM + 12, 0x1000);
}

static void
rig_free(Rig *rig)
{
    device_free(rig->ide);
    pci_bus_free(rig->bus);
    while (!block_is_idle(rig->disk) || !block_is_idle(rig->disc))
        fake_advance(rig->vm, 1000 * US);
    block_close(rig->disk);
    block_close(rig->disc);
    fake_vm_free(rig->vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Rig rig;

    rig_init(&rig);
    unsigned steps = 0;
    for (size_t i = 0; i + 1 < size && steps < MAX_STEPS; steps++) {
        size_t used =
            step(&rig, data[i], data[i + 1], data + i + 2, size - i - 2);
        i += 2 + used;
    }
    config_write(&rig, PCI_COMMAND, 5, 2);
    fake_out8(rig.vm, 0x3f6, 0x04);
    fake_out8(rig.vm, 0x3f6, 0x00);
    if (fake_in8(rig.vm, 0x1f7) != 0x50)
        abort(); /* the disk must be ready for a command */
    rig_free(&rig);
    return 0;
}
