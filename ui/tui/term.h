/* ui/tui/term.h - the terminal: started, asked for keys, put back. Main
 * thread. */
#pragma once

#include "ui/tui/keys.h"
#include "ui/tui/theme.h"

typedef struct {
    bool ascii, no_color, no_mouse;
    ThemeId theme;
} TermOptions;

typedef struct Term Term;

#define CARREL_TERM_ERROR (carrel_term_error_quark())
GQuark carrel_term_error_quark(void);
typedef enum {
    CARREL_TERM_ERROR_NO_TTY,
    CARREL_TERM_ERROR_USELESS /* unknown TERM, or one without cursor moves */
} CarrelTermError;

/* Needs stdin and stdout on one terminal. One at a time in a process. */
Term *term_open(const TermOptions *options, GError **error);
/* Puts the terminal back as it was. NULL is fine. */
void term_close(Term *term);

bool term_is_ascii(const Term *term);
bool term_has_mouse(const Term *term);
Theme *term_theme(Term *term);
ThemeId term_theme_id(const Term *term); /* as asked for */
void term_set_theme(Term *term, ThemeId id);
void term_set_ascii(Term *term, bool ascii);
void term_set_mouse(Term *term, bool on);
/* Reports of every mouse movement, for a console; off elsewhere. */
void term_set_mouse_motion(Term *term, bool on);

/* The next key already typed; false when there is none. ret_key->text is
 * valid until the next call. */
bool term_read_key(Term *term, Key *ret_key);
/* The window changed: takes over its new size. */
void term_resized(Term *term);

/* Between these two the terminal belongs to somebody else (a pager). */
void term_leave(Term *term);
void term_return(Term *term);
/* Between them: an empty screen for what that somebody says. */
void term_clear(void);
/* Ctrl-Z: stops the process until it is continued. */
void term_suspend(Term *term);
/* Puts text on the person's clipboard by OSC 52, where the terminal is of a
 * kind that understands it; text must be printable. */
bool term_copy(Term *term, const char *text);
