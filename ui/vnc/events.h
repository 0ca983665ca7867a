/* ui/vnc/events.h - a viewer's keys and pointer on their way to the guest.
 * Thread: one at a time. */
#pragma once

#include "vmm/input/input.h"

/* One viewer's hand on the keyboard and the mouse. */
typedef struct {
    Input *input; /* NULL: view only */
    guint source;
    bool shift_left, shift_right; /* as the viewer holds them */
    guint16 shifted_key;          /* we hold Shift for this key; 0: for none */
    bool pointer_known;
    int x, y; /* pixels, where the pointer was last */
    guint8 buttons;
} VncEvents;

/* input NULL: everything is ignored. */
void vnc_events_init(VncEvents *events, Input *input);
/* Releases what the viewer holds. */
void vnc_events_done(VncEvents *events);

/* Whole messages of these types. width and height: of the viewer's screen;
 * relative: the viewer was told to send motion (pointer type change). */
void vnc_events_key(VncEvents *events, const guint8 *message);
void vnc_events_qemu_key(VncEvents *events, const guint8 *message);
void vnc_events_pointer(VncEvents *events, const guint8 *message, int width,
                        int height, bool relative);
