/* app/helper/elevate.h - from a user's process to root's and in it: the same
 * program with the same words, checked there again. Thread: main. */
#pragma once

#include "app/app.h"

/* Who asked: sudo's or pkexec's caller, else this user. Call before
 * elevate_arrive(). */
gint64 elevate_user(void);
/* In a process that sudo or pkexec started: a fixed search path, no other
 * environment, folder "/". Nothing in others. */
void elevate_arrive(void);
/* Runs `carrel VERB WORD...` as root by sudo or pkexec (neither when it
 * is root already), waits, and
 * returns its ExitCode. words: NULL-terminated. Reports
 * the command line where neither is there. */
int elevate_run_verb(const App *app, const char *verb,
                     const char *const *words);
/* The same of the verb "passthrough". */
int elevate_run(const App *app, const char *const *words);
