/* tests/unit/xhci-rig.h - a USB controller in a machine without a CPU, its
 * driver's side (rings, contexts, events). */
#pragma once

#include "devices/usb/xhci-internal.h"
#include "tests/unit/fake-usb.h"
#include "tests/unit/fake-vm.h"

#define XR_RAM       0x100000u
#define XR_REGS      0xe0000000u
#define XR_OP        (XR_REGS + 0x40u)
#define XR_PORTSC(p) (XR_OP + 0x400u + 16u * ((p) -1u)) /* 1.. */
#define XR_INTR      (XR_REGS + 0x1020u)
#define XR_BELL(n)   (XR_REGS + 0x2000u + 4u * (n))

/* Where things are in memory. */
#define XR_DCBAA         0x1000u
#define XR_COMMANDS      0x2000u
#define XR_ERST          0x3000u
#define XR_EVENTS        0x4000u /* two segments of 16 TRBs, 0x1000 apart */
#define XR_INPUT         0x6000u
#define XR_CONTEXT(slot) (0x8000u + 0x400u * (slot))
#define XR_RING(ep)      (0x10000u + 0x1000u * (ep)) /* of slot 1 */
#define XR_RING_N        32u /* TRBs of a ring; the last is a link */
#define XR_DATA          0x40000u

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *dev;
    Xhci *x;
    unsigned ring_at[XHCI_EPS]; /* next TRB of a ring; 0: the command ring */
    guint8 ring_cycle[XHCI_EPS];
    unsigned event_at, event_cycle, event_size; /* of both segments */
} XhciRig;

/* A controller after reset, its BAR mapped and bus mastering on. */
void xhci_rig_init(XhciRig *r);
void xhci_rig_free(XhciRig *r); /* devices on it are freed before */
/* Plugs it in and resets it. */
void xhci_rig_plug(XhciRig *r, Device *usb, unsigned port);
FakeUsb *xhci_rig_plug_fake(XhciRig *r, UsbSpeed speed, unsigned port);
/* Rings are set up, INTE is on and it runs. */
void xhci_rig_start(XhciRig *r);

guint32 xr_read(XhciRig *r, guint64 at);
void xr_write(XhciRig *r, guint64 at, guint32 value);
void xr_put32(XhciRig *r, guint64 at, guint32 value);
void xr_put64(XhciRig *r, guint64 at, guint64 value);
guint32 xr_get32(XhciRig *r, guint64 at);
guint64 xr_get64(XhciRig *r, guint64 at);

/* Adds to a ring (0: commands); the cycle bit is added. Returns its address. */
guint64 xr_push(XhciRig *r, unsigned ring, guint64 param, guint32 status,
                guint32 control);
void xr_ring_bell(XhciRig *r, unsigned slot, unsigned ep);
/* Takes the next event; false: none. */
bool xr_event(XhciRig *r, XhciEvent *ret);
/* The next transfer event's code; 0: none. Others are passed over. */
unsigned xr_transfer_event(XhciRig *r, XhciEvent *ret);
/* Runs one command; its completion code, 0: no event. */
unsigned xr_command(XhciRig *r, guint64 param, guint32 status, guint32 control);
/* Resets the port (1..), enables slot 1 and addresses it. */
unsigned xr_address(XhciRig *r, unsigned port);
/* Adds an endpoint of this type (EP_...) with an empty ring. */
unsigned xr_configure(XhciRig *r, unsigned ep, unsigned type);
/* A control transfer with its data at XR_DATA; the last event's code. */
unsigned xr_control(XhciRig *r, guint16 request, guint16 value, guint16 index,
                    guint16 len);
