/* devices/usb/usb-hid-keys.h - the keyboard's numbers on USB. */
#pragma once

#include "vmm/types.h"

/* Usage on page 7 (HID Usage Tables 1.12, section 10) of an evdev KEY_*; 0:
 * none. 0xe0..0xe7 are the modifiers. */
guint8 usb_hid_usage(guint16 key);
