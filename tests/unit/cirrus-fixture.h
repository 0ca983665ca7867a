/* tests/unit/cirrus-fixture.h - a GD5446 on a fake machine, and blits by its
 * registers in memory. */
#pragma once

#include "devices/display/cirrus-internal.h"
#include "tests/unit/vga-fixture.h"

#define BLT         (REGS + 0x100)
#define CIRRUS_VRAM (1u << 20)

static inline VgaRig *
cirrus_new(void)
{
    return rig_new_class(&cirrus_class, 1);
}

static inline guint8 *
cirrus_vram(VgaRig *r)
{
    return VGA_OF(r->vga)->vram;
}

/* 640x480 in that depth, with a pitch of so many bytes. */
static inline void
cirrus_mode_set(VgaRig *r, guint8 sr7, guint8 hidden_dac, guint32 pitch)
{
    rig_set_mode(r, &regs_mode12);
    rig_index(r, 0x3c4, 6, 0x12);
    rig_index(r, 0x3c4, 4, 0x0e);
    rig_index(r, 0x3c4, 7, sr7);
    rig_index(r, 0x3ce, 5, 0x40);
    rig_index(r, 0x3d4, 0x13, (guint8) (pitch / 8));
    rig_index(r, 0x3d4, 0x1b, (guint8) (0x22 | (pitch / 8 >> 8) << 4));
    for (unsigned i = 0; i < 4; i++)
        fake_in8(r->vm, 0x3c6);
    fake_out8(r->vm, 0x3c6, hidden_dac);
    fake_out8(r->vm, 0x3c6, 0xff);
}

typedef struct {
    guint32 width, height, dst_pitch, src_pitch; /* sizes themselves */
    guint32 dst, src;
    guint8 skip, mode, rop, ext;
    guint32 fg, bg;
    guint16 key;
} BltRegs;

/* All but the start. */
static inline void
blt_set(VgaRig *r, const BltRegs *b)
{
    fake_mmio_write(r->vm, BLT + 0x00, b->bg, 4);
    fake_mmio_write(r->vm, BLT + 0x04, b->fg, 4);
    fake_mmio_write(r->vm, BLT + 0x08, (b->width - 1) | (b->height - 1) << 16,
                    4);
    fake_mmio_write(r->vm, BLT + 0x0c, b->dst_pitch | b->src_pitch << 16, 4);
    fake_mmio_write(r->vm, BLT + 0x10, b->dst, 4);
    fake_mmio_write(r->vm, BLT + 0x14, b->src | (guint32) b->skip << 24, 4);
    fake_mmio_write(r->vm, BLT + 0x18, b->mode, 1);
    fake_mmio_write(r->vm, BLT + 0x1a, b->rop, 1);
    fake_mmio_write(r->vm, BLT + 0x1b, b->ext, 1);
    fake_mmio_write(r->vm, BLT + 0x1c, b->key, 2);
}

static inline void
blt_run(VgaRig *r, const BltRegs *b)
{
    blt_set(r, b);
    fake_mmio_write(r->vm, BLT + 0x40, 0, 1);
    fake_mmio_write(r->vm, BLT + 0x40, 2, 1);
}

static inline guint8
blt_status(VgaRig *r)
{
    return (guint8) fake_mmio_read(r->vm, BLT + 0x40, 1);
}
