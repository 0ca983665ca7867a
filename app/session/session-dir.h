/* app/session/session-dir.h - where a running machine lives on the host.
 *
 * RUNTIME/NAME/ (0700): "lock" (held for as long as the process lives, content
 * is its pid), control.sock (0600), machine.ini for throw-away machines.
 * STATE/NAME/ (0700): last-state.json, logs. The lock, not the pid, says
 * whether a machine runs. Thread: any; nothing is kept between calls. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Path only; name NULL: the folder of all machines. */
char *session_runtime_dir(const char *name);
char *session_state_dir(const char *name);
char *session_log_file(const char *name, const char *source);
/* The profile of a throw-away machine; it exists only for those. */
char *session_throw_away_profile(const char *name);

/* Makes both folders, private, owned by us, no symbolic links. */
bool session_dirs_make(const char *name, GError **error);
/* Removes the runtime folder and what is in it. */
void session_runtime_remove(const char *name);
void session_state_remove(const char *name);

/* Takes the lock and writes the pid. The descriptor holds it; -1 and error set
 * (CARREL_SESSION_ERROR_STATE) while another process has it. */
int session_lock(const char *name, GError **error);
/* True while a process holds the lock. ret_pid may be NULL. */
bool session_is_running(const char *name, pid_t *ret_pid);

/* Listening socket, non-blocking; a stale one is replaced. Call with the lock
 * held. -1 and error set. */
int session_listen(const char *name, GError **error);
/* Connected socket, or -1: CARREL_SESSION_ERROR_STATE when not running. */
int session_connect(const char *name, GError **error);

/* The last word of a machine's process. */
typedef struct {
    char *state;  /* "running", "stopped", "crashed"; "" never started */
    char *reason; /* "" none */
    gint64 pid;
    gint64 time; /* Unix seconds of the record */
    bool lost;   /* it ended without a word, its log does not say why */
} SessionRecord;
/* Never fails: an unwritable disk must not stop a machine. */
void session_record_write(const char *name, const char *state,
                          const char *reason);
/* What is true now: a record "running" without a process becomes "crashed"
 * with what is known about the end. NULL: never started. */
SessionRecord *session_record_read(const char *name);
void session_record_free(SessionRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SessionRecord, session_record_free)

/* Names in the runtime folder that are running, or throw-away machines that
 * crashed; sorted, free with g_strfreev. */
char **session_names(void);
