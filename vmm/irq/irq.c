/* vmm/irq/irq.c - see irq.h. */
#include "vmm/irq/irq.h"

#include <errno.h>
#include <poll.h>

#include "vmm/core/device.h"
#include "vmm/core/sysutil.h"

typedef struct {
    GMutex lock; /* L3 guards asserted, and the order of controller calls */
    unsigned asserted; /* lines that are up */
} IrqPin;

struct IrqChip {
    const IrqBackendOps *ops;
    void *backend;
    IrqPin pins[IRQ_PINS];
};

struct IrqLine {
    IrqChip *chip;
    unsigned pin;
    bool level; /* atomic for readers; changed under the pin's lock */
};

struct Msi {
    IrqChip *chip;
    GMutex lock; /* L2 guards all below */
    int gsi, fd; /* -1 until needed */
    guint64 address;
    guint32 data;
    bool routed, masked, attached;
    bool latched; /* sent while masked, without an eventfd */
};

IrqChip *
irq_chip_new(const IrqBackendOps *ops, void *backend)
{
    IrqChip *chip = g_new0(IrqChip, 1);

    chip->ops = ops;
    chip->backend = backend;
    for (unsigned i = 0; i < IRQ_PINS; i++)
        g_mutex_init(&chip->pins[i].lock);
    return chip;
}

void
irq_chip_free(IrqChip *chip)
{
    if (chip == NULL)
        return;
    for (unsigned i = 0; i < IRQ_PINS; i++)
        g_mutex_clear(&chip->pins[i].lock);
    g_free(chip);
}

bool
irq_chip_pin_level(IrqChip *chip, unsigned pin)
{
    g_mutex_lock(&chip->pins[pin].lock);
    bool up = chip->pins[pin].asserted > 0;
    g_mutex_unlock(&chip->pins[pin].lock);
    return up;
}

/* ---- lines ---- */

IrqLine *
irq_line_new(DeviceEnv *env, unsigned pin)
{
    IrqLine *line = g_new0(IrqLine, 1);

    g_assert(pin < IRQ_PINS);
    line->chip = env->irq;
    line->pin = pin;
    return line;
}

/* Pin lock held. */
static void
pin_drive(IrqChip *chip, unsigned pin, bool level)
{
    /* KVM_IRQ_LINE has no failure that a device could act on */
    (void) chip->ops->set_level(chip->backend, pin, level);
}

/* Pin lock held; true when the pin as a whole changed. */
static bool
line_change(IrqLine *line, bool level)
{
    IrqPin *pin = &line->chip->pins[line->pin];

    if (line->level == level)
        return false;
    __atomic_store_n(&line->level, level, __ATOMIC_RELAXED);
    pin->asserted += level ? 1u : -1u;
    return pin->asserted == (level ? 1u : 0u);
}

bool
irq_line_level(const IrqLine *line)
{
    return __atomic_load_n(&line->level, __ATOMIC_RELAXED);
}

void
irq_line_set(IrqLine *line, bool level)
{
    IrqPin *pin = &line->chip->pins[line->pin];

    /* Devices derive their line anew after every access. Only the owner sets
     * a line, so what it reads here is what it has set. */
    if (irq_line_level(line) == level)
        return;
    g_mutex_lock(&pin->lock);
    if (line_change(line, level))
        pin_drive(line->chip, line->pin, level);
    g_mutex_unlock(&pin->lock);
}

void
irq_line_pulse(IrqLine *line)
{
    irq_line_set(line, false);
    irq_line_set(line, true);
}

void
irq_line_adopt(IrqLine *line, bool level)
{
    IrqPin *pin = &line->chip->pins[line->pin];

    g_mutex_lock(&pin->lock);
    (void) line_change(line, level); /* the controller knows already */
    g_mutex_unlock(&pin->lock);
}

void
irq_line_free(IrqLine *line)
{
    if (line == NULL)
        return;
    irq_line_set(line, false);
    g_free(line);
}

int
irq_pin_bind(DeviceEnv *env, unsigned pin, int fd, int over_fd, bool bind)
{
    IrqChip *chip = env->irq;

    g_assert(pin < IRQ_PINS);
    if (chip->ops->set_pin_fd == NULL)
        return -ENOTSUP;
    return chip->ops->set_pin_fd(chip->backend, pin, fd, over_fd, bind);
}

/* ---- message interrupts ---- */

Msi *
msi_new(DeviceEnv *env)
{
    Msi *msi = g_new0(Msi, 1);

    msi->chip = env->irq;
    msi->gsi = msi->fd = -1;
    msi->masked = true;
    g_mutex_init(&msi->lock);
    return msi;
}

/* Lock held. While masked the eventfd is unbound, so a message waits in its
 * counter; binding it again delivers it. */
static int
msi_bind(Msi *msi, bool bind)
{
    const IrqBackendOps *ops = msi->chip->ops;
    int ret = 0;

    if (msi->fd < 0 || msi->gsi < 0 || ops->set_irqfd == NULL ||
        msi->attached == bind)
        return 0;
    ret = ops->set_irqfd(msi->chip->backend, msi->gsi, msi->fd, bind);
    if (ret == 0)
        msi->attached = bind;
    return ret;
}

/* Lock held. Only an eventfd needs a route; each change of the table costs
 * much more than a message sent directly. */
static int
msi_publish(Msi *msi)
{
    const IrqBackendOps *ops = msi->chip->ops;

    if (ops->route_msi == NULL || msi->fd < 0)
        return 0;
    int ret =
        ops->route_msi(msi->chip->backend, msi->gsi, msi->address, msi->data);
    if (ret < 0)
        return ret;
    msi->gsi = ret;
    return msi->masked ? 0 : msi_bind(msi, true);
}

int
msi_route(Msi *msi, guint64 address, guint32 data)
{
    g_mutex_lock(&msi->lock);
    msi->address = address;
    msi->data = data;
    int ret = msi_publish(msi);
    msi->routed = ret == 0;
    g_mutex_unlock(&msi->lock);
    return ret;
}

/* Lock held. */
static void
msi_deliver(Msi *msi)
{
    if (msi->attached)
        sys_eventfd_signal(msi->fd);
    else
        (void) msi->chip->ops->send_msi(msi->chip->backend, msi->address,
                                        msi->data); /* a bad address is the
                                                       guest's own fault */
}

void
msi_send(Msi *msi)
{
    g_mutex_lock(&msi->lock);
    if (msi->masked || !msi->routed)
        msi->latched = true;
    else
        msi_deliver(msi);
    g_mutex_unlock(&msi->lock);
}

void
msi_set_masked(Msi *msi, bool masked)
{
    g_mutex_lock(&msi->lock);
    if (msi->masked != masked) {
        msi->masked = masked;
        (void) msi_bind(msi, !masked); /* without irqfd send_msi is used */
        if (!masked && msi->latched && msi->routed) {
            msi->latched = false;
            msi_deliver(msi);
        }
    }
    g_mutex_unlock(&msi->lock);
}

bool
msi_pending(Msi *msi)
{
    g_mutex_lock(&msi->lock);
    struct pollfd p = {.fd = msi->fd, .events = POLLIN};
    bool pending = msi->latched;
    if (!pending && !msi->attached && msi->fd >= 0)
        pending = poll(&p, 1, 0) == 1;
    g_mutex_unlock(&msi->lock);
    return pending;
}

int
msi_eventfd(Msi *msi)
{
    g_mutex_lock(&msi->lock);
    if (msi->fd < 0) {
        msi->fd = sys_eventfd(NULL);
        if (msi->routed)
            msi->routed = msi_publish(msi) == 0; /* bound now or at unmask */
    }
    int fd = msi->fd;
    g_mutex_unlock(&msi->lock);
    return fd;
}

void
msi_free(Msi *msi)
{
    if (msi == NULL)
        return;
    (void) msi_bind(msi, false); /* going away */
    if (msi->gsi >= 0 && msi->chip->ops->release_gsi != NULL)
        msi->chip->ops->release_gsi(msi->chip->backend, msi->gsi);
    sys_close(&msi->fd);
    g_mutex_clear(&msi->lock);
    g_free(msi);
}
