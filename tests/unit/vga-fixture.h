/* tests/unit/vga-fixture.h - a VGA on a fake machine, set up as a BIOS would
 * leave it, and ways to look at the picture. */
#pragma once

#include <string.h>

#include "devices/bus/pci.h"
#include "tests/unit/fake-vm.h"
#include "tests/unit/pci-config.h"
#include "vmm/display/display.h"

extern const DeviceClass vga_class, cirrus_class;

#define VGA_SLOT PCI_DEVFN(2, 0)
#define LFB      0xe0000000u
#define REGS     0xe4000000u

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Display *display;
    Device *vga;
    Viewer *viewer;
    const Frame *frame; /* of the last rig_look() */
    Rect damage[16];
    unsigned n_damage;
} VgaRig;

static inline void
rig_config_write(VgaRig *r, unsigned offset, guint32 value)
{
    pci_config_set(r->bus, VGA_SLOT, offset, value, 4);
}

static inline VgaRig *
rig_new_class(const DeviceClass *klass, guint64 vram_mib)
{
    VgaRig *r = g_new0(VgaRig, 1);

    r->vm = fake_vm_new(0x10000);
    r->display = display_new();
    r->vm->env.display = r->display;
    r->bus = pci_bus_new(&r->vm->env);
    r->vga = device_new(klass, "vga");
    device_set_link(r->vga, "bus", r->bus);
    device_set_u64(r->vga, "addr", VGA_SLOT, NULL);
    device_set_u64(r->vga, "vram", vram_mib, NULL);
    fake_vm_realize(r->vm, r->vga);
    rig_config_write(r, PCI_BAR0, LFB);
    /* the registers' BAR is 2, or the Cirrus' 1 */
    rig_config_write(r, PCI_BAR0 + (klass == &cirrus_class ? 4 : 8), REGS);
    rig_config_write(r, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    return r;
}

static inline VgaRig *
rig_new(guint64 vram_mib)
{
    return rig_new_class(&vga_class, vram_mib);
}

static inline void
rig_free(VgaRig *r)
{
    viewer_detach(r->viewer);
    device_free(r->vga);
    pci_bus_free(r->bus);
    display_free(r->display);
    fake_vm_free(r->vm);
    g_free(r);
}

static inline void
rig_index(VgaRig *r, guint16 port, guint8 index, guint8 value)
{
    fake_out16(r->vm, port, (guint16) (value << 8 | index));
}

static inline guint8
rig_index_read(VgaRig *r, guint16 port, guint8 index)
{
    fake_out8(r->vm, port, index);
    return fake_in8(r->vm, (guint16) (port + 1));
}

static inline void
rig_attr(VgaRig *r, guint8 index, guint8 value)
{
    fake_in8(r->vm, 0x3da);
    fake_out8(r->vm, 0x3c0, index);
    fake_out8(r->vm, 0x3c0, value);
    fake_out8(r->vm, 0x3c0, 0x20); /* picture on */
}

static inline void
rig_vbe(VgaRig *r, guint16 index, guint16 value)
{
    fake_out16(r->vm, 0x1ce, index);
    fake_out16(r->vm, 0x1cf, value);
}

static inline guint16
rig_vbe_read(VgaRig *r, guint16 index)
{
    fake_out16(r->vm, 0x1ce, index);
    return fake_in16(r->vm, 0x1cf);
}

/* Registers of a standard mode, IBM VGA BIOS parameter tables. */
typedef struct {
    guint8 misc, seq[5], crtc[25], attr[21], gr[9];
} VgaModeRegs;

/* clang-format off */
static const VgaModeRegs G_GNUC_UNUSED regs_mode3 = {
    0x67, { 3, 0x00, 0x03, 0x00, 0x02 },
    { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e,
      0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
    { 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e,
      0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00 },
    { 0, 0, 0, 0, 0, 0x10, 0x0e, 0x0f, 0xff },
};
static const VgaModeRegs G_GNUC_UNUSED regs_mode7 = {
    0x66, { 3, 0x00, 0x03, 0x00, 0x02 },
    { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e,
      0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x0f, 0x96, 0xb9, 0xa3, 0xff },
    { 0, 8, 8, 8, 8, 8, 8, 8, 0x10, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18,
      0x0e, 0x00, 0x0f, 0x08, 0x00 },
    { 0, 0, 0, 0, 0, 0x10, 0x0a, 0x0f, 0xff },
};
static const VgaModeRegs G_GNUC_UNUSED regs_mode4 = {
    0x63, { 3, 0x09, 0x03, 0x00, 0x02 },
    { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0, 0,
      0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff },
    { 0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15,
      0x16, 0x17, 0x01, 0x00, 0x03, 0x00, 0x00 },
    { 0, 0, 0, 0, 0, 0x30, 0x0f, 0x0f, 0xff },
};
static const VgaModeRegs G_GNUC_UNUSED regs_mode6 = {
    0x63, { 3, 0x01, 0x01, 0x00, 0x06 },
    { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0, 0,
      0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff },
    { 0, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17,
      0x17, 0x17, 0x17, 0x17, 0x01, 0x00, 0x01, 0x00, 0x00 },
    { 0, 0, 0, 0, 0, 0x00, 0x0d, 0x0f, 0xff },
};
static const VgaModeRegs G_GNUC_UNUSED regs_mode12 = {
    0xe3, { 3, 0x01, 0x0f, 0x00, 0x06 },
    { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0, 0,
      0, 0, 0, 0, 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff },
    { 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e,
      0x3f, 0x01, 0x00, 0x0f, 0x00, 0x00 },
    { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff },
};
static const VgaModeRegs G_GNUC_UNUSED regs_mode13 = {
    0x63, { 3, 0x01, 0x0f, 0x00, 0x0e },
    { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0, 0,
      0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
      0x41, 0x00, 0x0f, 0x00, 0x00 },
    { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff },
};
/* clang-format on */

static inline guint16
rig_crtc_port(const VgaModeRegs *m)
{
    return m->misc & 1 ? 0x3d4 : 0x3b4;
}

static inline void
rig_set_mode(VgaRig *r, const VgaModeRegs *m)
{
    guint16 crtc = rig_crtc_port(m);

    fake_out8(r->vm, 0x3c2, m->misc);
    for (guint8 i = 0; i < 5; i++)
        rig_index(r, 0x3c4, i, m->seq[i]);
    rig_index(r, crtc, 0x11, 0); /* unprotect */
    for (guint8 i = 0; i < 25; i++)
        rig_index(r, crtc, i, m->crtc[i]);
    for (guint8 i = 0; i < 9; i++)
        rig_index(r, 0x3ce, i, m->gr[i]);
    fake_in8(r->vm, (guint16) (crtc + 6));
    for (guint8 i = 0; i < 21; i++) {
        fake_out8(r->vm, 0x3c0, i);
        fake_out8(r->vm, 0x3c0, m->attr[i]);
    }
    fake_out8(r->vm, 0x3c0, 0x20);
}

/* DAC entry n in 6-bit values. */
static inline void
rig_dac(VgaRig *r, guint8 n, guint8 red, guint8 green, guint8 blue)
{
    fake_out8(r->vm, 0x3c8, n);
    fake_out8(r->vm, 0x3c9, red);
    fake_out8(r->vm, 0x3c9, green);
    fake_out8(r->vm, 0x3c9, blue);
}

/* The EGA's 64 colours at 0..63, rgbRGB, as the BIOS sets them in text and
 * 16-colour modes. */
static inline void
rig_ega_palette(VgaRig *r)
{
    for (unsigned i = 0; i < 64; i++)
        rig_dac(r, (guint8) i, (guint8) ((i & 4 ? 42 : 0) + (i & 32 ? 21 : 0)),
                (guint8) ((i & 2 ? 42 : 0) + (i & 16 ? 21 : 0)),
                (guint8) ((i & 1 ? 42 : 0) + (i & 8 ? 21 : 0)));
}

/* Glyph rows of a character into plane 2, by the window, as a BIOS does. */
static inline void
rig_load_glyph(VgaRig *r, unsigned font_at, guint8 ch, const guint8 *rows,
               unsigned n)
{
    rig_index(r, 0x3c4, 2, 4);
    rig_index(r, 0x3c4, 4, 7);
    rig_index(r, 0x3ce, 4, 2);
    rig_index(r, 0x3ce, 5, 0);
    rig_index(r, 0x3ce, 6, 4);
    for (unsigned i = 0; i < n; i++)
        fake_mmio_write(r->vm, 0xa0000 + font_at + ch * 32u + i, rows[i], 1);
    rig_index(r, 0x3c4, 2, 3);
    rig_index(r, 0x3c4, 4, 3);
    rig_index(r, 0x3ce, 4, 0);
    rig_index(r, 0x3ce, 5, 0x10);
    rig_index(r, 0x3ce, 6, 0x0e);
}

static inline void
rig_cell(VgaRig *r, unsigned at, guint8 ch, guint8 attr)
{
    fake_mmio_write(r->vm, 0xb8000 + 2 * at, (guint16) (attr << 8 | ch), 2);
}

/* Attaches on first use, lets the timer draw, takes frame and damage. */
static inline void
rig_look(VgaRig *r)
{
    if (r->viewer == NULL)
        r->viewer = display_attach(r->display, -1);
    fake_advance(r->vm, 60 * 1000000); /* past the idle interval */
    r->frame = viewer_begin(r->viewer, r->damage, G_N_ELEMENTS(r->damage),
                            &r->n_damage);
}

static inline guint32
rig_pixel(const VgaRig *r, int x, int y)
{
    guint32 c;

    memcpy(&c, r->frame->pixels + (gsize) y * (gsize) r->frame->stride + 4 * x,
           4);
    return c;
}
