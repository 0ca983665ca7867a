/* devices/usb/usb-desc.h - descriptors and standard requests of emulated
 * devices with one configuration, USB 2.0 chapter 9. Loop. */
#pragma once

#include "devices/usb/usb-bus.h"

typedef struct {
    const guint8 *device; /* 18 bytes */
    const guint8 *config; /* with all interfaces and endpoints */
    guint16 config_len;
    const char *const *strings; /* number 1 and up, ASCII; ends with NULL */
} UsbDescriptors;

/* Guest-visible, in the device's state. */
typedef struct {
    guint8 configuration; /* 0, 1 */
    guint8 remote_wakeup;
    guint8 address;
    guint32 halted; /* a bit for each endpoint; IN: 16 higher */
} UsbStdState;
extern const StateDesc usb_std_state_desc;

/* For use in tables of bytes. */
#define USB_LE16(v) (guint8)((v) &0xff), (guint8) ((v) >> 8)

/* The bit of an endpoint's address in halted. */
guint32 usb_halt_bit(guint8 ep);
/* Copies an answer into an IN packet: as much as it has room for. */
UsbResult usb_answer(UsbPacket *packet, const void *data, gsize len);
/* True: it was a standard request, *ret_result is its end. */
bool usb_standard_request(const UsbDescriptors *d, UsbStdState *s,
                          UsbPacket *packet, UsbResult *ret_result);
