/* tests/unit/ne-cases.h - what the cards built of a DP8390 do alike; the test of
 * each defines NE_CLASS, NE_PORTS and NE_IRQ before. */
#pragma once

#include <string.h>

#include "devices/net/dp8390.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/nic-rig.h"

#define NODMA 0x20u

static void
out(NicRig *r, unsigned reg, guint8 value)
{
    fake_out8(r->vm, (guint16) (NE_PORTS + reg), value);
    nr_run(r);
}

static guint8
in(NicRig *r, unsigned reg)
{
    return fake_in8(r->vm, (guint16) (NE_PORTS + reg));
}

static void
remote(NicRig *r, guint16 at, guint16 len, unsigned op)
{
    out(r, DP_RSAR0, (guint8) at);
    out(r, DP_RSAR1, (guint8) (at >> 8));
    out(r, DP_RBCR0, (guint8) len);
    out(r, DP_RBCR1, (guint8) (len >> 8));
    out(r, DP_CR, (guint8) (CR_STA | op << 3));
}

static void
put_mem(NicRig *r, guint16 at, const guint8 *bytes, guint16 len)
{
    remote(r, at, len, 2);
    for (unsigned i = 0; i < len; i += 2)
        fake_out16(r->vm, NE_PORTS + DP_DATA,
                   (guint16) (bytes[i] | bytes[i + 1] << 8));
}

static void
get_mem(NicRig *r, guint16 at, guint8 *bytes, guint16 len)
{
    remote(r, at, len, 1);
    for (unsigned i = 0; i < len; i += 2) {
        guint16 word = fake_in16(r->vm, NE_PORTS + DP_DATA);
        bytes[i] = (guint8) word;
        bytes[i + 1] = (guint8) (word >> 8);
    }
}

/* Twelve pages to send from, a ring of 0x4c to 0x80, words. */
static void
start(NicRig *r, guint8 rcr)
{
    static const guint8 mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

    out(r, DP_CR, NODMA | CR_STP);
    out(r, DP_DCR, 0x48 | DP_DCR_WTS);
    out(r, DP_RCR, rcr);
    out(r, DP_TCR, 0);
    out(r, DP_PSTART, 0x4c);
    out(r, DP_PSTOP, 0x80);
    out(r, DP_BNRY, 0x4c);
    out(r, DP_ISR, 0xff);
    out(r, DP_CR, NODMA | CR_STP | 0x40);
    for (unsigned i = 0; i < 6; i++)
        out(r, DP_PAR0 + i, mac[i]);
    out(r, DP_CURR, 0x4d);
    out(r, DP_CR, NODMA | CR_STA);
}

static guint8
curr(NicRig *r)
{
    out(r, DP_CR, NODMA | CR_STA | 0x40);
    guint8 value = in(r, DP_CURR);
    out(r, DP_CR, NODMA | CR_STA);
    return value;
}

static bool
irq(NicRig *r)
{
    return r->bus != NULL ? r->irq : r->vm->level[NE_IRQ];
}

static void
test_prom_and_probe(void)
{
    NicRig r;
    guint8 prom[32];

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    CU_ASSERT_EQUAL(in(&r, DP_CR), NODMA | CR_STP);
    out(&r, DP_ISR, 0xff);
    (void) in(&r, DP_RESET);
    CU_ASSERT_EQUAL(in(&r, DP_ISR) & DP_ISR_RST, DP_ISR_RST);
    out(&r, DP_DCR, 0x48 | DP_DCR_WTS);
    get_mem(&r, 0, prom, 32);
    CU_ASSERT_EQUAL(prom[0], 0x52);
    CU_ASSERT_EQUAL(prom[1], 0x52);
    CU_ASSERT_EQUAL(prom[10], 0x56);
    CU_ASSERT_EQUAL(prom[28], 'W');
    CU_ASSERT_EQUAL(in(&r, DP_ISR) & DP_ISR_RDC, DP_ISR_RDC);
    CU_ASSERT_EQUAL(in(&r, DP_TCR), 0); /* a counter: how Linux knows it */
    nic_rig_free(&r);
}

static void
test_sends(void)
{
    NicRig r;
    guint8 frame[200];

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    start(&r, 0);
    out(&r, DP_IMR, DP_ISR_PTX);
    nr_pattern(frame, sizeof frame, 3);
    put_mem(&r, 0x4000, frame, sizeof frame);
    out(&r, DP_TPSR, 0x40);
    out(&r, DP_TBCR0, sizeof frame);
    out(&r, DP_TBCR1, 0);
    out(&r, DP_CR, NODMA | CR_STA | CR_TXP);
    CU_ASSERT_TRUE(nr_host_gets_pattern(&r, 200, 3));
    CU_ASSERT_TRUE(irq(&r));
    CU_ASSERT_EQUAL(in(&r, DP_CR) & CR_TXP, 0);
    CU_ASSERT_EQUAL(in(&r, DP_TPSR), DP_TSR_PTX);
    out(&r, DP_ISR, DP_ISR_PTX);
    CU_ASSERT_FALSE(irq(&r));
    nic_rig_free(&r);
}

static void
test_receives(void)
{
    NicRig r;
    guint8 got[304], want[300];

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    start(&r, 0);
    out(&r, DP_IMR, DP_ISR_PRX);
    nr_host_sends_pattern(&r, 300, 5);
    CU_ASSERT_TRUE(irq(&r));
    CU_ASSERT_EQUAL(curr(&r), 0x4f);
    get_mem(&r, 0x4d00, got, sizeof got);
    nr_pattern(want, sizeof want, 5);
    CU_ASSERT_EQUAL(got[0], DP_RSR_PRX);
    CU_ASSERT_EQUAL(got[1], 0x4f);
    CU_ASSERT_EQUAL(got[2] | got[3] << 8, 304);
    CU_ASSERT_EQUAL(memcmp(got + 4, want, 300), 0);
    nic_rig_free(&r);
}

/* From 0x4d to 0x80 are 51 pages: eight frames of six, then the ring's end. */
static void
test_ring_wraps_and_waits(void)
{
    NicRig r;
    guint8 got[1504], want[1500];

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    start(&r, 0);
    for (unsigned i = 0; i < 10; i++)
        nr_host_sends_pattern(&r, 1500, (guint8) i);
    CU_ASSERT_EQUAL(curr(&r), 0x4d + 48); /* the ninth waits */
    out(&r, DP_BNRY, 0x4c + 24);
    CU_ASSERT_EQUAL(curr(&r), 0x4d + 60 - 52);
    CU_ASSERT_EQUAL(in(&r, DP_ISR) & DP_ISR_OVW, 0);
    get_mem(&r, (0x4d + 48) << 8, got, sizeof got); /* over the end */
    nr_pattern(want, sizeof want, 8);
    CU_ASSERT_EQUAL(memcmp(got + 4, want, 1500), 0);
    nic_rig_free(&r);
}

/* Linux's driver leaves frames after nine, and may look for the last time just
 * before the next one comes. */
static void
test_unread_frames_are_told_again(void)
{
    NicRig r;

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    start(&r, 0);
    out(&r, DP_IMR, DP_ISR_PRX);
    nr_host_sends_pattern(&r, 1500, 1);
    nr_host_sends_pattern(&r, 1500, 2);
    out(&r, DP_BNRY, 0x4c + 6); /* the first was read */
    out(&r, DP_ISR, DP_ISR_PRX);
    CU_ASSERT_EQUAL(in(&r, DP_ISR), DP_ISR_PRX);
    CU_ASSERT_TRUE(irq(&r));
    out(&r, DP_BNRY, 0x4c + 12);
    out(&r, DP_ISR, DP_ISR_PRX);
    CU_ASSERT_EQUAL(in(&r, DP_ISR), 0);
    CU_ASSERT_FALSE(irq(&r));
    nic_rig_free(&r);
}

/* Linux's driver writes the page before what it reads next, whatever that is:
 * 0x4b when a frame ended with the ring. */
static void
test_boundary_before_the_ring(void)
{
    NicRig r;

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    start(&r, 0);
    for (unsigned i = 0; i < 8; i++)
        nr_host_sends_pattern(&r, 1500, (guint8) i);
    out(&r, DP_BNRY, 0x4c + 48);
    nr_host_sends_pattern(&r, 700, 8); /* three pages: the last ones */
    CU_ASSERT_EQUAL(curr(&r), 0x4c);
    out(&r, DP_BNRY, 0x4b);
    out(&r, DP_ISR, 0xff);
    CU_ASSERT_EQUAL(in(&r, DP_ISR), 0); /* all was read */
    for (unsigned i = 0; i < 10; i++)
        nr_host_sends_pattern(&r, 1500, (guint8) i);
    CU_ASSERT_EQUAL(curr(&r), 0x4c + 48); /* the ninth waits */
    CU_ASSERT_EQUAL(in(&r, DP_ISR) & (DP_ISR_PRX | DP_ISR_OVW), DP_ISR_PRX);
    nic_rig_free(&r);
}

/* Linux's driver writes neither STA nor STP when it looks for CURR. */
static void
test_receives_amid_a_change_of_page(void)
{
    NicRig r;

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    out(&r, DP_CR, NODMA);
    CU_ASSERT_EQUAL(in(&r, DP_CR) & (CR_STA | CR_STP), CR_STP);
    start(&r, 0);
    out(&r, DP_CR, NODMA | 0x40);
    nr_host_sends_pattern(&r, 100, 1);
    CU_ASSERT_EQUAL(in(&r, DP_CURR), 0x4e);
    out(&r, DP_CR, NODMA);
    nr_host_sends_pattern(&r, 100, 2);
    CU_ASSERT_EQUAL(curr(&r), 0x4f);
    nic_rig_free(&r);
}

static bool
takes(NicRig *r, const char *address)
{
    guint8 frame[100], before = curr(r);

    nr_pattern(frame, sizeof frame, 1);
    memcpy(frame, address, 6);
    nr_host_sends(r, frame, sizeof frame);
    return curr(r) != before;
}

static void
test_filters(void)
{
    NicRig r;

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    start(&r, DP_RCR_AB);
    CU_ASSERT_TRUE(takes(&r, "\xff\xff\xff\xff\xff\xff"));
    CU_ASSERT_TRUE(takes(&r, "\x52\x54\x00\x12\x34\x56"));
    CU_ASSERT_FALSE(takes(&r, "\x52\x54\x00\x12\x34\x57"));
    CU_ASSERT_FALSE(takes(&r, "\x01\x00\x5e\x00\x00\x01"));
    out(&r, DP_CR, NODMA | CR_STA | 0x40);
    out(&r, DP_MAR0 + 3, 0x80); /* the CRC-32 begins with 011111 */
    out(&r, DP_CR, NODMA | CR_STA);
    out(&r, DP_RCR, DP_RCR_AM);
    CU_ASSERT_TRUE(takes(&r, "\x01\x00\x5e\x00\x00\x01"));
    out(&r, DP_RCR, DP_RCR_PRO);
    CU_ASSERT_TRUE(takes(&r, "\x52\x54\x00\x12\x34\x57"));
    nic_rig_free(&r);
}

/* NI07: rings that are none, frames from outside the memory. */
static void
test_hostile_pages(void)
{
    static const guint8 bad[][4] = {
        {0x80, 0x4c, 0x4c, 0x4d}, {0x00, 0xff, 0x00, 0x00},
        {0x4c, 0x80, 0xff, 0x4d}, {0x4c, 0x80, 0x4c, 0xff},
        {0x4c, 0x4c, 0x4c, 0x4c}, {0x4c, 0x4d, 0x4c, 0x4c}};
    NicRig r;
    guint8 got[2048];

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    start(&r, DP_RCR_PRO);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        out(&r, DP_PSTART, bad[i][0]);
        out(&r, DP_PSTOP, bad[i][1]);
        out(&r, DP_BNRY, bad[i][2]);
        out(&r, DP_CR, NODMA | CR_STA | 0x40);
        out(&r, DP_CURR, bad[i][3]);
        out(&r, DP_CR, NODMA | CR_STA);
        nr_host_sends_pattern(&r, 1500, 1);
        get_mem(&r, 0xfff0, got, 64); /* remote DMA past all */
    }
    for (unsigned i = 0; i < 256; i += 15) {
        out(&r, DP_TPSR, (guint8) i);
        out(&r, DP_TBCR1, (guint8) i);
        out(&r, DP_CR, NODMA | CR_STA | CR_TXP);
        CU_ASSERT_EQUAL(in(&r, DP_CR) & CR_TXP, 0);
    }
    nic_rig_free(&r);
}

static void
test_loopback(void)
{
    NicRig r;
    guint8 got[128];

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    start(&r, DP_RCR_PRO);
    out(&r, DP_TCR, 2);
    out(&r, DP_TPSR, 0x40);
    out(&r, DP_TBCR0, 100);
    out(&r, DP_CR, NODMA | CR_STA | CR_TXP);
    CU_ASSERT_EQUAL(in(&r, DP_ISR) & DP_ISR_PTX, DP_ISR_PTX);
    CU_ASSERT_EQUAL(nr_host_gets(&r, got, sizeof got), 0);
    CU_ASSERT_EQUAL(curr(&r), 0x4d);
    nic_rig_free(&r);
}

static void
test_moves_amid_traffic(void)
{
    NicRig r;
    guint8 got[104], want[100];

    nic_rig_init(&r, &NE_CLASS, NULL, 0);
    start(&r, 0);
    out(&r, DP_IMR, DP_ISR_PRX);
    nr_host_sends_pattern(&r, 100, 5);
    nic_rig_move(&r);
    CU_ASSERT_TRUE(r.bus == NULL || irq(&r)); /* ISA: the controller has it */
    get_mem(&r, 0x4d00, got, sizeof got);
    nr_pattern(want, sizeof want, 5);
    CU_ASSERT_EQUAL(memcmp(got + 4, want, 100), 0);
    nr_host_sends_pattern(&r, 100, 6);
    CU_ASSERT_EQUAL(curr(&r), 0x4f);
    nic_rig_free(&r);
}

#define NE_CASES                                                               \
    {"prom_and_probe", test_prom_and_probe}, {"sends", test_sends},            \
        {"receives", test_receives},                                           \
        {"ring_wraps_and_waits", test_ring_wraps_and_waits},                   \
        {"unread_frames_are_told_again", test_unread_frames_are_told_again},   \
        {"boundary_before_the_ring", test_boundary_before_the_ring},           \
        {"receives_amid_a_change_of_page",                                     \
         test_receives_amid_a_change_of_page},                                 \
        {"filters_by_address", test_filters},                                  \
        {"hostile_pages_are_harmless", test_hostile_pages},                    \
        {"loopback_stays_inside", test_loopback},                              \
    {                                                                          \
        "moves_amid_traffic", test_moves_amid_traffic                          \
    }
