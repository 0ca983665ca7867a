/* vmm/cpu/kvm/kvm-hyperv.c - the Hyper-V interface of KVM: what it can do, and
 * what has to be switched on.
 *
 * Kernel: Documentation/virt/kvm/api.rst, KVM_GET_SUPPORTED_HV_CPUID and
 * KVM_CAP_HYPERV_*. */
#include <errno.h>

#include "vmm/core/sysutil.h"
#include "vmm/cpu/cpu-model.h"
#include "vmm/cpu/kvm/kvm-internal.h"

#define HV_MAX_LEAVES 64u

static bool
not_here(const char *why, GError **error)
{
    g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_UNSUPPORTED,
                "cpu.hyperv=true: KVM of this host does not offer Hyper-V's "
                "interface (%s); set it to false, or use a kernel with "
                "CONFIG_KVM_HYPERV on a processor with VT-x or AMD-V",
                why);
    return false;
}

bool
kvm_hyperv_enable(CpuBackend *b, GError **error)
{
    struct kvm_enable_cap synic = {.cap = KVM_CAP_HYPERV_SYNIC2};
    struct kvm_enable_cap enforce = {.cap = KVM_CAP_HYPERV_ENFORCE_CPUID,
                                     .args = {1}};

    if (!b->config.hyperv)
        return true;
    if (!kvm_check(b, KVM_CAP_HYPERV) || !kvm_check(b, KVM_CAP_HYPERV_CPUID))
        return not_here("it has no KVM_CAP_HYPERV_CPUID", error);
    for (unsigned i = 0; i < b->config.n_vcpus; i++) {
        int fd = b->vcpus[i].fd;
        if (kvm_check(b, KVM_CAP_HYPERV_SYNIC2) &&
            kvm_ioctl(fd, KVM_ENABLE_CAP, &synic) < 0)
            return sys_error(error, errno,
                             "KVM refused the Hyper-V interrupts of CPU %u", i);
        /* what is not shown cannot be used; without it only more can */
        if (kvm_check(b, KVM_CAP_HYPERV_ENFORCE_CPUID))
            (void) kvm_ioctl(fd, KVM_ENABLE_CAP, &enforce);
    }
    return true;
}

GArray *
kvm_hyperv_leaves(CpuBackend *b, GError **error)
{
    g_autofree struct kvm_cpuid2 *c = kvm_cpuid_alloc(HV_MAX_LEAVES);

    if (kvm_ioctl(b->vcpus[0].fd, KVM_GET_SUPPORTED_HV_CPUID, c) < 0) {
        not_here(g_strerror(errno), error);
        return NULL;
    }
    return kvm_cpuid_leaves(c);
}
