/* devices/display/vga-vbe.c - the Bochs DISPI registers and the MMIO BAR.
 *
 * Bochs "VBE Display Interface" as the VGA BIOS and the guests' drivers use
 * it: 1CE index, 1CF (or 1D0) data, 16 bits each. BAR 2 shows the same
 * registers at 500h, the VGA ports 3C0..3DF at 400h and a byte-order register
 * at 600h; the monitor's EDID is at 0. Left out: a big-endian frame buffer. */
#include <string.h>

#include "devices/display/vga-internal.h"

#define VBE_ID_MIN     0xb0c0
#define VBE_ID_MAX     0xb0c5

#define MMIO_EDID_END  0x400 /* zeros behind the EDID */
#define MMIO_PORTS     0x400
#define MMIO_PORTS_END 0x420
#define MMIO_DISPI     0x500
#define MMIO_DISPI_END (MMIO_DISPI + 2 * VBE_N)
#define MMIO_EXT_SIZE  0x600
#define MMIO_EXT_ORDER 0x604
#define ORDER_LITTLE   0x1e1e1e1eu

bool
vga_vbe_is_on(const VgaState *s)
{
    return s->vbe[VBE_ENABLE] & VBE_ENABLE_ON;
}

static guint32
clamp_bpp(guint32 bpp)
{
    switch (bpp) {
    case 4:
    case 8:
    case 15:
    case 16:
    case 24:
    case 32: return bpp;
    default: return 8;
    }
}

VbeGeometry
vga_vbe_geometry(const VgaState *s, guint32 vram_size)
{
    VbeGeometry g = {
        .width = CLAMP(s->vbe[VBE_XRES], 1, VBE_MAX_XRES),
        .height = CLAMP(s->vbe[VBE_YRES], 1, VBE_MAX_YRES),
        .bpp = clamp_bpp(s->vbe[VBE_BPP]),
    };
    guint32 virt = MAX(s->vbe[VBE_VIRT_WIDTH], g.width);

    if (g.bpp == 4) {
        g.width = (g.width + 7) & ~7u;
        g.pitch = (MAX(virt, g.width) + 7) / 8;
        g.start =
            (guint64) s->vbe[VBE_Y_OFFSET] * g.pitch + s->vbe[VBE_X_OFFSET] / 8;
        g.pan = s->vbe[VBE_X_OFFSET] & 7;
        g.height = MIN(g.height, vram_size / 4 / g.pitch);
    } else {
        guint32 bytes = (g.bpp + 7) / 8;
        g.pitch = virt * bytes;
        g.start = (guint64) s->vbe[VBE_Y_OFFSET] * g.pitch +
                  (guint64) s->vbe[VBE_X_OFFSET] * bytes;
        /* a line is at most 65535 * 4 bytes: one always fits */
        g.height = MIN(g.height, vram_size / g.pitch);
    }
    return g;
}

/* How many lines of the virtual width fit. */
static guint16
virtual_height(const Vga *vga)
{
    VbeGeometry g = vga_vbe_geometry(&vga->s, vga->vram_size);
    guint32 unit = g.bpp == 4 ? 4 : 1;

    return (guint16) MIN(vga->vram_size / (g.pitch * unit), 0xffffu);
}

static guint16
vbe_read(Vga *vga, unsigned index)
{
    const VgaState *s = &vga->s;
    bool caps = s->vbe[VBE_ENABLE] & VBE_ENABLE_GETCAPS;

    switch (index) {
    case VBE_XRES: return caps ? VBE_MAX_XRES : s->vbe[index];
    case VBE_YRES: return caps ? VBE_MAX_YRES : s->vbe[index];
    case VBE_BPP: return caps ? 32 : s->vbe[index];
    case VBE_VIRT_HEIGHT: return virtual_height(vga);
    case VBE_MEMORY_64K: return (guint16) (vga->vram_size >> 16);
    default: return index < VBE_N ? s->vbe[index] : 0;
    }
}

/* A mode starts with a plain picture at offset 0, and black unless the guest
 * asks to keep the memory. */
static void
vbe_enable(Vga *vga, guint16 value)
{
    VgaState *s = &vga->s;
    bool was_on = vga_vbe_is_on(s), on = value & VBE_ENABLE_ON;

    s->vbe[VBE_ENABLE] =
        value & (VBE_ENABLE_ON | VBE_ENABLE_GETCAPS | VBE_ENABLE_8BIT_DAC |
                 VBE_ENABLE_LFB | VBE_ENABLE_NO_CLEAR);
    if (was_on != on)
        s->vbe[VBE_BANK] = 0;
    if (on && !was_on) {
        s->vbe[VBE_VIRT_WIDTH] = s->vbe[VBE_XRES];
        s->vbe[VBE_X_OFFSET] = s->vbe[VBE_Y_OFFSET] = 0;
    }
    /* text is moved out of its window before the memory is cleared */
    vga_window_update(vga);
    if (on && !was_on && !(value & VBE_ENABLE_NO_CLEAR)) {
        VbeGeometry g = vga_vbe_geometry(s, vga->vram_size);
        guint32 len = g.pitch * g.height * (g.bpp == 4 ? 4 : 1);
        memset(vga->vram, 0, len);
        vga_mark_dirty(vga, 0, len);
    }
}

/* A wider virtual screen must leave room for the visible lines. */
static void
vbe_set_virt_width(Vga *vga, guint16 value)
{
    VgaState wanted = vga->s;

    wanted.vbe[VBE_VIRT_WIDTH] = value;
    if (vga_vbe_geometry(&wanted, vga->vram_size).height <
        vga_vbe_geometry(&vga->s, vga->vram_size).height)
        return;
    vga->s.vbe[VBE_VIRT_WIDTH] = MAX(value, vga->s.vbe[VBE_XRES]);
}

static void
vbe_write(Vga *vga, unsigned index, guint16 value)
{
    VgaState *s = &vga->s;

    switch (index) {
    case VBE_ID:
        if (value >= VBE_ID_MIN && value <= VBE_ID_MAX)
            s->vbe[VBE_ID] = value;
        return;
    case VBE_XRES:
        if (value <= VBE_MAX_XRES)
            s->vbe[VBE_XRES] = value;
        break;
    case VBE_YRES:
        if (value <= VBE_MAX_YRES)
            s->vbe[VBE_YRES] = value;
        break;
    case VBE_BPP:
        if (value == 0 || clamp_bpp(value) == value)
            s->vbe[VBE_BPP] = value == 0 ? 8 : value;
        break;
    case VBE_ENABLE: vbe_enable(vga, value); break;
    case VBE_BANK:
        s->vbe[VBE_BANK] = (guint16) (value & ((vga->vram_size >> 16) - 1));
        break;
    case VBE_VIRT_WIDTH: vbe_set_virt_width(vga, value); break;
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET: s->vbe[index] = value; break;
    default: return; /* virtual height and memory size follow from others */
    }
    vga_timing_update(vga);
    vga_window_update(vga);
}

/* ---- ports 1CE..1D1 ---- */

static guint64
vbe_port_read(void *dev, guint64 offset, unsigned size)
{
    Vga *vga = dev;

    return offset == 0 ? vga->s.vbe_index : vbe_read(vga, vga->s.vbe_index);
}

static void
vbe_port_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Vga *vga = dev;

    if (offset == 0)
        vga->s.vbe_index = (guint16) value;
    else
        vbe_write(vga, vga->s.vbe_index, (guint16) value);
}

const IoOps vga_vbe_port_ops = {
    .read = vbe_port_read,
    .write = vbe_port_write,
    .min_size = 1,
    .max_size = 2,
};

/* ---- BAR 2 ---- */

static guint64
mmio_read_ports(Vga *vga, guint64 offset, unsigned size)
{
    guint64 value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (guint64) vga_port_read(
                     vga, (unsigned) (0x3c0 + offset - MMIO_PORTS + i))
                 << (8 * i);
    return value;
}

static guint64
mmio_read_edid(const Vga *vga, guint64 offset, unsigned size)
{
    guint64 value = 0;

    for (unsigned i = 0; i < size && offset + i < EDID_LEN; i++)
        value |= (guint64) vga->edid[offset + i] << (8 * i);
    return value;
}

/* Registers are 16 bits; a 4-byte access takes two. */
static guint64
mmio_read(void *dev, guint64 offset, unsigned size)
{
    Vga *vga = dev;

    if (offset + size <= MMIO_EDID_END)
        return mmio_read_edid(vga, offset, size);
    if (offset >= MMIO_PORTS && offset + size <= MMIO_PORTS_END)
        return mmio_read_ports(vga, offset, size);
    if (offset >= MMIO_DISPI && offset + size <= MMIO_DISPI_END) {
        unsigned index = (unsigned) (offset - MMIO_DISPI) / 2;
        guint64 value = vbe_read(vga, index);
        if (size == 4)
            value |= (guint64) vbe_read(vga, index + 1) << 16;
        return size == 1 ? (value >> (8 * (offset & 1))) & 0xff : value;
    }
    if (offset == MMIO_EXT_SIZE && size == 4)
        return 8;
    if (offset == MMIO_EXT_ORDER && size == 4)
        return ORDER_LITTLE;
    return size == 4 ? 0xffffffffu : (1u << (8 * size)) - 1;
}

static void
mmio_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Vga *vga = dev;

    if (offset >= MMIO_PORTS && offset + size <= MMIO_PORTS_END) {
        for (unsigned i = 0; i < size; i++)
            vga_port_write(vga, (unsigned) (0x3c0 + offset - MMIO_PORTS + i),
                           (guint8) (value >> (8 * i)));
        return;
    }
    if (offset < MMIO_DISPI || offset + size > MMIO_DISPI_END || size == 1 ||
        offset & 1)
        return;
    unsigned index = (unsigned) (offset - MMIO_DISPI) / 2;
    vbe_write(vga, index, (guint16) value);
    if (size == 4)
        vbe_write(vga, index + 1, (guint16) (value >> 16));
}

const IoOps vga_mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .min_size = 1,
    .max_size = 4,
};
