/* devices/net/pcnet-regs.h - registers and descriptors of the AMD Am79C973
 * (PCnet-FAST III).
 *
 * Am79C973/Am79C975 data sheet (21510), sections "User Accessible Registers" and
 * "Initialization Block"; names are its. */
#pragma once

#define PCNET_IO_BYTES    32u
#define PCNET_APROM_BYTES 16u

/* Offsets behind the address PROM; as words, and as double words (DWIO) */
#define PCNET_RDP_W   0x10u
#define PCNET_RAP_W   0x12u
#define PCNET_RESET_W 0x14u
#define PCNET_BDP_W   0x16u
#define PCNET_RDP_D   0x10u
#define PCNET_RAP_D   0x14u
#define PCNET_RESET_D 0x18u
#define PCNET_BDP_D   0x1cu

/* CSR0 */
#define CSR0_INIT  0x0001u
#define CSR0_STRT  0x0002u
#define CSR0_STOP  0x0004u
#define CSR0_TDMD  0x0008u
#define CSR0_TXON  0x0010u
#define CSR0_RXON  0x0020u
#define CSR0_IENA  0x0040u
#define CSR0_INTR  0x0080u
#define CSR0_IDON  0x0100u
#define CSR0_TINT  0x0200u
#define CSR0_RINT  0x0400u
#define CSR0_MERR  0x0800u
#define CSR0_MISS  0x1000u
#define CSR0_CERR  0x2000u
#define CSR0_BABL  0x4000u
#define CSR0_ERR   0x8000u
#define CSR0_CLEAR 0x7f00u /* by writing ones */
/* Those that interrupt, where CSR3 does not mask them */
#define CSR0_CAUSES 0x5f00u
/* CSR4: pairs of a cause and, one bit below, its mask */
#define CSR4_CAUSES  0x022au
#define CSR4_UINTCMD 0x0080u
#define CSR4_UINT    0x0040u
/* CSR5 */
#define CSR5_SPND    0x0001u
#define CSR5_SINT    0x0800u
#define CSR5_LTINTEN 0x4000u
#define CSR5_TOKINTD 0x8000u
/* CSR15, MODE of the initialization block */
#define MODE_DRX    0x0001u
#define MODE_DTX    0x0002u
#define MODE_LOOP   0x0004u
#define MODE_DRCVPA 0x2000u
#define MODE_DRCVBC 0x4000u
#define MODE_PROM   0x8000u

/* Numbers of CSRs */
enum {
    CSR_IADR = 1,
    CSR_MASK = 3,
    CSR_TEST = 4,
    CSR_EXT = 5,
    CSR_LADRF = 8,
    CSR_PADR = 12,
    CSR_MODE = 15,
    CSR_RX_BASE = 24,
    CSR_TX_BASE = 30,
    CSR_SWSTYLE = 58,
    CSR_RCVRL = 76,
    CSR_XMTRL = 78,
    CSR_CHIP_LOW = 88,
    CSR_CHIP_HIGH = 89,
    CSR_MISSED = 112,
    N_CSR = 128
};
#define CHIP_LOW  0x5003u /* part 2625, AMD */
#define CHIP_HIGH 0x0262u

/* Numbers of BCRs */
enum {
    BCR_MISC = 2,
    BCR_LED0 = 4,
    BCR_BUS = 18,
    BCR_EEPROM = 19,
    BCR_SWSTYLE = 20,
    BCR_MII = 32,
    BCR_MII_ADDR = 33,
    BCR_MII_DATA = 34,
    N_BCR = 64
};
#define BCR18_DWIO   0x0080u
#define BCR4_LEDOUT  0x8000u
#define SWSTYLE_MASK 0x00ffu
#define SSIZE32      0x0100u

/* Descriptors, flags as in the upper half of the 32-bit formats */
#define MD_OWN   0x8000u
#define MD_ERR   0x4000u
#define MD_LTINT 0x1000u
#define MD_BUFF  0x0400u
#define MD_STP   0x0200u
#define MD_ENP   0x0100u
#define MD_PAM   0x0040u
#define MD_LAFM  0x0020u
#define MD_BAM   0x0010u
