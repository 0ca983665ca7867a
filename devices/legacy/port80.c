/* devices/legacy/port80.c - power-on self-test codes.
 *
 * IBM PC/AT Technical Reference: firmware writes its progress here, and old
 * drivers use the port for a short delay. The last value reads back. */
#include "devices/legacy/port80.h"

#include "vmm/io/io.h"

#define PORT80_PORT 0x80

typedef struct {
    guint8 code;
} Port80State;

typedef struct {
    Device dev;
    Port80State s;
    IoRegion *port;
} Port80;

static guint64
port80_read(void *dev, guint64 offset, unsigned size)
{
    return DEVICE_OF(Port80, dev)->s.code;
}

static void
port80_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    DEVICE_OF(Port80, dev)->s.code = (guint8) value;
}

static const IoOps port80_ops = {
    .read = port80_read,
    .write = port80_write,
    .max_size = 1,
};

guint8
port80_last_code(Device *dev)
{
    guint8 code;

    g_mutex_lock(&dev->lock);
    code = DEVICE_OF(Port80, dev)->s.code;
    g_mutex_unlock(&dev->lock);
    return code;
}

static bool
port80_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Port80 *d = DEVICE_OF(Port80, dev);

    d->port = io_region_new("port80", &port80_ops, d, &dev->lock, 1);
    if (io_map(env->ports, d->port, PORT80_PORT, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: port 0x80 is taken by another device", dev->id);
    return false;
}

static void
port80_unrealize(Device *dev)
{
    g_clear_pointer(&DEVICE_OF(Port80, dev)->port, io_region_free);
}

static void
port80_reset(Device *dev, ResetKind kind)
{
    DEVICE_OF(Port80, dev)->s = (Port80State){0};
}

/* clang-format off */
static const StateField port80_fields[] = {
    STATE_FIELD(Port80State, code, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc port80_state = {
    .name = "port80",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Port80State),
    .fields = port80_fields,
};

const DeviceClass port80_class = {
    .name = "port80",
    .summary = "Power-on self-test code",
    .size = sizeof(Port80),
    .state = &port80_state,
    .state_offset = G_STRUCT_OFFSET(Port80, s),
    .realize = port80_realize,
    .unrealize = port80_unrealize,
    .reset = port80_reset,
};
