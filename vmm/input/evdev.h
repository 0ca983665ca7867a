/* vmm/input/evdev.h - keyboards and mice of the host for the guest, handed over
 * and back by a combination of keys.
 *
 * While the guest has them they are grabbed: nobody else on the host sees what
 * is typed. All of a machine's change hands together, and only when no key is
 * held, so that neither side keeps one that never comes up. Linux
 * Documentation/input/event-codes.rst. */
#pragma once

#include "vmm/input/input.h"

typedef struct Evdev Evdev;

/* What is done to a device, for tests. All but open: loop thread. */
typedef struct {
    int (*open)(const char *path);     /* -1 and errno */
    int (*grab)(int fd, bool grabbed); /* 0 or -errno */
    /* Keys that are down now, a bit each; 0 or -errno. */
    int (*keys)(int fd, guint8 *bits, gsize len);
    /* Range of an axis that says where, not how far; false: it has none. */
    bool (*range)(int fd, unsigned axis, gint32 *ret_min, gint32 *ret_max);
} EvdevOps;
extern const EvdevOps evdev_ops_real;

typedef struct {
    const EvdevOps *ops;
    const char *toggle; /* one of evdev_toggles() */
    bool to_guest;      /* the guest has them from the start */
    /* Loop thread; one line for people. */
    void (*log)(void *data, const char *line);
    void *data;
} EvdevConfig;

/* "ctrl-ctrl|alt-alt|...": the combinations, the usual one first. */
const char *evdev_toggles(void);

/* Set-up thread; the input and the loop stay longer than it. */
Evdev *evdev_new(Input *input, Loop *loop, const EvdevConfig *config);
/* Opens one more; path is remembered, for a device that is plugged in again.
 * False and error set: not there, no input device, not ours to open. */
bool evdev_add(Evdev *evdev, const char *path, GError **error);
/* Watches them. Loop thread. */
void evdev_start(Evdev *evdev);
/* Loop thread, or when the loop has ended. Gives all back. NULL is fine. */
void evdev_free(Evdev *evdev);
/* Who has them. Loop thread. */
bool evdev_is_grabbed(const Evdev *evdev);
