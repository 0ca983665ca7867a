/* ui/tui/theme.h - what things look like: styles of Carrel's own screens, and
 * the colours of guests on terminals with 0, 8, 16 or 256 colours. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "ui/tui/cursesw.h"

typedef enum {
    STYLE_NORMAL,
    STYLE_TITLE,
    STYLE_HEADER,
    STYLE_SELECTED,
    STYLE_DIM,
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_BAD,
    STYLE_KEY,
    STYLE_FIELD,
    STYLE_FIELD_ON,
    STYLE_DIALOG,
    STYLE_BUTTON_ON,
    N_STYLES
} Style;

typedef enum { THEME_TERMINAL, THEME_MONO, THEME_CONTRAST, N_THEMES } ThemeId;

typedef struct {
    attr_t attr;
    short pair;
} ThemeAttr;

typedef struct Theme Theme;

/* After curses has started. no_color forces THEME_MONO's attributes and keeps
 * guests in attributes too. */
Theme *theme_new(ThemeId id, bool no_color);
void theme_free(Theme *theme);
ThemeAttr theme_style(const Theme *theme, Style style);
const char *theme_name(ThemeId id); /* "terminal", "mono", "high-contrast" */

/* Colours the guest can have: 0 (attributes only), 8, 16 or 256. */
int theme_colors(const Theme *theme);
/* The pair of two colour numbers of the terminal; 0 without colours. */
short theme_pair(Theme *theme, int fg, int bg);
/* Once a frame: forgets colour pairs when they run out. */
void theme_begin_frame(Theme *theme);
