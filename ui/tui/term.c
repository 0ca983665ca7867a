/* term.c - starts and stops curses; the only file that does. Everything that
 * was changed in the terminal is undone on every way out. */
#include "ui/tui/term.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include "ui/tui/term-internal.h"

G_DEFINE_QUARK(carrel - term - error - quark, carrel_term_error)

/* A terminal larger than this is a mistake or an attack. */
#define TERM_MAX_COLS 1000
#define TERM_MAX_ROWS 500

static void
write_raw(const char *sequence)
{
    fputs(sequence, stdout);
    fflush(stdout);
}

/* The locale decides whether characters beyond ASCII are understood; the
 * Linux console understands them but its font has few of them. */
static bool
utf8_works(void)
{
    const char *term = g_getenv("TERM");

    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 && MB_CUR_MAX > 1 &&
           (term == NULL || strcmp(term, "linux") != 0);
}

static bool
is_xterm_like(void)
{
    static const char *const prefixes[] = {"xterm", "tmux",      "foot",
                                           "kitty", "alacritty", "rxvt-unicode",
                                           "st-",   "wezterm",   "contour"};
    const char *term = g_getenv("TERM");

    for (gsize i = 0; term != NULL && i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(term, prefixes[i]))
            return true;
    return false;
}

static void
set_modes(Term *term)
{
    raw();
    noecho();
    nonl();
    curs_set(0);
    if (term->xterm_like)
        write_raw("\033[?2004h"); /* pasted text comes in brackets */
    term_set_mouse(term, term->mouse);
}

static void
unset_modes(Term *term)
{
    if (term->motion)
        write_raw("\033[?1003l");
    if (term->xterm_like)
        write_raw("\033[?2004l");
}

static bool
check_tty(GError **error)
{
    if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return true;
    g_set_error(error, CARREL_TERM_ERROR, CARREL_TERM_ERROR_NO_TTY,
                "the terminal interface needs a terminal for input and "
                "output; use the verbs instead, for example: carrel list");
    return false;
}

/* newterm() accepts a "dumb" terminal, which cannot place a character. */
static bool
check_capable(GError **error)
{
    if (tigetstr("cup") != NULL && tigetstr("cup") != (char *) -1)
        return true;
    g_set_error(error, CARREL_TERM_ERROR, CARREL_TERM_ERROR_USELESS,
                "terminal type '%s' cannot move the cursor; set TERM to your "
                "terminal's type (for example xterm-256color), or use the "
                "verbs: carrel list",
                g_getenv("TERM") != NULL ? g_getenv("TERM") : "");
    return false;
}

static void
start_input(Term *term)
{
    term->input = newpad(1, 1);
    keypad(term->input, TRUE);
    nodelay(term->input, TRUE);
    define_key("\033OM", KEY_ENTER);
    term->paste = g_string_new(NULL);
}

Term *
term_open(const TermOptions *options, GError **error)
{
    setlocale(LC_CTYPE, "");
    if (!check_tty(error))
        return NULL;
    set_escdelay(25); /* the default makes Esc wait a second */
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (screen == NULL) {
        g_set_error(error, CARREL_TERM_ERROR, CARREL_TERM_ERROR_USELESS,
                    "terminal type '%s' is not known here; set TERM to a "
                    "known type (for example xterm) or install ncurses-term",
                    g_getenv("TERM") != NULL ? g_getenv("TERM") : "");
        return NULL;
    }
    if (!check_capable(error)) {
        endwin();
        delscreen(screen);
        return NULL;
    }
    Term *term = g_new0(Term, 1);
    term->screen = screen;
    term->options = *options;
    term->utf8 = utf8_works();
    term->xterm_like = is_xterm_like();
    term->mouse = !options->no_mouse;
    if (has_colors() && !options->no_color)
        start_color();
    term->theme = theme_new(options->theme, options->no_color);
    start_input(term);
    set_modes(term);
    term_resized(term);
    return term;
}

/* A terminal without a second screen would keep ours. */
static void
wipe(void)
{
    const char *leave = tigetstr("rmcup");

    if (leave != NULL && leave != (char *) -1)
        return;
    erase();
    refresh();
}

void
term_close(Term *term)
{
    if (term == NULL)
        return;
    unset_modes(term);
    curs_set(1);
    wipe();
    endwin();
    theme_free(term->theme);
    g_string_free(term->paste, TRUE);
    delwin(term->input);
    delscreen(term->screen);
    g_free(term);
}

bool
term_is_ascii(const Term *term)
{
    return term->options.ascii || !term->utf8;
}

bool
term_has_mouse(const Term *term)
{
    return term->mouse;
}

Theme *
term_theme(Term *term)
{
    return term->theme;
}

ThemeId
term_theme_id(const Term *term)
{
    return term->options.theme;
}

void
term_set_theme(Term *term, ThemeId id)
{
    theme_free(term->theme);
    term->options.theme = id;
    term->theme = theme_new(id, term->options.no_color);
    clearok(curscr, TRUE);
}

void
term_set_ascii(Term *term, bool ascii)
{
    term->options.ascii = ascii;
}

void
term_set_mouse(Term *term, bool on)
{
    term->mouse = on;
    mouseinterval(0);
    mousemask(on ? ALL_MOUSE_EVENTS | REPORT_MOUSE_POSITION : 0, NULL);
    if (!on)
        term_set_mouse_motion(term, false);
}

void
term_set_mouse_motion(Term *term, bool on)
{
    on = on && term->mouse && term->xterm_like;
    if (on != term->motion)
        write_raw(on ? "\033[?1003h" : "\033[?1003l");
    term->motion = on;
}

void
term_resized(Term *term)
{
    struct winsize ws = {0};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 &&
        ws.ws_col > 0)
        resizeterm(MIN(ws.ws_row, TERM_MAX_ROWS),
                   MIN(ws.ws_col, TERM_MAX_COLS));
    clearok(curscr, TRUE);
}

void
term_leave(Term *term)
{
    unset_modes(term);
    term->motion = false;
    curs_set(1);
    wipe();
    endwin();
}

void
term_clear(void)
{
    /* what was there goes into the scrollback, where people find it */
    for (int i = 0; i < LINES; i++)
        putchar('\n');
    putp(tigetstr("clear"));
    fflush(stdout);
}

void
term_return(Term *term)
{
    set_modes(term);
    term_resized(term);
}

void
term_suspend(Term *term)
{
    term_leave(term);
    raise(SIGTSTP);
    term_return(term);
}

bool
term_copy(Term *term, const char *text)
{
    if (!term->xterm_like)
        return false;
    g_autofree char *base64 =
        g_base64_encode((const guchar *) text, strlen(text));
    g_autofree char *sequence = g_strdup_printf("\033]52;c;%s\a", base64);
    write_raw(sequence);
    return true;
}
