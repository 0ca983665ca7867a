/* app/verbs/throw-away.h - machines that are saved nowhere. Thread: main. */
#pragma once

#include "app/app.h"

typedef struct {
    const char *name; /* NULL: from the first image's */
    /* "floppy=FILE", "cd=FILE", "disk=FILE", "kernel=FILE", FILE */
    char **images;
    const char *initrd, *append; /* with a kernel, or NULL */
    const char *memory, *cpus;   /* as typed, or NULL */
    char **settings;             /* "section.key=value", or NULL */
    bool snapshot;               /* images are not written */
    bool replace_crashed;        /* a crashed one of that name is forgotten */
} ThrowAway;

/* Makes its profile and starts it: its name, or NULL and error set. */
char *throw_away_start(const ThrowAway *what, GError **error);
/* Detach: prints the name. On a terminal: its console. Else waits for its
 * end. Returns the exit code. */
int throw_away_follow(App *app, const char *name, bool detach);
