/* tests/unit/test-virtio-rng.c - random numbers for the guest. */
#include <string.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-rig.h"

#define MS G_GINT64_CONSTANT(1000000)

extern const DeviceClass virtio_rng_class;

static void
begin(VirtioRig *r, VirtioRigHow how, guint32 limit, guint64 accept)
{
    virtio_rig_init(r, how);
    Device *dev = device_new(&virtio_rng_class, "rng");
    device_set_u64(dev, "limit", limit, NULL);
    virtio_rig_add_device(r, dev);
    virtio_rig_start(r, accept, 1);
}

static unsigned
non_zero(VirtioRig *r, guint64 at, unsigned len)
{
    unsigned n = 0;

    for (unsigned i = 0; i < len; i++)
        n += fake_ram(r->vm)[at + i] != 0;
    return n;
}

static void
check_fills(VirtioRigHow how, guint64 accept)
{
    VirtioRig r;
    const VrBuf buf[] = {{VR_DATA, 64, true}, {VR_DATA + 0x1000, 64, true}};

    begin(&r, how, 65536, accept);
    virtio_rig_add(&r, 0, buf, 2);
    CU_ASSERT_EQUAL(virtio_rig_finish(&r, 0), 128);
    /* a zero byte is one in 256; 32 of 64 never happens */
    CU_ASSERT_TRUE(non_zero(&r, VR_DATA, 64) > 32);
    CU_ASSERT_TRUE(non_zero(&r, VR_DATA + 0x1000, 64) > 32);
    CU_ASSERT_EQUAL(non_zero(&r, VR_DATA + 64, 64), 0);
    virtio_rig_free(&r);
}

static void
test_fills(void)
{
    check_fills(VR_PCI, ~VIRTIO_F_RING_PACKED);
    check_fills(VR_PCI, G_MAXUINT64);
    check_fills(VR_LEGACY, G_MAXUINT64);
    check_fills(VR_MMIO, G_MAXUINT64);
}

static void
test_large_request_is_bounded(void)
{
    VirtioRig r;
    const VrBuf buf = {VR_DATA, 1u << 20, true};

    begin(&r, VR_PCI, 65536, G_MAXUINT64);
    virtio_rig_add(&r, 0, &buf, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&r, 0), 4096);
    virtio_rig_free(&r);
}

static void
test_limit_makes_it_wait(void)
{
    VirtioRig r;
    const VrBuf buf = {VR_DATA, 64, true};
    guint16 id;
    guint32 len;

    begin(&r, VR_PCI, 100, G_MAXUINT64);
    for (unsigned i = 0; i < 3; i++)
        virtio_rig_add(&r, 0, &buf, 1);
    virtio_rig_kick(&r, 0);
    CU_ASSERT_TRUE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_EQUAL(len, 64);
    CU_ASSERT_TRUE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_EQUAL(len, 36);
    CU_ASSERT_FALSE(virtio_rig_used(&r, 0, &id, &len));
    fake_advance(r.vm, 99 * MS);
    CU_ASSERT_FALSE(virtio_rig_used(&r, 0, &id, &len));
    fake_advance(r.vm, 2 * MS);
    CU_ASSERT_TRUE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_EQUAL(len, 64);
    virtio_rig_free(&r);
}

/* A request that waits for its allowance is answered once, by the device that
 * comes after; those that were answered are not answered again. */
static void
check_restore(VirtioRigHow how, guint64 accept)
{
    VirtioRig r;
    guint16 id;
    guint32 len;

    begin(&r, how, 100, accept);
    for (unsigned i = 0; i < 3; i++) {
        const VrBuf buf = {VR_DATA + 0x1000 * i, 64, true};
        virtio_rig_add(&r, 0, &buf, 1);
    }
    virtio_rig_kick(&r, 0);
    CU_ASSERT_TRUE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_TRUE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_EQUAL(len, 36);
    device_quiesce(r.dev);
    fake_advance(r.vm, 200 * MS);
    CU_ASSERT_FALSE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_EQUAL(non_zero(&r, VR_DATA + 0x2000, 64), 0);
    Device *fresh = device_new(&virtio_rng_class, "rng");
    device_set_u64(fresh, "limit", 100, NULL);
    virtio_rig_replace(&r, fresh);
    CU_ASSERT_TRUE(virtio_rig_used(&r, 0, &id, &len));
    CU_ASSERT_EQUAL(len, 64);
    CU_ASSERT_TRUE(non_zero(&r, VR_DATA + 0x2000, 64) > 32);
    fake_advance(r.vm, 200 * MS);
    CU_ASSERT_FALSE(virtio_rig_used(&r, 0, &id, &len));
    const VrBuf next = {VR_DATA, 8, true};
    virtio_rig_add(&r, 0, &next, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&r, 0), 8);
    virtio_rig_free(&r);
}

static void
test_restore(void)
{
    check_restore(VR_PCI, ~VIRTIO_F_RING_PACKED);
    check_restore(VR_PCI, G_MAXUINT64);
    check_restore(VR_MMIO, G_MAXUINT64);
}

static void
test_readable_buffer_gives_nothing(void)
{
    VirtioRig r;
    const VrBuf buf = {VR_DATA, 64, false};

    begin(&r, VR_PCI, 100, G_MAXUINT64);
    virtio_rig_add(&r, 0, &buf, 1);
    CU_ASSERT_EQUAL(virtio_rig_finish(&r, 0), 0);
    CU_ASSERT_EQUAL(non_zero(&r, VR_DATA, 64), 0);
    virtio_rig_free(&r);
}

CU_MAIN("virtio-rng", {"requests_are_filled_on_every_transport", test_fills},
        {"a_large_request_gets_a_page", test_large_request_is_bounded},
        {"a_guest_gets_no_more_than_its_limit", test_limit_makes_it_wait},
        {"a_request_that_waits_survives_a_restore", test_restore},
        {"a_buffer_to_read_gives_nothing", test_readable_buffer_gives_nothing})
