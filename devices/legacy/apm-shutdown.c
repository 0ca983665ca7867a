/* devices/legacy/apm-shutdown.c - the port by which a PC BIOS powers off.
 *
 * Port 0x8900 as Bochs defined it and SeaBIOS' APM interface uses it: the
 * bytes "Shutdown" in a row end the machine. Windows 98 and DOS come here. */
#include <string.h>

#include "vmm/core/device.h"
#include "vmm/io/io.h"

#define APM_SHUTDOWN_PORT 0x8900

static const char magic[] = "Shutdown";

#define MAGIC_LEN (sizeof magic - 1)

typedef struct {
    guint8 last[MAGIC_LEN]; /* bytes written, newest at the end */
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

    memmove(d->s.last, d->s.last + 1, MAGIC_LEN - 1);
    d->s.last[MAGIC_LEN - 1] = (guint8) value;
    if (memcmp(d->s.last, magic, MAGIC_LEN) != 0)
        return;
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

/* clang-format off */
static const StateField apm_shutdown_fields[] = {
    STATE_BLOB(ApmShutdownState, last),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc apm_shutdown_state = {
    .name = "apm-shutdown",
    .version = 1,
    .min_version = 1,
    .size = sizeof(ApmShutdownState),
    .fields = apm_shutdown_fields,
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
