/* app/session/machine-ops.h - what the control server may do to a machine.
 *
 * The server knows machines by this table alone, so it is tested without a
 * KVM. All calls come from the server's thread; none may take long. */
#pragma once

#include "vmm/cpu/cpu.h"
#include "vmm/display/display.h"
#include "vmm/input/input.h"

#define MACHINE_MAX_VCPUS 64

typedef struct {
    guint64 uptime_ms;
    guint64 cpu_ns; /* all threads of the process */
    double cpu;     /* percent of one host CPU, of late */
    guint64 ram, resident;
    guint resets;
    unsigned n_vcpus;
    struct {
        CpuStats exits;
        guint64 cpu_ns;
    } vcpu[MACHINE_MAX_VCPUS];
} MachineStats;

typedef struct {
    const char *(*state)(void *m); /* "running", "paused", "stopping" */
    /* Power button, then after timeout_s seconds off when force, else the
     * machine goes on. timeout_s 0 with force: off at once. Returns at once. */
    bool (*stop)(void *m, guint timeout_s, bool force, GError **error);
    bool (*reset)(void *m, GError **error);
    bool (*pause)(void *m, GError **error);
    bool (*resume)(void *m, GError **error);
    bool (*power_button)(void *m, GError **error);

    Display *(*display)(void *m); /* NULL: none */
    /* Brings the display's frame up to date, before a single look at it. */
    void (*refresh)(void *m);
    guint (*input_source)(void *m);
    void (*input)(void *m, guint source, const InputEvent *events, unsigned n);
    void (*input_release)(void *m, guint source);
    guint (*leds)(void *m);
    bool (*has_absolute)(void *m);

    /* Connected stream of a serial port, owned by the caller; -1 and error
     * set: no such port. */
    int (*serial)(void *m, unsigned port, bool replay, GError **error);
    bool (*change_media)(void *m, const char *drive, const char *path,
                         bool read_only, bool force, GError **error);
    char *(*drives)(void *m);
    void (*stats)(void *m, MachineStats *ret_stats);
    /* File of a log source ("vmm", "serial0", "firmware"), or NULL. */
    char *(*log_path)(void *m, const char *source);
    /* Facts for `status`: "vnc unix:/run/…", or "". */
    char *(*view_address)(void *m);
} MachineOps;
