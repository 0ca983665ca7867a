/* vmm/cpu/cpu-hyperv.h - the Hyper-V interface that Windows looks for, as CPUID
 * leaves; see cpu-hyperv.c. Thread: any. */
#pragma once

#include "vmm/cpu/cpu-model.h"

#define CPU_HYPERV_VENDOR_LEN 12u

/* Puts the interface at leaf 40000000 and moves the leaves that are there (the
 * backend's own) to 40000100, where its drivers look as well. supported:
 * CpuidLeaf, what the backend can do; of that only what this program is
 * prepared for is shown. vendor: at most CPU_HYPERV_VENDOR_LEN ASCII
 * characters; "" for Microsoft's. leaves: CpuidLeaf, changed in place. */
void cpu_hyperv_apply(const GArray *supported, const char *vendor,
                      GArray *leaves);
