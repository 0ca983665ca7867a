/* vmm/cpu/kvm/kvm-cpuid.c - CPUID of the guest: what KVM supports, put through
 * the named model. */
#include <errno.h>

#include "vmm/core/sysutil.h"
#include "vmm/cpu/cpu-model.h"
#include "vmm/cpu/kvm/kvm-internal.h"

#define CPUID_MAX_ENTRIES 256u

struct kvm_cpuid2 *
kvm_cpuid_alloc(unsigned n)
{
    struct kvm_cpuid2 *c =
        g_malloc0(sizeof *c + n * sizeof(struct kvm_cpuid_entry2));

    c->nent = n;
    return c;
}

GArray *
kvm_cpuid_leaves(const struct kvm_cpuid2 *c)
{
    GArray *leaves = g_array_new(FALSE, TRUE, sizeof(CpuidLeaf));

    for (unsigned i = 0; i < c->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &c->entries[i];
        CpuidLeaf leaf = {
            .function = e->function,
            .index = e->index,
            .indexed = (e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0,
            .eax = e->eax,
            .ebx = e->ebx,
            .ecx = e->ecx,
            .edx = e->edx,
        };
        g_array_append_val(leaves, leaf);
    }
    return leaves;
}

static GArray *
supported_leaves(CpuBackend *b, GError **error)
{
    g_autofree struct kvm_cpuid2 *c = kvm_cpuid_alloc(CPUID_MAX_ENTRIES);

    if (kvm_ioctl(b->kvm_fd, KVM_GET_SUPPORTED_CPUID, c) < 0) {
        sys_error(error, errno, "KVM does not say what CPU it offers");
        return NULL;
    }
    return kvm_cpuid_leaves(c);
}

static bool
set_vcpu_cpuid(CpuBackend *b, unsigned index, const GArray *leaves,
               GError **error)
{
    g_autofree struct kvm_cpuid2 *c = kvm_cpuid_alloc(leaves->len);

    for (guint i = 0; i < leaves->len; i++) {
        const CpuidLeaf *l = &g_array_index(leaves, CpuidLeaf, i);
        c->entries[i] = (struct kvm_cpuid_entry2){
            .function = l->function,
            .index = l->index,
            .flags = l->indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
            .eax = l->eax,
            .ebx = l->ebx,
            .ecx = l->ecx,
            .edx = l->edx,
        };
    }
    if (kvm_ioctl(b->vcpus[index].fd, KVM_SET_CPUID2, c) < 0)
        return sys_error(error, errno, "KVM refused CPU model '%s' for CPU %u",
                         b->config.model, index);
    return true;
}

static bool
check_tsc(CpuBackend *b, const GArray *supported, GError **error)
{
    if (b->config.invariant_tsc != CPU_TSC_INVARIANT ||
        cpu_model_tsc_is_invariant(supported))
        return true;
    g_set_error(error, CARREL_CPU_ERROR, CARREL_CPU_ERROR_UNSUPPORTED,
                "clock.invariant-tsc=on: the time stamp counter of this host "
                "may change its speed or stop; set it to auto");
    return false;
}

bool
kvm_set_cpuid(CpuBackend *b, GError **error)
{
    g_autoptr(GArray) supported = supported_leaves(b, error);
    g_autoptr(GArray) hyperv = NULL;

    if (supported == NULL || !check_tsc(b, supported, error))
        return false;
    if (b->config.hyperv && (hyperv = kvm_hyperv_leaves(b, error)) == NULL)
        return false;
    CpuModelContext ctx = {
        .n_vcpus = b->config.n_vcpus,
        .sockets = b->config.sockets,
        .threads = b->config.threads,
        .hide_hypervisor = b->config.hide_hypervisor,
        .hide_backend = b->config.hide_backend,
        .hide_clock = b->config.hide_clock,
        .plain_tsc = b->config.invariant_tsc == CPU_TSC_PLAIN,
        .tsc_deadline = kvm_check(b, KVM_CAP_TSC_DEADLINE_TIMER) != 0,
        .tsc_khz = b->tsc_khz,
        .hyperv = hyperv,
        .hv_vendor = b->hv_vendor,
    };
    for (unsigned i = 0; i < b->config.n_vcpus; i++) {
        g_autoptr(GArray) leaves = g_array_copy(supported);
        cpu_model_apply(cpu_model_find(b->config.model), &ctx, i, leaves);
        if (!set_vcpu_cpuid(b, i, leaves, error))
            return false;
    }
    return true;
}
