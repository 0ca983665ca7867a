/* app-host.c - what screens ask the running interface for: its terminal, its
 * machines, notices, callbacks of slow work, and other programs. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ui/tui/app-loop-internal.h"
#include "ui/tui/text.h"
#include "ui/widgets/dialog.h"

Term *
tui_term(Tui *tui)
{
    return tui->term;
}

bool
tui_ascii(Tui *tui)
{
    return term_is_ascii(tui->term);
}

bool
tui_read_only(Tui *tui)
{
    return tui->options.read_only;
}

const UiHostOps *
tui_ops(Tui *tui)
{
    return tui->ops;
}

void *
tui_host(Tui *tui)
{
    return tui->host;
}

GPtrArray *
tui_machines(Tui *tui)
{
    return tui->machines;
}

const UiMachine *
tui_machine(Tui *tui, const char *name)
{
    for (guint i = 0; i < tui->machines->len; i++) {
        const UiMachine *m = g_ptr_array_index(tui->machines, i);
        if (strcmp(m->name, name) == 0)
            return m;
    }
    return NULL;
}

void
tui_cursor(Tui *tui, int y, int x, bool seen)
{
    tui->cursor_y = y;
    tui->cursor_x = x;
    tui->cursor_seen = seen;
}

void
tui_notify(Tui *tui, Style style, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_free(tui->notice);
    tui->notice = text_safe(text, -1, tui_ascii(tui));
    tui->notice_style = style;
    tui_redraw(tui);
}

const char *
tui_notice(Tui *tui, Style *ret_style)
{
    if (tui->notice != NULL)
        *ret_style = tui->notice_style;
    return tui->notice;
}

typedef struct {
    TuiLink *link;
    char *what;
} TuiCall;

gpointer
tui_call(Tui *tui, const char *what)
{
    TuiCall *call = g_new0(TuiCall, 1);

    call->link = g_rc_box_acquire(tui->link);
    call->what = g_strdup(what);
    tui_notify(tui, STYLE_DIM, "%s…", what);
    return call;
}

/* On the notice line, or in a box when it would be cut there. */
static void
show_error(Tui *tui, const char *what, const char *message)
{
    tui_notify(tui, STYLE_BAD, "%s: %s", what, message);
    if (text_width(tui->notice) > COLS - 2)
        dialog_message(tui, what, message);
}

void
tui_call_done(void *data, const GError *error)
{
    TuiCall *call = data;
    Tui *tui = call->link->tui;

    if (tui != NULL) {
        if (error != NULL)
            show_error(tui, call->what, error->message);
        else
            tui_notify(tui, STYLE_GOOD, "%s: done", call->what);
        tui_refresh(tui);
    }
    g_rc_box_release(call->link);
    g_free(call->what);
    g_free(call);
}

static void
wait_for_enter(void)
{
    char c = 0;

    fputs("\n[Enter] back to carrel ", stdout);
    fflush(stdout);
    while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && c != '\r')
        ;
}

void
tui_run_program(Tui *tui, char **argv, bool wait_key)
{
    g_autoptr(GError) error = NULL;
    int status = 0;

    term_leave(tui->term);
    term_clear();
    tui->away = true;
    if (g_spawn_sync(NULL, argv, NULL,
                     G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL,
                     NULL, NULL, NULL, &status, &error) &&
        wait_key)
        wait_for_enter();
    tui->away = false;
    term_return(tui->term);
    if (error != NULL)
        tui_notify(tui, STYLE_BAD, "%s: %s", argv[0], error->message);
    else if (status != 0)
        (void) g_spawn_check_wait_status(status, NULL);
    tui_refresh(tui);
}

void
ui_host_look_free(UiHostLook *look)
{
    if (look == NULL)
        return;
    host_pci_free(look->pci);
    GPtrArray *const lists[] = {look->checks, look->vfs, look->usb,
                                look->plugs};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        if (lists[i] != NULL)
            g_ptr_array_unref(lists[i]);
    host_root_free(look->root);
    g_free(look);
}

UiPlug *
ui_plug_new(const char *machine, const char *section, const char *device,
            bool running)
{
    UiPlug *plug = g_new0(UiPlug, 1);

    *plug = (UiPlug){g_strdup(machine), g_strdup(section), g_strdup(device),
                     running};
    return plug;
}

void
ui_plug_free(UiPlug *plug)
{
    g_free(plug->machine);
    g_free(plug->section);
    g_free(plug->device);
    g_free(plug);
}
