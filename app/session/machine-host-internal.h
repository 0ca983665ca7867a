/* app/session/machine-host-internal.h - shared by machine-host.c and
 * machine-host-ops.c. */
#pragma once

#include "app/assemble.h"
#include "app/session/control-server.h"
#include "app/session/machine-host.h"
#include "app/session/machine-log.h"
#include "app/session/worker.h"

/* What may block, each with a thread of its own: an image on a dead file
 * system must not hold up a pause, nor a pause the end. */
enum { WORK_MEDIA, WORK_LIFE, WORK_END, N_WORKERS };

struct MachineHost {
    char *name;
    Machine *machine;
    ControlServer *server;
    MachineLog *log;
    struct VncServer *vnc; /* NULL: none */
    struct MachineLadder *ladder;
    struct MachineSleep *sleep; /* NULL: the host's sleep is ignored */
    SerialTap *taps[MACHINE_MAX_SERIAL];
    SerialTap *firmware_tap;
    GMainLoop *main_loop;
    gint64 started_us;
    guint64 ram; /* bytes */
    bool sandbox;
    /* For the CPU load: the last look that counted, and its result. */
    gint64 sample_us;
    guint64 sample_cpu_ns;
    double cpu;
    Worker *workers[N_WORKERS];
    bool stopping;       /* from the power button to its timer's end */
    bool force_after;    /* when stop_timer fires */
    bool terminated;     /* machine_host_terminate() was called before */
    gint64 stop_time_us; /* when it fires */
    guint stop_timer;
    guint press_timer;     /* of a machine that was woken to be stopped */
    const char *end_state; /* NULL while it lives */
    char *end_reason;
};

/* The operations the control server may use; the machine is the host. */
extern const MachineOps machine_host_ops;

/* machine-host-stop.c */
bool machine_host_stop(void *m, guint timeout_s, bool force, GError **error);
/* They fire no more. */
void machine_host_stop_timers(MachineHost *host);
/* The guest was reset: a stop that would let it go on is forgotten. */
void machine_host_stop_reset(MachineHost *host);

/* machine-host-memory.c */
bool machine_host_balloon(void *m, VirtioBalloonInfo *ret_info);
bool machine_host_set_balloon(void *m, guint64 bytes, GError **error);

/* machine-host-speed.c */
bool machine_host_set_speed(void *m, const char *text, GError **error);
guint machine_host_speed(void *m);

/* machine-host-net.c */
unsigned machine_host_nets(void *m, MachineNet *ret_nets);
void machine_host_change_net(void *m, const NetRequest *request,
                             MachineDone done, void *data);

/* machine-host-plug.c */
unsigned machine_host_cards(void *m, MachineCard *ret_cards);
void machine_host_plug(void *m, const PlugRequest *request, MachineDone done,
                       void *data);

void machine_host_say(MachineHost *host, const char *line);
/* A connected stream of the link, or -1 and error set. */
int machine_host_attach(CharLink *link, bool replay, GError **error);
