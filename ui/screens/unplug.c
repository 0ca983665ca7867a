/* unplug.c - what can be taken out of a running machine: the page of `carrel
 * detach`. */
#include "ui/screens/screens.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/list.h"

typedef struct Request Request;

typedef struct {
    Screen screen;
    char *machine;
    GPtrArray *cards; /* of char *; NULL: not known yet */
    char *error;
    ListPos list;
    Request *request; /* NULL: none under way */
} Unplug;

/* Outlives its screen when that is left before the answer. */
struct Request {
    Unplug *page;  /* NULL: the screen is gone */
    gpointer call; /* of tui_call(); NULL: a look */
};

enum { CMD_FORGET = CMD_SCREEN, CMD_AGAIN };

/* clang-format off */
const KeyBinding unplug_keys[] = {
    {"Enter d", CMD_OPEN, "take out", "out of it; there again at its next start", KEY_WRITES},
    {"D", CMD_FORGET, "for good", "out of it, and out of its settings", KEY_WRITES},
    {"r", CMD_AGAIN, "look again", "look again", 0},
    {"Esc q Left", CMD_BACK, "back", "back to the machine", 0},
    KEY_ROWS_MOVE,
    {0},
};
/* clang-format on */

static void
on_cards(void *data, const char *const *sections, const GError *error)
{
    Request *request = data;
    Unplug *u = request->page;

    g_free(request);
    if (u == NULL)
        return;
    u->request = NULL;
    g_clear_pointer(&u->error, g_free);
    g_clear_pointer(&u->cards, g_ptr_array_unref);
    u->cards = g_ptr_array_new_with_free_func(g_free);
    if (error != NULL)
        u->error = g_strdup(error->message);
    for (unsigned i = 0; sections != NULL && sections[i] != NULL; i++)
        g_ptr_array_add(u->cards, g_strdup(sections[i]));
    tui_redraw(u->screen.tui);
}

static Request *
request_new(Unplug *u, gpointer call)
{
    u->request = g_new0(Request, 1);
    *u->request = (Request){u, call};
    return u->request;
}

static void
look(Unplug *u)
{
    Tui *tui = u->screen.tui;

    if (u->request == NULL)
        tui_ops(tui)->cards(tui_host(tui), u->machine, on_cards,
                            request_new(u, NULL));
}

static void
on_done(void *data, const GError *error)
{
    Request *request = data;
    Unplug *u = request->page;

    tui_call_done(request->call, error);
    g_free(request);
    if (u == NULL)
        return;
    u->request = NULL;
    look(u);
}

static void
take_out(Unplug *u, bool keep)
{
    Tui *tui = u->screen.tui;
    const char *section = g_ptr_array_index(u->cards, (guint) u->list.selected);
    g_autofree char *what = g_strdup_printf("take out %s", section);

    tui_ops(tui)->unplug(tui_host(tui), u->machine, section, keep, on_done,
                         request_new(u, tui_call(tui, what)));
}

static void
unplug_draw(Screen *s)
{
    Unplug *u = (Unplug *) s;
    Tui *tui = s->tui;
    g_autofree char *title =
        g_strdup_printf("Carrel > %s > take out", u->machine);
    int n = u->cards != NULL ? (int) u->cards->len : 0;
    int rows = MAX(draw_content_rows() - 3, 1);

    draw_frame(s, title, "Esc back");
    tui_cursor(tui, 1, 1, false);
    list_fit(&u->list, n, rows);
    if (n == 0)
        draw_text(tui, 2, 2, draw_cols() - 3,
                  u->error != NULL ? STYLE_BAD : STYLE_DIM,
                  u->error != NULL     ? u->error
                  : u->request != NULL ? "Asking the machine..."
                                       : "Nothing in it can be taken out.");
    for (int r = 0; r < rows && u->list.top + r < n; r++) {
        int i = u->list.top + r;
        bool on = i == u->list.selected;
        Style style = on ? STYLE_SELECTED : STYLE_NORMAL;
        if (on) {
            draw_fill(tui, 2 + r, 0, draw_cols(), style);
            tui_cursor(tui, 2 + r, 1, false);
        }
        draw_format(tui, 2 + r, 1, draw_cols() - 2, style, "%s %s",
                    on ? ">" : " ", (char *) g_ptr_array_index(u->cards, i));
    }
    if (n > 0)
        draw_text(tui, 3 + MIN(rows, n), 2, draw_cols() - 3, STYLE_DIM,
                  u->request != NULL
                      ? "Waiting for the guest to let go of it..."
                      : "Unmount a disk in the guest first.");
}

static void
unplug_command(Screen *s, int command)
{
    Unplug *u = (Unplug *) s;

    switch (command) {
    case CMD_BACK: tui_pop(s); break;
    case CMD_AGAIN: look(u); break;
    case CMD_OPEN: take_out(u, true); break;
    case CMD_FORGET: take_out(u, false); break;
    default:
        (void) list_command(&u->list, command); /* another: nothing to do */
        break;
    }
}

static bool
unplug_can(Screen *s, int command)
{
    const Unplug *u = (const Unplug *) s;

    if (command == CMD_AGAIN)
        return u->request == NULL;
    return (command != CMD_OPEN && command != CMD_FORGET) ||
           (u->request == NULL && u->cards != NULL && u->cards->len > 0);
}

static bool
unplug_key(Screen *s, const Key *key)
{
    if (key->key != TK_MOUSE)
        return false;
    (void) list_mouse(&((Unplug *) s)->list, key, 2); /* only selects */
    return true;
}

static void
unplug_free(Screen *s)
{
    Unplug *u = (Unplug *) s;

    if (u->request != NULL)
        u->request->page = NULL;
    g_clear_pointer(&u->cards, g_ptr_array_unref);
    g_free(u->error);
    g_free(u->machine);
    g_free(u);
}

static const ScreenClass unplug_class = {
    .name = "Take out",
    .keys = unplug_keys,
    .draw = unplug_draw,
    .key = unplug_key,
    .command = unplug_command,
    .can = unplug_can,
    .free = unplug_free,
};

void
unplug_open(Tui *tui, const char *machine)
{
    Unplug *u = g_new0(Unplug, 1);

    u->screen.class = &unplug_class;
    u->screen.tui = tui;
    u->machine = g_strdup(machine);
    u->list.height = 1;
    tui_push(tui, &u->screen);
    look(u);
}
