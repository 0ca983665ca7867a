/* tests/unit/fake-usb.h - a USB device that does as it is told. */
#pragma once

#include "devices/usb/usb-bus.h"

typedef struct {
    UsbDevice usb;
    UsbResult result; /* what submit() says */
    guint32 actual;   /* and moves; IN data is 0, 1, 2... */
    unsigned n_submits, n_cancels, n_resets;
    UsbPacket *last[64]; /* those that are USB_ASYNC, oldest first */
    unsigned n_async;
    UsbSetup setup; /* of the last control packet */
    guint8 out[64]; /* of the last OUT packet */
    guint8 address;
} FakeUsb;
extern const DeviceClass fake_usb_class;

/* The oldest that is under way, if any, ends: well, with a stall, or not; by how
 * modulo 3. */
void fake_usb_complete_oldest(FakeUsb *fake, guint8 how);
