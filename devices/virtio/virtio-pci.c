/* devices/virtio/virtio-pci.c - virtio over PCI, Virtio 1.2 section 4.1.
 *
 *   BAR 0  I/O     the legacy interface (virtio-pci-legacy.c), if offered
 *   BAR 1  memory  MSI-X table and pending bits
 *   BAR 4  memory  one page each: common configuration, interrupt status,
 *                  device configuration, notification
 * BAR 4 has 32 bits, so that firmware reaches it. While a device runs its
 * notifications signal an eventfd without leaving the kernel. Common
 * configuration has no register that changes by being read, so the guest reads
 * it from memory that is kept equal; what it writes is trapped. */
#include <string.h>

#include "devices/virtio/virtio-pci-internal.h"
#include "vmm/io/io.h"
#include "vmm/mem/guest-mem.h"

#define VENDOR_VIRTIO     0x1af4u /* 4.1.2 */
#define DEVICE_MODERN     0x1040u
#define SUBSYSTEM_FIRST   0x0040u /* of devices that are modern only */

#define BAR_LEGACY        0u
#define BAR_MSIX          1u
#define BAR_MODERN        4u
#define PAGE              0x1000u
#define MODERN_SIZE       (4 * PAGE)

#define NOTIFY_AT         (3 * PAGE)
#define NOTIFY_MULTIPLIER 4u

/* The vendor capability, 4.1.4 */
#define CAP_VENDOR     0x09u
#define CAP_LEN        2u
#define CAP_TYPE       3u
#define CAP_BAR        4u
#define CAP_OFFSET     8u
#define CAP_LENGTH     12u
#define CAP_SIZE       16u
#define CAP_MULTIPLIER 16u /* notification */
#define CAP_DATA       16u /* access by configuration space */
#define CAP_SIZE_LONG  20u

enum { CFG_COMMON = 1, CFG_NOTIFY, CFG_ISR, CFG_DEVICE, CFG_PCI };

/* Common configuration, 4.1.4.3 */
#define DEVICE_FEATURE_SELECT 0x00u
#define DEVICE_FEATURE        0x04u
#define DRIVER_FEATURE_SELECT 0x08u
#define DRIVER_FEATURE        0x0cu
#define CONFIG_VECTOR         0x10u
#define NUM_QUEUES            0x12u
#define DEVICE_STATUS         0x14u
#define CONFIG_GENERATION     0x15u
#define QUEUE_SELECT          0x16u
#define QUEUE_SIZE            0x18u
#define QUEUE_VECTOR          0x1au
#define QUEUE_ENABLE          0x1cu
#define QUEUE_NOTIFY_OFF      0x1eu
#define QUEUE_DESC            0x20u
#define QUEUE_DRIVER          0x28u
#define QUEUE_DEVICE          0x30u
#define COMMON_SIZE           0x38u

/* clang-format off */
static const struct {
    guint16 virtio, pci; /* numbers of devices with a legacy interface, 4.1.2.1 */
} transitional[] = {
    { VIRTIO_ID_NET,     0x1000 },
    { VIRTIO_ID_BLOCK,   0x1001 },
    { VIRTIO_ID_BALLOON, 0x1002 },
    { VIRTIO_ID_CONSOLE, 0x1003 },
    { VIRTIO_ID_SCSI,    0x1004 },
    { VIRTIO_ID_ENTROPY, 0x1005 },
};
/* clang-format on */

/* ---- interrupts ---- */

static void
update_line(VirtioDevice *v)
{
    if (v->pci.dma != NULL) /* on its bus */
        pci_set_intx(&v->pci, v->s->isr != 0 && !pci_msix_is_enabled(&v->msix));
}

static void
interrupt(VirtioDevice *v, guint16 vector, guint8 bit)
{
    if (pci_msix_is_enabled(&v->msix)) {
        pci_msix_send(&v->msix, vector);
        return;
    }
    v->s->isr |= bit;
    update_line(v);
}

static int
interrupt_fd(VirtioDevice *v, guint16 vector)
{
    return pci_msix_is_enabled(&v->msix) ? pci_msix_eventfd(&v->msix, vector)
                                         : -1;
}

guint8
virtio_pci_take_isr(VirtioDevice *v)
{
    guint8 isr = v->s->isr;

    v->s->isr = 0;
    update_line(v);
    return isr;
}

/* 4.1.5.1.2: what cannot be reads back as "none". */
guint16
virtio_pci_vector(const VirtioDevice *v, guint64 value)
{
    return value < v->msix.n ? (guint16) value : VIRTQ_NO_VECTOR;
}

/* ---- common configuration ---- */

static void
fill_common(VirtioDevice *v, guint8 *bytes)
{
    const VirtioState *s = v->s;
    const Virtq *q = virtio_selected(v);

    pci_put32(bytes, DEVICE_FEATURE_SELECT, s->device_feature_sel);
    pci_put32(bytes, DEVICE_FEATURE,
              virtio_get_offered(v, s->device_feature_sel));
    pci_put32(bytes, DRIVER_FEATURE_SELECT, s->driver_feature_sel);
    pci_put32(bytes, DRIVER_FEATURE,
              virtio_get_accepted(v, s->driver_feature_sel));
    pci_put16(bytes, CONFIG_VECTOR, s->config_vector);
    pci_put16(bytes, NUM_QUEUES, (guint16) v->setup.n_queues);
    bytes[DEVICE_STATUS] = virtio_get_status(v);
    bytes[CONFIG_GENERATION] = s->config_generation;
    pci_put16(bytes, QUEUE_SELECT, s->queue_sel);
    if (q == NULL)
        return; /* a size of 0 says so */
    pci_put16(bytes, QUEUE_SIZE, q->s->size);
    pci_put16(bytes, QUEUE_VECTOR, q->s->vector);
    pci_put16(bytes, QUEUE_ENABLE, q->s->enabled);
    pci_put16(bytes, QUEUE_NOTIFY_OFF, (guint16) q->index);
    for (unsigned half = 0; half < 2; half++) {
        unsigned shift = 32 * half, at = 4 * half;
        pci_put32(bytes, QUEUE_DESC + at, (guint32) (q->s->desc >> shift));
        pci_put32(bytes, QUEUE_DRIVER + at, (guint32) (q->s->driver >> shift));
        pci_put32(bytes, QUEUE_DEVICE + at, (guint32) (q->s->device >> shift));
    }
}

static guint64
read_common(VirtioDevice *v, unsigned offset, unsigned size)
{
    guint8 bytes[COMMON_SIZE + 8] = {0};
    guint64 value = 0;

    if (offset >= COMMON_SIZE)
        return G_MAXUINT64;
    memset(bytes + COMMON_SIZE, 0xff, sizeof bytes - COMMON_SIZE);
    fill_common(v, bytes);
    memcpy(&value, bytes + offset, size);
    return GUINT64_FROM_LE(value);
}

void
virtio_pci_show_common(VirtioDevice *v)
{
    guint8 bytes[COMMON_SIZE] = {0};

    if (v->common == NULL)
        return;
    fill_common(v, bytes);
    for (unsigned i = 0; i < COMMON_SIZE; i += 4)
        __atomic_store_n(&v->common_words[i / 4],
                         GUINT32_TO_LE(pci_get32(bytes, i)), __ATOMIC_RELEASE);
}

static bool
make_common(VirtioDevice *v, GError **error)
{
    void *page;

    v->common = pci_new_register_page(&v->pci, &page, error);
    if (v->common == NULL)
        return false;
    v->common_words = page;
    memset((guint8 *) page + COMMON_SIZE, 0xff, PAGE - COMMON_SIZE);
    virtio_pci_show_common(v);
    return true;
}

static void
set_device_feature_select(VirtioDevice *v, guint32 value)
{
    v->s->device_feature_sel = value;
}

static void
set_driver_feature_select(VirtioDevice *v, guint32 value)
{
    v->s->driver_feature_sel = value;
}

static void
set_driver_feature(VirtioDevice *v, guint32 value)
{
    virtio_set_accepted(v, v->s->driver_feature_sel, value);
}

static void
set_config_vector(VirtioDevice *v, guint32 value)
{
    v->s->config_vector = virtio_pci_vector(v, value);
}

static void
set_status(VirtioDevice *v, guint32 value)
{
    virtio_set_status(v, (guint8) value, false);
}

static void
set_queue(VirtioDevice *v, guint32 value)
{
    v->s->queue_sel = (guint16) value;
}

static void
set_queue_size(VirtioDevice *v, guint32 value)
{
    virtio_set_queue_size(v, (guint16) value);
}

static void
set_queue_vector(VirtioDevice *v, guint32 value)
{
    Virtq *q = virtio_selected(v);

    if (q != NULL)
        q->s->vector = virtio_pci_vector(v, value);
}

/* 4.1.4.3.2: never taken back but by a reset. */
static void
set_queue_enable(VirtioDevice *v, guint32 value)
{
    if (value == 1)
        virtio_set_queue_enabled(v, true);
}

/* Which half of which area of the selected queue. */
static void
set_area(VirtioDevice *v, unsigned offset, guint32 value)
{
    Virtq *q = virtio_selected(v);

    if (q == NULL)
        return;
    Gpa *const areas[] = {&q->s->desc, &q->s->driver, &q->s->device};
    unsigned i = (offset - QUEUE_DESC) / 8;
    virtio_set_queue_area(v, areas[i], offset / 4 % 2, value);
}

/* clang-format off */
static const struct {
    guint8 offset, size;
    void (*set)(VirtioDevice *v, guint32 value);
} common_registers[] = {
    { DEVICE_FEATURE_SELECT, 4, set_device_feature_select },
    { DRIVER_FEATURE_SELECT, 4, set_driver_feature_select },
    { DRIVER_FEATURE,        4, set_driver_feature },
    { CONFIG_VECTOR,         2, set_config_vector },
    { DEVICE_STATUS,         1, set_status },
    { QUEUE_SELECT,          2, set_queue },
    { QUEUE_SIZE,            2, set_queue_size },
    { QUEUE_VECTOR,          2, set_queue_vector },
    { QUEUE_ENABLE,          2, set_queue_enable },
};
/* clang-format on */

/* 4.1.3.1: fields are written whole; those of 64 bits also by halves. */
static void
write_common(VirtioDevice *v, unsigned offset, guint64 value, unsigned size)
{
    if (offset >= QUEUE_DESC && offset + size <= COMMON_SIZE) {
        if (size < 4 || offset % size != 0)
            return;
        set_area(v, offset, (guint32) value);
        if (size == 8)
            set_area(v, offset + 4, (guint32) (value >> 32));
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(common_registers); i++)
        if (common_registers[i].offset == offset &&
            common_registers[i].size == size)
            common_registers[i].set(v, (guint32) value);
}

/* ---- BAR 4 ---- */

static guint64
modern_read(void *dev, guint64 offset, unsigned size)
{
    VirtioDevice *v = dev;
    unsigned in_page = (unsigned) offset % PAGE;

    switch (offset / PAGE) {
    case 0: return read_common(v, in_page, size);
    case 1: return in_page == 0 ? virtio_pci_take_isr(v) : 0;
    case 2: return virtio_read_config(v, in_page, size);
    default: return 0;
    }
}

static void
modern_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    VirtioDevice *v = dev;
    unsigned in_page = (unsigned) offset % PAGE;

    switch (offset / PAGE) {
    case 0:
        write_common(v, in_page, value, size);
        virtio_pci_show_common(v);
        break;
    case 2: virtio_write_config(v, in_page, value, size); break;
    case 3:
        if (in_page % NOTIFY_MULTIPLIER == 0)
            virtio_doorbell(v, in_page / NOTIFY_MULTIPLIER);
        break;
    default: break;
    }
}

static const IoOps modern_ops = {
    .read = modern_read,
    .write = modern_write,
};

/* ---- BAR 4 by way of configuration space, 4.1.4.9 ---- */

/* Whether the window shows something that can be accessed. */
static bool
window_is_open(const VirtioDevice *v, guint32 *ret_at, guint32 *ret_len)
{
    const guint8 *config = v->s->pci.config;
    unsigned cap = v->pci_cfg_cap;
    guint32 at = pci_get32(config, cap + CAP_OFFSET);
    guint32 len = pci_get32(config, cap + CAP_LENGTH);

    if (config[cap + CAP_BAR] != BAR_MODERN ||
        (len != 1 && len != 2 && len != 4) || at % len != 0 ||
        at >= MODERN_SIZE)
        return false;
    *ret_at = at;
    *ret_len = len;
    return true;
}

/* The same, and [offset, offset + size) is the window's data. */
static bool
window_applies(const VirtioDevice *v, unsigned offset, unsigned size,
               guint32 *ret_at, guint32 *ret_len)
{
    unsigned data = v->pci_cfg_cap + CAP_DATA;

    return offset < data + 4 && offset + size > data &&
           window_is_open(v, ret_at, ret_len);
}

static bool
config_is_live(const PciDevice *pdev)
{
    guint32 at, len;

    return window_is_open(VIRTIO_OF(const VirtioDevice, pdev), &at, &len);
}

static void
config_reading(PciDevice *pdev, unsigned offset, unsigned size)
{
    VirtioDevice *v = VIRTIO_OF(VirtioDevice, pdev);
    guint8 *config = v->s->pci.config;
    guint32 at, len;

    if (!window_applies(v, offset, size, &at, &len))
        return;
    virtio_lock(v);
    guint32 value = (guint32) modern_read(v, at, len);
    virtio_unlock(v);
    if (len < 4)
        value &= (1u << (8 * len)) - 1;
    pci_put32(config, v->pci_cfg_cap + CAP_DATA, value);
}

static void
config_written(PciDevice *pdev, unsigned offset, unsigned size,
               const guint8 *old)
{
    VirtioDevice *v = VIRTIO_OF(VirtioDevice, pdev);
    guint32 at, len;

    pci_msix_config_written(&v->msix, offset, size);
    virtio_lock(v);
    update_line(v);
    if (window_applies(v, offset, size, &at, &len)) {
        guint32 value = pci_get32(v->s->pci.config, v->pci_cfg_cap + CAP_DATA);
        if (len < 4)
            value &= (1u << (8 * len)) - 1;
        modern_write(v, at, value, len);
    }
    virtio_unlock(v);
}

/* ---- life ---- */

/* Without doorbells notifications arrive at the registers. Failures only cost
 * speed. What is taken back may have been set up under other registers (a
 * restored state), so it is all of them. */
static void
set_doorbells(VirtioDevice *v, bool on)
{
    for (unsigned i = 0; i < v->setup.n_queues; i++) {
        guint64 number = i;
        int fd = on ? v->kicks[i].fd : -1;
        guint64 at = NOTIFY_AT + NOTIFY_MULTIPLIER * i;
        if (on && !v->s->queue[i].enabled)
            continue;
        if (v->port != NULL && (!on || v->s->legacy))
            (void) io_region_set_eventfd(v->port, VIRTIO_PCI_LEGACY_NOTIFY, 2,
                                         &number, fd);
        if (v->modern != NULL && (!on || !v->s->legacy))
            (void) io_region_set_eventfd(v->modern, at, 0, NULL, fd);
    }
}

static guint16
transitional_id(const VirtioDevice *v)
{
    for (gsize i = 0; i < G_N_ELEMENTS(transitional); i++)
        if (v->legacy && !v->model->modern_only &&
            transitional[i].virtio == v->model->id)
            return transitional[i].pci;
    return 0;
}

static void
fill_ids(VirtioDevice *v)
{
    guint16 id = v->model->id, old = transitional_id(v);

    v->ids = (PciIds){
        .vendor = VENDOR_VIRTIO,
        .device = old != 0 ? old : (guint16) (DEVICE_MODERN + id),
        .subsystem_vendor = VENDOR_VIRTIO,
        .subsystem = old != 0 ? id : (guint16) (SUBSYSTEM_FIRST + id),
        .class_device = v->model->pci_class,
        .revision = old != 0 ? 0 : 1,
        .interrupt_pin = 1,
    };
}

static unsigned
add_capability(VirtioDevice *v, guint8 type, unsigned size, guint32 offset,
               guint32 length)
{
    unsigned cap = pci_add_capability(&v->pci, CAP_VENDOR, size);
    guint8 *bytes = v->pci.initial + cap;

    bytes[CAP_LEN] = (guint8) size;
    bytes[CAP_TYPE] = type;
    bytes[CAP_BAR] = BAR_MODERN;
    pci_put32(bytes, CAP_OFFSET, offset);
    pci_put32(bytes, CAP_LENGTH, length);
    return cap;
}

static void
add_capabilities(VirtioDevice *v)
{
    unsigned cap;

    add_capability(v, CFG_COMMON, CAP_SIZE, 0, COMMON_SIZE);
    add_capability(v, CFG_ISR, CAP_SIZE, PAGE, 1);
    if (v->setup.config_size > 0)
        add_capability(v, CFG_DEVICE, CAP_SIZE, 2 * PAGE, v->setup.config_size);
    cap = add_capability(v, CFG_NOTIFY, CAP_SIZE_LONG, NOTIFY_AT,
                         NOTIFY_MULTIPLIER * v->setup.n_queues);
    pci_put32(v->pci.initial, cap + CAP_MULTIPLIER, NOTIFY_MULTIPLIER);
    cap = add_capability(v, CFG_PCI, CAP_SIZE_LONG, 0, 0);
    v->pci_cfg_cap = cap;
    v->pci.wmask[cap + CAP_BAR] = 0xff;
    memset(v->pci.wmask + cap + CAP_OFFSET, 0xff, 4 + 4 + 4);
}

static bool
realize(VirtioDevice *v, DeviceEnv *env, GError **error)
{
    fill_ids(v);
    if (!pci_device_realize(&v->pci, env, &v->ids, &v->s->pci, error))
        return false;
    v->pci.config_written = config_written;
    v->pci.config_reading = config_reading;
    v->pci.config_is_live = config_is_live;
    if (transitional_id(v) != 0) {
        guint64 size;
        v->port = virtio_pci_legacy_region(v, &size);
        pci_add_bar(&v->pci, BAR_LEGACY, PCI_BAR_IO, false, size, v->port,
                    NULL);
    }
    pci_msix_realize(&v->msix, &v->pci, &v->s->msix, v->setup.n_queues + 1,
                     BAR_MSIX);
    v->modern =
        io_region_new("virtio", &modern_ops, v, &v->pci.dev.lock, MODERN_SIZE);
    if (!make_common(v, error))
        return false;
    pci_add_bar(&v->pci, BAR_MODERN, PCI_BAR_MEM32, false, MODERN_SIZE,
                v->modern, v->common);
    v->pci.bars[BAR_MODERN].read_only = true;
    add_capabilities(v);
    return true;
}

static void
unrealize(VirtioDevice *v)
{
    v->pci.config_written = NULL;
    v->pci.config_reading = NULL;
    v->pci.config_is_live = NULL;
    pci_device_unrealize(&v->pci);
    pci_msix_unrealize(&v->msix);
    g_clear_pointer(&v->common, mem_slot_free);
    g_clear_pointer(&v->port, io_region_free);
    g_clear_pointer(&v->modern, io_region_free);
}

static void
reset(VirtioDevice *v)
{
    pci_device_reset(&v->pci);
    virtio_lock(v);
    pci_msix_reset(&v->msix);
    virtio_unlock(v);
}

static void
restored(VirtioDevice *v)
{
    pci_device_restored(&v->pci);
    virtio_lock(v);
    pci_msix_restored(&v->msix);
    virtio_pci_show_common(v);
    update_line(v);
    virtio_unlock(v);
}

static Dma *
dma(VirtioDevice *v)
{
    return v->pci.dma;
}

const VirtioTransport virtio_pci_transport = {
    .realize = realize,
    .unrealize = unrealize,
    .reset = reset,
    .restored = restored,
    .dma = dma,
    .interrupt = interrupt,
    .update_line = update_line,
    .set_doorbells = set_doorbells,
    .interrupt_fd = interrupt_fd,
    .registers_changed = virtio_pci_show_common,
};
