/* vmm/core/device.c - see device.h: the life of a device, and its state. */
#include "vmm/core/device.h"

#include <stdarg.h>
#include <string.h>

#include "vmm/loop/loop.h"

/* A broken guest may do the wrong thing a million times a second. */
#define GUEST_ERRORS_PER_SECOND 10u

Device *
device_new(const DeviceClass *klass, const char *id)
{
    g_assert(klass->size >= sizeof(Device));
    Device *dev = g_malloc0(klass->size);

    dev->klass = klass;
    dev->id = g_strdup(id);
    g_mutex_init(&dev->lock);
    prop_apply_defaults(dev);
    return dev;
}

void
device_free(Device *dev)
{
    if (dev == NULL)
        return;
    device_unrealize(dev);
    prop_clear(dev);
    g_mutex_clear(&dev->lock);
    g_free(dev->id);
    g_free(dev);
}

bool
device_realize(Device *dev, DeviceEnv *env, GError **error)
{
    g_assert(dev->env == NULL);
    if (!prop_check_links(dev, error))
        return false;
    dev->env = env;
    if (dev->klass->realize == NULL || dev->klass->realize(dev, env, error))
        return true;
    device_unrealize(dev);
    return false;
}

void
device_unrealize(Device *dev)
{
    if (dev->env == NULL)
        return;
    if (dev->klass->unrealize != NULL)
        dev->klass->unrealize(dev);
    dev->env = NULL;
}

bool
device_is_realized(const Device *dev)
{
    return dev->env != NULL;
}

void
device_reset(Device *dev, ResetKind kind)
{
    if (dev->klass->reset != NULL)
        dev->klass->reset(dev, kind);
}

void
device_quiesce(Device *dev)
{
    if (dev->klass->quiesce != NULL)
        dev->klass->quiesce(dev);
}

bool
device_is_quiet(Device *dev)
{
    return dev->klass->is_quiet == NULL || dev->klass->is_quiet(dev);
}

void
device_resume(Device *dev)
{
    if (dev->klass->resume != NULL)
        dev->klass->resume(dev);
}

static void *
device_state(Device *dev)
{
    return (guint8 *) dev + dev->klass->state_offset;
}

void
device_save(Device *dev, GByteArray *out)
{
    if (dev->klass->state != NULL)
        state_encode(dev->klass->state, device_state(dev), out);
}

bool
device_restore(Device *dev, GBytes *in, GError **error)
{
    const StateDesc *desc = dev->klass->state;

    if (desc == NULL)
        return true;
    /* fields that the file is too old to have keep what they have now, which
     * after a cold start is the reset state */
    g_autofree void *staged = g_memdup2(device_state(dev), desc->size);
    if (!state_decode(desc, in, staged, error)) {
        g_prefix_error(error, "device '%s': ", dev->id);
        return false;
    }
    memcpy(device_state(dev), staged, desc->size);
    if (dev->klass->restored != NULL)
        dev->klass->restored(dev);
    return true;
}

void
device_guest_error(Device *dev, const char *fmt, ...)
{
    DeviceEnv *env = dev->env;
    va_list args;

    g_atomic_int_inc(&dev->guest_errors);
    if (env == NULL || env->log == NULL)
        return;
    /* racing threads may let one line more through: harmless */
    gint64 now = loop_now_ns(env->loop, CLOCK_HOST);
    if (now - dev->guest_error_window > NSEC_PER_SECOND) {
        dev->guest_error_window = now;
        g_atomic_int_set(&dev->guest_errors_in_window, 0);
    }
    guint n = (guint) g_atomic_int_add(&dev->guest_errors_in_window, 1);
    if (n >= GUEST_ERRORS_PER_SECOND)
        return;
    va_start(args, fmt);
    g_autofree char *line = g_strdup_vprintf(fmt, args);
    va_end(args);
    env->log(env, dev->id, line);
}

void
device_request(Device *dev, MachineRequest what, const char *detail)
{
    if (dev->env != NULL && dev->env->request != NULL)
        dev->env->request(dev->env, what, detail);
}
