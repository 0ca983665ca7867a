/* devices/display/vga-internal.h - shared by the files of the VGA model.
 *
 * Video memory is kept as cells: 32-bit words of which byte p belongs to plane
 * p. Chain-4 and the linear modes then are plain byte addresses. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/display/cirrus-state.h"
#include "devices/display/edid.h"
#include "vmm/display/display.h"
#include "vmm/io/io.h"
#include "vmm/loop/loop.h"
#include "vmm/mem/guest-mem.h"

#define VGA_CELLS       0x10000u /* the 256 KiB that plain VGA addresses */
#define VGA_PAGE        4096u
#define VGA_WINDOW_BASE 0xa0000u
#define VGA_WINDOW_LEN  0x20000u
#define VGA_BANK_LEN    0x10000u
#define VGA_TEXT_LEN    0x8000u /* the text window, B0000 or B8000 */
#define VGA_TEXT_CELLS  (VGA_TEXT_LEN / 2)

/* Sequencer, IBM VGA "Sequencer Registers" */
enum { SEQ_RESET, SEQ_CLOCK, SEQ_MAP_MASK, SEQ_CHAR_MAP, SEQ_MEMORY, SEQ_N };
#define SEQ_CLOCK_8DOT     0x01
#define SEQ_CLOCK_HALF     0x08
#define SEQ_CLOCK_OFF      0x20 /* screen off */
#define SEQ_MEMORY_NOT_O_E 0x04 /* 1: no odd/even addressing */
#define SEQ_MEMORY_CHAIN4  0x08

/* CRT controller */
enum {
    CRTC_H_TOTAL,
    CRTC_H_DISPLAY,
    CRTC_V_TOTAL = 6,
    CRTC_OVERFLOW,
    CRTC_PRESET_ROW,
    CRTC_MAX_SCAN,
    CRTC_CURSOR_START,
    CRTC_CURSOR_END,
    CRTC_START_HIGH,
    CRTC_START_LOW,
    CRTC_CURSOR_HIGH,
    CRTC_CURSOR_LOW,
    CRTC_V_RETRACE_START,
    CRTC_V_RETRACE_END,
    CRTC_V_DISPLAY,
    CRTC_OFFSET,
    CRTC_UNDERLINE,
    CRTC_LINE_COMPARE = 0x18,
    CRTC_MODE = 0x17,
    CRTC_N = 0x19
};
#define CRTC_CURSOR_OFF       0x20
#define CRTC_RETRACE_PROTECT  0x80
#define CRTC_MAX_SCAN_DOUBLE  0x80
#define CRTC_MODE_MA13        0x01 /* 0: address bit 13 is row scan bit 0 */
#define CRTC_MODE_MA14        0x02
#define CRTC_MODE_DOUBLE_VERT 0x04
#define CRTC_MODE_BYTE        0x40
#define CRTC_MODE_SYNC        0x80

/* Graphics controller */
enum {
    GR_SET_RESET,
    GR_ENABLE_SET_RESET,
    GR_COMPARE,
    GR_ROTATE,
    GR_READ_MAP,
    GR_MODE,
    GR_MISC,
    GR_DONT_CARE,
    GR_BIT_MASK,
    GR_N
};
#define GR_MODE_WRITE    0x03
#define GR_MODE_READ     0x08
#define GR_MODE_PACKED   0x20 /* CGA's two bits a pixel */
#define GR_MODE_256      0x40
#define GR_MISC_GRAPHICS 0x01
#define GR_MISC_MAP(v)   (((v) >> 2) & 3)

/* Attribute controller */
enum {
    ATTR_MODE = 0x10,
    ATTR_OVERSCAN,
    ATTR_PLANE_ENABLE,
    ATTR_PAN,
    ATTR_COLOR_SELECT,
    ATTR_N
};
#define ATTR_MODE_LINE_GRAPHICS 0x04
#define ATTR_MODE_BLINK         0x08
#define ATTR_MODE_PAN_SPLIT     0x20 /* no panning below the split */
#define ATTR_MODE_P54S          0x80
#define ATTR_INDEX_PAS          0x20 /* 0: screen shows nothing */

#define MISC_COLOR              0x01 /* ports at 3Dx, else 3Bx */
#define MISC_RAM                0x02
#define MISC_CLOCK              0x0c
#define MISC_28_MHZ             0x04

/* Bochs DISPI registers */
enum {
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRT_WIDTH,
    VBE_VIRT_HEIGHT,
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_MEMORY_64K,
    VBE_N
};
#define VBE_ENABLE_ON       0x01
#define VBE_ENABLE_GETCAPS  0x02
#define VBE_ENABLE_8BIT_DAC 0x20
#define VBE_ENABLE_LFB      0x40
#define VBE_ENABLE_NO_CLEAR 0x80
#define VBE_MAX_XRES        2560
#define VBE_MAX_YRES        1600

typedef struct {
    PciState pci;
    guint8 misc, feature, enable;
    guint8 seq_index, gr_index, crtc_index, attr_index;
    guint8 attr_data_next; /* flip-flop: the next 3C0 write is data */
    guint8 seq[SEQ_N], gr[GR_N], crtc[CRTC_N], attr[ATTR_N];
    guint8 dac_mask, dac_read, dac_write;
    guint8 dac_component; /* 0..2: next of red, green, blue */
    guint8 dac_reading;   /* 3C7 was written last */
    guint8 dac_latch[3], dac[768];
    guint32 latch; /* byte p: plane p */
    guint16 vbe_index, vbe[VBE_N];
    CirrusState cirrus;
} VgaState;

/* Who serves the window at A0000..BFFFF. Anything but TRAP is guest memory;
 * the handlers give the same result for the accesses that still exit. */
typedef enum {
    VGA_WINDOW_TRAP,
    VGA_WINDOW_TEXT, /* characters and attributes, linear */
    VGA_WINDOW_BANK  /* 64 KiB of video memory at A0000 */
} VgaWindowKind;

typedef struct {
    VgaWindowKind kind;
    guint32 base;   /* guest-physical; TEXT: B0000 or B8000 */
    guint32 offset; /* BANK: in video memory */
} VgaWindow;

/* One frame in ns, for input status 1. */
typedef struct {
    gint64 line_ns, display_ns;  /* display_ns: shown part of a line */
    gint64 total, display;       /* lines */
    gint64 retrace, retrace_end; /* lines; retrace < total */
} VgaTiming;

typedef struct VgaScreen VgaScreen; /* vga-screen.c; loop thread */
typedef struct Vga Vga;
typedef struct VgaMode VgaMode; /* vga-draw.h */

/* A hardware cursor, drawn over the picture. Compared as bytes. */
typedef struct {
    guint32 on;
    guint32 x, y, size;   /* pixels, of the shown picture; a square */
    guint32 pattern, len; /* in video memory, bytes */
    guint32 color[2];     /* XRGB8888: background, foreground */
} VgaCursor;

/* What another maker's chip does differently. The hooks that return a bool
 * leave things to the plain VGA with false. Lock held, but for those that take
 * a VgaState, which are pure. */
typedef struct {
    bool (*port_read)(Vga *vga, unsigned port, guint8 *ret_value);
    bool (*port_write)(Vga *vga, unsigned port, guint8 value);
    bool (*window)(const Vga *vga, VgaWindow *ret_window);
    /* offset: from A0000; one byte */
    bool (*window_read)(Vga *vga, guint32 offset, guint8 *ret_value);
    bool (*window_write)(Vga *vga, guint32 offset, guint8 value);
    /* Of a whole access, before its bytes. */
    bool (*window_data)(Vga *vga, guint32 offset, guint64 value, unsigned size);
    /* Changes what the plain VGA would show. */
    void (*mode)(const VgaState *s, guint32 vram_size, VgaMode *mode);
    bool (*is_blank)(const VgaState *s);
    gint64 (*dot_hz)(const VgaState *s); /* 0: the VGA's own clocks */
    void (*cursor)(const VgaState *s, guint32 vram_size, VgaCursor *ret_cursor);
    /* Over line y of a picture that is width pixels wide. */
    void (*draw_cursor)(const VgaCursor *cursor, const guint8 *vram, guint32 y,
                        guint32 width, guint32 *line);
} VgaChip;

struct Vga {
    PciDevice pci; /* dev.lock guards s, window, timing, dirty, text layout */
    VgaState s;
    const VgaChip *chip; /* NULL: a plain VGA */
    guint32 vram_mib;    /* options */
    guint32 xres, yres;
    guint8 edid[EDID_LEN]; /* of the monitor, which prefers those */

    MemBacking *backing; /* video memory, then the linear text */
    guint8 *vram, *text;
    guint32 vram_size;
    MemSlot *lfb_slot, *bank_slot, *text_slot;
    IoRegion *mono_region, *vga_region, *color_region, *vbe_region;
    IoRegion *window_region, *mmio_region;
    guint planar_writes; /* counted up to where they are posted */

    VgaWindow window;
    VgaTiming timing;
    guint64 *dirty; /* pages of vram written by handlers */
    gint lfb_moved; /* atomic: the dirty log was lost */
    VgaScreen *screen;
};

#define VGA_OF(dev) ((Vga *) (void *) (dev))

/* ---- vga.c: what chips share ---- */
extern const StateDesc vga_state_desc;
/* Memory of vram_mib MiB of which the slot at BAR 0 shows lfb_len bytes, the
 * legacy ports and the window, the screen. False and error set. */
bool vga_realize_core(Vga *vga, DeviceEnv *env, const PciIds *ids,
                      guint32 lfb_len, GError **error);
/* The monitor on it; the preferred mode is the option's. */
void vga_make_edid(Vga *vga, EdidSpec spec);
/* Half-realized is fine. */
void vga_unrealize_core(Vga *vga);

/* ---- vga-window.c ---- */
extern const IoOps vga_window_ops;
/* Which window the registers ask for; vram_size is a power of two. */
VgaWindow vga_window_decide(const VgaState *s, guint32 vram_size);
/* After a register change, lock held: converts text and maps what fits. */
void vga_window_update(Vga *vga);
/* After a restore: memory already has the layout of the registers. */
void vga_window_adopt(Vga *vga);
/* Lock held. */
void vga_mark_dirty(Vga *vga, guint32 offset, guint32 len);

/* ---- vga-ports.c ---- */
extern const IoOps vga_mono_ops, vga_vga_ops, vga_color_ops;
/* As the ports, lock held. port: 3B0..3DF. */
guint8 vga_port_read(Vga *vga, unsigned port);
void vga_port_write(Vga *vga, unsigned port, guint8 value);

/* ---- vga-vbe.c ---- */
extern const IoOps vga_vbe_port_ops, vga_mmio_ops;
typedef struct {
    guint32 width, height;
    guint32 bpp;   /* 4, 8, 15, 16, 24, 32 */
    guint32 pitch; /* bytes; 4 bpp: cells */
    guint64 start; /* bytes; 4 bpp: cells */
    guint32 pan;   /* pixels, 4 bpp only */
} VbeGeometry;
bool vga_vbe_is_on(const VgaState *s);
/* Clamped so that the lines of a frame at offset 0 fit vram_size. */
VbeGeometry vga_vbe_geometry(const VgaState *s, guint32 vram_size);

/* ---- vga-timing.c ---- */
VgaTiming vga_timing_compute(const VgaState *s);
/* With another dot clock than the VGA's own; 0: with that. */
VgaTiming vga_timing_compute_at(const VgaState *s, gint64 dot_hz);
/* After a register change, lock held. */
void vga_timing_update(Vga *vga);
/* Bits 0 and 3 of input status 1. */
guint8 vga_timing_status(const VgaTiming *t, gint64 now_ns);
gint64 vga_timing_frame_ns(const VgaTiming *t);

/* ---- vga-screen.c: loop thread ---- */
VgaScreen *vga_screen_new(Vga *vga, DeviceEnv *env);
void vga_screen_free(VgaScreen *screen);   /* NULL is fine */
void vga_screen_redraw(VgaScreen *screen); /* all of it, next time */
