/* vmm/cpu/cpu-model.h - which CPU a guest sees, as data; see cpu-model.c. */
#pragma once

#include "vmm/types.h"

/* One answer of CPUID. */
typedef struct {
    guint32 function, index;
    bool indexed; /* the sub-leaf counts */
    guint32 eax, ebx, ecx, edx;
} CpuidLeaf;

typedef struct CpuModel CpuModel;

/* NULL: unknown name. */
const CpuModel *cpu_model_find(const char *name);

typedef struct {
    unsigned n_vcpus, sockets, threads; /* as in CpuConfig; 0 is 1 */
    bool hide_hypervisor, hide_backend, hide_clock, tsc_deadline;
    bool plain_tsc;        /* the counter is not said to be invariant */
    guint32 tsc_khz;       /* 0: unknown */
    const GArray *hyperv;  /* CpuidLeaf, what the backend can do; NULL: off */
    const char *hv_vendor; /* with hyperv; see cpu-hyperv.h */
} CpuModelContext;

/* Turns what the host offers into what vCPU `apic_id` shows: model, features
 * the model has and the host can do, topology. leaves: CpuidLeaf, changed in place. */
void cpu_model_apply(const CpuModel *model, const CpuModelContext *ctx,
                     unsigned apic_id, GArray *leaves);

/* What the host offers says that its counter never changes its speed. */
bool cpu_model_tsc_is_invariant(const GArray *leaves);
