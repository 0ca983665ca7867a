/* app/session/session-spawn.h - starts the process of a machine. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    bool paused, snapshot;
    const char *program; /* NULL: this program */
    int hold_fd; /* the machine has it open as long as it lives; 0: none */
} SpawnOptions;

/* Starts `__machine NAME` in a process that outlives us and is nobody's child.
 * Returns the pipe on which one line tells how it went (owned by the caller,
 * give it to session_spawn_result()), or -1 and error set. */
int session_spawn(const char *name, const SpawnOptions *options,
                  GError **error);
/* Reads what came from the pipe so far into text. True: complete. */
bool session_spawn_read(int fd, GString *text);
/* Judges the whole text: true when the machine runs, else its error. */
bool session_spawn_result(const char *name, const char *text, GError **error);
/* All of it, waiting for the result. */
bool session_start(const char *name, const SpawnOptions *options,
                   GError **error);

/* What became of a start that another process makes. */
typedef enum {
    START_UP,   /* the machine runs */
    START_GONE, /* nobody has its lock any more: it is off */
    START_STUCK /* neither, after the time that a start may take */
} StartOutcome;
/* Waits for it while somebody has the lock of the machine. */
StartOutcome session_await_start(const char *name);
