/* machine-detail.c - one machine: what it is doing, over the last minute. */
#include <string.h>

#include "ui/screens/screens.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"

typedef struct {
    Screen screen;
    char *name;
} Detail;

enum {
    CMD_START = CMD_SCREEN,
    CMD_STOP,
    CMD_CONSOLE,
    CMD_VIEW,
    CMD_PAUSE,
    CMD_LOG,
    CMD_EDIT,
    CMD_PLUG,
    CMD_UNPLUG,
    CMD_USB,
    CMD_PASSTHROUGH,
    CMD_DOCTOR
};

/* clang-format off */
const KeyBinding machine_detail_keys[] = {
    {"s", CMD_START, "start", "start", KEY_WRITES},
    {"x", CMD_STOP, "stop…", "stop, restart, reset…", KEY_WRITES},
    {"c Enter", CMD_CONSOLE, "console", "console: screen and keyboard", 0},
    {"v", CMD_VIEW, "view", "address for a VNC viewer", 0},
    {"p", CMD_PAUSE, "pause", "pause or resume", KEY_WRITES},
    {"L", CMD_LOG, "log", "log", 0},
    {"e", CMD_EDIT, "edit", "edit its settings", KEY_WRITES},
    {"+", CMD_PLUG, "plug in", "plug a disk, a CD drive or a network card into it", KEY_WRITES},
    {"-", CMD_UNPLUG, NULL, "take a disk or card out of it", KEY_WRITES},
    {"U", CMD_USB, "USB", "USB devices of this host, in and out of it", 0},
    {"P", CMD_PASSTHROUGH, NULL, "give devices of this host to machines", 0},
    {"H", CMD_DOCTOR, NULL, "host doctor: is this host ready", 0},
    {"Esc q Left", CMD_BACK, "back", "back to the list", 0},
    {0},
};
/* clang-format on */

static void
draw_cpu(Tui *tui, const UiMachine *m, int y, int rows)
{
    guint16 history[TUI_HISTORY];
    unsigned n = tui_cpu_history(tui, m->name, history), max = 100;
    int cols = MIN(TUI_HISTORY, MAX(draw_cols() - 8, 1));

    for (unsigned i = 0; i < n; i++)
        max = MAX(max, history[i]);
    max = (max + 99) / 100 * 100;
    draw_format(tui, y, 1, 30, STYLE_TITLE, "vCPU %5.0f%%", m->cpu);
    draw_format(tui, y + 1, 1, 6, STYLE_DIM, "%4u|", max);
    for (int r = 1; r < rows - 1; r++)
        draw_text(tui, y + 1 + r, 5, 1, STYLE_DIM, "|");
    draw_format(tui, y + rows, 1, 6, STYLE_DIM, "%4d|", 0);
    draw_graph(tui, y + 1, 6, rows, cols, history, n, max);
    draw_text(tui, y + rows + 1, 6, cols, STYLE_DIM,
              "60 s ago                                              now");
}

static void
draw_line(Tui *tui, int y, const char *label, const char *value)
{
    draw_text(tui, y, 1, 10, STYLE_HEADER, label);
    draw_text(tui, y, 12, draw_cols() - 13, STYLE_NORMAL, value);
}

static void
draw_facts(Tui *tui, const UiMachine *m, int y)
{
    g_autofree char *size = m->memory > 0 ? text_size(m->memory) : g_strdup("");
    g_autofree char *used = text_size(m->memory_used);
    g_autofree char *memory = g_strdup_printf("%s, host uses %s", size, used);
    g_autofree char *disk = text_rate(m->disk_rate);
    g_autofree char *net = text_rate(m->net_rate);
    g_autofree char *pid = g_strdup_printf("%u", m->pid);
    const struct {
        const char *label, *value;
    } rows[] = {
        {"Memory", action_is_up(m) ? memory : size},
        {"Disks", disk},
        {"Network", net},
        {"Display", *m->display != '\0' ? m->display : "-"},
        {"Process", m->pid != 0 ? pid : "-"},
        {"Kind", m->throw_away     ? "throw-away: gone when it ends"
                 : m->is_protected ? "protected from deleting"
                                   : "saved"},
        {"Summary", m->summary},
        {"Notes", strcmp(m->notes, m->reason) != 0 ? m->notes : ""},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows) && y < draw_rows() - 2; i++)
        if (*rows[i].value != '\0')
            draw_line(tui, y++, rows[i].label, rows[i].value);
}

static void
detail_draw(Screen *s)
{
    Detail *d = (Detail *) s;
    const UiMachine *m = tui_machine(s->tui, d->name);
    g_autofree char *title = g_strdup_printf("Carrel > %s", d->name);
    Style style = STYLE_NORMAL;
    int rows = CLAMP(draw_rows() - 17, 2, 12), y = 1;

    if (m == NULL) {
        draw_frame(s, title, "");
        draw_text(s->tui, 2, 1, draw_cols() - 2, STYLE_WARN,
                  "This machine does not exist any more. Esc goes back.");
        return;
    }
    g_autofree char *up = text_duration(m->uptime_s);
    const char *state = action_state_name(m->state, &style);
    g_autofree char *right =
        action_is_up(m) ? g_strdup_printf("%s %s", state, up) : g_strdup(state);
    draw_frame(s, title, right);
    if (*m->reason != '\0')
        draw_text(s->tui, y++, 1, draw_cols() - 2, STYLE_BAD, m->reason);
    if (action_is_up(m) && !draw_is_small()) {
        draw_cpu(s->tui, m, y + 1, rows);
        y += rows + 3;
    }
    draw_facts(s->tui, m, y + 1);
    tui_cursor(s->tui, 0, 1, false);
}

static bool
detail_can(Screen *s, int command)
{
    const UiMachine *m = tui_machine(s->tui, ((Detail *) s)->name);

    if (command == CMD_BACK || command == CMD_LOG ||
        command == CMD_PASSTHROUGH || command == CMD_DOCTOR)
        return true;
    if (command == CMD_CONSOLE || command == CMD_STOP || command == CMD_PAUSE ||
        command == CMD_VIEW || command == CMD_PLUG || command == CMD_UNPLUG)
        return m != NULL && action_is_up(m);
    return m != NULL;
}

static void
detail_command(Screen *s, int command)
{
    Detail *d = (Detail *) s;
    const UiMachine *m = tui_machine(s->tui, d->name);

    switch (command) {
    case CMD_START: action_do(s->tui, d->name, UI_START); break;
    case CMD_STOP: action_stop_menu(s->tui, d->name); break;
    case CMD_CONSOLE: console_open(s->tui, d->name); break;
    case CMD_VIEW: action_view(s->tui, d->name); break;
    case CMD_PAUSE:
        action_do(s->tui, d->name, action_is_still(m) ? UI_RESUME : UI_PAUSE);
        break;
    case CMD_LOG: log_viewer_open(s->tui, d->name); break;
    case CMD_EDIT: action_edit(s->tui, d->name); break;
    case CMD_PLUG: plug_open(s->tui, d->name); break;
    case CMD_UNPLUG: unplug_open(s->tui, d->name); break;
    case CMD_USB: usb_picker_open(s->tui, d->name); break;
    case CMD_PASSTHROUGH: passthrough_open(s->tui); break;
    case CMD_DOCTOR: doctor_open(s->tui); break;
    case CMD_BACK: tui_pop(s); break;
    default: break;
    }
}

static void
detail_free(Screen *s)
{
    g_free(((Detail *) s)->name);
    g_free(s);
}

static const ScreenClass detail_class = {
    .name = "Machine",
    .keys = machine_detail_keys,
    .draw = detail_draw,
    .command = detail_command,
    .can = detail_can,
    .free = detail_free,
};

void
machine_detail_open(Tui *tui, const char *name)
{
    Detail *d = g_new0(Detail, 1);

    d->screen.class = &detail_class;
    d->name = g_strdup(name);
    tui_push(tui, &d->screen);
}
