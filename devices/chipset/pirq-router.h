/* devices/chipset/pirq-router.h - PCI's interrupts to the 8259s' inputs that the
 * guest chooses, as Intel's ISA bridges do it: 82371SB data sheet (290550),
 * section 2.3.8; ICH9 data sheet (316972), section 13.1.16. Part of such a
 * bridge. */
#pragma once

#include <stdatomic.h>

#include "devices/bus/pci.h"
#include "vmm/irq/irq.h"

#define PIRQ_MAX       8u
#define PIRQ_ROUTE_OFF 0x80u /* in a routing register: to no 8259 */
#define PIRQ_ROUTE_IRQ 0x0fu /* else to this input */

typedef struct {
    PciBus *bus; /* NULL: not realized */
    unsigned n;
    unsigned first_gsi; /* 0: the IOAPIC has no inputs for them */
    IrqLine *lines[IRQ_PINS];
    /* Read under the bus's INTx lock, written under its config lock. */
    _Atomic guint8 routes[PIRQ_MAX];
    bool levels[PIRQ_MAX]; /* INTx lock: as the bus told us */
} PirqRouter;

/* In realize and unrealize; the bridge's bus has its map of pins by then. */
void pirq_router_realize(PirqRouter *r, PciDevice *bridge, unsigned n,
                         unsigned first_gsi);
void pirq_router_unrealize(PirqRouter *r); /* not realized is fine */
/* The registers of inputs A to D and of E to H (NULL: no such) are these now.
 * Config lock held. */
void pirq_router_update(PirqRouter *r, const guint8 *first, const guint8 *more);
