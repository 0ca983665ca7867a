/* tests/unit/fake-cpu.h - a CPU backend that runs nothing: its two vCPUs wait
 * until they are kicked or told what to report. A Vm owns its backend, so what
 * tests look at is beside it: one machine at a time. */
#pragma once

#include "vmm/cpu/cpu.h"

extern const CpuBackendOps fake_cpu_ops;

/* Its vcpu_run, for tests that have something happen before. */
CpuExit fake_cpu_run(CpuBackend *b, unsigned i);

/* Where the thread may run: its only processor, -1 for several. */
int fake_cpu_only(void);

/* Atomic: where a vCPU was at its last run, one more than the number. */
extern gint fake_cpu_on[2];
extern gint64 fake_cpu_slice[2]; /* ns of the limit; atomic as a word */
/* The VFIO group that it was told of, one at a time; -1: none. */
extern int fake_cpu_group;
