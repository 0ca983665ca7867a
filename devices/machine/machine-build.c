/* devices/machine/machine-build.c - see machine-build.h. */
#include "devices/machine/machine-build.h"

Device *
machine_add(MachineBuild *b, Device *dev)
{
    if (b->failed) {
        device_free(dev);
        return NULL;
    }
    if (vm_add_device(b->vm, dev, b->error))
        return dev;
    b->failed = true;
    return NULL;
}

void
machine_set_u64(MachineBuild *b, Device *dev, const char *name, guint64 value)
{
    if (!b->failed && !device_set_u64(dev, name, value, b->error))
        b->failed = true;
}

void
machine_set_string(MachineBuild *b, Device *dev, const char *name,
                   const char *value)
{
    if (!b->failed && !device_set_string(dev, name, value, b->error))
        b->failed = true;
}
