/* form.c - labelled fields, one a row, with a remark beside each. */
#include "ui/widgets/form.h"

#include <string.h>

#include "ui/tui/text.h"
#include "ui/widgets/draw.h"

#define LABEL_WIDTH 11
#define MIN_WIDTH   8 /* of a text field beside its remark */

Form *
form_new(int n_fields)
{
    Form *form = g_new0(Form, 1);

    form->fields = g_new0(Field, n_fields);
    form->n = n_fields;
    return form;
}

void
form_free(Form *form)
{
    for (int i = 0; i < form->n; i++) {
        edit_done(&form->fields[i].edit);
        g_clear_pointer(&form->fields[i].choices, g_ptr_array_unref);
        g_free(form->fields[i].note);
    }
    g_free(form->fields);
    g_free(form);
}

void
form_set_text(Form *form, int i, FieldKind kind, const char *label, int width,
              const char *text)
{
    Field *f = &form->fields[i];

    f->kind = kind;
    f->label = label;
    f->width = width;
    edit_init(&f->edit, text);
}

void
form_set_choice(Form *form, int i, const char *label)
{
    Field *f = &form->fields[i];

    f->kind = FIELD_CHOICE;
    f->label = label;
    f->choices = g_ptr_array_new_with_free_func(g_free);
}

void
form_add_choice(Form *form, int i, const char *text)
{
    g_ptr_array_add(form->fields[i].choices, g_strdup(text));
}

const char *
form_text(const Form *form, int i)
{
    const Field *f = &form->fields[i];

    if (f->kind != FIELD_CHOICE)
        return f->edit.text->str;
    if (f->choices->len == 0)
        return "";
    return g_ptr_array_index(f->choices, (guint) f->chosen);
}

void
form_note(Form *form, int i, bool bad, char *note)
{
    Field *f = &form->fields[i];

    g_free(f->note);
    f->note = note;
    f->bad = bad;
}

static void
step(Form *form, int by)
{
    for (int i = 0; i < form->n; i++) {
        form->focus = (form->focus + by + form->n) % form->n;
        if (!form->fields[form->focus].off)
            return;
    }
}

static bool
choice_key(Field *f, const Key *key)
{
    int n = (int) f->choices->len;

    if (n == 0)
        return false;
    if (key->key == TK_RIGHT || (key->key == TK_CHAR && key->ch == ' '))
        f->chosen = (f->chosen + 1) % n;
    else if (key->key == TK_LEFT)
        f->chosen = (f->chosen + n - 1) % n;
    else
        return false;
    return true;
}

bool
form_key(Form *form, const Key *key)
{
    Field *f = &form->fields[form->focus];

    if (key->key == TK_DOWN || (key->key == TK_TAB && key->mods == 0)) {
        step(form, 1);
        return true;
    }
    if (key->key == TK_UP || key->key == TK_TAB) {
        step(form, -1);
        return true;
    }
    if (f->kind == FIELD_CHOICE)
        return choice_key(f, key);
    if (edit_key(&f->edit, key))
        return true;
    if (f->kind == FIELD_PATH && key->key == TK_RIGHT) {
        edit_complete_path(&f->edit);
        return true;
    }
    return false;
}

static void
draw_field(Form *form, Tui *tui, int i, int y, int x, int width)
{
    Field *f = &form->fields[i];
    bool on = i == form->focus;
    int at = x + LABEL_WIDTH, room = MAX(width - LABEL_WIDTH, 4);
    int used = MIN(f->width, room);

    draw_text(tui, y, x - 1, 1, STYLE_KEY, on ? ">" : " ");
    draw_text(tui, y, x, LABEL_WIDTH - 1, f->off ? STYLE_DIM : STYLE_HEADER,
              f->label);
    if (f->off) {
        draw_text(tui, y, at, room, STYLE_DIM, "-");
        return;
    }
    if (f->kind == FIELD_CHOICE) {
        used = draw_format(tui, y, at, room, on ? STYLE_FIELD_ON : STYLE_FIELD,
                           "< %s >", form_text(form, i));
        if (on)
            tui_cursor(tui, y, at + 2, false);
    } else {
        /* the remark is read, the text scrolls */
        if (f->note != NULL)
            used = MIN(used, MAX(room - text_width(f->note) - 1, MIN_WIDTH));
        edit_draw(&f->edit, tui, y, at, used, on);
    }
    if (f->note != NULL)
        draw_text(tui, y, at + used + 1, room - used - 1,
                  f->bad ? STYLE_BAD : STYLE_GOOD, f->note);
}

void
form_draw(Form *form, Tui *tui, int y, int x, int width, int rows)
{
    /* On a low terminal the focused field stays in sight. */
    int first = CLAMP(form->focus - rows + 1, 0, MAX(form->n - rows, 0));

    for (int r = 0; r < rows && first + r < form->n; r++)
        draw_field(form, tui, first + r, y + r, x, width);
}
