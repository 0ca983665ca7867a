/* ui/tui/app-loop-internal.h - the interface's own data, for app-loop.c,
 * app-host.c and tui.c. */
#pragma once

#include "ui/tui/app-loop.h"

typedef struct {
    guint16 percent[TUI_HISTORY];
    unsigned next, count;
} CpuHistory;

/* What callbacks of the host hold: tui is NULL once the interface ended. */
typedef struct {
    Tui *tui;
} TuiLink;

struct Tui {
    const UiHostOps *ops;
    void *host;
    TuiOptions options;
    Term *term;
    GMainLoop *loop;
    GPtrArray *stack, *dead; /* of Screen; dead ones wait to be freed */
    GPtrArray *machines;     /* of UiMachine */
    GHashTable *history;     /* machine name -> CpuHistory */
    TuiLink *link;
    char *notice;
    Style notice_style;
    int cursor_y, cursor_x;
    bool cursor_seen;
    bool away; /* another program has the terminal */
    gint64 drawn_us;
    guint draw_source, bury_source, tick_source, input_source;
    guint signal_sources[4];
    void (*open_settings)(Tui *tui);
};

Tui *tui_new(const UiHostOps *ops, void *host, const TuiOptions *options,
             Term *term);
void tui_free(Tui *tui);
