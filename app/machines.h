/* app/machines.h - what is known of a machine, running or not: for list,
 * status, wait and the terminal interface. Thread: main. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "profiles/profile.h"

typedef struct {
    char *name;
    /* "off", "running", "paused", "stopping", "starting", "crashed" */
    char *state;
    char *reason;             /* "" or why it crashed or did not start */
    char *summary;            /* description or template, "" */
    char *ladder;             /* a class being tried, "" (ladder_summary()) */
    char *view;               /* address for a VNC viewer, "" */
    char *sound;              /* where it goes, "alsa: default", "" */
    char *serial[4];          /* "pty:/dev/pts/7"; NULL: no port, not running */
    gint64 pid;               /* 0: not running */
    guint64 memory, resident; /* bytes */
    guint64 cpu_ns;
    gint64 uptime_ms;
    double cpu; /* percent of one host CPU */
    unsigned cpus;
    bool is_protected, throw_away;
    bool answers; /* the process answered; else the live figures are 0 */
} MachineInfo;

/* Asks the machine's process when it runs (waits at most 1 s for it). NULL: no
 * such machine. */
MachineInfo *machine_info(const char *name);
/* The same from files alone, for those who ask the process themselves. */
MachineInfo *machine_info_offline(const char *name);
void machine_info_free(MachineInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MachineInfo, machine_info_free)

/* The profile of a saved machine, else of a throw-away one that runs or has
 * crashed; NULL and error set (store_load()). */
Profile *machine_profile(const char *name, GError **error);

/* Names of saved machines and of throw-away ones, sorted; g_strfreev. */
char **machine_names(void);
