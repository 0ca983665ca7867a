/* devices/legacy/ps2-mouse.h - the mouse behind the i8042: bytes in, packets
 * out. Plain state; the i8042's lock is held in every call. */
#pragma once

#include "devices/legacy/ps2-queue.h"
#include "vmm/input/input.h"

typedef struct {
    Ps2Queue replies, packets; /* replies go first */
    guint8 command;            /* waits for its argument; 0: none */
    guint8 id;                 /* 0 plain, 3 wheel, 4 wheel and five buttons */
    guint8 rates[3];           /* the last three set, newest last */
    guint8 resolution, scale_2_1;
    guint8 enabled, remote, wrap, last_sent;
    guint8 buttons;         /* bit 0 left, right, middle, side, extra */
    guint8 buttons_changed; /* since the last packet */
    gint32 dx, dy, dz;      /* since then; y grows upwards, z towards us */
    gint64 next_packet_ns;  /* guest clock: not before */
} Ps2MouseState;
extern const StateDesc ps2_mouse_state_desc;

void ps2_mouse_reset(Ps2MouseState *s);
/* A byte from the host. */
void ps2_mouse_write(Ps2MouseState *s, guint8 byte);
bool ps2_mouse_has_byte(const Ps2MouseState *s);
guint8 ps2_mouse_read(Ps2MouseState *s); /* has_byte */
/* Takes a motion, button or wheel event. False: a button changed and the
 * packet that says so is not built yet; nothing changed. */
bool ps2_mouse_event(Ps2MouseState *s, const InputEvent *ev);
/* There is something to report by itself. */
bool ps2_mouse_wants_packet(const Ps2MouseState *s);
/* Builds one packet; the next one is due a sampling period later. */
void ps2_mouse_build_packet(Ps2MouseState *s, gint64 now_ns);
