/* tests/unit/test-rtl8139.c - the Realtek RTL8139C+, register by register
 * and frame by frame in both modes. */
#include <string.h>

#include "devices/net/rtl8139-internal.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/nic-rig.h"

extern const DeviceClass rtl8139_class;

#define BUFFER  0x40000u
#define TX_RING 0x1000u
#define RX_RING 0x2000u
#define TX_DATA 0x10000u
#define RX_DATA 0x80000u
#define RX_STEP 0x1000u
#define RX_N    8u

static guint8
in8(NicRig *r, unsigned reg)
{
    return (guint8) fake_mmio_read(r->vm, NR_MMIO + reg, 1);
}

static guint16
in16(NicRig *r, unsigned reg)
{
    return (guint16) fake_mmio_read(r->vm, NR_MMIO + reg, 2);
}

static void
out8(NicRig *r, unsigned reg, guint8 value)
{
    fake_mmio_write(r->vm, NR_MMIO + reg, value, 1);
    nr_run(r);
}

static void
out16(NicRig *r, unsigned reg, guint16 value)
{
    fake_mmio_write(r->vm, NR_MMIO + reg, value, 2);
    nr_run(r);
}

static void
begin(NicRig *r)
{
    nic_rig_init(r, &rtl8139_class, NULL, 0);
}

static void
start_plain(NicRig *r, guint32 rcr)
{
    nr_write(r, RTL_RBSTART, BUFFER);
    nr_write(r, RTL_RCR, RCR_APM | RCR_AB | rcr);
    out8(r, RTL_CR, CR_TE | CR_RE);
}

static void
put_desc(NicRig *r, guint64 ring, unsigned i, guint32 opts, guint32 tag,
         guint64 addr)
{
    nr_put32(r, ring + 16 * i, opts);
    nr_put32(r, ring + 16 * i + 4, tag);
    nr_put64(r, ring + 16 * i + 8, addr);
}

static void
start_plus(NicRig *r, guint16 cpcr)
{
    for (unsigned i = 0; i < RX_N; i++)
        put_desc(r, RX_RING, i,
                 DESC_OWN | (i == RX_N - 1 ? DESC_EOR : 0) | 1600, 0,
                 RX_DATA + RX_STEP * i);
    out16(r, RTL_CPCR, CPCR_TXEN | CPCR_RXEN | cpcr);
    nr_write(r, RTL_TNPDS, TX_RING);
    nr_write(r, RTL_RDSAR, RX_RING);
    nr_write(r, RTL_RCR, RCR_APM | RCR_AB);
    out8(r, RTL_CR, CR_TE | CR_RE);
}

/* ---- registers ---- */

static void
test_identity(void)
{
    NicRig r;

    begin(&r);
    CU_ASSERT_EQUAL(nr_config(&r, PCI_VENDOR_ID), 0x813910ec);
    CU_ASSERT_EQUAL(nr_config(&r, PCI_REVISION_ID) & 0xff, 0x20);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_TCR) & 0x7cc00000, TCR_C_PLUS);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_IDR0), 0x12005452);
    CU_ASSERT_EQUAL(fake_in32(r.vm, NR_PORTS), 0x12005452);
    CU_ASSERT_EQUAL(in16(&r, RTL_IDR0 + 4), 0x5634);
    nic_rig_free(&r);
}

static guint16
eeprom(NicRig *r, unsigned word)
{
    guint16 value = 0;
    const unsigned command = 0x180 | word;

    out8(r, RTL_9346CR, EE_PROGRAM);
    for (unsigned i = 9; i-- > 0;) {
        guint8 lines = EE_PROGRAM | EE_CS | (command >> i & 1 ? EE_DI : 0);
        out8(r, RTL_9346CR, lines);
        out8(r, RTL_9346CR, lines | EE_SK);
    }
    for (unsigned i = 0; i < 16; i++) {
        out8(r, RTL_9346CR, EE_PROGRAM | EE_CS);
        out8(r, RTL_9346CR, EE_PROGRAM | EE_CS | EE_SK);
        value = (guint16) (value << 1 | (in8(r, RTL_9346CR) & EE_DO));
    }
    out8(r, RTL_9346CR, 0);
    return value;
}

static void
test_eeprom(void)
{
    NicRig r;

    begin(&r);
    CU_ASSERT_EQUAL(eeprom(&r, 0), 0x8129);
    CU_ASSERT_EQUAL(eeprom(&r, 1), 0x10ec);
    CU_ASSERT_EQUAL(eeprom(&r, 7), 0x5452);
    CU_ASSERT_EQUAL(eeprom(&r, 9), 0x5634);
    nic_rig_free(&r);
}

static void
test_address_is_guarded(void)
{
    NicRig r;

    begin(&r);
    nr_write(&r, RTL_IDR0, 0x11223344);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_IDR0), 0x12005452);
    out8(&r, RTL_9346CR, EE_UNLOCK);
    nr_write(&r, RTL_IDR0, 0x11223344);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_IDR0), 0x11223344);
    out8(&r, RTL_CR, CR_RST);
    CU_ASSERT_EQUAL(in8(&r, RTL_CR) & CR_RST, 0);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_IDR0), 0x12005452);
    nic_rig_free(&r);
}

static void
test_accesses_across_registers(void)
{
    NicRig r;

    begin(&r);
    /* CR in the middle of nothing, CAPR behind it */
    fake_mmio_write(r.vm, NR_MMIO + RTL_CR, 0x1234u << 8 | CR_RE, 4);
    CU_ASSERT_EQUAL(in8(&r, RTL_CR) & CR_RE, CR_RE);
    CU_ASSERT_EQUAL(in16(&r, RTL_CAPR), 0x1234);
    nr_write(&r, RTL_IMR, ISR_TOK | ISR_ALL << 16); /* and ISR */
    CU_ASSERT_EQUAL(nr_read(&r, RTL_IMR), ISR_TOK);
    nic_rig_free(&r);
}

static void
test_timer(void)
{
    NicRig r;

    begin(&r);
    out16(&r, RTL_IMR, ISR_TIMEOUT);
    nr_write(&r, RTL_TCTR, 1);
    nr_write(&r, RTL_TIMERINT, 33000); /* 1 ms */
    fake_advance(r.vm, 500000);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_TCTR), 16500);
    CU_ASSERT_FALSE(r.irq);
    nic_rig_move(&r);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_TCTR), 16500);
    fake_advance(r.vm, 499000);
    CU_ASSERT_FALSE(r.irq);
    fake_advance(r.vm, 1100);
    CU_ASSERT_TRUE(r.irq);
    out16(&r, RTL_ISR, ISR_TIMEOUT);
    CU_ASSERT_FALSE(r.irq);
    nic_rig_free(&r);
}

static void
test_link(void)
{
    NicRig r;

    begin(&r);
    out16(&r, RTL_IMR, ISR_PUN);
    CU_ASSERT_EQUAL(in8(&r, RTL_MSR) & MSR_LINKB, 0);
    net_set_plugged(r.link, false);
    nr_run(&r);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(in8(&r, RTL_MSR) & MSR_LINKB, MSR_LINKB);
    CU_ASSERT_EQUAL(in16(&r, RTL_BMSR) & 4, 0);
    /* by which a driver knows that nothing was lost in receiving */
    CU_ASSERT_EQUAL(in16(&r, RTL_CSCR) & CSCR_LINK_CHANGED, CSCR_LINK_CHANGED);
    out16(&r, RTL_ISR, ISR_PUN);
    CU_ASSERT_EQUAL(in16(&r, RTL_CSCR) & CSCR_LINK_CHANGED, 0);
    net_set_plugged(r.link, true);
    nr_run(&r);
    CU_ASSERT_EQUAL(in16(&r, RTL_BMSR) & 4, 4);
    nic_rig_free(&r);
}

/* ---- C mode ---- */

static void
test_sends_in_turn(void)
{
    NicRig r;

    begin(&r);
    start_plain(&r, 0);
    out16(&r, RTL_IMR, ISR_TOK);
    for (unsigned i = 0; i < 5; i++) {
        nr_pattern(fake_ram(r.vm) + TX_DATA, 100 + i, (guint8) i);
        nr_write(&r, RTL_TSAD0 + 4 * (i % 4), TX_DATA);
        nr_write(&r, RTL_TSD0 + 4 * (i % 4), 100 + i);
        CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 100 + i, (guint8) i));
    }
    CU_ASSERT_EQUAL(nr_read(&r, RTL_TSD0) & (TSD_OWN | TSD_TOK),
                    TSD_OWN | TSD_TOK);
    CU_ASSERT_EQUAL(in16(&r, RTL_TSAD), 0xf00f);
    CU_ASSERT_TRUE(r.irq);
    nic_rig_free(&r);
}

/* NI06 */
static void
test_frame_too_long_is_dropped(void)
{
    NicRig r;
    guint8 got[2048];

    begin(&r);
    start_plain(&r, 0);
    nr_write(&r, RTL_TSAD0, TX_DATA);
    nr_write(&r, RTL_TSD0, 0x1fff);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_TSD0) & TSD_OWN, TSD_OWN);
    nr_write(&r, RTL_TSAD0 + 4, NR_RAM + 0x1000); /* no RAM */
    nr_write(&r, RTL_TSD0 + 4, 100);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    nr_write(&r, RTL_TSAD0 + 8, TX_DATA);
    nr_write(&r, RTL_TSD0 + 8, 0);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    nic_rig_free(&r);
}

static void
test_receives_into_the_buffer(void)
{
    NicRig r;

    begin(&r);
    start_plain(&r, 0);
    out16(&r, RTL_IMR, ISR_ROK);
    CU_ASSERT_EQUAL(in8(&r, RTL_CR) & CR_BUFE, CR_BUFE);
    nr_host_sends_pattern(&r, 101, 7);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(in8(&r, RTL_CR) & CR_BUFE, 0);
    CU_ASSERT_EQUAL(nr_get32(&r, BUFFER), 105u << 16 | RX_ROK | RX_PAM);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, BUFFER + 4, 101, 7));
    CU_ASSERT_EQUAL(in16(&r, RTL_CBR), 112);
    out16(&r, RTL_CAPR, 112 - 16);
    CU_ASSERT_EQUAL(in8(&r, RTL_CR) & CR_BUFE, CR_BUFE);
    nic_rig_free(&r);
}

/* Fills the buffer of 8 KiB to 8 * 1008 = 8064 bytes and gives that back. */
static void
advance_to_the_end(NicRig *r)
{
    for (unsigned i = 0; i < 8; i++) {
        nr_host_sends_pattern(r, 1000, 1);
        out16(r, RTL_CAPR, (guint16) (1008 * (i + 1) - 16));
    }
}

static void
test_buffer_wraps(void)
{
    NicRig r;

    begin(&r);
    start_plain(&r, 0);
    advance_to_the_end(&r);
    nr_host_sends_pattern(&r, 200, 9);
    CU_ASSERT_EQUAL(in16(&r, RTL_CBR), 8064 + 208 - 8192);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, BUFFER + 8068, 124, 9));
    CU_ASSERT_EQUAL(fake_ram(r.vm)[BUFFER], (guint8) (124 * 7 + 9));
    nic_rig_free(&r);
}

static void
test_buffer_does_not_wrap(void)
{
    NicRig r;

    begin(&r);
    start_plain(&r, RCR_WRAP);
    advance_to_the_end(&r);
    nr_host_sends_pattern(&r, 200, 9);
    CU_ASSERT_EQUAL(in16(&r, RTL_CBR), 8064 + 208 - 8192);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, BUFFER + 8068, 200, 9));
    nic_rig_free(&r);
}

/* The head is the last that is before the end. */
static void
test_frame_behind_the_end(void)
{
    NicRig r;

    begin(&r);
    start_plain(&r, RCR_WRAP);
    advance_to_the_end(&r);
    nr_host_sends_pattern(&r, 116, 1);
    out16(&r, RTL_CAPR, 8188 - 16);
    nr_host_sends_pattern(&r, 200, 9);
    CU_ASSERT_EQUAL(in16(&r, RTL_CBR), 8188 + 208 - 8192);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, BUFFER + 8192, 200, 9));
    nic_rig_free(&r);
}

/* Linux's driver does so after 64 frames. */
static void
test_full_buffer_is_told_again(void)
{
    NicRig r;

    begin(&r);
    start_plain(&r, 0);
    nr_host_sends_pattern(&r, 1000, 1);
    out16(&r, RTL_ISR, ISR_ROK);
    CU_ASSERT_EQUAL(in16(&r, RTL_ISR), 0); /* there is room */
    for (unsigned i = 0; i < 10; i++)
        nr_host_sends_pattern(&r, 1000, (guint8) i);
    out16(&r, RTL_ISR, ISR_ROK); /* nothing read */
    CU_ASSERT_EQUAL(in16(&r, RTL_ISR), ISR_ROK);
    nic_rig_free(&r);
}

static void
test_full_buffer_waits(void)
{
    NicRig r;

    begin(&r);
    start_plain(&r, 0);
    for (unsigned i = 0; i < 10; i++)
        nr_host_sends_pattern(&r, 1000, (guint8) i);
    guint16 full = in16(&r, RTL_CBR);
    CU_ASSERT_TRUE(full < 8192 - 1008);
    nr_host_sends_pattern(&r, 1000, 10);
    CU_ASSERT_EQUAL(in16(&r, RTL_CBR), full);
    out16(&r, RTL_CAPR, full - 16); /* all read */
    CU_ASSERT_TRUE(in16(&r, RTL_CBR) != full);
    CU_ASSERT_EQUAL(in16(&r, RTL_ISR) & ISR_RXOVW, 0);
    nic_rig_free(&r);
}

/* NI06: a place that was read which no driver writes. */
static void
test_odd_capr_is_a_full_buffer(void)
{
    NicRig r;

    begin(&r);
    start_plain(&r, 0);
    out16(&r, RTL_CAPR, 0xfff1); /* one byte behind CBR */
    nr_host_sends_pattern(&r, 100, 1);
    CU_ASSERT_EQUAL(in16(&r, RTL_CBR), 0);
    out16(&r, RTL_CAPR, 0xfff0);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, BUFFER + 4, 100, 1));
    nic_rig_free(&r);
}

static bool
takes(NicRig *r, const char *address)
{
    guint8 frame[100];
    guint16 before = in16(r, RTL_CBR);

    nr_pattern(frame, sizeof frame, 1);
    memcpy(frame, address, 6);
    nr_host_sends(r, frame, sizeof frame);
    return in16(r, RTL_CBR) != before;
}

static void
test_filters(void)
{
    NicRig r;

    begin(&r);
    start_plain(&r, 0);
    CU_ASSERT_TRUE(takes(&r, "\xff\xff\xff\xff\xff\xff"));
    CU_ASSERT_TRUE(takes(&r, "\x52\x54\x00\x12\x34\x56"));
    CU_ASSERT_FALSE(takes(&r, "\x52\x54\x00\x12\x34\x57"));
    CU_ASSERT_FALSE(takes(&r, "\x01\x00\x5e\x00\x00\x01"));
    nr_write(&r, RTL_RCR, RCR_APM | RCR_AM);
    CU_ASSERT_FALSE(takes(&r, "\xff\xff\xff\xff\xff\xff"));
    CU_ASSERT_FALSE(takes(&r, "\x01\x00\x5e\x00\x00\x01"));
    /* CRC-32 of 01:00:5e:00:00:01 begins with 011111 */
    nr_write(&r, RTL_MAR0, 1u << 31);
    CU_ASSERT_TRUE(takes(&r, "\x01\x00\x5e\x00\x00\x01"));
    nr_write(&r, RTL_RCR, RCR_AAP);
    CU_ASSERT_TRUE(takes(&r, "\x52\x54\x00\x12\x34\x57"));
    nic_rig_free(&r);
}

static void
test_loopback(void)
{
    NicRig r;
    guint8 got[128];

    begin(&r);
    start_plain(&r, 0);
    nr_write(&r, RTL_TCR, TCR_LBK);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 100, 3);
    nr_write(&r, RTL_TSAD0, TX_DATA);
    nr_write(&r, RTL_TSD0, 100);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, BUFFER + 4, 100, 3));
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    nic_rig_free(&r);
}

/* ---- C+ mode ---- */

static void
test_plus_sends(void)
{
    NicRig r;

    begin(&r);
    start_plus(&r, 0);
    out16(&r, RTL_IMR, ISR_TOK);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 300, 1);
    put_desc(&r, TX_RING, 0, DESC_OWN | DESC_FS | 100, 0, TX_DATA);
    out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING) & DESC_OWN, DESC_OWN);
    put_desc(&r, TX_RING, 1, DESC_OWN | DESC_LS | DESC_EOR | 200, 0,
             TX_DATA + 100);
    out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 300, 1));
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING) & DESC_OWN, 0);
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 16), DESC_LS | DESC_EOR | 200);
    CU_ASSERT_TRUE(r.irq);
    put_desc(&r, TX_RING, 0, DESC_OWN | DESC_FS | DESC_LS | 300, 0, TX_DATA);
    out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 300, 1));
    nic_rig_free(&r);
}

/* NI06: a ring without an end that the card owns forever. */
static void
test_plus_endless_frame(void)
{
    NicRig r;
    guint8 got[128];

    begin(&r);
    start_plus(&r, 0);
    for (unsigned i = 0; i < 64; i++)
        put_desc(&r, TX_RING, i, DESC_OWN | DESC_FS | 0xffff, 0, TX_DATA);
    out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    CU_ASSERT_EQUAL(nr_get32(&r, TX_RING + 16 * 63) & DESC_OWN, 0);
    nic_rig_free(&r);
}

static void
test_plus_receives(void)
{
    NicRig r;

    begin(&r);
    start_plus(&r, 0);
    out16(&r, RTL_IMR, ISR_ROK);
    nr_host_sends_pattern(&r, 500, 4);
    CU_ASSERT_TRUE(r.irq);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING), DESC_FS | DESC_LS | RXD_PAM | 504);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 500, 4));
    nic_rig_free(&r);
}

static void
test_plus_ring_waits(void)
{
    NicRig r;

    begin(&r);
    start_plus(&r, 0);
    for (unsigned i = 0; i < RX_N + 2; i++)
        nr_host_sends_pattern(&r, 100, (guint8) i);
    CU_ASSERT_EQUAL(in16(&r, RTL_ISR) & ISR_RXOVW, 0);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 100, 0));
    put_desc(&r, RX_RING, 0, DESC_OWN | 1600, 0, RX_DATA);
    fake_advance(r.vm, 1000001); /* it looks by itself */
    nr_run(&r);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 100, RX_N));
    put_desc(&r, RX_RING, 1, DESC_OWN | 1600, 0, RX_DATA);
    out16(&r, RTL_ISR, ISR_ROK); /* or when the driver acknowledges */
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA, 100, RX_N + 1));
    nic_rig_free(&r);
}

static void
test_plus_spreads(void)
{
    NicRig r;

    begin(&r);
    start_plus(&r, 0);
    for (unsigned i = 0; i < RX_N; i++)
        nr_put32(&r, RX_RING + 16 * i,
                 DESC_OWN | (i == RX_N - 1 ? DESC_EOR : 0) | 256);
    nr_host_sends_pattern(&r, 600, 4);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING) & (DESC_FS | DESC_LS), DESC_FS);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 16) & (DESC_FS | DESC_LS), 0);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 32), DESC_LS | RXD_PAM | 604);
    CU_ASSERT_EQUAL(fake_ram(r.vm)[RX_DATA + 2 * RX_STEP + 87],
                    (guint8) (599 * 7 + 4));
    nic_rig_free(&r);
}

static void
test_plus_tags(void)
{
    NicRig r;
    guint8 frame[100], got[200];

    begin(&r);
    start_plus(&r, CPCR_RXVLAN);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 100, 1);
    put_desc(&r, TX_RING, 0, DESC_OWN | DESC_FS | DESC_LS | 100,
             TXD_TAGC | 0x4220, TX_DATA);
    out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 104);
    CU_ASSERT_EQUAL(memcmp(got + 12, "\x81\x00\x20\x42", 4), 0);
    nr_pattern(frame, sizeof frame, 1);
    memcpy(frame + 12, "\x81\x00\x20\x42", 4);
    nr_host_sends(&r, frame, sizeof frame);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING) & 0x1fff, 100);
    CU_ASSERT_EQUAL(nr_get32(&r, RX_RING + 4), RXD_TAVA | 0x4220);
    nic_rig_free(&r);
}

/* An IPv4 TCP frame with everything open that the chip fills in. */
static gsize
tcp_frame(guint8 *f, gsize payload)
{
    static const guint8 ip[] = {0x45, 0, 0,  0, 0, 1,  0,  0, 64, 6,
                                0,    0, 10, 0, 2, 15, 10, 0, 2,  2};

    nr_pattern(f, 54 + payload, 9);
    memcpy(f + 12, (const guint8[]){8, 0}, 2);
    memcpy(f + 14, ip, sizeof ip);
    memset(f + 34, 0, 20);
    f[46] = 0x50;
    return 54 + payload;
}

static void
test_plus_large_send(void)
{
    NicRig r;
    static guint8 got[65536];

    begin(&r);
    start_plus(&r, 0);
    gsize len = tcp_frame(fake_ram(r.vm) + TX_DATA, 4000);
    put_desc(&r, TX_RING, 0,
             DESC_OWN | DESC_FS | DESC_LS | TXD_LGSEN | 1460u << 16 |
                 (guint32) len,
             0, TX_DATA);
    out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), len);
    CU_ASSERT_EQUAL(r.header[1], 1);
    CU_ASSERT_EQUAL(r.header[2] | r.header[3] << 8, 54);
    CU_ASSERT_EQUAL(r.header[4] | r.header[5] << 8, 1460);
    CU_ASSERT_EQUAL(r.header[6], 34);
    CU_ASSERT_EQUAL(got[16] << 8 | got[17], 4040);
    nic_rig_free(&r);
}

/* NI06: offloads on frames that have no such headers. */
static void
test_plus_offload_of_nothing(void)
{
    NicRig r;
    guint8 got[2048];

    begin(&r);
    start_plus(&r, 0);
    for (unsigned len = 14; len < 60; len += 5) {
        memset(fake_ram(r.vm) + TX_DATA, 0x45, 100);
        memcpy(fake_ram(r.vm) + TX_DATA + 12, (const guint8[]){8, 0}, 2);
        fake_ram(r.vm)[TX_DATA + 23] = 6;
        put_desc(&r, TX_RING, 0,
                 DESC_OWN | DESC_EOR | DESC_FS | DESC_LS | TXD_IPCS |
                     TXD_TCPCS | len,
                 0, TX_DATA);
        out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
        CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 60);
        put_desc(&r, TX_RING, 0,
                 DESC_OWN | DESC_EOR | DESC_FS | DESC_LS | TXD_LGSEN |
                     100u << 16 | len,
                 0, TX_DATA);
        out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
        CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    }
    nic_rig_free(&r);
}

static void
test_tally(void)
{
    NicRig r;

    begin(&r);
    start_plus(&r, 0);
    nr_host_sends_pattern(&r, 100, 4);
    nr_write(&r, RTL_DTCCR + 4, 0);
    nr_write(&r, RTL_DTCCR, 0x8000 | 8);
    CU_ASSERT_EQUAL(nr_read(&r, RTL_DTCCR), 0x8000);
    CU_ASSERT_EQUAL(nr_get32(&r, 0x8008), 1);
    CU_ASSERT_EQUAL(nr_get32(&r, 0x8028), 1);
    nic_rig_free(&r);
}

static void
test_moves_amid_traffic(void)
{
    NicRig r;

    begin(&r);
    start_plus(&r, 0);
    nr_host_sends_pattern(&r, 100, 1);
    nr_pattern(fake_ram(r.vm) + TX_DATA, 300, 1);
    put_desc(&r, TX_RING, 0, DESC_OWN | DESC_FS | 100, 0, TX_DATA);
    out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
    nic_rig_move(&r);
    nr_host_sends_pattern(&r, 100, 2);
    CU_ASSERT_TRUE(nr_guest_has_pattern(&r, RX_DATA + RX_STEP, 100, 2));
    put_desc(&r, TX_RING, 1, DESC_OWN | DESC_LS | 200, 0, TX_DATA + 100);
    out8(&r, RTL_TPPOLL, TPPOLL_NPQ);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 300, 1));
    nic_rig_free(&r);
}

CU_MAIN("rtl8139", {"identity_and_address", test_identity},
        {"eeprom_is_read_line_by_line", test_eeprom},
        {"address_is_guarded", test_address_is_guarded},
        {"accesses_may_cross_registers", test_accesses_across_registers},
        {"timer_counts_at_33_mhz", test_timer}, {"cable_is_seen", test_link},
        {"sends_four_slots_in_turn", test_sends_in_turn},
        {"frame_too_long_is_dropped", test_frame_too_long_is_dropped},
        {"receives_into_the_buffer", test_receives_into_the_buffer},
        {"buffer_wraps", test_buffer_wraps},
        {"buffer_goes_on_behind_its_end", test_buffer_does_not_wrap},
        {"frame_goes_on_behind_the_end", test_frame_behind_the_end},
        {"full_buffer_is_told_again", test_full_buffer_is_told_again},
        {"full_buffer_waits", test_full_buffer_waits},
        {"odd_capr_is_a_full_buffer", test_odd_capr_is_a_full_buffer},
        {"filters_by_address", test_filters},
        {"loopback_comes_once", test_loopback},
        {"plus_sends_when_all_is_there", test_plus_sends},
        {"plus_endless_frame_ends", test_plus_endless_frame},
        {"plus_receives", test_plus_receives},
        {"plus_ring_without_descriptors_waits", test_plus_ring_waits},
        {"plus_spreads_over_descriptors", test_plus_spreads},
        {"plus_tags_come_and_go", test_plus_tags},
        {"plus_large_send_is_handed_on", test_plus_large_send},
        {"plus_offload_of_nothing_is_harmless", test_plus_offload_of_nothing},
        {"counters_are_dumped", test_tally},
        {"moves_amid_traffic", test_moves_amid_traffic})
