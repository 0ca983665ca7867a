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
void passthrough_open(Tui *tui);
void sriov_open(Tui *tui);
void usb_picker_open(Tui *tui, const char *machine);
void doctor_open(Tui *tui);
/* A disk, a CD drive or a network card into a running machine, and out. */
void plug_open(Tui *tui, const char *machine);
void unplug_open(Tui *tui, const char *machine);
/* text: lines that are wrapped to the width; both are copied. */
void text_page_open(Tui *tui, const char *title, const char *text);
/* fd is a connected stream of serial port n and belongs to the screen. */
void serial_pane_open(Tui *tui, const char *name, unsigned n, int fd);

/* Saved choices (theme, glyphs, mouse) into options; what is set already
 * wins. */
void settings_load(TermOptions *options);

/* The key tables of the screens, for screens.c. */
extern const KeyBinding machine_list_keys[], machine_detail_keys[],
    new_machine_keys[], console_keys[], serial_pane_keys[], log_viewer_keys[],
    settings_keys[], passthrough_keys[], sriov_keys[], plan_page_keys[],
    usb_picker_keys[], doctor_keys[], text_page_keys[], plug_keys[],
    unplug_keys[];

/* actions.c: things done to a machine, each with its question if it needs
 * one. */
void action_do(Tui *tui, const char *name, UiAction action);
void action_stop_menu(Tui *tui, const char *name);
void action_delete(Tui *tui, const char *name);
void action_undo_delete(Tui *tui);
void action_reset_menu(Tui *tui, const char *name);
void action_view(Tui *tui, const char *name);
void action_edit(Tui *tui, const char *name);
/* Shows and copies what to type in a shell, a line for each name (char *). */
void action_copy_commands(Tui *tui, GPtrArray *names);
/* "running", and the style it is shown in. */
const char *action_state_name(UiMachineState state, Style *ret_style);
bool action_is_up(const UiMachine *m);
/* Paused or suspended: it can be resumed. */
bool action_is_still(const UiMachine *m);
