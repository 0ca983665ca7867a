/* devices/display/vga.c - VGA with Bochs VBE extensions as a PCI function,
 * 1234:1111.
 *
 * IBM VGA Technical Reference; Bochs VBE Display Interface. BAR 0 is the
 * linear frame buffer, BAR 2 the registers as MMIO; the legacy ports and the
 * window at A0000 always decode. The BIOS comes through the firmware
 * configuration device, there is no ROM BAR. Left out: the vertical interrupt,
 * overscan, interlace. */
#include "devices/display/vga-internal.h"

#define VRAM_MIB_DEFAULT 16
#define VRAM_MIB_MAX     64
#define MMIO_LEN         4096
#define VBE_ID_NEWEST    0xb0c5

static const PciIds vga_ids = {
    .vendor = 0x1234,
    .device = 0x1111,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_device = 0x0300,
    .revision = 2,
};

static const EdidSpec vga_monitor = {
    .product = 0x1111,
    .standard = {{1280, 720},
                 {1280, 800},
                 {1280, 1024},
                 {1440, 900},
                 {1600, 1200},
                 {1680, 1050},
                 {1920, 1080},
                 {1920, 1200}},
    .max_khz = 160,
    .max_10mhz = 60,
};

/* ---- state ---- */

/* clang-format off */
static const StateField vga_fields[] = {
    STATE_SUB(VgaState, pci, &pci_state_desc),
    STATE_FIELD(VgaState, misc, STATE_U8),
    STATE_FIELD(VgaState, feature, STATE_U8),
    STATE_FIELD(VgaState, enable, STATE_U8),
    STATE_FIELD(VgaState, seq_index, STATE_U8),
    STATE_FIELD(VgaState, gr_index, STATE_U8),
    STATE_FIELD(VgaState, crtc_index, STATE_U8),
    STATE_FIELD(VgaState, attr_index, STATE_U8),
    STATE_FIELD(VgaState, attr_data_next, STATE_U8),
    STATE_BLOB(VgaState, seq),
    STATE_BLOB(VgaState, gr),
    STATE_BLOB(VgaState, crtc),
    STATE_BLOB(VgaState, attr),
    STATE_FIELD(VgaState, dac_mask, STATE_U8),
    STATE_FIELD(VgaState, dac_read, STATE_U8),
    STATE_FIELD(VgaState, dac_write, STATE_U8),
    STATE_FIELD(VgaState, dac_component, STATE_U8),
    STATE_FIELD(VgaState, dac_reading, STATE_U8),
    STATE_BLOB(VgaState, dac_latch),
    STATE_BLOB(VgaState, dac),
    STATE_FIELD(VgaState, latch, STATE_U32),
    STATE_FIELD(VgaState, vbe_index, STATE_U16),
    STATE_ARRAY(VgaState, vbe, STATE_U16),
    STATE_FIELDS_END,
};
/* clang-format on */

/* All other fields are masked or clamped where they are used. */
static bool
vga_state_check(const void *state, GError **error)
{
    const VgaState *s = state;

    if (s->dac_component < 3 && s->attr_data_next <= 1 &&
        s->gr[GR_READ_MAP] <= 3)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "vga: DAC component %u, flip-flop %u or read map %u is out of "
                "range; the saved state is damaged",
                s->dac_component, s->attr_data_next, s->gr[GR_READ_MAP]);
    return false;
}

const StateDesc vga_state_desc = {
    .name = "vga",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VgaState),
    .fields = vga_fields,
    .check = vga_state_check,
};

/* ---- life ---- */

/* The bus moves BAR 0's slot by itself; its dirty log starts over. Runs with
 * the bus's config lock held, so only a flag is set. */
static void
vga_config_written(PciDevice *pdev, unsigned offset, unsigned size,
                   const guint8 *old)
{
    g_atomic_int_set(&VGA_OF(pdev)->lfb_moved, 1);
}

static bool
vga_make_memory(Vga *vga, DeviceEnv *env, guint32 lfb_len, GError **error)
{
    guint32 mib = vga->vram_mib;

    if ((mib & (mib - 1)) != 0) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "%s: vram is %u MiB; use a power of two (1, 2, 4 .. %u)",
                    vga->pci.dev.id, mib, VRAM_MIB_MAX);
        return false;
    }
    vga->vram_size = mib << 20;
    vga->backing = mem_backing_new(env->mem, vga->pci.dev.id,
                                   vga->vram_size + VGA_TEXT_LEN, error);
    if (vga->backing == NULL)
        return false;
    vga->vram = mem_backing_host(vga->backing);
    vga->text = vga->vram + vga->vram_size;
    vga->dirty = g_new0(guint64, vga->vram_size / VGA_PAGE / 64);
    vga->lfb_slot = mem_slot_new(env->mem, "vga-lfb", vga->backing, 0, lfb_len);
    vga->bank_slot =
        mem_slot_new(env->mem, "vga-bank", vga->backing, 0, VGA_BANK_LEN);
    vga->text_slot = mem_slot_new(env->mem, "vga-text", vga->backing,
                                  vga->vram_size, VGA_TEXT_LEN);
    return true;
}

static bool
vga_map(Vga *vga, IoSpace *space, IoRegion *region, guint64 base,
        const char *what, GError **error)
{
    int ret = io_map(space, region, base, 0);

    if (ret == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-ret),
                "%s: %s at %#" G_GINT64_MODIFIER
                "x is taken; a machine can have one VGA",
                vga->pci.dev.id, what, base);
    return false;
}

static bool
vga_make_regions(Vga *vga, DeviceEnv *env, GError **error)
{
    GMutex *lock = &vga->pci.dev.lock;

    vga->mono_region = io_region_new("vga-mono", &vga_mono_ops, vga, lock, 12);
    vga->vga_region = io_region_new("vga", &vga_vga_ops, vga, lock, 16);
    vga->color_region =
        io_region_new("vga-color", &vga_color_ops, vga, lock, 16);
    vga->window_region =
        io_region_new("vga-window", &vga_window_ops, vga, lock, VGA_WINDOW_LEN);
    return vga_map(vga, env->ports, vga->mono_region, 0x3b0, "port", error) &&
           vga_map(vga, env->ports, vga->vga_region, 0x3c0, "port", error) &&
           vga_map(vga, env->ports, vga->color_region, 0x3d0, "port", error) &&
           vga_map(vga, env->mmio, vga->window_region, VGA_WINDOW_BASE,
                   "memory", error);
}

bool
vga_realize_core(Vga *vga, DeviceEnv *env, const PciIds *ids, guint32 lfb_len,
                 GError **error)
{
    if (!pci_device_realize(&vga->pci, env, ids, &vga->s.pci, error) ||
        !vga_make_memory(vga, env, lfb_len, error) ||
        !vga_make_regions(vga, env, error))
        return false;
    vga_timing_update(vga);
    if (env->display != NULL)
        vga->screen = vga_screen_new(vga, env);
    return true;
}

void
vga_make_edid(Vga *vga, EdidSpec spec)
{
    spec.preferred =
        (EdidMode){(guint16) (vga->xres & ~7u), (guint16) vga->yres};
    edid_make(&spec, vga->edid);
}

/* The registers that no other chip has. */
static bool
vga_make_dispi(Vga *vga, DeviceEnv *env, GError **error)
{
    GMutex *lock = &vga->pci.dev.lock;

    vga->vbe_region = io_region_new("vga-vbe", &vga_vbe_port_ops, vga, lock, 4);
    vga->mmio_region =
        io_region_new("vga-mmio", &vga_mmio_ops, vga, lock, MMIO_LEN);
    return vga_map(vga, env->ports, vga->vbe_region, 0x1ce, "port", error);
}

static bool
vga_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Vga *vga = VGA_OF(dev);

    if (!vga_realize_core(vga, env, &vga_ids, vga->vram_mib << 20, error) ||
        !vga_make_dispi(vga, env, error))
        return false;
    vga_make_edid(vga, vga_monitor);
    vga->pci.config_written = vga_config_written;
    pci_add_bar(&vga->pci, 0, PCI_BAR_MEM32, true, vga->vram_size, NULL,
                vga->lfb_slot);
    pci_add_bar(&vga->pci, 2, PCI_BAR_MEM32, false, MMIO_LEN, vga->mmio_region,
                NULL);
    return true;
}

void
vga_unrealize_core(Vga *vga)
{
    vga_screen_free(vga->screen);
    vga->screen = NULL;
    pci_device_unrealize(&vga->pci);
    io_region_free(vga->mono_region);
    io_region_free(vga->vga_region);
    io_region_free(vga->color_region);
    io_region_free(vga->vbe_region);
    io_region_free(vga->window_region);
    io_region_free(vga->mmio_region);
    vga->mono_region = vga->vga_region = vga->color_region = NULL;
    vga->vbe_region = vga->window_region = vga->mmio_region = NULL;
    mem_slot_free(vga->lfb_slot);
    mem_slot_free(vga->bank_slot);
    mem_slot_free(vga->text_slot);
    vga->lfb_slot = vga->bank_slot = vga->text_slot = NULL;
    g_clear_pointer(&vga->dirty, g_free);
}

static void
vga_unrealize(Device *dev)
{
    vga_unrealize_core(VGA_OF(dev));
}

/* Video memory keeps its content, as RAM does. In suspend to RAM the card stays
 * powered: a system without a driver for it does not set it up again. */
static void
vga_reset(Device *dev, ResetKind kind)
{
    Vga *vga = VGA_OF(dev);

    if (kind == RESET_WAKE)
        return;
    pci_device_reset(&vga->pci);
    g_mutex_lock(&dev->lock);
    vga->s = (VgaState){
        .pci = vga->s.pci, .dac_mask = 0xff, .vbe[VBE_ID] = VBE_ID_NEWEST};
    vga_timing_update(vga);
    vga_window_update(vga);
    g_mutex_unlock(&dev->lock);
}

static void
vga_restored(Device *dev)
{
    Vga *vga = VGA_OF(dev);

    pci_device_restored(&vga->pci);
    g_mutex_lock(&dev->lock);
    vga_timing_update(vga);
    vga_window_adopt(vga);
    g_mutex_unlock(&dev->lock);
    if (vga->screen != NULL)
        vga_screen_redraw(vga->screen);
}

/* clang-format off */
static const PropDesc vga_props[] = {
    PCI_PROPS(Vga, pci),
    PROP_DEF_U32(Vga, vram_mib, "vram", VRAM_MIB_DEFAULT, 1, VRAM_MIB_MAX,
                 "MiB", "video memory, a power of two"),
    PROP_DEF_U32(Vga, xres, "xres", 1024, EDID_MIN_WIDTH, VBE_MAX_XRES,
                 "pixels", "width that the monitor prefers"),
    PROP_DEF_U32(Vga, yres, "yres", 768, EDID_MIN_HEIGHT, VBE_MAX_YRES,
                 "pixels", "height that the monitor prefers"),
    PROP_END,
};
/* clang-format on */

const DeviceClass vga_class = {
    .name = "vga",
    .summary = "VGA with Bochs VBE, up to 2560x1600",
    .size = sizeof(Vga),
    .props = vga_props,
    .state = &vga_state_desc,
    .state_offset = G_STRUCT_OFFSET(Vga, s),
    .realize = vga_realize,
    .unrealize = vga_unrealize,
    .reset = vga_reset,
    .restored = vga_restored,
};
