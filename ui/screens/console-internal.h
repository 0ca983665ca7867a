/* ui/screens/console-internal.h - the console's own data, for console.c,
 * console-view.c and console-menu.c. */
#pragma once

#include "ui/render/render.h"
#include "ui/screens/screens.h"

typedef enum {
    CONSOLE_MOUSE_OFF,
    CONSOLE_MOUSE_REL,
    CONSOLE_MOUSE_ABS
} ConsoleMouse;

/* Which part of a guest's screen shows when it is taller than ours. */
typedef enum { PAN_FOLLOW, PAN_FIXED } ConsolePan;

typedef struct {
    Screen screen;
    char *name;
    UiConsole *console;
    RenderBuffer buffer;
    bool scaled; /* text modes as a picture too */
    bool line_hidden;
    bool closed;
    char *reason;
    ConsolePan pan;
    int top;    /* first of the guest's rows that shows */
    int n_rows; /* that show at once */
    ConsoleMouse mouse;
    int mouse_x, mouse_y; /* last report, cells; -1: none */
    RenderArea area;      /* where the guest's picture is, cells */
    int guest_w, guest_h; /* pixels; 0: no picture yet */
    GString *typing;      /* UTF-8 still to be typed */
    guint typing_source;
    unsigned untypable;
} Console;

/* console-view.c */
void console_draw(Screen *s);
void console_pan(Console *c);
/* console-menu.c */
void console_open_menu(Console *c);
void console_command(Screen *s, int command);
/* console.c */
void console_send(Console *c, const InputEvent *events, unsigned n);
void console_type(Console *c, const char *text);
