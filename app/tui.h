/* app/tui.h - the terminal interface as the program starts it. */
#pragma once

#include "app/app.h"

#ifndef CARREL_HAVE_TUI
#define CARREL_HAVE_TUI 0 /* built without curses */
#endif

/* Runs until the person leaves; machines go on. attach: machine whose console
 * opens first, or NULL. Returns the exit code. */
int app_tui_main(App *app, const char *attach);
