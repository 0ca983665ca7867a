/* vmm/cpu/kvm/kvm-irq.c - in-kernel 8259s, IOAPIC and PIT, GSI routing, MSI,
 * irqfd and ioeventfd.
 *
 * KVM_SET_GSI_ROUTING replaces the whole table, so the master copy lives in
 * the backend. GSIs 0..23 are the controllers' pins, MSI routes follow. */
#include <errno.h>
#include <sys/ioctl.h>

#include "vmm/core/device.h"
#include "vmm/core/sysutil.h"
#include "vmm/cpu/kvm/kvm-internal.h"

static void
add_pin(struct kvm_irq_routing *table, unsigned gsi, unsigned chip,
        unsigned pin)
{
    table->entries[table->nr++] = (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_IRQCHIP,
        .u.irqchip = {.irqchip = chip, .pin = pin},
    };
}

/* ISA interrupts reach both controllers; the timer's GSI 0 is input 2 of the
 * IOAPIC, as the firmware's tables say, so GSI 2 (the cascade) has none. */
static void
add_controller_routes(struct kvm_irq_routing *table)
{
    for (unsigned gsi = 0; gsi < IRQ_PINS; gsi++) {
        if (gsi < 8)
            add_pin(table, gsi, KVM_IRQCHIP_PIC_MASTER, gsi);
        else if (gsi < 16)
            add_pin(table, gsi, KVM_IRQCHIP_PIC_SLAVE, gsi - 8);
        if (gsi == 0)
            add_pin(table, gsi, KVM_IRQCHIP_IOAPIC, 2);
        else if (gsi != 2)
            add_pin(table, gsi, KVM_IRQCHIP_IOAPIC, gsi);
    }
}

/* route_lock held (or set-up). */
static int
publish_routes(CpuBackend *b)
{
    gsize max = 2 * IRQ_PINS;

    for (unsigned i = 0; i < KVM_MAX_MSI_ROUTES; i++)
        max += b->routes[i].used;
    g_autofree struct kvm_irq_routing *table =
        g_malloc0(sizeof *table + max * sizeof table->entries[0]);

    add_controller_routes(table);
    for (unsigned i = 0; i < KVM_MAX_MSI_ROUTES; i++) {
        if (!b->routes[i].used)
            continue;
        struct kvm_irq_routing_entry *e = &table->entries[table->nr++];
        e->gsi = KVM_FIRST_MSI_GSI + i;
        e->type = KVM_IRQ_ROUTING_MSI;
        e->u.msi.address_lo = (guint32) b->routes[i].address;
        e->u.msi.address_hi = (guint32) (b->routes[i].address >> 32);
        e->u.msi.data = b->routes[i].data;
    }
    return kvm_ioctl(b->vm_fd, KVM_SET_GSI_ROUTING, table) < 0 ? -errno : 0;
}

bool
kvm_create_irqchip(CpuBackend *b, GError **error)
{
    /* port 61h stays in the kernel with the PIT whose gate it holds */
    struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

    if (ioctl(b->vm_fd, KVM_CREATE_IRQCHIP, 0) < 0)
        return sys_error(error, errno, "KVM has no interrupt controllers");
    if (kvm_ioctl(b->vm_fd, KVM_CREATE_PIT2, &pit) < 0)
        return sys_error(error, errno, "KVM has no interval timer");
    int ret = publish_routes(b);
    if (ret < 0)
        return sys_error(error, -ret, "KVM refused the interrupt routes");
    return true;
}

bool
kvm_speaker(CpuBackend *b, SpeakerLine *ret_line)
{
    struct kvm_pit_state2 pit;

    if (kvm_ioctl(b->vm_fd, KVM_GET_PIT2, &pit) < 0)
        return false;
    const struct kvm_pit_channel_state *ch = &pit.channels[2];
    *ret_line = (SpeakerLine){
        .count = ch->count != 0 ? MIN(ch->count, 65536u) : 65536u,
        .mode = ch->mode,
        .gate = ch->gate != 0,
        .on = (pit.flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON) != 0,
    };
    return true;
}

/* KVM keeps the mode of channel 0 and starts it anew when it is heard again. */
void
kvm_mute_timer(CpuBackend *b, bool mute)
{
    struct kvm_pit_state2 pit;

    if (kvm_ioctl(b->vm_fd, KVM_GET_PIT2, &pit) < 0 ||
        mute == ((pit.flags & KVM_PIT_FLAGS_HPET_LEGACY) != 0))
        return;
    pit.flags ^= KVM_PIT_FLAGS_HPET_LEGACY;
    (void) kvm_ioctl(b->vm_fd, KVM_SET_PIT2, &pit); /* it took them before */
}

static int
set_level(void *backend, unsigned pin, bool level)
{
    CpuBackend *b = backend;
    struct kvm_irq_level irq = {.irq = pin, .level = level};

    int ret = kvm_ioctl(b->vm_fd, KVM_IRQ_LINE, &irq) < 0 ? -errno : 0;
    if (b->late != NULL && level && pin < 16)
        kvm_late_irq_raised(b->late, pin);
    return ret;
}

static int
send_msi(void *backend, guint64 address, guint32 data)
{
    CpuBackend *b = backend;
    struct kvm_msi msi = {.address_lo = (guint32) address,
                          .address_hi = (guint32) (address >> 32),
                          .data = data};

    return kvm_ioctl(b->vm_fd, KVM_SIGNAL_MSI, &msi) < 0 ? -errno : 0;
}

/* route_lock held. */
static int
take_route(CpuBackend *b)
{
    for (unsigned i = 0; i < KVM_MAX_MSI_ROUTES; i++)
        if (!b->routes[i].used)
            return (int) i;
    return -ENOSPC;
}

static int
route_msi(void *backend, int gsi, guint64 address, guint32 data)
{
    CpuBackend *b = backend;

    g_mutex_lock(&b->route_lock);
    int i = gsi < 0 ? take_route(b) : gsi - (int) KVM_FIRST_MSI_GSI;
    int ret = i;
    if (i >= 0) {
        b->routes[i].used = true;
        b->routes[i].address = address;
        b->routes[i].data = data;
        ret = publish_routes(b);
        if (ret < 0 && gsi < 0)
            b->routes[i].used = false;
    }
    g_mutex_unlock(&b->route_lock);
    return ret < 0 ? ret : i + (int) KVM_FIRST_MSI_GSI;
}

static void
release_gsi(void *backend, int gsi)
{
    CpuBackend *b = backend;

    g_mutex_lock(&b->route_lock);
    b->routes[gsi - (int) KVM_FIRST_MSI_GSI].used = false;
    (void) publish_routes(b); /* one stale route does no harm */
    g_mutex_unlock(&b->route_lock);
}

static int
set_irqfd(void *backend, int gsi, int fd, bool add)
{
    CpuBackend *b = backend;
    struct kvm_irqfd irqfd = {.fd = (guint32) fd,
                              .gsi = (guint32) gsi,
                              .flags = add ? 0 : KVM_IRQFD_FLAG_DEASSIGN};

    return kvm_ioctl(b->vm_fd, KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

/* Resampling, api.rst 4.75: the kernel raises the pin as a source of its own
 * and lowers it at the guest's end of interrupt. */
static int
set_pin_fd(void *backend, unsigned pin, int fd, int over_fd, bool bind)
{
    CpuBackend *b = backend;
    struct kvm_irqfd irqfd = {
        .fd = (guint32) fd,
        .gsi = pin,
        .flags = bind ? KVM_IRQFD_FLAG_RESAMPLE : KVM_IRQFD_FLAG_DEASSIGN,
        .resamplefd = bind ? (guint32) over_fd : 0,
    };

    /* such a host must hear of each ISA interrupt: see kvm-late-irq.c */
    if (bind && ((b->late != NULL && pin < 16) ||
                 kvm_check(b, KVM_CAP_IRQFD_RESAMPLE) == 0))
        return -ENOTSUP;
    return kvm_ioctl(b->vm_fd, KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

const IrqBackendOps kvm_irq_ops = {
    .set_level = set_level,
    .send_msi = send_msi,
    .route_msi = route_msi,
    .release_gsi = release_gsi,
    .set_irqfd = set_irqfd,
    .set_pin_fd = set_pin_fd,
};

static int
set_eventfd(void *backend, IoKind kind, guint64 addr, unsigned size,
            const guint64 *match, int fd, bool add)
{
    CpuBackend *b = backend;
    struct kvm_ioeventfd e = {.addr = addr, .len = size, .fd = fd};

    if (kind == IO_PORT)
        e.flags |= KVM_IOEVENTFD_FLAG_PIO;
    if (match != NULL) {
        e.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
        e.datamatch = *match;
    }
    if (!add)
        e.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
    return kvm_ioctl(b->vm_fd, KVM_IOEVENTFD, &e) < 0 ? -errno : 0;
}

const IoBackendOps kvm_io_ops = {
    .set_eventfd = set_eventfd,
    .set_posted = kvm_set_posted,
    .flush_posted = kvm_flush_posted,
};
