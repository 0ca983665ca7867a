/* app/session/control-server.h - the control socket of one machine.
 *
 * JSON lines over a Unix socket, many clients, described in
 * share/doc/control-protocol.md. A client can do no more than the table of
 * machine operations allows; a slow or malformed one is dropped. All calls on
 * the thread that runs the context. */
#pragma once

#include "app/session/machine-ops.h"
#include "app/session/serial-tap.h"

typedef struct ControlServer ControlServer;

typedef struct {
    const char *name;
    const MachineOps *ops;
    void *machine;
    SerialTap *const *serial; /* taps of the ports, MACHINE_MAX_SERIAL */
    /* A client asked to end the process at once; NULL: ignored. */
    void (*quit)(void *data);
    void *quit_data;
} ControlConfig;

/* listen_fd (owned from now on) may be -1: clients come by control_server_add.
 * The config's pointers must outlive the server. */
ControlServer *control_server_new(const ControlConfig *config, int listen_fd,
                                  GMainContext *context);
/* Sends what is queued as far as it goes at once, then closes everything. */
void control_server_free(ControlServer *server);

/* One more client on a connected socket (owned). */
void control_server_add(ControlServer *server, int fd);
/* Tells subscribers; reason may be "". */
void control_server_state(ControlServer *server, const char *state,
                          const char *reason);
unsigned control_server_clients(const ControlServer *server);
