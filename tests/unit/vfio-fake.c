/* tests/unit/vfio-fake.c - see vfio-fake.h. */
#include "tests/unit/vfio-fake.h"
#include "tests/unit/pci-config.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FD_CONTAINER 1000
#define FD_GROUP     1001
#define FD_DEVICE    1002 /* and one more */
#define REGION_SHIFT 40
#define N_REGIONS    9u

static VfFunction *
function_of(VfioFake *f, int fd)
{
    unsigned i = (unsigned) (fd - FD_DEVICE);

    return i < VF_FUNCTIONS ? &f->fn[i] : NULL;
}

static int
fake_open(void *data, const char *path)
{
    VfioFake *f = data;

    if (strcmp(path, "/dev/vfio/vfio") == 0) {
        f->container_open = true;
        return FD_CONTAINER;
    }
    if (strcmp(path, "/dev/vfio/14") != 0)
        return -ENOENT;
    if (f->open_error != 0 || f->group_open)
        return f->open_error != 0 ? -f->open_error : -EBUSY;
    f->group_open = true;
    return FD_GROUP;
}

/* It is the only group there is: all goes with it. */
static int
leave(VfioFake *f)
{
    for (unsigned i = 0; i < VF_FUNCTIONS; i++)
        if (f->fn[i].open)
            return -EBUSY;
    if (!f->joined)
        return -EINVAL;
    f->joined = f->has_iommu = false;
    f->mapped = 0;
    return 0;
}

static void
fake_close(void *data, int fd)
{
    VfioFake *f = data;

    if (fd == FD_CONTAINER) {
        f->container_open = false;
    } else if (fd == FD_GROUP) {
        (void) leave(f); /* as the kernel does with the last descriptor */
        f->group_open = false;
    } else if (function_of(f, fd) != NULL)
        function_of(f, fd)->open = false;
}

/* ---- container and group ---- */

static int
answer_info(struct vfio_iommu_type1_info *info)
{
    struct {
        struct vfio_iommu_type1_info info;
        struct vfio_info_cap_header header; /* of ..._cap_iova_range */
        guint32 nr_iovas, reserved;
        struct vfio_iova_range ranges[2];
    } all = {
        .info = {.flags = VFIO_IOMMU_INFO_CAPS, .cap_offset = sizeof all.info},
        .header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE},
        .nr_iovas = 2,
        .ranges = {{0, 0xfedfffff}, {0xfef00000, (1ull << 39) - 1}},
    };
    guint32 room = info->argsz;

    all.info.argsz = sizeof all;
    memcpy(info, &all, MIN(room, sizeof all));
    return 0;
}

static int
answer_map(VfioFake *f, const struct vfio_iommu_type1_dma_map *map)
{
    int error = f->has_iommu ? f->map_error : EINVAL;

    if (error != 0 && f->map_ok == 0) {
        f->map_error = 0;
        return -error;
    }
    f->map_ok -= f->map_ok > 0 ? 1 : 0;
    f->maps++;
    f->mapped += map->size;
    f->lowest = MIN(f->lowest, map->iova);
    f->highest = MAX(f->highest, map->iova + map->size - 1);
    return 0;
}

static int
answer_unmap(VfioFake *f, const struct vfio_iommu_type1_dma_unmap *unmap)
{
    if (unmap->size == 0 || unmap->size > f->mapped)
        return -EINVAL;
    f->mapped -= unmap->size;
    return 0;
}

static int
set_iommu(VfioFake *f)
{
    if (!f->joined || f->has_iommu)
        return -EINVAL;
    f->has_iommu = f->iommu_error == 0;
    return -f->iommu_error;
}

static int
join(VfioFake *f, const int *container)
{
    if (*container != FD_CONTAINER || f->joined)
        return f->joined ? -EINVAL : -EBADF;
    f->joined = true;
    return 0;
}

static int
container_answers(VfioFake *f, unsigned long request, void *arg)
{
    switch (request) {
    case VFIO_GET_API_VERSION: return VFIO_API_VERSION;
    case VFIO_CHECK_EXTENSION:
        return GPOINTER_TO_UINT(arg) == VFIO_TYPE1v2_IOMMU;
    case VFIO_SET_IOMMU: return set_iommu(f);
    case VFIO_IOMMU_GET_INFO: return answer_info(arg);
    case VFIO_IOMMU_MAP_DMA: return answer_map(f, arg);
    case VFIO_IOMMU_UNMAP_DMA: return answer_unmap(f, arg);
    default: return -ENOTTY;
    }
}

static int
group_answers(VfioFake *f, unsigned long request, void *arg)
{
    if (request == VFIO_GROUP_GET_STATUS) {
        ((struct vfio_group_status *) arg)->flags =
            f->not_viable ? 0 : VFIO_GROUP_FLAGS_VIABLE;
        return 0;
    }
    if (request == VFIO_GROUP_SET_CONTAINER)
        return join(f, arg);
    if (request == VFIO_GROUP_UNSET_CONTAINER)
        return leave(f);
    if (request != VFIO_GROUP_GET_DEVICE_FD)
        return -ENOTTY;
    for (unsigned i = 0; i < VF_FUNCTIONS; i++) {
        g_autofree char *name = g_strdup_printf("0000:05:00.%u", i);
        if (strcmp(arg, name) == 0) {
            f->fn[i].open = true;
            return FD_DEVICE + (int) i;
        }
    }
    return -ENODEV;
}

/* ---- a device ---- */

static int
answer_region(const VfioFake *f, struct vfio_region_info *info)
{
    struct {
        guint32 flags;
        guint64 size;
    } regions[N_REGIONS] = {
        [0] = {0x7, f->bar0_size},
        [6] = {0x1, VF_ROM},
        [7] = {0x3, PCI_EXTENDED_SIZE},
    };

    if (info->index >= N_REGIONS)
        return -EINVAL;
    regions[f->ports].flags = 0x3;
    regions[f->ports].size = VF_BAR2;
    info->flags = regions[info->index].flags;
    info->size = regions[info->index].size;
    info->offset = (guint64) info->index << REGION_SHIFT;
    return 0;
}

static int
answer_irq(struct vfio_irq_info *info)
{
    static const guint32 counts[] = {1, 1, VF_VECTORS, 1, 1};

    if (info->index >= G_N_ELEMENTS(counts))
        return -EINVAL;
    info->flags = VFIO_IRQ_INFO_EVENTFD;
    info->count = counts[info->index];
    return 0;
}

static int
answer_set_irqs(VfioFake *f, VfFunction *fn, const struct vfio_irq_set *set)
{
    const int *fds = (const int *) (const void *) set->data;
    int *irq = fn->irq[set->index];

    if ((set->flags & VFIO_IRQ_SET_ACTION_UNMASK) != 0 &&
        (set->flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0) {
        if (fn->n_irqs[VFIO_PCI_INTX_IRQ_INDEX] == 0)
            return -EINVAL;
        fn->unmask_fd = fds[0];
        return 0;
    }
    if ((set->flags & VFIO_IRQ_SET_ACTION_UNMASK) != 0) {
        f->unmasks++;
        return 0;
    }
    if (set->count == 0) {
        fn->n_irqs[set->index] = 0;
        memset(irq, -1, sizeof fn->irq[0]);
        if (set->index == VFIO_PCI_INTX_IRQ_INDEX)
            fn->unmask_fd = -1;
        return 0;
    }
    if (set->index <= VFIO_PCI_MSIX_IRQ_INDEX)
        for (unsigned i = 0; i <= VFIO_PCI_MSIX_IRQ_INDEX; i++)
            if (i != set->index && fn->n_irqs[i] > 0)
                return -EINVAL; /* one kind at a time */
    if (set->start + set->count > VF_VECTORS)
        return -EINVAL;
    if (fn->n_irqs[set->index] == 0 && set->count > f->vectors)
        return (int) f->vectors;
    if (fn->n_irqs[set->index] > 0 &&
        set->start + set->count > fn->n_irqs[set->index])
        return -EINVAL; /* cannot be enlarged */
    for (unsigned i = 0; i < set->count; i++)
        irq[set->start + i] = fds[i];
    fn->n_irqs[set->index] =
        MAX(fn->n_irqs[set->index], set->start + set->count);
    return 0;
}

static int
answer_dependents(VfioFake *f, struct vfio_pci_hot_reset_info *info)
{
    info->count = 2;
    for (unsigned i = 0; i < 2; i++)
        info->devices[i] = (struct vfio_pci_dependent_device){
            .group_id = i == 1 && f->foreign_slot ? VF_GROUP + 1 : VF_GROUP,
            .bus = 5,
            .devfn = (guint8) i,
        };
    return 0;
}

static int
answer_hot_reset(VfioFake *f, const struct vfio_pci_hot_reset *reset)
{
    if (reset->count != 1 || reset->group_fds[0] != FD_GROUP)
        return -EINVAL;
    f->hot_resets++;
    return 0;
}

static int
device_answers(VfioFake *f, VfFunction *fn, unsigned long request, void *arg)
{
    struct vfio_device_info *info = arg;

    switch (request) {
    case VFIO_DEVICE_GET_INFO:
        info->flags = VFIO_DEVICE_FLAGS_PCI;
        info->flags |= f->no_reset ? 0 : VFIO_DEVICE_FLAGS_RESET;
        info->num_regions = N_REGIONS;
        info->num_irqs = 5;
        return 0;
    case VFIO_DEVICE_GET_REGION_INFO: return answer_region(f, arg);
    case VFIO_DEVICE_GET_IRQ_INFO: return answer_irq(arg);
    case VFIO_DEVICE_SET_IRQS: return answer_set_irqs(f, fn, arg);
    case VFIO_DEVICE_RESET: fn->resets++; return 0;
    case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: return answer_dependents(f, arg);
    case VFIO_DEVICE_PCI_HOT_RESET: return answer_hot_reset(f, arg);
    default: return -ENOTTY;
    }
}

static int
fake_ioctl(void *data, int fd, unsigned long request, void *arg)
{
    VfioFake *f = data;

    if (fd == FD_CONTAINER)
        return container_answers(f, request, arg);
    if (fd == FD_GROUP)
        return group_answers(f, request, arg);
    VfFunction *fn = function_of(f, fd);
    return fn != NULL ? device_answers(f, fn, request, arg) : -EBADF;
}

static guint8 *
register_at(VfioFake *f, int fd, guint64 offset, gsize len)
{
    VfFunction *fn = &f->fn[(unsigned) (fd - FD_DEVICE) % VF_FUNCTIONS];
    guint64 at = offset & ((1ull << REGION_SHIFT) - 1);
    struct {
        guint8 *bytes;
        gsize size;
    } regions[N_REGIONS] = {
        [0] = {fn->bar0, f->bar0_size},
        [6] = {fn->rom, VF_ROM},
        [7] = {fn->config, sizeof fn->config},
    };
    guint64 region = offset >> REGION_SHIFT;

    regions[f->ports].bytes = fn->bar2;
    regions[f->ports].size = VF_BAR2;
    if (region >= N_REGIONS || at + len > regions[region].size)
        return NULL;
    return regions[region].bytes + at;
}

static gssize
fake_pread(void *data, int fd, void *dst, gsize len, guint64 offset)
{
    const guint8 *at = register_at(data, fd, offset, len);

    if (at == NULL)
        return -EINVAL;
    memcpy(dst, at, len);
    return (gssize) len;
}

static gssize
fake_pwrite(void *data, int fd, const void *src, gsize len, guint64 offset)
{
    guint8 *at = register_at(data, fd, offset, len);

    if (at == NULL)
        return -EINVAL;
    memcpy(at, src, len);
    return (gssize) len;
}

static void *
fake_mmap(void *data, int fd, guint64 offset, gsize len, bool write)
{
    VfioFake *f = data;
    guint8 *at = register_at(data, fd, offset, len);

    f->mmaps += at != NULL ? 1 : 0;
    return at;
}

static void
fake_munmap(void *data, void *at, gsize len)
{
    ((VfioFake *) data)->mmaps--;
}

static const VfioSysOps fake_ops = {
    .open = fake_open,
    .close = fake_close,
    .ioctl = fake_ioctl,
    .pread = fake_pread,
    .pwrite = fake_pwrite,
    .mmap = fake_mmap,
    .munmap = fake_munmap,
};

static void
fill_config(guint8 *c)
{
    pci_put16(c, PCI_VENDOR_ID, 0x8086);
    pci_put16(c, PCI_DEVICE_ID, 0x10c9);
    pci_put16(c, PCI_STATUS, PCI_STATUS_CAP_LIST);
    pci_put16(c, PCI_CLASS_DEVICE, 0x0200);
    pci_put32(c, PCI_BAR0, 0x0000000c); /* 64 bits, prefetchable */
    pci_put32(c, PCI_BAR0 + 8, 0x00000001);
    c[PCI_CAPABILITY_LIST] = VF_PM;
    c[PCI_INTERRUPT_PIN] = 1;
    pci_put32(c, VF_PM, 0xf8030001 | VF_MSI << 8);
    pci_put32(c, VF_MSI, 0x01800005 | VF_MSIX << 8); /* 64 bits, masks */
    pci_put32(c, VF_MSIX, (VF_VECTORS - 1) << 16 | VF_EXP << 8 | 0x11);
    pci_put32(c, VF_MSIX + 4, VF_TABLE);
    pci_put32(c, VF_MSIX + 8, VF_PBA);
    pci_put32(c, VF_EXP, 0x00020010 | VF_VPD << 8); /* version 2, endpoint */
    pci_put32(c, VF_EXP + 4, 0x10008000);           /* FLR */
    pci_put32(c, VF_EXP + 0x0c, 0x00012345);        /* link */
    pci_put32(c, VF_VPD, 0x00000003 | VF_VEND << 8);
    pci_put32(c, VF_VEND, 0x00100009);
    c[VF_VEND + 4] = 0x5a;
}

static void
fill_rom(guint8 *rom)
{
    rom[0] = 0x55;
    rom[1] = 0xaa;
    rom[2] = 4;
    rom[0x18] = 0x1c;
    memcpy(rom + 0x1c, "PCIR", 4);
    rom[0x1c + 0x10] = 4; /* 2 KiB */
    rom[0x1c + 0x15] = 0x80;
}

VfioFake *
vfio_fake_new(void)
{
    VfioFake *f = g_new0(VfioFake, 1);

    f->sys = (VfioSys){&fake_ops, f};
    f->vectors = VF_VECTORS;
    f->ports = 2;
    f->bar0_size = VF_BAR0;
    f->lowest = G_MAXUINT64;
    for (unsigned i = 0; i < VF_FUNCTIONS; i++) {
        f->fn[i].bar0 = aligned_alloc(4096, VF_BAR0);
        memset(f->fn[i].bar0, 0, VF_BAR0);
        memset(f->fn[i].irq, -1, sizeof f->fn[i].irq);
        f->fn[i].unmask_fd = -1;
        fill_config(f->fn[i].config);
        fill_rom(f->fn[i].rom);
    }
    return f;
}

void
vfio_fake_grow(VfioFake *f, gsize bar0_size)
{
    f->bar0_size = bar0_size;
    for (unsigned i = 0; i < VF_FUNCTIONS; i++) {
        free(f->fn[i].bar0);
        f->fn[i].bar0 = aligned_alloc(4096, bar0_size);
        memset(f->fn[i].bar0, 0, bar0_size);
    }
}

void
vfio_fake_free(VfioFake *f)
{
    g_assert(!f->container_open && !f->group_open && f->mmaps == 0);
    for (unsigned i = 0; i < VF_FUNCTIONS; i++) {
        g_assert(!f->fn[i].open);
        free(f->fn[i].bar0);
    }
    g_free(f);
}

/* ---- the rig ---- */

static void
on_wanted(void *data, Device *dev)
{
    ((VfioRig *) data)->wanted++;
}

static void
on_failed(void *data, Device *dev)
{
    ((VfioRig *) data)->failed++;
}

static const VfioPciEvents rig_events = {on_wanted, on_failed};

void
vfio_rig_begin(VfioRig *r)
{
    vfio_rig_begin_with(r, NULL);
}

void
vfio_rig_begin_with(VfioRig *r, void (*prepare)(VfioFake *fake))
{
    *r = (VfioRig){.vm = fake_vm_new(1 << 20), .fake = vfio_fake_new()};
    if (prepare != NULL)
        prepare(r->fake);
    r->container = vfio_container_new(&r->fake->sys, NULL);
    r->host = vfio_host_open(r->container, VF_GROUP, "0000:05:00.0", NULL);
    r->bus = pci_bus_new(&r->vm->env);
    r->dev = device_new(&vfio_pci_class, "pci0");
    device_set_link(r->dev, "bus", r->bus);
    device_set_link(r->dev, "host", r->host);
    (void) device_set_u64(r->dev, "addr", PCI_DEVFN(16, 0), NULL);
    vfio_pci_set_events(r->dev, &rig_events, r);
    fake_vm_realize(r->vm, r->dev);
}

void
vfio_rig_end(VfioRig *r)
{
    device_free(r->dev);
    pci_bus_free(r->bus);
    vfio_host_close(r->host);
    vfio_container_free(r->container);
    fake_vm_free(r->vm);
    vfio_fake_free(r->fake);
}

guint32
vfio_rig_read(VfioRig *r, unsigned offset, unsigned size)
{
    return pci_config_get(r->bus, PCI_DEVFN(16, 0), offset, size);
}

void
vfio_rig_write(VfioRig *r, unsigned offset, guint32 value, unsigned size)
{
    pci_config_set(r->bus, PCI_DEVFN(16, 0), offset, value, size);
}
