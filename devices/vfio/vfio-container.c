/* devices/vfio/vfio-container.c - see vfio-container.h.
 *
 * Not done: peer-to-peer access of one device to another's BARs, and memory
 * that is plugged in while the guest runs (no machine has any). */
#include "devices/vfio/vfio-container.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/resource.h>

#include "vmm/mem/guest-mem.h"

#define MIB 20 /* shift */

typedef struct {
    unsigned number;
    int fd;
    guint devices; /* opened */
} VfioGroup;

typedef struct {
    Gpa gpa;
    guint64 len; /* bytes */
} VfioMap;

struct VfioContainer {
    const VfioSys *sys;
    int fd;
    bool has_iommu; /* set by the first group, gone with the last */
    void (*leave)(void *data, int fd);
    void *leave_data;
    GArray *groups;  /* VfioGroup */
    GuestMem *mem;   /* kept; NULL: nothing is mapped */
    GArray *maps;    /* VfioMap */
    guint64 mapped;  /* bytes */
    GArray *allowed; /* vfio_iova_range; empty: the kernel did not say */
};

G_DEFINE_QUARK(carrel - vfio - error - quark, carrel_vfio_error)

static int
container_ioctl(const VfioContainer *c, int fd, unsigned long request,
                void *arg)
{
    return c->sys->ops->ioctl(c->sys->data, fd, request, arg);
}

static bool
has_type1(VfioContainer *c)
{
    int version = container_ioctl(c, c->fd, VFIO_GET_API_VERSION, NULL);
    int type1 = container_ioctl(c, c->fd, VFIO_CHECK_EXTENSION,
                                GUINT_TO_POINTER(VFIO_TYPE1v2_IOMMU));

    return version == VFIO_API_VERSION && type1 > 0;
}

VfioContainer *
vfio_container_new(const VfioSys *sys, GError **error)
{
    VfioContainer *c = g_new0(VfioContainer, 1);

    c->sys = sys;
    c->groups = g_array_new(FALSE, FALSE, sizeof(VfioGroup));
    c->maps = g_array_new(FALSE, FALSE, sizeof(VfioMap));
    c->allowed = g_array_new(FALSE, FALSE, sizeof(struct vfio_iova_range));
    c->fd = sys->ops->open(sys->data, "/dev/vfio/vfio");
    if (c->fd < 0) {
        g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_NO_DRIVER,
                    "/dev/vfio/vfio: %s; load the module vfio-pci, on a "
                    "computer whose IOMMU is on ('carrel doctor')",
                    g_strerror(-c->fd));
    } else if (!has_type1(c)) {
        g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_NO_DRIVER,
                    "/dev/vfio/vfio: this kernel's VFIO has no IOMMU of type "
                    "1; load the module vfio_iommu_type1");
    } else {
        return c;
    }
    vfio_container_free(c);
    return NULL;
}

/* If the kernel still has a use for the group, it leaves with the last of its
 * descriptors. */
static void
leave_group(VfioContainer *c, int fd)
{
    if (c->leave != NULL)
        c->leave(c->leave_data, fd);
    (void) container_ioctl(c, fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
    c->sys->ops->close(c->sys->data, fd);
}

void
vfio_container_free(VfioContainer *c)
{
    if (c == NULL)
        return;
    for (guint i = 0; i < c->groups->len; i++)
        leave_group(c, g_array_index(c->groups, VfioGroup, i).fd);
    /* the kernel drops all mappings with the last descriptor */
    if (c->fd >= 0)
        c->sys->ops->close(c->sys->data, c->fd);
    if (c->mem != NULL)
        guest_mem_let_go(c->mem);
    g_array_unref(c->groups);
    g_array_unref(c->maps);
    g_array_unref(c->allowed);
    g_free(c);
}

/* What was mapped is no more. */
static void
forget_ram(VfioContainer *c)
{
    g_array_set_size(c->maps, 0);
    c->mapped = 0;
    if (c->mem != NULL)
        guest_mem_let_go(c->mem);
    c->mem = NULL;
}

/* ---- groups ---- */

static void
explain_open(unsigned group, int err, GError **error)
{
    static const struct {
        int err;
        CarrelVfioError code;
        const char *text;
    } rows[] = {
        {ENOENT, CARREL_VFIO_ERROR_NO_DRIVER,
         "no device of the group is bound to vfio-pci"},
        {EACCES, CARREL_VFIO_ERROR_PERMISSION,
         "it belongs to another user; give yourself access to the group"},
        {EPERM, CARREL_VFIO_ERROR_PERMISSION,
         "the kernel allows it to nobody without CAP_SYS_RAWIO"},
        {EBUSY, CARREL_VFIO_ERROR_BUSY,
         "another program has the group; stop the machine that uses it"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].err == err) {
            g_set_error(error, CARREL_VFIO_ERROR, (int) rows[i].code,
                        "/dev/vfio/%u: %s", group, rows[i].text);
            return;
        }
    g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_DEVICE,
                "/dev/vfio/%u: %s", group, g_strerror(err));
}

static bool
is_viable(VfioContainer *c, int fd, unsigned group, GError **error)
{
    struct vfio_group_status status = {.argsz = sizeof status};
    int ret = container_ioctl(c, fd, VFIO_GROUP_GET_STATUS, &status);

    if (ret == 0 && (status.flags & VFIO_GROUP_FLAGS_VIABLE) != 0)
        return true;
    g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_NOT_VIABLE,
                "IOMMU group %u has a device that a driver of the host still "
                "uses; all devices of the group go to the guest together, or "
                "none does ('carrel passthrough groups' names them)",
                group);
    return false;
}

static bool
set_iommu(VfioContainer *c, GError **error)
{
    int ret = container_ioctl(c, c->fd, VFIO_SET_IOMMU,
                              GUINT_TO_POINTER(VFIO_TYPE1v2_IOMMU));

    if (ret == -EPERM)
        g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_UNSAFE,
                    "the IOMMU cannot remap interrupts, so a device could send "
                    "any interrupt to the host, and the kernel refuses; turn "
                    "interrupt remapping on in the firmware, or accept the "
                    "danger: vfio_iommu_type1.allow_unsafe_interrupts=1");
    else if (ret < 0)
        g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_DEVICE,
                    "the kernel gives no IOMMU address space: %s",
                    g_strerror(-ret));
    return ret >= 0;
}

/* The chain of capabilities behind vfio_iommu_type1_info. */
static void
read_allowed(VfioContainer *c, const guint8 *info, guint32 len, guint32 offset)
{
    for (unsigned hops = 0; hops < 16 && offset != 0; hops++) {
        struct vfio_info_cap_header header;
        struct vfio_iommu_type1_info_cap_iova_range ranges;
        if (offset > len - sizeof ranges || len < sizeof ranges)
            return;
        memcpy(&header, info + offset, sizeof header);
        memcpy(&ranges, info + offset, sizeof ranges);
        gsize room =
            (len - offset - sizeof ranges) / sizeof(struct vfio_iova_range);
        if (header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE &&
            ranges.nr_iovas <= room)
            g_array_append_vals(c->allowed, info + offset + sizeof ranges,
                                ranges.nr_iovas);
        offset = header.next;
    }
}

static void
ask_allowed(VfioContainer *c)
{
    struct vfio_iommu_type1_info head = {.argsz = sizeof head};

    if (container_ioctl(c, c->fd, VFIO_IOMMU_GET_INFO, &head) < 0 ||
        head.argsz <= sizeof head || head.argsz > 65536)
        return;
    guint32 len = head.argsz;
    g_autofree guint8 *info = g_malloc0(len);
    memcpy(info, &head, sizeof head);
    if (container_ioctl(c, c->fd, VFIO_IOMMU_GET_INFO, info) < 0)
        return;
    memcpy(&head, info, sizeof head);
    if ((head.flags & VFIO_IOMMU_INFO_CAPS) != 0)
        read_allowed(c, info, len, head.cap_offset);
}

static bool
join(VfioContainer *c, int fd, unsigned group, GError **error)
{
    int ret = container_ioctl(c, fd, VFIO_GROUP_SET_CONTAINER, &c->fd);

    if (ret < 0) {
        g_set_error(error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_BUSY,
                    "IOMMU group %u cannot join the machine's address space: "
                    "%s",
                    group, g_strerror(-ret));
        return false;
    }
    if (!c->has_iommu && !set_iommu(c, error))
        return false;
    if (!c->has_iommu)
        ask_allowed(c);
    c->has_iommu = true;
    return true;
}

bool
vfio_container_add_group(VfioContainer *c, unsigned group, GError **error)
{
    g_autofree char *path = g_strdup_printf("/dev/vfio/%u", group);

    if (vfio_container_group_fd(c, group) >= 0)
        return true;
    int fd = c->sys->ops->open(c->sys->data, path);
    if (fd < 0) {
        explain_open(group, -fd, error);
        return false;
    }
    if (!is_viable(c, fd, group, error) || !join(c, fd, group, error)) {
        c->sys->ops->close(c->sys->data, fd);
        return false;
    }
    const VfioGroup row = {group, fd, 0};
    g_array_append_val(c->groups, row);
    return true;
}

static VfioGroup *
find_group(const VfioContainer *c, unsigned group)
{
    for (guint i = 0; i < c->groups->len; i++) {
        VfioGroup *g = &g_array_index(c->groups, VfioGroup, i);
        if (g->number == group)
            return g;
    }
    return NULL;
}

int
vfio_container_group_fd(const VfioContainer *c, unsigned group)
{
    const VfioGroup *g = find_group(c, group);

    return g != NULL ? g->fd : -1;
}

void
vfio_container_set_leave(VfioContainer *c, void (*leave)(void *data, int fd),
                         void *data)
{
    c->leave = leave;
    c->leave_data = data;
}

int
vfio_container_open_device(VfioContainer *c, unsigned group,
                           const char *address, GError **error)
{
    g_autofree char *name = g_strdup(address);
    VfioGroup *g = find_group(c, group);
    int ret = container_ioctl(c, g != NULL ? g->fd : -1,
                              VFIO_GROUP_GET_DEVICE_FD, name);

    if (ret >= 0 && g != NULL)
        g->devices++;
    if (ret < 0)
        g_set_error(error, CARREL_VFIO_ERROR,
                    ret == -EBUSY ? CARREL_VFIO_ERROR_BUSY
                                  : CARREL_VFIO_ERROR_NO_DRIVER,
                    "%s: the kernel does not hand the device out: %s", address,
                    g_strerror(-ret));
    return ret < 0 ? -1 : ret;
}

/* With the last group the kernel forgets the IOMMU and all that is mapped. */
static void
drop_group(VfioContainer *c, VfioGroup *g)
{
    VfioGroup gone = *g;

    g_array_remove_index_fast(
        c->groups, (guint) (g - (VfioGroup *) (void *) c->groups->data));
    leave_group(c, gone.fd);
    if (c->groups->len > 0)
        return;
    forget_ram(c);
    g_array_set_size(c->allowed, 0);
    c->has_iommu = false;
}

void
vfio_container_close_device(VfioContainer *c, unsigned group, int fd)
{
    VfioGroup *g = find_group(c, group);

    if (fd >= 0)
        c->sys->ops->close(c->sys->data, fd);
    if (g == NULL)
        return;
    if (fd >= 0 && g->devices > 0)
        g->devices--;
    if (g->devices == 0)
        drop_group(c, g);
}

/* ---- memory ---- */

typedef struct {
    VfioContainer *c;
    guint64 total;
    GError **error;
} Mapping;

static bool
add_up(void *data, Gpa gpa, guint64 len, void *host)
{
    ((Mapping *) data)->total += len;
    return true;
}

static bool
is_allowed(const VfioContainer *c, Gpa gpa, guint64 len)
{
    for (guint i = 0; i < c->allowed->len; i++) {
        const struct vfio_iova_range *r =
            &g_array_index(c->allowed, struct vfio_iova_range, i);
        if (gpa >= r->start && gpa + len - 1 <= r->end)
            return true;
    }
    return c->allowed->len == 0;
}

static void
explain_map(const Mapping *m, Gpa gpa, guint64 len, int err)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

    (void) getrlimit(RLIMIT_MEMLOCK, &limit); /* only for the message */
    if (err == ENOMEM && limit.rlim_cur != RLIM_INFINITY)
        g_set_error(
            m->error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_MEMLOCK,
            "devices need all %" G_GUINT64_FORMAT
            " MiB of guest RAM locked in memory, and the limit of this "
            "user is %" G_GUINT64_FORMAT
            " MiB; raise it (`carrel doctor --fix --only=memlock`, then "
            "log in anew), or give the machine less memory",
            m->total >> MIB, (guint64) limit.rlim_cur >> MIB);
    else
        g_set_error(m->error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_ADDRESS,
                    "%" G_GUINT64_FORMAT
                    " MiB of guest RAM at 0x%" G_GINT64_MODIFIER
                    "x cannot be shown to devices: %s",
                    len >> MIB, gpa, g_strerror(err));
}

static bool
map_range(void *data, Gpa gpa, guint64 len, void *host)
{
    Mapping *m = data;
    VfioContainer *c = m->c;
    struct vfio_iommu_type1_dma_map map = {
        .argsz = sizeof map,
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .vaddr = (guintptr) host,
        .iova = gpa,
        .size = len,
    };

    if (!is_allowed(c, gpa, len)) {
        g_set_error(m->error, CARREL_VFIO_ERROR, CARREL_VFIO_ERROR_ADDRESS,
                    "guest RAM at 0x%" G_GINT64_MODIFIER
                    "x to 0x%" G_GINT64_MODIFIER
                    "x lies where this host's IOMMU cannot map; give the "
                    "machine less memory",
                    gpa, gpa + len - 1);
        return false;
    }
    int ret = container_ioctl(c, c->fd, VFIO_IOMMU_MAP_DMA, &map);
    if (ret < 0) {
        explain_map(m, gpa, len, -ret);
        return false;
    }
    c->mapped += len;
    const VfioMap row = {gpa, len};
    g_array_append_val(c->maps, row);
    return true;
}

/* All or nothing: a later try must not find half of it there. */
static void
unmap_all(VfioContainer *c)
{
    for (guint i = 0; i < c->maps->len; i++) {
        const VfioMap *row = &g_array_index(c->maps, VfioMap, i);
        struct vfio_iommu_type1_dma_unmap unmap = {
            .argsz = sizeof unmap,
            .iova = row->gpa,
            .size = row->len,
        };
        (void) container_ioctl(c, c->fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
    }
}

bool
vfio_container_map_ram(VfioContainer *c, GuestMem *mem, GError **error)
{
    Mapping m = {.c = c, .error = error};

    if (c->mem != NULL)
        return true;
    guest_mem_keep(mem); /* before the first page is pinned */
    c->mem = mem;
    (void) guest_mem_foreach_ram(mem, add_up, &m);
    if (guest_mem_foreach_ram(mem, map_range, &m))
        return true;
    unmap_all(c);
    forget_ram(c);
    return false;
}

const VfioSys *
vfio_container_sys(const VfioContainer *c)
{
    return c->sys;
}

guint64
vfio_container_mapped(const VfioContainer *c)
{
    return c->mapped;
}
