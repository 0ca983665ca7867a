/* devices/display/vga-screen.c - keeps the frame up to date while somebody
 * looks: a timer on the loop thread copies the registers, finds what changed
 * and draws only that.
 *
 * Text is compared cell by cell with what was drawn last; graphics draw the
 * lines whose video memory pages were written and compare the pixels, so that
 * the damage is exact. */
#include <string.h>

#include "devices/display/vga-draw.h"
#include "vmm/display/text.h"

#define FRAME_NS       (G_GINT64_CONSTANT(1000000000) / 60)
#define IDLE_REFRESHES 60 /* without a change, before slowing down */
#define IDLE_MAX_NS    (3 * FRAME_NS)

/* Blinking, in frames of half a period: IBM VGA, cursor 1/16 and characters
 * 1/32 of the vertical rate. */
#define CURSOR_FRAMES 8
#define CHAR_FRAMES   16

#define NO_CURSOR     G_MAXUINT32
#define NO_KEY        G_MAXUINT64

struct VgaScreen {
    Vga *vga;
    Display *display;
    Loop *loop;
    IoSpace *mmio;
    Timer *timer;
    bool logging; /* the slots' dirty logs are on */
    bool blank;   /* the frame was blanked */
    gint redraw;  /* atomic: draw everything */
    guint idle;   /* refreshes without a change */
    bool changed; /* in this refresh */
    bool blinked; /* a blink phase ended in this refresh */

    /* the snapshot that is being drawn */
    VgaState s;
    VgaWindow window;
    VgaTiming timing;
    guint64 *dirty; /* pages */
    gsize dirty_words;

    /* what the frame shows */
    bool have_mode;
    VgaMode mode;
    VgaPalette palette;
    VgaTextLook look;
    VgaCursor pointer, last_pointer; /* the chip's cursor; LINEAR's only */
    bool pointer_changed;
    bool cursor_on, chars_on; /* blink phases */
    guint64 *keys;            /* per text cell, NO_KEY: not drawn */
    guint8 *pixels;
    gsize stride;
    guint32 line[SCREEN_MAX_W];
};

static void
report(VgaScreen *v, Rect r)
{
    v->changed = true;
    display_damage(v->display, r);
}

/* ---- snapshot ---- */

static void
set_logging(VgaScreen *v, bool on)
{
    if (v->logging == on)
        return;
    v->logging = on;
    mem_slot_set_dirty_log(v->vga->lfb_slot, on);
    mem_slot_set_dirty_log(v->vga->bank_slot, on);
    if (on)
        vga_screen_redraw(v);
}

/* Device lock held, so that the bank does not move meanwhile; one that was
 * moved before was marked by the move. */
static void
fetch_bank(VgaScreen *v)
{
    guint64 bits = 0; /* 16 pages, which may be those of two words */
    guint32 page = v->window.offset / VGA_PAGE;

    if (v->window.kind != VGA_WINDOW_BANK ||
        !mem_slot_dirty_fetch(v->vga->bank_slot, &bits))
        return;
    bits &= 0xffff;
    v->dirty[page / 64] |= bits << (page % 64);
    if (page % 64 > 48)
        v->dirty[page / 64 + 1] |= bits >> (64 - page % 64);
}

/* True when everything has to be looked at. */
static bool
take_snapshot(VgaScreen *v)
{
    Vga *vga = v->vga;
    bool all = g_atomic_int_exchange(&v->redraw, 0) != 0;

    all |= g_atomic_int_exchange(&vga->lfb_moved, 0) != 0;
    g_mutex_lock(&vga->pci.dev.lock);
    v->s = vga->s;
    v->window = vga->window;
    v->timing = vga->timing;
    memcpy(v->dirty, vga->dirty, v->dirty_words * sizeof(guint64));
    memset(vga->dirty, 0, v->dirty_words * sizeof(guint64));
    if (v->logging)
        fetch_bank(v);
    g_mutex_unlock(&vga->pci.dev.lock);
    if (!v->logging)
        return true;
    (void) mem_slot_dirty_fetch(vga->lfb_slot, v->dirty);
    return all;
}

static bool
is_dirty(const VgaScreen *v, guint32 from, guint32 len)
{
    for (guint32 page = from / VGA_PAGE; page <= (from + len - 1) / VGA_PAGE;
         page++)
        if (v->dirty[page / 64] >> (page % 64) & 1)
            return true;
    return false;
}

/* ---- mode changes ---- */

static bool
same_frame(const VgaMode *a, const VgaMode *b)
{
    bool text = a->format == VGA_TEXT;

    return text == (b->format == VGA_TEXT) && a->width == b->width &&
           a->height == b->height &&
           (!text || (a->columns == b->columns && a->rows == b->rows));
}

static bool
new_frame(VgaScreen *v, const VgaMode *m)
{
    if (m->format == VGA_TEXT)
        v->pixels = display_set_text_mode(
            v->display, (int) m->columns, (int) m->rows,
            (int) (m->width / m->columns), (int) (m->height / m->rows));
    else
        v->pixels =
            display_set_mode(v->display, (int) m->width, (int) m->height);
    v->have_mode = v->pixels != NULL;
    if (!v->have_mode)
        return false; /* the host is out of memory: try again next time */
    v->stride = (gsize) display_stride(v->display);
    g_clear_pointer(&v->keys, g_free);
    if (m->format == VGA_TEXT)
        v->keys = g_new(guint64, (gsize) m->columns * m->rows);
    v->changed = true;
    return true;
}

static void
forget_keys(VgaScreen *v)
{
    if (v->keys != NULL)
        memset(v->keys, 0xff,
               (gsize) v->mode.columns * v->mode.rows * sizeof(guint64));
}

/* Before a BIOS ran there is no mode; people then see an empty text screen. */
static void
draw_blank(VgaScreen *v)
{
    if (v->blank)
        return;
    if (!v->have_mode) {
        v->mode = (VgaMode){.format = VGA_TEXT,
                            .columns = 80,
                            .rows = 25,
                            .width = 720,
                            .height = 400};
        if (!new_frame(v, &v->mode))
            return;
    }
    v->blank = true;
    memset(v->pixels, 0, v->stride * v->mode.height);
    Cell *cells = display_cells(v->display);
    if (cells != NULL) {
        for (guint32 i = 0; i < v->mode.columns * v->mode.rows; i++)
            cell_store(&cells[i], (Cell){.codepoint = ' '});
        display_header(v->display)->cursor_visible = 0;
    }
    report(v, (Rect){0, 0, (int) v->mode.width, (int) v->mode.height});
}

/* ---- text ---- */

/* Character and attribute of a cell, from wherever they are now. */
static void
fetch_text(const VgaScreen *v, guint32 cell, VgaGlyph *ret_glyph)
{
    const Vga *vga = v->vga;
    const guint8 *p;

    cell &= VGA_CELLS - 1;
    if (v->window.kind == VGA_WINDOW_TEXT && cell < VGA_TEXT_CELLS)
        p = vga->text + 2 * cell;
    else
        p = vga->vram + 4 * cell;
    ret_glyph->ch = p[0];
    ret_glyph->attr = p[1];
}

static guint32
cursor_cell(const VgaState *s)
{
    guint8 start = s->crtc[CRTC_CURSOR_START];

    if (start & CRTC_CURSOR_OFF ||
        (start & 0x1f) > (s->crtc[CRTC_CURSOR_END] & 0x1f))
        return NO_CURSOR;
    return (guint32) s->crtc[CRTC_CURSOR_HIGH] << 8 | s->crtc[CRTC_CURSOR_LOW];
}

static VgaGlyph
glyph_at(VgaScreen *v, guint32 cell, guint32 cursor)
{
    VgaGlyph g = {.cursor_from = 1, .cursor_to = 0};

    fetch_text(v, cell, &g);
    if (v->look.mode & ATTR_MODE_BLINK && g.attr & 0x80)
        g.hidden = !v->chars_on;
    if ((cell & (VGA_CELLS - 1)) == cursor && v->cursor_on) {
        g.cursor_from = v->s.crtc[CRTC_CURSOR_START] & 0x1f;
        g.cursor_to = v->s.crtc[CRTC_CURSOR_END] & 0x1f;
    }
    return g;
}

static guint64
glyph_key(const VgaGlyph *g)
{
    return g->ch | (guint64) g->attr << 8 | (guint64) g->hidden << 16 |
           (guint64) g->cursor_from << 24 | (guint64) g->cursor_to << 32;
}

static void
expand(const guint32 *px, guint32 n, guint32 repeat, guint32 *out)
{
    for (guint32 i = 0; i < n; i++)
        for (guint32 r = 0; r < repeat; r++)
            *out++ = px[i];
}

static guint32 *
pixel_at(VgaScreen *v, guint32 x, guint32 y)
{
    return (guint32 *) (void *) (v->pixels + y * v->stride) + x;
}

static void
draw_cell(VgaScreen *v, guint32 col, guint32 row, const VgaGlyph *g)
{
    const VgaTextLook *k = &v->look;
    guint32 px[9];
    guint32 x = col * k->dots * k->repeat;
    guint32 y = row * (k->scan_lines << k->line_shift);

    for (guint32 scan = 0; scan < k->scan_lines; scan++) {
        vga_draw_glyph(k, v->vga->vram, g, scan, px);
        for (guint32 i = 0; i < 1u << k->line_shift; i++)
            expand(px, k->dots, k->repeat, pixel_at(v, x, y++));
    }
}

static Cell
abstract_cell(const VgaScreen *v, const VgaGlyph *g)
{
    bool blinks = v->look.mode & ATTR_MODE_BLINK;

    return (Cell){
        .codepoint = cp437_to_unicode(g->ch),
        .fg = g->attr & 0xf,
        .bg = (guint8) (g->attr >> 4 & (blinks ? 0x7 : 0xf)),
        .blink = blinks && g->attr & 0x80,
        .glyph = g->ch,
    };
}

/* Cells whose key changed; with `pixels` they are drawn as well. */
static void
update_row(VgaScreen *v, guint32 row, guint32 cursor, bool pixels)
{
    const VgaMode *m = &v->mode;
    guint32 cell_w = m->width / m->columns, cell_h = m->height / m->rows;
    VgaLine l = vga_mode_line(m, row * cell_h);
    guint32 first = m->columns, last = 0;
    guint64 *keys = v->keys + (gsize) row * m->columns;
    Cell *cells = display_cells(v->display) + (gsize) row * m->columns;

    for (guint32 col = 0; col < m->columns; col++) {
        VgaGlyph g = glyph_at(v, (guint32) l.addr + col, cursor);
        guint64 key = glyph_key(&g);
        if (keys[col] == key)
            continue;
        keys[col] = key;
        cell_store(&cells[col], abstract_cell(v, &g));
        if (pixels)
            draw_cell(v, col, row, &g);
        first = MIN(first, col);
        last = col;
    }
    if (first <= last)
        report(v, (Rect){(int) (first * cell_w), (int) (row * cell_h),
                         (int) ((last - first + 1) * cell_w), (int) cell_h});
}

/* The first row and column that show the cursor's cell. */
static void
update_cursor(VgaScreen *v, guint32 cursor)
{
    const VgaMode *m = &v->mode;
    ScreenHeader *h = display_header(v->display);
    ScreenHeader old = *h;
    guint32 cell_h = m->height / m->rows;

    h->cursor_start = v->s.crtc[CRTC_CURSOR_START] & 0x1f;
    h->cursor_end = v->s.crtc[CRTC_CURSOR_END] & 0x1f;
    h->cursor_start <<= m->line_shift;
    h->cursor_end = MIN((h->cursor_end + 1) << m->line_shift, cell_h) - 1;
    h->cursor_visible = 0;
    for (guint32 row = 0; row < m->rows && cursor != NO_CURSOR; row++) {
        guint32 addr = (guint32) vga_mode_line(m, row * cell_h).addr;
        guint32 col = (cursor - addr) & (VGA_CELLS - 1);
        if (col >= m->columns)
            continue;
        h->cursor_x = col;
        h->cursor_y = row;
        h->cursor_visible = 1;
        break;
    }
    /* the cell's own pixels may be the same: while the cursor is off */
    if (memcmp(&old, h, sizeof old) != 0)
        report(v, (Rect){(int) (h->cursor_x * (m->width / m->columns)),
                         (int) (h->cursor_y * cell_h), 1, (int) cell_h});
}

/* Panning, a first row that starts in its middle, and a split screen move
 * glyphs away from the grid: such screens are drawn line by line. */
static bool
is_on_grid(const VgaMode *m)
{
    return m->pan == 0 && m->preset == 0 && m->split >= m->height - 1;
}

static void
draw_text_line(VgaScreen *v, const VgaLine *l, guint32 cursor)
{
    const VgaMode *m = &v->mode;
    guint32 px[9], x = 0;

    for (guint32 col = 0; x < m->width; col++) {
        VgaGlyph g = glyph_at(v, (guint32) l->addr + col, cursor);
        vga_draw_glyph(&v->look, v->vga->vram, &g, l->scan, px);
        for (guint32 i = col == 0 ? l->pan : 0; i < m->dots; i++)
            for (guint32 r = 0; r < m->repeat && x < m->width; r++)
                v->line[x++] = px[i];
    }
}

/* ---- lines ---- */

typedef struct {
    guint32 top, bottom, left, right; /* bottom, right: exclusive */
} Band;

static void
flush_band(VgaScreen *v, Band *b)
{
    if (b->bottom > b->top)
        report(v,
               (Rect){(int) b->left, (int) b->top, (int) (b->right - b->left),
                      (int) (b->bottom - b->top)});
    b->bottom = b->top = 0;
}

/* Takes over v->line as line y and adds what differs to the band. */
static void
put_line(VgaScreen *v, guint32 y, Band *band)
{
    guint32 *shown = pixel_at(v, 0, y);
    guint32 left = 0, right = v->mode.width;

    if (memcmp(shown, v->line, 4 * (gsize) right) == 0)
        return;
    while (shown[left] == v->line[left])
        left++;
    while (shown[right - 1] == v->line[right - 1])
        right--;
    memcpy(shown + left, v->line + left, 4 * (gsize) (right - left));
    if (band->bottom != y || band->bottom == band->top) {
        flush_band(v, band);
        *band = (Band){y, y + 1, left, right};
        return;
    }
    band->bottom = y + 1;
    band->left = MIN(band->left, left);
    band->right = MAX(band->right, right);
}

static bool
same_line(const VgaLine *a, const VgaLine *b)
{
    return a->addr == b->addr && a->scan == b->scan && a->pan == b->pan;
}

static bool
pointer_covers(const VgaCursor *c, guint32 y)
{
    return c->on && y >= c->y && y - c->y < c->size;
}

/* Where the chip's cursor is, and whether it looks or sits as before. */
static void
derive_pointer(VgaScreen *v)
{
    const VgaChip *chip = v->vga->chip;

    v->last_pointer = v->pointer;
    memset(&v->pointer, 0, sizeof v->pointer);
    if (chip != NULL && v->mode.format != VGA_TEXT)
        chip->cursor(&v->s, v->vga->vram_size, &v->pointer);
    v->pointer_changed =
        memcmp(&v->pointer, &v->last_pointer, sizeof v->pointer) != 0 ||
        (v->pointer.on && is_dirty(v, v->pointer.pattern, v->pointer.len));
}

static bool
line_changed(const VgaScreen *v, const VgaLine *l, guint32 y)
{
    guint32 from, len;

    if (v->pointer_changed &&
        (pointer_covers(&v->pointer, y) || pointer_covers(&v->last_pointer, y)))
        return true;
    return !vga_line_range(&v->mode, l, v->vga->vram_size, &from, &len) ||
           is_dirty(v, from, len);
}

/* Graphics, and text off the grid (whose lines are always drawn). */
static void
update_lines(VgaScreen *v, bool all, guint32 cursor)
{
    const VgaMode *m = &v->mode;
    VgaLine drawn = {.addr = G_MAXUINT64};
    Band band = {0, 0, 0, 0};

    for (guint32 y = 0; y < m->height; y++) {
        VgaLine l = vga_mode_line(m, y);
        if (!all && !line_changed(v, &l, y))
            continue;
        if (!same_line(&l, &drawn)) {
            if (m->format == VGA_TEXT)
                draw_text_line(v, &l, cursor);
            else
                vga_draw_line(m, &v->palette, v->vga->vram, v->vga->vram_size,
                              &l, v->line);
            drawn = l;
        }
        if (pointer_covers(&v->pointer, y)) {
            v->vga->chip->draw_cursor(&v->pointer, v->vga->vram, y, m->width,
                                      v->line);
            drawn.addr = G_MAXUINT64;
        }
        put_line(v, y, &band);
    }
    flush_band(v, &band);
}

static void
update_blink(VgaScreen *v)
{
    gint64 frame =
        loop_now_ns(v->loop, CLOCK_GUEST) / vga_timing_frame_ns(&v->timing);

    bool cursor_on = (frame / CURSOR_FRAMES) % 2 == 0;

    /* every second edge of the cursor is one of the characters */
    v->blinked = cursor_on != v->cursor_on;
    v->cursor_on = cursor_on;
    v->chars_on = (frame / CHAR_FRAMES) % 2 == 0;
}

static void
update_text(VgaScreen *v, bool all)
{
    VgaTextLook look;
    guint32 cursor = cursor_cell(&v->s);
    bool grid = is_on_grid(&v->mode);

    update_blink(v);
    vga_look_derive(&v->s, &v->mode, &v->palette, &look);
    /* only a written page can hold another glyph */
    look.font_hash = v->look.font_hash;
    if (all || is_dirty(v, 0, 4 * VGA_CELLS) ||
        memcmp(look.font, v->look.font, sizeof look.font) != 0)
        look.font_hash = vga_font_hash(v->vga->vram, look.font);
    if (all || memcmp(&look, &v->look, sizeof look) != 0) {
        v->look = look;
        memcpy(display_header(v->display)->palette, look.attr,
               sizeof look.attr);
        forget_keys(v);
    }
    for (guint32 row = 0; row < v->mode.rows; row++)
        update_row(v, row, cursor, grid);
    update_cursor(v, cursor);
    if (!grid)
        update_lines(v, true, cursor);
}

/* ---- refresh ---- */

static bool
is_blank(const VgaScreen *v)
{
    const VgaChip *chip = v->vga->chip;

    return chip != NULL ? chip->is_blank(&v->s) : vga_is_blank(&v->s);
}

static void
refresh(VgaScreen *v)
{
    VgaMode mode;
    VgaPalette palette;
    io_space_flush(v->mmio); /* planar writes may wait */
    bool all = take_snapshot(v);

    v->changed = false;
    v->blinked = false;
    if (is_blank(v)) {
        draw_blank(v);
        return;
    }
    vga_mode_derive(&v->s, v->vga->vram_size, &mode);
    if (v->vga->chip != NULL)
        v->vga->chip->mode(&v->s, v->vga->vram_size, &mode);
    vga_palette_derive(&v->s, &palette);
    all |= v->blank;
    if (!v->have_mode || !same_frame(&mode, &v->mode)) {
        if (!new_frame(v, &mode))
            return;
        all = true;
    }
    /* leaving or entering the grid draws every glyph at a new place */
    if (mode.format == VGA_TEXT)
        all |= v->mode.format != VGA_TEXT ||
               is_on_grid(&mode) != is_on_grid(&v->mode);
    else
        all |= memcmp(&mode, &v->mode, sizeof mode) != 0 ||
               memcmp(&palette, &v->palette, sizeof palette) != 0;
    v->blank = false;
    v->mode = mode;
    v->palette = palette;
    derive_pointer(v);
    if (mode.format == VGA_TEXT)
        update_text(v, all);
    else
        update_lines(v, all, NO_CURSOR);
}

/* Loop thread, for a picture now: also without a viewer. */
static void
refresh_hook(void *data)
{
    refresh(data);
}

/* A blinking cursor alone keeps nobody busy. */
static gint64
refresh_interval(VgaScreen *v)
{
    if (v->changed && !v->blinked)
        v->idle = 0;
    else if (v->idle < IDLE_REFRESHES)
        v->idle++;
    return v->idle < IDLE_REFRESHES ? FRAME_NS : IDLE_MAX_NS;
}

static void
refresh_timer(void *data)
{
    VgaScreen *v = data;

    if (!display_has_viewers(v->display)) {
        set_logging(v, false);
        return;
    }
    set_logging(v, true);
    if (display_wants_refresh(v->display))
        refresh(v);
    timer_arm(v->timer, loop_now_ns(v->loop, CLOCK_HOST) + refresh_interval(v));
}

/* Any thread: somebody came or left. */
static void
viewers_hook(void *data)
{
    VgaScreen *v = data;

    timer_arm(v->timer, 0);
}

void
vga_screen_redraw(VgaScreen *v)
{
    g_atomic_int_set(&v->redraw, 1);
}

VgaScreen *
vga_screen_new(Vga *vga, DeviceEnv *env)
{
    VgaScreen *v = g_new0(VgaScreen, 1);

    v->vga = vga;
    v->display = env->display;
    v->loop = env->loop;
    v->mmio = env->mmio;
    v->dirty_words = vga->vram_size / VGA_PAGE / 64;
    v->dirty = g_new0(guint64, v->dirty_words);
    v->timer = timer_new(v->loop, CLOCK_HOST, refresh_timer, v);
    display_set_refresh_hook(v->display, refresh_hook, v);
    display_set_viewers_hook(v->display, viewers_hook, v);
    viewers_hook(v); /* whoever is there already */
    return v;
}

void
vga_screen_free(VgaScreen *v)
{
    if (v == NULL)
        return;
    display_set_viewers_hook(v->display, NULL, NULL);
    display_set_refresh_hook(v->display, NULL, NULL);
    timer_free(v->timer);
    g_free(v->dirty);
    g_free(v->keys);
    g_free(v);
}
