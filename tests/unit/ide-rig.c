/* tests/unit/ide-rig.c - see ide-rig.h. */
#include "tests/unit/ide-rig.h"

#include <glib/gstdio.h>
#include <string.h>

#include "devices/storage/piix3-ide.h"
#include "tests/unit/image-file.h"
#include "tests/unit/pci-config.h"

static void
config_write(IdeRig *rig, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(rig->bus, PCI_DEVFN(1, 1), offset, value, size);
}

IdeRig *
ide_rig_new(const IdeRigOptions *options)
{
    static const IdeRigOptions none = {0};
    const IdeRigOptions *o = options != NULL ? options : &none;
    IdeRig *rig = g_new0(IdeRig, 1);

    rig->vm = fake_vm_new(0x400000);
    rig->bus = pci_bus_new(&rig->vm->env);
    rig->ide = device_new(&piix3_ide_class, "ide");
    device_set_link(rig->ide, "bus", rig->bus);
    device_set_u64(rig->ide, "addr", PCI_DEVFN(1, 1), NULL);
    rig->disk_path = (o->in_memory ? image_file_in_memory
                                   : image_file_new)(RIG_SECTORS, 512);
    rig->disk =
        image_file_open(rig->disk_path, "raw", o->read_only, rig->vm->env.loop);
    if (!o->no_disk)
        device_set_link(rig->ide, "drive0", rig->disk);
    rig->disc_path = image_file_new(RIG_CD_BLOCKS, 2048);
    rig->disc = image_file_open(rig->disc_path, "iso", true, rig->vm->env.loop);
    if (!o->no_disc)
        device_set_link(rig->ide, "drive2", rig->disc);
    device_set_string(rig->ide, "kind2", "cd", NULL);
    fake_vm_realize(rig->vm, rig->ide);
    config_write(rig, 0x20, RIG_BM, 4);
    config_write(rig, 0x40, 0x80008000, 4);
    config_write(rig, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
    return rig;
}

void
ide_rig_free(IdeRig *rig)
{
    device_free(rig->ide);
    pci_bus_free(rig->bus);
    while (!block_is_idle(rig->disk) || !block_is_idle(rig->disc))
        fake_advance(rig->vm, RIG_MS);
    block_close(rig->disk);
    block_close(rig->disc);
    fake_vm_free(rig->vm);
    image_file_remove(rig->disk_path);
    image_file_remove(rig->disc_path);
    g_free(rig);
}

guint8
rig_wait(IdeRig *rig, guint16 base)
{
    guint16 port = (guint16) (base + 0x206);

    for (unsigned i = 0; i < 2000 && (fake_in8(rig->vm, port) & 0x80); i++)
        fake_advance(rig->vm, RIG_MS / 10);
    return fake_in8(rig->vm, port);
}

void
rig_command(IdeRig *rig, guint16 base, guint8 device, guint32 lba, guint8 count,
            guint8 command)
{
    fake_out8(rig->vm, base + 6, device);
    fake_out8(rig->vm, base + 2, count);
    fake_out8(rig->vm, base + 3, (guint8) lba);
    fake_out8(rig->vm, base + 4, (guint8) (lba >> 8));
    fake_out8(rig->vm, base + 5, (guint8) (lba >> 16));
    fake_out8(rig->vm, base + 7, command);
}

guint8
rig_packet(IdeRig *rig, const guint8 packet[12], guint16 limit)
{
    rig_command(rig, 0x170, 0xa0, (guint32) limit << 8, 0, 0xa0);
    rig_wait(rig, 0x170);
    for (unsigned i = 0; i < 12; i += 2)
        fake_out16(rig->vm, 0x170, (guint16) (packet[i] | packet[i + 1] << 8));
    return rig_wait(rig, 0x170);
}

void
rig_read_data(IdeRig *rig, guint16 base, void *data, unsigned len)
{
    io_read_rep(rig->vm->env.ports, base, data, 2, len / 2);
}

void
rig_prd(IdeRig *rig, unsigned index, guint32 addr, guint32 len, bool last)
{
    guint32 entry[2] = {addr, (len & 0xffff) | (last ? 0x80000000u : 0)};

    memcpy(fake_ram(rig->vm) + 0x1000 + index * 8, entry, 8);
}

void
rig_bm_start(IdeRig *rig, guint16 bm, bool to_memory)
{
    fake_out32(rig->vm, bm + 4, 0x1000);
    fake_out8(rig->vm, bm + 2, 0x06);
    fake_out8(rig->vm, bm, to_memory ? 0x08 : 0x00);
    fake_out8(rig->vm, bm, to_memory ? 0x09 : 0x01);
}

guint32
rig_ram32(IdeRig *rig, guint32 addr)
{
    guint32 value;

    memcpy(&value, fake_ram(rig->vm) + addr, 4);
    return value;
}

guint32
rig_image32(IdeRig *rig, guint32 sector)
{
    guint32 value = 0;
    int fd = open(rig->disk_path, O_RDONLY | O_CLOEXEC);

    g_assert(pread(fd, &value, 4, (off_t) sector * 512) == 4);
    close(fd);
    return value;
}
