/* devices/vfio/vfio-host.c - see vfio-host.h. */
#include "devices/vfio/vfio-host.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#define PAGE           4096u
#define MAX_INFO       65536u /* bytes of a region's description */
#define MAX_DEPENDENTS 256u   /* functions that one bus reset reaches */

G_STATIC_ASSERT((int) VFIO_HOST_ROM == (int) VFIO_PCI_ROM_REGION_INDEX);
G_STATIC_ASSERT((int) VFIO_HOST_CONFIG == (int) VFIO_PCI_CONFIG_REGION_INDEX);
G_STATIC_ASSERT((int) VFIO_HOST_REQ == (int) VFIO_PCI_REQ_IRQ_INDEX);

static int
host_ioctl(const VfioHost *h, unsigned long request, void *arg)
{
    return h->sys->ops->ioctl(h->sys->data, h->fd, request, arg);
}

/* ---- what there is ---- */

static void
add_area(VfioRegion *r, guint64 offset, guint64 len)
{
    if (r->n_areas == VFIO_HOST_AREAS || len == 0 || offset % PAGE != 0 ||
        len % PAGE != 0 || offset > r->size || len > r->size - offset)
        return; /* it is trapped instead */
    r->areas[r->n_areas++] = (VfioArea){offset, len};
}

static void
read_sparse(VfioRegion *r, const guint8 *info, guint32 len, guint32 at)
{
    struct vfio_region_info_cap_sparse_mmap cap;
    struct vfio_region_sparse_mmap_area area;

    memcpy(&cap, info + at, sizeof cap);
    for (guint32 i = 0; i < cap.nr_areas; i++) {
        gsize where = at + sizeof cap + (gsize) i * sizeof area;
        if (where + sizeof area > len)
            return;
        memcpy(&area, info + where, sizeof area);
        add_area(r, area.offset, area.size);
    }
}

/* True: the region says itself which parts may be mapped. */
static bool
find_sparse(VfioRegion *r, const guint8 *info, guint32 len, guint32 offset)
{
    struct vfio_info_cap_header header;

    for (unsigned hops = 0; hops < 16 && offset != 0; hops++) {
        if (len < sizeof(struct vfio_region_info_cap_sparse_mmap) ||
            offset > len - sizeof(struct vfio_region_info_cap_sparse_mmap))
            return false;
        memcpy(&header, info + offset, sizeof header);
        if (header.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP) {
            read_sparse(r, info, len, offset);
            return true;
        }
        offset = header.next;
    }
    return false;
}

static void
take_region(VfioRegion *r, const guint8 *bytes, guint32 len)
{
    struct vfio_region_info info;

    memcpy(&info, bytes, sizeof info);
    r->size = info.size;
    r->offset = info.offset;
    r->readable = (info.flags & VFIO_REGION_INFO_FLAG_READ) != 0;
    r->writable = (info.flags & VFIO_REGION_INFO_FLAG_WRITE) != 0;
    if ((info.flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
        return;
    if ((info.flags & VFIO_REGION_INFO_FLAG_CAPS) == 0 ||
        !find_sparse(r, bytes, len, info.cap_offset))
        add_area(r, 0, r->size);
}

static void
ask_region(VfioHost *h, unsigned index)
{
    struct vfio_region_info head = {.argsz = sizeof head, .index = index};

    if (host_ioctl(h, VFIO_DEVICE_GET_REGION_INFO, &head) < 0)
        return; /* there is none */
    guint32 len = CLAMP(head.argsz, (guint32) sizeof head, MAX_INFO);
    g_autofree guint8 *info = g_malloc0(len);
    head.argsz = len;
    memcpy(info, &head, sizeof head);
    if (host_ioctl(h, VFIO_DEVICE_GET_REGION_INFO, info) >= 0)
        take_region(&h->regions[index], info, len);
}

static void
ask_irq(VfioHost *h, unsigned index)
{
    struct vfio_irq_info info = {.argsz = sizeof info, .index = index};

    if (host_ioctl(h, VFIO_DEVICE_GET_IRQ_INFO, &info) >= 0 &&
        (info.flags & VFIO_IRQ_INFO_EVENTFD) != 0)
        h->n_irqs[index] = info.count;
}

static bool
ask_device(VfioHost *h, GError **error)
{
    struct vfio_device_info info = {.argsz = sizeof info};
    int ret = host_ioctl(h, VFIO_DEVICE_GET_INFO, &info);

    if (ret < 0 || (info.flags & VFIO_DEVICE_FLAGS_PCI) == 0) {
        g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_DEVICE,
                    "%s: VFIO does not know it as a PCI device", h->address);
        return false;
    }
    h->can_reset = (info.flags & VFIO_DEVICE_FLAGS_RESET) != 0;
    for (unsigned i = 0; i < MIN(info.num_regions, VFIO_HOST_REGIONS); i++)
        ask_region(h, i);
    for (unsigned i = 0; i < MIN(info.num_irqs, VFIO_HOST_N_IRQS); i++)
        ask_irq(h, i);
    if (h->regions[VFIO_HOST_CONFIG].size >= 256)
        return true;
    g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_DEVICE,
                "%s: VFIO shows no configuration space", h->address);
    return false;
}

VfioHost *
vfio_host_open(VfioContainer *container, unsigned group, const char *address,
               GError **error)
{
    VfioHost *h = g_new0(VfioHost, 1);

    h->container = container;
    h->sys = vfio_container_sys(container);
    h->address = g_strdup(address);
    h->group = group;
    h->fd = -1;
    if (vfio_container_add_group(container, group, error))
        h->fd = vfio_container_open_device(container, group, address, error);
    if (h->fd >= 0 && ask_device(h, error))
        return h;
    vfio_host_close(h);
    return NULL;
}

void
vfio_host_close(VfioHost *h)
{
    if (h == NULL)
        return;
    vfio_container_close_device(h->container, h->group, h->fd);
    g_free(h->address);
    g_free(h);
}

/* ---- registers ---- */

guint64
vfio_host_read(const VfioHost *h, unsigned region, guint64 offset,
               unsigned size)
{
    const VfioRegion *r = &h->regions[region];
    guint64 value = 0;

    if (!r->readable || offset + size > r->size ||
        h->sys->ops->pread(h->sys->data, h->fd, &value, size,
                           r->offset + offset) != (gssize) size)
        value = G_MAXUINT64;
    value = GUINT64_FROM_LE(value);
    return size < 8 ? value & ((G_GUINT64_CONSTANT(1) << (8 * size)) - 1)
                    : value;
}

void
vfio_host_write(const VfioHost *h, unsigned region, guint64 offset,
                guint64 value, unsigned size)
{
    const VfioRegion *r = &h->regions[region];
    guint64 bytes = GUINT64_TO_LE(value);

    if (r->writable && offset + size <= r->size)
        (void) h->sys->ops->pwrite(h->sys->data, h->fd, &bytes, size,
                                   r->offset + offset); /* as a bus does */
}

gsize
vfio_host_read_all(const VfioHost *h, unsigned region, void *dst, gsize len)
{
    const VfioRegion *r = &h->regions[region];
    gsize done = 0;

    len = MIN(len, r->size);
    while (r->readable && done < len) {
        gssize got =
            h->sys->ops->pread(h->sys->data, h->fd, (guint8 *) dst + done,
                               len - done, r->offset + done);
        if (got <= 0)
            break;
        done += (gsize) got;
    }
    return done;
}

/* ---- interrupts ---- */

static int
set_irqs(const VfioHost *h, guint32 flags, VfioHostIrq irq, unsigned first,
         const int *fds, unsigned n)
{
    gsize data = fds != NULL ? n * sizeof *fds : 0;
    gsize len = sizeof(struct vfio_irq_set) + data;
    g_autofree struct vfio_irq_set *set = g_malloc0(len);

    set->argsz = (guint32) len;
    set->flags = flags | (fds != NULL ? VFIO_IRQ_SET_DATA_EVENTFD
                                      : VFIO_IRQ_SET_DATA_NONE);
    set->index = (guint32) irq;
    set->start = first;
    set->count = n;
    if (fds != NULL)
        memcpy(set->data, fds, data);
    return host_ioctl(h, VFIO_DEVICE_SET_IRQS, set);
}

int
vfio_host_set_irqs(const VfioHost *h, VfioHostIrq irq, unsigned first,
                   const int *fds, unsigned n)
{
    return set_irqs(h, VFIO_IRQ_SET_ACTION_TRIGGER, irq, first, fds, n);
}

void
vfio_host_disable_irqs(const VfioHost *h, VfioHostIrq irq)
{
    /* fails only where nothing was enabled */
    (void) set_irqs(h, VFIO_IRQ_SET_ACTION_TRIGGER, irq, 0, NULL, 0);
}

void
vfio_host_unmask(const VfioHost *h)
{
    (void) set_irqs(h, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_HOST_INTX, 0, NULL, 1);
}

int
vfio_host_set_unmask_fd(const VfioHost *h, int fd)
{
    return set_irqs(h, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_HOST_INTX, 0, &fd, 1);
}

/* ---- resets ---- */

/* struct vfio_pci_hot_reset_info and struct vfio_pci_hot_reset, with room for
 * what the kernel's end with. */
typedef struct {
    guint32 argsz, flags, count;
    struct vfio_pci_dependent_device devices[MAX_DEPENDENTS];
} Dependents;

typedef struct {
    guint32 argsz, flags, count;
    gint32 fds[MAX_DEPENDENTS];
} HotReset;

G_STATIC_ASSERT(G_STRUCT_OFFSET(Dependents, devices) ==
                sizeof(struct vfio_pci_hot_reset_info));
G_STATIC_ASSERT(G_STRUCT_OFFSET(HotReset, fds) ==
                sizeof(struct vfio_pci_hot_reset));

/* The groups a bus reset reaches, each once; -errno, -EPERM when one of them is
 * not this machine's. */
static int
own_dependents(const VfioHost *h, const Dependents *d, HotReset *reset)
{
    for (guint32 i = 0; i < MIN(d->count, MAX_DEPENDENTS); i++) {
        int fd = vfio_container_group_fd(h->container, d->devices[i].group_id);
        bool known = false;
        if (fd < 0)
            return -EPERM;
        for (guint32 j = 0; j < reset->count && !known; j++)
            known = reset->fds[j] == fd;
        if (!known)
            reset->fds[reset->count++] = fd;
    }
    return 0;
}

/* 0: a bus reset reaches only what is this machine's, which *reset names. */
static int
find_dependents(const VfioHost *h, HotReset *reset)
{
    g_autofree Dependents *d = g_new0(Dependents, 1);

    d->argsz = sizeof *d;
    int ret = host_ioctl(h, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, d);
    return ret >= 0 ? own_dependents(h, d, reset) : ret;
}

static int
hot_reset(const VfioHost *h)
{
    g_autofree HotReset *reset = g_new0(HotReset, 1);
    int ret = find_dependents(h, reset);

    if (ret < 0)
        return ret;
    reset->argsz = (guint32) (G_STRUCT_OFFSET(HotReset, fds) +
                              reset->count * sizeof(gint32));
    return host_ioctl(h, VFIO_DEVICE_PCI_HOT_RESET, reset);
}

VfioResetKind
vfio_host_reset_kind(const VfioHost *h)
{
    g_autofree HotReset *reset = g_new0(HotReset, 1);

    if (h->can_reset)
        return VFIO_RESET_FUNCTION;
    return find_dependents(h, reset) == 0 ? VFIO_RESET_SLOT : VFIO_RESET_NONE;
}

VfioResetKind
vfio_host_reset(const VfioHost *h, int *ret_error)
{
    int ret = -ENOTTY;

    if (h->can_reset)
        ret = host_ioctl(h, VFIO_DEVICE_RESET, NULL);
    *ret_error = MIN(ret, 0);
    if (ret >= 0)
        return VFIO_RESET_FUNCTION;
    ret = hot_reset(h);
    *ret_error = MIN(ret, 0);
    return ret >= 0 ? VFIO_RESET_SLOT : VFIO_RESET_NONE;
}
