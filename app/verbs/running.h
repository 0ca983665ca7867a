/* app/verbs/running.h - what the verbs for running machines share. */
#pragma once

#include "app/app.h"
#include "app/session/control-client.h"
#include "app/session/session-spawn.h"

/* Reports and frees error; returns its exit code. */
int running_fail(const App *app, GError *error);
/* The machine's name is good and there is such a machine, running or not;
 * else reports and returns an exit code, -1: go on. */
int running_require(const App *app, const char *name);
/* Connected to the running machine, or NULL after a report (*ret_code). */
ControlClient *running_open(const App *app, const char *name, int *ret_code);
/* Connects, sends the request (freed), reports; returns the exit code. */
int running_do(const App *app, const char *name, JsonWriter *request);

/* What --dry-run does instead: looks for the running machine as the verb would,
 * and says "would TEXT". op: a word for programs. Returns the exit code. */
int running_would(const App *app, const char *name, const char *op,
                  const char *fmt, ...) G_GNUC_PRINTF(4, 5);

/* argv with "--serial=N" split to "--serial", "--port", "N"; g_strfreev. */
char **running_split_serial(char **argv);

/* Powers off: asks the guest and waits timeout_s, or at once with force. An
 * exit code, everything reported. */
int running_stop(const App *app, const char *name, bool force, int timeout_s);
/* Starts and reports; an exit code. When somebody else is starting it, theirs
 * counts: waits for how it ends, and tries only what they gave up. *ret_ours:
 * this call has started it. */
int running_start(const App *app, const char *name, const SpawnOptions *options,
                  bool *ret_ours);

/* Console on the terminal, or a report why not: the screen (the TUI), or the
 * first serial port of a machine without one. */
int running_attach(App *app, const char *name);
/* console.c: a serial port as raw bytes. An exit code. */
int console_serial(const App *app, const char *name, int port);
