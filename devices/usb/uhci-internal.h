/* devices/usb/uhci-internal.h - shared by the files uhci*.c. Sections are those
 * of Intel's Universal Host Controller Interface design guide 1.1.
 *
 * Registers are read and written on vCPU threads; devices are asked on the loop
 * only. All is guarded by the device's lock, which every function here expects
 * to be held unless it says otherwise. */
#pragma once

#include "devices/bus/pci.h"
#include "devices/usb/uhci.h"
#include "devices/usb/usb-iso.h"
#include "devices/usb/usb-pipe.h"

/* Registers, 2.1 */
#define UHCI_USBCMD    0x00u
#define UHCI_USBSTS    0x02u
#define UHCI_USBINTR   0x04u
#define UHCI_FRNUM     0x06u
#define UHCI_FLBASEADD 0x08u
#define UHCI_SOFMOD    0x0cu
#define UHCI_PORTSC    0x10u

#define CMD_RS         0x0001u
#define CMD_HCRESET    0x0002u
#define CMD_GRESET     0x0004u
#define CMD_EGSM       0x0008u
#define CMD_MASK       0x00ffu
#define STS_USBINT     0x0001u
#define STS_ERROR      0x0002u
#define STS_RESUME     0x0004u
#define STS_HSE        0x0008u
#define STS_HCPE       0x0010u
#define STS_HALTED     0x0020u
#define STS_CLEARED    0x001fu /* by writing 1 */
#define INTR_ERROR     0x0001u
#define INTR_RESUME    0x0002u
#define INTR_IOC       0x0004u
#define INTR_SHORT     0x0008u
#define FRNUM_MASK     0x07ffu
#define PORT_CCS       0x0001u
#define PORT_CSC       0x0002u
#define PORT_PE        0x0004u
#define PORT_PEC       0x0008u
#define PORT_DPLUS     0x0010u
#define PORT_DMINUS    0x0020u
#define PORT_RD        0x0040u
#define PORT_ONE       0x0080u
#define PORT_LOW       0x0100u
#define PORT_PR        0x0200u
#define PORT_SUSPEND   0x1000u
#define PORT_CHANGES   (PORT_CSC | PORT_PEC)

typedef struct {
    PciState pci;
    guint16 usbcmd, usbsts, usbintr, frnum;
    guint32 flbase;
    guint8 sofmod;
    guint8 causes; /* of STS_USBINT: INTR_IOC, INTR_SHORT */
    guint16 portsc[UHCI_PORTS];
    guint8 resets; /* ports whose devices are to be reset */
    UsbControlState controls[USB_CONTROLS];
} UhciState;
extern const StateDesc uhci_state_desc;

typedef struct {
    PciDevice pci;
    UhciState s;
    int model; /* option */
    PciIds ids;
    UsbBus bus; /* its own, when it is no companion */
    UsbDevice *ports[UHCI_PORTS];
    UsbPipes pipes;
    UsbIsos isos;
    guint32 early[USB_ISO_FRAMES]; /* of the frame list when last looked at */
    IoRegion *region;
    Timer *frames;
    gint64 frame_ns;   /* guest clock: when frame s.frnum began */
    unsigned idle;     /* frames since something happened */
    unsigned next;     /* in how many it looks again; 0: nobody waits for it */
    bool found_active; /* at the last look: a TD that waits */
    bool drop;         /* what is under way is to be given up */
    bool irq_routed;   /* LEGSUP's bit */
    bool quiesced;
    bool restored; /* ports have not been looked at since */
} Uhci;

/* uhci.c */
bool uhci_is_running(const Uhci *u);
void uhci_update_irq(Uhci *u);
/* What the guest set up cannot work: the controller stops. */
void uhci_fail(Uhci *u, guint16 sts_bit, const char *why);
/* Something may have happened: the loop looks at once. Any thread. */
void uhci_kick(Uhci *u);
/* The frame that is now, as far as the guest may know. */
guint16 uhci_frame_now(const Uhci *u);

/* uhci-port.c */
guint16 uhci_port_read(const Uhci *u, unsigned port);
void uhci_port_write(Uhci *u, unsigned port, guint16 value);
/* As after power-on, with what is plugged in. */
void uhci_ports_fresh(Uhci *u);
void uhci_ports_restored(Uhci *u);
void uhci_ports_run(Uhci *u); /* loop */
void uhci_port_plug(Uhci *u, unsigned port, UsbDevice *dev);
void uhci_port_wake(Uhci *u, unsigned port);
/* What can be talked to there, or NULL. */
UsbDevice *uhci_port_device(const Uhci *u, unsigned port);

/* uhci-schedule.c: frame s.frnum, at most max TDs; true: one has ended. Loop. */
bool uhci_run_frame(Uhci *u, unsigned *tds_left);
/* Begins the isochronous TDs of the frames that are soon due. */
void uhci_prepare_frames(Uhci *u);
