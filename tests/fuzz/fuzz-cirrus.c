/* tests/fuzz/fuzz-cirrus.c - registers, windows, video memory and blits of the
 * GD5446, with a viewer that looks in between, and states saved and restored in
 * the middle. Each operation takes six bytes. */
#include "tests/unit/cirrus-fixture.h"

#define MAX_OPS   1024
#define MAX_BLITS 16 /* a large one takes milliseconds */

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
memory_op(VgaRig *r, guint8 op, Gpa base, guint32 at, guint8 value)
{
    unsigned size = 1u << ((op >> 4) & 3);

    if (op & 0x40)
        fake_mmio_read(r->vm, base + at, size);
    else
        fake_mmio_write(r->vm, base + at, value * 0x0101010101010101u, size);
}

static void
save_and_restore(VgaRig *r)
{
    g_autoptr(GByteArray) saved = g_byte_array_new();

    device_save(r->vga, saved);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    g_assert_true(device_restore(r->vga, bytes, NULL));
}

static void
start_blit(VgaRig *r, unsigned *blits)
{
    if ((*blits)++ >= MAX_BLITS)
        return;
    fake_mmio_write(r->vm, BLT + 0x40, 0, 1);
    fake_mmio_write(r->vm, BLT + 0x40, 2, 1);
}

static void
run_op(VgaRig *r, const guint8 *d, unsigned *blits)
{
    guint32 at = (guint32) d[1] << 16 | (guint32) d[2] << 8 | d[3];
    static const guint16 pairs[3] = {0x3c4, 0x3ce, 0x3d4};

    switch (d[0] & 0xf) {
    case 0:
        if (pairs[d[4] % 3] != 0x3ce || (d[1] & 0x3f) < 0x30)
            rig_index(r, pairs[d[4] % 3], d[1], d[2]);
        break;
    case 1: fake_in8(r->vm, 0x3b0 + d[1] % 0x30); break;
    case 2:
    case 3:
        fake_mmio_write(r->vm, BLT + (d[1] & 0x3f), d[2], 1);
        fake_mmio_write(r->vm, BLT + ((d[1] + 1) & 0x3f), d[3], 1);
        break;
    case 4: start_blit(r, blits); break;
    case 5: fake_mmio_write(r->vm, BLT + 0x40, d[1] & 0x7d, 1); break;
    case 6: memory_op(r, d[0], 0xa0000, at & 0x1ffff, d[4]); break;
    case 7: memory_op(r, d[0], LFB, at << 1, d[4]); break;
    case 8: memory_op(r, d[0], LFB + 0x1000000, at & 0xffff, d[4]); break;
    case 9: memory_op(r, d[0], REGS, at & 0xff, d[4]); break;
    case 10: rig_config_write(r, d[1] & 0xfc, at | (guint32) d[4] << 24); break;
    case 11: rig_dac(r, d[1], d[2], d[3], d[4]); break;
    case 12: cirrus_mode_set(r, d[1], d[2], d[3] * 16u); break;
    case 13: save_and_restore(r); break;
    case 14: rig_set_mode(r, d[1] & 1 ? &regs_mode3 : &regs_mode13); break;
    default: rig_look(r); break;
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    VgaRig *r = cirrus_new();
    unsigned blits = 0;

    for (gsize i = 0; i + 6 <= size && i < 6 * MAX_OPS; i += 6)
        run_op(r, data + i, &blits);
    rig_look(r);
    rig_free(r);
    return 0;
}
