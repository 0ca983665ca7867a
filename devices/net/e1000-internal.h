/* devices/net/e1000-internal.h - the parts of the Intel 82540EM: e1000.c (life,
 * interrupts), -mmio.c (registers), -phy.c (PHY, EEPROM), -tx.c and -rx.c
 * (rings). */
#pragma once

#include "devices/bus/pci.h"
#include "devices/net/e1000-regs.h"
#include "devices/net/eeprom-93c46.h"
#include "devices/net/nic.h"
#include "vmm/io/io.h"
#include "vmm/loop/loop.h"
#include "vmm/mem/dma.h"

/* Registers that are kept as words; the order is that of the saved state, so
 * new ones go to the end. */
typedef enum {
    R_NONE,
    R_CTRL,
    R_EECD,
    R_EERD,
    R_CTRL_EXT,
    R_MDIC,
    R_FCAL,
    R_FCAH,
    R_FCT,
    R_VET,
    R_ICR,
    R_ITR,
    R_IMS,
    R_RCTL,
    R_FCTTV,
    R_TXCW,
    R_TCTL,
    R_TIPG,
    R_AIT,
    R_LEDCTL,
    R_PBA,
    R_FCRTL,
    R_FCRTH,
    R_RDBAL,
    R_RDBAH,
    R_RDLEN,
    R_RDH,
    R_RDT,
    R_RDTR,
    R_RXDCTL,
    R_RADV,
    R_RSRPD,
    R_TXDMAC,
    R_TDBAL,
    R_TDBAH,
    R_TDLEN,
    R_TDH,
    R_TDT,
    R_TIDV,
    R_TXDCTL,
    R_TADV,
    R_TSPMT,
    R_RXCSUM,
    R_WUC,
    R_WUFC,
    R_MANC,
    R_IPAV,
    R_WUPL,
    R_COUNT = 64 /* room for more of the same size of state */
} E1000Reg;

/* A context descriptor, 3.3.6: what checksums and segmentation go by. */
typedef struct {
    guint8 ipcss, ipcso, tucss, tucso, tucmd, hdrlen;
    guint16 ipcse, tucse, mss;
} E1000Context;

typedef struct {
    PciState pci;
    guint32 reg[R_COUNT];
    guint32 stat[N_STATS];
    guint32 mta[128], ra[32], vfta[128];
    guint16 phy[32];
    Eeprom93c46State eeprom;
    E1000Context context[2]; /* checksums; segmentation */
    guint32 io_addr;
    guint8 link; /* as the guest was told */
} E1000State;

typedef struct {
    PciDevice pci;
    E1000State s; /* under pci.dev.lock */
    Nic nic;
    GBytes *rom;
    IoRegion *mmio, *io;
    guint16 words[EEPROM_WORDS]; /* of the EEPROM */
    Timer *throttle;
    gint64 next_interrupt; /* ns of the guest's clock; by ITR */
} E1000;

#define E1000_OF_NIC(n)                                                        \
    ((E1000 *) (void *) ((char *) (n) -G_STRUCT_OFFSET(E1000, nic)))

/* All with the device's lock held. */

/* ---- e1000.c ---- */
void e1000_update_irq(E1000 *d);
/* Causes; the line follows at e1000_update_irq(). */
void e1000_cause(E1000 *d, guint32 bits);
void e1000_reset_state(E1000 *d);
void e1000_count(E1000 *d, unsigned stat, guint64 n);

/* ---- e1000-mmio.c ---- */
extern const IoOps e1000_mmio_ops, e1000_io_ops;

/* ---- e1000-phy.c ---- */
void e1000_phy_reset(E1000 *d);
void e1000_phy_set_link(E1000 *d, bool up);
void e1000_write_mdic(E1000 *d, guint32 value);
void e1000_write_eecd(E1000 *d, guint32 value);
guint32 e1000_read_eecd(const E1000 *d);
void e1000_write_eerd(E1000 *d, guint32 value);
void e1000_fill_eeprom(E1000 *d, const PciIds *ids);

/* ---- e1000-tx.c, e1000-rx.c; as in NicModel ---- */
void e1000_transmit(Nic *nic);
unsigned e1000_room(Nic *nic);
void e1000_receive(Nic *nic, guint8 *frame, gsize len, bool valid);
/* Descriptors of a ring whose length register is bytes. */
static inline guint32
e1000_ring_size(guint32 bytes)
{
    return bytes / E1000_DESC_BYTES;
}
