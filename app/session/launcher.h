/* app/session/launcher.h - a small process beside a machine's, which starts the
 * processes of its networks: the machine itself may start nothing any more. */
#pragma once

#include "vmm/types.h"

/* Makes it. Before the process has a second thread. False: there is none, and
 * launcher_spawn() starts processes by itself. */
bool launcher_start(void);
/* A NetSpawn: argv is the program, "carrel", and the words of a role. Any
 * thread; blocks for a moment. */
bool launcher_spawn(const char *const *argv, const int *fds, unsigned n_fds,
                    GError **error);
