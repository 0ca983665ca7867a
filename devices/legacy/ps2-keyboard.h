/* devices/legacy/ps2-keyboard.h - the keyboard behind the i8042: bytes in,
 * bytes out. Plain state; the i8042's lock is held in every call. */
#pragma once

#include "devices/legacy/ps2-queue.h"
#include "vmm/input/input.h"

#define PS2_KEYBOARD_KEYS 768 /* evdev codes */

typedef struct {
    Ps2Queue replies, scancodes; /* replies go first */
    guint8 command;              /* waits for its argument; 0: none */
    guint8 leds, scan_set;       /* 1..3 */
    guint8 typematic, enabled, last_sent;
    guint8 print_form;      /* how Print Screen went down, for its release */
    guint8 set3_modes[256]; /* by set 3 code: PS2_KEY_* */
    guint8 down[PS2_KEYBOARD_KEYS / 8];
} Ps2KeyboardState;
extern const StateDesc ps2_keyboard_state_desc;

void ps2_keyboard_reset(Ps2KeyboardState *s);
/* A byte from the host. */
void ps2_keyboard_write(Ps2KeyboardState *s, guint8 byte);
bool ps2_keyboard_has_byte(const Ps2KeyboardState *s);
guint8 ps2_keyboard_read(Ps2KeyboardState *s); /* has_byte */
/* INPUT_KEY. False: no room for its codes now, nothing changed. */
bool ps2_keyboard_key(Ps2KeyboardState *s, guint16 code, bool press);

/* What the 8042 makes of a set 2 byte other than 0xF0 in translated mode. */
guint8 ps2_translate(guint8 set2);
