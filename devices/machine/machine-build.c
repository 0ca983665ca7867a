/* devices/machine/machine-build.c - see machine-build.h. */
#include "devices/machine/machine-build.h"

#include "vmm/io/io.h"
#include "vmm/loop/loop.h"

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

typedef struct {
    DeviceEnv *env;
    void (*fn)(void *data);
    void *data;
} OnLoop;

static void
build_held(void *data)
{
    OnLoop *on = data;

    io_space_hold(on->env->ports);
    io_space_hold(on->env->mmio);
    on->fn(on->data);
    io_space_release(on->env->mmio);
    io_space_release(on->env->ports);
}

void
machine_build_on_loop(Vm *vm, void (*fn)(void *data), void *data)
{
    OnLoop on = {vm_env(vm), fn, data};

    loop_call(vm_loop(vm), build_held, &on);
}
