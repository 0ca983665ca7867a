/* devices/virtio/virtio-scsi.c - a SCSI controller, Virtio 1.2 section 5.6:
 * its units, requests, configuration and life. Task management is in
 * virtio-scsi-control.c, what is told unasked in virtio-scsi-event.c, the
 * commands in devices/storage/scsi-*.c.
 *
 * One target with up to eight units. Data goes from the guest's pages to the
 * disk back ends and back without a copy. Left out: commands with data in both
 * directions, protection information, the well-known unit (REPORT LUNS works
 * at every address of the target), priorities and task attributes. */
#include "devices/virtio/virtio-scsi-internal.h"

#include <string.h>

#include "devices/storage/scsi-bytes.h"
#include "vmm/block/block.h"
#include "vmm/core/error.h"
#include "vmm/core/iov.h"
#include "vmm/loop/loop.h"

/* A request's parts, 5.6.6.1: lun, id, task_attr, prio, crn, then the command;
 * sense_len, residual, status_qualifier, status, response, then sense. */
#define HEADER 19u
#define ANSWER 12u

/* Configuration, 5.6.4 */
#define CONFIG_SIZE   36u
#define CONFIG_SENSE  20u
#define CONFIG_CDB    24u
#define DEFAULT_SENSE 96u
#define MAX_SENSE     252u /* SPC-4 4.5: what fixed-format data can have */
#define MIN_CDB       6u
#define SEG_MAX       254u
#define MAX_SECTORS   0xffffu
#define CMD_PER_LUN   128u

#define MAX_QUEUES    16u /* of requests */
#define BATCH         64u /* requests begun at once */
#define MAX_ROUNDS    8u  /* of batches before others have a turn */
/* After a read that the host did not have in memory so many are not tried that
 * way, see virtio-blk.c. */
#define NOW_BYTES (64u << 10)
#define NOW_PAUSE 16u

struct VscsiRequest {
    ScsiTask task; /* first */
    VirtioScsi *d;
    Virtq *q;
    VirtqElem elem;
    guint64 order;
    guint32 sense_size, cdb_size; /* as they were when it was taken */
    guint8 response;
    bool bad; /* no request at all: the device is to be stopped */
    struct iovec iov[SEG_MAX + 2 + VIRTQ_SPARE_IOV];
};

/* ---- requests in store ---- */

static VscsiRequest *
take(VirtioScsi *d)
{
    VscsiRequest *r = virtio_pool_take(&d->pool);

    if (r != NULL) {
        r->d = d;
        r->elem.iov = r->iov;
        r->elem.cap = G_N_ELEMENTS(r->iov);
    }
    return r;
}

static void
give(VscsiRequest *r)
{
    virtio_pool_give(&r->d->pool, r);
}

static VscsiRequest *
request_of(ScsiTask *task)
{
    return (VscsiRequest *) (void *) task;
}

guint64
vscsi_task_order(const ScsiTask *task)
{
    return ((const VscsiRequest *) (const void *) task)->order;
}

/* ---- answers ---- */

/* Bytes from the start of the part to fill. What a command that failed half
 * way has written nobody knows. */
static gsize
written(const VscsiRequest *r)
{
    const ScsiTask *t = &r->task;

    if (r->bad)
        return 0;
    if (!t->in_used)
        return t->in_at;
    return t->status == SCSI_GOOD && t->fate == SCSI_LIVE ? t->in_at + t->moved
                                                          : r->elem.in_len;
}

static void
put_answer(VscsiRequest *r)
{
    const ScsiTask *t = &r->task;
    guint8 b[ANSWER + MAX_SENSE] = {0}, sense[SCSI_SENSE_LEN];
    gsize n = MIN(sizeof sense, r->sense_size);

    if (r->response == VSCSI_OK || r->response == VSCSI_OVERRUN) {
        if (t->status == SCSI_CHECK_CONDITION) {
            scsi_task_sense(t, sense);
            memcpy(b + ANSWER, sense, n);
            pci_put32(b, 0, (guint32) n);
        }
        pci_put32(b, 4, (guint32) (t->wanted - MIN(t->moved, t->wanted)));
        b[10] = t->status;
    }
    b[11] = r->response;
    (void) iov_write(r->iov + r->elem.n_out, r->elem.n_in, 0, b,
                     ANSWER + r->sense_size);
}

/* Data went to a disk: WRITE of any size, whose groups share the low bits. */
static bool
has_written(const VscsiRequest *r)
{
    const ScsiTask *t = &r->task;

    return r->response == VSCSI_OK && t->status == SCSI_GOOD && t->moved > 0 &&
           t->out_len > 0 && (t->cdb[0] & 0x1f) == 0x0a;
}

/* Lock held. */
static void
finish(VscsiRequest *r)
{
    Virtq *q = r->q;

    if (!r->bad && has_written(r))
        virtio_count_write(&r->d->virtio);
    if (r->bad)
        virtq_fail(q,
                   "a request with %" G_GSIZE_FORMAT " bytes to read and "
                   "%" G_GSIZE_FORMAT " for the answer; with commands of %u "
                   "and sense data of %u it has %u and %u",
                   r->elem.out_len, r->elem.in_len, r->cdb_size, r->sense_size,
                   HEADER + r->cdb_size, ANSWER + r->sense_size);
    else if (!virtq_is_stale(q, &r->elem))
        put_answer(r);
    virtq_push(q, &r->elem, written(r));
    r->d->to_flush |= 1u << virtq_index(q);
    give(r);
}

void
vscsi_flush(VirtioScsi *d)
{
    for (unsigned i = 0; d->to_flush != 0; i++, d->to_flush >>= 1)
        if ((d->to_flush & 1) != 0)
            virtq_flush(virtio_queue(&d->virtio, i));
}

static void
batch_done(void *data)
{
    VirtioScsi *d = data;

    if (d->to_flush == 0)
        return;
    virtio_lock(&d->virtio);
    vscsi_flush(d);
    virtio_unlock(&d->virtio);
}

void
vscsi_adopt_block(VirtioScsi *d, Block *block)
{
    if (block != NULL)
        block_set_batch_done(block, batch_done, d);
}

void
vscsi_drop_block(Block *block)
{
    if (block != NULL)
        block_set_batch_done(block, NULL, NULL);
}

/* What a command that has ended comes to. */
static void
set_response(VscsiRequest *r)
{
    static const guint8 of_fate[] = {
        [SCSI_LIVE] = VSCSI_OK,
        [SCSI_ABORTED] = VSCSI_ABORTED,
        [SCSI_RESET] = VSCSI_RESET,
        [SCSI_MEDIUM_GONE] = VSCSI_OK,
    };

    r->response = r->task.overrun ? VSCSI_OVERRUN : of_fate[r->task.fate];
}

/* Lock not held. */
static void
task_done(ScsiTask *task)
{
    VscsiRequest *r = request_of(task);
    VirtioScsi *d = r->d;

    set_response(r);
    virtio_lock(&d->virtio);
    finish(r);
    virtio_unlock(&d->virtio);
    vscsi_task_ended(d, task);
    if (task->fate != SCSI_LIVE) /* its image may have gone, no batch ends */
        batch_done(d);
}

/* ---- new requests ---- */

/* 5.6.6.1: 1, the target, and a LUN in the peripheral or flat form of SAM-5
 * 4.7. */
int
vscsi_find_unit(const VirtioScsi *d, const guint8 lun[VSCSI_LUN_BYTES])
{
    unsigned n = scsi_get16(lun + 2);

    if (lun[0] != 1 || lun[1] != 0)
        return VSCSI_NO_TARGET;
    if (n >> 14 == 1)
        n &= 0x3fff;
    if (n >= VIRTIO_SCSI_UNITS || scsi_get32(lun + 4) != 0 ||
        d->unit[n].kind == SCSI_ABSENT)
        return VSCSI_NO_UNIT;
    return (int) n;
}

static bool
refuse(VscsiRequest *r, guint8 response)
{
    r->response = response;
    return false;
}

static bool
report_luns(VscsiRequest *r)
{
    guint16 luns[VIRTIO_SCSI_UNITS];
    unsigned n = 0;

    for (guint16 i = 0; i < VIRTIO_SCSI_UNITS; i++)
        if (r->d->unit[i].kind != SCSI_ABSENT)
            luns[n++] = i;
    return scsi_task_report_luns(&r->task, luns, n);
}

static void
fill_task(VscsiRequest *r, const guint8 *header)
{
    ScsiTask *t = &r->task;

    memcpy(&t->tag, header + VSCSI_LUN_BYTES, sizeof t->tag);
    memset(t->cdb, 0, sizeof t->cdb);
    memcpy(t->cdb, header + HEADER, r->cdb_size);
    t->iov_out = r->iov;
    t->n_out = r->elem.n_out;
    t->out_at = HEADER + r->cdb_size;
    t->out_len = r->elem.out_len - t->out_at;
    t->iov_in = r->iov + r->elem.n_out;
    t->n_in = r->elem.n_in;
    t->in_at = ANSWER + r->sense_size;
    t->in_len = r->elem.in_len - t->in_at;
    t->done = task_done;
}

/* For requests that the command layer does not see. */
static void
clear_result(ScsiTask *t)
{
    t->status = SCSI_GOOD;
    t->overrun = t->in_used = false;
    t->moved = t->wanted = 0;
    t->fate = SCSI_LIVE;
    t->in_at = 0;
}

/* True: the task is to be submitted; else r->response is the answer. */
static bool
begin(VscsiRequest *r)
{
    guint8 header[HEADER + SCSI_MAX_CDB];

    clear_result(&r->task);
    r->order = ++r->d->order;
    r->bad = r->elem.out_len < HEADER + r->cdb_size ||
             r->elem.in_len < ANSWER + r->sense_size;
    if (r->bad)
        return false;
    (void) iov_read(r->iov, r->elem.n_out, 0, header, HEADER + r->cdb_size);
    fill_task(r, header);
    int n = vscsi_find_unit(r->d, header);
    if (n == VSCSI_NO_TARGET)
        return refuse(r, VSCSI_BAD_TARGET);
    if (r->task.in_len > 0 && r->task.out_len > 0)
        return refuse(r, VSCSI_FAILURE);
    r->task.unit = n >= 0 ? &r->d->unit[n] : NULL;
    if (!report_luns(r)) {
        if (n >= 0 && scsi_task_begin(&r->task))
            return true;
        if (n < 0)
            scsi_task_no_unit(&r->task);
    }
    set_response(r);
    return false;
}

/* True when it was done at once. */
static bool
read_at_once(VirtioScsi *d, VscsiRequest *r)
{
    if (r->task.block.op != BLOCK_READ || r->task.in_len > NOW_BYTES)
        return false;
    if (d->now_pause > 0) {
        d->now_pause--;
        return false;
    }
    if (scsi_task_read_now(&r->task)) {
        set_response(r);
        return true;
    }
    d->now_pause = NOW_PAUSE;
    return false;
}

/* Each unit's requests at once. */
static void
submit(VirtioScsi *d, VscsiRequest *const begun[], unsigned n)
{
    for (unsigned u = 0; u < VIRTIO_SCSI_UNITS; u++) {
        BlockReq *reqs[BATCH];
        unsigned n_reqs = 0;
        for (unsigned i = 0; i < n; i++)
            if (begun[i]->task.unit == &d->unit[u])
                reqs[n_reqs++] = &begun[i]->task.block;
        if (n_reqs > 0)
            block_submit(d->unit[u].block, reqs, n_reqs);
    }
}

/* Lock not held: this may take a while. */
static void
process(VirtioScsi *d, VscsiRequest *batch[], unsigned n)
{
    VscsiRequest *begun[BATCH];
    unsigned n_begun = 0, n_finished = 0;

    for (unsigned i = 0; i < n; i++) {
        VscsiRequest *r = batch[i];
        if (begin(r) && !read_at_once(d, r))
            begun[n_begun++] = r;
        else
            batch[n_finished++] = r;
    }
    submit(d, begun, n_begun);
    if (n_finished == 0)
        return;
    virtio_lock(&d->virtio);
    for (unsigned i = 0; i < n_finished; i++)
        finish(batch[i]);
    vscsi_flush(d);
    virtio_unlock(&d->virtio);
}

/* Takes up to BATCH requests; 0: the driver will notify. */
static unsigned
collect(VirtioScsi *d, Virtq *q, VscsiRequest *batch[])
{
    unsigned n = 0;

    virtio_lock(&d->virtio);
    virtq_suppress(q);
    do {
        while (n < BATCH && (batch[n] = take(d)) != NULL) {
            batch[n]->q = q;
            batch[n]->sense_size = d->s.sense_size;
            batch[n]->cdb_size = d->s.cdb_size;
            if (!virtq_pop(q, &batch[n]->elem)) {
                give(batch[n]);
                break;
            }
            n++;
        }
    } while (n == 0 && !virtq_listen(q));
    virtio_unlock(&d->virtio);
    return n;
}

/* False: there is more. */
static bool
serve_queue(VirtioScsi *d, unsigned queue)
{
    VscsiRequest *batch[BATCH];
    unsigned n;

    for (unsigned i = 0; i < MAX_ROUNDS; i++) {
        n = collect(d, virtio_queue(&d->virtio, queue), batch);
        if (n == 0)
            return true;
        process(d, batch, n);
    }
    return false;
}

void
vscsi_serve_requests(VirtioScsi *d)
{
    for (unsigned i = 0; i < d->n_queues; i++)
        if (!serve_queue(d, VSCSI_REQUEST + i))
            virtio_kick(&d->virtio, VSCSI_REQUEST + i);
}

/* ---- a driver's reset ---- */

void
vscsi_reset_unit(VirtioScsi *d, unsigned n)
{
    d->s.subscribed[n] = 0;
    if (d->unit[n].kind == SCSI_ABSENT)
        return;
    scsi_unit_cancel_all(&d->unit[n], SCSI_RESET);
    scsi_unit_reset(&d->unit[n]);
}

static void
reset_units(VirtioScsi *d)
{
    for (unsigned i = 0; i < VIRTIO_SCSI_UNITS; i++)
        vscsi_reset_unit(d, i);
}

static void
reset_if_owed(void *data)
{
    VirtioScsi *d = data;

    virtio_lock(&d->virtio);
    bool owed = d->reset_owed;
    d->reset_owed = false;
    virtio_unlock(&d->virtio);
    if (owed)
        reset_units(d);
}

/* The units follow before the next request is looked at. */
static void
reset(VirtioDevice *v)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, v);

    d->s.sense_size = DEFAULT_SENSE;
    d->s.cdb_size = SCSI_MAX_CDB;
    d->s.events_missed = 0;
    d->reset_owed = true;
    timer_arm(d->reset_timer, 0);
}

static void
notify(VirtioDevice *v, unsigned queue)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, v);

    reset_if_owed(d);
    if (queue == VSCSI_CONTROL)
        vscsi_serve_control(d);
    else if (queue == VSCSI_EVENT)
        vscsi_serve_event(d);
    else if (!serve_queue(d, queue))
        virtio_kick(v, queue);
}

/* ---- configuration, 5.6.4 ---- */

static void
get_config(VirtioDevice *v, guint8 *config)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, v);

    pci_put32(config, 0, d->n_queues);
    /* a chain is not longer than its ring */
    pci_put32(config, 4, MIN(SEG_MAX, d->queue_size - 2));
    pci_put32(config, 8, MAX_SECTORS);
    pci_put32(config, 12, MIN(CMD_PER_LUN, d->queue_size));
    pci_put32(config, 16, VSCSI_EVENT_BYTES);
    pci_put32(config, CONFIG_SENSE, d->s.sense_size);
    pci_put32(config, CONFIG_CDB, d->s.cdb_size);
    /* one channel, one target: 0 */
    pci_put32(config, 32, VIRTIO_SCSI_UNITS - 1);
}

/* The driver may choose two sizes; what it reads back is what it has got. */
static void
set_config(VirtioDevice *v, unsigned offset, const guint8 *data, unsigned len)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, v);
    guint8 config[CONFIG_SIZE] = {0};

    get_config(v, config);
    memcpy(config + offset, data, len);
    guint32 sense = pci_get32(config, CONFIG_SENSE);
    guint32 cdb = pci_get32(config, CONFIG_CDB);
    d->s.sense_size = MIN(sense, MAX_SENSE);
    d->s.cdb_size = CLAMP(cdb, MIN_CDB, SCSI_MAX_CDB);
    if (d->s.sense_size != sense || d->s.cdb_size != cdb)
        device_guest_error(&v->pci.dev,
                           "sense data of %u and commands of %u bytes: taken "
                           "as %u and %u",
                           sense, cdb, d->s.sense_size, d->s.cdb_size);
}

static const VirtioModel virtio_scsi_model = {
    .id = VIRTIO_ID_SCSI,
    .pci_class = 0x0100, /* SCSI controller */
    .notify = notify,
    .get_config = get_config,
    .set_config = set_config,
    .reset = reset,
};

/* ---- life ---- */

static bool
make_unit(VirtioScsi *d, unsigned n, GError **error)
{
    VscsiPlace *place = &d->place[n];
    ScsiKind kind = place->cdrom ? SCSI_CD : SCSI_DISK;

    d->unit[n] = (ScsiUnit){.kind = SCSI_ABSENT};
    if (!place->cdrom && place->block == NULL)
        return true;
    if (place->serial == NULL)
        place->serial = g_strdup_printf("%s-%u", d->virtio.pci.dev.id, n);
    if (!scsi_unit_init(&d->unit[n], &d->s.unit[n], kind, place->block,
                        place->serial, error)) {
        d->unit[n].kind = SCSI_ABSENT;
        return false;
    }
    vscsi_watch_tray(d, n);
    vscsi_adopt_block(d, place->block);
    return true;
}

static bool
check_options(VirtioScsi *d, GError **error)
{
    if ((d->queue_size & (d->queue_size - 1)) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: queue-size %u is no power of two", d->virtio.pci.dev.id,
                d->queue_size);
    return false;
}

static void
make_requests(VirtioScsi *d)
{
    /* One more than the queues have: whoever puts too much into a full queue
     * is found out by virtq_pop(), see virtio-blk.c. */
    virtio_pool_init(&d->pool, sizeof(VscsiRequest),
                     d->n_queues * d->queue_size + 1);
    d->to_flush = 0;
    d->now_pause = 0;
    d->order = 0;
    d->reset_owed = false;
    vscsi_make_controls(d);
}

static bool
virtio_scsi_realize(Device *dev, DeviceEnv *env, GError **error)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, dev);

    if (!check_options(d, error))
        return false;
    for (unsigned i = 0; i < VIRTIO_SCSI_UNITS; i++)
        if (!make_unit(d, i, error))
            return false;
    make_requests(d);
    d->reset_timer = timer_new(env->loop, CLOCK_HOST, reset_if_owed, d);
    const VirtioSetup setup = {
        .features = VSCSI_F_HOTPLUG,
        .n_queues = VSCSI_REQUEST + d->n_queues,
        .queue_size = (guint16) d->queue_size,
        .config_size = CONFIG_SIZE,
    };
    return virtio_realize(&d->virtio, env, &virtio_scsi_model, &setup,
                          &d->s.virtio, error);
}

static void
virtio_scsi_unrealize(Device *dev)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, dev);

    virtio_class_unrealize(dev);
    timer_free(g_steal_pointer(&d->reset_timer));
    for (unsigned i = 0; i < VIRTIO_SCSI_UNITS; i++)
        vscsi_drop_block(d->place[i].block);
    virtio_pool_clear(&d->pool);
    virtio_pool_clear(&d->control_pool);
}

static void
virtio_scsi_reset(Device *dev, ResetKind kind)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, dev);

    virtio_class_reset(dev, kind);
    memset(d->s.unit, 0, sizeof d->s.unit);
    reset_units(d);
    d->reset_owed = false;
}

static void
virtio_scsi_restored(Device *dev)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, dev);

    d->reset_owed = false;
    for (unsigned n = 0; n < VIRTIO_SCSI_UNITS; n++)
        if (d->unit[n].kind != SCSI_ABSENT)
            scsi_unit_show_tray(&d->unit[n]);
    virtio_class_restored(dev);
}

/* A reset that the units have not heard of is work to be done. */
static bool
virtio_scsi_is_quiet(Device *dev)
{
    VirtioScsi *d = VIRTIO_OF(VirtioScsi, dev);

    virtio_lock(&d->virtio);
    bool owed = d->reset_owed;
    virtio_unlock(&d->virtio);
    return !owed && virtio_class_is_quiet(dev);
}

static bool
virtio_scsi_check(const void *state, GError **error)
{
    const VirtioScsiState *s = state;

    guint16 odd = 0;

    for (unsigned i = 0; i < VIRTIO_SCSI_UNITS; i++) {
        odd |= s->subscribed[i] & (guint16) ~VSCSI_ASYNC_ALL;
        if (!scsi_unit_check(&s->unit[i], error))
            return false;
    }
    if (odd == 0 && s->sense_size <= MAX_SENSE && s->cdb_size >= MIN_CDB &&
        s->cdb_size <= SCSI_MAX_CDB && s->events_missed <= 1)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "virtio-scsi: sense data of %u, commands of %u bytes, missed "
                "events %u or subscriptions 0x%x are out of range",
                s->sense_size, s->cdb_size, s->events_missed, odd);
    return false;
}

/* clang-format off */
static const StateField virtio_scsi_fields[] = {
    STATE_SUB(VirtioScsiState, virtio, &virtio_state_desc),
    STATE_FIELD(VirtioScsiState, sense_size, STATE_U32),
    STATE_FIELD(VirtioScsiState, cdb_size, STATE_U32),
    STATE_FIELD(VirtioScsiState, events_missed, STATE_U8),
    STATE_ARRAY(VirtioScsiState, subscribed, STATE_U16),
    STATE_SUB_ARRAY(VirtioScsiState, unit, &scsi_unit_state_desc),
    STATE_FIELDS_END
};

#define UNIT(n) \
    PROP_DEF_LINK(VirtioScsi, place[n].block, "drive" #n, false, \
                  "image of unit " #n), \
    PROP_DEF_BOOL(VirtioScsi, place[n].cdrom, "cdrom" #n, false, \
                  "unit " #n " is a CD drive, with or without a disc"), \
    PROP_DEF_STRING(VirtioScsi, place[n].serial, "serial" #n, NULL, \
                    "serial number of unit " #n ", up to 36 characters")

static const PropDesc virtio_scsi_props[] = {
    VIRTIO_PROPS(VirtioScsi, virtio),
    UNIT(0), UNIT(1), UNIT(2), UNIT(3), UNIT(4), UNIT(5), UNIT(6), UNIT(7),
    PROP_DEF_U32(VirtioScsi, n_queues, "queues", 1, 1, MAX_QUEUES, NULL,
                 "request queues, best one a processor"),
    PROP_DEF_U32(VirtioScsi, queue_size, "queue-size", 256, 16,
                 VIRTQ_MAX_SIZE, NULL, "entries of a queue, a power of two"),
    PROP_END
};
/* clang-format on */

static const StateDesc virtio_scsi_state = {
    .name = "virtio-scsi",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioScsiState),
    .fields = virtio_scsi_fields,
    .check = virtio_scsi_check,
};

const DeviceClass virtio_scsi_class = {
    .name = "virtio-scsi",
    .summary = "SCSI controller for disks and CD drives (virtio)",
    .size = sizeof(VirtioScsi),
    .props = virtio_scsi_props,
    .state = &virtio_scsi_state,
    .state_offset = G_STRUCT_OFFSET(VirtioScsi, s),
    .realize = virtio_scsi_realize,
    .unrealize = virtio_scsi_unrealize,
    .reset = virtio_scsi_reset,
    .restored = virtio_scsi_restored,
    .quiesce = virtio_class_quiesce,
    .is_quiet = virtio_scsi_is_quiet,
    .resume = virtio_class_resume,
};
