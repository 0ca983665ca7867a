/* devices/usb/usb-iso.h - isochronous packets of UHCI and EHCI, which belong to a
 * frame.
 *
 * A device of the host needs some milliseconds to move a packet, so the
 * controller looks at the frames that are soon due and begins their packets; the
 * result is kept until the frame is. Loop; the controller's lock is held. */
#pragma once

#include "devices/usb/usb-bus.h"

#define USB_ISO_FRAMES 16u /* that a packet is early */

typedef struct UsbIso UsbIso;

/* Embedded in a controller. */
typedef struct {
    UsbIso *first; /* oldest first */
    unsigned n;
    guint32 round; /* the controller counts it up as it comes by */
} UsbIsos;

/* Where a packet is from. */
typedef struct {
    guint32 at;     /* its descriptor's address */
    guint32 number; /* of several in that */
    guint32 what;   /* as the guest wrote it: with another, it is another */
} UsbIsoKey;

/* What has been begun for it; one with another `what` is given up. NULL: it is to
 * be begun. */
UsbIso *usb_isos_find(UsbIsos *isos, const UsbIsoKey *key);
/* False: there are as many as there may be. */
bool usb_isos_have_room(const UsbIsos *isos);
/* Begins one; out: its data, len bytes. False: there are too many. */
bool usb_isos_begin(UsbIsos *isos, const UsbIsoKey *key, UsbDevice *dev,
                    guint8 ep, const guint8 *out, guint32 len);
/* Its frame is over: USB_NAK when the device has not answered. Data of an IN
 * packet goes to in, len bytes at most; *ret_actual is set. It is forgotten. One
 * that goes OUT has no handshake: it is as good as sent, and goes its way. */
UsbResult usb_isos_end(UsbIsos *isos, UsbIso *iso, guint8 *in, guint32 len,
                       guint32 *ret_actual);
/* Of usb_packet_done(). False: it is none of these. */
bool usb_isos_done(UsbIsos *isos, UsbPacket *packet);
/* Gives up those at or behind a device (NULL: all), and those that the
 * controller has not come by for long. */
void usb_isos_drop(UsbIsos *isos, const UsbDevice *at);
void usb_isos_drop_stale(UsbIsos *isos);
/* Nothing is with an emulated device. */
bool usb_isos_are_quiet(const UsbIsos *isos);
