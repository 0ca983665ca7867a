/* tests/unit/test-virtio-blk.c - the virtio disk with a real image behind it:
 * each sector begins with its number. */
#include <string.h>
#include <unistd.h>

#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-rig.h"
#include "vmm/block/block.h"

#define MS      G_GINT64_CONSTANT(1000000)
#define SECTORS 4096u /* of the disk */
#define HEADER  VR_DATA
#define STATUS  (VR_DATA + 0x800)
#define DATA    (VR_DATA + 0x1000)

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, ZEROES = 13 };
enum { OK = 0, IOERR = 1, UNSUPP = 2, NOT_SET = 0xee };

extern const DeviceClass virtio_blk_class;

typedef struct {
    VirtioRig r;
    Block *block;
    int fd;
} Disk;

static guint32
image32(Disk *d, guint64 sector)
{
    guint32 value = G_MAXUINT32;

    CU_ASSERT_EQUAL(pread(d->fd, &value, 4, (off_t) sector * 512), 4);
    return value;
}

static void
wait_idle(Disk *d)
{
    for (unsigned i = 0; i < 10000 && !block_is_idle(d->block); i++) {
        fake_advance(d->r.vm, MS);
        g_usleep(i > 10 ? 1000 : 0);
    }
}

static void
open_disk(Disk *d, bool read_only)
{
    char *path = NULL;
    g_autoptr(GError) error = NULL;

    d->fd = g_file_open_tmp("carrel-blk-XXXXXX", &path, &error);
    g_assert_no_error(error);
    for (guint32 i = 0; i < SECTORS; i++)
        CU_ASSERT_EQUAL(pwrite(d->fd, &i, 4, (off_t) i * 512), 4);
    CU_ASSERT_EQUAL(ftruncate(d->fd, (off_t) SECTORS * 512), 0);
    BlockSpec spec = {.path = path, .format = "raw", .read_only = read_only};
    d->block = block_open(&spec, d->r.vm->env.loop, &error);
    g_assert_no_error(error);
    unlink(path);
    g_free(path);
}

static void
make_disk(Disk *d, VirtioRigHow how, bool read_only, unsigned queues,
          bool own_thread, guint64 accept)
{
    virtio_rig_init(&d->r, how);
    open_disk(d, read_only);
    Device *dev = device_new(&virtio_blk_class, "disk0");
    device_set_link(dev, "drive", d->block);
    device_set_u64(dev, "queues", queues, NULL);
    device_set_u64(dev, "queue-size", 16, NULL); /* as the rig's rings */
    device_set_u64(dev, "own-thread", own_thread, NULL);
    device_set_string(dev, "serial", "0815", NULL);
    virtio_rig_add_device(&d->r, dev);
    CU_ASSERT_PTR_NULL(d->r.v->thread); /* nobody pays before use */
    virtio_rig_start(&d->r, accept, queues);
}

static void
begin_with(Disk *d, VirtioRigHow how, bool read_only, guint64 accept)
{
    make_disk(d, how, read_only, 2, false, accept);
}

static void
begin(Disk *d)
{
    begin_with(d, VR_PCI, false, G_MAXUINT64);
}

static void
end(Disk *d)
{
    Block *block = d->block;

    wait_idle(d);
    device_free(d->r.dev);
    d->r.dev = NULL;
    block_close(block);
    virtio_rig_free(&d->r);
    close(d->fd);
}

static void
put_header(Disk *d, guint64 at, guint32 type, guint64 sector)
{
    vr_put32(&d->r, at, type);
    vr_put32(&d->r, at + 4, 0);
    vr_put64(&d->r, at + 8, sector);
}

/* One request of header, data and status; returns the status. */
static guint8
request(Disk *d, guint32 type, guint64 sector, guint32 len, bool write)
{
    const VrBuf bufs[] = {
        {HEADER, 16, false}, {DATA, len, write}, {STATUS, 1, true}};
    const VrBuf short_bufs[] = {bufs[0], bufs[2]};

    put_header(d, HEADER, type, sector);
    fake_ram(d->r.vm)[STATUS] = NOT_SET;
    if (len > 0)
        virtio_rig_add(&d->r, 0, bufs, 3);
    else
        virtio_rig_add(&d->r, 0, short_bufs, 2);
    (void) virtio_rig_finish(&d->r, 0);
    return fake_ram(d->r.vm)[STATUS];
}

static void
check_round_trip(VirtioRigHow how, guint64 accept)
{
    Disk d;

    begin_with(&d, how, false, accept);
    CU_ASSERT_EQUAL(request(&d, IN, 5, 1024, true), OK);
    CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), 5);
    CU_ASSERT_EQUAL(vr_get32(&d.r, DATA + 512), 6);
    vr_put32(&d.r, DATA, 0xcafe);
    vr_put32(&d.r, DATA + 512, 0xbeef);
    CU_ASSERT_EQUAL(request(&d, OUT, 100, 1024, false), OK);
    CU_ASSERT_EQUAL(request(&d, FLUSH, 0, 0, false), OK);
    CU_ASSERT_EQUAL(image32(&d, 99), 99);
    CU_ASSERT_EQUAL(image32(&d, 100), 0xcafe);
    CU_ASSERT_EQUAL(image32(&d, 101), 0xbeef);
    CU_ASSERT_EQUAL(image32(&d, 102), 102);
    end(&d);
}

static void
test_round_trip(void)
{
    check_round_trip(VR_PCI, G_MAXUINT64);
    check_round_trip(VR_PCI, ~VIRTIO_F_RING_PACKED);
    check_round_trip(VR_PCI, ~(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX));
    check_round_trip(VR_LEGACY, G_MAXUINT64);
    check_round_trip(VR_LEGACY, ~VIRTIO_F_EVENT_IDX);
    check_round_trip(VR_MMIO, G_MAXUINT64);
}

/* 2.7.4.1: where the header ends and data begins is the driver's business. */
static void
test_writes_are_counted(void)
{
    VirtioUse use;
    Disk d;

    begin(&d);
    CU_ASSERT_EQUAL(request(&d, 0, 3, 512, true), 0);
    CU_ASSERT_TRUE(virtio_get_use(d.r.dev, &use));
    CU_ASSERT_EQUAL(use.writes, 0);
    CU_ASSERT_EQUAL(request(&d, 1, 3, 512, false), 0);
    CU_ASSERT_EQUAL(request(&d, 1, SECTORS, 512, false), 1); /* past the end */
    CU_ASSERT_TRUE(virtio_get_use(d.r.dev, &use));
    CU_ASSERT_EQUAL(use.writes, 1);
    end(&d);
}

static void
test_any_framing(void)
{
    Disk d;
    const VrBuf out[] = {{HEADER, 3, false},
                         {HEADER + 3, 13 + 512, false},
                         {DATA, 512, false},
                         {STATUS, 1, true}};
    const VrBuf in[] = {{HEADER, 16, false},
                        {DATA, 100, true},
                        {DATA + 100, 413, true}}; /* 512 and the status */

    begin(&d);
    put_header(&d, HEADER, OUT, 7);
    vr_put32(&d.r, HEADER + 16, 0x1111);
    vr_put32(&d.r, DATA, 0x2222);
    virtio_rig_add(&d.r, 0, out, 4);
    (void) virtio_rig_finish(&d.r, 0);
    CU_ASSERT_EQUAL(fake_ram(d.r.vm)[STATUS], OK);
    CU_ASSERT_EQUAL(image32(&d, 7), 0x1111);
    CU_ASSERT_EQUAL(image32(&d, 8), 0x2222);
    put_header(&d, HEADER, IN, 9);
    memset(fake_ram(d.r.vm) + DATA, NOT_SET, 1024);
    virtio_rig_add(&d.r, 0, in, 3);
    CU_ASSERT_EQUAL(virtio_rig_finish(&d.r, 0), 513);
    CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), 9);
    CU_ASSERT_EQUAL(fake_ram(d.r.vm)[DATA + 512], OK);
    CU_ASSERT_EQUAL(fake_ram(d.r.vm)[DATA + 513], NOT_SET);
    end(&d);
}

static void
test_bad_ranges(void)
{
    Disk d;

    begin(&d);
    CU_ASSERT_EQUAL(request(&d, IN, SECTORS - 1, 512, true), OK);
    CU_ASSERT_EQUAL(request(&d, IN, SECTORS - 1, 1024, true), IOERR);
    CU_ASSERT_EQUAL(request(&d, IN, SECTORS, 512, true), IOERR);
    CU_ASSERT_EQUAL(request(&d, IN, G_MAXUINT64, 512, true), IOERR);
    CU_ASSERT_EQUAL(request(&d, IN, G_MAXUINT64 / 512 + 1, 512, true), IOERR);
    CU_ASSERT_EQUAL(request(&d, OUT, SECTORS, 512, false), IOERR);
    CU_ASSERT_EQUAL(request(&d, IN, 0, 513, true), IOERR);
    CU_ASSERT_EQUAL(request(&d, IN, 0, 511, true), IOERR);
    CU_ASSERT_EQUAL(request(&d, 99, 0, 512, true), UNSUPP);
    CU_ASSERT_EQUAL(virtio_rig_status(&d.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    end(&d);
}

static void
test_no_header_needs_reset(void)
{
    Disk d;
    const VrBuf short_header[] = {{HEADER, 15, false}, {STATUS, 1, true}};
    const VrBuf no_status[] = {{HEADER, 16, false}};

    begin(&d);
    virtio_rig_add(&d.r, 0, short_header, 2);
    virtio_rig_kick(&d.r, 0);
    CU_ASSERT_TRUE(virtio_rig_status(&d.r) & VIRTIO_STATUS_NEEDS_RESET);
    virtio_rig_start(&d.r, G_MAXUINT64, 2);
    CU_ASSERT_EQUAL(request(&d, IN, 3, 512, true), OK);
    virtio_rig_add(&d.r, 0, no_status, 1);
    virtio_rig_kick(&d.r, 0);
    CU_ASSERT_TRUE(virtio_rig_status(&d.r) & VIRTIO_STATUS_NEEDS_RESET);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.r.vm->log->str, "16 bytes of header"));
    end(&d);
}

static void
test_serial(void)
{
    Disk d;

    begin(&d);
    memset(fake_ram(d.r.vm) + DATA, 0x55, 32);
    CU_ASSERT_EQUAL(request(&d, GET_ID, 0, 20, true), OK);
    CU_ASSERT_STRING_EQUAL((char *) fake_ram(d.r.vm) + DATA, "0815");
    CU_ASSERT_EQUAL(fake_ram(d.r.vm)[DATA + 20], 0x55);
    memset(fake_ram(d.r.vm) + DATA, 0x55, 32);
    CU_ASSERT_EQUAL(request(&d, GET_ID, 0, 2, true), OK);
    CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), 0x55553830);
    end(&d);
}

static void
test_read_only(void)
{
    Disk d;

    begin_with(&d, VR_PCI, true, G_MAXUINT64);
    CU_ASSERT_TRUE(virtio_rig_offered(&d.r) & VIRTIO_BIT(5));
    CU_ASSERT_EQUAL(request(&d, OUT, 0, 512, false), IOERR);
    CU_ASSERT_EQUAL(request(&d, IN, 8, 512, true), OK);
    CU_ASSERT_EQUAL(request(&d, FLUSH, 0, 0, false), OK);
    CU_ASSERT_EQUAL(request(&d, ZEROES, 0, 16, false), UNSUPP);
    CU_ASSERT_EQUAL(image32(&d, 0), 0);
    end(&d);
}

static guint8
range(Disk *d, guint32 type, guint64 sector, guint32 n, guint32 flags)
{
    vr_put64(&d->r, DATA, sector);
    vr_put32(&d->r, DATA + 8, n);
    vr_put32(&d->r, DATA + 12, flags);
    return request(d, type, 0, 16, false);
}

static void
test_write_zeroes(void)
{
    Disk d;

    begin(&d);
    CU_ASSERT_EQUAL(range(&d, ZEROES, 10, 3, 0), OK);
    CU_ASSERT_EQUAL(image32(&d, 9), 9);
    CU_ASSERT_EQUAL(image32(&d, 10), 0);
    CU_ASSERT_EQUAL(image32(&d, 12), 0);
    CU_ASSERT_EQUAL(image32(&d, 13), 13);
    /* more than one chunk of zeros, with a tail, and with leave to unmap */
    CU_ASSERT_EQUAL(range(&d, ZEROES, 100, 1500, 1), OK);
    CU_ASSERT_EQUAL(image32(&d, 99), 99);
    CU_ASSERT_EQUAL(image32(&d, 100), 0);
    CU_ASSERT_EQUAL(image32(&d, 1599), 0);
    CU_ASSERT_EQUAL(image32(&d, 1600), 1600);
    CU_ASSERT_EQUAL(virtio_rig_config(&d.r, 56, 1), 1);
    CU_ASSERT_EQUAL(range(&d, ZEROES, 10, 1, 2), UNSUPP);
    CU_ASSERT_EQUAL(range(&d, ZEROES, SECTORS - 1, 2, 0), IOERR);
    CU_ASSERT_EQUAL(range(&d, ZEROES, 0, G_MAXUINT32, 0), IOERR);
    CU_ASSERT_EQUAL(request(&d, ZEROES, 0, 15, false), IOERR);
    CU_ASSERT_EQUAL(request(&d, ZEROES, 0, 32, false), IOERR);
    end(&d);
}

static void
test_discard(void)
{
    Disk d;

    begin(&d);
    CU_ASSERT_EQUAL(range(&d, DISCARD, 8, 8, 0), OK);
    CU_ASSERT_EQUAL(image32(&d, 8), 0);
    CU_ASSERT_EQUAL(image32(&d, 16), 16);
    CU_ASSERT_EQUAL(range(&d, DISCARD, 8, 8, 1), UNSUPP);
    CU_ASSERT_EQUAL(range(&d, DISCARD, SECTORS, 1, 0), IOERR);
    /* two segments in one request */
    vr_put64(&d.r, DATA + 16, 32);
    vr_put32(&d.r, DATA + 24, 8);
    vr_put32(&d.r, DATA + 28, 0);
    vr_put64(&d.r, DATA, 16);
    vr_put32(&d.r, DATA + 8, 8);
    vr_put32(&d.r, DATA + 12, 0);
    CU_ASSERT_EQUAL(request(&d, DISCARD, 0, 32, false), OK);
    CU_ASSERT_EQUAL(image32(&d, 16), 0);
    CU_ASSERT_EQUAL(image32(&d, 24), 24);
    CU_ASSERT_EQUAL(image32(&d, 32), 0);
    CU_ASSERT_EQUAL(request(&d, DISCARD, 0, 33 * 16, false), IOERR);
    end(&d);
}

static void
test_configuration(void)
{
    Disk d;

    begin(&d);
    CU_ASSERT_EQUAL(virtio_rig_config(&d.r, 0, 8), SECTORS);
    CU_ASSERT_EQUAL(virtio_rig_config(&d.r, 12, 4), 254);
    CU_ASSERT_EQUAL(virtio_rig_config(&d.r, 20, 4), 512);
    CU_ASSERT_EQUAL(virtio_rig_config(&d.r, 24, 1), 3); /* 4096 */
    CU_ASSERT_EQUAL(virtio_rig_config(&d.r, 34, 2), 2);
    CU_ASSERT_EQUAL(virtio_rig_config(&d.r, 60, 4), G_MAXUINT32);
    end(&d);
}

/* Many requests with one notification: all are answered, and requests that
 * finish together share an interrupt. How many do is the host's affair. */
static void
test_batch(void)
{
    Disk d;
    guint16 id;
    guint32 len;

    begin_with(&d, VR_PCI, false, ~(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX));
    vr_enable_msix(&d.r, 3);
    /* writes, so that none is answered before all are submitted */
    put_header(&d, HEADER, OUT, 50);
    for (unsigned i = 0; i < 5; i++) {
        const VrBuf bufs[] = {{HEADER, 16, false},
                              {DATA + 512 * i, 512, false},
                              {STATUS + i, 1, true}};
        fake_ram(d.r.vm)[STATUS + i] = NOT_SET;
        virtio_rig_add(&d.r, 0, bufs, 3);
    }
    virtio_rig_kick(&d.r, 0);
    wait_idle(&d);
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT_TRUE(virtio_rig_used(&d.r, 0, &id, &len));
        CU_ASSERT_EQUAL(fake_ram(d.r.vm)[STATUS + i], OK);
    }
    CU_ASSERT_FALSE(virtio_rig_used(&d.r, 0, &id, &len));
    CU_ASSERT_TRUE(d.r.vm->msis >= 1 && d.r.vm->msis <= 5);
    CU_ASSERT_EQUAL(d.r.vm->last_msi_data, 0x41);
    end(&d);
}

/* 2.4.1: the device may write until the status reads 0, not after. */
static void
test_reset_in_flight(void)
{
    Disk d;
    const VrBuf bufs[] = {
        {HEADER, 16, false}, {DATA, 512, false}, {STATUS, 1, true}};

    begin(&d);
    put_header(&d, HEADER, OUT, 4);
    fake_ram(d.r.vm)[STATUS] = NOT_SET;
    virtio_rig_add(&d.r, 0, bufs, 3);
    fake_mmio_write(d.r.vm, VR_NOTIFY, 0, 2);
    g_main_context_iteration(loop_context(d.r.vm->env.loop), FALSE);
    CU_ASSERT_FALSE(device_is_quiet(d.r.dev));
    virtio_rig_set_status(&d.r, 0);
    CU_ASSERT_NOT_EQUAL(virtio_rig_status(&d.r), 0);
    wait_idle(&d);
    CU_ASSERT_EQUAL(virtio_rig_status(&d.r), 0);
    CU_ASSERT_TRUE(device_is_quiet(d.r.dev));
    CU_ASSERT_EQUAL(fake_ram(d.r.vm)[STATUS], NOT_SET);
    virtio_rig_start(&d.r, G_MAXUINT64, 2);
    CU_ASSERT_EQUAL(request(&d, IN, 3, 512, true), OK);
    end(&d);
}

/* What waits in the ring of a paused machine is found after a restore. */
static void
test_pause_and_restore(void)
{
    Disk d;
    const VrBuf bufs[] = {
        {HEADER, 16, false}, {DATA, 512, true}, {STATUS, 1, true}};
    guint16 id;
    guint32 len;

    begin(&d);
    CU_ASSERT_EQUAL(request(&d, IN, 2, 512, true), OK);
    put_header(&d, HEADER, IN, 77);
    virtio_rig_add(&d.r, 0, bufs, 3);
    device_quiesce(d.r.dev);
    virtio_rig_kick(&d.r, 0);
    CU_ASSERT_TRUE(device_is_quiet(d.r.dev));
    CU_ASSERT_FALSE(virtio_rig_used(&d.r, 0, &id, &len));
    GByteArray *out = g_byte_array_new();
    device_save(d.r.dev, out);
    g_autoptr(GBytes) saved = g_byte_array_free_to_bytes(out);
    device_reset(d.r.dev, RESET_COLD);
    CU_ASSERT_TRUE(device_restore(d.r.dev, saved, NULL));
    device_resume(d.r.dev);
    fake_advance(d.r.vm, 0);
    wait_idle(&d);
    CU_ASSERT_TRUE(virtio_rig_used(&d.r, 0, &id, &len));
    CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), 77);
    CU_ASSERT_EQUAL(request(&d, IN, 78, 512, true), OK);
    end(&d);
}

/* A flush of one slot. */
static void
add_flush(Disk *d, unsigned i)
{
    const VrBuf bufs[] = {{HEADER, 16, false}, {STATUS, 1, true}};

    put_header(d, HEADER, FLUSH, 0);
    (void) virtio_rig_add_indirect(&d->r, 0, DATA + 32 * i, bufs, 2);
}

/* One more than the ring has while all are under way: refused, not waited for.
 * Called directly, so that no answer comes in between. */
static void
check_full_queue(guint64 accept)
{
    Disk d;

    make_disk(&d, VR_PCI, false, 1, false, accept);
    for (unsigned i = 0; i < 16; i++)
        add_flush(&d, i);
    d.r.v->model->notify(d.r.v, 0);
    CU_ASSERT_EQUAL(virtio_rig_status(&d.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    add_flush(&d, 16);
    d.r.v->model->notify(d.r.v, 0);
    CU_ASSERT_NOT_EQUAL(virtio_rig_status(&d.r) & VIRTIO_STATUS_NEEDS_RESET, 0);
    end(&d);
}

static void
test_full_queue(void)
{
    check_full_queue(G_MAXUINT64);
    check_full_queue(~VIRTIO_F_RING_PACKED);
}

/* ---- on a thread of its own ---- */

static void
begin_thread(Disk *d, unsigned queues)
{
    make_disk(d, VR_PCI, false, queues, true, G_MAXUINT64);
}

/* So many that the thread lingers for the next one. */
static void
keep_busy(Disk *d)
{
    for (guint32 i = 1; i <= 50; i++) {
        vr_put32(&d->r, DATA, i);
        CU_ASSERT_EQUAL(request(d, OUT, 200 + i, 512, false), OK);
        vr_put32(&d->r, DATA, 0);
        CU_ASSERT_EQUAL(request(d, IN, 200 + i, 512, true), OK);
        CU_ASSERT_EQUAL(vr_get32(&d->r, DATA), i);
    }
    CU_ASSERT_PTR_NOT_NULL(d->r.v->thread);
}

static void
test_thread_round_trip(void)
{
    static const guint64 accepts[] = {
        G_MAXUINT64, ~VIRTIO_F_RING_PACKED,
        ~(VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX)};

    for (unsigned how = VR_PCI; how <= VR_MMIO; how++)
        for (gsize i = 0; i < G_N_ELEMENTS(accepts); i++) {
            Disk d;
            make_disk(&d, (VirtioRigHow) how, false, 1 + i % 2, true,
                      accepts[i]);
            keep_busy(&d);
            CU_ASSERT_EQUAL(request(&d, FLUSH, 0, 0, false), OK);
            CU_ASSERT_EQUAL(image32(&d, 250), 50);
            CU_ASSERT_EQUAL(request(&d, IN, SECTORS, 512, true), IOERR);
            end(&d);
        }
}

/* Several at once, some of which are too large to be done on the spot. */
static void
test_thread_batch(void)
{
    Disk d;

    begin_thread(&d, 2);
    keep_busy(&d);
    put_header(&d, HEADER, IN, 0);
    for (unsigned i = 0; i < 5; i++) {
        const VrBuf bufs[] = {
            {HEADER, 16, false},
            {DATA + 0x20000 * i, i % 2 == 0 ? 512u : 0x20000u, true},
            {STATUS + i, 1, true}};
        fake_ram(d.r.vm)[STATUS + i] = NOT_SET;
        vr_put32(&d.r, DATA + 0x20000 * i + 508, 1);
        virtio_rig_add(&d.r, 0, bufs, 3);
    }
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&d.r, 0), G_MAXUINT32);
    for (unsigned i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(fake_ram(d.r.vm)[STATUS + i], OK);
        CU_ASSERT_EQUAL(vr_get32(&d.r, DATA + 0x20000 * i + 508), 0);
        if (i % 2 != 0)
            CU_ASSERT_EQUAL(vr_get32(&d.r, DATA + 0x20000 * i + 512), 1);
    }
    end(&d);
}

static void
wait_quiet(Disk *d)
{
    for (unsigned i = 0; i < 10000 && !device_is_quiet(d->r.dev); i++) {
        fake_advance(d->r.vm, MS);
        g_usleep(100);
    }
    CU_ASSERT_TRUE(device_is_quiet(d->r.dev));
}

/* Once it is quiet the thread touches nothing, although it may be looking. */
static void
test_thread_pause(void)
{
    Disk d;
    const VrBuf bufs[] = {
        {HEADER, 16, false}, {DATA, 512, true}, {STATUS, 1, true}};
    guint16 id;
    guint32 len;

    begin_thread(&d, 1);
    for (unsigned i = 0; i < 20; i++) {
        keep_busy(&d);
        device_quiesce(d.r.dev);
        wait_quiet(&d);
        put_header(&d, HEADER, IN, 77);
        virtio_rig_add(&d.r, 0, bufs, 3);
        virtio_rig_kick(&d.r, 0);
        g_usleep(1000);
        CU_ASSERT_FALSE(virtio_rig_used(&d.r, 0, &id, &len));
        device_resume(d.r.dev);
        CU_ASSERT_EQUAL(virtio_rig_finish(&d.r, 0), 513);
        CU_ASSERT_EQUAL(vr_get32(&d.r, DATA), 77);
    }
    end(&d);
}

/* Answers come without the loop only from the thread itself. */
static bool
is_answered_by_thread(Disk *d)
{
    guint16 id;
    guint32 len;

    for (unsigned i = 0; i < 50; i++, g_usleep(1000))
        if (virtio_rig_used(&d->r, 0, &id, &len))
            return true;
    return false;
}

static void
add_write(Disk *d, unsigned i)
{
    const VrBuf bufs[] = {
        {HEADER, 16, false}, {DATA, 512, false}, {STATUS, 1, true}};

    put_header(d, HEADER, OUT, i);
    virtio_rig_add(&d->r, 0, bufs, 3);
}

/* A write that is alone is done by the thread, but on a busy machine not each:
 * one that took long sends up to a thousand others to the ring. */
static bool
writes_by_itself(Disk *d)
{
    for (unsigned i = 0; i < 100; i++) {
        add_write(d, 1);
        fake_mmio_write(d->r.vm, VR_NOTIFY, 0, 2);
        if (is_answered_by_thread(d))
            return true;
        CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&d->r, 0), G_MAXUINT32);
        keep_busy(d);
    }
    return false;
}

static void
test_thread_writes_what_is_alone(void)
{
    Disk d;

    begin_thread(&d, 1);
    keep_busy(&d);
    CU_ASSERT_TRUE(writes_by_itself(&d));
    end(&d);
}

/* Several at once are the ring's, whose answers come by the loop. */
static void
test_thread_hands_several_writes_on(void)
{
    Disk d;

    begin_thread(&d, 1);
    keep_busy(&d);
    for (unsigned round = 0; round < 5; round++) {
        CU_ASSERT_TRUE(writes_by_itself(&d));
        device_quiesce(d.r.dev);
        wait_quiet(&d);
        for (unsigned i = 0; i < 4; i++)
            add_write(&d, i);
        device_resume(d.r.dev);
        bool by_thread = is_answered_by_thread(&d);
        CU_ASSERT_FALSE(by_thread);
        if (by_thread) /* the rest is there already */
            break;
        for (unsigned i = 0; i < 4; i++)
            CU_ASSERT_NOT_EQUAL(virtio_rig_finish(&d.r, 0), G_MAXUINT32);
    }
    end(&d);
}

static void
test_thread_reset(void)
{
    Disk d;
    const VrBuf bufs[] = {
        {HEADER, 16, false}, {DATA, 512, true}, {STATUS, 1, true}};

    begin_thread(&d, 2);
    for (unsigned i = 0; i < 20; i++) {
        keep_busy(&d);
        put_header(&d, HEADER, IN, 5);
        virtio_rig_add(&d.r, 0, bufs, 3);
        if (i % 2 == 0)
            fake_mmio_write(d.r.vm, VR_NOTIFY, 0, 2);
        virtio_rig_set_status(&d.r, 0);
        wait_quiet(&d);
        CU_ASSERT_EQUAL(virtio_rig_status(&d.r), 0);
        virtio_rig_start(&d.r, G_MAXUINT64, 2);
    }
    keep_busy(&d);
    end(&d);
}

/* The thread is gone when the device is, whatever it was doing. */
static void
test_thread_ends(void)
{
    for (unsigned i = 0; i < 20; i++) {
        Disk d;
        begin_thread(&d, 1);
        keep_busy(&d);
        end(&d);
    }
}

CU_MAIN("virtio-blk", {"reads_and_writes_on_every_transport", test_round_trip},
        {"a_systems_writes_are_counted", test_writes_are_counted},
        {"header_data_and_status_may_be_cut_anywhere", test_any_framing},
        {"requests_outside_the_disk_fail", test_bad_ranges},
        {"a_request_without_header_or_status_stops_it",
         test_no_header_needs_reset},
        {"the_serial_number_fits_any_buffer", test_serial},
        {"a_read_only_disk_refuses_writes", test_read_only},
        {"write_zeroes_writes_exactly_that", test_write_zeroes},
        {"discard_takes_several_segments", test_discard},
        {"configuration_tells_size_and_topology", test_configuration},
        {"a_batch_is_answered_with_few_interrupts", test_batch},
        {"a_reset_waits_for_what_is_in_flight", test_reset_in_flight},
        {"requests_survive_pause_and_restore", test_pause_and_restore},
        {"more_than_a_queue_has_is_refused", test_full_queue},
        {"a_thread_of_its_own_reads_and_writes", test_thread_round_trip},
        {"a_thread_of_its_own_takes_batches", test_thread_batch},
        {"a_thread_of_its_own_is_quiet_when_paused", test_thread_pause},
        {"a_thread_of_its_own_writes_what_is_alone",
         test_thread_writes_what_is_alone},
        {"a_thread_of_its_own_hands_several_writes_on",
         test_thread_hands_several_writes_on},
        {"a_thread_of_its_own_survives_resets", test_thread_reset},
        {"a_thread_of_its_own_ends_with_the_device", test_thread_ends})
