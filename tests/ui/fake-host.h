/* tests/ui/fake-host.h - a program behind the terminal interface that has the
 * same machines every time and does nothing. */
#pragma once

#include "ui/host.h"

typedef struct {
    const char *log_dir;   /* with NAME-SOURCE.log */
    const char *host_file; /* recorded host to look at; NULL: fails */
    unsigned busy_ms;      /* to ask for a look takes that long, silently */
    bool live;             /* it is taken for this host: it may be changed */
    bool hostile;          /* names and notes full of control codes */
    bool graphics;         /* the console shows a picture */
    bool empty;            /* no machine at all */
    bool no_cursor;        /* the console's guest hides it */
    bool cursor_on_top;    /* it is in row 0 */
    bool bare;             /* the console's machine has no drive, no port */
    bool broken;           /* the settings of dos622 are no good */
    bool on_trial;         /* the host was booted by an entry on trial */
} FakeHostOptions;

void *fake_host_new(const FakeHostOptions *options);
extern const UiHostOps fake_host_ops;
