/* tests/unit/fake-machine.h - a machine for tests of the control server: it
 * records what was asked of it, has a real Display and a serial port that is a
 * socket pair. */
#pragma once

#include "app/session/control-client.h"
#include "app/session/control-server.h"

typedef struct {
    GMainContext *context;
    ControlServer *server;
    SerialTap *taps[MACHINE_MAX_SERIAL];
    int guest_fd; /* the guest's end of serial port 0 */
    Display *display;
    const char *state;
    const char *view; /* NULL: no VNC server */
    GString *calls;   /* "stop 60 0\n" .. */
    GString *keys;    /* "+30 -30 " */
    guint next_source;
    unsigned quits;
    bool slow; /* a reset ends with fake_machine_finish() only */
    MachineDone slow_done;
    void *slow_data;
} FakeMachine;

FakeMachine *fake_machine_new(void);
/* The same with a socket that clients connect to (session_listen()). */
FakeMachine *fake_machine_new_on(int listen_fd);
void fake_machine_free(FakeMachine *fm);
/* A raw connection to the server. */
int fake_machine_connect(FakeMachine *fm);
/* Sends text, runs the server until a whole line came back (at most 5 s);
 * NULL at the end of the connection. The line without its newline. */
char *fake_machine_ask(FakeMachine *fm, int fd, const char *text);
/* Next line without sending. */
char *fake_machine_line(FakeMachine *fm, int fd);
/* Ends the slow reset. */
void fake_machine_finish(FakeMachine *fm);
/* Dispatches what is ready until nothing is. */
void fake_machine_settle(FakeMachine *fm);
/* True when the server closed this connection (after settling). */
bool fake_machine_hung_up(FakeMachine *fm, int fd);
