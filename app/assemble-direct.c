/* app/assemble-direct.c - the minimal machine: a kernel from the host instead
 * of firmware and drives. */
#include <cpuid.h>
#include <string.h>

#include "app/assemble-internal.h"
#include "profiles/paths.h"

bool
machine_is_minimal(const Profile *p)
{
    return strcmp(profile_get_string(p, "machine.chipset"), "pc-virtio") == 0;
}

static bool
open_kernel(Machine *m, const Profile *p, GError **error)
{
    g_autofree char *path = profile_get_path(p, "machine.kernel");
    g_autofree char *initrd = profile_get_path(p, "machine.initrd");
    g_autofree char *cache = paths_cache_dir();
    g_autofree char *kernels = g_build_filename(cache, "kernels", NULL);
    DeviceEnv *env = vm_env(m->vm);
    KernelSpec spec = {
        .path = path,
        .initrd = initrd,
        .cmdline = profile_get_string(p, "machine.cmdline"),
        .cache_dir =
            profile_get_bool(p, "machine.kernel-unpack") ? kernels : NULL,
    };

    m->kernel = kernel_open(&spec, error);
    if (m->kernel == NULL)
        return machine_blame(error, "machine", "kernel");
    g_autofree char *what = kernel_describe(m->kernel);
    env->log(env, "kernel", what);
    return true;
}

unsigned
machine_address_bits(void)
{
    unsigned a = 0, b, c, d;

    return __get_cpuid(0x80000008u, &a, &b, &c, &d) != 0 ? a & 0xff : 0;
}

bool
machine_build_minimal(Machine *m, const Profile *p, GError **error)
{
    PcCards cards = {.n_cards = 0};

    if (!open_kernel(m, p, error))
        return false;
    PcVirtioSpec spec = {
        .memory = profile_get_u64(p, "machine.memory"),
        .pages = m->pages,
        .cpus = (unsigned) profile_get_u64(p, "machine.cpus"),
        .serial = m->serial[0],
        .kernel = m->kernel,
        .cards = &cards,
        .acpi = profile_get_bool(p, "machine.acpi"),
        .debug_exit = profile_get_bool(p, "machine.debug-exit"),
        .address_bits = machine_address_bits(),
    };

    if (machine_plug_cards(m, p, &cards, error))
        m->minimal = pc_virtio_build(m->vm, &spec, &m->pc.pci, error);
    pc_cards_clear(&cards);
    return m->minimal != NULL;
}
