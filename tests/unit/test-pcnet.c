/* tests/unit/test-pcnet.c - the AMD Am79C973, register by register and frame by
 * frame. */
#include <string.h>

#include "devices/net/pcnet-internal.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/nic-rig.h"

extern const DeviceClass pcnet_class;

#define BLOCK   0x800u
#define TX_RING 0x1000u
#define RX_RING 0x2000u
#define TX_DATA 0x10000u
#define RX_DATA 0x80000u
#define RX_STEP 0x1000u
#define RX_N    8u

static guint16
in16(NicRig *r, unsigned reg)
{
    return fake_in16(r->vm, (guint16) (NR_PORTS + reg));
}

static void
out16(NicRig *r, unsigned reg, guint16 value)
{
    fake_out16(r->vm, (guint16) (NR_PORTS + reg), value);
    nr_run(r);
}

static guint16
csr(NicRig *r, unsigned n)
{
    out16(r, PCNET_RAP_W, (guint16) n);
    return in16(r, PCNET_RDP_W);
}

static void
set_csr(NicRig *r, unsigned n, guint16 value)
{
    out16(r, PCNET_RAP_W, (guint16) n);
    out16(r, PCNET_RDP_W, value);
}

static guint16
bcr(NicRig *r, unsigned n)
{
    out16(r, PCNET_RAP_W, (guint16) n);
    return in16(r, PCNET_BDP_W);
}

static void
set_bcr(NicRig *r, unsigned n, guint16 value)
{
    out16(r, PCNET_RAP_W, (guint16) n);
    out16(r, PCNET_BDP_W, value);
}

static void
begin(NicRig *r)
{
    nic_rig_init(r, &pcnet_class, NULL, 0);
}

/* Flags are the upper half of the second word. */
static void
put_desc(NicRig *r, guint64 ring, unsigned i, guint16 flags, unsigned len,
         guint32 addr)
{
    nr_put32(r, ring + 16 * i, addr);
    nr_put32(r, ring + 16 * i + 8, 0);
    nr_put32(r, ring + 16 * i + 4,
             (guint32) flags << 16 | 0xf000u | (0x1000u - len));
}

/* With rings of eight, style 2. */
static void
start(NicRig *r, guint16 mode)
{
    for (unsigned i = 0; i < RX_N; i++)
        put_desc(r, RX_RING, i, MD_OWN, 1544, RX_DATA + RX_STEP * i);
    nr_put32(r, BLOCK, 0x30300000u | mode); /* 2^3 each */
    nr_put32(r, BLOCK + 4, 0x12005452);
    nr_put32(r, BLOCK + 8, 0x5634);
    nr_put64(r, BLOCK + 12, 0);
    nr_put32(r, BLOCK + 20, RX_RING);
    nr_put32(r, BLOCK + 24, TX_RING);
    set_bcr(r, BCR_SWSTYLE, 2);
    set_csr(r, 1, BLOCK);
    set_csr(r, 2, 0);
    set_csr(r, 0, CSR0_INIT);
    CU_ASSERT_EQUAL(csr(r, 0) & CSR0_IDON, CSR0_IDON);
    set_csr(r, 0, CSR0_IDON | CSR0_STRT | CSR0_IENA);
}

/* ---- registers ---- */

static void
test_identity(void)
{
    NicRig r;
    guint16 sum = 0;

    begin(&r);
    CU_ASSERT_EQUAL(nr_config(&r, PCI_VENDOR_ID), 0x20001022);
    CU_ASSERT_EQUAL(csr(&r, 88) | csr(&r, 89) << 16, 0x02625003);
    CU_ASSERT_EQUAL(fake_in32(r.vm, NR_PORTS), 0x12005452);
    CU_ASSERT_EQUAL(in16(&r, 14), 0x5757);
    for (unsigned i = 0; i < 12; i++)
        sum = (guint16) (sum + fake_in8(r.vm, (guint16) (NR_PORTS + i)));
    CU_ASSERT_EQUAL(in16(&r, 12), sum + 'W' + 'W');
    CU_ASSERT_EQUAL(csr(&r, CSR_PADR), 0x5452);
    CU_ASSERT_EQUAL(csr(&r, 0), CSR0_STOP);
    nic_rig_free(&r);
}

static void
test_words_and_double_words(void)
{
    NicRig r;

    begin(&r);
    out16(&r, PCNET_RAP_W, 88);
    CU_ASSERT_EQUAL(in16(&r, PCNET_RAP_W), 88);
    CU_ASSERT_EQUAL(fake_in32(r.vm, NR_PORTS + PCNET_RAP_D), 0xffffffff);
    fake_out32(r.vm, NR_PORTS + PCNET_RDP_D, 0);
    CU_ASSERT_EQUAL(in16(&r, PCNET_RAP_W), 0xffff);
    fake_out32(r.vm, NR_PORTS + PCNET_RAP_D, 89);
    CU_ASSERT_EQUAL(fake_in32(r.vm, NR_PORTS + PCNET_RDP_D), 0x0262);
    (void) fake_in32(r.vm, NR_PORTS + PCNET_RESET_D); /* that stays */
    CU_ASSERT_EQUAL(fake_in32(r.vm, NR_PORTS + PCNET_RAP_D), 0);
    CU_ASSERT_EQUAL(fake_in32(r.vm, NR_PORTS + PCNET_RDP_D), CSR0_STOP);
    nic_rig_free(&r);
}

static void
test_phy(void)
{
    NicRig r;

    begin(&r);
    set_bcr(&r, BCR_MII_ADDR, 0x1e << 5 | 3);
    CU_ASSERT_EQUAL(bcr(&r, BCR_MII_DATA), 0x6b60);
    set_bcr(&r, BCR_MII_ADDR, 0x1e << 5 | 1);
    CU_ASSERT_EQUAL(bcr(&r, BCR_MII_DATA) & 4, 4);
    CU_ASSERT_EQUAL(bcr(&r, BCR_LED0) & BCR4_LEDOUT, BCR4_LEDOUT);
    net_set_plugged(r.link, false);
    nr_run(&r);
    CU_ASSERT_EQUAL(bcr(&r, BCR_MII_DATA) & 4, 0);
    CU_ASSERT_EQUAL(bcr(&r, BCR_LED0) & BCR4_LEDOUT, 0);
    set_bcr(&r, BCR_MII_ADDR, 0x1d << 5 | 1);
    CU_ASSERT_EQUAL(bcr(&r, BCR_MII_DATA), 0xffff);
    nic_rig_free(&r);
}

static void
test_stop_and_causes(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    CU_ASSERT_EQUAL(csr(&r, 0),
                    CSR0_INIT | CSR0_STRT | CSR0_TXON | CSR0_RXON | CSR0_IENA);
    nr_host_sends_pattern(&r, 100, 1);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(csr(&r, 0) & (CSR0_RINT | CSR0_INTR),
                    CSR0_RINT | CSR0_INTR);
    set_csr(&r, CSR_MASK, CSR0_RINT);
    CU_ASSERT_FALSE(r.irq);
    set_csr(&r, CSR_MASK, 0);
    CU_ASSERT_TRUE(r.irq);
    set_csr(&r, 0, CSR0_RINT | CSR0_IENA);
    CU_ASSERT_FALSE(r.irq);
    set_csr(&r, 0, CSR0_STOP);
    CU_ASSERT_EQUAL(csr(&r, 0), CSR0_STOP);
    nic_rig_free(&r);
}

/* As iPXE does it: the two that read as ones do not begin anew. */
static void
test_acknowledges_with_what_was_read(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    for (unsigned i = 0; i < 3; i++) {
        nr_host_sends_pattern(&r, 100, (guint8) i);
        CU_ASSERT_TRUE(
            nr_guest_has_pattern(&r, RX_DATA + RX_STEP * i, 100, (guint8) i));
        nr_pattern(fake_ram(r.vm) + TX_DATA, 100, (guint8) i);
        put_desc(&r, TX_RING, i, MD_OWN | MD_STP | MD_ENP, 100, TX_DATA);
        set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
        CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 100, (guint8) i));
        set_csr(&r, 0, csr(&r, 0));
        CU_ASSERT_EQUAL(csr(&r, 0), CSR0_INIT | CSR0_STRT | CSR0_TXON |
                                        CSR0_RXON | CSR0_IENA);
    }
    set_csr(&r, 0, CSR0_STOP);
    start(&r, 0); /* and this does */
    nr_host_sends_pattern(&r, 100, 7);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 100, 7));
    nic_rig_free(&r);
}

static void
test_user_interrupt(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    set_csr(&r, CSR_TEST, CSR4_UINTCMD | 0x0115);
    CU_ASSERT_TRUE(r.irq);
    set_csr(&r, CSR_TEST, CSR4_UINT | 0x0115);
    CU_ASSERT_FALSE(r.irq);
    nic_rig_free(&r);
}

/* ---- frames ---- */

static void
test_sends(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 300, 1);
    put_desc(&r, TX_RING, 0, MD_OWN | MD_STP, 100, TX_DATA);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 4) >> 31, 1); /* no end yet */
    put_desc(&r, TX_RING, 1, MD_OWN | MD_ENP, 200, TX_DATA + 100);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 300, 1));
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 4) >> 16, MD_STP);
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 20) >> 16, MD_ENP);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(csr(&r, 0) & CSR0_TINT, CSR0_TINT);
    nic_rig_free(&r);
}

static void
test_quiet_sending(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    set_csr(&r, CSR_EXT, CSR5_TOKINTD | CSR5_LTINTEN);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 100, 1);
    put_desc(&r, TX_RING, 0, MD_OWN | MD_STP | MD_ENP, 100, TX_DATA);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 100, 1));
    CU_ASSERT_FALSE(r.irq);
    put_desc(&r, TX_RING, 1, MD_OWN | MD_STP | MD_ENP | MD_LTINT, 100, TX_DATA);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    CU_ASSERT_TRUE(r.irq);
    nic_rig_free(&r);
}

static void
test_receives(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    nr_host_sends_pattern(&r, 500, 4);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 4) >> 16, MD_STP | MD_ENP | MD_PAM);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 8), 504);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 500, 4));
    nic_rig_free(&r);
}

static void
test_spreads_over_small_buffers(void)
{
    NicRig r;

    begin(&r);
    for (unsigned i = 0; i < RX_N; i++)
        put_desc(&r, RX_RING, i, MD_OWN, 256, RX_DATA + RX_STEP * i);
    start(&r, 0);
    for (unsigned i = 0; i < RX_N; i++)
        put_desc(&r, RX_RING, i, MD_OWN, 256, RX_DATA + RX_STEP * i);
    nr_host_sends_pattern(&r, 600, 4);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 4) >> 16, MD_STP);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 20) >> 16, 0);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 36) >> 16, MD_ENP | MD_PAM);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 40), 604);
    nic_rig_free(&r);
}

static void
test_ring_waits(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    for (unsigned i = 0; i < RX_N + 2; i++)
        nr_host_sends_pattern(&r, 100, (guint8) i);
    CU_ASSERT_EQUAL(csr(&r, 0) & CSR0_MISS, 0);
    put_desc(&r, RX_RING, 0, MD_OWN, 1544, RX_DATA);
    fake_advance(r.vm, 70000000); /* it looks by itself */
    nr_run(&r);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 100, RX_N));
    put_desc(&r, RX_RING, 1, MD_OWN, 1544, RX_DATA);
    set_csr(&r, 0, CSR0_RINT | CSR0_IENA); /* or when it is acknowledged */
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 100, RX_N + 1));
    nic_rig_free(&r);
}

/* The LANCE's format: eight bytes a descriptor, 24 bits of address. */
static void
test_style_0(void)
{
    NicRig r;
    static const guint8 mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

    begin(&r);
    nr_put32(&r, BLOCK, 0);
    memcpy(fake_ram(r.vm) + BLOCK + 2, mac, 6);
    nr_put64(&r, BLOCK + 8, 0);
    nr_put32(&r, BLOCK + 16, RX_RING | 1u << 29); /* two */
    nr_put32(&r, BLOCK + 20, TX_RING | 1u << 29);
    nr_put32(&r, RX_RING, RX_DATA | (guint32) MD_OWN << 16);
    nr_put32(&r, RX_RING + 4, 0xf000 | (0x1000 - 1544));
    set_csr(&r, 1, BLOCK);
    set_csr(&r, 0, CSR0_INIT | CSR0_STRT | CSR0_IENA);
    nr_host_sends_pattern(&r, 200, 4);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING) >> 16,
                    MD_STP | MD_ENP | RX_DATA >> 16);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 4) >> 16, 204);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 100, 1);
    nr_put32(&r, TX_RING + 4, 0xf000 | (0x1000 - 100));
    nr_put32(&r, TX_RING, TX_DATA | (guint32) (MD_OWN | MD_STP | MD_ENP) << 16);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 100, 1));
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING) >> 16,
                    MD_STP | MD_ENP | TX_DATA >> 16);
    nic_rig_free(&r);
}

static bool
takes(NicRig *r, const char *address)
{
    guint8 frame[100];

    nr_pattern(frame, sizeof frame, 1);
    memcpy(frame, address, 6);
    set_csr(r, 0, CSR0_RINT);
    nr_host_sends(r, frame, sizeof frame);
    return (csr(r, 0) & CSR0_RINT) != 0;
}

static void
test_filters(void)
{
    NicRig r;

    begin(&r);
    start(&r, 0);
    CU_ASSERT_TRUE(takes(&r, "\xff\xff\xff\xff\xff\xff"));
    CU_ASSERT_FALSE(takes(&r, "\x52\x54\x00\x12\x34\x57"));
    CU_ASSERT_FALSE(takes(&r, "\x01\x00\x5e\x00\x00\x01"));
    /* the upper six bits of its CRC-32, least bit first, are 54 */
    set_csr(&r, CSR_LADRF + 3, 1u << 6);
    CU_ASSERT_TRUE(takes(&r, "\x01\x00\x5e\x00\x00\x01"));
    set_csr(&r, CSR_MODE, MODE_DRCVBC);
    CU_ASSERT_FALSE(takes(&r, "\xff\xff\xff\xff\xff\xff"));
    set_csr(&r, CSR_MODE, MODE_PROM);
    CU_ASSERT_TRUE(takes(&r, "\x52\x54\x00\x12\x34\x57"));
    nic_rig_free(&r);
}

static void
test_loopback(void)
{
    NicRig r;
    guint8 got[128];

    begin(&r);
    start(&r, MODE_LOOP);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 100, 3);
    put_desc(&r, TX_RING, 0, MD_OWN | MD_STP | MD_ENP, 100, TX_DATA);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 100, 3));
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    nic_rig_free(&r);
}

/* NI07: lengths of 0 and 1, a frame without an end, blocks that are no RAM. */
static void
test_hostile_rings(void)
{
    NicRig r;
    guint8 got[128];

    begin(&r);
    set_csr(&r, 2, 0xffff);
    set_csr(&r, 0, CSR0_INIT | CSR0_STRT);
    set_csr(&r, 0, CSR0_STOP);
    start(&r, 0);
    for (unsigned i = 0; i < 8; i++)
        put_desc(&r, TX_RING, i, MD_OWN | MD_STP, 4095, TX_DATA);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 4) >> 31, 0);
    set_csr(&r, CSR_XMTRL, 0);
    set_csr(&r, CSR_RCVRL, 0);
    nr_host_sends_pattern(&r, 100, 1);
    set_csr(&r, CSR_RCVRL, 0xffff);
    nr_host_sends_pattern(&r, 100, 2);
    set_csr(&r, CSR_TX_BASE + 1, 0xffff);
    set_csr(&r, CSR_RX_BASE + 1, 0xffff);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    nr_host_sends_pattern(&r, 100, 1);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
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
    put_desc(&r, TX_RING, 0, MD_OWN | MD_STP, 100, TX_DATA);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    nic_rig_move(&r);
    CU_ASSERT_TRUE(r.irq); /* of the frame before */
    nr_host_sends_pattern(&r, 100, 2);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA + RX_STEP, 100, 2));
    put_desc(&r, TX_RING, 1, MD_OWN | MD_ENP, 200, TX_DATA + 100);
    set_csr(&r, 0, CSR0_TDMD | CSR0_IENA);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 300, 1));
    nic_rig_free(&r);
}

CU_MAIN("pcnet", {"identity_and_address", test_identity},
        {"words_and_double_words", test_words_and_double_words},
        {"phy_and_led_show_the_cable", test_phy},
        {"stop_and_causes", test_stop_and_causes},
        {"acknowledges_with_what_was_read",
         test_acknowledges_with_what_was_read},
        {"driver_interrupts_itself", test_user_interrupt},
        {"sends_when_all_is_there", test_sends},
        {"sends_without_interrupts_when_asked", test_quiet_sending},
        {"receives", test_receives},
        {"spreads_over_small_buffers", test_spreads_over_small_buffers},
        {"ring_without_descriptors_waits", test_ring_waits},
        {"speaks_the_lance_s_format", test_style_0},
        {"filters_by_address", test_filters},
        {"loopback_comes_once", test_loopback},
        {"hostile_rings_end", test_hostile_rings},
        {"moves_amid_traffic", test_moves_amid_traffic})
