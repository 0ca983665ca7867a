/* app/verbs/logs.h - prints logs of machines, running or not. */
#pragma once

#include "app/app.h"

/* Last lines of a source ("vmm", "serial0", "firmware", "stderr"), then, with
 * follow, what is added until a signal. An exit code. */
int logs_print(const App *app, const char *name, const char *source, int lines,
               bool follow);
