/* devices/virtio/virtio-mmio.c - virtio over memory-mapped registers, version
 * 2; Virtio 1.2, section 4.2. One interrupt line; no legacy interface, no
 * shared memory regions. */

#include "devices/virtio/virtio-internal.h"
#include "vmm/io/io.h"
#include "vmm/irq/irq.h"

#define REGION_SIZE 0x1000u
#define MAGIC       0x74726976u /* "virt" */
#define VERSION     2u
#define VENDOR      0x4c525243u /* "CRRL": any will do */

/* 4.2.2, table 4.1 */
#define MAGIC_VALUE         0x000u
#define DEVICE_VERSION      0x004u
#define DEVICE_ID           0x008u
#define VENDOR_ID           0x00cu
#define DEVICE_FEATURES     0x010u
#define DEVICE_FEATURES_SEL 0x014u
#define DRIVER_FEATURES     0x020u
#define DRIVER_FEATURES_SEL 0x024u
#define QUEUE_SEL           0x030u
#define QUEUE_NUM_MAX       0x034u
#define QUEUE_NUM           0x038u
#define QUEUE_READY         0x044u
#define QUEUE_NOTIFY        0x050u
#define INTERRUPT_STATUS    0x060u
#define INTERRUPT_ACK       0x064u
#define STATUS              0x070u
#define QUEUE_DESC_LOW      0x080u
#define QUEUE_DESC_HIGH     0x084u
#define QUEUE_DRIVER_LOW    0x090u
#define QUEUE_DRIVER_HIGH   0x094u
#define QUEUE_DEVICE_LOW    0x0a0u
#define QUEUE_DEVICE_HIGH   0x0a4u
#define SHM_LEN_LOW         0x0b0u
#define SHM_BASE_HIGH       0x0bcu
#define CONFIG_GENERATION   0x0fcu
#define CONFIG              0x100u

/* ---- interrupts ---- */

static void
update_line(VirtioDevice *v)
{
    if (v->line != NULL)
        irq_line_set(v->line, v->s->isr != 0);
}

static void
interrupt(VirtioDevice *v, guint16 vector, guint8 bit)
{
    v->s->isr |= bit;
    update_line(v);
}

/* ---- registers ---- */

static guint32
read_register(VirtioDevice *v, unsigned offset)
{
    const VirtioState *s = v->s;
    const Virtq *q = virtio_selected(v);

    switch (offset) {
    case MAGIC_VALUE: return MAGIC;
    case DEVICE_VERSION: return VERSION;
    case DEVICE_ID: return v->model->id;
    case VENDOR_ID: return VENDOR;
    case DEVICE_FEATURES: return virtio_get_offered(v, s->device_feature_sel);
    case QUEUE_NUM_MAX: return q != NULL ? q->max_size : 0;
    case QUEUE_READY: return q != NULL ? q->s->enabled : 0;
    case INTERRUPT_STATUS: return s->isr;
    case STATUS: return virtio_get_status(v);
    case CONFIG_GENERATION: return s->config_generation;
    default: break;
    }
    /* 4.2.2: all-ones is "no such shared memory region" */
    return offset >= SHM_LEN_LOW && offset <= SHM_BASE_HIGH ? G_MAXUINT32 : 0;
}

static void
write_area(VirtioDevice *v, unsigned offset, guint32 value)
{
    Virtq *q = virtio_selected(v);

    if (q == NULL)
        return;
    Gpa *const areas[] = {&q->s->desc, &q->s->driver, &q->s->device};
    virtio_set_queue_area(v, areas[(offset - QUEUE_DESC_LOW) / 0x10],
                          offset / 4 % 2, value);
}

/* Drivers take a queue back by 0, then wait to read 0 (4.2.2). */
static void
write_ready(VirtioDevice *v, guint32 value)
{
    Virtq *q = virtio_selected(v);

    if (value == 1) {
        virtio_set_queue_enabled(v, true);
    } else if (value == 0 && q != NULL) {
        virtq_stop(q);
        q->s->enabled = 0;
    }
}

static void
acknowledge(VirtioDevice *v, guint32 value)
{
    v->s->isr &= (guint8) ~value;
    update_line(v);
}

static void
write_register(VirtioDevice *v, unsigned offset, guint32 value)
{
    VirtioState *s = v->s;

    switch (offset) {
    case DEVICE_FEATURES_SEL: s->device_feature_sel = value; break;
    case DRIVER_FEATURES:
        virtio_set_accepted(v, s->driver_feature_sel, value);
        break;
    case DRIVER_FEATURES_SEL: s->driver_feature_sel = value; break;
    case QUEUE_SEL: s->queue_sel = (guint16) MIN(value, G_MAXUINT16); break;
    case QUEUE_NUM:
        virtio_set_queue_size(v, (guint16) MIN(value, G_MAXUINT16));
        break;
    case QUEUE_READY: write_ready(v, value); break;
    case QUEUE_NOTIFY: virtio_doorbell(v, value); break;
    case INTERRUPT_ACK: acknowledge(v, value); break;
    case STATUS: virtio_set_status(v, (guint8) value, false); break;
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH:
    case QUEUE_DRIVER_LOW:
    case QUEUE_DRIVER_HIGH:
    case QUEUE_DEVICE_LOW:
    case QUEUE_DEVICE_HIGH: write_area(v, offset, value); break;
    default: break;
    }
}

/* 4.2.2.2: registers by aligned dwords, configuration by any width. */
static guint64
mmio_read(void *dev, guint64 offset, unsigned size)
{
    VirtioDevice *v = dev;

    if (offset >= CONFIG)
        return virtio_read_config(v, (unsigned) offset - CONFIG, size);
    if (size != 4 || offset % 4 != 0)
        return G_MAXUINT64;
    return read_register(v, (unsigned) offset);
}

static void
mmio_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    VirtioDevice *v = dev;

    if (offset >= CONFIG)
        virtio_write_config(v, (unsigned) offset - CONFIG, value, size);
    else if (size == 4 && offset % 4 == 0)
        write_register(v, (unsigned) offset, (guint32) value);
}

static const IoOps mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
};

/* ---- life ---- */

static void
set_doorbells(VirtioDevice *v, bool on)
{
    for (unsigned i = 0; v->mmio != NULL && i < v->setup.n_queues; i++) {
        guint64 number = i;
        if (!on || v->s->queue[i].enabled) /* a failure only costs speed */
            (void) io_region_set_eventfd(v->mmio, QUEUE_NOTIFY, 4, &number,
                                         on ? v->kicks[i].fd : -1);
    }
}

static bool
realize(VirtioDevice *v, DeviceEnv *env, GError **error)
{
    int ret = -EINVAL;

    if (v->mmio_base != 0 && v->mmio_base % REGION_SIZE == 0) {
        v->mmio = io_region_new("virtio-mmio", &mmio_ops, v, &v->pci.dev.lock,
                                REGION_SIZE);
        ret = io_map(env->mmio, v->mmio, v->mmio_base, 0);
    }
    if (ret < 0) {
        g_set_error(error, G_FILE_ERROR, (int) g_file_error_from_errno(-ret),
                    "%s: cannot be at 0x%" G_GINT64_MODIFIER
                    "x: %s; give it a bus, or an address of its own",
                    v->pci.dev.id, v->mmio_base, g_strerror(-ret));
        return false;
    }
    v->line = irq_line_new(env, v->mmio_irq);
    v->mmio_dma = dma_new(env->mem);
    return true;
}

static void
unrealize(VirtioDevice *v)
{
    g_clear_pointer(&v->mmio, io_region_free);
    g_clear_pointer(&v->line, irq_line_free);
    g_clear_pointer(&v->mmio_dma, dma_free);
}

static void
reset(VirtioDevice *v)
{
}

static void
restored(VirtioDevice *v)
{
    irq_line_adopt(v->line, v->s->isr != 0);
}

static Dma *
dma(VirtioDevice *v)
{
    return v->mmio_dma;
}

const VirtioTransport virtio_mmio_transport = {
    .realize = realize,
    .unrealize = unrealize,
    .reset = reset,
    .restored = restored,
    .dma = dma,
    .interrupt = interrupt,
    .update_line = update_line,
    .set_doorbells = set_doorbells,
};
