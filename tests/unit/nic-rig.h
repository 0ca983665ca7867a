/* tests/unit/nic-rig.h - an emulated network card in a machine without a CPU,
 * its registers within reach, and a socket for a cable: what the test writes
 * there arrives at the card, and the other way round. */
#pragma once

#include "devices/bus/pci.h"
#include "tests/unit/fake-vm.h"
#include "vmm/net/net.h"

#define NR_RAM   0x200000u
#define NR_MMIO  0xe0000000u /* the first memory BAR */
#define NR_PORTS 0xc000u     /* the first I/O BAR */
#define NR_HDR   12u         /* before each frame on the socket */

typedef struct {
    FakeVm *vm;
    PciBus *bus; /* NULL: an ISA card */
    Device *dev;
    NetLink *link;
    int host;              /* the other end */
    bool irq;              /* INTA# of the card */
    unsigned n_irqs;       /* how often it rose */
    guint8 header[NR_HDR]; /* of the last frame from the card */
} NicRig;

/* Realized, reset, its BARs mapped, bus master. option may be NULL. */
void nic_rig_init(NicRig *r, const DeviceClass *klass, const char *option,
                  guint64 value);
void nic_rig_free(NicRig *r);
/* Maps the BARs again, after a reset; nothing for an ISA card. */
void nic_rig_map(NicRig *r);
guint32 nr_config(NicRig *r, unsigned offset);
void nr_config_write(NicRig *r, unsigned offset, guint32 value, unsigned size);

/* Lets the loop do its work. */
void nr_run(NicRig *r);
guint32 nr_read(NicRig *r, guint32 reg);
void nr_write(NicRig *r, guint32 reg, guint32 value);
void nr_put32(NicRig *r, guint64 at, guint32 value);
void nr_put64(NicRig *r, guint64 at, guint64 value);
guint32 nr_get32(NicRig *r, guint64 at);

/* A frame to the card's address, 52:54:00:12:34:56, of no protocol. */
void nr_pattern(guint8 *frame, gsize len, guint8 seed);
void nr_host_sends(NicRig *r, const guint8 *frame, gsize len);
void nr_host_sends_pattern(NicRig *r, gsize len, guint8 seed);
/* Length of the next frame without header, 0: none. */
gsize nr_host_gets(NicRig *r, guint8 *frame, gsize cap);
bool nr_host_gets_pattern(NicRig *r, gsize len, guint8 seed);
bool nr_guest_has_pattern(NicRig *r, guint64 at, gsize len, guint8 seed);
/* Saves, makes a new card of it behind the same cable, which goes on. */
void nic_rig_move(NicRig *r);
