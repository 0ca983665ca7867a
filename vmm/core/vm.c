/* vmm/core/vm.c - see vm.h: creation, devices and what they ask for. What happens
 * to a machine's life, and in which order, is vm-op.c's. */
#include "vmm/core/vm.h"

#include "vmm/core/vm-internal.h"
#include "vmm/loop/loop.h"

/* ---- state ---- */

const char *
vm_state_name(VmState state)
{
    static const char *const names[] = {
        [VM_NEW] = "new",         [VM_RUNNING] = "running",
        [VM_PAUSED] = "paused",   [VM_STOPPED] = "stopped",
        [VM_CRASHED] = "crashed", [VM_SUSPENDED] = "suspended",
    };

    return names[state];
}

VmState
vm_state(Vm *vm)
{
    g_mutex_lock(&vm->state_lock);
    VmState state = vm->state;
    g_mutex_unlock(&vm->state_lock);
    return state;
}

char *
vm_reason(Vm *vm)
{
    g_mutex_lock(&vm->state_lock);
    char *reason = g_strdup(vm->reason != NULL ? vm->reason : "");
    g_mutex_unlock(&vm->state_lock);
    return reason;
}

void
vm_set_power_button(Vm *vm, void (*press)(void *data), void *data)
{
    vm->press_power = press;
    vm->press_power_data = data;
}

bool
vm_power_button(Vm *vm)
{
    if (vm->press_power == NULL)
        return false;
    loop_call(vm->env.loop, vm->press_power, vm->press_power_data);
    return true;
}

/* ---- what devices ask for ---- */

static void
env_request(DeviceEnv *env, MachineRequest what, const char *detail)
{
    Vm *vm = (Vm *) (void *) env;
    const char *why = detail != NULL ? detail : "";

    if (what != MACHINE_WAKE)
        vm_block_caller(vm);
    switch (what) {
    case MACHINE_RESET_COLD:
    case MACHINE_RESET_WARM:
        vm_post_guest_reset(
            vm, what == MACHINE_RESET_COLD ? RESET_COLD : RESET_WARM,
            g_strdup_printf("reset by the guest: %s", why));
        break;
    case MACHINE_POWER_OFF:
        vm_post_op(vm, OP_STOP, RESET_COLD, VM_STOPPED,
                   g_strdup_printf("powered off by the guest: %s", why));
        break;
    case MACHINE_CRASHED:
        vm_post_op(vm, OP_STOP, RESET_COLD, VM_CRASHED,
                   g_strdup_printf("the guest reported a crash: %s", why));
        break;
    case MACHINE_SUSPEND:
        vm_post_suspend(vm, g_strdup_printf("suspended by the guest: %s", why));
        break;
    case MACHINE_WAKE:
        vm_post_op(vm, OP_WAKE, RESET_COLD, VM_RUNNING,
                   g_strdup_printf("woken: %s", why));
        break;
    default: break;
    }
}

static bool
env_speaker(DeviceEnv *env, SpeakerLine *ret_line)
{
    Vm *vm = (Vm *) (void *) env;

    return vm->ops->speaker != NULL && vm->ops->speaker(vm->backend, ret_line);
}

static void
env_mute_timer(DeviceEnv *env, bool mute)
{
    Vm *vm = (Vm *) (void *) env;

    if (vm->ops->mute_timer != NULL)
        vm->ops->mute_timer(vm->backend, mute);
}

static void
env_log(DeviceEnv *env, const char *source, const char *line)
{
    Vm *vm = (Vm *) (void *) env;

    if (vm->events.log != NULL)
        vm->events.log(vm->data, source, line);
}

int
vm_set_vfio_group(Vm *vm, int group_fd, bool add)
{
    if (vm->ops->set_vfio_group == NULL)
        return 0;
    return vm->ops->set_vfio_group(vm->backend, group_fd, add);
}

/* ---- creation ---- */

static void
vm_destroy(Vm *vm)
{
    /* slots are cleared in the backend, which needs it open */
    guest_mem_free(vm->env.mem);
    irq_chip_free(vm->env.irq);
    if (vm->backend != NULL)
        vm->ops->close(vm->backend);
    io_space_free(vm->env.ports);
    io_space_free(vm->env.mmio);
    vm_ops_clear(vm);
    loop_free(vm->env.loop);
    vm_pin_free(vm->pin);
    g_ptr_array_unref(vm->devices);
    g_mutex_clear(&vm->state_lock);
    g_mutex_clear(&vm->vcpu_lock);
    g_mutex_clear(&vm->op_lock);
    g_cond_clear(&vm->vcpu_cond);
    g_cond_clear(&vm->op_cond);
    g_free(vm->vcpus);
    g_free(vm->reason);
    g_free(vm->name);
    g_free(vm);
}

static bool
vm_open_backend(Vm *vm, const VmConfig *config, GError **error)
{
    DeviceEnv *env = &vm->env;

    env->ports = io_space_new(IO_PORT);
    env->mmio = io_space_new(IO_MMIO);
    env->mem = guest_mem_new();
    io_space_set_memory(env->mmio, env->mem);
    vm->backend = vm->ops->open(&config->cpu, env->ports, env->mmio, error);
    if (vm->backend == NULL)
        return false;
    guest_mem_set_backend(env->mem, vm->ops->mem, vm->backend);
    io_space_set_backend(env->ports, vm->ops->io, vm->backend);
    io_space_set_backend(env->mmio, vm->ops->io, vm->backend);
    env->irq = irq_chip_new(vm->ops->irq, vm->backend);
    return true;
}

Vm *
vm_new(const VmConfig *config, const VmEvents *events, void *data,
       GError **error)
{
    Vm *vm = g_new0(Vm, 1);

    vm->name = g_strdup(config->name);
    vm->ops = config->backend != NULL ? config->backend : &kvm_backend_ops;
    vm->n_vcpus = config->cpu.n_vcpus;
    vm->speed = PACER_FULL;
    vm->vcpus = g_new0(Vcpu, MAX(vm->n_vcpus, 1));
    vm->devices = g_ptr_array_new();
    vm->park = true;
    if (events != NULL)
        vm->events = *events;
    vm->data = data;
    vm->env.vm_name = vm->name;
    vm->env.request = env_request;
    vm->env.log = env_log;
    vm->env.speaker = env_speaker;
    vm->env.mute_timer = env_mute_timer;
    vm->env.loop = loop_new(config->name, error);
    if (vm->env.loop == NULL || !vm_open_backend(vm, config, error)) {
        vm_destroy(vm);
        return NULL;
    }
    vm_pin_init(vm, config);
    /* guest time begins with the first instruction */
    loop_guest_clock_stop(vm->env.loop);
    vm_ops_init(vm);
    return vm;
}

static void
remove_devices_on_loop(void *data)
{
    Vm *vm = data;

    for (guint i = vm->devices->len; i-- > 0;)
        device_free(g_ptr_array_index(vm->devices, i));
    g_ptr_array_set_size(vm->devices, 0);
}

void
vm_remove_devices(Vm *vm)
{
    loop_call(vm->env.loop, remove_devices_on_loop, vm);
}

void
vm_free(Vm *vm)
{
    if (vm == NULL)
        return;
    VmState state = vm_state(vm);
    if (state == VM_RUNNING || state == VM_PAUSED || state == VM_SUSPENDED)
        (void) vm_stop(vm, "closed", NULL); /* it may just have stopped */
    vm_threads_join(vm);
    vm_remove_devices(vm);
    vm_destroy(vm);
}

typedef struct {
    Vm *vm;
    Device *dev;
    GError *error;
    bool ok;
} AddDevice;

static void
add_device_on_loop(void *data)
{
    AddDevice *add = data;

    add->ok = device_realize(add->dev, &add->vm->env, &add->error);
    if (!add->ok) {
        device_free(add->dev);
        return;
    }
    g_ptr_array_add(add->vm->devices, add->dev);
    if (vm_state(add->vm) != VM_NEW) {
        device_reset(add->dev, RESET_COLD);
        device_quiesce(add->dev); /* as the others are; resumed with them */
    }
}

bool
vm_add_device(Vm *vm, Device *dev, GError **error)
{
    AddDevice add = {.vm = vm, .dev = dev};

    loop_call(vm->env.loop, add_device_on_loop, &add);
    if (!add.ok)
        g_propagate_error(error, add.error);
    return add.ok;
}

void
vm_remove_device(Vm *vm, Device *dev)
{
    loop_assert_owner(vm->env.loop);
    g_return_if_fail(g_ptr_array_remove(vm->devices, dev));
    device_free(dev);
}

Device *
vm_find_device(Vm *vm, const char *id)
{
    for (guint i = 0; i < vm->devices->len; i++) {
        Device *dev = g_ptr_array_index(vm->devices, i);
        if (g_str_equal(dev->id, id))
            return dev;
    }
    return NULL;
}

void
vm_foreach_device(Vm *vm, void (*fn)(Device *dev, void *data), void *data)
{
    for (guint i = 0; i < vm->devices->len; i++)
        fn(g_ptr_array_index(vm->devices, i), data);
}

/* ---- figures ---- */

const char *
vm_name(const Vm *vm)
{
    return vm->name;
}

DeviceEnv *
vm_env(Vm *vm)
{
    return &vm->env;
}

Loop *
vm_loop(Vm *vm)
{
    return vm->env.loop;
}

unsigned
vm_n_vcpus(const Vm *vm)
{
    return vm->n_vcpus;
}

CpuStats
vm_cpu_stats(Vm *vm, unsigned vcpu)
{
    return vm->ops->stats(vm->backend, vcpu);
}

guint
vm_speed(Vm *vm)
{
    return (guint) g_atomic_int_get(&vm->speed);
}

guint32
vm_cpu_kips(Vm *vm)
{
    return vm->ops->kips(vm->backend);
}

char *
vm_describe_cpu(Vm *vm)
{
    return vm->ops->describe(vm->backend);
}

guint
vm_reset_count(Vm *vm)
{
    return (guint) g_atomic_int_get(&vm->resets);
}

char *
vm_report(Vm *vm)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; i < vm->n_vcpus; i++) {
        g_autofree char *text = vm->ops->report(vm->backend, i);
        g_string_append(out, text);
    }
    return g_string_free(out, FALSE);
}
