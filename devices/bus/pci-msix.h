/* devices/bus/pci-msix.h - message interrupts of a PCI function: the MSI-X
 * capability, its table and its pending bits (PCI Local Bus 3.0, section 6.8).
 *
 * A function embeds a PciMsix beside its PciDevice and a PciMsixState in its
 * state struct. The table and the pending bits get a memory BAR of their own.
 * All is guarded by the device's lock, which these functions expect to be held
 * where it says so. */
#pragma once

#include "devices/bus/pci.h"

#define PCI_MSIX_MAX       72u /* vectors; the state has room for these */
#define PCI_MSIX_NO_VECTOR 0xffffu

typedef struct {
    guint32 address_lo, address_hi, data, control; /* 6.8.2.6 to 6.8.2.9 */
} PciMsixEntry;

/* Beside the message control word, which lies in configuration space. */
typedef struct {
    PciMsixEntry table[PCI_MSIX_MAX];
    guint8 pending[PCI_MSIX_MAX / 8]; /* sent while masked */
} PciMsixState;
extern const StateDesc pci_msix_state_desc;

typedef struct {
    PciDevice *pdev;
    PciMsixState *s;
    unsigned n, cap;          /* vectors; offset of the capability, 0: none */
    bool enabled, masked_all; /* as in the message control word */
    Msi **msi;                /* n, made at first use */
    bool *stale; /* the route must be set again before the next message */
    IoRegion *region;
} PciMsix;

/* Set-up: after pci_device_realize(). n: 1..PCI_MSIX_MAX; bar is added. */
void pci_msix_realize(PciMsix *msix, PciDevice *pdev, PciMsixState *state,
                      unsigned n, unsigned bar);
void pci_msix_unrealize(PciMsix *msix); /* after the BARs; twice is fine */
void pci_msix_reset(PciMsix *msix);     /* lock held */
/* After pci_device_restored(); lock held. Messages that were pending go out as
 * soon as they are unmasked. */
void pci_msix_restored(PciMsix *msix);
/* From PciDevice.config_written, with the bus's lock held and the device's
 * not: it is taken inside (the bus's first, never the other way round). */
void pci_msix_config_written(PciMsix *msix, unsigned offset, unsigned size);

/* Whether the guest has turned INTx off in favour of messages. Lock held. */
bool pci_msix_is_enabled(const PciMsix *msix);
/* Sends, or marks pending while masked; nothing for a vector that is not
 * there, or while MSI-X is off. Lock held; never blocks. */
void pci_msix_send(PciMsix *msix, unsigned vector);
/* eventfd whose signal is this message, for the kernel's own device models
 * (vhost); also while masked, when it is kept. -1: no such vector. Owned by
 * msix, valid until pci_msix_unrealize(). Lock held. */
int pci_msix_eventfd(PciMsix *msix, unsigned vector);
