/* tests/unit/virtio-rig.c - see virtio-rig.h. */
#include "tests/unit/virtio-rig.h"
#include "tests/unit/pci-config.h"

#include <string.h>

#include <CUnit/CUnit.h>

#include "devices/virtio/virtq-internal.h"

#define MS        G_GINT64_CONSTANT(1000000)
#define RING_STEP 0x8000u

/* ---- guest memory ---- */

void
vr_put16(VirtioRig *r, guint64 at, guint16 value)
{
    guint8 *host = fake_ram(r->vm) + at;

    /* indices and flags: a device's thread may be looking */
    if (at % sizeof value == 0)
        __atomic_store_n((guint16 *) (void *) host, value, __ATOMIC_RELEASE);
    else
        memcpy(host, &value, sizeof value);
}

void
vr_put32(VirtioRig *r, guint64 at, guint32 value)
{
    memcpy(fake_ram(r->vm) + at, &value, sizeof value);
}

void
vr_put64(VirtioRig *r, guint64 at, guint64 value)
{
    memcpy(fake_ram(r->vm) + at, &value, sizeof value);
}

guint16
vr_get16(VirtioRig *r, guint64 at)
{
    const guint8 *host = fake_ram(r->vm) + at;
    guint16 value;

    if (at % sizeof value == 0)
        return __atomic_load_n((const guint16 *) (const void *) host,
                               __ATOMIC_ACQUIRE);
    memcpy(&value, host, sizeof value);
    return value;
}

guint32
vr_get32(VirtioRig *r, guint64 at)
{
    guint32 value;

    memcpy(&value, fake_ram(r->vm) + at, sizeof value);
    return value;
}

void
vr_put_desc(VirtioRig *r, guint64 at, guint64 addr, guint32 len, guint16 flags,
            guint16 next_or_id)
{
    vr_put64(r, at, addr);
    vr_put32(r, at + 8, len);
    vr_put16(r, at + 12, r->packed ? next_or_id : flags);
    vr_put16(r, at + 14, r->packed ? flags : next_or_id);
}

/* ---- PCI ---- */

guint32
vr_config_read(VirtioRig *r, unsigned offset, unsigned size)
{
    return pci_config_get(r->bus, VR_DEVFN, offset, size);
}

void
vr_config_write(VirtioRig *r, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(r->bus, VR_DEVFN, offset, value, size);
}

unsigned
vr_capability(VirtioRig *r, guint8 id, unsigned nth)
{
    unsigned at = vr_config_read(r, PCI_CAPABILITY_LIST, 1);

    for (unsigned i = 0; at != 0 && i < 48; i++) {
        if (vr_config_read(r, at, 1) == id && nth-- == 0)
            return at;
        at = vr_config_read(r, at + 1, 1);
    }
    return 0;
}

void
vr_enable_msix(VirtioRig *r, unsigned n)
{
    unsigned cap = vr_capability(r, 0x11, 0);

    for (unsigned v = 0; v < n; v++) {
        fake_mmio_write(r->vm, VR_MSIX + 16 * v, 0xfee00000u, 4);
        fake_mmio_write(r->vm, VR_MSIX + 16 * v + 4, 0, 4);
        fake_mmio_write(r->vm, VR_MSIX + 16 * v + 8, 0x40 + v, 4);
        fake_mmio_write(r->vm, VR_MSIX + 16 * v + 12, 0, 4);
    }
    vr_config_write(r, cap + 2, 0x8000, 2);
}

static void
record_irq(void *data, unsigned pirq, bool level)
{
    ((VirtioRig *) data)->irq = level;
}

void
virtio_rig_init(VirtioRig *r, VirtioRigHow how)
{
    memset(r, 0, sizeof *r);
    r->how = how;
    r->vm = fake_vm_new(VR_RAM);
    if (how == VR_MMIO)
        return;
    r->bus = pci_bus_new(&r->vm->env);
    pci_bus_set_irq_router(r->bus, record_irq, r);
}

void
virtio_rig_add_device(VirtioRig *r, Device *dev)
{
    r->dev = dev;
    r->v = VIRTIO_OF(VirtioDevice, dev);
    if (r->how == VR_MMIO) {
        device_set_u64(dev, "mmio-base", VR_MODERN, NULL);
        device_set_u64(dev, "irq", VR_MMIO_IRQ, NULL);
        fake_vm_realize(r->vm, dev);
        return;
    }
    device_set_link(dev, "bus", r->bus);
    device_set_u64(dev, "addr", VR_DEVFN, NULL);
    fake_vm_realize(r->vm, dev);
    vr_config_write(r, PCI_BAR0, VR_PORT, 4);
    vr_config_write(r, PCI_BAR0 + 4, VR_MSIX, 4);
    vr_config_write(r, PCI_BAR0 + 16, VR_MODERN, 4);
    vr_config_write(r, PCI_COMMAND, 7, 2);
}

void
virtio_rig_replace(VirtioRig *r, Device *fresh)
{
    g_autoptr(GByteArray) saved = g_byte_array_new();

    CU_ASSERT_TRUE(device_is_quiet(r->dev));
    device_save(r->dev, saved);
    device_free(r->dev);
    virtio_rig_add_device(r, fresh);
    device_quiesce(fresh);
    g_autoptr(GBytes) bytes = g_bytes_new(saved->data, saved->len);
    CU_ASSERT_TRUE(device_restore(fresh, bytes, NULL));
    device_resume(fresh);
    fake_advance(r->vm, 0);
}

void
virtio_rig_free(VirtioRig *r)
{
    device_free(r->dev);
    if (r->bus != NULL)
        pci_bus_free(r->bus);
    fake_vm_free(r->vm);
}

/* ---- registers ---- */

/* Offsets of the same register: modern PCI, legacy, MMIO; and their sizes. */
typedef enum {
    R_OFFER,
    R_OFFER_SEL,
    R_ACCEPT,
    R_ACCEPT_SEL,
    R_STATUS,
    R_QUEUE_SEL,
    R_QUEUE_SIZE,
    R_QUEUE_ENABLE
} Register;

/* clang-format off */
static const struct {
    guint16 at[3];
    guint8 size[3]; /* 0: there is none */
} registers[] = {
    [R_OFFER]        = { { 0x04,  0, 0x10 }, { 4, 4, 4 } },
    [R_OFFER_SEL]    = { { 0x00,  0, 0x14 }, { 4, 0, 4 } },
    [R_ACCEPT]       = { { 0x0c,  4, 0x20 }, { 4, 4, 4 } },
    [R_ACCEPT_SEL]   = { { 0x08,  0, 0x24 }, { 4, 0, 4 } },
    [R_STATUS]       = { { 0x14, 18, 0x70 }, { 1, 1, 4 } },
    [R_QUEUE_SEL]    = { { 0x16, 14, 0x30 }, { 2, 2, 4 } },
    [R_QUEUE_SIZE]   = { { 0x18, 12, 0x38 }, { 2, 0, 4 } },
    [R_QUEUE_ENABLE] = { { 0x1c,  0, 0x44 }, { 2, 0, 4 } },
};
/* clang-format on */

static guint32
get(VirtioRig *r, Register reg)
{
    guint16 at = registers[reg].at[r->how];
    guint8 size = registers[reg].size[r->how];

    if (size == 0)
        return 0;
    return (guint32) (r->how == VR_LEGACY
                          ? io_read(r->vm->env.ports, VR_PORT + at, size)
                          : fake_mmio_read(r->vm, VR_MODERN + at, size));
}

static void
set(VirtioRig *r, Register reg, guint32 value)
{
    guint16 at = registers[reg].at[r->how];
    guint8 size = registers[reg].size[r->how];

    if (size == 0)
        return;
    if (r->how == VR_LEGACY)
        io_write(r->vm->env.ports, VR_PORT + at, value, size);
    else
        fake_mmio_write(r->vm, VR_MODERN + at, value, size);
}

guint8
virtio_rig_status(VirtioRig *r)
{
    return (guint8) get(r, R_STATUS);
}

void
virtio_rig_set_status(VirtioRig *r, guint8 bits)
{
    set(r, R_STATUS, bits == 0 ? 0 : virtio_rig_status(r) | bits);
}

guint64
virtio_rig_offered(VirtioRig *r)
{
    set(r, R_OFFER_SEL, 0);
    guint64 low = get(r, R_OFFER);
    if (r->how == VR_LEGACY)
        return low;
    set(r, R_OFFER_SEL, 1);
    return low | (guint64) get(r, R_OFFER) << 32;
}

guint8
virtio_rig_negotiate(VirtioRig *r, guint64 accept)
{
    guint64 take = virtio_rig_offered(r) & accept;

    set(r, R_STATUS, 0);
    virtio_rig_set_status(r, VIRTIO_STATUS_ACKNOWLEDGE);
    virtio_rig_set_status(r, VIRTIO_STATUS_DRIVER);
    set(r, R_ACCEPT_SEL, 0);
    set(r, R_ACCEPT, (guint32) take);
    if (r->how != VR_LEGACY) {
        set(r, R_ACCEPT_SEL, 1);
        set(r, R_ACCEPT, (guint32) (take >> 32));
        virtio_rig_set_status(r, VIRTIO_STATUS_FEATURES_OK);
    }
    r->packed = (take & VIRTIO_F_RING_PACKED) != 0;
    return virtio_rig_status(r);
}

static void
write_area(VirtioRig *r, unsigned which, guint64 addr)
{
    guint64 at = VR_MODERN +
                 (r->how == VR_PCI ? 0x20u + 8 * which : 0x80u + 0x10 * which);

    fake_mmio_write(r->vm, at, (guint32) addr, 4);
    fake_mmio_write(r->vm, at + 4, addr >> 32, 4);
}

void
virtio_rig_set_areas(VirtioRig *r, unsigned i, guint16 size, guint64 desc,
                     guint64 driver, guint64 device)
{
    VrQueue *q = &r->q[i];

    memset(q, 0, sizeof *q);
    q->size = size;
    q->desc = desc;
    q->driver = driver;
    q->device = device;
    q->wrap = q->used_wrap = true;
    set(r, R_QUEUE_SEL, i);
    if (r->how == VR_LEGACY) {
        io_write(r->vm->env.ports, VR_PORT + 8, desc / 4096, 4);
        return;
    }
    set(r, R_QUEUE_SIZE, size);
    if (r->how == VR_PCI) /* vector 0 is the configuration's */
        fake_mmio_write(r->vm, VR_MODERN + 0x1a, i + 1, 2);
    write_area(r, 0, desc);
    write_area(r, 1, driver);
    write_area(r, 2, device);
    set(r, R_QUEUE_ENABLE, 1);
}

void
virtio_rig_set_queue(VirtioRig *r, unsigned i, guint16 size)
{
    guint64 at = VR_RINGS + RING_STEP * i;
    guint64 driver = at + 0x4000, device = at + 0x5000;

    memset(fake_ram(r->vm) + at, 0, RING_STEP);
    if (r->how == VR_LEGACY) {
        set(r, R_QUEUE_SEL, i);
        size = (guint16) io_read(r->vm->env.ports, VR_PORT + 12, 2);
        driver = at + 16u * size;
        device = (driver + 6 + 2u * size + 4095) & ~(guint64) 4095;
    }
    virtio_rig_set_areas(r, i, size, at, driver, device);
}

void
virtio_rig_start(VirtioRig *r, guint64 accept, unsigned n_queues)
{
    (void) virtio_rig_negotiate(r, accept);
    for (unsigned i = 0; i < n_queues; i++)
        virtio_rig_set_queue(r, i, 16);
    virtio_rig_set_status(r, VIRTIO_STATUS_DRIVER_OK);
    fake_advance(r->vm, 0);
}

guint64
virtio_rig_config(VirtioRig *r, unsigned offset, unsigned size)
{
    if (r->how == VR_LEGACY)
        return io_read(r->vm->env.ports, VR_PORT + 20 + offset, size);
    return fake_mmio_read(
        r->vm, (r->how == VR_PCI ? VR_CONFIG : VR_MODERN + 0x100) + offset,
        size);
}

/* ---- rings ---- */

static guint16
lap_flags(bool wrap)
{
    return wrap ? VIRTQ_DESC_AVAIL : VIRTQ_DESC_USED;
}

static guint16
add_packed(VirtioRig *r, VrQueue *q, const VrBuf *bufs, unsigned n,
           guint16 extra)
{
    unsigned first = q->next;
    bool first_wrap = q->wrap;
    guint16 id = (guint16) (first % q->size);

    for (unsigned k = 0; k < n; k++) {
        guint16 flags = (guint16) (lap_flags(q->wrap) | extra |
                                   (bufs[k].write ? VIRTQ_DESC_WRITE : 0) |
                                   (k + 1 < n ? VIRTQ_DESC_NEXT : 0));
        if (k == 0) /* made available last */
            flags ^= VIRTQ_DESC_AVAIL | VIRTQ_DESC_USED;
        vr_put_desc(r, q->desc + 16 * q->next, bufs[k].addr, bufs[k].len, flags,
                    id);
        if (++q->next == q->size) {
            q->next = 0;
            q->wrap = !q->wrap;
        }
    }
    guint16 flags = vr_get16(r, q->desc + 16 * first + 14);
    flags &= (guint16) ~(VIRTQ_DESC_AVAIL | VIRTQ_DESC_USED);
    vr_put16(r, q->desc + 16 * first + 14, flags | lap_flags(first_wrap));
    q->slots[id] = (guint16) n;
    return id;
}

static guint16
add_split(VirtioRig *r, VrQueue *q, const VrBuf *bufs, unsigned n,
          guint16 extra)
{
    guint16 head = (guint16) (q->next % q->size);

    for (unsigned k = 0; k < n; k++) {
        unsigned at = q->next % q->size;
        guint16 flags =
            (guint16) (extra | (bufs[k].write ? VIRTQ_DESC_WRITE : 0) |
                       (k + 1 < n ? VIRTQ_DESC_NEXT : 0));
        q->next++;
        vr_put_desc(r, q->desc + 16 * at, bufs[k].addr, bufs[k].len, flags,
                    (guint16) (q->next % q->size));
    }
    vr_put16(r, q->driver + 4 + 2 * (q->avail % q->size), head);
    vr_put16(r, q->driver + 2, ++q->avail);
    return head;
}

guint16
virtio_rig_add(VirtioRig *r, unsigned i, const VrBuf *bufs, unsigned n)
{
    return r->packed ? add_packed(r, &r->q[i], bufs, n, 0)
                     : add_split(r, &r->q[i], bufs, n, 0);
}

guint16
virtio_rig_add_indirect(VirtioRig *r, unsigned i, guint64 table,
                        const VrBuf *bufs, unsigned n)
{
    const VrBuf one = {table, 16 * n, false};

    for (unsigned k = 0; k < n; k++)
        vr_put_desc(r, table + 16 * k, bufs[k].addr, bufs[k].len,
                    (guint16) ((bufs[k].write ? VIRTQ_DESC_WRITE : 0) |
                               (k + 1 < n && !r->packed ? VIRTQ_DESC_NEXT : 0)),
                    (guint16) (k + 1));
    return r->packed ? add_packed(r, &r->q[i], &one, 1, VIRTQ_DESC_INDIRECT)
                     : add_split(r, &r->q[i], &one, 1, VIRTQ_DESC_INDIRECT);
}

void
virtio_rig_kick(VirtioRig *r, unsigned i)
{
    if (r->how == VR_LEGACY)
        io_write(r->vm->env.ports, VR_PORT + 16, i, 2);
    else if (r->how == VR_MMIO)
        fake_mmio_write(r->vm, VR_MODERN + 0x50, i, 4);
    else
        fake_mmio_write(r->vm, VR_NOTIFY + 4 * i, i, 2);
    fake_advance(r->vm, 0);
}

static bool
used_packed(VirtioRig *r, VrQueue *q, guint16 *ret_id, guint32 *ret_len)
{
    guint64 at = q->desc + 16 * q->used_slot;
    guint16 flags = vr_get16(r, at + 14);
    bool avail = (flags & VIRTQ_DESC_AVAIL) != 0;
    bool used = (flags & VIRTQ_DESC_USED) != 0;

    if (avail != used || used != q->used_wrap)
        return false;
    *ret_id = vr_get16(r, at + 12);
    *ret_len = vr_get32(r, at + 8);
    q->used_slot += q->slots[*ret_id % q->size];
    if (q->used_slot >= q->size) {
        q->used_slot -= q->size;
        q->used_wrap = !q->used_wrap;
    }
    return true;
}

bool
virtio_rig_used(VirtioRig *r, unsigned i, guint16 *ret_id, guint32 *ret_len)
{
    VrQueue *q = &r->q[i];

    if (r->packed)
        return used_packed(r, q, ret_id, ret_len);
    if (vr_get16(r, q->device + 2) == q->used)
        return false;
    guint64 at = q->device + 4 + 8 * (q->used++ % q->size);
    *ret_id = (guint16) vr_get32(r, at);
    *ret_len = vr_get32(r, at + 4);
    return true;
}

guint32
virtio_rig_finish(VirtioRig *r, unsigned i)
{
    guint16 id;
    guint32 len;

    virtio_rig_kick(r, i);
    for (unsigned n = 0; n < 10000; n++) {
        if (virtio_rig_used(r, i, &id, &len))
            return len;
        fake_advance(r->vm, MS);
        g_usleep(n > 10 ? 1000 : 0); /* the kernel may really flush a disk */
    }
    return G_MAXUINT32;
}
