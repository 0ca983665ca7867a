/* ui/widgets/form.h - labelled fields, one a row. */
#pragma once

#include "ui/tui/app-loop.h"
#include "ui/widgets/edit.h"

typedef enum { FIELD_TEXT, FIELD_PATH, FIELD_CHOICE } FieldKind;

typedef struct {
    FieldKind kind;
    const char *label;
    int width; /* columns of a text field */
    Edit edit;
    GPtrArray *choices; /* of char *; FIELD_CHOICE */
    int chosen;
    char *note; /* beside the field: "604M ok", an error */
    bool bad, off;
} Field;

typedef struct {
    Field *fields;
    int n, focus;
} Form;

Form *form_new(int n_fields);
void form_free(Form *form);
void form_set_text(Form *form, int i, FieldKind kind, const char *label,
                   int width, const char *text);
void form_set_choice(Form *form, int i, const char *label);
void form_add_choice(Form *form, int i, const char *text);
const char *form_text(const Form *form, int i);
/* Replaces the note; takes ownership of note (NULL: none). */
void form_note(Form *form, int i, bool bad, char *note);
/* True when used: Tab, arrows, and what the focused field takes. */
bool form_key(Form *form, const Key *key);
/* Fields from row y on; labels at x. */
void form_draw(Form *form, Tui *tui, int y, int x, int width, int rows);
