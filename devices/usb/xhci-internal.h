/* devices/usb/xhci-internal.h - shared by the files xhci*.c. Section numbers
 * are those of the eXtensible Host Controller Interface specification 1.2.
 *
 * Registers are read and written on vCPU threads; everything else happens on
 * the loop: a register that starts something marks it and kicks. All is
 * guarded by the device's lock, which every function here expects to be held
 * unless it says otherwise. */
#pragma once

#include "devices/bus/pci-msix.h"
#include "devices/usb/usb-bus.h"
#include "devices/usb/xhci.h"

#define XHCI_PORTS    (2 * USB_PORTS) /* first those of USB 2, then of USB 3 */
#define XHCI_SLOTS    16u
#define XHCI_INTRS    4u
#define XHCI_EPS      32u /* device context index: 1 control, 2n OUT, 2n+1 IN */
#define XHCI_QUEUED   64u /* events that wait for room, of one interrupter */
#define XHCI_MAX_TRBS 1024u       /* of one TD, with links */
#define XHCI_MAX_TD   (4u << 20)  /* bytes of one TD */
#define XHCI_MAX_HELD (32u << 20) /* bytes of all TDs under way */

/* USBCMD 5.4.1, USBSTS 5.4.2 */
#define CMD_RUN    0x0001u
#define CMD_RESET  0x0002u
#define CMD_INTE   0x0004u
#define CMD_HSEE   0x0008u
#define CMD_EWE    0x0400u
#define STS_HALTED 0x0001u
#define STS_HSE    0x0004u
#define STS_EINT   0x0008u
#define STS_PCD    0x0010u
#define STS_HCE    0x1000u

/* PORTSC 5.4.8 */
#define PORT_CCS      0x00000001u
#define PORT_PED      0x00000002u
#define PORT_PR       0x00000010u
#define PORT_PLS(n)   ((guint32) (n) << 5)
#define PORT_PP       0x00000200u
#define PORT_SPEED(n) ((guint32) (n) << 10)
#define PORT_PIC      0x0000c000u
#define PORT_LWS      0x00010000u
#define PORT_CSC      0x00020000u
#define PORT_PEC      0x00040000u
#define PORT_WRC      0x00080000u
#define PORT_PRC      0x00200000u
#define PORT_PLC      0x00400000u
#define PORT_CHANGES  0x00fe0000u
#define PORT_WAKES    0x0e000000u
#define PORT_WPR      0x80000000u
enum {
    PLS_U0 = 0,
    PLS_U3 = 3,
    PLS_DISABLED = 4,
    PLS_RXDETECT = 5,
    PLS_POLLING = 7,
    PLS_RESUME = 15
};

/* TRB types, table 6-91 */
enum {
    TRB_NORMAL = 1,
    TRB_SETUP = 2,
    TRB_DATA = 3,
    TRB_STATUS = 4,
    TRB_ISOCH = 5,
    TRB_LINK = 6,
    TRB_EVENT_DATA = 7,
    TRB_NOOP = 8,
    TRB_ENABLE_SLOT = 9,
    TRB_DISABLE_SLOT = 10,
    TRB_ADDRESS_DEVICE = 11,
    TRB_CONFIGURE_ENDPOINT = 12,
    TRB_EVALUATE_CONTEXT = 13,
    TRB_RESET_ENDPOINT = 14,
    TRB_STOP_ENDPOINT = 15,
    TRB_SET_DEQUEUE = 16,
    TRB_RESET_DEVICE = 17,
    TRB_COMMAND_NOOP = 23,
    EVENT_TRANSFER = 32,
    EVENT_COMMAND = 33,
    EVENT_PORT = 34,
    EVENT_HOST = 37
};
#define TRB_TYPE(control) ((control) >> 10 & 63)
#define TRB_CYCLE         0x001u
#define TRB_TOGGLE        0x002u /* link */
#define TRB_ISP           0x004u
#define TRB_ED            0x004u /* event */
#define TRB_CHAIN         0x010u
#define TRB_IOC           0x020u
#define TRB_IDT           0x040u
#define TRB_BEI           0x200u
#define TRB_LEN(status)   ((status) &0x1ffff)
#define TRB_INTR(status)  ((status) >> 22)

/* Completion codes, table 6-90 */
typedef enum {
    CC_SUCCESS = 1,
    CC_DATA_BUFFER = 2,
    CC_BABBLE = 3,
    CC_TRANSACTION = 4,
    CC_TRB = 5,
    CC_STALL = 6,
    CC_RESOURCE = 7,
    CC_NO_SLOTS = 9,
    CC_SLOT_NOT_ENABLED = 11,
    CC_EP_NOT_ENABLED = 12,
    CC_SHORT_PACKET = 13,
    CC_PARAMETER = 17,
    CC_CONTEXT_STATE = 19,
    CC_EVENT_RING_FULL = 21,
    CC_COMMAND_STOPPED = 24,
    CC_COMMAND_ABORTED = 25,
    CC_STOPPED = 26
} XhciCode;

/* Slot and endpoint states, tables 6-7 and 6-8 */
enum { SLOT_DISABLED, SLOT_DEFAULT, SLOT_ADDRESSED, SLOT_CONFIGURED };
enum { EP_DISABLED, EP_RUNNING, EP_HALTED, EP_STOPPED, EP_ERROR };

/* Endpoint types, table 6-9; bit 2 is the direction */
enum { EP_ISOCH = 1, EP_BULK = 2, EP_INTERRUPT = 3, EP_CONTROL = 4, EP_IN = 4 };

typedef struct {
    Gpa at;
    guint64 param;
    guint32 status, control;
} XhciTrb;

/* Arrays of one index each keep the saved state short. */
typedef struct {
    guint8 enabled, state; /* SLOT_... */
    guint8 port;           /* 0..XHCI_PORTS - 1 */
    guint32 route;         /* 8.9: hubs' ports from there on, 4 bits each */
    guint64 context;       /* output device context; 0: none */
    guint8 ep_state[XHCI_EPS], ep_type[XHCI_EPS];
    guint64 dequeue[XHCI_EPS]; /* of the first TD that has not ended, | DCS */
    guint32 doorbells;         /* endpoints to look at */
} XhciSlot;

typedef struct {
    guint64 param;
    guint32 status, control;
} XhciEvent;

typedef struct {
    guint32 iman, imod, erstsz;
    guint64 erstba, erdp;
    /* where the next event goes; ready: derived from erstba */
    guint8 ready, cycle;
    guint32 segment, index, size; /* size: TRBs of the segment */
    guint64 base;
    guint32 n_queued;
    XhciEvent queued[XHCI_QUEUED];
} XhciIntr;

typedef struct {
    PciState pci;
    PciMsixState msix;
    guint32 usbcmd, usbsts, dnctrl, config;
    guint64 crcr, dcbaap;
    guint64 command; /* ring's dequeue pointer | cycle */
    guint8 command_running, command_doorbell;
    guint8 command_stop; /* CRCR's CS or CA was written: 2, 4 */
    guint32 portsc[XHCI_PORTS];
    XhciSlot slots[XHCI_SLOTS];
    XhciIntr intrs[XHCI_INTRS];
} XhciState;
extern const StateDesc xhci_state_desc;

/* A TD under way, or finished and waiting for the one before it. */
typedef struct XhciTransfer XhciTransfer;
struct XhciTransfer {
    UsbPacket packet; /* first */
    XhciTransfer *next;
    guint8 slot, ep;
    bool pending;  /* USB_ASYNC */
    guint64 after; /* dequeue pointer | cycle when it has ended */
    unsigned n_trbs;
    XhciTrb trbs[];
};

/* What cannot be saved, of one endpoint. */
typedef struct {
    XhciTransfer *first; /* in the ring's order */
    unsigned n;
    guint64 fetch; /* dequeue pointer | cycle of the next TD to begin */
} XhciEndpoint;

typedef struct {
    PciDevice pci;
    XhciState s;
    PciMsix msix;
    UsbBus bus;
    IoRegion *region;
    Timer *work; /* the loop looks for something to do */
    bool quiesced;
    gsize held; /* bytes of TDs under way */
    bool full;  /* the last TD looked at was one too many for held */
    XhciEndpoint eps[XHCI_SLOTS][XHCI_EPS];
    XhciTrb scratch[XHCI_MAX_TRBS];
} Xhci;

/* xhci.c: any thread; the loop looks at everything soon. */
void xhci_kick(Xhci *x);
/* What the guest set up cannot work: the controller stops, 4.24.1. */
void xhci_fail(Xhci *x, guint32 sts_bit, const char *why);
bool xhci_is_running(const Xhci *x);

/* xhci-event.c */
void xhci_event(Xhci *x, unsigned intr, XhciCode code, guint64 param,
                guint32 status, guint32 control);
bool xhci_events_wait(const Xhci *x); /* for room: start nothing new */
void xhci_erdp_written(Xhci *x, unsigned intr, guint64 old);
void xhci_update_irq(Xhci *x);

/* xhci-port.c */
void xhci_ports_reset(Xhci *x);
guint32 xhci_port_read(const Xhci *x, unsigned port);
void xhci_port_write(Xhci *x, unsigned port, guint32 value);
void xhci_port_plug(Xhci *x, unsigned port_of_bus, bool in);
void xhci_port_wake(Xhci *x, unsigned port_of_bus);
void xhci_ports_run(Xhci *x);
/* Of a port of ours, what is in it and can be talked to; else NULL. */
UsbDevice *xhci_port_device(const Xhci *x, unsigned port);

/* xhci-ring.c: the next TRB of a ring, links followed; at is moved on.
 * 1: *trb is one; 0: the ring is empty here; -1: no memory, or links only. */
int xhci_ring_next(Xhci *x, guint64 *at, XhciTrb *trb);
/* A whole TD from *at into x->scratch. Its number of TRBs, with *at behind
 * it; 0: not complete yet; -1: as above, or too long. */
int xhci_ring_td(Xhci *x, guint64 *at, bool control);

/* xhci-command.c: returns TRBs worked on. */
unsigned xhci_commands_run(Xhci *x, unsigned budget);

/* xhci-transfer.c; slot is 0-based, ep a device context index */
unsigned xhci_transfers_run(Xhci *x, unsigned budget);
void xhci_transfer_done(Xhci *x, UsbPacket *packet);
/* Gives up what is under way; it stays in the ring. */
void xhci_endpoint_cancel(Xhci *x, unsigned slot, unsigned ep);
/* The same, and says where it stopped, 4.6.9. */
void xhci_endpoint_stop(Xhci *x, unsigned slot, unsigned ep);
void xhci_cancel_all(Xhci *x);
/* State and dequeue pointer into the guest's context, 6.2.3. */
void xhci_endpoint_show(Xhci *x, unsigned slot, unsigned ep);
UsbDevice *xhci_slot_device(const Xhci *x, unsigned slot);
