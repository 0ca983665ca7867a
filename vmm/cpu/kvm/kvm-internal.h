/* vmm/cpu/kvm/kvm-internal.h - shared by the files of the KVM backend.
 * API: Documentation/virt/kvm/api.rst of the kernel. */
#pragma once

#include <linux/kvm.h>
#include <pthread.h>
#include <time.h>

#include "vmm/cpu/cpu.h"

#define KVM_MAX_MSI_ROUTES 1024u
#define KVM_FIRST_MSI_GSI  ((unsigned) IRQ_PINS)

#define KVM_MAX_MSRS       64u /* in one call of ours */

/* For KVM_GET_MSRS and KVM_SET_MSRS: the head ends in a flexible array. */
typedef union {
    struct kvm_msrs head;
    guint8 room[sizeof(struct kvm_msrs) +
                KVM_MAX_MSRS * sizeof(struct kvm_msr_entry)];
} KvmMsrs;

/* Everything of a vCPU that a reset puts back, taken at creation. */
typedef struct {
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_fpu fpu;
    struct kvm_lapic_state lapic;
    struct kvm_vcpu_events events;
    struct kvm_debugregs debugregs;
    struct kvm_xcrs xcrs;
    bool has_xcrs, has_debugregs, has_events;
    GArray *msrs; /* struct kvm_msr_entry */
} KvmVcpuState;

/* How long the guest may run at a time; see kvm-limit.c. */
typedef struct {
    bool has_timer, on;
    timer_t timer;   /* sends the kick signal to the vCPU's thread */
    gint64 overhead; /* ns that KVM_RUN takes when the guest does nothing */
} KvmLimit;

typedef struct {
    int fd;
    struct kvm_run *run;
    GMutex kick_lock; /* L2 guards thread and has_thread: a signal to a thread
                         that has ended is undefined */
    pthread_t thread;
    bool has_thread;
    KvmVcpuState pristine;
    CpuStats stats;      /* written by the vCPU thread, read by anyone */
    char *error;         /* why CPU_EXIT_ERROR */
    KvmLimit limit;      /* own thread */
    guint64 retried_rip; /* emulation failure already tried again at rip - 1 */
} KvmVcpu;

typedef struct KvmLateIrq KvmLateIrq;

struct CpuBackend {
    KvmLateIrq *late; /* NULL: the host needs no help */
    int kvm_fd, vm_fd;
    int vfio_fd; /* KVM's list of VFIO groups; -1: none was told */
    CpuConfig config;
    char *model_name, *hv_vendor;
    guint32 tsc_khz;
    gsize run_size;
    IoSpace *ports, *mmio;
    KvmVcpu *vcpus;
    struct kvm_irqchip pristine_chips[3]; /* PIC master, slave, IOAPIC */
    struct kvm_pit_state2 pristine_pit;
    struct kvm_clock_data clock; /* kvmclock while stopped */

    GMutex posted_lock; /* L0 guards the order in which devices get what is in
                           posted; held around their handlers */
    struct kvm_coalesced_mmio_ring *posted; /* NULL: none was asked for */

    GMutex route_lock; /* L2 guards routes and the routing ioctl */
    struct {
        bool used;
        guint64 address;
        guint32 data;
    } routes[KVM_MAX_MSI_ROUTES];
};

extern const MemBackendOps kvm_mem_ops; /* kvm-mem.c */
extern const IrqBackendOps kvm_irq_ops; /* kvm-irq.c */
extern const IoBackendOps kvm_io_ops;   /* kvm-irq.c */

/* kvm-irq.c: the 8259s, IOAPIC and PIT, and the first routing table. */
bool kvm_speaker(CpuBackend *b, SpeakerLine *ret_line); /* any thread */
void kvm_mute_timer(CpuBackend *b, bool mute);          /* any thread */
bool kvm_create_irqchip(CpuBackend *b, GError **error);

/* kvm-hyperv.c: before the CPUID leaves are set; nothing when it is off. */
bool kvm_hyperv_enable(CpuBackend *b, GError **error);
/* What KVM can do of it (CpuidLeaf). NULL and error set. */
GArray *kvm_hyperv_leaves(CpuBackend *b, GError **error);

/* kvm-cpuid.c: room for n answers; g_free. The answers as CpuidLeaf. */
struct kvm_cpuid2 *kvm_cpuid_alloc(unsigned n);
GArray *kvm_cpuid_leaves(const struct kvm_cpuid2 *c);
/* Supported leaves through the model into each vCPU. */
bool kvm_set_cpuid(CpuBackend *b, GError **error);

/* kvm-reset.c */
bool kvm_save_pristine(CpuBackend *b, GError **error);
bool kvm_reset(CpuBackend *b, GError **error);
void kvm_free_pristine(CpuBackend *b);

/* kvm-entry.c */
bool kvm_set_entry(CpuBackend *b, const CpuEntry *entry, GError **error);

/* kvm-exit.c: what KVM_RUN returned for, on the vCPU's thread. */
CpuExit kvm_handle_exit(CpuBackend *b, unsigned index);
CpuExit kvm_handle_errno(CpuBackend *b, unsigned index, int err);

/* What a guest wrote, of any length; no device's lock held. */
void kvm_write_bytes(IoSpace *space, guint64 addr, const guint8 *data,
                     unsigned len);

/* kvm-posted.c: see IoBackendOps. */
int kvm_set_posted(void *backend, IoKind kind, guint64 addr, unsigned len,
                   bool on);
void kvm_flush_posted(void *backend);

/* kvm-limit.c: vCPU's own thread. run: KVM_RUN as ioctl() returns it. */
bool kvm_limit(CpuBackend *b, unsigned index, gint64 ns);
int kvm_limited_run(KvmVcpu *v);
void kvm_limit_end(KvmVcpu *v);

/* The signal that brings a vCPU out of KVM_RUN. */
int kvm_kick_signal(void);

/* kvm-report.c */
bool kvm_get_regs(CpuBackend *b, unsigned index, CpuRegs *ret_regs);
char *kvm_report(CpuBackend *b, unsigned index);

/* kvm-late-irq.c: only where kvm_host_emulates(). raised: any thread, after a
 * device raised an ISA line. */
bool kvm_host_emulates(void);
KvmLateIrq *kvm_late_irq_new(CpuBackend *b,
                             void (*nudge)(CpuBackend *b, unsigned index));
void kvm_late_irq_raised(KvmLateIrq *late, unsigned pin);
void kvm_late_irq_free(KvmLateIrq *late);

/* ioctl with EINTR retried; -1 and errno, or the result. */
int kvm_ioctl(int fd, unsigned long request, void *arg);
/* KVM_CHECK_EXTENSION of the VM; 0 when absent. */
int kvm_check(CpuBackend *b, int capability);
