/* devices/usb/usb-pipe.h - from single transactions, as UHCI and EHCI know them,
 * to packets of usb-bus.h, which are whole transfers.
 *
 * A control transfer's stages are put together (USB 2.0, 8.5.3). A packet that a
 * device has taken for later is kept here, and answers NAK until the device has
 * ended it: the controller asks again when it comes by, so it needs to remember
 * nothing of its own, and what the guest has taken out of its schedule is
 * forgotten. Loop; the controller's lock is held. */
#pragma once

#include "devices/usb/usb-bus.h"

#define USB_CONTROLS   16u   /* control transfers under way at a time */
#define USB_PIPE_STALE 1100u /* rounds: beyond the longest interrupt period */

/* USB 2.0, table 8-1, with the check bits */
typedef enum {
    USB_PID_OUT = 0xe1,
    USB_PID_IN = 0x69,
    USB_PID_SETUP = 0x2d
} UsbPid;

/* Guest-visible; data is not in it: what was read is asked for again. */
typedef struct {
    guint8 address; /* whose */
    guint8 stage;
    guint8 setup[8];
    guint32 done; /* bytes of data */
} UsbControlState;
extern const StateDesc usb_control_state_desc;

typedef struct {
    UsbPacket packet;
    guint8 *data; /* of setup's length; NULL: none yet */
    bool pending; /* the device has it */
    bool ended;   /* it was pending, and its result has not been looked at */
    bool fetched; /* IN: data is there */
} UsbControl;

typedef struct UsbPipe UsbPipe;

/* Embedded in a controller. */
typedef struct {
    UsbControlState *states; /* USB_CONTROLS, in the controller's state */
    UsbControl controls[USB_CONTROLS];
    UsbPipe *pipes; /* packets that are with a device, or have ended */
    guint32 round;  /* the controller counts it up as it comes by */
} UsbPipes;

/* A transaction, or several of one direction in a row. */
typedef struct {
    UsbDevice *dev;
    guint8 address; /* by which it was found */
    guint8 pid, ep; /* UsbPid; number without direction */
    UsbTransferType type;
    guint64 key; /* tells it from others of the endpoint: its address */
    guint8 *data;
    guint32 len;    /* bytes of data */
    guint32 actual; /* result */
} UsbToken;

void usb_pipes_init(UsbPipes *pipes, UsbControlState *states);
/* Bytes of what an endpoint (with its direction) has under way by that key; 0:
 * nothing. */
guint32 usb_pipes_under_way(UsbPipes *pipes, const UsbDevice *dev, guint8 ep,
                            guint64 key);
/* Not USB_ASYNC. */
UsbResult usb_pipes_run(UsbPipes *pipes, UsbToken *token);
/* Of usb_packet_done(). */
void usb_pipes_done(UsbPipes *pipes, UsbPacket *packet);
/* Gives up: those at or behind a device (NULL: all); those that the controller
 * has not come by for that many rounds. */
void usb_pipes_drop(UsbPipes *pipes, const UsbDevice *at);
void usb_pipes_drop_stale(UsbPipes *pipes, guint32 rounds, bool bulk_only);
/* Nothing is with an emulated device. */
bool usb_pipes_are_quiet(const UsbPipes *pipes);
bool usb_pipes_are_empty(const UsbPipes *pipes);
/* Of saved states. */
bool usb_controls_check(const UsbControlState *states);
