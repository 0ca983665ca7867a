/* app/session/machine-host-speed.c - how fast a real machine's processors are,
 * for clients. */
#include "app/session/machine-host-internal.h"
#include "app/session/session-error.h"
#include "vmm/core/vm.h"
#include "vmm/cpu/cpu-speed.h"

guint
machine_host_speed(void *m)
{
    MachineHost *host = m;

    return vm_speed(machine_vm(host->machine));
}

bool
machine_host_set_speed(void *m, const char *text, GError **error)
{
    MachineHost *host = m;
    Vm *vm = machine_vm(host->machine);
    guint32 share;

    if (!cpu_speed_parse(text, vm_cpu_kips(vm), &share)) {
        g_set_error(error, CARREL_SESSION_ERROR, CARREL_SESSION_ERROR_USAGE,
                    "speed: '%s' is none; there are full, 286, 386, 486, "
                    "pentium, pentium2, and 0.01%% to 100%%",
                    text);
        return false;
    }
    vm_set_speed(vm, share);
    g_autofree char *line = g_strdup_printf("speed: %s, %.2f%% of this host's",
                                            text, share / 10000.0);
    machine_host_say(host, line);
    return true;
}
