/* tests/unit/idle-cpu.h - a CPU backend that is never run: for machines that are
 * a loop and nothing else. */
#pragma once

#include "vmm/cpu/cpu.h"

struct CpuBackend {
    int unused;
};

static CpuBackend *
idle_open(const CpuConfig *config, IoSpace *ports, IoSpace *mmio,
          GError **error)
{
    return g_new0(CpuBackend, 1);
}

static void
idle_close(CpuBackend *b)
{
    g_free(b);
}

static const MemBackendOps no_memory;
static const IrqBackendOps no_lines;
static const IoBackendOps no_doorbells;
static const CpuBackendOps idle_ops = {
    .name = "idle",
    .open = idle_open,
    .close = idle_close,
    .mem = &no_memory,
    .irq = &no_lines,
    .io = &no_doorbells,
};
