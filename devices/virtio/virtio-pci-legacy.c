/* devices/virtio/virtio-pci-legacy.c - the interface of virtio 0.9 in an I/O
 * BAR, for old drivers and firmware; Virtio 1.2, section 4.1.4.10. */
#include "devices/virtio/virtio-pci-internal.h"

#include <string.h>

#include "vmm/io/io.h"

#define HOST_FEATURES  0u
#define GUEST_FEATURES 4u
#define QUEUE_ADDRESS  8u
#define QUEUE_SIZE     12u
#define QUEUE_SELECT   14u
#define QUEUE_NOTIFY   VIRTIO_PCI_LEGACY_NOTIFY
#define DEVICE_STATUS  18u
#define ISR_STATUS     19u
#define CONFIG_VECTOR  20u /* these two only while MSI-X is on */
#define QUEUE_VECTOR   22u
#define HEADER         20u
#define HEADER_MSIX    24u
#define PAGE           4096u

static unsigned
header_size(const VirtioDevice *v)
{
    return pci_msix_is_enabled(&v->msix) ? HEADER_MSIX : HEADER;
}

/* ---- read ---- */

static void
fill_header(VirtioDevice *v, guint8 *bytes)
{
    const Virtq *q = virtio_selected(v);

    pci_put32(bytes, HOST_FEATURES,
              virtio_get_offered(v, 0) | (guint32) VIRTIO_F_ANY_LAYOUT);
    pci_put32(bytes, GUEST_FEATURES, virtio_get_accepted(v, 0));
    if (q != NULL) {
        pci_put32(bytes, QUEUE_ADDRESS,
                  q->s->enabled ? (guint32) (q->s->desc / PAGE) : 0);
        pci_put16(bytes, QUEUE_SIZE, q->s->size);
    }
    pci_put16(bytes, QUEUE_SELECT, v->s->queue_sel);
    bytes[DEVICE_STATUS] = v->s->status;
    pci_put16(bytes, CONFIG_VECTOR, v->s->config_vector);
    pci_put16(bytes, QUEUE_VECTOR, q != NULL ? q->s->vector : VIRTQ_NO_VECTOR);
}

static guint64
legacy_read(void *dev, guint64 offset, unsigned size)
{
    VirtioDevice *v = dev;
    guint8 header[HEADER_MSIX + 8] = {0};
    unsigned end = header_size(v);
    guint64 value = 0;

    if (offset >= end)
        return virtio_read_config(v, (unsigned) offset - end, size);
    if (offset == ISR_STATUS)
        return virtio_pci_take_isr(v);
    fill_header(v, header);
    memcpy(&value, header + offset, size);
    return GUINT64_FROM_LE(value);
}

/* ---- write ---- */

static void
set_features(VirtioDevice *v, guint64 value)
{
    guint32 offered = virtio_get_offered(v, 0) | (guint32) VIRTIO_F_ANY_LAYOUT;

    v->s->legacy = 1;
    virtio_set_accepted(v, 0, (guint32) value & offered);
}

/* 2.7.2: one contiguous block, the used ring on a page of its own. */
static void
set_address(VirtioDevice *v, guint64 value)
{
    Virtq *q = virtio_selected(v);

    if (q == NULL)
        return;
    v->s->legacy = 1;
    if (value == 0 || q->s->enabled) {
        virtq_stop(q);
        guint16 vector = q->s->vector;
        virtq_reset(q);
        q->s->vector = vector;
        if (value == 0)
            return;
    }
    q->s->desc = value * PAGE;
    q->s->driver = q->s->desc + 16u * q->s->size;
    q->s->device =
        (q->s->driver + 6 + 2u * q->s->size + PAGE - 1) & ~(guint64) (PAGE - 1);
    q->s->enabled = 1;
    if (v->started) /* late, as very old drivers are */
        virtq_start(q, v->transport->dma(v), v->s->driver_features);
}

static void
set_queue(VirtioDevice *v, guint64 value)
{
    v->s->queue_sel = (guint16) value;
}

static void
notify(VirtioDevice *v, guint64 value)
{
    virtio_doorbell(v, (guint32) value);
}

/* Drivers before Linux 2.6.34 forget to turn bus mastering on. */
static void
set_status(VirtioDevice *v, guint64 value)
{
    if ((value & VIRTIO_STATUS_DRIVER) != 0)
        dma_set_enabled(v->pci.dma, true);
    virtio_set_status(v, (guint8) value, true);
}

static void
set_config_vector(VirtioDevice *v, guint64 value)
{
    v->s->config_vector = virtio_pci_vector(v, value);
}

static void
set_queue_vector(VirtioDevice *v, guint64 value)
{
    Virtq *q = virtio_selected(v);

    if (q != NULL)
        q->s->vector = virtio_pci_vector(v, value);
}

/* clang-format off */
static const struct {
    guint8 offset, size;
    void (*set)(VirtioDevice *v, guint64 value);
} registers[] = {
    { GUEST_FEATURES, 4, set_features },
    { QUEUE_ADDRESS,  4, set_address },
    { QUEUE_SELECT,   2, set_queue },
    { QUEUE_NOTIFY,   2, notify },
    { DEVICE_STATUS,  1, set_status },
    { CONFIG_VECTOR,  2, set_config_vector },
    { QUEUE_VECTOR,   2, set_queue_vector },
};
/* clang-format on */

static void
legacy_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    VirtioDevice *v = dev;
    unsigned end = header_size(v);

    if (offset >= end) {
        virtio_write_config(v, (unsigned) offset - end, value, size);
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(registers); i++)
        if (registers[i].offset == offset && registers[i].size == size)
            registers[i].set(v, value);
    virtio_pci_show_common(v);
}

static const IoOps legacy_ops = {
    .read = legacy_read,
    .write = legacy_write,
    .max_size = 4,
};

IoRegion *
virtio_pci_legacy_region(VirtioDevice *v, guint64 *ret_size)
{
    guint64 size = 32;

    while (size < HEADER_MSIX + v->setup.config_size)
        size *= 2;
    *ret_size = size;
    return io_region_new("virtio-legacy", &legacy_ops, v, &v->pci.dev.lock,
                         size);
}
