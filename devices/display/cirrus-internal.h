/* devices/display/cirrus-internal.h - shared by the files of the CL-GD5446.
 *
 * Names and indices: CL-GD5446 Technical Reference Manual, "Extension
 * Registers". The registers that a VGA also has live in VgaState, the rest in
 * its CirrusState; everything here runs with the device lock held. */
#pragma once

#include "devices/display/vga-draw.h"

/* Sequencer */
enum {
    CIR_SEQ_UNLOCK = 0x06,
    CIR_SEQ_MODE = 0x07,
    CIR_SEQ_DDC = 0x08,
    CIR_SEQ_VCLK_N = 0x0b, /* numerators of VCLK0..3 */
    CIR_SEQ_DRAM = 0x0f,
    CIR_SEQ_CURSOR_X = 0x10,
    CIR_SEQ_CURSOR_Y = 0x11,
    CIR_SEQ_CURSOR = 0x12,
    CIR_SEQ_CURSOR_PATTERN = 0x13,
    CIR_SEQ_MEMORY = 0x15, /* scratch: drivers look for the size here */
    CIR_SEQ_CONFIG = 0x17,
    CIR_SEQ_VCLK_D = 0x1b, /* denominators */
    CIR_SEQ_MCLK = 0x1f
};
#define CIR_UNLOCK_KEY      0x12
#define CIR_UNLOCK_MASK     0x17
#define CIR_LOCKED          0x0f
#define CIR_MODE_PACKED     0x01 /* not a VGA's mode */
#define CIR_MODE_DEPTH      0x0e
#define CIR_CURSOR_ON       0x01
#define CIR_CURSOR_DAC      0x02 /* the DAC's ports reach its colours */
#define CIR_CURSOR_64       0x04
#define CIR_CONFIG_MMIO     0x04
#define CIR_CONFIG_MMIO_LFB 0x40 /* ... at the end of the frame buffer */

/* Graphics controller */
enum {
    CIR_GR_BANK0 = 0x09,
    CIR_GR_BANK1 = 0x0a,
    CIR_GR_MODE = 0x0b,
    CIR_GR_FG1 = 0x11,
    CIR_GR_WIDTH = 0x20,
    CIR_GR_HEIGHT = 0x22,
    CIR_GR_DST_PITCH = 0x24,
    CIR_GR_SRC_PITCH = 0x26,
    CIR_GR_DST = 0x28,
    CIR_GR_SRC = 0x2c,
    CIR_GR_SKIP = 0x2f,
    CIR_GR_BLT_MODE = 0x30,
    CIR_GR_BLT_STATUS = 0x31,
    CIR_GR_ROP = 0x32,
    CIR_GR_BLT_EXT = 0x33,
    CIR_GR_KEY = 0x34
};
#define CIR_GR_MODE_DUAL     0x01 /* two banks of 32 KiB */
#define CIR_GR_MODE_BY8      0x02
#define CIR_GR_MODE_EXTENDED 0x04 /* write modes 4 and 5 */
#define CIR_GR_MODE_BY16     0x14
#define CIR_GR_MODE_16K      0x20 /* banks in steps of 16 KiB, not 4 */

#define CIR_BLT_BACKWARD     0x01
#define CIR_BLT_TO_SYSTEM    0x02
#define CIR_BLT_FROM_SYSTEM  0x04
#define CIR_BLT_TRANSPARENT  0x08
#define CIR_BLT_PIXEL(v)     (((v) >> 4 & 3u) + 1) /* bytes */
#define CIR_BLT_PATTERN      0x40
#define CIR_BLT_EXPAND       0x80
#define CIR_EXT_DWORD        0x01 /* rows from the CPU end at 32 bits */
#define CIR_EXT_INVERT       0x02 /* transparent where bits are set */
#define CIR_EXT_SOLID        0x04
#define CIR_STATUS_BUSY      0x01
#define CIR_STATUS_START     0x02
#define CIR_STATUS_RESET     0x04
#define CIR_STATUS_FIFO      0x10
#define CIR_STATUS_AUTO      0x80 /* a write to GR2A starts */

/* CRT controller */
#define CIR_CRTC_INTERLACE  0x1a
#define CIR_CRTC_EXT        0x1b
#define CIR_CRTC_OVERLAY    0x1d
#define CIR_CRTC_FLIP_FLOP  0x24
#define CIR_CRTC_ATTR_INDEX 0x26
#define CIR_CRTC_ID         0x27
#define CIR_ID_5446         0xb8

#define CIR_MMIO_LEN        0x100u
#define CIR_LFB_LEN         0x2000000u /* BAR 0 */
#define CIR_LFB_DATA        0x1000000u /* its half for blits' data */

typedef struct {
    Vga vga;
    IoRegion *lfb_region, *regs_region; /* BAR 0 and 1 */
    guint64 lfb_at; /* where BAR 0 is; G_MAXUINT64: nowhere */
    /* After a blit with data of the CPU the windows stay trapped for so many
     * accesses: the next such blit mostly follows soon, and a slot that comes
     * and goes costs more than these exits. */
    guint32 calm;
} Cirrus;

#define CIRRUS_OF(vga) ((Cirrus *) (void *) (vga))

/* ---- cirrus.c ---- */
/* After a register change: both windows are memory or not. */
void cirrus_windows_update(Cirrus *c);

/* ---- cirrus-regs.c ---- */
extern const IoOps cirrus_regs_ops;
bool cirrus_port_read(Vga *vga, unsigned port, guint8 *ret_value);
bool cirrus_port_write(Vga *vga, unsigned port, guint8 value);
/* The 256 bytes of memory-mapped blitter registers. */
guint8 cirrus_mmio_read(Cirrus *c, unsigned offset);
void cirrus_mmio_write(Cirrus *c, unsigned offset, guint8 value);

/* ---- cirrus-window.c ---- */
extern const IoOps cirrus_lfb_ops;
bool cirrus_window(const Vga *vga, VgaWindow *ret_window);
bool cirrus_window_read(Vga *vga, guint32 offset, guint8 *ret_value);
bool cirrus_window_write(Vga *vga, guint32 offset, guint8 value);
bool cirrus_window_data(Vga *vga, guint32 offset, guint64 value, unsigned size);
/* The linear frame buffer is plain memory now. */
bool cirrus_lfb_is_plain(const Cirrus *c);

/* ---- cirrus-mode.c: pure ---- */
void cirrus_mode(const VgaState *s, guint32 vram_size, VgaMode *mode);
bool cirrus_is_blank(const VgaState *s);
gint64 cirrus_dot_hz(const VgaState *s);
void cirrus_cursor(const VgaState *s, guint32 vram_size, VgaCursor *ret_cursor);
void cirrus_draw_cursor(const VgaCursor *cursor, const guint8 *vram, guint32 y,
                        guint32 width, guint32 *line);

/* ---- cirrus-blt.c ---- */
/* Does the blit that the registers describe, all of it or, when it takes data
 * of the CPU, up to where it waits for that. */
void cirrus_blt_start(Cirrus *c);
void cirrus_blt_reset(Cirrus *c);
/* A byte of data for the blit that waits. */
void cirrus_blt_data(Cirrus *c, guint8 value);

/* ---- cirrus-ddc.c ---- */
/* value: what SR8 is written with; edid: EDID_LEN bytes that the monitor tells. */
void cirrus_ddc_write(CirrusState *x, const guint8 *edid, guint8 value);
guint8 cirrus_ddc_read(const CirrusState *x); /* SR8 */
