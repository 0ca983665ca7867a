/* tests/unit/ehci-rig.h - a USB 2 controller with a companion for its first two
 * ports, in a machine without a CPU, and its driver's side: an asynchronous list
 * of a head and one queue, and a periodic list. */
#pragma once

#include "devices/usb/ehci-internal.h"
#include "tests/unit/fake-usb.h"
#include "tests/unit/fake-vm.h"

#define ER_RAM       0x100000u
#define ER_REGS      0xe0000000u
#define ER_OP        (ER_REGS + 0x20u)
#define ER_PORTSC(p) (ER_OP + 0x44u + 4u * (p)) /* 0.. */
#define ER_UHCI      0xe000u                    /* the companion's ports */
#define ER_PERIODIC  0x1000u
#define ER_HEAD      0x2000u
#define ER_QH        0x2080u
#define ER_QTD(n)    (0x3000u + 64u * (n))
#define ER_ITD       0x4000u
#define ER_BUF(n)    (0x10000u + 0x5000u * (n)) /* of that qTD */
#define ER_FRAME     NSEC_PER_MSEC

#define ER_IOC       0x8000u
#define ER_LAST      1u
enum { ER_OUT, ER_IN, ER_SETUP };

typedef struct {
    FakeVm *vm;
    PciBus *bus;
    Device *dev, *companion;
    Ehci *e;
    bool irq;
} EhciRig;

void ehci_rig_init(EhciRig *r);
void ehci_rig_free(EhciRig *r); /* devices on it are freed before */
void ehci_rig_plug(EhciRig *r, Device *usb, unsigned port);
/* Lists are set up, the ports are this controller's, it runs. */
void ehci_rig_start(EhciRig *r);
void er_enable(EhciRig *r, unsigned port);

guint32 er_read(EhciRig *r, guint64 at);
void er_write(EhciRig *r, guint64 at, guint32 value);
void er_put32(EhciRig *r, guint64 at, guint32 value);
guint32 er_get32(EhciRig *r, guint64 at);
/* qTD n, active, followed by n + 1 unless flags say ER_LAST. */
void er_qtd(EhciRig *r, unsigned n, unsigned pid, guint32 len, guint32 flags);
/* The queue is of that endpoint, and begins with qTD n. */
void er_queue(EhciRig *r, unsigned address, unsigned ep, unsigned n);
void er_frames(EhciRig *r, unsigned n);
guint32 er_token(EhciRig *r, unsigned n);
/* A control transfer by qTDs 0 to 2, data at ER_BUF(1): the token of the first
 * that failed or waits, else of the last. */
guint32 er_control(EhciRig *r, unsigned address, guint16 request, guint16 value,
                   guint16 index, guint16 len);
