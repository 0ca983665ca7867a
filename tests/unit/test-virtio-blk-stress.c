/* tests/unit/test-virtio-blk-stress.c - a guest that sleeps whenever it may, on
 * a thread of its own, against a disk on another and a machine that pauses:
 * nobody may be left waiting.
 *
 * The guest notifies only if the device's event index (or flag) asks for it,
 * as by ioeventfd, and looks for answers only after a message. So a doorbell or
 * a message too few stops it, and the watchdog ends the test. The seconds it
 * runs are those of STRESS_SECONDS, 2 without it. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/virtio/virtq-internal.h"
#include "tests/unit/cu-main.h"
#include "tests/unit/virtio-rig.h"
#include "vmm/block/block.h"
#include "vmm/core/sysutil.h"

#define SIZE     64u /* entries of the queue */
#define DEPTH    20u /* requests at most; each is a chain of three */
#define SLOT     0x10000u
#define BYTES    (24u << 20) /* of the disk */
#define WATCHDOG (G_GINT64_CONSTANT(20) * G_USEC_PER_SEC)
#define MS       G_GINT64_CONSTANT(1000000)

extern const DeviceClass virtio_blk_class;

typedef struct {
    VirtioRig r;
    Block *block;
    guint64 accept;
    bool event_idx;
    /* The guest's own. */
    GRand *rand;
    guint16 avail, used;
    unsigned n_out, n_free;
    guint8 free[DEPTH];
    guint64 rounds, kicks, sleeps, resets, bad;
    /* Shared. */
    bool stop, stuck, done;
} Stress;

static guint16 *
ring16(Stress *s, guint64 at)
{
    return (guint16 *) (void *) (fake_ram(s->r.vm) + at);
}

static guint16
load(Stress *s, guint64 at)
{
    return __atomic_load_n(ring16(s, at), __ATOMIC_ACQUIRE);
}

static void
store(Stress *s, guint64 at, guint16 value)
{
    __atomic_store_n(ring16(s, at), value, __ATOMIC_RELEASE);
}

/* ---- the guest ---- */

static void
set_up(Stress *s)
{
    VirtioRig *r = &s->r;
    VrQueue *q = &r->q[0];

    (void) virtio_rig_negotiate(r, s->accept);
    virtio_rig_set_queue(r, 0, SIZE);
    s->avail = s->used = 0;
    s->n_out = 0;
    s->n_free = DEPTH;
    for (unsigned i = 0; i < DEPTH; i++) {
        guint64 at = VR_DATA + SLOT * i;
        s->free[i] = (guint8) i;
        vr_put_desc(r, q->desc + 48 * i, at, 16, VIRTQ_DESC_NEXT,
                    (guint16) (3 * i + 1));
        vr_put_desc(r, q->desc + 48 * i + 32, at + 16, 1, VIRTQ_DESC_WRITE, 0);
    }
    virtio_rig_set_status(r, VIRTIO_STATUS_DRIVER_OK);
}

static void
prepare(Stress *s, unsigned slot)
{
    VirtioRig *r = &s->r;
    guint64 at = VR_DATA + SLOT * slot;
    bool in = g_rand_boolean(s->rand);
    guint32 len = g_rand_int_range(s->rand, 0, 8) == 0 ? 32768 : 4096;
    guint16 write = in ? VIRTQ_DESC_WRITE : 0;

    vr_put32(r, at, in ? 0 : 1);
    vr_put64(r, at + 8, (guint64) g_rand_int_range(s->rand, 0, 5000) * 8);
    fake_ram(r->vm)[at + 16] = 0xee;
    vr_put_desc(r, r->q[0].desc + 48 * slot + 16, at + 4096, len,
                VIRTQ_DESC_NEXT | write, (guint16) (3 * slot + 2));
}

/* As Linux does it: the index, a full fence, then whether to notify. */
static void
submit(Stress *s, unsigned n)
{
    VrQueue *q = &s->r.q[0];
    guint16 old = s->avail;

    for (unsigned i = 0; i < n; i++) {
        unsigned slot = s->free[--s->n_free];
        prepare(s, slot);
        store(s, q->driver + 4 + 2 * (s->avail++ % SIZE), (guint16) (3 * slot));
    }
    s->n_out += n;
    store(s, q->driver + 2, s->avail);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    guint16 event = load(s, q->device + 4 + 8 * SIZE);
    bool wanted = s->event_idx ? (guint16) (s->avail - event - 1) <
                                     (guint16) (s->avail - old)
                               : load(s, q->device) == 0;
    if (wanted) {
        s->kicks++;
        sys_eventfd_signal(virtio_kick_fd(s->r.v, 0));
    }
}

static void
consume(Stress *s)
{
    VrQueue *q = &s->r.q[0];

    while (s->used != load(s, q->device + 2)) {
        unsigned slot =
            vr_get32(&s->r, q->device + 4 + 8 * (s->used++ % SIZE)) / 3;
        s->bad += fake_ram(s->r.vm)[VR_DATA + SLOT * slot + 16] != 0;
        s->free[s->n_free++] = (guint8) slot;
        s->n_out--;
    }
}

/* False: no message came. */
static bool
wait_message(Stress *s, guint seen)
{
    gint64 until = g_get_monotonic_time() + WATCHDOG;

    s->sleeps++;
    while (__atomic_load_n(&s->r.vm->msis, __ATOMIC_ACQUIRE) == seen) {
        if (g_get_monotonic_time() > until)
            return false;
        sys_relax();
    }
    return true;
}

/* Until at most `leave` requests are out. */
static bool
wait_answers(Stress *s, unsigned leave)
{
    VrQueue *q = &s->r.q[0];

    for (;;) {
        guint seen = __atomic_load_n(&s->r.vm->msis, __ATOMIC_ACQUIRE);
        consume(s);
        if (s->n_out <= leave)
            return true;
        store(s, q->driver + 4 + 2 * SIZE, s->used); /* used_event */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (load(s, q->device + 2) == s->used && !wait_message(s, seen))
            return false;
    }
}

/* With requests out, most times. */
static bool
reset(Stress *s)
{
    gint64 until = g_get_monotonic_time() + WATCHDOG;

    s->resets++;
    virtio_rig_set_status(&s->r, 0);
    while (virtio_rig_status(&s->r) != 0) {
        if (g_get_monotonic_time() > until)
            return false;
        g_usleep(50);
    }
    set_up(s);
    return true;
}

static gpointer
guest(gpointer data)
{
    Stress *s = data;
    bool ok = true;

    while (ok && !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
        unsigned depth = g_rand_boolean(s->rand) ? 1 : DEPTH;
        unsigned most = MIN(s->n_free, depth);
        if (most > 0)
            submit(s, (unsigned) g_rand_int_range(s->rand, 1, (int) most + 1));
        if (g_rand_int_range(s->rand, 0, 16) == 0) /* it sleeps by now */
            g_usleep((gulong) g_rand_int_range(s->rand, 1, 1000));
        if (g_rand_int_range(s->rand, 0, 500) == 0)
            ok = reset(s);
        else
            ok = wait_answers(
                s, (unsigned) g_rand_int_range(s->rand, 0, (int) depth));
        __atomic_add_fetch(&s->rounds, 1, __ATOMIC_RELEASE);
    }
    if (ok)
        ok = wait_answers(s, 0);
    s->stuck = !ok;
    __atomic_store_n(&s->done, true, __ATOMIC_RELEASE);
    return NULL;
}

/* ---- the machine ---- */

static void
make(Stress *s, guint64 accept, bool answer)
{
    char *path = NULL;

    *s = (Stress){.accept = accept & ~VIRTIO_F_RING_PACKED,
                  .event_idx = (accept & VIRTIO_F_EVENT_IDX) != 0,
                  .rand = g_rand_new_with_seed(20)};
    virtio_rig_init(&s->r, VR_PCI);
    int fd = answer ? memfd_create("carrel-blk", MFD_CLOEXEC)
                    : g_file_open_tmp("carrel-blk-XXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    CU_ASSERT_EQUAL(ftruncate(fd, BYTES), 0);
    if (answer)
        path = g_strdup_printf("/proc/self/fd/%d", fd);
    BlockSpec spec = {.path = path, .format = "raw"};
    s->block = block_open(&spec, s->r.vm->env.loop, NULL);
    g_assert_nonnull(s->block);
    close(fd);
    unlink(path);
    g_free(path);
    Device *dev = device_new(&virtio_blk_class, "disk0");
    device_set_link(dev, "drive", s->block);
    device_set_u64(dev, "own-thread", 1, NULL);
    device_set_u64(dev, "answer", answer, NULL);
    virtio_rig_add_device(&s->r, dev);
    vr_enable_msix(&s->r, 2);
    set_up(s);
}

static bool
is_done(Stress *s)
{
    return __atomic_load_n(&s->done, __ATOMIC_ACQUIRE);
}

static void
run_loop(Stress *s, unsigned turns)
{
    for (unsigned i = 0; i < turns && !is_done(s); i++) {
        fake_advance(s->r.vm, MS);
        g_usleep(20);
    }
}

/* A resume looks at all queues, which would help a guest that is stuck: so none
 * before the guest has gone on by itself. */
static void
wait_round(Stress *s)
{
    guint64 seen = __atomic_load_n(&s->rounds, __ATOMIC_ACQUIRE);

    while (__atomic_load_n(&s->rounds, __ATOMIC_ACQUIRE) == seen && !is_done(s))
        run_loop(s, 1);
}

static guint16
answered(Stress *s)
{
    virtio_lock(s->r.v);
    guint16 n = s->r.v->s->queue[0].next_used;
    virtio_unlock(s->r.v);
    return n;
}

/* Once it is quiet nothing may be answered. */
static void
pause_and_resume(Stress *s)
{
    device_quiesce(s->r.dev);
    while (!device_is_quiet(s->r.dev) && !is_done(s))
        run_loop(s, 1);
    CU_ASSERT_TRUE(device_is_quiet(s->r.dev));
    guint16 before = answered(s);
    g_usleep(300);
    guint16 after = answered(s);
    /* zero: the guest has reset it meanwhile */
    CU_ASSERT_TRUE(after == before || after == 0);
    device_resume(s->r.dev);
}

static void
check(guint64 accept, bool answer)
{
    const char *seconds = g_getenv("STRESS_SECONDS");
    gint64 length = (seconds != NULL ? atoi(seconds) : 2) * G_USEC_PER_SEC;
    gint64 until = g_get_monotonic_time() + length;
    Stress s;

    make(&s, accept, answer);
    GThread *thread = g_thread_new("guest", guest, &s);
    while (g_get_monotonic_time() < until && !is_done(&s)) {
        run_loop(&s, 100);
        wait_round(&s);
        pause_and_resume(&s);
    }
    __atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
    while (!is_done(&s))
        run_loop(&s, 1000);
    g_thread_join(thread);
    g_print("# %" G_GUINT64_FORMAT " rounds, %" G_GUINT64_FORMAT
            " doorbells, %" G_GUINT64_FORMAT " sleeps, %" G_GUINT64_FORMAT
            " resets; out %u\n",
            s.rounds, s.kicks, s.sleeps, s.resets, s.n_out);
    CU_ASSERT_FALSE(s.stuck);
    CU_ASSERT_EQUAL(s.bad, 0);
    CU_ASSERT_TRUE(s.rounds > 100 && s.sleeps > 0 && s.kicks > 0);
    CU_ASSERT_PTR_NOT_NULL(s.r.v->thread);
    for (unsigned i = 0; i < 10000 && !block_is_idle(s.block); i++)
        fake_advance(s.r.vm, MS);
    device_free(s.r.dev);
    s.r.dev = NULL;
    block_close(s.block);
    virtio_rig_free(&s.r);
    g_rand_free(s.rand);
}

static void
test_event_index(void)
{
    check(G_MAXUINT64, false);
}

static void
test_flags(void)
{
    check(~VIRTIO_F_EVENT_IDX, false);
}

/* Two do the work then, and who does it changes. */
static void
test_answers(void)
{
    check(G_MAXUINT64, true);
    check(~VIRTIO_F_EVENT_IDX, true);
}

CU_MAIN("virtio-blk-stress",
        {"nobody_waits_in_vain_with_event_indices", test_event_index},
        {"nobody_waits_in_vain_with_flags", test_flags},
        {"nor_where_notifications_are_answered", test_answers})
