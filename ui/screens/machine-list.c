/* machine-list.c - the first screen: every machine, its state and load. */
#include <string.h>

#include "ui/screens/screens.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/edit.h"
#include "ui/widgets/list.h"
#include "ui/widgets/menu.h"

#define ROW0  3 /* title, filter, header */
#define SPARK 6

typedef enum { SORT_STATE, SORT_NAME, SORT_CPU, SORT_MEMORY, N_SORTS } Sort;

typedef struct {
    Screen screen;
    GPtrArray *rows; /* of const UiMachine, borrowed; NULL: a separator */
    unsigned n_shown;
    char *selected;    /* name; survives re-sorting */
    GHashTable *marks; /* names */
    ListPos list;
    Sort sort;
    Edit filter;
    bool typing;  /* the filter has the keys */
    char *notice; /* NULL: none */
} MachineList;

enum {
    CMD_START = CMD_SCREEN,
    CMD_STOP,
    CMD_CONSOLE,
    CMD_VIEW,
    CMD_EDIT,
    CMD_NEW,
    CMD_PAUSE,
    CMD_DELETE,
    CMD_UNDO,
    CMD_LOG,
    CMD_PROTECT,
    CMD_SORT_PREV,
    CMD_SORT_NEXT,
    CMD_FILTER,
    CMD_MARK,
    CMD_MARK_ALL,
    CMD_ACTIONS,
    CMD_COPY,
    CMD_PASSTHROUGH,
    CMD_DOCTOR,
    CMD_CLEAR
};

/* clang-format off */
const KeyBinding machine_list_keys[] = {
    {"s", CMD_START, "start", "start", KEY_WRITES | KEY_ACTION},
    {"x", CMD_STOP, "stop…", "stop, restart, reset…", KEY_WRITES | KEY_ACTION},
    {"c", CMD_CONSOLE, "console", "console: screen and keyboard", KEY_ACTION},
    {"v", CMD_VIEW, "view", "address for a VNC viewer", KEY_ACTION},
    {"e", CMD_EDIT, "edit", "edit its settings", KEY_WRITES | KEY_ACTION},
    {"n", CMD_NEW, "new", "new machine from a template", KEY_WRITES},
    {"L", CMD_LOG, "log", "log", KEY_ACTION},
    {".", CMD_ACTIONS, "more", "menu of actions", 0},
    {"P", CMD_PASSTHROUGH, NULL, "give devices of this host to machines", 0},
    {"H", CMD_DOCTOR, NULL, "host doctor: is this host ready", 0},
    {"Enter Right", CMD_OPEN, NULL, "open: details and load", KEY_ACTION},
    {"p", CMD_PAUSE, NULL, "pause or resume", KEY_WRITES | KEY_ACTION},
    {"D", CMD_DELETE, NULL, "delete (to the trash)…", KEY_WRITES | KEY_ACTION},
    {"u", CMD_UNDO, NULL, "undo the last delete", KEY_WRITES},
    {"o", CMD_PROTECT, NULL, "protect from deleting, or not", KEY_WRITES | KEY_ACTION},
    {"/", CMD_FILTER, NULL, "filter: words, !word, a|b", 0},
    {"< ,", CMD_SORT_PREV, NULL, "sort by the column before", 0},
    {">", CMD_SORT_NEXT, NULL, "sort by the next column", 0},
    {"Space", CMD_MARK, NULL, "mark for start, pause, copy", 0},
    {"*", CMD_MARK_ALL, NULL, "mark all or none", 0},
    {"y", CMD_COPY, NULL, "copy the shell commands", 0},
    KEY_ROWS_MOVE,
    {"q", CMD_BACK, NULL, "leave; machines keep running", 0},
    {"Esc", CMD_CLEAR, NULL, "clear filter and marks", 0},
    {0},
};
/* clang-format on */

static const UiMachine *
row_at(MachineList *ml, int i)
{
    if (i < 0 || i >= (int) ml->rows->len)
        return NULL;
    return g_ptr_array_index(ml->rows, (guint) i);
}

static const UiMachine *
current(MachineList *ml)
{
    return row_at(ml, ml->list.selected);
}

static int
state_rank(UiMachineState state)
{
    static const int rank[] = {[UI_STATE_OFF] = 4,      [UI_STATE_STARTING] = 0,
                               [UI_STATE_RUNNING] = 0,  [UI_STATE_PAUSED] = 1,
                               [UI_STATE_STOPPING] = 0, [UI_STATE_CRASHED] = 3,
                               [UI_STATE_SUSPENDED] = 1};

    return (gsize) state < G_N_ELEMENTS(rank) ? rank[state] : 4;
}

static gint
compare(gconstpointer pa, gconstpointer pb, gpointer data)
{
    const UiMachine *a = *(const UiMachine *const *) pa;
    const UiMachine *b = *(const UiMachine *const *) pb;
    MachineList *ml = data;
    gint64 d = 0;

    if (ml->sort == SORT_STATE)
        d = state_rank(a->state) - state_rank(b->state);
    else if (ml->sort == SORT_CPU)
        d = (gint64) (b->cpu * 10) - (gint64) (a->cpu * 10);
    else if (ml->sort == SORT_MEMORY)
        d = b->memory > a->memory ? 1 : b->memory < a->memory ? -1 : 0;
    return d != 0 ? (d < 0 ? -1 : 1) : strcmp(a->name, b->name);
}

static bool
is_shown(MachineList *ml, const UiMachine *m)
{
    Style style = STYLE_NORMAL;
    g_autofree char *all =
        g_strjoin(" ", m->name, action_state_name(m->state, &style), m->summary,
                  m->notes, m->display, NULL);

    return text_matches(ml->filter.text->str, all);
}

/* What is up is parted from what is down by a line. */
static void
insert_separator(MachineList *ml)
{
    for (guint i = 1; ml->sort == SORT_STATE && i < ml->rows->len; i++) {
        const UiMachine *a = row_at(ml, (int) i - 1), *b = row_at(ml, (int) i);

        if (action_is_up(a) && !action_is_up(b)) {
            g_ptr_array_insert(ml->rows, (gint) i, NULL);
            return;
        }
    }
}

static void
rebuild(MachineList *ml)
{
    GPtrArray *all = tui_machines(ml->screen.tui);

    g_ptr_array_set_size(ml->rows, 0);
    for (guint i = 0; i < all->len; i++)
        if (is_shown(ml, g_ptr_array_index(all, i)))
            g_ptr_array_add(ml->rows, g_ptr_array_index(all, i));
    ml->n_shown = ml->rows->len;
    g_ptr_array_sort_with_data(ml->rows, compare, ml);
    insert_separator(ml);
    for (guint i = 0; i < ml->rows->len; i++) {
        const UiMachine *m = row_at(ml, (int) i);
        if (m != NULL && ml->selected != NULL &&
            strcmp(m->name, ml->selected) == 0)
            ml->list.selected = (int) i;
    }
    list_fit(&ml->list, (int) ml->rows->len, ml->list.height);
}

static void
remember(MachineList *ml)
{
    const UiMachine *m = current(ml);

    if (m == NULL)
        return;
    g_free(ml->selected);
    ml->selected = g_strdup(m->name);
}

static void
list_changed(Screen *s)
{
    rebuild((MachineList *) s);
    remember((MachineList *) s);
}

static void
draw_numbers(MachineList *ml, const UiMachine *m, int y, Style style)
{
    Tui *tui = ml->screen.tui;
    g_autofree char *memory =
        m->memory > 0 ? text_size(m->memory) : g_strdup("-");
    g_autofree char *disk = text_rate(m->disk_rate);
    g_autofree char *net = text_rate(m->net_rate);
    bool up = action_is_up(m);
    guint16 history[TUI_HISTORY];

    if (action_is_still(m))
        draw_text(tui, y, 28, 5, style, "   -");
    else if (up)
        draw_format(tui, y, 28, 5, style, "%4.0f%%", CLAMP(m->cpu, 0, 9999));
    else if (m->is_protected)
        draw_text(tui, y, 28, 11, style, "*protected");
    if (up && !action_is_still(m))
        draw_spark(tui, y, 34, SPARK, history,
                   tui_cpu_history(tui, m->name, history), 100);
    draw_format(tui, y, 41, 7, style, "%7s", memory);
    if (!up)
        return;
    draw_format(tui, y, 49, 7, style, "%7s", disk);
    draw_format(tui, y, 57, 7, style, "%7s", net);
}

static void
draw_machine(MachineList *ml, const UiMachine *m, int y, bool on)
{
    Tui *tui = ml->screen.tui;
    Style state_style = STYLE_NORMAL,
          style = on ? STYLE_SELECTED : STYLE_NORMAL;
    const char *state = action_state_name(m->state, &state_style);
    bool marked = g_hash_table_contains(ml->marks, m->name);

    if (on) {
        draw_fill(tui, y, 0, draw_cols(), style);
        tui_cursor(tui, y, 1, false);
    }
    draw_text(tui, y, 1, 1, style, on ? ">" : " ");
    draw_text(tui, y, 2, 1, style, marked ? "+" : " ");
    if (draw_is_small()) {
        int w = MAX(draw_cols() - 14, 4);
        draw_text(tui, y, 3, w, style, m->name);
        draw_text(tui, y, w + 4, 9, on ? style : state_style, state);
        return;
    }
    draw_text(tui, y, 3, 14, style, m->name);
    draw_text(tui, y, 18, 9, on ? style : state_style, state);
    draw_numbers(ml, m, y, style);
    draw_text(tui, y, 66, 12, style, *m->display != '\0' ? m->display : "-");
    draw_text(tui, y, 79, draw_cols() - 80, style, m->notes);
    if (draw_cols() < 92 && *m->notes != '\0' && !action_is_up(m))
        draw_text(tui, y, 49, draw_cols() - 50, style, m->notes);
}

static void
draw_status(MachineList *ml, int y)
{
    Tui *tui = ml->screen.tui;
    const UiMachine *m = current(ml);
    g_autofree char *up = NULL;

    draw_rule(tui, y, STYLE_DIM);
    if (m == NULL)
        return;
    int x = 1 + draw_text(tui, y + 1, 1, 40, STYLE_TITLE, m->name) + 2;
    up = text_duration(m->uptime_s);
    if (action_is_up(m))
        x += draw_format(tui, y + 1, x, draw_cols() - x, STYLE_NORMAL,
                         "up %s  pid %u  %s", up, m->pid, m->display) +
             2;
    else if (*m->reason != '\0')
        x += draw_format(tui, y + 1, x, draw_cols() - x, STYLE_BAD, "%s",
                         m->reason) +
             2;
    else
        x += draw_text(tui, y + 1, x, draw_cols() - x - 2, STYLE_NORMAL,
                       m->summary) +
             2;
    g_autofree char *hint = g_strdup_printf(
        "carrel %s %s", action_is_up(m) ? "console" : "start", m->name);
    int width = (int) strlen(hint);
    if (x + width + 1 < draw_cols())
        draw_text(tui, y + 1, draw_cols() - width - 1, width, STYLE_DIM, hint);
}

static void
draw_filter(MachineList *ml)
{
    static const char *const names[] = {"state", "name", "cpu", "memory"};
    Tui *tui = ml->screen.tui;
    g_autofree char *right =
        g_strdup_printf("%u of %u  sort: %s", ml->n_shown,
                        tui_machines(tui)->len, names[ml->sort]);
    int width = (int) strlen(right);

    if (ml->typing || ml->filter.text->len > 0) {
        draw_text(tui, 1, 1, 7, STYLE_KEY, "Filter:");
        edit_draw(&ml->filter, tui, 1, 9, MAX(draw_cols() - width - 12, 8),
                  ml->typing);
    }
    if (draw_cols() > width + 20)
        draw_text(tui, 1, draw_cols() - width - 1, width, STYLE_DIM, right);
}

static void
draw_header(MachineList *ml)
{
    Tui *tui = ml->screen.tui;

    if (draw_is_small()) {
        draw_text(tui, 2, 3, draw_cols() - 3, STYLE_HEADER, "NAME / STATE");
        return;
    }
    draw_format(tui, 2, 3, draw_cols() - 3, STYLE_HEADER,
                "%-14s %-9s  CPU         %7s %7s %7s  DISPLAY%s", "NAME",
                "STATE", "MEM", "DISK", "NET",
                draw_cols() >= 92 ? "      NOTES" : "");
}

static void
draw_empty(MachineList *ml, int y)
{
    Tui *tui = ml->screen.tui;
    bool none = tui_machines(tui)->len == 0;

    draw_text(tui, y, 3, draw_cols() - 4, STYLE_NORMAL,
              none ? "No machines yet. Press n to make one, or : and type demo "
                     "to try one."
                   : "No machine matches the filter. Esc clears it.");
}

static void
list_draw(Screen *s)
{
    MachineList *ml = (MachineList *) s;
    g_autofree char *host = tui_ops(s->tui)->host_summary(tui_host(s->tui));
    int notice = ml->notice != NULL && !draw_is_small() ? 1 : 0;
    int rows = draw_rows() - ROW0 - (draw_is_small() ? 2 : 4) - notice;

    draw_frame(s, "Carrel > Machines", host);
    draw_filter(ml);
    draw_header(ml);
    list_fit(&ml->list, (int) ml->rows->len, rows);
    for (int r = 0; r < rows && ml->list.top + r < ml->list.count; r++) {
        int i = ml->list.top + r;
        const UiMachine *m = row_at(ml, i);

        if (m == NULL)
            draw_rule(s->tui, ROW0 + r, STYLE_DIM);
        else
            draw_machine(ml, m, ROW0 + r,
                         i == ml->list.selected && !ml->typing);
    }
    if (ml->rows->len == 0)
        draw_empty(ml, ROW0 + 1);
    if (notice > 0)
        draw_text(s->tui, draw_rows() - 5, 1, draw_cols() - 2, STYLE_WARN,
                  ml->notice);
    if (!draw_is_small())
        draw_status(ml, draw_rows() - 4);
}

/* Marked machines, or the selected one; names are copied since an action may
 * change the list. */
static GPtrArray *
list_targets(MachineList *ml)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < ml->rows->len; i++) {
        const UiMachine *m = row_at(ml, (int) i);
        bool one = g_hash_table_size(ml->marks) == 0;

        if (m != NULL && (one ? m == current(ml)
                              : g_hash_table_contains(ml->marks, m->name)))
            g_ptr_array_add(names, g_strdup(m->name));
    }
    return names;
}

static void
for_targets(MachineList *ml, int command)
{
    Tui *tui = ml->screen.tui;
    g_autoptr(GPtrArray) names = list_targets(ml);

    if (command == CMD_COPY) {
        action_copy_commands(tui, names);
        return;
    }
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        const UiMachine *m = tui_machine(tui, name);
        bool paused = m != NULL && action_is_still(m);

        if (command == CMD_START)
            action_do(tui, name, paused ? UI_RESUME : UI_START);
        else
            action_do(tui, name, paused ? UI_RESUME : UI_PAUSE);
    }
}

static bool
list_can(Screen *s, int command)
{
    const UiMachine *m = current((MachineList *) s);

    switch (command) {
    case CMD_STOP:
    case CMD_VIEW:
    case CMD_CONSOLE: return m != NULL && action_is_up(m);
    case CMD_START:
    case CMD_EDIT:
    case CMD_DELETE:
    case CMD_LOG:
    case CMD_OPEN:
    case CMD_ACTIONS: return m != NULL;
    default: return true;
    }
}

static void
on_action(void *data, int value)
{
    tui_run_command(data, value);
}

static void
open_actions(MachineList *ml)
{
    Tui *tui = ml->screen.tui;
    const UiMachine *m = current(ml);
    MenuItem items[G_N_ELEMENTS(machine_list_keys)] = {0};
    char name[KEY_NAME_MAX];
    unsigned n = 0;

    if (m == NULL)
        return;
    for (const KeyBinding *k = machine_list_keys; k->keys != NULL; k++) {
        bool writes = (k->flags & KEY_WRITES) != 0;

        if ((k->flags & KEY_ACTION) == 0)
            continue;
        keys_first(k, name);
        items[n++] =
            (MenuItem){name[1] == '\0' ? name[0] : '\0', k->help, k->command,
                       (writes && tui_read_only(tui)) ||
                           !list_can(&ml->screen, k->command)};
    }
    menu_open(tui, m->name, items, on_action, NULL, tui, NULL);
}

static void
mark(MachineList *ml, bool all)
{
    const UiMachine *m = current(ml);

    if (all && g_hash_table_size(ml->marks) > 0) {
        g_hash_table_remove_all(ml->marks);
    } else if (all) {
        for (guint i = 0; i < ml->rows->len; i++)
            if (row_at(ml, (int) i) != NULL)
                g_hash_table_add(ml->marks,
                                 g_strdup(row_at(ml, (int) i)->name));
    } else if (m != NULL) {
        if (!g_hash_table_remove(ml->marks, m->name))
            g_hash_table_add(ml->marks, g_strdup(m->name));
        list_command(&ml->list, CMD_DOWN);
    }
}

/* A separator cannot be selected: steps over it. */
static void
move_selection(MachineList *ml, int command)
{
    list_command(&ml->list, command);
    if (current(ml) == NULL && ml->rows->len > 0)
        list_command(&ml->list, command == CMD_UP || command == CMD_PGUP
                                    ? CMD_UP
                                    : CMD_DOWN);
    remember(ml);
}

static void
machine_command(MachineList *ml, const UiMachine *m, int command)
{
    Tui *tui = ml->screen.tui;
    g_autofree char *name = g_strdup(m->name);

    switch (command) {
    case CMD_START:
    case CMD_COPY:
    case CMD_PAUSE: for_targets(ml, command); break;
    case CMD_STOP: action_stop_menu(tui, name); break;
    case CMD_CONSOLE: console_open(tui, name); break;
    case CMD_VIEW: action_view(tui, name); break;
    case CMD_EDIT: action_edit(tui, name); break;
    case CMD_DELETE: action_delete(tui, name); break;
    case CMD_LOG: log_viewer_open(tui, name); break;
    case CMD_PROTECT:
        action_do(tui, name, m->is_protected ? UI_UNPROTECT : UI_PROTECT);
        break;
    case CMD_OPEN: machine_detail_open(tui, name); break;
    case CMD_ACTIONS: open_actions(ml); break;
    default: break;
    }
}

static void
list_command_run(Screen *s, int command)
{
    MachineList *ml = (MachineList *) s;

    switch (command) {
    case CMD_BACK: tui_pop(s); break;
    case CMD_CLEAR:
        g_hash_table_remove_all(ml->marks);
        edit_set(&ml->filter, "");
        rebuild(ml);
        break;
    case CMD_NEW: new_machine_open(s->tui); break;
    case CMD_PASSTHROUGH: passthrough_open(s->tui); break;
    case CMD_DOCTOR: doctor_open(s->tui); break;
    case CMD_UNDO: action_undo_delete(s->tui); break;
    case CMD_FILTER: ml->typing = true; break;
    case CMD_SORT_PREV:
    case CMD_SORT_NEXT:
        ml->sort =
            (Sort) ((ml->sort + (command == CMD_SORT_NEXT ? 1 : N_SORTS - 1)) %
                    N_SORTS);
        rebuild(ml);
        break;
    case CMD_MARK:
    case CMD_MARK_ALL: mark(ml, command == CMD_MARK_ALL); break;
    default:
        if (command <= CMD_END)
            move_selection(ml, command);
        else if (current(ml) != NULL)
            machine_command(ml, current(ml), command);
        break;
    }
}

static bool
list_key(Screen *s, const Key *key)
{
    MachineList *ml = (MachineList *) s;

    if (key->key == TK_MOUSE) {
        if (list_mouse(&ml->list, key, ROW0) && current(ml) != NULL)
            machine_detail_open(s->tui, current(ml)->name);
        remember(ml);
        return true;
    }
    if (!ml->typing)
        return false;
    if (key->key == TK_ESC)
        edit_set(&ml->filter, "");
    if (key->key == TK_ESC || key->key == TK_ENTER || key->key == TK_KP_ENTER ||
        key->key == TK_DOWN)
        ml->typing = false;
    else
        edit_key(&ml->filter, key);
    rebuild(ml);
    return true;
}

static void
list_free(Screen *s)
{
    MachineList *ml = (MachineList *) s;

    g_ptr_array_unref(ml->rows);
    g_hash_table_destroy(ml->marks);
    edit_done(&ml->filter);
    g_free(ml->selected);
    g_free(ml->notice);
    g_free(ml);
}

static const ScreenClass list_class = {
    .name = "Machines",
    .keys = machine_list_keys,
    .draw = list_draw,
    .key = list_key,
    .command = list_command_run,
    .can = list_can,
    .changed = list_changed,
    .free = list_free,
};

void
machine_list_open(Tui *tui)
{
    MachineList *ml = g_new0(MachineList, 1);

    ml->screen.class = &list_class;
    ml->screen.tui = tui;
    ml->rows = g_ptr_array_new();
    ml->marks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    edit_init(&ml->filter, "");
    ml->list.height = 1;
    ml->notice = tui_ops(tui)->notice(tui_host(tui));
    rebuild(ml);
    remember(ml);
    tui_push(tui, &ml->screen);
}
