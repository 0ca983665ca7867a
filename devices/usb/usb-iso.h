/* devices/usb/usb-iso.h - isochronous packets of UHCI and EHCI, which belong to a
 * frame.
 *
 * A device of the host needs some milliseconds to move a packet, so the
 * controller looks at the frames that are soon due and begins their packets; the
 * result is kept until the frame is. Loop; the controller's lock is held. */
#pragma once

#include "devices/usb/usb-bus.h"

#define USB_ISO_FRAMES 16u /* that a packet is early */
#define USB_FRAME_NS   NSEC_PER_MSEC
/* From a look to the next, when it is late. */
#define USB_CATCH_UP_NS (USB_FRAME_NS * 3 / 4)

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

/* How many frames a look is about, of those that have passed since *frame_ns, when
 * the next was due after `next` (0: nobody waited for one). *frame_ns goes on by
 * them, and by those that are skipped, *ret_skipped.
 *
 * Frames that nobody waited for are skipped. Otherwise a very late look makes
 * frames longer, for what is skipped is sound that is not heard. While packets are
 * under way a look is about one frame, and what is late is caught up with in
 * shorter ones: a driver has some 18 packets in the list, and puts new ones behind
 * them only as fast as its processor is. What is later than the packets are early
 * is not caught up with: the device has run dry. */
unsigned usb_isos_frames_due(const UsbIsos *isos, gint64 now, unsigned next,
                             gint64 *frame_ns, gint64 *ret_skipped);
/* That many have passed as far as the guest may know, in units of unit_ns. Drivers
 * take packets of frames that are over out of the list, done or not: when a look
 * is late, time stands still, rather than have them take away what would have
 * gone out a moment later. */
gint64 usb_isos_passed(gint64 now, gint64 frame_ns, unsigned next,
                       gint64 unit_ns);
