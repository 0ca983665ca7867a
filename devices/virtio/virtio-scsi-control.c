/* devices/virtio/virtio-scsi-control.c - the control queue of a SCSI
 * controller, Virtio 1.2 section 5.6.6.2: task management, and subscriptions
 * to what CD drives tell.
 *
 * A function that ends commands is answered when the last of them has been:
 * the driver may reuse their memory then. Commands that the driver put into
 * other queues before are begun first, so that none of them comes to life
 * after its end was reported. */
#include <string.h>

#include "devices/virtio/virtio-scsi-internal.h"
#include "vmm/core/iov.h"

/* type, subtype, lun, id; type, lun, event_requested */
#define TMF_BYTES  24u
#define AN_BYTES   16u
#define AN_ANSWER  5u  /* event_actual, response */
#define BATCH      16u /* controls at a time, then others get their turn */
#define EVERY_UNIT ((1u << VIRTIO_SCSI_UNITS) - 1)

enum { TYPE_TMF = 0, TYPE_AN_QUERY = 1, TYPE_AN_SUBSCRIBE = 2 };

/* A buffer of the control queue. */
struct VscsiControl {
    VirtioScsi *d;
    VscsiControl *next; /* waiting */
    VirtqElem elem;
    guint8 answer[AN_ANSWER];
    unsigned answer_len; /* 0: no control at all, the device is stopped */
    /* The commands that must have ended before the answer: those of these
     * units begun before, with this tag or any. */
    guint32 units;
    bool any_tag;
    guint64 tag, order;
    unsigned n_awaited; /* of them, how many have not */
    struct iovec iov[VSCSI_SMALL_IOV + VIRTQ_SPARE_IOV];
};

void
vscsi_make_controls(VirtioScsi *d)
{
    virtio_pool_init(&d->control_pool, sizeof(VscsiControl), d->queue_size + 1);
    d->waiting = NULL;
}

static VscsiControl *
take(VirtioScsi *d)
{
    VscsiControl *c = virtio_pool_take(&d->control_pool);

    if (c != NULL) {
        c->d = d;
        c->elem.iov = c->iov;
        c->elem.cap = G_N_ELEMENTS(c->iov);
    }
    return c;
}

static void
give(VscsiControl *c)
{
    virtio_pool_give(&c->d->control_pool, c);
}

/* ---- answers ---- */

/* Lock held. */
static void
answer(VscsiControl *c)
{
    VirtioScsi *d = c->d;
    Virtq *q = virtio_queue(&d->virtio, VSCSI_CONTROL);

    if (c->answer_len == 0)
        virtq_fail(q,
                   "a control of %" G_GSIZE_FORMAT " bytes and %" G_GSIZE_FORMAT
                   " for the answer",
                   c->elem.out_len, c->elem.in_len);
    else if (!virtq_is_stale(q, &c->elem))
        (void) iov_write(c->iov + c->elem.n_out, c->elem.n_in, 0, c->answer,
                         c->answer_len);
    virtq_push(q, &c->elem, c->answer_len);
    d->to_flush |= 1u << VSCSI_CONTROL;
    give(c);
}

/* Whether it is to wait for this command, which is under way or has just
 * ended. */
static bool
awaits(const VscsiControl *c, const ScsiTask *t)
{
    unsigned unit = (unsigned) (t->unit - c->d->unit);

    return (c->units & 1u << unit) != 0 && vscsi_task_order(t) < c->order &&
           (c->any_tag || t->tag == c->tag);
}

/* Once a control: a driver can have thousands of commands and controls under
 * way, and a look at each pair of them with each end would take seconds. */
static unsigned
count_awaited(const VscsiControl *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < VIRTIO_SCSI_UNITS; i++) {
        if ((c->units & 1u << i) == 0)
            continue;
        for (ScsiTask *t = c->d->unit[i].tasks; t != NULL; t = t->next)
            n += awaits(c, t);
    }
    return n;
}

/* Lock not held. */
static void
answer_ready(VirtioScsi *d)
{
    VscsiControl **link = &d->waiting;

    while (*link != NULL) {
        VscsiControl *c = *link;
        if (c->n_awaited > 0) {
            link = &c->next;
            continue;
        }
        *link = c->next;
        virtio_lock(&d->virtio);
        answer(c);
        virtio_unlock(&d->virtio);
    }
}

void
vscsi_task_ended(VirtioScsi *d, const ScsiTask *task)
{
    bool ready = false;

    for (VscsiControl *c = d->waiting; c != NULL; c = c->next)
        if (awaits(c, task))
            ready |= --c->n_awaited == 0;
    if (ready)
        answer_ready(d);
}

/* ---- task management ---- */

typedef enum { ONE_TASK, ALL_TASKS, THE_UNIT, THE_TARGET } Scope;

/* By subtype; what has no row is rejected. There is no auto contingent
 * allegiance to clear (2): no command ends with one. */
static const struct {
    guint32 subtype;
    Scope scope;
    bool asks; /* only whether there are such */
} functions[] = {
    {0, ONE_TASK, false},   /* ABORT TASK */
    {1, ALL_TASKS, false},  /* ABORT TASK SET */
    {3, ALL_TASKS, false},  /* CLEAR TASK SET */
    {4, THE_TARGET, false}, /* I_T NEXUS RESET */
    {5, THE_UNIT, false},   /* LOGICAL UNIT RESET */
    {6, ONE_TASK, true},    /* QUERY TASK */
    {7, ALL_TASKS, true},   /* QUERY TASK SET */
};

static void
abort_tasks(const VscsiControl *c, unsigned n)
{
    for (ScsiTask *t = c->d->unit[n].tasks; t != NULL; t = t->next)
        if (c->any_tag || t->tag == c->tag)
            scsi_task_cancel(t, SCSI_ABORTED);
}

static void
carry_out(VscsiControl *c, Scope scope, unsigned n)
{
    if (scope == THE_TARGET)
        c->units = EVERY_UNIT;
    if (scope == ONE_TASK || scope == ALL_TASKS)
        abort_tasks(c, n);
    for (unsigned i = 0; i < VIRTIO_SCSI_UNITS; i++)
        if (scope == THE_TARGET || (scope == THE_UNIT && i == n))
            vscsi_reset_unit(c->d, i);
}

/* The response; what c is to wait for is in c. */
static guint8
manage(VscsiControl *c, guint32 subtype, int unit)
{
    for (gsize i = 0; i < G_N_ELEMENTS(functions); i++) {
        Scope scope = functions[i].scope;
        if (functions[i].subtype != subtype)
            continue;
        if (unit == VSCSI_NO_UNIT && scope != THE_TARGET)
            return VSCSI_INCORRECT_LUN;
        c->units = unit >= 0 ? 1u << unit : 0;
        c->any_tag = scope != ONE_TASK;
        if (!functions[i].asks) {
            carry_out(c, scope, (unsigned) unit);
            c->n_awaited = count_awaited(c);
            return VSCSI_OK;
        }
        bool found = count_awaited(c) > 0;
        c->units = 0;
        return found ? VSCSI_SUCCEEDED : VSCSI_OK;
    }
    return VSCSI_REJECTED;
}

static void
begin_tmf(VscsiControl *c)
{
    struct __attribute__((packed)) {
        guint32 type, subtype;
        guint8 lun[VSCSI_LUN_BYTES];
        guint64 tag;
    } le;

    G_STATIC_ASSERT(sizeof le == TMF_BYTES);
    if (c->elem.in_len < 1 ||
        iov_read(c->iov, c->elem.n_out, 0, &le, TMF_BYTES) != TMF_BYTES)
        return;
    int unit = vscsi_find_unit(c->d, le.lun);
    c->tag = le.tag; /* as in requests: bytes that are only compared */
    c->answer_len = 1;
    c->answer[0] = unit == VSCSI_NO_TARGET
                       ? VSCSI_BAD_TARGET
                       : manage(c, GUINT32_FROM_LE(le.subtype), unit);
}

/* ---- asynchronous notifications ---- */

/* What a CD drive can tell by itself; disks have nothing to tell. */
static void
begin_an(VscsiControl *c, bool subscribe)
{
    VirtioScsi *d = c->d;
    struct __attribute__((packed)) {
        guint32 type;
        guint8 lun[VSCSI_LUN_BYTES];
        guint32 wanted;
    } le;

    G_STATIC_ASSERT(sizeof le == AN_BYTES);
    if (c->elem.in_len < AN_ANSWER ||
        iov_read(c->iov, c->elem.n_out, 0, &le, AN_BYTES) != AN_BYTES)
        return;
    int unit = vscsi_find_unit(d, le.lun);
    guint32 known = unit >= 0 && d->unit[unit].kind == SCSI_CD
                        ? VSCSI_ASYNC_ALL & GUINT32_FROM_LE(le.wanted)
                        : 0;
    c->answer_len = AN_ANSWER;
    pci_put32(c->answer, 0, known);
    c->answer[4] = unit >= 0                 ? VSCSI_OK
                   : unit == VSCSI_NO_TARGET ? VSCSI_BAD_TARGET
                                             : VSCSI_INCORRECT_LUN;
    if (subscribe && unit >= 0)
        d->s.subscribed[unit] = (guint16) known;
}

/* ---- the queue ---- */

static void
begin(VscsiControl *c)
{
    guint32 le = 0;

    c->order = ++c->d->order;
    c->units = 0;
    c->n_awaited = 0;
    c->any_tag = false;
    c->answer_len = 0;
    gsize n = iov_read(c->iov, c->elem.n_out, 0, &le, sizeof le);
    switch (GUINT32_FROM_LE(le)) {
    case TYPE_TMF: begin_tmf(c); return;
    case TYPE_AN_QUERY: begin_an(c, false); return;
    case TYPE_AN_SUBSCRIBE: begin_an(c, true); return;
    default: break;
    }
    if (n == sizeof le && c->elem.in_len > 0) {
        c->answer[0] = VSCSI_REJECTED;
        c->answer_len = 1;
    }
}

static unsigned
collect(VirtioScsi *d, VscsiControl *batch[])
{
    Virtq *q = virtio_queue(&d->virtio, VSCSI_CONTROL);
    unsigned n = 0;

    virtio_lock(&d->virtio);
    virtq_suppress(q);
    do {
        while (n < BATCH && (batch[n] = take(d)) != NULL) {
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

void
vscsi_serve_control(VirtioScsi *d)
{
    VscsiControl *batch[BATCH];
    unsigned n = collect(d, batch);

    if (n == 0)
        return;
    vscsi_serve_requests(d);
    for (unsigned i = 0; i < n; i++) {
        begin(batch[i]);
        batch[i]->next = d->waiting;
        d->waiting = batch[i];
    }
    answer_ready(d);
    virtio_lock(&d->virtio);
    vscsi_flush(d);
    virtio_unlock(&d->virtio);
    virtio_kick(&d->virtio, VSCSI_CONTROL); /* until there are none */
}
