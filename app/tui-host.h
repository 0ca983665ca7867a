/* app/tui-host.h - the program as the terminal interface sees it: UiHostOps
 * over profiles and control sockets. Thread: main. */
#pragma once

#include "ui/host.h"

typedef struct TuiHost TuiHost;

TuiHost *tui_host_new(void);
void tui_host_free(TuiHost *host);
extern const UiHostOps tui_host_ops; /* its host is a TuiHost */
/* How many machines run, for the good-bye. */
unsigned tui_host_running(TuiHost *host);
