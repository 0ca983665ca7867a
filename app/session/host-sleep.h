/* app/session/host-sleep.h - the host's going to sleep and waking up, as
 * logind tells it on the system bus (org.freedesktop.login1.Manager).
 *
 * A lock of logind's holds the sleep up (for five seconds at most, as it is
 * set up) until the machine is paused. libsystemd is loaded when it is needed
 * and need not be there. Thread: the one that runs the default main context. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct HostSleep HostSleep;

typedef struct {
    const char *who; /* "Carrel: win11" */
    bool block;      /* keep the host from sleeping at all */
    int fd;          /* of a bus, taken; -1: the system's */
    /* Get ready; call host_sleep_ready() then. */
    void (*sleeping)(void *data);
    void (*woke)(void *data);
    void (*say)(void *data, const char *line);
    void *data;
} HostSleepConfig;

/* NULL: there is no bus, or no libsystemd; *ret_why says so (static). */
HostSleep *host_sleep_new(const HostSleepConfig *config, const char **ret_why);
void host_sleep_ready(HostSleep *sleep);
void host_sleep_free(HostSleep *sleep); /* NULL is fine */
