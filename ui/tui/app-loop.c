/* app-loop.c - the running interface: keys in, screens out, on the default
 * GMainContext. */
#include "ui/tui/app-loop.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ui/tui/app-loop-internal.h"
#include "ui/tui/text.h"
#include "ui/widgets/help.h"
#include "ui/widgets/palette.h"

#define FRAME_MS      33  /* 30 pictures a second are plenty for a terminal */
#define KEYS_PER_TURN 256 /* then draw, so a flood of keys stays visible */

/* clang-format off */
static const KeyBinding global_keys[] = {
    {"? F1", CMD_HELP, "help", "keys of this screen", 0},
    {": Ctrl-P", CMD_PALETTE, "command", "every command by name", 0},
    {"R Ctrl-L", CMD_REDRAW, NULL, "refresh and redraw", 0},
    {"Ctrl-Z", CMD_SUSPEND, NULL, "suspend to the shell", 0},
    {"m", CMD_MOUSE, NULL, "mouse on or off (Shift bypasses it)", 0},
    {"F2", CMD_SETTINGS, NULL, "settings", 0},
    {"F10 Ctrl-C", CMD_QUIT, NULL, "leave; machines keep running", 0},
    {0},
};
/* clang-format on */

const KeyBinding *
tui_global_keys(void)
{
    return global_keys;
}

static Screen *
top_screen(Tui *tui)
{
    if (tui->stack->len == 0)
        return NULL;
    return g_ptr_array_index(tui->stack, tui->stack->len - 1);
}

Screen *
tui_base_screen(Tui *tui)
{
    for (guint i = tui->stack->len; i-- > 0;) {
        Screen *s = g_ptr_array_index(tui->stack, i);
        if (!s->class->overlay)
            return s;
    }
    return NULL;
}

static void
draw_screens(Tui *tui)
{
    guint first = tui->stack->len;

    while (first > 0) {
        Screen *s = g_ptr_array_index(tui->stack, --first);
        if (!s->class->overlay)
            break;
    }
    for (guint i = first; i < tui->stack->len; i++) {
        Screen *s = g_ptr_array_index(tui->stack, i);
        s->class->draw(s);
    }
}

static void
draw_now(Tui *tui)
{
    theme_begin_frame(term_theme(tui->term));
    tui->cursor_y = LINES - 1;
    tui->cursor_x = 0;
    tui->cursor_seen = false;
    erase();
    draw_screens(tui);
    curs_set(tui->cursor_seen ? 1 : 0);
    move(CLAMP(tui->cursor_y, 0, LINES - 1), CLAMP(tui->cursor_x, 0, COLS - 1));
    refresh();
    tui->drawn_us = g_get_monotonic_time();
}

static gboolean
on_draw(gpointer data)
{
    Tui *tui = data;

    tui->draw_source = 0;
    if (!tui->away && tui->stack->len > 0)
        draw_now(tui);
    return G_SOURCE_REMOVE;
}

void
tui_redraw(Tui *tui)
{
    if (tui->draw_source != 0)
        return;
    gint64 since = (g_get_monotonic_time() - tui->drawn_us) / 1000;
    guint wait = since >= FRAME_MS ? 0 : (guint) (FRAME_MS - since);
    tui->draw_source = g_timeout_add(wait, on_draw, tui);
}

static void
free_screen(gpointer data)
{
    Screen *s = data;

    s->class->free(s);
}

static gboolean
on_bury(gpointer data)
{
    Tui *tui = data;

    tui->bury_source = 0;
    g_ptr_array_set_size(tui->dead, 0);
    return G_SOURCE_REMOVE;
}

void
tui_push(Tui *tui, Screen *screen)
{
    screen->tui = tui;
    g_ptr_array_add(tui->stack, screen);
    tui_redraw(tui);
}

void
tui_pop(Screen *screen)
{
    Tui *tui = screen->tui;
    guint i = 0;

    if (!g_ptr_array_find(tui->stack, screen, &i))
        return;
    g_ptr_array_remove_index(tui->stack, i);
    g_ptr_array_add(tui->dead, screen);
    if (tui->bury_source == 0)
        tui->bury_source = g_idle_add(on_bury, tui);
    if (tui->stack->len == 0)
        tui_quit(tui);
    tui_redraw(tui);
}

void
tui_quit(Tui *tui)
{
    g_main_loop_quit(tui->loop);
}

static void
run_global(Tui *tui, int command)
{
    switch (command) {
    case CMD_HELP: help_open(tui); break;
    case CMD_PALETTE: palette_open(tui); break;
    case CMD_REDRAW:
        clearok(curscr, TRUE);
        tui_refresh(tui);
        break;
    case CMD_SUSPEND: term_suspend(tui->term); break;
    case CMD_MOUSE:
        term_set_mouse(tui->term, !term_has_mouse(tui->term));
        tui_notify(tui, STYLE_NORMAL, "mouse %s",
                   term_has_mouse(tui->term) ? "on" : "off");
        break;
    case CMD_SETTINGS: tui->open_settings(tui); break;
    case CMD_QUIT: tui_quit(tui); break;
    default: break;
    }
}

static void
run_row(Tui *tui, Screen *s, const KeyBinding *row)
{
    if ((row->flags & KEY_WRITES) != 0 && tui->options.read_only)
        tui_notify(tui, STYLE_WARN, "%s: not in read-only mode", row->help);
    else if (row->command >= CMD_GLOBAL)
        run_global(tui, row->command);
    else if (s->class->can != NULL && !s->class->can(s, row->command))
        tui_notify(tui, STYLE_WARN, "%s: not possible now", row->help);
    else
        s->class->command(s, row->command);
}

void
tui_run_command(Tui *tui, int command)
{
    Screen *s = tui_base_screen(tui);
    const KeyBinding *row;

    if (s == NULL)
        return;
    row = keys_find_command(s->class->keys, command);
    if (row == NULL)
        row = keys_find_command(global_keys, command);
    if (row != NULL)
        run_row(tui, s, row);
    tui_redraw(tui);
}

static void
dispatch(Tui *tui, const Key *key)
{
    Screen *s = top_screen(tui);
    const KeyBinding *row;

    if (key->key == TK_RESIZE || s == NULL)
        return;
    if (key->key != TK_MOUSE)
        g_clear_pointer(&tui->notice, g_free);
    if (s->class->key != NULL && s->class->key(s, key))
        return;
    if (s->class->captures)
        return;
    row = keys_find(s->class->keys, key);
    if (row == NULL && !s->class->overlay)
        row = keys_find(global_keys, key);
    if (row != NULL)
        run_row(tui, s, row);
}

static gboolean
on_input(gint fd, GIOCondition condition, gpointer data)
{
    Tui *tui = data;
    Key key;

    /* A terminal that is gone: leave; machines do not care. */
    if ((condition & (G_IO_HUP | G_IO_ERR | G_IO_NVAL)) != 0) {
        tui_quit(tui);
        tui->input_source = 0;
        return G_SOURCE_REMOVE;
    }
    for (int i = 0; i < KEYS_PER_TURN && term_read_key(tui->term, &key); i++)
        dispatch(tui, &key);
    tui_redraw(tui);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_resize(gpointer data)
{
    Tui *tui = data;

    if (!tui->away)
        term_resized(tui->term);
    tui_redraw(tui);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_stop_signal(gpointer data)
{
    tui_quit(data);
    return G_SOURCE_CONTINUE;
}

/* GLib handles no SIGQUIT: it counts as SIGTERM. */
static void
on_sigquit(int number)
{
    kill(getpid(), SIGTERM);
}

static void
sample(Tui *tui)
{
    for (guint i = 0; i < tui->machines->len; i++) {
        const UiMachine *m = g_ptr_array_index(tui->machines, i);
        CpuHistory *h = g_hash_table_lookup(tui->history, m->name);

        if (h == NULL) {
            h = g_new0(CpuHistory, 1);
            g_hash_table_insert(tui->history, g_strdup(m->name), h);
        }
        h->percent[h->next] = (guint16) CLAMP(m->cpu, 0, 6400);
        h->next = (h->next + 1) % TUI_HISTORY;
        h->count = MIN(h->count + 1, TUI_HISTORY);
    }
}

static void
tell_screens(Tui *tui)
{
    for (guint i = 0; i < tui->stack->len; i++) {
        Screen *s = g_ptr_array_index(tui->stack, i);
        if (s->class->changed != NULL)
            s->class->changed(s);
    }
    tui_redraw(tui);
}

void
tui_refresh(Tui *tui)
{
    GPtrArray *now = tui->ops->list(tui->host);

    if (now != NULL) {
        g_clear_pointer(&tui->machines, g_ptr_array_unref);
        tui->machines = now;
    }
    tell_screens(tui);
}

static gboolean
on_tick(gpointer data)
{
    Tui *tui = data;

    tui_refresh(tui);
    sample(tui);
    return G_SOURCE_CONTINUE;
}

static void
on_watch(void *data)
{
    TuiLink *link = data;

    if (link->tui != NULL)
        tui_refresh(link->tui);
}

unsigned
tui_cpu_history(Tui *tui, const char *name, guint16 *ret_percent)
{
    const CpuHistory *h = g_hash_table_lookup(tui->history, name);

    if (h == NULL)
        return 0;
    for (unsigned i = 0; i < h->count; i++)
        ret_percent[i] =
            h->percent[(h->next + TUI_HISTORY - h->count + i) % TUI_HISTORY];
    return h->count;
}

static void
add_sources(Tui *tui)
{
    static const int stop_signals[] = {SIGTERM, SIGHUP, SIGINT};
    guint period =
        tui->options.refresh_ms != 0 ? tui->options.refresh_ms : 1000;

    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGQUIT, on_sigquit);
    for (gsize i = 0; i < G_N_ELEMENTS(stop_signals); i++)
        tui->signal_sources[i] =
            g_unix_signal_add(stop_signals[i], on_stop_signal, tui);
    tui->signal_sources[G_N_ELEMENTS(stop_signals)] =
        g_unix_signal_add(SIGWINCH, on_resize, tui);
    tui->input_source = g_unix_fd_add(
        STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, tui);
    tui->tick_source = g_timeout_add(period, on_tick, tui);
}

Tui *
tui_new(const UiHostOps *ops, void *host, const TuiOptions *options, Term *term)
{
    Tui *tui = g_new0(Tui, 1);

    tui->ops = ops;
    tui->host = host;
    tui->options = *options;
    tui->term = term;
    tui->loop = g_main_loop_new(NULL, FALSE);
    tui->stack = g_ptr_array_new();
    tui->dead = g_ptr_array_new_with_free_func(free_screen);
    tui->machines = g_ptr_array_new();
    tui->history =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    tui->link = g_rc_box_new0(TuiLink);
    tui->link->tui = tui;
    add_sources(tui);
    tui_refresh(tui);
    sample(tui);
    ops->watch(host, on_watch, tui->link);
    return tui;
}

static void
remove_source(guint *id)
{
    if (*id != 0)
        g_source_remove(*id);
    *id = 0;
}

void
tui_free(Tui *tui)
{
    for (gsize i = 0; i < G_N_ELEMENTS(tui->signal_sources); i++)
        remove_source(&tui->signal_sources[i]);
    remove_source(&tui->input_source);
    remove_source(&tui->tick_source);
    remove_source(&tui->draw_source);
    remove_source(&tui->bury_source);
    tui->ops->watch(tui->host, NULL, NULL);
    tui->link->tui = NULL;
    g_rc_box_release(tui->link);
    while (tui->stack->len > 0)
        g_ptr_array_add(tui->dead, g_ptr_array_steal_index(
                                       tui->stack, tui->stack->len - 1));
    g_ptr_array_unref(tui->stack);
    g_ptr_array_unref(tui->dead);
    g_ptr_array_unref(tui->machines);
    g_hash_table_destroy(tui->history);
    g_main_loop_unref(tui->loop);
    g_free(tui->notice);
    g_free(tui);
}
