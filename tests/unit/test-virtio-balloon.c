/* tests/unit/test-virtio-balloon.c - memory that the guest lends. */
#include <string.h>

#include "devices/virtio/virtio-balloon.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-rig.h"

#define SPLIT    (~VIRTIO_F_RING_PACKED)
#define NO_STATS (~VIRTIO_BIT(1))
#define PAGE     4096u
#define LENT     0x200000u /* pages that the guest gives away begin here */
#define MIB      (1u << 20)

extern const DeviceClass virtio_balloon_class;

static void
begin(VirtioRig *r, VirtioRigHow how, guint64 accept)
{
    virtio_rig_init(r, how);
    virtio_rig_add_device(r, device_new(&virtio_balloon_class, "balloon"));
    virtio_rig_start(r, accept, 5);
    memset(fake_ram(r->vm) + LENT, 7, 16 * PAGE);
}

static guint8
byte_of_page(VirtioRig *r, unsigned page)
{
    return fake_ram(r->vm)[LENT + page * PAGE + 100];
}

static void
send_pfns(VirtioRig *r, unsigned queue, const guint32 *pfns, unsigned n)
{
    const VrBuf buf = {VR_DATA, 4 * n, false};

    for (unsigned i = 0; i < n; i++)
        vr_put32(r, VR_DATA + 4 * i, pfns[i]);
    virtio_rig_add(r, queue, &buf, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(r, queue), 0);
}

static void
check_inflates(VirtioRigHow how, guint64 accept)
{
    VirtioRig r;
    VirtioBalloonInfo info;
    const guint32 pfns[] = {0x203, 0x201, 0x202, 0x208, 0x208};

    begin(&r, how, accept);
    send_pfns(&r, 0, pfns, 5);
    CU_ASSERT_EQUAL(byte_of_page(&r, 0), 7);
    CU_ASSERT_EQUAL(byte_of_page(&r, 1), 0);
    CU_ASSERT_EQUAL(byte_of_page(&r, 2), 0);
    CU_ASSERT_EQUAL(byte_of_page(&r, 3), 0);
    CU_ASSERT_EQUAL(byte_of_page(&r, 4), 7);
    CU_ASSERT_EQUAL(byte_of_page(&r, 8), 0);
    CU_ASSERT_EQUAL(byte_of_page(&r, 9), 7);
    virtio_balloon_get(r.dev, &info);
    CU_ASSERT_EQUAL(info.inflated, 4 * PAGE);
    send_pfns(&r, 1, pfns, 5);
    CU_ASSERT_EQUAL(byte_of_page(&r, 4), 7);
    virtio_rig_free(&r);
}

static void
test_inflates(void)
{
    check_inflates(VR_PCI, SPLIT);
    check_inflates(VR_PCI, G_MAXUINT64);
    check_inflates(VR_LEGACY, G_MAXUINT64);
    check_inflates(VR_MMIO, G_MAXUINT64);
}

static void
test_target(void)
{
    VirtioRig r;
    VirtioBalloonInfo info;

    begin(&r, VR_PCI, G_MAXUINT64);
    vr_enable_msix(&r, 2);
    fake_mmio_write(r.vm, VR_COMMON + 0x10, 0, 2); /* configuration's vector */
    virtio_balloon_set_target(r.dev, 64 * MIB);
    CU_ASSERT_EQUAL(r.vm->msis, 1);
    CU_ASSERT_EQUAL(virtio_rig_config(&r, 0, 4), 64 * MIB / PAGE);
    virtio_balloon_set_target(r.dev, 64 * MIB);
    CU_ASSERT_EQUAL(r.vm->msis, 1); /* nothing new */
    fake_mmio_write(r.vm, VR_CONFIG + 4, 1234, 4);
    fake_mmio_write(r.vm, VR_CONFIG, 5678, 4); /* read-only */
    virtio_balloon_get(r.dev, &info);
    CU_ASSERT_EQUAL(info.actual, 1234 * PAGE);
    CU_ASSERT_EQUAL(info.target, 64 * MIB);
    CU_ASSERT_TRUE(info.driver);
    virtio_rig_set_status(&r, 0);
    virtio_balloon_get(r.dev, &info);
    CU_ASSERT_EQUAL(info.actual, 0);
    CU_ASSERT_EQUAL(info.target, 64 * MIB);
    CU_ASSERT_FALSE(info.driver);
    virtio_rig_free(&r);
}

static void
put_stat(VirtioRig *r, unsigned i, guint16 tag, guint64 value)
{
    vr_put16(r, VR_DATA + 10 * i, tag);
    vr_put64(r, VR_DATA + 10 * i + 2, value);
}

static void
check_stats(guint64 accept)
{
    VirtioRig r;
    VirtioBalloonInfo info;
    const VrBuf buf = {VR_DATA, 33, false}; /* three, and a piece of one */
    guint16 id;
    guint32 len;

    begin(&r, VR_PCI, accept);
    put_stat(&r, 0, 4, 1000);
    put_stat(&r, 1, 5, 2000);
    put_stat(&r, 2, 0xffff, 3);
    virtio_rig_add(&r, 2, &buf, 1);
    virtio_rig_kick(&r, 2);
    CU_ASSERT_FALSE(virtio_rig_used(&r, 2, &id, &len)); /* it is kept */
    virtio_balloon_get(r.dev, &info);
    CU_ASSERT_TRUE(info.has_stats);
    CU_ASSERT_EQUAL(info.known, 0x30);
    CU_ASSERT_EQUAL(info.stats[4], 1000);
    CU_ASSERT_EQUAL(info.stats[5], 2000);
    CU_ASSERT_TRUE(virtio_rig_used(&r, 2, &id, &len)); /* newer ones, please */
    put_stat(&r, 0, 4, 900);
    virtio_rig_add(&r, 2, &buf, 1);
    virtio_rig_kick(&r, 2);
    virtio_balloon_get(r.dev, &info);
    CU_ASSERT_EQUAL(info.stats[4], 900);
    virtio_rig_free(&r);
}

static void
test_stats(void)
{
    check_stats(SPLIT);
    check_stats(G_MAXUINT64);
}

/* As Linux numbers the queues, and as the specification does. */
static void
check_reports(unsigned queue, guint64 accept)
{
    VirtioRig r;
    VirtioBalloonInfo info;
    const VrBuf bufs[] = {{LENT, 2 * PAGE, true},
                          {LENT + 4 * PAGE, PAGE, true}};

    begin(&r, VR_PCI, accept);
    virtio_rig_add(&r, queue, bufs, 2);
    CU_ASSERT_EQUAL(virtio_rig_finish(&r, queue), 0);
    CU_ASSERT_EQUAL(byte_of_page(&r, 0), 0);
    CU_ASSERT_EQUAL(byte_of_page(&r, 1), 0);
    CU_ASSERT_EQUAL(byte_of_page(&r, 2), 7);
    CU_ASSERT_EQUAL(byte_of_page(&r, 4), 0);
    virtio_balloon_get(r.dev, &info);
    CU_ASSERT_EQUAL(info.reported, 3 * PAGE);
    virtio_rig_free(&r);
}

static void
test_reports(void)
{
    check_reports(3, SPLIT);
    check_reports(3, G_MAXUINT64);
    check_reports(4, G_MAXUINT64);
    check_reports(2, NO_STATS);
}

static void
test_hostile(void)
{
    VirtioRig r;
    const guint32 pfns[] = {0xffffffff, 0x80000, 0, 0x201};
    const VrBuf odd = {LENT + 1, PAGE, true};
    const VrBuf huge = {VR_DATA, 3 * MIB, false};

    begin(&r, VR_PCI, G_MAXUINT64);
    fake_ram(r.vm)[5] = 9;
    send_pfns(&r, 0, pfns, 4);
    CU_ASSERT_EQUAL(fake_ram(r.vm)[5], 0); /* it is the guest's own */
    CU_ASSERT_EQUAL(byte_of_page(&r, 1), 0);
    virtio_rig_add(&r, 3, &odd, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&r, 3), 0);
    CU_ASSERT_EQUAL(byte_of_page(&r, 0), 7);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.vm->log->str, "cannot be given back"));
    CU_ASSERT_EQUAL(virtio_rig_status(&r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    virtio_rig_add(&r, 0, &huge, 1);
    virtio_rig_kick(&r, 0);
    CU_ASSERT_NOT_EQUAL(virtio_rig_status(&r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    virtio_rig_start(&r, G_MAXUINT64, 5);
    send_pfns(&r, 0, pfns + 3, 1);
    virtio_rig_free(&r);
}

/* Pages in a ring of a paused machine go when the next device runs; the target
 * and the guest's answer to it are kept, and so is a buffer of statistics. */
static void
check_restore(guint64 accept)
{
    VirtioRig r;
    VirtioBalloonInfo info;
    const VrBuf stats = {VR_DATA + 0x1000, 10, false};
    const VrBuf pfns = {VR_DATA, 4, false};
    guint16 id;
    guint32 len;

    begin(&r, VR_PCI, accept);
    virtio_balloon_set_target(r.dev, 64 * MIB);
    fake_mmio_write(r.vm, VR_CONFIG + 4, 12, 4);
    vr_put16(&r, VR_DATA + 0x1000, 4);
    vr_put64(&r, VR_DATA + 0x1002, 1000);
    virtio_rig_add(&r, 2, &stats, 1);
    virtio_rig_kick(&r, 2);
    device_quiesce(r.dev);
    vr_put32(&r, VR_DATA, 0x201);
    virtio_rig_add(&r, 0, &pfns, 1);
    virtio_rig_kick(&r, 0);
    CU_ASSERT_FALSE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_EQUAL(byte_of_page(&r, 1), 7);
    virtio_rig_replace(&r, device_new(&virtio_balloon_class, "balloon"));
    CU_ASSERT_TRUE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_FALSE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_EQUAL(byte_of_page(&r, 1), 0);
    CU_ASSERT_EQUAL(byte_of_page(&r, 2), 7);
    CU_ASSERT_EQUAL(virtio_rig_config(&r, 0, 4), 64 * MIB / PAGE);
    virtio_balloon_get(r.dev, &info);
    CU_ASSERT_EQUAL(info.target, 64 * MIB);
    CU_ASSERT_EQUAL(info.actual, 12 * PAGE);
    CU_ASSERT_TRUE(info.driver);
    CU_ASSERT_TRUE(info.has_stats);
    CU_ASSERT_EQUAL(info.stats[4], 1000);
    CU_ASSERT_TRUE(virtio_rig_used(&r, 2, &id, &len)); /* newer ones */
    CU_ASSERT_FALSE(virtio_rig_used(&r, 2, &id, &len));
    send_pfns(&r, 1, (const guint32[]){0x201}, 1);
    virtio_rig_free(&r);
}

static void
test_restore(void)
{
    check_restore(SPLIT);
    check_restore(G_MAXUINT64);
}

static void
test_kept_memory(void)
{
    VirtioRig r;
    const guint32 pfn = 0x201;

    begin(&r, VR_PCI, G_MAXUINT64);
    guest_mem_keep(r.vm->env.mem);
    send_pfns(&r, 0, &pfn, 1);
    CU_ASSERT_EQUAL(byte_of_page(&r, 1), 7);
    CU_ASSERT_PTR_NULL(strstr(r.vm->log->str, "given back"));
    guest_mem_let_go(r.vm->env.mem);
    virtio_rig_free(&r);
}

CU_MAIN("virtio-balloon",
        {"pages_in_the_balloon_go_back_to_the_host", test_inflates},
        {"the_target_is_told_and_survives_a_reset", test_target},
        {"statistics_are_kept_until_newer_ones_are_wanted", test_stats},
        {"reported_pages_go_back_to_the_host", test_reports},
        {"hostile_pages_are_refused", test_hostile},
        {"what_is_under_way_survives_a_restore", test_restore},
        {"memory_that_a_device_keeps_stays", test_kept_memory})
