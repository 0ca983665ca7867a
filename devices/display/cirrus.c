/* devices/display/cirrus.c - Cirrus Logic CL-GD5446, 1013:00b8.
 *
 * CL-GD5446 Technical Reference Manual. BAR 0 is the linear frame buffer, whose
 * upper half takes data for blits; BAR 1 the registers as memory. The VGA in
 * it is vga.c's. The BIOS comes through the firmware configuration device, there
 * is no ROM BAR. Left out: the video overlay, byte-swapped apertures, interrupts
 * and blits to system memory. */
#include <string.h>

#include "devices/display/cirrus-internal.h"

#define VRAM_MIB_DEFAULT 4
#define VRAM_MIB_MAX     4
#define REGS_LEN         4096
#define NOWHERE          G_MAXUINT64

static const PciIds cirrus_ids = {
    .vendor = 0x1013,
    .device = 0x00b8,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_device = 0x0300,
};

/* ---- state ---- */

/* clang-format off */
static const StateField cirrus_ext_fields[] = {
    STATE_BLOB(CirrusState, seq),
    STATE_BLOB(CirrusState, gr),
    STATE_BLOB(CirrusState, crtc),
    STATE_FIELD(CirrusState, hidden_dac, STATE_U8),
    STATE_FIELD(CirrusState, hidden_reads, STATE_U8),
    STATE_BLOB(CirrusState, cursor_dac),
    STATE_FIELD(CirrusState, cursor_x, STATE_U16),
    STATE_FIELD(CirrusState, cursor_y, STATE_U16),
    STATE_FIELD(CirrusState, ddc_pins, STATE_U8),
    STATE_FIELD(CirrusState, ddc_phase, STATE_U8),
    STATE_FIELD(CirrusState, ddc_bit, STATE_U8),
    STATE_FIELD(CirrusState, ddc_byte, STATE_U8),
    STATE_FIELD(CirrusState, ddc_offset, STATE_U8),
    STATE_FIELD(CirrusState, ddc_low, STATE_U8),
    STATE_FIELD(CirrusState, blt_active, STATE_U8),
    STATE_BLOB(CirrusState, blt_regs),
    STATE_FIELD(CirrusState, blt_row, STATE_U16),
    STATE_FIELD(CirrusState, blt_have, STATE_U16),
    STATE_BLOB(CirrusState, blt_data),
    STATE_FIELDS_END,
};
/* clang-format on */

/* The registers are masked where they are used. */
static bool
cirrus_ext_check(const void *state, GError **error)
{
    const CirrusState *x = state;

    if (x->blt_have < CIRRUS_BLT_ROW && x->blt_active <= 1 &&
        x->cursor_x < 2048 && x->cursor_y < 2048)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "cirrus: blit data %u or cursor %u, %u is out of range; the "
                "saved state is damaged",
                x->blt_have, x->cursor_x, x->cursor_y);
    return false;
}

static const StateDesc cirrus_ext_desc = {
    .name = "cirrus-ext",
    .version = 1,
    .min_version = 1,
    .size = sizeof(CirrusState),
    .fields = cirrus_ext_fields,
    .check = cirrus_ext_check,
};

/* clang-format off */
static const StateField cirrus_fields[] = {
    { "vga", STATE_STRUCT, 0, 1, sizeof(VgaState), 1, &vga_state_desc },
    STATE_SUB(VgaState, cirrus, &cirrus_ext_desc),
    STATE_FIELDS_END,
};
/* clang-format on */

static const StateDesc cirrus_state_desc = {
    .name = "cirrus",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VgaState),
    .fields = cirrus_fields,
};

/* ---- windows ---- */

/* A failure leaves the frame buffer trapped, which is slow but right. */
static void
lfb_update(Cirrus *c)
{
    bool plain = c->lfb_at != NOWHERE && cirrus_lfb_is_plain(c);
    Gpa at = 0;
    bool mapped = mem_slot_is_mapped(c->vga.lfb_slot, &at);

    if (plain == mapped && (!plain || at == c->lfb_at))
        return;
    if (plain)
        (void) mem_slot_map(c->vga.lfb_slot, c->lfb_at, MEM_RW);
    else
        mem_slot_unmap(c->vga.lfb_slot);
    g_atomic_int_set(&c->vga.lfb_moved, 1); /* its dirty log went with it */
}

void
cirrus_windows_update(Cirrus *c)
{
    vga_window_update(&c->vga);
    lfb_update(c);
}

static void
cirrus_bar_moved(PciDevice *pdev, unsigned index)
{
    Cirrus *c = CIRRUS_OF(pdev);

    if (index != 0)
        return;
    g_mutex_lock(&pdev->dev.lock);
    c->lfb_at = pdev->bars[0].mapped_at;
    lfb_update(c);
    g_mutex_unlock(&pdev->dev.lock);
}

/* ---- life ---- */

static const EdidSpec cirrus_monitor = {
    .product = 0x5446,
    .standard =
        {{640, 480}, {800, 600}, {1024, 768}, {1280, 960}, {1280, 1024}},
    .max_khz = 80,
    .max_10mhz = 14,
};

static const VgaChip cirrus_chip = {
    .port_read = cirrus_port_read,
    .port_write = cirrus_port_write,
    .window = cirrus_window,
    .window_read = cirrus_window_read,
    .window_write = cirrus_window_write,
    .window_data = cirrus_window_data,
    .mode = cirrus_mode,
    .is_blank = cirrus_is_blank,
    .dot_hz = cirrus_dot_hz,
    .cursor = cirrus_cursor,
    .draw_cursor = cirrus_draw_cursor,
};

/* The last page is never memory: the registers may be in it. */
static bool
cirrus_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Cirrus *c = CIRRUS_OF(dev);
    Vga *vga = &c->vga;

    vga->chip = &cirrus_chip;
    c->lfb_at = NOWHERE;
    c->calm = 0;
    if (!vga_realize_core(vga, env, &cirrus_ids,
                          (vga->vram_mib << 20) - VGA_PAGE, error))
        return false;
    c->lfb_region = io_region_new("cirrus-lfb", &cirrus_lfb_ops, c, &dev->lock,
                                  CIR_LFB_LEN);
    c->regs_region =
        io_region_new("cirrus-regs", &cirrus_regs_ops, c, &dev->lock, REGS_LEN);
    vga_make_edid(vga, cirrus_monitor);
    vga->pci.bar_moved = cirrus_bar_moved;
    pci_add_bar(&vga->pci, 0, PCI_BAR_MEM32, true, CIR_LFB_LEN, c->lfb_region,
                NULL);
    pci_add_bar(&vga->pci, 1, PCI_BAR_MEM32, false, REGS_LEN, c->regs_region,
                NULL);
    return true;
}

static void
cirrus_unrealize(Device *dev)
{
    Cirrus *c = CIRRUS_OF(dev);

    vga_unrealize_core(&c->vga);
    io_region_free(c->lfb_region);
    io_region_free(c->regs_region);
    c->lfb_region = c->regs_region = NULL;
}

/* How much memory there is, as BIOS and drivers ask: DRAM width and banks in
 * SRF, the scratch register SR15 says it again. */
static void
reset_registers(Cirrus *c)
{
    CirrusState *x = &c->vga.s.cirrus;
    guint32 mib = c->vga.vram_mib;

    x->seq[CIR_SEQ_UNLOCK] = CIR_LOCKED;
    x->seq[CIR_SEQ_DRAM] = mib >= 4 ? 0x98 : mib == 2 ? 0x18 : 0x10;
    x->seq[CIR_SEQ_MEMORY] = mib >= 4 ? 4 : mib == 2 ? 3 : 2;
    x->seq[CIR_SEQ_CONFIG] = 0x20; /* a PCI bus */
    x->seq[CIR_SEQ_MCLK] = 0x2d;
    x->gr[0x18] = 0x0f;
    x->ddc_pins = 3; /* nobody pulls */
    x->seq[CIR_SEQ_DDC] = 3;
}

static void
cirrus_reset(Device *dev, ResetKind kind)
{
    Cirrus *c = CIRRUS_OF(dev);
    Vga *vga = &c->vga;

    if (kind == RESET_WAKE) /* see vga.c */
        return;
    pci_device_reset(&vga->pci);
    g_mutex_lock(&dev->lock);
    memset((guint8 *) &vga->s + sizeof vga->s.pci, 0,
           sizeof vga->s - sizeof vga->s.pci);
    vga->s.dac_mask = 0xff;
    reset_registers(c);
    c->calm = 0;
    vga_timing_update(vga);
    cirrus_windows_update(c);
    g_mutex_unlock(&dev->lock);
}

static void
cirrus_restored(Device *dev)
{
    Cirrus *c = CIRRUS_OF(dev);
    Vga *vga = &c->vga;

    pci_device_restored(&vga->pci);
    g_mutex_lock(&dev->lock);
    c->calm = 0;
    vga_timing_update(vga);
    vga_window_adopt(vga);
    lfb_update(c);
    g_mutex_unlock(&dev->lock);
    if (vga->screen != NULL)
        vga_screen_redraw(vga->screen);
}

/* clang-format off */
static const PropDesc cirrus_props[] = {
    PCI_PROPS(Cirrus, vga.pci),
    PROP_DEF_U32(Cirrus, vga.vram_mib, "vram", VRAM_MIB_DEFAULT, 1,
                 VRAM_MIB_MAX, "MiB", "video memory: 1, 2 or 4"),
    PROP_DEF_U32(Cirrus, vga.xres, "xres", 1024, EDID_MIN_WIDTH, 1280, "pixels",
                 "width that the monitor prefers"),
    PROP_DEF_U32(Cirrus, vga.yres, "yres", 768, EDID_MIN_HEIGHT, 1024, "pixels",
                 "height that the monitor prefers"),
    PROP_END,
};
/* clang-format on */

const DeviceClass cirrus_class = {
    .name = "cirrus",
    .summary = "Cirrus Logic GD5446, for systems of the 1990s",
    .size = sizeof(Cirrus),
    .props = cirrus_props,
    .state = &cirrus_state_desc,
    .state_offset = G_STRUCT_OFFSET(Cirrus, vga.s),
    .realize = cirrus_realize,
    .unrealize = cirrus_unrealize,
    .reset = cirrus_reset,
    .restored = cirrus_restored,
};
