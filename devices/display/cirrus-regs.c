/* devices/display/cirrus-regs.c - the extension registers, by port and memory.
 *
 * CL-GD5446 TRM, "Extension Registers" and "Hidden DAC Register". SR6 keeps
 * the key that programs look for and locks nothing: BIOS and drivers all open
 * it, and a driver that finds it closed by another would see a dead chip. */
#include "devices/display/cirrus-internal.h"

#define HIDDEN_READS 4 /* of 3C6, then it is the hidden register */
#define NO_REG       0xff

/* clang-format off */
/* The bits of GR20..GR2F that exist. */
static const guint8 blt_mask[16] = {
    0xff, 0x1f, 0xff, 0x07, 0xff, 0x1f, 0xff, 0x1f,
    0xff, 0xff, 0x3f, 0x00, 0xff, 0xff, 0x3f, 0xff,
};

/* GR index by offset in the memory-mapped registers. */
static const guint8 mmio_gr[0x22] = {
    0x00, 0x10, 0x12, 0x14, 0x01, 0x11, 0x13, 0x15, /* 00: colours */
    0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, /* 08: size, pitches */
    0x28, 0x29, 0x2a, NO_REG, 0x2c, 0x2d, 0x2e, 0x2f, /* 10: addresses */
    0x30, NO_REG, 0x32, 0x33, 0x34, 0x35, NO_REG, NO_REG, /* 18: modes */
    0x38, 0x39, /* 20: mask of the key, kept only */
};
/* clang-format on */
#define MMIO_STATUS 0x40

/* ---- sequencer ---- */

/* 11 bits: eight of the value, three of the index. */
static guint16
cursor_position(guint8 index, guint8 value)
{
    return (guint16) (value << 3 | index >> 5);
}

static void
seq_write(Cirrus *c, guint8 index, guint8 value)
{
    CirrusState *x = &c->vga.s.cirrus;
    unsigned reg = index & 0x1f;

    switch (reg) {
    case CIR_SEQ_UNLOCK:
        x->seq[reg] = (value & CIR_UNLOCK_MASK) == CIR_UNLOCK_KEY
                          ? CIR_UNLOCK_KEY
                          : CIR_LOCKED;
        return;
    case CIR_SEQ_DDC: cirrus_ddc_write(x, c->vga.edid, value); return;
    case CIR_SEQ_CURSOR_X:
        x->cursor_x = cursor_position(index, value);
        x->seq[reg] = value;
        return;
    case CIR_SEQ_CURSOR_Y:
        x->cursor_y = cursor_position(index, value);
        x->seq[reg] = value;
        return;
    default: break;
    }
    x->seq[reg] = value;
    vga_timing_update(&c->vga);
    cirrus_windows_update(c);
}

static guint8
seq_read(const Cirrus *c, unsigned reg)
{
    const CirrusState *x = &c->vga.s.cirrus;

    return reg == CIR_SEQ_DDC ? cirrus_ddc_read(x) : x->seq[reg];
}

/* ---- graphics controller ---- */

static void
status_write(Cirrus *c, guint8 value)
{
    CirrusState *x = &c->vga.s.cirrus;
    guint8 old = x->gr[CIR_GR_BLT_STATUS];
    guint8 shown = CIR_STATUS_BUSY | CIR_STATUS_FIFO;

    x->gr[CIR_GR_BLT_STATUS] = (guint8) ((value & ~shown) | (old & shown));
    if (old & CIR_STATUS_RESET && !(value & CIR_STATUS_RESET))
        cirrus_blt_reset(c);
    else if (!(old & CIR_STATUS_START) && value & CIR_STATUS_START)
        cirrus_blt_start(c);
}

static void
gr_write(Cirrus *c, unsigned reg, guint8 value)
{
    CirrusState *x = &c->vga.s.cirrus;

    if (reg == CIR_GR_BLT_STATUS) {
        status_write(c, value);
        return;
    }
    if (reg >= CIR_GR_WIDTH && reg < CIR_GR_BLT_MODE)
        value &= blt_mask[reg - CIR_GR_WIDTH];
    x->gr[reg] = value;
    if (reg == CIR_GR_DST + 2 && x->gr[CIR_GR_BLT_STATUS] & CIR_STATUS_AUTO)
        cirrus_blt_start(c);
    if (reg >= CIR_GR_BANK0 && reg <= CIR_GR_MODE)
        cirrus_windows_update(c);
}

/* The colours and the write mode are wider than a VGA's, which keeps the bits
 * that it knows: false, it goes on. */
static bool
gr_port_write(Cirrus *c, guint8 value)
{
    unsigned reg = c->vga.s.gr_index & (CIRRUS_N_GR - 1);

    if (reg >= GR_N) {
        gr_write(c, reg, value);
        return true;
    }
    c->vga.s.cirrus.gr[reg] = value;
    return false;
}

static bool
gr_is_wider(unsigned reg)
{
    return reg <= GR_ENABLE_SET_RESET || reg == GR_MODE || reg >= GR_N;
}

/* ---- CRT controller ---- */

static void
crtc_write(Cirrus *c, unsigned reg, guint8 value)
{
    if (reg >= CIR_CRTC_FLIP_FLOP && reg <= CIR_CRTC_ID)
        return;
    c->vga.s.cirrus.crtc[reg] = value;
    vga_timing_update(&c->vga);
}

static guint8
crtc_read(const Cirrus *c, unsigned reg)
{
    const VgaState *s = &c->vga.s;

    switch (reg) {
    case CIR_CRTC_FLIP_FLOP: return s->attr_data_next ? 0x80 : 0;
    case CIR_CRTC_ATTR_INDEX: return s->attr_index & 0x3f;
    case CIR_CRTC_ID: return CIR_ID_5446;
    default: return s->cirrus.crtc[reg];
    }
}

/* ---- DAC ---- */

/* Reads of 3C6; anything else about the DAC starts the count again. */
static guint8
hidden_read(VgaState *s)
{
    if (s->cirrus.hidden_reads < HIDDEN_READS) {
        s->cirrus.hidden_reads++;
        return s->dac_mask;
    }
    s->cirrus.hidden_reads = 0;
    return s->cirrus.hidden_dac;
}

static bool
hidden_write(VgaState *s, guint8 value)
{
    bool hidden = s->cirrus.hidden_reads >= HIDDEN_READS;

    s->cirrus.hidden_reads = 0;
    if (hidden)
        s->cirrus.hidden_dac = value;
    return hidden;
}

static bool
dac_is_cursors(const VgaState *s)
{
    return s->cirrus.seq[CIR_SEQ_CURSOR] & CIR_CURSOR_DAC;
}

static guint8
cursor_dac_read(VgaState *s)
{
    guint8 value =
        s->cirrus.cursor_dac[3 * (s->dac_read & 0xf) + s->dac_component];

    if (++s->dac_component == 3) {
        s->dac_component = 0;
        s->dac_read++;
    }
    return value;
}

static void
cursor_dac_write(VgaState *s, guint8 value)
{
    s->dac_latch[s->dac_component++] = value & 0x3f;
    if (s->dac_component < 3)
        return;
    s->dac_component = 0;
    for (unsigned i = 0; i < 3; i++)
        s->cirrus.cursor_dac[3 * (s->dac_write & 0xf) + i] = s->dac_latch[i];
    s->dac_write++;
}

/* ---- ports ---- */

static bool
is_crtc_data(unsigned port)
{
    return port == 0x3d5 || port == 0x3b5;
}

bool
cirrus_port_read(Vga *vga, unsigned port, guint8 *ret_value)
{
    Cirrus *c = CIRRUS_OF(vga);
    VgaState *s = &vga->s;
    unsigned reg;

    if (port == 0x3c6) {
        *ret_value = hidden_read(s);
        return true;
    }
    if (port >= 0x3c7 && port <= 0x3c9)
        s->cirrus.hidden_reads = 0;
    if (port == 0x3c9 && dac_is_cursors(s)) {
        *ret_value = cursor_dac_read(s);
        return true;
    }
    if (port == 0x3c5 && (reg = s->seq_index & 0x1fu) >= SEQ_N) {
        *ret_value = seq_read(c, reg);
        return true;
    }
    if (port == 0x3cf && gr_is_wider(reg = s->gr_index)) {
        *ret_value = s->cirrus.gr[reg & (CIRRUS_N_GR - 1)];
        return true;
    }
    if (is_crtc_data(port) && (reg = s->crtc_index) >= CRTC_N) {
        *ret_value = crtc_read(c, reg & (CIRRUS_N_CRTC - 1));
        return true;
    }
    return false;
}

static bool
dac_port_write(VgaState *s, unsigned port, guint8 value)
{
    if (port == 0x3c6)
        return hidden_write(s, value);
    s->cirrus.hidden_reads = 0;
    if (port != 0x3c9 || !dac_is_cursors(s))
        return false;
    cursor_dac_write(s, value);
    return true;
}

bool
cirrus_port_write(Vga *vga, unsigned port, guint8 value)
{
    Cirrus *c = CIRRUS_OF(vga);
    VgaState *s = &vga->s;

    if (port >= 0x3c6 && port <= 0x3c9)
        return dac_port_write(s, port, value);
    switch (port) {
    case 0x3c4: s->seq_index = value; return true;
    case 0x3c5:
        if ((s->seq_index & 0x1f) < SEQ_N)
            return false;
        seq_write(c, s->seq_index, value);
        return true;
    case 0x3ce: s->gr_index = value & (CIRRUS_N_GR - 1); return true;
    case 0x3cf: return gr_port_write(c, value);
    default: break;
    }
    if (!is_crtc_data(port) || s->crtc_index < CRTC_N)
        return false;
    crtc_write(c, s->crtc_index & (CIRRUS_N_CRTC - 1), value);
    return true;
}

/* ---- memory ---- */

static unsigned
mmio_reg(unsigned offset)
{
    if (offset == MMIO_STATUS)
        return CIR_GR_BLT_STATUS;
    return offset < sizeof mmio_gr ? mmio_gr[offset] : NO_REG;
}

guint8
cirrus_mmio_read(Cirrus *c, unsigned offset)
{
    unsigned reg = mmio_reg(offset);

    return reg == NO_REG ? 0xff : c->vga.s.cirrus.gr[reg];
}

/* Here the colours are the blitter's alone. */
void
cirrus_mmio_write(Cirrus *c, unsigned offset, guint8 value)
{
    unsigned reg = mmio_reg(offset);

    if (reg != NO_REG)
        gr_write(c, reg, value);
}

#define REGS_PORTS 0x20u /* BAR 1: 3C0..3DF, then the blitter at 100h */

static guint64
regs_read(void *dev, guint64 offset, unsigned size)
{
    Cirrus *c = dev;
    guint64 value = 0;

    for (unsigned i = 0; i < size; i++) {
        unsigned at = (unsigned) offset + i;
        guint8 byte = 0xff;
        if (at < REGS_PORTS)
            byte = vga_port_read(&c->vga, 0x3c0 + at);
        else if (at >= CIR_MMIO_LEN && at < 2 * CIR_MMIO_LEN)
            byte = cirrus_mmio_read(c, at - CIR_MMIO_LEN);
        value |= (guint64) byte << (8 * i);
    }
    return value;
}

static void
regs_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Cirrus *c = dev;

    for (unsigned i = 0; i < size; i++) {
        unsigned at = (unsigned) offset + i;
        guint8 byte = (guint8) (value >> (8 * i));
        if (at < REGS_PORTS)
            vga_port_write(&c->vga, 0x3c0 + at, byte);
        else if (at >= CIR_MMIO_LEN && at < 2 * CIR_MMIO_LEN)
            cirrus_mmio_write(c, at - CIR_MMIO_LEN, byte);
    }
}

const IoOps cirrus_regs_ops = {
    .read = regs_read,
    .write = regs_write,
    .min_size = 1,
    .max_size = 4,
};
