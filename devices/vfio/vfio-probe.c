/* devices/vfio/vfio-probe.c - see vfio-probe.h. Linux
 * Documentation/driver-api/vfio.rst, the container and group interface. */
#include "devices/vfio/vfio-probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "vmm/core/sysutil.h"

#define MAX_FUNCTIONS 32
#define IRQ_WAIT_MS   1000
#define ROM_MAX       (16u << 20)
/* Guest memory lies below the PCI hole and above 4 GiB; never in the window of
 * message interrupts (0xfee00000). */
#define LOW_END G_GUINT64_CONSTANT(0xc0000000)
#define HIGH_AT G_GUINT64_CONSTANT(0x100000000)

typedef struct {
    const VfioProbeSpec *spec;
    GPtrArray *steps;
    gint64 began; /* monotonic us */
    int container;
    int groups[MAX_FUNCTIONS]; /* -1: the same as an earlier one */
    int devices[MAX_FUNCTIONS];
    unsigned n;
    void *memory;
} Probe;

static void
step_free(gpointer data)
{
    VfioProbeStep *step = data;

    g_free(step->what);
    g_free(step->outcome);
    g_free(step);
}

/* Ends the step that began when the last one ended. Takes outcome. */
static bool
ended(Probe *p, const char *bdf, const char *what, bool good, char *outcome)
{
    VfioProbeStep *step = g_new0(VfioProbeStep, 1);
    gint64 now = g_get_monotonic_time();

    step->what =
        bdf != NULL ? g_strdup_printf("%s: %s", bdf, what) : g_strdup(what);
    step->outcome = outcome;
    step->ns = (now - p->began) * 1000;
    step->failed = !good;
    g_ptr_array_add(p->steps, step);
    p->began = now;
    return good;
}

static bool
failed(Probe *p, const char *bdf, const char *what, const char *fix)
{
    int err = errno;
    return ended(p, bdf, what, false,
                 g_strdup_printf("%s%s%s", g_strerror(err),
                                 fix != NULL ? "; " : "",
                                 fix != NULL ? fix : ""));
}

/* ---- container and groups ---- */

static bool
open_container(Probe *p)
{
    const char *what = "open /dev/vfio/vfio";

    p->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
    if (p->container < 0)
        return failed(p, NULL, what, "is the module vfio loaded?");
    int version = ioctl(p->container, VFIO_GET_API_VERSION);
    if (version != VFIO_API_VERSION)
        return ended(p, NULL, what, false,
                     g_strdup_printf("version %d is not known", version));
    return ended(p, NULL, what, true, g_strdup("as expected"));
}

static bool
is_first(const Probe *p, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (p->spec->groups[k] == p->spec->groups[i])
            return false;
    return true;
}

static bool
open_group(Probe *p, unsigned i)
{
    g_autofree char *path = g_strdup_printf("/dev/vfio/%d", p->spec->groups[i]);
    g_autofree char *what =
        g_strdup_printf("open group %d", p->spec->groups[i]);
    struct vfio_group_status status = {.argsz = sizeof status};
    int fd = open(path, O_RDWR | O_CLOEXEC);

    p->groups[i] = fd;
    if (fd < 0)
        return failed(p, NULL, what,
                      errno == EBUSY ? "a machine has it" : NULL);
    if (ioctl(fd, VFIO_GROUP_GET_STATUS, &status) < 0)
        return failed(p, NULL, what, NULL);
    if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0)
        return ended(p, NULL, what, false,
                     g_strdup("another device of the group still has a driver "
                              "of the host"));
    if (ioctl(fd, VFIO_GROUP_SET_CONTAINER, &p->container) < 0)
        return failed(p, NULL, what, NULL);
    return ended(p, NULL, what, true, g_strdup("whole, and free"));
}

static bool
set_iommu(Probe *p)
{
    if (ioctl(p->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0)
        return ended(p, NULL, "IOMMU", true, g_strdup("in use"));
    return failed(p, NULL, "IOMMU",
                  errno == EPERM
                      ? "this host does not remap interrupts; "
                        "--unsafe-interrupts allows it, with what that means"
                      : NULL);
}

/* ---- memory ---- */

static bool
map_piece(Probe *p, guint64 at, guint64 from, guint64 size)
{
    struct vfio_iommu_type1_dma_map map = {
        .argsz = sizeof map,
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .vaddr = (guint64) (gsize) p->memory + from,
        .iova = at,
        .size = size};

    return size == 0 || ioctl(p->container, VFIO_IOMMU_MAP_DMA, &map) == 0;
}

static bool
map_memory(Probe *p)
{
    guint64 size = p->spec->memory, low = MIN(size, LOW_END);
    g_autofree char *what =
        g_strdup_printf("map %" G_GUINT64_FORMAT " MiB of memory", size >> 20);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return failed(p, NULL, what, NULL);
    p->memory = memory;
    (void) madvise(memory, size, MADV_HUGEPAGE); /* as a machine does */
    if (map_piece(p, 0, 0, low) && map_piece(p, HIGH_AT, low, size - low))
        return ended(p, NULL, what, true, g_strdup("mapped and locked"));
    return failed(p, NULL, what,
                  errno == ENOMEM ? "not so much memory may be locked, or is "
                                    "free; `carrel passthrough apply "
                                    "--memory` raises the limit"
                                  : NULL);
}

/* ---- a device ---- */

static bool
open_device(Probe *p, unsigned i)
{
    const char *bdf = p->spec->bdfs[i];
    struct vfio_device_info info = {.argsz = sizeof info};
    int group = -1;

    for (unsigned k = 0; k <= i; k++)
        if (p->spec->groups[k] == p->spec->groups[i] && group < 0)
            group = p->groups[k];
    p->devices[i] = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf);
    if (p->devices[i] < 0 ||
        ioctl(p->devices[i], VFIO_DEVICE_GET_INFO, &info) < 0)
        return failed(p, bdf, "open", NULL);
    return ended(p, bdf, "open", true,
                 g_strdup_printf("%u regions, %u kinds of interrupts%s",
                                 info.num_regions, info.num_irqs,
                                 info.flags & VFIO_DEVICE_FLAGS_RESET
                                     ? ", resets by itself"
                                     : ""));
}

static bool
region(const Probe *p, unsigned i, unsigned index, struct vfio_region_info *ret)
{
    *ret = (struct vfio_region_info){.argsz = sizeof *ret, .index = index};
    return ioctl(p->devices[i], VFIO_DEVICE_GET_REGION_INFO, ret) == 0;
}

static bool
read_config(Probe *p, unsigned i)
{
    const char *bdf = p->spec->bdfs[i];
    struct vfio_region_info info;
    guint8 header[64];

    if (!region(p, i, VFIO_PCI_CONFIG_REGION_INDEX, &info) ||
        pread(p->devices[i], header, sizeof header, (off_t) info.offset) !=
            sizeof header)
        return failed(p, bdf, "read configuration", NULL);
    unsigned vendor = header[0] | (unsigned) header[1] << 8;
    unsigned device = header[2] | (unsigned) header[3] << 8;
    return ended(p, bdf, "read configuration", vendor != 0xffff,
                 vendor != 0xffff
                     ? g_strdup_printf("%04x:%04x, %u bytes", vendor, device,
                                       (unsigned) info.size)
                     : g_strdup("the device does not answer"));
}

/* No ROM, and one that cannot be read, hinder no machine: a file can be given.
 */
static void
read_rom(Probe *p, unsigned i)
{
    const char *bdf = p->spec->bdfs[i];
    struct vfio_region_info info;

    if (!region(p, i, VFIO_PCI_ROM_REGION_INDEX, &info) || info.size == 0) {
        (void) ended(p, bdf, "read the ROM", true, g_strdup("it has none"));
        return;
    }
    gsize size = (gsize) MIN(info.size, (guint64) ROM_MAX);
    g_autofree guint8 *rom = g_malloc0(size);
    gsize have = 0;
    while (have < size) {
        gssize n = pread(p->devices[i], rom + have, size - have,
                         (off_t) (info.offset + have));
        if (n <= 0)
            break;
        have += (gsize) n;
    }
    bool good = have >= 3 && rom[0] == 0x55 && rom[1] == 0xaa;
    (void) ended(
        p, bdf, "read the ROM", true,
        good ? g_strdup_printf("%u bytes in %zu", (unsigned) rom[2] * 512, have)
             : g_strdup("it gives none; a machine may need a file"));
}

/* The kernel signals the eventfd as the device would. */
static bool
take_interrupt(int device, unsigned index, int event)
{
    union {
        struct vfio_irq_set set;
        guint8 bytes[sizeof(struct vfio_irq_set) + sizeof(int)];
    } u = {.set = {.argsz = sizeof u.bytes,
                   .flags =
                       VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                   .index = index,
                   .count = 1}};
    struct pollfd pfd = {event, POLLIN, 0};

    memcpy(u.bytes + sizeof u.set, &event, sizeof event);
    if (ioctl(device, VFIO_DEVICE_SET_IRQS, &u) < 0)
        return false;
    struct vfio_irq_set fire = {.argsz = sizeof fire,
                                .flags = VFIO_IRQ_SET_DATA_NONE |
                                         VFIO_IRQ_SET_ACTION_TRIGGER,
                                .index = index,
                                .count = 1};
    bool good = ioctl(device, VFIO_DEVICE_SET_IRQS, &fire) == 0;
    if (good && SYS_RETRY(poll(&pfd, 1, IRQ_WAIT_MS)) != 1) {
        errno = ETIMEDOUT;
        good = false;
    }
    int err = errno;
    fire.count = 0; /* all of the kind off */
    (void) ioctl(device, VFIO_DEVICE_SET_IRQS, &fire);
    errno = err;
    return good;
}

static bool
try_interrupt(Probe *p, unsigned i)
{
    static const struct {
        unsigned index;
        const char *name;
    } kinds[] = {{VFIO_PCI_MSIX_IRQ_INDEX, "MSI-X"},
                 {VFIO_PCI_MSI_IRQ_INDEX, "MSI"},
                 {VFIO_PCI_INTX_IRQ_INDEX, "INTx"}};
    const char *bdf = p->spec->bdfs[i];

    for (gsize k = 0; k < G_N_ELEMENTS(kinds); k++) {
        struct vfio_irq_info info = {.argsz = sizeof info,
                                     .index = kinds[k].index};
        if (ioctl(p->devices[i], VFIO_DEVICE_GET_IRQ_INFO, &info) < 0 ||
            info.count == 0)
            continue;
        CARREL_AUTO_FD int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (event < 0 || !take_interrupt(p->devices[i], kinds[k].index, event))
            return failed(p, bdf, "take an interrupt", kinds[k].name);
        return ended(
            p, bdf, "take an interrupt", true,
            g_strdup_printf("%s, one of %u", kinds[k].name, info.count));
    }
    return ended(p, bdf, "take an interrupt", true, g_strdup("it has none"));
}

/* ---- reset ---- */

static bool
has_reset(const Probe *p, unsigned i)
{
    struct vfio_device_info info = {.argsz = sizeof info};

    return ioctl(p->devices[i], VFIO_DEVICE_GET_INFO, &info) == 0 &&
           (info.flags & VFIO_DEVICE_FLAGS_RESET) != 0;
}

static int
hot_reset(const Probe *p, unsigned i)
{
    union {
        struct vfio_pci_hot_reset reset;
        guint8 bytes[sizeof(struct vfio_pci_hot_reset) +
                     MAX_FUNCTIONS * sizeof(gint32)];
    } u = {.reset = {.argsz = sizeof u.bytes}};

    for (unsigned k = 0; k < p->n; k++)
        if (is_first(p, k))
            u.reset.group_fds[u.reset.count++] = p->groups[k];
    return ioctl(p->devices[i], VFIO_DEVICE_PCI_HOT_RESET, &u);
}

/* A device that no reset brings back works once. */
static void
try_reset(Probe *p, unsigned i)
{
    const char *bdf = p->spec->bdfs[i];
    bool own = has_reset(p, i);
    const char *what = own ? "reset" : "reset with its slot";
    int rc = own ? ioctl(p->devices[i], VFIO_DEVICE_RESET) : hot_reset(p, i);

    if (rc == 0)
        (void) ended(p, bdf, what, true, g_strdup("done"));
    else
        (void) failed(p, bdf, what,
                      own ? NULL
                          : "it works once; afterwards the host must restart");
}

/* ---- all of it ---- */

static void
let_go(Probe *p)
{
    for (unsigned i = 0; i < p->n; i++)
        sys_close(&p->devices[i]);
    for (unsigned i = 0; i < p->n; i++)
        sys_close(&p->groups[i]);
    sys_close(&p->container);
    if (p->memory != NULL)
        (void) munmap(p->memory, p->spec->memory);
    (void) ended(p, NULL, "let go", true, g_strdup("done"));
}

static bool
open_groups(Probe *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (is_first(p, i) && !open_group(p, i))
            return false;
    return true;
}

static void
rehearse(Probe *p)
{
    if (!open_container(p) || !open_groups(p) || !set_iommu(p) ||
        !map_memory(p))
        return;
    for (unsigned i = 0; i < p->n; i++)
        if (!open_device(p, i) || !read_config(p, i))
            return;
    for (unsigned i = 0; i < p->n; i++) {
        read_rom(p, i);
        (void) try_interrupt(p, i); /* the step says it */
    }
    for (unsigned i = 0; i < p->n; i++)
        try_reset(p, i);
}

GPtrArray *
vfio_probe(const VfioProbeSpec *spec)
{
    Probe p = {.spec = spec,
               .steps = g_ptr_array_new_with_free_func(step_free),
               .began = g_get_monotonic_time(),
               .container = -1};

    while (p.n < MAX_FUNCTIONS && spec->bdfs[p.n] != NULL) {
        p.groups[p.n] = -1;
        p.devices[p.n++] = -1;
    }
    rehearse(&p);
    let_go(&p);
    return p.steps;
}
