/* app/session/machine-log.h - the log files of a machine.
 *
 * Plain text, one line each with ISO time; size-capped and rotated (FILE,
 * FILE.1, FILE.2), because guests decide how much is logged. A disk that is
 * full or gone never stops a machine: lines are counted as lost, and the count
 * is written when writing works again. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct MachineLog MachineLog;

/* Appends to file, created 0600, never through a symbolic link. raw: bytes as
 * they come (serial ports), no time stamps, a new file for each start. limit: bytes before rotation.
 * Always returns a log; one that cannot be opened loses its lines and tries
 * again from time to time. */
MachineLog *machine_log_new(const char *file, bool raw, gsize limit);
void machine_log_free(MachineLog *log); /* NULL is fine */

/* Any thread. Control characters of a line are written as escapes, so that a
 * log can be shown on a terminal. */
void machine_log_line(MachineLog *log, const char *source, const char *line);
void machine_log_bytes(MachineLog *log, const void *data, gsize len);
guint64 machine_log_lost(MachineLog *log); /* lines or chunks */
