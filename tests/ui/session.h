/* tests/ui/session.h - the interface in a pseudo-terminal: keys in, out the
 * screen that a terminal (libvterm) would show. Logs are those of the current
 * folder. */
#pragma once

#include <sys/types.h>
#include <vterm.h>

#include "tests/ui/fake-host.h"

#define PATIENCE_MS 8000 /* a busy machine is slow, not broken */
#define QUIET_MS    150  /* output has settled */
#define RAW_MAX     (1024 * 1024)

typedef struct {
    const char *term;     /* NULL: xterm-256color */
    const char *no_color; /* value of NO_COLOR, NULL: unset */
    const char *attach;
    bool ascii, c_locale, read_only;
    FakeHostOptions host;
} SessionOptions;

typedef struct {
    pid_t pid;
    int fd;
    VTerm *vt;
    VTermScreen *screen;
    GString *raw; /* everything the program wrote */
    int rows, cols;
    int status; /* once it ended */
    bool ended;
} Session;

Session *session_start(const SessionOptions *o, int rows, int cols);
/* Takes what the program wrote within ms. False: nothing, or it has ended. */
bool session_read(Session *s, int ms);
void session_settle(Session *s);
char *session_text(Session *s);
bool session_wait_text(Session *s, const char *want);
void session_send(Session *s, const char *keys);
void session_resize(Session *s, int rows, int cols);
/* Waits until the program ended; its exit code, 128 + signal, -1: it hangs. */
int session_wait_end(Session *s);
void session_end(Session *s);
/* The screen becomes what the golden file says, and soon. */
void check_golden(Session *s, const char *name);
/* Starts at both sizes, plays keys (one string a step), compares. */
void check_screen(const SessionOptions *o, const char *name,
                  const char *const *keys, const char *ready);
