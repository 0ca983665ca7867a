/* devices/usb/ehci-internal.h - shared by the files ehci*.c. Sections are those
 * of the Enhanced Host Controller Interface specification 1.0.
 *
 * Registers are read and written on vCPU threads; devices are asked, and ports
 * change hands, on the loop only. All is guarded by the device's lock, which
 * every function here expects to be held unless it says otherwise. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/usb/ehci.h"
#include "devices/usb/usb-iso.h"
#include "devices/usb/usb-pipe.h"

#define EHCI_PORTS     USB_PORTS
#define EHCI_MAX_BYTES (5u * 4096u) /* of a qTD, 3.5 */

/* USBCMD 2.3.1, USBSTS 2.3.2; USBINTR has the first six bits of that */
#define CMD_RUN        0x00000001u
#define CMD_RESET      0x00000002u
#define CMD_PERIODIC   0x00000010u
#define CMD_ASYNC      0x00000020u
#define CMD_DOORBELL   0x00000040u
#define CMD_THRESHOLD  0x00ff0000u
#define STS_USBINT     0x00000001u
#define STS_ERROR      0x00000002u
#define STS_PORT       0x00000004u
#define STS_ROLLOVER   0x00000008u
#define STS_HSE        0x00000010u
#define STS_ADVANCE    0x00000020u
#define STS_INTERRUPTS 0x0000003fu
#define STS_HALTED     0x00001000u
#define STS_PERIODIC   0x00004000u
#define STS_ASYNC      0x00008000u

/* PORTSC 2.3.9 */
#define PORT_CCS     0x00000001u
#define PORT_CSC     0x00000002u
#define PORT_PE      0x00000004u
#define PORT_PEC     0x00000008u
#define PORT_RESUME  0x00000040u
#define PORT_SUSPEND 0x00000080u
#define PORT_PR      0x00000100u
#define PORT_K       0x00000400u
#define PORT_J       0x00000800u
#define PORT_POWER   0x00001000u
#define PORT_OWNER   0x00002000u
#define PORT_WAKES   0x00700000u
#define PORT_CHANGES (PORT_CSC | PORT_PEC)

/* Links of the schedule, 3.1 and 3.3.1 */
#define LINK_T       1u
#define LINK_TYPE(l) ((l) >> 1 & 3)
#define LINK_AT(l)   ((l) & ~31u)
enum { LINK_ITD, LINK_QH, LINK_SITD, LINK_FSTN };

typedef struct {
    PciState pci;
    guint32 usbcmd, usbsts, usbintr;
    guint32 frindex; /* of the last frame that was run */
    guint32 periodic, async, configflag;
    guint32 portsc[EHCI_PORTS];
    guint8 resets; /* ports whose devices are to be reset */
    UsbControlState controls[USB_CONTROLS];
} EhciState;
extern const StateDesc ehci_state_desc;

typedef struct {
    PciDevice pci;
    EhciState s;
    Device *companions[EHCI_COMPANIONS]; /* links */
    UsbBus bus;
    bool with_companion[EHCI_PORTS]; /* loop: who is told of the port */
    UsbDevice *ports[EHCI_PORTS];    /* what is here */
    UsbPipes pipes;
    UsbIsos isos;
    IoRegion *region;
    Timer *frames;
    gint64 frame_ns; /* guest clock: when s.frindex's frame began */
    unsigned idle;   /* frames since something happened */
    unsigned next;   /* in how many it looks again; 0: nobody waits for it */
    bool found_active;
    unsigned bell_looks; /* since the doorbell rang, without a full round */
    bool drop;
    bool quiesced;
    bool restored;               /* ports have not been looked at since */
    guint8 data[EHCI_MAX_BYTES]; /* of a transaction */
} Ehci;

/* A look at the schedule. */
typedef struct {
    unsigned left; /* transactions, and what was asked in vain */
    bool any;      /* one has ended */
    guint32 status;
} EhciLook;

/* ehci.c */
bool ehci_is_running(const Ehci *e);
void ehci_update_irq(Ehci *e);
void ehci_fail(Ehci *e, const char *why);
void ehci_kick(Ehci *e); /* any thread */
bool ehci_load(Ehci *e, guint32 at, guint32 *dwords, unsigned n);
bool ehci_store(Ehci *e, guint32 at, const guint32 *dwords, unsigned n);
UsbDevice *ehci_find_device(const Ehci *e, guint8 address);

/* ehci-port.c */
guint32 ehci_port_read(const Ehci *e, unsigned port);
void ehci_port_write(Ehci *e, unsigned port, guint32 value);
void ehci_ports_fresh(Ehci *e);
/* Loop: who has which port, before the guest runs; what has changed, after. */
void ehci_ports_restore(Ehci *e);
void ehci_ports_restored(Ehci *e);
void ehci_configflag_write(Ehci *e, guint32 value);
void ehci_ports_run(Ehci *e); /* loop */
/* Ports go where the guest wants them. Loop, lock not held. */
void ehci_ports_route(Ehci *e);
UsbDevice *ehci_port_device(const Ehci *e, unsigned port);
extern const UsbBusOps ehci_bus_ops;

/* ehci-queue.c: the asynchronous list, until nothing moves (true: all of it was
 * come by) or look->left ends; one queue of the periodic list, whose link is
 * returned. Loop. */
bool ehci_run_async(Ehci *e, EhciLook *look);
guint32 ehci_run_interrupt(Ehci *e, EhciLook *look, guint32 at);

/* ehci-itd.c: an iTD whose frame is over, whose link is returned; those that are
 * soon due. Loop. */
guint32 ehci_run_itd(Ehci *e, EhciLook *look, guint32 at);
guint32 ehci_prepare_itd(Ehci *e, unsigned *left, guint32 at);
