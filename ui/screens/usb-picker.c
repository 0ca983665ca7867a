/* usb-picker.c - the host's USB devices, and into a machine with one of them.
 * A running machine gets it now, another has it in its settings. */
#include <string.h>

#include "passthrough-wizard/usb-list.h"
#include "ui/screens/host-look.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/list.h"

#define DETAIL_ROWS 5

typedef struct Request Request;

typedef struct {
    Screen screen;
    char *machine;
    HostLook *look;
    ListPos list;
    Request *request; /* NULL: none under way */
} Picker;

/* Outlives its screen when that is left before the answer. */
struct Request {
    Picker *picker; /* NULL: the screen is gone */
    gpointer call;  /* of tui_call() */
};

enum { CMD_DETACH = CMD_SCREEN, CMD_AGAIN };

/* clang-format off */
const KeyBinding usb_picker_keys[] = {
    {"Enter a", CMD_OPEN, "attach", "plug it into the machine: now, or at its start", KEY_WRITES},
    {"d", CMD_DETACH, "detach", "out of the machine", KEY_WRITES},
    {"r", CMD_AGAIN, "look again", "look at the host again", 0},
    {"Esc q Left", CMD_BACK, "back", "back to the machine", 0},
    KEY_ROWS_MOVE,
    {0},
};
/* clang-format on */

/* ---- what was found ------------------------------------------------------ */

static const GPtrArray *
devices(const Picker *p)
{
    const UiHostLook *found = host_look_found(p->look);

    return found != NULL ? found->usb : NULL; /* NULL: none is known */
}

static const UsbListed *
device_at(const Picker *p, int i)
{
    const GPtrArray *all = devices(p);

    return all != NULL && i >= 0 && i < (int) all->len
               ? g_ptr_array_index(all, (guint) i)
               : NULL;
}

static const UsbListed *
current(const Picker *p)
{
    return device_at(p, p->list.selected);
}

/* Settings name a device by its port or by its numbers. */
static bool
is_of(const UiPlug *plug, const UsbListed *u)
{
    g_autofree char *id = g_strdup_printf("%04x:%04x", u->vendor, u->product);

    return g_str_has_prefix(plug->section, "usb") &&
           (strcmp(plug->device, u->port) == 0 ||
            g_ascii_strcasecmp(plug->device, id) == 0);
}

/* A running machine's plug wins; machine NULL: of any. NULL: none. */
static const UiPlug *
find_plug(const Picker *p, const UsbListed *u, const char *machine)
{
    const GPtrArray *plugs = host_look_found(p->look)->plugs;
    const UiPlug *best = NULL;

    for (guint i = 0; i < plugs->len; i++) {
        const UiPlug *plug = g_ptr_array_index(plugs, i);
        if (is_of(plug, u) &&
            (machine == NULL || strcmp(plug->machine, machine) == 0) &&
            (best == NULL || (plug->running && !best->running)))
            best = plug;
    }
    return best;
}

/* Why it cannot come into the machine now, and what to do; NULL: it can. */
static char *
why_not(const Picker *p, const UsbListed *u)
{
    const UiPlug *other = find_plug(p, u, NULL);

    if (other != NULL && other->running &&
        strcmp(other->machine, p->machine) != 0)
        return g_strdup_printf("%s has it now: detach it there first",
                               other->machine);
    return usb_list_obstacle(u);
}

static bool
is_running(const Picker *p)
{
    const UiMachine *m = tui_machine(p->screen.tui, p->machine);

    return m != NULL && action_is_up(m);
}

/* ---- picture ------------------------------------------------------------- */

/* In a word, where it is or why it cannot go anywhere. */
static char *
where(const Picker *p, const UsbListed *u, Style *ret_style)
{
    const UiPlug *plug = find_plug(p, u, NULL);

    *ret_style = STYLE_DIM;
    if (plug != NULL) {
        *ret_style = plug->running ? STYLE_GOOD : STYLE_NORMAL;
        return g_strdup_printf("%s %s", plug->machine,
                               plug->running ? "now" : "at start");
    }
    if (u->hub)
        return g_strdup("a hub");
    *ret_style = STYLE_WARN;
    if (u->use != NULL)
        return g_strdup("in use here");
    if (!u->accessible)
        return g_strdup("no access");
    *ret_style = STYLE_NORMAL;
    return g_strdup("free");
}

static void
draw_row(Picker *p, int i, int y)
{
    Tui *tui = p->screen.tui;
    const UsbListed *u = device_at(p, i);
    bool on = i == p->list.selected;
    Style style = on ? STYLE_SELECTED : STYLE_NORMAL, place = STYLE_NORMAL;
    int right = draw_cols() - 20, driver = right - 13;

    if (u == NULL)
        return;
    g_autofree char *at = where(p, u, &place);
    if (on) {
        draw_fill(tui, y, 0, draw_cols(), style);
        tui_cursor(tui, y, 1, false);
    }
    draw_text(tui, y, 1, 1, style, on ? ">" : " ");
    draw_text(tui, y, 3, 9, style, u->port);
    draw_format(tui, y, 13, 9, style, "%04x:%04x", u->vendor, u->product);
    draw_text(tui, y, 24, driver - 25, style, u->name);
    draw_text(tui, y, driver, 12, style,
              *u->drivers != '\0' ? u->drivers : "-");
    draw_text(tui, y, right, 19, on ? style : place, at);
}

static int
draw_wrapped(Tui *tui, int y, int end, Style style, const char *text)
{
    g_autofree char *safe = text_safe(text, -1, tui_ascii(tui));
    g_autoptr(GPtrArray) lines = text_wrap(safe, MAX(draw_cols() - 2, 8));

    for (guint i = 0; i < lines->len && y < end; i++, y++)
        draw_text(tui, y, 1, draw_cols() - 2, style, lines->pdata[i]);
    return y;
}

static void
draw_detail(Picker *p, int y, int end)
{
    Tui *tui = p->screen.tui;
    const UsbListed *u = current(p);

    draw_rule(tui, y++, STYLE_DIM);
    if (u == NULL)
        return;
    const UiPlug *plug = find_plug(p, u, p->machine);
    g_autofree char *obstacle = why_not(p, u);
    draw_text(tui, y++, 1, draw_cols() - 2, STYLE_TITLE, u->name);
    draw_format(tui, y++, 1, draw_cols() - 2, STYLE_NORMAL,
                "port %s  %04x:%04x  %s Mbit/s  driver %s  %s", u->port,
                u->vendor, u->product, u->speed,
                *u->drivers != '\0' ? u->drivers : "none", u->node);
    g_autofree char *text =
        plug != NULL
            ? g_strdup_printf("%s %s it in %s; d takes it out", p->machine,
                              plug->running ? "has" : "will have",
                              plug->section)
        : obstacle != NULL ? g_strdup(obstacle)
        : is_running(p)
            ? g_strdup_printf("Enter plugs it into %s now", p->machine)
            : g_strdup_printf("Enter: %s has it when it starts", p->machine);
    draw_wrapped(tui, y, end,
                 plug != NULL       ? STYLE_GOOD
                 : obstacle != NULL ? STYLE_WARN
                                    : STYLE_DIM,
                 text);
}

static const char *
nothing_to_show(const Picker *p)
{
    if (host_look_found(p->look) == NULL && host_look_busy(p->look))
        return "Looking at this host...";
    if (host_look_error(p->look) != NULL)
        return host_look_error(p->look);
    return devices(p) == NULL
               ? "This is a recorded host: its USB devices are not recorded."
               : "This host has no USB devices.";
}

static void
picker_draw(Screen *s)
{
    Picker *p = (Picker *) s;
    Tui *tui = s->tui;
    g_autofree char *title = g_strdup_printf("Carrel > %s > USB", p->machine);
    bool small = draw_is_small();
    int rows = MAX(draw_content_rows() - 1 - (small ? 0 : DETAIL_ROWS), 1);
    int right = draw_cols() - 20;
    const GPtrArray *all = devices(p);

    draw_frame(s, title, is_running(p) ? "running" : "off");
    tui_cursor(tui, 1, 1, false);
    if (all == NULL || all->len == 0) {
        draw_text(tui, 2, 1, draw_cols() - 2, STYLE_DIM, nothing_to_show(p));
        return;
    }
    draw_text(tui, 1, 3, 9, STYLE_HEADER, "PORT");
    draw_text(tui, 1, 13, 9, STYLE_HEADER, "NUMBERS");
    draw_text(tui, 1, 24, 9, STYLE_HEADER, "NAME");
    draw_text(tui, 1, right - 13, 12, STYLE_HEADER, "DRIVER");
    draw_text(tui, 1, right, 19, STYLE_HEADER, "WHERE");
    list_fit(&p->list, (int) all->len, rows);
    for (int r = 0; r < rows && p->list.top + r < p->list.count; r++)
        draw_row(p, p->list.top + r, 2 + r);
    if (!small)
        draw_detail(p, 2 + rows, draw_rows() - 2);
}

/* ---- in and out ---------------------------------------------------------- */

static void
on_done(void *data, const GError *error)
{
    Request *request = data;

    tui_call_done(request->call, error);
    if (request->picker != NULL) {
        request->picker->request = NULL;
        host_look_again(request->picker->look);
    }
    g_free(request);
}

static void
plug(Picker *p, const char *device, const char *name, bool in)
{
    Tui *tui = p->screen.tui;
    g_autofree char *what =
        g_strdup_printf("%s %s", in ? "attach" : "detach", name);

    p->request = g_new0(Request, 1);
    *p->request = (Request){p, tui_call(tui, what)};
    tui_ops(tui)->usb(tui_host(tui), p->machine, device, in, on_done,
                      p->request);
}

static void
picker_command(Screen *s, int command)
{
    Picker *p = (Picker *) s;

    switch (command) {
    case CMD_BACK: tui_pop(s); break;
    case CMD_AGAIN: host_look_again(p->look); break;
    case CMD_OPEN: plug(p, current(p)->port, current(p)->name, true); break;
    case CMD_DETACH:
        plug(p, find_plug(p, current(p), p->machine)->section, current(p)->name,
             false);
        break;
    default:
        (void) list_command(&p->list, command); /* another: nothing to do */
        break;
    }
}

static bool
picker_can(Screen *s, int command)
{
    Picker *p = (Picker *) s;
    const UsbListed *u = current(p);

    if (command != CMD_OPEN && command != CMD_DETACH)
        return true;
    if (u == NULL || p->request != NULL)
        return false;
    bool has = find_plug(p, u, p->machine) != NULL;
    g_autofree char *why = why_not(p, u);
    return command == CMD_DETACH ? has : !has && why == NULL;
}

static bool
picker_key(Screen *s, const Key *key)
{
    if (key->key != TK_MOUSE)
        return false;
    (void) list_mouse(&((Picker *) s)->list, key, 2); /* only selects */
    return true;
}

/* The list is drawn from the look itself. */
static void
on_found(void *data)
{
}

static void
picker_free(Screen *s)
{
    Picker *p = (Picker *) s;

    if (p->request != NULL)
        p->request->picker = NULL;
    host_look_free(p->look);
    g_free(p->machine);
    g_free(p);
}

static const ScreenClass picker_class = {
    .name = "USB",
    .keys = usb_picker_keys,
    .draw = picker_draw,
    .key = picker_key,
    .command = picker_command,
    .can = picker_can,
    .free = picker_free,
};

void
usb_picker_open(Tui *tui, const char *machine)
{
    Picker *p = g_new0(Picker, 1);

    p->screen.class = &picker_class;
    p->screen.tui = tui;
    p->machine = g_strdup(machine);
    p->list.height = 1;
    p->look = host_look_new(tui, on_found, p);
    tui_push(tui, &p->screen);
}
