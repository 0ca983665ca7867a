/* devices/legacy/debug-exit.c - a port that ends the machine with a code.
 *
 * For tests: writing v powers off with exit code (v << 1) | 1, the convention
 * of QEMU's isa-debug-exit, so the same test guests run on both. */
#include "vmm/core/device.h"
#include "vmm/io/io.h"

typedef struct {
    Device dev;
    guint32 iobase;
    IoRegion *port;
} DebugExit;

static guint64
debug_exit_read(void *dev, guint64 offset, unsigned size)
{
    return 0;
}

static void
debug_exit_write(void *dev, guint64 offset, guint64 value, unsigned size)
{
    DebugExit *d = dev;
    g_autofree char *detail = g_strdup_printf(
        "exit code %u", (unsigned) ((value << 1 | 1) & G_MAXUINT32));

    device_request(&d->dev, MACHINE_POWER_OFF, detail);
}

static const IoOps debug_exit_ops = {
    .read = debug_exit_read,
    .write = debug_exit_write,
    .max_size = 4,
};

static bool
debug_exit_realize(Device *dev, DeviceEnv *env, GError **error)
{
    DebugExit *d = DEVICE_OF(DebugExit, dev);

    d->port = io_region_new("debug-exit", &debug_exit_ops, d, &dev->lock, 4);
    if (io_map(env->ports, d->port, d->iobase, 0) == 0)
        return true;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                "%s: port 0x%x is taken by another device; choose another "
                "iobase",
                dev->id, d->iobase);
    return false;
}

static void
debug_exit_unrealize(Device *dev)
{
    g_clear_pointer(&DEVICE_OF(DebugExit, dev)->port, io_region_free);
}

/* clang-format off */
static const PropDesc debug_exit_props[] = {
    PROP_DEF_U32(DebugExit, iobase, "iobase", 0x501, 0x10, 0xfffc, NULL,
                 "first of four I/O ports"),
    PROP_END
};
/* clang-format on */

const DeviceClass debug_exit_class = {
    .name = "debug-exit",
    .summary = "Test port that ends the machine",
    .size = sizeof(DebugExit),
    .props = debug_exit_props,
    .realize = debug_exit_realize,
    .unrealize = debug_exit_unrealize,
};
