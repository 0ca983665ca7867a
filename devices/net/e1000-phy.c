/* devices/net/e1000-phy.c - the 82540EM's PHY (Marvell 88E1000) and EEPROM,
 * SDM chapters 5 and 8, 13.4.3, 13.4.4 and 13.4.6.
 *
 * The cable is always at 1000 Mb/s, full duplex, and what a guest negotiates is
 * agreed at once. */
#include "devices/net/e1000-internal.h"

/* Numbers of PHY registers, IEEE 802.3 clause 22 and the 88E1000's own */
#define PHY_CONTROL       0u
#define PHY_STATUS        1u
#define PHY_ID1           2u
#define PHY_ID2           3u
#define PHY_ADVERTISE     4u
#define PHY_PARTNER       5u
#define PHY_EXPANSION     6u
#define PHY_1000T_CONTROL 9u
#define PHY_1000T_STATUS  10u
#define PHY_EXT_STATUS    15u
#define PHY_SPEC_CONTROL  16u
#define PHY_SPEC_STATUS   17u
#define PHY_EXT_SPEC      20u
#define PHY_PAGE          29u
#define PHY_PAGE_DATA     30u

#define CONTROL_RESET     0x8000u
#define CONTROL_RESTART   0x0200u
#define CONTROL_INITIAL   0x1140u /* 1000 Mb/s, full duplex, negotiated */
#define STATUS_INITIAL    0x7949u /* all speeds, can negotiate, extended */
#define STATUS_NEGOTIATED 0x0020u
#define STATUS_LINK       0x0004u
#define SPEC_STATUS_UP    0xac00u /* 1000, full duplex, resolved, link */
#define SPEC_STATUS_DOWN  0x8000u
#define PARTNER_UP        0x45e1u /* all of 10 and 100, pause */
#define T1000_STATUS_UP   0x3c00u

#define PHY_ADDRESS       1u

/* Words of the EEPROM, table 5-2 */
#define WORD_INIT1     0x0au
#define WORD_SUBSYSTEM 0x0bu
#define WORD_SUBVENDOR 0x0cu
#define WORD_DEVICE    0x0du
#define WORD_VENDOR    0x0eu
#define WORD_INIT2     0x0fu
#define WORD_CHECKSUM  0x3fu
#define EEPROM_SUM     0xbabau

static const guint16 writable[32] = {
    [PHY_CONTROL] = 0x7fff & ~CONTROL_RESTART,
    [PHY_ADVERTISE] = 0xffff,
    [PHY_1000T_CONTROL] = 0xffff,
    [PHY_SPEC_CONTROL] = 0xffff,
    [18] = 0xffff, /* interrupt enable */
    [PHY_EXT_SPEC] = 0xffff,
    [24] = 0xffff, /* LEDs */
    [PHY_PAGE] = 0xffff,
    [PHY_PAGE_DATA] = 0xffff,
};

void
e1000_phy_set_link(E1000 *d, bool up)
{
    guint16 *phy = d->s.phy;

    phy[PHY_STATUS] =
        (guint16) (STATUS_INITIAL | (up ? STATUS_LINK | STATUS_NEGOTIATED : 0));
    phy[PHY_PARTNER] = up ? PARTNER_UP : 0;
    phy[PHY_EXPANSION] = up ? 1 : 0; /* the partner negotiates */
    phy[PHY_1000T_STATUS] = up ? T1000_STATUS_UP : 0;
    phy[PHY_SPEC_STATUS] = up ? SPEC_STATUS_UP : SPEC_STATUS_DOWN;
}

void
e1000_phy_reset(E1000 *d)
{
    static const guint16 initial[32] = {
        [PHY_CONTROL] = CONTROL_INITIAL,
        [PHY_ID1] = 0x0141,
        [PHY_ID2] = 0x0c20,
        [PHY_ADVERTISE] = 0x0de1,
        [PHY_1000T_CONTROL] = 0x0e00,
        [PHY_EXT_STATUS] = 0x3000,
        [PHY_SPEC_CONTROL] = 0x0360,
        [PHY_EXT_SPEC] = 0x0d60,
    };

    for (unsigned i = 0; i < 32; i++)
        d->s.phy[i] = initial[i];
    e1000_phy_set_link(d, d->s.link != 0);
}

static void
write_phy(E1000 *d, unsigned reg, guint16 value)
{
    guint16 *at = &d->s.phy[reg];

    if (reg == PHY_CONTROL && (value & CONTROL_RESET) != 0) {
        e1000_phy_reset(d);
        return;
    }
    *at = (guint16) ((*at & ~writable[reg]) | (value & writable[reg]));
    /* negotiated before anybody can look */
    if (reg == PHY_CONTROL && (value & CONTROL_RESTART) != 0 && d->s.link)
        e1000_cause(d, INT_LSC);
}

void
e1000_write_mdic(E1000 *d, guint32 value)
{
    unsigned op = value >> 26 & 3, address = value >> 21 & 31;
    unsigned reg = value >> 16 & 31;
    guint32 result = value & ~(MDIC_READY | MDIC_ERROR);

    if (address != PHY_ADDRESS || (op != MDIC_OP_READ && op != MDIC_OP_WRITE))
        result |= MDIC_ERROR;
    else if (op == MDIC_OP_WRITE)
        write_phy(d, reg, (guint16) value);
    else
        result = (result & 0xffff0000u) | d->s.phy[reg];
    d->s.reg[R_MDIC] = result | MDIC_READY;
    if ((value & MDIC_INT) != 0)
        e1000_cause(d, INT_MDAC);
    e1000_update_irq(d);
}

/* ---- EEPROM ---- */

void
e1000_write_eecd(E1000 *d, guint32 value)
{
    d->s.reg[R_EECD] = value & (EECD_SK | EECD_CS | EECD_DI | EECD_REQ);
    eeprom_93c46_lines(&d->s.eeprom, d->words, (value & EECD_CS) != 0,
                       (value & EECD_SK) != 0, (value & EECD_DI) != 0);
}

guint32
e1000_read_eecd(const E1000 *d)
{
    guint32 value = d->s.reg[R_EECD] | EECD_PRES;

    if ((value & EECD_REQ) != 0)
        value |= EECD_GNT;
    return d->s.eeprom.out ? value | EECD_DO : value;
}

void
e1000_write_eerd(E1000 *d, guint32 value)
{
    unsigned word = value >> 8 & 0xff;

    if ((value & EERD_START) == 0)
        d->s.reg[R_EERD] = value & 0xff00u;
    else
        d->s.reg[R_EERD] = (value & 0xff00u) | EERD_DONE |
                           (guint32) (word < EEPROM_WORDS ? d->words[word] : 0)
                               << 16;
}

void
e1000_fill_eeprom(E1000 *d, const PciIds *ids)
{
    guint16 sum = 0;

    for (unsigned i = 0; i < EEPROM_WORDS; i++)
        d->words[i] = 0;
    for (unsigned i = 0; i < NIC_MAC_BYTES; i += 2)
        d->words[i / 2] = (guint16) (d->nic.mac[i] | d->nic.mac[i + 1] << 8);
    d->words[WORD_INIT1] = 0x4408; /* signature, ASDE, load the subsystem */
    d->words[WORD_SUBSYSTEM] = ids->subsystem;
    d->words[WORD_SUBVENDOR] = ids->subsystem_vendor;
    d->words[WORD_DEVICE] = ids->device;
    d->words[WORD_VENDOR] = ids->vendor;
    d->words[WORD_INIT2] = 0x3040;
    for (unsigned i = 0; i < WORD_CHECKSUM; i++)
        sum = (guint16) (sum + d->words[i]);
    d->words[WORD_CHECKSUM] = (guint16) (EEPROM_SUM - sum);
}
