/* vmm/cpu/cpu.h - what a CPU backend is.
 *
 * KVM is the first (vmm/cpu/kvm); a software CPU may follow. Nothing above
 * this folder calls a KVM ioctl. A backend serves one VM; it implements the
 * memory, interrupt and eventfd ops of the other modules and runs vCPUs. */
#pragma once

#include "vmm/io/io.h"
#include "vmm/irq/irq.h"
#include "vmm/mem/guest-mem.h"
#include "vmm/types.h"

#define CARREL_CPU_ERROR (carrel_cpu_error_quark())
GQuark carrel_cpu_error_quark(void);
typedef enum {
    CARREL_CPU_ERROR_NO_KVM,     /* /dev/kvm absent */
    CARREL_CPU_ERROR_PERMISSION, /* /dev/kvm not ours to open */
    CARREL_CPU_ERROR_UNSUPPORTED /* capability or model missing */
} CarrelCpuError;

typedef enum {
    CPU_EXIT_CONTINUE, /* handled inside: run again */
    CPU_EXIT_KICKED,   /* somebody called kick */
    CPU_EXIT_HALTED,   /* only without an in-kernel interrupt controller */
    CPU_EXIT_SHUTDOWN, /* triple fault */
    CPU_EXIT_RESET,    /* the backend was asked for a system reset */
    CPU_EXIT_POWEROFF,
    CPU_EXIT_ERROR /* cannot go on: see report() */
} CpuExit;

/* Whether the guest is told that the time stamp counter never changes its
 * speed. */
typedef enum { CPU_TSC_AS_HOST, CPU_TSC_INVARIANT, CPU_TSC_PLAIN } CpuTsc;

typedef struct {
    const char *model; /* "host", "486", ...: a name of cpu_models[] */
    unsigned n_vcpus;  /* 1..64 */
    /* Of the topology that the guest sees; 0 is 1. n_vcpus is a multiple of
     * their product; with several sockets each has a power of two of CPUs. */
    unsigned sockets, threads; /* threads: of a core, 1 or 2 */
    guint32 tsc_khz;           /* 0: the host's; else only if the backend can */
    bool hide_hypervisor;      /* no sign of one: neither the bit nor a leaf */
    bool hide_backend;         /* no leaves of the backend's own (KVM's) */
    bool hide_clock;           /* the backend's clock for guests is not shown */
    bool hyperv;               /* Hyper-V's interface, which Windows uses */
    const char *hv_vendor; /* at most 12 characters; NULL or "": Microsoft's */
    CpuTsc invariant_tsc;
} CpuConfig;

typedef struct {
    guint64 rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r[8], rip, rflags;
    guint64 cr0, cr2, cr3, cr4, efer;
    struct {
        guint16 selector;
        guint64 base;
        guint32 limit;
    } cs, ss, ds, es;
} CpuRegs;

/* Where the first CPU starts when no firmware does it: flat segments with
 * selectors 10h (code) and 18h (data) from a GDT in guest memory, interrupts
 * off, FPU and caches as firmware leaves them. */
typedef struct {
    bool long_mode; /* else 32-bit protected mode without paging */
    guint64 rip, rsp, rax, rbx, rsi;
    Gpa page_tables; /* long mode: the PML4 */
    Gpa gdt;
    guint16 gdt_limit; /* bytes - 1 */
} CpuEntry;

/* Counters of one vCPU since start. */
typedef struct {
    guint64 exits, pio, mmio, halts, irq_windows, signals, other;
    guint64 guest_ns; /* CPU time of the guest's own instructions, while
                         vcpu_limit() has a limit */
} CpuStats;

typedef struct {
    const char *name; /* "kvm" */
    /* NULL and error set; the message says what to do about it. */
    CpuBackend *(*open)(const CpuConfig *config, IoSpace *ports, IoSpace *mmio,
                        GError **error);
    void (*close)(CpuBackend *b); /* all vCPU threads have ended */
    const MemBackendOps *mem;
    const IrqBackendOps *irq;
    const IoBackendOps *io;

    /* vCPU's own thread, before its first run. */
    bool (*vcpu_init)(CpuBackend *b, unsigned index, GError **error);
    /* Own thread, when it ends: kicks are ignored from now on. */
    void (*vcpu_done)(CpuBackend *b, unsigned index);
    CpuExit (*vcpu_run)(CpuBackend *b, unsigned index); /* own thread */
    /* Any thread: makes a running or about-to-run vcpu_run() return
     * CPU_EXIT_KICKED soon. */
    void (*vcpu_kick)(CpuBackend *b, unsigned index);
    /* Own thread: from the next run on the guest leaves with
     * CPU_EXIT_KICKED after about ns, again and again (0: no limit), and
     * guest_ns counts. False: the backend cannot. */
    bool (*vcpu_limit)(CpuBackend *b, unsigned index, gint64 ns);
    /* Own thread: completes a half-done port or MMIO instruction so that the
     * registers are those between two instructions. */
    void (*vcpu_settle)(CpuBackend *b, unsigned index);
    /* Every vCPU parked; loop thread. Power-on state; APs wait for INIT. */
    bool (*reset)(CpuBackend *b, GError **error);
    /* After reset, or before the first run; every vCPU parked. CPU 0 starts at
     * entry instead of the reset vector. NULL: the backend cannot. */
    bool (*set_entry)(CpuBackend *b, const CpuEntry *entry, GError **error);
    /* Parked or own thread. */
    bool (*get_regs)(CpuBackend *b, unsigned index, CpuRegs *ret_regs);
    /* Text for people: cause, registers, instruction bytes, what to try.
     * Parked or own thread; free with g_free. */
    char *(*report)(CpuBackend *b, unsigned index);
    CpuStats (*stats)(CpuBackend *b, unsigned index); /* any thread */
    /* Thousand instructions a second that a guest gets; see cpu-speed.h. */
    guint32 (*kips)(CpuBackend *b);
    /* Before the first run: which CPU, TSC, what is in the kernel. */
    char *(*describe)(CpuBackend *b);
    /* Guest clock stops and goes on with the machine (kvmclock, TSC). */
    void (*clock_stop)(CpuBackend *b);
    void (*clock_start)(CpuBackend *b);
    /* What the timer does for the speaker; any thread. NULL: there is no
     * timer. */
    bool (*speaker)(CpuBackend *b, SpeakerLine *ret_line);
    /* See DeviceEnv. NULL: it cannot. */
    void (*mute_timer)(CpuBackend *b, bool mute);
    /* See vm_set_vfio_group(). NULL: the CPU need not know. */
    int (*set_vfio_group)(CpuBackend *b, int group_fd, bool add);
} CpuBackendOps;

/* vmm/cpu/kvm/kvm.c */
extern const CpuBackendOps kvm_backend_ops;

/* Named CPU models for guests; see vmm/cpu/cpu-model.c for the table. */
typedef struct {
    const char *name, *summary;
} CpuModelInfo;
const CpuModelInfo *cpu_models(unsigned *ret_n);
bool cpu_model_exists(const char *name);
