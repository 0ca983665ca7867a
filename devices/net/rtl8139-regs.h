/* devices/net/rtl8139-regs.h - registers and descriptors of the Realtek
 * RTL8139C and C+.
 *
 * RTL8139C(L) data sheet 1.4, chapter 5; RTL8139C(L)+ data sheet 1.6, chapters 5
 * and 9; names are theirs. */
#pragma once

#define RTL_BYTES    0x100u
#define RTL_IDR0     0x00u
#define RTL_MAR0     0x08u
#define RTL_TSD0     0x10u /* four, C mode */
#define RTL_DTCCR    0x10u /* C+ mode */
#define RTL_TSAD0    0x20u /* four, C mode */
#define RTL_TNPDS    0x20u /* C+ mode: ring of normal priority */
#define RTL_THPDS    0x28u /* and of high */
#define RTL_RBSTART  0x30u
#define RTL_CR       0x37u
#define RTL_CAPR     0x38u
#define RTL_CBR      0x3au
#define RTL_IMR      0x3cu
#define RTL_ISR      0x3eu
#define RTL_TCR      0x40u
#define RTL_RCR      0x44u
#define RTL_TCTR     0x48u
#define RTL_MPC      0x4cu
#define RTL_9346CR   0x50u
#define RTL_CONFIG0  0x51u
#define RTL_CONFIG1  0x52u
#define RTL_TIMERINT 0x54u
#define RTL_MSR      0x58u
#define RTL_CONFIG3  0x59u
#define RTL_CONFIG4  0x5au
#define RTL_RERID    0x5eu
#define RTL_TSAD     0x60u
#define RTL_BMCR     0x62u
#define RTL_BMSR     0x64u
#define RTL_ANAR     0x66u
#define RTL_ANLPAR   0x68u
#define RTL_ANER     0x6au
#define RTL_CSCR     0x74u
#define CSCR_LINK_CHANGED                                                      \
    0x0800u /* ISR_PUN is of the cable, not of receiving */
#define RTL_CONFIG5 0xd8u
#define RTL_TPPOLL  0xd9u
#define RTL_CPCR    0xe0u
#define RTL_RDSAR   0xe4u

/* Of PCI: how drivers tell the chips */
#define RTL_REVISION      0x10u
#define RTL_REVISION_PLUS 0x20u

#define RTL_N_TX          4u

/* CR */
#define CR_BUFE 0x01u
#define CR_TE   0x04u
#define CR_RE   0x08u
#define CR_RST  0x10u

/* TSDn */
#define TSD_SIZE 0x1fffu
#define TSD_OWN  0x2000u
#define TSD_TOK  0x8000u
#define TSD_MAX  1792u /* bytes of a frame */

/* ISR and IMR */
#define ISR_ROK     0x0001u
#define ISR_TOK     0x0004u
#define ISR_RXOVW   0x0010u
#define ISR_PUN     0x0020u /* and the link changed */
#define ISR_SWINT   0x0100u
#define ISR_TIMEOUT 0x4000u
#define ISR_ALL     0xe1ffu

/* TCR */
#define TCR_LBK      0x00060000u
#define TCR_WRITABLE 0x030f07f0u
#define TCR_C        0x74000000u /* which chip it is */
#define TCR_C_PLUS   0x74800000u

/* RCR */
#define RCR_AAP      0x01u
#define RCR_APM      0x02u
#define RCR_AM       0x04u
#define RCR_AB       0x08u
#define RCR_WRAP     0x80u
#define RCR_RBLEN(v) ((v) >> 11 & 3u)

/* 9346CR */
#define EE_DO      0x01u
#define EE_DI      0x02u
#define EE_SK      0x04u
#define EE_CS      0x08u
#define EE_MODE    0xc0u
#define EE_UNLOCK  0xc0u /* configuration may be written */
#define EE_PROGRAM 0x80u

/* MSR */
#define MSR_LINKB 0x04u /* 1: no link */

/* BMCR, BMSR */
#define BMCR_RESET   0x8000u
#define BMCR_RESTART 0x0200u
#define BMSR_UP      0x0024u /* negotiated, link */

/* CPCR */
#define CPCR_TXEN   0x0001u
#define CPCR_RXEN   0x0002u
#define CPCR_RXCSUM 0x0020u
#define CPCR_RXVLAN 0x0040u

/* TPPoll */
#define TPPOLL_NPQ 0x40u
#define TPPOLL_HPQ 0x80u

/* In front of a frame in the receive buffer, and in descriptors */
#define RX_ROK 0x0001u
#define RX_BAR 0x2000u
#define RX_PAM 0x4000u
#define RX_MAR 0x8000u

/* Descriptors of C+ mode */
#define DESC_BYTES 16u
#define DESC_N     64u
#define DESC_OWN   0x80000000u
#define DESC_EOR   0x40000000u
#define DESC_FS    0x20000000u
#define DESC_LS    0x10000000u
#define TXD_LGSEN  0x08000000u
#define TXD_IPCS   0x00040000u
#define TXD_UDPCS  0x00020000u
#define TXD_TCPCS  0x00010000u
#define TXD_MSS(v) ((v) >> 16 & 0x7ffu)
#define TXD_SIZE   0x0000ffffu
#define TXD_TAGC   0x00020000u /* second word */
#define RXD_MAR    0x08000000u
#define RXD_PAM    0x04000000u
#define RXD_BAR    0x02000000u
#define RXD_TCP    0x00020000u /* PID */
#define RXD_UDP    0x00040000u
#define RXD_SIZE   0x00001fffu
#define RXD_TAVA   0x00010000u /* second word */
