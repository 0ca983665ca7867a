/* app/session/machine-ops.h - what the control server may do to a machine.
 *
 * The server knows machines by this table alone, so it is tested without a
 * KVM. All calls come from the server's thread; none may take long: what does
 * is told to a MachineDone later. */
#pragma once

#include "app/assemble.h"
#include "devices/virtio/virtio-balloon.h"
#include "vmm/cpu/cpu.h"
#include "vmm/display/display.h"
#include "vmm/input/input.h"
#include "vmm/net/net.h"

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

/* The end of an operation, on the server's thread, perhaps before the call
 * that began it returns. error NULL: it is done; else owned by the callee. */
typedef void (*MachineDone)(void *data, GError *error);

typedef struct {
    const char *drive; /* "floppy0" */
    const char *path;  /* NULL: eject */
    bool read_only, force;
} MediaRequest;

/* One network card and its link. Strings are owned: machine_net_clear(). */
typedef struct {
    char *name, *kind, *model, *description, *mac, *capture;
    char **forwards;
    bool up, plugged;
    guint mtu;
    NetStats stats;
} MachineNet;

#define MACHINE_MAX_NETS 4

typedef enum {
    NET_FORWARD_ADD,
    NET_FORWARD_REMOVE,
    NET_CAPTURE, /* value: path, or NULL: off */
    NET_PLUG     /* value: "up" or "down" */
} NetChange;

typedef struct {
    const char *net; /* "net0"; NULL: the only one */
    NetChange change;
    const char *value;
} NetRequest;

typedef struct {
    const char *section;     /* "disk1" */
    const Profile *fragment; /* has it; NULL: take it out */
    bool force;              /* do not wait for the guest */
} PlugRequest;

typedef struct {
    /* "running", "paused", "suspended", "stopping" */
    const char *(*state)(void *m);
    /* Power button, then after timeout_s seconds off when force, else the
     * machine goes on. timeout_s 0 with force: off at once; without it is an
     * error. Returns at once. */
    bool (*stop)(void *m, guint timeout_s, bool force, GError **error);
    void (*reset)(void *m, MachineDone done, void *data);
    void (*pause)(void *m, MachineDone done, void *data);
    void (*resume)(void *m, MachineDone done, void *data);
    void (*wake)(void *m, MachineDone done, void *data); /* when suspended */
    bool (*power_button)(void *m, GError **error);

    Display *(*display)(void *m); /* NULL: none */
    /* Brings the display's frame up to date, before a single look at it. */
    void (*refresh)(void *m);
    guint (*input_source)(void *m);
    void (*input)(void *m, guint source, const InputEvent *events, unsigned n);
    void (*input_release)(void *m, guint source);
    guint (*leds)(void *m);
    bool (*has_absolute)(void *m);
    /* Where people connect to a serial port, "pty:/dev/pts/7"; NULL: none. */
    const char *(*serial_at)(void *m, unsigned port);

    /* Connected stream of a serial port, owned by the caller; -1 and error
     * set: no such port. */
    int (*serial)(void *m, unsigned port, bool replay, GError **error);
    /* The same for a port of the virtio console. */
    int (*console)(void *m, unsigned port, bool replay, GError **error);
    /* request is only read during the call. */
    void (*change_media)(void *m, const MediaRequest *request, MachineDone done,
                         void *data);
    char *(*drives)(void *m);
    /* How many cards; the first MACHINE_MAX_NETS to ret_nets. */
    unsigned (*nets)(void *m, MachineNet *ret_nets);
    /* request is only read during the call. */
    void (*change_net)(void *m, const NetRequest *request, MachineDone done,
                       void *data);
    /* At most MACHINE_MAX_CARDS to ret_cards; how many. */
    unsigned (*cards)(void *m, MachineCard *ret_cards);
    /* request is only read during the call. Done without force means asked. */
    void (*plug)(void *m, const PlugRequest *request, MachineDone done,
                 void *data);
    void (*stats)(void *m, MachineStats *ret_stats);
    /* False: the machine has no balloon. */
    bool (*balloon)(void *m, VirtioBalloonInfo *ret_info);
    /* bytes: what the balloon is to take. */
    bool (*set_balloon)(void *m, guint64 bytes, GError **error);
    /* text: as machine.speed has it. */
    bool (*set_speed)(void *m, const char *text, GError **error);
    /* Share of the full speed, in millionths. */
    guint (*speed)(void *m);
    /* File of a log source ("vmm", "serial0", "firmware"), or NULL. */
    char *(*log_path)(void *m, const char *source);
    /* Facts for `status`: "vnc unix:/run/…", or "". */
    char *(*view_address)(void *m);
    /* "alsa: default"; NULL: the machine has no sound. g_free. */
    char *(*sound)(void *m);
} MachineOps;

static inline void
machine_net_clear(MachineNet *net)
{
    g_free(net->name);
    g_free(net->kind);
    g_free(net->model);
    g_free(net->description);
    g_free(net->mac);
    g_free(net->capture);
    g_strfreev(net->forwards);
}
