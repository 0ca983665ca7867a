/* devices/net/dp8390.h - National's DP8390D network controller with the 16 KiB
 * of memory, the address PROM and the data port of an NE2000, for the cards
 * that are built of it (ne2000.c, rtl8029.c).
 *
 * DP8390D/NS32490D data sheet; what an NE2000 has around the chip is told by its
 * drivers. Frames lie in the card's own memory, and the guest fetches them by
 * the data port (remote DMA). No card of the kind shows whether it has a cable. */
#pragma once

#include "devices/net/nic.h"
#include "vmm/io/io.h"

#define DP8390_PORTS     32u
#define DP8390_MEM_START 0x4000u
#define DP8390_MEM_BYTES 0x4000u
#define DP8390_PROM      32u

/* Page 0 */
#define DP_CR     0x0u
#define DP_PSTART 0x1u
#define DP_PSTOP  0x2u
#define DP_BNRY   0x3u
#define DP_TPSR   0x4u /* written; read: TSR */
#define DP_TBCR0  0x5u
#define DP_TBCR1  0x6u
#define DP_ISR    0x7u
#define DP_RSAR0  0x8u
#define DP_RSAR1  0x9u
#define DP_RBCR0  0xau
#define DP_RBCR1  0xbu
#define DP_RCR    0xcu /* written; read: RSR */
#define DP_TCR    0xdu
#define DP_DCR    0xeu
#define DP_IMR    0xfu
/* Page 1 */
#define DP_PAR0 0x1u
#define DP_CURR 0x7u
#define DP_MAR0 0x8u
/* Around the chip */
#define DP_DATA    0x10u
#define DP_RESET   0x18u

#define CR_STP     0x01u
#define CR_STA     0x02u
#define CR_TXP     0x04u
#define CR_RD(v)   ((v) >> 3 & 7u) /* 1 read, 2 write, 3 send, 4.. none */
#define CR_PAGE(v) ((v) >> 6)
#define DP_ISR_PRX 0x01u
#define DP_ISR_PTX 0x02u
#define DP_ISR_OVW 0x10u
#define DP_ISR_RDC 0x40u
#define DP_ISR_RST 0x80u
#define DP_RCR_AB  0x04u
#define DP_RCR_AM  0x08u
#define DP_RCR_PRO 0x10u
#define DP_RCR_MON 0x20u
#define DP_TCR_LB  0x06u
#define DP_DCR_WTS 0x01u
#define DP_RSR_PRX 0x01u
#define DP_RSR_PHY 0x20u
#define DP_TSR_PTX 0x01u

typedef struct {
    guint8 mem[DP8390_MEM_BYTES];
    guint8 cr, pstart, pstop, bnry, tpsr, tsr, isr, rcr, rsr, tcr, dcr, imr;
    guint8 curr, par[6], mar[8];
    guint16 tbcr, rsar, rbcr;
} Dp8390State;
extern const StateDesc dp8390_state_desc;

typedef struct Dp8390 {
    Nic nic;
    Dp8390State *s; /* inside the card's state */
    guint8 prom[DP8390_PROM];
    bool is_8029;
    void (*set_irq)(struct Dp8390 *c, bool level); /* the card's lock held */
} Dp8390;

extern const IoOps dp8390_ops; /* of a region of DP8390_PORTS; dev: Dp8390 */

/* As nic_realize(); s and set_irq are set before. Loop. */
bool dp8390_realize(Dp8390 *c, Device *dev, GError **error);
/* Lock held. */
void dp8390_reset(Dp8390 *c);
void dp8390_update_irq(Dp8390 *c);
