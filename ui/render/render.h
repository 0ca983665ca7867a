/* ui/render/render.h - a machine's screen as terminal cells or as a PNG.
 *
 * All functions read a mapped frame that another process owns: the header is
 * copied and checked once per call (vmm/display/screen.h) and nothing outside
 * the mapping is touched, whatever the owner writes meanwhile. Any thread. */
#pragma once

#include "vmm/display/display.h"

typedef enum {
    RENDER_MONO, /* no colours: fg and bg are 0, RENDER_REVERSE tells */
    RENDER_8,    /* 0..7, ANSI order; RENDER_BOLD on bright foregrounds */
    RENDER_16,   /* 0..15, ANSI order */
    RENDER_256,  /* xterm's palette */
    RENDER_RGB   /* XRGB8888 */
} RenderColors;

enum { RENDER_BLINK = 1, RENDER_BOLD = 2, RENDER_REVERSE = 4 };

typedef struct {
    char glyph[7];  /* UTF-8 of one column's width, NUL-terminated */
    guint8 flags;   /* RENDER_BLINK | ... */
    guint32 fg, bg; /* as RenderColors says */
} RenderCell;

typedef struct {
    int cols, rows;
    RenderCell *cells; /* cols * rows, row by row */
    gsize capacity;    /* cells allocated */
    /* text modes only; -1: no cursor */
    int cursor_x, cursor_y;
    bool cursor_block; /* tall enough to be drawn as a block */
} RenderBuffer;

typedef struct {
    RenderColors colors;
    bool ascii; /* glyphs from 0x20..0x7e only */
} RenderOptions;

/* An empty buffer is all zeros; reused from call to call. */
void render_buffer_clear(RenderBuffer *buffer); /* frees its cells */

/* The guest's own text cells, exactly; the buffer gets the guest's size. False
 * (buffer unchanged) in graphics modes and when the frame is not valid. */
bool render_cells(const ScreenHeader *map, gsize len,
                  const RenderOptions *options, RenderBuffer *buffer);

/* The pixels scaled into cols x rows terminal cells (1..1024 each) of two
 * square pixels, one above the other, keeping the aspect; the rest is black.
 * With ascii or RENDER_MONO a cell is a character as bright as its pixels. */
bool render_halfblock(const ScreenHeader *map, gsize len,
                      const RenderOptions *options, int cols, int rows,
                      RenderBuffer *buffer);

/* Where render_halfblock() puts the picture, in cells, so that a mouse
 * position can be translated back. */
typedef struct {
    int x, y, w, h;
} RenderArea;
RenderArea render_halfblock_area(int width, int height, int cols, int rows);

/* Colour as an index of options.colors, or itself for RENDER_RGB. */
guint32 render_color(guint32 xrgb, RenderColors colors);

/* The pixels as a PNG file (8-bit RGB), appended to out. False when the frame
 * is not valid. */
bool render_png(const ScreenHeader *map, gsize len, GByteArray *out);
