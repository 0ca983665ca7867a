/* vmm/display/damage.c - see damage.h. */
#include "vmm/display/damage.h"

Rect
rect_clip(Rect r, int width, int height)
{
    gint64 x0 = MAX(r.x, 0), y0 = MAX(r.y, 0);
    gint64 x1 = MIN((gint64) r.x + r.w, width);
    gint64 y1 = MIN((gint64) r.y + r.h, height);

    if (r.w <= 0 || r.h <= 0 || x0 >= x1 || y0 >= y1)
        return (Rect){0, 0, 0, 0};
    return (Rect){(int) x0, (int) y0, (int) (x1 - x0), (int) (y1 - y0)};
}

Rect
rect_union(Rect a, Rect b)
{
    int x0 = MIN(a.x, b.x), y0 = MIN(a.y, b.y);
    int x1 = MAX(a.x + a.w, b.x + b.w), y1 = MAX(a.y + a.h, b.y + b.h);

    return (Rect){x0, y0, x1 - x0, y1 - y0};
}

static gint64
rect_area(Rect r)
{
    return (gint64) r.w * r.h;
}

/* Pixels that the union covers beyond the two; negative when they overlap. */
static gint64
merge_waste(Rect a, Rect b)
{
    return rect_area(rect_union(a, b)) - rect_area(a) - rect_area(b);
}

static void
remove_at(Damage *d, unsigned i)
{
    d->rects[i] = d->rects[--d->n];
}

/* Makes room by joining the cheapest pair. */
static void
merge_cheapest(Damage *d)
{
    unsigned best_a = 0, best_b = 1;
    gint64 best = G_MAXINT64;

    for (unsigned a = 0; a < d->n; a++) {
        for (unsigned b = a + 1; b < d->n; b++) {
            gint64 waste = merge_waste(d->rects[a], d->rects[b]);
            if (waste < best) {
                best = waste;
                best_a = a;
                best_b = b;
            }
        }
    }
    d->rects[best_a] = rect_union(d->rects[best_a], d->rects[best_b]);
    remove_at(d, best_b);
}

void
damage_clear(Damage *d)
{
    d->n = 0;
}

void
damage_add(Damage *d, Rect r)
{
    unsigned i = 0;

    /* a union that wastes nothing (touching bands, contained rectangles) may
     * make another such union possible: look again from the start */
    while (i < d->n) {
        if (merge_waste(d->rects[i], r) <= 0) {
            r = rect_union(d->rects[i], r);
            remove_at(d, i);
            i = 0;
        } else {
            i++;
        }
    }
    if (d->n == DAMAGE_MAX)
        merge_cheapest(d);
    d->rects[d->n++] = r;
}

unsigned
damage_take(Damage *d, Rect *out, unsigned cap)
{
    unsigned n = 0;

    if (cap == 0)
        return 0;
    for (unsigned i = 0; i < d->n; i++) {
        if (n < cap)
            out[n++] = d->rects[i];
        else
            out[n - 1] = rect_union(out[n - 1], d->rects[i]);
    }
    d->n = 0;
    return n;
}
