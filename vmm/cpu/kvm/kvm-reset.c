/* vmm/cpu/kvm/kvm-reset.c - power-on state of the vCPUs and the in-kernel
 * chips: taken once at creation, put back on every reset.
 *
 * The TSC keeps counting through a reset, as it does for a warm reset of real
 * hardware; setting it on several vCPUs one after the other would leave them
 * out of step. */
#include <errno.h>
#include <string.h>

#include "vmm/core/sysutil.h"
#include "vmm/cpu/kvm/kvm-internal.h"

/* clang-format off */
/* Intel SDM volume 4; the 4B564Dxx are KVM's own (Documentation/virt/kvm/
 * x86/msr.rst): zero switches off what a dead guest had asked to be written
 * into its memory. */
static const guint32 reset_msrs[] = {
    0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04, 0x4b564d05,
    0x4b564d06, 0x4b564d07, 0x11, 0x12,
    0x174, 0x175, 0x176,                            /* SYSENTER */
    0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, /* STAR .. SFMASK */
    0xc0000102, 0xc0000103,                         /* KERNEL_GS, TSC_AUX */
    0x277,                                          /* PAT */
    0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207,
    0x208, 0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f, /* MTRR ranges */
    0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c,
    0x26d, 0x26e, 0x26f, 0x2ff,                     /* MTRR fixed, default */
    0x1a0, 0x1d9,                                   /* MISC_ENABLE, DEBUGCTL */
    0x6e0,                                          /* TSC_DEADLINE */
    0xda0, 0x48,                                    /* XSS, SPEC_CTRL */
    0x17a, 0x17b,                                   /* MCG_STATUS, MCG_CTL */
};
/* Hyper-V's: pages that the guest had shown are taken away before its name, its
 * interrupts are masked, its timers stop. */
static const guint32 reset_hyperv_msrs[] = {
    0x40000001, 0x40000000, 0x40000021, 0x40000073, /* HYPERCALL, GUEST_OS_ID,
                                             REFERENCE_TSC, VP_ASSIST_PAGE */
    0x400000b0, 0x400000b1, 0x400000b2, 0x400000b3,
    0x400000b4, 0x400000b5, 0x400000b6, 0x400000b7, /* STIMERn */
    0x40000080, 0x40000082, 0x40000083,             /* SCONTROL, SIEFP, SIMP */
    0x40000090, 0x40000091, 0x40000092, 0x40000093,
    0x40000094, 0x40000095, 0x40000096, 0x40000097,
    0x40000098, 0x40000099, 0x4000009a, 0x4000009b,
    0x4000009c, 0x4000009d, 0x4000009e, 0x4000009f, /* SINTn */
};
/* clang-format on */
G_STATIC_ASSERT(G_N_ELEMENTS(reset_hyperv_msrs) <= KVM_MAX_MSRS);
G_STATIC_ASSERT(G_N_ELEMENTS(reset_msrs) <= KVM_MAX_MSRS);

/* All in one call. KVM stops at the first that the host does not have: that one
 * is left out, and the call repeated for those behind it. */
static void
save_msrs(KvmVcpu *v, const guint32 *indices, unsigned n)
{
    for (unsigned first = 0; first < n;) {
        KvmMsrs all = {.head = {.nmsrs = n - first}};
        for (unsigned i = first; i < n; i++)
            all.head.entries[i - first].index = indices[i];
        int got = kvm_ioctl(v->fd, KVM_GET_MSRS, &all);
        if (got < 0)
            return;
        g_array_append_vals(v->pristine.msrs, all.head.entries, (guint) got);
        first += (unsigned) got + 1;
    }
}

static bool
save_vcpu(CpuBackend *b, KvmVcpu *v, GError **error)
{
    KvmVcpuState *p = &v->pristine;

    if (kvm_ioctl(v->fd, KVM_GET_REGS, &p->regs) < 0 ||
        kvm_ioctl(v->fd, KVM_GET_SREGS, &p->sregs) < 0 ||
        kvm_ioctl(v->fd, KVM_GET_FPU, &p->fpu) < 0 ||
        kvm_ioctl(v->fd, KVM_GET_LAPIC, &p->lapic) < 0)
        return sys_error(error, errno, "KVM does not give a CPU's registers");
    p->has_events = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &p->events) == 0;
    p->has_debugregs = kvm_ioctl(v->fd, KVM_GET_DEBUGREGS, &p->debugregs) == 0;
    p->has_xcrs = kvm_check(b, KVM_CAP_XCRS) &&
                  kvm_ioctl(v->fd, KVM_GET_XCRS, &p->xcrs) == 0;
    p->msrs = g_array_new(FALSE, TRUE, sizeof(struct kvm_msr_entry));
    save_msrs(v, reset_msrs, G_N_ELEMENTS(reset_msrs));
    if (b->config.hyperv)
        save_msrs(v, reset_hyperv_msrs, G_N_ELEMENTS(reset_hyperv_msrs));
    return true;
}

bool
kvm_save_pristine(CpuBackend *b, GError **error)
{
    for (unsigned i = 0; i < b->config.n_vcpus; i++)
        if (!save_vcpu(b, &b->vcpus[i], error))
            return false;
    for (unsigned chip = 0; chip < 3; chip++) {
        b->pristine_chips[chip].chip_id = chip;
        if (kvm_ioctl(b->vm_fd, KVM_GET_IRQCHIP, &b->pristine_chips[chip]) < 0)
            return sys_error(error, errno, "KVM_GET_IRQCHIP failed");
    }
    if (kvm_ioctl(b->vm_fd, KVM_GET_PIT2, &b->pristine_pit) < 0)
        return sys_error(error, errno, "KVM_GET_PIT2 failed");
    return true;
}

void
kvm_free_pristine(CpuBackend *b)
{
    for (unsigned i = 0; b->vcpus != NULL && i < b->config.n_vcpus; i++)
        if (b->vcpus[i].pristine.msrs != NULL)
            g_array_unref(b->vcpus[i].pristine.msrs);
}

/* The same way back; a register that is read-only is passed over. */
static void
restore_msrs(KvmVcpu *v)
{
    const GArray *msrs = v->pristine.msrs;

    for (guint first = 0; first < msrs->len;) {
        KvmMsrs all = {.head = {.nmsrs = MIN(msrs->len - first, KVM_MAX_MSRS)}};
        memcpy(all.head.entries,
               &g_array_index(msrs, struct kvm_msr_entry, first),
               all.head.nmsrs * sizeof all.head.entries[0]);
        int set = kvm_ioctl(v->fd, KVM_SET_MSRS, &all);
        if (set < 0)
            return;
        first += (guint) set + ((guint) set < all.head.nmsrs);
    }
}

static bool
reset_vcpu(CpuBackend *b, unsigned index, GError **error)
{
    KvmVcpu *v = &b->vcpus[index];
    KvmVcpuState *p = &v->pristine;
    struct kvm_mp_state mp = {.mp_state = index == 0
                                              ? KVM_MP_STATE_RUNNABLE
                                              : KVM_MP_STATE_UNINITIALIZED};

    /* events first: a pending exception would survive the new registers */
    if (p->has_events)
        (void) kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &p->events);
    if (kvm_ioctl(v->fd, KVM_SET_SREGS, &p->sregs) < 0 ||
        kvm_ioctl(v->fd, KVM_SET_REGS, &p->regs) < 0 ||
        kvm_ioctl(v->fd, KVM_SET_FPU, &p->fpu) < 0 ||
        kvm_ioctl(v->fd, KVM_SET_LAPIC, &p->lapic) < 0)
        return sys_error(error, errno, "KVM cannot reset CPU %u", index);
    if (p->has_xcrs)
        (void) kvm_ioctl(v->fd, KVM_SET_XCRS, &p->xcrs); /* as it was */
    if (p->has_debugregs)
        (void) kvm_ioctl(v->fd, KVM_SET_DEBUGREGS, &p->debugregs);
    restore_msrs(v);
    if (kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp) < 0)
        return sys_error(error, errno, "KVM cannot reset CPU %u", index);
    v->retried_rip = 0;
    return true;
}

bool
kvm_reset(CpuBackend *b, GError **error)
{
    for (unsigned i = 0; i < b->config.n_vcpus; i++)
        if (!reset_vcpu(b, i, error))
            return false;
    for (unsigned chip = 0; chip < 3; chip++)
        if (kvm_ioctl(b->vm_fd, KVM_SET_IRQCHIP, &b->pristine_chips[chip]) < 0)
            return sys_error(error, errno, "KVM_SET_IRQCHIP failed");
    if (kvm_ioctl(b->vm_fd, KVM_SET_PIT2, &b->pristine_pit) < 0)
        return sys_error(error, errno, "KVM_SET_PIT2 failed");
    return true;
}
