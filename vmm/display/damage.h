/* vmm/display/damage.h - a small set of rectangles that covers what changed.
 *
 * Exact up to DAMAGE_MAX rectangles; beyond that the two whose union wastes
 * least are merged, so adding never fails and never allocates. */
#pragma once

#include "vmm/display/display.h"

#define DAMAGE_MAX 16

typedef struct {
    unsigned n;
    Rect rects[DAMAGE_MAX];
} Damage;

/* All: any thread, the caller serializes access to one Damage. */

/* The part of r inside width x height; w 0 when nothing is left. Safe for any
 * input. */
Rect rect_clip(Rect r, int width, int height);
Rect rect_union(Rect a, Rect b);

void damage_clear(Damage *d);
/* r is not empty and already clipped. */
void damage_add(Damage *d, Rect r);
/* Moves up to cap rectangles into out and empties d; with a small cap the
 * last one covers all the rest. Returns how many; 0 when cap is 0, and then
 * d is kept. */
unsigned damage_take(Damage *d, Rect *out, unsigned cap);
