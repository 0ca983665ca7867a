/* devices/display/vga-draw.h - from registers and video memory to pixels.
 * Pure functions over a snapshot of the registers; any thread. */
#pragma once

#include "devices/display/vga-internal.h"

typedef enum {
    VGA_TEXT,
    VGA_PLANAR, /* a bit a plane: 16 colours, CGA's 640x200 */
    VGA_PACKED, /* CGA's two bits a pixel */
    VGA_BYTES,  /* 256 colours, a byte a pixel */
    VGA_LINEAR  /* VBE, 8..32 bits a pixel */
} VgaFormat;

/* What is shown: everything that decides where a pixel comes from. Colours
 * and fonts apart. Compared as bytes: no padding that is not zeroed. */
struct VgaMode {
    VgaFormat format;
    guint32 bpp;                /* LINEAR */
    guint32 width, height;      /* pixels as the monitor shows them */
    guint32 columns;            /* character clocks: cells fetched a line */
    guint32 dots;               /* guest pixels of one column */
    guint32 repeat;             /* shown pixels of one guest pixel */
    guint32 rows;               /* TEXT */
    guint32 scan_lines;         /* of one character row */
    guint32 line_shift;         /* 1: every line is shown twice */
    guint32 preset;             /* first scan line of the first row */
    guint32 split;              /* last line before the split; G_MAXUINT32 */
    guint32 pan, pan_below;     /* guest pixels, above and below the split */
    guint32 row_bit0, row_bit1; /* address bits replaced by the row scan's */
    guint32 mask;               /* of cell numbers */
    guint32 pitch;              /* cells; LINEAR: bytes */
    guint64 start;              /* cells; LINEAR: bytes */
};

typedef struct {
    guint32 dac[256]; /* XRGB8888 */
    guint32 attr[16]; /* through the attribute controller */
} VgaPalette;

/* Where one shown line starts. */
typedef struct {
    guint64 addr; /* as VgaMode.start */
    guint32 scan; /* scan line in the character row */
    guint32 pan;
} VgaLine;

/* What text looks like, positions apart. */
typedef struct {
    guint32 attr[16];
    guint32 font[2]; /* cells; [0] where attribute bit 3 is clear */
    guint32 font_hash;
    guint32 dots, repeat, scan_lines, line_shift;
    guint8 mode, underline;
} VgaTextLook;

/* One character to draw: everything that changes its pixels. */
typedef struct {
    guint8 ch, attr;
    guint8 hidden;                 /* blinking, now off */
    guint8 cursor_from, cursor_to; /* scan lines; from > to: none */
} VgaGlyph;

void vga_mode_derive(const VgaState *s, guint32 vram_size, VgaMode *ret_mode);
void vga_palette_derive(const VgaState *s, VgaPalette *ret_palette);
bool vga_is_blank(const VgaState *s);
VgaLine vga_mode_line(const VgaMode *m, guint32 y);

/* Bytes of video memory that the line is drawn from; false: it wraps or is
 * outside, so treat it as changed. */
bool vga_line_range(const VgaMode *m, const VgaLine *l, guint32 vram_size,
                    guint32 *ret_from, guint32 *ret_len);
/* Graphics: m->width pixels into out. */
void vga_draw_line(const VgaMode *m, const VgaPalette *p, const guint8 *vram,
                   guint32 vram_size, const VgaLine *l, guint32 *out);

/* font_hash stays 0: see vga_font_hash(). */
void vga_look_derive(const VgaState *s, const VgaMode *m, const VgaPalette *p,
                     VgaTextLook *ret_look);
/* Of both character sets' glyphs, to see that one was changed. */
guint32 vga_font_hash(const guint8 *vram, const guint32 font[2]);
/* One scan line of a glyph: look->dots pixels. */
void vga_draw_glyph(const VgaTextLook *look, const guint8 *vram,
                    const VgaGlyph *g, guint32 scan, guint32 *out);
