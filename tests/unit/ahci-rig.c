/* tests/unit/ahci-rig.c - see ahci-rig.h. */
#include "tests/unit/ahci-rig.h"

#include <glib/gstdio.h>
#include <string.h>

#include "tests/unit/image-file.h"
#include "tests/unit/pci-config.h"

#define US G_GINT64_CONSTANT(1000)

void
rig_config(AhciRig *rig, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(rig->bus, PCI_DEVFN(31, 0), offset, value, size);
}

static void
start_port(AhciRig *rig, unsigned port)
{
    rig_set_port(rig, port, 0x00, RIG_LIST + 0x1000 * port);
    rig_set_port(rig, port, 0x08, RIG_FRAMES + 0x1000 * port);
    rig_set_port(rig, port, 0x30, 0xffffffff);
    rig_set_port(rig, port, 0x10, 0xffffffff);
    rig_set_port(rig, port, 0x18, 0x11); /* receive frames, start */
}

AhciRig *
ahci_rig_new(const AhciRigOptions *options)
{
    static const AhciRigOptions none = {0};
    const AhciRigOptions *o = options != NULL ? options : &none;
    AhciRig *rig = g_new0(AhciRig, 1);

    rig->vm = fake_vm_new(0x400000);
    rig->bus = pci_bus_new(&rig->vm->env);
    rig->ahci = device_new(&ahci_class, "sata");
    device_set_link(rig->ahci, "bus", rig->bus);
    device_set_u64(rig->ahci, "addr", PCI_DEVFN(31, 0), NULL);
    rig->disk_path = (o->in_memory ? image_file_in_memory
                                   : image_file_new)(RIG_SECTORS, 512);
    rig->disk =
        image_file_open(rig->disk_path, "raw", o->read_only, rig->vm->env.loop);
    device_set_link(rig->ahci, "drive0", rig->disk);
    rig->disc_path = image_file_new(RIG_CD_BLOCKS, 2048);
    rig->disc = image_file_open(rig->disc_path, "iso", true, rig->vm->env.loop);
    device_set_link(rig->ahci, "drive4", rig->disc);
    device_set_u64(rig->ahci, "own-thread", o->own_thread, NULL);
    fake_vm_realize(rig->vm, rig->ahci);
    rig_config(rig, 0x24, RIG_ABAR, 4);
    rig_config(rig, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
    if (!o->idle) {
        start_port(rig, 0);
        start_port(rig, RIG_CD);
    }
    return rig;
}

void
ahci_rig_free(AhciRig *rig)
{
    device_free(rig->ahci);
    pci_bus_free(rig->bus);
    while (!block_is_idle(rig->disk) || !block_is_idle(rig->disc))
        fake_advance(rig->vm, 100 * US);
    block_close(rig->disk);
    block_close(rig->disc);
    fake_vm_free(rig->vm);
    image_file_remove(rig->disk_path);
    image_file_remove(rig->disc_path);
    g_free(rig);
}

guint32
rig_get(AhciRig *rig, unsigned reg)
{
    return (guint32) fake_mmio_read(rig->vm, RIG_ABAR + reg, 4);
}

void
rig_set(AhciRig *rig, unsigned reg, guint32 value)
{
    fake_mmio_write(rig->vm, RIG_ABAR + reg, value, 4);
}

guint32
rig_port(AhciRig *rig, unsigned port, unsigned reg)
{
    return rig_get(rig, 0x100 + 0x80 * port + reg);
}

void
rig_set_port(AhciRig *rig, unsigned port, unsigned reg, guint32 value)
{
    rig_set(rig, 0x100 + 0x80 * port + reg, value);
}

static void
put32(AhciRig *rig, guint32 at, guint32 value)
{
    guint32 le = GUINT32_TO_LE(value);

    memcpy(fake_ram(rig->vm) + at, &le, sizeof le);
}

static guint32
table_of(unsigned slot)
{
    return RIG_TABLES + slot * 0x400;
}

void
rig_region(AhciRig *rig, unsigned port, unsigned slot, unsigned i, unsigned n,
           guint64 addr, guint32 bytes)
{
    guint32 at = table_of(slot) + 0x80 + i * 16;
    guint32 header = RIG_LIST + 0x1000 * port + slot * 32;

    put32(rig, at, (guint32) addr);
    put32(rig, at + 4, (guint32) (addr >> 32));
    put32(rig, at + 12, bytes - 1);
    put32(rig, header, (rig_ram32(rig, header) & 0xffff) | n << 16);
}

void
rig_put(AhciRig *rig, unsigned port, unsigned slot, const RigCommand *c)
{
    guint32 header = RIG_LIST + 0x1000 * port + slot * 32;
    guint8 *table = fake_ram(rig->vm) + table_of(slot);
    bool fpdma = c->command == 0x60 || c->command == 0x61;
    const guint8 frame[16] = {
        0x27,
        0x80,
        c->command,
        fpdma ? (guint8) c->count : c->features,
        (guint8) c->lba,
        (guint8) (c->lba >> 8),
        (guint8) (c->lba >> 16),
        c->device,
        (guint8) (c->lba >> 24),
        (guint8) (c->lba >> 32),
        (guint8) (c->lba >> 40),
        fpdma ? (guint8) (c->count >> 8) : 0,
        fpdma ? (guint8) (c->tag << 3) : (guint8) c->count,
        fpdma ? 0 : (guint8) (c->count >> 8),
    };

    memset(table, 0, 0x400);
    memcpy(table, frame, sizeof frame);
    if (c->packet != NULL)
        memcpy(table + 0x40, c->packet, 12);
    put32(rig, header, 5 | (c->packet ? 0x20 : 0) | (c->write ? 0x40 : 0));
    put32(rig, header + 4, 0);
    put32(rig, header + 8, table_of(slot));
    put32(rig, header + 12, 0);
    if (c->bytes > 0)
        rig_region(rig, port, slot, 0, 1, RIG_DATA + slot * 0x10000, c->bytes);
}

/* Guest time, and for a disk's own thread real time. False: that was enough. */
static bool
let_pass(AhciRig *rig, unsigned turn)
{
    fake_advance(rig->vm, 50 * US);
    if (turn > 50)
        g_usleep(100);
    return turn < 100000;
}

guint32
rig_issue(AhciRig *rig, unsigned port, guint32 slots, bool queued)
{
    rig_set_port(rig, port, 0x10, 0xffffffff);
    if (queued)
        rig_set_port(rig, port, 0x34, slots);
    rig_set_port(rig, port, 0x38, slots);
    for (unsigned i = 0;; i++) {
        guint32 busy = rig_port(rig, port, 0x34) | rig_port(rig, port, 0x38);
        if ((busy & slots) == 0 ||
            (rig_port(rig, port, 0x10) & 0x60000000) != 0 || !let_pass(rig, i))
            break;
    }
    return rig_port(rig, port, 0x10);
}

guint32
rig_run(AhciRig *rig, unsigned port, const RigCommand *c)
{
    rig_put(rig, port, 0, c);
    (void) rig_issue(rig, port, 1, false);
    return rig_port(rig, port, 0x20);
}

guint32
rig_ram32(AhciRig *rig, guint32 addr)
{
    guint32 value;

    memcpy(&value, fake_ram(rig->vm) + addr, 4);
    return GUINT32_FROM_LE(value);
}

guint32
rig_image32(AhciRig *rig, guint32 sector)
{
    guint32 value = 0;
    int fd = open(rig->disk_path, O_RDONLY | O_CLOEXEC);

    g_assert(pread(fd, &value, 4, (off_t) sector * 512) == 4);
    close(fd);
    return value;
}

void
rig_restart(AhciRig *rig, unsigned port)
{
    rig_set_port(rig, port, 0x18, 0x10);
    for (unsigned i = 0; rig_port(rig, port, 0x18) & 0x8000; i++)
        if (!let_pass(rig, i))
            break;
    rig_set_port(rig, port, 0x10, 0xffffffff);
    rig_set_port(rig, port, 0x18, 0x11);
}
