/* ui/tui/cursesw.h - the one way to include curses: wide characters, and real
 * functions instead of macros so that argument types are checked. */
#pragma once

#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>
