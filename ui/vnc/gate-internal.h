/* ui/vnc/gate-internal.h - shared by server.c, gate.c and gate-conn.c.
 *
 * The gate is the thread "vnc": it owns every socket to the outside, never
 * waits for any of them, and lets a connection through to a seat (viewer.h)
 * once it has shown that it may. */
#pragma once

#include <poll.h>

#include "ui/vnc/events.h"
#include "ui/vnc/handshake.h"
#include "ui/vnc/lockout.h"
#include "ui/vnc/server.h"
#include "ui/vnc/viewer.h"
#include "ui/vnc/websocket.h"

#define GATE_MAX_LISTENERS 4
/* Connections that have not come through yet; one more ends the one that has
 * come least far for longest. */
#define GATE_MAX_PENDING 128

#define GATE_SNIFF_US    (G_USEC_PER_SEC / 10) /* a browser speaks first */
#define GATE_STRANGER_US (5 * G_USEC_PER_SEC)  /* steps a program makes */
#define GATE_PERSON_US   (60 * G_USEC_PER_SEC) /* somebody types a password */
#define GATE_MESSAGE_US  (2 * G_USEC_PER_SEC)  /* the rest of a message */
#define GATE_STUCK_US    (5 * G_USEC_PER_SEC)  /* it does not read */
#define GATE_FAREWELL_US G_USEC_PER_SEC        /* to read why it was refused */

typedef struct {
    int fd;
    bool tcp;
} GateListener;

/* Ordered by how far a connection has come. */
typedef enum {
    CONN_CLOSING, /* sends what is left, then ends */
    CONN_SNIFF,   /* WebSocket or plain RFB? */
    CONN_HTTP,    /* a request for WebSocket */
    CONN_HANDSHAKE,
    CONN_LIBRARY, /* we play the library's part of the handshake */
    CONN_READY
} ConnStage;

typedef struct {
    int fd, seat_fd; /* outside; the seat's, -1 */
    ConnStage stage;
    gint64 opened_us, deadline_us; /* G_MAXINT64: none */
    LockoutPeer peer;
    char *name; /* for the log */

    bool is_websocket;
    WebSocket websocket;
    Handshake handshake;
    GByteArray *in;      /* RFB from the viewer, not handled yet */
    GByteArray *out;     /* for the viewer, framed */
    GByteArray *to_seat; /* for the library */
    gint64 stuck_us;     /* out has not moved since; 0: it is empty */
    gint64 partial_us;   /* in begins with half a message since; 0: no */
    guint32 skip;        /* bytes of in to throw away */
    gint64 second_us;    /* start of the second that is counted */
    guint settings;      /* SetPixelFormat and SetEncodings in it */

    VncViewer *viewer;  /* NULL: none yet */
    guint library_done; /* bytes of the library's handshake */
    guint features;
    VncEvents events;
} Conn;

struct VncServer {
    Display *display;
    Input *input;
    char *password, *unix_path, *address;
    guint16 port;
    bool view_only, websocket;
    void (*log)(void *data, const char *line);
    void *log_data;

    GateListener listeners[GATE_MAX_LISTENERS];
    unsigned n_listeners;
    int wake_fd; /* a seat is done, or stop */
    GThread *thread;
    gint stop, n_clients; /* atomic */

    /* the gate's thread */
    VncViewer *seats[VNC_MAX_VIEWERS];
    GPtrArray *conns; /* Conn */
    Lockout lockout;
    gint64 log_second_us;
    guint log_lines;
    gint64 accept_after_us; /* no descriptors left: wait */
};

/* gate.c */
gpointer gate_thread(gpointer server);
/* At most a few lines a second get through, so that strangers cannot fill the
 * log. */
void gate_log(VncServer *server, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A free seat, or NULL. */
VncViewer *gate_free_seat(VncServer *server);

/* gate-conn.c */
Conn *conn_new(VncServer *server, int fd, bool tcp, gint64 now);
void conn_free(VncServer *server, Conn *conn);
/* What to wait for on conn->fd and conn->seat_fd; 0: nothing. */
short conn_events(const Conn *conn);
short conn_seat_events(const Conn *conn);
gint64 conn_deadline(const Conn *conn);
/* All false: the connection is over. */
bool conn_handle(VncServer *server, Conn *conn, short events, short seat_events,
                 gint64 now);
bool conn_check_time(VncServer *server, Conn *conn, gint64 now);
