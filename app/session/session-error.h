/* app/session/session-error.h - errors of the session code.
 *
 * Each has a stable id for `--json` and a place among the exit codes. */
#pragma once

#include <glib.h>

#define CARREL_SESSION_ERROR (carrel_session_error_quark())
GQuark carrel_session_error_quark(void);
typedef enum {
    CARREL_SESSION_ERROR_FAILED,
    CARREL_SESSION_ERROR_USAGE,      /* bad argument or request */
    CARREL_SESSION_ERROR_PROFILE,    /* the profile is invalid */
    CARREL_SESSION_ERROR_NOT_FOUND,  /* no such machine, drive, port */
    CARREL_SESSION_ERROR_STATE,      /* not running, already running, busy */
    CARREL_SESSION_ERROR_LOCKED,     /* an image is in use by somebody */
    CARREL_SESSION_ERROR_PERMISSION, /* needs another user or group */
    CARREL_SESSION_ERROR_HOST,       /* no KVM, no firmware, no descriptor */
    CARREL_SESSION_ERROR_TIMEOUT,
    CARREL_SESSION_ERROR_CLOSED,  /* the machine's process went away */
    CARREL_SESSION_ERROR_PROTOCOL /* the peer does not speak our language */
} CarrelSessionError;

/* What an error of any of Carrel's domains means for the user. Never fails:
 * what it does not know is FAILED. Thread: any. */
CarrelSessionError session_error_kind(const GError *error);
/* "wrong-state": constant, for programs. */
const char *session_error_id(CarrelSessionError kind);
/* UNKNOWN ids give FAILED. */
CarrelSessionError session_error_from_id(const char *id);
/* The process's exit code, app/exit-codes.h. */
int session_error_exit_code(CarrelSessionError kind);
