/* ui/screens/screens.h - the screens, one file each, and what they share. */
#pragma once

#include "ui/tui/app-loop.h"

/* Each pushes its screen. Names are copied. */
void machine_list_open(Tui *tui);
void machine_detail_open(Tui *tui, const char *name);
void new_machine_open(Tui *tui);
void console_open(Tui *tui, const char *name);
void log_viewer_open(Tui *tui, const char *name);
void settings_open(Tui *tui);
/* fd is a connected stream of serial port n and belongs to the screen. */
void serial_pane_open(Tui *tui, const char *name, unsigned n, int fd);

/* Saved choices (theme, glyphs, mouse) into options; what is set already
 * wins. */
void settings_load(TermOptions *options);

/* One row for the palette-like views and tests: every screen that can be
 * opened without an argument or with a machine's name. */
typedef struct {
    const char *name;
    void (*open)(Tui *tui);
    void (*open_machine)(Tui *tui, const char *name);
} ScreenRow;
extern const ScreenRow screen_rows[];
extern const gsize n_screen_rows;

/* actions.c: things done to a machine, each with its question if it needs
 * one. */
void action_do(Tui *tui, const char *name, UiAction action);
void action_stop_menu(Tui *tui, const char *name);
void action_delete(Tui *tui, const char *name);
void action_undo_delete(Tui *tui);
void action_reset_menu(Tui *tui, const char *name);
void action_view(Tui *tui, const char *name);
void action_edit(Tui *tui, const char *name);
/* Shows and copies what to type in a shell. */
void action_copy_command(Tui *tui, const char *name);
/* "running", and the style it is shown in. */
const char *action_state_name(UiMachineState state, Style *ret_style);
bool action_is_up(const UiMachine *m);
