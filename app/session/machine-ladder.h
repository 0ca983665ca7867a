/* app/session/machine-ladder.h - the class ladder in the machine's process: a
 * trial is begun, watched and judged here, and what drivers the guest has is
 * noted. Thread: main. */
#pragma once

#include "app/session/machine-host.h"
#include "profiles/profile.h"

typedef struct MachineLadder MachineLadder;

/* Before the profile is loaded: a trial that did not end is taken back, what
 * was proposed is on trial from now on. Never fails; what goes wrong is said
 * in the log. */
MachineLadder *machine_ladder_begin(MachineHost *host);
/* The profile that the machine is to be built from: profile itself, or one
 * with helpers beside it (ladder_with_helpers()), then profile is freed. */
Profile *machine_ladder_profile(MachineLadder *ladder, Profile *profile);
/* The machine runs. */
void machine_ladder_watch(MachineLadder *ladder);
/* The guest was reset while a trial was under way. */
void machine_ladder_reset(MachineLadder *ladder);
/* The machine has ended, or never ran; its devices are still there when it
 * did. Judges, restores, frees. */
void machine_ladder_end(MachineLadder *ladder);
