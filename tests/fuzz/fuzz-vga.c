/* tests/fuzz/fuzz-vga.c - ports, window, frame buffer and MMIO of the VGA,
 * with a viewer that looks in between. Each operation takes five bytes. */
#include "tests/unit/vga-fixture.h"

#define MAX_OPS 4096

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
port_op(VgaRig *r, guint8 op, guint8 where, guint16 value)
{
    static const unsigned sizes[4] = {1, 2, 4, 1};
    guint16 port =
        where & 0x80 ? 0x1ce + (where & 3) : (guint16) (0x3b0 + where % 0x30);

    if (op & 0x40)
        io_read(r->vm->env.ports, port, sizes[(op >> 4) & 3]);
    else
        io_write(r->vm->env.ports, port, value, sizes[(op >> 4) & 3]);
}

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
run_op(VgaRig *r, const guint8 *d)
{
    guint32 at = (guint32) d[1] << 16 | (guint32) d[2] << 8 | d[3];
    static const guint16 pairs[4] = {0x3c4, 0x3ce, 0x3d4, 0x3b4};

    switch (d[0] & 0xf) {
    case 0:
    case 1: port_op(r, d[0], d[1], (guint16) (d[2] | d[3] << 8)); break;
    case 2:
    case 3: rig_index(r, pairs[(d[0] >> 4) & 3], d[1], d[2]); break;
    case 4: rig_vbe(r, d[1] & 15, (guint16) (d[2] | d[3] << 8)); break;
    case 5: rig_attr(r, d[1] & 0x1f, d[2]); break;
    case 6:
    case 7: memory_op(r, d[0], 0xa0000, at & 0x1ffff, d[4]); break;
    case 8: memory_op(r, d[0], REGS, at & 0xfff, d[4]); break;
    case 9: memory_op(r, d[0], LFB, at & 0xfffff, d[4]); break;
    case 10: rig_config_write(r, d[1] & 0xfc, at | (guint32) d[4] << 24); break;
    case 11: rig_dac(r, d[1], d[2], d[3], d[4]); break;
    case 12: display_refresh_now(r->display); break;
    case 13: rig_set_mode(r, &regs_mode3); break;
    case 14: rig_set_mode(r, &regs_mode13); break;
    default: rig_look(r); break;
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    VgaRig *r = rig_new(1);

    for (gsize i = 0; i + 5 <= size && i < 5 * MAX_OPS; i += 5)
        run_op(r, data + i);
    rig_look(r);
    g_free(display_text(r->display));
    rig_free(r);
    return 0;
}
