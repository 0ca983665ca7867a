/* devices/machine/machine-build.h - adding devices to a machine one after the
 * other: after the first error the later steps do nothing, so that a machine
 * file reads as a list. Set-up thread. */
#pragma once

#include "vmm/core/vm.h"

typedef struct {
    Vm *vm;
    GError **error;
    bool failed;
} MachineBuild;

/* Runs fn(data), which adds devices, on the loop, where devices come to life:
 * one call for all instead of one each, and one table of ports and of memory. */
void machine_build_on_loop(Vm *vm, void (*fn)(void *data), void *data);

/* Takes dev; NULL after a failure. */
Device *machine_add(MachineBuild *b, Device *dev);
void machine_set_u64(MachineBuild *b, Device *dev, const char *name,
                     guint64 value);
void machine_set_string(MachineBuild *b, Device *dev, const char *name,
                        const char *value);
