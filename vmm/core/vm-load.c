/* vmm/core/vm-load.c - starting a machine without firmware: somebody else
 * loads the guest, the CPU backend is told where it begins. */

#include "vmm/core/vm-internal.h"

#include "vmm/core/error.h"

void
vm_set_loader(Vm *vm, VmLoad load, void *data)
{
    vm->load = load;
    vm->load_data = data;
}

bool
vm_load(Vm *vm, GError **error)
{
    CpuEntry entry = {.long_mode = false};

    if (vm->load == NULL)
        return true;
    if (vm->ops->set_entry == NULL) {
        g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_SUPPORTED,
                    "machine '%s': CPUs by %s start with firmware only",
                    vm->name, vm->ops->name);
        return false;
    }
    return vm->load(vm->load_data, &entry, error) &&
           vm->ops->set_entry(vm->backend, &entry, error);
}
