/* vmm/cpu/cpu-speed.h - speeds of old computers, as shares of this one's. */
#pragma once

#include "vmm/types.h"

typedef struct {
    const char *name;    /* "486" */
    const char *summary; /* which computer that was */
    guint32 kips;        /* thousand instructions a second */
} CpuSpeed;

const CpuSpeed *cpu_speeds(unsigned *ret_n);

/* Thousand instructions of old programs' kind that one core of this host does
 * in a second: measured, takes about 3 ms. Any thread. */
guint32 cpu_speed_host_kips(void);

/* "full", a name of cpu_speeds() or a percentage such as "12.5%" to millionths
 * of this host's speed, PACER_SLOWEST to PACER_FULL. A name that asks for more
 * than the host has is its full speed. host_kips is used for names only; 0: it
 * is measured. False: no speed. */
bool cpu_speed_parse(const char *text, guint32 host_kips, guint32 *ret_share);
