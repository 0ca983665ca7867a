/* app/session/session-stop.h - ends a running machine. Thread: any but the
 * main one of an interface: these wait. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Asks the guest and waits timeout_s for it; with force it is switched off
 * then, with 0 s at once, and a process that does not answer is killed. Returns
 * when the process is gone. CARREL_SESSION_ERROR_TIMEOUT: the guest ignored the power button and
 * goes on. A machine that is off is no error; what a crashed throw-away one
 * left is removed. */
bool session_stop(const char *name, bool force, int timeout_s, GError **error);
/* Waits until the machine's process is gone; false: timeout. */
bool session_wait_gone(const char *name, int timeout_ms);
