/* tests/unit/test-nic.c - how frames come to any emulated card: alone at once,
 * those of a stream together. The card is an e1000. */
#include "devices/net/e1000-internal.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/nic-rig.h"

extern const DeviceClass e1000_class;

#define RX_RING 0x2000u
#define N_DESCS 128u
#define RX_DATA 0x10000u
#define RX_STEP 0x800u
#define US      1000

static void
begin(NicRig *r)
{
    nic_rig_init(r, &e1000_class, NULL, 0);
    nr_write(r, E1000_RDBAL, RX_RING);
    nr_write(r, E1000_RDLEN, N_DESCS * 16);
    for (unsigned i = 0; i < N_DESCS; i++)
        nr_put64(r, RX_RING + 16 * i, RX_DATA + RX_STEP * i);
    nr_write(r, E1000_RDT, N_DESCS - 1);
    nr_write(r, E1000_RCTL, RCTL_EN | RCTL_SECRC);
    fake_advance(r->vm, 1000 * US);
}

static void
sends(NicRig *r, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        nr_host_sends_pattern(r, 100, (guint8) i);
}

/* Frames that are in the guest's memory. */
static guint32
has(NicRig *r)
{
    return nr_read(r, E1000_RDH);
}

static void
test_a_stream_is_collected(void)
{
    NicRig r;

    begin(&r);
    sends(&r, 80);
    CU_ASSERT_EQUAL(has(&r), 64);
    fake_advance(r.vm, 249 * US);
    CU_ASSERT_EQUAL(has(&r), 64);
    fake_advance(r.vm, 1 * US);
    CU_ASSERT_EQUAL(has(&r), 80);
    sends(&r, 12);
    CU_ASSERT_EQUAL(has(&r), 80); /* it goes on */
    fake_advance(r.vm, 250 * US);
    CU_ASSERT_EQUAL(has(&r), 92);
    nic_rig_free(&r);
}

static void
test_a_stream_that_ends_is_forgotten(void)
{
    NicRig r;

    begin(&r);
    sends(&r, 75);
    fake_advance(r.vm, 250 * US);
    CU_ASSERT_EQUAL(has(&r), 75);
    sends(&r, 1);
    CU_ASSERT_EQUAL(has(&r), 76);
    nic_rig_free(&r);
}

/* The cause of a sent frame, while what comes is collected. */
static void
test_interrupts_of_a_stream_keep_their_distance(void)
{
    NicRig r;

    begin(&r);
    nr_write(&r, E1000_IMS, INT_RXT0 | INT_TXDW);
    sends(&r, 80);
    (void) nr_read(&r, E1000_ICR);
    fake_advance(r.vm, 250 * US);
    CU_ASSERT_TRUE(r.irq); /* of those that were collected, at once */
    (void) nr_read(&r, E1000_ICR);
    CU_ASSERT_FALSE(r.irq);
    nr_write(&r, E1000_ICS, INT_TXDW);
    CU_ASSERT_FALSE(r.irq);
    fake_advance(r.vm, 199 * US);
    CU_ASSERT_FALSE(r.irq);
    fake_advance(r.vm, 1 * US);
    CU_ASSERT_TRUE(r.irq);
    nic_rig_free(&r);
}

static void
test_single_frames_never_wait(void)
{
    NicRig r;

    begin(&r);
    for (unsigned i = 1; i <= 100; i++) {
        sends(&r, 1);
        CU_ASSERT_EQUAL(has(&r), i);
        fake_advance(r.vm, 250 * US);
    }
    nic_rig_free(&r);
}

static void
test_a_machine_moves_amid_a_stream(void)
{
    NicRig r;

    begin(&r);
    sends(&r, 80);
    nic_rig_move(&r); /* what was not collected is lost, as on a cable */
    CU_ASSERT_EQUAL(has(&r), 64);
    sends(&r, 1);
    CU_ASSERT_EQUAL(has(&r), 65);
    fake_advance(r.vm, 250 * US);
    CU_ASSERT_EQUAL(has(&r), 65);
    nic_rig_free(&r);
}

CU_MAIN("nic", {"a_stream_is_collected", test_a_stream_is_collected},
        {"a_stream_that_ends_is_forgotten",
         test_a_stream_that_ends_is_forgotten},
        {"interrupts_of_a_stream_keep_their_distance",
         test_interrupts_of_a_stream_keep_their_distance},
        {"single_frames_never_wait", test_single_frames_never_wait},
        {"a_machine_moves_amid_a_stream", test_a_machine_moves_amid_a_stream})
