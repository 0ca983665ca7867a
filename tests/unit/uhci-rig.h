/* tests/unit/uhci-rig.h - a USB 1 controller in a machine without a CPU, and its
 * driver's side: a frame list whose frames all lead to one queue. */
#pragma once

#include "devices/usb/uhci-internal.h"
#include "tests/unit/fake-usb.h"
#include "tests/unit/fake-vm.h"

#define UR_RAM    0x100000u
#define UR_IO     0xe000u
#define UR_FRAMES 0x1000u
#define UR_QH     0x2000u
#define UR_TD(n)  (0x3000u + 32u * (n))
#define UR_BUF(n) (0x10000u + 0x500u * (n)) /* of that TD */
#define UR_FRAME  NSEC_PER_MSEC

#define UR_ACTIVE 0x00800000u
#define UR_IOC    0x01000000u
#define UR_SPD    0x20000000u
#define UR_CERR   0x18000000u

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *dev;
    Uhci *u;
    bool irq; /* the function's interrupt */
} UhciRig;

/* A controller after reset, its ports mapped and bus mastering on. */
void uhci_rig_init(UhciRig *r);
void uhci_rig_free(UhciRig *r); /* devices on it are freed before */
void uhci_rig_plug(UhciRig *r, Device *usb, unsigned port);
/* All frames lead to an empty queue, interrupts are on, it runs, and what is in
 * its ports is enabled. */
void uhci_rig_start(UhciRig *r);
void ur_enable(UhciRig *r, unsigned port);

guint16 ur_read(UhciRig *r, unsigned reg);
void ur_write(UhciRig *r, unsigned reg, guint16 value);
void ur_put32(UhciRig *r, guint64 at, guint32 value);
guint32 ur_get32(UhciRig *r, guint64 at);
/* TD n of the queue, active, followed by n + 1 unless flags say UR_LAST. */
#define UR_LAST 1u
void ur_td(UhciRig *r, unsigned n, guint8 pid, unsigned address, unsigned ep,
           guint32 len, guint32 flags);
/* The queue begins with TD n. */
void ur_queue(UhciRig *r, unsigned n);
void ur_frames(UhciRig *r, unsigned n); /* lets them pass */
guint32 ur_status(UhciRig *r, unsigned n);
/* A control transfer by TDs 0 and up, its data at UR_BUF(1) in packets of 64;
 * the status of the first TD that failed or waits, else of the last. */
guint32 ur_control(UhciRig *r, unsigned address, guint16 request, guint16 value,
                   guint16 index, guint16 len);
