/* devices/legacy/apm-shutdown.c - the port by which a PC BIOS powers off.
 *
 * Port 0x8900 as Bochs defined it and SeaBIOS' APM interface uses it: the
 * bytes "Shutdown" in a row end the machine. Windows 98 and DOS come here. */
#include "vmm/core/device.h"
#include "vmm/io/io.h"

#define APM_SHUTDOWN_PORT 0x8900

static const char magic[] = "Shutdown";

typedef struct {
    guint8 matched; /* characters of the magic word seen in a row */
} ApmShutdownState;

typedef struct {
    Device dev;
    ApmShutdownState s;
    IoRegion *port;
} ApmShutdown;

static guint64
apm_shutdown_read(void *dev, guint64 offset, unsigned size)
{
    return 0xff;
}

static void
apm_shutdown_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    ApmShutdown *d = dev;

    if (value == (guint8) magic[d->s.matched])
        d->s.matched++;
    else
        d->s.matched = value == (guint8) magic[0] ? 1 : 0;
    if (d->s.matched < sizeof magic - 1)
        return;
    d->s.matched = 0;
    device_request(&d->dev, MACHINE_POWER_OFF, "APM power off");
}

static const IoOps apm_shutdown_ops = {
    .read = apm_shutdown_read,
    .write = apm_shutdown_write,
    .max_size = 1,
};

static bool
apm_shutdown_realize(Device *dev, DeviceEnv *env, GError **error)
{
    ApmShutdown *d = DEVICE_OF(ApmShutdown, dev);

    d->port =
        io_region_new("apm-shutdown", &apm_shutdown_ops, d, &dev->lock, 1);
    if (io_map(env->ports, d->port, APM_SHUTDOWN_PORT, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: port 0x8900 is taken by another device", dev->id);
    return false;
}

static void
apm_shutdown_unrealize(Device *dev)
{
    g_clear_pointer(&DEVICE_OF(ApmShutdown, dev)->port, io_region_free);
}

static void
apm_shutdown_reset(Device *dev, ResetKind kind)
{
    DEVICE_OF(ApmShutdown, dev)->s = (ApmShutdownState){0};
}

static bool
apm_shutdown_check(const void *state, GError **error)
{
    const ApmShutdownState *s = state;

    if (s->matched < sizeof magic - 1)
        return true;
    g_set_error(error, CARREL_STATE_ERROR, CARREL_STATE_ERROR_INVALID,
                "apm-shutdown: 'matched' is %u, at most %zu", s->matched,
                sizeof magic - 2);
    return false;
}

/* clang-format off */
static const StateField apm_shutdown_fields[] = {
    STATE_FIELD(ApmShutdownState, matched, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc apm_shutdown_state = {
    .name = "apm-shutdown",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ApmShutdownState),
    .fields = apm_shutdown_fields,
    .check = apm_shutdown_check,
};

const DeviceClass apm_shutdown_class = {
    .name = "apm-shutdown",
    .summary = "APM power-off port",
    .size = sizeof(ApmShutdown),
    .state = &apm_shutdown_state,
    .state_offset = G_STRUCT_OFFSET(ApmShutdown, s),
    .realize = apm_shutdown_realize,
    .unrealize = apm_shutdown_unrealize,
    .reset = apm_shutdown_reset,
};
