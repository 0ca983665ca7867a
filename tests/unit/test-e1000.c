/* tests/unit/test-e1000.c - the Intel 82540EM, register by register and frame
 * by frame. */
#include <string.h>

#include "devices/net/e1000-internal.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/nic-rig.h"

extern const DeviceClass e1000_class;

#define TX_RING 0x1000u
#define RX_RING 0x2000u
#define N_DESCS 16u
#define TX_DATA 0x10000u
#define RX_DATA 0x80000u
#define RX_STEP 0x4000u

static void
begin(NicRig *r)
{
    nic_rig_init(r, &e1000_class, NULL, 0);
}

static void
start(NicRig *r, guint32 rctl)
{
    nr_write(r, E1000_TDBAL, TX_RING);
    nr_write(r, E1000_TDLEN, N_DESCS * 16);
    nr_write(r, E1000_TCTL, TCTL_EN);
    nr_write(r, E1000_RDBAL, RX_RING);
    nr_write(r, E1000_RDLEN, N_DESCS * 16);
    for (unsigned i = 0; i < N_DESCS; i++)
        nr_put64(r, RX_RING + 16 * i, RX_DATA + RX_STEP * i);
    nr_write(r, E1000_RDT, N_DESCS - 1);
    nr_write(r, E1000_RCTL, RCTL_EN | RCTL_SECRC | rctl);
}

static void
put_tx(NicRig *r, unsigned i, guint64 addr, guint32 lower, guint32 upper)
{
    nr_put64(r, TX_RING + 16 * i, addr);
    nr_put32(r, TX_RING + 16 * i + 8, lower);
    nr_put32(r, TX_RING + 16 * i + 12, upper);
}

static guint32
cmd(unsigned bits)
{
    return (guint32) bits << 24;
}

static guint8
rx_status(NicRig *r, unsigned i)
{
    return fake_ram(r->vm)[RX_RING + 16 * i + 12];
}

static guint16
rx_len(NicRig *r, unsigned i)
{
    return (guint16) nr_get32(r, RX_RING + 16 * i + 8);
}

/* ---- registers ---- */

static void
test_identity(void)
{
    NicRig r;

    begin(&r);
    CU_ASSERT_EQUAL(nr_config(&r, PCI_VENDOR_ID), 0x100e8086);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RA), 0x12005452);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RA + 4), 0x80005634);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_STATUS) & STATUS_LU, STATUS_LU);
    nic_rig_free(&r);
}

static guint16
eerd(NicRig *r, unsigned word)
{
    nr_write(r, E1000_EERD, word << 8 | EERD_START);
    guint32 value = nr_read(r, E1000_EERD);
    CU_ASSERT_EQUAL(value & EERD_DONE, EERD_DONE);
    return (guint16) (value >> 16);
}

static void
test_eeprom_sums_up(void)
{
    NicRig r;
    guint16 sum = 0;

    begin(&r);
    CU_ASSERT_EQUAL(eerd(&r, 0), 0x5452);
    CU_ASSERT_EQUAL(eerd(&r, 2), 0x5634);
    for (unsigned i = 0; i < 64; i++)
        sum = (guint16) (sum + eerd(&r, i));
    CU_ASSERT_EQUAL(sum, 0xbaba);
    CU_ASSERT_EQUAL(eerd(&r, 64), 0); /* it has no such word */
    nic_rig_free(&r);
}

static void
clock_bit(NicRig *r, bool bit)
{
    guint32 lines = EECD_CS | EECD_REQ | (bit ? EECD_DI : 0);

    nr_write(r, E1000_EECD, lines);
    nr_write(r, E1000_EECD, lines | EECD_SK);
    nr_write(r, E1000_EECD, lines);
}

static void
test_eeprom_by_lines(void)
{
    NicRig r;
    guint16 value = 0;
    const guint16 read_word_1 = 0x181; /* start, 10, six bits of address */

    begin(&r);
    nr_write(&r, E1000_EECD, EECD_REQ);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_EECD) & EECD_GNT, EECD_GNT);
    for (unsigned i = 9; i-- > 0;)
        clock_bit(&r, read_word_1 >> i & 1);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_EECD) & EECD_DO, 0); /* dummy */
    for (unsigned i = 0; i < 16; i++) {
        clock_bit(&r, false);
        value =
            (guint16) (value << 1 | ((nr_read(&r, E1000_EECD) & EECD_DO) != 0));
    }
    CU_ASSERT_EQUAL(value, 0x1200);
    nr_write(&r, E1000_EECD, 0);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_EECD) & EECD_GNT, 0);
    nic_rig_free(&r);
}

static guint16
phy_read(NicRig *r, unsigned reg)
{
    nr_write(r, E1000_MDIC, MDIC_OP_READ << 26 | 1u << 21 | reg << 16);
    CU_ASSERT_EQUAL(nr_read(r, E1000_MDIC) & MDIC_READY, MDIC_READY);
    return (guint16) nr_read(r, E1000_MDIC);
}

static void
test_phy(void)
{
    NicRig r;

    begin(&r);
    CU_ASSERT_EQUAL(phy_read(&r, 2), 0x0141);
    CU_ASSERT_EQUAL(phy_read(&r, 3), 0x0c20);
    CU_ASSERT_EQUAL(phy_read(&r, 1) & 0x24, 0x24); /* negotiated, link */
    nr_write(&r, E1000_MDIC, MDIC_OP_WRITE << 26 | 1u << 21 | 4u << 16 | 0x61);
    CU_ASSERT_EQUAL(phy_read(&r, 4), 0x61);
    nr_write(&r, E1000_MDIC, MDIC_OP_WRITE << 26 | 1u << 21 | 2u << 16 | 0x61);
    CU_ASSERT_EQUAL(phy_read(&r, 2), 0x0141); /* read-only */
    nr_write(&r, E1000_MDIC, MDIC_OP_READ << 26 | 2u << 21);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_MDIC) & MDIC_ERROR, MDIC_ERROR);
    nic_rig_free(&r);
}

static void
test_causes(void)
{
    NicRig r;

    begin(&r);
    nr_write(&r, E1000_ICS, INT_RXT0 | INT_TXDW);
    CU_ASSERT_FALSE(r.irq);
    nr_write(&r, E1000_IMS, INT_RXT0);
    CU_ASSERT_TRUE(r.irq);
    nr_write(&r, E1000_IMC, INT_RXT0);
    CU_ASSERT_FALSE(r.irq);
    nr_write(&r, E1000_IMS, INT_RXT0);
    nr_write(&r, E1000_ICR, INT_RXT0);
    CU_ASSERT_FALSE(r.irq);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_ICR), INT_TXDW);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_ICR), 0); /* reading takes them */
    nic_rig_free(&r);
}

static void
test_throttling(void)
{
    NicRig r;

    begin(&r);
    nr_write(&r, E1000_ITR, 4000); /* 1.024 ms */
    nr_write(&r, E1000_IMS, INT_RXT0);
    nr_write(&r, E1000_ICS, INT_RXT0);
    CU_ASSERT_TRUE(r.irq);
    (void) nr_read(&r, E1000_ICR);
    nr_write(&r, E1000_ICS, INT_RXT0);
    CU_ASSERT_FALSE(r.irq);
    fake_advance(r.vm, 1000000);
    CU_ASSERT_FALSE(r.irq);
    fake_advance(r.vm, 24000);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(r.n_irqs, 2);
    nic_rig_free(&r);
}

static void
test_throttled_interrupt_survives_a_move(void)
{
    NicRig r;

    begin(&r);
    nr_write(&r, E1000_ITR, 4000);
    nr_write(&r, E1000_IMS, INT_RXT0);
    nr_write(&r, E1000_ICS, INT_RXT0);
    (void) nr_read(&r, E1000_ICR);
    nr_write(&r, E1000_ICS, INT_RXT0);
    CU_ASSERT_FALSE(r.irq);
    nic_rig_move(&r);
    CU_ASSERT_TRUE(r.irq);
    nic_rig_free(&r);
}

static void
test_io_window(void)
{
    NicRig r;

    begin(&r);
    fake_out32(r.vm, NR_PORTS, E1000_RA);
    CU_ASSERT_EQUAL(fake_in32(r.vm, NR_PORTS), E1000_RA);
    CU_ASSERT_EQUAL(fake_in32(r.vm, NR_PORTS + 4), 0x12005452);
    fake_out32(r.vm, NR_PORTS, E1000_ITR);
    fake_out32(r.vm, NR_PORTS + 4, 77);
    fake_out32(r.vm, NR_PORTS, E1000_CTRL);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_ITR), 77);
    fake_out32(r.vm, NR_PORTS + 4, CTRL_RST); /* as Linux resets it */
    CU_ASSERT_EQUAL(nr_read(&r, E1000_ITR), 0);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_CTRL) & CTRL_RST, 0);
    nic_rig_free(&r);
}

static void
test_reserved_bits(void)
{
    NicRig r;

    begin(&r);
    nr_write(&r, E1000_TDBAL, 0x1234567f);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDBAL), 0x12345670);
    nr_write(&r, E1000_TDLEN, 0xffffffff);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDLEN), 0xfff80);
    nr_write(&r, 0x1ff00, 0xffffffff); /* behind all registers */
    CU_ASSERT_EQUAL(nr_read(&r, 0x1ff00), 0);
    nic_rig_free(&r);
}

static void
test_link(void)
{
    NicRig r;

    begin(&r);
    nr_write(&r, E1000_IMS, INT_LSC);
    net_set_plugged(r.link, false);
    nr_run(&r);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_STATUS) & STATUS_LU, 0);
    CU_ASSERT_EQUAL(phy_read(&r, 1) & 0x4, 0);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_ICR), INT_LSC);
    net_set_plugged(r.link, true);
    nr_run(&r);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_STATUS) & STATUS_LU, STATUS_LU);
    nic_rig_free(&r);
}

static void
test_cable_pulled_during_a_move(void)
{
    NicRig r;

    begin(&r);
    nr_write(&r, E1000_IMS, INT_LSC);
    device_quiesce(r.dev);
    net_set_plugged(r.link, false);
    device_resume(r.dev);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_STATUS) & STATUS_LU, 0);
    nic_rig_free(&r);
}

/* ---- sending ---- */

static void
test_sends_a_frame_in_pieces(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    nr_write(&r, E1000_IMS, INT_TXDW);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 300, 1);
    put_tx(&r, 0, TX_DATA, 100 | cmd(0), 0);
    nr_write(&r, E1000_TDT, 1);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDH), 0); /* its end is not there */
    put_tx(&r, 1, TX_DATA + 100, 200 | cmd(TXD_CMD_EOP | TXD_CMD_RS), 0);
    nr_write(&r, E1000_TDT, 2);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 300, 1));
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDH), 2);
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 12), 0); /* no RS */
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 28), TXD_STAT_DD);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_STATS + 4 * STAT_GPTC), 1);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_STATS + 4 * STAT_GPTC), 0);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_STATS + 4 * STAT_TOTL), 304);
    nic_rig_free(&r);
}

static void
test_short_frames_are_padded(void)
{
    NicRig r;
    guint8 got[100];

    begin(&r);
    start(&r, 0);
    memset(fake_ram(r.vm) + TX_DATA, 0xaa, 100);
    put_tx(&r, 0, TX_DATA, 42 | cmd(TXD_CMD_EOP), 0);
    nr_write(&r, E1000_TDT, 1);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 60);
    CU_ASSERT_EQUAL(got[41], 0xaa);
    CU_ASSERT_EQUAL(got[42], 0);
    CU_ASSERT_EQUAL(got[59], 0);
    nic_rig_free(&r);
}

/* An IPv4 packet with a TCP header and payload behind 14 bytes of Ethernet. */
static gsize
tcp_frame(guint8 *f, gsize payload)
{
    static const guint8 ip[] = {0x45, 0, 0,  0, 0, 1,  0,  0, 64, 6,
                                0,    0, 10, 0, 2, 15, 10, 0, 2,  2};

    nr_pattern(f, 14 + 20 + 20 + payload, 9);
    memcpy(f + 12, (const guint8[]){8, 0}, 2);
    memcpy(f + 14, ip, sizeof ip);
    memset(f + 34, 0, 20);
    f[34 + 12] = 0x50; /* five words */
    f[34 + 13] = 0x10; /* ACK */
    return 54 + payload;
}

static guint16
fold(guint32 sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (guint16) sum;
}

static guint32
sum_of(const guint8 *p, gsize len)
{
    guint32 sum = 0;

    for (gsize i = 0; i < len; i++)
        sum += i % 2 ? p[i] : (guint32) p[i] << 8;
    return sum;
}

/* Over the pseudo-header and the TCP segment: 0xffff when it is right. */
static guint16
tcp_sum(const guint8 *f, gsize len)
{
    return fold(sum_of(f + 26, 8) + 6 + (guint32) (len - 34) +
                sum_of(f + 34, len - 34));
}

static void
put_context(NicRig *r, unsigned i, unsigned tucmd, unsigned mss,
            unsigned payload)
{
    guint64 offsets = 14u | 24u << 8 | 33u << 16 |
                      G_GUINT64_CONSTANT(34) << 32 |
                      G_GUINT64_CONSTANT(50) << 40;

    put_tx(r, i, offsets, payload | cmd(tucmd | TXD_CMD_DEXT),
           54u << 8 | mss << 16);
}

static void
test_inserts_checksums(void)
{
    NicRig r;
    guint8 got[2048];

    begin(&r);
    start(&r, 0);
    gsize len = tcp_frame(fake_ram(r.vm) + TX_DATA, 100);
    guint8 *f = fake_ram(r.vm) + TX_DATA;
    f[16] = 0;
    f[17] = 140;
    guint16 seed = fold(sum_of(f + 26, 8) + 6 + 120); /* as drivers leave it */
    f[50] = (guint8) (seed >> 8);
    f[51] = (guint8) seed;
    put_context(&r, 0, TXD_TUCMD_TCP | TXD_TUCMD_IPV4, 0, 0);
    put_tx(&r, 1, TX_DATA,
           (guint32) len | 1u << 20 | cmd(TXD_CMD_DEXT | TXD_CMD_EOP),
           (TXD_POPTS_IXSM | TXD_POPTS_TXSM) << 8);
    nr_write(&r, E1000_TDT, 2);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), len);
    CU_ASSERT_EQUAL(fold(sum_of(got + 14, 20)), 0xffff);
    /* the cable takes checksums that are to be filled; else they are filled */
    if ((r.header[0] & 1) == 0)
        CU_ASSERT_EQUAL(tcp_sum(got, len), 0xffff);
    CU_ASSERT_EQUAL(r.header[0] & 1 ? r.header[6] : 34, 34);
    nic_rig_free(&r);
}

static void
test_legacy_checksum(void)
{
    NicRig r;
    guint8 got[2048];

    begin(&r);
    start(&r, 0);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 100, 3);
    memset(fake_ram(r.vm) + TX_DATA + 30, 0, 2);
    put_tx(&r, 0, TX_DATA, 100 | 30u << 16 | cmd(TXD_CMD_EOP | TXD_CMD_IC),
           20u << 8);
    nr_write(&r, E1000_TDT, 1);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 100);
    CU_ASSERT_EQUAL(fold(sum_of(got + 20, 80)), 0xffff);
    nic_rig_free(&r);
}

static void
test_segmentation(void)
{
    NicRig r;
    static guint8 got[65536];

    begin(&r);
    start(&r, 0);
    gsize len = tcp_frame(fake_ram(r.vm) + TX_DATA, 4000);
    put_context(&r, 0, TXD_TUCMD_TCP | TXD_TUCMD_IPV4 | TXD_CMD_TSE, 1460,
                4000);
    put_tx(&r, 1, TX_DATA,
           (guint32) len | 1u << 20 |
               cmd(TXD_CMD_DEXT | TXD_CMD_EOP | TXD_CMD_TSE | TXD_CMD_RS),
           (TXD_POPTS_IXSM | TXD_POPTS_TXSM) << 8);
    nr_write(&r, E1000_TDT, 2);
    /* the other end of a socket cuts it itself */
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), len);
    CU_ASSERT_EQUAL(r.header[1], 1); /* TCPv4 */
    CU_ASSERT_EQUAL(r.header[4] | r.header[5] << 8, 1460);
    CU_ASSERT_EQUAL(got[16] << 8 | got[17], 4040);       /* length */
    CU_ASSERT_EQUAL(fold(sum_of(got + 14, 20)), 0xffff); /* IP's sum */
    CU_ASSERT_EQUAL(got[50] << 8 | got[51],
                    fold(sum_of(got + 26, 8) + 6 + 4020)); /* its seed */
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 28) & 1, TXD_STAT_DD);
    nic_rig_free(&r);
}

/* NI02: contexts of which no segments can be made. */
static void
test_bad_segmentation_is_dropped(void)
{
    static const struct {
        guint16 mss;
        guint8 hdrlen;
    } bad[] = {{0, 54}, {1460, 0}, {1460, 255}, {1460, 33}};
    NicRig r;
    guint8 got[4096];

    begin(&r);
    start(&r, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        gsize len = tcp_frame(fake_ram(r.vm) + TX_DATA, 150);
        put_context(&r, 2 * i, TXD_TUCMD_TCP | TXD_TUCMD_IPV4 | TXD_CMD_TSE,
                    bad[i].mss, 150);
        nr_put32(&r, TX_RING + 32 * i + 12,
                 (guint32) bad[i].hdrlen << 8 | (guint32) bad[i].mss << 16);
        put_tx(&r, 2 * i + 1, TX_DATA,
               (guint32) len | 1u << 20 |
                   cmd(TXD_CMD_DEXT | TXD_CMD_EOP | TXD_CMD_TSE),
               0);
        nr_write(&r, E1000_TDT, 2 * i + 2);
        CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
        CU_ASSERT_EQUAL(nr_read(&r, E1000_TDH), 2 * i + 2);
    }
    nic_rig_free(&r);
}

static void
test_frame_too_long_is_dropped(void)
{
    NicRig r;
    guint8 got[128];

    begin(&r);
    start(&r, 0);
    put_tx(&r, 0, 0x10000, 0xffff | cmd(0), 0);
    put_tx(&r, 1, 0x10000, 0xffff | cmd(TXD_CMD_EOP | TXD_CMD_RS), 0);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 100, 5);
    put_tx(&r, 2, TX_DATA, 100 | cmd(TXD_CMD_EOP), 0);
    nr_write(&r, E1000_TDT, 3);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 100, 5));
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 28), TXD_STAT_DD);
    nic_rig_free(&r);
}

/* NI01: rings that are none do not run. */
static void
test_hostile_rings(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    nr_write(&r, E1000_TDT, 0xffff);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDH), 0);
    nr_write(&r, E1000_TDH, 0xffff);
    nr_write(&r, E1000_TDT, 3);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDH), 0xffff);
    nr_write(&r, E1000_TDLEN, 0);
    nr_write(&r, E1000_TDH, 0);
    nr_write(&r, E1000_TDT, 5);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDH), 0);
    nr_write(&r, E1000_TDLEN, 0xfff80); /* it ends outside RAM */
    nr_write(&r, E1000_TDBAL, NR_RAM - 16);
    nr_write(&r, E1000_TDT, 9);
    nr_write(&r, E1000_RDLEN, 0);
    nr_host_sends_pattern(&r, 100, 1);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 0);
    nic_rig_free(&r);
}

static void
test_vlan_tag_is_inserted(void)
{
    NicRig r;
    guint8 got[200];

    begin(&r);
    start(&r, 0);
    nr_write(&r, E1000_CTRL, CTRL_VME);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 100, 1);
    put_tx(&r, 0, TX_DATA, 100 | cmd(TXD_CMD_EOP | TXD_CMD_VLE), 0x2042u << 16);
    nr_write(&r, E1000_TDT, 1);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 104);
    CU_ASSERT_EQUAL(got[12], 0x81);
    CU_ASSERT_EQUAL(got[13], 0x00);
    CU_ASSERT_EQUAL(got[14], 0x20);
    CU_ASSERT_EQUAL(got[15], 0x42);
    CU_ASSERT_EQUAL(got[16], 0x88);
    nic_rig_free(&r);
}

/* ---- receiving ---- */

static void
test_receives(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    nr_write(&r, E1000_IMS, INT_RXT0);
    nr_host_sends_pattern(&r, 1000, 4);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(rx_len(&r, 0), 1000);
    CU_ASSERT_EQUAL(rx_status(&r, 0) & 3, RXD_STAT_DD | RXD_STAT_EOP);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 1000, 4));
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 1);
    nic_rig_free(&r);
}

static void
test_fcs_is_zero_where_wanted(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    nr_write(&r, E1000_RCTL, RCTL_EN);
    memset(fake_ram(r.vm) + RX_DATA, 0xaa, 200);
    nr_host_sends_pattern(&r, 100, 4);
    CU_ASSERT_EQUAL(rx_len(&r, 0), 104);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_DATA + 100), 0);
    CU_ASSERT_EQUAL(fake_ram(r.vm)[RX_DATA + 104], 0xaa);
    nic_rig_free(&r);
}

static void
test_spreads_over_small_buffers(void)
{
    NicRig r;

    begin(&r);
    start(&r, 3u << 16); /* 256 bytes */
    nr_host_sends_pattern(&r, 600, 4);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 3);
    CU_ASSERT_EQUAL(rx_status(&r, 1) & 3, RXD_STAT_DD);
    CU_ASSERT_EQUAL(rx_len(&r, 2), 88);
    CU_ASSERT_EQUAL(rx_status(&r, 2) & 3, RXD_STAT_DD | RXD_STAT_EOP);
    CU_ASSERT_EQUAL(fake_ram(r.vm)[RX_DATA + 2 * RX_STEP + 87],
                    (guint8) (599 * 7 + 4));
    CU_ASSERT_EQUAL(fake_ram(r.vm)[RX_DATA + 256], 0);
    nic_rig_free(&r);
}

/* NI04 */
static void
test_waits_for_buffers(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    nr_write(&r, E1000_RDT, 1);
    for (unsigned i = 0; i < 3; i++)
        nr_host_sends_pattern(&r, 100, (guint8) i);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 1);
    nr_write(&r, E1000_RDT, 4);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 3);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA + 2 * RX_STEP, 100, 2));
    nic_rig_free(&r);
}

static void
test_too_few_buffers_overrun(void)
{
    NicRig r;

    begin(&r);
    start(&r, 3u << 16);
    nr_write(&r, E1000_RDT, 1); /* one of 256 bytes */
    nr_host_sends_pattern(&r, 600, 4);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 0);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_ICR) & INT_RXO, INT_RXO);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_STATS + 4 * STAT_MPC), 1);
    nic_rig_free(&r);
}

static void
test_threshold(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0); /* half of 16 */
    for (unsigned i = 0; i < 6; i++)
        nr_host_sends_pattern(&r, 100, 1);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_ICR) & INT_RXDMT0, 0);
    nr_host_sends_pattern(&r, 100, 1);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_ICR) & INT_RXDMT0, INT_RXDMT0);
    nic_rig_free(&r);
}

static bool
takes(NicRig *r, const char *address)
{
    guint8 frame[100];
    guint32 before = nr_read(r, E1000_RDH);

    nr_pattern(frame, sizeof frame, 1);
    memcpy(frame, address, 6);
    nr_host_sends(r, frame, sizeof frame);
    return nr_read(r, E1000_RDH) != before;
}

static void
test_filters(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    CU_ASSERT_FALSE(takes(&r, "\xff\xff\xff\xff\xff\xff"));
    CU_ASSERT_FALSE(takes(&r, "\x52\x54\x00\x12\x34\x57"));
    CU_ASSERT_FALSE(takes(&r, "\x01\x00\x5e\x00\x00\x01"));
    nr_write(&r, E1000_RCTL, RCTL_EN | RCTL_BAM);
    CU_ASSERT_TRUE(takes(&r, "\xff\xff\xff\xff\xff\xff"));
    nr_write(&r, E1000_MTA, 1u << 16); /* bits 47..36 are 0x010 */
    CU_ASSERT_TRUE(takes(&r, "\x01\x00\x5e\x00\x00\x01"));
    CU_ASSERT_FALSE(takes(&r, "\x01\x00\x5e\x00\x10\x01"));
    nr_write(&r, E1000_RCTL, RCTL_EN | RCTL_MPE);
    CU_ASSERT_TRUE(takes(&r, "\x01\x00\x5e\x00\x10\x01"));
    CU_ASSERT_FALSE(takes(&r, "\x52\x54\x00\x12\x34\x57"));
    nr_write(&r, E1000_RCTL, RCTL_EN | RCTL_UPE);
    CU_ASSERT_TRUE(takes(&r, "\x52\x54\x00\x12\x34\x57"));
    nic_rig_free(&r);
}

static void
test_vlan_filter_and_stripping(void)
{
    NicRig r;
    guint8 frame[100];

    begin(&r);
    start(&r, RCTL_VFE);
    nr_write(&r, E1000_CTRL, CTRL_VME);
    nr_pattern(frame, sizeof frame, 1);
    memcpy(frame + 12, (const guint8[]){0x81, 0, 0x20, 0x42}, 4);
    nr_host_sends(&r, frame, sizeof frame);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 0);
    nr_write(&r, E1000_VFTA + 4 * 2, 1u << 2); /* number 0x42 */
    nr_host_sends(&r, frame, sizeof frame);
    CU_ASSERT_EQUAL(rx_len(&r, 0), 96);
    CU_ASSERT_EQUAL(rx_status(&r, 0) & RXD_STAT_VP, RXD_STAT_VP);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 12) >> 16, 0x2042);
    CU_ASSERT_EQUAL(fake_ram(r.vm)[RX_DATA], 0x52);
    CU_ASSERT_EQUAL(fake_ram(r.vm)[RX_DATA + 12], frame[16]);
    nic_rig_free(&r);
}

/* NI03: a ring that receives what it sends does so once a frame. */
static void
test_loopback(void)
{
    NicRig r;
    guint8 got[128];

    begin(&r);
    start(&r, RCTL_LBM);
    nr_write(&r, E1000_RDBAL, TX_RING);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 100, 3);
    put_tx(&r, 0, TX_DATA, 100 | cmd(TXD_CMD_EOP), 0);
    nr_write(&r, E1000_TDT, 1);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 1);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    nic_rig_free(&r);
}

/* Frames of 1000 bytes, each with its number, until the host takes no more; how
 * many the card took. */
static unsigned
fill_the_host(NicRig *r)
{
    unsigned n = 0;

    do {
        nr_pattern(fake_ram(r->vm) + TX_DATA, 1000, (guint8) n);
        put_tx(r, n % N_DESCS, TX_DATA, 1000 | cmd(TXD_CMD_EOP), 0);
        n++;
        nr_write(r, E1000_TDT, n % N_DESCS);
    } while (n < 2000 && nr_read(r, E1000_TDH) == n % N_DESCS);
    return n - 1; /* the last is in the ring */
}

static void
test_back_pressure(void)
{
    NicRig r;
    unsigned wrong = 0;

    begin(&r);
    start(&r, 0);
    unsigned n = fill_the_host(&r);
    CU_ASSERT_TRUE(n > 10 && n < 1999);
    for (unsigned i = 0; i < n; i++)
        wrong += !nr_host_gets_pattern(&r, 1000, (guint8) i) && i + 1 < n;
    CU_ASSERT_EQUAL(wrong, 0);
    nr_run(&r);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDH), (n + 1) % N_DESCS);
    nic_rig_free(&r);
}

static void
test_pulled_cable_frees_the_ring(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    unsigned n = fill_the_host(&r);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDH), n % N_DESCS);
    net_set_plugged(r.link, false);
    nr_run(&r);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_TDH), (n + 1) % N_DESCS);
    nic_rig_free(&r);
}

static void
test_nothing_moves_while_paused(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    device_quiesce(r.dev);
    nr_host_sends_pattern(&r, 100, 1);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 0);
    device_resume(r.dev);
    nr_host_sends_pattern(&r, 100, 2);
    CU_ASSERT_TRUE(nr_read(&r, E1000_RDH) >= 1);
    nic_rig_free(&r);
}

static void
test_moves_amid_traffic(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    nr_host_sends_pattern(&r, 100, 1);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 300, 1);
    put_tx(&r, 0, TX_DATA, 100 | cmd(0), 0); /* half a frame */
    nr_write(&r, E1000_TDT, 1);
    nic_rig_move(&r);
    nr_host_sends_pattern(&r, 100, 2);
    CU_ASSERT_EQUAL(nr_read(&r, E1000_RDH), 2);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA + RX_STEP, 100, 2));
    put_tx(&r, 1, TX_DATA + 100, 200 | cmd(TXD_CMD_EOP), 0);
    nr_write(&r, E1000_TDT, 2);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 300, 1));
    nic_rig_free(&r);
}

CU_MAIN("e1000", {"identity_and_address", test_identity},
        {"eeprom_sums_up_to_baba", test_eeprom_sums_up},
        {"eeprom_is_read_line_by_line", test_eeprom_by_lines},
        {"phy_answers_at_its_address_only", test_phy},
        {"causes_and_masks_make_the_line", test_causes},
        {"interrupts_keep_their_distance", test_throttling},
        {"throttled_interrupt_survives_a_move",
         test_throttled_interrupt_survives_a_move},
        {"registers_are_reached_by_ports_too", test_io_window},
        {"reserved_bits_stay_zero", test_reserved_bits},
        {"cable_is_seen_in_phy_and_status", test_link},
        {"cable_pulled_while_paused_is_told", test_cable_pulled_during_a_move},
        {"sends_a_frame_in_pieces", test_sends_a_frame_in_pieces},
        {"short_frames_are_padded_with_zeros", test_short_frames_are_padded},
        {"inserts_checksums", test_inserts_checksums},
        {"inserts_a_legacy_checksum", test_legacy_checksum},
        {"segmentation_is_handed_on", test_segmentation},
        {"bad_segmentation_is_dropped", test_bad_segmentation_is_dropped},
        {"frame_too_long_is_dropped", test_frame_too_long_is_dropped},
        {"hostile_rings_stand_still", test_hostile_rings},
        {"vlan_tag_is_inserted", test_vlan_tag_is_inserted},
        {"receives_a_frame", test_receives},
        {"fcs_is_zero_where_wanted", test_fcs_is_zero_where_wanted},
        {"spreads_over_small_buffers", test_spreads_over_small_buffers},
        {"waits_for_buffers", test_waits_for_buffers},
        {"too_few_buffers_overrun", test_too_few_buffers_overrun},
        {"threshold_is_told", test_threshold},
        {"filters_by_address", test_filters},
        {"vlan_filter_and_stripping", test_vlan_filter_and_stripping},
        {"loopback_comes_once", test_loopback},
        {"a_full_host_holds_the_ring", test_back_pressure},
        {"a_pulled_cable_frees_the_ring", test_pulled_cable_frees_the_ring},
        {"nothing_moves_while_paused", test_nothing_moves_while_paused},
        {"moves_amid_traffic", test_moves_amid_traffic})
