/* devices/net/e1000-regs.h - registers and descriptors of the Intel 82540EM.
 *
 * PCI/PCI-X Family of Gigabit Ethernet Controllers, Software Developer's Manual
 * (317453), chapters 3, 5, 8 and 13; names are its. */
#pragma once

/* Chapter 13: offsets in the memory BAR */
#define E1000_CTRL       0x0000u
#define E1000_STATUS     0x0008u
#define E1000_EECD       0x0010u
#define E1000_EERD       0x0014u
#define E1000_MDIC       0x0020u
#define E1000_VET        0x0038u
#define E1000_ICR        0x00c0u
#define E1000_ITR        0x00c4u
#define E1000_ICS        0x00c8u
#define E1000_IMS        0x00d0u
#define E1000_IMC        0x00d8u
#define E1000_RCTL       0x0100u
#define E1000_TCTL       0x0400u
#define E1000_RDBAL      0x2800u
#define E1000_RDBAH      0x2804u
#define E1000_RDLEN      0x2808u
#define E1000_RDH        0x2810u
#define E1000_RDT        0x2818u
#define E1000_TDBAL      0x3800u
#define E1000_TDBAH      0x3804u
#define E1000_TDLEN      0x3808u
#define E1000_TDH        0x3810u
#define E1000_TDT        0x3818u
#define E1000_STATS      0x4000u /* 64 counters, section 13.7 */
#define E1000_RXCSUM     0x5000u
#define E1000_MTA        0x5200u
#define E1000_RA         0x5400u
#define E1000_VFTA       0x5600u
#define E1000_END        0x6000u /* nothing but buffers behind it */

#define E1000_MMIO_BYTES 0x20000u
/* The I/O BAR, section 13.2.2: an address, and what is there */
#define E1000_IO_BYTES 8u
#define E1000_IOADDR   0u
#define E1000_IODATA   4u

/* 13.4.1 */
#define CTRL_VME     0x40000000u
#define CTRL_PHY_RST 0x80000000u
#define CTRL_RST     0x04000000u
#define CTRL_RESET   0x00000a01u /* full duplex, 1000 Mb/s */
/* 13.4.2 */
#define STATUS_FD   0x00000001u
#define STATUS_LU   0x00000002u
#define STATUS_1000 0x00000080u
#define STATUS_ASDV 0x00000200u
/* 13.4.3 */
#define EECD_SK   0x001u
#define EECD_CS   0x002u
#define EECD_DI   0x004u
#define EECD_DO   0x008u
#define EECD_REQ  0x040u
#define EECD_GNT  0x080u
#define EECD_PRES 0x100u
/* 13.4.4 */
#define EERD_START 0x01u
#define EERD_DONE  0x10u
/* 13.4.6 */
#define MDIC_OP_WRITE 1u
#define MDIC_OP_READ  2u
#define MDIC_READY    0x10000000u
#define MDIC_INT      0x20000000u
#define MDIC_ERROR    0x40000000u
/* 13.4.17 */
#define INT_TXDW    0x00000001u
#define INT_TXQE    0x00000002u
#define INT_LSC     0x00000004u
#define INT_RXDMT0  0x00000010u
#define INT_RXO     0x00000040u
#define INT_RXT0    0x00000080u
#define INT_MDAC    0x00000200u
#define INT_ALL     0x0001fbffu
#define ITR_UNIT_NS 256
/* 13.4.22 */
#define RCTL_EN       0x00000002u
#define RCTL_UPE      0x00000008u
#define RCTL_MPE      0x00000010u
#define RCTL_LPE      0x00000020u
#define RCTL_LBM      0x000000c0u
#define RCTL_BAM      0x00008000u
#define RCTL_VFE      0x00040000u
#define RCTL_BSEX     0x02000000u
#define RCTL_SECRC    0x04000000u
#define RCTL_RDMTS(v) ((v) >> 8 & 3u)
#define RCTL_MO(v)    ((v) >> 12 & 3u)
#define RCTL_BSIZE(v) ((v) >> 16 & 3u)
/* 13.4.33 */
#define TCTL_EN 0x00000002u
/* 13.5.15 */
#define RAH_AV 0x80000000u

/* Receive descriptors, 3.2.3 */
#define RXD_STAT_DD    0x01u
#define RXD_STAT_EOP   0x02u
#define RXD_STAT_IXSM  0x04u
#define RXD_STAT_VP    0x08u
#define RXD_STAT_TCPCS 0x20u
#define RXD_STAT_IPCS  0x40u

/* Transmit descriptors, 3.3 */
#define TXD_CMD_EOP      0x01u
#define TXD_CMD_IC       0x04u /* legacy: insert checksum */
#define TXD_CMD_TSE      0x04u /* data and context: segmentation */
#define TXD_CMD_RS       0x08u
#define TXD_CMD_DEXT     0x20u
#define TXD_CMD_VLE      0x40u
#define TXD_STAT_DD      0x01u
#define TXD_POPTS_IXSM   0x01u
#define TXD_POPTS_TXSM   0x02u
#define TXD_TUCMD_TCP    0x01u
#define TXD_TUCMD_IPV4   0x02u
#define E1000_DESC_BYTES 16u

/* Numbers of the counters of section 13.7: (offset - 0x4000) / 4 */
enum {
    STAT_MPC = 4,
    STAT_GPRC = 29,
    STAT_BPRC = 30,
    STAT_MPRC = 31,
    STAT_GPTC = 32,
    STAT_GORCL = 34,
    STAT_GORCH = 35,
    STAT_GOTCL = 36,
    STAT_GOTCH = 37,
    STAT_ROC = 43,
    STAT_TORL = 48,
    STAT_TORH = 49,
    STAT_TOTL = 50,
    STAT_TOTH = 51,
    STAT_TPR = 52,
    STAT_TPT = 53,
    STAT_MPTC = 60,
    STAT_BPTC = 61,
    STAT_TSCTC = 62,
    N_STATS = 64
};
