/* vmm/cpu/kvm/kvm-exit.c - one handler per reason for which KVM_RUN returns. */
#include <errno.h>
#include <string.h>

#include "vmm/cpu/kvm/kvm-internal.h"

/* Hypervisor Top Level Functional Specification, appendix B */
#define HV_STATUS_INVALID_HYPERCALL_CODE 2u

static void
count(guint64 *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static CpuExit
fail(KvmVcpu *v, char *why)
{
    g_free(v->error);
    v->error = why;
    return CPU_EXIT_ERROR;
}

/* ---- ports and memory ---- */

static guint64
load_le(const guint8 *data, unsigned size)
{
    guint64 le = 0;

    memcpy(&le, data, size);
    return GUINT64_FROM_LE(le);
}

static CpuExit
exit_io(CpuBackend *b, KvmVcpu *v)
{
    struct kvm_run *run = v->run;
    guint8 *data = (guint8 *) run + run->io.data_offset;
    unsigned size = run->io.size, n = run->io.count;

    count(&v->stats.pio);
    if (run->io.direction == KVM_EXIT_IO_OUT) {
        if (n == 1)
            io_write(b->ports, run->io.port, load_le(data, size), size);
        else
            io_write_rep(b->ports, run->io.port, data, size, n);
    } else if (n == 1) {
        guint64 le = GUINT64_TO_LE(io_read(b->ports, run->io.port, size));
        memcpy(data, &le, size);
    } else {
        io_read_rep(b->ports, run->io.port, data, size, n);
    }
    return CPU_EXIT_CONTINUE;
}

/* KVM cuts an access at a page's end, so the length may be anything up to 8. */
static unsigned
access_step(unsigned len)
{
    return len == 8 || len == 4 || len == 2 ? len : 1;
}

void
kvm_write_bytes(IoSpace *space, guint64 addr, const guint8 *data, unsigned len)
{
    unsigned step = access_step(len);

    for (unsigned i = 0; i < len; i += step)
        io_write(space, addr + i, load_le(data + i, step), step);
}

static CpuExit
exit_mmio(CpuBackend *b, KvmVcpu *v)
{
    struct kvm_run *run = v->run;
    unsigned step = access_step(run->mmio.len);

    count(&v->stats.mmio);
    if (run->mmio.is_write) {
        kvm_write_bytes(b->mmio, run->mmio.phys_addr, run->mmio.data,
                        run->mmio.len);
        return CPU_EXIT_CONTINUE;
    }
    for (unsigned i = 0; i < run->mmio.len; i += step) {
        guint64 le =
            GUINT64_TO_LE(io_read(b->mmio, run->mmio.phys_addr + i, step));
        memcpy(run->mmio.data + i, &le, step);
    }
    return CPU_EXIT_CONTINUE;
}

/* ---- the rest ---- */

static CpuExit
exit_nothing(CpuBackend *b, KvmVcpu *v)
{
    count(&v->stats.other);
    return CPU_EXIT_CONTINUE;
}

static CpuExit
exit_hlt(CpuBackend *b, KvmVcpu *v)
{
    count(&v->stats.halts);
    return CPU_EXIT_CONTINUE; /* only seen without in-kernel controllers */
}

static CpuExit
exit_window(CpuBackend *b, KvmVcpu *v)
{
    count(&v->stats.irq_windows);
    return CPU_EXIT_CONTINUE;
}

static CpuExit
exit_shutdown(CpuBackend *b, KvmVcpu *v)
{
    return CPU_EXIT_SHUTDOWN;
}

static CpuExit
exit_system_event(CpuBackend *b, KvmVcpu *v)
{
    switch (v->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN: return CPU_EXIT_POWEROFF;
    case KVM_SYSTEM_EVENT_RESET: return CPU_EXIT_RESET;
    default:
        return fail(v, g_strdup_printf("KVM reported system event %u",
                                       v->run->system_event.type));
    }
}

static CpuExit
exit_hypercall(CpuBackend *b, KvmVcpu *v)
{
    v->run->hypercall.ret = (guint64) -ENOSYS;
    return CPU_EXIT_CONTINUE;
}

static CpuExit
exit_msr(CpuBackend *b, KvmVcpu *v)
{
    v->run->msr.error = 1; /* general protection, as for any unknown one */
    return CPU_EXIT_CONTINUE;
}

/* The guest moved a page of its Hyper-V interrupts, which KVM has done already,
 * or made a hypercall that nobody showed it. */
static CpuExit
exit_hyperv(CpuBackend *b, KvmVcpu *v)
{
    if (v->run->hyperv.type == KVM_EXIT_HYPERV_HCALL)
        v->run->hyperv.u.hcall.result = HV_STATUS_INVALID_HYPERCALL_CODE;
    return CPU_EXIT_CONTINUE;
}

/* A slot that is being replaced (PAM, a frame buffer's BAR) is missing for
 * some microseconds; an instruction fetched there in that time "cannot be
 * emulated". Once it is tried again. */
static bool
worth_retry(KvmVcpu *v)
{
    struct kvm_regs regs;

    if (v->run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION ||
        kvm_ioctl(v->fd, KVM_GET_REGS, &regs) < 0 ||
        v->retried_rip == regs.rip + 1)
        return false;
    v->retried_rip = regs.rip + 1; /* 0 means none */
    return true;
}

static const char *
suberror_name(guint32 suberror)
{
    switch (suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
        return "the instruction cannot be emulated";
    case KVM_INTERNAL_ERROR_SIMUL_EX: return "two exceptions at once";
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
        return "an event could not be delivered";
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
        return "the processor left for an unknown reason";
    default: return "unknown cause";
    }
}

static CpuExit
exit_internal_error(CpuBackend *b, KvmVcpu *v)
{
    if (worth_retry(v))
        return CPU_EXIT_CONTINUE;
    return fail(v, g_strdup_printf("KVM internal error %u: %s",
                                   v->run->internal.suberror,
                                   suberror_name(v->run->internal.suberror)));
}

static CpuExit
exit_fail_entry(CpuBackend *b, KvmVcpu *v)
{
    guint64 reason = v->run->fail_entry.hardware_entry_failure_reason;

    return fail(v,
                g_strdup_printf("the processor refused the guest's state "
                                "(hardware reason 0x%" G_GINT64_MODIFIER "x)",
                                reason));
}

static CpuExit
exit_unknown(CpuBackend *b, KvmVcpu *v)
{
    return fail(v, g_strdup_printf("KVM left for reason %u, which this "
                                   "program does not know",
                                   v->run->exit_reason));
}

typedef CpuExit (*ExitHandler)(CpuBackend *b, KvmVcpu *v);

/* clang-format off */
static const ExitHandler handlers[] = {
    [KVM_EXIT_IO]              = exit_io,
    [KVM_EXIT_HYPERCALL]       = exit_hypercall,
    [KVM_EXIT_DEBUG]           = exit_nothing,
    [KVM_EXIT_HLT]             = exit_hlt,
    [KVM_EXIT_MMIO]            = exit_mmio,
    [KVM_EXIT_IRQ_WINDOW_OPEN] = exit_window,
    [KVM_EXIT_SHUTDOWN]        = exit_shutdown,
    [KVM_EXIT_FAIL_ENTRY]      = exit_fail_entry,
    [KVM_EXIT_INTR]            = exit_nothing,
    [KVM_EXIT_SET_TPR]         = exit_nothing,
    [KVM_EXIT_TPR_ACCESS]      = exit_nothing,
    [KVM_EXIT_NMI]             = exit_nothing,
    [KVM_EXIT_INTERNAL_ERROR]  = exit_internal_error,
    [KVM_EXIT_SYSTEM_EVENT]    = exit_system_event,
    [KVM_EXIT_HYPERV]          = exit_hyperv,
    [KVM_EXIT_IOAPIC_EOI]      = exit_nothing,
    [KVM_EXIT_X86_RDMSR]       = exit_msr,
    [KVM_EXIT_X86_WRMSR]       = exit_msr,
};
/* clang-format on */

CpuExit
kvm_handle_exit(CpuBackend *b, unsigned index)
{
    KvmVcpu *v = &b->vcpus[index];
    guint32 reason = v->run->exit_reason;
    ExitHandler handler =
        reason < G_N_ELEMENTS(handlers) ? handlers[reason] : NULL;

    count(&v->stats.exits);
    kvm_flush_posted(b); /* they came before */
    return handler != NULL ? handler(b, v) : exit_unknown(b, v);
}

CpuExit
kvm_handle_errno(CpuBackend *b, unsigned index, int err)
{
    KvmVcpu *v = &b->vcpus[index];

    kvm_flush_posted(b); /* who stops the guest wants to see all that it did */
    if (err == EINTR) {
        count(&v->stats.signals);
        __atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_RELEASE);
        return CPU_EXIT_KICKED;
    }
    if (err == EAGAIN) /* an AP before its start-up message */
        return CPU_EXIT_KICKED;
    return fail(v, g_strdup_printf("KVM_RUN failed: %s", g_strerror(err)));
}
