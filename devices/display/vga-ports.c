/* devices/display/vga-ports.c - the register ports 3B0..3DF.
 *
 * IBM VGA Technical Reference, "Video Subsystem" registers. Index/data pairs
 * go through one table per group with the bits that exist; unknown indices
 * read as zero and ignore writes, which is what probes for other makers'
 * chips expect. */
#include "devices/display/vga-internal.h"

/* One index/data group: the bits of each register that can be written. */
typedef struct {
    const guint8 *mask;
    unsigned n;
} RegGroup;

/* clang-format off */
static const guint8 seq_mask[SEQ_N] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e };
static const guint8 gr_mask[GR_N] = {
    0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff,
};
static const guint8 crtc_mask[CRTC_N] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* 00 */
    0x7f, 0xff, 0x3f, 0x7f, 0xff, 0xff, 0xff, 0xff, /* 08 */
    0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xef, /* 10 */
    0xff,                                           /* 18 */
};
static const guint8 attr_mask[ATTR_N] = {
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, /* 00 */
    0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, /* 08 */
    0xef, 0xff, 0x3f, 0x0f, 0x0f,                   /* 10 */
};
/* clang-format on */

static const RegGroup seq_group = {seq_mask, SEQ_N};
static const RegGroup gr_group = {gr_mask, GR_N};
static const RegGroup crtc_group = {crtc_mask, CRTC_N};
static const RegGroup attr_group = {attr_mask, ATTR_N};

static guint8
group_read(const RegGroup *g, const guint8 *regs, unsigned index)
{
    return index < g->n ? regs[index] : 0;
}

static void
group_write(const RegGroup *g, guint8 *regs, unsigned index, guint8 value)
{
    if (index < g->n)
        regs[index] = value & g->mask[index];
}

/* ---- attribute controller and DAC ---- */

static void
attr_write(VgaState *s, guint8 value)
{
    if (s->attr_data_next)
        group_write(&attr_group, s->attr, s->attr_index & 0x1f, value);
    else
        s->attr_index = value & 0x3f;
    s->attr_data_next ^= 1;
}

static bool
dac_is_8bit(const VgaState *s)
{
    return s->vbe[VBE_ENABLE] & VBE_ENABLE_8BIT_DAC;
}

/* Red, green, blue; the entry changes when all three have arrived. */
static void
dac_write(VgaState *s, guint8 value)
{
    s->dac_latch[s->dac_component++] = dac_is_8bit(s) ? value : value & 0x3f;
    if (s->dac_component < 3)
        return;
    s->dac_component = 0;
    for (unsigned i = 0; i < 3; i++)
        s->dac[3 * s->dac_write + i] = s->dac_latch[i];
    s->dac_write++;
}

static guint8
dac_read(VgaState *s)
{
    guint8 value = s->dac[3 * s->dac_read + s->dac_component];

    if (++s->dac_component == 3) {
        s->dac_component = 0;
        s->dac_read++;
    }
    return dac_is_8bit(s) ? value : value & 0x3f;
}

/* ---- CRT controller ---- */

static void
crtc_write(VgaState *s, guint8 value)
{
    unsigned index = s->crtc_index;

    if (index <= CRTC_OVERFLOW &&
        s->crtc[CRTC_V_RETRACE_END] & CRTC_RETRACE_PROTECT) {
        /* protected, but for bit 8 of the line compare value */
        if (index == CRTC_OVERFLOW)
            s->crtc[index] =
                (guint8) ((s->crtc[index] & ~0x10) | (value & 0x10));
        return;
    }
    group_write(&crtc_group, s->crtc, index, value);
}

/* Reads of 3BA/3DA. */
static guint8
input_status_1(Vga *vga)
{
    vga->s.attr_data_next = 0;
    return vga_timing_status(&vga->timing,
                             loop_now_ns(vga->pci.dev.env->loop, CLOCK_GUEST));
}

/* 3B4, 3B5, 3BA and 3D4, 3D5, 3DA: only one set answers. */
static bool
decodes_port(const VgaState *s, unsigned port)
{
    bool color_port = port >= 0x3d0, mono_port = port < 0x3c0;
    bool color = s->misc & MISC_COLOR;

    return !(color_port && !color) && !(mono_port && color);
}

static guint8
crtc_port_read(Vga *vga, unsigned port)
{
    VgaState *s = &vga->s;

    switch (port & 0xf) {
    case 0x4: return s->crtc_index;
    case 0x5: return group_read(&crtc_group, s->crtc, s->crtc_index);
    case 0xa: return input_status_1(vga);
    default: return 0xff;
    }
}

static void
crtc_port_write(Vga *vga, unsigned port, guint8 value)
{
    VgaState *s = &vga->s;

    switch (port & 0xf) {
    case 0x4: s->crtc_index = value & 0x3f; break;
    case 0x5:
        crtc_write(s, value);
        vga_timing_update(vga);
        break;
    case 0xa: s->feature = value & 0x0b; break;
    default: break;
    }
}

guint8
vga_port_read(Vga *vga, unsigned port)
{
    VgaState *s = &vga->s;
    guint8 value;

    if (!decodes_port(s, port))
        return 0xff;
    if (vga->chip != NULL && vga->chip->port_read(vga, port, &value))
        return value;
    switch (port) {
    case 0x3c0: return s->attr_index;
    case 0x3c1: return group_read(&attr_group, s->attr, s->attr_index & 0x1f);
    case 0x3c2: return 0x10; /* a colour monitor is sensed */
    case 0x3c3: return s->enable;
    case 0x3c4: return s->seq_index;
    case 0x3c5: return group_read(&seq_group, s->seq, s->seq_index & 0x1f);
    case 0x3c6: return s->dac_mask;
    case 0x3c7: return s->dac_reading ? 0x03 : 0x00;
    case 0x3c8: return s->dac_write;
    case 0x3c9: return dac_read(s);
    case 0x3ca: return s->feature;
    case 0x3cc: return s->misc;
    case 0x3ce: return s->gr_index;
    case 0x3cf: return group_read(&gr_group, s->gr, s->gr_index);
    default:
        return port >= 0x3c0 && port < 0x3d0 ? 0xff : crtc_port_read(vga, port);
    }
}

static void
dac_set_index(VgaState *s, guint8 value, bool reading)
{
    if (reading)
        s->dac_read = value;
    else
        s->dac_write = value;
    s->dac_reading = reading;
    s->dac_component = 0;
}

void
vga_port_write(Vga *vga, unsigned port, guint8 value)
{
    VgaState *s = &vga->s;

    if (!decodes_port(s, port))
        return;
    if (vga->chip != NULL && vga->chip->port_write(vga, port, value))
        return;
    switch (port) {
    case 0x3c0: attr_write(s, value); return;
    case 0x3c2: s->misc = value & 0xef; break;
    case 0x3c3: s->enable = value & 1; return;
    case 0x3c4: s->seq_index = value & 0x1f; return;
    case 0x3c5:
        group_write(&seq_group, s->seq, s->seq_index & 0x1f, value);
        break;
    case 0x3c6: s->dac_mask = value; return;
    case 0x3c7: dac_set_index(s, value, true); return;
    case 0x3c8: dac_set_index(s, value, false); return;
    case 0x3c9: dac_write(s, value); return;
    case 0x3ce: s->gr_index = value & 0x1f; return;
    case 0x3cf: group_write(&gr_group, s->gr, s->gr_index, value); break;
    default:
        if (port < 0x3c0 || port >= 0x3d0)
            crtc_port_write(vga, port, value);
        return;
    }
    /* misc, sequencer and graphics controller decide both */
    vga_timing_update(vga);
    vga_window_update(vga);
}

/* clang-format off */
#define PORT_HANDLERS(name, base)                                            \
    static guint64 name##_read(void *dev, guint64 offset, unsigned size)     \
    { return vga_port_read(dev, (unsigned) ((base) + offset)); }             \
    static void name##_write(void *dev, guint64 offset, guint64 value,       \
                             unsigned size)                                  \
    { vga_port_write(dev, (unsigned) ((base) + offset), (guint8) value); }   \
    const IoOps vga_##name##_ops = {                                         \
        .read = name##_read, .write = name##_write,                          \
        .min_size = 1, .max_size = 1,                                        \
    }
PORT_HANDLERS(mono, 0x3b0);
PORT_HANDLERS(vga, 0x3c0);
PORT_HANDLERS(color, 0x3d0);
/* clang-format on */
