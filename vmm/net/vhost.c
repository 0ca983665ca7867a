/* vmm/net/vhost.c - see vhost.h. Kernel: include/uapi/linux/vhost.h. Left out:
 * dirty logging (for moving a running machine) and the IOTLB. */
#include "vmm/net/vhost.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vhost.h>

#include "vmm/core/sysutil.h"
#include "vmm/mem/guest-mem.h"

#define VHOST_DEVICE "/dev/vhost-net"
#define MAX_REGIONS  64 /* what vhost takes, unless its module is told more */
/* What is between driver and vhost: bits 24 to 41 are of the rings, 15 says
 * that a frame may take several buffers. The rest is the tap's affair. */
#define RING_FEATURES (((G_GUINT64_CONSTANT(1) << 42) - (1 << 24)) | (1 << 15))

struct Vhost {
    int fd;
    guint64 features; /* that the kernel has */
    bool running;
};

typedef struct {
    GuestMem *mem;
    unsigned n;
    struct {
        Gpa gpa;
        guint64 len;
    } slots[MAX_REGIONS];
} Slots;

Vhost *
vhost_open(GError **error)
{
    CARREL_AUTO_FD int fd = open(VHOST_DEVICE, O_RDWR | O_CLOEXEC);
    guint64 features = 0;

    if (fd < 0) {
        int err = errno;
        const char *fix =
            err == EACCES ? "; be a member of the group kvm"
            : err == ENOENT || err == ENODEV
                ? "; load the kernel's module: `sudo modprobe vhost_net`"
                : "";
        g_set_error(error, G_FILE_ERROR, (int) g_file_error_from_errno(err),
                    "%s: %s%s", VHOST_DEVICE, g_strerror(err), fix);
        return NULL;
    }
    if (ioctl(fd, VHOST_SET_OWNER, NULL) < 0 ||
        ioctl(fd, VHOST_GET_FEATURES, &features) < 0) {
        sys_error(error, errno, "%s", VHOST_DEVICE);
        return NULL;
    }
    Vhost *vhost = g_new0(Vhost, 1);
    vhost->fd = sys_steal_fd(&fd);
    vhost->features = features;
    return vhost;
}

void
vhost_close(Vhost *vhost)
{
    guint16 next[2];

    if (vhost == NULL)
        return;
    vhost_stop(vhost, next);
    sys_close(&vhost->fd);
    g_free(vhost);
}

guint64
vhost_missing(const Vhost *vhost, guint64 features)
{
    return features & RING_FEATURES & ~vhost->features;
}

bool
vhost_is_running(const Vhost *vhost)
{
    return vhost->running;
}

/* ---- guest memory ---- */

static void
add_slot(const char *name, Gpa gpa, guint64 len, MemAccess access, void *data)
{
    Slots *slots = data;

    /* what the guest cannot write, vhost must not write for it */
    if (access != MEM_RW || slots->n == MAX_REGIONS)
        return;
    slots->slots[slots->n].gpa = gpa;
    slots->slots[slots->n++].len = len;
}

static int
set_memory(Vhost *vhost, GuestMem *mem)
{
    Slots slots = {.mem = mem};
    gsize size = sizeof(struct vhost_memory) +
                 MAX_REGIONS * sizeof(struct vhost_memory_region);
    g_autofree struct vhost_memory *table = g_malloc0(size);

    guest_mem_foreach_slot(mem, add_slot, &slots);
    for (unsigned i = 0; i < slots.n; i++) {
        void *host =
            guest_mem_ptr(mem, slots.slots[i].gpa, slots.slots[i].len, true);
        if (host == NULL) /* has just gone */
            continue;
        table->regions[table->nregions++] = (struct vhost_memory_region){
            .guest_phys_addr = slots.slots[i].gpa,
            .memory_size = slots.slots[i].len,
            .userspace_addr = (guintptr) host,
        };
    }
    return ioctl(vhost->fd, VHOST_SET_MEM_TABLE, table) < 0 ? -errno : 0;
}

/* ---- queues ---- */

static int
set_file(Vhost *vhost, unsigned long request, unsigned index, int fd)
{
    struct vhost_vring_file file = {.index = index, .fd = fd};

    return ioctl(vhost->fd, request, &file) < 0 ? -errno : 0;
}

static int
set_number(Vhost *vhost, unsigned long request, unsigned index, unsigned num)
{
    struct vhost_vring_state state = {.index = index, .num = num};

    return ioctl(vhost->fd, request, &state) < 0 ? -errno : 0;
}

static int
set_queue(Vhost *vhost, unsigned index, const VhostPair *pair)
{
    const VhostQueue *q = &pair->queue[index];
    struct vhost_vring_addr addr = {
        .index = index,
        .desc_user_addr = (guintptr) q->desc,
        .avail_user_addr = (guintptr) q->avail,
        .used_user_addr = (guintptr) q->used,
    };
    int result = set_number(vhost, VHOST_SET_VRING_NUM, index, q->size);

    if (result == 0)
        result = set_number(vhost, VHOST_SET_VRING_BASE, index, q->next);
    if (result == 0 && ioctl(vhost->fd, VHOST_SET_VRING_ADDR, &addr) < 0)
        result = -errno;
    /* kernels without it (before 4.6) sleep at once */
    if (result == 0)
        (void) set_number(vhost, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, index,
                          pair->busy_us);
    if (result == 0)
        result = set_file(vhost, VHOST_SET_VRING_KICK, index, q->kick_fd);
    if (result == 0)
        result = set_file(vhost, VHOST_SET_VRING_CALL, index, q->call_fd);
    if (result == 0)
        result = set_file(vhost, VHOST_SET_VRING_ERR, index, pair->error_fd);
    return result;
}

int
vhost_start(Vhost *vhost, GuestMem *mem, const VhostPair *pair)
{
    guint64 features = pair->features & RING_FEATURES;

    if (ioctl(vhost->fd, VHOST_SET_FEATURES, &features) < 0)
        return -errno;
    int result = set_memory(vhost, mem);
    for (unsigned i = 0; i < 2 && result == 0; i++)
        result = set_queue(vhost, i, pair);
    for (unsigned i = 0; i < 2 && result == 0; i++) {
        result = set_file(vhost, VHOST_NET_SET_BACKEND, i, pair->tap_fd);
        vhost->running = vhost->running || result == 0;
    }
    if (result < 0) {
        guint16 next[2];
        vhost_stop(vhost, next);
    }
    return result;
}

void
vhost_stop(Vhost *vhost, guint16 ret_next[2])
{
    ret_next[0] = ret_next[1] = 0;
    if (!vhost->running)
        return;
    vhost->running = false;
    for (unsigned i = 0; i < 2; i++) {
        struct vhost_vring_state state = {.index = i};
        (void) set_file(vhost, VHOST_NET_SET_BACKEND, i, -1);
        (void) ioctl(vhost->fd, VHOST_GET_VRING_BASE, &state);
        (void) set_file(vhost, VHOST_SET_VRING_KICK, i, -1);
        (void) set_file(vhost, VHOST_SET_VRING_CALL, i, -1);
        ret_next[i] = (guint16) state.num;
    }
}
