/* app/session/machine-host.h - a machine with its control server, in the
 * process that runs it. Thread: main, except where the .c says otherwise. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct MachineHost MachineHost;

typedef struct {
    const char *name;
    bool paused;   /* start without running */
    bool snapshot; /* all disks in throw-away mode */
    int listen_fd; /* control socket; owned by the host */
} MachineHostOptions;

/* Loads the profile, builds the machine, serves its socket and starts it. */
MachineHost *machine_host_new(const MachineHostOptions *options,
                              GError **error);
/* Runs until the machine has ended. */
void machine_host_run(MachineHost *host);
/* The power button, after timeout_s off; called again: off at once. */
void machine_host_terminate(MachineHost *host, guint timeout_s);
/* "stopped" or "crashed", and why. */
const char *machine_host_end_state(const MachineHost *host);
const char *machine_host_end_reason(const MachineHost *host);
void machine_host_free(MachineHost *host); /* NULL is fine */
