/* devices/legacy/port92.c - system control port A of the PS/2.
 *
 * IBM Personal System/2 Hardware Interface Technical Reference: bit 1 gates
 * A20, bit 0 resets the processor. Firmware and DOS extenders come here on
 * each change between real and protected mode, so it stays trivial. A20 reads
 * back but has no effect: the CPU backend has no mask for it. */
#include "vmm/core/device.h"
#include "vmm/io/io.h"

#define PORT92_PORT  0x92
#define PORT92_RESET 0x01 /* 0 -> 1 */
#define PORT92_A20   0x02

typedef struct {
    guint8 value;
} Port92State;

typedef struct {
    Device dev;
    Port92State s;
    IoRegion *port;
} Port92;

static guint64
port92_read(void *dev, guint64 offset, unsigned size)
{
    return DEVICE_OF(Port92, dev)->s.value;
}

static void
port92_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    Port92 *d = dev;
    bool rises = (value & ~d->s.value & PORT92_RESET) != 0;

    d->s.value = (guint8) value;
    if (rises)
        device_request(&d->dev, MACHINE_RESET_WARM, "port 0x92, fast reset");
}

static const IoOps port92_ops = {
    .read = port92_read,
    .write = port92_write,
    .max_size = 1,
};

static bool
port92_realize(Device *dev, DeviceEnv *env, GError **error)
{
    Port92 *d = DEVICE_OF(Port92, dev);

    d->port = io_region_new("port92", &port92_ops, d, &dev->lock, 1);
    if (io_map(env->ports, d->port, PORT92_PORT, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: port 0x92 is taken by another device", dev->id);
    return false;
}

static void
port92_unrealize(Device *dev)
{
    g_clear_pointer(&DEVICE_OF(Port92, dev)->port, io_region_free);
}

static void
port92_reset(Device *dev, ResetKind kind)
{
    DEVICE_OF(Port92, dev)->s = (Port92State){.value = PORT92_A20};
}

/* clang-format off */
static const StateField port92_fields[] = {
    STATE_FIELD(Port92State, value, STATE_U8),
    STATE_FIELDS_END
};
/* clang-format on */

static const StateDesc port92_state = {
    .name = "port92",
    .version = 1,
    .min_version = 1,
    .size = sizeof(Port92State),
    .fields = port92_fields,
};

const DeviceClass port92_class = {
    .name = "port92",
    .summary = "System control port A: A20 and fast reset",
    .size = sizeof(Port92),
    .state = &port92_state,
    .state_offset = G_STRUCT_OFFSET(Port92, s),
    .realize = port92_realize,
    .unrealize = port92_unrealize,
    .reset = port92_reset,
};
