/* app/session/machine-sleep.h - a machine while its host sleeps: paused, and
 * going on afterwards, as machine.host-sleep says. Thread: main. */
#pragma once

#include "profiles/profile.h"

typedef struct MachineHost MachineHost;
typedef struct MachineSleep MachineSleep;

/* What cannot be done is said in the log. NULL: nothing is to be done. The
 * profile is read during the call only. */
MachineSleep *machine_sleep_new(MachineHost *host, const Profile *profile);
/* Connects; when the guest runs, since that takes its time. NULL is fine. */
void machine_sleep_start(MachineSleep *sleep);
/* Nothing of the host is heard from now on. NULL is fine. */
void machine_sleep_stop(MachineSleep *sleep);
/* Stopped, and no operation of the machine under way. NULL is fine. */
void machine_sleep_free(MachineSleep *sleep);
