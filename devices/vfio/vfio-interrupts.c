/* devices/vfio/vfio-interrupts.c - interrupts of a passed-through function.
 *
 * The guest writes messages into a table (MSI-X, PCI 3.0 section 6.8.2) or a
 * capability (MSI, 6.8.1) that are this file's; each vector gets an eventfd that
 * VFIO signals and KVM listens to, so that a message takes its way from the
 * device to the guest's CPU without this process. While a vector is masked KVM
 * does not listen, and the signal waits in the eventfd's counter, which is what
 * the pending bit shows.
 *
 * INTx goes the same way, to the pin where the guest has routed it: the host's
 * kernel masks the device's line when it comes, KVM keeps the guest's up until
 * the guest's end of interrupt and says so by a second eventfd, upon which the
 * line may come again. Where KVM cannot (or the chip set does not tell the
 * route), the loop raises the guest's line and lets it fall a moment later. */
#include <errno.h>
#include <string.h>

#include "devices/vfio/vfio-internal.h"
#include "vmm/core/sysutil.h"
#include "vmm/loop/loop.h"

#define ENTRY_SIZE    16u
#define MASKED        1u /* vector control */
#define MSI_FLAGS     2u
#define MSI_ENABLE    0x0001u
#define MSI_64        0x0080u
#define MSI_MASKS     0x0100u
#define MSIX_FLAGS    2u
#define MSIX_ENABLE   0x8000u
#define MSIX_MASK_ALL 0x4000u
#define MSI_LEN       24u
#define MSIX_LEN      12u
#define INTX_UP_NS    50000 /* the guest's line stays up at least so long */

/* ---- vectors ---- */

static void
complain(VfioPci *d, const char *what, int err)
{
    DeviceEnv *env = d->pci.dev.env;
    g_autofree char *line =
        g_strdup_printf("%s: %s: %s", d->host->address, what, g_strerror(err));

    env->log(env, d->pci.dev.id, line);
}

/* Lock held. */
static void
vector_route(VfioPci *d, VfioVector *v)
{
    if (v->msi == NULL)
        v->msi = msi_new(d->pci.dev.env);
    if (!v->stale)
        return;
    int ret = msi_route(v->msi, v->address_lo | (guint64) v->address_hi << 32,
                        v->data);
    if (ret < 0)
        complain(d, "an interrupt cannot be routed to the guest", -ret);
    v->stale = false;
}

/* Lock held. The vector, which is unmasked, goes from the device to KVM. */
static void
vector_give(VfioPci *d, VfioHostIrq irq, VfioVector *v, unsigned number)
{
    vector_route(d, v);
    int fd = msi_eventfd(v->msi);
    if (!v->given) {
        int ret = vfio_host_set_irqs(d->host, irq, number, &fd, 1);
        v->given = ret == 0;
        if (ret < 0)
            complain(d, "the host gives no interrupt for a vector", -ret);
    }
    msi_set_masked(v->msi, false);
}

static void
vector_drop(VfioVector *v)
{
    v->given = false;
    v->stale = true;
    if (v->msi != NULL)
        msi_set_masked(v->msi, true);
}

static void
vector_free(VfioVector *v)
{
    g_clear_pointer(&v->msi, msi_free);
    *v = (VfioVector){.stale = true, .control = MASKED};
}

/* ---- INTx ---- */

/* Lock held. KVM no longer listens to intx_fd. */
static void
intx_unbind(VfioPci *d)
{
    if (d->intx_pin >= 0)
        (void) irq_pin_bind(d->pci.dev.env, (unsigned) d->intx_pin,
                            d->direct_fd, d->over_fd, false);
    d->intx_pin = PCI_INTX_NOWHERE;
}

/* Lock held. KVM listens at the pin that the guest has chosen, if at any; false:
 * the loop must do it. */
static bool
intx_bind(VfioPci *d)
{
    int pin = d->only_slow ? PCI_INTX_UNTOLD : pci_intx_pin(&d->pci);

    if (pin == d->intx_pin)
        return true;
    intx_unbind(d);
    if (pin < 0)
        return pin == PCI_INTX_NOWHERE;
    int ret = irq_pin_bind(d->pci.dev.env, (unsigned) pin, d->direct_fd,
                           d->over_fd, true);
    d->only_slow = ret < 0;
    if (ret < 0 && ret != -ENOTSUP)
        complain(d, "INTx takes the slow way to the guest", -ret);
    if (ret == 0)
        d->intx_pin = pin;
    return ret == 0;
}

/* Lock held. The host signals KVM's eventfd or the loop's; the second only
 * when it was told before, and then of the other. */
static void
intx_signal(VfioPci *d, bool direct)
{
    int fd = direct ? d->direct_fd : d->intx_fd;

    if (d->active == VFIO_HOST_INTX)
        vfio_host_disable_irqs(d->host, VFIO_HOST_INTX);
    d->active = VFIO_HOST_N_IRQS;
    int ret = vfio_host_set_irqs(d->host, VFIO_HOST_INTX, 0, &fd, 1);
    if (ret == 0 && direct)
        ret = vfio_host_set_unmask_fd(d->host, d->over_fd);
    if (ret < 0) {
        complain(d, "the host gives no INTx", -ret);
        return;
    }
    d->active = VFIO_HOST_INTX;
    d->direct = direct;
    pci_set_intx_direct(&d->pci, direct);
}

static void
intx_start(VfioPci *d)
{
    if (d->intx_fd >= 0)
        intx_signal(d, intx_bind(d));
}

/* Lock held. */
static void
intx_stop(VfioPci *d)
{
    intx_unbind(d);
    if (d->direct)
        pci_set_intx(&d->pci, false); /* it was only shown */
    d->direct = false;
    pci_set_intx_direct(&d->pci, false);
}

void
vfio_intx_moved(PciDevice *pdev)
{
    VfioPci *d = DEVICE_OF(VfioPci, &pdev->dev);

    g_mutex_lock(&d->pci.dev.lock);
    if (d->active == VFIO_HOST_INTX) {
        int was = d->intx_pin;
        bool direct = intx_bind(d);
        if (direct != d->direct)
            intx_signal(d, direct);
        else if (direct && d->intx_pin != was)
            /* nobody will end at the old pin what it began there */
            vfio_host_unmask(d->host);
    }
    g_mutex_unlock(&d->pci.dev.lock);
}

void
vfio_intx_show(VfioPci *d)
{
    g_mutex_lock(&d->pci.dev.lock);
    if (d->direct) {
        guint64 status =
            vfio_host_read(d->host, VFIO_HOST_CONFIG, PCI_STATUS, 2);
        pci_set_intx(&d->pci, (status & PCI_STATUS_INTERRUPT) != 0);
    }
    g_mutex_unlock(&d->pci.dev.lock);
}

/* Said once: each such interrupt wakes this process. */
static void
tell_slow(VfioPci *d)
{
    DeviceEnv *env = d->pci.dev.env;
    g_autofree char *line = g_strdup_printf(
        "%s: INTx takes the slow way, through this process", d->host->address);

    env->log(env, d->pci.dev.id, line);
}

static void
intx_came(int fd, GIOCondition ev, void *data)
{
    VfioPci *d = data;

    if (sys_eventfd_drain(fd) == 0)
        return;
    if (__atomic_fetch_add(&d->slow_interrupts, 1, __ATOMIC_RELAXED) == 0)
        tell_slow(d);
    pci_set_intx(&d->pci, true);
    timer_arm(d->intx_timer,
              loop_now_ns(d->pci.dev.env->loop, CLOCK_HOST) + INTX_UP_NS);
}

static void
intx_over(void *data)
{
    VfioPci *d = data;

    pci_set_intx(&d->pci, false);
    g_mutex_lock(&d->pci.dev.lock);
    if (d->active == VFIO_HOST_INTX)
        vfio_host_unmask(d->host);
    g_mutex_unlock(&d->pci.dev.lock);
}

/* ---- which kind is on ---- */

/* Lock held. A device sends one kind at a time. */
static void
stop_all(VfioPci *d)
{
    if (d->active != VFIO_HOST_N_IRQS)
        vfio_host_disable_irqs(d->host, d->active);
    d->active = VFIO_HOST_N_IRQS;
    intx_stop(d);
    for (unsigned i = 0; i < d->n_msix; i++)
        vector_drop(&d->msix[i]);
    for (unsigned i = 0; i < VFIO_MSI_MAX; i++)
        vector_drop(&d->msi[i]);
}

/* The host reserves as many vectors as it can, up to n; how many. The kernel
 * cannot enlarge their number later (up to 6.1), so none is signalled yet. */
static unsigned
reserve(VfioPci *d, VfioHostIrq irq, unsigned n)
{
    g_autofree int *fds = g_new(int, n);

    for (unsigned i = 0; i < n; i++)
        fds[i] = -1;
    int ret = vfio_host_set_irqs(d->host, irq, 0, fds, n);
    if (ret > 0 && (unsigned) ret < n) {
        n = (unsigned) ret;
        ret = vfio_host_set_irqs(d->host, irq, 0, fds, n);
    }
    if (ret == 0)
        return n;
    complain(d, "the host has no message interrupts for the device",
             ret < 0 ? -ret : ENOSPC);
    return 0;
}

/* Lock held. */
static void
msix_update(VfioPci *d, unsigned i)
{
    VfioVector *v = &d->msix[i];
    bool masked = d->active != VFIO_HOST_MSIX || d->masked_all ||
                  (v->control & MASKED) != 0 || i >= d->n_granted;

    if (!masked)
        vector_give(d, VFIO_HOST_MSIX, v, i);
    else if (v->msi != NULL)
        msi_set_masked(v->msi, true);
}

/* Lock held. */
static void
msix_control(VfioPci *d)
{
    guint16 flags = pci_get16(d->s.pci.config, d->msix_cap + MSIX_FLAGS);
    bool enable = (flags & MSIX_ENABLE) != 0;

    if (enable && d->active != VFIO_HOST_MSIX) {
        stop_all(d);
        d->n_granted = reserve(d, VFIO_HOST_MSIX, d->n_msix);
        if (d->n_granted > 0)
            d->active = VFIO_HOST_MSIX;
    } else if (!enable && d->active == VFIO_HOST_MSIX) {
        stop_all(d);
        intx_start(d);
    }
    d->masked_all = (flags & MSIX_MASK_ALL) != 0;
    for (unsigned i = 0; i < d->n_msix; i++)
        msix_update(d, i);
}

/* Lock held. The vectors of MSI differ in the low bits of their data. */
static void
msi_give_all(VfioPci *d, unsigned n)
{
    const guint8 *c = d->s.pci.config + d->msi_cap;
    guint16 flags = pci_get16(c, MSI_FLAGS);
    bool wide = (flags & MSI_64) != 0;
    guint16 data = pci_get16(c, wide ? 12 : 8);
    guint32 masks = (flags & MSI_MASKS) != 0 ? pci_get32(c, wide ? 16 : 12) : 0;

    for (unsigned i = 0; i < n; i++) {
        VfioVector *v = &d->msi[i];
        guint32 lo = pci_get32(c, 4), hi = wide ? pci_get32(c, 8) : 0;
        guint32 own = (data & ~(n - 1)) | i;
        v->stale = v->stale || v->address_lo != lo || v->address_hi != hi ||
                   v->data != own;
        v->address_lo = lo;
        v->address_hi = hi;
        v->data = own;
        if ((masks >> i & 1) == 0)
            vector_give(d, VFIO_HOST_MSI, v, i);
        else if (v->msi != NULL)
            msi_set_masked(v->msi, true);
    }
}

/* Lock held. */
static void
msi_control(VfioPci *d)
{
    guint16 flags = pci_get16(d->s.pci.config, d->msi_cap + MSI_FLAGS);
    unsigned n = MIN(1u << (flags >> 4 & 7), VFIO_MSI_MAX);
    bool enable = (flags & MSI_ENABLE) != 0;

    if (enable && d->active != VFIO_HOST_MSI) {
        stop_all(d);
        d->n_granted = reserve(d, VFIO_HOST_MSI, n);
        if (d->n_granted > 0)
            d->active = VFIO_HOST_MSI;
    } else if (!enable && d->active == VFIO_HOST_MSI) {
        stop_all(d);
        intx_start(d);
    }
    if (d->active == VFIO_HOST_MSI)
        msi_give_all(d, MIN(n, d->n_granted));
}

static bool
overlaps(unsigned offset, unsigned size, unsigned cap, unsigned len)
{
    return cap != 0 && offset < cap + len && offset + size > cap;
}

void
vfio_msi_config_written(VfioPci *d, unsigned offset, unsigned size)
{
    g_mutex_lock(&d->pci.dev.lock);
    if (overlaps(offset, size, d->msix_cap, MSIX_LEN))
        msix_control(d);
    if (overlaps(offset, size, d->msi_cap, MSI_LEN))
        msi_control(d);
    g_mutex_unlock(&d->pci.dev.lock);
}

/* ---- the table ---- */

static guint32 *
field_at(VfioPci *d, guint32 offset)
{
    VfioVector *v = &d->msix[offset / ENTRY_SIZE];
    guint32 *const fields[] = {&v->address_lo, &v->address_hi, &v->data,
                               &v->control};

    return fields[offset % ENTRY_SIZE / 4];
}

guint64
vfio_msix_table_read(VfioPci *d, guint32 offset, unsigned size)
{
    guint64 value = 0;

    if (offset % 4 != 0 || size < 4)
        return G_MAXUINT64; /* dwords and qwords only, 6.8.2 */
    g_mutex_lock(&d->pci.dev.lock);
    for (unsigned i = 0; i < size; i += 4)
        if (offset + i < d->n_msix * ENTRY_SIZE)
            value |= (guint64) *field_at(d, offset + i) << (8 * i);
    g_mutex_unlock(&d->pci.dev.lock);
    return value;
}

/* Lock held. */
static void
write_field(VfioPci *d, guint32 offset, guint32 value)
{
    VfioVector *v = &d->msix[offset / ENTRY_SIZE];
    guint32 *at = field_at(d, offset);

    if (at == &v->control) {
        *at = value & MASKED;
    } else {
        v->stale = v->stale || *at != value;
        *at = value;
    }
    msix_update(d, offset / ENTRY_SIZE);
}

void
vfio_msix_table_write(VfioPci *d, guint32 offset, guint64 value, unsigned size)
{
    if (offset % 4 != 0 || size < 4)
        return;
    g_mutex_lock(&d->pci.dev.lock);
    for (unsigned i = 0; i < size; i += 4)
        if (offset + i < d->n_msix * ENTRY_SIZE)
            write_field(d, offset + i, (guint32) (value >> (8 * i)));
    g_mutex_unlock(&d->pci.dev.lock);
}

guint64
vfio_msix_pba_read(VfioPci *d, guint32 offset, unsigned size)
{
    guint64 value = 0;

    g_mutex_lock(&d->pci.dev.lock);
    for (unsigned i = 0; i < 8 * size; i++) {
        unsigned v = offset * 8 + i;
        if (v < d->n_msix && d->msix[v].msi != NULL &&
            msi_pending(d->msix[v].msi))
            value |= G_GUINT64_CONSTANT(1) << i;
    }
    g_mutex_unlock(&d->pci.dev.lock);
    return value;
}

/* ---- what the host says ---- */

static void
on_request(int fd, GIOCondition ev, void *data)
{
    VfioPci *d = data;

    if (sys_eventfd_drain(fd) > 0 && d->events != NULL)
        d->events->wanted(d->events_data, &d->pci.dev);
}

static void
on_error(int fd, GIOCondition ev, void *data)
{
    VfioPci *d = data;

    if (sys_eventfd_drain(fd) > 0 && d->events != NULL)
        d->events->failed(d->events_data, &d->pci.dev);
}

/* False and error set: no descriptor is left. A kind that the device does not
 * have is none. */
static bool
listen(VfioPci *d, VfioHostIrq irq, int *ret_fd, guint *ret_watch,
       void (*came)(int fd, GIOCondition ev, void *data), GError **error)
{
    if (d->host->n_irqs[irq] == 0)
        return true;
    *ret_fd = sys_eventfd(error);
    if (*ret_fd < 0)
        return false;
    *ret_watch = loop_watch_fd(d->pci.dev.env->loop, *ret_fd, G_IO_IN, came, d);
    return true;
}

/* ---- life ---- */

bool
vfio_interrupts_realize(VfioPci *d, GError **error)
{
    d->intx_fd = d->req_fd = d->err_fd = d->direct_fd = d->over_fd = -1;
    d->intx_pin = PCI_INTX_NOWHERE;
    d->direct = d->only_slow = false;
    d->intx_watch = d->req_watch = d->err_watch = 0;
    d->active = VFIO_HOST_N_IRQS;
    d->n_granted = 0;
    d->msix = g_new0(VfioVector, MAX(d->n_msix, 1));
    for (unsigned i = 0; i < d->n_msix; i++)
        d->msix[i] = (VfioVector){.stale = true, .control = MASKED};
    for (unsigned i = 0; i < VFIO_MSI_MAX; i++)
        d->msi[i] = (VfioVector){.stale = true};
    d->intx_timer = timer_new(d->pci.dev.env->loop, CLOCK_HOST, intx_over, d);
    if (!listen(d, VFIO_HOST_INTX, &d->intx_fd, &d->intx_watch, intx_came,
                error) ||
        !listen(d, VFIO_HOST_REQ, &d->req_fd, &d->req_watch, on_request,
                error) ||
        !listen(d, VFIO_HOST_ERR, &d->err_fd, &d->err_watch, on_error, error))
        return false;
    if (d->intx_fd >= 0 && ((d->direct_fd = sys_eventfd(error)) < 0 ||
                            (d->over_fd = sys_eventfd(error)) < 0))
        return false;
    if (d->req_fd >= 0)
        (void) vfio_host_set_irqs(d->host, VFIO_HOST_REQ, 0, &d->req_fd, 1);
    if (d->err_fd >= 0)
        (void) vfio_host_set_irqs(d->host, VFIO_HOST_ERR, 0, &d->err_fd, 1);
    return true;
}

static void
close_watch(VfioPci *d, int *fd, guint *watch)
{
    if (*watch != 0)
        loop_unwatch(d->pci.dev.env->loop, *watch);
    *watch = 0;
    if (*fd > 0)
        sys_close(fd);
    *fd = -1;
}

void
vfio_interrupts_unrealize(VfioPci *d)
{
    if (d->msix == NULL)
        return; /* never got so far */
    g_mutex_lock(&d->pci.dev.lock);
    stop_all(d);
    g_mutex_unlock(&d->pci.dev.lock);
    if (d->req_fd >= 0)
        vfio_host_disable_irqs(d->host, VFIO_HOST_REQ);
    if (d->err_fd >= 0)
        vfio_host_disable_irqs(d->host, VFIO_HOST_ERR);
    close_watch(d, &d->intx_fd, &d->intx_watch);
    sys_close(&d->direct_fd);
    sys_close(&d->over_fd);
    close_watch(d, &d->req_fd, &d->req_watch);
    close_watch(d, &d->err_fd, &d->err_watch);
    g_clear_pointer(&d->intx_timer, timer_free);
    for (unsigned i = 0; i < d->n_msix; i++)
        vector_free(&d->msix[i]);
    for (unsigned i = 0; i < VFIO_MSI_MAX; i++)
        vector_free(&d->msi[i]);
    g_clear_pointer(&d->msix, g_free);
}

void
vfio_interrupts_reset(VfioPci *d)
{
    g_mutex_lock(&d->pci.dev.lock);
    stop_all(d);
    for (unsigned i = 0; i < d->n_msix; i++)
        vector_free(&d->msix[i]);
    for (unsigned i = 0; i < VFIO_MSI_MAX; i++)
        vector_free(&d->msi[i]);
    d->masked_all = false;
    timer_arm(d->intx_timer, -1);
    intx_start(d);
    g_mutex_unlock(&d->pci.dev.lock);
}
