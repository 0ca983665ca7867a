/* devices/display/cirrus-window.c - the CPU's ways to video memory: banks at
 * A0000, the linear frame buffer, registers at B8000, data for a blit.
 *
 * CL-GD5446 TRM, "Memory Maps", GR9..GRB, SR17. What is plain memory is mapped;
 * the rest is trapped: two banks at once, the write modes 4 and 5, registers
 * in memory, and everything while a blit waits for data. */
#include "devices/display/cirrus-internal.h"

#define MMIO_B8000 0x18000u /* from A0000 */
#define DUAL_LEN   0x8000u
#define CALM       256

static bool
is_packed(const VgaState *s)
{
    return s->cirrus.seq[CIR_SEQ_MODE] & CIR_MODE_PACKED;
}

/* Addresses are bytes and writes go through unchanged. */
static bool
is_plain(const Cirrus *c)
{
    const VgaState *s = &c->vga.s;

    return !s->cirrus.blt_active && c->calm == 0 &&
           !(s->cirrus.gr[CIR_GR_MODE] & (CIR_GR_MODE_BY8 | CIR_GR_MODE_BY16));
}

bool
cirrus_lfb_is_plain(const Cirrus *c)
{
    return is_plain(c) && is_packed(&c->vga.s);
}

static bool
mmio_at_b8000(const VgaState *s)
{
    return (s->cirrus.seq[CIR_SEQ_CONFIG] &
            (CIR_CONFIG_MMIO | CIR_CONFIG_MMIO_LFB)) == CIR_CONFIG_MMIO;
}

/* Of the frame buffer's last bytes. */
static bool
mmio_in_lfb(const VgaState *s)
{
    return s->cirrus.seq[CIR_SEQ_CONFIG] & CIR_CONFIG_MMIO &&
           s->cirrus.seq[CIR_SEQ_CONFIG] & CIR_CONFIG_MMIO_LFB;
}

/* Of a byte at offset from A0000, below 64 KiB. */
static guint32
bank_address(const VgaState *s, guint32 offset)
{
    const guint8 *gr = s->cirrus.gr;
    unsigned shift = gr[CIR_GR_MODE] & CIR_GR_MODE_16K ? 14 : 12;
    unsigned bank = CIR_GR_BANK0;

    if (gr[CIR_GR_MODE] & CIR_GR_MODE_DUAL && offset >= DUAL_LEN) {
        bank = CIR_GR_BANK1;
        offset -= DUAL_LEN;
    }
    return ((guint32) gr[bank] << shift) + offset;
}

bool
cirrus_window(const Vga *vga, VgaWindow *ret_window)
{
    const Cirrus *c = (const Cirrus *) (const void *) vga;
    const VgaState *s = &vga->s;
    guint32 at = bank_address(s, 0);

    *ret_window = (VgaWindow){.kind = VGA_WINDOW_TRAP};
    if (!is_packed(s)) {
        if (s->cirrus.blt_active || mmio_at_b8000(s))
            return true;
        return false;
    }
    if (is_plain(c) && s->misc & MISC_RAM &&
        !(s->cirrus.gr[CIR_GR_MODE] & CIR_GR_MODE_DUAL) &&
        at <= vga->vram_size - VGA_BANK_LEN)
        *ret_window = (VgaWindow){
            .kind = VGA_WINDOW_BANK, .base = VGA_WINDOW_BASE, .offset = at};
    return true;
}

/* ---- bytes of packed modes ---- */

/* In units of one byte, of 8 and of 16, as GRB says. */
static guint32
scale(const VgaState *s, guint32 at)
{
    guint8 mode = s->cirrus.gr[CIR_GR_MODE];

    if ((mode & CIR_GR_MODE_BY16) == CIR_GR_MODE_BY16)
        return at << 4;
    return mode & CIR_GR_MODE_BY8 ? at << 3 : at;
}

static void
put(Vga *vga, guint32 at, guint8 value)
{
    at &= vga->vram_size - 1;
    vga->vram[at] = value;
    vga_mark_dirty(vga, at, 1);
}

/* Write modes 4 and 5: each bit is a pixel, in the foreground's colour or, in
 * mode 5, the background's. */
static void
put_bits(Vga *vga, guint32 at, guint8 bits, bool background)
{
    const guint8 *gr = vga->s.cirrus.gr;
    unsigned bytes =
        (gr[CIR_GR_MODE] & CIR_GR_MODE_BY16) == CIR_GR_MODE_BY16 ? 2 : 1;

    for (unsigned i = 0; i < 8; i++) {
        bool bit = bits & (0x80 >> i);
        if (!bit && !background)
            continue;
        for (unsigned n = 0; n < bytes; n++)
            put(vga, at + i * bytes + n,
                gr[(n == 0 ? 0 : CIR_GR_FG1 - 1) + (bit ? 1 : 0)]);
    }
}

static void
packed_write(Vga *vga, guint32 at, guint8 value)
{
    const VgaState *s = &vga->s;
    unsigned mode = s->cirrus.gr[GR_MODE] & 7;

    at = scale(s, at);
    if (s->cirrus.gr[CIR_GR_MODE] & CIR_GR_MODE_EXTENDED &&
        (mode == 4 || mode == 5))
        put_bits(vga, at, value, mode == 5);
    else
        put(vga, at, value);
}

static guint8
packed_read(const Vga *vga, guint32 at)
{
    return vga->vram[scale(&vga->s, at) & (vga->vram_size - 1)];
}

/* An access that was trapped though no blit waits. */
static void
calm_down(Cirrus *c)
{
    if (c->calm > 0 && --c->calm == 0)
        cirrus_windows_update(c);
}

/* What is over when the blit is done fills up the access and goes nowhere. */
static void
take_data(Cirrus *c, guint64 value, unsigned size)
{
    c->calm = CALM;
    for (unsigned i = 0; i < size && c->vga.s.cirrus.blt_active; i++)
        cirrus_blt_data(c, (guint8) (value >> (8 * i)));
}

/* ---- A0000 ---- */

static bool
is_mmio(const VgaState *s, guint32 offset)
{
    return mmio_at_b8000(s) && offset >= MMIO_B8000 &&
           offset - MMIO_B8000 < CIR_MMIO_LEN;
}

bool
cirrus_window_read(Vga *vga, guint32 offset, guint8 *ret_value)
{
    const VgaState *s = &vga->s;

    if (is_mmio(s, offset)) {
        *ret_value = cirrus_mmio_read(CIRRUS_OF(vga), offset - MMIO_B8000);
        return true;
    }
    if (!is_packed(s))
        return false;
    *ret_value = offset < VGA_BANK_LEN && s->misc & MISC_RAM
                     ? packed_read(vga, bank_address(s, offset))
                     : 0xff;
    calm_down(CIRRUS_OF(vga));
    return true;
}

bool
cirrus_window_write(Vga *vga, guint32 offset, guint8 value)
{
    Cirrus *c = CIRRUS_OF(vga);
    const VgaState *s = &vga->s;

    if (is_mmio(s, offset)) {
        cirrus_mmio_write(c, offset - MMIO_B8000, value);
        return true;
    }
    if (!is_packed(s))
        return false;
    if (offset < VGA_BANK_LEN && s->misc & MISC_RAM)
        packed_write(vga, bank_address(s, offset), value);
    calm_down(c);
    return true;
}

bool
cirrus_window_data(Vga *vga, guint32 offset, guint64 value, unsigned size)
{
    if (!vga->s.cirrus.blt_active || offset >= VGA_BANK_LEN)
        return false;
    take_data(CIRRUS_OF(vga), value, size);
    return true;
}

/* ---- BAR 0 ---- */

static bool
lfb_is_mmio(const Vga *vga, guint32 at)
{
    return mmio_in_lfb(&vga->s) && at >= vga->vram_size - CIR_MMIO_LEN;
}

static guint8
lfb_read_byte(Cirrus *c, guint64 offset)
{
    Vga *vga = &c->vga;
    guint32 at = (guint32) offset & (vga->vram_size - 1);

    if (offset >= CIR_LFB_DATA)
        return 0xff;
    if (lfb_is_mmio(vga, at))
        return cirrus_mmio_read(c, at - (vga->vram_size - CIR_MMIO_LEN));
    return packed_read(vga, at);
}

static void
lfb_write_byte(Cirrus *c, guint64 offset, guint8 value)
{
    Vga *vga = &c->vga;
    guint32 at = (guint32) offset & (vga->vram_size - 1);

    if (offset < CIR_LFB_DATA && lfb_is_mmio(vga, at))
        cirrus_mmio_write(c, at - (vga->vram_size - CIR_MMIO_LEN), value);
    else if (offset < CIR_LFB_DATA)
        packed_write(vga, at, value);
}

static guint64
lfb_read(void *dev, guint64 offset, unsigned size)
{
    guint64 value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (guint64) lfb_read_byte(dev, offset + i) << (8 * i);
    calm_down(dev);
    return value;
}

static bool
lfb_takes_data(const Vga *vga, guint64 offset)
{
    return vga->s.cirrus.blt_active &&
           (offset >= CIR_LFB_DATA ||
            !lfb_is_mmio(vga, (guint32) offset & (vga->vram_size - 1)));
}

static void
lfb_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Cirrus *c = dev;

    if (lfb_takes_data(&c->vga, offset)) {
        take_data(c, value, size);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        lfb_write_byte(c, offset + i, (guint8) (value >> (8 * i)));
    if (!c->vga.s.cirrus.blt_active)
        calm_down(c);
}

const IoOps cirrus_lfb_ops = {
    .read = lfb_read,
    .write = lfb_write,
    .min_size = 1,
    .max_size = 8,
};
