/* vmm/core/pacer.h - how a processor is slowed down to a share of its speed.
 *
 * A leaky bucket: work that took t at full speed is paid for after t / share.
 * Between two looks the guest runs a slice; then its thread sleeps until what
 * it did is paid for. Nothing is saved up: a guest that idled for a second is
 * not faster afterwards. No clock and no thread in here; own thread each. */
#pragma once

#include "vmm/types.h"

/* Shares are in millionths of the full speed. */
#define PACER_FULL    1000000u
#define PACER_SLOWEST 100u
/* A guest runs and sleeps in turns of a millisecond, so that sound and timers
 * of 1000 Hz stay even; slices below this would be mostly entry and exit. */
#define PACER_TURN_NS  (1000 * 1000)
#define PACER_SLICE_NS (10 * 1000)
/* A guest that idles is looked at less often; when it wakes up it may owe that
 * much sleep for what it did before the next look. */
#define PACER_DEBT_NS (50 * 1000 * 1000)

typedef struct {
    gint64 due;   /* host ns: when all that was done is paid for */
    gint64 slice; /* ns: the last that pacer_slice() gave */
} Pacer;

/* ns until the next look. used: as in pacer_pay(), of the last slice. */
gint64 pacer_slice(Pacer *p, unsigned share, gint64 used);

/* used: ns that the guest ran since the last call. How many ns from now it is
 * to sleep; 0: it may run. */
gint64 pacer_pay(Pacer *p, unsigned share, gint64 now, gint64 used);
