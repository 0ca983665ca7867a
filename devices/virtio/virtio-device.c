/* devices/virtio/virtio-device.c - see virtio-device.h: status, features,
 * queues and life, which both transports share.
 *
 * Virtio 1.2, chapters 2 and 3. A reset is visible at once but for the status,
 * which a driver reads as non-zero until the last buffer of before is back:
 * only then may it reuse the memory (2.4.1, 4.1.4.3.2). Left out: resetting a
 * single queue, notification data, shared memory regions, in-order use. */
#include "devices/virtio/virtio-device.h"

#include <stdarg.h>
#include <string.h>

#include "devices/virtio/virtio-internal.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/io-thread.h"
#include "vmm/loop/loop.h"

/* clang-format off */
static const StateField virtio_fields[] = {
    STATE_SUB(VirtioState, pci, &pci_state_desc),
    STATE_SUB(VirtioState, msix, &pci_msix_state_desc),
    STATE_FIELD(VirtioState, driver_features, STATE_U64),
    STATE_FIELD(VirtioState, device_feature_sel, STATE_U32),
    STATE_FIELD(VirtioState, driver_feature_sel, STATE_U32),
    STATE_FIELD(VirtioState, queue_sel, STATE_U16),
    STATE_FIELD(VirtioState, config_vector, STATE_U16),
    STATE_FIELD(VirtioState, status, STATE_U8),
    STATE_FIELD(VirtioState, isr, STATE_U8),
    STATE_FIELD(VirtioState, config_generation, STATE_U8),
    STATE_FIELD(VirtioState, legacy, STATE_U8),
    STATE_SUB_ARRAY(VirtioState, queue, &virtq_state_desc),
    STATE_FIELDS_END
};
/* clang-format on */

static bool
virtio_state_check(const void *state, GError **error)
{
    const VirtioState *s = state;

    if (s->legacy <= 1 && s->isr <= (VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG))
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "virtio: legacy %u or interrupt status %u is out of range",
                s->legacy, s->isr);
    return false;
}

const StateDesc virtio_state_desc = {
    .name = "virtio",
    .version = 1,
    .min_version = 1,
    .size = sizeof(VirtioState),
    .fields = virtio_fields,
    .check = virtio_state_check,
};

/* ---- small things ---- */

void
virtio_lock(VirtioDevice *v)
{
    g_mutex_lock(&v->pci.dev.lock);
}

void
virtio_unlock(VirtioDevice *v)
{
    g_mutex_unlock(&v->pci.dev.lock);
}

Virtq *
virtio_queue(VirtioDevice *v, unsigned i)
{
    g_assert(i < v->setup.n_queues);
    return &v->queues[i];
}

bool
virtio_has_feature(const VirtioDevice *v, guint64 bits)
{
    return (v->s->driver_features & bits) == bits;
}

bool
virtio_is_broken(const VirtioDevice *v)
{
    return (v->s->status &
            (VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_FAILED)) != 0;
}

bool
virtio_is_running(const VirtioDevice *v)
{
    return v->started && !v->paused && !virtio_is_broken(v);
}

void
virtio_kick(VirtioDevice *v, unsigned queue)
{
    sys_eventfd_signal(v->kicks[queue].fd);
}

static void
kick_all(VirtioDevice *v)
{
    for (unsigned i = 0; i < v->setup.n_queues; i++)
        if (v->queues[i].live)
            virtio_kick(v, i);
}

void
virtio_interrupt_queue(VirtioDevice *v, unsigned queue)
{
    v->transport->interrupt(v, v->s->queue[queue].vector, VIRTIO_ISR_QUEUE);
}

static void
interrupt_config(VirtioDevice *v)
{
    if ((v->s->status & VIRTIO_STATUS_DRIVER_OK) != 0)
        v->transport->interrupt(v, v->s->config_vector, VIRTIO_ISR_CONFIG);
}

/* Whoever reads registers without a trap has to see it. */
static void
registers_changed(VirtioDevice *v)
{
    if (v->transport->registers_changed != NULL)
        v->transport->registers_changed(v);
}

void
virtio_config_changed(VirtioDevice *v)
{
    v->s->config_generation++;
    registers_changed(v);
    interrupt_config(v);
}

/* 2.1.2: the device says that it is lost, and does nothing until reset. */
void
virtio_fail(VirtioDevice *v, const char *fmt, ...)
{
    va_list args;

    if (virtio_is_broken(v))
        return;
    va_start(args, fmt);
    g_autofree char *reason = g_strdup_vprintf(fmt, args);
    va_end(args);
    device_guest_error(&v->pci.dev, "stopped until the guest resets it: %s",
                       reason);
    v->s->status |= VIRTIO_STATUS_NEEDS_RESET;
    registers_changed(v);
    interrupt_config(v);
}

/* ---- running ---- */

static bool
is_configured(const VirtioDevice *v)
{
    const VirtioState *s = v->s;
    guint8 need = VIRTIO_STATUS_DRIVER_OK;

    if (!s->legacy)
        need |= VIRTIO_STATUS_FEATURES_OK;
    return (s->status & need) == need && !virtio_is_broken(v);
}

/* See VirtioUse. Without a bus there is no firmware. */
static bool
is_driven_by_system(const VirtioDevice *v)
{
    if (v->pci.bus == NULL || v->n_starts > 1 ||
        virtio_has_feature(v, VIRTIO_F_EVENT_IDX))
        return true;
    for (unsigned i = 0; pci_msix_is_enabled(&v->msix) && i < v->setup.n_queues;
         i++)
        if (v->s->queue[i].vector != VIRTQ_NO_VECTOR)
            return true;
    return false;
}

static void
note_driver(VirtioDevice *v)
{
    v->n_starts++;
    v->is_system = is_driven_by_system(v);
    if (v->is_system)
        v->use.by_system = true;
    else
        v->use.by_firmware = true;
}

void
virtio_count_write(VirtioDevice *v)
{
    v->use.writes += v->is_system;
}

bool
virtio_get_use(Device *dev, VirtioUse *ret_use)
{
    VirtioDevice *v = VIRTIO_OF(VirtioDevice, dev);

    if (!g_str_has_prefix(dev->klass->name, "virtio-"))
        return false;
    virtio_lock(v);
    *ret_use = v->use;
    virtio_unlock(v);
    return true;
}

static void
start(VirtioDevice *v)
{
    if (v->started || v->draining || !is_configured(v))
        return;
    v->started = true;
    note_driver(v);
    for (unsigned i = 0; i < v->setup.n_queues; i++)
        if (v->s->queue[i].enabled && !virtio_is_broken(v))
            virtq_start(&v->queues[i], v->transport->dma(v),
                        v->s->driver_features);
    v->answers = v->setup.answers;
    v->transport->set_doorbells(v, !v->answers);
    if (v->model->started != NULL)
        v->model->started(v);
    /* buffers put in before this have been notified to nobody */
    kick_all(v);
}

static void
stop(VirtioDevice *v)
{
    for (unsigned i = 0; i < v->setup.n_queues; i++)
        virtq_stop(&v->queues[i]);
    if (!v->started)
        return;
    v->started = false;
    v->transport->set_doorbells(v, false);
    if (v->model->stopped != NULL)
        v->model->stopped(v);
}

static void
reset_registers(VirtioDevice *v)
{
    VirtioState *s = v->s;

    stop(v);
    s->driver_features = 0;
    s->device_feature_sel = s->driver_feature_sel = 0;
    s->queue_sel = 0;
    s->config_vector = VIRTQ_NO_VECTOR;
    s->status = s->isr = s->config_generation = s->legacy = 0;
    memset(s->queue, 0, sizeof s->queue);
    for (unsigned i = 0; i < v->setup.n_queues; i++)
        virtq_reset(&v->queues[i]);
    if (v->model->reset != NULL)
        v->model->reset(v);
    v->draining = v->n_out > 0;
    registers_changed(v);
    v->transport->update_line(v);
}

void
virtio_buffer_taken(VirtioDevice *v)
{
    v->n_out++;
}

void
virtio_buffer_returned(VirtioDevice *v)
{
    v->n_out--;
    v->use.buffers += v->is_system;
    if (v->n_out == 0 && v->draining) {
        v->draining = false;
        registers_changed(v);
        start(v); /* a legacy driver does not wait */
    }
}

/* Loop thread or the device's own. */
static void
serve(unsigned queue, void *data)
{
    VirtioDevice *v = data;

    virtio_lock(v);
    bool run = virtio_is_running(v) && v->queues[queue].live;
    virtio_unlock(v);
    if (run)
        v->model->notify(v, queue);
}

/* From now on the device's own thread listens. Failing costs speed only. */
static void
start_thread(VirtioDevice *v)
{
    unsigned n = v->setup.n_queues;
    g_autofree int *fds = g_new(int, n);
    g_autoptr(GError) error = NULL;

    v->setup.own_thread = false;
    for (unsigned i = 0; i < n; i++)
        fds[i] = v->kicks[i].fd;
    virtio_lock(v);
    v->thread = io_thread_new(v->pci.dev.id, fds, n, serve, v, &error);
    bool ok = v->thread != NULL;
    virtio_unlock(v);
    for (unsigned i = 0; ok && i < n; i++)
        virtio_set_kick_watched(v, i, false);
}

static void
kicked(int fd, GIOCondition ev, void *data)
{
    VirtioKick *kick = data;
    VirtioDevice *v = kick->v;

    if (v->setup.own_thread) {
        start_thread(v);
        if (v->thread != NULL)
            return; /* it finds the signal */
    }
    (void) sys_eventfd_drain(fd); /* how often does not matter */
    serve(kick->queue, v);
}

void
virtio_set_answers(VirtioDevice *v, bool on)
{
    if (!v->started || v->answers == on)
        return;
    v->answers = on;
    v->transport->set_doorbells(v, !on);
}

bool
virtio_has_thread(const VirtioDevice *v)
{
    return v->thread != NULL;
}

/* Or something else to do than to wait. */
static bool
has_any_buffer(void *data)
{
    VirtioDevice *v = data;

    virtio_lock(v);
    bool found = !virtio_is_running(v);
    for (unsigned i = 0; !found && i < v->setup.n_queues; i++)
        found = virtq_has_buffer(&v->queues[i]);
    virtio_unlock(v);
    return found;
}

bool
virtio_linger(VirtioDevice *v, unsigned queue)
{
    if (v->thread == NULL)
        return false;
    virtio_unlock(v);
    bool found = io_thread_linger(v->thread, has_any_buffer, v);
    virtio_lock(v);
    return found && virtio_is_running(v) && virtq_has_buffer(&v->queues[queue]);
}

/* ---- registers ---- */

guint32
virtio_get_offered(const VirtioDevice *v, guint32 sel)
{
    return sel < 2 ? (guint32) (v->features >> (32 * sel)) : 0;
}

guint32
virtio_get_accepted(const VirtioDevice *v, guint32 sel)
{
    return sel < 2 ? (guint32) (v->s->driver_features >> (32 * sel)) : 0;
}

/* 3.1.1: step 4 ends with FEATURES_OK; later writes come too late. */
void
virtio_set_accepted(VirtioDevice *v, guint32 sel, guint32 value)
{
    guint8 late = VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK;

    if (sel >= 2)
        return;
    if ((v->s->status & late) != 0) {
        device_guest_error(&v->pci.dev, "features written after their time");
        return;
    }
    v->s->driver_features &= ~((guint64) G_MAXUINT32 << (32 * sel));
    v->s->driver_features |= (guint64) value << (32 * sel);
}

guint8
virtio_get_status(const VirtioDevice *v)
{
    if (v->draining && v->s->status == 0)
        return VIRTIO_STATUS_ACKNOWLEDGE;
    return v->s->status;
}

/* 2.2.1, 6.1: nothing that was not offered; version 1 is not optional here. */
static bool
features_fit(VirtioDevice *v)
{
    guint64 odd = v->s->driver_features & ~v->features;

    if (odd == 0 && virtio_has_feature(v, VIRTIO_F_VERSION_1))
        return true;
    device_guest_error(&v->pci.dev,
                       "features refused: 0x%" G_GINT64_MODIFIER
                       "x are not offered%s",
                       odd, odd == 0 ? ", version 1 is missing" : "");
    return false;
}

/* Bits stay set until reset (2.1.1). */
void
virtio_set_status(VirtioDevice *v, guint8 value, bool legacy)
{
    guint8 added = value & (guint8) ~v->s->status;

    if (value == 0) {
        reset_registers(v);
        return;
    }
    added &= (guint8) ~VIRTIO_STATUS_NEEDS_RESET;
    if (legacy)
        v->s->legacy = 1;
    if ((added & VIRTIO_STATUS_FEATURES_OK) != 0 &&
        (legacy || !features_fit(v)))
        added &= (guint8) ~VIRTIO_STATUS_FEATURES_OK;
    v->s->status |= added;
    start(v);
}

Virtq *
virtio_selected(VirtioDevice *v)
{
    return v->s->queue_sel < v->setup.n_queues ? &v->queues[v->s->queue_sel]
                                               : NULL;
}

/* The selected queue while it may be set up; NULL: say so and ignore. */
static Virtq *
settable(VirtioDevice *v, const char *what)
{
    Virtq *q = virtio_selected(v);
    guint8 ok = VIRTIO_STATUS_FEATURES_OK;

    if (q != NULL && !q->s->enabled && !v->started && (v->s->status & ok) == ok)
        return q;
    device_guest_error(&v->pci.dev, "%s of queue %u set at the wrong time",
                       what, v->s->queue_sel);
    return NULL;
}

void
virtio_set_queue_size(VirtioDevice *v, guint16 size)
{
    Virtq *q = settable(v, "size");
    bool power = (size & (size - 1)) == 0;

    if (q == NULL)
        return;
    if (size == 0 || size > q->max_size ||
        (!power && !virtio_has_feature(v, VIRTIO_F_RING_PACKED)))
        device_guest_error(&v->pci.dev, "queue %u cannot have %u entries",
                           q->index, size);
    else
        q->s->size = size;
}

void
virtio_set_queue_area(VirtioDevice *v, Gpa *area, unsigned half, guint32 value)
{
    if (settable(v, "address") == NULL)
        return;
    *area &= ~((guint64) G_MAXUINT32 << (32 * half));
    *area |= (guint64) value << (32 * half);
}

void
virtio_set_queue_enabled(VirtioDevice *v, bool on)
{
    Virtq *q = settable(v, "enable");

    if (q != NULL && on)
        q->s->enabled = 1;
}

guint64
virtio_read_config(VirtioDevice *v, unsigned offset, unsigned size)
{
    guint8 config[VIRTIO_MAX_CONFIG] = {0};
    guint64 value = 0;

    if (offset + size > v->setup.config_size)
        return G_MAXUINT64;
    if (v->model->get_config != NULL)
        v->model->get_config(v, config);
    memcpy(&value, config + offset, size);
    return GUINT64_FROM_LE(value);
}

void
virtio_write_config(VirtioDevice *v, unsigned offset, guint64 value,
                    unsigned size)
{
    guint64 le = GUINT64_TO_LE(value);

    if (offset + size <= v->setup.config_size && v->model->set_config != NULL)
        v->model->set_config(v, offset, (const guint8 *) &le, size);
}

/* 3.1.2: legacy drivers often use queues before they set DRIVER_OK; their first
 * notification counts as that. */
void
virtio_doorbell(VirtioDevice *v, guint32 queue)
{
    VirtioState *s = v->s;

    if (queue >= v->setup.n_queues)
        return;
    if (s->legacy && (s->status & VIRTIO_STATUS_DRIVER) != 0 &&
        (s->status & VIRTIO_STATUS_DRIVER_OK) == 0)
        virtio_set_status(v, s->status | VIRTIO_STATUS_DRIVER_OK, true);
    if (v->queues[queue].live && !(v->answers && v->model->answer(v, queue)))
        virtio_kick(v, queue);
}

/* ---- kernel back ends ---- */

int
virtio_kick_fd(VirtioDevice *v, unsigned queue)
{
    return v->kicks[queue].fd;
}

void
virtio_set_kick_watched(VirtioDevice *v, unsigned queue, bool on)
{
    VirtioKick *kick = &v->kicks[queue];
    Loop *loop = v->pci.dev.env->loop;

    if (on == (kick->watch != 0))
        return;
    if (on) {
        kick->watch = loop_watch_fd(loop, kick->fd, G_IO_IN, kicked, kick);
    } else {
        loop_unwatch(loop, kick->watch);
        kick->watch = 0;
    }
}

int
virtio_interrupt_fd(VirtioDevice *v, unsigned queue)
{
    return v->transport->interrupt_fd != NULL
               ? v->transport->interrupt_fd(v, v->s->queue[queue].vector)
               : -1;
}

/* ---- life ---- */

static bool
make_queues(VirtioDevice *v, GError **error)
{
    unsigned n = v->setup.n_queues;

    v->queues = g_new0(Virtq, n);
    v->kicks = g_new0(VirtioKick, n);
    for (unsigned i = 0; i < n; i++)
        v->kicks[i] = (VirtioKick){.v = v, .queue = i, .fd = -1};
    for (unsigned i = 0; i < n; i++) {
        virtq_init(&v->queues[i], v, i, v->setup.queue_size, &v->s->queue[i]);
        v->kicks[i].fd = sys_eventfd(error);
        if (v->kicks[i].fd < 0)
            return false;
        virtio_set_kick_watched(v, i, true);
    }
    return true;
}

bool
virtio_realize(VirtioDevice *v, DeviceEnv *env, const VirtioModel *model,
               const VirtioSetup *setup, VirtioState *state, GError **error)
{
    g_assert(setup->n_queues >= 1 && setup->n_queues <= VIRTIO_MAX_QUEUES);
    g_assert(setup->config_size <= VIRTIO_MAX_CONFIG);
    v->model = model;
    v->setup = *setup;
    v->s = state;
    v->features = setup->features | VIRTIO_F_INDIRECT_DESC |
                  VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 |
                  (v->packed ? VIRTIO_F_RING_PACKED : 0);
    v->started = v->paused = v->draining = false;
    v->n_out = 0;
    v->transport =
        v->pci.bus != NULL ? &virtio_pci_transport : &virtio_mmio_transport;
    return make_queues(v, error) && v->transport->realize(v, env, error);
}

void
virtio_class_unrealize(Device *dev)
{
    VirtioDevice *v = VIRTIO_OF(VirtioDevice, dev);

    if (v->transport == NULL)
        return;
    virtio_lock(v);
    if (v->queues != NULL)
        stop(v);
    virtio_unlock(v);
    io_thread_free(v->thread); /* which may be looking at it */
    v->thread = NULL;
    v->transport->unrealize(v);
    for (unsigned i = 0; v->kicks != NULL && i < v->setup.n_queues; i++) {
        virtio_set_kick_watched(v, i, false);
        sys_close(&v->kicks[i].fd);
    }
    g_clear_pointer(&v->kicks, g_free);
    g_clear_pointer(&v->queues, g_free);
    v->transport = NULL;
}

void
virtio_class_reset(Device *dev, ResetKind kind)
{
    VirtioDevice *v = VIRTIO_OF(VirtioDevice, dev);

    virtio_lock(v);
    reset_registers(v);
    v->n_starts = 0;
    v->is_system = false;
    virtio_unlock(v);
    v->transport->reset(v);
}

void
virtio_class_restored(Device *dev)
{
    VirtioDevice *v = VIRTIO_OF(VirtioDevice, dev);

    virtio_lock(v);
    stop(v);
    virtio_unlock(v);
    v->transport->restored(v);
    virtio_lock(v);
    start(v);
    virtio_unlock(v);
}

void
virtio_class_quiesce(Device *dev)
{
    VirtioDevice *v = VIRTIO_OF(VirtioDevice, dev);

    virtio_lock(v);
    v->paused = true;
    virtio_unlock(v);
}

bool
virtio_class_is_quiet(Device *dev)
{
    VirtioDevice *v = VIRTIO_OF(VirtioDevice, dev);

    virtio_lock(v);
    bool quiet = v->n_out == 0;
    virtio_unlock(v);
    return quiet;
}

void
virtio_class_resume(Device *dev)
{
    VirtioDevice *v = VIRTIO_OF(VirtioDevice, dev);

    virtio_lock(v);
    v->paused = false;
    kick_all(v);
    virtio_unlock(v);
}
