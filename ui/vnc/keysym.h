/* ui/vnc/keysym.h - what VNC viewers call keys, as evdev codes. Thread: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* What a US keyboard needs besides the key to give this keysym. */
typedef enum {
    KEYSYM_ANY,    /* the same with and without Shift */
    KEYSYM_PLAIN,  /* no Shift */
    KEYSYM_SHIFT,  /* Shift */
    KEYSYM_LOWER,  /* a letter: Shift or Caps Lock, or neither */
    KEYSYM_CAPITAL /* a letter: exactly one of Shift and Caps Lock */
} KeysymLevel;

/* False: no key of a PC keyboard. ret_level may be NULL. */
bool keysym_to_key(guint32 keysym, guint16 *ret_code, KeysymLevel *ret_level);

/* Code of a QEMU extended key event: scan code set 1 with 0x80 in place of an
 * E0 prefix. False: unknown. */
bool xt_to_key(guint32 xt, guint16 *ret_code);
