/* ui/widgets/dialog.h - boxes that ask or tell. Main thread. */
#pragma once

#include "ui/tui/app-loop.h"

/* title names the object; body says what is lost and what is not. The last
 * button is the safe one: the default, and what Esc means. typed: the text to
 * type before any other button works, for what cannot be undone; NULL: none.
 * chosen gets the button's index; free_data runs afterwards in any case. */
void dialog_confirm(Tui *tui, const char *title, const char *body,
                    const char *const *buttons, const char *typed,
                    void (*chosen)(void *data, int button), void *data,
                    GDestroyNotify free_data);
/* A text with one button. */
void dialog_message(Tui *tui, const char *title, const char *body);
/* One line of input; done only runs for Enter. is_path: Tab completes. */
void dialog_prompt(Tui *tui, const char *title, const char *help,
                   const char *initial, bool is_path,
                   void (*done)(void *data, const char *text), void *data,
                   GDestroyNotify free_data);
