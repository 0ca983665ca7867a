/* devices/display/vga-timing.c - where the beam is, from the guest's clock.
 *
 * IBM VGA, "CRT Controller Registers" and "Input Status Register 1". The
 * position follows from the time alone, so polling costs no timer. */
#include "devices/display/vga-internal.h"

#define CLOCK_25_HZ 25175000
#define CLOCK_28_HZ 28322000

/* 640x480 at 60 Hz: 525 lines of 31.78 us */
static const VgaTiming default_timing = {
    .line_ns = 31778,
    .display_ns = 25422,
    .total = 525,
    .display = 480,
    .retrace = 490,
    .retrace_end = 492,
};

/* A ten-bit vertical value: low byte and two bits of the overflow register. */
static gint64
vertical(const VgaState *s, unsigned low, unsigned bit8, unsigned bit9)
{
    guint8 overflow = s->crtc[CRTC_OVERFLOW];

    return s->crtc[low] | ((overflow >> bit8) & 1) << 8 |
           ((overflow >> bit9) & 1) << 9;
}

/* VBE modes have no CRTC timing of their own: 60 Hz, 4 % blanking. */
static VgaTiming
vbe_timing(const VgaState *s)
{
    gint64 lines = CLAMP(s->vbe[VBE_YRES], 1, VBE_MAX_YRES);
    VgaTiming t = {.display = lines, .total = lines + lines / 24 + 4};

    t.line_ns = G_GINT64_CONSTANT(1000000000) / 60 / t.total;
    t.display_ns = t.line_ns * 4 / 5;
    t.retrace = lines + 1;
    t.retrace_end = lines + 4;
    return t;
}

VgaTiming
vga_timing_compute(const VgaState *s)
{
    return vga_timing_compute_at(s, 0);
}

void
vga_timing_update(Vga *vga)
{
    gint64 hz = vga->chip != NULL ? vga->chip->dot_hz(&vga->s) : 0;

    vga->timing = vga_timing_compute_at(&vga->s, hz);
}

VgaTiming
vga_timing_compute_at(const VgaState *s, gint64 dot_hz)
{
    VgaTiming t;

    if (vga_vbe_is_on(s))
        return vbe_timing(s);
    if (!(s->crtc[CRTC_MODE] & CRTC_MODE_SYNC))
        return default_timing;
    gint64 dots = s->seq[SEQ_CLOCK] & SEQ_CLOCK_8DOT ? 8 : 9;
    gint64 hz =
        (s->misc & MISC_CLOCK) == MISC_28_MHZ ? CLOCK_28_HZ : CLOCK_25_HZ;
    if (dot_hz != 0)
        hz = dot_hz;
    if (s->seq[SEQ_CLOCK] & SEQ_CLOCK_HALF)
        hz /= 2;
    gint64 h_total = s->crtc[CRTC_H_TOTAL] + 5;
    gint64 h_display = MIN(s->crtc[CRTC_H_DISPLAY] + 1, h_total - 1);
    t.line_ns = h_total * dots * 1000000000 / hz;
    t.display_ns = h_display * dots * 1000000000 / hz;
    t.total = vertical(s, CRTC_V_TOTAL, 0, 5) + 2;
    t.display = vertical(s, CRTC_V_DISPLAY, 1, 6) + 1;
    t.retrace = vertical(s, CRTC_V_RETRACE_START, 2, 7);
    gint64 len = (s->crtc[CRTC_V_RETRACE_END] - t.retrace) & 15;
    if (s->crtc[CRTC_MODE] & CRTC_MODE_DOUBLE_VERT) {
        t.total *= 2;
        t.display *= 2;
        t.retrace *= 2;
        len *= 2;
    }
    /* nonsense values still give a retrace, or a guest waits for ever */
    t.display = MIN(t.display, t.total - 1);
    t.retrace = CLAMP(t.retrace, t.display, t.total - 1);
    t.retrace_end = t.retrace + (len == 0 ? 16 : len);
    return t;
}

gint64
vga_timing_frame_ns(const VgaTiming *t)
{
    return t->line_ns * t->total;
}

guint8
vga_timing_status(const VgaTiming *t, gint64 now_ns)
{
    gint64 at = now_ns % vga_timing_frame_ns(t);
    gint64 line = at / t->line_ns;
    guint8 status = 0;

    if (line >= t->display || at % t->line_ns >= t->display_ns)
        status |= 0x01; /* display disabled */
    if (line >= t->retrace && line < t->retrace_end)
        status |= 0x08; /* vertical retrace */
    return status;
}
