/* devices/net/pcnet-internal.h - the parts of the AMD Am79C973: pcnet.c (life,
 * interrupts), -io.c (registers), -ring.c (frames). */
#pragma once

#include "devices/bus/pci.h"
#include "devices/net/nic.h"
#include "devices/net/pcnet-regs.h"
#include "vmm/io/io.h"
#include "vmm/loop/loop.h"
#include "vmm/mem/dma.h"

typedef struct {
    PciState pci;
    guint16 csr[N_CSR], bcr[N_BCR], phy[32];
    guint16 rap;
    guint32 rx_next, tx_next; /* descriptors; below the rings' lengths */
    guint8 link;              /* as the guest was told */
} PcnetState;

typedef struct {
    PciDevice pci;
    PcnetState s; /* under pci.dev.lock */
    Nic nic;
    GBytes *rom;
    IoRegion *io, *mmio;
    guint8 aprom[PCNET_APROM_BYTES];
    Timer *look; /* for descriptors that nobody tells of */
    gint64 look_ns;
} Pcnet;

#define PCNET_OF_NIC(n)                                                        \
    ((Pcnet *) (void *) ((char *) (n) -G_STRUCT_OFFSET(Pcnet, nic)))

/* All with the device's lock held. */

/* Two registers as one address. */
static inline guint32
pcnet_csr32(const Pcnet *d, unsigned n)
{
    return d->s.csr[n] | (guint32) d->s.csr[n + 1] << 16;
}

/* ---- pcnet.c ---- */
void pcnet_update_irq(Pcnet *d);
void pcnet_soft_reset(Pcnet *d);
void pcnet_set_link(Pcnet *d, bool up);

/* ---- pcnet-io.c ---- */
extern const IoOps pcnet_ops;

/* ---- pcnet-ring.c; three as in NicModel ---- */
void pcnet_transmit(Nic *nic);
unsigned pcnet_room(Nic *nic);
void pcnet_receive(Nic *nic, guint8 *frame, gsize len, bool valid);
/* CSR0.INIT: reads the initialization block. */
void pcnet_read_init_block(Pcnet *d);
/* Length of the ring whose register is csr. */
guint32 pcnet_ring_length(const Pcnet *d, unsigned csr);
