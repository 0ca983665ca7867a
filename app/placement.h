/* app/placement.h - on which of the host's processors a machine's threads run,
 * as the profile says or by a choice that knows threads, caches and memory
 * nodes. Thread: any; reads below /sys. */
#pragma once

#include "passthrough-wizard/host-root.h"
#include "profiles/profile.h"

#define PLACEMENT_MAX_CPUS 1024 /* of the host: CPU_SETSIZE */
#define PLACEMENT_VCPUS    64

/* One processor of the host. Groups are named by their lowest processor. */
typedef struct {
    unsigned cpu;
    unsigned core;  /* shares an execution unit with it */
    unsigned cache; /* shares the last level cache */
    unsigned node;  /* number of its memory node */
} HostCpu;

/* Those that are online and, unless allowed is NULL, on that list ("0-3,8");
 * sorted. Free with g_array_unref. */
GArray *placement_host_cpus(const HostRoot *root, const char *allowed);
/* "4 cores, 1 last-level cache, 1 memory node": how many different ones
 * of the three there are. g_free. */
char *placement_layout(const GArray *host_cpus);
/* The list of processors that this process may run on; g_free. */
char *placement_allowed(void);

typedef struct {
    bool pinned;                     /* vcpus is valid */
    unsigned vcpus[PLACEMENT_VCPUS]; /* of CPU i of the guest */
    unsigned io[PLACEMENT_MAX_CPUS];
    unsigned n_io;    /* 0: the other threads run anywhere */
    unsigned threads; /* of a core that the guest is shown: 1 or 2 */
    char why[160];    /* one line on an automatic choice; "": it was none */
} Placement;

/* The choice for n CPUs among the host's: whole cores below one cache, else in
 * one node, else anywhere; both threads of a core become two threads of one of
 * the guest's, when n is even and threads is not 1. The host's first core is
 * left to the host when there are enough. What is left over is for the other
 * threads. Not pinned, and why says so, when the host has too few. threads: 0
 * (as it fits), 1, 2. */
void placement_choose(const GArray *host_cpus, unsigned n, unsigned threads,
                      Placement *ret);
/* Does the profile name processors, or ask for a choice? */
bool placement_is_wanted(const Profile *profile);
/* What the profile says, with the automatic choices made for this host now.
 * False and error set: a processor that it names is not there. */
bool placement_read(const Profile *profile, const GArray *host_cpus,
                    Placement *ret, GError **error);
/* "CPU 0 on 2, CPU 1 on 10; devices on 0,1,8,9" or "anywhere"; g_free. */
char *placement_say(const Placement *placement, unsigned n);
