/* devices/vfio/vfio-probe.h - a rehearsal without a guest: opens functions by
 * VFIO as a machine would, does with them what a machine does, and lets them go.
 * Thread: any; blocks for seconds. */
#pragma once

#include "vmm/types.h"

typedef struct {
    char *what;    /* "0000:01:00.0: read the ROM" */
    char *outcome; /* "39936 of 65536 bytes", or why it failed; never NULL */
    gint64 ns;     /* how long it took */
    bool failed;   /* a machine would not work */
} VfioProbeStep;

typedef struct {
    const char *const *bdfs; /* NULL-terminated: all functions that go */
    const int *groups;       /* the IOMMU group of each */
    guint64 memory;          /* bytes that the machine would have */
} VfioProbeSpec;

/* Of VfioProbeStep, in order; ends early where nothing further makes sense. All
 * is let go when it returns. */
GPtrArray *vfio_probe(const VfioProbeSpec *spec);
