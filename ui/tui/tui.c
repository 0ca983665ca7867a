/* tui.c - the terminal interface from start to end: ui/host.h's tui_run(). */
#include <stdio.h>
#include <string.h>

#include "ui/screens/screens.h"
#include "ui/tui/app-loop-internal.h"

UiMachine *
ui_machine_new(const char *name)
{
    UiMachine *m = g_new0(UiMachine, 1);

    m->name = g_strdup(name);
    m->summary = g_strdup("");
    m->reason = g_strdup("");
    m->display = g_strdup("");
    m->notes = g_strdup("");
    return m;
}

void
ui_machine_free(UiMachine *m)
{
    if (m == NULL)
        return;
    g_free(m->name);
    g_free(m->summary);
    g_free(m->reason);
    g_free(m->display);
    g_free(m->notes);
    g_free(m);
}

static Term *
open_terminal(const TuiOptions *options)
{
    const char *no_color = g_getenv("NO_COLOR");
    g_autoptr(GError) error = NULL;
    TermOptions term_options = {0};

    settings_load(&term_options);
    term_options.ascii |= options->ascii;
    term_options.no_mouse |= options->no_mouse;
    term_options.no_color =
        options->no_color || (no_color != NULL && *no_color != '\0');
    Term *term = term_open(&term_options, &error);
    if (term == NULL)
        fprintf(stderr, "carrel: %s\n", error->message);
    return term;
}

int
tui_run(const UiHostOps *ops, void *host, const TuiOptions *options)
{
    Term *term = open_terminal(options);

    if (term == NULL)
        return 1;
    Tui *tui = tui_new(ops, host, options, term);
    tui->open_settings = settings_open;
    machine_list_open(tui);
    if (options->attach != NULL)
        console_open(tui, options->attach);
    g_main_loop_run(tui->loop);
    /* Screens may still speak to the terminal while they close. */
    while (tui->stack->len > 0)
        tui_pop(g_ptr_array_index(tui->stack, tui->stack->len - 1));
    g_ptr_array_set_size(tui->dead, 0);
    term_close(term);
    tui_free(tui);
    return 0;
}
