/* ui/tui/app-loop.h - the running interface: a stack of screens on one
 * GMainContext. The top screen gets the keys; overlays (dialogs, menus, help)
 * are screens drawn over the one below. Main thread only. */
#pragma once

#include "ui/host.h"
#include "ui/tui/keys.h"
#include "ui/tui/term.h"

typedef struct Tui Tui;
typedef struct Screen Screen;

typedef struct {
    const char *name; /* for the help page's title: "Machines" */
    bool overlay;
    /* Keys go to key() alone: neither the tables nor the global keys see what
     * it refuses. */
    bool captures;
    const KeyBinding *keys; /* NULL: none */
    void (*draw)(Screen *s);
    /* Before the tables; true: used. NULL: none. */
    bool (*key)(Screen *s, const Key *key);
    void (*command)(Screen *s, int command);
    /* Whether command makes sense now; NULL: always. */
    bool (*can)(Screen *s, int command);
    void (*changed)(Screen *s); /* the machine list changed, or a tick */
    void (*free)(Screen *s);
} ScreenClass;

/* Embedded first in every screen. */
struct Screen {
    const ScreenClass *class;
    Tui *tui;
};

/* Commands of the application, valid on every screen that does not capture. */
enum {
    CMD_HELP = CMD_GLOBAL,
    CMD_PALETTE,
    CMD_REDRAW,
    CMD_SUSPEND,
    CMD_QUIT,
    CMD_MOUSE,
    CMD_SETTINGS
};
const KeyBinding *tui_global_keys(void);

/* The screen belongs to the stack from now on. */
void tui_push(Tui *tui, Screen *screen);
/* Removes screen wherever it is and frees it once the current key is done.
 * The last one ends the interface. */
void tui_pop(Screen *screen);
void tui_quit(Tui *tui);
/* The top screen that is no overlay; whose help and palette are shown. */
Screen *tui_base_screen(Tui *tui);
/* Runs a command of the base screen or the application, as its key would. */
void tui_run_command(Tui *tui, int command);

Term *tui_term(Tui *tui);
bool tui_ascii(Tui *tui);
bool tui_read_only(Tui *tui);
const UiHostOps *tui_ops(Tui *tui);
void *tui_host(Tui *tui);
void tui_redraw(Tui *tui); /* soon, at most 30 times a second */

/* The machines as last listed; borrowed until the next changed(). */
GPtrArray *tui_machines(Tui *tui);
const UiMachine *tui_machine(Tui *tui, const char *name); /* NULL: gone */
/* The last TUI_HISTORY processor loads (percent), oldest first; returns how
 * many there are. */
#define TUI_HISTORY 60
unsigned tui_cpu_history(Tui *tui, const char *name, guint16 *ret_percent);
/* Asks the host again now. */
void tui_refresh(Tui *tui);

/* One line under the content until the next key. Text is made safe. */
void tui_notify(Tui *tui, Style style, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
const char *tui_notice(Tui *tui, Style *ret_style);
/* A done callback for slow work: says "what: done" or the error; call makes
 * the data for it. Both stay valid when the interface has ended. */
gpointer tui_call(Tui *tui, const char *what);
void tui_call_done(void *call, const GError *error);

/* Runs argv in the terminal, waits for a key, comes back. */
void tui_run_program(Tui *tui, char **argv, bool wait_key);
/* Where the cursor rests after the next draw; seen: shown. */
void tui_cursor(Tui *tui, int y, int x, bool seen);
