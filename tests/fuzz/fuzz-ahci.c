/* tests/fuzz/fuzz-ahci.c - a guest that does anything to the SATA controller:
 * pairs of bytes say which register to read or write, put commands, region
 * tables and rubbish into memory, issue them, let time pass, change the disc,
 * pull drives, pause, save, reset. Nothing may be touched outside buffers, and
 * afterwards a reset brings the drive back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/bus/pci.h"
#include "devices/storage/ahci.h"
#include "tests/fuzz/empty-image.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/pci-config.h"
#include "vmm/block/block.h"

#define US     G_GINT64_CONSTANT(1000)
#define ABAR   0xe0000000u
#define LIST   0x1000u /* both ports': what one gets, the other does too */
#define FRAMES 0x2000u
#define TABLES 0x4000u /* 0x200 a slot */

enum { IMAGE_BYTES = 1 << 20, RAM = 0x100000, MAX_STEPS = 2048, CD = 4 };

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *ahci;
    Block *disk, *disc;
} Rig;

static void
config_write(Rig *rig, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(rig->bus, PCI_DEVFN(31, 0), offset, value, size);
}

static guint32
port_reg(unsigned port, unsigned reg)
{
    return ABAR + 0x100 + 0x80 * port + reg;
}

static void
set_port(Rig *rig, unsigned port, unsigned reg, guint32 value)
{
    fake_mmio_write(rig->vm, port_reg(port, reg), value, 4);
}

static void
start_port(Rig *rig, unsigned port)
{
    set_port(rig, port, 0x00, LIST);
    set_port(rig, port, 0x04, 0);
    set_port(rig, port, 0x08, FRAMES);
    set_port(rig, port, 0x0c, 0);
    set_port(rig, port, 0x18, 0x10);
    fake_advance(rig->vm, 100 * US);
    set_port(rig, port, 0x18, 0x11);
}

static void
put(Rig *rig, guint32 at, const void *data, size_t n)
{
    if (at < RAM && n <= RAM - at)
        memcpy(fake_ram(rig->vm) + at, data, n);
}

/* A header, a frame with what the input gives, and up to three regions.
 * Returns how many bytes it used. */
static size_t
put_command(Rig *rig, unsigned slot, uint8_t command, const uint8_t *data,
            size_t size)
{
    guint8 bytes[32] = {0};
    size_t n = size < sizeof bytes ? size : sizeof bytes;
    guint32 table = TABLES + slot * 0x200;

    memcpy(bytes, data, n);
    guint32 header[4] = {
        5u | (guint32) (bytes[0] & 3) << 16 | (bytes[0] & 0x60u), 0, table, 0};
    guint8 frame[20] = {0x27, 0x80, command};
    memcpy(frame + 3, bytes + 1, 13);
    if (bytes[0] & 0x80) /* a queued one of its own slot, in reach */
        frame[12] = (guint8) (slot << 3), frame[6] = 0,
        frame[8] = frame[9] = frame[10] = 0;
    put(rig, LIST + slot * 32, header, sizeof header);
    put(rig, table, frame, sizeof frame);
    put(rig, table + 0x40, bytes + 14, 12);
    for (unsigned i = 0; i < 3; i++) {
        guint32 region[4] = {0x8000u + bytes[26 + i] * 0x1000u, 0, 0,
                             bytes[29 + i % 3] * 37u + (i << 9)};
        put(rig, table + 0x80 + i * 16, region, sizeof region);
    }
    return n;
}

static void
plug(Rig *rig, uint8_t value)
{
    if (value & 1)
        ahci_remove_unit(rig->ahci, value & 2 ? CD : 0);
    else if (value & 2)
        (void) ahci_add_unit(rig->ahci, CD, true, rig->disc, "cd", NULL);
    else
        (void) ahci_add_unit(rig->ahci, 0, false, rig->disk, "disk", NULL);
}

/* What a pause does, with a save and a restore in it. */
static void
pause_and_go(Rig *rig)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    device_quiesce(rig->ahci);
    for (unsigned i = 0; i < 10000 && !device_is_quiet(rig->ahci); i++)
        fake_advance(rig->vm, 100 * US);
    if (!device_is_quiet(rig->ahci))
        abort();
    device_save(rig->ahci, out);
    g_autoptr(GBytes) bytes = g_bytes_new(out->data, out->len);
    g_autoptr(GError) error = NULL;
    if (!device_restore(rig->ahci, bytes, &error)) /* it must believe itself */
        g_error("%s", error->message);
    device_resume(rig->ahci);
}

/* Returns how many bytes of the rest it used. */
static size_t
step(Rig *rig, uint8_t what, uint8_t value, const uint8_t *rest, size_t left)
{
    unsigned port = what & 8 ? CD : 0;
    guint32 word = value * 0x01010101u;

    switch (what >> 4) {
    case 0: (void) fake_mmio_read(rig->vm, ABAR + value * 4u, 4); break;
    case 1: fake_advance(rig->vm, value * 10 * US); break;
    case 2:
    case 3: return put_command(rig, what & 7, value, rest, left);
    case 4: set_port(rig, port, 0x38, value); break;
    case 5:
        set_port(rig, port, 0x34, value);
        set_port(rig, port, 0x38, value);
        break;
    case 6: start_port(rig, port); break;
    case 7: set_port(rig, port, (what & 7) * 8u, word); break;
    case 8: set_port(rig, port, (what & 7) * 8u + 4, word); break;
    case 9: put(rig, LIST + (what & 15) * 17u + value, &word, 4); break;
    case 10: put(rig, TABLES + (what & 15) * 0x80u + value, &word, 4); break;
    case 11:
        (void) ahci_set_media(rig->ahci, CD, value & 1 ? rig->disc : NULL,
                              value & 2, NULL);
        break;
    case 12: plug(rig, value); break;
    case 13: pause_and_go(rig); break;
    case 14: config_write(rig, PCI_COMMAND, value & 7, 2); break;
    default: fake_mmio_write(rig->vm, ABAR + (what & 15), word, 4); break;
    }
    return 0;
}

static void
rig_init(Rig *rig)
{
    rig->vm = fake_vm_new(RAM);
    rig->bus = pci_bus_new(&rig->vm->env);
    rig->disk = empty_image(IMAGE_BYTES, "raw", false, rig->vm->env.loop);
    rig->disc = empty_image(IMAGE_BYTES, "iso", true, rig->vm->env.loop);
    rig->ahci = device_new(&ahci_class, "sata");
    device_set_link(rig->ahci, "bus", rig->bus);
    device_set_u64(rig->ahci, "addr", PCI_DEVFN(31, 0), NULL);
    device_set_link(rig->ahci, "drive0", rig->disk);
    device_set_link(rig->ahci, "drive4", rig->disc);
    fake_vm_realize(rig->vm, rig->ahci);
    config_write(rig, 0x24, ABAR, 4);
    config_write(rig, PCI_COMMAND, 6, 2);
    start_port(rig, 0);
    start_port(rig, CD);
}

static void
rig_free(Rig *rig)
{
    device_free(rig->ahci);
    pci_bus_free(rig->bus);
    while (!block_is_idle(rig->disk) || !block_is_idle(rig->disc))
        fake_advance(rig->vm, 1000 * US);
    block_close(rig->disk);
    block_close(rig->disc);
    fake_vm_free(rig->vm);
}

/* IDENTIFY on a disk that was reset. */
static void
check_disk(Rig *rig)
{
    static const uint8_t none[32] = {1};

    (void) ahci_add_unit(rig->ahci, 0, false, rig->disk, "disk", NULL);
    config_write(rig, 0x24, ABAR, 4);
    config_write(rig, PCI_COMMAND, 6, 2);
    fake_mmio_write(rig->vm, ABAR + 4, 0x80000001u, 4);
    start_port(rig, 0);
    for (unsigned i = 0;
         i < 10000 && fake_mmio_read(rig->vm, port_reg(0, 0x18), 4) != 0x4c017;
         i++) {
        start_port(rig, 0);
        fake_advance(rig->vm, 100 * US);
    }
    (void) put_command(rig, 0, 0xe7, none, sizeof none);
    set_port(rig, 0, 0x38, 1);
    for (unsigned i = 0;
         i < 10000 && fake_mmio_read(rig->vm, port_reg(0, 0x38), 4) != 0; i++)
        fake_advance(rig->vm, 100 * US);
    if (fake_mmio_read(rig->vm, port_reg(0, 0x38), 4) != 0 ||
        fake_mmio_read(rig->vm, port_reg(0, 0x20), 4) != 0x50)
        abort(); /* the disk must do what it is told */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Rig rig;
    unsigned steps = 0;

    rig_init(&rig);
    for (size_t i = 0; i + 1 < size && steps < MAX_STEPS; steps++) {
        size_t used =
            step(&rig, data[i], data[i + 1], data + i + 2, size - i - 2);
        i += 2 + used;
    }
    check_disk(&rig);
    rig_free(&rig);
    return 0;
}
