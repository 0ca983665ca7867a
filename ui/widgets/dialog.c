/* dialog.c - boxes that ask or tell. The default button is the harmless one,
 * and the key that opened a dialog never confirms it: only Enter on a button
 * that was moved to does. */
#include "ui/widgets/dialog.h"

#include <string.h>

#include "ui/tui/text.h"
#include "ui/widgets/draw.h"
#include "ui/widgets/edit.h"

typedef struct {
    Screen screen;
    char *title, *body, *typed;
    char **buttons; /* NULL: a prompt */
    int n_buttons, selected;
    bool has_edit, is_path;
    Edit edit;
    void (*chosen)(void *data, int button);
    void (*done)(void *data, const char *text);
    void *data;
    GDestroyNotify free_data;
} Dialog;

static void
dialog_free(Screen *s)
{
    Dialog *d = (Dialog *) s;

    if (d->free_data != NULL)
        d->free_data(d->data);
    if (d->has_edit)
        edit_done(&d->edit);
    g_strfreev(d->buttons);
    g_free(d->title);
    g_free(d->body);
    g_free(d->typed);
    g_free(d);
}

static void
draw_buttons(Dialog *d, int y, int x, int width)
{
    Tui *tui = d->screen.tui;

    for (int i = 0; i < d->n_buttons; i++) {
        bool on = i == d->selected;
        Style style = on ? STYLE_BUTTON_ON : STYLE_DIALOG;

        if (on)
            tui_cursor(tui, y, x, false);
        int used = draw_format(tui, y, x, width, style, on ? ">%s<" : " %s ",
                               d->buttons[i]);
        x += used + 2;
        width -= used + 2;
    }
}

static void
dialog_draw(Screen *s)
{
    Dialog *d = (Dialog *) s;
    Tui *tui = s->tui;
    int cols = MIN(64, draw_cols()), inner = MAX(cols - 4, 1);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(d->body, "\n", -1);

    for (char **p = parts; *p != NULL; p++) {
        g_autofree char *part = text_safe(*p, -1, tui_ascii(tui));
        g_autoptr(GPtrArray) wrapped = text_wrap(part, inner);
        for (guint i = 0; i < wrapped->len; i++)
            g_ptr_array_add(lines, g_strdup(g_ptr_array_index(wrapped, i)));
    }
    int extra = 3 + (d->has_edit ? 2 : 0) + (d->buttons != NULL ? 1 : 0);
    int rows = MIN((int) lines->len + extra, MAX(draw_rows(), 1));
    int shown = MAX(rows - extra, 0);
    int y = MAX((draw_rows() - rows) / 2, 0), x = (draw_cols() - cols) / 2;

    draw_box(tui, y, x, rows, cols, STYLE_DIALOG, d->title);
    for (int i = 0; i < shown; i++)
        draw_text(tui, y + 1 + i, x + 2, inner, STYLE_DIALOG,
                  g_ptr_array_index(lines, (guint) i));
    y += 1 + shown;
    if (d->has_edit) {
        y++;
        edit_draw(&d->edit, tui, y, x + 2, inner, true);
        y++;
    }
    if (d->buttons != NULL)
        draw_buttons(d, y + (d->has_edit ? 0 : 1) - (rows < 5 ? 1 : 0), x + 2,
                     inner);
}

static void
choose(Dialog *d, int button)
{
    bool safe = button == d->n_buttons - 1;

    if (!safe && d->typed != NULL && strcmp(d->edit.text->str, d->typed) != 0) {
        tui_notify(d->screen.tui, STYLE_WARN, "type %s first", d->typed);
        return;
    }
    tui_pop(&d->screen);
    if (d->chosen != NULL)
        d->chosen(d->data, button);
}

static void
step_button(Dialog *d, int by)
{
    d->selected = (d->selected + by + d->n_buttons) % d->n_buttons;
}

static bool
dialog_key(Screen *s, const Key *key)
{
    Dialog *d = (Dialog *) s;

    switch ((int) key->key) {
    case TK_ESC: choose(d, d->n_buttons - 1); return true;
    case TK_ENTER:
    case TK_KP_ENTER: choose(d, d->selected); return true;
    case TK_TAB: step_button(d, key->mods & TMOD_SHIFT ? -1 : 1); return true;
    case TK_UP: step_button(d, -1); return true;
    case TK_DOWN: step_button(d, 1); return true;
    default: break;
    }
    if (d->has_edit)
        return edit_key(&d->edit, key), true;
    if (key->key == TK_LEFT)
        step_button(d, -1);
    else if (key->key == TK_RIGHT)
        step_button(d, 1);
    else if (key->key == TK_CHAR && key->ch == 'q')
        choose(d, d->n_buttons - 1);
    return true;
}

static bool
prompt_key(Screen *s, const Key *key)
{
    Dialog *d = (Dialog *) s;

    if (key->key == TK_ESC) {
        tui_pop(s);
    } else if (key->key == TK_ENTER || key->key == TK_KP_ENTER) {
        g_autofree char *text =
            d->is_path ? edit_path(&d->edit) : g_strdup(d->edit.text->str);
        tui_pop(s);
        d->done(d->data, text);
    } else if (!edit_key(&d->edit, key) && d->is_path &&
               (key->key == TK_TAB || key->key == TK_RIGHT)) {
        edit_complete_path(&d->edit);
    }
    return true;
}

static const ScreenClass dialog_class = {
    .name = "Dialog",
    .overlay = true,
    .captures = true,
    .draw = dialog_draw,
    .key = dialog_key,
    .free = dialog_free,
};

static const ScreenClass prompt_class = {
    .name = "Prompt",
    .overlay = true,
    .captures = true,
    .draw = dialog_draw,
    .key = prompt_key,
    .free = dialog_free,
};

static Dialog *
dialog_new(const ScreenClass *class, const char *title, const char *body)
{
    Dialog *d = g_new0(Dialog, 1);

    d->screen.class = class;
    d->title = g_strdup(title);
    d->body = g_strdup(body);
    return d;
}

void
dialog_confirm(Tui *tui, const char *title, const char *body,
               const char *const *buttons, const char *typed,
               void (*chosen)(void *data, int button), void *data,
               GDestroyNotify free_data)
{
    Dialog *d = dialog_new(&dialog_class, title, body);

    d->buttons = g_strdupv((char **) buttons);
    d->n_buttons = (int) g_strv_length(d->buttons);
    d->selected = d->n_buttons - 1;
    d->typed = g_strdup(typed);
    d->has_edit = typed != NULL;
    if (d->has_edit)
        edit_init(&d->edit, "");
    d->chosen = chosen;
    d->data = data;
    d->free_data = free_data;
    tui_push(tui, &d->screen);
}

void
dialog_message(Tui *tui, const char *title, const char *body)
{
    static const char *const buttons[] = {"OK", NULL};

    dialog_confirm(tui, title, body, buttons, NULL, NULL, NULL, NULL);
}

void
dialog_prompt(Tui *tui, const char *title, const char *help,
              const char *initial, bool is_path,
              void (*done)(void *data, const char *text), void *data,
              GDestroyNotify free_data)
{
    Dialog *d = dialog_new(&prompt_class, title, help);

    d->has_edit = true;
    d->is_path = is_path;
    edit_init(&d->edit, initial);
    d->done = done;
    d->data = data;
    d->free_data = free_data;
    tui_push(tui, &d->screen);
}
