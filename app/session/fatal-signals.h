/* app/session/fatal-signals.h - a note of the signal that ended a machine's
 * process. One process, one machine: the state is the process's. */
#pragma once

/* Writes the signal's name to the machine's state folder when the process
 * dies of one. Main thread, once, before there are others. */
void fatal_signals_catch(const char *name);
/* A stack for the handler, so that an overflow of the calling thread's own is
 * noted too. It stays for as long as the process. */
void fatal_signals_stack(void);
