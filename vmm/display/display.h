/* vmm/display/display.h - surfaces with damage, read by any number of viewers.
 *
 * A Frame lives in one memfd that starts with a ScreenHeader, so a viewer in
 * another process maps the descriptor and needs nothing else. */
#pragma once

#include "vmm/types.h"

typedef struct {
    int x, y, w, h;
} Rect; /* pixels */

/* A text cell as the guest wrote it, so the TUI draws text modes exactly.
 * fg and bg index ScreenHeader.palette. */
typedef struct {
    guint32 codepoint;   /* Unicode of the code page 437 glyph */
    guint8 fg, bg;       /* 0..15 */
    guint8 blink, glyph; /* 0/1; the raw character byte */
} Cell;

#define SCREEN_MAGIC   0x43524c53u /* "CRLS" */
#define SCREEN_VERSION 1u
#define SCREEN_MAX_W   4096
#define SCREEN_MAX_H   4096

/* At offset 0 of a frame's memfd; host-endian. A reader validates offsets
 * against the descriptor's size. `seq` is bumped (release) after every change
 * of content; `serial` is the frame's number and constant. */
typedef struct {
    guint32 magic, version;
    guint64 serial;
    guint32 seq;
    guint32 text;                        /* 1: cells valid */
    guint32 width, height, stride;       /* pixels, pixels, bytes; XRGB8888 */
    guint32 pixels_offset, cells_offset; /* bytes from the start */
    guint32 cols, rows, cell_w, cell_h;  /* text; cell size in pixels */
    guint32 cursor_x, cursor_y, cursor_visible; /* text cursor, cells */
    guint32 cursor_start, cursor_end;           /* scan lines in the cell */
    guint32 palette[16]; /* XRGB8888 of the text colours */
} ScreenHeader;

typedef struct {
    guint64 serial;            /* grows with every mode change */
    bool text;                 /* cells valid: text mode */
    int width, height, stride; /* pixels, pixels, bytes; XRGB8888 */
    const guint8 *pixels;      /* memfd-backed, shareable by fd */
    int memfd;                 /* borrowed */
    int cols, rows;            /* text mode only */
    const Cell *cells;
    const ScreenHeader *header;
} Frame;

Display *display_new(void);
void display_free(Display *d); /* all viewers must be detached */

/* Producer side, loop thread only. A mode change never waits: the old frame
 * stays readable until its last viewer_end(). Both return pixels to draw
 * into; 1 <= width <= SCREEN_MAX_W and so on, else NULL and nothing changes.
 * A text mode has pixels too (the cells drawn with the guest's font). */
guint8 *display_set_mode(Display *d, int width, int height);
guint8 *display_set_text_mode(Display *d, int cols, int rows, int cell_w,
                              int cell_h);
ScreenHeader *display_header(Display *d); /* current frame's, writable */
Cell *display_cells(Display *d);          /* NULL in graphics modes */
int display_stride(const Display *d);
void display_damage(Display *d, Rect r); /* clipped; empty is ignored */

/* True while the producer should scan for changes. on_viewers runs on the
 * thread that attached or detached; post to your loop. */
bool display_has_viewers(Display *d);
/* True when a viewer has taken all it was told, or cannot be told: for those
 * that are still busy with the picture before, a new one is drawn for nothing.
 * Any thread. */
bool display_wants_refresh(Display *d);
void display_set_viewers_hook(Display *d, void (*on_viewers)(void *data),
                              void *data);
/* Makes the producer bring the frame up to date, on the loop thread (for a
 * screenshot): calls the hook of the model that draws. */
void display_set_refresh_hook(Display *d, void (*refresh)(void *data),
                              void *data);
void display_refresh_now(Display *d);

/* Consumer side, any thread. wake_fd (an eventfd, borrowed, -1: none) is
 * signalled when damage goes from empty to not empty; a slow viewer just
 * merges more damage, it never stalls the guest. While no viewer exists the
 * producer skips its dirty scan. A new viewer starts with the whole frame
 * damaged. */
Viewer *display_attach(Display *d, int wake_fd);
/* Takes the merged damage. Never NULL once a mode was set; NULL before. */
const Frame *viewer_begin(Viewer *v, Rect *ret_rects, unsigned cap,
                          unsigned *ret_n);
void viewer_end(Viewer *v);
void viewer_detach(Viewer *v);

/* Text of the screen, one line a row, trailing blanks cut, UTF-8; NULL in
 * graphics modes. Any thread. */
char *display_text(Display *d);
