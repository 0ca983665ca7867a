/* app/session/machine-role.h - the process of one machine. */
#pragma once

/* `carrel __machine NAME [--paused] [--snapshot] [--status-fd N]`: internal
 * verb, started by session_spawn(). argv[0] is the first word after
 * __machine. Returns the process's exit code. */
int machine_role_main(int argc, char **argv);
