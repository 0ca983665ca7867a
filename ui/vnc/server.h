/* ui/vnc/server.h - a machine's screen and keyboard for VNC viewers. */
#pragma once

#include "vmm/display/display.h"
#include "vmm/input/input.h"

#define VNC_MAX_VIEWERS 16

typedef struct VncServer VncServer;

/* Strings are copied. */
typedef struct {
    const char *unix_path;   /* socket to make, mode 0600; NULL: none */
    const char *tcp_address; /* "127.0.0.1", "::1", "localhost"; NULL: none */
    guint16 tcp_port;        /* 0: any that is free */
    const char *password;    /* up to 8 bytes count; NULL or "": none */
    bool view_only;          /* no keys, no pointer */
    bool websocket;          /* browsers too, on the TCP port */
    const char *desktop_name;
    /* One line for the machine's log; called on the server's threads. NULL is
     * fine. */
    void (*log)(void *data, const char *line);
    void *log_data;
} VncConfig;

/* Listens and starts the thread "vnc"; each viewer gets a thread of its own.
 * display and input (NULL: view only) must outlive the server. Fails when it
 * cannot listen, when no descriptor below 1024 is free (the VNC library uses
 * select()), and for an address other than loopback without a password. Main
 * thread. */
VncServer *vnc_server_start(const VncConfig *config, Display *display,
                            Input *input, GError **error);
/* Disconnects everybody, releases their keys, removes the socket. Returns when
 * all threads have ended. NULL is fine. Main thread. */
void vnc_server_stop(VncServer *server);

/* Viewers that see the screen now. Any thread. */
unsigned vnc_server_clients(VncServer *server);
/* "unix:PATH" or "tcp:ADDRESS:PORT" ("tcp:[::1]:5900"). Any thread; caller frees. */
char *vnc_server_address(VncServer *server);
guint16 vnc_server_port(VncServer *server); /* 0: no TCP. Any thread */
