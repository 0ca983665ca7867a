/* doctor.c - the host doctor: a row a check, and what to do about it. */
#include <string.h>

#include "passthrough-wizard/checks.h"
#include "ui/screens/host-look.h"
#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/list.h"

#define DETAIL_ROWS 6

typedef struct {
    Screen screen;
    HostLook *look;
    ListPos list;
} Doctor;

enum { CMD_AGAIN = CMD_SCREEN, CMD_COPY, CMD_FIX };

/* clang-format off */
const KeyBinding doctor_keys[] = {
    {"Enter Right", CMD_OPEN, "details", "all that there is to say", 0},
    {"f", CMD_FIX, "fix…", "what to do, and what takes it back", 0},
    {"y", CMD_COPY, "copy command", "copy the command", 0},
    {"r", CMD_AGAIN, "re-test", "look again", 0},
    {"Esc q Left", CMD_BACK, "back", "back", 0},
    KEY_ROWS_MOVE,
    {0},
};
/* clang-format on */

static const Check *
check_at(const Doctor *d, int i)
{
    const UiHostLook *found = host_look_found(d->look);

    if (found == NULL || i < 0 || i >= (int) found->checks->len)
        return NULL;
    return g_ptr_array_index(found->checks, (guint) i);
}

static const Check *
current(const Doctor *d)
{
    return check_at(d, d->list.selected);
}

static Style
style_of(CheckState state)
{
    switch (state) {
    case CHECK_OK: return STYLE_GOOD;
    case CHECK_HINT: return STYLE_WARN;
    case CHECK_BAD: return STYLE_BAD;
    case CHECK_NONE:
    default: return STYLE_DIM;
    }
}

static void
draw_check(Doctor *d, int i, int y)
{
    Tui *tui = d->screen.tui;
    const Check *check = check_at(d, i);
    bool on = i == d->list.selected;
    Style style = on ? STYLE_SELECTED : STYLE_NORMAL;

    if (on) {
        draw_fill(tui, y, 0, draw_cols(), style);
        tui_cursor(tui, y, 1, false);
    }
    draw_text(tui, y, 1, 1, style, on ? ">" : " ");
    draw_text(tui, y, 3, 4, on ? style : style_of(check->state),
              check_state_word(check->state));
    draw_text(tui, y, 9, 11, style, check->title);
    draw_text(tui, y, 21, draw_cols() - 22, style, check->finding);
}

static int
draw_wrapped(Tui *tui, int y, int end, const char *head, const char *text,
             Style style)
{
    g_autofree char *safe =
        text_safe(text != NULL ? text : "", -1, tui_ascii(tui));
    g_autoptr(GPtrArray) lines = text_wrap(safe, draw_cols() - 6);

    for (guint i = 0; text != NULL && i < lines->len && y < end; i++, y++) {
        draw_text(tui, y, 1, 3, STYLE_KEY, i == 0 ? head : "");
        draw_text(tui, y, 4, draw_cols() - 5, style, lines->pdata[i]);
    }
    return y;
}

static void
draw_details(Doctor *d, int y, int end)
{
    Tui *tui = d->screen.tui;
    const Check *check = current(d);

    draw_rule(tui, y++, STYLE_DIM);
    if (check == NULL)
        return;
    y = draw_wrapped(tui, y, end, "", check->consequence, STYLE_NORMAL);
    y = draw_wrapped(tui, y, end, "->", check->fix, STYLE_NORMAL);
    if (y < end && check->command != NULL)
        draw_wrapped(tui, y, end, "$", check->command, STYLE_KEY);
}

static char *
summary(const Doctor *d)
{
    const UiHostLook *found = host_look_found(d->look);

    if (found == NULL)
        return g_strdup("");
    unsigned bad = checks_count(found->checks, CHECK_BAD);
    unsigned hints = checks_count(found->checks, CHECK_HINT);
    return g_strdup_printf("%u problem%s, %u hint%s, %u ok%s", bad,
                           bad == 1 ? "" : "s", hints, hints == 1 ? "" : "s",
                           checks_count(found->checks, CHECK_OK),
                           host_look_busy(d->look) ? " ..." : "");
}

static void
doctor_draw(Screen *s)
{
    Doctor *d = (Doctor *) s;
    const UiHostLook *found = host_look_found(d->look);
    g_autofree char *right = summary(d);
    int end = draw_rows() - 2;
    int rows =
        MAX(draw_content_rows() - (draw_is_small() ? 0 : DETAIL_ROWS), 1);

    draw_frame(s, "Carrel > Host doctor", right);
    if (found == NULL) {
        draw_text(s->tui, 2, 1, draw_cols() - 2,
                  host_look_busy(d->look) ? STYLE_DIM : STYLE_BAD,
                  host_look_busy(d->look) ? "Looking at this host..."
                                          : host_look_error(d->look));
        return;
    }
    list_fit(&d->list, (int) found->checks->len, rows);
    for (int r = 0; r < rows && d->list.top + r < d->list.count; r++)
        draw_check(d, d->list.top + r, 1 + r);
    if (!draw_is_small())
        draw_details(d, 1 + rows, end);
}

static void
open_details(Doctor *d, const Check *c)
{
    GString *text = g_string_new(NULL);
    const struct {
        const char *head, *text;
    } parts[] = {{"", c->finding},
                 {"What follows", c->consequence},
                 {"What to do", c->fix},
                 {"The command", c->command},
                 {"What takes it back", c->undo}};

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i].text != NULL)
            g_string_append_printf(text, "%s%s%s%s\n\n", parts[i].head,
                                   *parts[i].head != '\0' ? "\n" : "",
                                   *parts[i].head != '\0' ? "  " : "",
                                   parts[i].text);
    g_autofree char *title =
        g_strdup_printf("Carrel > Host doctor > %s", c->title);
    text_page_open(d->screen.tui, title, text->str);
    g_string_free(text, TRUE);
}

static void
doctor_command(Screen *s, int command)
{
    Doctor *d = (Doctor *) s;
    const Check *c = current(d);

    switch (command) {
    case CMD_BACK: tui_pop(s); break;
    case CMD_AGAIN: host_look_again(d->look); break;
    case CMD_OPEN:
    case CMD_FIX:
        if (c != NULL)
            open_details(d, c);
        break;
    case CMD_COPY:
        if (c != NULL && c->command != NULL)
            tui_notify(s->tui, STYLE_NORMAL, "%s%s", c->command,
                       term_copy(tui_term(s->tui), c->command) ? "  (copied)"
                                                               : "");
        break;
    default:
        (void) list_command(&d->list, command); /* another: nothing to do */
        break;
    }
}

static bool
doctor_can(Screen *s, int command)
{
    const Check *c = current((Doctor *) s);

    switch (command) {
    case CMD_OPEN: return c != NULL;
    case CMD_FIX: return c != NULL && c->fix != NULL;
    case CMD_COPY: return c != NULL && c->command != NULL;
    default: return true;
    }
}

static bool
doctor_key(Screen *s, const Key *key)
{
    Doctor *d = (Doctor *) s;

    if (key->key != TK_MOUSE)
        return false;
    bool again = list_mouse(&d->list, key, 1);
    const Check *c = current(d);
    if (again && c != NULL)
        open_details(d, c);
    return true;
}

/* The worst row is where a person starts. */
static void
on_found(void *data)
{
    Doctor *d = data;

    const Check *check;

    for (int i = 0; d->list.selected == 0 && (check = check_at(d, i)) != NULL;
         i++)
        if (check->state == CHECK_BAD) {
            d->list.selected = i;
            return;
        }
}

static void
doctor_free(Screen *s)
{
    host_look_free(((Doctor *) s)->look);
    g_free(s);
}

static const ScreenClass doctor_class = {
    .name = "Host doctor",
    .keys = doctor_keys,
    .draw = doctor_draw,
    .key = doctor_key,
    .command = doctor_command,
    .can = doctor_can,
    .free = doctor_free,
};

void
doctor_open(Tui *tui)
{
    Doctor *d = g_new0(Doctor, 1);

    d->screen.class = &doctor_class;
    d->screen.tui = tui;
    d->list.height = 1;
    d->look = host_look_new(tui, on_found, d);
    tui_push(tui, &d->screen);
}
