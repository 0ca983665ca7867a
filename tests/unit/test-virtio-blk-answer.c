/* tests/unit/test-virtio-blk-answer.c - a virtio disk that answers within the
 * driver's notification, where that needs no waiting. The loop turns only when
 * the test says so, so it shows who did it. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-rig.h"
#include "vmm/block/block.h"

#define MS      G_GINT64_CONSTANT(1000000)
#define SECTORS 4096u
#define HEADER  VR_DATA
#define STATUS  (VR_DATA + 0x800)
#define DATA    (VR_DATA + 0x1000)
#define LARGE   0x20000u /* more than is done on the spot */
#define CHANGE  32u      /* notifications until they go the other way */

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11 };
enum { OK = 0, IOERR = 1, UNSUPP = 2, NOT_SET = 0xee };

extern const DeviceClass virtio_blk_class;

typedef struct {
    VirtioRig r;
    Block *block;
    int fd; /* a file in memory: each sector begins with its number */
} Disk;

static Device *
new_device(Disk *d, unsigned queues)
{
    Device *dev = device_new(&virtio_blk_class, "disk0");

    device_set_link(dev, "drive", d->block);
    device_set_u64(dev, "queues", queues, NULL);
    device_set_u64(dev, "queue-size", 16, NULL); /* as the rig's rings */
    device_set_u64(dev, "answer", 1, NULL);
    device_set_string(dev, "serial", "0815", NULL);
    return dev;
}

static void
begin_with(Disk *d, VirtioRigHow how, bool read_only, guint64 accept)
{
    g_autoptr(GError) error = NULL;

    virtio_rig_init(&d->r, how);
    d->fd = memfd_create("carrel-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CU_ASSERT_TRUE_FATAL(d->fd >= 0);
    for (guint32 i = 0; i < SECTORS; i++)
        CU_ASSERT_EQUAL(pwrite(d->fd, &i, 4, (off_t) i * 512), 4);
    CU_ASSERT_EQUAL(ftruncate(d->fd, (off_t) SECTORS * 512), 0);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", d->fd);
    BlockSpec spec = {.path = path, .format = "raw", .read_only = read_only};
    d->block = block_open(&spec, d->r.vm->env.loop, &error);
    g_assert_no_error(error);
    virtio_rig_add_device(&d->r, new_device(d, 2));
    virtio_rig_start(&d->r, accept, 2);
    fake_advance(d->r.vm, MS); /* what a start notifies */
}

static void
begin(Disk *d)
{
    begin_with(d, VR_PCI, false, G_MAXUINT64);
}

static void
wait_idle(Disk *d)
{
    for (unsigned i = 0; i < 10000 && !device_is_quiet(d->r.dev); i++) {
        fake_advance(d->r.vm, MS);
        g_usleep(100);
    }
    CU_ASSERT_TRUE(device_is_quiet(d->r.dev));
}

static void
end(Disk *d)
{
    device_quiesce(d->r.dev);
    wait_idle(d);
    device_free(d->r.dev);
    d->r.dev = NULL;
    block_close(d->block);
    virtio_rig_free(&d->r);
    close(d->fd);
}

static guint32
image32(Disk *d, guint64 sector)
{
    guint32 value = G_MAXUINT32;

    CU_ASSERT_EQUAL(pread(d->fd, &value, 4, (off_t) sector * 512), 4);
    return value;
}

/* Makes one request available to the device. */
static void
add(Disk *d, unsigned queue, guint32 type, guint64 sector, guint32 len)
{
    const bool in = type == IN || type == GET_ID;
    const VrBuf bufs[] = {
        {HEADER, 16, false}, {DATA, len, in}, {STATUS, 1, true}};
    const VrBuf short_bufs[] = {bufs[0], bufs[2]};

    vr_put32(&d->r, HEADER, type);
    vr_put32(&d->r, HEADER + 4, 0);
    vr_put64(&d->r, HEADER + 8, sector);
    fake_ram(d->r.vm)[STATUS] = NOT_SET;
    if (len > 0)
        virtio_rig_add(&d->r, queue, bufs, 3);
    else
        virtio_rig_add(&d->r, queue, short_bufs, 2);
}

/* The loop does not turn. */
static void
notify(Disk *d, unsigned queue)
{
    if (d->r.how == VR_PCI)
        fake_mmio_write(d->r.vm, VR_NOTIFY + 4 * queue, queue, 2);
    else if (d->r.how == VR_LEGACY)
        fake_out16(d->r.vm, VR_PORT + 16, (guint16) queue);
    else
        fake_mmio_write(d->r.vm, VR_MODERN + 0x50, queue, 4);
}

static bool
is_answered(Disk *d, unsigned queue)
{
    guint16 id;
    guint32 len;

    return virtio_rig_used(&d->r, queue, &id, &len);
}

/* The status, or NOT_SET: not within the notification. */
static guint8
ask(Disk *d, guint32 type, guint64 sector, guint32 len)
{
    add(d, 0, type, sector, len);
    notify(d, 0);
    guint8 status = fake_ram(d->r.vm)[STATUS];
    CU_ASSERT_EQUAL(is_answered(d, 0), status != NOT_SET);
    return status;
}

/* And the usual way, without another notification. */
static guint8
wait_for(Disk *d)
{
    bool found = is_answered(d, 0);

    for (unsigned i = 0; !found && i < 10000; i++) {
        fake_advance(d->r.vm, MS);
        g_usleep(i > 10 ? 1000 : 0);
        found = is_answered(d, 0);
    }
    CU_ASSERT_TRUE(found);
    return fake_ram(d->r.vm)[STATUS];
}

static void
check_round_trip(VirtioRigHow how, guint64 accept)
{
    Disk d;

    begin_with(&d, how, false, accept);
    for (guint32 i = 0; i < 40; i++) { /* more than the ring has */
        CU_ASSERT_EQUAL(ask(&d, IN, i, 1024), OK);
        CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), i);
        CU_ASSERT_EQUAL(vr_get32(&d.r, DATA + 512), i + 1);
    }
    vr_put32(&d.r, DATA, 0xcafe);
    CU_ASSERT_EQUAL(ask(&d, OUT, 9, 512), OK);
    CU_ASSERT_EQUAL(image32(&d, 9), 0xcafe);
    CU_ASSERT_EQUAL(ask(&d, FLUSH, 0, 0), OK);
    CU_ASSERT_EQUAL(ask(&d, IN, 9, 512), OK);
    CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), 0xcafe);
    CU_ASSERT_TRUE(device_is_quiet(d.r.dev));
    end(&d);
}

static void
test_round_trip(void)
{
    const guint64 split = ~VIRTIO_F_RING_PACKED;

    check_round_trip(VR_PCI, G_MAXUINT64);
    check_round_trip(VR_PCI, split);
    check_round_trip(VR_PCI, split & ~VIRTIO_F_EVENT_IDX);
    check_round_trip(VR_LEGACY, split);
    check_round_trip(VR_MMIO, G_MAXUINT64);
}

static void
test_interrupt(void)
{
    Disk d;

    begin_with(&d, VR_PCI, false, ~(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX));
    vr_enable_msix(&d.r, 3);
    guint before = d.r.vm->msis;
    for (unsigned i = 1; i <= 3; i++) {
        CU_ASSERT_EQUAL(ask(&d, IN, i, 512), OK);
        CU_ASSERT_EQUAL(d.r.vm->msis, before + i);
        CU_ASSERT_EQUAL(d.r.vm->last_msi_data, 0x41);
    }
    end(&d);
}

/* Errors that need no disk are answered as fast. */
static void
test_errors(void)
{
    Disk d;

    begin(&d);
    CU_ASSERT_EQUAL(ask(&d, IN, SECTORS, 512), IOERR);
    CU_ASSERT_EQUAL(ask(&d, IN, 0, 100), IOERR);
    CU_ASSERT_EQUAL(ask(&d, 77, 0, 0), UNSUPP);
    CU_ASSERT_EQUAL(ask(&d, GET_ID, 0, 20), OK);
    CU_ASSERT_EQUAL(memcmp(fake_ram(d.r.vm) + DATA, "0815", 5), 0);
    CU_ASSERT_EQUAL(ask(&d, IN, 5, 512), OK);
    end(&d);
}

static void
test_no_request(void)
{
    Disk d;
    const VrBuf bufs[] = {{HEADER, 8, false}, {STATUS, 1, true}};

    begin(&d);
    virtio_rig_add(&d.r, 0, bufs, 2);
    notify(&d, 0);
    CU_ASSERT_NOT_EQUAL(virtio_rig_status(&d.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    notify(&d, 0);
    virtio_rig_set_status(&d.r, 0);
    CU_ASSERT_EQUAL(virtio_rig_status(&d.r), 0);
    virtio_rig_start(&d.r, G_MAXUINT64, 2);
    CU_ASSERT_EQUAL(ask(&d, IN, 5, 512), OK);
    end(&d);
}

static void
test_read_only(void)
{
    Disk d;

    begin_with(&d, VR_PCI, true, G_MAXUINT64);
    CU_ASSERT_EQUAL(ask(&d, OUT, 5, 512), IOERR);
    CU_ASSERT_EQUAL(image32(&d, 5), 5);
    CU_ASSERT_EQUAL(ask(&d, IN, 5, 512), OK);
    end(&d);
}

/* Several, large ones, and what writes more than data, go the usual way. */
static void
test_others(void)
{
    Disk d;

    begin(&d);
    CU_ASSERT_EQUAL(ask(&d, IN, 5, LARGE), NOT_SET);
    CU_ASSERT_EQUAL(wait_for(&d), OK);
    CU_ASSERT_EQUAL(vr_get32(&d.r, DATA + LARGE - 512), 5 + LARGE / 512 - 1);
    vr_put64(&d.r, DATA, 8);
    vr_put32(&d.r, DATA + 8, 8);
    vr_put32(&d.r, DATA + 12, 0);
    CU_ASSERT_EQUAL(ask(&d, DISCARD, 0, 16), NOT_SET);
    CU_ASSERT_EQUAL(wait_for(&d), OK);
    CU_ASSERT_EQUAL(image32(&d, 8), 0);
    CU_ASSERT_EQUAL(image32(&d, 16), 16);
    add(&d, 0, IN, 7, 512);
    add(&d, 0, IN, 7, 512);
    notify(&d, 0);
    CU_ASSERT_FALSE(is_answered(&d, 0));
    CU_ASSERT_EQUAL(wait_for(&d), OK);
    CU_ASSERT_EQUAL(wait_for(&d), OK);
    CU_ASSERT_EQUAL(ask(&d, IN, 5, 512), OK);
    end(&d);
}

/* The device is at work: whatever comes meanwhile is for who does it. */
static void
test_under_way(void)
{
    Disk d;

    begin(&d);
    add(&d, 0, IN, 5, LARGE);
    d.r.v->model->notify(d.r.v, 0); /* without the loop nothing comes back */
    CU_ASSERT_FALSE(device_is_quiet(d.r.dev));
    add(&d, 1, IN, 7, 512);
    notify(&d, 1);
    CU_ASSERT_FALSE(is_answered(&d, 1));
    wait_idle(&d);
    CU_ASSERT_TRUE(is_answered(&d, 0));
    CU_ASSERT_TRUE(is_answered(&d, 1));
    add(&d, 1, IN, 7, 512);
    notify(&d, 1);
    CU_ASSERT_TRUE(is_answered(&d, 1));
    end(&d);
}

/* An image that does not take it now: the request is not lost, and who asks
 * the usual way hears why. */
static void
test_refused(void)
{
    Disk d;

    begin(&d);
    CU_ASSERT_EQUAL(fcntl(d.fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    for (unsigned i = 0; i < 20; i++) {
        vr_put32(&d.r, DATA, 0xcafe);
        CU_ASSERT_EQUAL(ask(&d, OUT, 5, 512), NOT_SET);
        CU_ASSERT_EQUAL(wait_for(&d), IOERR);
        CU_ASSERT_EQUAL(image32(&d, 5), 5);
        CU_ASSERT_EQUAL(ask(&d, IN, 6, 512), OK);
        CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), 6);
    }
    end(&d);
}

/* A notification without a request is harmless. */
static void
test_nothing_there(void)
{
    Disk d;

    begin(&d);
    for (unsigned i = 0; i < 5; i++)
        notify(&d, i % 2);
    CU_ASSERT_FALSE(is_answered(&d, 0));
    fake_advance(d.r.vm, MS);
    CU_ASSERT_EQUAL(ask(&d, IN, 5, 512), OK);
    end(&d);
}

static void
test_pause(void)
{
    Disk d;

    begin(&d);
    device_quiesce(d.r.dev);
    CU_ASSERT_EQUAL(ask(&d, IN, 77, 512), NOT_SET);
    fake_advance(d.r.vm, MS);
    CU_ASSERT_EQUAL(fake_ram(d.r.vm)[STATUS], NOT_SET);
    device_resume(d.r.dev);
    CU_ASSERT_EQUAL(wait_for(&d), OK);
    CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), 77);
    CU_ASSERT_EQUAL(ask(&d, IN, 5, 512), OK);
    end(&d);
}

/* What was answered is in the saved state, and it goes on like that. */
static void
test_restore(void)
{
    Disk d;

    begin(&d);
    for (unsigned i = 0; i < 21; i++)
        CU_ASSERT_EQUAL(ask(&d, IN, i, 512), OK);
    device_quiesce(d.r.dev);
    CU_ASSERT_TRUE(device_is_quiet(d.r.dev));
    virtio_rig_replace(&d.r, new_device(&d, 2));
    fake_advance(d.r.vm, MS);
    CU_ASSERT_EQUAL(ask(&d, IN, 9, 512), OK);
    CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), 9);
    end(&d);
}

/* Who is answered at once never has two requests in the ring. Now and then one
 * is not, so that a driver with more to do shows it. */
static void
test_probe(void)
{
    Disk d;
    unsigned n_others = 0;

    begin(&d);
    for (unsigned i = 0; i < 600; i++) {
        if (ask(&d, IN, 5, 512) != NOT_SET)
            continue;
        n_others++;
        add(&d, 0, IN, 6, 512);
        notify(&d, 0);
        CU_ASSERT_FALSE(is_answered(&d, 0));
        CU_ASSERT_EQUAL(wait_for(&d), OK);
        CU_ASSERT_EQUAL(wait_for(&d), OK);
    }
    CU_ASSERT_TRUE(n_others >= 2 && n_others <= 10);
    CU_ASSERT_TRUE(d.r.v->answers);
    end(&d);
}

/* The device finds out which way is the better one; a new driver starts
 * afresh. */
static void
test_changes(void)
{
    Disk d;

    begin(&d);
    for (unsigned i = 0; i < CHANGE; i++) {
        CU_ASSERT_TRUE(d.r.v->answers);
        CU_ASSERT_EQUAL(ask(&d, IN, 5, LARGE), NOT_SET);
        CU_ASSERT_EQUAL(wait_for(&d), OK);
    }
    CU_ASSERT_FALSE(d.r.v->answers);
    for (unsigned i = 0; i < CHANGE; i++) {
        CU_ASSERT_FALSE(d.r.v->answers);
        CU_ASSERT_EQUAL(ask(&d, IN, 5, 512), NOT_SET);
        CU_ASSERT_EQUAL(wait_for(&d), OK);
    }
    CU_ASSERT_TRUE(d.r.v->answers);
    CU_ASSERT_EQUAL(ask(&d, IN, 5, 512), OK);
    for (unsigned i = 0; i < CHANGE; i++) {
        CU_ASSERT_EQUAL(ask(&d, IN, 5, LARGE), NOT_SET);
        CU_ASSERT_EQUAL(wait_for(&d), OK);
    }
    CU_ASSERT_FALSE(d.r.v->answers);
    virtio_rig_set_status(&d.r, 0);
    virtio_rig_start(&d.r, G_MAXUINT64, 2);
    fake_advance(d.r.vm, MS);
    CU_ASSERT_EQUAL(ask(&d, IN, 5, 512), OK);
    end(&d);
}

CU_MAIN("virtio-blk-answer",
        {"one_request_is_answered_within_its_notification", test_round_trip},
        {"each_answer_is_one_interrupt", test_interrupt},
        {"errors_are_answered_too", test_errors},
        {"what_is_no_request_stops_the_device", test_no_request},
        {"a_read_only_disk_is_not_written", test_read_only},
        {"other_requests_go_the_usual_way", test_others},
        {"nothing_is_answered_while_work_is_under_way", test_under_way},
        {"a_request_that_is_refused_is_not_lost", test_refused},
        {"a_notification_of_nothing_is_harmless", test_nothing_there},
        {"nothing_is_answered_while_paused", test_pause},
        {"answers_are_saved_and_restored", test_restore},
        {"now_and_then_one_shows_whether_more_come", test_probe},
        {"notifications_go_the_better_way", test_changes})
