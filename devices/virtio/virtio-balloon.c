/* devices/virtio/virtio-balloon.c - memory that the guest lends to the host,
 * Virtio 1.2 section 5.5.
 *
 * Pages in the balloon, and pages that the guest reports as free, go back to
 * the host at once; a guest that uses them again finds zeros. Left out: hints
 * of free pages (for migration) and page poisoning. */
#include "devices/virtio/virtio-balloon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/virtio-device.h"
#include "vmm/core/iov.h"
#include "vmm/loop/loop.h"
#include "vmm/mem/guest-mem.h"

#define QUEUES        5u
#define QUEUE_SIZE    128u
#define MAX_PIECES    64u
#define BATCH         8u    /* buffers at a time, then others get their turn */
#define MAX_PFNS      4096u /* pages of one buffer; drivers name up to 1024 */
#define CHUNK         1024u
#define PFN_SHIFT     12  /* 5.5.6: always 4096 bytes */
#define STAT_LEN      10u /* tag: 2 bytes, value: 8 */
#define MAX_STATS     64u /* entries looked at */

#define F_STATS       VIRTIO_BIT(1)
#define F_DEFLATE_OOM VIRTIO_BIT(2)
#define F_REPORTING   VIRTIO_BIT(5)

#define CONFIG_LEN    8u /* num_pages, actual: 4 bytes each */
#define CONFIG_ACTUAL 4u

typedef enum { ROLE_INFLATE, ROLE_DEFLATE, ROLE_STATS, ROLE_REPORT } Role;

typedef struct {
    VirtioState virtio;
    guint32 target; /* pages; the owner's wish, so a reset keeps it */
    guint32 actual; /* pages, as the driver says */
} VirtioBalloonState;

typedef struct {
    VirtioDevice virtio;
    VirtioBalloonState s;
    bool deflate_on_oom, reporting; /* options */
    guint64 size;                   /* option: bytes at first */
    bool sized;                     /* it has been applied */
    bool restoring;                 /* stopped() is no reset */
    VirtioBalloonInfo info;         /* under the lock; not guest-visible */
    struct iovec iov[MAX_PIECES + VIRTQ_SPARE_IOV];
    guint32 pfns[CHUNK]; /* loop thread */
} VirtioBalloon;

/* What a queue is for. Drivers leave no gap for a queue whose feature was not
 * negotiated, while 5.5.2 numbers them all; the last one may be either. */
static Role
role_of(const VirtioBalloon *d, unsigned queue)
{
    if (queue < 2)
        return queue == 0 ? ROLE_INFLATE : ROLE_DEFLATE;
    if (queue == 2 && virtio_has_feature(&d->virtio, F_STATS))
        return ROLE_STATS;
    return ROLE_REPORT;
}

/* ---- pages ---- */

/* Loop, lock not held. */
static void
give_back(VirtioBalloon *d, int ret, guint64 len, guint64 *count)
{
    if (ret == 0) {
        virtio_lock(&d->virtio);
        *count += len;
        virtio_unlock(&d->virtio);
    } else if (ret != -EBUSY) { /* kept for a device: not the guest's fault */
        device_guest_error(&d->virtio.pci.dev,
                           "pages that cannot be given back: %s",
                           g_strerror(-ret));
    }
}

static int
compare_pfns(const void *a, const void *b)
{
    guint32 x = *(const guint32 *) a, y = *(const guint32 *) b;

    return x < y ? -1 : x > y;
}

/* Loop, lock not held. Neighbours go together: drivers name single pages, most
 * often in a row. */
static void
discard_pfns(VirtioBalloon *d, unsigned n)
{
    GuestMem *mem = d->virtio.pci.dev.env->mem;

    for (unsigned i = 0; i < n; i++)
        d->pfns[i] = GUINT32_FROM_LE(d->pfns[i]);
    qsort(d->pfns, n, sizeof *d->pfns, compare_pfns);
    for (unsigned i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && d->pfns[end] - d->pfns[end - 1] <= 1;)
            end++;
        guint64 pages = (guint64) d->pfns[end - 1] - d->pfns[i] + 1;
        guint64 len = pages << PFN_SHIFT;
        give_back(d, guest_mem_discard(mem, (Gpa) d->pfns[i] << PFN_SHIFT, len),
                  len, &d->info.inflated);
    }
}

/* Lock held, but not while pages go. */
static void
inflate(VirtioBalloon *d, Virtq *q, const VirtqElem *e)
{
    if (e->out_len > MAX_PFNS * 4) {
        virtq_fail(q, "%" G_GSIZE_FORMAT " bytes of page numbers at once",
                   e->out_len);
        return;
    }
    for (gsize at = 0; at + 4 <= e->out_len;) {
        gsize n = iov_read(e->iov, e->n_out, at, d->pfns, sizeof d->pfns) / 4;
        if (n == 0)
            return;
        at += 4 * n;
        virtio_unlock(&d->virtio);
        discard_pfns(d, (unsigned) n);
        virtio_lock(&d->virtio);
    }
}

/* 5.5.6.5: the buffer's pieces are the free memory itself. */
static void
take_report(VirtioBalloon *d, const VirtqElem *e)
{
    GuestMem *mem = d->virtio.pci.dev.env->mem;

    virtio_unlock(&d->virtio);
    for (unsigned i = e->n_out; i < e->n_out + e->n_in; i++)
        give_back(
            d,
            guest_mem_discard_host(mem, e->iov[i].iov_base, e->iov[i].iov_len),
            e->iov[i].iov_len, &d->info.reported);
    virtio_lock(&d->virtio);
}

static void
serve(VirtioBalloon *d, unsigned queue)
{
    VirtioDevice *v = &d->virtio;
    Virtq *q = virtio_queue(v, queue);
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};
    unsigned n = 0;

    virtio_lock(v);
    Role role = role_of(d, queue);
    do {
        for (; n < BATCH && virtq_pop(q, &e); n++) {
            if (role == ROLE_INFLATE)
                inflate(d, q, &e);
            else if (role == ROLE_REPORT)
                take_report(d, &e);
            virtq_push(q, &e, 0); /* deflating: a new page comes when used */
        }
    } while (n < BATCH && !virtq_listen(q));
    virtq_flush(q);
    virtio_unlock(v);
    if (n == BATCH)
        virtio_kick(v, queue);
}

/* ---- statistics ---- */

static void
parse_stats(VirtioBalloon *d, const VirtqElem *e)
{
    guint8 entry[STAT_LEN];

    d->info.known = 0;
    for (unsigned i = 0; i < MAX_STATS; i++) {
        guint64 value;
        if (iov_read(e->iov, e->n_out, i * STAT_LEN, entry, STAT_LEN) !=
            STAT_LEN)
            break;
        unsigned tag = entry[0] | entry[1] << 8;
        memcpy(&value, entry + 2, sizeof value);
        if (tag >= VIRTIO_BALLOON_STATS)
            continue; /* of a later version */
        d->info.stats[tag] = GUINT64_FROM_LE(value);
        d->info.known |= (guint16) (1u << tag);
    }
    d->info.has_stats = true;
    d->info.stats_ns = loop_now_ns(d->virtio.pci.dev.env->loop, CLOCK_GUEST);
}

/* 5.5.6.3: the device keeps the buffer, here in the ring, until it wants newer
 * statistics. */
static void
take_stats(VirtioBalloon *d)
{
    Virtq *q = virtio_queue(&d->virtio, 2);
    VirtqElem e = {.iov = d->iov, .cap = G_N_ELEMENTS(d->iov)};

    virtio_lock(&d->virtio);
    if (virtq_pop(q, &e)) {
        parse_stats(d, &e);
        virtq_unpop(q, &e);
    } else {
        (void) virtq_listen(q); /* get() asks again */
    }
    virtio_unlock(&d->virtio);
}

/* Lock held. Gives the buffer back, which asks for it filled anew. Asks for
 * the notification after it: the ring stands there only now. */
static void
ask_for_stats(VirtioBalloon *d)
{
    struct iovec iov[MAX_PIECES + VIRTQ_SPARE_IOV];
    VirtqElem e = {.iov = iov, .cap = G_N_ELEMENTS(iov)};

    if (!virtio_is_running(&d->virtio) ||
        !virtio_has_feature(&d->virtio, F_STATS))
        return;
    Virtq *q = virtio_queue(&d->virtio, 2);
    if (!virtq_pop(q, &e))
        return;
    virtq_push(q, &e, 0);
    if (!virtq_listen(q))
        virtio_kick(&d->virtio, 2);
    virtq_flush(q);
}

static void
notify(VirtioDevice *v, unsigned queue)
{
    VirtioBalloon *d = VIRTIO_OF(VirtioBalloon, v);

    if (queue == 2) {
        virtio_lock(v);
        bool stats = role_of(d, queue) == ROLE_STATS;
        virtio_unlock(v);
        if (stats) {
            take_stats(d);
            return;
        }
    }
    serve(d, queue);
}

/* ---- the owner ---- */

static guint32
to_pages(guint64 bytes)
{
    return (guint32) MIN(bytes >> PFN_SHIFT, G_MAXUINT32);
}

void
virtio_balloon_set_target(Device *dev, guint64 bytes)
{
    VirtioBalloon *d = DEVICE_OF(VirtioBalloon, dev);
    guint32 pages = to_pages(bytes);

    virtio_lock(&d->virtio);
    if (pages != d->s.target) {
        d->s.target = pages;
        virtio_config_changed(&d->virtio);
    }
    virtio_unlock(&d->virtio);
}

void
virtio_balloon_get(Device *dev, VirtioBalloonInfo *ret_info)
{
    VirtioBalloon *d = DEVICE_OF(VirtioBalloon, dev);

    virtio_lock(&d->virtio);
    *ret_info = d->info;
    ret_info->target = (guint64) d->s.target << PFN_SHIFT;
    ret_info->actual = (guint64) d->s.actual << PFN_SHIFT;
    ret_info->driver = d->virtio.started;
    ask_for_stats(d);
    virtio_unlock(&d->virtio);
}

/* ---- configuration ---- */

static void
get_config(VirtioDevice *v, guint8 *config)
{
    VirtioBalloon *d = VIRTIO_OF(VirtioBalloon, v);
    guint32 le[] = {GUINT32_TO_LE(d->s.target), GUINT32_TO_LE(d->s.actual)};

    memcpy(config, le, sizeof le);
}

/* Only actual can be written. */
static void
set_config(VirtioDevice *v, unsigned offset, const guint8 *data, unsigned len)
{
    VirtioBalloon *d = VIRTIO_OF(VirtioBalloon, v);
    guint8 config[CONFIG_LEN];
    guint32 le;

    get_config(v, config);
    for (unsigned i = 0; i < len && offset + i < CONFIG_LEN; i++)
        config[offset + i] = data[i];
    memcpy(&le, config + CONFIG_ACTUAL, sizeof le);
    d->s.actual = GUINT32_FROM_LE(le);
}

/* ---- life ---- */

/* The guest's memory is its own again, and so is the balloon's. */
static void
clear(VirtioBalloon *d)
{
    d->s.actual = 0;
    d->info.has_stats = false;
    d->info.known = 0;
}

static void
stopped(VirtioDevice *v)
{
    VirtioBalloon *d = VIRTIO_OF(VirtioBalloon, v);

    if (!d->restoring)
        clear(d);
}

static const VirtioModel virtio_balloon_model = {
    .id = VIRTIO_ID_BALLOON,
    .pci_class = 0x00ff, /* unclassified */
    .notify = notify,
    .get_config = get_config,
    .set_config = set_config,
    .stopped = stopped,
};

static bool
virtio_balloon_realize(Device *dev, DeviceEnv *env, GError **error)
{
    VirtioBalloon *d = VIRTIO_OF(VirtioBalloon, dev);
    const VirtioSetup setup = {
        .features = F_STATS | (d->deflate_on_oom ? F_DEFLATE_OOM : 0) |
                    (d->reporting ? F_REPORTING : 0),
        .n_queues = QUEUES,
        .queue_size = QUEUE_SIZE,
        .config_size = CONFIG_LEN};

    d->restoring = false;
    d->info = (VirtioBalloonInfo){0};
    return virtio_realize(&d->virtio, env, &virtio_balloon_model, &setup,
                          &d->s.virtio, error);
}

static void
virtio_balloon_unrealize(Device *dev)
{
    VirtioBalloon *d = VIRTIO_OF(VirtioBalloon, dev);

    d->restoring = true; /* the state is left as it is */
    virtio_class_unrealize(dev);
}

static void
virtio_balloon_reset(Device *dev, ResetKind kind)
{
    VirtioBalloon *d = VIRTIO_OF(VirtioBalloon, dev);

    virtio_class_reset(dev, kind);
    virtio_lock(&d->virtio);
    clear(d);
    if (!d->sized)
        d->s.target = to_pages(d->size);
    d->sized = true; /* from now on it is the owner's */
    virtio_unlock(&d->virtio);
}

static void
virtio_balloon_restored(Device *dev)
{
    VirtioBalloon *d = VIRTIO_OF(VirtioBalloon, dev);

    d->restoring = true;
    virtio_class_restored(dev);
    d->restoring = false;
}

/* clang-format off */
static const StateField virtio_balloon_fields[] = {
    STATE_SUB(VirtioBalloonState, virtio, &virtio_state_desc),
    STATE_FIELD(VirtioBalloonState, target, STATE_U32),
    STATE_FIELD(VirtioBalloonState, actual, STATE_U32),
    STATE_FIELDS_END
};

static const PropDesc virtio_balloon_props[] = {
    VIRTIO_PROPS(VirtioBalloon, virtio),
    PROP_DEF_U64(VirtioBalloon, size, "size", 0, 0, G_MAXUINT64, "bytes",
                 "the balloon takes at first"),
    PROP_DEF_BOOL(VirtioBalloon, deflate_on_oom, "deflate-on-oom", true,
                  "the guest may take pages back when it runs out of memory"),
    PROP_DEF_BOOL(VirtioBalloon, reporting, "reporting", true,
                  "the guest may report free pages, which the host then gets"),
    PROP_END
};
/* clang-format on */

static const StateDesc virtio_balloon_state = {
    .name = "virtio-balloon",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioBalloonState),
    .fields = virtio_balloon_fields,
};

const DeviceClass virtio_balloon_class = {
    .name = "virtio-balloon",
    .summary = "memory balloon (virtio)",
    .size = sizeof(VirtioBalloon),
    .props = virtio_balloon_props,
    .state = &virtio_balloon_state,
    .state_offset = G_STRUCT_OFFSET(VirtioBalloon, s),
    .realize = virtio_balloon_realize,
    .unrealize = virtio_balloon_unrealize,
    .reset = virtio_balloon_reset,
    .restored = virtio_balloon_restored,
    .quiesce = virtio_class_quiesce,
    .is_quiet = virtio_class_is_quiet,
    .resume = virtio_class_resume,
};
