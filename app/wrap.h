/* app/wrap.h - longer texts for people, in lines that fit a terminal. */
#pragma once

#include "app/app.h"

/* Prints head, then text, broken at blanks so that no line is longer than 79
 * columns and further lines begin under the text. Silent with --quiet and
 * --json. */
void app_say_wrapped(const App *app, const char *head, const char *text);
/* Bytes of text that go into a line of so many columns: whole words, one at
 * least. */
gsize wrap_line(const char *text, gsize columns);
/* The same lines as a string, with a newline behind each; g_free. */
char *wrap_text(const char *head, const char *text);
/* A help text of GLib with its long lines broken: what is said of an option
 * goes on under itself; g_free. */
char *wrap_help(const char *help);
