/* devices/virtio/virtio-rng.c - entropy for the guest, Virtio 1.2 section 5.4.
 *
 * Bytes come from the host's getrandom(), which never waits once the host has
 * booted. How many a guest may take is bounded, so that one that asks without
 * end cannot keep the loop busy; when the allowance is used up, requests wait
 * in the ring for the next period. */
#include <string.h>
#include <sys/random.h>

#include "devices/virtio/virtio-device.h"
#include "vmm/core/iov.h"
#include "vmm/loop/loop.h"

#define QUEUE_SIZE    64u
#define MAX_PIECES    16u
#define CHUNK         4096u /* of one request at most; fewer is always right */
#define PERIOD_NS     (100 * NSEC_PER_MSEC)
#define DEFAULT_LIMIT 65536u /* bytes a period */

typedef struct {
    VirtioState virtio;
} VirtioRngState;

typedef struct {
    VirtioDevice virtio;
    VirtioRngState s;
    guint32 limit;  /* option: bytes a period */
    guint32 spent;  /* loop thread: of this period's */
    gint64 renewed; /* loop thread: when it began, guest ns */
    Timer *timer;
    struct iovec iov[MAX_PIECES + VIRTQ_SPARE_IOV];
} VirtioRng;

/* 0 when the allowance is used up; then the timer brings us back. */
static guint32
allowance(VirtioRng *d)
{
    gint64 now = loop_now_ns(d->virtio.pci.dev.env->loop, CLOCK_GUEST);

    if (now - d->renewed >= PERIOD_NS) {
        d->renewed = now;
        d->spent = 0;
    }
    if (d->spent >= d->limit)
        timer_arm(d->timer, d->renewed + PERIOD_NS);
    return d->limit - MIN(d->spent, d->limit);
}

static gsize
fill(VirtioRng *d, const VirtqElem *e, gsize max)
{
    guint8 bytes[CHUNK];
    gsize want = MIN(MIN(e->in_len, max), sizeof bytes);
    ssize_t got = getrandom(bytes, want, GRND_NONBLOCK);

    if (got <= 0)
        return 0; /* a host that has no entropy yet: an empty answer */
    d->spent += (guint32) got;
    return iov_write(e->iov + e->n_out, e->n_in, 0, bytes, (gsize) got);
}

static void
notify(VirtioDevice *v, unsigned queue)
{
    VirtioRng *d = VIRTIO_OF(VirtioRng, v);
    Virtq *q = virtio_queue(v, queue);
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};
    unsigned n = 0;

    virtio_lock(v);
    do {
        for (guint32 left; n < QUEUE_SIZE && (left = allowance(d)) > 0; n++) {
            if (!virtq_pop(q, &e))
                break;
            virtq_push(q, &e, fill(d, &e, left));
        }
    } while (n < QUEUE_SIZE && d->spent < d->limit && !virtq_listen(q));
    if (n == QUEUE_SIZE) /* others first */
        virtio_kick(v, queue);
    virtq_flush(q);
    virtio_unlock(v);
}

static void
period_is_over(void *data)
{
    virtio_kick(data, 0);
}

static const VirtioModel virtio_rng_model = {
    .id = VIRTIO_ID_ENTROPY,
    .pci_class = 0x00ff, /* unclassified */
    .notify = notify,
};

static bool
virtio_rng_realize(Device *dev, DeviceEnv *env, GError **error)
{
    VirtioRng *d = VIRTIO_OF(VirtioRng, dev);
    const VirtioSetup setup = {.n_queues = 1, .queue_size = QUEUE_SIZE};

    d->timer = timer_new(env->loop, CLOCK_GUEST, period_is_over, d);
    d->renewed = loop_now_ns(env->loop, CLOCK_GUEST);
    d->spent = 0;
    return virtio_realize(&d->virtio, env, &virtio_rng_model, &setup,
                          &d->s.virtio, error);
}

static void
virtio_rng_unrealize(Device *dev)
{
    VirtioRng *d = VIRTIO_OF(VirtioRng, dev);

    g_clear_pointer(&d->timer, timer_free);
    virtio_class_unrealize(dev);
}

/* clang-format off */
static const StateField virtio_rng_fields[] = {
    STATE_SUB(VirtioRngState, virtio, &virtio_state_desc),
    STATE_FIELDS_END
};

static const PropDesc virtio_rng_props[] = {
    VIRTIO_PROPS(VirtioRng, virtio),
    PROP_DEF_U32(VirtioRng, limit, "limit", DEFAULT_LIMIT, 1, 1u << 30, "bytes",
                 "the guest may take in a tenth of a second"),
    PROP_END
};
/* clang-format on */

static const StateDesc virtio_rng_state = {
    .name = "virtio-rng",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioRngState),
    .fields = virtio_rng_fields,
};

const DeviceClass virtio_rng_class = {
    .name = "virtio-rng",
    .summary = "random numbers of the host (virtio)",
    .size = sizeof(VirtioRng),
    .props = virtio_rng_props,
    .state = &virtio_rng_state,
    .state_offset = G_STRUCT_OFFSET(VirtioRng, s),
    .realize = virtio_rng_realize,
    .unrealize = virtio_rng_unrealize,
    .reset = virtio_class_reset,
    .restored = virtio_class_restored,
    .quiesce = virtio_class_quiesce,
    .is_quiet = virtio_class_is_quiet,
    .resume = virtio_class_resume,
};
