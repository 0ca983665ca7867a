/* actions.c - things done to a machine from any screen. What ends a guest or
 * removes a machine asks first; the default answer is Cancel. */
#include <string.h>

#include "ui/screens/screens.h"
#include "ui/widgets/dialog.h"
#include "ui/widgets/menu.h"

typedef struct {
    Tui *tui;
    char *name;
    UiAction action;
} ActionAsk;

/* The one machine that `u` brings back. */
static struct {
    char *deleted;
} actions;

/* clang-format off */
static const char *const action_words[] = {
    [UI_START] = "start",     [UI_STOP] = "shut down",
    [UI_FORCE_OFF] = "force off", [UI_RESTART] = "restart",
    [UI_RESET] = "reset",     [UI_PAUSE] = "pause",
    [UI_RESUME] = "resume",   [UI_DELETE] = "delete",
    [UI_RESTORE] = "restore", [UI_PROTECT] = "protect",
    [UI_UNPROTECT] = "unprotect",
};
/* clang-format on */

const char *
action_state_name(UiMachineState state, Style *ret_style)
{
    static const struct {
        const char *name;
        Style style;
    } rows[] = {
        [UI_STATE_OFF] = {"off", STYLE_DIM},
        [UI_STATE_STARTING] = {"starting", STYLE_WARN},
        [UI_STATE_RUNNING] = {"running", STYLE_GOOD},
        [UI_STATE_PAUSED] = {"paused", STYLE_WARN},
        [UI_STATE_STOPPING] = {"stopping", STYLE_WARN},
        [UI_STATE_CRASHED] = {"crashed !", STYLE_BAD},
        [UI_STATE_SUSPENDED] = {"suspended", STYLE_WARN},
    };

    if ((gsize) state >= G_N_ELEMENTS(rows))
        state = UI_STATE_OFF;
    *ret_style = rows[state].style;
    return rows[state].name;
}

bool
action_is_still(const UiMachine *m)
{
    return m->state == UI_STATE_PAUSED || m->state == UI_STATE_SUSPENDED;
}

bool
action_is_up(const UiMachine *m)
{
    return m->state != UI_STATE_OFF && m->state != UI_STATE_CRASHED;
}

void
action_do(Tui *tui, const char *name, UiAction action)
{
    if (tui_read_only(tui)) {
        tui_notify(tui, STYLE_WARN, "%s: not in read-only mode", name);
        return;
    }
    if (action == UI_START && tui_ops(tui)->start_asks(tui_host(tui), name)) {
        char *argv[] = {(char *) "/proc/self/exe", (char *) "start",
                        (char *) name, NULL};
        tui_run_program(tui, argv, true);
        tui_refresh(tui);
        return;
    }
    g_autofree char *what =
        g_strdup_printf("%s %s", action_words[action], name);
    tui_ops(tui)->action(tui_host(tui), name, action, tui_call_done,
                         tui_call(tui, what));
}

static void
ask_free(gpointer data)
{
    ActionAsk *ask = data;

    g_free(ask->name);
    g_free(ask);
}

static ActionAsk *
ask_new(Tui *tui, const char *name, UiAction action)
{
    ActionAsk *ask = g_new0(ActionAsk, 1);

    ask->tui = tui;
    ask->name = g_strdup(name);
    ask->action = action;
    return ask;
}

static void
on_confirmed(void *data, int button)
{
    ActionAsk *ask = data;

    if (button != 0)
        return;
    if (ask->action == UI_DELETE) {
        g_free(actions.deleted);
        actions.deleted = g_strdup(ask->name);
    }
    action_do(ask->tui, ask->name, ask->action);
}

static void
confirm_force(Tui *tui, const char *name, UiAction action)
{
    static const char *const off[] = {"Force off", "Cancel", NULL};
    static const char *const reset[] = {"Reset", "Cancel", NULL};
    g_autofree char *title = g_strdup_printf(
        "%s %s?", action == UI_RESET ? "Reset" : "Force off", name);

    dialog_confirm(tui, title,
                   "The guest is not asked: what it has not written to its "
                   "disks yet is lost. The machine and its disks stay.",
                   action == UI_RESET ? reset : off, NULL, on_confirmed,
                   ask_new(tui, name, action), ask_free);
}

static void
on_stop_chosen(void *data, int value)
{
    ActionAsk *ask = data;

    if (value == UI_FORCE_OFF || value == UI_RESET)
        confirm_force(ask->tui, ask->name, (UiAction) value);
    else
        action_do(ask->tui, ask->name, (UiAction) value);
}

void
action_stop_menu(Tui *tui, const char *name)
{
    const UiMachine *m = tui_machine(tui, name);
    bool off = m == NULL || !action_is_up(m);
    MenuItem items[] = {
        {'s', "Shut down (power button)", UI_STOP, off},
        {'b', "Shut down and start again", UI_RESTART, off},
        {'p', "Pause", UI_PAUSE, off || action_is_still(m)},
        {'r', "Reset…", UI_RESET, off},
        {'f', "Force off…", UI_FORCE_OFF, off},
        {0},
    };
    g_autofree char *title = g_strdup_printf("Stop %s", name);

    menu_open(tui, title, items, on_stop_chosen, NULL,
              ask_new(tui, name, UI_STOP), ask_free);
}

void
action_reset_menu(Tui *tui, const char *name)
{
    static const MenuItem items[] = {
        {'s', "Shut down (power button)", UI_STOP, false},
        {'r', "Reset…", UI_RESET, false},
        {'f', "Force off…", UI_FORCE_OFF, false},
        {0},
    };
    g_autofree char *title = g_strdup_printf("Reset %s", name);

    menu_open(tui, title, items, on_stop_chosen, NULL,
              ask_new(tui, name, UI_STOP), ask_free);
}

void
action_delete(Tui *tui, const char *name)
{
    static const char *const buttons[] = {"Move to trash", "Cancel", NULL};
    static const char *const forever[] = {"Delete", "Cancel", NULL};
    const UiMachine *m = tui_machine(tui, name);
    g_autofree char *title = g_strdup_printf("Delete %s?", name);

    if (m == NULL)
        return;
    if (action_is_up(m) || m->is_protected) {
        tui_notify(tui, STYLE_WARN,
                   m->is_protected ? "%s is protected: remove the "
                                     "protection first"
                                   : "%s is running: stop it first",
                   name);
        return;
    }
    if (m->throw_away)
        dialog_confirm(tui, title,
                       "It is a throw-away machine: it cannot be brought back. "
                       "Image files you gave it stay. Type its name:",
                       forever, name, on_confirmed,
                       ask_new(tui, name, UI_DELETE), ask_free);
    else
        dialog_confirm(tui, title,
                       "Its settings and its own disks go to the trash for 30 "
                       "days; u or 'carrel trash restore' brings them back. "
                       "Media elsewhere stay where they are.",
                       buttons, NULL, on_confirmed,
                       ask_new(tui, name, UI_DELETE), ask_free);
}

void
action_undo_delete(Tui *tui)
{
    g_autofree char *name = g_steal_pointer(&actions.deleted);

    if (name == NULL)
        tui_notify(tui, STYLE_WARN, "nothing to undo");
    else
        action_do(tui, name, UI_RESTORE);
}

void
action_view(Tui *tui, const char *name)
{
    g_autofree char *address = tui_ops(tui)->view_address(tui_host(tui), name);
    g_autofree char *body = NULL;

    if (address == NULL || *address == '\0')
        body = g_strdup_printf("%s has no VNC server now: it is off, or "
                               "vnc.enabled is no in its settings.",
                               name);
    else
        body = g_strdup_printf("Connect a VNC viewer to\n\n  %s\n\nor leave "
                               "carrel and type: carrel view %s",
                               address, name);
    dialog_message(tui, "Viewer", body);
}

void
action_edit(Tui *tui, const char *name)
{
    char *argv[] = {(char *) "/proc/self/exe", (char *) "edit", (char *) "--",
                    (char *) name, NULL};

    tui_run_program(tui, argv, true);
}

void
action_copy_commands(Tui *tui, GPtrArray *names)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        const UiMachine *m = tui_machine(tui, name);
        bool up = m != NULL && action_is_up(m);
        g_ptr_array_add(lines, g_strdup_printf("carrel %s %s",
                                               up ? "console" : "start", name));
    }
    g_ptr_array_add(lines, NULL);
    g_autofree char *text = g_strjoinv("\n", (char **) lines->pdata);
    g_autofree char *shown = g_strjoinv("; ", (char **) lines->pdata);
    bool copied = term_copy(tui_term(tui), text);
    tui_notify(tui, STYLE_NORMAL, "%s%s", copied ? "copied: " : "", shown);
}
