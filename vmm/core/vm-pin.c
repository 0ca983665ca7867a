/* vmm/core/vm-pin.c - threads of a machine on processors of the host.
 *
 * Threads of devices are started on the loop, and inherit where it runs: so
 * only the loop and the vCPUs are told. */
#include <errno.h>
#include <sched.h>

#include "vmm/core/vm-internal.h"
#include "vmm/loop/loop.h"

struct VmPin {
    cpu_set_t any; /* where the process may run */
    cpu_set_t io;
    bool has_io;
    unsigned *vcpu_cpus; /* NULL: any */
};

static void
pin_log(Vm *vm, const char *who, const char *where, int err)
{
    g_autofree char *line =
        g_strdup_printf("%s cannot be kept on the host's processor%s: %s; it "
                        "runs on any. Look at cpu.pin and cpu.io-pin, and at "
                        "what the session's cpuset allows",
                        who, where, g_strerror(err));

    if (vm->events.log != NULL)
        vm->events.log(vm->data, "machine", line);
}

static void
pin_loop(void *data)
{
    Vm *vm = data;

    if (sched_setaffinity(0, sizeof vm->pin->io, &vm->pin->io) < 0) {
        pin_log(vm, "the loop", "s", errno);
        vm->pin->has_io = false;
    }
}

void
vm_pin_init(Vm *vm, const VmConfig *config)
{
    if (config->vcpu_cpus == NULL && config->n_io_cpus == 0)
        return;
    VmPin *pin = g_new0(VmPin, 1);
    vm->pin = pin;
    if (sched_getaffinity(0, sizeof pin->any, &pin->any) < 0)
        for (unsigned i = 0; i < CPU_SETSIZE; i++)
            CPU_SET(i, &pin->any);
    if (config->vcpu_cpus != NULL)
        pin->vcpu_cpus = g_memdup2(config->vcpu_cpus,
                                   config->cpu.n_vcpus * sizeof(unsigned));
    CPU_ZERO(&pin->io);
    for (unsigned i = 0; i < config->n_io_cpus; i++)
        CPU_SET(config->io_cpus[i], &pin->io);
    pin->has_io = config->n_io_cpus > 0;
    if (pin->has_io)
        loop_call(vm->env.loop, pin_loop, vm);
}

void
vm_pin_vcpu(Vm *vm, unsigned index)
{
    const VmPin *pin = vm->pin;
    cpu_set_t set;

    if (pin == NULL)
        return;
    if (pin->vcpu_cpus != NULL) {
        CPU_ZERO(&set);
        CPU_SET(pin->vcpu_cpus[index], &set);
        if (sched_setaffinity(0, sizeof set, &set) == 0)
            return;
        g_autofree char *who = g_strdup_printf("CPU %u", index);
        g_autofree char *where = g_strdup_printf(" %u", pin->vcpu_cpus[index]);
        pin_log(vm, who, where, errno);
    }
    /* the loop started this thread, and has processors of its own */
    if (pin->has_io)
        (void) sched_setaffinity(0, sizeof pin->any, &pin->any);
}

void
vm_pin_free(VmPin *pin)
{
    if (pin != NULL)
        g_free(pin->vcpu_cpus);
    g_free(pin);
}
