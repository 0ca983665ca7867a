/* tests/fuzz/fuzz-fdc.c - a guest that does anything to the floppy controller
 * and its DMA channel: pairs of bytes say which port to read or write, let
 * time pass, change the disk, reset. Nothing may be touched outside buffers,
 * and afterwards a reset brings the controller back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "devices/legacy/i8237.h"
#include "devices/storage/fdc.h"
#include "tests/unit/fake-vm.h"
#include "vmm/block/block.h"

#define US G_GINT64_CONSTANT(1000)

enum { IMAGE_BYTES = 80 * 2 * 18 * 512, MAX_STEPS = 4096 };

typedef struct {
    FakeVm *vm;
    Device *dma, *fdc;
    Block *block;
} Rig;

static Block *
open_image(Loop *loop)
{
    char path[] = "/tmp/carrel-fuzz-fdc-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || ftruncate(fd, IMAGE_BYTES) < 0)
        abort();
    BlockSpec spec = {.path = path, .format = "raw", .use_pool = true};
    Block *block = block_open(&spec, loop, NULL);
    if (block == NULL)
        abort();
    close(fd);
    unlink(path);
    return block;
}

static void
step(Rig *rig, uint8_t what, uint8_t value)
{
    /* The ports of the controller, then those of DMA channel 2. */
    static const guint16 ports[16] = {
        0x3f2, 0x3f4, 0x3f5, 0x3f5, 0x3f5, 0x3f5, 0x3f5, 0x3f7,
        0x3f3, 0x04,  0x05,  0x0a,  0x0b,  0x0c,  0x81,  0xd4,
    };
    guint16 port = ports[what & 15];

    switch (what >> 4) {
    case 0:
    case 1: (void) fake_in8(rig->vm, port); break;
    case 2: fake_advance(rig->vm, value * 10 * US); break;
    case 3: fake_advance(rig->vm, value * 1000 * US); break;
    case 4:
        (void) fdc_set_media(rig->fdc, 0, value & 1 ? rig->block : NULL, NULL);
        break;
    case 5:
        for (unsigned i = 0; i < value; i++)
            fake_out8(rig->vm, 0x3f5, (guint8) (what * i));
        break;
    case 6:
        for (unsigned i = 0; i < value * 8u; i++)
            (void) fake_in8(rig->vm, 0x3f5);
        break;
    default: fake_out8(rig->vm, port, value); break;
    }
}

static void
rig_free(Rig *rig)
{
    device_free(rig->fdc);
    device_free(rig->dma);
    while (!block_is_idle(rig->block))
        fake_advance(rig->vm, 1000 * US);
    block_close(rig->block);
    fake_vm_free(rig->vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Rig rig = {.vm = fake_vm_new(0x100000)};

    rig.dma = device_new(&i8237_class, "dma");
    fake_vm_realize(rig.vm, rig.dma);
    rig.block = open_image(rig.vm->env.loop);
    rig.fdc = device_new(&fdc_class, "fdc");
    device_set_link(rig.fdc, "dma", rig.dma);
    device_set_link(rig.fdc, "drive0", rig.block);
    fake_vm_realize(rig.vm, rig.fdc);
    fake_out8(rig.vm, 0xd6, 0xc0);
    fake_out8(rig.vm, 0xd4, 0x00);
    fake_out8(rig.vm, 0x3f2, 0x1c);
    fake_advance(rig.vm, 1000 * US);

    for (size_t i = 0; i + 1 < size && i / 2 < MAX_STEPS; i += 2)
        step(&rig, data[i], data[i + 1]);

    fake_out8(rig.vm, 0x3f2, 0x00);
    fake_out8(rig.vm, 0x3f2, 0x0c);
    fake_advance(rig.vm, 1000 * US);
    if (fake_in8(rig.vm, 0x3f4) != 0x80)
        abort(); /* it must be ready for a command */
    rig_free(&rig);
    return 0;
}
