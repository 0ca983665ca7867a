/* devices/usb/usb-bus.h - what a USB device is to its controller, and back.
 *
 * Universal Serial Bus 2.0, chapters 8 and 9. A device's class embeds UsbDevice
 * first (which embeds Device first), is linked to a bus ("usb") and has a port
 * of it for itself. realize ends with usb_device_attach(), unrealize begins
 * with usb_device_detach(). A bus is a controller's, or a hub's, which is a
 * device itself.
 *
 * Threads: all of this runs on the loop, so devices need no lock. A controller
 * calls a device's ops with its own lock (L1) held; what a device calls takes
 * that lock, so it is never called from inside an op. */
#pragma once

#include "vmm/core/device.h"
#include "vmm/types.h"

/* Of a bus, at most. The xHCI's have a connector for USB 2 and one for USB 3
 * each, and a device is in the one that fits its speed. */
#define USB_PORTS  8u
#define USB_TIERS  5u /* hubs between a device and its controller, 4.1.1 */

#define USB_DIR_IN 0x80u /* in an endpoint's address: to the host */

/* Numbers are those of xHCI 1.2, table 7-13. */
typedef enum {
    USB_SPEED_FULL = 1,
    USB_SPEED_LOW = 2,
    USB_SPEED_HIGH = 3,
    USB_SPEED_SUPER = 4
} UsbSpeed;
#define USB_SPEED_BIT(speed) (1u << (speed))
#define USB_SPEEDS_1                                                           \
    (USB_SPEED_BIT(USB_SPEED_FULL) | USB_SPEED_BIT(USB_SPEED_LOW))
#define USB_SPEEDS_2 (USB_SPEEDS_1 | USB_SPEED_BIT(USB_SPEED_HIGH))
#define USB_SPEEDS_3 (USB_SPEEDS_2 | USB_SPEED_BIT(USB_SPEED_SUPER))

/* bmAttributes of an endpoint descriptor, USB 2.0 table 9-13 */
typedef enum {
    USB_CONTROL,
    USB_ISOCHRONOUS,
    USB_BULK,
    USB_INTERRUPT
} UsbTransferType;

typedef enum {
    USB_OK,
    USB_NAK,    /* nothing now; usb_device_ready() says when to ask again */
    USB_ASYNC,  /* usb_packet_done() follows */
    USB_STALL,  /* 8.4.5: the endpoint is halted, or no such request */
    USB_BABBLE, /* it sent more than was asked for */
    USB_FAILED  /* no answer, or a damaged one */
} UsbResult;

/* bmRequestType << 8 | bRequest of USB 2.0 table 9-3 */
#define USB_GET_DEVICE_STATUS    0x8000u
#define USB_GET_INTERFACE_STATUS 0x8100u
#define USB_GET_ENDPOINT_STATUS  0x8200u
#define USB_CLEAR_DEVICE_FEATURE 0x0001u
#define USB_CLEAR_ENDPOINT       0x0201u
#define USB_SET_DEVICE_FEATURE   0x0003u
#define USB_SET_ENDPOINT         0x0203u
#define USB_SET_ADDRESS          0x0005u
#define USB_GET_DESCRIPTOR       0x8006u
#define USB_GET_CONFIGURATION    0x8008u
#define USB_SET_CONFIGURATION    0x0009u
#define USB_GET_INTERFACE        0x810au
#define USB_SET_INTERFACE        0x010bu

/* The first eight bytes of a control transfer, in host order. */
typedef struct {
    guint16 request; /* bmRequestType << 8 | bRequest */
    guint16 value, index, length;
} UsbSetup;

typedef struct UsbBus UsbBus;
typedef struct UsbDevice UsbDevice;
typedef struct UsbPacket UsbPacket;

/* One transfer: all the data of a TD. The controller's; a device keeps a
 * pointer only while the packet is USB_ASYNC. */
struct UsbPacket {
    UsbDevice *dev;
    guint8 ep; /* number, | USB_DIR_IN; 0 for control whatever the direction */
    UsbTransferType type;
    UsbSetup setup; /* control; the direction is in its request */
    guint8 *data;   /* len bytes, the controller's */
    guint32 len;
    guint32 actual; /* bytes moved, at most len */
    UsbResult result;
    void *of_device; /* while USB_ASYNC */
};

typedef struct {
    /* Bus reset: default state. May be followed by packets at once. */
    void (*reset)(UsbDevice *dev);
    /* Sets packet->actual. USB_NAK and USB_ASYNC leave the rest to later. */
    UsbResult (*submit)(UsbDevice *dev, UsbPacket *packet);
    /* An asynchronous packet is given up: after this it is not touched any
     * more. NULL: the class never returns USB_ASYNC. */
    void (*cancel)(UsbDevice *dev, UsbPacket *packet);
    /* Of a hub: what is in a port (1..) that the guest has enabled, or NULL.
     * NULL: the class is none. */
    UsbDevice *(*child)(UsbDevice *dev, unsigned port);
} UsbDeviceOps;

struct UsbDevice {
    Device dev;
    UsbBus *bus;  /* link "usb" */
    guint32 port; /* option "port", 0..USB_PORTS - 1 */
    const UsbDeviceOps *ops;
    UsbSpeed speed;
    /* As SET_ADDRESS gave it, 0 after a reset; the class keeps it. NULL: 0. The
     * xHCI gives none. */
    const guint8 *address;
    bool attached;
    bool is_host; /* a real one: what it does is no state of the machine */
};

/* The rows every USB class puts into its PropDesc table. */
/* clang-format off */
#define USB_PROPS(S, f) \
    PROP_DEF_LINK(S, f.bus, "usb", true, "USB bus it is plugged into"), \
    PROP_DEF_U32(S, f.port, "port", 0, 0, USB_PORTS - 1, NULL, "port of it")
/* clang-format on */

/* What whoever has a port is told. Loop, controller's lock not held. */
typedef struct {
    void (*attached)(void *owner, unsigned port, UsbDevice *dev);
    void (*detached)(void *owner, unsigned port, UsbDevice *dev);
    void (*wake)(void *owner, unsigned port);
    /* Of a controller; the device is in one of its ports or behind a hub.
     * gone: its packets, and those of what is behind it, are given up before
     * this returns. */
    void (*gone)(void *controller, UsbDevice *dev);
    void (*ready)(void *controller, UsbDevice *dev, guint8 ep);
    void (*done)(void *controller, UsbPacket *packet);
} UsbBusOps;

typedef struct {
    const UsbBusOps *ops; /* NULL: nobody is there yet */
    void *owner;
    unsigned number; /* of the owner's ports */
    UsbDevice *dev;
} UsbPort;

/* Embedded in its controller or hub. */
struct UsbBus {
    UsbDevice *hub; /* whose it is; NULL: a controller's */
    unsigned n_ports;
    guint32 speeds; /* of devices that may be in it, USB_SPEED_BIT() */
    UsbPort ports[USB_PORTS];
};

/* All its ports go to one owner, or away from it (ops NULL). No device may be in
 * any. */
void usb_bus_init(UsbBus *bus, unsigned n_ports, guint32 speeds,
                  const UsbBusOps *ops, void *owner);
/* Why devices of that speed cannot be in it, and what to do; NULL: they can. */
const char *usb_bus_why_not(const UsbBus *bus, UsbSpeed speed);
/* ops and speed are set. False and error set: the port is taken or not there, or
 * not for devices of that speed. */
bool usb_device_attach(UsbDevice *dev, GError **error);
void usb_device_detach(UsbDevice *dev); /* when it is not attached: nothing */
/* Packets of it and of what is behind it are given up: its port was reset or is off.
 */
void usb_device_give_up(UsbDevice *dev);
/* An endpoint that answered USB_NAK may have something now. */
void usb_device_ready(UsbDevice *dev, guint8 ep);
/* Result and actual are set. The packet is the controller's again. */
void usb_packet_done(UsbPacket *packet);
/* Remote wake-up of a suspended device. */
void usb_device_wake(UsbDevice *dev);

/* dev itself or what is behind it, as long as the guest has enabled the ports
 * between: by address, and by a route string of xHCI 8.9. NULL: none. */
UsbDevice *usb_device_by_address(UsbDevice *dev, guint8 address);
UsbDevice *usb_device_by_route(UsbDevice *dev, guint32 route);
/* The controller's port by which it is reached. */
unsigned usb_device_root_port(const UsbDevice *dev);
/* dev is at, or behind it. */
bool usb_device_is_behind(const UsbDevice *dev, const UsbDevice *at);
