/* ui/widgets/edit.h - one line of text being typed. */
#pragma once

#include "ui/tui/app-loop.h"

typedef struct {
    GString *text; /* valid UTF-8, no control characters */
    gsize cursor;  /* bytes, at a character */
} Edit;

void edit_init(Edit *edit, const char *text);
void edit_done(Edit *edit);
void edit_set(Edit *edit, const char *text);
/* True when the key was used: characters, paste, cursor keys, Ctrl-U/W/A/E. */
bool edit_key(Edit *edit, const Key *key);
/* Completes the path before the cursor as far as it is unique. */
void edit_complete_path(Edit *edit);
/* In width columns; focused places the cursor. */
void edit_draw(const Edit *edit, Tui *tui, int y, int x, int width,
               bool focused);
/* A leading ~/ replaced by the home directory. Caller frees. */
char *edit_path(const Edit *edit);
