/* tests/unit/test-virtq.c - virtqueues, split and packed: what a good driver
 * does works, whatever a bad one does stops the device and nothing else. */
#include <string.h>

#include "devices/virtio/virtq-internal.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-card.h"

#define SPLIT  (~VIRTIO_F_RING_PACKED)
#define PACKED G_MAXUINT64
#define TABLE  (VR_DATA + 0x40000)
#define HOLE   0x10000000u /* no memory */

typedef struct {
    VirtioRig r;
    VirtioCard *card;
} Fixture;

static void
begin(Fixture *f, guint64 accept)
{
    f->card = virtio_card_begin(&f->r, VR_PCI);
    virtio_rig_start(&f->r, accept, CARD_QUEUES);
}

static void
end(Fixture *f)
{
    virtio_rig_free(&f->r);
}

static void *
ram(Fixture *f, guint64 at)
{
    return fake_ram(f->r.vm) + at;
}

static Virtq *
queue(Fixture *f, unsigned i)
{
    return virtio_queue(&f->card->virtio, i);
}

/* The next pop finds nothing, the device says NEEDS_RESET, and the log says
 * why; after a reset it works again. */
static void
expect_broken(Fixture *f, guint64 accept, const char *why)
{
    const VrBuf good = {VR_DATA, 8, false};
    CardElem e;

    CU_ASSERT_FALSE(virtio_card_pop(f->card, 0, &e));
    CU_ASSERT_TRUE(virtio_rig_status(&f->r) & VIRTIO_STATUS_NEEDS_RESET);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->r.vm->log->str, why));
    if (strstr(f->r.vm->log->str, why) == NULL)
        g_printerr("# log: %s", f->r.vm->log->str);
    virtio_rig_start(&f->r, accept, CARD_QUEUES);
    virtio_rig_add(&f->r, 0, &good, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f->card, 0, &e));
    virtio_card_give(f->card, 0, &e, 0);
    end(f);
}

/* ---- good drivers ---- */

static void
check_chain(guint64 accept)
{
    Fixture f;
    CardElem e;
    guint16 id;
    guint32 len;
    const VrBuf bufs[] = {{VR_DATA, 10, false},
                          {VR_DATA + 0x100, 20, false},
                          {VR_DATA + 0x200, 30, true}};

    begin(&f, accept);
    guint16 head = virtio_rig_add(&f.r, 0, bufs, 3);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    CU_ASSERT_EQUAL(e.e.n_out, 2);
    CU_ASSERT_EQUAL(e.e.n_in, 1);
    CU_ASSERT_EQUAL(e.e.out_len, 30);
    CU_ASSERT_EQUAL(e.e.in_len, 30);
    CU_ASSERT_PTR_EQUAL(e.iov[1].iov_base, ram(&f, VR_DATA + 0x100));
    CU_ASSERT_EQUAL(e.iov[2].iov_len, 30);
    CU_ASSERT_FALSE(device_is_quiet(f.r.dev));
    CU_ASSERT_FALSE(virtio_rig_used(&f.r, 0, &id, &len));
    virtio_card_give(f.card, 0, &e, 7);
    CU_ASSERT_TRUE(virtio_rig_used(&f.r, 0, &id, &len));
    CU_ASSERT_EQUAL(id, head);
    CU_ASSERT_EQUAL(len, 7);
    CU_ASSERT_TRUE(device_is_quiet(f.r.dev));
    CU_ASSERT_FALSE(virtio_card_pop(f.card, 0, &e));
    end(&f);
}

static void
test_chain(void)
{
    check_chain(SPLIT);
    check_chain(PACKED);
}

static void
check_indirect(guint64 accept)
{
    Fixture f;
    CardElem e;
    const VrBuf bufs[] = {{VR_DATA, 1, false},
                          {VR_DATA + 1, 2, false},
                          {VR_DATA + 3, 4, true},
                          {VR_DATA + 7, 8, true}};

    begin(&f, accept);
    /* at an odd place: tables need no alignment */
    virtio_rig_add_indirect(&f.r, 0, TABLE + 3, bufs, 4);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    CU_ASSERT_EQUAL(e.e.n_out, 2);
    CU_ASSERT_EQUAL(e.e.n_in, 2);
    CU_ASSERT_EQUAL(e.e.out_len, 3);
    CU_ASSERT_EQUAL(e.e.in_len, 12);
    virtio_card_give(f.card, 0, &e, 12);
    end(&f);
}

static void
test_indirect(void)
{
    check_indirect(SPLIT);
    check_indirect(PACKED);
}

/* 2.7.5.3.2: descriptors, then one indirect table, in one chain. */
static void
test_chain_then_table(void)
{
    Fixture f;
    CardElem e;
    const VrBuf in = {VR_DATA + 0x100, 8, true};

    begin(&f, SPLIT);
    vr_put_desc(&f.r, f.r.q[0].desc, VR_DATA, 4, VIRTQ_DESC_NEXT, 1);
    vr_put_desc(&f.r, f.r.q[0].desc + 16, TABLE, 16, VIRTQ_DESC_INDIRECT, 0);
    vr_put_desc(&f.r, TABLE, in.addr, in.len, VIRTQ_DESC_WRITE, 0);
    vr_put16(&f.r, f.r.q[0].driver + 2, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    CU_ASSERT_EQUAL(e.e.out_len, 4);
    CU_ASSERT_EQUAL(e.e.in_len, 8);
    virtio_card_give(f.card, 0, &e, 0);
    end(&f);
}

/* Many times round, two at a time, given back in the other order. */
static void
check_wraps(guint64 accept)
{
    Fixture f;
    CardElem a, b;
    guint16 id, first, second;
    guint32 len;
    const VrBuf one[] = {{VR_DATA, 8, false}};
    const VrBuf two[] = {{VR_DATA, 8, false}, {VR_DATA + 8, 8, true}};

    begin(&f, accept);
    for (unsigned i = 0; i < 70000; i++) {
        first = virtio_rig_add(&f.r, 0, one, 1);
        second = virtio_rig_add(&f.r, 0, two, 2);
        if (!virtio_card_pop(f.card, 0, &a) || !virtio_card_pop(f.card, 0, &b))
            break;
        virtio_card_give(f.card, 0, &b, 5);
        virtio_card_give(f.card, 0, &a, 3);
        if (!virtio_rig_used(&f.r, 0, &id, &len) || id != second || len != 5 ||
            !virtio_rig_used(&f.r, 0, &id, &len) || id != first || len != 0) {
            CU_FAIL("a buffer was lost");
            break;
        }
    }
    CU_ASSERT_EQUAL(virtio_rig_status(&f.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    end(&f);
}

static void
test_wraps(void)
{
    check_wraps(SPLIT);
    check_wraps(SPLIT & ~VIRTIO_F_EVENT_IDX);
    check_wraps(PACKED);
    check_wraps(PACKED & ~VIRTIO_F_EVENT_IDX);
}

static void
check_unpop(guint64 accept)
{
    Fixture f;
    CardElem a, b;
    const VrBuf one[] = {{VR_DATA, 8, true}};
    const VrBuf two[] = {{VR_DATA + 16, 8, true}, {VR_DATA + 32, 8, true}};

    begin(&f, accept);
    virtio_rig_add(&f.r, 0, one, 1);
    virtio_rig_add(&f.r, 0, two, 2);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &a));
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &b));
    virtio_lock(f.r.v);
    virtq_unpop(queue(&f, 0), &b.e);
    virtq_unpop(queue(&f, 0), &a.e);
    CU_ASSERT_EQUAL(virtq_in_flight(queue(&f, 0)), 0);
    virtio_unlock(f.r.v);
    CU_ASSERT_TRUE(device_is_quiet(f.r.dev));
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &a));
    CU_ASSERT_EQUAL(a.e.n_in, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &b));
    CU_ASSERT_EQUAL(b.e.n_in, 2);
    virtio_card_give(f.card, 0, &b, 0);
    virtio_card_give(f.card, 0, &a, 0);
    end(&f);
}

static void
test_unpop(void)
{
    check_unpop(SPLIT);
    check_unpop(PACKED);
}

/* All that was pushed shows at the flush, at once. */
static void
check_batch(guint64 accept)
{
    Fixture f;
    CardElem e[3];
    guint16 id;
    guint32 len;
    const VrBuf one[] = {{VR_DATA, 8, true}};

    begin(&f, accept);
    for (unsigned i = 0; i < 3; i++) {
        virtio_rig_add(&f.r, 0, one, 1);
        CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e[i]));
    }
    virtio_lock(f.r.v);
    for (unsigned i = 0; i < 3; i++)
        virtq_push(queue(&f, 0), &e[i].e, i + 1);
    CU_ASSERT_FALSE(virtio_rig_used(&f.r, 0, &id, &len));
    virtq_flush(queue(&f, 0));
    virtio_unlock(f.r.v);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(virtio_rig_used(&f.r, 0, &id, &len));
        CU_ASSERT_EQUAL(len, i + 1);
    }
    end(&f);
}

static void
test_batch(void)
{
    check_batch(SPLIT);
    check_batch(PACKED);
}

/* ---- wishes ---- */

static unsigned
serve_one(Fixture *f)
{
    const VrBuf one[] = {{VR_DATA, 8, true}};
    guint before = f->r.vm->msis;
    CardElem e;

    virtio_rig_add(&f->r, 0, one, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f->card, 0, &e));
    virtio_card_give(f->card, 0, &e, 0);
    return f->r.vm->msis - before;
}

static void
test_split_no_interrupt_flag(void)
{
    Fixture f;

    begin(&f, SPLIT & ~VIRTIO_F_EVENT_IDX);
    vr_enable_msix(&f.r, 2);
    CU_ASSERT_EQUAL(serve_one(&f), 1);
    vr_put16(&f.r, f.r.q[0].driver, 1);
    CU_ASSERT_EQUAL(serve_one(&f), 0);
    vr_put16(&f.r, f.r.q[0].driver, 0);
    CU_ASSERT_EQUAL(serve_one(&f), 1);
    end(&f);
}

static void
test_split_event_index(void)
{
    Fixture f;
    guint64 used_event;

    begin(&f, SPLIT);
    used_event = f.r.q[0].driver + 4 + 2 * 16;
    vr_enable_msix(&f.r, 2);
    vr_put16(&f.r, used_event, 2); /* after the third */
    CU_ASSERT_EQUAL(serve_one(&f), 0);
    CU_ASSERT_EQUAL(serve_one(&f), 0);
    CU_ASSERT_EQUAL(serve_one(&f), 1);
    CU_ASSERT_EQUAL(serve_one(&f), 0);
    vr_put16(&f.r, used_event, 4);
    CU_ASSERT_EQUAL(serve_one(&f), 1);
    end(&f);
}

static void
test_packed_event(void)
{
    Fixture f;

    begin(&f, PACKED);
    vr_enable_msix(&f.r, 2);
    CU_ASSERT_EQUAL(serve_one(&f), 1); /* 0: enabled */
    vr_put16(&f.r, f.r.q[0].driver + 2, 1);
    CU_ASSERT_EQUAL(serve_one(&f), 0);
    /* at slot 3 of this lap; two are used */
    vr_put16(&f.r, f.r.q[0].driver, 3 | 0x8000);
    vr_put16(&f.r, f.r.q[0].driver + 2, 2);
    CU_ASSERT_EQUAL(serve_one(&f), 0);
    CU_ASSERT_EQUAL(serve_one(&f), 1);
    CU_ASSERT_EQUAL(serve_one(&f), 0);
    /* slot 1 of the next lap: 5 .. 15, then 0, then 1 */
    vr_put16(&f.r, f.r.q[0].driver, 1);
    for (unsigned i = 5; i < 17; i++)
        CU_ASSERT_EQUAL(serve_one(&f), 0);
    CU_ASSERT_EQUAL(serve_one(&f), 1);
    end(&f);
}

static void
check_listen(guint64 accept)
{
    Fixture f;
    CardElem e;
    const VrBuf one[] = {{VR_DATA, 8, true}};

    begin(&f, accept);
    virtio_lock(f.r.v);
    virtq_suppress(queue(&f, 0));
    CU_ASSERT_TRUE(virtq_listen(queue(&f, 0)));
    virtio_rig_add(&f.r, 0, one, 1);
    CU_ASSERT_FALSE(virtq_listen(queue(&f, 0)));
    CU_ASSERT_TRUE(virtq_has_buffer(queue(&f, 0)));
    virtio_unlock(f.r.v);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    virtio_card_give(f.card, 0, &e, 0);
    end(&f);
}

static void
test_listen(void)
{
    check_listen(SPLIT);
    check_listen(SPLIT & ~VIRTIO_F_EVENT_IDX);
    check_listen(PACKED);
    check_listen(PACKED & ~VIRTIO_F_EVENT_IDX);
}

static void
test_wishes_of_the_device(void)
{
    Fixture f;

    begin(&f, SPLIT & ~VIRTIO_F_EVENT_IDX);
    virtio_lock(f.r.v);
    virtq_suppress(queue(&f, 0));
    CU_ASSERT_EQUAL(vr_get16(&f.r, f.r.q[0].device), 1);
    (void) virtq_listen(queue(&f, 0));
    CU_ASSERT_EQUAL(vr_get16(&f.r, f.r.q[0].device), 0);
    virtio_unlock(f.r.v);
    end(&f);
    begin(&f, SPLIT);
    (void) serve_one(&f);
    virtio_lock(f.r.v);
    (void) virtq_listen(queue(&f, 0));
    CU_ASSERT_EQUAL(vr_get16(&f.r, f.r.q[0].device + 4 + 8 * 16), 1);
    virtio_unlock(f.r.v);
    end(&f);
    begin(&f, PACKED);
    (void) serve_one(&f);
    virtio_lock(f.r.v);
    virtq_suppress(queue(&f, 0));
    CU_ASSERT_EQUAL(vr_get16(&f.r, f.r.q[0].device + 2), 1);
    (void) virtq_listen(queue(&f, 0));
    CU_ASSERT_EQUAL(vr_get16(&f.r, f.r.q[0].device), 1 | 0x8000);
    CU_ASSERT_EQUAL(vr_get16(&f.r, f.r.q[0].device + 2), 2);
    virtio_unlock(f.r.v);
    end(&f);
}

/* ---- bad drivers: split ---- */

/* One raw descriptor as head of queue 0. */
static void
raw(Fixture *f, guint64 addr, guint32 len, guint16 flags, guint16 next)
{
    VrQueue *q = &f->r.q[0];

    if (f->r.packed)
        flags |= VIRTQ_DESC_AVAIL;
    vr_put_desc(&f->r, q->desc, addr, len, flags, next);
    if (!f->r.packed) {
        vr_put16(&f->r, q->driver + 4, 0);
        vr_put16(&f->r, q->driver + 2, 1);
    }
}

static void
test_split_loops(void)
{
    Fixture f;

    begin(&f, SPLIT); /* itself */
    raw(&f, VR_DATA, 8, VIRTQ_DESC_NEXT, 0);
    expect_broken(&f, SPLIT, "does not end");
    begin(&f, SPLIT); /* two */
    raw(&f, VR_DATA, 8, VIRTQ_DESC_NEXT, 1);
    vr_put_desc(&f.r, f.r.q[0].desc + 16, VR_DATA, 8, VIRTQ_DESC_NEXT, 0);
    expect_broken(&f, SPLIT, "does not end");
    begin(&f, SPLIT); /* in a table */
    raw(&f, TABLE, 32, VIRTQ_DESC_INDIRECT, 0);
    vr_put_desc(&f.r, TABLE, VR_DATA, 8, VIRTQ_DESC_NEXT, 1);
    vr_put_desc(&f.r, TABLE + 16, VR_DATA, 8, VIRTQ_DESC_NEXT, 0);
    expect_broken(&f, SPLIT, "in an indirect table does not end");
}

static void
test_split_indices(void)
{
    Fixture f;

    begin(&f, SPLIT);
    raw(&f, VR_DATA, 8, VIRTQ_DESC_NEXT, 16);
    expect_broken(&f, SPLIT, "descriptor 16 comes next");
    begin(&f, SPLIT);
    vr_put16(&f.r, f.r.q[0].driver + 4, 16);
    vr_put16(&f.r, f.r.q[0].driver + 2, 1);
    expect_broken(&f, SPLIT, "descriptor 16 was made available");
    begin(&f, SPLIT);
    vr_put16(&f.r, f.r.q[0].driver + 2, 17);
    expect_broken(&f, SPLIT, "from 0 to 17");
    begin(&f, SPLIT);
    vr_put16(&f.r, f.r.q[0].driver + 2, 0xffff);
    expect_broken(&f, SPLIT, "from 0 to 65535");
    begin(&f, SPLIT);
    raw(&f, TABLE, 32, VIRTQ_DESC_INDIRECT, 0);
    vr_put_desc(&f.r, TABLE, VR_DATA, 8, VIRTQ_DESC_NEXT, 2);
    expect_broken(&f, SPLIT, "descriptor 2 comes next in a table of 2");
}

/* The same buffer again and again, never waiting for it: bounded. */
static void
test_too_many_in_flight(void)
{
    Fixture f;
    CardElem e[17];

    begin(&f, SPLIT);
    raw(&f, VR_DATA, 8, 0, 0);
    for (unsigned i = 0; i < 16; i++) {
        vr_put16(&f.r, f.r.q[0].driver + 2, (guint16) (i + 1));
        CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e[i]));
    }
    vr_put16(&f.r, f.r.q[0].driver + 2, 17);
    CU_ASSERT_FALSE(virtio_card_pop(f.card, 0, &e[16]));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.r.vm->log->str, "more buffers in use"));
    virtio_rig_set_status(&f.r, 0);
    CU_ASSERT_NOT_EQUAL(virtio_rig_status(&f.r), 0); /* they are out */
    for (unsigned i = 0; i < 16; i++)
        virtio_card_give(f.card, 0, &e[i], 0);
    CU_ASSERT_EQUAL(virtio_rig_status(&f.r), 0);
    end(&f);
}

/* ---- bad drivers: both rings ---- */

static void
check_bad_pieces(guint64 accept)
{
    static const struct {
        guint64 addr;
        guint32 len;
        guint16 flags;
        const char *why;
    } rows[] = {
        {VR_DATA, 0, 0, "a descriptor of 0 bytes"},
        {HOLE, 8, 0, "a buffer of 8 bytes at 0x10000000 is not in memory"},
        {VR_RAM - 4, 8, 0, "is not in memory"},
        {G_MAXUINT64 - 0xff, 512, 0, "is not in memory"},
        {VR_DATA, G_MAXUINT32, 0, "is not in memory"},
        {HOLE, 8, VIRTQ_DESC_WRITE, "that can be written"},
        {TABLE, 0, VIRTQ_DESC_INDIRECT, "no multiple of 16"},
        {TABLE, 24, VIRTQ_DESC_INDIRECT, "no multiple of 16"},
        {TABLE, 65537 * 16, VIRTQ_DESC_INDIRECT, "too long"},
        {TABLE, 16, VIRTQ_DESC_INDIRECT | VIRTQ_DESC_NEXT, "descriptor after"},
        {HOLE, 16, VIRTQ_DESC_INDIRECT, "0x10000000 is not in memory"},
        {G_MAXUINT64 - 7, 16, VIRTQ_DESC_INDIRECT, "is not in memory"},
        {VR_RAM - 16, 32, VIRTQ_DESC_INDIRECT, "0 bytes"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Fixture f;
        begin(&f, accept);
        raw(&f, rows[i].addr, rows[i].len, rows[i].flags, 0);
        expect_broken(&f, accept, rows[i].why);
    }
}

static void
test_bad_pieces(void)
{
    check_bad_pieces(SPLIT);
    check_bad_pieces(PACKED);
}

static void
check_bad_order(guint64 accept)
{
    Fixture f;
    const VrBuf bufs[] = {{VR_DATA, 8, true}, {VR_DATA + 8, 8, false}};

    begin(&f, accept);
    virtio_rig_add(&f.r, 0, bufs, 2);
    expect_broken(&f, accept, "a part to read after one to write");
    begin(&f, accept);
    virtio_rig_add_indirect(&f.r, 0, TABLE, bufs, 2);
    expect_broken(&f, accept, "a part to read after one to write");
}

static void
test_bad_order(void)
{
    check_bad_order(SPLIT);
    check_bad_order(PACKED);
}

static void
check_too_many_pieces(guint64 accept)
{
    Fixture f;
    VrBuf bufs[CARD_MAX_IOV + 1];
    CardElem e;

    for (unsigned i = 0; i <= CARD_MAX_IOV; i++)
        bufs[i] = (VrBuf){VR_DATA + 16 * i, 8, false};
    begin(&f, accept);
    virtio_rig_add_indirect(&f.r, 0, TABLE, bufs, CARD_MAX_IOV);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    virtio_card_give(f.card, 0, &e, 0);
    virtio_rig_add_indirect(&f.r, 0, TABLE, bufs, CARD_MAX_IOV + 1);
    expect_broken(&f, accept, "more than 24 pieces");
}

static void
test_too_many_pieces(void)
{
    check_too_many_pieces(SPLIT);
    check_too_many_pieces(PACKED);
}

/* 16 times 256 MiB would wrap a sum of 32 bits. */
static void
test_sum_over_4g(void)
{
    Fixture f;

    begin(&f, SPLIT);
    raw(&f, VR_DATA, G_MAXUINT32, VIRTQ_DESC_NEXT, 1);
    vr_put_desc(&f.r, f.r.q[0].desc + 16, VR_DATA, 1, 0, 0);
    expect_broken(&f, SPLIT, "over 4 GiB");
}

static void
check_not_negotiated(guint64 accept)
{
    Fixture f;

    begin(&f, accept & ~VIRTIO_F_INDIRECT_DESC);
    raw(&f, TABLE, 16, VIRTQ_DESC_INDIRECT, 0);
    expect_broken(&f, accept & ~VIRTIO_F_INDIRECT_DESC, "not negotiated");
}

static void
test_indirect_rules(void)
{
    Fixture f;

    check_not_negotiated(SPLIT);
    check_not_negotiated(PACKED);
    begin(&f, SPLIT);
    raw(&f, TABLE, 16, VIRTQ_DESC_INDIRECT, 0);
    vr_put_desc(&f.r, TABLE, TABLE + 64, 16, VIRTQ_DESC_INDIRECT, 0);
    expect_broken(&f, SPLIT, "inside another");
    begin(&f, PACKED);
    raw(&f, VR_DATA, 8, VIRTQ_DESC_NEXT, 0);
    vr_put_desc(&f.r, f.r.q[0].desc + 16, TABLE, 16, VIRTQ_DESC_INDIRECT, 0);
    expect_broken(&f, PACKED, "in the middle of a chain");
}

static void
test_packed_endless_chain(void)
{
    Fixture f;

    begin(&f, PACKED);
    for (unsigned i = 0; i < 16; i++)
        vr_put_desc(&f.r, f.r.q[0].desc + 16 * i, VR_DATA, 8,
                    VIRTQ_DESC_NEXT | VIRTQ_DESC_AVAIL, 0);
    expect_broken(&f, PACKED, "does not end");
}

/* ---- areas ---- */

static void
check_areas(guint64 accept, guint64 desc, guint64 driver, guint64 device,
            const char *why)
{
    Fixture f;

    f.card = virtio_card_begin(&f.r, VR_PCI);
    virtio_rig_negotiate(&f.r, accept);
    virtio_rig_set_areas(&f.r, 0, 16, desc, driver, device);
    virtio_rig_set_status(&f.r, VIRTIO_STATUS_DRIVER_OK);
    expect_broken(&f, accept, why);
}

static void
test_bad_areas(void)
{
    guint64 ok = VR_RINGS;

    check_areas(SPLIT, ok + 8, ok + 0x1000, ok + 0x2000, "16 bytes");
    check_areas(SPLIT, ok, ok + 0x1001, ok + 0x2000, "2 bytes");
    check_areas(SPLIT, ok, ok + 0x1000, ok + 0x2002, "4 bytes");
    check_areas(PACKED, ok, ok + 0x1002, ok + 0x2000, "4 bytes");
    check_areas(SPLIT, HOLE, ok + 0x1000, ok + 0x2000, "not in memory");
    check_areas(SPLIT, ok, HOLE, ok + 0x2000, "not in memory");
    check_areas(SPLIT, ok, ok + 0x1000, HOLE, "that can be written");
    check_areas(PACKED, HOLE, ok + 0x1000, ok, "that can be written");
    check_areas(SPLIT, G_MAXUINT64 & ~15ull, ok, ok, "not in memory");
    check_areas(SPLIT, VR_RAM - 16, ok + 0x1000, ok, "not in memory");
}

/* The areas may lie on top of each other: nonsense, but harmless. */
static void
test_overlap(void)
{
    Fixture f;
    CardElem e;

    f.card = virtio_card_begin(&f.r, VR_PCI);
    virtio_rig_negotiate(&f.r, SPLIT);
    memset(ram(&f, VR_RINGS), 0, 4096);
    virtio_rig_set_areas(&f.r, 0, 16, VR_RINGS, VR_RINGS, VR_RINGS);
    virtio_rig_set_status(&f.r, VIRTIO_STATUS_DRIVER_OK);
    vr_put16(&f.r, VR_RINGS + 2, 1);
    for (unsigned i = 0; i < 100 && virtio_card_pop(f.card, 0, &e); i++)
        virtio_card_give(f.card, 0, &e, 0);
    end(&f);
}

/* A ring that spans two blocks of memory is slower, and right. */
static void
test_ring_in_two_slots(void)
{
    Fixture f;
    FakeVm *vm;

    f.card = virtio_card_begin(&f.r, VR_PCI);
    vm = f.r.vm;
    MemSlot *slot = mem_slot_new(vm->env.mem, "more", vm->ram, 0, 0x8000);
    CU_ASSERT_EQUAL(mem_slot_map(slot, VR_RAM, MEM_RW), 0);
    /* backing offset 0 is guest 0 and VR_RAM; the ring begins 128 bytes
     * before the end of the first slot */
    virtio_rig_negotiate(&f.r, SPLIT);
    virtio_rig_set_areas(&f.r, 0, 16, VR_RAM - 128, VR_RINGS, VR_RINGS + 4096);
    virtio_rig_set_status(&f.r, VIRTIO_STATUS_DRIVER_OK);
    vr_put_desc(&f.r, VR_RAM - 16, VR_DATA, 8, VIRTQ_DESC_NEXT, 9);
    vr_put_desc(&f.r, 16, VR_DATA + 0x100, 24, VIRTQ_DESC_WRITE, 0);
    vr_put16(&f.r, VR_RINGS + 4, 7);
    vr_put16(&f.r, VR_RINGS + 2, 1);
    CardElem e;
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    CU_ASSERT_EQUAL(e.e.out_len, 8);
    CU_ASSERT_EQUAL(e.e.in_len, 24);
    virtio_card_give(f.card, 0, &e, 24);
    CU_ASSERT_EQUAL(vr_get32(&f.r, VR_RINGS + 4096 + 4), 7);
    CU_ASSERT_EQUAL(vr_get32(&f.r, VR_RINGS + 4096 + 8), 24);
    /* a buffer across the same border takes two pieces */
    vr_put_desc(&f.r, VR_RAM - 16, VR_RAM - 32, 64, 0, 0);
    vr_put16(&f.r, VR_RINGS + 6, 7);
    vr_put16(&f.r, VR_RINGS + 2, 2);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    CU_ASSERT_EQUAL(e.e.n_out, 2);
    CU_ASSERT_EQUAL(e.iov[0].iov_len, 32);
    virtio_card_give(f.card, 0, &e, 0);
    end(&f);
}

/* The memory under a live ring goes away. */
static void
test_ring_memory_goes(void)
{
    Fixture f;
    CardElem e;
    const VrBuf one[] = {{VR_DATA, 8, true}};

    f.card = virtio_card_begin(&f.r, VR_PCI);
    MemSlot *slot =
        mem_slot_new(f.r.vm->env.mem, "card", f.r.vm->ram, VR_RINGS, 0x8000);
    CU_ASSERT_EQUAL(mem_slot_map(slot, HOLE, MEM_RW), 0);
    virtio_rig_negotiate(&f.r, SPLIT);
    virtio_rig_set_areas(&f.r, 0, 16, HOLE, HOLE + 0x4000, HOLE + 0x5000);
    f.r.q[0].desc = VR_RINGS; /* where the tests' driver sees them */
    f.r.q[0].driver = VR_RINGS + 0x4000;
    f.r.q[0].device = VR_RINGS + 0x5000;
    virtio_rig_set_status(&f.r, VIRTIO_STATUS_DRIVER_OK);
    virtio_rig_add(&f.r, 0, one, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    virtio_card_give(f.card, 0, &e, 0);
    virtio_rig_add(&f.r, 0, one, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    mem_slot_unmap(slot);
    virtio_card_give(f.card, 0, &e, 0); /* in the middle of a buffer */
    expect_broken(&f, SPLIT, "0x10005000 is not in memory");
}

/* Bus mastering off is no fault of the ring. */
static void
test_bus_master_off(void)
{
    Fixture f;
    CardElem e;
    const VrBuf one[] = {{VR_DATA, 8, true}};

    begin(&f, SPLIT);
    virtio_rig_add(&f.r, 0, one, 1);
    vr_config_write(&f.r, PCI_COMMAND, 3, 2);
    CU_ASSERT_FALSE(virtio_card_pop(f.card, 0, &e));
    CU_ASSERT_EQUAL(virtio_rig_status(&f.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    vr_config_write(&f.r, PCI_COMMAND, 7, 2);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    virtio_card_give(f.card, 0, &e, 0);
    end(&f);
}

/* A buffer from before a reset is dropped, wherever the rings are now. */
static void
test_old_buffers_are_dropped(void)
{
    Fixture f;
    CardElem e;
    guint16 id;
    guint32 len;
    const VrBuf one[] = {{VR_DATA, 8, true}};

    begin(&f, SPLIT);
    virtio_rig_add(&f.r, 0, one, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    virtio_rig_start(&f.r, SPLIT, CARD_QUEUES); /* does not wait */
    virtio_lock(f.r.v);
    CU_ASSERT_TRUE(virtq_is_stale(queue(&f, 0), &e.e));
    virtio_unlock(f.r.v);
    virtio_card_give(f.card, 0, &e, 8);
    CU_ASSERT_FALSE(virtio_rig_used(&f.r, 0, &id, &len));
    CU_ASSERT_EQUAL(vr_get32(&f.r, f.r.q[0].device), 0);
    /* and now the device runs for the new driver */
    virtio_rig_add(&f.r, 0, one, 1);
    CU_ASSERT_TRUE(virtio_card_pop(f.card, 0, &e));
    virtio_card_give(f.card, 0, &e, 8);
    CU_ASSERT_TRUE(virtio_rig_used(&f.r, 0, &id, &len));
    end(&f);
}

CU_MAIN("virtq", {"a_chain_comes_as_two_lists", test_chain},
        {"an_indirect_table_is_followed", test_indirect},
        {"a_chain_may_end_in_a_table", test_chain_then_table},
        {"rings_go_round_and_round", test_wraps},
        {"a_buffer_can_be_put_back", test_unpop},
        {"pushed_buffers_show_together", test_batch},
        {"split_the_flag_stops_interrupts", test_split_no_interrupt_flag},
        {"split_interrupts_come_at_the_event_index", test_split_event_index},
        {"packed_interrupts_come_at_the_event", test_packed_event},
        {"listening_finds_what_came_meanwhile", test_listen},
        {"the_device_says_when_to_notify", test_wishes_of_the_device},
        {"split_loops_end", test_split_loops},
        {"split_indices_stay_in_the_ring", test_split_indices},
        {"no_more_buffers_than_entries", test_too_many_in_flight},
        {"pieces_are_memory_of_some_length", test_bad_pieces},
        {"nothing_to_read_after_something_to_write", test_bad_order},
        {"no_more_pieces_than_the_model_takes", test_too_many_pieces},
        {"no_buffer_is_over_4_gib", test_sum_over_4g},
        {"indirect_tables_obey_the_rules", test_indirect_rules},
        {"packed_chains_end", test_packed_endless_chain},
        {"areas_are_aligned_memory", test_bad_areas},
        {"areas_that_overlap_do_no_harm", test_overlap},
        {"a_ring_may_span_two_slots", test_ring_in_two_slots},
        {"memory_under_a_ring_may_go", test_ring_memory_goes},
        {"without_bus_mastering_it_waits", test_bus_master_off},
        {"buffers_from_before_a_reset_are_dropped",
         test_old_buffers_are_dropped})
