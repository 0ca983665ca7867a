/* devices/net/rtl8139-internal.h - the parts of the Realtek RTL8139: rtl8139.c
 * (life, EEPROM), -io.c (registers), -tx.c and -rx.c (frames, both modes). */
#pragma once

#include "devices/bus/pci.h"
#include "devices/net/eeprom-93c46.h"
#include "devices/net/nic.h"
#include "devices/net/rtl8139-regs.h"
#include "vmm/io/io.h"
#include "vmm/loop/loop.h"
#include "vmm/mem/dma.h"

/* What DTCCR dumps, in its order. */
typedef struct {
    guint64 tx_ok, rx_ok, rx_physical, rx_broadcast;
    guint32 rx_multicast, missed;
} Rtl8139Tally;

typedef struct {
    PciState pci;
    guint8 reg[RTL_BYTES]; /* little-endian, as the guest reads them */
    Eeprom93c46State eeprom;
    Rtl8139Tally tally;
    guint32 tctr;        /* the counter while the machine stands still */
    guint8 tx_next;      /* C mode: 0..3 */
    guint8 ring_next[2]; /* C+ mode, normal and high priority: 0..63 */
    guint8 rx_next;      /* C+ mode: 0..63 */
    guint8 polled;       /* TPPoll bits whose rings are being looked at */
    guint8 link;         /* as the guest was told */
} Rtl8139State;

typedef struct {
    PciDevice pci;
    Rtl8139State s; /* under pci.dev.lock */
    Nic nic;
    GBytes *rom;
    IoRegion *io, *mmio;
    guint16 words[EEPROM_WORDS];
    bool plus;            /* C+: descriptors, offloads */
    Timer *timer;         /* TimerInt */
    Timer *look;          /* for descriptors that nobody tells of */
    gint64 look_ns;       /* RTL_LOOK_NS, doubled while there are none */
    gint64 counter_start; /* ns of the guest's clock at which TCTR was 0 */
} Rtl8139;

#define RTL_LOOK_NS 1000000

#define RTL8139_OF_NIC(n)                                                      \
    ((Rtl8139 *) (void *) ((char *) (n) -G_STRUCT_OFFSET(Rtl8139, nic)))

/* ---- rtl8139.c, for both classes ---- */
extern const PropDesc rtl8139_props[];
extern const StateField rtl8139_fields[];
bool rtl8139_check(const void *state, GError **error);
/* The revision in ids says which chip. */
bool rtl8139_realize_as(Device *dev, DeviceEnv *env, const PciIds *ids,
                        GError **error);
void rtl8139_unrealize(Device *dev);
void rtl8139_reset(Device *dev, ResetKind kind);
void rtl8139_restored(Device *dev);
void rtl8139_quiesce(Device *dev);
void rtl8139_resume(Device *dev);

/* All that follow with the device's lock held. */

static inline guint16
rtl8139_get16(const Rtl8139 *d, unsigned reg)
{
    return pci_get16(d->s.reg, reg);
}

static inline guint32
rtl8139_get32(const Rtl8139 *d, unsigned reg)
{
    return pci_get32(d->s.reg, reg);
}

/* ---- rtl8139.c ---- */
void rtl8139_update_irq(Rtl8139 *d);
void rtl8139_cause(Rtl8139 *d, guint16 bits);
void rtl8139_reset_state(Rtl8139 *d);
void rtl8139_set_link(Rtl8139 *d, bool up);
void rtl8139_arm_timer(Rtl8139 *d);
guint32 rtl8139_counter(Rtl8139 *d);
void rtl8139_dump_tally(Rtl8139 *d);

/* ---- rtl8139-io.c ---- */
extern const IoOps rtl8139_ops;

/* ---- rtl8139-tx.c, rtl8139-rx.c; as in NicModel ---- */
void rtl8139_transmit(Nic *nic);
unsigned rtl8139_room(Nic *nic);
void rtl8139_receive(Nic *nic, guint8 *frame, gsize len, bool valid);
/* C mode: nothing in the receive buffer. */
bool rtl8139_buffer_is_empty(const Rtl8139 *d);
