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
    unsigned n_vcpus;
    bool hide_hypervisor, tsc_deadline;
    guint32 tsc_khz; /* 0: unknown */
} CpuModelContext;

/* Turns what the host offers into what vCPU `apic_id` shows: model, features
 * the model has and the host can do, topology of one socket with n_vcpus
 * cores. leaves: CpuidLeaf, changed in place. */
void cpu_model_apply(const CpuModel *model, const CpuModelContext *ctx,
                     unsigned apic_id, GArray *leaves);
